"""What must not pass for a signature: paddings of RSA and spellings of Ed25519.

Elliptic curves over P-256 are in hostile_access_tokens.json. The vectors were made for this file: the numbers in them
are written out here with a key that lives as long as the test.
"""

import hashlib
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from chalicelib.tokens.keys import generate_signing_jwk, parse_signing_keys, parse_verification_keys, public_jwks

PADDINGS = json.loads((Path(__file__).parent.parent / "vectors" / "hostile_rsa_paddings.json").read_text())
MESSAGE = b"header.payload"
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493


def both_halves(alg):
    jwk = generate_signing_jwk(alg)
    (verification_key,) = parse_verification_keys(public_jwks({"keys": [jwk]})).keys
    return parse_signing_keys({"keys": [jwk]}).keys[0].private_key, verification_key


@pytest.fixture(scope="module")
def rsa():
    return both_halves("RS256")


@pytest.fixture(scope="module")
def eddsa():
    return both_halves("EdDSA")


def padded(template, size):
    """Fill a template: a digest by its name, and {ff} with as many octets FF as there is room for."""
    text = template
    for name in ("sha1", "sha256", "sha384", "sha512"):
        text = text.replace(f"{{{name}}}", hashlib.new(name, MESSAGE).hexdigest())
    text = text.replace(" ", "")
    return bytes.fromhex(text.replace("{ff}", "ff" * (size - len(bytes.fromhex(text.replace("{ff}", ""))))))


def raise_to_d(encoded, private_key):
    """RFC 8017 section 5.2.1, step 2b: modulo each prime by itself, which takes a quarter of the time."""
    numbers, message = private_key.private_numbers(), int.from_bytes(encoded, "big")
    by_p, by_q = pow(message, numbers.dmp1, numbers.p), pow(message, numbers.dmq1, numbers.q)
    signed = by_q + numbers.q * ((by_p - by_q) * numbers.iqmp % numbers.p)
    return signed.to_bytes(private_key.key_size // 8, "big")


def test_the_one_padding_that_all_others_are_made_from_is_taken(rsa):
    """RFC 8017 section 9.2."""
    private_key, verification_key = rsa
    right = "0001 {ff} 00 3031300d060960864801650304020105000420 {sha256}"
    assert verification_key.verify(MESSAGE, raise_to_d(padded(right, 256), private_key))


@pytest.mark.parametrize("vector", PADDINGS, ids=lambda vector: vector["name"])
def test_refuses_any_other_padding(vector, rsa):
    """RFC 8017 section 8.2.2; RFC 8725 section 3.2."""
    private_key, verification_key = rsa
    assert not verification_key.verify(MESSAGE, raise_to_d(padded(vector["padded"], 256), private_key))


def test_refuses_an_rsa_signature_of_another_length(rsa):
    """RFC 8017 section 8.2.2, step 1."""
    private_key, verification_key = rsa
    right = raise_to_d(padded("0001 {ff} 00 3031300d060960864801650304020105000420 {sha256}", 256), private_key)
    for wrong in (b"", b"\0" + right, right + b"\0", right[1:], right[:-1], bytes(256), b"\xff" * 256):
        assert not verification_key.verify(MESSAGE, wrong)


def test_refuses_an_rsa_signature_with_the_modulus_added(rsa):
    """RFC 8017 section 5.2.2, step 1: the representative is below the modulus."""
    private_key, verification_key = rsa
    modulus = private_key.private_numbers().public_numbers.n
    right = raise_to_d(padded("0001 {ff} 00 3031300d060960864801650304020105000420 {sha256}", 256), private_key)
    added = int.from_bytes(right, "big") + modulus
    assert not verification_key.verify(MESSAGE, added.to_bytes(257, "big"))


def test_refuses_an_ed25519_signature_with_the_order_added(eddsa):
    """RFC 8032 section 5.1.7: S is below the order, or one signature becomes two."""
    private_key, verification_key = eddsa
    signature = private_key.sign(MESSAGE)
    assert verification_key.verify(MESSAGE, signature)
    s = int.from_bytes(signature[32:], "little") + ED25519_ORDER
    assert not verification_key.verify(MESSAGE, signature[:32] + s.to_bytes(32, "little"))


@pytest.mark.parametrize("length", [0, 1, 32, 63, 65, 128])
def test_refuses_an_ed25519_signature_of_another_length(eddsa, length):
    private_key, verification_key = eddsa
    assert not verification_key.verify(MESSAGE, (private_key.sign(MESSAGE) * 2)[:length])


@pytest.mark.parametrize("y", [0, 1, 2**255 - 20, 2**255 - 19, 2**255 - 18], ids=lambda y: hex(y)[:6] + hex(y)[-2:])
def test_refuses_an_ed25519_signature_of_a_small_point_and_zero(eddsa, y):
    """RFC 8032 section 5.1.7: with R of small order and S = 0 only a key of small order is satisfied."""
    _, verification_key = eddsa
    assert not verification_key.verify(MESSAGE, y.to_bytes(32, "little") + bytes(32))


def test_refuses_the_ed25519_signature_of_another_message_or_key(eddsa):
    private_key, verification_key = eddsa
    assert not verification_key.verify(MESSAGE, private_key.sign(MESSAGE + b"x"))
    assert not verification_key.verify(MESSAGE, ed25519.Ed25519PrivateKey.generate().sign(MESSAGE))
