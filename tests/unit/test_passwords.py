"""Hashing and the policy."""

import base64
import hashlib
import hmac
import unicodedata

import bcrypt
import pytest

from chalicelib.credentials.password_policy import PasswordPolicy
from chalicelib.credentials.password_text import MAX_LENGTH, MAX_RAW_LENGTH
from chalicelib.credentials.passwords import PasswordHasher
from chalicelib.credentials.peppers import FIRST, Pepper, Peppers
from chalicelib.errors import ValidationFailed

PEPPER = bytes(range(32))
PASSWORD = "correct horse battery staple"


@pytest.fixture
def hasher():
    return PasswordHasher(peppers=Peppers.of(PEPPER), cost=4)


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
    other = PasswordHasher(peppers=Peppers.of(bytes(32)), cost=4)
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


@pytest.fixture
def rounds(monkeypatch):
    """The rounds of each use of bcrypt: two to the power of its cost."""
    done = []
    check, make = bcrypt.checkpw, bcrypt.hashpw

    def noted(real):
        return lambda password, salt: done.append(2 ** int(salt.split(b"$")[2])) or real(password, salt)

    monkeypatch.setattr(bcrypt, "checkpw", noted(check))
    monkeypatch.setattr(bcrypt, "hashpw", noted(make))
    return done


def test_an_unknown_user_costs_one_check_at_the_same_cost_and_never_fits(hasher, rounds):
    assert hasher.verify(PASSWORD, None) is False
    assert rounds == [2**4]


def test_the_dummy_hash_fits_no_one_even_if_it_matched(hasher, monkeypatch):
    monkeypatch.setattr(bcrypt, "checkpw", lambda *_: True)
    assert hasher.verify(PASSWORD, None) is False
    assert hasher.verify(PASSWORD, "unknown" + hasher.hash(PASSWORD)) is False


def at_cost(cost, peppers=None, **others):
    return PasswordHasher(peppers=peppers or Peppers.of(PEPPER), cost=cost, **others)


@pytest.mark.parametrize("stored", [4, 5, 7, 8])
@pytest.mark.parametrize("password", [PASSWORD, "wrong horse battery staple"])
def test_a_hash_of_any_lower_cost_takes_as_many_rounds_as_no_hash(rounds, stored, password):
    password_hash = at_cost(stored).hash(PASSWORD)
    rounds.clear()
    assert at_cost(8).verify(password, password_hash) is (password == PASSWORD)
    assert sum(rounds) == 2**8
    rounds.clear()
    at_cost(8).verify(password, None)
    assert sum(rounds) == 2**8


def test_a_hash_of_a_higher_cost_still_fits_and_takes_its_own_rounds_only(rounds):
    password_hash = at_cost(6).hash(PASSWORD)
    rounds.clear()
    assert at_cost(4).verify(PASSWORD, password_hash)
    assert rounds == [2**6]
    assert at_cost(4).needs_rehash(password_hash)


def test_a_hash_of_another_cost_needs_to_be_made_anew(hasher):
    password_hash = hasher.hash(PASSWORD)
    assert not hasher.needs_rehash(password_hash)
    assert at_cost(5).needs_rehash(password_hash)


class TestPeppers:
    OLD, NEW = Pepper(FIRST, PEPPER), Pepper("k7Qw2x9a", bytes(32), starts_at=100)
    BOTH = Peppers((OLD, NEW))

    def test_a_hash_names_the_pepper_that_the_time_makes_current(self, clock):
        hasher = at_cost(4, self.BOTH, clock=clock)
        clock.now = 99
        assert hasher.hash(PASSWORD).startswith("$2b$04$")
        clock.now = 100
        assert hasher.hash(PASSWORD).startswith("k7Qw2x9a$2b$04$")

    def test_hashes_of_every_pepper_verify_whichever_is_current(self, clock):
        old, new = at_cost(4, Peppers((self.OLD,))).hash(PASSWORD), at_cost(4, Peppers((self.NEW,))).hash(PASSWORD)
        for now in (99, 100):
            clock.now = now
            for password_hash in (old, new):
                hasher = at_cost(4, self.BOTH, clock=clock)
                assert hasher.verify(PASSWORD, password_hash)
                assert not hasher.verify(PASSWORD + "!", password_hash)

    def test_a_pepper_verifies_no_hash_of_another(self):
        renamed = "k7Qw2x9a" + at_cost(4).hash(PASSWORD)
        assert not at_cost(4, self.BOTH).verify(PASSWORD, renamed)

    def test_a_hash_of_another_pepper_than_the_current_one_needs_to_be_made_anew(self, clock):
        hasher = at_cost(4, self.BOTH, clock=clock)
        clock.now = 99
        old = hasher.hash(PASSWORD)
        assert not hasher.needs_rehash(old)
        clock.now = 100
        assert hasher.needs_rehash(old)
        assert not hasher.needs_rehash(hasher.hash(PASSWORD))

    @pytest.mark.parametrize(
        ("stored", "problem"),
        [
            ("gone0001{}", "needs the pepper gone0001"),
            ("k7Qw2x9a{}", "needs the pepper k7Qw2x9a"),
            ("", "is damaged"),
            ("$2b$99$" + "x" * 53, "is damaged"),
            ("{}\n", "is damaged"),
            ("hunter2", "is damaged"),
        ],
    )
    def test_a_hash_that_cannot_be_checked_fits_nothing_takes_the_same_work_and_is_reported(
        self, rounds, stored, problem
    ):
        reported = []
        hasher = at_cost(5, report=reported.append)
        password_hash = stored.format(at_cost(4).hash(PASSWORD))
        rounds.clear()
        assert hasher.verify(PASSWORD, password_hash) is False
        assert sum(rounds) == 2**5
        assert reported == [problem]

    def test_without_the_first_pepper_its_hashes_are_reported_as_those_without_an_id(self):
        reported = []
        hasher = at_cost(4, Peppers((self.NEW,)), report=reported.append)
        assert not hasher.verify(PASSWORD, at_cost(4).hash(PASSWORD))
        assert reported == ["needs the pepper without an id"]

    def test_a_clock_that_is_late_leaves_the_earliest(self):
        later = Pepper("later", bytes(32), starts_at=200)
        assert Peppers((later, self.NEW)).current(0) is self.NEW


def test_an_absurdly_long_password_fits_nothing_and_is_not_normalised(hasher, monkeypatch):
    password_hash = hasher.hash(PASSWORD)
    normalised = []
    monkeypatch.setattr(unicodedata, "normalize", lambda form, text: normalised.append(len(text)) or text)
    for password in ("\u0301" * MAX_RAW_LENGTH, "\u0301" * (MAX_RAW_LENGTH + 1), "\u0301" * 8000):
        assert not hasher.verify(password, password_hash)
    assert normalised == [MAX_RAW_LENGTH]


def test_the_longest_password_fits_in_its_longest_form(hasher):
    longest = "\u1f82" * MAX_LENGTH
    decomposed = unicodedata.normalize("NFD", longest)
    assert len(decomposed) == MAX_RAW_LENGTH
    assert hasher.verify(decomposed, hasher.hash(longest))
    PasswordPolicy(min_length=15).check(decomposed[: 4 * 200] + " and something else", "alice")


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
        ("\ufb2c" * 5, "at least 15"),
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


def test_several_rules_that_are_broken_are_named_in_one_message(policy):
    assert policy.problem("alice", "alice") == (
        "Use at least 15 characters. Choose one that does not contain the username."
    )
    assert policy.problem("alice password!!", "password") == "Choose one that does not contain the username."
    assert policy.problem("passwordpassword", "password") == (
        "Choose one that does not contain the username. This is a common password, or made from one. Choose another."
    )
    assert policy.problem("short", None) == "Use at least 15 characters."


def test_a_password_made_from_a_word_of_the_context_is_refused():
    policy = PasswordPolicy(min_length=15, context_words=("Mein-Verein", "verein.example"))
    for password in ("mein-vereinmein-verein", "VEREIN.example2027", "M3in-V3r3in..12"):
        assert policy.problem(password, "alice") == "This password is made from the name of this site. Choose another."
    assert policy.problem("ein Verein, mein Haus", "alice") is None


@pytest.mark.parametrize("length", [MAX_RAW_LENGTH, MAX_RAW_LENGTH + 1, 8000])
@pytest.mark.parametrize("character", ["\u0301", "\u0f81", "\ufdfa"])
def test_the_policy_normalises_no_password_beyond_the_longest(policy, monkeypatch, character, length):
    lengths = []
    real = unicodedata.normalize
    monkeypatch.setattr(unicodedata, "normalize", lambda form, text: lengths.append(len(text)) or real(form, text))
    assert policy.problem(character * length, "alice") == "Use at most 256 characters."
    assert lengths == ([length] if length <= MAX_RAW_LENGTH else [])


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
    assert refusal.value.errors[0].code == "password_leaked"
    policy.check(PASSWORD + "!", "alice")


@pytest.mark.parametrize("password", ["too short", "my name is alice", "passwordpassword"])
def test_nobody_is_asked_about_a_password_that_is_refused_anyway(password):
    leaked = Leaked()
    with pytest.raises(ValidationFailed):
        PasswordPolicy(min_length=15, leaked=leaked).check(password, "alice")
    assert leaked.asked == []
