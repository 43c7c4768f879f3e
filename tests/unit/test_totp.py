"""Codes of TOTP apps: the values of the RFCs, which step a code is for, and what an app is given."""

import base64
import urllib.parse

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.credentials import totp
from tests.support.samples import NOW

# RFC 4226 appendix D.
HOTP_SECRET = b"12345678901234567890"
HOTP = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]

# RFC 6238 appendix B. The secrets of the longer hashes are as long as these (errata 2866).
TOTP_SECRETS = {"sha1": 20, "sha256": 32, "sha512": 64}
TOTP = {
    59: ("94287082", "46119246", "90693936"),
    1111111109: ("07081804", "68084774", "25091201"),
    1111111111: ("14050471", "67062674", "99943326"),
    1234567890: ("89005924", "91819424", "93441116"),
    2000000000: ("69279037", "90698825", "38618901"),
    20000000000: ("65353130", "77737706", "47863826"),
}

SECRETS = st.binary(min_size=14, max_size=64)  # pyotp has none that is shorter
TIMES = st.integers(0, 2**35)


def code_at(secret, now):
    return totp.hotp(secret, totp.step_at(now))


@pytest.mark.parametrize("counter", range(10))
def test_a_value_of_rfc_4226(counter):
    assert totp.hotp(HOTP_SECRET, counter) == HOTP[counter]


@pytest.mark.parametrize("algorithm", TOTP_SECRETS)
@pytest.mark.parametrize("now", TOTP)
def test_a_value_of_rfc_6238(now, algorithm):
    secret = (HOTP_SECRET * 4)[: TOTP_SECRETS[algorithm]]
    expected = TOTP[now][list(TOTP_SECRETS).index(algorithm)]
    assert totp.hotp(secret, totp.step_at(now), 8, algorithm) == expected


def test_an_app_shows_a_value_of_rfc_6238_too():
    """The last six of its eight digits."""
    for now, (expected, _, _) in TOTP.items():
        assert totp.matching_step(HOTP_SECRET, expected[2:], now) == now // 30


@given(SECRETS, TIMES)
def test_a_code_is_that_of_another_implementation(secret, now):
    assert code_at(secret, now) == pyotp.TOTP(totp.as_base32(secret)).at(now)


@given(SECRETS, st.integers(30, 2**35), st.integers(-100, 100))
def test_a_code_is_taken_when_another_implementation_takes_it(secret, now, early):
    other = pyotp.TOTP(totp.as_base32(secret))
    code = other.at(max(0, now + early))
    assert (totp.matching_step(secret, code, now) is not None) == other.verify(code, for_time=now, valid_window=1)


@given(SECRETS, TIMES, st.integers(0, 999_999))
def test_the_step_that_is_found_has_the_code_and_is_the_newest_of_the_three(secret, now, number):
    code = f"{number:06d}"
    steps = [step for step in (now // 30 - 1, now // 30, now // 30 + 1) if step >= 0]
    fitting = [step for step in steps if totp.hotp(secret, step) == code]
    assert totp.matching_step(secret, code, now) == (fitting[-1] if fitting else None)


@pytest.mark.parametrize(
    ("seconds", "is_taken"),
    [(-31, False), (-30, True), (-1, True), (0, True), (29, True), (30, True), (59, True), (60, False)],
)
def test_a_code_is_good_in_its_step_and_in_the_one_before_and_after(seconds, is_taken):
    start = 30 * (NOW // 30)
    secret = bytes(range(20))
    found = totp.matching_step(secret, code_at(secret, start), start + seconds)
    assert found == (NOW // 30 if is_taken else None)


def test_of_two_neighbours_with_the_same_code_the_newest_is_found():
    """Otherwise the code of now would be taken for one that was used before."""
    secret, step = bytes(range(20)), 1_340_015
    code = totp.hotp(secret, step)
    assert code == totp.hotp(secret, step - 1) == "485512"
    for now, newest in ((step - 2, step - 1), (step - 1, step), (step, step), (step + 1, step)):
        assert totp.matching_step(secret, code, 30 * now) == newest


def test_there_is_no_step_before_the_first():
    secret = bytes(range(20))
    assert totp.matching_step(secret, totp.hotp(secret, 0), 0) == 0


@pytest.mark.parametrize("spelled", ["{0} {1}", " {0}{1} ", "{0}\u00a0{1}\n", "\t{0}\u2009{1}"])
def test_spaces_do_not_count(spelled):
    code = code_at(bytes(20), NOW)
    assert totp.matching_step(bytes(20), spelled.format(code[:3], code[3:]), NOW) == NOW // 30


@pytest.mark.parametrize(
    "change",
    [
        lambda code: "",
        lambda code: code[:5],
        lambda code: code + "0",
        lambda code: "0" + code,
        lambda code: code[:3] + "-" + code[3:],
        lambda code: "+" + code[1:],
        lambda code: code + "\0",
        lambda code: code.translate({ord(str(digit)): 0x0660 + digit for digit in range(10)}),
        lambda code: code.translate({ord(str(digit)): 0xFF10 + digit for digit in range(10)}),
        lambda code: "\ud800" * 6,
        lambda code: f"{(int(code) + 1) % 10**6:06d}",
    ],
)
def test_nothing_else_is_a_code(change):
    secret = bytes(20)
    assert totp.matching_step(secret, change(code_at(secret, NOW)), NOW) is None


def test_a_new_secret_has_160_bits_and_is_no_other():
    secrets = {totp.new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert {len(secret) for secret in secrets} == {20}


@given(st.binary(max_size=40))
def test_a_secret_is_typed_as_base32(secret):
    typed = totp.as_base32(secret)
    assert "=" not in typed
    assert base64.b32decode(typed + "=" * (-len(typed) % 8)) == secret


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).filter(lambda name: name.strip(" :"))


@given(st.binary(min_size=16, max_size=32), NAMES, NAMES)
def test_an_app_reads_from_the_uri_what_was_meant(secret, issuer, account):
    """Google's Key URI Format."""
    uri = totp.uri(secret, issuer=issuer, account=account)
    assert uri.isascii()
    assert urllib.parse.urlsplit(uri)[:2] == ("otpauth", "totp")
    label = urllib.parse.unquote(urllib.parse.urlsplit(uri).path[1:])
    assert label == f"{issuer.replace(':', ' ')}:{account.replace(':', ' ')}"
    parameters = urllib.parse.parse_qs(urllib.parse.urlsplit(uri).query, strict_parsing=True, keep_blank_values=True)
    assert parameters == {
        "secret": [totp.as_base32(secret)],
        "issuer": [issuer.replace(":", " ")],
        "algorithm": ["SHA1"],
        "digits": ["6"],
        "period": ["30"],
    }


def test_another_implementation_reads_the_uri():
    secret = bytes(range(20))
    read = pyotp.parse_uri(totp.uri(secret, issuer="My site: & co", account="alice@example.org"))
    assert (read.issuer, read.name, read.digits, read.interval) == ("My site  & co", "alice@example.org", 6, 30)
    assert read.at(NOW) == code_at(secret, NOW)
