"""Tokens as they should be, and as attackers make them."""

import base64
import json
import re
from dataclasses import replace
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.errors import InvalidGrant, InvalidToken
from chalicelib.tokens.issuer import TokenIssuer
from chalicelib.tokens.keys import (
    generate_signing_jwk,
    parse_signing_keys,
    parse_verification_keys,
    public_jwks,
    thumbprint,
)
from chalicelib.tokens.kinds import ACCESS_TOKEN, DEVICE_TOKEN, REFRESH_TOKEN
from chalicelib.tokens.principals import Principal, RefreshGrant
from chalicelib.tokens.verifier import TokenVerifier
from tests.support.samples import ALICE, CLAIMS, ISSUER, NOW, SESSION

FOR_NOW = {"unknown kid", "the key is retired", "wrong iss", "wrong aud", "issued in the future", "not yet good"}
"""The reasons that another time, other keys or other settings would take away."""

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "hostile_access_tokens.json").read_text())


def segment(content):
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def decoded(compact, part):
    text = compact.split(".")[part]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def changed(members, changes):
    """Apply a vector's changes: null takes a member away, NOW+n is a time."""
    merged = members | {
        name: NOW + int(value[3:] or 0) if isinstance(value, str) and value.startswith("NOW") else value
        for name, value in changes.items()
    }
    return {name: value for name, value in merged.items() if not (name in changes and changes[name] is None)}


P256_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
P256_P = 2**256 - 2**224 + 2**192 + 2**96 - 1


def raw_signature(how, der):
    """Write the two numbers that a vector names instead of those of the real signature."""
    r, s = decode_dss_signature(der)
    n = P256_N
    numbers = {
        "0": 0,
        "1": 1,
        "n": n,
        "n-1": n - 1,
        "p": P256_P,
        "r": r,
        "s": s,
        "n-r": n - r,
        "r+n": r + n,
        "s+n": s + n,
    }
    r, s = numbers[how["r"]], numbers[how["s"]]
    octets = how.get("octets", 32 + (max(r, s) >= 2**256))
    return r.to_bytes(octets, "big") + s.to_bytes(octets, "big") + bytes(how.get("behind", 0))


def sign(how, signing_input, jwk, key):
    der = key.sign(signing_input.encode(), ec.ECDSA(hashes.SHA256()))
    raw = jwt.utils.der_to_raw_signature(der, key.curve)
    if isinstance(how, dict):
        return raw_signature(how, der)
    return {
        "our_key": lambda: raw,
        "nothing": lambda: b"",
        "zeros": lambda: bytes(64),
        "der": lambda: der,
        "short": lambda: raw[:-1],
        "long": lambda: raw + b"\0",
        "another_key": lambda: jwt.utils.der_to_raw_signature(
            ec.generate_private_key(ec.SECP256R1()).sign(signing_input.encode(), ec.ECDSA(hashes.SHA256())), key.curve
        ),
        "hmac_with_public_key": lambda: jwt.get_algorithm_by_name("HS256").sign(
            signing_input.encode(), json.dumps({k: jwk[k] for k in ("crv", "kty", "x", "y")}).encode()
        ),
    }[how]()


def forge(vector, jwk, key):
    """Make the token that a vector describes, signed by the real key unless the vector says otherwise."""
    header = changed({"alg": "ES256", "kid": jwk["kid"], "typ": "at+jwt"}, vector.get("header", {}))
    header_text = vector.get("header_text", json.dumps(header)).replace("{kid}", jwk["kid"])
    claims = changed(CLAIMS, vector.get("claims", {}))
    claims_text = vector.get("claims_text", json.dumps(claims, ensure_ascii=False))
    header_segment = segment(header_text.encode())
    payload_segment = segment(claims_text.encode(vector.get("claims_encoding", "utf-8")))
    signature = sign(vector.get("sign", "our_key"), f"{header_segment}.{payload_segment}", jwk, key)
    if "claims_after_signing" in vector:
        payload_segment = segment(json.dumps(changed(claims, vector["claims_after_signing"])).encode())
    return vector.get("compact", "{header}.{payload}.{signature}").format(
        header=header_segment,
        payload=payload_segment,
        signature=segment(signature),
        respelt_signature=respelt(segment(signature)),
        filler="A" * 4096,
    )


def respelt(text):
    """Spell the same bytes with another last character, whose two or four spare bits are not zero."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return text and text[:-1] + alphabet[alphabet.index(text[-1]) | 1]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_refuses_a_hostile_access_token(vector, verifier, signing_jwk, signing_key):
    with pytest.raises(InvalidToken) as refusal:
        verifier.verify(ACCESS_TOKEN, forge(vector, signing_jwk, signing_key.private_key))
    assert vector["reason"] in refusal.value.reason
    assert refusal.value.message == InvalidToken.detail


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_a_final_refusal_is_one_whatever_comes_and_every_other_hangs_on_time_keys_or_settings(
    vector, verifier, signing_jwk, signing_key, clock
):
    token = forge(vector, signing_jwk, signing_key.private_key)
    with pytest.raises(InvalidToken) as refusal:
        verifier.verify(ACCESS_TOKEN, token)
    assert refusal.value.is_final is not any(refusal.value.reason.startswith(reason) for reason in FOR_NOW)
    if refusal.value.is_final:
        for later in (1, 10, 600, 10**9):
            clock.now = NOW + later
            with pytest.raises(InvalidToken):
                verifier.verify(ACCESS_TOKEN, token)


def test_a_token_that_is_refused_for_now_is_taken_with_other_keys_or_settings_or_when_its_time_has_come(
    issuer, signing_jwk, verification_keys, clock
):
    token = issuer.access_token(ALICE, SESSION, NOW)
    strangers = parse_verification_keys(public_jwks({"keys": [generate_signing_jwk()]}))
    retired = parse_verification_keys(public_jwks({"keys": [signing_jwk | {"exp": NOW - 1}]}))
    good = {"issuer": ISSUER, "audience": ISSUER, "keys": verification_keys}
    refused = []
    for changes, now in (
        ({"keys": strangers}, NOW),
        ({"keys": retired}, NOW),
        ({"issuer": "https://other.example/api"}, NOW),
        ({"audience": "https://other.example/api"}, NOW),
        ({}, NOW - 11),
    ):
        clock.now = now
        with pytest.raises(InvalidToken) as refusal:
            TokenVerifier(**good | changes, clock=clock).verify(ACCESS_TOKEN, token)
        assert not refusal.value.is_final
        refused.append(refusal.value.reason)
        clock.now = NOW
        assert TokenVerifier(**good, clock=clock).verify(ACCESS_TOKEN, token).user_id == "u1"
    assert {*refused, "not yet good"} == FOR_NOW


def test_a_bug_in_the_verifier_is_no_final_refusal(verification_keys, issuer):
    def broken():
        raise RuntimeError

    verifier = TokenVerifier(issuer=ISSUER, audience=ISSUER, keys=verification_keys, clock=broken)
    with pytest.raises(InvalidToken, match=InvalidToken.detail) as refusal:
        verifier.verify(ACCESS_TOKEN, issuer.access_token(ALICE, SESSION, NOW))
    assert not refusal.value.is_final


def test_accepts_the_token_that_all_vectors_are_made_from(verifier, signing_jwk, signing_key):
    principal = verifier.verify(ACCESS_TOKEN, forge({}, signing_jwk, signing_key.private_key))
    assert principal == Principal("u1", "alice", "s1", "j1", ("user",), NOW + 600, NOW)


def test_every_vector_names_its_source():
    assert all(re.match(r"RFC \d{4} [\d.]+$", vector["source"]) for vector in VECTORS)
    assert len({vector["name"] for vector in VECTORS}) == len(VECTORS)


# Best practices of RFC 8725 for whoever verifies; 3.5, the strength of keys, is in weak_public_keys.json.
@pytest.mark.parametrize("section", ["3.1", "3.2", "3.3", "3.4", "3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12"])
def test_every_section_of_rfc_8725_has_a_vector(section):
    assert any(vector["source"] == f"RFC 8725 {section}" for vector in VECTORS)


@pytest.mark.parametrize("section", ["2.2", "2.2.3.1", "4"])
def test_every_section_of_rfc_9068_that_concerns_a_verifier_has_a_vector(section):
    assert any(vector["source"] == f"RFC 9068 {section}" for vector in VECTORS)


@pytest.mark.parametrize("ahead", [0, 10])
def test_a_token_that_is_good_since_now_is_taken_with_ten_seconds_of_leeway(ahead, verifier, signing_jwk, signing_key):
    """RFC 7519 section 4.1.5."""
    access_token = forge({"claims": {"nbf": f"NOW+{ahead}"}}, signing_jwk, signing_key.private_key)
    assert verifier.verify(ACCESS_TOKEN, access_token).user_id == "u1"


def test_a_header_written_otherwise_that_says_the_same_is_taken(verifier, signing_jwk, signing_key):
    """RFC 7515 section 4: the order of members and white space mean nothing."""
    spaced = '{ "typ": "at+jwt",\n  "kid": "{kid}", "\\u0061lg": "ES256" }'
    access_token = forge({"header_text": spaced}, signing_jwk, signing_key.private_key)
    assert verifier.verify(ACCESS_TOKEN, access_token).user_id == "u1"


def test_claims_that_nobody_asked_for_change_nothing_of_ours(verifier, signing_jwk, signing_key):
    """RFC 7519 section 4: claims that are not understood must be ignored. Those of the site stand apart from ours."""
    more = {"claims": {"admin": True, "user_id": "u2", "exp2": 0, "cnf": {"jkt": "x"}}}
    principal = verifier.verify(ACCESS_TOKEN, forge(more, signing_jwk, signing_key.private_key))
    own = {"admin": True, "user_id": "u2", "exp2": 0}
    assert principal == Principal("u1", "alice", "s1", "j1", ("user",), NOW + 600, NOW, claims=own)


@pytest.mark.parametrize("value", [None, 7, b"a.b.c", ["a.b.c"], True])
def test_what_is_no_text_is_refused(verifier, value):
    with pytest.raises(InvalidToken):
        verifier.verify(ACCESS_TOKEN, value)
    with pytest.raises(InvalidGrant):
        verifier.verify(REFRESH_TOKEN, value)


def test_no_token_makes_the_verifier_open_anything(verifier, signing_jwk, signing_key, monkeypatch):
    """RFC 8725 section 3.10: an unknown kid, a jku or an x5u must not become a request."""

    def touched(*args, **kwargs):
        raise AssertionError("I/O")

    monkeypatch.setattr("socket.socket.connect", touched)
    monkeypatch.setattr("socket.getaddrinfo", touched)
    monkeypatch.setattr("builtins.open", touched)
    monkeypatch.setattr("io.open", touched)
    for vector in VECTORS:
        with pytest.raises(InvalidToken) as refusal:
            verifier.verify(ACCESS_TOKEN, forge(vector, signing_jwk, signing_key.private_key))
        assert "AssertionError" not in refusal.value.reason


def test_an_access_token_says_who_where_and_until_when(issuer, verifier):
    access_token = issuer.access_token(replace(ALICE, username="Ålice"), SESSION, NOW)
    principal = verifier.verify(ACCESS_TOKEN, access_token)
    assert principal == Principal("u1", "Ålice", "s1", principal.token_id, ("editor", "user"), NOW + 600, NOW)
    assert decoded(access_token, 0)["typ"] == "at+jwt"


def test_the_header_of_an_issued_token_is_known_without_parsing(issuer, verifier):
    header = issuer.access_token(ALICE, SESSION, NOW).split(".")[0]
    assert header in verifier._known_headers


def test_no_two_access_tokens_have_one_jti(issuer, verifier):
    ids = {verifier.verify(ACCESS_TOKEN, issuer.access_token(ALICE, SESSION, NOW)).token_id for _ in range(20)}
    assert len(ids) == 20


def test_an_access_token_never_outlives_its_session(issuer):
    access_token = issuer.access_token(ALICE, SESSION, SESSION.expires_at - 5)
    assert decoded(access_token, 1)["exp"] == SESSION.expires_at


def test_an_access_token_is_good_until_the_second_before_its_exp(issuer, verifier, clock):
    access_token = issuer.access_token(ALICE, SESSION, NOW)
    clock.now = NOW + 599
    assert verifier.verify(ACCESS_TOKEN, access_token).user_id == "u1"
    clock.now = NOW + 600
    with pytest.raises(InvalidToken):
        verifier.verify(ACCESS_TOKEN, access_token)


def test_an_issuer_whose_clock_is_ten_seconds_ahead_is_believed(issuer, verifier, clock):
    clock.now = NOW - 10
    assert verifier.verify(ACCESS_TOKEN, issuer.access_token(ALICE, SESSION, NOW)).user_id == "u1"


def test_a_refresh_token_says_which_session_and_which_of_its_tokens(issuer, verifier):
    grant = verifier.verify(REFRESH_TOKEN, issuer.refresh_token(replace(SESSION, refresh_counter=3), NOW))
    assert grant == RefreshGrant("u1", "s1", 3, SESSION.expires_at)


@pytest.mark.parametrize("alg", ["ES256", "RS256", "EdDSA"])
def test_a_refresh_token_issued_again_is_the_same_octet_for_octet(alg):
    keys = parse_signing_keys({"keys": [generate_signing_jwk(alg)]})
    issuer = TokenIssuer(issuer=ISSUER, audience=ISSUER, signing_keys=keys, access_lifetime=600)
    assert issuer.refresh_token(SESSION, NOW) == issuer.refresh_token(SESSION, NOW + 5)


def test_es256_signs_as_rfc_6979_says():
    """RFC 6979 appendix A.2.5, with SHA-256 and the message "sample"."""
    jwk = {
        "kty": "EC",
        "crv": "P-256",
        "d": segment(bytes.fromhex("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721")),
        "x": segment(bytes.fromhex("60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6")),
        "y": segment(bytes.fromhex("7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299")),
        "alg": "ES256",
        "use": "sig",
    }
    (key,) = parse_signing_keys({"keys": [jwk | {"kid": thumbprint(jwk)}]}).keys
    r = "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"
    s = "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"
    assert key.sign(b"sample") == bytes.fromhex(r + s)


def test_a_refresh_token_holds_nothing_beyond_what_it_needs(issuer):
    claims = decoded(issuer.refresh_token(SESSION, NOW), 1)
    assert set(claims) == {"iss", "sub", "aud", "exp", "iat", "sid", "counter"}


def test_a_refresh_token_is_no_access_token(issuer, verifier):
    with pytest.raises(InvalidToken) as refusal:
        verifier.verify(ACCESS_TOKEN, issuer.refresh_token(SESSION, NOW))
    assert refusal.value.reason == "typ is not at+jwt"


def test_an_access_token_is_no_refresh_token(issuer, verifier):
    with pytest.raises(InvalidGrant) as refusal:
        verifier.verify(REFRESH_TOKEN, issuer.access_token(ALICE, SESSION, NOW))
    assert refusal.value.reason == "typ is not refresh+jwt"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"counter": None}, "counter is missing"),
        ({"counter": "3"}, "counter is missing"),
        ({"counter": -1}, "counter is missing"),
        ({"counter": True}, "counter is missing"),
        ({"aud": ISSUER}, "wrong aud"),
        ({"sid": None}, "sid is missing"),
        ({"sub": ""}, "sub is missing"),
        ({"exp": NOW}, "expired"),
        ({"exp": float(NOW + 60)}, "exp is missing"),
        ({"iat": NOW + 11}, "issued in the future"),
        ({"nbf": NOW + 11}, "not yet good"),
        ({"iss": "https://other.example"}, "wrong iss"),
    ],
)
def test_refuses_a_hostile_refresh_token(changes, reason, issuer, verifier, signing_jwk, signing_key):
    claims = changed(decoded(issuer.refresh_token(SESSION, NOW), 1), changes)
    forged = jwt.encode(claims, signing_key.private_key, "ES256", {"typ": "refresh+jwt", "kid": signing_jwk["kid"]})
    with pytest.raises(InvalidGrant) as refusal:
        verifier.verify(REFRESH_TOKEN, forged)
    assert reason in refusal.value.reason


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}", fullmatch=True))
def test_nothing_but_a_refusal_ever_comes_of_junk(verifier, junk):
    with pytest.raises(InvalidToken):
        verifier.verify(ACCESS_TOKEN, junk)
    with pytest.raises(InvalidGrant):
        verifier.verify(REFRESH_TOKEN, junk)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(data=st.data())
def test_no_single_changed_character_survives(verifier, issuer, data):
    access_token = issuer.access_token(ALICE, SESSION, NOW)
    position = data.draw(st.integers(0, len(access_token) - 1))
    character = data.draw(st.characters(codec="ascii").filter(lambda other: other != access_token[position]))
    with pytest.raises(InvalidToken):
        verifier.verify(ACCESS_TOKEN, access_token[:position] + character + access_token[position + 1 :])


def test_claims_nested_beyond_the_parser_are_refused(verifier, signing_jwk, signing_key):
    nested = "[" * 1400 + "]" * 1400
    forged = forge({"claims_text": f'{{"a": {nested}}}'}, signing_jwk, signing_key.private_key)
    with pytest.raises(InvalidToken):
        verifier.verify(ACCESS_TOKEN, forged)


class TestOnALaptop:
    """A server on this machine that starts on another port has another issuer, the same keys and the same sessions."""

    AT_8000, AT_9100 = "http://127.0.0.1:8000/api", "http://localhost:9100"

    @pytest.fixture
    def at(self, signing_keys, verification_keys, clock):
        def at(issuer):
            parties = {"issuer": issuer, "audience": issuer}
            return (
                TokenIssuer(**parties, signing_keys=signing_keys, access_lifetime=600),
                TokenVerifier(**parties, keys=verification_keys, clock=clock),
            )

        return at

    @pytest.mark.parametrize(("first", "second"), [(AT_8000, AT_9100), (AT_9100, AT_8000), (AT_8000, "http://[::1]:1")])
    def test_a_session_and_a_known_device_go_on_at_another_port(self, at, first, second):
        issuer, _ = at(first)
        _, verifier = at(second)
        assert verifier.verify(REFRESH_TOKEN, issuer.refresh_token(SESSION, NOW)).session_id == SESSION.id
        assert verifier.verify(DEVICE_TOKEN, issuer.device_token("u1", "d1", NOW)).device_id == "d1"

    def test_an_access_token_is_for_the_address_that_it_names(self, at):
        issuer, _ = at(self.AT_8000)
        _, verifier = at(self.AT_9100)
        with pytest.raises(InvalidToken) as refused:
            verifier.verify(ACCESS_TOKEN, issuer.access_token(ALICE, SESSION, NOW))
        assert refused.value.reason == "wrong iss"

    def test_a_token_for_another_endpoint_is_none_for_refreshing_there(self, at, signing_key):
        genuine = at(self.AT_8000)[0].refresh_token(SESSION, NOW)
        claims = decoded(genuine, 1) | {"aud": f"{self.AT_9100}/auth/refresh"}
        signing_input = f"{genuine.split('.')[0]}.{segment(json.dumps(claims).encode())}"
        _, verifier = at(self.AT_9100)
        with pytest.raises(InvalidGrant) as refused:
            verifier.verify(REFRESH_TOKEN, f"{signing_input}.{segment(signing_key.sign(signing_input.encode()))}")
        assert refused.value.reason == "wrong aud"

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ("https://site.example/api", AT_8000),
            (AT_8000, "https://site.example/api"),
            ("https://site.example/api", "https://other.example/api"),
            ("http://127.0.0.1.site.example/api", AT_8000),
        ],
    )
    def test_a_token_of_any_other_address_stays_refused(self, at, first, second):
        issuer, _ = at(first)
        _, verifier = at(second)
        with pytest.raises(InvalidGrant) as refused:
            verifier.verify(REFRESH_TOKEN, issuer.refresh_token(SESSION, NOW))
        assert refused.value.reason == "wrong iss"
