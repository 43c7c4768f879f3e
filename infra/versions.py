"""The published versions of the API's function, and the alias that says which of them answers.

Owns the alias's name, and which versions are kept for a rollback.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_lambda.client import LambdaClient

LIVE = "live"
"""The alias to which API Gateway sends every request."""

KEPT = 4
"""Versions that are kept beside the live one. They cost nothing."""

KEPT_SNAPSHOTS = 1
"""Versions with a snapshot that are kept beside a live one that has one too. Each costs as much as the live one."""


@dataclass(frozen=True, order=True)
class Version:
    """A published version."""

    number: int
    has_snapshot: bool


def published(client: LambdaClient, function: str) -> list[Version]:
    """Return the published versions of a function, the newest first."""
    pages = client.get_paginator("list_versions_by_function").paginate(FunctionName=function)
    found = [each for page in pages for each in page["Versions"] if each["Version"] != "$LATEST"]
    return sorted((Version(int(each["Version"]), has_snap_start(each)) for each in found), reverse=True)


def live_configuration(client: LambdaClient, function: str) -> Mapping[str, Any] | None:
    """Return the configuration with which a function answers, None if there is no function.

    That is the live version's. A function that was deployed before there was an alias has none, and answers as it is.
    """
    for qualifier in (LIVE, "$LATEST"):
        try:
            return client.get_function_configuration(FunctionName=function, Qualifier=qualifier)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "ResourceNotFoundException":
                raise
    return None


def has_snap_start(configuration: Mapping[str, Any]) -> bool:
    """Return whether SnapStart is on in the configuration of a function or of a version."""
    apply_on: str | None = configuration.get("SnapStart", {}).get("ApplyOn")
    return apply_on == "PublishedVersions"


def in_use(client: LambdaClient, function: str) -> set[int]:
    """Return the versions that an alias sends requests to. They cannot be deleted."""
    aliases = [
        alias
        for page in client.get_paginator("list_aliases").paginate(FunctionName=function)
        for alias in page["Aliases"]
    ]
    weights = [(alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {} for alias in aliases]
    names = [*(alias["FunctionVersion"] for alias in aliases), *(name for each in weights for name in each)]
    return {int(name) for name in names if name != "$LATEST"}


def superfluous(versions: Sequence[Version], live: int, used: Collection[int]) -> list[int]:
    """Return the numbers of the versions that nobody needs any more. ``versions`` begin with the newest.

    Versions that are ``used`` by an alias are kept beside those for a rollback.
    """
    with_snapshot = any(version.number == live and version.has_snapshot for version in versions)
    others = [version for version in versions if version.number not in {live, *used}]
    plain = [version for version in others if not version.has_snapshot][:KEPT]
    snapshots = [version for version in others if version.has_snapshot][: KEPT_SNAPSHOTS if with_snapshot else 0]
    return [version.number for version in others if version not in plain and version not in snapshots]
