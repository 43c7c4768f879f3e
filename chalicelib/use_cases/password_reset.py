"""The use case of a forgotten password: a link by mail, and a new password by the link."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.accounts.events import EventType, SecurityEvent
from chalicelib.accounts.mail import Mail, MailKind
from chalicelib.credentials.mailed import new_mail_id
from chalicelib.errors import LinkExpired
from chalicelib.use_cases.mailed_links import goes_to, proof_of, shows_mailbox, user_of

if TYPE_CHECKING:
    from chalicelib.accounts.caller import Caller
    from chalicelib.clock import Clock
    from chalicelib.credentials.password_policy import PasswordPolicy
    from chalicelib.credentials.passwords import PasswordHasher
    from chalicelib.credentials.throttling import Known
    from chalicelib.use_cases.notices import Notices
    from chalicelib.use_cases.ports import Announce, Stores


class PasswordReset:
    """Lets users choose a new password who get mail at a verified address."""

    def __init__(
        self,
        *,
        stores: Stores,
        hasher: PasswordHasher,
        policy: PasswordPolicy,
        notices: Notices,
        clock: Clock,
        announce: Announce,
    ) -> None:
        self._stores = stores
        self._hasher = hasher
        self._policy = policy
        self._notices = notices
        self._clock = clock
        self._announce = announce

    def ask(self, name: str, caller: Caller, *, device: Known | None, language: str) -> None:
        """Send a link to whoever has this username or verified address. It does the same if nobody has.

        ``device`` is the device that asks, if it has logged in before.

        Raises:
            NotFound: the site sends no mail.
            TooManyMails: too many mails were asked for from the caller's address on the network.

        """
        self._notices.require_mail()
        now = self._clock()
        if not self._stores.outbox.count_request(caller.ip, known=device is not None, now=now):
            self._announce(SecurityEvent(EventType.MAIL_NOT_SENT, None, now, caller))
            return
        known_user_id = device.user_id if device is not None else None
        mail = Mail(new_mail_id(), MailKind.RESET, now, language, asked=name, known_user_id=known_user_id)
        self._stores.outbox.ask(mail)

    def reset(self, token: str, new_password: str, caller: Caller, *, device: Known | None = None) -> None:
        """Replace the password of the user whom a token is for, and end all sessions. Nobody is logged in.

        It was mailed, or an administrator has handed it over: that needs no mail, so this works where none is sent.
        An invitation by mail also verifies the address that it went to, unless another user has verified it by now.
        Second factors stay as they are (ASVS 5.0, 6.4.3). ``device`` is the device that asks, if it has logged in
        before. Earlier failures of the caller do not delay the log-in with the new password.

        Raises:
            LinkExpired: the token is unknown, used, too old or for something else, or the password or the address has
                changed since.
            ValidationFailed: the password is against the policy. The token stays good.

        """
        proof = proof_of(self._stores.outbox, token, MailKind.RESET, MailKind.INVITATION, now=self._clock())
        user = user_of(self._stores.users, proof)
        if not goes_to(user, proof):
            raise LinkExpired("the user has another address")
        self._policy.check(new_password, user.username, field="new_password")
        new_hash = self._hasher.hash(new_password)
        # Hashing takes a while. A session that is refreshed meanwhile ends after that.
        now = self._clock()
        event = SecurityEvent(EventType.PASSWORD_RESET, user.id, now, caller)
        notice = self._notices.of("password_reset", username=user.username, user_id=user.id, at=now)
        own = device if device is not None and device.user_id == user.id else None
        verified = None
        if user.verified_email is None and shows_mailbox(token, proof):
            verified = SecurityEvent(EventType.EMAIL_VERIFIED, user.id, now, caller)
        is_verified = self._stores.users.reset_password(
            user, proof, new_hash, event, notice, device=own, verified=verified
        )
        self._announce(event)
        if verified is not None and is_verified:
            self._announce(verified)
