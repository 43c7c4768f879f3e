"""The checks of the API that need no account: its public documents, its headers, and how it says no."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlsplit

from chalicelib.version import VERSION
from infra.smoke.api import Api
from infra.smoke.diagnosis import OLD_VERSION, expect
from infra.smoke.page import differences
from infra.smoke.report import Check, FailedError
from infra.smoke.site import Answer

UP = "The API answers below /api."
SAME_VERSION = "The API has the version of this checkout."
HEADERS = "Every answer of the API, errors of the gateway included, has the headers of docs/http-api.md."
CACHING = "Public documents may be kept for a while, and no other answer may be kept."
ISSUER = "The API calls itself by the URL that it is reached at."
PUBLIC_KEYS = "The published keys are public keys, and nothing private is among them."
DOCUMENT = "The document of the API is there."
NO_TOKEN = "A protected route refuses a request without a token, with problem document and challenge."
BAD_TOKEN = "A protected route refuses a bad token, with problem document and challenge."
NO_ROUTE = "A route that is not there is a 404 with a problem document."
NO_ROUTE_AUTHORIZED = "So it is for a request with an Authorization header."
METHOD = "A method that a route does not know is a 405, which names those that it knows."
NO_JSON = "A body that is not JSON is a 400."
TOO_LARGE = "A body of more than 16 KiB is a 413."
MEDIA_TYPE = "A body that does not say that it is JSON is a 415."
INVALID = "A body with the wrong members is a 422, which names them."

HARDENING = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""docs/http-api.md, section Responses: on every answer."""

STRICT_TRANSPORT_SECURITY = {"Strict-Transport-Security": "max-age=31536000; includeSubDomains"}
"""The same, over HTTPS."""

REMAPPED_CHALLENGE = "x-amzn-Remapped-WWW-Authenticate"
"""What API Gateway calls the challenge of a 401 that a Lambda gave, and not the authorizer."""

_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
"""RFC 7518 section 6: members of private and of symmetric keys."""

_KEPT = ("/.well-known/jwks.json", "/.well-known/openid-configuration", "/openapi.json")
_LARGEST_BODY = 16 * 1024


class PublicChecks:
    """What there is to say about an API without an account."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._answers: list[Answer] = []
        self._version: object = None
        self.up = False

    def checks(self) -> Sequence[Check]:
        """Return the checks in their order. If the first fails there is no sense in the others."""
        return (
            Check(UP, self._is_up),
            Check(SAME_VERSION, self._has_this_version),
            Check(ISSUER, self._knows_its_url),
            Check(PUBLIC_KEYS, self._publishes_public_keys),
            Check(DOCUMENT, self._documents_itself),
            Check(NO_TOKEN, lambda: self._refuses_token(None)),
            Check(BAD_TOKEN, lambda: self._refuses_token("nonsense")),
            Check(NO_ROUTE, lambda: self._has_no_such_route({})),
            Check(NO_ROUTE_AUTHORIZED, lambda: self._has_no_such_route({"Authorization": "Bearer nonsense"})),
            Check(METHOD, self._names_its_methods),
            Check(NO_JSON, self._refusal(b"{", 400, "invalid_request")),
            Check(TOO_LARGE, self._refusal(b" " * _LARGEST_BODY + b"{}", 413, "payload_too_large")),
            Check(MEDIA_TYPE, self._refusal(b"{}", 415, "unsupported_media_type", media_type="text/plain")),
            Check(INVALID, self._names_wrong_members),
            Check(HEADERS, self._has_its_headers),
            Check(CACHING, self._is_cached_rightly),
        )

    def _ask(
        self,
        method: str,
        route: str,
        body: Mapping[str, object] | bytes | None = None,
        *,
        bearer: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        answer = self._api.ask(method, route, body, bearer=bearer, headers=headers)
        self._answers.append(answer)
        return answer

    def _is_up(self) -> str:
        body = expect(self._ask("GET", "/health"), 200)
        self._version = body.get("version")
        if body.get("status") != "ok" or not isinstance(self._version, str):
            raise FailedError(
                "GET /api/health answered with JSON, but not with that of this API.",
                "Another API answers there: compare the origin of the distribution's behavior `/api/*` with the stack.",
            )
        self.up = True
        return f"version {self._version}"

    def _has_this_version(self) -> None:
        if self._version != VERSION:
            raise FailedError(
                f"The API has version {self._version}, and this checkout is {VERSION}.",
                "Deploy this checkout, or test with the checkout that was deployed.",
            )

    def _knows_its_url(self) -> str:
        body = expect(self._ask("GET", "/.well-known/openid-configuration"), 200)
        issuer, jwks_uri = body.get("issuer"), body.get("jwks_uri")
        if self._api.site.over_tls or urlsplit(str(issuer)).hostname not in {"127.0.0.1", "localhost"}:
            expected, note = self._api.issuer, ""
        else:
            # The development server calls itself the same on every port, so that its tokens survive a change of it.
            expected, note = str(issuer), f"{issuer}, as configured for this machine"
        if issuer != expected or jwks_uri != f"{expected}/.well-known/jwks.json":
            raise FailedError(
                f"GET /api/.well-known/openid-configuration: issuer is {issuer!r} and jwks_uri {jwks_uri!r};\n"
                f"they should be {expected!r} and '{expected}/.well-known/jwks.json'.",
                "Set LYCHGATE_ISSUER of the stage to the site's URL and /api and deploy. Tokens of the old issuer are "
                "refused from then on: users log in again.",
            )
        return note

    def _publishes_public_keys(self) -> str:
        keys = expect(self._ask("GET", "/.well-known/jwks.json"), 200).get("keys")
        if not isinstance(keys, list) or not keys or not all(isinstance(key, dict) for key in keys):
            raise FailedError(
                "GET /api/.well-known/jwks.json publishes no keys.", "Set LYCHGATE_PUBLIC_KEYS: see docs/keys.md."
            )
        private = sorted({member for key in keys for member in key if member in _PRIVATE_MEMBERS})
        private += ["kty oct"] if any(key.get("kty") not in {"EC", "RSA", "OKP"} for key in keys) else []
        if private:
            raise FailedError(
                f"GET /api/.well-known/jwks.json publishes members of private keys: {', '.join(private)}.",
                "Whoever read them can make tokens. Take the keys out of use at once: docs/keys.md, Emergency.",
            )
        return f"{len(keys)}: {', '.join(str(key.get('alg')) for key in keys)}"

    def _documents_itself(self) -> None:
        body = expect(self._ask("GET", "/openapi.json"), 200)
        if not str(body.get("openapi")).startswith("3.1") or "/auth/refresh" not in body.get("paths", {}):
            raise FailedError(
                "GET /api/openapi.json is not the OpenAPI 3.1 document of this API.",
                OLD_VERSION,
            )

    def _refuses_token(self, bearer: str | None) -> None:
        answer = self._ask("GET", "/me", bearer=bearer)
        expect(answer, 401, error="invalid_token")
        expect_challenge(answer)

    def _has_no_such_route(self, headers: dict[str, str]) -> None:
        route = f"/no-such-route-{secrets.token_hex(4)}"
        expect(self._ask("GET", route, headers=headers), 404, error="not_found")

    def _names_its_methods(self) -> None:
        answer = self._ask("DELETE", "/health")
        expect(answer, 405, error="method_not_allowed")
        if "GET" not in (answer.header("Allow") or ""):
            raise FailedError(
                f"{answer.question}: Allow is {answer.header('Allow')!r}, and should name GET.",
                OLD_VERSION,
            )

    def _refusal(
        self, body: bytes, status: int, error: str, *, media_type: str = "application/json"
    ) -> Callable[[], None]:
        def refuses() -> None:
            answer = self._ask("POST", "/auth/login", body, headers={"Content-Type": media_type})
            expect(answer, status, error=error)

        return refuses

    def _names_wrong_members(self) -> None:
        answer = self._ask("POST", "/auth/login", {"username": 1, "unknown": ""})
        errors = expect(answer, 422, error="validation_failed").get("errors")
        named = {item.get("field") for item in errors} if isinstance(errors, list) else set()
        if not {"username", "password"} <= named:
            raise FailedError(
                f"{answer.question}: `errors` names {sorted(map(str, named))}, and should name username and password.",
                OLD_VERSION,
            )

    def _has_its_headers(self) -> str:
        expected = HARDENING | (STRICT_TRANSPORT_SECURITY if self._api.site.over_tls else {})
        wrong = [line for answer in self._answers for line in differences(answer, expected)]
        if wrong:
            more = [f"… and {len(wrong) - 10} more."] if len(wrong) > 10 else []  # noqa: PLR2004 - enough to see it
            raise FailedError(
                "\n".join(wrong[:10] + more),
                "A distribution's response headers policy for `/api/*` that overrides them, or gateway responses of "
                "an older version: compare both and deploy again.",
            )
        return f"{len(self._answers)} answers"

    def _is_cached_rightly(self) -> None:
        wrong = []
        for answer in self._answers:
            question = answer.question
            cache_control = answer.header("Cache-Control") or ""
            public = question.removeprefix("GET /api") in _KEPT
            if ("max-age" not in cache_control) if public else ("no-store" not in cache_control):
                should = "public, max-age=300" if public else "no-store"
                wrong.append(f"{question}: Cache-Control is {cache_control or 'missing'!r}, and should be {should!r}.")
        if wrong:
            raise FailedError(
                "\n".join(wrong),
                "The behavior `/api/*` needs the managed cache policy CachingDisabled, and no header policy over it.",
            )


def expect_challenge(answer: Answer, *, by_lambda: bool = False) -> None:
    """Return if a 401 has its challenge (RFC 9110 section 11.6.1). Raises FailedError.

    API Gateway renames the header where the API's Lambda answers 401 itself.
    """
    challenge = answer.header("WWW-Authenticate") or (answer.header(REMAPPED_CHALLENGE) if by_lambda else None)
    if not (challenge or "").startswith("Bearer"):
        renamed = answer.header(REMAPPED_CHALLENGE)
        raise FailedError(
            f"{answer.question}: WWW-Authenticate is {challenge or 'missing'}, and should begin with Bearer."
            + (f"\nIt came as {REMAPPED_CHALLENGE}." if renamed else ""),
            "The gateway response UNAUTHORIZED sets it: deploy again. A distribution's policy may remove it, too.",
        )
