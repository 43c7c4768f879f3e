"""Other people's libraries verify our tokens by what the API publishes, over HTTP."""

import json
import time
import urllib.request
from dataclasses import replace
from http.server import BaseHTTPRequestHandler

import jwt
import pytest
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import KeySet

from chalicelib.tokens.issuer import TokenIssuer
from chalicelib.tokens.keys import generate_signing_jwk, parse_signing_keys, public_jwks
from tests.support.api_client import in_process
from tests.support.application import application
from tests.support.http_servers import serving
from tests.support.samples import SESSION, USER

ALGORITHMS = ["ES256", "RS256", "EdDSA"]


class Site:
    """The API behind a socket of the loopback interface, and an issuer of its tokens."""

    def __init__(self):
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                answer = site.client.request("GET", self.path.removeprefix("/api"))
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, *args):
                pass

        self.handler = Handler

    def begin(self, port):
        self.origin = f"http://127.0.0.1:{port}"
        self.issuer = f"{self.origin}/api"

    def use(self, *keys):
        public_keys = json.dumps(public_jwks({"keys": list(keys)}))
        settings = {"LYCHGATE_ISSUER": self.issuer, "LYCHGATE_PUBLIC_KEYS": public_keys}
        self.client = in_process(application(settings))

    def access_token(self, *keys):
        issuer = TokenIssuer(
            issuer=self.issuer,
            audience=self.issuer,
            signing_keys=parse_signing_keys({"keys": list(keys)}),
            access_lifetime=600,
        )
        now = int(time.time())
        session = replace(SESSION, last_used_at=now, idle_expires_at=now + 1000, expires_at=now + 1000)
        return issuer.access_token(USER, session, now)

    def get(self, path):
        with urllib.request.urlopen(f"{self.issuer}{path}") as answer:
            return answer.headers, json.loads(answer.read())


@pytest.fixture
def site():
    site = Site()
    with serving(site.handler) as server:
        site.begin(server.server_port)
        yield site


@pytest.fixture(scope="module")
def keys():
    return {alg: generate_signing_jwk(alg) for alg in ALGORITHMS}


def test_the_configuration_is_public_cacheable_and_leads_to_the_keys(site, keys):
    site.use(*keys.values())
    headers, configuration = site.get("/.well-known/openid-configuration")
    assert headers["Content-Type"] == "application/json"
    assert headers["Cache-Control"] == "public, max-age=300"
    assert configuration["issuer"] == site.issuer
    assert configuration["jwks_uri"] == f"{site.issuer}/.well-known/jwks.json"
    assert configuration["id_token_signing_alg_values_supported"] == sorted(ALGORITHMS)
    with urllib.request.urlopen(configuration["jwks_uri"]) as answer:
        published = json.loads(answer.read())["keys"]
    assert [key["kid"] for key in published] == [key["kid"] for key in keys.values()]


def test_what_one_caller_is_allowed_is_not_remembered_for_the_next(site, keys):
    site.use(keys["ES256"])
    path = "/.well-known/jwks.json"
    assert "access-control-allow-origin" in site.client.request("GET", path, headers={"Origin": site.origin}).headers
    assert "access-control-allow-origin" not in site.client.request("GET", path).headers


def test_the_configuration_names_the_algorithms_of_good_keys_only(site, keys):
    site.use(keys["ES256"], keys["RS256"] | {"exp": 1})
    assert site.get("/.well-known/openid-configuration")[1]["id_token_signing_alg_values_supported"] == ["ES256"]
    assert [key["kid"] for key in site.get("/.well-known/jwks.json")[1]["keys"]] == [keys["ES256"]["kid"]]


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_pyjwts_client_finds_the_key_of_a_token_among_several(site, keys, alg):
    site.use(*keys.values())
    access_token = site.access_token(keys[alg])
    client = jwt.PyJWKClient(site.get("/.well-known/openid-configuration")[1]["jwks_uri"])
    key = client.get_signing_key_from_jwt(access_token)
    claims = jwt.decode(
        access_token,
        key,
        algorithms=ALGORITHMS,
        audience=site.issuer,
        issuer=site.issuer,
        options={"require": ["exp", "iat", "iss", "aud", "sub", "jti"]},
    )
    assert claims["sub"] == "u1"


def test_pyjwts_client_follows_a_rotation(site, keys):
    new = generate_signing_jwk()
    site.use(keys["ES256"])
    client = jwt.PyJWKClient(f"{site.issuer}/.well-known/jwks.json", cooldown_duration=0)
    assert client.get_signing_key_from_jwt(site.access_token(keys["ES256"])).key_id == keys["ES256"]["kid"]
    site.use(keys["ES256"], new)
    assert client.get_signing_key_from_jwt(site.access_token(new)).key_id == new["kid"]


# RFC 9864 prefers the name Ed25519 to EdDSA, and joserfc says so. Others know only the older one yet.
@pytest.mark.filterwarnings("ignore:EdDSA is deprecated via RFC 9864")
@pytest.mark.parametrize("alg", ALGORITHMS)
def test_joserfc_verifies_by_the_published_set(site, keys, alg):
    site.use(*keys.values())
    key_set = KeySet.import_key_set(site.get("/.well-known/jwks.json")[1])
    token = joserfc_jwt.decode(site.access_token(keys[alg]), key_set, algorithms=ALGORITHMS)
    registry = joserfc_jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": site.issuer},
        aud={"essential": True, "value": site.issuer},
        exp={"essential": True},
        sub={"essential": True},
    )
    registry.validate(token.claims)
    assert token.header["typ"] == "at+jwt"
    assert token.claims["sub"] == "u1"


def test_an_api_gateway_jwt_authorizer_finds_all_that_it_checks(site, keys):
    """Its documented steps: kid, alg RSA, the signature by jwks_uri of iss, then iss, aud, exp, nbf and iat."""
    site.use(keys["RS256"])
    access_token = site.access_token(keys["RS256"])
    header = jwt.get_unverified_header(access_token)
    claims = jwt.decode(access_token, options={"verify_signature": False})
    with urllib.request.urlopen(f"{claims['iss']}/.well-known/openid-configuration") as answer:
        configuration = json.loads(answer.read())
    assert configuration["issuer"] == claims["iss"]
    with urllib.request.urlopen(configuration["jwks_uri"]) as answer:
        (key,) = [key for key in json.loads(answer.read())["keys"] if key["kid"] == header["kid"]]
    assert (key["kty"], key["alg"], key["use"]) == ("RSA", "RS256", "sig")
    assert jwt.decode(access_token, jwt.PyJWK(key), ["RS256"], audience=site.issuer, issuer=site.issuer)["exp"]
