"""The routes of mails: addresses, a forgotten password, log-in by a mailed code.

A mail is asked for by a request, which never tells whether there is anybody to write to. What was mailed is used by
another one, a POST, so that nothing happens when a link is only looked at.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from chalicelib.api.auth import begun, known_device
from chalicelib.api.bodies import LeftOut
from chalicelib.api.refresh_cookie import RefreshCookie
from chalicelib.api.responses import Answer, NothingYet, TokenBody, no_content
from chalicelib.api.routing import Call, Credential, Routes, Tag
from chalicelib.errors import (
    Conflict,
    EmailTaken,
    InvalidChallenge,
    InvalidCode,
    LinkExpired,
    NotFound,
    OriginRejected,
    SecondFactorRequired,
    ServiceUnavailable,
    TooManyMails,
)

if TYPE_CHECKING:
    from chalicelib.api.email_bodies import (
        ChallengeBody,
        CodeBody,
        ConfirmedAccountBody,
        EmailBody,
        MailedTokenBody,
        NameBody,
        ResetBody,
    )

routes = Routes(
    Tag.MAILS,
    raises=(NotFound, ServiceUnavailable),
    checked_by_use_cases=True,
    types="chalicelib.api.email_bodies",
)


@routes.operation(
    "POST",
    "/auth/register/confirm",
    status=HTTPStatus.CREATED,
    headers=("Set-Cookie",),
    raises=(LinkExpired, EmailTaken, OriginRejected),
    takes_key_proof=True,
)
def confirm_registration(call: Call, body: ConfirmedAccountBody) -> Answer[TokenBody]:
    """Create the account of a registration whose address is confirmed by a mailed token, and log in.

    It exists where the address is the username. The account has the `password` that is given here, whoever chose one at
    the registration: so only the reader of the mail knows it. With null it has none. If `password` is left out, the
    account has that of the registration, which may be a stranger's. A password that is refused leaves the token good.
    """
    cookie = RefreshCookie.asked_for(body.token_delivery, call.request, call.lychgate.http)
    registration = call.use_cases.address_registration
    if isinstance(body.password, LeftOut):
        logged_in = registration.confirm(body.token, call.caller)
    else:
        logged_in = registration.confirm_with(body.token, body.password, call.caller)
    return begun(call, logged_in, cookie, None)


@routes.operation(
    "PUT",
    "/auth/email",
    credential=Credential.FRESH,
    status=HTTPStatus.ACCEPTED,
    raises=(TooManyMails, Conflict),
)
def change_email(call: Call, body: EmailBody) -> Answer[NothingYet]:
    """Give the user an address, or another one, which a mail asks to confirm.

    A verified address stays until the new one is confirmed, and is told then. Whether another account has the new one,
    is said at the confirmation only. The verified address takes the change back while another one waits: no mail is
    sent. Otherwise it is `validation_failed`. What waits is withdrawn with the end of the session that has given it,
    unless that logs out itself, with the end of all sessions and with a new password.
    """
    call.use_cases.addresses.change(call.principal, body.email, call.caller, language=call.language)
    return Answer({})


@routes.operation(
    "DELETE", "/auth/email", credential=Credential.FRESH, status=HTTPStatus.NO_CONTENT, raises=(Conflict,)
)
def delete_email(call: Call) -> Answer[None]:
    """Remove the user's address. A verified one is told so by mail.

    Succeeds also if there is none. Where accounts need an address, the answer is `conflict`.
    """
    call.use_cases.addresses.remove(call.principal, call.caller)
    return no_content()


@routes.operation(
    "POST",
    "/auth/email/resend",
    credential=Credential.LIVE,
    status=HTTPStatus.ACCEPTED,
    raises=(TooManyMails, Conflict),
)
def resend_email(call: Call) -> Answer[NothingYet]:
    """Send the mail once more that asks to confirm the user's address.

    The answer is `conflict` if no address waits to be confirmed.
    """
    call.use_cases.addresses.resend(call.principal, call.caller)
    return Answer({})


@routes.operation(
    "POST", "/auth/email/confirm", status=HTTPStatus.NO_CONTENT, raises=(LinkExpired, EmailTaken, Conflict)
)
def confirm_email(call: Call, body: MailedTokenBody) -> Answer[None]:
    """Confirm the address that a token was mailed to.

    Where the address is the username, the user has another name from then on: the session that asked for it goes on
    with its next refresh, and all others end.
    """
    call.use_cases.addresses.confirm(body.token, call.caller)
    return no_content()


@routes.operation("POST", "/auth/password/forgot", status=HTTPStatus.ACCEPTED, raises=(TooManyMails,))
def ask_for_new_password(call: Call, body: NameBody) -> Answer[NothingYet]:
    """Send a link to choose a new password to whoever has this username or verified address.

    The answer and the work are the same if nobody has.
    """
    call.use_cases.password_reset.ask(body.username, call.caller, device=known_device(call), language=call.language)
    return Answer({})


@routes.operation("POST", "/auth/password/reset", status=HTTPStatus.NO_CONTENT, raises=(LinkExpired,))
def reset_password(call: Call, body: ResetBody) -> Answer[None]:
    """Set a password, by a mailed token or one that an administrator has handed over. All sessions end.

    Nobody is logged in. A password that is refused leaves the token good. This works where no mail is sent too. The
    mailed token of a new account also confirms the address, unless another account has confirmed it by now.
    """
    call.use_cases.password_reset.reset(body.token, body.new_password, call.caller, device=known_device(call))
    return no_content()


@routes.operation("POST", "/auth/login/code", status=HTTPStatus.ACCEPTED, raises=(TooManyMails,))
def ask_for_code(call: Call, body: NameBody) -> Answer[ChallengeBody]:
    """Send a code to log in with to whoever has this username or verified address.

    The answer and the work are the same if nobody has. The code is good only together with the challenge.
    """
    challenge = call.use_cases.code_log_in.ask(
        body.username, call.caller, device=known_device(call), language=call.language
    )
    # Most processes need neither.
    from chalicelib.accounts.mail import MailKind  # noqa: PLC0415
    from chalicelib.credentials.mailed import LIFETIMES  # noqa: PLC0415

    return Answer({"challenge": challenge, "expires_in": LIFETIMES[MailKind.LOGIN_CODE]})


@routes.operation(
    "POST",
    "/auth/login/code/verify",
    headers=("Set-Cookie",),
    raises=(InvalidChallenge, InvalidCode, SecondFactorRequired, OriginRejected),
    takes_key_proof=True,
)
def log_in_with_code(call: Call, body: CodeBody) -> Answer[TokenBody]:
    """Log in with a mailed code.

    Five codes can be tried with a challenge. The refresh token may go into the cookie, as at a log-in with a password.
    A second factor is asked for as there: the answer is `second_factor_required`.
    """
    cookie = RefreshCookie.asked_for(body.token_delivery, call.request, call.lychgate.http)
    device = known_device(call) if cookie is not None else None
    return begun(call, call.use_cases.code_log_in.verify(body.challenge, body.code, call.caller), cookie, device)
