"""The interface of the store of second factors and passkeys. See ``ports``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from chalicelib.accounts.events import SecurityEvent
    from chalicelib.accounts.factors import Factors, Passkey
    from chalicelib.accounts.mail import Mail
    from chalicelib.accounts.session import Session
    from chalicelib.accounts.user import User
    from chalicelib.credentials.challenges import Challenge
    from chalicelib.credentials.throttling import Window


class FactorStore(Protocol):
    """Stores passkeys, secrets of TOTP apps and recovery codes, and counts the tries of second factors.

    Whoever adds or removes one has read ``user``, and raises Conflict if the user has changed since: another hash,
    another epoch, or disabled.
    """

    def count_try(self, window: Window) -> str | None:
        """Count a try of a second factor, before it is checked. Return None, or the counter that is full already."""

    def failed(self, event: SecurityEvent) -> None:
        """Record that a second factor was wrong."""

    def add_totp(
        self,
        user: User,
        session: Session,
        factors: Factors,
        challenge: Challenge,
        event: SecurityEvent,
        mail: Mail | None,
    ) -> None:
        """Store the TOTP secret, its last step and the recovery codes of ``factors``. Use up the challenge.

        All sessions of the user end, except ``session``, which is stored with its ``amr`` and the user's new epoch.
        An address that another session has given is withdrawn, if it waits.

        Raises:
            Conflict: the user has changed, or the session has ended.
            InvalidChallenge: the challenge has been used.

        """

    def remove_totp(self, user: User, event: SecurityEvent, mail: Mail | None) -> None:
        """Forget the TOTP secret and the recovery codes. Raises Conflict, also if they are not those of ``user``."""

    def replace_recovery_codes(
        self, user: User, digests: tuple[str, ...], event: SecurityEvent, mail: Mail | None
    ) -> None:
        """Store new recovery codes in place of all old ones. Raises Conflict, also if ``user`` has no TOTP app now."""

    def find_passkey(self, passkey_id: str) -> Passkey | None:
        """Return the passkey with this credential id, as last written, or None."""

    def passkeys_of(self, user: User) -> list[Passkey]:
        """Return the passkeys of a user, oldest first."""

    def add_passkey(
        self, user: User, passkey: Passkey, challenge: Challenge, event: SecurityEvent, mail: Mail | None
    ) -> None:
        """Store a new passkey of the user. Use up the challenge.

        Raises:
            Conflict: the user has changed, somebody has a passkey with this id, or the user has ``MOST_PASSKEYS``.
            InvalidChallenge: the challenge has been used.

        """

    def label_passkey(self, user: User, passkey_id: str, label: str) -> Passkey | None:
        """Call a passkey of the user something else. Return it, None if the user has no such passkey."""

    def remove_passkey(self, user: User, passkey_id: str, event: SecurityEvent, mail: Mail | None) -> bool:
        """Delete a passkey of the user. Return whether the user had it.

        Raises Conflict also if the user has not the same passkeys any more: it may be the last way in.
        """
