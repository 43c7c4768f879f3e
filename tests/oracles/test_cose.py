"""Keys of passkeys: which COSE keys are taken, as what, and which are refused."""

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from fido2.cose import CoseKey

from chalicelib.credentials.cose import (
    ED448,
    EDDSA,
    ES256,
    ES384,
    ES512,
    RS256,
    UnusableKey,
    algorithm_of,
    check_stored_key,
    has_signed,
    subject_public_key_info,
)
from tests.support.authenticator import cose_key, new_key, sign, spki

WEAK_KEYS = json.loads((Path(__file__).parent.parent / "vectors" / "weak_public_keys.json").read_text())
ALL = (ES256, ES384, ES512, EDDSA, ED448, RS256)
MESSAGE = b"authenticator data and a digest"
CURVES = {ES384: (ec.SECP384R1, 2, 48, SHA384), ES512: (ec.SECP521R1, 3, 66, SHA512)}


@pytest.fixture(scope="module")
def keys():
    """By algorithm, a private key."""
    others = {algorithm: ec.generate_private_key(curve()) for algorithm, (curve, *_) in CURVES.items()}
    offered = {algorithm: new_key(algorithm) for algorithm in (ES256, EDDSA, RS256)}
    return offered | others | {ED448: ed448.Ed448PrivateKey.generate()}


def as_cose(key):
    """A COSE key, also of the curves that are not offered."""
    if isinstance(key, ed448.Ed448PrivateKey):
        return {1: 1, 3: ED448, -1: 7, -2: key.public_key().public_bytes_raw()}
    for algorithm, (curve, number, size, _) in CURVES.items():
        if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, curve):
            point = key.public_key().public_numbers()
            return {
                1: 2,
                3: algorithm,
                -1: number,
                -2: point.x.to_bytes(size, "big"),
                -3: point.y.to_bytes(size, "big"),
            }
    return cose_key(key)


def signed(key, message):
    for curve, _, _, digest in CURVES.values():
        if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, curve):
            return key.sign(message, ec.ECDSA(digest()))
    return sign(key, message)


def octets_of(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def from_jwk(jwk):
    """A weak key of a token, as a passkey would have it."""
    if jwk["kty"] == "RSA":
        return {1: 3, 3: RS256, -1: octets_of(jwk["n"]), -2: octets_of(jwk["e"])}
    if jwk["kty"] == "OKP":
        return {1: 1, 3: EDDSA, -1: 6, -2: octets_of(jwk["x"])}
    return {1: 2, 3: ES256, -1: 1, -2: octets_of(jwk["x"]), -3: octets_of(jwk["y"])}


def is_refused(key):
    with pytest.raises(UnusableKey):
        subject_public_key_info(key)
    return True


@pytest.mark.parametrize("algorithm", ALL)
def test_a_key_is_stored_as_what_other_libraries_make_of_it(keys, algorithm):
    key = as_cose(keys[algorithm])
    stored = subject_public_key_info(key)
    assert algorithm_of(key) == algorithm
    assert stored == spki(keys[algorithm])
    assert CoseKey.for_alg(algorithm).from_cryptography_key(load_der_public_key(stored)) == key


@pytest.mark.parametrize("algorithm", ALL)
def test_what_another_system_has_stored_is_a_key_in_the_one_form_of_its_algorithm(keys, algorithm):
    stored = spki(keys[algorithm])
    check_stored_key(algorithm, stored)
    compressed = keys[ES256].public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    for broken in (b"", stored[:-1], stored + b"\0", compressed, bytes(len(stored))):
        with pytest.raises(UnusableKey, match="in DER"):
            check_stored_key(algorithm, broken)
    for other in {*ALL, -65535, 0} - {algorithm}:
        with pytest.raises(UnusableKey, match="another algorithm"):
            check_stored_key(other, stored)


@pytest.mark.parametrize("algorithm", ALL)
def test_a_signature_is_one_of_its_key_message_and_algorithm(keys, algorithm):
    key = keys[algorithm]
    stored = subject_public_key_info(as_cose(key))
    signature = signed(key, MESSAGE)
    assert has_signed(algorithm, stored, signature, MESSAGE)
    assert not has_signed(algorithm, stored, signature, MESSAGE + b"\0")
    assert not has_signed(algorithm, stored, signature + b"\0", MESSAGE)
    assert not has_signed(algorithm, stored, signature[:-1], MESSAGE)
    for other in (*ALL, -65535, -37, 0):
        assert has_signed(other, stored, signature, MESSAGE) == (other == algorithm)


def test_a_signature_by_ecdsa_is_der_in_its_one_form(keys):
    """SEC 1 section C.8: BER allows of longer lengths, and of integers with more zeros."""
    stored = subject_public_key_info(as_cose(keys[ES256]))
    signature = keys[ES256].sign(MESSAGE, ec.ECDSA(SHA256()))
    longer_length = b"\x30\x81" + signature[1:]
    body = signature[2:]
    more_zeros = bytes([body[0], body[1] + 1, 0]) + body[2:]
    assert has_signed(ES256, stored, signature, MESSAGE)
    for other in (longer_length, b"\x30" + bytes([len(more_zeros)]) + more_zeros):
        assert not has_signed(ES256, stored, other, MESSAGE)


@pytest.mark.parametrize(
    "key",
    [None, 1, b"", [], [1, 2], "text", {}, {3: "ES256"}, {3: True}, {3: None}, {3: -7.0}, {"3": -7}],
    ids=str,
)
def test_what_names_no_algorithm_is_no_key(key):
    with pytest.raises(UnusableKey):
        algorithm_of(key)


@pytest.mark.parametrize("algorithm", ALL)
class TestForm:
    def test_no_parameter_may_be_missing(self, keys, algorithm):
        key = as_cose(keys[algorithm])
        for label in set(key) - {3}:
            assert is_refused({other: value for other, value in key.items() if other != label})

    @pytest.mark.parametrize("parameter", [{2: b"id"}, {4: [2]}, {-4: b"d"}, {5: b""}, {"x": 1}, {0: 0}], ids=str)
    def test_no_parameter_may_be_there_beside_them(self, keys, algorithm, parameter):
        assert is_refused(as_cose(keys[algorithm]) | parameter)

    @pytest.mark.parametrize("value", [None, True, False, 0, 4, "1", b"\1", [], {}], ids=str)
    def test_the_type_of_key_and_the_curve_are_those_of_the_algorithm(self, keys, algorithm, value):
        key = as_cose(keys[algorithm])
        assert is_refused(key | {1: value})
        assert is_refused(key | {-1: value})

    def test_another_algorithm_is_not_the_keys(self, keys, algorithm):
        for other in {ES256, ES384, ES512, EDDSA, ED448, RS256, -65535, -37, -39, -47, -19, 0, 2**64} - {algorithm}:
            assert is_refused(as_cose(keys[algorithm]) | {3: other})

    @pytest.mark.parametrize("value", [None, True, 1, "text", [], {}, b""], ids=str)
    def test_a_coordinate_or_number_is_octets(self, keys, algorithm, value):
        key = as_cose(keys[algorithm])
        for label in set(key) & {-2, -3}:
            assert is_refused(key | {label: value})

    def test_a_coordinate_or_number_has_one_length(self, keys, algorithm):
        key = as_cose(keys[algorithm])
        for label in {-2, -3} & set(key):
            assert is_refused(key | {label: b"\0" + key[label]})
            assert is_refused(key | {label: key[label] + b"\0" * (2 if algorithm == RS256 else 1)})


class TestWeakKeys:
    @pytest.mark.parametrize("vector", WEAK_KEYS, ids=lambda vector: vector["name"])
    def test_what_no_token_may_be_signed_with_is_no_passkeys_key_either(self, vector):
        assert is_refused(from_jwk(vector["jwk"]))

    @pytest.mark.parametrize("algorithm", [ES256, ES384, ES512])
    @pytest.mark.parametrize("coordinate", [b"\0", b"\1", b"\xff"])
    def test_a_point_is_on_its_curve(self, keys, algorithm, coordinate):
        key = as_cose(keys[algorithm])
        size = len(key[-2])
        assert is_refused(key | {-3: coordinate * size})
        assert is_refused(key | {-2: coordinate * size})
        assert is_refused(key | {-2: bytes(size), -3: bytes(size)})

    def test_a_compressed_point_is_not_taken(self, keys):
        """Section 5.8.5: keys on these curves have both coordinates."""
        for sign_bit in (False, True):
            assert is_refused(as_cose(keys[ES256]) | {-3: sign_bit})

    def test_an_rsa_key_has_2048_to_4096_bits(self):
        assert is_refused({1: 3, 3: RS256, -1: b"\xff" * 255 + b"\xfd", -2: b"\1\0\1"})
        assert is_refused({1: 3, 3: RS256, -1: b"\x01" + b"\xff" * 512, -2: b"\1\0\1"})
        largest = rsa.generate_private_key(65537, 4096)
        numbers = largest.public_key().public_numbers()
        key = {1: 3, 3: RS256, -1: numbers.n.to_bytes(512, "big"), -2: b"\1\0\1"}
        assert subject_public_key_info(key) == spki(largest)

    @pytest.mark.parametrize("exponent", [b"\1", b"\3", b"\1\0\0", b"\1\0\0\0\1", b"\xff" * 256], ids=bytes.hex)
    def test_an_exponent_is_odd_and_from_65537_to_32_bits(self, keys, exponent):
        assert is_refused(as_cose(keys[RS256]) | {-2: exponent})

    def test_an_ed25519_key_is_a_point_of_large_order(self):
        for octets in (bytes(32), b"\1" + bytes(31), b"\x02" + bytes(31), b"\xff" * 32):
            assert is_refused({1: 1, 3: EDDSA, -1: 6, -2: octets})
