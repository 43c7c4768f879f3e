"""What was found, for people in 80 columns and for programs in JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from infra.doctor.advice import NOT_PROTECTED, Advice
from infra.doctor.model import OWNER, Account
from infra.doctor.search import MEANINGS, Finding, Move, Outcome
from infra.doctor.settings import Site

WIDTH = 80

_COLOURS = {"red": "\x1b[31m", "yellow": "\x1b[33m", "green": "\x1b[32m", "bold": "\x1b[1m"}
_PLAIN = "\x1b[0m"

Paint = Callable[[str, str], str]

LOSSES = {
    "password": ("password",),
    "mailbox": ("mailbox",),
    "TOTP app": ("TOTP app",),
    "TOTP app and recovery codes": ("TOTP app", "recovery codes"),
    "passkey": ("passkey",),
}
"""What an owner may lose, and what the owner no longer has then."""


@dataclass(frozen=True)
class Report:
    """All that was found of a site."""

    site: Site
    warnings: list[Advice]
    findings: list[Finding]
    roles: tuple[str, ...]
    """The roles that routes ask for."""
    lost: dict[str, list[Account]]
    """By what an owner loses: the kinds of accounts that are lost with it."""


def coloured(text: str, colour: str) -> str:
    """Return a text for a terminal."""
    return f"{_COLOURS[colour]}{text}{_PLAIN}"


def plain(text: str, _: str) -> str:
    """Return a text for anything else."""
    return text


def as_text(report: Report, paint: Paint = plain) -> Iterator[str]:
    """Yield the lines of a report."""
    yield paint(f"Who takes over accounts, with the settings of {_where(report.site)}", "bold")
    yield from _wrapped(_settings(report.site), "")
    yield from _heading("In short", paint)
    for sentence in summary(report):
        yield from _item(sentence)
    yield from _heading("Warnings", paint)
    for warning in report.warnings:
        lines = _item(f"{warning.setting}: {warning.what}", "! ")
        yield paint(next(lines), "yellow")
        yield from lines
        yield from _wrapped(f"Do: {warning.do}", "    ")
    if not report.warnings:
        yield from _item("None.")
    yield from _heading("Thieves", paint)
    for name, of_theft in groupby(report.findings, key=lambda finding: finding.theft.name):
        yield from _theft(name, list(of_theft), report, paint)
    yield from _heading("Losses", paint)
    for loss, accounts in report.lost.items():
        kinds = "; ".join(account.kind for account in accounts)
        yield from _item(f"Who loses the {loss} has lost the account: {kinds}." if kinds else f"{loss}: no account.")
    yield from _heading("What no setting changes", paint)
    for sentence in NOT_PROTECTED:
        yield from _item(sentence)


def as_json(report: Report) -> dict[str, Any]:
    """Return a report in JSON."""
    settings = report.site.settings
    return {
        "stage": report.site.name,
        "settings": {
            "email": settings.email,
            "identifier": settings.identifier,
            "registration": "open" if settings.registration_open else "closed",
            "rp_id": settings.rp_id if report.site.has_address else None,
            "fresh_seconds": settings.fresh_seconds,
            "access_token_lifetime": settings.access_token_lifetime,
            "password_min_length": settings.password_min_length,
        },
        "summary": list(summary(report)),
        "warnings": [{"setting": each.setting, "what": each.what, "do": each.do} for each in report.warnings],
        "findings": [
            {
                "theft": finding.theft.name,
                "account": finding.account.kind,
                "outcome": finding.outcome.name.lower(),
                "path": _requests(finding.path),
                "deletes_account_by": _requests(finding.deletes),
                "lasts": lasts(finding, report.site),
                "events": list(finding.events),
                "mails": list(finding.mails),
                "ended_by": None if finding.ended_by is None else _requests(finding.ended_by),
            }
            for finding in report.findings
        ],
        "roles": list(report.roles),
        "lost_with": {loss: [account.kind for account in accounts] for loss, accounts in report.lost.items()},
        "not_protected": list(NOT_PROTECTED),
    }


def summary(report: Report) -> Iterator[str]:
    """Yield what matters most: who takes over which accounts, and which thefts are worth nothing."""
    taking: dict[str, list[str]] = {}
    harmless = []
    for name, of_theft in groupby(report.findings, key=lambda finding: finding.theft.name):
        findings = list(of_theft)
        taken = [finding for finding in findings if finding.outcome.takes_over]
        if taken:
            is_final = all(finding.outcome is Outcome.KEEPS_OUT for finding in taken)
            end = ", and can keep the owner out" if is_final else ""
            taking.setdefault(f"{_kinds(taken, report)}{end}", []).append(name)
        elif all(finding.outcome is Outcome.NOTHING for finding in findings):
            harmless.append(name)
    for what, names in taking.items():
        yield (
            f"{_capital(names[0])} takes over {what}." if len(names) == 1 else f"Each takes over {what}: {_all(names)}."
        )
    if harmless:
        yield f"Worth nothing alone: {_all(harmless)}."
    if report.site.settings.email == "off":
        yield "No mail goes out: no reset, no code by mail, no notice."


def _all(names: list[str]) -> str:
    return "; ".join(names)


def lasts(finding: Finding, site: Site) -> str:
    """Return how long a thief has what there is to have."""
    settings = site.settings
    if finding.outcome is Outcome.NOTHING:
        return "no time"
    if finding.outcome is Outcome.DISTURBS:
        return "until the owner chooses another password"
    if finding.outcome is Outcome.ACTS and not finding.renewable:
        return f"{settings.access_token_lifetime} s at most, or until the session ends"
    if finding.outcome is Outcome.ACTS:
        idle, whole = settings.sessions.idle_lifetime, settings.sessions.absolute_lifetime
        return (
            "until the owner's third refresh, which takes half an hour where a page is open; while the owner is away "
            f"{_days(whole)}, or {_days(idle)} without a refresh"
        )
    if finding.ended_by is None:
        return "until an operator ends it"
    return "until the owner ends it"


def _theft(name: str, findings: list[Finding], report: Report, paint: Paint) -> Iterator[str]:
    yield ""
    yield from (paint(line, "bold") for line in _wrapped(_capital(name), "  "))

    def alike(finding: Finding) -> tuple[Any, ...]:
        return (finding.outcome, _requests(finding.path), finding.ended_by and _requests(finding.ended_by))

    ordered = sorted(findings, key=lambda finding: (-finding.outcome, _requests(finding.path), str(alike(finding))))
    for _, group in groupby(ordered, key=alike):
        yield from _group(list(group), report, paint)
    if findings[0].theft.aside:
        yield from _wrapped(findings[0].theft.aside, "    ")
    if "admin" in findings[0].theft.pieces:
        yield from _wrapped(f"Routes ask for the roles {', '.join(report.roles)}.", "    ")


def _group(group: list[Finding], report: Report, paint: Paint) -> Iterator[str]:
    one = group[0]
    colour = "red" if one.outcome.takes_over else "green" if one.outcome is Outcome.NOTHING else "yellow"
    lines = _wrapped(f"{MEANINGS[one.outcome]}: {_kinds(group, report)}", "    ", "      ")
    yield paint(next(lines), colour)
    yield from lines
    if one.outcome is Outcome.NOTHING:
        return
    told = [", ".join(one.events), f"by mail {', '.join(one.mails)}" if one.mails else ""]
    rows = {
        "by": _way(one.path) or "nothing more is needed",
        "also": "can delete the account" if one.deletes else "",
        "lasts": lasts(one, report.site),
        "told": "; ".join(filter(None, told)) or "nothing",
        "ends": "an operator only" if one.ended_by is None else _way(one.ended_by),
    }
    for name, text in rows.items():
        if text:
            yield from _wrapped(f"{name:<6} {text}", "      ", "             ")


def _way(moves: tuple[Move, ...]) -> str:
    """Return the requests of a way. One of the owner's on the thief's way says so."""
    actors = {move.actor for move in moves}
    return " > ".join(
        f"{'the owner: ' if move.actor == OWNER and len(actors) > 1 else ''}{' > '.join(move.step.requests)}"
        for move in moves
    )


def _requests(moves: Iterable[Move]) -> list[str]:
    return [route for move in moves for route in move.step.requests]


def _kinds(findings: list[Finding], report: Report) -> str:
    """Return which kinds of accounts these are, of all that this thief can be after."""
    of_theft = [finding for finding in report.findings if finding.theft is findings[0].theft]
    kinds = {finding.account for finding in findings}
    if findings[0].theft.registers_first:
        return "the account that the owner has confirmed"
    if len(kinds) == len(of_theft):
        return "every account"
    with_totp = {finding.account for finding in of_theft if finding.account.totp}
    if kinds == with_totp:
        return "every account with TOTP"
    if kinds == {finding.account for finding in of_theft} - with_totp:
        return "every account without TOTP"
    return "; ".join(finding.account.kind for finding in findings)


def _settings(site: Site) -> str:
    settings = site.settings
    of_passkeys = f"passkeys for {settings.rp_id}" if site.has_address else "not deployed yet"
    return (
        f"e-mail {settings.email}, named by {settings.identifier}, registration "
        f"{'open' if settings.registration_open else 'closed'}, fresh for {settings.fresh_seconds} s, {of_passkeys}"
    )


def _where(site: Site) -> str:
    return "this machine" if site.is_laptop else f"the stage {site.name}"


def _heading(title: str, paint: Paint) -> Iterator[str]:
    yield ""
    yield paint(title, "bold")


def _item(text: str, mark: str = "- ") -> Iterator[str]:
    yield from _wrapped(text, f"  {mark}", "    ")


def _wrapped(text: str, indent: str, further: str | None = None) -> Iterator[str]:
    yield from textwrap.wrap(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent if further is None else further,
        break_on_hyphens=False,
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _days(seconds: int) -> str:
    return f"{seconds // 86400} days" if seconds >= 2 * 86400 else f"{seconds} s"
