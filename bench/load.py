"""The packaged application under load: rates, answering times, errors, lost sessions, and memory over many requests.

What runs is the package that a deployment uploads, in processes of AWS's runtime client, behind the emulation of API
Gateway and over DynamoDB Local. All of that shares this machine's processors with the clients, and its cost is part of
every figure: what they tell is that nothing breaks or piles up, not how fast Lambda is.
"""

from __future__ import annotations

import hashlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.dynamodb_local import DynamoDBLocal
from bench.figures import Figure, LeftOut, Progress, figure
from bench.lambda_events import Event, api_event
from bench.load_client import Account, Client, Operation, Outcome, Plan
from bench.over_database import STAGE, TABLES, client_of, private_ring, started
from chalicelib.keys import public_jwks
from infra.deployment.foundation import Foundation
from infra.deployment.policies import api_handler_policy, authorizer_policy
from infra.deployment.stage import policy_file, stage_configuration
from infra.local.embedded_aws import BODY_LIMIT, EmbeddedAws
from infra.local.http_server import HttpServer
from infra.packaged.api_gateway import ApiGateway
from infra.packaged.errors import PackageError
from infra.packaged.function import LambdaFunction
from infra.packaged.package import Package, build, machine_architecture
from infra.packaged.template import API_HANDLER
from infra.tables import create_tables

TITLE = "Load: the package under its runtime, with the emulations that it needs here"

BCRYPT_COST = 10
"""The least that settings allow: with more, log-ins would measure bcrypt alone."""

_SECRET = "the distribution's secret"
_PASSWORD = "correct horse battery staple"
_ACCOUNTS = 32
_PROCESSES = 4
"""Of the API's function. Lambda would start one for each request that comes meanwhile."""


@dataclass(frozen=True)
class _Effort:
    clients: tuple[int, ...]
    seconds: float
    requests: int
    """Over which memory is watched."""

    @property
    def settled(self) -> int:
        """The requests after which a process has loaded and cached all that it ever will."""
        return self.requests // 5


_FULL = _Effort((1, 8, 32), seconds=8.0, requests=50_000)
_QUICK = _Effort((1, 4), seconds=1.0, requests=500)


def measure(progress: Progress, *, quick: bool = False) -> list[Figure]:
    """Build the package, run it, and measure. Raises LeftOut where it cannot be built or run."""
    effort = _QUICK if quick else _FULL
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        progress("DynamoDB Local and the package")
        server = stack.enter_context(started(folder, long_lived=True))
        create_tables(client_of(server), STAGE)
        ring = private_ring()
        try:
            package = _package(ring)
            endpoints = stack.enter_context(_endpoints(server, ring))
            return [
                *_under_load(package, endpoints, effort, progress),
                *_memory(package, endpoints, effort, progress),
            ]
        except PackageError as cannot:
            raise LeftOut(str(cannot)) from cannot


def _package(ring: Mapping[str, object]) -> Package:
    foundation = Foundation(
        stage=STAGE,
        partition="aws",
        region="us-east-1",
        account_id="123456789012",
        site_origin="https://site.example",
        users_table=TABLES.users,
        sessions_table=TABLES.sessions,
        events_table=TABLES.events,
        throttle_table=TABLES.throttle,
        signing_keys_parameter=f"/lychgate/{STAGE}/signing-keys",
        distribution_secret_sha256=hashlib.sha256(_SECRET.encode()).hexdigest(),
    )
    # To run here it has to be built for here.
    configuration = stage_configuration(
        foundation, json.dumps(public_jwks(ring)), {"lambda_architecture": machine_architecture()}
    )
    policies = {
        policy_file(STAGE, "api_handler"): api_handler_policy(foundation),
        policy_file(STAGE, "authorizer"): authorizer_policy(foundation),
    }
    return build(STAGE, configuration, policies)


@contextmanager
def _endpoints(server: DynamoDBLocal, ring: Mapping[str, object]) -> Iterator[dict[str, str]]:
    """Serve the parameter of signing keys, and yield what the functions' environment needs in place of AWS."""
    aws = EmbeddedAws({"service": "bench"})
    aws.ssm().put_parameter(
        Name=f"/lychgate/{STAGE}/signing-keys", Value=json.dumps(ring), Type="SecureString", Overwrite=True
    )
    parameters = HttpServer(0, body_limit=BODY_LIMIT)
    parameters.start(aws)
    try:
        yield {
            "AWS_ENDPOINT_URL_DYNAMODB": server.endpoint,
            "AWS_ENDPOINT_URL_SSM": f"http://127.0.0.1:{parameters.port}",
            "LYCHGATE_BCRYPT_COST": str(BCRYPT_COST),
        }
    finally:
        parameters.stop()


def _under_load(
    package: Package, endpoints: Mapping[str, str], effort: _Effort, progress: Progress
) -> Iterator[Figure]:
    with (
        LambdaFunction(package, API_HANDLER, endpoints, concurrency=_PROCESSES) as api,
        LambdaFunction(package, "authorizer", concurrency=2) as authorizer,
    ):
        gateway = ApiGateway(package, {API_HANDLER: api, "authorizer": authorizer}).serve()
        try:
            progress(f"{_ACCOUNTS} accounts")
            accounts = _registered(gateway.port)
            errors: list[str] = []
            operations: tuple[Operation, ...] = ("protected", "refresh", "log-in")
            for operation in operations:
                # Every process has started, and every client has connected once, before anything is timed.
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
            password=_PASSWORD,
            address=f"198.51.100.{number + 1}",
            access_token="",
            refresh_token="",
            begun=[],
        )
        client = Client(port, _SECRET)
        try:
            answer = client.post("/auth/register", account, username=account["username"], password=_PASSWORD)
        finally:
            client.close()
        account["access_token"], account["refresh_token"] = answer["access_token"], answer["refresh_token"]
        accounts.append(account)
    return accounts


def _sent(port: int, operation: Operation, clients: int, seconds: float, accounts: list[Account]) -> Outcome:
    plan = Plan(port=port, operation=operation, clients=clients, seconds=seconds, secret=_SECRET, accounts=accounts)
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
        yield figure(f"{name}, p{percentile}", "ms", [percentiles[percentile - 1]], headline=percentile == 99)  # noqa: PLR2004


def _lost(port: int, accounts: list[Account]) -> list[str]:
    """Refresh each session with its last token, and return what became of those that refuse it."""
    lost = []
    client = Client(port, _SECRET)
    for account in accounts:
        for token in [account["refresh_token"], *account["begun"]]:
            try:
                client.post("/auth/refresh", account, refresh_token=token)
            except AssertionError as refused:
                lost.append(str(refused))
    client.close()
    return lost


def _memory(package: Package, endpoints: Mapping[str, str], effort: _Effort, progress: Progress) -> Iterator[Figure]:
    """Send one process requests of several kinds, and see how much memory it holds in between."""
    with LambdaFunction(package, API_HANDLER, endpoints) as function:
        events = _Mix(function)
        resident = {}
        begun = time.monotonic()
        for number in range(1, effort.requests + 1):
            events.send(number)
            if number in (effort.settled, effort.requests):
                (process,) = function.process_ids
                resident[number] = _resident_megabytes(process)
            if number % (effort.requests // 5) == 0:
                progress(f"memory, {number:,} requests in {time.monotonic() - begun:.0f} s")
        if function.cold_starts != 1:
            raise AssertionError(f"{function.cold_starts} processes answered, and not one")
    first, last = resident[effort.settled], resident[effort.requests]
    yield figure(f"memory after {effort.settled:,} requests", "MB", [first])
    yield figure(
        f"memory after {effort.requests:,} requests / after {effort.settled:,}", "x", [last / first], at_most=1.05
    )


class _Mix:
    """Requests of several kinds, most of them cheap: what piles up does so in each of them."""

    def __init__(self, function: LambdaFunction) -> None:
        self._function = function
        answer = self._sent(
            api_event("POST", "/auth/register", {"username": "memory", "password": _PASSWORD}), http_status=201
        )
        self._refresh_token: str = answer["refresh_token"]
        self._forged = self._refresh_token[:-4] + "AAAA"
        context = {
            "sub": answer["user"]["id"],
            "preferred_username": "memory",
            "sid": "s",
            "jti": "j",
            "roles": "user",
            "exp": str(int(time.time()) + 24 * 3600),
        }
        self._me = api_event("GET", "/me", authorizer=context)
        self._health = api_event("GET", "/health")

    def send(self, number: int) -> None:
        """Send the request whose turn it is. Raises AssertionError if it is not answered as it should be."""
        match number % 20:
            case 0:
                event = api_event("POST", "/auth/refresh", {"refresh_token": self._refresh_token})
                self._refresh_token = self._sent(event)["refresh_token"]
            case 10:
                self._sent(self._me)
            case 5 | 15:
                self._sent(api_event("POST", "/auth/refresh", {"refresh_token": self._forged}), http_status=401)
            case _:
                self._sent(self._health)

    def _sent(self, event: Event, *, http_status: int = 200) -> dict[str, Any]:
        result = self._function.invoke(event)
        if result.error is not None or result.answer["statusCode"] != http_status:
            raise AssertionError(f"{event['path']} answered {result.error or result.answer}")
        answer: dict[str, Any] = json.loads(result.answer["body"])
        return answer


def _resident_megabytes(process: int) -> float:
    """Return what a process holds in memory. Raises LeftOut where there is no /proc to read it from."""
    try:
        status = Path(f"/proc/{process}/status").read_text("utf-8")
    except OSError as unknown:
        raise LeftOut("a process's memory is read from /proc, which is not here") from unknown
    (kilobytes,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(kilobytes) / 1024
