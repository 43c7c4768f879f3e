"""Hashing and the policy."""

import base64
import hashlib
import hmac
import unicodedata

import bcrypt
import pytest

from chalicelib.credentials.password_policy import PasswordPolicy
from chalicelib.credentials.passwords import PasswordHasher
from chalicelib.errors import ValidationFailed

PEPPER = bytes(range(32))
PASSWORD = "correct horse battery staple"


@pytest.fixture
def hasher():
    return PasswordHasher(pepper=PEPPER, cost=4)


def test_the_right_password_verifies_and_a_wrong_one_does_not(hasher):
    password_hash = hasher.hash(PASSWORD)
    assert hasher.verify(PASSWORD, password_hash)
    assert not hasher.verify(PASSWORD + "!", password_hash)


def test_the_hash_is_bcrypt_of_the_peppered_digest(hasher):
    peppered = base64.b64encode(hmac.digest(PEPPER, PASSWORD.encode(), hashlib.sha384))
    assert len(peppered) == 64
    assert bcrypt.checkpw(peppered, hasher.hash(PASSWORD).encode())


def test_one_password_has_another_hash_each_time(hasher):
    assert hasher.hash(PASSWORD) != hasher.hash(PASSWORD)


def test_a_hash_is_worth_nothing_without_the_pepper(hasher):
    other = PasswordHasher(pepper=bytes(32), cost=4)
    assert not other.verify(PASSWORD, hasher.hash(PASSWORD))


@pytest.mark.parametrize("position", [72, 100, 255])
def test_every_character_counts_beyond_the_72_bytes_of_bcrypt(hasher, position):
    password = "x" * 256
    assert not hasher.verify(password[:position] + "y" + password[position + 1 :], hasher.hash(password))


def test_a_nul_does_not_end_a_password(hasher):
    assert not hasher.verify("before\0after that one", hasher.hash("before\0something else"))


def test_composed_and_decomposed_letters_are_one_password(hasher):
    composed = "pässwörter überall"
    assert hasher.verify(unicodedata.normalize("NFD", composed), hasher.hash(composed))


def test_an_unknown_user_costs_one_check_at_the_same_cost_and_never_fits(hasher, monkeypatch):
    checked = []
    real = bcrypt.checkpw
    monkeypatch.setattr(bcrypt, "checkpw", lambda *args: checked.append(args[1]) or real(*args))
    assert hasher.verify(PASSWORD, None) is False
    assert [len(password_hash) for password_hash in checked] == [60]
    assert checked[0].startswith(b"$2b$04$")


def test_the_dummy_hash_fits_no_one_even_if_it_matched(hasher, monkeypatch):
    monkeypatch.setattr(bcrypt, "checkpw", lambda *_: True)
    assert hasher.verify(PASSWORD, None) is False


def test_a_hash_of_another_cost_needs_to_be_made_anew(hasher):
    password_hash = hasher.hash(PASSWORD)
    assert not hasher.needs_rehash(password_hash)
    assert PasswordHasher(pepper=PEPPER, cost=5).needs_rehash(password_hash)


@pytest.fixture
def policy():
    return PasswordPolicy(min_length=15)


@pytest.mark.parametrize(
    "password",
    [
        "x y z, not a b c",
        "a long one " * 23,
        "密码学与网络安全的基本原理和应用",
        "😀😁😂🤣😃😄😅😆😉😊😋😎😍😘🥰",
        "  spaces all round  ",
    ],
)
def test_takes_any_characters_of_the_right_number(policy, password):
    policy.check(password, "alice")


@pytest.mark.parametrize(
    ("password", "message"),
    [
        ("fourteen chars", "at least 15"),
        ("", "at least 15"),
        ("a\u0308" * 14, "at least 15"),
        ("x" * 257, "at most 256"),
        ("passwordpassword", "a common password"),
        ("my name is alice!", "does not contain the username"),
        ("MY NAME IS ALICE!", "does not contain the username"),
        ("my name is ａｌｉｃｅ!", "does not contain the username"),
    ],
)
def test_refuses_with_what_would_do(policy, password, message):
    with pytest.raises(ValidationFailed) as refusal:
        policy.check(password, "Alice", field="new_password")
    (error,) = refusal.value.errors
    assert error.field == "new_password"
    assert message in error.message


def test_the_minimum_is_a_setting():
    PasswordPolicy(min_length=8).check("xq7!vb2m", "alice")


class Leaked:
    """Knows one password, and which it was asked about."""

    def __init__(self):
        self.asked = []

    def contains(self, password):
        self.asked.append(password)
        return password == PASSWORD


def test_a_password_known_from_a_leak_is_refused_where_that_is_asked():
    leaked = Leaked()
    policy = PasswordPolicy(min_length=15, leaked=leaked)
    with pytest.raises(ValidationFailed) as refusal:
        policy.check(PASSWORD, "alice")
    assert "known from a data leak" in refusal.value.errors[0].message
    policy.check(PASSWORD + "!", "alice")


@pytest.mark.parametrize("password", ["too short", "my name is alice", "passwordpassword"])
def test_nobody_is_asked_about_a_password_that_is_refused_anyway(password):
    leaked = Leaked()
    with pytest.raises(ValidationFailed):
        PasswordPolicy(min_length=15, leaked=leaked).check(password, "alice")
    assert leaked.asked == []
