"""An account with second factors, and what its user does with them, over the use cases."""

import base64
import contextlib
from urllib.parse import urlsplit

import pytest

from chalicelib.credentials.totp import hotp, step_at
from chalicelib.errors import InvalidCode, SecondFactorRequired
from chalicelib.tokens.kinds import ACCESS_TOKEN
from tests.support.authenticator import Authenticator
from tests.support.whole import PASSWORD


class Holder:
    """A user, with an authenticator app and an authenticator."""

    def __init__(self, use_cases, verifier, logged_in, caller, clock, *, origin):
        self.use_cases = use_cases
        self.verifier = verifier
        self.caller = caller
        self.clock = clock
        self.origin = origin
        self.username = logged_in.user.username
        self.principal = self.of(logged_in)
        self.authenticator = Authenticator()
        self.secret = None
        self.recovery_codes = []

    def of(self, logged_in):
        """The principal of a log-in."""
        return self.verifier.verify(ACCESS_TOKEN, logged_in.tokens.access_token)

    def begin_totp(self):
        self.began = self.use_cases.factors.begin_totp(self.principal)
        self.secret = base64.b32decode(self.began.secret)
        return self.began

    def confirm_totp(self):
        self.recovery_codes = self.use_cases.factors.confirm_totp(
            self.principal, self.began.pending, self.code(), self.caller
        )
        return self.recovery_codes

    def add_totp(self):
        self.begin_totp()
        self.confirm_totp()
        self.clock.advance(30)

    def code(self, offset=0):
        """What the app shows."""
        return hotp(self.secret, step_at(self.clock()) + offset)

    def add_passkey(self):
        options = self.use_cases.passkeys.creation_options(self.principal)
        credential = self.authenticator.create(options.public_key, self.origin)
        return self.use_cases.passkeys.add(self.principal, options.challenge, credential, "Phone", self.caller)

    def first_step(self):
        """Give the password. Return what is asked for then."""
        with pytest.raises(SecondFactorRequired) as required:
            self.use_cases.log_in.with_password(self.username, PASSWORD, self.caller)
        return required.value

    def second_step(self, asked, **answer):
        return self.use_cases.second_factor.log_in(asked.challenge, self.caller, **answer)

    def answer(self, public_key):
        """What the passkey answers."""
        return self.authenticator.get(public_key, self.origin)


@pytest.fixture
def holder(use_cases, verifier, alice, caller, clock, settings):
    issuer = urlsplit(settings["LYCHGATE_ISSUER"])
    return Holder(use_cases, verifier, alice, caller, clock, origin=f"{issuer.scheme}://{issuer.netloc}")


def refused(error, request):
    def run(holder, prepared):
        with contextlib.suppress(error):
            request(holder, prepared)

    return run


def with_totp(holder):
    holder.add_totp()
    return holder.first_step()


def with_both(holder):
    holder.add_passkey()
    return with_totp(holder)


def with_passkey(holder):
    holder.add_passkey()
    options = holder.use_cases.passkeys.request_options()
    return options, holder.answer(options.public_key)


def asked_again(holder):
    holder.add_passkey()
    holder.add_totp()
    with pytest.raises(SecondFactorRequired) as required:
        holder.use_cases.reauthentication.with_password(holder.principal, PASSWORD, holder.caller)
    return required.value


REQUESTS = {
    "overview": (Holder.add_passkey, lambda holder, _: holder.use_cases.factors.overview(holder.principal)),
    "begin to add an app": (None, lambda holder, _: holder.begin_totp()),
    "add an app": (Holder.begin_totp, lambda holder, _: holder.confirm_totp()),
    "remove the app": (
        Holder.add_totp,
        lambda holder, _: holder.use_cases.factors.remove_totp(holder.principal, holder.caller),
    ),
    "new recovery codes": (
        Holder.add_totp,
        lambda holder, _: holder.use_cases.factors.replace_recovery_codes(holder.principal, holder.caller),
    ),
    "log in, first step": (Holder.add_totp, lambda holder, _: holder.first_step()),
    "log in, second step by code": (
        with_totp,
        lambda holder, asked: holder.second_step(asked, code=holder.code()),
    ),
    "log in, second step by wrong code": (
        with_totp,
        refused(InvalidCode, lambda holder, asked: holder.second_step(asked, code="12345x")),
    ),
    "log in, second step by recovery code": (
        with_totp,
        lambda holder, asked: holder.second_step(asked, recovery_code=holder.recovery_codes[0]),
    ),
    "log in, second step by passkey": (
        with_both,
        lambda holder, asked: holder.second_step(asked, credential=holder.answer(asked.public_key)),
    ),
    "options for a passkey": (None, lambda holder, _: holder.use_cases.passkeys.request_options()),
    "log in by passkey": (
        with_passkey,
        lambda holder, made: holder.use_cases.passkeys.log_in(made[0].challenge, made[1], holder.caller),
    ),
    "options for a new passkey": (
        None,
        lambda holder, _: holder.use_cases.passkeys.creation_options(holder.principal),
    ),
    "add a passkey": (
        lambda holder: holder.use_cases.passkeys.creation_options(holder.principal),
        lambda holder, options: holder.use_cases.passkeys.add(
            holder.principal,
            options.challenge,
            holder.authenticator.create(options.public_key, holder.origin),
            None,
            holder.caller,
        ),
    ),
    "name a passkey": (
        Holder.add_passkey,
        lambda holder, passkey: holder.use_cases.passkeys.label(holder.principal, passkey.id, "Key ring"),
    ),
    "remove a passkey": (
        Holder.add_passkey,
        lambda holder, passkey: holder.use_cases.passkeys.remove(holder.principal, passkey.id, holder.caller),
    ),
    "authenticate again, password alone": (
        Holder.add_totp,
        refused(
            SecondFactorRequired,
            lambda holder, _: holder.use_cases.reauthentication.with_password(
                holder.principal, PASSWORD, holder.caller
            ),
        ),
    ),
    "authenticate again by code": (
        Holder.add_totp,
        lambda holder, _: holder.use_cases.reauthentication.with_password(
            holder.principal, PASSWORD, holder.caller, code=holder.code()
        ),
    ),
    "authenticate again by passkey": (
        asked_again,
        lambda holder, asked: holder.use_cases.reauthentication.with_passkey(
            holder.principal, asked.challenge, holder.answer(asked.public_key), holder.caller
        ),
    ),
}
"""What each request needs before it, None if nothing, and the request with what that has returned."""
