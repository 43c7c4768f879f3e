"""The limits of a stage: how many requests API Gateway lets through, and how many executions Lambda keeps for it.

Owns what may be reserved. Reserved concurrency is also the most that a function gets. So an attack on the API leaves
the rest of the account alone, and the authorizer its own share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.deployment.foundation import API_GATEWAY_STAGE

if TYPE_CHECKING:
    from mypy_boto3_apigateway.client import APIGatewayClient
    from mypy_boto3_lambda.client import LambdaClient

USUAL_CONCURRENCY: Mapping[str, int] = {"api_handler": 100, "authorizer": 50, "admin": 10}
"""Executions at once, by Chalice's names of the functions: about 280 log-ins a second, or 3,000 refreshes. What floods
the API leaves the administrators theirs. The mailer needs none."""

LEAST_UNRESERVED = 100
"""Executions that have to stay for functions without a reservation (AWS Lambda API Reference,
"PutFunctionConcurrency"). A new account has fewer in all, often 10, and can reserve none."""


@dataclass(frozen=True)
class Reservations:
    """What is reserved for functions for which nothing is configured, and why."""

    concurrency: Mapping[str, int]
    """By Chalice's names of the functions. Empty if nothing is to be added to the configuration."""
    reason: str
    """A sentence for the operator."""


def reservations(client: LambdaClient, configured: Mapping[str, int | None]) -> Reservations:
    """Return what to reserve.

    ``configured`` is what the stage says already; None is a function that gets no reservation. Asks for the account's
    limits only if something is missing in it.
    """
    wanted = {name: count for name, count in USUAL_CONCURRENCY.items() if name not in configured}
    if not wanted:
        return Reservations({}, f"concurrency: as configured, {_listed(configured)}")
    account = client.get_account_settings()["AccountLimit"]
    limit, unreserved = account["ConcurrentExecutions"], account["UnreservedConcurrentExecutions"]
    left = unreserved - sum(wanted.values())
    if left < LEAST_UNRESERVED:
        return Reservations(
            {},
            f"concurrency: none is reserved. {unreserved} of the account's {limit} executions at once are free,"
            f" {LEAST_UNRESERVED} have to stay so, and {sum(wanted.values())} are wanted: ask Service Quotas for more",
        )
    return Reservations(
        wanted, f"concurrency: reserved, {_listed(wanted)}. {left} of the account's {limit} stay for everything else"
    )


def _listed(concurrency: Mapping[str, int | None]) -> str:
    return ", ".join(f"{'none' if count is None else count} for {name}" for name, count in sorted(concurrency.items()))


def throttle(client: APIGatewayClient, api: str, *, rate: str, burst: str) -> bool:
    """Set the throttle of each method of the API's stage, and return whether it was another one.

    A later deployment of the API keeps it (API Gateway API Reference, "UpdateStage").
    """
    settings = client.get_stage(restApiId=api, stageName=API_GATEWAY_STAGE).get("methodSettings", {}).get("*/*", {})
    if (settings.get("throttlingRateLimit"), settings.get("throttlingBurstLimit")) == (float(rate), int(burst)):
        return False
    client.update_stage(
        restApiId=api,
        stageName=API_GATEWAY_STAGE,
        patchOperations=[
            {"op": "replace", "path": "/*/*/throttling/rateLimit", "value": rate},
            {"op": "replace", "path": "/*/*/throttling/burstLimit", "value": burst},
        ],
    )
    return True
