"""An authenticator in software, with the part of a browser that stands before it.

It makes passkeys and answers with them, as JSON (WebAuthn Level 3 sections 5.1.3 and 5.1.4). Its attributes can be
changed at any time, to what an authenticator should not do too. Knows nothing of how Lychgate checks it.
"""

import hashlib
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ES256, EDDSA, RS256 = -7, -8, -257

USER_PRESENT, USER_VERIFIED, BACKUP_ELIGIBLE, BACKED_UP, ATTESTED, EXTENDED = 0x01, 0x04, 0x08, 0x10, 0x40, 0x80

_HEADS = ((0x18, 1), (0x19, 2), (0x1A, 4), (0x1B, 8))


class NotAllowed(Exception):
    """It knows no credential that will do, or the user has refused: NotAllowedError in a browser."""


class AlreadyRegistered(Exception):
    """It has a credential of those that are excluded: InvalidStateError in a browser."""


@dataclass
class Credential:
    """A passkey in the authenticator."""

    id: bytes
    private_key: object
    algorithm: int
    rp_id: str
    user_handle: bytes
    sign_count: int = 0


@dataclass
class Authenticator:
    """An authenticator, the passkeys in it, and how it behaves."""

    algorithm: int | None = None
    """The COSE algorithm of new passkeys. None: the first one offered."""
    counts: bool = False
    """Whether it has a signature counter. Most have none; then it is 0."""
    backup_eligible: bool = True
    backed_up: bool = True
    user_present: bool = True
    user_verified: bool = True
    cross_origin: bool | None = False
    """What the browser says of it. None: nothing."""
    top_origin: str | None = None
    rp_id: str | None = None
    """The RP ID to sign for, in place of the one in the options."""
    id_bytes: int = 16
    """How long the ids of new passkeys are."""
    new_id: bytes | None = None
    """The id of the next passkeys. None: a random one."""
    says_user_handle: bool = True
    extensions: dict | None = None
    """Outputs of extensions in the authenticator data."""
    transports: tuple[str, ...] = ("hybrid", "internal")
    credentials: list[Credential] = field(default_factory=list)

    def create(self, options, origin):
        """Make a passkey for what the API has answered as ``publicKey``. Return a RegistrationResponseJSON."""
        rp_id = options["rp"]["id"]
        if {decoded(known["id"]) for known in options.get("excludeCredentials", ())} & {
            credential.id for credential in self.credentials
        }:
            raise AlreadyRegistered
        offered = [parameters["alg"] for parameters in options["pubKeyCredParams"]]
        algorithm = self.algorithm if self.algorithm is not None else offered[0]
        credential_id = self.new_id or secrets.token_bytes(self.id_bytes)
        credential = Credential(credential_id, new_key(algorithm), algorithm, rp_id, decoded(options["user"]["id"]))
        self.credentials.append(credential)
        attested = (
            bytes(16) + len(credential.id).to_bytes(2, "big") + credential.id + cbor(cose_key(credential.private_key))
        )
        authenticator_data = self._authenticator_data(credential, attested)
        attestation_object = cbor({"fmt": "none", "attStmt": {}, "authData": authenticator_data})
        response = {
            "clientDataJSON": encoded(self._client_data("webauthn.create", options["challenge"], origin)),
            "attestationObject": encoded(attestation_object),
            "authenticatorData": encoded(authenticator_data),
            "publicKey": encoded(spki(credential.private_key)),
            "publicKeyAlgorithm": algorithm,
            "transports": list(self.transports),
        }
        return self._credential_json(credential, response)

    def get(self, options, origin, *, credential=None):
        """Answer with a passkey: the one named, else the newest that will do. Return an AuthenticationResponseJSON."""
        credential = credential or self._chosen(options)
        authenticator_data = self._authenticator_data(credential)
        client_data = self._client_data("webauthn.get", options["challenge"], origin)
        response = {
            "clientDataJSON": encoded(client_data),
            "authenticatorData": encoded(authenticator_data),
            "signature": encoded(
                sign(credential.private_key, authenticator_data + hashlib.sha256(client_data).digest())
            ),
        }
        if self.says_user_handle:
            response["userHandle"] = encoded(credential.user_handle)
        return self._credential_json(credential, response)

    def _chosen(self, options):
        allowed = {decoded(known["id"]) for known in options.get("allowCredentials", ())}
        for credential in reversed(self.credentials):
            if credential.rp_id == options["rpId"] and (not allowed or credential.id in allowed):
                return credential
        raise NotAllowed

    def _authenticator_data(self, credential, attested=b""):
        flags = (
            USER_PRESENT * self.user_present
            | USER_VERIFIED * self.user_verified
            | BACKUP_ELIGIBLE * self.backup_eligible
            | BACKED_UP * self.backed_up
            | ATTESTED * bool(attested)
            | EXTENDED * (self.extensions is not None)
        )
        credential.sign_count += self.counts
        return (
            hashlib.sha256((self.rp_id or credential.rp_id).encode()).digest()
            + bytes([flags])
            + (credential.sign_count if self.counts else 0).to_bytes(4, "big")
            + attested
            + (cbor(self.extensions) if self.extensions is not None else b"")
        )

    def _client_data(self, kind, challenge, origin):
        members = {"type": kind, "challenge": challenge, "origin": origin}
        if self.cross_origin is not None:
            members["crossOrigin"] = self.cross_origin
        if self.top_origin is not None:
            members["topOrigin"] = self.top_origin
        return json.dumps(members, separators=(",", ":")).encode()

    def _credential_json(self, credential, response):
        return {
            "id": encoded(credential.id),
            "rawId": encoded(credential.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": response,
        }


def new_key(algorithm):
    """Return a new private key for a COSE algorithm."""
    if algorithm == ES256:
        return ec.generate_private_key(ec.SECP256R1())
    if algorithm == EDDSA:
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm == RS256:
        return rsa.generate_private_key(65537, 2048)
    raise NotAllowed(algorithm)


def cose_key(private_key):
    """Return the COSE_Key of a private key's public half (RFC 9053 section 7, RFC 8230 section 4)."""
    public_key = private_key.public_key()
    if isinstance(public_key, ed25519.Ed25519PublicKey):
        return {1: 1, 3: EDDSA, -1: 6, -2: public_key.public_bytes_raw()}
    numbers = public_key.public_numbers()
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        return {1: 2, 3: ES256, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
    modulus = numbers.n.to_bytes(public_key.key_size // 8, "big")
    return {1: 3, 3: RS256, -1: modulus, -2: numbers.e.to_bytes(3, "big")}


def spki(private_key):
    """Return the SubjectPublicKeyInfo of a private key's public half."""
    return private_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def sign(private_key, message):
    """Sign as the algorithm of a key demands."""
    if isinstance(private_key, ec.EllipticCurvePrivateKey):
        return private_key.sign(message, ec.ECDSA(SHA256()))
    if isinstance(private_key, rsa.RSAPrivateKey):
        return private_key.sign(message, padding.PKCS1v15(), SHA256())
    return private_key.sign(message)


def cbor(value):
    """Return a value in CBOR, in CTAP2's canonical form but for the order of a map's keys: it is the dict's."""
    simple = {False: b"\xf4", True: b"\xf5", None: b"\xf6"}
    if value is None or isinstance(value, bool):
        return simple[value]
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        return _head(3, len(value.encode())) + value.encode()
    if isinstance(value, dict):
        return _head(5, len(value)) + b"".join(cbor(key) + cbor(member) for key, member in value.items())
    return _head(4, len(value)) + b"".join(map(cbor, value))


def _head(major, argument):
    if argument < 24:
        return bytes([major << 5 | argument])
    for information, size in _HEADS:
        if argument < 1 << 8 * size:
            return bytes([major << 5 | information]) + argument.to_bytes(size, "big")
    raise OverflowError(argument)


def encoded(octets):
    """Return base64url without padding."""
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def decoded(text):
    """Return what base64url without padding says."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
