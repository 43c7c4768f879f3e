"""Sends one kind of request from several clients at once for a while: `python -m bench.load_client`.

It runs in its own process, so that it does not compete with the server's threads. It reads a ``Plan`` from standard
input and writes an ``Outcome`` to standard output, both as JSON. Every client has one connection, makes one request at
a time, and has its own accounts.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from typing import Any, Literal, TypedDict

Operation = Literal["protected", "refresh", "log-in"]

_PATIENCE = 60.0
"""Seconds after which a request without a response is an error."""


class Account(TypedDict):
    """An account with one session to refresh, and the sessions that its log-ins begin."""

    username: str
    password: str
    address: str
    """The IP address of its user, for the counters of failed log-ins."""
    access_token: str
    refresh_token: str
    begun: list[str]
    """The refresh tokens of sessions that log-ins began."""


class Plan(TypedDict):
    """What to send, where to, and for how long."""

    port: int
    operation: Operation
    clients: int
    seconds: float
    secret: str
    """The distribution's secret, so that the API uses the address above."""
    accounts: list[Account]


class Outcome(TypedDict):
    """The result of a plan."""

    milliseconds: list[float]
    """The seconds until each response."""
    seconds: float
    """The seconds of the whole run."""
    errors: list[str]
    accounts: list[Account]
    """The accounts of the plan, with their newest tokens."""


class Client:
    """One client, and its connection."""

    def __init__(self, port: int, secret: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
        self._secret = secret

    def call(self, operation: Operation, account: Account) -> None:
        """Make a request and keep the tokens in its response. Raises AssertionError unless it succeeds."""
        match operation:
            case "protected":
                self._request("GET", "/me", account, {"Authorization": f"Bearer {account['access_token']}"})
            case "refresh":
                answer = self.post("/auth/refresh", account, refresh_token=account["refresh_token"])
                account["refresh_token"] = answer["refresh_token"]
            case "log-in":
                answer = self.post("/auth/login", account, username=account["username"], password=account["password"])
                account["begun"].append(answer["refresh_token"])

    def post(self, path: str, account: Account, **members: str) -> dict[str, Any]:
        """Send a JSON object and return the one in the response."""
        return self._request("POST", path, account, {"Content-Type": "application/json"}, json.dumps(members).encode())

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _request(
        self, method: str, path: str, account: Account, headers: dict[str, str], body: bytes | None = None
    ) -> dict[str, Any]:
        headers = {
            **headers,
            "X-Lychgate-Distribution": self._secret,
            "X-Api-Key": self._secret,
            "X-Forwarded-For": account["address"],
        }
        self._connection.request(method, f"/api{path}", body, headers)
        response = self._connection.getresponse()
        answered = response.read()
        if response.status not in {http.client.OK, http.client.CREATED}:
            raise AssertionError(f"{method} {path} answered {response.status}: {answered.decode('utf-8', 'replace')}")
        document: dict[str, Any] = json.loads(answered)
        return document


def run(plan: Plan) -> Outcome:
    """Send the requests of the plan."""
    milliseconds: list[float] = []
    errors: list[str] = []
    started = time.perf_counter()
    end = started + plan["seconds"]

    def send(accounts: list[Account]) -> None:
        client = Client(plan["port"], plan["secret"])
        number = 0
        # Every account gets at least one request, however late this thread begins.
        while (before := time.perf_counter()) < end or number < len(accounts):
            try:
                client.call(plan["operation"], accounts[number % len(accounts)])
            except (AssertionError, OSError, http.client.HTTPException, KeyError, ValueError) as failed:
                errors.append(f"{type(failed).__name__}: {failed}")
                client.close()
            else:
                milliseconds.append((time.perf_counter() - before) * 1000)
            number += 1
        client.close()

    shares = [plan["accounts"][first :: plan["clients"]] for first in range(plan["clients"])]
    threads = [threading.Thread(target=send, args=[share]) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Outcome(
        milliseconds=milliseconds,
        seconds=time.perf_counter() - started,
        errors=errors,
        accounts=[account for share in shares for account in share],
    )


def main() -> None:
    """Follow the plan in standard input. There is none if whoever started this was interrupted before writing it."""
    plan = sys.stdin.read()
    if plan:
        json.dump(run(json.loads(plan)), sys.stdout)


if __name__ == "__main__":
    main()
