"""Tables that somebody deleted come back under their names, with what a restore does not bring."""

import json

import boto3
import pytest

from chalicelib.accounts.ended import digest_of
from chalicelib.adapters.dynamodb.transactions import Database
from chalicelib.wiring import dynamodb_ended_feed
from tests.deployment.operator_here import raising, refusal
from tests.restore.conftest import ALL, EVENTS, MAIL, SESSIONS, USERS
from tests.support.databases import tables_of
from tests.support.marks import each_third


@pytest.fixture
def protected(backups):
    """The stage's stack protects its tables."""
    boto3.client("cloudformation").create_stack(
        StackName="lychgate-test",
        TemplateBody='{"Resources": {}, "Parameters": {"Protect": {"Type": "String"}}}',
        Parameters=[{"ParameterKey": "Protect", "ParameterValue": "true"}],
    )


def settings(dynamodb, table):
    """Expiry, recovery, protection and tags of a table."""
    described = dynamodb.describe_table(TableName=table)["Table"]
    recovery = dynamodb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    return {
        "ttl": dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"].get("AttributeName"),
        "recovery": recovery["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"],
        "protected": described["DeletionProtectionEnabled"],
        "billing": described["BillingModeSummary"]["BillingMode"],
        "tags": dynamodb.list_tags_of_resource(ResourceArn=described["TableArn"])["Tags"],
    }


WHOLE = {
    "ttl": "ttl",
    "recovery": "ENABLED",
    "protected": True,
    "billing": "PAY_PER_REQUEST",
    "tags": [{"Key": "lychgate:stage", "Value": "test"}],
}


@pytest.mark.usefixtures("protected")
def test_deleted_tables_come_back_with_accounts_and_settings(operator, api, backups, dynamodb, tables):
    tokens = api.register("Kim").json
    for table in ALL:
        dynamodb.delete_table(TableName=table)

    assert operator.run("tables") == 0, operator.errors

    assert f"{USERS} is missing: restored from {USERS}$DeletedTableBackup" in operator.said
    assert f"{SESSIONS} is missing: it is made empty, it is never restored" in operator.said
    assert {table: settings(dynamodb, table) for table in ALL} == dict.fromkeys(ALL, WHOLE)
    assert api.login("Kim").status == 200
    assert api.refresh(tokens["refresh_token"]).status == 401
    assert operator.run("tables") == 0
    assert "unchanged" in operator.said
    assert tables() == ALL


def test_a_table_whose_backup_is_older_than_its_indexes_gets_them_one_by_one(operator, api, backups, dynamodb):
    api.register("Kim")
    for index in ("by-id", "by-name"):
        dynamodb.update_table(TableName=USERS, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": index}}])
    dynamodb.delete_table(TableName=USERS)

    assert operator.run("tables") == 0, operator.errors

    for index in ("by-id", "by-name"):
        assert f"{USERS}: the index {index} is made anew" in operator.said
    found = dynamodb.query(
        TableName=USERS,
        IndexName="by-name",
        KeyConditionExpression="directory = :users",
        ExpressionAttributeValues={":users": {"S": "users"}},
    )
    assert [item["canonical_username"]["S"] for item in found["Items"]] == ["kim"]
    assert operator.run("tables") == 0, operator.errors
    assert "made anew" not in operator.said


def test_a_restored_table_has_the_indexes_of_its_backup(operator, api, backups, dynamodb):
    dynamodb.delete_table(TableName=USERS)

    assert operator.run("tables") == 0, operator.errors

    assert "made anew" not in operator.said
    described = dynamodb.describe_table(TableName=USERS)["Table"]["GlobalSecondaryIndexes"]
    assert [index["IndexName"] for index in described] == ["by-id", "by-name"]


def test_an_outbox_that_is_made_anew_has_a_stream_and_says_that_it_is_another(operator, backups, dynamodb, items):
    before = dynamodb.describe_table(TableName=MAIL)["Table"]["StreamSpecification"]
    dynamodb.put_item(TableName=MAIL, Item={"mail_id": {"S": "suppressed#digest"}})
    dynamodb.delete_table(TableName=MAIL)

    assert operator.run("tables") == 0, operator.errors

    assert f"{MAIL} is missing: it is made empty, it is never restored" in operator.said
    assert "has another stream than before" in operator.said
    assert dynamodb.describe_table(TableName=MAIL)["Table"]["StreamSpecification"] == before
    assert items(MAIL, "mail_id") == {}


def test_a_history_that_is_restored_has_a_stream_again_and_says_that_it_is_another(operator, backups, dynamodb):
    path = operator.project / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    config["stages"]["test"]["environment_variables"]["LYCHGATE_WEBHOOK_URL"] = "https://example.org/hooks"
    path.write_text(json.dumps(config))
    before = dynamodb.describe_table(TableName=EVENTS)["Table"]["StreamSpecification"]
    dynamodb.delete_table(TableName=EVENTS)

    assert operator.run("tables") == 0, operator.errors

    assert dynamodb.describe_table(TableName=EVENTS)["Table"]["StreamSpecification"] == before
    assert f"{EVENTS}: has a stream again, another one than before" in operator.said
    assert "which the function of webhooks does not read yet" in operator.said


def test_accounts_as_they_were_when_they_were_deleted_keep_their_sessions(operator, api, backups, dynamodb):
    tokens = api.register("Kim").json
    dynamodb.delete_table(TableName=USERS)

    assert operator.run("tables") == 0, operator.errors

    assert api.refresh(tokens["refresh_token"]).status == 200


def test_sessions_end_if_the_accounts_are_older_than_they_and_the_feed_tells_of_each_user_at_the_time_of_aws(
    operator, api, backups, dynamodb, clock
):
    tokens = api.register("Kim").json
    api.login("Kim")
    clock.advance(60)
    operator.seconds_ahead = -25
    dynamodb.create_backup(TableName=USERS, BackupName="by-hand")
    dynamodb.update_continuous_backups(
        TableName=USERS, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}
    )
    dynamodb.delete_table(TableName=USERS)

    assert operator.run("tables") == 0, operator.errors

    assert "the accounts are older than the sessions: 2 sessions ended" in operator.said
    assert "recovery codes that were used since that backup are good again" in operator.said
    assert api.refresh(tokens["refresh_token"]).status == 401
    assert api.login("Kim").status == 200
    (told,) = dynamodb_ended_feed(Database(dynamodb, tables_of("test"))).since(clock() - 30)
    assert told.digest == digest_of(tokens["user"]["id"])
    assert clock() <= told.at <= clock() + 1


@pytest.mark.usefixtures("protected")
@pytest.mark.parametrize(("times", "code"), [(5, 0), (1000, 1)])
def test_recovery_that_a_new_table_refuses_is_turned_on_later(operator, backups, dynamodb, times, code):
    dynamodb.delete_table(TableName=EVENTS)
    backups.unavailable = times

    assert operator.run("tables") == code

    if code:
        assert "ContinuousBackupsUnavailableException" in operator.errors
        backups.unavailable = 0
        assert operator.run("tables") == 0, operator.errors
    assert settings(dynamodb, EVENTS) == WHOLE


def test_a_stage_without_protection_gets_none(operator, api, backups, dynamodb):
    dynamodb.delete_table(TableName=USERS)

    assert operator.run("tables") == 0, operator.errors

    assert settings(dynamodb, USERS) == {**WHOLE, "recovery": "DISABLED", "protected": False}


def test_a_table_without_a_backup_is_made_empty_only_on_request(operator, backups, dynamodb, tables):
    dynamodb.update_continuous_backups(
        TableName=USERS, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}
    )
    dynamodb.delete_table(TableName=USERS)

    assert operator.run("tables") == 1
    assert f"the table {USERS} is missing and has no backup" in operator.errors
    assert USERS not in tables()

    assert operator.run("tables", "--empty") == 0, operator.errors
    assert tables() == ALL


def test_tables_of_other_names_are_left_to_their_owner(operator, backups, tables):
    path = operator.project / ".chalice" / "config.json"
    path.write_text(path.read_text().replace(USERS, "my-users"))

    assert operator.run("tables") == 1

    assert "my-users" in operator.errors
    assert tables() == ALL


def test_a_dry_run_and_a_wrong_name_change_nothing(operator, backups, dynamodb, tables):
    dynamodb.delete_table(TableName=USERS)

    assert operator.run("tables", "--dry-run") == 0
    assert "nothing was changed" in operator.said
    assert operator.run("tables", "--yes", "prod") == 1
    assert "was not confirmed" in operator.errors
    assert USERS not in tables()


def test_accounts_are_not_brought_back_before_their_keys(operator, api, backups, dynamodb, ssm, tables):
    dynamodb.delete_table(TableName=USERS)
    ssm.delete_parameter(Name="/lychgate/test/signing-keys")

    assert operator.run("tables") == 1

    assert "python -m infra.keys restore FILE --stage test" in operator.errors
    assert USERS not in tables()


@pytest.mark.usefixtures("protected")
@pytest.mark.parametrize(
    "operation",
    each_third(
        ["ListBackups", "RestoreTableFromBackup", "CreateTable", "UpdateTimeToLive", "UpdateTable", "TagResource"]
    ),
)
def test_a_run_that_ends_anywhere_is_gone_on_with(operator, api, backups, dynamodb, monkeypatch, operation):
    api.register("Kim")
    for table in ALL:
        dynamodb.delete_table(TableName=table)
    with raising(monkeypatch, operation, KeyboardInterrupt()):
        assert operator.run("tables") == 130
    with raising(monkeypatch, operation, refusal(operation)):
        assert operator.run("tables") == 1
    assert f"permission is missing: service:{operation}" in operator.errors

    assert operator.run("tables") == 0, operator.errors

    assert {table: settings(dynamodb, table) for table in ALL} == dict.fromkeys(ALL, WHOLE)
    assert api.login("Kim").status == 200
