"""Watches the alarms of a stage after a deployment."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from infra.deployment.dependencies import DEFAULTS, Dependencies
from infra.deployment.errors import DeploymentError
from infra.deployment.progress import Progress
from infra.deployment.resources import Resources

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_cloudwatch.client import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricAlarmTypeDef

RAISED_BY_VISITORS = frozenset(
    {
        "api-throttles",
        "authorizer-throttles",
        "failed-log-ins",
        "mail-bounces",
        "mail-complaints",
        "mail-delay",
        "mail-failures",
        "refresh-token-reuse",
    }
)
"""Alarms that strangers can raise at will. They do not count: otherwise whoever guesses passwords could take a release
back, also one that stops him."""

_POLL_SECONDS = 30
_MOST_NAMES = 100
"""How many alarms DescribeAlarms takes by name (Amazon CloudWatch API Reference, "DescribeAlarms")."""


def watch(
    resources: Resources, minutes: int, since: datetime, progress: Progress, dependencies: Dependencies = DEFAULTS
) -> None:
    """Return after so many minutes without an alarm. Raises DeploymentError at the first that went off after ``since``.

    What was in alarm before does not count: a deployment may be the remedy.
    """
    names = alarm_names(resources.template, resources.stage)
    with progress.of(f"Alarms of the stage {resources.stage}, for {minutes} minutes"):
        client = resources.session.client("cloudwatch")
        alarms = _described(client, names)
        if not alarms:
            progress(
                "there are none, so nothing is watched. `make deploy` makes them with --parameter AlarmEmail=… or"
                " AlarmTopicArn=…"
            )
            return
        for alarm in _gone_off(alarms):
            if _changed(alarm) < since:
                progress(f"{alarm['AlarmName']} was in alarm before: it does not count")
        for poll in range(minutes * 60 // _POLL_SECONDS + 1):
            if poll:
                dependencies.sleep(_POLL_SECONDS)
                alarms = _described(client, names)
            new = [alarm for alarm in _gone_off(alarms) if _changed(alarm) >= since]
            if new:
                raise DeploymentError("\n".join(_sentence(alarm) for alarm in new))
    progress.end("No alarm went off")


def alarm_names(template: Mapping[str, Any], stage: str) -> list[str]:
    """Return the names of the stage's alarms that tell of its code. ``template`` is the stage's own.

    By name, because the prefix of the stage ``prod`` is also that of ``prod-eu``.
    """
    named = [
        resource["Properties"]["AlarmName"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    ]
    ignored = {f"lychgate-{stage}-{name}" for name in RAISED_BY_VISITORS}
    return [name for name in named if name not in ignored]


def _described(client: CloudWatchClient, names: list[str]) -> list[MetricAlarmTypeDef]:
    found = []
    for begin in range(0, len(names), _MOST_NAMES):
        some = names[begin : begin + _MOST_NAMES]
        found += client.describe_alarms(AlarmNames=some, MaxRecords=_MOST_NAMES)["MetricAlarms"]
    return found


def _gone_off(alarms: list[MetricAlarmTypeDef]) -> list[MetricAlarmTypeDef]:
    return [alarm for alarm in alarms if alarm["StateValue"] == "ALARM"]


def _changed(alarm: MetricAlarmTypeDef) -> datetime:
    return alarm.get("StateTransitionedTimestamp") or alarm["StateUpdatedTimestamp"]


def _sentence(alarm: MetricAlarmTypeDef) -> str:
    return (
        f"the alarm {alarm['AlarmName']} went off at {_changed(alarm):%H:%M:%S} UTC:"
        f" {alarm.get('AlarmDescription', '')} CloudWatch says: {alarm.get('StateReason', '')}"
    )
