"""One smoke test from its beginning to the deletion of its account."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from infra.smoke.api import Api
from infra.smoke.cors import CorsChecks
from infra.smoke.journey import Journey
from infra.smoke.page import PageChecks
from infra.smoke.public import PublicChecks
from infra.smoke.report import Check, FailedError, Report, Say
from infra.smoke.site import Site
from infra.smoke.throwaway import Account
from infra.smoke.transport import TransportChecks

CLEARED_AWAY = "The throw-away account is gone."


@dataclass(frozen=True)
class Target:
    """A site, and what is known of it."""

    url: str
    ca_file: str | None = None
    """Certificates of a private authority that is trusted too."""
    other_origin: str | None = None
    """An origin beside the site's own that LYCHGATE_ALLOWED_ORIGINS lists."""
    existing_account: tuple[str, str] | None = None
    """Username and password, for a site that takes no new accounts."""
    http_port: int = 80


def smoke_test(target: Target, say: Say) -> bool:
    """Check a site, say how each check ended, delete the account, and return whether nothing failed.

    Ctrl-C and SIGTERM end it when the answer under way has come, and after the account is deleted.

    Raises:
        ValueError: the target cannot be used; the message says why.
        UnreachableError: nothing answers there.
        KeyboardInterrupt: it was interrupted. The account has been deleted.

    """
    interruption = _Interruption(say)
    site = Site(target.url, ca_file=target.ca_file, http_port=target.http_port, pause=interruption.check)
    site.reach()
    api = Api(site)
    account = Account(api, target.existing_account)
    report = Report(say)
    say(f"Smoke test of {site.origin}")
    with interruption.heeded():
        try:
            _check(report, site, api, account, target)
        finally:
            interruption.disregard()
            if account.is_left:
                report.make(Check(CLEARED_AWAY, lambda: _clear_away(account)))
        interruption.raise_if_asked()
    return report.close(site.origin)


def _check(report: Report, site: Site, api: Api, account: Account, target: Target) -> None:
    public, page, cors = PublicChecks(api), PageChecks(site), CorsChecks(api, target.other_origin)
    journey = Journey(api, account)
    report.heading("Connection")
    if site.over_tls:
        transport = TransportChecks(site)
        _make(report, transport.checks())
        if not transport.usable:
            rest = (*page.checks(), *public.checks(), *cors.checks(), journey.entrance(), *journey.checks())
            report.leave_out(rest, "nothing is sent over such a connection")
            return
    else:
        report.leave_out(TransportChecks(site).checks(), "this machine is asked by http://, without TLS")
    report.heading("The page")
    _make(report, page.checks())
    report.heading("The API without an account")
    up, *others = public.checks()
    report.make(up)
    if not public.up:
        report.leave_out(
            (*others, *cors.checks(), journey.entrance(), *journey.checks()), "the API does not answer as one"
        )
        return
    _make(report, others)
    report.heading("Pages of other origins")
    _make(report, cors.checks())
    report.heading("An account" if target.existing_account else "A throw-away account")
    report.make(journey.entrance())
    if journey.begun:
        _make(report, journey.checks())
    elif journey.closed:
        report.leave_out(journey.checks(), "name an account that may be used: --username NAME --password-stdin")
    else:
        report.leave_out(journey.checks(), "there is no account to check with")


def _make(report: Report, checks: Sequence[Check]) -> None:
    for check in checks:
        report.make(check)


def _clear_away(account: Account) -> None:
    try:
        account.clear_away()
    except FailedError as failure:
        raise FailedError(
            f"{failure.wrong}\nThe account {account.username} may be left.",
            f"It can do nothing but log in, and nobody knows its password. To remove it, delete the item "
            f"`{account.username}` of the users' table. {failure.remedy}",
        ) from None


class _Interruption:
    """Ctrl-C and SIGTERM, put off until an answer has come: a registration under way may make an account yet."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._asked = False
        self._disregarded = False

    @contextmanager
    def heeded(self) -> Iterator[None]:
        """Take the signals over for a while, where this is the main thread."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._ask) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def check(self) -> None:
        """Raise KeyboardInterrupt if somebody asked for the end and the account is not being deleted."""
        if self._asked and not self._disregarded:
            raise KeyboardInterrupt

    def disregard(self) -> None:
        """Let requests be made from now on all the same."""
        self._disregarded = True

    def raise_if_asked(self) -> None:
        """Raise KeyboardInterrupt if somebody asked for the end."""
        if self._asked:
            raise KeyboardInterrupt

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        if not self._asked:
            self._say("Ending, after the throw-away account is deleted …")
        self._asked = True
