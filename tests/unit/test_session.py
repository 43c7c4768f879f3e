"""Canonical usernames and the questions that a session answers."""

import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.accounts.caller import Caller
from chalicelib.accounts.key_proof import KeyProof
from chalicelib.accounts.results import TokenPair
from chalicelib.accounts.session import MOST_PROOFS
from chalicelib.accounts.usernames import canonical_username
from tests.support.samples import ALICE, NOW, SESSION


@given(st.text())
def test_the_canonical_form_is_its_own_canonical_form(username):
    canonical = canonical_username(username)
    assert canonical_username(canonical) == canonical


@given(st.text())
def test_composed_and_decomposed_spellings_have_one_canonical_form(username):
    assert canonical_username(unicodedata.normalize("NFD", username)) == canonical_username(
        unicodedata.normalize("NFC", username)
    )


@pytest.mark.parametrize(
    ("username", "canonical"), [("Alice", "alice"), ("STRASSE", "strasse"), ("straße", "strasse"), ("ﬁona", "fiona")]
)
def test_the_canonical_form_folds_case_and_compatibility(username, canonical):
    assert canonical_username(username) == canonical


REFRESHED = replace(SESSION, refresh_counter=3)


def test_a_session_accepts_its_own_counter_only():
    assert [REFRESHED.accepts(counter, NOW) for counter in (2, 3, 4)] == [False, True, False]


def test_a_retry_is_the_previous_counter_within_the_window():
    assert REFRESHED.is_retry(2, NOW + 20, window=20)
    assert not REFRESHED.is_retry(2, NOW + 21, window=20)
    assert not REFRESHED.is_retry(1, NOW, window=20)
    assert not REFRESHED.is_retry(3, NOW, window=20)


def test_nothing_is_a_retry_in_a_session_that_is_over():
    assert not replace(REFRESHED, idle_expires_at=NOW).is_retry(2, NOW, window=20)
    assert not replace(REFRESHED, expires_at=NOW).is_retry(2, NOW, window=20)


OWNER = Caller(ip="203.0.113.7", user_agent="Firefox")
NEIGHBOUR = Caller(ip="203.0.113.200", user_agent="Firefox")
STRANGER = Caller(ip="198.51.100.9", user_agent="Firefox")
OTHER_BROWSER = Caller(ip="203.0.113.7", user_agent="curl")
OWNED = replace(SESSION, last_used_from=OWNER.fingerprint)


@pytest.mark.parametrize("ip", ["203.0.113.200", "203.0.113.1"])
def test_a_caller_keeps_the_fingerprint_within_an_ipv4_24(ip):
    assert replace(OWNER, ip=ip).fingerprint == OWNER.fingerprint


def test_a_caller_keeps_the_fingerprint_within_an_ipv6_56():
    home = Caller(ip="2001:db8:0:1200::1", user_agent="Firefox")
    assert replace(home, ip="2001:db8:0:12ff::9").fingerprint == home.fingerprint
    assert replace(home, ip="2001:db8:0:1300::1").fingerprint != home.fingerprint


@pytest.mark.parametrize("caller", [STRANGER, OTHER_BROWSER, Caller(ip="unknown", user_agent="Firefox")])
def test_a_caller_elsewhere_or_with_another_user_agent_has_another_fingerprint(caller):
    assert caller.fingerprint != OWNER.fingerprint


def retried(session, *counters, caller=OWNER, now=NOW):
    """Return the session after retries of the rotations with these counters; None once one counts as reuse."""
    for counter in counters:
        session = session.after_retry(counter, caller, now) if session is not None else None
    return session


def test_several_retries_of_one_rotation_count_once():
    once = retried(OWNED, 2)
    assert (once.retried_counter, once.retried_in_a_row) == (2, 1)
    assert retried(OWNED, 2, 2, 2, 2) == once


def test_the_third_rotation_in_a_row_that_is_retried_is_reuse():
    assert retried(OWNED, 1, 2).retried_in_a_row == 2
    assert retried(OWNED, 1, 2, 3) is None


def test_a_rotation_that_is_not_retried_begins_the_row_anew():
    assert retried(OWNED, 1, 2, 4, 5).retried_in_a_row == 2
    assert retried(OWNED, 1, 2, 4, 5, 6) is None


@pytest.mark.parametrize("caller", [STRANGER, OTHER_BROWSER])
def test_a_retry_from_elsewhere_is_accepted_once_a_day(caller):
    once = retried(OWNED, 2, caller=caller)
    assert (once.elsewhere_counter, once.elsewhere_at) == (2, NOW)
    assert once.after_retry(4, caller, NOW + 24 * 3600 - 1) is None
    assert once.after_retry(4, caller, NOW + 24 * 3600).elsewhere_at == NOW + 24 * 3600


def test_several_retries_from_elsewhere_of_one_rotation_count_once():
    assert retried(OWNED, 2, 2, 2, caller=STRANGER) == retried(OWNED, 2, caller=STRANGER)


def test_a_retry_in_the_owners_own_network_is_not_from_elsewhere():
    assert retried(OWNED, 2, caller=NEIGHBOUR).elsewhere_counter == -1


def test_a_session_belongs_to_its_user_in_its_epoch():
    assert SESSION.belongs_to(ALICE)
    assert not SESSION.belongs_to(replace(ALICE, id="u2"))
    assert not SESSION.belongs_to(replace(ALICE, session_epoch=1))


def test_the_refresh_token_ends_with_whichever_end_of_the_session_comes_first():
    assert SESSION.refresh_expires_at == SESSION.idle_expires_at
    assert replace(SESSION, expires_at=NOW + 1).refresh_expires_at == NOW + 1


def test_neither_tokens_nor_hashes_show_in_a_representation():
    user = replace(ALICE, password_hash="$2b$secret")
    assert "secret" not in repr(user)
    assert "secret" not in repr(TokenPair("secret", 1, "secret", 1))


def test_a_refusal_says_whether_a_proof_is_old_or_one_too_many_of_its_second():
    used = tuple(f"p{number}" for number in range(MOST_PROOFS))
    full = replace(SESSION, key="k", key_proof_at=NOW, key_proofs=used)
    old = "it was used before, or is older than the last one"
    assert full.refusal_of(KeyProof("k", used[0], NOW)) == full.refusal_of(KeyProof("k", "p", NOW - 1)) == old
    too_many = f"{MOST_PROOFS} of the same second were used before it, and there may be no more"
    assert full.refusal_of(KeyProof("k", "p", NOW)) == too_many
    assert full.refusal_of(KeyProof("another", "p", NOW)) == "it is by another key than the session's"


def test_the_proofs_of_a_second_are_in_one_order_whichever_came_first():
    """As a session is that was read from a set."""
    bound = replace(SESSION, key="k", key_proof_at=NOW, key_proofs=("b",))
    assert bound.after_proof(KeyProof("k", "a", NOW)).key_proofs == ("a", "b")
    assert bound.after_proof(KeyProof("k", "c", NOW)).key_proofs == ("b", "c")
