"""The webhooks' Lambda: tells the site's endpoint what the stream of the events table passes on.

Owns its entry point, the form of the events and the answer to them. All functions load this module with the
application, so what only this one needs is imported when an event comes. Do not rename this module: its name is part
of the handler's name in every deployed stack.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from chalice import Blueprint

from chalicelib.telemetry import log

if TYPE_CHECKING:
    from chalicelib.use_cases.send_webhooks import Sent
    from chalicelib.webhooks_wiring import Webhooks

SECONDS = 60
"""The function's time limit, as its configuration says."""

LEAST_MILLISECONDS = 25_000
"""What must be left of it to send one more event: what the name, the endpoint and the secrets may take."""

Answer = dict[str, Any]


def make_webhooks(environment: Mapping[str, str]) -> Webhooks:
    """Return the webhooks with the settings in ``environment``."""
    from chalicelib.webhooks_wiring import Webhooks  # noqa: PLC0415

    return Webhooks(environment)


def handle(event: Mapping[str, Any], context: Any, webhooks: Webhooks) -> Answer:  # noqa: ANN401 - Lambda's
    """Handle an event: records of the stream, or what an operator asks for.

    Return which records are to be repeated, or to an operator what became of each event.

    Raises:
        ServiceUnavailable, ConfigurationError: an operator's events cannot be sent.

    """
    if event.get("webhooks") == "test":
        sent = webhooks.sender.test()
        _log(sent)
        return {"outcomes": [_described(sent)]}
    if event.get("webhooks") == "resend":
        return {"outcomes": _sent_again(event["items"], context, webhooks)}
    return {"batchItemFailures": _failures(event.get("Records") or [], context, webhooks)}


def _failures(records: list[dict[str, Any]], context: Any, webhooks: Webhooks) -> list[dict[str, str]]:  # noqa: ANN401 - Lambda's
    """Send the events of some records, in their order, until one fails.

    Return its sequence number: the stream goes on from there. What comes after it waits, so that a user's events do not
    overtake each other.
    """
    for position, record in enumerate(records):
        if (position and _is_over(context)) or not _send(record, webhooks):
            return [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]
    return []


def _send(record: dict[str, Any], webhooks: Webhooks) -> bool:
    """Send the event of a record. Return whether it has ended."""
    from chalicelib.adapters.dynamodb.happenings import happening_from_item  # noqa: PLC0415
    from chalicelib.errors import ConfigurationError, ServiceUnavailable  # noqa: PLC0415
    from chalicelib.telemetry.webhooks import log_unreadable_event, log_unsent_webhooks  # noqa: PLC0415
    from chalicelib.use_cases.send_webhooks import Outcome  # noqa: PLC0415

    if record.get("eventName") != "INSERT":
        return True
    try:
        happening = happening_from_item(record["dynamodb"]["NewImage"])
    except ValueError as malformed:
        log_unreadable_event(str(malformed))
        return True
    try:
        sent = webhooks.sender.send(happening, float(record["dynamodb"]["ApproximateCreationDateTime"]))
    except (ServiceUnavailable, ConfigurationError) as unavailable:
        log_unsent_webhooks(unavailable.reason or "")
        return False
    except Exception as unexpected:  # noqa: BLE001 - it is repeated, and ends in the queue of failures
        log_unsent_webhooks(type(unexpected).__name__, unexpected)
        return False
    _log(sent)
    return sent.outcome is not Outcome.FAILED


def _sent_again(items: list[dict[str, Any]], context: Any, webhooks: Webhooks) -> list[Answer]:  # noqa: ANN401 - Lambda's
    """Send events of the history once more, until one fails or the time is over. Return what became of those."""
    from chalicelib.adapters.dynamodb.happenings import happening_from_item  # noqa: PLC0415
    from chalicelib.use_cases.send_webhooks import Outcome  # noqa: PLC0415

    outcomes: list[Answer] = []
    for item in items:
        if outcomes and _is_over(context):
            break
        sent = webhooks.sender.send_again(happening_from_item(item))
        _log(sent)
        outcomes.append(_described(sent))
        if sent.outcome is Outcome.FAILED:
            break
    return outcomes


def _is_over(context: Any) -> bool:  # noqa: ANN401 - Lambda's
    return context is not None and context.get_remaining_time_in_millis() < LEAST_MILLISECONDS


def _log(sent: Sent) -> None:
    from chalicelib.telemetry.webhooks import log_webhook  # noqa: PLC0415

    log_webhook(
        outcome=sent.outcome, kind=sent.type, webhook_id=sent.webhook_id, status=sent.status, reason=sent.reason
    )


def _described(sent: Sent) -> Answer:
    """Return what an operator reads."""
    return {
        "outcome": str(sent.outcome),
        "webhook_id": sent.webhook_id,
        "type": sent.type,
        "status": sent.status,
        "reason": sent.reason,
    }


def declare(blueprint: Blueprint, make: Callable[[], Webhooks]) -> Callable[[Any, Any], Answer]:
    """Return the webhooks' function of this blueprint. It calls ``make`` at each event."""

    @blueprint.lambda_function(name="webhooks")
    def webhooks(event: Mapping[str, Any], context: Any) -> Answer:  # noqa: ANN401 - Lambda's
        return handle(event, context, make())

    return webhooks  # type: ignore[no-any-return]  # Chalice's wrapper


log.configure(os.environ)
blueprint = Blueprint(__name__)
webhooks = declare(blueprint, functools.cache(lambda: make_webhooks(os.environ)))
