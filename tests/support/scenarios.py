"""A request of every kind, to measure the cost of each.

Owns the preparation of each. Begins with Alice, who has just registered, and her one session.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from chalicelib.accounts.caller import Caller
from chalicelib.accounts.results import LoggedIn
from chalicelib.assembly import UseCases
from chalicelib.credentials.throttling import Known
from chalicelib.errors import InvalidCredentials, InvalidGrant
from chalicelib.tokens.kinds import ACCESS_TOKEN
from chalicelib.tokens.principals import Principal
from chalicelib.tokens.verifier import TokenVerifier

PASSWORD = "correct horse battery staple"
NEW_PASSWORD = "a quite different passphrase"


def _nothing() -> None:
    return


@dataclass(frozen=True)
class Scenario:
    """A request and its preparation."""

    route: str
    """Method and path, or ``authorizer``."""
    act: Callable[[], object]
    prepare: Callable[[], object] = _nothing

    def run(self) -> None:
        """Make the request. Some are meant to be refused."""
        with contextlib.suppress(InvalidCredentials, InvalidGrant):
            self.act()


class AdvanceClock(Protocol):
    """Lets time go by."""

    def __call__(self, seconds: int) -> None:
        """Move the clock by this many seconds."""


def scenarios(
    use_cases: UseCases,
    verifier: TokenVerifier,
    alice: LoggedIn,
    principal: Principal,
    caller: Caller,
    advance: AdvanceClock,
    *,
    username: str = "alice",
) -> dict[str, Scenario]:
    """Return the requests by name. Each needs its own Alice: it may end her session or delete her account."""
    log_in, refresh, account = use_cases.log_in.with_password, use_cases.refresh_tokens, use_cases.account
    register = use_cases.registration.register
    token = alice.tokens.refresh_token
    others: list[LoggedIn] = []

    def other_session() -> None:
        others.append(log_in(username, PASSWORD, caller))

    def used_token() -> None:
        refresh.exchange(token, caller)

    def retried_token() -> None:
        used_token()
        used_token()

    def reused_token() -> None:
        used_token()
        advance(21)

    def log_in_over_a_cookie() -> None:
        log_in(username, PASSWORD, caller)
        refresh.replace([token], caller)

    return {
        "a protected request's authorizer": Scenario(
            "authorizer", lambda: verifier.verify(ACCESS_TOKEN, alice.tokens.access_token)
        ),
        "refresh": Scenario("POST /auth/refresh", lambda: refresh.exchange(token, caller)),
        "refresh again with the same token": Scenario(
            "POST /auth/refresh", lambda: refresh.exchange(token, caller), used_token
        ),
        "refresh a third time with the same token": Scenario(
            "POST /auth/refresh", lambda: refresh.exchange(token, caller), retried_token
        ),
        "refresh again from elsewhere": Scenario(
            "POST /auth/refresh", lambda: refresh.exchange(token, replace(caller, user_agent="elsewhere")), used_token
        ),
        "refresh with a forged token": Scenario(
            "POST /auth/refresh", lambda: refresh.exchange(token[:-4] + "AAAA", caller)
        ),
        "refresh with a reused token": Scenario(
            "POST /auth/refresh", lambda: refresh.exchange(token, caller), reused_token
        ),
        "log in": Scenario("POST /auth/login", lambda: log_in(username, PASSWORD, caller)),
        "log in from a device that has logged in before": Scenario(
            "POST /auth/login",
            lambda: log_in(username, PASSWORD, caller, device=Known("device", "d1", alice.user.id)),
        ),
        "log in with a wrong password": Scenario("POST /auth/login", lambda: log_in(username, "wrong", caller)),
        "log in as nobody": Scenario("POST /auth/login", lambda: log_in("nobody", PASSWORD, caller)),
        "log in as what no name can be": Scenario(
            "POST /auth/login", lambda: log_in("x" * 3000 + "!", PASSWORD, caller)
        ),
        "register": Scenario("POST /auth/register", lambda: register(f"friend-of-{username}", PASSWORD, caller)),
        "log in over a cookie": Scenario("POST /auth/login", log_in_over_a_cookie),
        "log out": Scenario("POST /auth/logout", lambda: refresh.revoke([token], caller)),
        "log out with the token before": Scenario(
            "POST /auth/logout", lambda: refresh.revoke([token], caller), used_token
        ),
        "log out with a reused token": Scenario(
            "POST /auth/logout", lambda: refresh.revoke([token], caller), reused_token
        ),
        "log out with a forged token": Scenario(
            "POST /auth/logout", lambda: refresh.revoke([token[:-4] + "AAAA"], caller)
        ),
        "profile": Scenario("GET /me", lambda: account.profile(principal)),
        "dashboard": Scenario("GET /dashboard", lambda: account.dashboard(principal)),
        "sessions": Scenario("GET /auth/sessions", lambda: account.sessions(principal)),
        "end a session": Scenario(
            "DELETE /auth/sessions/{session_id}",
            lambda: account.end_session(principal, others[0].session_id, caller),
            other_session,
        ),
        "authenticate again": Scenario(
            "POST /auth/reauthenticate", lambda: use_cases.reauthentication.with_password(principal, PASSWORD, caller)
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
