"""Whether the cost and the time of a request grow with the number of users and with the sessions of a user.

Three databases of different sizes run side by side, with alternating requests. The times are those of the use case in
this process and of DynamoDB Local, not of DynamoDB. Calls and capacity carry over.
"""

from __future__ import annotations

import functools
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.bulk import Population, fill
from bench.figures import Figure, Progress, figure, ratios
from bench.interleaving import interleaved
from bench.over_database import (
    CHEAPEST_HASH,
    PEPPER,
    TABLES,
    OverDatabase,
    client_of,
    folder_in_memory,
    over_database,
    private_ring,
    started,
)
from chalicelib.accounts.caller import Caller
from chalicelib.accounts.events import EventType, SecurityEvent
from chalicelib.accounts.session import Session
from chalicelib.accounts.user import User
from chalicelib.adapters.dynamodb.transactions import Database
from chalicelib.adapters.dynamodb.users import DynamoDBUserStore
from chalicelib.clock import system_clock
from chalicelib.config.api import REFRESH_IDLE_LIFETIME, SESSION_LIFETIME
from chalicelib.credentials.passwords import PasswordHasher
from chalicelib.credentials.peppers import Peppers
from chalicelib.tokens.principals import Principal
from tests.support.consumption import Cost, Meter
from tests.support.scenarios import PASSWORD

TITLE = "Growth: the same requests with more users, and with more sessions a user"

FLAT = 1.25
"""The ratio up to which times count as equal. Two runs of the same size differ as much on a busy machine."""

_CALLER = Caller(ip="203.0.113.7", user_agent="bench")
_SIZES = (1_000, 100_000, 1_000_000)
_QUICK_SIZES = (1_000, 10_000)
_MANY = 50
"""The most sessions that a user may have."""
_BYTES_A_USER = 2_000
"""Bytes that a user and a session take in DynamoDB Local's files, approximately."""
_TAKEN_AT_MOST = 1_000
"""Requests of each kind. In the largest database they are spread over all users."""
_OPERATIONS = ("log-in", "refresh", "list of sessions")


@dataclass(frozen=True)
class _Effort:
    sizes: tuple[int, ...]
    rounds: int
    warm_up: int

    @property
    def crowded(self) -> int:
        """The number of users with many sessions: one for each request of three kinds, with the metered ones."""
        return 3 * (self.rounds + self.warm_up + 1)


_FULL = _Effort(_SIZES, rounds=110, warm_up=40)
_QUICK = _Effort(_QUICK_SIZES, rounds=10, warm_up=3)


def measure(progress: Progress, *, quick: bool = False) -> list[Figure]:
    """Fill the databases and measure. Raises LeftOut without Java or DynamoDB Local."""
    effort = _QUICK if quick else _FULL
    ring = private_ring()
    filling = time.monotonic()
    with ExitStack() as stack:
        subjects = {}
        for size in effort.sizes:
            progress(f"{size:,} users")
            folder = Path(
                stack.enter_context(
                    tempfile.TemporaryDirectory(
                        prefix="lychgate-bench-", dir=folder_in_memory(2 * _BYTES_A_USER * sum(effort.sizes))
                    )
                )
            )
            subjects[size] = _filled(stack, folder, Population(size, effort.crowded, _MANY), ring)
        figures = [figure("filling all the databases", "s", [time.monotonic() - filling])]
        progress("calls and capacity")
        costs = {
            size: {name: _cost(subject, act) for name, act in subject.actions.items()}
            for size, subject in subjects.items()
        }
        progress("time")
        seconds = interleaved(
            {f"{name} {size}": act for size, subject in subjects.items() for name, act in subject.actions.items()},
            rounds=effort.rounds,
            warm_up=effort.warm_up,
            calls=1,
            clock=time.perf_counter,
        )
    largest = effort.sizes[-1]
    for operation in _OPERATIONS:
        figures += _over_users(operation, effort.sizes, seconds, costs)
    for operation in _OPERATIONS:
        one, many = costs[largest][operation], costs[largest][_crowded(operation)]
        against = f"{operation}, {_MANY} sessions / 1 session"
        over = ratios(seconds[f"{_crowded(operation)} {largest}"], seconds[f"{operation} {largest}"])
        figures += [*_more(f"{operation}, {_MANY} sessions against 1", one, many), figure(against, "x", over)]
    return figures


@dataclass(frozen=True)
class _Subject:
    over: OverDatabase
    actions: Mapping[str, Callable[[], object]]


def _filled(stack: ExitStack, folder: Path, population: Population, ring: Mapping[str, object]) -> _Subject:
    """Return a running database with this population, and the requests to make, each for another user."""
    now = system_clock()
    user = User(
        id=population.user_id(0),
        username=population.username(0),
        password_hash=PasswordHasher(peppers=Peppers.of(PEPPER), cost=CHEAPEST_HASH).hash(PASSWORD),
        roles=("user",),
        created_at=now,
    )
    session = Session(
        id=population.session_id(0),
        user_id=user.id,
        username=user.username,
        created_at=now,
        authenticated_at=now,
        last_used_at=now,
        idle_expires_at=now + REFRESH_IDLE_LIFETIME,
        expires_at=now + SESSION_LIFETIME,
        refresh_counter=0,
        epoch=0,
        caller=_CALLER,
    )
    with started(folder, data=folder) as server:
        over = over_database(client_of(server), clock=system_clock, ring=ring)
        event = SecurityEvent(EventType.REGISTERED, user.id, now, _CALLER)
        DynamoDBUserStore(Database(over.client, TABLES)).add(user, session, event)
    fill(folder, TABLES, population)
    server = stack.enter_context(started(folder, data=folder, long_lived=True))
    over = over_database(client_of(server), clock=system_clock, ring=ring)
    return _Subject(over, _actions(over, population, session))


def _actions(over: OverDatabase, population: Population, session: Session) -> dict[str, Callable[[], object]]:
    use_cases = over.use_cases

    def log_in(number: int) -> None:
        use_cases.log_in.with_password(population.username(number), PASSWORD, _CALLER)

    def refresh(number: int) -> None:
        refresh_token = over.issuer.refresh_token(population.session_like(session, number), system_clock())
        use_cases.refresh_tokens.exchange(refresh_token, _CALLER)

    def list_sessions(number: int) -> None:
        listed = use_cases.account.sessions(_principal(population, number))
        if len(listed) != population.sessions_of(number):
            raise AssertionError(f"{population.username(number)} has {len(listed)} sessions")

    actions: dict[str, Callable[[], object]] = {}
    uncrowded = population.users - population.crowded
    for crowded, first, total in ((False, 0, uncrowded), (True, uncrowded, population.crowded)):
        # A log-in changes the number of its user's sessions only.
        for part, (operation, act) in enumerate(zip(_OPERATIONS, (log_in, refresh, list_sessions), strict=True)):
            numbers = range(first + part, first + total, max(3, total // _TAKEN_AT_MOST))
            actions[_crowded(operation) if crowded else operation] = functools.partial(_with_next, act, iter(numbers))
    return actions


def _with_next(act: Callable[[int], None], numbers: Iterator[int]) -> None:
    act(next(numbers))


def _principal(population: Population, number: int) -> Principal:
    return Principal(
        user_id=population.user_id(number),
        username=population.username(number),
        session_id=population.session_id(number),
        token_id=population.session_id(number),
        roles=("user",),
        expires_at=system_clock() + 60,
        issued_at=system_clock(),
    )


def _crowded(operation: str) -> str:
    return f"{operation}, {_MANY} sessions"


def _cost(subject: _Subject, act: Callable[[], object]) -> Cost:
    with Meter(subject.over.client, TABLES) as meter:
        act()
        return meter.reading()


def _over_users(
    operation: str,
    sizes: Sequence[int],
    seconds: Mapping[str, list[float]],
    costs: Mapping[int, Mapping[str, Cost]],
) -> Iterator[Figure]:
    few = sizes[0]
    yield figure(f"{operation}, {few:,} users", "ms", [1000 * sample for sample in seconds[f"{operation} {few}"]])
    for size in sizes[1:]:
        over = ratios(seconds[f"{operation} {size}"], seconds[f"{operation} {few}"])
        yield figure(f"{operation}, {size:,} users / {few:,} users", "x", over, at_most=FLAT)
    yield from _more(
        f"{operation}, {sizes[-1]:,} users against {few:,}", costs[few][operation], costs[sizes[-1]][operation]
    )


def _more(name: str, before: Cost, after: Cost) -> Iterator[Figure]:
    calls = len(after.calls) - len(before.calls)
    units = after.reads + after.writes - before.reads - before.writes
    yield figure(f"{name}", "more calls", [calls], at_most=0)
    yield figure(f"{name}", "more units", [units], at_most=0)
