"""Whether the memory of a process grows with the number of requests."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jwt

from bench.figures import Figure, LeftOut, Progress, figure
from bench.lambda_events import Event, api_event
from bench.packaged_stage import DISTRIBUTION_SECRET
from tests.support.packaged.function import LambdaFunction
from tests.support.packaged.package import Package
from tests.support.packaged.template import API_HANDLER
from tests.support.scenarios import PASSWORD

_event = functools.partial(api_event, secret=DISTRIBUTION_SECRET)

FLAT = 1.05
"""The aim: the ratio to the memory after everything has been loaded and cached."""

_SETTLED = 5
"""Everything has been loaded and cached after this fraction of the requests, one in so many."""


def over_many_requests(
    package: Package, floor: Package, endpoints: Mapping[str, str], requests: int, progress: Progress
) -> Iterator[Figure]:
    """Send one process requests of several kinds, and measure its memory in between.

    A function that does nothing gets the same number, because AWS's runtime client itself keeps some bytes per request.
    """
    settled = requests // _SETTLED
    with LambdaFunction(package, API_HANDLER, endpoints) as function:
        first, last = _resident(function, _Mix(function).send, requests, progress)
    with LambdaFunction(floor, API_HANDLER, endpoints) as function:
        health = api_event("GET", "/health")
        floor_first, floor_last = _resident(function, lambda _: function.invoke(health), requests, progress)
    span = f"after {requests:,} requests / after {settled:,}"
    yield figure(f"memory after {settled:,} requests", "MB", [first])
    yield figure(f"memory {span}", "x", [last / first])
    yield figure(f"memory {span}, do-nothing function", "x", [floor_last / floor_first])
    beyond = last - (floor_last - floor_first)
    yield figure(f"memory {span}, less what the do-nothing function gains", "x", [beyond / first], at_most=FLAT)


def _resident(
    function: LambdaFunction, send: Callable[[int], object], requests: int, progress: Progress
) -> tuple[float, float]:
    """Return the memory of a function's process in megabytes, after everything is loaded and after all requests."""
    resident = {}
    begun = time.monotonic()
    for number in range(1, requests + 1):
        send(number)
        if number in (requests // _SETTLED, requests):
            (process,) = function.process_ids()
            resident[number] = resident_megabytes(process)
        if number % (requests // 5) == 0:
            progress(f"memory, {number:,} requests in {time.monotonic() - begun:.0f} s")
    if function.cold_starts != 1:
        raise AssertionError(f"{function.cold_starts} processes answered, and not one")
    first, last = resident.values()
    return first, last


class _Mix:
    """Requests of several kinds, most of them cheap. A leak would show in each."""

    def __init__(self, function: LambdaFunction) -> None:
        self._function = function
        answer = self._sent(
            _event("POST", "/auth/register", {"username": "memory", "password": PASSWORD}), http_status=201
        )
        self._refresh_token: str = answer["refresh_token"]
        self._forged = self._refresh_token[:-4] + "AAAA"
        claims = jwt.decode(answer["access_token"], options={"verify_signature": False})
        context = {
            "sub": answer["user"]["id"],
            "preferred_username": "memory",
            "sid": claims["sid"],
            "jti": "j",
            "roles": "user",
            "exp": str(int(time.time()) + 24 * 3600),
        }
        self._me = _event("GET", "/me", authorizer=context)
        self._health = _event("GET", "/health")

    def send(self, number: int) -> None:
        """Send the next request. Raises AssertionError for an unexpected response."""
        match number % 20:
            case 0:
                event = _event("POST", "/auth/refresh", {"refresh_token": self._refresh_token})
                self._refresh_token = self._sent(event)["refresh_token"]
            case 10:
                self._sent(self._me)
            case 5 | 15:
                self._sent(_event("POST", "/auth/refresh", {"refresh_token": self._forged}), http_status=401)
            case _:
                self._sent(self._health)

    def _sent(self, event: Event, *, http_status: int = 200) -> dict[str, Any]:
        result = self._function.invoke(event)
        if result.error is not None or result.answer["statusCode"] != http_status:
            raise AssertionError(f"{event['path']} answered {result.error or result.answer}")
        answer: dict[str, Any] = json.loads(result.answer["body"])
        return answer


def resident_megabytes(process: int) -> float:
    """Return the memory of a process. Raises LeftOut on systems without /proc."""
    try:
        status = Path(f"/proc/{process}/status").read_text("utf-8")
    except OSError as unknown:
        raise LeftOut("a process's memory is read from /proc, which is not here") from unknown
    (kilobytes,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(kilobytes) / 1024
