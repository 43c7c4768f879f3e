"""The time as the database has it, for what is written from a machine whose clock may be wrong, or over a slow network.

Who reads the feed of ended sessions compares its times with those of tokens, which have the time of AWS's clocks, and
looks back by a minute for what is written late.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import BotoCoreError

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest
    from mypy_boto3_dynamodb import DynamoDBClient

LATEST = 20
"""Seconds after an end in which its entry may be sent. What is on its way then has as long again, and more."""

_ENTRY = re.compile(rb'"([0-9]{12})#(?:session|user)#')


class TooLateError(BotoCoreError):
    """Raised instead of sending an entry of the feed whose time its readers may not look for any more."""

    fmt = "too slow, by {seconds} seconds: those who look for ended sessions might not see what has ended"


class DatabaseClock:
    """A ``Clock``: one of this machine's, put right by the ``Date`` (RFC 9110 section 6.6.1) of each answer.

    Before the first answer it is this machine's. Afterwards it is right to a second and to as long as a request was on
    its way, or to one more if the machine's tells no parts of one, and rather late than early: an end that says an
    earlier time leaves tokens out. A clock that may be right by an answer is left as it is.
    """

    def __init__(self, client: DynamoDBClient, clock: Callable[[], float]) -> None:
        """Put ``clock`` right from now on by what ``client`` is answered, and let it send no entry too late."""
        self._clock = clock
        self._ahead = 0.0
        """Seconds by which the machine's clock is ahead, at least."""
        self._of_thread = threading.local()
        client.meta.events.register("before-send.dynamodb", self._begin)
        client.meta.events.register("after-call.dynamodb", self._compare)

    def __call__(self) -> int:
        """Return the time as a NumericDate."""
        return int(self._clock() - self._ahead)

    def _begin(self, request: AWSPreparedRequest, **_: object) -> None:
        """Note when a request is sent. Raises TooLateError if it has an entry that would come too late."""
        self._of_thread.sent = self._clock()
        entry = _ENTRY.search(cast("bytes", request.body))
        late = 0 if entry is None else self() - int(entry[1]) - LATEST
        if late > 0:
            raise TooLateError(seconds=late)

    def _compare(self, http_response: Any, **_: object) -> None:  # noqa: ANN401 - botocore's own, without stubs
        told = http_response.headers.get("date")
        if told is not None:
            # The answer was made after the request was sent, and before it came. ``Date`` is cut to seconds.
            made, sent = parsedate_to_datetime(told).timestamp(), self._of_thread.sent
            may_be_right = sent - 1 < made <= self._clock()
            self._ahead = 0.0 if may_be_right else sent - made - 1
