"""SES: sends mails, and says which of its refusals are about a recipient.

Owns the form of a request and the meaning of the errors (API_SendEmail of the SES API v2). Knows no table. SES's
messages name addresses, so none of them goes into a reason.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from chalicelib.adapters.aws import error_code, unavailable_on_failure
from chalicelib.errors import MailRefused, RefusalUnclear, ServiceUnavailable

if TYPE_CHECKING:
    from chalicelib.use_cases.mailer_ports import Content

_ATTEMPTS = 4
"""Of a mail while SES takes no more in this second. In the sandbox that is one."""

_TOO_FAST = "Maximum sending rate exceeded"

_ADDRESS = re.compile(r"[^\s,;:<>]+@[^\s,;:<>]+")

_WRONG_PARAMETER = "BadRequestException"

_OF_THE_MAIL = frozenset({"MessageRejected", _WRONG_PARAMETER})
"""The codes of refusals that may be about one mail. All others are about the account, and are the same for every mail:
the sandbox's daily limit, a pause, a suspension, a domain or a configuration set that is not there."""


def wait_a_second() -> None:
    """Wait until SES may take mails again."""
    time.sleep(1 + random.uniform(0, 0.5))  # noqa: S311 - jitter is no secret


class SESTransport:
    """A ``Transport`` over SES."""

    def __init__(
        self,
        client: Any,  # noqa: ANN401 - its operations are made from AWS's model
        *,
        sender: str,
        reply_to: str | None = None,
        configuration_set: str | None = None,
        wait_a_second: Callable[[], None] = wait_a_second,
    ) -> None:
        """``sender`` is an address, or a name and an address in angle brackets."""
        self._client = client
        self._sender = sender
        self._sender_address = sender.rpartition("<")[2].rstrip(">")
        self._wait_a_second = wait_a_second
        self._has_sent = False
        self._always: dict[str, Any] = {"FromEmailAddress": sender}
        if reply_to is not None:
            self._always["ReplyToAddresses"] = [reply_to]
        if configuration_set is not None:
            self._always["ConfigurationSetName"] = configuration_set

    def send(self, to: str, content: Content) -> str:
        """See ``Transport.send``. Takes one request. SES makes the parts and the headers, so nothing can add one."""
        request = self._always | {
            "Destination": {"ToAddresses": [to]},
            "Content": {
                "Simple": {
                    "Subject": _utf8(content.subject),
                    "Body": {"Text": _utf8(content.text), "Html": _utf8(content.html)},
                }
            },
        }
        for _ in range(_ATTEMPTS - 1):
            try:
                return self._send(to, request)
            except _TooFast:
                self._wait_a_second()
        try:
            return self._send(to, request)
        except _TooFast:
            raise ServiceUnavailable("SES: more mails than it takes in a second") from None

    def _send(self, to: str, request: dict[str, Any]) -> str:
        try:
            with unavailable_on_failure():
                message_id = str(self._client.send_email(**request)["MessageId"])
        except ServiceUnavailable as unavailable:
            if _TOO_FAST in _message(unavailable.__cause__):
                raise _TooFast from None
            raise
        except ClientError as refused:
            code, message = error_code(refused), _message(refused).casefold()
            if code in _OF_THE_MAIL and self._is_about(to, message, code):
                reason = "not verified: the account is in SES's sandbox" if "not verified" in message else "refused"
                raise MailRefused(f"SES: {code}: {reason}") from None
            if code == _WRONG_PARAMETER and not self._names_sender(message):
                raise RefusalUnclear(f"SES: {code}") from None
            raise ServiceUnavailable(f"SES: {code}") from None
        self._has_sent = True
        return message_id

    def _is_about(self, to: str, message: str, code: str) -> bool:
        """Return whether a refusal is about the recipient or the content, not about who sends."""
        if to.casefold() in _named(message):
            return not self._names_sender(message)
        if code == _WRONG_PARAMETER:
            # "Domain contains illegal character" names nobody. All but the recipient is the same in each request, so
            # once SES has taken one, it is the recipient.
            return self._has_sent and not self._names_sender(message)
        # Otherwise it is the sender who is not verified.
        return "not verified" not in message

    def _names_sender(self, message: str) -> bool:
        return self._sender_address.casefold() in _named(message)


def _named(message: str) -> set[str]:
    """Return the addresses that a message names."""
    return {address.rstrip(".") for address in _ADDRESS.findall(message)}


class _TooFast(Exception):
    """Raised if SES takes no more mails in this second."""


def _message(error: BaseException | None) -> str:
    # botocore's ReadTimeoutError has one that is None.
    response: dict[str, Any] = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Message", ""))


def _utf8(data: str) -> dict[str, str]:
    return {"Data": data, "Charset": "UTF-8"}
