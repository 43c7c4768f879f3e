"""Each fault of the API's documents and of what stands before it fails the one check that is about it."""

import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from tests.smoke.conftest import OTHER_ORIGIN
from tests.smoke.faults import (
    BUCKET_SAYS_NO,
    CLOUDFRONT_SAYS_NO,
    GATEWAYS_OWN,
    answering,
    assert_fails_alone,
    below_api,
    having,
    on,
    on_request,
    path,
    with_json,
    without,
)
from tests.support.marks import each_third

FOREIGN = "https://foreign.example"
UP = "test_the_api_answers_below_api"
ISSUER = "test_the_api_calls_itself_by_the_url_that_it_is_reached_at"
PUBLIC_KEYS = "test_the_published_keys_are_public_keys"
VERIFIED = "test_an_access_token_can_be_verified_with_the_published_keys_and_says_who_issued_it"
CHALLENGE = "test_a_401_of_the_authorizer_is_a_problem_document_with_a_challenge"
NO_ROUTE = "test_an_unknown_route_is_a_404_also_where_a_token_may_be_taken_for_a_signature"
QUOTED = "test_no_answer_to_an_unknown_route_quotes_the_token"
HEADERS = "test_no_layer_takes_away_the_headers_that_every_answer_has"
MAY_ASK = "test_a_page_of_an_allowed_origin_may_ask"
JWKS = "/api/.well-known/jwks.json"


def refused(*, with_token):
    def matches(request, answer):
        return request.path == "/api/me" and answer.first == 401 and bool(request.header("Authorization")) is with_token

    return matches


def unknown_route(*, with_token):
    def matches(request, _answer):
        return "no-such-route-" in request.path and bool(request.header("Authorization")) is with_token

    return matches


def quoting_the_token(request, forward):
    """A fault that answers as is right, and says what was sent."""
    answer = forward(request)
    if not unknown_route(with_token=True)(request, answer):
        return answer
    return answer.with_json(lambda body: body.update(detail=f"'{request.header('Authorization')}' is no signature"))


def from_origin(origin, method="GET"):
    return lambda request, _answer: (request.first, request.header("Origin")) == (method, origin)


def renaming_the_challenge(answer):
    return answer.without("WWW-Authenticate").having("x-amzn-Remapped-WWW-Authenticate", "Bearer")


def publishing(change):
    """A fault that changes the published keys by a new one."""
    key = ec.generate_private_key(ec.SECP256R1())
    return on(path(JWKS), with_json(lambda body: change(body["keys"], key)))


def with_a_private_key(keys, key):
    keys.append(json.loads(ECAlgorithm.to_jwk(key)) | {"kid": "another", "alg": "ES256", "use": "sig"})


def with_another_under_the_name(keys, key):
    keys[0].update(json.loads(ECAlgorithm.to_jwk(key.public_key())))


DOCUMENTS = {
    "an API behind a distribution that sends it to the bucket": (
        UP,
        on(below_api, answering(403, BUCKET_SAYS_NO, "application/xml", Server="AmazonS3")),
        "The answer came from the bucket.",
    ),
    "an API behind a distribution that answers everything with the page": (
        UP,
        on_request(below_api, lambda request: replace(request, first="GET", path="/")),
        "The answer is a page where JSON is wanted.",
    ),
    "an API that the distribution cannot reach": (
        UP,
        on(below_api, answering(502, CLOUDFRONT_SAYS_NO, "text/html", Server="CloudFront")),
        "CloudFront's own error page",
    ),
    "an API at another stage's path": (
        UP,
        on(below_api, answering(403, b'{"message":"Forbidden"}', **GATEWAYS_OWN)),
        "without our gateway responses",
    ),
    "an API whose Lambda fails": (
        UP,
        on(below_api, answering(500, b'{"error": "internal_error"}')),
        "Look into the log of the API's Lambda",
    ),
    "an API whose database is out of reach": (
        UP,
        on(below_api, answering(503, b'{"error": "service_unavailable"}')),
        "throttled or out of reach, or the function could not be run",
    ),
    "another API": (UP, on(below_api, answering(200, b'{"hello": 1}')), "Another API answers there"),
    "an API of another version": (
        "test_the_api_has_the_version_of_this_checkout",
        on(path("/api/health"), with_json(lambda body: body.update(version="0.0.1"))),
        "The API has version 0.0.1, and this checkout is",
    ),
    "another URL of the keys": (
        ISSUER,
        on(
            path("/api/.well-known/openid-configuration"),
            with_json(lambda body: body.update(jwks_uri="https://execute-api.example/api/.well-known/jwks.json")),
        ),
        "jwks_uri 'https://execute-api.example/api/.well-known/jwks.json'",
    ),
    "a private key among the published ones": (
        PUBLIC_KEYS,
        publishing(with_a_private_key),
        "publishes members of private keys: d",
    ),
    "a document of something else": (
        "test_the_openapi_document_is_there",
        on(path("/api/openapi.json"), with_json(lambda body: body.update(paths={}))),
        "GET /api/openapi.json is not the OpenAPI 3.1 document",
    ),
    "a signing key that is not published": (
        VERIFIED,
        on(path(JWKS), with_json(lambda body: body["keys"][0].update(kid="of another time"))),
        "which is not published",
    ),
    "another key under the same name": (
        VERIFIED,
        publishing(with_another_under_the_name),
        "Signature verification failed",
    ),
}

GATEWAY = {
    "a 401 without a challenge where there was no token": (
        CHALLENGE,
        on(refused(with_token=False), without("WWW-Authenticate")),
        "WWW-Authenticate is missing",
    ),
    "a 401 whose challenge was renamed": (
        CHALLENGE,
        on(refused(with_token=True), renaming_the_challenge),
        "came as x-amzn-Remapped-WWW-Authenticate",
    ),
    "a 401 of the gateway's own": (
        CHALLENGE,
        on(refused(with_token=False), answering(401, b'{"message":"Unauthorized"}', **GATEWAYS_OWN)),
        "The gateway response is missing or old",
    ),
    "an unknown route that is a 403": (
        NO_ROUTE,
        on(
            unknown_route(with_token=False),
            answering(403, b'{"message":"Missing Authentication Token"}', **GATEWAYS_OWN),
        ),
        "403. A problem document is wanted: 404 not_found",
    ),
    "an unknown route whose Authorization header is taken for a signature": (
        NO_ROUTE,
        on(unknown_route(with_token=True), answering(403, b'{"message":"Authorization header requires"}')),
        "without our gateway responses",
    ),
    "an unknown route whose answer quotes the token": (QUOTED, quoting_the_token, "It quotes the token that was sent"),
    "a 405 that names no method": (
        "test_another_method_is_a_405_that_names_those_that_there_are",
        on(path("/api/health", "DELETE"), without("Allow")),
        "Allow is missing, and should name GET",
    ),
    "a large body that somebody else refuses": (
        "test_a_large_body_arrives_and_is_a_413",
        on(lambda request, answer: answer.first == 413, answering(413, b'{"message":"Too Large"}')),
        "A problem document is wanted: 413 payload_too_large",
    ),
    "a 401 of the authorizer without a header": (
        HEADERS,
        on(refused(with_token=True), without("X-Content-Type-Options")),
        "GET /api/me: x-content-type-options is 'missing', and should be 'nosniff'",
    ),
    "another time of strict transport": (
        HEADERS,
        on(path("/api/health"), having("Strict-Transport-Security", "max-age=60")),
        "strict-transport-security is 'max-age=60', and should be 'max-age=31536000; includeSubDomains'",
    ),
    "a refusal that may be kept": (
        HEADERS,
        on(refused(with_token=True), having("Cache-Control", "public, max-age=60")),
        "GET /api/me: cache-control is 'public, max-age=60', and should be 'no-store'",
    ),
}

CORS = {
    "a preflight that forgets a header": (
        MAY_ASK,
        on(
            lambda request, _: request.first == "OPTIONS" and request.header("Origin") not in {FOREIGN, OTHER_ORIGIN},
            having("Access-Control-Allow-Headers", "Content-Type"),
        ),
        "Access-Control-Allow-Headers is Content-Type, and should list authorization",
    ),
    "a preflight that does not know the other origin": (
        MAY_ASK,
        on(from_origin(OTHER_ORIGIN, "OPTIONS"), without("Access-Control-Allow-Origin")),
        "Access-Control-Allow-Origin is missing",
    ),
    "a preflight that is redirected": (
        MAY_ASK,
        on(from_origin(OTHER_ORIGIN, "OPTIONS"), answering(301)),
        "takes 2xx only",
    ),
    "an answer that the other origin's pages cannot read": (
        "test_a_page_of_an_allowed_origin_may_read_the_answer",
        on(
            lambda request, answer: request.header("Origin") == OTHER_ORIGIN and request.path == "/api/health",
            without("Access-Control-Allow-Origin"),
        ),
        "GET /api/health: Access-Control-Allow-Origin is missing",
    ),
    "a refusal that the other origin's pages cannot read": (
        "test_a_page_of_an_allowed_origin_may_read_a_refusal_of_the_authorizer",
        on(
            lambda request, answer: request.header("Origin") == OTHER_ORIGIN and answer.first == 401,
            without("Access-Control-Allow-Origin"),
        ),
        "GET /api/me: Access-Control-Allow-Origin is missing",
    ),
    "CORS for everybody": (
        "test_a_page_of_a_foreign_origin_may_read_nothing",
        on(from_origin(FOREIGN), having("Access-Control-Allow-Origin", "*")),
        "Access-Control-Allow-Origin is *",
    ),
}
FAULTS = {**DOCUMENTS, **GATEWAY, **CORS}
CHECKS = ["live/test_documents.py", "live/test_gateway.py", "live/test_cors.py"]


@pytest.mark.parametrize("fault", each_third(FAULTS))
def test_a_fault_of_the_api_fails_its_check_and_no_other_and_leaves_no_account(smoke, distribution, server, fault):
    name, distribution.fault, words = FAULTS[fault]
    assert_fails_alone(smoke(CHECKS), name, words)
    assert server.usernames() == []


def test_every_check_of_the_api_has_a_fault(smoke):
    assert set(smoke(CHECKS).passed) == {name for name, _, _ in FAULTS.values()}


def test_a_gateways_401_may_allow_everybody_where_several_origins_are_allowed(smoke, distribution):
    distribution.fault = on(lambda _, answer: answer.first == 401, having("Access-Control-Allow-Origin", "*"))
    assert smoke(CHECKS).failed == []
