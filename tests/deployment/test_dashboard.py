"""The dashboard: that CloudWatch can read it, that it is free, and that what it shows is there."""

import itertools
import json
import re

import pytest

from chalicelib.accounts.events import EventType
from chalicelib.telemetry import log, mails, requests
from infra.deployment.dashboard import MOST_METRICS, WIDTH
from infra.deployment.observation import ACCESS_LOG_LINE
from infra.deployment.template import rendered_template
from infra.intrinsic_functions import condition_holds

METRICS_OF_AWS = {
    "AWS/ApiGateway": {"4XXError", "5XXError", "Count", "IntegrationLatency", "Latency"},
    "AWS/CloudFront": {"BytesDownloaded", "Requests"},
    "AWS/DynamoDB": {
        "ConsumedReadCapacityUnits",
        "ConsumedWriteCapacityUnits",
        "ReadThrottleEvents",
        "WriteThrottleEvents",
    },
    "AWS/Lambda": {"ConcurrentExecutions", "Duration", "Errors", "Throttles"},
    "AWS/Logs": {"IncomingBytes"},
}


@pytest.fixture(scope="module")
def rendered():
    return rendered_template("prod")


def body_of(rendered, **given):
    """The body in a stage with these parameters, as CloudFormation fills it in."""
    text, values = rendered["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    for name, value in values.items():
        filled_in = value
        if isinstance(value, dict) and "Fn::Sub" in value:
            filled_in = value["Fn::Sub"]
        elif isinstance(value, dict):
            condition, then, otherwise = value["Fn::If"]
            holds = condition_holds(condition, rendered, {"Stage": "prod", **given})
            filled_in = then["Fn::Sub"] if holds else otherwise
        text = text.replace(f"${{{name}}}", filled_in)
    return text


@pytest.fixture(
    scope="module",
    params=["a stage that sends mail", "one that sends none", "one that sends from afar", "webhooks too"],
)
def given(request):
    """The parameters of a stage."""
    sender = {"MailFrom": "no-reply@example.org"}
    of_mails = {
        "a stage that sends mail": sender,
        "one that sends from afar": {**sender, "SesRegion": "eu-west-1"},
        "webhooks too": {**sender, "Webhooks": "on"},
    }
    return {"AlarmEmail": "me@example.org", **of_mails.get(request.param, {})}


@pytest.fixture(scope="module")
def body(rendered, given):
    return body_of(rendered, **given)


@pytest.fixture(scope="module")
def widgets(body):
    return json.loads(body)["widgets"]


@pytest.fixture(scope="module")
def metrics(widgets):
    """Each metric of each graph written out: namespace, name, dimensions."""
    return list(itertools.chain.from_iterable(map(written_out, widgets)))


def written_out(widget):
    before = []
    for metric in widget["properties"].get("metrics", []):
        parts = [part for part in metric if not isinstance(part, dict)]
        before = [before[index] if part == "." else part for index, part in enumerate(parts)]
        if parts:
            namespace, name, *dimensions = before
            yield namespace, name, dict(zip(dimensions[::2], dimensions[1::2], strict=True))


def test_the_widgets_stand_beside_and_below_each_other_and_fill_each_row(widgets):
    fields = [
        (column, line)
        for each in widgets
        for column in range(each["x"], each["x"] + each["width"])
        for line in range(each["y"], each["y"] + each["height"])
    ]
    assert len(fields) == len(set(fields))
    lowest = max(line for _, line in fields)
    assert set(fields) == set(itertools.product(range(WIDTH), range(lowest + 1)))


def test_it_leads_from_the_alarms_over_the_users_down_to_the_bill_and_mails_are_last(rendered, given, widgets):
    headings = [each["properties"]["markdown"] for each in widgets if each["type"] == "text"]
    rest = [name for name, parameter in (("Mails", "MailFrom"), ("Webhooks", "Webhooks")) if parameter in given]
    assert headings == [f"## {name}" for name in ["Users", "Answers", "Functions", "Tables", "Costs", *rest]]
    assert widgets[0]["type"] == "alarm"
    assert sorted(widgets[0]["properties"]["alarms"]) == sorted(
        f"${{{logical_id}.Arn}}"
        for logical_id, each in rendered["Resources"].items()
        if each["Type"] == "AWS::CloudWatch::Alarm"
        and condition_holds(each["Condition"], rendered, {"Stage": "prod", **given})
    )


def test_it_has_no_more_metrics_than_a_free_dashboard_may_have(widgets):
    # Expressions are counted too, to be sure.
    assert sum(len(each["properties"].get("metrics", [])) for each in widgets) <= MOST_METRICS


def test_each_metric_is_one_that_is_written(metrics):
    outcomes = {outcome for _, outcome in requests.COUNTED_EVENTS.values()}
    ours = {requests.REQUESTS, requests.LOG_INS, requests.REFRESHES, log.REFUSED_TOKENS, log.UNUSABLE_HASHES}
    for namespace, name, dimensions in metrics:
        assert name in {**METRICS_OF_AWS, log.NAMESPACE: ours}[namespace]
        assert dimensions.get("outcome", "ok") in outcomes
    assert {name for namespace, name, _ in metrics if namespace == log.NAMESPACE} == ours
    shown = {dimensions["outcome"] for _, _, dimensions in metrics if "outcome" in dimensions}
    assert shown == outcomes


def test_each_dimension_names_what_the_stage_has(rendered, metrics):
    properties = [each.get("Properties", {}) for each in rendered["Resources"].values()]
    groups = {each["LogGroupName"] for each in properties if "LogGroupName" in each}
    # What these do is in the queries of their logs, which are no metrics.
    groups -= {f"/aws/lambda/lychgate-prod-{name}" for name in ("mailer", "admin", "webhooks")}
    functions = {group.rpartition("/")[2] for group in groups if group.startswith("/aws/lambda/")}
    assert functions == {"lychgate-prod", "lychgate-prod-authorizer"}
    there = {
        "TableName": {each["TableName"] for each in properties if "TableName" in each} - {"lychgate-prod-mail"},
        "LogGroupName": groups,
        "FunctionName": functions,
        "function": functions,
        "ApiName": {"lychgate-prod"},
        "Stage": {"api"},
        "DistributionId": {"${Distribution}"},
        "Region": {"Global"},
    }
    of_ours = {"outcome", "status_class"}
    named = {}
    for _, _, dimensions in metrics:
        for name, value in dimensions.items():
            named.setdefault(name, set()).add(value)
    assert {name: values for name, values in named.items() if name not in of_ours} == there


def test_a_global_metric_is_asked_for_where_it_is_kept(widgets):
    for each in widgets:
        if each["type"] == "metric":
            of_cloudfront = any(namespace == "AWS/CloudFront" for namespace, _, _ in written_out(each))
            assert each["properties"]["region"] == ("us-east-1" if of_cloudfront else "${AWS::Region}")


def test_what_cloudformation_fills_in_is_there_to_be_filled_in(rendered, body):
    filled_in = {name.removesuffix(".Arn") for name in re.findall(r"\$\{([^}]+)\}", body)}
    assert filled_in <= {"AWS::Region", "AWS::Partition", "AWS::AccountId", *rendered["Resources"]}


def test_queries_ask_the_logs_that_there_are_for_members_of_their_lines(rendered, given, widgets):
    groups = {each["Properties"].get("LogGroupName") for each in rendered["Resources"].values() if "Properties" in each}
    queries = [each["properties"]["query"] for each in widgets if each["type"] == "log"]
    assert len(queries) == 3 + 2 * ("MailFrom" in given) + ("Webhooks" in given)
    for query in queries:
        assert set(re.findall(r"SOURCE '([^']+)'", query)) <= groups
    of_gateway = next(query for query in queries if "/aws/apigateway/" in query)
    assert set(re.findall(r"\b(route|status|error)\b", of_gateway)) == {"route", "status", "error"}
    assert {"route", "status", "error"} <= set(ACCESS_LOG_LINE)
    of_users = next(query for query in queries if "strcontains" in query)
    events = set(re.findall(r'strcontains\(event, "(\w+)"\)', of_users))
    assert events == {EventType.REGISTERED, EventType.ACCOUNT_DELETED, EventType.PASSWORD_CHANGED}


def test_queries_about_mails_name_members_of_the_mailers_lines(rendered, capsys):
    log.configure({"AWS_LAMBDA_FUNCTION_NAME": "lychgate-prod-mailer"})
    mails.log_mail(outcome="sent", kind="reset")
    mails.log_failed_delivery("SES did not answer")
    mails.log_feedback(mails.BOUNCED, detail="Permanent General", message_id="1", is_suppressed=True)
    log.configure({})
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    members = {name for line in lines for name in line}
    widgets = json.loads(body_of(rendered, MailFrom="no-reply@example.org"))["widgets"]
    queries = [each["properties"]["query"] for each in widgets if each["type"] == "log"][-2:]
    for query in queries:
        asked = set(re.findall(r"\b(outcome|event|level|reason)\b", query))
        assert asked
        assert asked <= members
    assert {line["level"] for line in lines if line.get("outcome") == "failed"} == {"ERROR"}


def test_a_stage_that_nobody_watches_has_none(rendered):
    condition = rendered["Resources"]["Dashboard"]["Condition"]

    def is_there(**given):
        return condition_holds(condition, rendered, {"Stage": "prod", **given})

    assert not is_there()
    assert is_there(AlarmEmail="me@example.org")
    assert is_there(AlarmTopicArn="arn:aws:sns:us-east-1:1:t")
    assert not is_there(AlarmEmail="me@example.org", WithDashboard="false")
