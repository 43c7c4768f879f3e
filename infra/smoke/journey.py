"""The checks that need an account: tokens, what a refresh gives, what a reuse ends, the cookie, and the end of it all.

Each goes on where another stopped. What a failed one leaves unknown is left out, not failed once more.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from http.cookies import Morsel, SimpleCookie
from typing import Any

import jwt

from infra.smoke.api import API, Api
from infra.smoke.cors import FOREIGN
from infra.smoke.diagnosis import expect
from infra.smoke.public import expect_challenge
from infra.smoke.report import Check, FailedError, LeftOutError
from infra.smoke.site import Answer
from infra.smoke.throwaway import Account

REGISTERED = "An account can be registered."
LOGGED_IN = "The account can log in."
VERIFIED = "The access token can be verified with the published keys, and says who issued it and for whom."
ME = "A protected route takes the access token and knows whose it is."
REFRESHED = "A refresh gives new tokens."
RETRIED = "A retry with the refresh token used last gives the same successor."
REUSED = "An older refresh token is refused: it was used before."
ENDED = "That has ended the session: its newest refresh token is refused too."
REMEMBERED = "The account's history names the reuse."
COOKIE = "The refresh cookie is out of reach for scripts, other sites and other paths."
COOKIE_REFRESHED = "A page of the site's own origin can refresh with the cookie."
COOKIE_REJECTED = "A page of a foreign origin cannot refresh with the cookie."
LOGGED_OUT = "A log-out ends the session: its refresh token is refused."
REVOKED = "The access token of an ended session changes nothing any more."
DELETED = "The account can be deleted, and cannot log in any more."

CLOCK_SKEW = 30
"""Seconds by which the clocks of this machine and of the API may differ before a check says so."""

_OLD_VERSION = "Another version than that of this checkout may be deployed: deploy again, and look at docs/http-api.md."


class Journey:
    """What there is to say about an API with an account."""

    def __init__(self, api: Api, account: Account) -> None:
        self._api = api
        self._account = account
        self._tokens: dict[str, Any] = {}
        self._history: list[str] = []
        """Refresh tokens of the first session, the oldest first."""
        self._reuse_detected = False
        self._cookie: Morsel[str] | None = None
        self.closed = False
        """Whether this site takes no new accounts."""

    @property
    def begun(self) -> bool:
        """Whether there is a session to go on with."""
        return bool(self._tokens)

    def entrance(self) -> Check:
        """Return the check that everything else needs."""
        if self._account.is_throw_away:
            return Check(REGISTERED, self._registers)
        return Check(LOGGED_IN, self._logs_in)

    def checks(self) -> Sequence[Check]:
        """Return the checks behind the entrance, in their order."""
        deleted = (Check(DELETED, self._is_deleted),) if self._account.is_throw_away else ()
        return (
            Check(VERIFIED, self._is_verified),
            Check(ME, self._is_known),
            Check(REFRESHED, self._is_refreshed),
            Check(RETRIED, self._is_retried),
            Check(REUSED, self._is_reused),
            Check(ENDED, self._is_over),
            Check(REMEMBERED, self._is_remembered),
            Check(COOKIE, self._has_a_cookie),
            Check(COOKIE_REJECTED, self._is_rejected_elsewhere),
            Check(COOKIE_REFRESHED, self._is_refreshed_by_cookie),
            Check(LOGGED_OUT, self._is_logged_out),
            Check(REVOKED, self._is_revoked),
            *deleted,
        )

    def _registers(self) -> str:
        answer = self._account.register()
        if answer.status == 403 and _error(answer) == "registration_closed":  # noqa: PLR2004 - Forbidden
            self.closed = True
            raise LeftOutError("registration is closed here")
        self._tokens = _tokens(expect(answer, 201), answer)
        return self._account.username

    def _logs_in(self) -> str:
        answer = self._account.log_in()
        self._tokens = _tokens(expect(answer, 200), answer)
        return self._account.username

    def _is_verified(self) -> str:
        answer = self._api.ask("GET", "/.well-known/jwks.json")
        access_token = self._tokens["access_token"]
        try:
            keys = jwt.PyJWKSet.from_dict(expect(answer, 200))
            kid = jwt.get_unverified_header(access_token).get("kid")
        except jwt.PyJWTError as unusable:
            raise FailedError(f"The keys or the token cannot be read: {unusable}", _OLD_VERSION) from None
        key = next((key for key in keys.keys if key.key_id == kid), None)
        if key is None:
            raise FailedError(
                f"The access token is signed with the key {kid}, which {answer.question} does not publish.",
                "The key that signs was not deployed, or the document comes from a cache: see docs/keys.md.",
            )
        skew = _skew(answer)
        try:
            claims = jwt.decode(
                access_token,
                key,
                algorithms=[str(key.algorithm_name)],
                leeway=CLOCK_SKEW + abs(skew),
                options={"verify_aud": False, "require": ["iss", "sub", "aud", "exp", "iat", "jti", "sid"]},
            )
        except jwt.PyJWTError as refused:
            raise FailedError(
                f"The access token is refused with the published key {kid}: {refused}.",
                "The key that signs and the published one differ: see docs/keys.md.",
            ) from None
        configured = expect(self._api.ask("GET", "/.well-known/openid-configuration"), 200).get("issuer")
        issuer = self._api.issuer if self._api.site.over_tls else configured
        if claims["iss"] != issuer or claims["sub"] != self._tokens["user"]["id"]:
            raise FailedError(
                f"The access token has iss {claims['iss']!r} and sub {claims['sub']!r};\n"
                f"they should be {issuer!r} and the user's id, {self._tokens['user']['id']!r}.",
                "Set LYCHGATE_ISSUER of the stage to the site's URL and /api and deploy.",
            )
        clocks = f", clocks {abs(skew):.0f} s apart" if abs(skew) > CLOCK_SKEW else ""
        return f"{key.algorithm_name}, for {claims['exp'] - claims['iat']} s, audience {claims['aud']}{clocks}"

    def _is_known(self) -> None:
        answer = self._api.ask("GET", "/me", bearer=self._tokens["access_token"])
        user = expect(answer, 200).get("user")
        if user != self._tokens["user"]:
            raise FailedError(
                f"{answer.question} answered for another user than the one who logged in.",
                "Something keeps answers or swaps them: the behavior `/api/*` needs the cache policy CachingDisabled. "
                "Take the site off the net until this is found.",
            )

    def _is_refreshed(self) -> None:
        first = self._tokens["refresh_token"]
        answer = self._refresh(first)
        tokens = _tokens(expect(answer, 200), answer)
        if _claims(tokens["refresh_token"]) == _claims(first):
            raise FailedError(f"{answer.question} gave the same refresh token again.", _OLD_VERSION)
        self._history = [first, tokens["refresh_token"]]
        self._tokens = tokens

    def _is_retried(self) -> None:
        first, second = self._needs_history(2)
        answer = self._refresh(first)
        successor = _tokens(expect(answer, 200), answer)["refresh_token"]
        if _claims(successor) != _claims(second):
            raise FailedError(
                f"{answer.question} gave another successor for the same refresh token: two tabs would log each other "
                "out.",
                _OLD_VERSION,
            )

    def _is_reused(self) -> None:
        first, second = self._needs_history(2)
        answer = self._refresh(second)
        third = _tokens(expect(answer, 200), answer)["refresh_token"]
        self._history.append(third)
        reused = self._refresh(first)
        if reused.status == 200:  # noqa: PLR2004 - OK
            raise FailedError(
                f"{reused.question} took a refresh token that was used before: a stolen one would not be noticed.",
                "Log-ins of this site are not safe. " + _OLD_VERSION,
            )
        expect(reused, 401, error="invalid_grant")
        self._reuse_detected = True

    def _is_over(self) -> None:
        newest = self._needs_history(3)[-1]
        if not self._reuse_detected:
            raise LeftOutError("no reuse was noticed")
        expect(self._refresh(newest), 401, error="invalid_grant")

    def _is_remembered(self) -> None:
        answer = self._account.log_in()
        self._tokens = _tokens(expect(answer, 200), answer)
        if not self._reuse_detected:
            raise LeftOutError("no reuse was noticed")
        dashboard = self._api.ask("GET", "/dashboard", bearer=self._tokens["access_token"])
        events = expect(dashboard, 200).get("recent_events", [])
        if "refresh_token_reused" not in [event.get("type") for event in events]:
            raise FailedError(
                f"{dashboard.question}: recent_events has no refresh_token_reused.",
                "The events' table is not written or not read: look into the log of the API's Lambda.",
            )

    def _has_a_cookie(self) -> str:
        answer = self._account.log_in(cookie=True, origin=self._api.site.origin)
        body = expect(answer, 200)
        cookie = _cookie(answer)
        name = "__Secure-refresh_token" if self._api.site.over_tls else "refresh_token"
        wrong = [] if cookie.key == name else [f"its name is {cookie.key}, and should be {name}"]
        wanted: dict[str, object] = {"httponly": True, "samesite": "Strict", "path": f"{API}/auth", "domain": ""}
        if self._api.site.over_tls:
            wanted["secure"] = True
        for attribute, value in wanted.items():
            if cookie[attribute] != value:
                wrong.append(f"{attribute} is {cookie[attribute] or 'missing'}, and should be {value or 'absent'}")
        if not cookie["max-age"].isdigit() or int(cookie["max-age"]) != body.get("refresh_expires_in"):
            wrong.append(f"max-age is {cookie['max-age'] or 'missing'}, and should be {body.get('refresh_expires_in')}")
        if "refresh_token" in body:
            wrong.append("the body holds the refresh token too")
        self._cookie = cookie
        if wrong:
            raise FailedError(
                "\n".join(f"{answer.question}: {line}." for line in wrong),
                "LYCHGATE_ISSUER decides name, Secure and Path: it has to be the site's URL and /api.",
            )
        return cookie.key

    def _is_rejected_elsewhere(self) -> None:
        # Refused before the token is looked at, so the cookie stays good.
        expect(self._refresh_by_cookie(FOREIGN), 403, error="origin_rejected")

    def _is_refreshed_by_cookie(self) -> None:
        answer = self._refresh_by_cookie(self._api.site.origin)
        expect(answer, 200)
        self._cookie = _cookie(answer)

    def _is_logged_out(self) -> None:
        refresh_token = self._tokens["refresh_token"]
        answer = self._api.ask("POST", "/auth/logout", {"refresh_token": refresh_token})
        expect(answer, 204)
        refused = self._refresh(refresh_token)
        if refused.status == 200:  # noqa: PLR2004 - OK
            raise FailedError(f"{refused.question} took the refresh token of a session that was ended.", _OLD_VERSION)
        expect(refused, 401, error="invalid_grant")
        if self._cookie is not None:
            by_cookie = self._api.ask(
                "POST", "/auth/logout", {}, origin=self._api.site.origin, headers=_sent(self._cookie)
            )
            expect(by_cookie, 204)
            if _cookie(by_cookie)["max-age"] != "0":
                raise FailedError(f"{by_cookie.question} leaves the cookie with the browser.", _OLD_VERSION)

    def _is_revoked(self) -> None:
        answer = self._api.ask("POST", "/auth/logout-all", bearer=self._tokens["access_token"])
        expect(answer, 401, error="invalid_token")

    def _is_deleted(self) -> None:
        answer = self._account.log_in()
        access_token = _tokens(expect(answer, 200), answer)["access_token"]
        expect(self._account.delete(access_token), 204)
        refused = self._account.log_in()
        expect(refused, 401, error="invalid_credentials")
        expect_challenge(refused, by_lambda=True)

    def _refresh(self, refresh_token: str) -> Answer:
        return self._api.ask("POST", "/auth/refresh", {"refresh_token": refresh_token})

    def _refresh_by_cookie(self, origin: str) -> Answer:
        if self._cookie is None:
            raise LeftOutError("there is no cookie")
        return self._api.ask("POST", "/auth/refresh", {}, origin=origin, headers=_sent(self._cookie))

    def _needs_history(self, length: int) -> list[str]:
        if len(self._history) < length:
            raise LeftOutError("no refresh succeeded")
        return self._history


def _tokens(body: dict[str, Any], answer: Answer) -> dict[str, Any]:
    """Return a token response (RFC 6749 section 5.1) that has all it should have. Raises FailedError."""
    texts = ("access_token", "refresh_token")
    complete = all(isinstance(body.get(name), str) for name in texts) and isinstance(body.get("user"), dict)
    if not complete or body.get("token_type") != "Bearer" or not isinstance(body.get("expires_in"), int):
        raise FailedError(
            f"{answer.question} did not answer with a token response; it has {', '.join(sorted(body))}.", _OLD_VERSION
        )
    return body


def _claims(refresh_token: str) -> str:
    """Return the part of a token that its signature is for: ES256 signs the same twice in two ways."""
    return refresh_token.rpartition(".")[0]


def _cookie(answer: Answer) -> Morsel[str]:
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


def _sent(cookie: Morsel[str]) -> dict[str, str]:
    return {"Cookie": f"{cookie.key}={cookie.value}"}


def _error(answer: Answer) -> object:
    try:
        return answer.json().get("error")
    except ValueError:
        return None


def _skew(answer: Answer) -> float:
    """Return by how many seconds the clock behind an answer is ahead of this machine's; 0 if it does not say."""
    try:
        return parsedate_to_datetime(answer.header("Date") or "").timestamp() - time.time()
    except ValueError:
        return 0.0
