"""Devices that have logged in before: how a browser shows that it is one, and how it becomes one.

What strangers do at an account must not keep its owner out. So a log-in leaves a token in the browser that names the
account, and failures with it are counted by themselves (OWASP, "Slow Down Online Guessing Attacks with Device
Cookies").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chalicelib.credentials.throttling import Known
from chalicelib.errors import InvalidGrant
from chalicelib.tokens.kinds import DEVICE_TOKEN
from chalicelib.use_cases.begin_session import new_id

if TYPE_CHECKING:
    from chalicelib.accounts.user import User
    from chalicelib.clock import Clock
    from chalicelib.tokens.issuer import TokenIssuer
    from chalicelib.tokens.verifier import TokenVerifier


class Devices:
    """Recognises devices, and remembers them."""

    def __init__(self, *, issuer: TokenIssuer, verifier: TokenVerifier, clock: Clock) -> None:
        self._issuer = issuer
        self._verifier = verifier
        self._clock = clock

    def recognise(self, tokens: Sequence[str]) -> Known | None:
        """Return the device that a request comes from. ``tokens`` are all that claim to say so.

        None if there is not exactly one, or if it is forged or expired: this is never worse than no token.
        """
        if len(tokens) != 1:
            return None
        try:
            device = self._verifier.verify(DEVICE_TOKEN, tokens[0])
        except InvalidGrant:
            return None
        return Known("device", device.device_id, device.user_id)

    def remember(self, user: User, device: Known | None) -> str:
        """Return the token of a device from which this user has just logged in.

        It renews that of ``device`` if that is the user's, and so keeps its counter of failures. Raises
        ServiceUnavailable if no key may sign.
        """
        same = device is not None and device.user_id == user.id
        return self._issuer.device_token(user.id, device.id if device and same else new_id(), self._clock())
