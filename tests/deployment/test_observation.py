"""What an operator sees of the API: its name in metrics, its access log, its traces."""

import json

import boto3
import pytest

from chalicelib.telemetry import log, requests
from infra.deployment.observation import ACCESS_LOG_LINE, ACCOUNT_ROLE, access_log_format
from infra.stages import FUNCTIONS
from tests.deployment.operator_here import account

LOG_GROUP = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/apigateway/lychgate-prod"


def gateway():
    return boto3.client("apigateway")


def stage_of_the_api():
    (api,) = account()["apis"]
    return gateway().get_stage(restApiId=api, stageName="api")


def role_of_the_account():
    return (gateway().get_account().get("cloudwatchRoleArn") or "").rpartition("/")[2]


def tracing():
    client = boto3.client("lambda")
    names = ("lychgate-prod", "lychgate-prod-authorizer")
    modes = [client.get_function_configuration(FunctionName=name)["TracingConfig"]["Mode"] for name in names]
    return [*modes, bool(stage_of_the_api().get("tracingEnabled"))]


def by_hand(operator):
    """Run `chalice deploy` without our command."""
    code, said = operator.chalice("deploy", "--stage", "prod")
    assert code == 0, said


def trace(operator, **members):
    config = operator.config()
    config["stages"]["prod"].update(members)
    (operator.project / ".chalice" / "config.json").write_text(json.dumps(config))


def policies(operator):
    return [
        [statement["Sid"] for statement in json.loads(operator.files()[f"policy-prod-{name}.json"])["Statement"]]
        for name in FUNCTIONS
    ]


def test_the_gateway_logs_each_request_also_after_chalice_deploys_by_hand(operator, aws):
    operator.has_deployed()
    assert stage_of_the_api()["accessLogSettings"] == {"destinationArn": LOG_GROUP, "format": access_log_format()}
    assert role_of_the_account() == ACCOUNT_ROLE
    settings = stage_of_the_api()

    by_hand(operator)

    after = stage_of_the_api()
    assert after["deploymentId"] != settings["deploymentId"]
    assert [after[name] for name in ("accessLogSettings", "methodSettings")] == [
        settings[name] for name in ("accessLogSettings", "methodSettings")
    ]


def test_the_access_log_is_turned_off_and_on_again(operator, aws):
    operator.has_deployed("--parameter", "GatewayAccessLogs=false")
    assert not stage_of_the_api().get("accessLogSettings")
    assert ACCOUNT_ROLE not in account()["roles"]
    assert role_of_the_account() == ""

    assert operator.deploy("--parameter", "GatewayAccessLogs=true") == 0, operator.errors
    assert stage_of_the_api()["accessLogSettings"]["destinationArn"] == LOG_GROUP

    assert operator.deploy("--parameter", "GatewayAccessLogs=false") == 0, operator.errors
    assert not stage_of_the_api().get("accessLogSettings")
    assert role_of_the_account() == ACCOUNT_ROLE  # which others may write with


def test_a_role_that_the_account_has_is_left_alone(operator, aws):
    client = boto3.client("iam")
    trust = {"Principal": {"Service": "apigateway.amazonaws.com"}}
    theirs = client.create_role(RoleName="theirs", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    client.attach_role_policy(
        RoleName="theirs", PolicyArn="arn:aws:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
    )
    gateway().update_account(patchOperations=[{"op": "replace", "path": "/cloudwatchRoleArn", "value": theirs}])

    assert operator.deploy() == 0, operator.errors

    assert role_of_the_account() == "theirs"
    assert ACCOUNT_ROLE not in account()["roles"]
    assert stage_of_the_api()["accessLogSettings"]["destinationArn"] == LOG_GROUP


def test_a_new_role_is_offered_until_iam_has_spread_it_and_the_next_run_goes_on(operator, aws):
    waited = []
    operator.replace(sleep=waited.append)
    aws.limits["looks before a role is there"] = 100
    assert operator.deploy() == 1
    assert "Logs and tracing of the API: API Gateway does not take the role" in operator.errors
    assert "GatewayAccessLogs=false" in operator.errors
    assert role_of_the_account() == ""

    waited.clear()
    aws.limits["looks before a role is there"] = 2
    assert operator.deploy() == 0, operator.errors
    assert len(waited) == 2
    assert operator.below("chalice deploy") == ["unchanged"]
    assert role_of_the_account() == ACCOUNT_ROLE


def test_a_dry_run_says_that_the_account_gets_a_role(operator, aws):
    assert operator.deploy("--dry-run") == 0, operator.errors
    below = operator.below("Logs and tracing")
    assert below[0].startswith(f"API Gateway gets a role for logs, {ACCOUNT_ROLE}")
    assert below[1:] == ["access log: on", "tracing by X-Ray: off"]
    assert role_of_the_account() == ""

    assert operator.deploy("--dry-run", "--parameter", "GatewayAccessLogs=false") == 0, operator.errors
    assert operator.below("Logs and tracing") == ["access log: off", "tracing by X-Ray: off"]

    assert operator.deploy() == 0, operator.errors
    assert operator.deploy("--dry-run") == 0, operator.errors
    assert operator.below("Logs and tracing") == ["access log: on", "tracing by X-Ray: off"]


def test_the_stage_is_in_the_name_of_the_api_also_of_one_that_was_there_before(operator, aws):
    operator.has_deployed()
    (api,) = account()["apis"]
    assert gateway().get_rest_api(restApiId=api)["name"] == "lychgate-prod"

    # As earlier versions named it, in a fresh clone.
    gateway().update_rest_api(restApiId=api, patchOperations=[{"op": "replace", "path": "/name", "value": "lychgate"}])
    record = operator.project / ".chalice" / "deployed" / "prod.json"
    record.unlink()
    assert operator.deploy() == 0, operator.errors
    assert account()["apis"] == [api]
    assert gateway().get_rest_api(restApiId=api)["name"] == "lychgate-prod"

    gateway().update_rest_api(restApiId=api, patchOperations=[{"op": "replace", "path": "/name", "value": "lychgate"}])
    by_hand(operator)
    assert account()["apis"] == [api]
    assert gateway().get_rest_api(restApiId=api)["name"] == "lychgate-prod"

    gateway().update_rest_api(restApiId=api, patchOperations=[{"op": "replace", "path": "/name", "value": "lychgate"}])
    record.unlink()
    assert operator.destroy() == 0, operator.errors
    assert account()["apis"] == []


def test_a_stage_that_is_watched_has_a_dashboard_and_a_budget_which_go_with_it(operator, aws):
    watched = [f"--parameter={each}" for each in ("AlarmEmail=me@example.org", "MonthlyBudget=20")]
    assert operator.deploy(*watched) == 0, operator.errors

    body = json.loads(boto3.client("cloudwatch").get_dashboard(DashboardName="lychgate-prod")["DashboardBody"])
    (distribution,) = account()["distributions"]
    assert f'"DistributionId", "{distribution}"' in json.dumps(body)
    assert "arn:aws:cloudwatch:us-east-1:123456789012:alarm:lychgate-prod-gateway-errors" in json.dumps(body)
    budget = aws.properties("Budget")
    assert int(budget["Budget"]["BudgetLimit"]["Amount"]) == 20
    assert budget["NotificationsWithSubscribers"][0]["Subscribers"] == [
        {"SubscriptionType": "EMAIL", "Address": "me@example.org"}
    ]

    assert operator.destroy() == 0, operator.errors
    assert boto3.client("cloudwatch").list_dashboards()["DashboardEntries"] == []
    assert "Budget" not in aws.all_made()


def test_tracing_is_off_until_the_stage_says_so_and_is_off_again_when_it_no_longer_does(operator, aws):
    operator.has_deployed()
    assert tracing() == ["PassThrough", "PassThrough", False]
    untraced = policies(operator)
    assert not any("Tracing" in sids for sids in untraced)

    trace(operator, xray=True)
    assert operator.deploy() == 0, operator.errors
    assert tracing() == ["Active", "Active", True]
    assert policies(operator) == [[*sids, "Tracing"] for sids in untraced]
    assert operator.below("Logs and tracing")[-1] == f"tracing by X-Ray: {', '.join(sorted([*FUNCTIONS, 'rest_api']))}"
    assert operator.config()["stages"]["prod"]["xray"] is True

    by_hand(operator)
    assert tracing() == ["Active", "Active", True]

    functions = operator.config()["stages"]["prod"]["lambda_functions"]
    trace(operator, xray=False, lambda_functions={**functions, "authorizer": {**functions["authorizer"], "xray": True}})
    assert operator.deploy() == 0, operator.errors
    assert tracing() == ["PassThrough", "Active", False]
    assert ["Tracing" in sids for sids in policies(operator)] == [name == "authorizer" for name in FUNCTIONS]

    trace(operator, lambda_functions=functions)
    assert operator.deploy() == 0, operator.errors
    assert tracing() == ["PassThrough", "PassThrough", False]
    assert policies(operator) == untraced


# Variables with what a caller sends, or a secret: the address, the path and headers as they were sent, the values of
# API keys, and messages, one of which quotes the Authorization header.
@pytest.mark.parametrize(
    "unsafe",
    ["identity", "message", "Message", "$context.path", "requestOverride", "error.m", "authorizer.error", "claims"],
)
def test_a_line_of_the_access_log_holds_no_token_no_key_and_no_address(unsafe):
    assert unsafe not in access_log_format()


def test_a_line_of_the_access_log_is_json_whatever_it_holds():
    line = json.loads(access_log_format())
    assert line == ACCESS_LOG_LINE
    assert "\n" not in access_log_format()
    # A number that is not there is a hyphen.
    assert all(value.startswith("$context.") for value in line.values())
    assert "$context.requestId" in line.values()  # without which API Gateway takes no format


def test_a_line_of_the_access_log_shares_its_names_with_the_line_of_the_function(capsys):
    log.configure({"AWS_LAMBDA_FUNCTION_NAME": "lychgate-prod"})
    try:
        requests.log_request(
            request_id="1", method="GET", route="/me", status=200, milliseconds=1.0, evidence=requests.NOTHING
        )
    finally:
        log.configure({})
    line = json.loads(capsys.readouterr().out)
    assert {"request_id", "method", "route", "status", "duration_ms"} == line.keys() & ACCESS_LOG_LINE.keys()
    assert line["route"] == "GET /me"
