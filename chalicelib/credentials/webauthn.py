"""Passkeys: the ceremonies of WebAuthn Level 3, as a Relying Party checks them.

Discoverable credentials with user verification, no attestation. Knows no storage, no HTTP and no time.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, cast

from chalicelib.credentials import base64url
from chalicelib.credentials.cbor import MalformedCbor, decode, decode_first
from chalicelib.credentials.cose import (
    EDDSA,
    ES256,
    RS256,
    UnusableKey,
    algorithm_of,
    has_signed,
    subject_public_key_info,
)
from chalicelib.errors import LychgateError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from chalicelib.accounts.factors import Passkey

OFFERED = (ES256, EDDSA, RS256)
"""The COSE algorithms (RFC 9053, RFC 8812) of passkeys that are made here, the preferred one first."""

TIMEOUT = 300_000
"""Milliseconds (5 minutes) for which a browser waits for its user: as long as a challenge is good."""

MAX_ID_BYTES = 1023
"""Section 4, Credential ID."""

MAX_TRANSPORTS = 8
MAX_TRANSPORT_LENGTH = 32
"""Characters. Those that are known (section 5.8.4) are fewer and shorter; others may be said."""

_USER_PRESENT, _USER_VERIFIED, _BACKUP_ELIGIBLE, _BACKED_UP, _ATTESTED, _EXTENDED = 0x01, 0x04, 0x08, 0x10, 0x40, 0x80
"""Flags (section 6.1)."""

_FLAGS_AT, _COUNT_AT, _FIXED_END = 32, 33, 37
_AAGUID_BYTES, _LENGTH_BYTES = 16, 2
"""The layout of authenticator data (sections 6.1 and 6.5.1)."""

_CLIENT_DATA, _ATTESTATION, _AUTHENTICATOR_DATA = (
    "response.clientDataJSON",
    "response.attestationObject",
    "response.authenticatorData",
)


class Malformed(LychgateError):
    """Raised if a credential has not the form of one. ``field`` is the path of the member that is wrong."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(message)


class CeremonyRefused(LychgateError):
    """Raised if a well-formed credential does not prove what it should. ``reason`` is for the operator."""

    def __init__(self, reason: str, *, of_challenge: bool = False) -> None:
        self.reason = reason
        self.of_challenge = of_challenge
        """Whether it answers another challenge."""
        super().__init__()


@dataclass(frozen=True, slots=True, eq=False)
class RelyingParty:
    """For whom passkeys are made."""

    id: str
    """A domain (section 4, RP ID)."""
    name: str
    """What authenticators show."""
    origins: tuple[str, ...]
    """The origins whose pages may ask for passkeys."""


@dataclass(frozen=True, slots=True, eq=False)
class NewCredential:
    """A credential that an authenticator has just made. The fields are those of ``Passkey``."""

    id: str
    public_key: str
    algorithm: int
    sign_count: int
    backup_eligible: bool
    backed_up: bool
    transports: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Assertion:
    """What an authenticator says of a credential with which it has answered a challenge."""

    sign_count: int
    backed_up: bool


def creation_options(
    relying_party: RelyingParty, *, challenge: bytes, user_id: str, username: str, exclude: tuple[str, ...]
) -> dict[str, Any]:
    """Return the options for a new passkey, a PublicKeyCredentialCreationOptionsJSON (section 5.1.3).

    ``exclude`` are the ids of the passkeys that the user has: their authenticators make no second one.
    """
    return {
        "rp": {"id": relying_party.id, "name": relying_party.name},
        "user": {"id": base64url.encode(user_id.encode("ascii")), "name": username, "displayName": username},
        "challenge": base64url.encode(challenge),
        "pubKeyCredParams": [{"type": "public-key", "alg": algorithm} for algorithm in OFFERED],
        "timeout": TIMEOUT,
        "excludeCredentials": _descriptors(exclude),
        # Both members say the same, the second one to browsers of Level 1 (section 5.4.4).
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": "required",
        },
        "attestation": "none",
    }


def request_options(relying_party: RelyingParty, *, challenge: bytes, allow: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the options for the use of a passkey, a PublicKeyCredentialRequestOptionsJSON (section 5.1.4).

    ``allow`` are the ids of the passkeys that will do. Empty: any that the authenticator knows.
    """
    return {
        "challenge": base64url.encode(challenge),
        "timeout": TIMEOUT,
        "rpId": relying_party.id,
        "allowCredentials": _descriptors(allow),
        "userVerification": "required",
    }


def verify_registration(
    credential: Mapping[str, Any],
    relying_party: RelyingParty,
    *,
    challenge: bytes,
    algorithms: tuple[int, ...] = OFFERED,
) -> NewCredential:
    """Return the credential in a RegistrationResponseJSON, after the checks of section 7.1.

    An attestation statement is not looked at: none was asked for.

    Raises:
        Malformed: it has not the form of one, its key is weak, or its ``publicKey`` is not the key that the
            authenticator names.
        CeremonyRefused: a check has failed.

    """
    answer = _registration(credential)
    for refusal in _refusals_of_registration(answer, relying_party, challenge, algorithms):
        raise refusal
    return NewCredential(
        id=answer.id,
        public_key=base64url.encode(_public_key(answer)),
        algorithm=answer.algorithm,
        sign_count=answer.signed.sign_count,
        backup_eligible=answer.signed.has(_BACKUP_ELIGIBLE),
        backed_up=answer.signed.has(_BACKED_UP),
        transports=_transports(answer.response),
    )


def credential_id(credential: Mapping[str, Any]) -> str:
    """Return which credential an AuthenticationResponseJSON says to be of. Raises Malformed."""
    said = _text(credential, "id", "id")
    if not 0 < len(_decoded(said, "id")) <= MAX_ID_BYTES:
        raise Malformed("id", f"This must have 1 to {MAX_ID_BYTES} bytes.")
    if _text(credential, "rawId", "rawId") != said:
        raise Malformed("rawId", "This must be the same as id.")
    return said


def verify_assertion(
    credential: Mapping[str, Any],
    relying_party: RelyingParty,
    passkey: Passkey,
    *,
    challenge: bytes,
    user_is_known: bool = False,
) -> Assertion:
    """Return what an AuthenticationResponseJSON says of a passkey, after the checks of section 7.2.

    A user handle must be the user's; unless ``user_is_known`` by other means, it must be there. The signature counter
    must have risen, or be 0 as ever.

    Raises:
        Malformed: it has not the form of one.
        CeremonyRefused: a check has failed.

    """
    answer = _assertion(credential)
    for refusal in _refusals_of_assertion(answer, relying_party, passkey, challenge, user_is_known=user_is_known):
        raise refusal
    return Assertion(answer.signed.sign_count, answer.signed.has(_BACKED_UP))


@dataclass(frozen=True, slots=True, eq=False)
class _ClientData:
    """What a browser says of the ceremony (section 5.8.1)."""

    type: str
    challenge: str
    origin: str
    is_cross_origin: bool
    has_top_origin: bool
    digest: bytes


@dataclass(frozen=True, slots=True, eq=False)
class _AuthenticatorData:
    """What an authenticator has signed (section 6.1)."""

    octets: bytes
    flags: int
    sign_count: int
    credential_id: bytes
    key: Any
    """Of a new credential, the value that is there in CBOR."""

    def has(self, flag: int) -> bool:
        return bool(self.flags & flag)


@dataclass(frozen=True, slots=True, eq=False)
class _Registration:
    id: str
    client_data: _ClientData
    signed: _AuthenticatorData
    algorithm: int
    response: Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class _Assertion:
    id: str
    client_data: _ClientData
    signed: _AuthenticatorData
    signature: bytes
    user_handle: bytes | None


def _descriptors(ids: tuple[str, ...]) -> list[dict[str, str]]:
    return [{"type": "public-key", "id": id_} for id_ in ids]


# The form. These raise Malformed.


def _registration(credential: Mapping[str, Any]) -> _Registration:
    id_, response = _id_and_response(credential)
    client_data = _client_data(response)
    try:
        attested = decode(_octets(response, "attestationObject", _ATTESTATION))
    except MalformedCbor as malformed:
        raise Malformed(_ATTESTATION, f"This {malformed}.") from None
    octets = _authenticator_data_in(attested)
    if "authenticatorData" in response and _octets(response, "authenticatorData", _AUTHENTICATOR_DATA) != octets:
        raise Malformed(_AUTHENTICATOR_DATA, "This must be the same as in attestationObject.")
    signed = _authenticator_data(octets, _ATTESTATION, is_new=True)
    if base64url.encode(signed.credential_id) != id_:
        raise Malformed("id", "This must be the one that the authenticator names.")
    try:
        algorithm = algorithm_of(signed.key)
    except UnusableKey as unusable:
        raise Malformed(_ATTESTATION, f"This {unusable}.") from None
    return _Registration(id_, client_data, signed, algorithm, response)


def _assertion(credential: Mapping[str, Any]) -> _Assertion:
    id_, response = _id_and_response(credential)
    octets = _octets(response, "authenticatorData", _AUTHENTICATOR_DATA)
    has_handle = "userHandle" in response
    return _Assertion(
        id=id_,
        client_data=_client_data(response),
        signed=_authenticator_data(octets, _AUTHENTICATOR_DATA, is_new=False),
        signature=_octets(response, "signature", "response.signature"),
        user_handle=_octets(response, "userHandle", "response.userHandle") if has_handle else None,
    )


def _id_and_response(credential: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    id_ = credential_id(credential)
    if _text(credential, "type", "type") != "public-key":
        raise Malformed("type", "This must be public-key.")
    if not isinstance(credential.get("clientExtensionResults", {}), dict):
        raise Malformed("clientExtensionResults", "This must be an object.")
    response = credential.get("response")
    if not isinstance(response, dict):
        raise Malformed("response", "This must be an object.")
    return id_, response


def _client_data(response: Mapping[str, Any]) -> _ClientData:
    octets = _octets(response, "clientDataJSON", _CLIENT_DATA)
    try:
        members = json.loads(octets.decode("utf-8"), object_pairs_hook=_without_duplicates, parse_constant=_no_number)
    except (ValueError, RecursionError):
        members = None
    if not isinstance(members, dict):
        raise Malformed(_CLIENT_DATA, "This must be a JSON object in UTF-8 with no member twice.")
    texts = tuple(members.get(name) for name in ("type", "challenge", "origin"))
    cross_origin, top_origin = members.get("crossOrigin", False), members.get("topOrigin", "")
    if not all(isinstance(text, str) for text in (*texts, top_origin)) or not isinstance(cross_origin, bool):
        raise Malformed(_CLIENT_DATA, "This has not the members of client data.")
    return _ClientData(
        *cast("tuple[str, str, str]", texts), cross_origin, "topOrigin" in members, hashlib.sha256(octets).digest()
    )


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is there twice")
    return members


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _authenticator_data_in(attested: object) -> bytes:
    """Return the authenticator data of an attestation object (section 6.5.4)."""
    if isinstance(attested, dict):
        octets, form, statement = (attested.get(name) for name in ("authData", "fmt", "attStmt"))
        # A compound statement is an array (section 8.9).
        if isinstance(octets, bytes) and isinstance(form, str) and isinstance(statement, dict | list):
            return octets
    raise Malformed(_ATTESTATION, "This must have fmt, attStmt and authData.")


def _authenticator_data(octets: bytes, path: str, *, is_new: bool) -> _AuthenticatorData:
    if len(octets) < _FIXED_END:
        raise Malformed(path, "This has authenticator data that ends too early.")
    flags, count = octets[_FLAGS_AT], int.from_bytes(octets[_COUNT_AT:_FIXED_END], "big")
    if bool(flags & _ATTESTED) != is_new:
        raise Malformed(path, "This must have a new credential in a registration, and in no other ceremony.")
    end, id_, key = _FIXED_END, b"", None
    try:
        if is_new:
            start = end + _AAGUID_BYTES + _LENGTH_BYTES
            end = start + int.from_bytes(octets[start - _LENGTH_BYTES : start], "big")
            id_ = octets[start:end]
            key, end = decode_first(octets, end)
        if flags & _EXTENDED:
            extensions, end = decode_first(octets, end)
            if not isinstance(extensions, dict):
                raise MalformedCbor("has extensions that are no map")  # noqa: TRY301 - as if the codec had found it
    except MalformedCbor as malformed:
        raise Malformed(path, f"This {malformed}.") from None
    if end != len(octets):
        raise Malformed(path, "This has authenticator data with trailing bytes.")
    return _AuthenticatorData(octets, flags, count, id_, key)


def _public_key(answer: _Registration) -> bytes:
    """Return the key that an authenticator names. What the browser says of it must be the same."""
    try:
        public_key = subject_public_key_info(answer.signed.key)
    except UnusableKey as unusable:
        raise Malformed(_ATTESTATION, f"This {unusable}.") from None
    response, path = answer.response, "response.publicKey"
    if "publicKey" in response and _octets(response, "publicKey", path) != public_key:
        raise Malformed(path, "This must be the key that the authenticator names.")
    said = response.get("publicKeyAlgorithm", answer.algorithm)
    if type(said) is not int or said != answer.algorithm:
        raise Malformed("response.publicKeyAlgorithm", "This must be the algorithm that the authenticator names.")
    return public_key


def _transports(response: Mapping[str, Any]) -> tuple[str, ...]:
    said = response.get("transports", [])
    if not isinstance(said, list) or len(said) > MAX_TRANSPORTS or not all(map(_is_transport, said)):
        raise Malformed("response.transports", f"This must have {MAX_TRANSPORTS} short words at most.")
    return tuple(dict.fromkeys(said))


def _is_transport(said: object) -> bool:
    return (
        isinstance(said, str)
        and 0 < len(said) <= MAX_TRANSPORT_LENGTH
        and said.isascii()
        and said.replace("-", "").isalnum()
    )


def _text(members: Mapping[str, Any], name: str, path: str) -> str:
    value = members.get(name)
    if not isinstance(value, str):
        raise Malformed(path, "This must be a string.")
    return value


def _octets(members: Mapping[str, Any], name: str, path: str) -> bytes:
    return _decoded(_text(members, name, path), path)


def _decoded(text: str, path: str) -> bytes:
    try:
        return base64url.decode(text)
    except ValueError:
        raise Malformed(path, "This must be base64url without padding.") from None


# The checks. Each yields all that it has against an answer: the first refuses it.


def _refusals_of_registration(
    answer: _Registration, relying_party: RelyingParty, challenge: bytes, algorithms: tuple[int, ...]
) -> Iterator[CeremonyRefused]:
    yield from _refusals_of_client(answer.client_data, "webauthn.create", challenge, relying_party)
    yield from _refusals_of_authenticator(answer.signed, relying_party)
    if answer.algorithm not in algorithms:
        yield CeremonyRefused("the algorithm was not offered")


def _refusals_of_assertion(
    answer: _Assertion, relying_party: RelyingParty, passkey: Passkey, challenge: bytes, *, user_is_known: bool
) -> Iterator[CeremonyRefused]:
    yield from _refusals_of_client(answer.client_data, "webauthn.get", challenge, relying_party)
    yield from _refusals_of_authenticator(answer.signed, relying_party)
    yield from _refusals_of_use(answer, relying_party, passkey, user_is_known=user_is_known)
    message = answer.signed.octets + answer.client_data.digest
    if not has_signed(passkey.algorithm, base64url.decode(passkey.public_key), answer.signature, message):
        yield CeremonyRefused("the signature is wrong")


def _refusals_of_client(
    client_data: _ClientData, ceremony: str, challenge: bytes, relying_party: RelyingParty
) -> Iterator[CeremonyRefused]:
    if client_data.type != ceremony:
        yield CeremonyRefused("the ceremony is another one")
    # The text is compared, not the octets: that allows of one spelling only.
    if not hmac.compare_digest(client_data.challenge.encode("utf-8", "replace"), base64url.encode(challenge).encode()):
        yield CeremonyRefused("the challenge is another one", of_challenge=True)
    if client_data.origin not in relying_party.origins:
        yield CeremonyRefused("the origin is another one")
    if client_data.is_cross_origin:
        yield CeremonyRefused("the page is framed by another origin's")
    if client_data.has_top_origin:
        yield CeremonyRefused("the page names a top origin")


def _refusals_of_authenticator(signed: _AuthenticatorData, relying_party: RelyingParty) -> Iterator[CeremonyRefused]:
    if signed.octets[:_FLAGS_AT] != hashlib.sha256(relying_party.id.encode()).digest():
        yield CeremonyRefused("the Relying Party is another one")
    if not signed.has(_USER_PRESENT):
        yield CeremonyRefused("the user was not present")
    if not signed.has(_USER_VERIFIED):
        yield CeremonyRefused("the user was not verified")
    if signed.has(_BACKED_UP) and not signed.has(_BACKUP_ELIGIBLE):
        yield CeremonyRefused("the credential is backed up, but not eligible for it")


def _refusals_of_use(
    answer: _Assertion, relying_party: RelyingParty, passkey: Passkey, *, user_is_known: bool
) -> Iterator[CeremonyRefused]:
    if (answer.id, relying_party.id) != (passkey.id, passkey.rp_id):
        yield CeremonyRefused("the credential is another one")
    if answer.user_handle is None and not user_is_known:
        yield CeremonyRefused("the user is not named")
    if answer.user_handle is not None and answer.user_handle != passkey.user_id.encode("ascii"):
        yield CeremonyRefused("the user is another one")
    if answer.signed.has(_BACKUP_ELIGIBLE) != passkey.backup_eligible:
        yield CeremonyRefused("the credential's eligibility for backups has changed")
    if (answer.signed.sign_count or passkey.sign_count) and answer.signed.sign_count <= passkey.sign_count:
        yield CeremonyRefused("the signature counter has not risen")
