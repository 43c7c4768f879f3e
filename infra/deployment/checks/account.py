"""Checks of the account: who, where, when, and what AWS lets it have.

Owns the limits that new accounts have: few executions at once, and no distribution before AWS has verified them.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, NoRegionError, UnknownRegionError

from infra.deployment.checks.findings import State
from infra.deployment.errors import code_of
from infra.deployment.limits import LEAST_UNRESERVED, USUAL_CONCURRENCY, reservations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import boto3

    from infra.deployment.resources import Resources

SERVICES = ("apigateway", "cloudformation", "dynamodb", "lambda", "logs", "s3", "ssm")
"""What a stage needs in its region, by boto3's names. CloudFront, IAM and Route 53 have no region."""

LARGEST_SKEW = 300
"""Seconds: AWS refuses a signature that is older, or from later ("Troubleshoot AWS API request signatures" in the IAM
User Guide)."""

_NOTABLE_SKEW = 60
_GLOBAL = "us-east-1"


def region(session: boto3.session.Session, services: Sequence[str] = SERVICES) -> tuple[State, str]:
    """Look whether a region is set that has all services. Asks nobody."""
    name = session.client("cloudformation").meta.region_name
    if not name:
        raise NoRegionError
    try:
        partition = session.get_partition_for_region(name)
    except UnknownRegionError:
        partition = "aws"
    missing = [service for service in services if name not in session.get_available_regions(service, partition)]
    if len(missing) == len(services):
        return State.WRONG, (
            f"there is no region {name}, or it is newer than boto3 here. Name one that has {', '.join(services)}:"
            " AWS_REGION=eu-central-1 make deploy …"
        )
    if missing:
        return State.WRONG, f"{name} does not have {', '.join(missing)}. Choose another region: AWS_REGION=…"
    return State.OK, f"{name} has all services"


def is_region_off(session: boto3.session.Session, error: ClientError) -> bool:
    """Return whether a refusal of credentials is one of a region that is not enabled for the account.

    STS knows no credentials in a region that the account has not opted in to ("Managing AWS STS in an AWS Region" in
    the IAM User Guide).
    """
    if code_of(error) not in {"InvalidClientTokenId", "UnrecognizedClientException"}:
        return False
    try:
        session.client("sts", region_name=_GLOBAL).get_caller_identity()
    except ClientError:
        return False
    return True


def clock(answer: Mapping[str, Any], now: float) -> tuple[State, str]:
    """Compare this machine's clock with the time in an answer of AWS, an error's too."""
    told = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    if told is None:
        return State.UNKNOWN, "AWS's answer does not say what time it is"
    skew = now - parsedate_to_datetime(told).timestamp()
    size, direction = abs(round(skew)), "ahead of" if skew > 0 else "behind"
    if size > LARGEST_SKEW:
        return State.WRONG, (
            f"it is {size} seconds {direction} AWS's, which refuses what is off by more than {LARGEST_SKEW}. Set it:"
            " `timedatectl set-ntp true` on Linux"
        )
    if size > _NOTABLE_SKEW:
        return State.OK, f"it is {size} seconds {direction} AWS's; more than {LARGEST_SKEW} would be refused"
    return State.OK, "it agrees with AWS's"


def concurrency(resources: Resources) -> tuple[State, str]:
    """Look how many executions at once the account may have, and what of it would be reserved."""
    client = resources.session.client("lambda")
    account = client.get_account_settings()["AccountLimit"]
    limit, wanted = account["ConcurrentExecutions"], sum(USUAL_CONCURRENCY.values())
    if limit < LEAST_UNRESERVED + 1:
        return State.OK, (
            f"{limit} executions at once, as in a new account: about {limit * 3} log-ins a second at most, and nothing"
            f" can be reserved. Before a launch ask Service Quotas for {wanted + LEAST_UNRESERVED} or more (Lambda,"
            " Concurrent executions); it is free"
        )
    return State.OK, reservations(client, resources.files.concurrency()).reason.removeprefix("concurrency: ")


def gateway(resources: Resources, parameters: Mapping[str, str]) -> tuple[State, str]:
    """Look whether the region's limit of requests to API Gateway is above the stage's own throttle."""
    limits = resources.session.client("apigateway").get_account()["throttleSettings"]
    declared = resources.template["Parameters"]
    rate = float(parameters.get("ThrottleRate") or declared["ThrottleRate"]["Default"])
    allowed = limits["rateLimit"]
    if allowed < rate:
        return State.WRONG, (
            f"the account may have {allowed:g} requests a second in this region, and the stage would let {rate:g}"
            f" through. Give ThrottleRate={allowed:g} or less, or ask Service Quotas for more (API Gateway, Throttle"
            " rate)"
        )
    return State.OK, f"{rate:g} of the account's {allowed:g} requests a second in this region"


def cloudfront(resources: Resources) -> tuple[State, str]:
    """Look for a sign that the account may have distributions. There is no call that says so."""
    pages = resources.session.client("cloudfront").get_paginator("list_distributions").paginate()
    count = sum(len(page["DistributionList"].get("Items", [])) for page in pages)
    if count:
        return State.OK, f"the account has {count} distributions, so AWS has verified it"
    return State.UNKNOWN, (
        "the account has no distribution. AWS verifies new accounts before they may have one, and nothing but creating"
        " one shows whether it has. If it has not, the deployment says so, removes what it made, and goes on when AWS"
        " Support has answered"
    )
