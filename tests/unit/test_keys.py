"""Which key sets are taken, and which are refused with a reason."""

import json
import re
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from chalicelib.errors import InvalidToken, ServiceUnavailable
from chalicelib.tokens.issuer import TokenIssuer
from chalicelib.tokens.keys import (
    generate_signing_jwk,
    parse_signing_keys,
    parse_verification_keys,
    public_jwks,
    thumbprint,
)
from chalicelib.tokens.kinds import ACCESS_TOKEN
from chalicelib.tokens.verifier import TokenVerifier
from tests.support.samples import ALICE, NOW, SESSION

WEAK_KEYS = json.loads((Path(__file__).parent.parent / "vectors" / "weak_public_keys.json").read_text())


def complete(jwk, alg):
    return {**jwk, "alg": alg, "use": "sig", "kid": thumbprint(jwk)}


def rsa_jwk(bits):
    jwk = RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, bits), as_dict=True)
    del jwk["key_ops"]
    return complete(jwk, "RS256")


def make_issuer(*private):
    keys = parse_signing_keys({"keys": list(private)})
    return TokenIssuer(issuer="https://i.example", audience="a", signing_keys=keys, access_lifetime=600)


def make_verifier(public, clock=lambda: NOW):
    keys = parse_verification_keys(public)
    return TokenVerifier(issuer="https://i.example", audience="a", keys=keys, clock=clock)


def test_the_thumbprint_is_that_of_the_rfc():
    # RFC 7638 section 3.1.
    n = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3okn"
        "jhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6q"
        "MQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awap"
        "JzKnqDKgw"
    )
    assert thumbprint({"kty": "RSA", "n": n, "e": "AQAB"}) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_a_new_key_is_good_to_sign_and_its_public_half_to_verify():
    jwk = generate_signing_jwk()
    assert parse_signing_keys({"keys": [jwk]}).current(NOW).kid == jwk["kid"]
    assert jwk["kid"] in parse_verification_keys(public_jwks({"keys": [jwk]}))


def test_no_kid_passes_for_an_option_of_a_command():
    assert not any(generate_signing_jwk("EdDSA")["kid"].startswith("-") for _ in range(500))


def test_the_public_set_holds_nothing_private():
    public = public_jwks({"keys": [generate_signing_jwk(), rsa_jwk(2048)], "pepper": "secret"})
    assert set(public) == {"keys"}
    assert [sorted(jwk) for jwk in public["keys"]] == [
        ["alg", "crv", "kid", "kty", "use", "x", "y"],
        ["alg", "e", "kid", "kty", "n", "use"],
    ]


@pytest.mark.parametrize("alg", ["ES256", "EdDSA", "RS256"])
def test_tokens_of_each_algorithm_verify(alg):
    jwk = generate_signing_jwk(alg)
    access_token = make_issuer(jwk).access_token(ALICE, SESSION, NOW)
    assert jwt.get_unverified_header(access_token)["alg"] == alg
    assert make_verifier(public_jwks({"keys": [jwk]})).verify(ACCESS_TOKEN, access_token).user_id == "u1"


class TestTime:
    """When a key signs and verifies is data, and the clock reads it."""

    @pytest.fixture
    def old(self):
        return generate_signing_jwk()

    @pytest.fixture
    def new(self):
        return generate_signing_jwk() | {"nbf": NOW + 3600}

    def signer(self, now, *private):
        return parse_signing_keys({"keys": list(private)}).current(now)

    def test_a_new_key_signs_from_the_second_in_its_nbf_on_without_a_restart(self, old, new, clock):
        issuer = make_issuer(old, new)

        def kid():
            return jwt.get_unverified_header(issuer.refresh_token(SESSION, clock.now))["kid"]

        clock.now = NOW + 3599
        assert kid() == old["kid"]
        clock.now = NOW + 3600
        assert kid() == new["kid"]

    def test_the_newest_signs_wherever_it_stands_in_the_set(self, old, new):
        assert self.signer(NOW + 3600, new, old).kid == new["kid"]

    def test_of_keys_that_started_together_the_last_signs(self, old):
        last = generate_signing_jwk()
        assert self.signer(NOW, old, last).kid == last["kid"]

    def test_old_keys_still_verify_after_a_new_one_signs(self, old, new):
        access_token = make_issuer(old).access_token(ALICE, SESSION, NOW)
        verifier = make_verifier(public_jwks({"keys": [old, new]}), clock=lambda: NOW + 599)
        assert verifier.verify(ACCESS_TOKEN, access_token).user_id == "u1"

    def test_a_key_verifies_until_the_second_before_its_exp(self, old, clock):
        access_token = make_issuer(old).access_token(ALICE, SESSION, NOW)
        verifier = make_verifier(public_jwks({"keys": [old | {"exp": NOW + 60}]}), clock=clock)
        clock.now = NOW + 59
        assert verifier.verify(ACCESS_TOKEN, access_token).user_id == "u1"
        clock.now = NOW + 60
        with pytest.raises(InvalidToken) as refusal:
            verifier.verify(ACCESS_TOKEN, access_token)
        assert refusal.value.reason == "the key is retired"

    def test_a_retired_key_signs_nothing(self, old, new):
        assert self.signer(NOW + 3600, old, new | {"exp": NOW + 3600}).kid == old["kid"]
        with pytest.raises(ServiceUnavailable):
            self.signer(NOW, old | {"exp": NOW}, new)

    def test_a_key_that_verifiers_do_not_know_does_not_sign(self, old, new):
        ring = parse_signing_keys({"keys": [old, new]})
        deployed_before = parse_verification_keys(public_jwks({"keys": [old]}))
        assert ring.known_to(deployed_before).current(NOW + 3600).kid == old["kid"]

    def test_the_published_set_holds_standard_members_of_good_keys_only(self, old, new):
        keys = parse_verification_keys(public_jwks({"keys": [old | {"exp": NOW + 60}, new]}))
        assert [jwk["kid"] for jwk in keys.published(NOW)["keys"]] == [old["kid"], new["kid"]]
        members = {name for jwk in keys.published(NOW)["keys"] for name in jwk}
        assert members == {"kty", "crv", "x", "y", "alg", "use", "kid"}
        assert [jwk["kid"] for jwk in keys.published(NOW + 60)["keys"]] == [new["kid"]]

    def test_the_public_set_says_when_a_key_is_retired_and_nothing_else_of_its_life(self, old):
        (public,) = public_jwks({"keys": [old | {"exp": NOW, "nbf": 1, "iat": 1, "comment": "x"}]})["keys"]
        assert public["exp"] == NOW
        assert not {"nbf", "iat", "comment", "d"} & public.keys()

    def test_a_revoked_key_has_no_public_half(self, old, new):
        public = public_jwks({"keys": [old | {"revoked": {"revoked_at": NOW}}, new]})
        assert [jwk["kid"] for jwk in public["keys"]] == [new["kid"]]

    @pytest.mark.parametrize("member", ["nbf", "exp"])
    @pytest.mark.parametrize("value", ["tomorrow", -1, 1.5, True, None, [], {}])
    def test_a_time_that_is_none_is_refused(self, old, member, value):
        with pytest.raises(ValueError, match=f"{member} is not a NumericDate"):
            parse_signing_keys({"keys": [old | {member: value}]})


def _off_the_curve(jwk):
    return {**jwk, "y": jwk["x"], "kid": thumbprint({**jwk, "y": jwk["x"]})}


BAD_PUBLIC_SETS = {
    "no set": ([], "must be a JWK Set"),
    "a text": ("keys", "must be a JWK Set"),
    "keys is no list": ({"keys": {}}, "must be a JWK Set"),
    "a key is no object": ({"keys": ["key"]}, "must be a JWK Set"),
    "no key": ({"keys": []}, "holds no key"),
}


@pytest.mark.parametrize(("jwks", "problem"), BAD_PUBLIC_SETS.values(), ids=BAD_PUBLIC_SETS)
def test_refuses_what_is_no_key_set(jwks, problem):
    with pytest.raises(ValueError, match=problem):
        parse_verification_keys(jwks)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda jwk: jwk | {"d": "AAAA"}, "private member"),
        (lambda jwk: {"kty": "oct", "k": "c2VjcmV0", "alg": "HS256", "use": "sig", "kid": "k"}, "private member"),
        (lambda jwk: jwk | {"alg": "HS256"}, "alg is not one of"),
        (lambda jwk: jwk | {"alg": "none"}, "alg is not one of"),
        (lambda jwk: {k: v for k, v in jwk.items() if k != "alg"}, "alg is not one of"),
        (lambda jwk: jwk | {"alg": "RS256"}, "do not fit its alg"),
        (lambda jwk: jwk | {"crv": "P-384"}, "do not fit its alg"),
        (lambda jwk: jwk | {"use": "enc"}, 'use is not "sig"'),
        (lambda jwk: {k: v for k, v in jwk.items() if k != "use"}, 'use is not "sig"'),
        (lambda jwk: jwk | {"kid": "mine"}, "thumbprint"),
        (lambda jwk: {k: v for k, v in jwk.items() if k != "kid"}, "thumbprint"),
        (lambda jwk: jwk | {"x": jwk["x"] + "="}, "not base64url"),
        (lambda jwk: jwk | {"x": 7}, "not base64url"),
        (lambda jwk: {k: v for k, v in jwk.items() if k != "x"}, "x is missing"),
        (lambda jwk: jwk | {"x": "AAAA"}, "not 32 octets"),
        (lambda jwk: jwk | {"x": jwk["x"][:-1] + "!"}, "not base64url"),
        (lambda jwk: jwk | {"x": ""}, "not base64url"),
        (lambda jwk: jwk | {"alg": ["ES256"]}, "alg is not one of"),
        (lambda jwk: jwk | {"kty": ["EC"]}, "do not fit its alg"),
        (_off_the_curve, "malformed"),
    ],
)
def test_refuses_a_public_key_that_is_not_as_it_should_be(change, problem):
    good = public_jwks({"keys": [generate_signing_jwk()]})["keys"][0]
    with pytest.raises(ValueError, match=problem):
        parse_verification_keys({"keys": [change(good)]})


def test_refuses_two_keys_with_one_kid():
    jwk = public_jwks({"keys": [generate_signing_jwk()]})["keys"][0]
    with pytest.raises(ValueError, match="two keys with one kid"):
        parse_verification_keys({"keys": [jwk, jwk]})


@pytest.mark.parametrize("vector", WEAK_KEYS, ids=lambda vector: vector["name"])
def test_refuses_a_weak_key(vector):
    jwk = {**vector["jwk"], "use": "sig", "kid": thumbprint(vector["jwk"])}
    with pytest.raises(ValueError, match=re.escape(vector["reason"])):
        parse_verification_keys({"keys": [jwk]})


def test_every_weak_key_names_its_source():
    assert all(vector["source"] for vector in WEAK_KEYS)
    assert len({vector["name"] for vector in WEAK_KEYS}) == len(WEAK_KEYS)


@pytest.mark.parametrize("alg", ["ES256", "EdDSA", "RS256"])
def test_keys_of_our_making_are_not_taken_for_weak(alg):
    for _ in range(3 if alg == "RS256" else 30):
        parse_verification_keys(public_jwks({"keys": [generate_signing_jwk(alg)]}))


@pytest.mark.parametrize("key_ops", [["verify"], ["sign", "verify"]])
def test_takes_key_ops_that_allow_what_the_key_is_for(key_ops):
    (public,) = public_jwks({"keys": [generate_signing_jwk()]})["keys"]
    assert public["kid"] in parse_verification_keys({"keys": [public | {"key_ops": key_ops}]})


@pytest.mark.parametrize("key_ops", [["sign"], [], ["encrypt"], ["verify", "encrypt"], "verify", None, [["verify"]]])
def test_refuses_key_ops_that_do_not(key_ops):
    (public,) = public_jwks({"keys": [generate_signing_jwk()]})["keys"]
    with pytest.raises(ValueError, match="key_ops"):
        parse_verification_keys({"keys": [public | {"key_ops": key_ops}]})


@pytest.mark.parametrize("alg", ["ES256", "EdDSA", "RS256"])
def test_refuses_a_private_key_that_is_not_that_of_its_public_half(alg):
    one, other = generate_signing_jwk(alg), generate_signing_jwk(alg)
    with pytest.raises(ValueError, match=r"malformed|does not belong"):
        parse_signing_keys({"keys": [one | {"d": other["d"]}]})


def test_an_rsa_key_may_do_without_its_primes():
    jwk = generate_signing_jwk("RS256")
    short = {name: value for name, value in jwk.items() if name not in {"p", "q", "dp", "dq", "qi"}}
    access_token = make_issuer(short).access_token(ALICE, SESSION, NOW)
    assert make_verifier(public_jwks({"keys": [jwk]})).verify(ACCESS_TOKEN, access_token).user_id == "u1"


def test_refuses_two_private_keys_with_one_kid():
    jwk = generate_signing_jwk()
    with pytest.raises(ValueError, match="two keys with one kid"):
        parse_signing_keys({"keys": [jwk, jwk]})


@pytest.mark.parametrize("change", [{"use": "enc"}, {"key_ops": ["verify"]}, {"alg": "HS256"}, {"kid": "mine"}])
def test_refuses_a_private_key_that_is_not_for_signing(change):
    with pytest.raises(ValueError, match=r"use|key_ops|alg|kid"):
        parse_signing_keys({"keys": [generate_signing_jwk() | change]})


def test_refuses_a_curve_that_no_algorithm_here_uses():
    jwk = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP384R1()).public_key(), as_dict=True)
    with pytest.raises(ValueError, match="do not fit its alg"):
        parse_verification_keys({"keys": [complete(jwk, "ES256")]})


def test_refuses_to_sign_with_a_public_key():
    with pytest.raises(ValueError, match="no member d"):
        parse_signing_keys(public_jwks({"keys": [generate_signing_jwk()]}))


def test_no_error_quotes_key_material():
    jwk = generate_signing_jwk() | {"use": "enc"}
    with pytest.raises(ValueError, match="use") as refusal:
        parse_signing_keys({"keys": [jwk]})
    assert jwk["d"] not in str(refusal.value)
    assert json.dumps(jwk) not in str(refusal.value)
