"""Chromium's virtual authenticator, and a TOTP app: what a person has at hand beside the browser."""

import base64

from chalicelib.credentials import totp

INTERNAL = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
    "defaultBackupEligibility": True,
    "defaultBackupState": True,
}


class Authenticator:
    """One authenticator of one tab (https://chromedevtools.github.io/devtools-protocol/tot/WebAuthn/)."""

    def __init__(self, page, **options):
        self._cdp = page.context.new_cdp_session(page)
        # The browser's own window would wait for a click.
        self._cdp.send("WebAuthn.enable", {"enableUI": False})
        made = self._cdp.send("WebAuthn.addVirtualAuthenticator", {"options": {**INTERNAL, **options}})
        self._id = {"authenticatorId": made["authenticatorId"]}

    def credentials(self):
        return self._cdp.send("WebAuthn.getCredentials", self._id)["credentials"]

    def answers(self, is_present):
        """Let somebody be there and touch it, or nobody."""
        self._cdp.send("WebAuthn.setAutomaticPresenceSimulation", {**self._id, "enabled": is_present})

    def lies(self, **bits):
        """Spoil each answer: isBogusSignature, isBadUV, isBadUP."""
        self._cdp.send("WebAuthn.setResponseOverrideBits", {**self._id, **bits})

    def verifies(self, is_verified):
        """Recognise whoever touches it, or not."""
        self._cdp.send("WebAuthn.setUserVerified", {**self._id, "isUserVerified": is_verified})

    def forgets(self):
        self._cdp.send("WebAuthn.clearCredentials", self._id)


class App:
    """A TOTP app that somebody has typed a secret into, under a clock that is moved."""

    def __init__(self, secret, clock):
        plain = "".join(secret.split())
        self._secret = base64.b32decode(plain + "=" * (-len(plain) % 8))
        self._clock = clock
        self._used = -1

    def code(self):
        """Return a code that is good now, and was not returned before: wait for it if need be."""
        now = totp.step_at(self._clock.now)
        if self._used >= now:
            self._clock.advance((self._used + 1 - now) * totp.STEP)
        self._used = totp.step_at(self._clock.now)
        return totp.hotp(self._secret, self._used)

    def last_code(self):
        return totp.hotp(self._secret, self._used)

    def wrong_code(self):
        """Return a code that is good neither now nor soon."""
        now = totp.step_at(self._clock.now)
        good = {totp.hotp(self._secret, step) for step in range(now - 3, now + 8)}
        return next(code for code in (f"{digit}" * 6 for digit in range(10)) if code not in good)
