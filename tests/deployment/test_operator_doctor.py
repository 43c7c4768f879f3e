"""`python -m infra.operator doctor` looks at a stage that was deployed, and changes nothing."""

import json
import os
from dataclasses import replace

import boto3
import pytest
from click.testing import CliRunner

from chalicelib.adapters.dynamodb.items import new_user_to_item
from infra.keys.ring import new_ring
from infra.operator.__main__ import operator as commands
from tests.deployment.operator_here import account, raising, refusal
from tests.support.samples import ALICE


@pytest.fixture
def doctor(operator):
    """Look at the stage after its deployment, and return the exit code and what was found, by its name."""
    operator.has_deployed()

    def doctor(code, stage="prod"):
        before, files = account(), operator.files()
        arguments = ["doctor", "--stage", stage, "--project", str(operator.project), "--json"]
        done = CliRunner().invoke(commands, arguments)
        assert (account(), operator.files()) == (before, files)
        assert done.exit_code == code, done.output
        found = {}
        for each in json.loads(done.stdout)["findings"]:
            # The worst of several findings of one thing.
            if found.get(each["name"], {"state": "ok"})["state"] == "ok":
                found[each["name"]] = each
        return found

    return doctor


def client(service):
    return boto3.client(service, endpoint_url=os.environ["AWS_ENDPOINT_URL"])


def test_a_stage_that_was_deployed_just_now_is_well(doctor):
    found = doctor(0)
    assert {each["state"] for each in found.values()} == {"ok", "advice"}
    assert [name for name, each in found.items() if each["state"] == "advice"] == [
        "LYCHGATE_EMAIL",
        "LYCHGATE_RP_ID",
        "administrators",
    ]
    assert all(each["do"] for each in found.values() if each["state"] == "advice")


def test_what_is_not_as_it_was_deployed_is_found_and_each_says_what_to_do(doctor, operator):
    dynamodb = client("dynamodb")
    dynamodb.update_time_to_live(
        TableName="lychgate-prod-sessions", TimeToLiveSpecification={"AttributeName": "ttl", "Enabled": False}
    )
    dynamodb.update_table(TableName="lychgate-prod-mail", StreamSpecification={"StreamEnabled": False})
    dynamodb.update_table(
        TableName="lychgate-prod-users", GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by-name"}}]
    )
    dynamodb.update_continuous_backups(
        TableName="lychgate-prod-events", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}
    )
    dynamodb.update_table(TableName="lychgate-prod-throttle", DeletionProtectionEnabled=False)
    dynamodb.delete_table(TableName="lychgate-prod-throttle")
    user = new_user_to_item(replace(ALICE, password_hash="p1$2b$12$x", roles=("admin",)))
    dynamodb.put_item(TableName="lychgate-prod-users", Item=user)
    role = "lychgate-prod-mailer"
    anything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    client("iam").put_role_policy(RoleName=role, PolicyName=role, PolicyDocument=json.dumps(anything))
    configuration = operator.project / ".chalice" / "config.json"
    written = json.loads(configuration.read_text())
    functions = written["stages"]["prod"]["lambda_functions"]
    functions["api_handler"].setdefault("environment_variables", {})["LYCHGATE_SITE_NAME"] = "Another"
    configuration.write_text(json.dumps(written))

    found = doctor(1)

    wrong = {name: each for name, each in found.items() if each["state"] == "wrong"}
    for name, says in {
        "table lychgate-prod-sessions": "time to live is not on",
        "table lychgate-prod-mail": "its stream is off",
        "index by-name of lychgate-prod-users": "it does not exist",
        "table lychgate-prod-throttle": "it does not exist in this region",
        "backups": "point-in-time recovery is off for lychgate-prod-events",
        "function mailer": "may something else than",
        "function api_handler": "LYCHGATE_SITE_NAME",
        "administrators": "lacks",
        "peppers": "cannot log in: p1",
    }.items():
        assert says in wrong[name]["what"], name
        assert wrong[name]["do"], name


def test_keys_that_do_not_fit_and_a_bad_setting_are_found(doctor, operator):
    parameter = {"Name": "/lychgate/prod/signing-keys", "Type": "SecureString", "Overwrite": True}
    client("ssm").put_parameter(**parameter, Value=json.dumps(new_ring()))
    assert "nobody can log in" in doctor(1)["signing keys"]["what"]
    configuration = operator.project / ".chalice" / "config.json"
    written = json.loads(configuration.read_text())
    written["stages"]["prod"]["environment_variables"]["LYCHGATE_FRESH_SECONDS"] = "soon"
    configuration.write_text(json.dumps(written))
    found = doctor(1)
    assert "LYCHGATE_FRESH_SECONDS" in found["settings"]["what"]


def test_what_may_not_be_looked_at_is_unknown_and_no_reason_to_fail(doctor, monkeypatch):
    with raising(monkeypatch, "GetRolePolicy", refusal("GetRolePolicy")):
        found = doctor(0)
    assert found["function mailer"]["state"] == "unknown"
    assert "permission" in found["function mailer"]["do"]


def test_without_credentials_or_in_another_account_the_rest_is_looked_at_all_the_same(doctor, monkeypatch):
    with raising(monkeypatch, "GetCallerIdentity", refusal("GetCallerIdentity", "ExpiredToken")):
        found = doctor(1)
    assert "have expired" in found["credentials"]["what"]
    assert found["table lychgate-prod-users"]["state"] == "ok"


def test_a_stage_that_there_is_not_is_no_finding(operator):
    done = CliRunner().invoke(commands, ["doctor", "--stage", "prdo", "--project", str(operator.project)])
    assert (done.exit_code, done.stderr) == (1, "Error: .chalice/config.json has no stage prdo\n")


def test_for_people_it_is_lines_with_what_to_do_below(doctor, operator):
    arguments = ["doctor", "--stage", "prod", "--project", str(operator.project), "--no-scan"]
    lines = CliRunner().invoke(commands, arguments).stdout.splitlines()
    assert "ok      table lychgate-prod-users: it has its key, the indexes by-id, by-name, time to live" in lines
    at = next(number for number, line in enumerate(lines) if line.startswith("advice  LYCHGATE_EMAIL: "))
    assert lines[at + 1].startswith("        Do: Send mail: make deploy")
    assert not any("list of users" in line for line in lines)
    assert lines[-1] == "Nothing is wrong."
