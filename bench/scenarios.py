"""A request of every kind, to find out what each costs.

Owns what has to be there before each of them. Begins with Alice, who has just registered, and her one session.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from chalicelib.accounts.caller import Caller
from chalicelib.accounts.results import LoggedIn
from chalicelib.errors import InvalidCredentials, InvalidGrant
from chalicelib.tokens.compact import TokenVerifier
from chalicelib.tokens.principals import Principal
from chalicelib.wiring import Services

PASSWORD = "correct horse battery staple"
NEW_PASSWORD = "a quite different passphrase"


def _nothing() -> None:
    return


@dataclass(frozen=True)
class Scenario:
    """A request, and what goes before it."""

    route: str
    """Method and path, or ``authorizer``."""
    act: Callable[[], object]
    prepare: Callable[[], object] = _nothing

    def run(self) -> None:
        """Make the request. That it is refused is the point of some."""
        with contextlib.suppress(InvalidCredentials, InvalidGrant):
            self.act()


class AdvanceClock(Protocol):
    """Lets time go by."""

    def __call__(self, seconds: int) -> None:
        """Let so many seconds go by."""


def scenarios(
    services: Services,
    verifier: TokenVerifier,
    alice: LoggedIn,
    principal: Principal,
    caller: Caller,
    advance: AdvanceClock,
    *,
    username: str = "alice",
) -> dict[str, Scenario]:
    """Return the requests by name. Each is for an Alice of its own: it may use up her session or her account."""
    auth, account = services.auth, services.account
    token = alice.tokens.refresh_token
    others: list[LoggedIn] = []

    def other_session() -> None:
        others.append(auth.log_in(username, PASSWORD, caller))

    def used_token() -> None:
        auth.refresh(token, caller)

    def reused_token() -> None:
        used_token()
        advance(21)

    return {
        "a protected request's authorizer": Scenario(
            "authorizer", lambda: verifier.verify_access_token(alice.tokens.access_token)
        ),
        "refresh": Scenario("POST /auth/refresh", lambda: auth.refresh(token, caller)),
        "refresh again with the same token": Scenario(
            "POST /auth/refresh", lambda: auth.refresh(token, caller), used_token
        ),
        "refresh with a forged token": Scenario(
            "POST /auth/refresh", lambda: auth.refresh(token[:-4] + "AAAA", caller)
        ),
        "refresh with a reused token": Scenario(
            "POST /auth/refresh", lambda: auth.refresh(token, caller), reused_token
        ),
        "log in": Scenario("POST /auth/login", lambda: auth.log_in(username, PASSWORD, caller)),
        "log in with a wrong password": Scenario("POST /auth/login", lambda: auth.log_in(username, "wrong", caller)),
        "log in as nobody": Scenario("POST /auth/login", lambda: auth.log_in("nobody", PASSWORD, caller)),
        "log in as what no name can be": Scenario(
            "POST /auth/login", lambda: auth.log_in("x" * 3000 + "!", PASSWORD, caller)
        ),
        "register": Scenario("POST /auth/register", lambda: auth.register(f"friend-of-{username}", PASSWORD, caller)),
        "log out": Scenario("POST /auth/logout", lambda: auth.log_out(token, caller)),
        "profile": Scenario("GET /me", lambda: account.profile(principal)),
        "dashboard": Scenario("GET /dashboard", lambda: account.dashboard(principal)),
        "sessions": Scenario("GET /auth/sessions", lambda: account.sessions(principal)),
        "end a session": Scenario(
            "DELETE /auth/sessions/{session_id}",
            lambda: account.end_session(principal, others[0].session_id, caller),
            other_session,
        ),
        "change the password": Scenario(
            "PUT /auth/password",
            lambda: account.change_password(principal, PASSWORD, NEW_PASSWORD, caller),
            other_session,
        ),
        "log out everywhere": Scenario(
            "POST /auth/logout-all", lambda: account.log_out_everywhere(principal, caller), other_session
        ),
        "delete the account": Scenario(
            "POST /auth/delete-account", lambda: account.delete_account(principal, PASSWORD, caller), other_session
        ),
    }
