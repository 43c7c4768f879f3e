"""The refresh cookie: how it has to be set (RFC 6265bis section 4.1), and how it is sent back."""

from __future__ import annotations

from http.cookies import Morsel, SimpleCookie

from infra.smoke.api import API
from infra.smoke.report import FailedError
from infra.smoke.site import Answer


def cookie_faults(cookie: Morsel[str], *, over_tls: bool, seconds: object) -> list[str]:
    """Return a line for everything about a refresh cookie that is not as docs/http-api.md says."""
    name = "__Secure-refresh_token" if over_tls else "refresh_token"
    wrong = [] if cookie.key == name else [f"its name is {cookie.key}, and should be {name}"]
    wanted: dict[str, object] = {"httponly": True, "samesite": "Strict", "path": f"{API}/auth", "domain": ""}
    if over_tls:
        wanted["secure"] = True
    wanted["max-age"] = str(seconds)
    for attribute, value in wanted.items():
        if cookie[attribute] != value:
            wrong.append(f"{attribute} is {cookie[attribute] or 'missing'}, and should be {value or 'absent'}")
    return wrong


def refresh_cookie(answer: Answer) -> Morsel[str]:
    """Return the refresh cookie that an answer sets. Raises FailedError if it sets none."""
    cookies: SimpleCookie = SimpleCookie()
    for value in answer.headers.get_all("Set-Cookie") or []:
        cookies.load(value)
    for cookie in cookies.values():
        if cookie.key.endswith("refresh_token"):
            return cookie
    raise FailedError(
        f"{answer.question} set no refresh cookie.",
        "The behavior `/api/*` must have no policy that removes Set-Cookie, and has to pass `Origin` and bodies on.",
    )


def cookie_header(cookie: Morsel[str]) -> dict[str, str]:
    """Return the header that sends a cookie back."""
    return {"Cookie": f"{cookie.key}={cookie.value}"}
