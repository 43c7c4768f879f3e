"""What exists before the stack is taken in as it is, and nothing that fails afterwards costs anything of it."""

import boto3
import pytest

from infra.restore.__main__ import main as restore
from infra.tables import create_tables, table_definitions
from tests.deployment.cloudformation_here import APPLIES_THE_TEMPLATE
from tests.deployment.operator_here import account, raising, refusal
from tests.support.marks import each_third

TABLES = [f"lychgate-prod-{name}" for name in ("events", "mail", "sessions", "throttle", "users")]
USERS = "lychgate-prod-users"
LOGS = "/aws/lambda/lychgate-prod"
ACCOUNT = {"username_key": {"S": "a"}, "user_id": {"S": "u"}}


def protection(table=USERS):
    """Whether a table is protected from deletion, and whether it can be restored to any second."""
    client = boto3.client("dynamodb")
    backups = client.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    return (
        client.describe_table(TableName=table)["Table"]["DeletionProtectionEnabled"],
        backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED",
    )


def protect(table=USERS, *, deletion=True, point_in_time=True):
    client = boto3.client("dynamodb")
    client.update_table(TableName=table, DeletionProtectionEnabled=deletion)
    client.update_continuous_backups(
        TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": point_in_time}
    )


def retention(group=LOGS):
    (found,) = boto3.client("logs").describe_log_groups(logGroupNamePrefix=group, limit=1)["logGroups"]
    return found.get("retentionInDays")


def policies():
    resources = boto3.client("cloudformation").get_template(StackName="lychgate-prod")["TemplateBody"]["Resources"]
    kept = ("AWS::DynamoDB::Table", "AWS::Logs::LogGroup")
    return {name: each["DeletionPolicy"] for name, each in resources.items() if each["Type"] in kept}


@pytest.fixture(params=["imported as they are", APPLIES_THE_TEMPLATE])
def left_from_before(request, aws):
    """Tables with an account and a log group that an earlier stage has left, however AWS imports them."""
    aws.readings.add(request.param)
    client = boto3.client("dynamodb")
    create_tables(client, "prod")
    client.put_item(TableName=USERS, Item=ACCOUNT)
    boto3.client("logs").create_log_group(logGroupName=LOGS)
    boto3.client("logs").put_retention_policy(logGroupName=LOGS, retentionInDays=3653)


@pytest.mark.usefixtures("left_from_before")
@pytest.mark.parametrize("protected", [True, False])
def test_a_failed_adoption_deletes_nothing_and_lowers_no_protection(operator, aws, protected):
    protect(deletion=protected, point_in_time=protected)
    aws.failing["Distribution"] = "no"

    assert operator.deploy() == 1
    assert "has rolled it back (ROLLBACK_COMPLETE)" in operator.errors

    assert account()["tables"] == TABLES
    assert LOGS in account()["logs"]
    assert boto3.client("dynamodb").scan(TableName=USERS)["Items"] == [ACCOUNT]
    assert protection() == (protected, protected)
    assert retention() == 3653

    aws.failing.clear()
    boto3.client("dynamodb").delete_item(TableName=USERS, Key={"username_key": {"S": "a"}})
    assert operator.deploy() == 0, operator.errors
    assert f"{USERS} exists: it is taken in with its data" in "\n".join(operator.lines)
    assert protection() == (True, True)  # as for every table of prod
    assert retention() == 3653


def test_what_a_failed_creation_has_made_is_removed_beside_what_was_adopted(operator, aws):
    boto3.client("dynamodb").create_table(**table_definitions("prod")[0].create)
    boto3.client("dynamodb").update_time_to_live(
        TableName=USERS, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"}
    )
    aws.failing["Distribution"] = "no"

    assert operator.deploy() == 1

    assert account()["tables"] == [USERS]
    assert account()["logs"] == []


@pytest.mark.usefixtures("left_from_before")
@pytest.mark.parametrize(("deletion", "point_in_time"), each_third([(True, True), (True, False), (False, True)]))
def test_a_stage_without_protection_keeps_that_of_what_it_adopts(operator, deletion, point_in_time):
    client = boto3.client("dynamodb")
    create_tables(client, "test")
    protect("lychgate-test-users", deletion=deletion, point_in_time=point_in_time)

    for _ in range(2):
        assert operator.deploy(stage="test") == 0, operator.errors
        assert protection("lychgate-test-users") == (deletion, point_in_time)
        assert protection("lychgate-test-events") == (False, False)

    assert operator.below("Foundation") == ["unchanged"]
    # Whoever asks for it gets it.
    assert operator.deploy("--parameter", "Protect=false", stage="test") == 0, operator.errors
    assert protection("lychgate-test-users") == (False, False)


@pytest.mark.usefixtures("left_from_before")
def test_a_change_that_fails_gives_the_protection_back_that_there_was(operator, aws, monkeypatch):
    boto3.client("dynamodb").delete_item(TableName=USERS, Key={"username_key": {"S": "a"}})
    protect()
    with raising(monkeypatch, "PutParameter", KeyboardInterrupt()):
        assert operator.deploy() == 130
    assert protection() == (True, True)
    aws.failing["Distribution"] = "no"

    assert operator.deploy() == 1

    assert "UPDATE_ROLLBACK_COMPLETE" in operator.errors
    assert protection() == (True, True)
    assert retention() == 3653


def test_a_table_is_deleted_with_the_stack_only_by_the_operation_that_makes_it(operator, aws, monkeypatch):
    with raising(monkeypatch, "PutParameter", KeyboardInterrupt()):
        assert operator.deploy() == 130
    assert set(policies().values()) == {"RetainExceptOnCreate"}

    assert operator.deploy() == 0, operator.errors

    assert set(policies().values()) == {"Retain"}
    assert operator.deploy() == 0, operator.errors
    assert operator.below("Foundation") == ["unchanged"]


def test_a_retention_of_logs_is_shortened_only_for_who_asks_for_it(operator):
    boto3.client("logs").create_log_group(logGroupName=LOGS)  # by a function, for ever

    assert operator.deploy() == 0, operator.errors
    assert retention() is None
    assert retention(f"{LOGS}-authorizer") == 90
    assert any(f"{LOGS} exists" in line and "LogRetentionDays" in line for line in operator.lines)
    assert operator.deploy() == 0, operator.errors
    assert operator.below("Foundation") == ["unchanged"]

    assert operator.deploy("--parameter", "LogRetentionDays=90") == 0, operator.errors
    assert (retention(), retention(f"{LOGS}-authorizer")) == (90, 90)
    assert operator.deploy() == 0, operator.errors
    assert operator.below("Foundation") == ["unchanged"]


OF_ANOTHER_KEY = {
    "KeySchema": [{"AttributeName": "name", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "name", "AttributeType": "S"}],
}
OF_ANOTHER_TYPE = {"AttributeDefinitions": [{"AttributeName": "username_key", "AttributeType": "B"}]}
PROVISIONED = {
    "BillingMode": "PROVISIONED",
    "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
}


@pytest.mark.parametrize(
    ("other", "message"),
    each_third(
        [
            (OF_ANOTHER_KEY, "its key is name (S), and has to be username_key (S)"),
            (OF_ANOTHER_TYPE, "its key is username_key (B), and has to be username_key (S)"),
            (PROVISIONED, f"aws dynamodb update-table --table-name {USERS} --billing-mode PAY_PER_REQUEST"),
            ({}, f"aws dynamodb update-time-to-live --table-name {USERS}"),
        ]
    ),
)
def test_a_table_of_another_shape_is_refused_before_anything_is_changed(operator, other, message):
    client = boto3.client("dynamodb")
    create = {**table_definitions("prod")[0].create, **other}
    if "AttributeDefinitions" in other:
        # An index needs its attributes to be defined.
        del create["GlobalSecondaryIndexes"]
    client.create_table(**create)

    for dry_run in (["--dry-run"], []):
        assert operator.deploy(*dry_run) == 1
        assert f"the table {USERS} exists and is of another shape" in operator.errors
        assert message in operator.errors
        assert account()["stacks"] == []
    assert account()["tables"] == [USERS]

    # Put right, the same command goes on.
    client.delete_table(TableName=USERS)
    create_tables(client, "prod")
    assert operator.deploy() == 0, operator.errors


def test_a_dry_run_says_what_would_be_adopted(operator):
    create_tables(boto3.client("dynamodb"), "prod")

    assert operator.deploy("--dry-run") == 0, operator.errors

    below = operator.below("Foundation")
    assert "Import  UsersTable (AWS::DynamoDB::Table)" in below
    assert "Add     ApiLogs (AWS::Logs::LogGroup)" in below
    assert any(line.startswith(f"{USERS} exists") for line in below)
    assert account()["stacks"] == []


def test_a_table_of_the_stack_that_somebody_deleted_is_named(operator):
    operator.has_deployed()
    client = boto3.client("dynamodb")
    client.update_table(TableName=USERS, DeletionProtectionEnabled=False)
    client.delete_table(TableName=USERS)

    assert operator.deploy() == 1

    assert f"{USERS} of the stack lychgate-prod does not exist any more" in operator.errors
    assert "python -m infra.restore tables --stage prod" in operator.errors

    arguments = ["tables", "--stage", "prod", "--project", str(operator.project), "--yes", "prod", "--empty"]
    assert restore(arguments, say=operator.lines.append) == 0
    assert protection() == (True, True)
    assert operator.deploy() == 0, operator.errors
    assert operator.below("Foundation") == ["unchanged"]


def test_who_may_not_look_at_a_table_is_told_so(operator, monkeypatch):
    create_tables(boto3.client("dynamodb"), "prod")
    denied = "User: arn:aws:iam::1:user/me is not authorized to perform: dynamodb:DescribeContinuousBackups"

    with raising(
        monkeypatch, "DescribeContinuousBackups", refusal("DescribeContinuousBackups", "AccessDeniedException", denied)
    ):
        assert operator.deploy() == 1

    assert "permission is missing: dynamodb:DescribeContinuousBackups" in operator.errors
    assert account()["stacks"] == []


def test_a_copy_that_a_restore_has_left_goes_with_the_data(operator, aws, monkeypatch):
    with raising(monkeypatch, "PutParameter", KeyboardInterrupt()):
        assert operator.deploy() == 130
    copy = f"{USERS}-copy-20261128T100000Z"
    boto3.client("dynamodb").create_table(**{**table_definitions("prod")[0].create, "TableName": copy})
    other = f"{USERS}-copy-of-mine"
    boto3.client("dynamodb").create_table(**{**table_definitions("prod")[0].create, "TableName": other})

    assert operator.destroy() == 0, operator.errors
    assert copy in account()["tables"]
    assert operator.destroy("--with-data") == 0, operator.errors

    assert f"This DELETES PERMANENTLY: the copy {copy}" in operator.log
    assert account()["tables"] == [other]
