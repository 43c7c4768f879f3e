"""The use case of webhooks: telling the site's endpoint of an event.

Owns what a message says, and which answers end it. An event is sent at least once: whoever passes it on repeats what
has not ended, with the same id, by which a receiver knows it again (Standard Webhooks, "Idempotency").
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from chalicelib.credentials.webhook_secrets import signatures
from chalicelib.errors import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Collection

    from chalicelib.clock import Clock

KEEPS_TRYING = 3600
"""Seconds for which an event is sent again that the endpoint refuses, as one without the right secret does."""

PUT_BACK_AFTER = 3600
"""Seconds after which what appears in the history is no news: a restore has put it back."""

_OK = 200
_REDIRECTED = 300
_REFUSED = 400
_FAILED = 500
_GONE = 410
_NOT_NOW = frozenset({408, 425, 429})
"""Answers that say nothing of the message: Request Timeout, Too Early, Too Many Requests (RFC 9110, 8470, 6585)."""


class Outcome(StrEnum):
    """What became of an event."""

    DELIVERED = "delivered"
    FAILED = "failed"
    """It is to be sent again."""
    REFUSED = "refused"
    """The endpoint does not want it, and is not asked again."""
    UNWANTED = "unwanted"
    """The site has not asked for events of this type, or the entry of the user says the same."""
    PUT_BACK = "put_back"
    """It is old, and was sent when it was new."""


@dataclass(frozen=True, slots=True)
class Happening:
    """An event as the history has it."""

    event_id: str
    type: str
    at: int
    """NumericDate."""
    data: Mapping[str, Any]
    """What a message says of it: no address, no browser, nothing secret."""
    written_at: float
    """When it was first put into the history."""
    is_twin: bool = False
    """Whether it is the entry of an administrator for what the user's own entry says too."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of an event, for the log and for operators."""

    outcome: Outcome
    webhook_id: str
    type: str
    status: int | None = None
    """The endpoint's answer, None if there was none."""
    reason: str | None = None
    """Why there was none, or what the answer means."""


class Endpoint(Protocol):
    """Where messages are sent to."""

    def post(self, body: bytes, headers: Mapping[str, str]) -> int:
        """Send a message, and return the status of the answer. Raises ServiceUnavailable if there is none."""


class SendWebhooks:
    """Sends events to the site's endpoint."""

    def __init__(
        self,
        *,
        endpoint: Endpoint,
        secrets: Callable[[], tuple[str, ...]],
        types: Collection[str] | None,
        clock: Clock,
    ) -> None:
        """``secrets`` returns those that sign now. ``types`` are the events that are sent, None for all."""
        self._endpoint = endpoint
        self._secrets = secrets
        self._types = types
        self._clock = clock

    def send(self, happening: Happening, recorded_at: float) -> Sent:
        """Send an event that was put into the history at ``recorded_at``, unless nobody wants it.

        Raises:
            ServiceUnavailable: the secrets cannot be read for now.
            ConfigurationError: there are none, or not such.

        """
        webhook_id = f"evt_{happening.event_id}"
        if not self._is_wanted(happening):
            return Sent(Outcome.UNWANTED, webhook_id, happening.type)
        if recorded_at - happening.written_at > PUT_BACK_AFTER:
            return Sent(Outcome.PUT_BACK, webhook_id, happening.type)
        return self._post(webhook_id, happening, refused_for_good=self._clock() - recorded_at > KEEPS_TRYING)

    def send_again(self, happening: Happening) -> Sent:
        """Send an event because an operator asks for it, whatever its age. Raises as ``send`` does."""
        if not self._is_wanted(happening):
            return Sent(Outcome.UNWANTED, f"evt_{happening.event_id}", happening.type)
        return self._post(f"evt_{happening.event_id}", happening, refused_for_good=True)

    def test(self) -> Sent:
        """Send a message of the type ``webhook.test``, which is about nobody. Raises as ``send`` does."""
        webhook_id = f"test_{secrets.token_hex(16)}"
        return self._deliver(webhook_id, "webhook.test", int(self._clock()), {}, refused_for_good=True)

    def _is_wanted(self, happening: Happening) -> bool:
        return not happening.is_twin and (self._types is None or happening.type in self._types)

    def _post(self, webhook_id: str, happening: Happening, *, refused_for_good: bool) -> Sent:
        name = f"account.{happening.type}"
        return self._deliver(webhook_id, name, happening.at, happening.data, refused_for_good=refused_for_good)

    def _deliver(self, webhook_id: str, name: str, at: int, data: Mapping[str, Any], *, refused_for_good: bool) -> Sent:
        members = {"type": name, "timestamp": moment(at), "data": data}
        body = json.dumps(members, separators=(",", ":")).encode()
        # Of this attempt, because receivers refuse what was signed more than five minutes ago.
        now = int(self._clock())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Lychgate",
            "webhook-id": webhook_id,
            "webhook-timestamp": str(now),
            "webhook-signature": signatures(self._secrets(), webhook_id, now, body),
        }
        try:
            status = self._endpoint.post(body, headers)
        except ServiceUnavailable as unreachable:
            return Sent(Outcome.FAILED, webhook_id, name, reason=unreachable.reason)
        outcome, reason = _judged(status, refused_for_good=refused_for_good)
        return Sent(outcome, webhook_id, name, status, reason)


def moment(at: int) -> str:
    """Return a NumericDate as an RFC 3339 timestamp in UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat().removesuffix("+00:00") + "Z"


def _judged(status: int, *, refused_for_good: bool) -> tuple[Outcome, str | None]:
    """Return what an answer makes of a message, and why."""
    if _OK <= status < _REDIRECTED:
        return Outcome.DELIVERED, None
    if status == _GONE:
        return Outcome.REFUSED, "gone"
    if _REFUSED <= status < _FAILED and status not in _NOT_NOW:
        return Outcome.REFUSED if refused_for_good else Outcome.FAILED, "refused"
    return Outcome.FAILED, "redirect" if _REDIRECTED <= status < _REFUSED else "not now"
