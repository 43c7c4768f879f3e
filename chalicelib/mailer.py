"""The mailer Lambda: delivers what the stream of the mail table passes on, and notes bounces and complaints.

Owns its entry point, the form of the events and the answer to them. All functions load this module with the
application, so what only the mailer needs is imported when an event comes. Do not rename this module: its name is part
of the handler's name in every deployed stack.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from chalice import Blueprint

from chalicelib.errors import ConfigurationError, RefusalUnclear, ServiceUnavailable
from chalicelib.telemetry import log

if TYPE_CHECKING:
    from chalicelib.mailer_wiring import Mailer

SECONDS = 30
"""The function's time limit, as its configuration says."""

LEAST_MILLISECONDS = 15_000
"""What must be left of it to begin one more mail: what SES may take (``chalicelib.adapters.aws``), with pauses."""

Answer = dict[str, list[dict[str, str]]]


def make_mailer(environment: Mapping[str, str]) -> Mailer:
    """Return the mailer with the settings in ``environment``."""
    from chalicelib.mailer_wiring import Mailer  # noqa: PLC0415

    return Mailer(environment)


def handle(event: Mapping[str, Any], context: Any, mailer: Mailer) -> Answer | None:  # noqa: ANN401 - Lambda's
    """Handle an event of the stream or of SNS. Return which records of a stream's are to be repeated.

    Raises:
        ServiceUnavailable: what came by SNS cannot be stored for now. Lambda repeats the event.

    """
    records = event.get("Records") or []
    if records and records[0].get("EventSource") == "aws:sns":
        for record in records:
            _note(record, mailer)
        return None
    return {"batchItemFailures": [{"itemIdentifier": number} for number in _not_delivered(records, context, mailer)]}


def _not_delivered(records: list[dict[str, Any]], context: Any, mailer: Mailer) -> list[str]:  # noqa: ANN401 - Lambda's
    """Deliver the mails of some records. Return the sequence numbers of the first that failed and of all after it.

    The stream goes on from the lowest of them. A record that cannot be delivered does not keep the others from it: what
    they have become is stored, so they are not sent again. Where nothing can be delivered, the rest is left alone.
    """
    first_failed = None
    for position, record in enumerate(records):
        is_over = context is not None and context.get_remaining_time_in_millis() < LEAST_MILLISECONDS
        ended, goes_on = (False, False) if is_over and position else _deliver(record, mailer)
        if not ended and first_failed is None:
            first_failed = position
        if not goes_on:
            break
    if first_failed is None:
        return []
    return [record["dynamodb"]["SequenceNumber"] for record in records[first_failed:]]


def _deliver(record: dict[str, Any], mailer: Mailer) -> tuple[bool, bool]:
    """Deliver the mail of a record. Return whether it has ended, and whether others can be delivered."""
    from chalicelib.mails.rendering import BrokenTemplate  # noqa: PLC0415
    from chalicelib.telemetry.mails import log_failed_delivery, log_mail  # noqa: PLC0415

    try:
        mail_id = _mail_id(record)
        if mail_id is None:
            return True, True
        done = mailer.deliver.deliver(mail_id)
    except (ServiceUnavailable, ConfigurationError) as unavailable:
        log_failed_delivery(unavailable.reason or "")
        return False, False
    except (BrokenTemplate, RefusalUnclear) as own:
        log_failed_delivery((own.reason or "") if isinstance(own, RefusalUnclear) else str(own))
        return False, True
    except Exception as unexpected:  # noqa: BLE001 - the others are delivered; this one ends in the queue of failures
        log_failed_delivery(type(unexpected).__name__, unexpected)
        return False, True
    log_mail(outcome=done.outcome, kind=done.kind, user_id=done.user_id, message_id=done.message_id, reason=done.reason)
    return True, True


def _mail_id(record: dict[str, Any]) -> str | None:
    """Return which mail a record is about, None if it is about none. Other items of the table are no mails."""
    if record["eventName"] != "INSERT" or "kind" not in record["dynamodb"]["NewImage"]:
        return None
    return str(record["dynamodb"]["Keys"]["mail_id"]["S"])


def _note(record: dict[str, Any], mailer: Mailer) -> None:
    """Note a bounce or a complaint. What cannot be read is logged and forgotten: it would be the same the next time."""
    from chalicelib.telemetry.mails import log_dropped_notification, log_feedback  # noqa: PLC0415

    try:
        message = json.loads(record["Sns"]["Message"])
        found = _feedback(message)
        message_id = str(message["mail"]["messageId"])
        address = None if found is None else _destination(message["mail"])
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as malformed:
        log_dropped_notification(type(malformed).__name__)
        return
    if found is None:
        return
    what, detail, is_final = found
    if is_final and address is not None:
        mailer.feedback.suppress(address, what)
    log_feedback(
        f"mail_{_PAST[what]}", detail=detail, message_id=message_id, is_suppressed=is_final and address is not None
    )


_PAST = {"bounce": "bounced", "complaint": "complained"}


def _feedback(message: dict[str, Any]) -> tuple[str, str, bool] | None:
    """Return what came back, its kind, and whether the address gets no mail any more. None if it is something else.

    SES says the same in the events of a configuration set and in the notifications of an identity ("Contents of event
    data that Amazon SES publishes to Amazon SNS" in its developer guide), but for the name of the type.
    """
    kind = str(message.get("eventType") or message.get("notificationType"))
    if kind == "Bounce":
        bounce = message["bounce"]
        detail = " ".join(_one_of(_BOUNCES, bounce.get(name)) for name in ("bounceType", "bounceSubType"))
        return "bounce", detail, bounce["bounceType"] == "Permanent"
    if kind == "Complaint":
        about = message["complaint"].get("complaintFeedbackType")
        # Such a report takes back what a filter said.
        return "complaint", _one_of(_COMPLAINTS, about), about != "not-spam"
    return None


def _destination(mail: dict[str, Any]) -> str | None:
    """Return the address that a mail went to, None if there were several: ours have one.

    Never the recipients that a bounce or a complaint names. They are what a stranger's server has reported (RFC 3464
    section 2.3.2), which could name anybody.
    """
    addresses = mail["destination"]
    if not isinstance(addresses, list):
        raise TypeError("destination")
    bare = [_bare(address) for address in addresses]
    return bare[0] if len(bare) == 1 else None


_BOUNCES = frozenset(
    {"Undetermined", "Permanent", "Transient", "General", "NoEmail", "Suppressed", "OnAccountSuppressionList"}
    | {"MailboxFull", "MessageTooLarge", "ContentRejected", "AttachmentRejected", "UnsubscribedRecipient"}
)
_COMPLAINTS = frozenset({"abuse", "auth-failure", "fraud", "not-spam", "other", "virus"})
"""What SES's developer guide names. Nothing else gets into the log: it may be what a stranger's server has said."""


def _one_of(known: frozenset[str], value: object) -> str:
    return value if isinstance(value, str) and value in known else "other"


def _bare(address: str) -> str:
    """Return the address in ``Name <address>``, which a mail server may have answered with."""
    return address.rpartition("<")[2].rstrip("> ")


def declare(blueprint: Blueprint, make: Callable[[], Mailer]) -> Callable[[Any, Any], Answer | None]:
    """Return the mailer function of this blueprint. It calls ``make`` at each event."""

    @blueprint.lambda_function(name="mailer")
    def mailer(event: Mapping[str, Any], context: Any) -> Answer | None:  # noqa: ANN401 - Lambda's
        return handle(event, context, make())

    return mailer  # type: ignore[no-any-return]  # Chalice's wrapper


log.configure(os.environ)
blueprint = Blueprint(__name__)
mailer = declare(blueprint, functools.cache(lambda: make_mailer(os.environ)))
