"""SES on a laptop: takes each mail, and puts it into the mailbox instead of sending it.

Owns the part of SES that is here (Amazon SES API v2 Reference, "SendEmail"): messages with a text and an HTML part.
"""

import json
import secrets
import time
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from typing import Any

from werkzeug import Request, Response

from infra.local.mailbox import KeptMail, Mailbox

PATH = "/v2/email/outbound-emails"


class EmailService:
    """Answers the operation SendEmail, once the mail is on disk."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    def __call__(self, request: Request) -> Response:
        """Answer a request whose signature is checked already."""
        if request.method != "POST" or request.path != PATH:
            return _refusal(404, "NotFoundException", "Of SES this server has only SendEmail.")
        try:
            mail = _kept_mail(json.loads(request.get_data()))
        except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
            return _refusal(
                400,
                "BadRequestException",
                "This server takes a sender, recipients, a subject, a text part and an HTML part (Content.Simple).",
            )
        try:
            self._mailbox.put(mail)
        except OSError as error:
            return _refusal(500, "InternalServiceErrorException", f"The mail could not be kept: {error.strerror}.")
        return Response(json.dumps({"MessageId": mail.id}), 200, content_type="application/json")


def _kept_mail(request: dict[str, Any]) -> KeptMail:
    message = request["Content"]["Simple"]
    recipients = [str(address) for address in request["Destination"]["ToAddresses"]]
    sender, subject = str(request["FromEmailAddress"]), str(message["Subject"]["Data"])
    if not recipients or any("\r" in line or "\n" in line for line in (sender, subject, *recipients)):
        raise ValueError("a header cannot have this")
    return KeptMail(
        id=f"local-{secrets.token_hex(12)}",
        at=int(time.time()),
        sender=_readable(sender),
        to=", ".join(recipients),
        subject=subject,
        text=str(message["Body"]["Text"]["Data"]),
        html=str(message["Body"]["Html"]["Data"]),
    )


def _readable(header: str) -> str:
    """Return a header with its encoded words decoded (RFC 2047), as it is if they are none."""
    try:
        return str(make_header(decode_header(header)))
    except (HeaderParseError, LookupError, UnicodeError):
        return header


def _refusal(status: int, error: str, message: str) -> Response:
    return Response(
        json.dumps({"message": message}), status, {"x-amzn-ErrorType": error}, content_type="application/json"
    )
