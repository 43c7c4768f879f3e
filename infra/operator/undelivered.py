"""The mails that a stage's mailer has given up, as its operators have them sent again.

Owns which those are. A dead letter says only when its mails were asked for: the stream forgets them after a day, as the
table does. The stage's own function sends them, which knows what was sent already and what is void by now.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.adapters.dynamodb.attributes import Item, from_item
from chalicelib.config.environment import required
from infra.local.environment import STAGE, stage_environment
from infra.operator.dead_letters import DeadLetters, Letter, Window
from infra.operator.functions import Client, client_of, invoked
from infra.operator.users import RefusedError
from infra.stage_settings import UnknownStageError, follow_region_of_shell

if TYPE_CHECKING:
    from infra.operator.accounts import Stage

REPEATED_SECONDS = 3600
"""For so long the stream itself repeats a mail: ``MaximumRecordAgeInSeconds`` in infra/template.yaml. A mail that both
had sent would arrive twice."""

_NOT_ENDED = "attribute_exists(kind) AND attribute_not_exists(sent_at) AND attribute_not_exists(outcome)"

AT_ONCE = 2
"""Mails of a call of the mailer: as many as it has time for if SES takes its whole time for each."""


@dataclass(frozen=True)
class Waiting:
    """A mail that has not ended."""

    mail_id: str
    kind: str
    at: int
    """When it was asked for, a NumericDate."""


@dataclass(frozen=True)
class Sorted:
    """Dead letters of the mailer, by what they are about."""

    early: list[Letter]
    """Of mails that the stream may yet repeat."""
    of_mails: list[Letter]
    of_notices: list[Letter]
    """Of bounces and complaints, which SES tells by SNS."""
    unknown: list[Letter]
    minutes_to_wait: int
    """Until none is early."""

    @property
    def number(self) -> int:
        """How many there are."""
        return sum(self.numbers().values())

    def numbers(self) -> dict[str, int]:
        """Return how many there are of each kind."""
        return {
            "early": len(self.early),
            "of_mails": len(self.of_mails),
            "of_notices": len(self.of_notices),
            "unknown": len(self.unknown),
        }


class Undelivered:
    """What the mailer of a stage has given up."""

    def __init__(
        self, database: Client, table: str, letters: DeadLetters, invoke: Callable[[Mapping[str, Any]], Any]
    ) -> None:
        """``invoke`` has the mailer handle an event, and returns its answer."""
        self._database = database
        self._table = table
        self._invoke = invoke
        self.letters = letters

    def waiting_in(self, windows: Sequence[Window]) -> list[Waiting]:
        """Return the mails that were asked for in one of these times and have not ended, the oldest first.

        Reads the whole table of mails, which keeps each for a day, unless there are no such times.
        """
        if not windows:
            return []
        pages = self._database.get_paginator("scan").paginate(
            TableName=self._table,
            FilterExpression=_NOT_ENDED,
            ConsistentRead=True,
        )
        found = [_waiting(item) for item in itertools.chain.from_iterable(page["Items"] for page in pages)]
        return sorted(
            (mail for mail in found if mail and any(window.since <= mail.at <= window.until for window in windows)),
            key=lambda mail: mail.at,
        )

    def send(self, mails: Sequence[Waiting]) -> Iterator[tuple[Waiting, str | None]]:
        """Have mails sent. Yield each with what became of it: ``sent``, an ``Outcome``, None if it has not ended."""
        for start in range(0, len(mails), AT_ONCE):
            batch = mails[start : start + AT_ONCE]
            self._invoke({"Records": [_record(mail) for mail in batch]})
            for mail in batch:
                yield mail, self._outcome(mail)

    def note(self, letter: Letter) -> None:
        """Have the mailer note what came back by SNS. Raises RefusedError if it ends with an error."""
        if letter.event is not None:
            self._invoke(letter.event)

    def _outcome(self, mail: Waiting) -> str | None:
        """Return what became of a mail, by the table: the mailer's answer names places in a stream only."""
        key = {"mail_id": {"S": mail.mail_id}}
        item = self._database.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item", {})
        if "sent_at" in item:
            return "sent"
        return str(item["outcome"]["S"]) if "outcome" in item else None


def sorted_letters(letters: Sequence[Letter], now: int) -> Sorted:
    """Sort dead letters by what they are about."""
    of_stream = [letter for letter in letters if letter.window is not None]
    early = [letter for letter in of_stream if _wait(letter, now) > 0]
    return Sorted(
        early,
        [letter for letter in of_stream if letter not in early],
        [letter for letter in letters if letter.window is None and letter.event is not None],
        [letter for letter in letters if letter.window is None and letter.event is None],
        max(1, math.ceil(max((_wait(letter, now) for letter in early), default=0) / 60)),
    )


def _wait(letter: Letter, now: int) -> float:
    """Return the seconds for which the stream may yet repeat what a letter is about."""
    return 0 if letter.window is None else letter.window.until + REPEATED_SECONDS - now


def open_undelivered(stage: Stage) -> Undelivered:
    """Reach what the mailer of a stage has given up.

    Raises:
        UnknownStageError: the configuration has no such stage.
        ConfigurationError: the configuration does not name the table of mails.
        RefusedError: it sends no mail, or it is this machine's.

    """
    if stage.name == STAGE:
        raise RefusedError(f"the stage {STAGE} is this machine's, and has no queue")
    try:
        environment = stage_environment(stage.project, stage.name, "mailer")
    except KeyError:
        raise UnknownStageError(f".chalice/config.json has no stage {stage.name}") from None
    if not environment.get("LYCHGATE_MAIL_FROM", "").strip():
        raise RefusedError(f"the stage {stage.name} sends no mail: it has no sender (docs/deployment.md#mails)")
    follow_region_of_shell()
    name = f"lychgate-{stage.name}"
    return Undelivered(
        client_of("dynamodb"),
        required(environment, "LYCHGATE_MAIL_TABLE"),
        DeadLetters(client_of("sqs"), f"{name}-mail-dead-letters"),
        lambda event: invoked(client_of("lambda"), f"{name}-mailer", event),
    )


def _waiting(item: Item) -> Waiting | None:
    """Return the mail of an item, None if it is none that anybody asked for."""
    try:
        members = from_item(item)
        return Waiting(str(members["mail_id"]), str(members["kind"]), int(members["at"]))
    except (KeyError, TypeError, ValueError):
        return None


def _record(mail: Waiting) -> dict[str, Any]:
    """Return what the stream says of a new mail, as far as the mailer reads it."""
    return {
        "eventName": "INSERT",
        "eventSource": "aws:dynamodb",
        "dynamodb": {
            "Keys": {"mail_id": {"S": mail.mail_id}},
            "NewImage": {"kind": {"S": mail.kind}},
            "SequenceNumber": mail.mail_id,
        },
    }
