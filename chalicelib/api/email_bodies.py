"""The bodies of requests and answers about mails, loaded when one of their routes is first asked for."""

from __future__ import annotations

from typing import Annotated, TypedDict

from chalicelib.api.bodies import LEFT_OUT, LeftOut, request_body
from chalicelib.api.refresh_cookie import TokenDelivery
from chalicelib.api.responses import Seconds
from chalicelib.api.schemas import SIX_DIGITS, Keywords, NewEmail, NewPassword

MailedToken = Annotated[str, Keywords(description="From the fragment of a mailed link.")]
Name = Annotated[str, Keywords(description="A username or a verified address.", examples=["alice"])]


@request_body
class EmailBody:
    """The body of a change of address."""

    email: NewEmail


@request_body
class MailedTokenBody:
    """The body of a confirmation: what was mailed."""

    token: MailedToken


@request_body
class ConfirmedAccountBody:
    """The body of the confirmation of a registration."""

    token: MailedToken
    password: NewPassword | LeftOut | None = LEFT_OUT
    token_delivery: TokenDelivery = "body"


@request_body
class NameBody:
    """The body of a request for a link or a code by mail."""

    username: Name


@request_body
class ResetBody:
    """The body of a new password by a mailed link."""

    token: MailedToken
    new_password: NewPassword


@request_body
class CodeBody:
    """The body of a log-in by a mailed code."""

    challenge: Annotated[str, Keywords(description="From the answer to the request for the code.")]
    code: Annotated[
        str, Keywords(description="Six digits. Spaces are ignored.", pattern=SIX_DIGITS, examples=["042137"])
    ]
    token_delivery: TokenDelivery = "body"


class ChallengeBody(TypedDict):
    """What has to come back with the code."""

    challenge: str
    expires_in: Seconds
