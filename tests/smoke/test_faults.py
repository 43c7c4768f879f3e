"""Each fault of a site makes the one check fail that is about it, and no account is left behind."""

import itertools
import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from infra.smoke import cors, journey, page, public
from infra.smoke.smoke_test import CLEARED_AWAY
from tests.smoke.conftest import OTHER_ORIGIN

BUCKET_SAYS_NO = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
CLOUDFRONT_SAYS_NO = b"<!DOCTYPE HTML><HTML><TITLE>ERROR: The request could not be satisfied</TITLE></HTML>"


def on(matches, change):
    """Return a fault that changes the answers to some requests."""

    def fault(request, forward):
        answer = forward(request)
        return change(answer) if matches(request, answer) else answer

    return fault


def on_request(matches, change):
    """Return a fault that changes some requests on their way to the site."""

    def fault(request, forward):
        return forward(change(request) if matches(request) else request)

    return fault


def path(wanted, method="GET"):
    return lambda request, _answer: (request.first, request.path) == (method, wanted)


def below_api(request, _answer):
    return request.path.startswith("/api/")


def refused_without_token(request, answer):
    return request.path == "/api/me" and answer.first == 401 and request.header("Authorization") is None


def refused_with_token(request, answer):
    return request.path == "/api/me" and answer.first == 401 and request.header("Authorization") is not None


def without(name):
    return lambda message: message.without(name)


def having(name, value):
    return lambda message: message.having(name, value)


def with_json(change):
    return lambda message: message.with_json(change)


def answering(status, body=b"{}", content_type="application/json", **headers):
    def change(message):
        for name, value in headers.items():
            message = message.having(name.replace("_", "-"), value)
        return message.answering(status, body, content_type)

    return change


def replacing(old, new):
    return lambda message: message.having("Set-Cookie", (message.header("Set-Cookie") or "").replace(old, new))


def publishing_a_private_key(message):
    key = ec.generate_private_key(ec.SECP256R1())
    jwk = json.loads(ECAlgorithm.to_jwk(key)) | {"kid": "another", "alg": "ES256", "use": "sig"}
    return message.with_json(lambda body: body["keys"].append(jwk))


def publishing_another_key_under_the_name(message):
    key = json.loads(ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()).public_key()))
    return message.with_json(lambda body: body["keys"][0].update(key))


def refreshes(*changes):
    """Return a fault that changes the answers to refreshes by the body, in their order; None changes nothing.

    They are: the refresh, its retry, the next refresh, the reuse, the newest token; then the one after the log-out.
    """

    def make():
        numbers = itertools.count()
        good = []

        def fault(request, forward):
            answer = forward(request)
            if request.path != "/api/auth/refresh" or b"refresh_token" not in request.body:
                return answer
            if answer.first == 200:
                good.append(answer)
            number = next(numbers)
            change = changes[number] if number < len(changes) else None
            return change(answer, good[-1]) if change else answer

        return fault

    return make


def another_successor(answer, _good):
    header, _, signature = answer.json()["refresh_token"].split(".")
    return answer.with_json(lambda body: body.update(refresh_token=f"{header}.e30.{signature}"))


def taken(_answer, good):
    return good


def unable(answer, _good):
    return answer.answering(502, CLOUDFRONT_SAYS_NO, "text/html").having("Server", "CloudFront")


def after_deletion(change):
    """Return a fault that changes the answer to the first log-in after the account's deletion."""

    def make():
        deleted = []

        def fault(request, forward):
            answer = forward(request)
            if request.path == "/api/auth/login" and deleted:
                return change(answer)
            if request.path == "/api/auth/delete-account" and answer.first == 204:
                deleted.append(True)
            return answer

        return fault

    return make


def first_deletion_is_lost():
    lost = []

    def fault(request, forward):
        if request.path == "/api/auth/delete-account" and not lost:
            lost.append(True)
            return request.answering(500)
        return forward(request)

    return fault


def cookie_from(origin, request):
    is_foreign = request.header("Origin") == "https://foreign.example"
    return request.path == "/api/auth/refresh" and request.header("Cookie") and is_foreign == (origin == "foreign")


def once(fault):
    return lambda: fault


GATEWAYS_OWN = {"x-amzn-ErrorType": "MissingAuthenticationTokenException"}

FAULTS = {
    "a page that browsers keep": (
        page.PAGE,
        once(on(path("/"), having("Cache-Control", "public, max-age=86400"))),
        "Cache-Control is public, max-age=86400, and should be no-cache",
    ),
    "a page that the bucket refuses": (
        page.PAGE,
        once(on(path("/"), answering(403, BUCKET_SAYS_NO, "application/xml", Server="AmazonS3"))),
        "the bucket's policy does not let the distribution in",
    ),
    "a module of a wrong type": (
        page.FILES,
        once(on(path("/js/dom.js"), having("Content-Type", "binary/octet-stream"))),
        "GET /js/dom.js answered 200, binary/octet-stream, and should answer 200, text/javascript",
    ),
    "a module that only another one imports is not there": (
        page.FILES,
        once(on(path("/js/token-view.js"), answering(404, b"", "text/html"))),
        "GET /js/token-view.js answered 404",
    ),
    "a page without its policy": (
        page.HEADERS,
        once(on(path("/"), without("Content-Security-Policy"))),
        "GET /: Content-Security-Policy is missing, and should be \"default-src 'none'",
    ),
    "a file with another header": (
        page.HEADERS,
        once(on(path("/styles.css"), having("X-Frame-Options", "SAMEORIGIN"))),
        "GET /styles.css: X-Frame-Options is 'SAMEORIGIN', and should be 'DENY'",
    ),
    "a page with inline script": (
        page.POLICY,
        once(
            on(path("/"), lambda got: replace(got, body=got.body.replace(b"</body>", b"<script>x()</script></body>")))
        ),
        "The page has an inline <script>",
    ),
    "a page with a foreign script": (
        page.POLICY,
        once(on(path("/"), lambda got: replace(got, body=got.body + b"<script src='//cdn.example/x.js'></script>"))),
        "<script> loads from elsewhere: //cdn.example/x.js",
    ),
    "a module that is kept under a name without a hash": (
        page.CACHING,
        once(on(path("/js/page.js"), having("Cache-Control", "public, max-age=31536000, immutable"))),
        "GET /js/page.js: Cache-Control is public, max-age=31536000, immutable, and should be no-cache",
    ),
    "an unknown page that is refused": (
        page.NO_PAGE,
        once(on(lambda request, _: request.path.startswith("/no-such-page"), answering(403, BUCKET_SAYS_NO))),
        "answered 403, and should answer 404",
    ),
    "an API behind a distribution that sends it to the bucket": (
        public.UP,
        once(on(below_api, answering(403, BUCKET_SAYS_NO, "application/xml", Server="AmazonS3"))),
        "The answer came from the bucket.",
    ),
    "an API behind a distribution that answers everything with the page": (
        public.UP,
        once(
            on_request(
                lambda request: below_api(request, None), lambda request: replace(request, first="GET", path="/")
            )
        ),
        "The answer is a page where JSON is wanted.",
    ),
    "an API that the distribution cannot reach": (
        public.UP,
        once(on(below_api, answering(502, CLOUDFRONT_SAYS_NO, "text/html", Server="CloudFront"))),
        "CloudFront's own error page",
    ),
    "an API at another stage's path": (
        public.UP,
        once(on(below_api, answering(403, b'{"message":"Forbidden"}', **{"x-amzn-ErrorType": "ForbiddenException"}))),
        "without our gateway responses: Forbidden",
    ),
    "an API whose Lambda fails": (
        public.UP,
        once(on(below_api, answering(500, b'{"error": "internal_error"}'))),
        "Look into the log of the API's Lambda",
    ),
    "another API": (public.UP, once(on(below_api, answering(200, b'{"hello": 1}'))), "Another API answers there"),
    "an API of another version": (
        public.SAME_VERSION,
        once(on(path("/api/health"), with_json(lambda body: body.update(version="0.0.1")))),
        "The API has version 0.0.1, and this checkout is",
    ),
    "another issuer": (
        public.ISSUER,
        once(
            on(
                path("/api/.well-known/openid-configuration"),
                with_json(lambda body: body.update(issuer="https://execute-api.example/api")),
            )
        ),
        "issuer is 'https://execute-api.example/api'",
    ),
    "a private key among the published ones": (
        public.PUBLIC_KEYS,
        once(on(path("/api/.well-known/jwks.json"), publishing_a_private_key)),
        "publishes members of private keys: d",
    ),
    "a document of something else": (
        public.DOCUMENT,
        once(on(path("/api/openapi.json"), with_json(lambda body: body.update(paths={})))),
        "GET /api/openapi.json is not the OpenAPI 3.1 document",
    ),
    "a 401 without a challenge where there was no token": (
        public.NO_TOKEN,
        once(on(refused_without_token, without("WWW-Authenticate"))),
        "WWW-Authenticate is missing",
    ),
    "a 401 without a challenge where the token was bad": (
        public.BAD_TOKEN,
        once(
            on(
                refused_with_token,
                lambda got: got.without("WWW-Authenticate").having("x-amzn-Remapped-WWW-Authenticate", "Bearer"),
            )
        ),
        "It came as x-amzn-Remapped-WWW-Authenticate",
    ),
    "a 401 of the gateway's own": (
        public.NO_TOKEN,
        once(on(refused_without_token, answering(401, b'{"message":"Unauthorized"}', **GATEWAYS_OWN))),
        "its gateway responses are missing or old",
    ),
    "an unknown route that is a 403": (
        public.NO_ROUTE,
        once(
            on(
                lambda request, _: "no-such-route" in request.path and not request.header("Authorization"),
                answering(403, b'{"message":"Missing Authentication Token"}', **GATEWAYS_OWN),
            )
        ),
        "without our gateway responses: Missing Authentication Token",
    ),
    "an unknown route whose Authorization header is taken for a signature": (
        public.NO_ROUTE_AUTHORIZED,
        once(
            on(
                lambda request, _: "no-such-route" in request.path and request.header("Authorization"),
                answering(403, b'{"message":"Authorization header requires"}', **GATEWAYS_OWN),
            )
        ),
        "answered 403, and should answer 404",
    ),
    "a 405 that names no method": (
        public.METHOD,
        once(on(path("/api/health", "DELETE"), without("Allow"))),
        "Allow is None, and should name GET",
    ),
    "a body that is no JSON makes it fail": (
        public.NO_JSON,
        once(on(lambda request, answer: answer.first == 400, answering(500))),
        "answered 500, and should answer 400",
    ),
    "a large body is refused by somebody else": (
        public.TOO_LARGE,
        once(
            on(lambda request, answer: answer.first == 413, answering(413, b'{"message":"Too Large"}', **GATEWAYS_OWN))
        ),
        "whose `error` is payload_too_large",
    ),
    "a media type is not looked at": (
        public.MEDIA_TYPE,
        once(on(lambda request, answer: answer.first == 415, answering(400, b'{"error": "invalid_request"}'))),
        "answered 400 invalid_request, and should answer 415",
    ),
    "a 422 that names no member": (
        public.INVALID,
        once(on(lambda request, answer: answer.first == 422, with_json(lambda body: body.update(errors=[])))),
        "should name username and password",
    ),
    "a 401 of the authorizer without a header": (
        public.HEADERS,
        once(on(refused_with_token, without("X-Content-Type-Options"))),
        "GET /api/me: X-Content-Type-Options is missing, and should be 'nosniff'",
    ),
    "another time of strict transport": (
        public.HEADERS,
        once(on(path("/api/health"), having("Strict-Transport-Security", "max-age=60"))),
        "Strict-Transport-Security is 'max-age=60', and should be 'max-age=31536000; includeSubDomains'",
    ),
    "a refusal that may be kept": (
        public.CACHING,
        once(on(refused_with_token, having("Cache-Control", "public, max-age=60"))),
        "GET /api/me: Cache-Control is 'public, max-age=60', and should be 'no-store'",
    ),
    "keys that may not be kept": (
        public.CACHING,
        once(on(path("/api/.well-known/jwks.json"), having("Cache-Control", "no-store"))),
        "GET /api/.well-known/jwks.json: Cache-Control is 'no-store'",
    ),
    "no CORS for the site's own origin": (
        cors.OWN_ORIGIN,
        once(
            on(
                lambda request, _: request.header("Origin") not in {None, OTHER_ORIGIN},
                without("Access-Control-Allow-Origin"),
            )
        ),
        "Access-Control-Allow-Origin is missing",
    ),
    "a preflight that forgets a header": (
        cors.OWN_ORIGIN,
        once(
            on(
                lambda request, _: request.first == "OPTIONS" and request.header("Origin") != OTHER_ORIGIN,
                having("Access-Control-Allow-Headers", "Content-Type"),
            )
        ),
        "Access-Control-Allow-Headers is Content-Type, and should list authorization too",
    ),
    "no CORS for the other origin": (
        cors.OTHER_ORIGIN,
        once(
            on(
                lambda request, _: request.header("Origin") == OTHER_ORIGIN and request.path == "/api/health",
                without("Access-Control-Allow-Origin"),
            )
        ),
        f"GET /api/health from {OTHER_ORIGIN}: Access-Control-Allow-Origin is missing",
    ),
    "a refusal that the other origin's pages cannot read": (
        cors.REFUSALS,
        once(
            on(
                lambda request, answer: request.header("Origin") == OTHER_ORIGIN and answer.first == 401,
                without("Access-Control-Allow-Origin"),
            )
        ),
        f"GET /api/me from {OTHER_ORIGIN}: Access-Control-Allow-Origin is missing",
    ),
    "CORS for everybody": (
        cors.FOREIGN_ORIGIN,
        once(
            on(
                lambda request, _: request.header("Origin") == "https://foreign.example",
                having("Access-Control-Allow-Origin", "*"),
            )
        ),
        "Access-Control-Allow-Origin is *",
    ),
    "a registration that is done and whose answer is lost": (
        journey.REGISTERED,
        once(
            on(path("/api/auth/register", "POST"), answering(504, CLOUDFRONT_SAYS_NO, "text/html", Server="CloudFront"))
        ),
        "POST /api/auth/register answered 504, and should answer 201",
    ),
    "a registration that answers something else": (
        journey.REGISTERED,
        once(on(path("/api/auth/register", "POST"), with_json(lambda body: body.pop("access_token")))),
        "did not answer with a token response",
    ),
    "a database out of reach": (
        journey.REGISTERED,
        once(on(path("/api/auth/register", "POST"), answering(503, b'{"error": "service_unavailable"}'))),
        "throttled or out of reach, or the function could not be run",
    ),
    "a signing key that is not published": (
        journey.VERIFIED,
        once(
            on(
                path("/api/.well-known/jwks.json"),
                with_json(lambda body: body["keys"][0].update(kid="of another time")),
            )
        ),
        "does not publish",
    ),
    "another key under the same name": (
        journey.VERIFIED,
        once(on(path("/api/.well-known/jwks.json"), publishing_another_key_under_the_name)),
        "Signature verification failed",
    ),
    "a distribution that keeps the Authorization header": (
        journey.ME,
        once(
            on_request(
                lambda request: request.path == "/api/me" and len(request.header("Authorization") or "") > 100,
                without("Authorization"),
            )
        ),
        "the distribution has to pass `Authorization`",
    ),
    "somebody else's answer": (
        journey.ME,
        once(
            on(
                lambda request, answer: request.path == "/api/me" and answer.first == 200,
                with_json(lambda body: body["user"].update(id="another")),
            )
        ),
        "for another user than the one who logged in",
    ),
    "a refresh that cannot be done": (journey.REFRESHED, refreshes(unable), "cannot reach its origin"),
    "a retry that gets another successor": (
        journey.RETRIED,
        refreshes(None, another_successor),
        "another successor for the same refresh token",
    ),
    "a reuse that is not noticed": (
        journey.REUSED,
        refreshes(None, None, None, taken),
        "took a refresh token that was used before",
    ),
    "a session that goes on after a reuse": (
        journey.ENDED,
        refreshes(None, None, None, None, taken),
        "POST /api/auth/refresh answered 200, and should answer 401",
    ),
    "a history that forgets": (
        journey.REMEMBERED,
        once(on(path("/api/dashboard"), with_json(lambda body: body.update(recent_events=[])))),
        "recent_events has no refresh_token_reused",
    ),
    "a history of another form": (
        journey.REMEMBERED,
        once(on(path("/api/dashboard"), with_json(lambda body: body.update(recent_events=[1])))),
        "An answer has not the form that docs/http-api.md gives it",
    ),
    "a cookie for scripts": (
        journey.COOKIE,
        once(on(path("/api/auth/login", "POST"), replacing(" HttpOnly;", ""))),
        "httponly is missing, and should be True",
    ),
    "a cookie for other sites": (
        journey.COOKIE,
        once(on(path("/api/auth/login", "POST"), replacing("SameSite=Strict", "SameSite=Lax"))),
        "samesite is Lax, and should be Strict",
    ),
    "a cookie without encryption": (
        journey.COOKIE,
        once(on(path("/api/auth/login", "POST"), replacing(" Secure;", ""))),
        "secure is missing, and should be True",
    ),
    "a cookie for every path": (
        journey.COOKIE,
        once(on(path("/api/auth/login", "POST"), replacing("Path=/api/auth", "Path=/"))),
        "path is /, and should be /api/auth",
    ),
    "a cookie that foreign pages can use": (
        journey.COOKIE_REJECTED,
        once(on_request(lambda request: cookie_from("foreign", request), without("Origin"))),
        "answered 200, and should answer 403",
    ),
    "a distribution that keeps cookies": (
        journey.COOKIE_REFRESHED,
        once(on_request(lambda request: cookie_from("own", request), without("Cookie"))),
        "cookies and bodies on",
    ),
    "a log-out that ends nothing": (
        journey.LOGGED_OUT,
        refreshes(None, None, None, None, None, taken),
        "took the refresh token of a session that was ended",
    ),
    "an ended session that is still obeyed": (
        journey.REVOKED,
        once(on(path("/api/auth/logout-all", "POST"), answering(204))),
        "POST /api/auth/logout-all answered 204, and should answer 401",
    ),
    "a deleted account that can log in": (
        journey.DELETED,
        after_deletion(answering(200)),
        "POST /api/auth/login answered 200, and should answer 401",
    ),
    "a refused log-in without a challenge": (
        journey.DELETED,
        after_deletion(without("WWW-Authenticate")),
        "WWW-Authenticate is missing",
    ),
    "a deletion that fails once": (
        journey.DELETED,
        first_deletion_is_lost,
        "POST /api/auth/delete-account answered 500",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_fails_its_check_and_no_other_and_leaves_no_account(smoke, distribution, server, fault):
    sentence, make, words = FAULTS[fault]
    distribution.fault = make()

    outcome = smoke()

    assert outcome.failed == [sentence], outcome.text
    assert words in outcome.text, outcome.text
    assert "What to do: " in outcome.text
    assert outcome.succeeded is False
    assert server.usernames() == []


def test_every_check_has_a_fault(smoke):
    """But those of the connection, which has tests of its own."""
    proved = {sentence.partition(" (")[0] for sentence in smoke().passed}
    connection = {sentence for sentence in proved if "TLS" in sentence or "certificate" in sentence}
    assert proved - connection == {sentence for sentence, _, _ in FAULTS.values()}


def test_an_account_that_cannot_be_deleted_is_named(smoke, distribution, server):
    distribution.fault = on_request(
        lambda request: request.path == "/api/auth/delete-account", lambda request: replace(request, path="/api/me")
    )

    outcome = smoke()

    [left] = server.usernames()
    assert outcome.failed == [journey.DELETED, CLEARED_AWAY]
    assert f"The account {left} may be left." in outcome.text
    distribution.fault = lambda request, forward: forward(request)
    server.remove(left)


def test_what_fails_at_the_entrance_leaves_the_rest_out_and_says_so(smoke, distribution):
    distribution.fault = FAULTS["a database out of reach"][1]()

    outcome = smoke()

    assert "13 checks left out: there is no account to check with." in outcome.left_out
