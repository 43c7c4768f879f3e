"""The indexes of the table of users, which are made and removed one after the other.

CloudFormation refuses an update that adds or removes more than one index of a table ("Cannot perform more than one GSI
creation or deletion in a single update"). A table that is made gets all at once. One that is taken in stays as it is
meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from infra.deployment.policies import USER_INDEXES

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

PARAMETER = "UserIndexes"
"""The template's parameter."""

NONE, ALL = "none", "all"
STEPS = (NONE, USER_INDEXES[0], ALL)
"""Its values: each has one index more than the one before."""

TABLE = "UsersTable"
"""The table's logical id."""


def steps(current: Mapping[str, str], wanted: str, existing: str | None, *, owned: bool) -> list[str]:
    """Return the values that the parameter has to have, in one update after the other.

    ``current`` are the parameters of the stack, and ``existing`` says what the table has, None if there is none. If the
    stack has the table, it is ``owned``, and what counts is what the stack knows of it.
    """
    if owned:
        before = STEPS.index(current.get(PARAMETER, NONE))
    elif existing is None:
        return [wanted]
    else:
        before = STEPS.index(existing)
    after = STEPS.index(wanted)
    way = STEPS[before : after + 1] if before <= after else STEPS[after : before + 1][::-1]
    return list(way[1:] if owned and len(way) > 1 else way)


def found(client: DynamoDBClient, table: str) -> str | None:
    """Return which of the values fits what a table has, None if there is no such table."""
    try:
        described = client.describe_table(TableName=table)["Table"]
    except client.exceptions.ResourceNotFoundException:
        return None
    names = {each.get("IndexName") for each in described.get("GlobalSecondaryIndexes", [])}
    return STEPS[sum(name in names for name in USER_INDEXES)]
