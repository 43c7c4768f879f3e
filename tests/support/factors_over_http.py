"""What the tests of second factors and passkeys share: a user who has them, and how one proves them."""

import base64
import json

from chalicelib.credentials.totp import hotp, step_at
from tests.support.api_client import SITE_ORIGIN

PASSWORD = "correct horse battery staple"
STEP = 30
"""Seconds for which an app shows a code."""


class App:
    """An authenticator app with one secret."""

    def __init__(self, secret, clock):
        self._secret = base64.b32decode(secret + "=" * (-len(secret) % 8))
        self._clock = clock

    def code(self, steps=0):
        """The code that the app shows so many steps from now."""
        return hotp(self._secret, step_at(self._clock()) + steps)

    def next_code(self):
        """The code of the next step, which is now."""
        self._clock.advance(STEP)
        return self.code()

    def wrong_code(self):
        """A code that is for no step near now."""
        near = {self.code(steps) for steps in range(-2, 3)}
        return next(code for code in ("123456", "234567", "345678", "456789", "567890", "678901") if code not in near)


def begin_totp(api, access_token):
    """Ask for the secret of an authenticator app, and return the answer."""
    return api.bearer("POST", "/auth/totp", access_token)


def confirm_totp(api, access_token, pending, code):
    """Add an authenticator app, and return the answer."""
    return api.bearer("POST", "/auth/totp/confirm", access_token, {"pending": pending, "code": code})


def with_totp(api, clock, access_token):
    """Add an authenticator app to an account, and return it with the recovery codes."""
    begun = begin_totp(api, access_token)
    assert begun.status == 200, begun.body
    app = App(begun.json["secret"], clock)
    confirmed = confirm_totp(api, access_token, begun.json["pending"], app.code())
    assert confirmed.status == 200, confirmed.body
    return app, confirmed.json["recovery_codes"]


def first_step(api, username="Alice", password=PASSWORD, **members):
    """Log in with the password of somebody with a second factor. Return the problem document that asks for it."""
    answer = api.login(username, password, **members)
    answer.assert_problem(403, "second_factor_required")
    return answer.json


def second_step(api, challenge, *, headers=None, **proof):
    """Go on with a log-in, and return the answer."""
    return api.post("/auth/login/second-factor", {"challenge": challenge, **proof}, headers=headers)


def reauthenticate(api, access_token, **proof):
    """Authenticate again inside a session, and return the answer."""
    return api.bearer("POST", "/auth/reauthenticate", access_token, proof)


def factors_of(api, access_token):
    """What a user can log in with."""
    answer = api.bearer("GET", "/auth/factors", access_token)
    assert answer.status == 200, answer.body
    return answer.json


def creation(api, access_token):
    """Ask for the options of a new passkey, and return the answer."""
    return api.bearer("POST", "/auth/passkeys/options", access_token)


def add_passkey(api, access_token, authenticator, *, origin=SITE_ORIGIN, **members):
    """Make a passkey and add it, and return the answer."""
    asked = creation(api, access_token)
    assert asked.status == 200, asked.body
    credential = authenticator.create(asked.json["publicKey"], origin)
    members = {"challenge": asked.json["challenge"], "credential": credential, **members}
    return api.bearer("POST", "/auth/passkeys", access_token, members)


def with_passkey(api, access_token, authenticator, **members):
    """Add a passkey to an account, and return it as the API shows it."""
    added = add_passkey(api, access_token, authenticator, **members)
    assert added.status == 201, added.body
    return added.json["passkey"]


def request_options(api):
    """The options of a log-in with a passkey, and the challenge that they belong to."""
    answer = api.post("/auth/login/passkey/options")
    assert answer.status == 200, answer.body
    return answer.json


def proof_of(api, authenticator, *, origin=SITE_ORIGIN):
    """What a passkey answers to options of its own."""
    asked = request_options(api)
    return {"challenge": asked["challenge"], "credential": authenticator.get(asked["publicKey"], origin)}


def log_in_with_passkey(api, authenticator, *, origin=SITE_ORIGIN, headers=None, **members):
    """Log in with a passkey, and return the answer."""
    return api.post("/auth/login/passkey", {**proof_of(api, authenticator, origin=origin), **members}, headers=headers)


def claims_of(access_token):
    """The claims of an access token."""
    payload = access_token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=="))


def history(api, access_token):
    """The types of a user's newest events, the newest first."""
    events = api.bearer("GET", "/dashboard", access_token).json["recent_events"]
    return [event["type"] for event in events]
