"""Canonical usernames and the questions that a session answers."""

import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.accounts.results import TokenPair
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
