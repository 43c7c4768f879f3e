"""What a deployment says and writes down: a plan that is true, and no secret."""

import hashlib
import json

import boto3
import pytest

from tests.deployment.operator_here import account


@pytest.fixture
def everything_said(operator, aws):
    """Deployed twice and planned once, with a secret renewed in between."""
    assert operator.deploy() == 0, operator.errors
    assert operator.deploy("--new-secret") == 0, operator.errors
    assert operator.deploy("--dry-run") == 0, operator.errors
    return operator


def secrets(aws):
    ring = json.loads(
        boto3.client("ssm").get_parameter(Name="/lychgate/prod/signing-keys", WithDecryption=True)["Parameter"]["Value"]
    )
    origins = aws.properties("Distribution")["DistributionConfig"]["Origins"]
    return [ring["pepper"], ring["keys"][0]["d"], origins[1]["OriginCustomHeaders"][0]["HeaderValue"]]


def test_no_secret_is_printed_written_or_shown(everything_said, aws):
    operator = everything_said
    client = boto3.client("cloudformation")
    functions = boto3.client("lambda").list_functions()["Functions"]
    shown = {
        "printed": operator.log,
        "files": json.dumps(operator.files()),
        "stack": json.dumps(client.describe_stacks(StackName="lychgate-prod")["Stacks"], default=str),
        "template": json.dumps(client.get_template(StackName="lychgate-prod")["TemplateBody"]),
        "functions": json.dumps(functions),
    }
    assert len(functions) == 2
    for secret in secrets(aws):
        assert len(secret) > 40
        assert [where for where, text in shown.items() if secret in text] == []


def test_a_renewed_secret_reaches_both_ends(operator, aws):
    assert operator.deploy() == 0, operator.errors
    before = secrets(aws)[2]

    assert operator.deploy("--new-secret") == 0, operator.errors

    assert secrets(aws)[2] != before
    variables = boto3.client("lambda").get_function_configuration(FunctionName="lychgate-prod")["Environment"]
    digest = hashlib.sha256(secrets(aws)[2].encode()).hexdigest()
    assert variables["Variables"]["LYCHGATE_DISTRIBUTION_SECRET_SHA256"] == digest


def test_a_dry_run_before_the_first_time_changes_nothing(operator):
    at_first, files = account(), operator.files()

    assert operator.deploy("--dry-run") == 0, operator.errors

    assert (account(), operator.files(), operator.smoked) == (at_first, files, [])
    plan = operator.below("Foundation")
    assert "Add     UsersTable (AWS::DynamoDB::Table)" in plan
    assert not any("Alarm" in line for line in plan)


def test_a_dry_run_names_what_has_changed_and_changes_nothing(operator, aws):
    assert operator.deploy() == 0, operator.errors
    (operator.project / "static-site" / "new.txt").write_text("new")
    made, files = account(), operator.files()

    assert operator.deploy("--dry-run", "--parameter", "AlarmEmail=me@example.org") == 0, operator.errors

    assert any("AlarmTopic (AWS::SNS::Topic)" in line for line in operator.below("Foundation"))
    assert operator.below("Site") == ["upload new.txt"]
    assert operator.below("chalice deploy") == ["unchanged"]
    assert (account(), operator.files()) == (made, files)
    assert boto3.client("sns").list_topics()["Topics"] == []

    # And so it is done, and kept by a run that says nothing of it.
    assert operator.deploy("--parameter", "AlarmEmail=me@example.org") == 0, operator.errors
    assert operator.deploy() == 0, operator.errors
    assert operator.below("Foundation") == ["unchanged"]
    assert len(boto3.client("sns").list_topics()["Topics"]) == 1
    assert aws.properties("ReuseAlarm")["Dimensions"] == [
        {"Name": "function", "Value": "lychgate-prod"},
        {"Name": "outcome", "Value": "reused"},
    ]
