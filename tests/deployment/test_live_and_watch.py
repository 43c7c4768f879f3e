"""What is live, and its alarms: `live` and `watch`, against moto."""

import contextlib
import io
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from infra.deployment.__main__ import main
from infra.deployment.shipping.watch import RAISED_BY_VISITORS, alarm_names
from infra.deployment.template import rendered_template
from tests.deployment.operator_here import raising, refusal

FIRST, SECOND = "1" * 40, "2" * 40
MOMENT_AGO, LATER = timedelta(minutes=-1), timedelta(hours=1)


def alarm(name, state="OK", reason="Threshold Crossed: 1 datapoint [3.0] was greater than the threshold (0.0)."):
    client = boto3.client("cloudwatch")
    client.put_metric_alarm(
        AlarmName=name,
        AlarmDescription="The API answered 5xx.",
        Namespace="Lychgate",
        MetricName="requests",
        Statistic="Sum",
        Period=300,
        EvaluationPeriods=1,
        ComparisonOperator="GreaterThanThreshold",
        Threshold=0,
    )
    client.set_alarm_state(AlarmName=name, StateValue=state, StateReason=reason)


def since(difference):
    return f"--since={(datetime.now(UTC) + difference).isoformat()}"


def test_a_complete_deployment_records_its_commit_and_a_failed_one_does_not(operator):
    operator.replace(commit=lambda _project: FIRST)
    assert operator.run("live", "prod") == 0
    assert operator.lines == ["url=", "commit="]
    assert operator.deploy() == 0, operator.errors
    (origin,) = operator.smoked
    assert operator.run("live", "prod") == 0
    assert operator.lines == [f"url={origin}", f"commit={FIRST}"]

    operator.replace(commit=lambda _project: SECOND)
    (operator.project / "chalicelib" / "more.py").write_text("MORE = 1\n")
    operator.smoke_answer = False
    assert operator.deploy() == 1
    assert operator.run("live", "prod") == 0
    assert operator.lines == [f"url={origin}", f"commit={FIRST}"]

    operator.smoke_answer = True
    assert operator.deploy() == 0, operator.errors
    assert operator.below("Record of what is live") == [f"commit {SECOND}"]
    assert operator.run("live", "prod") == 0
    assert operator.lines[1] == f"commit={SECOND}"

    # Another version of the API, beside the page of that commit, is no commit.
    assert operator.run("rollback", "prod") == 0, operator.errors
    assert operator.run("live", "prod") == 0
    assert operator.lines[1] == "commit="

    operator.replace(commit=lambda _project: None)
    assert operator.deploy() == 0, operator.errors
    assert operator.run("live", "prod") == 0
    assert operator.lines[1] == "commit="


@pytest.mark.parametrize("state", ["OK", "INSUFFICIENT_DATA"])
def test_a_watch_ends_well_if_no_alarm_goes_off(operator, state):
    alarm("lychgate-prod-server-errors", state)
    waited = []
    operator.replace(sleep=waited.append)

    assert operator.run("watch", "prod", "--minutes", "3") == 0, operator.errors

    assert sum(waited) == 180
    assert operator.lines[-1].endswith("No alarm went off")


def test_a_watch_fails_at_once_with_the_alarms_that_go_off_and_their_reasons(operator):
    alarm("lychgate-prod-server-errors")
    alarm("lychgate-prod-latency")
    waited = []

    def go_off(seconds):
        waited.append(seconds)
        if len(waited) == 2:
            alarm("lychgate-prod-server-errors", "ALARM", "two of three")
            alarm("lychgate-prod-latency", "ALARM", "too slow")

    operator.replace(sleep=go_off)

    assert operator.run("watch", "prod") == 1

    assert len(waited) == 2
    assert "the alarm lychgate-prod-server-errors went off at" in operator.errors
    assert "The API answered 5xx. CloudWatch says: two of three" in operator.errors
    assert "the alarm lychgate-prod-latency went off at" in operator.errors
    assert "Traceback" not in operator.errors


def test_an_alarm_that_went_off_during_the_deployment_counts_and_one_from_before_does_not(operator):
    alarm("lychgate-prod-api-crashes", "ALARM")
    operator.replace(sleep=lambda _seconds: None)

    assert operator.run("watch", "prod", since(MOMENT_AGO)) == 1
    assert operator.run("watch", "prod", since(LATER)) == 0, operator.errors
    assert any("lychgate-prod-api-crashes was in alarm before" in line for line in operator.lines)


def test_what_strangers_can_raise_and_the_alarms_of_other_stages_do_not_count(operator):
    alarm("lychgate-prod-server-errors")
    alarm("lychgate-prod-eu-server-errors", "ALARM")
    for name in RAISED_BY_VISITORS:
        alarm(f"lychgate-prod-{name}", "ALARM")
    operator.replace(sleep=lambda _seconds: None)

    assert operator.run("watch", "prod", since(MOMENT_AGO)) == 0, operator.errors
    assert operator.run("watch", "prod-eu", since(MOMENT_AGO)) == 1


def test_the_alarms_that_do_not_count_are_in_the_template():
    template = rendered_template("prod")
    every = {
        each["Properties"]["AlarmName"].removeprefix("lychgate-prod-")
        for each in template["Resources"].values()
        if each["Type"] == "AWS::CloudWatch::Alarm"
    }
    assert every > RAISED_BY_VISITORS
    assert set(alarm_names(template, "prod")) == {f"lychgate-prod-{name}" for name in every - RAISED_BY_VISITORS}


def test_a_watch_without_alarms_says_so(operator):
    assert operator.run("watch", "prod") == 0
    assert "--parameter AlarmEmail=" in operator.lines[-1]


def test_a_watch_that_may_not_look_says_which_permission_is_missing(operator, monkeypatch):
    with raising(monkeypatch, "DescribeAlarms", refusal("DescribeAlarms")):
        assert operator.run("watch", "prod") == 1
    assert "permission is missing: service:DescribeAlarms" in operator.errors


def test_a_time_that_cannot_be_read_is_refused():
    with pytest.raises(SystemExit), contextlib.redirect_stderr(io.StringIO()) as errors:
        main(["watch", "prod", "--since", "yesterday"])
    assert "'yesterday' is not a time such as" in errors.getvalue()
