"""What answers that are not ours mean: who gave them, and what to do.

Owns the reading of an answer by its status, its headers and its form. Every check that wants something of the API asks
for it here, so that a page, a bucket's refusal or a gateway's own error is named as what it is.
"""

from __future__ import annotations

from typing import Any

from infra.smoke.report import FailedError
from infra.smoke.site import Answer

OLD_VERSION = "Another version than that of this checkout may be deployed: deploy again, and look at docs/http-api.md."

_POINTS_ELSEWHERE = (
    "The distribution does not send /api/* to the API. Its behavior for `/api/*` has to name the REST API's origin; "
    "deploy again, and wait until the distribution's change is deployed."
)
_LOGS = "Look into the log of the API's Lambda: its lines have `error`, `reason` and `exception`."


def expect(answer: Answer, status: int, *, error: str | None = None) -> dict[str, Any]:
    """Return the JSON object of an answer of the API that should have this status, and this code if it is an error.

    Raises:
        FailedError: it has another one, or is not JSON, or not a problem document (RFC 9457) where it should be one.

    """
    if answer.status != status:
        wrong = f"{answer.question} answered {answer.status}{_code(answer)}, and should answer {status}."
        raise FailedError(*_who_says_so(answer, wrong))
    if status == 204:  # noqa: PLR2004 - No Content
        return {}
    try:
        body = answer.json()
    except ValueError:
        wrong = f"{answer.question} answered {status}, but not with a JSON object."
        raise FailedError(*_who_says_so(answer, wrong)) from None
    if error is not None:
        _expect_problem(answer, body, error)
    return body


def _expect_problem(answer: Answer, body: dict[str, Any], error: str) -> None:
    media_type = (answer.header("Content-Type") or "none").partition(";")[0]
    if media_type != "application/problem+json" or body.get("status") != answer.status or body.get("error") != error:
        raise FailedError(
            f"{answer.question} should answer with a problem document whose `status` is {answer.status} and whose "
            f"`error` is {error}.\nIt answered {answer.status}, {media_type}, `status` {body.get('status')!r}, "
            f"`error` {body.get('error')!r}.",
            "If this is an error of the gateway (x-amzn-ErrorType stands among its headers), its gateway responses are "
            "missing or old: deploy again."
            if answer.header("x-amzn-ErrorType")
            else "Another version than that of this checkout may be deployed: deploy again.",
        )


def _code(answer: Answer) -> str:
    try:
        error = answer.json().get("error")
    except ValueError:
        return ""
    return f" {error}" if isinstance(error, str) and error.isidentifier() else ""


def _who_says_so(answer: Answer, wrong: str) -> tuple[str, str]:  # noqa: PLR0911 - one line for each who might
    """Return what is wrong, with who seems to have answered, and what to do about it."""
    start = answer.body[:200].lstrip().lower()
    server = (answer.header("Server") or "").lower()
    if "amazons3" in server or b"<code>accessdenied" in answer.body.lower():
        return f"{wrong}\nThe answer came from the bucket.", _POINTS_ELSEWHERE
    if start.startswith((b"<!doctype html", b"<html")):
        if "cloudfront" in server and answer.status >= 400:  # noqa: PLR2004 - an error
            return (
                f"{wrong}\nThe answer is CloudFront's own error page.",
                "403: the distribution does not allow the method or the host name for this path, or WAF stops it. 502 "
                "to 504: it cannot reach its origin, the API. Compare the behavior `/api/*` and its origin with the "
                "stack.",
            )
        return f"{wrong}\nThe answer is a page where JSON is wanted.", _POINTS_ELSEWHERE
    if start.startswith(b'{"message"'):
        return (
            f"{wrong}\nThe answer is API Gateway's own, without our gateway responses: {_message(answer)}.",
            "Forbidden or Missing Authentication Token: the path does not lead to a route; the origin's path and the "
            "stage `api` have to agree. Anything else: its gateway responses are missing. Deploy again.",
        )
    if answer.status == 401:  # noqa: PLR2004 - Unauthorized
        return wrong, (
            "If a token was sent, it did not arrive or is not taken: the distribution has to pass `Authorization`, "
            "cookies and bodies on, and the authorizer needs the keys that the API signs with (docs/keys.md)."
        )
    if answer.status == 429:  # noqa: PLR2004 - Too Many Requests
        return wrong, f"Too many attempts came from here. Wait {answer.header('Retry-After') or 'some'} seconds."
    if answer.status == 503:  # noqa: PLR2004 - Service Unavailable
        return wrong, (
            "The database or the key store is throttled or out of reach, or the function could not be run. " + _LOGS
        )
    if answer.status >= 500:  # noqa: PLR2004 - a server error
        return wrong, _LOGS
    return (
        wrong,
        "Another version than that of this checkout may be deployed, or the distribution changes what it passes.",
    )


def _message(answer: Answer) -> str:
    try:
        return str(answer.json().get("message"))[:80].encode("unicode_escape").decode()
    except ValueError:
        return "no JSON"
