"""The routes of second factors and passkeys: what a user has, adding and removing it, logging in with it.

A route that only somebody who has just authenticated may use is fresh. If the user has a second factor, that means by
both.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from chalicelib.api.auth import begun, known_device
from chalicelib.api.refresh_cookie import RefreshCookie
from chalicelib.api.responses import Answer, TokenBody, no_content, timestamp
from chalicelib.api.routing import Call, Credential, Routes, Tag
from chalicelib.errors import (
    Conflict,
    FieldError,
    Flaw,
    InvalidChallenge,
    InvalidCode,
    NotFound,
    OriginRejected,
    ServiceUnavailable,
    TooManyAttempts,
    ValidationFailed,
)

if TYPE_CHECKING:
    from chalicelib.accounts.factors import FactorOverview, Passkey
    from chalicelib.api.factor_bodies import (
        CreationOptionsBody,
        FactorsBody,
        NamedPasskeyBody,
        NewPasskeyBody,
        NewTotpBody,
        PasskeyBody,
        PasskeyId,
        PasskeyLabelBody,
        PasskeyLogInBody,
        PendingTotpBody,
        RecoveryCodesBody,
        RequestOptionsBody,
        SecondFactorBody,
        TotpBody,
    )

routes = Routes(
    Tag.FACTORS,
    raises=(ServiceUnavailable,),
    checked_by_use_cases=True,
    types="chalicelib.api.factor_bodies",
)


@routes.operation("GET", "/auth/factors", credential=Credential.LIVE)
def get_factors(call: Call) -> Answer[FactorsBody]:
    """Return what the user can log in with."""
    return Answer(factors_body(call.use_cases.factors.overview(call.principal)))


@routes.operation("POST", "/auth/totp", credential=Credential.FRESH)
def begin_totp(call: Call) -> Answer[PendingTotpBody]:
    """Hand out a secret for an authenticator app.

    Nothing is stored. The app is added once a code of it has come to `POST /auth/totp/confirm`. It takes the place of
    one that the user has.
    """
    new = call.use_cases.factors.begin_totp(call.principal)
    return Answer({"secret": new.secret, "uri": new.uri, "pending": new.pending, "expires_in": new.expires_in})


@routes.operation(
    "POST",
    "/auth/totp/confirm",
    credential=Credential.FRESH,
    raises=(InvalidChallenge, InvalidCode, Conflict),
)
def confirm_totp(call: Call, body: NewTotpBody) -> Answer[RecoveryCodesBody]:
    """Add the authenticator app that a first code comes from.

    From then on every log-in asks for a second factor. All other sessions of the user end.
    """
    codes = call.use_cases.factors.confirm_totp(call.principal, body.pending, body.code, call.caller)
    return Answer({"recovery_codes": codes})


@routes.operation(
    "DELETE", "/auth/totp", credential=Credential.FRESH, status=HTTPStatus.NO_CONTENT, raises=(NotFound, Conflict)
)
def delete_totp(call: Call) -> Answer[None]:
    """Remove the authenticator app and the recovery codes. A log-in asks for no second factor then.

    If there is none, the answer is `not_found`.
    """
    call.use_cases.factors.remove_totp(call.principal, call.caller)
    return no_content()


@routes.operation("POST", "/auth/recovery-codes", credential=Credential.FRESH, raises=(Conflict,))
def replace_recovery_codes(call: Call) -> Answer[RecoveryCodesBody]:
    """Make new recovery codes. The old ones are no longer good.

    Without an authenticator app the answer is `conflict`.
    """
    return Answer({"recovery_codes": call.use_cases.factors.replace_recovery_codes(call.principal, call.caller)})


@routes.operation(
    "POST",
    "/auth/login/second-factor",
    headers=("Set-Cookie",),
    raises=(InvalidChallenge, InvalidCode, TooManyAttempts, OriginRejected),
    takes_key_proof=True,
)
def log_in_with_second_factor(call: Call, body: SecondFactorBody) -> Answer[TokenBody]:
    """Go on with a log-in that was answered `second_factor_required`.

    The body has its `challenge` and exactly one of `code`, `recovery_code` and `credential`. Five can be tried with a
    challenge. The refresh token may go into the cookie, as at a log-in with a password.
    """
    proofs = {"code": body.code, "recovery_code": body.recovery_code, "credential": body.credential}
    sent = [name for name, proof in proofs.items() if proof is not None]
    if len(sent) != 1:
        message = Flaw(f"Send exactly one of {', '.join(proofs)}.", "exactly_one")
        raise ValidationFailed(*(FieldError(name, message) for name in sent or proofs))
    cookie = RefreshCookie.asked_for(body.token_delivery, call.request, call.lychgate.http)
    device = known_device(call) if cookie is not None else None
    logged_in = call.use_cases.second_factor.log_in(
        body.challenge,
        call.caller,
        code=body.code,
        recovery_code=body.recovery_code,
        credential=body.credential,
    )
    return begun(call, logged_in, cookie, device)


@routes.operation("POST", "/auth/passkeys/options", credential=Credential.FRESH, raises=(Conflict,))
def begin_passkey(call: Call) -> Answer[CreationOptionsBody]:
    """Return the options for a new passkey.

    Nothing is stored. A user who has as many passkeys as there may be gets `conflict`.
    """
    options = call.use_cases.passkeys.creation_options(call.principal)
    return Answer({"challenge": options.challenge, "publicKey": options.public_key})


@routes.operation(
    "POST",
    "/auth/passkeys",
    credential=Credential.FRESH,
    status=HTTPStatus.CREATED,
    raises=(InvalidChallenge, InvalidCode, Conflict),
)
def add_passkey(call: Call, body: NewPasskeyBody) -> Answer[NamedPasskeyBody]:
    """Add a passkey that an authenticator has made for the options.

    A passkey that somebody has already is `conflict`.
    """
    label = None if body.label is None else _label(body.label)
    added = call.use_cases.passkeys.add(call.principal, body.challenge, body.credential, label, call.caller)
    return Answer({"passkey": passkey_body(added)})


@routes.operation("PATCH", "/auth/passkeys/{passkey_id}", credential=Credential.LIVE, raises=(NotFound,))
def rename_passkey(call: Call, passkey_id: PasskeyId, body: PasskeyLabelBody) -> Answer[NamedPasskeyBody]:
    """Give one of the user's passkeys another name."""
    return Answer(
        {"passkey": passkey_body(call.use_cases.passkeys.label(call.principal, passkey_id, _label(body.label)))}
    )


@routes.operation(
    "DELETE",
    "/auth/passkeys/{passkey_id}",
    credential=Credential.FRESH,
    status=HTTPStatus.NO_CONTENT,
    raises=(NotFound, Conflict),
)
def delete_passkey(call: Call, passkey_id: PasskeyId) -> Answer[None]:
    """Remove one of the user's passkeys. If there is no other way to log in, the answer is `conflict`."""
    call.use_cases.passkeys.remove(call.principal, passkey_id, call.caller)
    return no_content()


@routes.operation("POST", "/auth/login/passkey/options")
def begin_log_in_with_passkey(call: Call) -> Answer[RequestOptionsBody]:
    """Return the options for a log-in with a passkey.

    They name nobody: the passkey says whose it is. Nothing is stored.
    """
    options = call.use_cases.passkeys.request_options()
    return Answer({"challenge": options.challenge, "publicKey": options.public_key})


@routes.operation(
    "POST",
    "/auth/login/passkey",
    headers=("Set-Cookie",),
    raises=(InvalidChallenge, InvalidCode, OriginRejected),
    takes_key_proof=True,
)
def log_in_with_passkey(call: Call, body: PasskeyLogInBody) -> Answer[TokenBody]:
    """Log in with a passkey. It counts as two factors, so no other is asked for.

    The refresh token may go into the cookie, as at a log-in with a password.
    """
    cookie = RefreshCookie.asked_for(body.token_delivery, call.request, call.lychgate.http)
    device = known_device(call) if cookie is not None else None
    logged_in = call.use_cases.passkeys.log_in(body.challenge, body.credential, call.caller)
    return begun(call, logged_in, cookie, device)


def factors_body(found: FactorOverview) -> FactorsBody:
    """Return what a user can log in with, in JSON form."""
    totp: TotpBody | None = None
    if found.totp_added_at is not None:
        totp = {"added_at": timestamp(found.totp_added_at)}
    return {
        "password": found.password,
        "totp": totp,
        "recovery_codes_left": found.recovery_codes_left,
        "passkeys": [passkey_body(passkey) for passkey in found.passkeys],
    }


def passkey_body(passkey: Passkey) -> PasskeyBody:
    """Return a passkey in JSON form, for its own user.

    Its last use is not rounded as a session's is: nothing can be presented once more within seconds of it.
    """
    used = passkey.last_used_at
    return {
        "id": passkey.id,
        "label": passkey.label,
        "created_at": timestamp(passkey.created_at),
        "last_used_at": None if used is None else timestamp(used),
        "backed_up": passkey.backed_up,
    }


def _label(label: str) -> str:
    """Return what a user calls a passkey, without the spaces around it. Raises ValidationFailed."""
    from chalicelib.accounts.factors import MAX_LABEL_LENGTH  # noqa: PLC0415 - few requests name one

    kept = label.strip()
    message = f"This must have 1 to {MAX_LABEL_LENGTH} printable characters."
    if not kept:
        raise ValidationFailed(FieldError("label", Flaw(message, "required")))
    if len(kept) > MAX_LABEL_LENGTH:
        raise ValidationFailed(FieldError("label", Flaw(message, "too_long", MAX_LABEL_LENGTH)))
    if not kept.isprintable():
        raise ValidationFailed(FieldError("label", Flaw(message, "not_allowed_characters")))
    return kept
