"""The indexes of the users: CloudFormation makes or removes one in an update, so a deployment takes several."""

import boto3
import pytest

from infra.deployment.indexes import steps
from tests.deployment.cloudformation_here import APPLIES_THE_TEMPLATE
from tests.deployment.operator_here import raising

USERS = "lychgate-prod-users"
FROM_BEFORE = ("--parameter", "UserIndexes=none")
"""What makes a stage as those were that were deployed when the users had no index."""


def names():
    described = boto3.client("dynamodb").describe_table(TableName=USERS)["Table"]
    return [index["IndexName"] for index in described.get("GlobalSecondaryIndexes", [])]


def updates(operator):
    return [line.partition(":")[0] for line in operator.below("Foundation") if line.startswith("update ")]


def test_a_stage_from_before_gets_its_indexes_in_two_updates_and_says_so(operator, aws, monkeypatch):
    operator.has_deployed(*FROM_BEFORE)
    assert names() == []

    assert operator.deploy("--dry-run") == 0, operator.errors
    assert any(line.startswith("then 1 more update: the indexes of the users") for line in operator.below("Foundation"))
    assert names() == []

    with raising(monkeypatch, "ExecuteChangeSet", KeyboardInterrupt(), after=1):
        assert operator.deploy() == 130
    assert (names(), updates(operator)) == (["by-id"], ["update 1 of 2", "update 2 of 2"])

    assert operator.deploy() == 0, operator.errors
    assert (names(), updates(operator)) == (["by-id", "by-name"], [])

    assert operator.deploy() == 0, operator.errors
    assert operator.below("Foundation") == ["unchanged"]

    # Before a commit is deployed that knows no indexes: it would remove both at once.
    assert operator.deploy("--parameter", "UserIndexes=by-id") == 0, operator.errors
    assert names() == ["by-id"]


def test_a_table_without_indexes_is_taken_in_as_it_is_and_gets_them_then(operator, aws):
    aws.readings.add(APPLIES_THE_TEMPLATE)
    assert operator.deploy(*FROM_BEFORE) == 0, operator.errors
    assert operator.destroy() == 0, operator.errors

    assert operator.deploy() == 0, operator.errors

    assert updates(operator) == ["update 1 of 3", "update 2 of 3", "update 3 of 3"]
    assert names() == ["by-id", "by-name"]


@pytest.mark.parametrize(
    ("current", "wanted", "existing", "owned", "way"),
    [
        ({}, "all", None, False, ["all"]),
        ({}, "all", "none", False, ["none", "by-id", "all"]),
        ({}, "all", "all", False, ["all"]),
        ({}, "all", None, True, ["by-id", "all"]),
        ({"UserIndexes": "none"}, "all", None, True, ["by-id", "all"]),
        ({"UserIndexes": "by-id"}, "all", None, True, ["all"]),
        ({"UserIndexes": "all"}, "all", None, True, ["all"]),
        ({"UserIndexes": "all"}, "none", None, True, ["by-id", "none"]),
        ({"UserIndexes": "none"}, "none", None, True, ["none"]),
    ],
)
def test_no_two_steps_in_a_row_differ_by_more_than_one_index(current, wanted, existing, owned, way):
    assert steps(current, wanted, existing, owned=owned) == way
