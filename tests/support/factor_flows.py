"""An account with second factors, and what its user does with them, over the use cases."""

import base64

import pytest

from chalicelib.credentials.totp import hotp, step_at
from chalicelib.errors import SecondFactorRequired
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
