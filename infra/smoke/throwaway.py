"""The account that a smoke test uses: made for it and deleted after it, or one that was there before and stays.

Owns the promise that no account is left behind: whatever a check did, and whether or not the answer to its
registration arrived.
"""

from __future__ import annotations

import secrets
from typing import Any

from infra.smoke.api import Api
from infra.smoke.diagnosis import expect
from infra.smoke.report import FailedError
from infra.smoke.site import Answer


class Account:
    """A username, a password, and whether the account is ours to delete."""

    def __init__(self, api: Api, existing: tuple[str, str] | None = None) -> None:
        """Take the username and the password of an account that stays, or make up those of one that does not."""
        self._api = api
        self.is_throw_away = existing is None
        self.username, self._password = existing or (
            f"smoke-test-{secrets.token_hex(8)}",
            secrets.token_urlsafe(24),
        )
        self._may_exist = False

    def register(self) -> Answer:
        """Ask for the account and return the answer."""
        # From here on it may exist, also if no answer comes.
        self._may_exist = True
        answer = self._api.ask("POST", "/auth/register", self._credentials())
        if answer.status == 403:  # noqa: PLR2004 - Forbidden: registration is closed
            self._may_exist = False
        return answer

    def log_in(self, *, cookie: bool = False, origin: str | None = None) -> Answer:
        """Log in and return the answer, the refresh token in the cookie if so asked for."""
        delivery = {"token_delivery": "cookie"} if cookie else {}
        return self._api.ask("POST", "/auth/login", {**self._credentials(), **delivery}, origin=origin)

    def delete(self, access_token: str) -> Answer:
        """Delete the account and return the answer."""
        answer = self._api.ask("POST", "/auth/delete-account", {"password": self._password}, bearer=access_token)
        if answer.status == 204:  # noqa: PLR2004 - No Content
            self._may_exist = False
        return answer

    @property
    def is_left(self) -> bool:
        """Whether there may be an account that has to be deleted."""
        return self.is_throw_away and self._may_exist

    def clear_away(self) -> None:
        """Delete the account if it is ours and may exist.

        Raises:
            FailedError: it is not known to be gone.

        """
        if not self.is_left:
            return
        logged_in = self.log_in()
        try:
            # This username is nobody else's: with the right password refused there is no such account.
            if logged_in.status == 401 and logged_in.json().get("error") == "invalid_credentials":  # noqa: PLR2004
                self._may_exist = False
                return
            access_token = str(logged_in.json()["access_token"])
            expect(self.delete(access_token), 204)
        except (ValueError, KeyError):
            raise FailedError(
                f"{logged_in.question} answered {logged_in.status}, so the account could not be deleted.",
                "See the failures above.",
            ) from None

    def _credentials(self) -> dict[str, Any]:
        return {"username": self.username, "password": self._password}
