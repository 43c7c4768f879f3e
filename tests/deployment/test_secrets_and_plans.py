"""What a deployment says and writes down: a plan that is true, and no secret."""

import hashlib
import json

import boto3
import pytest

from infra.stages import FUNCTIONS
from tests.deployment import domain_here
from tests.deployment.operator_here import account, raising


@pytest.fixture
def everything_said(operator, aws):
    """Deployed twice and planned once, with a secret renewed in between."""
    assert operator.deploy() == 0, operator.errors
    assert operator.deploy("--new-secret") == 0, operator.errors
    assert operator.deploy("--dry-run") == 0, operator.errors
    return operator


def sent(aws):
    """What the distribution sends to the API, under each of its headers."""
    origins = aws.properties("Distribution")["DistributionConfig"]["Origins"]
    return {header["HeaderName"]: header["HeaderValue"] for header in origins[1]["OriginCustomHeaders"]}


def accepted(aws):
    """The API keys that API Gateway takes: First and Second."""
    return [aws.properties(f"{which}DistributionKey")["Value"] for which in ("First", "Second")]


def known_to_the_function():
    variables = boto3.client("lambda").get_function_configuration(FunctionName="lychgate-prod")["Environment"]
    return variables["Variables"]["LYCHGATE_DISTRIBUTION_SECRET_SHA256"].split(",")


def hashes(secrets):
    return [hashlib.sha256(secret.encode()).hexdigest() for secret in secrets]


def secrets(aws):
    ring = json.loads(
        boto3.client("ssm").get_parameter(Name="/lychgate/prod/signing-keys", WithDecryption=True)["Parameter"]["Value"]
    )
    return [ring["pepper"], ring["keys"][0]["d"], *accepted(aws)]


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
    assert len(functions) == len(FUNCTIONS)
    for secret in secrets(aws):
        assert len(secret) > 40
        assert [where for where, text in shown.items() if secret in text] == []


def test_the_distribution_changes_to_a_secret_that_everybody_knows_and_the_old_one_is_refused(operator, aws):
    operator.has_deployed()
    old, spare = accepted(aws)
    assert set(sent(aws).values()) == {old}
    assert known_to_the_function() == hashes([old, spare])

    assert operator.deploy("--new-secret") == 0, operator.errors

    assert set(sent(aws).values()) == {spare}
    new, still_spare = accepted(aws)
    assert still_spare == spare
    assert new not in {old, spare}
    assert known_to_the_function() == hashes([new, spare])
    assert operator.deploy() == 0, operator.errors
    assert (set(sent(aws).values()), accepted(aws)) == ({spare}, [new, spare])

    # And back again, to the one that was made meanwhile.
    assert operator.deploy("--new-secret") == 0, operator.errors
    assert set(sent(aws).values()) == {new}
    assert accepted(aws)[0] == new
    assert accepted(aws)[1] not in {old, spare, new}


def test_a_change_of_the_secret_that_was_interrupted_is_completed_before_the_next(operator, aws, monkeypatch):
    operator.has_deployed()
    _, spare = accepted(aws)

    with raising(monkeypatch, "ListTags", KeyboardInterrupt()):
        assert operator.deploy("--new-secret") == 130

    # What is sent is accepted at any time; what would be sent next is not yet.
    assert set(sent(aws).values()) == {spare}
    assert hashes([spare])[0] in known_to_the_function()
    assert hashes(accepted(aws)) != known_to_the_function()
    for arguments in (["--new-secret"], ["--new-secret", "--dry-run"]):
        assert operator.deploy(*arguments) == 1
        assert "Run `make deploy` without --new-secret first" in operator.errors
    assert set(sent(aws).values()) == {spare}

    assert operator.deploy() == 0, operator.errors
    assert hashes(accepted(aws)) == known_to_the_function()
    assert operator.deploy("--new-secret") == 0, operator.errors


def test_an_account_that_can_reserve_nothing_gets_nothing_reserved_until_it_can(operator, aws):
    client = boto3.client("lambda")
    aws.limits["executions"] = 10

    assert operator.deploy() == 0, operator.errors

    (said,) = [line for line in operator.below("Configuration") if line.startswith("concurrency")]
    assert said.startswith("concurrency: none is reserved. 10 of the account's 10 executions at once are free")
    assert "ReservedConcurrentExecutions" not in client.get_function_concurrency(FunctionName="lychgate-prod")

    aws.limits["executions"] = 1000
    assert operator.deploy("--dry-run") == 0, operator.errors
    planned = [line for line in operator.below("Configuration") if line.startswith("concurrency")]
    assert operator.deploy("--parameter", "ThrottleRate=20", "--parameter", "ThrottleBurst=40") == 0, operator.errors

    (said,) = [line for line in operator.below("Configuration") if line.startswith("concurrency")]
    assert said.startswith(
        "concurrency: reserved, 10 for admin, 100 for api_handler, 50 for authorizer. 840 of the account's 1000"
    )
    assert planned == [said]
    assert client.get_function_concurrency(FunctionName="lychgate-prod")["ReservedConcurrentExecutions"] == 100
    assert operator.below("Throttle") == ["set: 20 requests a second, 40 at once"]
    (api,) = account()["apis"]
    settings = boto3.client("apigateway").get_stage(restApiId=api, stageName="api")["methodSettings"]["*/*"]
    assert (settings["throttlingRateLimit"], settings["throttlingBurstLimit"]) == (20.0, 40)


PARAMETER = "arn:aws:ssm:us-east-1:123456789012:parameter/lychgate/prod/signing-keys"


def encryption():
    (described,) = boto3.client("ssm").describe_parameters()["Parameters"]
    return described["KeyId"]


def decryption(operator):
    """What the API's function may decrypt, in the policy that was written and in the one that it has."""
    written = json.loads((operator.project / ".chalice" / "policy-prod-api_handler.json").read_text())
    role = {"RoleName": "lychgate-prod-api_handler", "PolicyName": "lychgate-prod-api_handler"}
    assert boto3.client("iam").get_role_policy(**role)["PolicyDocument"] == written
    return [each for each in written["Statement"] if "kms:Decrypt" in each["Action"]]


def test_a_key_of_ones_own_encrypts_the_keys_and_is_left_again_without_losing_them(operator, aws):
    key = domain_here.key()
    assert operator.deploy() == 0, operator.errors
    ring = secrets(aws)[:2]
    assert (encryption(), decryption(operator)) == ("alias/aws/ssm", [])

    assert operator.deploy("--parameter", f"KmsKeyArn={key}") == 0, operator.errors

    assert encryption() == key
    (statement,) = decryption(operator)
    assert (statement["Action"], statement["Resource"]) == (["kms:Decrypt"], key)
    assert statement["Condition"] == {"StringEquals": {"kms:EncryptionContext:PARAMETER_ARN": PARAMETER}}
    assert operator.below("Encryption") == [f"/lychgate/prod/signing-keys is now encrypted with {key}"]
    assert operator.deploy() == 0, operator.errors
    assert operator.below("Encryption") == [f"unchanged: {key}"]
    assert operator.below("chalice deploy") == ["unchanged"]

    # The function keeps the permission until nothing is encrypted with the key.
    assert operator.deploy("--parameter", "KmsKeyArn=") == 0, operator.errors
    assert (encryption(), decryption(operator)) == ("alias/aws/ssm", [statement])
    assert operator.deploy() == 0, operator.errors
    assert decryption(operator) == []
    assert secrets(aws)[:2] == ring


def test_a_new_stage_has_its_keys_under_the_key_of_ones_own_from_the_beginning(operator, aws):
    key = domain_here.key()
    assert operator.deploy("--parameter", f"KmsKeyArn={key}") == 0, operator.errors
    assert encryption() == key
    assert boto3.client("ssm").get_parameter(Name="/lychgate/prod/signing-keys")["Parameter"]["Version"] == 1
    assert len(decryption(operator)) == 1


def test_a_dry_run_before_the_first_time_changes_nothing(operator):
    at_first, files = account(), operator.files()

    assert operator.deploy("--dry-run") == 0, operator.errors

    assert (account(), operator.files(), operator.smoked) == (at_first, files, [])
    plan = operator.below("Foundation")
    assert "Add     UsersTable (AWS::DynamoDB::Table)" in plan
    assert not any("Alarm" in line for line in plan)


def test_a_dry_run_names_what_has_changed_and_changes_nothing(operator, aws):
    operator.has_deployed()
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


def test_settings_of_the_shell_are_named_and_change_nothing_of_a_stage(operator, aws, monkeypatch):
    monkeypatch.setenv("LYCHGATE_BCRYPT_COST", "10")

    for arguments in (["--dry-run"], []):
        assert operator.deploy(*arguments) == 0, operator.errors
        assert [line for line in operator.below("Preflight") if "LYCHGATE_BCRYPT_COST of this shell: not used" in line]

    assert "LYCHGATE_BCRYPT_COST" not in json.dumps(operator.files())
    for function in boto3.client("lambda").list_functions()["Functions"]:
        assert "LYCHGATE_BCRYPT_COST" not in function.get("Environment", {}).get("Variables", {})
