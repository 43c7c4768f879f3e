"""What is fuzzed, for Hypothesis and for atheris: each takes any input and lets nothing pass but the refusal.

An input that is accepted has to be what it claims to be: that is asserted too.
"""

import base64
import json

from chalicelib.accounts.new_usernames import MAX_USERNAME_BYTES, new_username_error
from chalicelib.accounts.usernames import canonical_username, normalised_username, username_error
from chalicelib.config.signing_secrets import SigningSecrets
from chalicelib.config.verifier import VerifierSettings
from chalicelib.credentials.password_policy import PasswordPolicy
from chalicelib.credentials.passwords import PasswordHasher
from chalicelib.credentials.peppers import Peppers
from chalicelib.errors import ConfigurationError, InvalidDPoPProof, InvalidGrant, InvalidToken
from chalicelib.tokens import pyjwt
from chalicelib.tokens.dpop import WINDOW, ProofVerifier
from chalicelib.tokens.keys import generate_signing_jwk, parse_signing_keys, parse_verification_keys, public_jwks
from chalicelib.tokens.kinds import ACCESS_TOKEN, REFRESH_TOKEN
from chalicelib.tokens.verifier import TokenVerifier
from tests.support.proofs import ClientKey, jws
from tests.support.samples import CLAIMS, ISSUER, NOW

RING = {"keys": [generate_signing_jwk("EdDSA"), generate_signing_jwk("ES256"), generate_signing_jwk("RS256")]}
SIGNING_KEYS = parse_signing_keys(RING)
VERIFIER = TokenVerifier(
    issuer=ISSUER, audience=ISSUER, keys=parse_verification_keys(public_jwks(RING)), clock=lambda: NOW
)
POLICY = PasswordPolicy(min_length=8, context_words=("lychgate", "site.example"))
HASHER = PasswordHasher(peppers=Peppers.of(bytes(32)), cost=4)
GOOD_CLAIMS = {**CLAIMS, "counter": 1}
PROOF_VERIFIER = ProofVerifier(issuer=ISSUER, clock=lambda: NOW)
CLIENT_KEY = ClientKey(ISSUER, lambda: NOW)
PROOF_PATH = "/auth/refresh"
PROOF_HEADER = {"typ": "dpop+jwt", "alg": "ES256", "jwk": CLIENT_KEY.jwk}
PROOF_CLAIMS = {"jti": "any", "htm": "POST", "htu": f"{ISSUER}{PROOF_PATH}", "iat": NOW}


def verify(compact):
    """Show both verifiers a token. Returns whether either took it."""
    taken = False
    try:
        principal = VERIFIER.verify(ACCESS_TOKEN, compact)
    except InvalidToken as refused:
        assert refused.message == InvalidToken.detail
        assert "unexpected" not in refused.reason or not isinstance(compact, str), refused.reason
    else:
        texts = (principal.user_id, principal.username, principal.session_id, principal.token_id, *principal.roles)
        assert all(type(text) is str and text.isprintable() and text for text in texts)
        assert type(principal.expires_at) is int
        assert principal.expires_at > NOW
        taken = True
    try:
        grant = VERIFIER.verify(REFRESH_TOKEN, compact)
    except InvalidGrant as refused:
        assert refused.message == InvalidGrant.detail
        assert "unexpected" not in refused.reason or not isinstance(compact, str), refused.reason
    else:
        assert type(grant.counter) is int
        assert grant.counter >= 0
        assert not taken, "no token is good for both"
        taken = True
    return taken


def prove(proof):
    """Show the verifier of proofs a text. Returns whether it took it."""
    try:
        shown = PROOF_VERIFIER.verify(proof, method="POST", path=PROOF_PATH)
    except InvalidDPoPProof as refused:
        assert "unexpected" not in refused.reason, refused.reason
        return False
    assert shown.key == CLIENT_KEY.thumbprint
    assert type(shown.at) is int
    assert abs(shown.at - NOW) <= WINDOW
    return True


def proven(header, payload):
    """Return the proof of these octets or members, with a good signature."""
    return jws(header, payload, CLIENT_KEY.private_key)


def encoded(octets):
    """Return octets in base64url."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def signed(header, payload):
    """Return the token of these octets, with a good signature: what lies behind it has to hold by itself."""
    key = SIGNING_KEYS.keys[0]
    signing_input = f"{encoded(header)}.{encoded(payload)}"
    return f"{signing_input}.{encoded(key.private_key.sign(signing_input.encode()))}"


def good_header(typ="at+jwt"):
    key = SIGNING_KEYS.keys[0]
    return json.dumps({"alg": key.alg, "kid": key.kid, "typ": typ}, separators=(",", ":")).encode()


def load_public(text):
    """Show the loader of public keys a setting. Returns whether it took it."""
    environment = {"LYCHGATE_ISSUER": ISSUER, "LYCHGATE_PUBLIC_KEYS": text}
    try:
        keys = VerifierSettings.from_environment(environment).keys
    except ConfigurationError as refused:
        assert refused.variable == "LYCHGATE_PUBLIC_KEYS"
        return False
    for key in keys.keys:
        assert isinstance(key.algorithm, pyjwt.Algorithm)
        assert key.verify(b"", b"") is False
    assert set(keys.published(0)) == {"keys"}
    return True


def load_private(text):
    """Show the loader of private keys a parameter. Returns whether it took it."""
    try:
        secrets = SigningSecrets.from_json(text, source="/p")
    except ConfigurationError as refused:
        assert refused.variable == "/p"
        return False
    for key in secrets.signing_keys.keys:
        assert key.starts_at >= 0
    return True


def register(username, password):
    """Ask whether a name and a password may be registered. Returns whether both may."""
    username = normalised_username(username)
    refusal = new_username_error(username)
    if refusal is None:
        assert username_error(username) is None
        assert canonical_username(canonical_username(username)) == canonical_username(username)
        assert username.isprintable()
        assert len(username.encode()) <= MAX_USERNAME_BYTES
    else:
        assert refusal.isprintable()
    problem = POLICY.problem(password, username if refusal is None else None)
    assert problem is None or problem.isprintable()
    return refusal is None and problem is None


def check(password, stored):
    """Check a password against a stored hash that may be damaged. Returns whether it fits."""
    HASHER.needs_rehash(stored)
    return HASHER.verify(password, stored)
