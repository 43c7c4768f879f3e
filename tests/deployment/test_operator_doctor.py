"""`python -m infra.operator doctor` looks at a stage that was deployed, and changes nothing."""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.client import BaseClient
from click.testing import CliRunner

from chalicelib.adapters.dynamodb.items import new_user_to_item
from chalicelib.credentials.webhook_secrets import new_secret
from infra.keys.ring import new_ring
from infra.keys.webhook_secrets import ParameterSecrets
from infra.operator.__main__ import operator as commands
from tests.deployment.operator_here import account, answering, raising, refusal
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
        "alarms",
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


@pytest.fixture
def sending(doctor, operator):
    """A stage that was deployed, and whose files say since then that it sends mails and webhooks."""
    path = operator.project / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    stage = config["stages"]["prod"]
    stage["environment_variables"]["LYCHGATE_EMAIL"] = "optional"
    functions = stage["lambda_functions"]
    functions["webhooks"]["environment_variables"]["LYCHGATE_WEBHOOK_URL"] = "https://example.org/hooks"
    functions["mailer"]["environment_variables"]["LYCHGATE_MAIL_FROM"] = "Example <no-reply@example.org>"
    path.write_text(json.dumps(config))
    return doctor


def queue(which, letters):
    """Make a queue of dead letters with so many of them."""
    url = client("sqs").create_queue(QueueName=f"lychgate-prod-{which}-dead-letters")["QueueUrl"]
    for number in range(letters):
        client("sqs").send_message(QueueUrl=url, MessageBody=str(number))


MAILS, WEBHOOKS = (f"queue lychgate-prod-{which}-dead-letters" for which in ("mail", "webhook"))


def test_dead_letters_are_counted_with_the_age_of_the_oldest_and_what_to_do(sending, monkeypatch):
    queue("mail", 0)
    queue("webhook", 3)
    found = sending(1)
    assert (found[MAILS]["state"], found[MAILS]["what"]) == ("ok", "it is empty")
    assert found[WEBHOOKS]["what"] == "events were given up: 3 messages, how old, CloudWatch does not know yet"
    assert "webhooks redrive --stage prod" in found[WEBHOOKS]["do"]
    age = {"Datapoints": [{"Timestamp": at, "Maximum": 3 * 86_400 + at} for at in (2, 1)]}
    with answering(monkeypatch, "GetMetricStatistics", lambda *_: age):
        assert sending(1)[WEBHOOKS]["what"].endswith("3 messages, the oldest for 3 days")
    with raising(monkeypatch, "GetMetricStatistics", refusal("GetMetricStatistics")):
        assert sending(1)[WEBHOOKS]["what"].endswith("the permission cloudwatch:GetMetricStatistics is missing")
    with raising(monkeypatch, "GetQueueUrl", refusal("GetQueueUrl")):
        hidden = sending(1)
    assert [hidden[f"dead letters of {which}"]["state"] for which in ("mails", "webhooks")] == ["unknown"] * 2


def test_a_stage_that_sends_and_has_no_queue_or_secrets_is_told_to_deploy(sending):
    found = sending(1)
    for name in (MAILS, WEBHOOKS, "webhook secrets"):
        assert (found[name]["state"], found[name]["do"]) == ("wrong", "make deploy STAGE=prod"), name


def test_two_secrets_are_a_rotation_for_a_day_and_then_one_is_to_be_retired(sending, monkeypatch):
    parameter = {"Name": "/lychgate/prod/webhook-secrets", "Type": "SecureString"}
    secrets = ParameterSecrets(client("ssm"), parameter["Name"])
    secrets.write((new_secret(),))
    assert sending(1)["webhook secrets"]["what"] == "one signs, and it can be read"
    secrets.write((new_secret(), new_secret()))
    assert sending(1)["webhook secrets"]["state"] == "ok"
    read = BaseClient._make_api_call

    def read_days_ago(client, arguments):
        answer = read(client, "GetParameter", arguments)
        answer["Parameter"]["LastModifiedDate"] = datetime.now(UTC) - timedelta(days=5.5)
        return answer

    with answering(monkeypatch, "GetParameter", read_days_ago):
        found = sending(1)["webhook secrets"]
    assert (found["state"], "two sign, for 5 days" in found["what"]) == ("advice", True)
    assert "webhooks retire --stage prod" in found["do"]
    client("ssm").put_parameter(**parameter, Value="[]", Overwrite=True)
    assert sending(1)["webhook secrets"]["state"] == "wrong"
    with raising(monkeypatch, "GetParameter", refusal("GetParameter")):
        assert sending(1)["webhook secrets"]["state"] == "unknown"


def test_alarms_that_ring_are_found_and_those_of_other_stages_are_not(doctor, monkeypatch):
    def alarm(name, state):
        client("cloudwatch").put_metric_alarm(
            AlarmName=name,
            AlarmDescription="The API answered 5xx.",
            Namespace="lychgate",
            MetricName="requests",
            ComparisonOperator="GreaterThanThreshold",
            EvaluationPeriods=1,
            Period=60,
            Statistic="Sum",
            Threshold=0,
        )
        client("cloudwatch").set_alarm_state(AlarmName=name, StateValue=state, StateReason="a test")

    alarm("lychgate-prod-latency", "OK")
    alarm("lychgate-prod-eu-latency", "ALARM")
    assert doctor(0)["alarms"]["what"] == "none is in state ALARM, of 1"
    alarm("lychgate-prod-server-errors", "ALARM")
    found = doctor(1)
    assert [name for name in found if name.startswith("alarm ")] == ["alarm lychgate-prod-server-errors"]
    assert "The API answered 5xx." in found["alarm lychgate-prod-server-errors"]["what"]
    with raising(monkeypatch, "DescribeAlarms", refusal("DescribeAlarms")):
        assert doctor(0)["alarms"]["state"] == "unknown"


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
