"""The checks that need an account: tokens, what a refresh gives, what a reuse ends, the cookie, and the end of it all.

Each goes on where another stopped. What a failed one leaves unknown is left out, not failed once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from http.cookies import Morsel
from typing import Any

from infra.smoke.api import Api
from infra.smoke.cookies import cookie_faults, cookie_header, refresh_cookie
from infra.smoke.cors import FOREIGN
from infra.smoke.diagnosis import OLD_VERSION, expect
from infra.smoke.public import expect_challenge
from infra.smoke.report import Check, FailedError, LeftOutError
from infra.smoke.site import Answer
from infra.smoke.throwaway import Account
from infra.smoke.tokens import signed_part, token_response, verify_access_token

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
        self._tokens = token_response(expect(answer, 201), answer)
        return self._account.username

    def _logs_in(self) -> str:
        answer = self._account.log_in()
        self._tokens = token_response(expect(answer, 200), answer)
        return self._account.username

    def _is_verified(self) -> str:
        access_token, user = self._tokens["access_token"], self._tokens["user"]
        return verify_access_token(self._api, access_token, user_id=user["id"])

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
        tokens = token_response(expect(answer, 200), answer)
        if signed_part(tokens["refresh_token"]) == signed_part(first):
            raise FailedError(f"{answer.question} gave the same refresh token again.", OLD_VERSION)
        self._history = [first, tokens["refresh_token"]]
        self._tokens = tokens

    def _is_retried(self) -> None:
        first, second = self._needs_history(2)
        answer = self._refresh(first)
        successor = token_response(expect(answer, 200), answer)["refresh_token"]
        if signed_part(successor) != signed_part(second):
            raise FailedError(
                f"{answer.question} gave another successor for the same refresh token: two tabs would log each other "
                "out.",
                OLD_VERSION,
            )

    def _is_reused(self) -> None:
        first, second = self._needs_history(2)
        answer = self._refresh(second)
        third = token_response(expect(answer, 200), answer)["refresh_token"]
        self._history.append(third)
        reused = self._refresh(first)
        if reused.status == 200:  # noqa: PLR2004 - OK
            raise FailedError(
                f"{reused.question} took a refresh token that was used before: a stolen one would not be noticed.",
                "Log-ins of this site are not safe. " + OLD_VERSION,
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
        self._tokens = token_response(expect(answer, 200), answer)
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
        self._cookie = cookie = refresh_cookie(answer)
        wrong = cookie_faults(cookie, over_tls=self._api.site.over_tls, seconds=body.get("refresh_expires_in"))
        if "refresh_token" in body:
            wrong.append("the body holds the refresh token too")
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
        self._cookie = refresh_cookie(answer)

    def _is_logged_out(self) -> None:
        refresh_token = self._tokens["refresh_token"]
        answer = self._api.ask("POST", "/auth/logout", {"refresh_token": refresh_token})
        expect(answer, 204)
        refused = self._refresh(refresh_token)
        if refused.status == 200:  # noqa: PLR2004 - OK
            raise FailedError(f"{refused.question} took the refresh token of a session that was ended.", OLD_VERSION)
        expect(refused, 401, error="invalid_grant")
        if self._cookie is not None:
            by_cookie = self._api.ask(
                "POST", "/auth/logout", {}, origin=self._api.site.origin, headers=cookie_header(self._cookie)
            )
            expect(by_cookie, 204)
            if refresh_cookie(by_cookie)["max-age"] != "0":
                raise FailedError(f"{by_cookie.question} leaves the cookie with the browser.", OLD_VERSION)

    def _is_revoked(self) -> None:
        answer = self._api.ask("POST", "/auth/logout-all", bearer=self._tokens["access_token"])
        expect(answer, 401, error="invalid_token")

    def _is_deleted(self) -> None:
        answer = self._account.log_in()
        access_token = token_response(expect(answer, 200), answer)["access_token"]
        expect(self._account.delete(access_token), 204)
        refused = self._account.log_in()
        expect(refused, 401, error="invalid_credentials")
        expect_challenge(refused, by_lambda=True)

    def _refresh(self, refresh_token: str) -> Answer:
        return self._api.ask("POST", "/auth/refresh", {"refresh_token": refresh_token})

    def _refresh_by_cookie(self, origin: str) -> Answer:
        if self._cookie is None:
            raise LeftOutError("there is no cookie")
        return self._api.ask("POST", "/auth/refresh", {}, origin=origin, headers=cookie_header(self._cookie))

    def _needs_history(self, length: int) -> list[str]:
        if len(self._history) < length:
            raise LeftOutError("no refresh succeeded")
        return self._history


def _error(answer: Answer) -> object:
    try:
        return answer.json().get("error")
    except ValueError:
        return None
