"""A drill proves that a stage can be restored, and leaves everything as it was."""

import json

import pytest

from infra.keys.backup import Backup, sealed
from tests.deployment.operator_here import raising, refusal
from tests.restore.conftest import ALL, EVENTS, USERS


def test_a_drill_restores_reads_and_leaves_everything_as_it_was(operator, api, remember, tables, items):
    api.register("Kim")
    remember()
    before = items(USERS, "username_key")

    assert operator.run("drill") == 0, operator.errors

    assert "1 accounts, the newest of 2027-01-15T08:00:00Z; the stage has 1 now" in operator.said
    assert "1 events, the newest of 2027-01-15T08:00:00Z" in operator.said
    assert "the pepper first of 1 accounts is in /lychgate/test/signing-keys" in operator.said
    assert "The drill took" in operator.said
    assert tables() == ALL
    assert items(USERS, "username_key") == before


def test_a_drill_finds_a_pepper_that_is_missing_and_removes_its_copies(operator, api, remember, tables, dynamodb):
    api.register("Kim")
    (kim,) = dynamodb.scan(TableName=USERS)["Items"]
    kim["password_hash"]["S"] = "p12345678" + kim["password_hash"]["S"]
    dynamodb.put_item(TableName=USERS, Item=kim)
    remember()

    assert operator.run("drill") == 1

    assert "lacks peppers that passwords and second factors need: p12345678 (1 accounts)" in operator.errors
    assert "python -m infra.keys restore FILE --stage test --add-peppers" in operator.errors
    assert tables() == ALL


def test_a_drill_without_the_parameter_says_so_before_it_makes_a_copy(operator, backups, ssm, tables):
    ssm.delete_parameter(Name="/lychgate/test/signing-keys")

    assert operator.run("drill") == 1

    assert "the parameter /lychgate/test/signing-keys is missing" in operator.errors
    assert "python -m infra.keys restore FILE --stage test" in operator.errors
    assert tables() == ALL


def test_a_drill_finds_items_that_this_version_cannot_read(operator, api, remember, tables, dynamodb):
    api.register("Kim")
    (kim,) = dynamodb.scan(TableName=USERS)["Items"]
    del kim["roles"]
    dynamodb.put_item(TableName=USERS, Item=kim)
    remember()

    assert operator.run("drill") == 1

    assert "1 restored items cannot be read" in operator.errors
    assert tables() == ALL


def test_a_drill_that_was_stopped_is_gone_on_with_though_it_is_later(
    operator, api, remember, tables, clock, monkeypatch
):
    api.register("Kim")
    remember()
    with raising(monkeypatch, "RestoreTableToPointInTime", KeyboardInterrupt(), after=1):
        assert operator.run("drill") == 130
    assert "To go on: python -m infra.restore drill" in operator.errors
    assert len(tables()) == len(ALL) + 1
    clock.advance(60)

    assert operator.run("drill") == 0, operator.errors

    assert "an earlier run has requested it" in operator.said
    assert tables() == ALL


def test_a_drill_waits_as_long_as_aws_takes_and_says_so(operator, api, backups, remember):
    api.register("Kim")
    remember()
    backups.slowness = 20

    assert operator.run("drill") == 0, operator.errors

    assert "AWS is restoring it, 0 min so far" in operator.said
    assert "AWS is restoring it, 3 min so far" in operator.said
    assert len(operator.waits) >= 19


def test_no_backups_are_a_sentence(operator, backups, dynamodb, tables):
    dynamodb.update_continuous_backups(
        TableName=EVENTS, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}
    )

    assert operator.run("drill") == 1

    assert f"point-in-time recovery of {EVENTS} is off" in operator.errors
    assert tables() == ALL


PASSPHRASE = "five words that nobody guesses"


def test_a_drill_tries_a_backup_of_the_keys_too(operator, api, remember, tables, ssm, tmp_path):
    def keys_backup(ring, stage="test"):
        file = tmp_path / "keys"
        file.write_bytes(sealed(Backup(stage, 1_800_000_000, ring), PASSPHRASE))
        operator.answers = [PASSPHRASE]
        return file

    api.register("Kim")
    remember()
    ring = json.loads(ssm.get_parameter(Name="/lychgate/test/signing-keys", WithDecryption=True)["Parameter"]["Value"])

    assert operator.run("drill", "--keys", str(keys_backup(ring))) == 0, operator.errors
    assert "the backup of keys of 2027-01-15T08:00:00Z has every pepper that is needed" in operator.said

    # A ring that was made anew has a first pepper as well.
    for other, stage, message in (
        ({**ring, "pepper": ring["pepper"][::-1]}, "test", "the peppers first of the backup of keys and of"),
        (
            {"keys": ring["keys"], "peppers": [{"id": "p1", "pepper": ring["pepper"], "nbf": 1}]},
            "test",
            "lacks the peppers",
        ),
        (ring, "prod", "is of the stage prod, and not of test"),
    ):
        assert operator.run("drill", "--keys", str(keys_backup(other, stage))) == 1
        assert message in operator.errors
        assert tables() == ALL
    operator.answers = ["not the right passphrase"]
    assert operator.run("drill", "--keys", str(tmp_path / "keys")) == 1
    assert "the passphrase is wrong" in operator.errors


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ("prod", "has no stage prod. Its stages are: test"),
        ("dev", "is reserved for `make dev`"),
        ("Test", "not a valid stage name"),
        ("", "not a valid stage name"),
    ],
)
def test_a_wrong_stage_is_refused(operator, backups, stage, message):
    assert operator.run("drill", stage=stage) == 1
    assert message in operator.errors


@pytest.mark.parametrize(
    ("damage", "message"),
    [("{", "cannot be read"), ('{"stages": {"test": {"environment_variables": {}}}}', "LYCHGATE_")],
)
def test_a_configuration_that_says_nothing_is_a_sentence(operator, backups, damage, message):
    (operator.project / ".chalice" / "config.json").write_text(damage)

    assert operator.run("drill") == 1

    assert message in operator.errors


@pytest.mark.parametrize(
    ("operation", "code", "message"),
    [
        ("GetCallerIdentity", "ExpiredToken", "the AWS credentials have expired"),
        ("GetParameter", "AccessDeniedException", "permission is missing: service:GetParameter"),
        (
            "RestoreTableToPointInTime",
            "AccessDeniedException",
            "permission is missing: service:RestoreTableToPointInTime",
        ),
        ("RestoreTableToPointInTime", "ExpiredTokenException", "the AWS credentials have expired"),
        ("Scan", "AccessDeniedException", "permission is missing: service:Scan"),
    ],
)
def test_a_refusal_of_aws_is_a_sentence_and_the_same_command_goes_on(
    operator, api, remember, tables, monkeypatch, operation, code, message
):
    api.register("Kim")
    remember()
    _is_told_and_gone_on_with(operator, monkeypatch, refusal(operation, code), message)
    assert tables() == ALL


def test_too_many_restores_at_once_are_a_sentence_and_the_same_command_goes_on(
    operator, api, remember, tables, monkeypatch
):
    api.register("Kim")
    remember()
    operation = "RestoreTableToPointInTime"
    refused = refusal(operation, "LimitExceededException", "Up to 50 concurrent restores are allowed")
    _is_told_and_gone_on_with(operator, monkeypatch, refused, f"AWS refused {operation}")
    assert tables() == ALL


def _is_told_and_gone_on_with(operator, monkeypatch, refused, message):
    with raising(monkeypatch, refused.operation_name, refused):
        assert operator.run("drill") == 1
    assert message in operator.errors
    assert operator.run("drill") == 0, operator.errors
