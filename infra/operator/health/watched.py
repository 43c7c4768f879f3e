"""What shows when a stage has lived: what it has given up, its webhooks' secrets, and the alarms that ring."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from chalicelib.api.responses import timestamp
from chalicelib.config.webhooks import URL, WebhookSettings
from infra import laptop
from infra.deployment.errors import code_of, is_denied
from infra.deployment.foundation import APP_NAME
from infra.keys.webhook_secrets import FileSecrets, SecretsPlace
from infra.local.environment import STAGE, stage_environment
from infra.operator.accounts import Stage
from infra.operator.health.diagnosis import Diagnosis, Grade, examined
from infra.operator.output import counted

if TYPE_CHECKING:
    from chalicelib.clock import Clock
    from infra.deployment.resources import Resources

ROTATION_SECONDS = 24 * 3600
"""How long two secrets may sign before `doctor` reminds of it: docs/webhooks.md tells the receiver within a day."""

_METRIC_SECONDS = 3600
_ALARM = "AWS::CloudWatch::Alarm"
_NO_QUEUE = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})


@dataclass(frozen=True)
class _Queue:
    """A queue of what was given up."""

    name: str
    what: str
    do: str


def of_stage(resources: Resources, clock: Clock, ask_for: str) -> Iterator[Diagnosis]:
    """Look at a stage on AWS. ``ask_for`` is what to do without a permission."""
    stage = resources.stage
    mails = _Queue(
        f"{APP_NAME}-{stage}-mail-dead-letters",
        "mails or notices of SES",
        f"Put right what the mailer's log says, and run `python -m infra.operator mails redrive --stage {stage}`.",
    )
    webhooks = _Queue(
        f"{APP_NAME}-{stage}-webhook-dead-letters",
        "events",
        "Put right why the endpoint did not take them, and run"
        f" `python -m infra.operator webhooks redrive --stage {stage}`.",
    )

    def of_mails() -> Iterator[Diagnosis]:
        if resources.mailing().is_on:
            yield from _dead_letters(resources, mails, clock)

    def of_webhooks() -> Iterator[Diagnosis]:
        if resources.webhook_url():
            yield from _dead_letters(resources, webhooks, clock)

    def secrets() -> Iterator[Diagnosis]:
        if resources.webhook_url():
            yield of_secrets(resources.webhook_secrets, stage, clock)

    yield from examined("dead letters of mails", of_mails, ask_for)
    yield from examined("dead letters of webhooks", of_webhooks, ask_for)
    yield from examined("webhook secrets", secrets, ask_for)
    yield from examined("alarms", lambda: _alarms(resources), ask_for)


def of_laptop(stage: Stage, clock: Clock) -> Iterator[Diagnosis]:
    """Look at the webhooks of a laptop, if it sends any. Raises ConfigurationError or PlaceError."""
    environment = stage_environment(stage.project, stage.name, "webhooks")
    if not environment.get(URL, "").strip():
        return
    settings = WebhookSettings.from_environment({**laptop.DEFAULTS, **environment})
    types = "all events" if settings.types is None else ", ".join(sorted(settings.types))
    yield Diagnosis("webhooks", Grade.OK, f"to {settings.url}: {types}")
    yield of_secrets(FileSecrets(stage.data_directory), stage.name, clock)


def of_secrets(place: SecretsPlace, stage: str, clock: Clock) -> Diagnosis:
    """Look at the secrets that sign webhooks. Raises PlaceError if they are damaged."""
    name = "webhook secrets"
    found = place.read()
    if found is None:
        make = "Start `make dev` again." if stage == STAGE else f"make deploy STAGE={stage}"
        return Diagnosis(name, Grade.WRONG, f"{place.name} does not exist: nothing can be signed or sent", make)
    if len(found) == 1:
        return Diagnosis(name, Grade.OK, "one signs, and it can be read")
    written_at = place.written_at()
    seconds = 0 if written_at is None else clock() - written_at
    if seconds < ROTATION_SECONDS:
        return Diagnosis(name, Grade.OK, f"two sign, for {_length(seconds)}: one replaces the other")
    return Diagnosis(
        name,
        Grade.ADVICE,
        f"two sign, for {_length(seconds)}: whoever knows the older one is believed still",
        "See that the receiver knows the newer one, and run"
        f" `python -m infra.operator webhooks retire --stage {stage}`.",
    )


def _dead_letters(resources: Resources, queue: _Queue, clock: Clock) -> Iterator[Diagnosis]:
    name = f"queue {queue.name}"
    client: Any = resources.session.client("sqs")
    try:
        url = client.get_queue_url(QueueName=queue.name)["QueueUrl"]
    except ClientError as error:
        if code_of(error) not in _NO_QUEUE:
            raise
        again = f"make deploy STAGE={resources.stage}"
        yield Diagnosis(name, Grade.WRONG, f"it does not exist: {queue.what} that are given up are lost", again)
        return
    counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found: Mapping[str, str] = client.get_queue_attributes(QueueUrl=url, AttributeNames=counts)["Attributes"]
    number = sum(int(found[each]) for each in counts)
    if not number:
        yield Diagnosis(name, Grade.OK, "it is empty")
        return
    age = _age(resources, queue.name, clock())
    yield Diagnosis(name, Grade.WRONG, f"{queue.what} were given up: {counted(number, 'message')}, {age}", queue.do)


def _age(resources: Resources, queue: str, now: int) -> str:
    """Say how old the oldest message of a queue is, which CloudWatch alone knows without taking it out."""
    client: Any = resources.session.client("cloudwatch")
    try:
        found = client.get_metric_statistics(
            Namespace="AWS/SQS",
            MetricName="ApproximateAgeOfOldestMessage",
            Dimensions=[{"Name": "QueueName", "Value": queue}],
            StartTime=datetime.fromtimestamp(now - _METRIC_SECONDS, UTC),
            EndTime=datetime.fromtimestamp(now, UTC),
            Period=300,
            Statistics=["Maximum"],
        )["Datapoints"]
    except ClientError as error:
        if not is_denied(error):
            raise
        return "how old, is not known: the permission cloudwatch:GetMetricStatistics is missing"
    if not found:
        return "how old, CloudWatch does not know yet"
    newest = max(found, key=lambda each: each["Timestamp"])
    return f"the oldest for {_length(newest['Maximum'])}"


def _alarms(resources: Resources) -> Iterator[Diagnosis]:
    alarms = [each["Properties"] for each in resources.template["Resources"].values() if each["Type"] == _ALARM]
    names = {each["AlarmName"] for each in alarms}
    client: Any = resources.session.client("cloudwatch")
    pages = client.get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{APP_NAME}-{resources.stage}-")
    found = [alarm for page in pages for alarm in page["MetricAlarms"] if alarm["AlarmName"] in names]
    ringing = [alarm for alarm in found if alarm["StateValue"] == "ALARM"]
    for alarm in ringing:
        since = alarm.get("StateTransitionedTimestamp") or alarm["StateUpdatedTimestamp"]
        yield Diagnosis(
            f"alarm {alarm['AlarmName']}",
            Grade.WRONG,
            f"it is in state ALARM since {timestamp(int(since.timestamp()))}: {alarm.get('AlarmDescription', '')}",
            "docs/operations/monitoring.md says what it means and where to look.",
        )
    if not found:
        yield Diagnosis(
            "alarms",
            Grade.ADVICE,
            "there are none: nobody is told when the stage fails",
            f'make deploy STAGE={resources.stage} ARGS="--parameter AlarmEmail=you@example.org"',
        )
    elif not ringing:
        yield Diagnosis("alarms", Grade.OK, f"none is in state ALARM, of {len(found)}")


def _length(seconds: float) -> str:
    """Return how long that is, in the largest unit of which there are two, or in minutes."""
    for unit, length in (("day", 86_400), ("hour", 3600)):
        if seconds >= 2 * length:
            return counted(int(seconds // length), unit)
    return counted(int(seconds // 60), "minute")
