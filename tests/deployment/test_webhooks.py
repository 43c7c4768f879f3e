"""A stage that sends webhooks: what is made for it and when, and what happens without an endpoint."""

import copy
import json

import boto3

from chalicelib.credentials.webhook_secrets import parse_secrets
from infra.deployment.template import rendered_template
from infra.keys.webhook_secrets import ParameterSecrets
from tests.deployment.operator_here import account
from tests.deployment.recorded_resources import ACCOUNT, REGION

URL = "https://example.org/hooks"
PARAMETER = "/lychgate/prod/webhook-secrets"
OFF = "off: LYCHGATE_WEBHOOK_URL, a variable of the stage in .chalice/config.json, turns them on (docs/webhooks.md)"


def of_webhooks(aws):
    return {name for name in aws.all_made() if name.startswith("Webhook")}


def queues():
    return [url.rpartition("/")[2] for url in boto3.client("sqs").list_queues().get("QueueUrls", [])]


def statements(operator):
    text = (operator.project / ".chalice" / "policy-prod-webhooks.json").read_text()
    return {statement["Sid"]: statement for statement in json.loads(text)["Statement"]}


def send_to(operator, url):
    """Write an endpoint into the stage's own variables, as a developer does."""
    path = operator.project / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    functions = config["stages"]["prod"]["lambda_functions"]
    functions["webhooks"]["environment_variables"]["LYCHGATE_WEBHOOK_URL"] = url
    path.write_text(json.dumps(config))


def of_before(stage):
    """The template of a version that knew no webhooks: its table of events has no stream."""
    template = copy.deepcopy(rendered_template(stage))
    del template["Resources"]["EventsTable"]["Properties"]["StreamSpecification"]
    del template["Outputs"]["EventsStream"]
    return template


def secrets():
    found = boto3.client("ssm").get_parameter(Name=PARAMETER, WithDecryption=True)["Parameter"]
    return parse_secrets(found["Value"])


def test_a_stage_without_an_endpoint_has_nothing_of_webhooks_but_a_function_that_may_write_its_log(operator, aws):
    operator.has_deployed()
    assert operator.below("Webhooks") == [OFF]
    assert (of_webhooks(aws), queues()) == (set(), [])
    assert set(statements(operator)) == {"Logs"}
    assert account()["parameters"] == ["/lychgate/prod/signing-keys"]
    assert operator.deploy("--check") == 0
    assert f"ok      webhooks: {OFF}" in [line.strip() for line in operator.lines]


def test_a_stage_of_before_gets_them_and_loses_them_again(operator, aws):
    operator.replace(template=of_before)
    assert operator.deploy() == 0, operator.errors
    operator.replace(template=rendered_template)
    send_to(operator, URL)

    assert operator.deploy() == 0, operator.errors

    stream = boto3.client("dynamodb").describe_table(TableName="lychgate-prod-events")["Table"]["LatestStreamArn"]
    mapping = aws.properties("WebhookStreamMapping")
    assert (mapping["EventSourceArn"], mapping["FunctionName"]) == (stream, "lychgate-prod-webhooks")
    # Before that the function may not read the stream.
    assert not any("WebhookStreamMapping" in line for line in operator.below("Foundation"))
    assert any("WebhookStreamMapping" in line for line in operator.below("Distribution"))
    assert queues() == ["lychgate-prod-webhook-dead-letters"]
    found = statements(operator)
    assert found["Stream"]["Resource"] == stream
    assert found["Secrets"]["Resource"] == f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter{PARAMETER}"
    assert not any("table/" in statement["Resource"] and "Stream" not in sid for sid, statement in found.items())
    (secret,) = secrets()
    assert secret not in operator.log
    assert "python -m infra.operator webhooks secrets --stage prod" in operator.below("Signing keys")
    assert operator.below("Webhooks") == [f"to {URL}"]

    send_to(operator, "")
    assert operator.deploy() == 0, operator.errors
    assert (of_webhooks(aws), set(statements(operator))) == (set(), {"Logs"})
    # What receivers have been told is good when they are turned on again.
    assert secrets() == (secret,)


def test_an_endpoint_that_is_none_is_refused_before_anything_is_changed(operator):
    operator.has_deployed()
    for url, problem in (("http://example.org/", "https://"), ("https://127.0.0.1/", "machine's own address")):
        send_to(operator, url)
        assert operator.deploy() == 1
        assert "LYCHGATE_WEBHOOK_URL" in operator.errors
        assert problem in operator.errors
        assert not any("Foundation" in line for line in operator.lines)


def test_a_secret_is_encrypted_with_a_key_of_ones_own_and_stays_the_same(aws):
    client = boto3.client("ssm")
    place = ParameterSecrets(client, PARAMETER)
    assert place.make({"lychgate:stage": "prod"}, "alias/aws/ssm")
    before = place.read()
    key = boto3.client("kms").create_key()["KeyMetadata"]["Arn"]
    assert place.encrypt_with(key)
    assert (place.read(), place.encryption_key()) == (before, key)
    assert not place.encrypt_with(key)
    assert not place.make({}, key)
    assert place.delete()
    assert not place.delete()
