"""The webhooks of a stage, as its operators deal with them: secrets, a test, and events that are sent once more.

Owns how they are reached, and which events are sent again. On AWS the stage's own function sends them, so that nothing
is signed elsewhere. A dead letter says only when its events were written: the stream has forgotten them by then, and
the history has them for 90 days.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from chalicelib.adapters.dynamodb.happenings import happening_from_item
from chalicelib.clock import system_clock
from chalicelib.config.webhooks import URL, WebhookSettings
from chalicelib.use_cases.send_webhooks import SendWebhooks
from chalicelib.webhooks_wiring import endpoint_of
from infra import laptop
from infra.keys.webhook_secrets import FileSecrets, ParameterSecrets, SecretsPlace
from infra.local.environment import STAGE, stage_environment
from infra.operator.dead_letters import DeadLetters, Window
from infra.operator.functions import Client, client_of, invoked
from infra.operator.users import RefusedError
from infra.stage_settings import UnknownStageError, follow_region_of_shell

if TYPE_CHECKING:
    from infra.operator.accounts import Stage

Answer = dict[str, Any]

AT_ONCE = 4
"""Events of a call of the function: as many as it has time for if the endpoint takes its whole time for each."""

_LENGTHS = {"m": 60, "h": 3600, "d": 86_400}
_ENDED = frozenset({"delivered", "refused", "unwanted"})


@dataclass(frozen=True)
class Webhooks:
    """The webhooks of a stage."""

    stage: str
    url: str
    secrets: SecretsPlace
    invoke: Callable[[Mapping[str, Any]], list[Answer]]
    """Has the function do something, and returns what became of each event."""
    history: Callable[[], Iterator[Mapping[str, Any]]]
    """Yields all items of the events table. Raises RefusedError on a laptop."""
    letters: DeadLetters | None
    """None on a laptop."""

    def test(self) -> Answer:
        """Send a message that is about nobody, and return what became of it."""
        (outcome,) = self.invoke({"webhooks": "test"})
        return outcome

    def written_in(self, windows: Sequence[Window]) -> list[Mapping[str, Any]]:
        """Return the events of the history that were written in one of these times, the oldest first."""
        found = []
        for item in self.history():
            try:
                written_at = happening_from_item(dict(item)).written_at
            except ValueError:
                continue
            if any(window.since <= written_at <= window.until for window in windows):
                found.append((written_at, item))
        return [item for _, item in sorted(found, key=lambda pair: pair[0])]

    def send_again(self, items: Sequence[Mapping[str, Any]], told: Callable[[Answer], None]) -> bool:
        """Send events again, in their order, until one fails. Return whether all have ended."""
        rest = list(items)
        while rest:
            outcomes = self.invoke({"webhooks": "resend", "items": rest[:AT_ONCE]})
            for outcome in outcomes:
                told(outcome)
            if not outcomes or any(outcome["outcome"] not in _ENDED for outcome in outcomes):
                return False
            rest = rest[len(outcomes) :]
        return True


def moment(text: str, now: float) -> float:
    """Return the time in a text: RFC 3339, or so long ago, such as 30m, 12h or 7d. Raises ValueError."""
    found = re.fullmatch(r"([0-9]{1,7})([mhd])", text)
    if found is not None:
        return now - int(found[1]) * _LENGTHS[found[2]]
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("is a time such as 2026-11-01T12:00:00Z, or so long ago: 7d, 12h, 30m") from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def open_webhooks(stage: Stage) -> Webhooks:
    """Reach the webhooks of a stage.

    Raises:
        UnknownStageError: the configuration has no such stage.
        ConfigurationError: one of its settings is missing or invalid.
        RefusedError: it sends none.

    """
    try:
        environment = stage_environment(stage.project, stage.name, "webhooks")
    except KeyError:
        raise UnknownStageError(f".chalice/config.json has no stage {stage.name}") from None
    if not environment.get(URL, "").strip():
        raise RefusedError(f"the stage {stage.name} sends no webhooks: {URL} is not set (docs/webhooks.md)")
    if stage.name == STAGE:
        return _on_a_laptop(stage, environment)
    follow_region_of_shell()
    settings = WebhookSettings.from_environment({**environment, "AWS_LAMBDA_FUNCTION_NAME": "the stage's"})
    api = stage_environment(stage.project, stage.name)
    name = f"lychgate-{stage.name}"
    return Webhooks(
        stage.name,
        settings.url,
        ParameterSecrets(client_of("ssm"), settings.secrets_parameter),
        lambda event: cast("list[Answer]", invoked(client_of("lambda"), f"{name}-webhooks", event)["outcomes"]),
        lambda: _items(client_of("dynamodb"), api["LYCHGATE_EVENTS_TABLE"]),
        DeadLetters(client_of("sqs"), f"{name}-webhook-dead-letters"),
    )


def _on_a_laptop(stage: Stage, environment: Mapping[str, str]) -> Webhooks:
    from chalicelib.webhooks import handle  # noqa: PLC0415 - loads Chalice, which no other command needs

    settings = WebhookSettings.from_environment({**laptop.DEFAULTS, **environment})
    place = FileSecrets(stage.data_directory)

    def secrets() -> tuple[str, ...]:
        found = place.read()
        if found is None:
            raise RefusedError(f"{place.name} does not exist yet. Start `make dev`, which makes it")
        return found

    sender = SendWebhooks(endpoint=endpoint_of(settings), secrets=secrets, types=settings.types, clock=system_clock)
    here: Any = SimpleNamespace(sender=sender)

    def history() -> Iterator[Mapping[str, Any]]:
        raise RefusedError(f"the stage {STAGE} is this machine's: it sends events while `make dev` runs, or never")

    return Webhooks(
        stage.name,
        settings.url,
        place,
        lambda event: cast("list[Answer]", handle(event, None, here)["outcomes"]),
        history,
        None,
    )


def _items(client: Client, table: str) -> Iterator[Mapping[str, Any]]:
    pages = client.get_paginator("scan").paginate(TableName=table)
    return itertools.chain.from_iterable(page["Items"] for page in pages)
