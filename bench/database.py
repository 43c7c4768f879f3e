"""The cost of each route at DynamoDB: its calls and the capacity that they consume. It is exact, so once is enough.

``tests/cost`` asserts the same numbers with the same meter.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.figures import Figure, Progress, figure
from bench.over_database import TABLES, OverDatabase, client_of, over_database, started
from chalicelib.accounts.caller import Caller
from chalicelib.tokens.kinds import ACCESS_TOKEN
from tests.support.consumption import Cost, Meter
from tests.support.scenarios import PASSWORD, Scenario, scenarios

TITLE = "Database: calls and capacity units of each route"

_HEADLINES = frozenset({"refresh", "log in", "sessions"})
_CLIENT = Caller(ip="203.0.113.7", user_agent="bench")


class _Clock:
    """A clock that moves only when it is told to."""

    def __init__(self) -> None:
        # Ahead of the emulator's clock, so that nothing expires.
        self._now = 4_000_000_000

    def __call__(self) -> int:
        return self._now

    def advance(self, seconds: int) -> None:
        self._now += seconds


def measure(progress: Progress) -> list[Figure]:
    """Make a request of every kind and read the meter. Raises LeftOut without Java or DynamoDB Local."""
    clock = _Clock()
    figures = []
    with tempfile.TemporaryDirectory() as folder, started(Path(folder)) as server:
        subject = over_database(client_of(server), clock=clock)
        progress("a request of every kind")
        names = list(_requests(subject, clock, "nobody-yet"))
        with Meter(subject.client, TABLES) as meter:
            for number, name in enumerate(names):
                # Each has its own Alice: some requests end her session, and one deletes her account.
                request = _requests(subject, clock, f"alice-{number}")[name]
                request.prepare()
                meter.reset()
                request.run()
                figures += _figures(name, request, meter.reading())
    return figures


def _requests(subject: OverDatabase, clock: _Clock, username: str) -> dict[str, Scenario]:
    alice = subject.use_cases.registration.register(username, PASSWORD, _CLIENT)
    principal = subject.verifier.verify(ACCESS_TOKEN, alice.tokens.access_token)
    return scenarios(subject.use_cases, subject.verifier, alice, principal, _CLIENT, clock.advance, username=username)


def _figures(name: str, request: Scenario, cost: Cost) -> list[Figure]:
    route = request.route if request.route == "authorizer" else f"`{request.route}`"
    values = {
        "calls": len(cost.calls),
        "read units": cost.reads,
        "write units": cost.writes,
    }
    # Only the protected request has an aim: no calls to the database.
    aim = 0 if request.route == "authorizer" else None
    return [
        figure(f"{route}, {name}", unit, [value], at_most=aim, headline=name in _HEADLINES and unit == "calls")
        for unit, value in values.items()
    ]
