"""Public keys of passkeys: COSE keys (RFC 9052 section 7, RFC 9053, RFC 8230), and what they have signed.

An authenticator hands over a COSE key. What is stored is a SubjectPublicKeyInfo. Takes a key in one form only, for each
algorithm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.weak_keys import ed25519_weakness, rsa_weakness

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurve, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

    PublicKey = EllipticCurvePublicKey | Ed25519PublicKey | Ed448PublicKey | RSAPublicKey

ES256, ES384, ES512, EDDSA, ED448, RS256 = -7, -35, -36, -8, -53, -257
"""COSE algorithms (RFC 9053 section 2, RFC 8812 section 2, RFC 9864 section 2.2)."""

MAX_RSA_BITS = 4096
"""A larger key would make each use slow."""

_MAX_EXPONENT_BITS = 32

_KTY, _ALG, _CRV_OR_N, _X_OR_E, _Y = 1, 3, -1, -2, -3
"""The parameters of keys: those that they all have, then those of their type."""

_OKP, _EC2, _RSA = 1, 2, 3
"""Key types."""

_EC2_ALGORITHMS = (ES256, ES384, ES512)

_CURVES = {ES256: (1, 32), ES384: (2, 48), ES512: (3, 66), EDDSA: (6, 32), ED448: (7, 57)}
"""By algorithm, the curve that WebAuthn has for it (section 5.8.5), and the octets of a coordinate."""


class UnusableKey(ValueError):
    """Raised if a COSE key is none, is of an algorithm that is not known here, or is weak."""


def algorithm_of(key: object) -> int:
    """Return the algorithm of a COSE key. Raises UnusableKey if it names none."""
    algorithm = key.get(_ALG) if isinstance(key, dict) else None
    if type(algorithm) is not int:
        raise UnusableKey("has no key with an algorithm")
    return algorithm


def subject_public_key_info(key: Mapping[int, Any]) -> bytes:
    """Return a COSE key as a SubjectPublicKeyInfo in DER (RFC 5280 section 4.1).

    Raises UnusableKey: it has not exactly the parameters of its type and algorithm (WebAuthn Level 3 section 6.5.1), is
    no point of its curve, or is weak.
    """
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415

    algorithm = algorithm_of(key)
    if algorithm in _EC2_ALGORITHMS:
        public_key: PublicKey = _ec2(key, algorithm)
    elif algorithm in (EDDSA, ED448):
        public_key = _okp(key, algorithm)
    elif algorithm == RS256:
        public_key = _rsa(key)
    else:
        raise UnusableKey("has a key of an unknown algorithm")
    return public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def check_stored_key(algorithm: int, public_key: bytes) -> None:
    """Return if octets are what ``subject_public_key_info`` returns for a key of this algorithm.

    Raises UnusableKey: they are not, as where another system has kept the key in another form or broken.
    """
    key = _loaded(public_key)
    if key is None or subject_public_key_info(_cose_key(algorithm, key)) != public_key:
        raise UnusableKey("has no key in DER, as a SubjectPublicKeyInfo")


def _cose_key(algorithm: int, key: object) -> dict[int, Any]:
    """Return a key as a COSE key. Raises UnusableKey: it is of another algorithm."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa  # noqa: PLC0415

    if algorithm in _EC2_ALGORITHMS and isinstance(key, ec.EllipticCurvePublicKey):
        curve, size = _CURVES[algorithm]
        numbers = key.public_numbers()
        if numbers.curve.name == _curve_and_digest(algorithm)[0].name:
            x, y = (number.to_bytes(size, "big") for number in (numbers.x, numbers.y))
            return {_KTY: _EC2, _ALG: algorithm, _CRV_OR_N: curve, _X_OR_E: x, _Y: y}
    if algorithm == RS256 and isinstance(key, rsa.RSAPublicKey):
        numbers_of_rsa = key.public_numbers()
        modulus, exponent = (
            number.to_bytes((number.bit_length() + 7) // 8, "big") for number in (numbers_of_rsa.n, numbers_of_rsa.e)
        )
        return {_KTY: _RSA, _ALG: RS256, _CRV_OR_N: modulus, _X_OR_E: exponent}
    if (algorithm == EDDSA and isinstance(key, ed25519.Ed25519PublicKey)) or (
        algorithm == ED448 and isinstance(key, ed448.Ed448PublicKey)
    ):
        return {_KTY: _OKP, _ALG: algorithm, _CRV_OR_N: _CURVES[algorithm][0], _X_OR_E: key.public_bytes_raw()}
    raise UnusableKey("has a key of another algorithm")


def _loaded(public_key: bytes) -> object:
    """Return the key that is stored as these octets, None if there is none."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_der_public_key  # noqa: PLC0415

    try:
        return load_der_public_key(public_key)
    except (ValueError, UnsupportedAlgorithm):
        return None


def has_signed(algorithm: int, public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Return whether a signature of a message is one by a key that ``subject_public_key_info`` has returned."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa  # noqa: PLC0415
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415

    key = _loaded(public_key)
    try:
        if algorithm in _EC2_ALGORITHMS and isinstance(key, ec.EllipticCurvePublicKey):
            curve, digest = _curve_and_digest(algorithm)
            if key.curve.name != curve.name:
                return False
            key.verify(signature, message, ec.ECDSA(digest))
        elif algorithm == RS256 and isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, message, padding.PKCS1v15(), SHA256())
        elif (algorithm == EDDSA and isinstance(key, ed25519.Ed25519PublicKey)) or (
            algorithm == ED448 and isinstance(key, ed448.Ed448PublicKey)
        ):
            key.verify(signature, message)
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _ec2(key: Mapping[int, Any], algorithm: int) -> EllipticCurvePublicKey:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey  # noqa: PLC0415

    curve, size = _CURVES[algorithm]
    _check_parameters(key, {_KTY: _EC2, _ALG: algorithm, _CRV_OR_N: curve}, _X_OR_E, _Y)
    x, y = _octets(key, _X_OR_E, size), _octets(key, _Y, size)
    try:
        # Uncompressed (SEC 1 section 2.3.4).
        return EllipticCurvePublicKey.from_encoded_point(_curve_and_digest(algorithm)[0], b"\x04" + x + y)
    except ValueError:
        raise UnusableKey("has a key that is no point of its curve") from None


def _okp(key: Mapping[int, Any], algorithm: int) -> Ed25519PublicKey | Ed448PublicKey:
    from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

    curve, size = _CURVES[algorithm]
    _check_parameters(key, {_KTY: _OKP, _ALG: algorithm, _CRV_OR_N: curve}, _X_OR_E)
    x = _octets(key, _X_OR_E, size)
    if algorithm == ED448:
        return Ed448PublicKey.from_public_bytes(x)
    if weakness := ed25519_weakness(x):
        raise UnusableKey(f"has {weakness}")
    return Ed25519PublicKey.from_public_bytes(x)


def _rsa(key: Mapping[int, Any]) -> RSAPublicKey:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers  # noqa: PLC0415

    _check_parameters(key, {_KTY: _RSA, _ALG: RS256}, _CRV_OR_N, _X_OR_E)
    modulus, exponent = _unsigned(key, _CRV_OR_N), _unsigned(key, _X_OR_E)
    if modulus.bit_length() > MAX_RSA_BITS or exponent.bit_length() > _MAX_EXPONENT_BITS:
        raise UnusableKey(f"has an RSA key of more than {MAX_RSA_BITS} bits, or {_MAX_EXPONENT_BITS} in its exponent")
    if weakness := rsa_weakness(modulus, exponent):
        raise UnusableKey(f"has {weakness}")
    return RSAPublicNumbers(exponent, modulus).public_key()


def _check_parameters(key: Mapping[int, Any], fixed: dict[int, int], *others: int) -> None:
    if set(key) != {*fixed, *others} or any(
        key[label] != value or key[label] is True for label, value in fixed.items()
    ):
        raise UnusableKey("has a key with other parameters than its algorithm's")


def _octets(key: Mapping[int, Any], label: int, size: int) -> bytes:
    octets = key[label]
    if not isinstance(octets, bytes) or len(octets) != size:
        raise UnusableKey("has a key with a coordinate that has not the length of its curve's")
    return octets


def _unsigned(key: Mapping[int, Any], label: int) -> int:
    """Return an integer that RFC 8230 section 4 has as octets, as few as possible."""
    octets = key[label]
    if not isinstance(octets, bytes) or octets[:1] in (b"", b"\0"):
        raise UnusableKey("has an RSA key with a number that is not in its shortest form")
    return int.from_bytes(octets, "big")


def _curve_and_digest(algorithm: int) -> tuple[EllipticCurve, HashAlgorithm]:
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, SECP521R1  # noqa: PLC0415
    from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512  # noqa: PLC0415

    if algorithm == ES256:
        return SECP256R1(), SHA256()
    return (SECP384R1(), SHA384()) if algorithm == ES384 else (SECP521R1(), SHA512())
