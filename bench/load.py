"""The packaged application under load: rates, response times, errors, lost sessions, and memory over many requests.

This runs the deployment package in processes of AWS's runtime client, behind the emulation of API Gateway and over
DynamoDB Local. All of them share this machine's processors with the clients, and are part of every figure. The figures
show that nothing breaks or accumulates, not how fast Lambda is.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.compared_packages import floor_of
from bench.figures import Figure, LeftOut, Progress, figure
from bench.load_client import Account, Client, Operation, Outcome, Plan
from bench.memory import over_many_requests
from bench.over_database import STAGE, client_of, private_ring, started
from bench.packaged_stage import DISTRIBUTION_SECRET, built, endpoints_for
from infra.tables import create_tables
from tests.support.packaged.api_gateway import ApiGateway
from tests.support.packaged.errors import PackageError
from tests.support.packaged.function import LambdaFunction
from tests.support.packaged.package import Package
from tests.support.packaged.template import API_HANDLER
from tests.support.scenarios import PASSWORD

TITLE = "Load: the package under its runtime, with the emulations that it needs here"

_ACCOUNTS = 32
_PROCESSES = 4
"""Processes of the API's function. Lambda would start one for each concurrent request."""


@dataclass(frozen=True)
class _Effort:
    clients: tuple[int, ...]
    seconds: float
    requests: int
    """Requests over which memory is measured."""


_FULL = _Effort((1, 8, 32), seconds=8.0, requests=50_000)
_QUICK = _Effort((1, 4), seconds=1.0, requests=500)


def measure(progress: Progress, *, quick: bool = False) -> list[Figure]:
    """Build the package, run it, and measure. Raises LeftOut if it cannot be built or run."""
    effort = _QUICK if quick else _FULL
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        progress("DynamoDB Local and the package")
        server = stack.enter_context(started(folder, long_lived=True))
        create_tables(client_of(server), STAGE)
        ring = private_ring()
        try:
            package = built(ring)
            endpoints = stack.enter_context(endpoints_for(server, ring))
            floor = stack.enter_context(floor_of(package))
            return [
                *_under_load(package, endpoints, effort, progress),
                *over_many_requests(package, floor, endpoints, effort.requests, progress),
            ]
        except PackageError as cannot:
            raise LeftOut(str(cannot)) from cannot


def _under_load(
    package: Package, endpoints: Mapping[str, str], effort: _Effort, progress: Progress
) -> Iterator[Figure]:
    with (
        LambdaFunction(package, API_HANDLER, endpoints, concurrency=_PROCESSES) as api,
        LambdaFunction(package, "authorizer", concurrency=2) as authorizer,
    ):
        gateway = ApiGateway(
            package, {API_HANDLER: api, "authorizer": authorizer}, api_keys=[DISTRIBUTION_SECRET]
        ).serve()
        try:
            progress(f"{_ACCOUNTS} accounts")
            accounts = _registered(gateway.port)
            errors: list[str] = []
            operations: tuple[Operation, ...] = ("protected", "refresh", "log-in")
            for operation in operations:
                # Before timing, every process has started and every client has connected once.
                accounts = _sent(gateway.port, operation, _ACCOUNTS, effort.seconds / 4, accounts)["accounts"]
                for clients in effort.clients:
                    progress(f"{operation}, {clients} clients")
                    outcome = _sent(gateway.port, operation, clients, effort.seconds, accounts)
                    accounts = outcome["accounts"]
                    errors += outcome["errors"]
                    yield from _figures(operation, clients, outcome)
            progress("every session once more")
            lost = _lost(gateway.port, accounts)
        finally:
            gateway.stop()
    for error in errors[:3] + lost[:3]:
        progress(error)
    yield figure("requests that failed under load", "errors", [len(errors)], at_most=0)
    yield figure("sessions that were lost under load", "sessions", [len(lost)], at_most=0)


def _registered(port: int) -> list[Account]:
    accounts = []
    for number in range(_ACCOUNTS):
        account = Account(
            username=f"user-{number}",
            password=PASSWORD,
            address=f"198.51.100.{number + 1}",
            access_token="",
            refresh_token="",
            begun=[],
        )
        client = Client(port, DISTRIBUTION_SECRET)
        try:
            answer = client.post("/auth/register", account, username=account["username"], password=PASSWORD)
        finally:
            client.close()
        account["access_token"], account["refresh_token"] = answer["access_token"], answer["refresh_token"]
        accounts.append(account)
    return accounts


def _sent(port: int, operation: Operation, clients: int, seconds: float, accounts: list[Account]) -> Outcome:
    plan = Plan(
        port=port, operation=operation, clients=clients, seconds=seconds, secret=DISTRIBUTION_SECRET, accounts=accounts
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.load_client"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        written, _ = process.communicate(json.dumps(plan))
    finally:
        process.kill()
        process.wait()
    if process.returncode != 0:
        raise AssertionError(f"the clients ended with {process.returncode}")
    outcome: Outcome = json.loads(written)
    return outcome


def _figures(operation: Operation, clients: int, outcome: Outcome) -> Iterator[Figure]:
    milliseconds = sorted(outcome["milliseconds"])
    if len(milliseconds) < 2:  # noqa: PLR2004 - fewer have no percentiles
        raise AssertionError(f"only {len(milliseconds)} answers to {operation}: {outcome['errors'][:3]}")
    percentiles = statistics.quantiles(milliseconds, n=100, method="inclusive")
    name = f"{operation}, {clients} client{'s' if clients > 1 else ''}"
    yield figure(name, "requests/s", [len(milliseconds) / outcome["seconds"]], headline=True)
    for percentile in (50, 95, 99):
        yield figure(f"{name}, p{percentile}", "ms", [percentiles[percentile - 1]])


def _lost(port: int, accounts: list[Account]) -> list[str]:
    """Refresh each session with its last token, and return the failures."""
    lost = []
    client = Client(port, DISTRIBUTION_SECRET)
    for account in accounts:
        for token in [account["refresh_token"], *account["begun"]]:
            try:
                client.post("/auth/refresh", account, refresh_token=token)
            except AssertionError as refused:
                lost.append(str(refused))
    client.close()
    return lost
