"""Challenges: what they are for, until when, and that nobody else can make one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.credentials.challenges import LIFETIME, MAX_LENGTH, Challenges, Purpose, ceremony_challenge
from chalicelib.credentials.peppers import Pepper, Peppers
from chalicelib.credentials.sealing import Sealer
from chalicelib.errors import InvalidChallenge
from tests.support.samples import NOW

PEPPER = Pepper("", bytes(range(32)))


def challenges(*peppers, now=NOW):
    return Challenges(Sealer(Peppers(peppers or (PEPPER,)), lambda: now))


def is_invalid(challenge, *purposes, now=NOW):
    with pytest.raises(InvalidChallenge) as invalid:
        challenges().open(challenge, now, *purposes)
    return invalid.value.reason


@pytest.mark.parametrize("purpose", Purpose)
def test_a_challenge_says_what_was_put_into_it(purpose):
    content = {"user": "u1", "amr": ["pwd"], "window": None, "deep": {"ü": 1}}
    opened = challenges().open(challenges().issue(purpose, NOW, content), NOW, purpose)
    assert (opened.purpose, opened.issued_at, opened.expires_at) == (purpose, NOW, NOW + 300)
    assert opened.content == content
    assert len(opened.id) == 22


def test_a_challenge_need_not_say_anything():
    assert challenges().open(challenges().issue(Purpose.PASSKEY, NOW), NOW, Purpose.PASSKEY).content == {}


@pytest.mark.parametrize("purpose", Purpose)
def test_a_challenge_is_good_for_nothing_else(purpose):
    challenge = challenges().issue(purpose, NOW)
    assert is_invalid(challenge, *(other for other in Purpose if other != purpose))
    assert is_invalid(challenge)
    assert challenges().open(challenge, NOW, *Purpose).purpose == purpose


@pytest.mark.parametrize("lifetime", [1, 60, LIFETIME])
def test_a_challenge_is_good_until_the_second_in_which_it_expires(lifetime):
    challenge = challenges().issue(Purpose.PASSKEY, NOW, lifetime=lifetime)
    for now in (NOW, NOW + lifetime - 1):
        assert challenges().open(challenge, now, Purpose.PASSKEY).expires_at == NOW + lifetime
    for now in (NOW + lifetime, NOW + lifetime + 1, NOW + 10**9):
        assert is_invalid(challenge, Purpose.PASSKEY, now=now) == "expired"


def test_no_two_challenges_are_the_same():
    made = [challenges().issue(Purpose.PASSKEY, NOW) for _ in range(100)]
    assert len(set(made)) == len({challenges().open(text, NOW, Purpose.PASSKEY).id for text in made}) == 100


def test_nobody_can_read_a_challenge_or_make_one_with_another_pepper():
    challenge = challenges().issue(Purpose.SECOND_FACTOR, NOW, {"user": "u1"})
    assert "u1" not in challenge[2:4]
    assert is_invalid(challenges(Pepper("", bytes(32))).issue(Purpose.PASSKEY, NOW), Purpose.PASSKEY)


def test_what_is_sealed_for_something_else_is_no_challenge():
    members = {"id": "x", "iat": NOW, "exp": NOW + 300, "for": {}}
    sealer = Sealer(Peppers((PEPPER,)), lambda: NOW)
    for purpose in ("totp", "challenge: ", "challenge", "passkey", "challenge: passkey "):
        assert is_invalid(sealer.seal(json.dumps(members).encode(), purpose=purpose), *Purpose)


def test_a_challenge_stays_good_while_a_newer_pepper_takes_over():
    newer = Pepper("p2", bytes(range(32, 64)), starts_at=NOW + 1)
    challenge = challenges(PEPPER, newer).issue(Purpose.PASSKEY, NOW)
    assert challenges(PEPPER, newer, now=NOW + 1).open(challenge, NOW + 1, Purpose.PASSKEY)


@pytest.mark.parametrize(
    "junk",
    ["", ".", "..", "\0", "\ud800", "é", "." + "A" * 100, "A" * MAX_LENGTH, "A" * 100_000, "." * 5000, ".%00", ". "],
)
def test_junk_is_no_challenge(junk):
    assert is_invalid(junk, *Purpose)


@given(st.text(max_size=200))
def test_text_is_no_challenge(text):
    assert is_invalid(text, *Purpose)


def test_a_challenge_that_is_longer_than_ours_is_not_opened():
    long = challenges().issue(Purpose.PASSKEY, NOW, {"x": "y" * MAX_LENGTH})
    assert len(long) > MAX_LENGTH
    assert is_invalid(long, Purpose.PASSKEY)


@given(st.text(max_size=200))
def test_a_ceremonys_challenge_has_256_bits_whatever_the_text_is(text):
    assert len(ceremony_challenge(text)) == 32


def test_each_challenge_has_a_ceremonys_challenge_of_its_own():
    made = {ceremony_challenge(challenges().issue(Purpose.PASSKEY, NOW)) for _ in range(100)}
    assert len(made) == 100
    assert ceremony_challenge("a") == ceremony_challenge("a")
