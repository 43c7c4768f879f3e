"""The time as the database has it, for what is written from a machine whose clock may be wrong.

Who reads the feed of ended sessions compares its times with those of tokens, which have the time of AWS's clocks.
"""

from __future__ import annotations

from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DatabaseClock:
    """A ``Clock``: one of this machine's, put right by the ``Date`` (RFC 9110 section 6.6.1) of each answer.

    Before the first answer it is this machine's. Afterwards it is right to a second, and rather late than early: an end
    that says an earlier time leaves tokens out.
    """

    def __init__(self, client: DynamoDBClient, clock: Callable[[], float]) -> None:
        """Put ``clock`` right from now on by what ``client`` is answered."""
        self._clock = clock
        self._ahead = 0
        """Seconds by which the machine's clock is ahead."""
        client.meta.events.register("after-call.dynamodb", self._compare)

    def __call__(self) -> int:
        """Return the time as a NumericDate."""
        return int(self._clock()) - self._ahead

    def _compare(self, http_response: Any, **_: object) -> None:  # noqa: ANN401 - botocore's own, without stubs
        told = http_response.headers.get("date")
        if told is not None:
            difference = int(self._clock()) - int(parsedate_to_datetime(told).timestamp())
            # Of a right clock, because ``Date`` is cut to seconds and has been on its way.
            is_right = abs(difference) <= 1
            self._ahead = 0 if is_right else difference - 1
