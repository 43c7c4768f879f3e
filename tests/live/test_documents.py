"""What the API says of itself."""

from email.utils import parsedate_to_datetime
from time import time
from urllib.parse import urlsplit

import jwt

from chalicelib.version import VERSION
from tests.support.live.diagnosis import OLD_VERSION
from tests.support.live.report import WrongError, check

# RFC 7518 section 6: members of private and of symmetric keys.
PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
# Seconds by which the clocks of this machine and of the API may differ.
CLOCK_SKEW = 30


def document(live, path):
    """The JSON object at a path. Raises WrongError if there is none."""
    answer = live.ask("GET", f"/api{path}")
    check(answer.status == 200 and answer.members, f"{answer}. A JSON object is wanted.", answer.remedy())
    return answer.members


def test_the_api_answers_below_api(live):
    health = document(live, "/health")
    check(
        health.get("status") == "ok" and isinstance(health.get("version"), str),
        "GET /api/health answered with JSON, but not with that of this API.",
        "Another API answers there: compare the origin of the distribution's behavior `/api/*` with the stack.",
    )


def test_the_api_has_the_version_of_this_checkout(api):
    version = document(api, "/health")["version"]
    check(
        version == VERSION,
        f"The API has version {version}, and this checkout is {VERSION}.",
        "Deploy this checkout, make deploy STAGE=…, or test with the checkout that was deployed.",
    )


def test_the_api_calls_itself_by_the_url_that_it_is_reached_at(api):
    configuration = document(api, "/.well-known/openid-configuration")
    issuer = configuration.get("issuer")
    # The development server calls itself the same on every port, so that its tokens survive a change of it.
    is_laptops = not api.site.over_tls and urlsplit(str(issuer)).hostname in {"127.0.0.1", "localhost"}
    wanted = issuer if is_laptops else f"{api.site.origin}/api"
    check(
        issuer == wanted and configuration.get("jwks_uri") == f"{wanted}/.well-known/jwks.json",
        f"issuer is {issuer!r}, jwks_uri {configuration.get('jwks_uri')!r}; they should begin with {wanted!r}.",
        "Set LYCHGATE_ISSUER of the stage to the site's URL and /api: make deploy STAGE=… Tokens of the old issuer are "
        "refused from then on: users log in again.",
    )


def test_the_published_keys_are_public_keys(api):
    keys = document(api, "/.well-known/jwks.json").get("keys")
    check(
        isinstance(keys, list) and keys and all(isinstance(key, dict) for key in keys),
        "GET /api/.well-known/jwks.json publishes no keys.",
        "Set LYCHGATE_PUBLIC_KEYS: see docs/keys.md.",
    )
    private = sorted({member for key in keys for member in key if member in PRIVATE_MEMBERS})
    private += [f"kty {key.get('kty')}" for key in keys if key.get("kty") not in {"EC", "RSA", "OKP"}]
    check(
        not private,
        f"GET /api/.well-known/jwks.json publishes members of private keys: {', '.join(private)}.",
        "Whoever read them can make tokens. Take the keys out of use at once: docs/keys.md, Emergency.",
    )


def test_the_openapi_document_is_there(api):
    found = document(api, "/openapi.json")
    check(
        str(found.get("openapi")).startswith("3.1") and "/auth/refresh" in found.get("paths", {}),
        "GET /api/openapi.json is not the OpenAPI 3.1 document of this API.",
        OLD_VERSION,
    )


def test_an_access_token_can_be_verified_with_the_published_keys_and_says_who_issued_it(api):
    """As anybody else would who knows the site's URL alone: by PyJWT, and not by the verifier of this project."""
    with api.client() as client:
        signed_in = client.signed_in()
        good = signed_in.status in {200, 201}
        check(good, f"{api.exchanges[-1]}. 201 or 200 is wanted.", api.exchanges[-1].remedy())
        tokens = signed_in.json
    keys = jwt.PyJWKSet.from_dict(document(api, "/.well-known/jwks.json")).keys
    skew = clock_skew(api.exchanges[-1])
    kid = jwt.get_unverified_header(tokens["access_token"]).get("kid")
    key = next((key for key in keys if key.key_id == kid), None)
    check(
        key is not None,
        f"The access token is signed with the key {kid}, which is not published.",
        "The key that signs was not deployed, or the document comes from a cache: see docs/keys.md.",
    )
    try:
        claims = jwt.decode(
            tokens["access_token"],
            key,
            algorithms=[key.algorithm_name],
            leeway=CLOCK_SKEW + abs(skew),
            options={"verify_aud": False, "require": ["iss", "sub", "aud", "exp", "iat", "jti", "sid"]},
        )
    except jwt.PyJWTError as refused:
        raise WrongError(
            f"The access token is refused with the published key {kid}: {refused}.",
            "The key that signs and the published one differ: see docs/keys.md.",
        ) from None
    issuer = document(api, "/.well-known/openid-configuration").get("issuer")
    check(
        (claims["iss"], claims["sub"]) == (issuer, tokens["user"]["id"]),
        f"The access token has iss {claims['iss']!r}, sub {claims['sub']!r}, and should have {issuer!r} and the "
        "user's id.",
        "Set LYCHGATE_ISSUER of the stage to the site's URL and /api: make deploy STAGE=…",
    )


def clock_skew(answer):
    """By how many seconds the clock behind an answer is ahead of this machine's; 0 if it does not say."""
    try:
        return parsedate_to_datetime(answer.headers.get("date", "")).timestamp() - time()
    except ValueError:
        return 0.0
