"""The use cases of administrators: who has an account, and what may be done about it.

An administrator is authorised before these are called: live, with the role, and fresh where the route says so. Nothing
here lets an administrator act in the name of a user, or choose a password. Everything that changes something leaves an
event in the user's history, which names no administrator, and one in the administrator's, which names the user. An
operator, with AWS credentials, is no user: then the ``actor`` is None, and the user's history alone has it. That of a
deletion is in nobody's history instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chalicelib.accounts.addresses import address_error
from chalicelib.accounts.caller import NO_ADDRESS
from chalicelib.accounts.events import ADMIN, EventType, SecurityEvent
from chalicelib.accounts.factors import FactorOverview
from chalicelib.accounts.mail import HandedOver, Mail, MailKind
from chalicelib.accounts.new_usernames import MAX_USERNAME_BYTES, new_username_error
from chalicelib.accounts.roles import USER, roles_error
from chalicelib.accounts.user import NO_PASSWORD, Contact, User
from chalicelib.accounts.usernames import canonical_username, normalised_username
from chalicelib.credentials.mailed import LIFETIMES, new_mail_id, new_token, token_digest
from chalicelib.errors import REQUIRED, FieldError, Flaw, NotFound, ValidationFailed
from chalicelib.use_cases.account import history
from chalicelib.use_cases.begin_session import new_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from chalicelib.accounts.caller import Caller
    from chalicelib.accounts.session import Session
    from chalicelib.clock import Clock
    from chalicelib.config.api import ApiSettings
    from chalicelib.credentials.sealing import Sealer
    from chalicelib.use_cases.notices import Notices
    from chalicelib.use_cases.ports import Announce, Stores

MOST_USERS = 100
"""Users on a page, at most."""

USER_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.:|-]{0,63}")
"""A valid identifier of a user, which fits a path and the key of an index. One who was imported may have kept that of
another system."""

_CURSOR = "cursor of users"
"""The purpose that cursors are sealed for."""


@dataclass(frozen=True, slots=True, eq=False)
class ListedUsers:
    """A page of users, and what the next one is asked for with."""

    users: list[User]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, eq=False)
class ShownUser:
    """All that an administrator sees of a user."""

    user: User
    sessions: list[Session]
    """The live ones, newest first."""
    events: list[SecurityEvent]
    """The newest, newest first."""
    factors: FactorOverview
    suppressed: tuple[str, int] | None
    """Why mails to the address are not sent, and since when; None if they are, or there is no address."""


@dataclass(frozen=True, slots=True, eq=False)
class PasswordLink:
    """A link with which a user sets a password."""

    user: User
    link: str
    """It is shown once. Whoever has it can set the password."""
    expires_in: int
    """Seconds."""


class Administration:
    """What administrators do."""

    def __init__(
        self,
        *,
        stores: Stores,
        make_sealer: Callable[[], Sealer],
        notices: Notices,
        settings: ApiSettings,
        site_url: str,
        clock: Clock,
        announce: Announce,
    ) -> None:
        """Links lead to ``site_url``, where the site's page is. ``make_sealer`` is called for a list only."""
        self._stores = stores
        self._make_sealer = make_sealer
        self._notices = notices
        self._email = settings.email
        self._by_address = settings.identifier == "email"
        self._site_url = site_url
        self._clock = clock
        self._announce = announce

    def list(self, *, prefix: str = "", cursor: str | None = None, limit: int = 50) -> ListedUsers:
        """Return a page of the users whose username begins with ``prefix``, in the order of their names.

        ``cursor`` is the ``next_cursor`` of the page before, of the same prefix.

        Raises:
            ValidationFailed: the cursor is none of ours, or belongs to another prefix, or the limit is not 1 to 100.

        """
        if not 1 <= limit <= MOST_USERS:
            message, beyond = f"This must be a whole number from 1 to {MOST_USERS}.", 1 if limit < 1 else MOST_USERS
            raise ValidationFailed(FieldError("limit", Flaw(message, "out_of_range", beyond)))
        canonical, sealer = canonical_username(prefix), self._make_sealer()
        after = None if cursor is None else sealer.open(cursor, purpose=_CURSOR, about=canonical)
        if cursor is not None and after is None:
            message = "This is no cursor of this list. Begin again without one."
            raise ValidationFailed(FieldError("cursor", Flaw(message, "invalid_cursor")))
        if len(canonical.encode("utf-8", "replace")) > MAX_USERNAME_BYTES:
            # Nobody's name begins with it, and it is too long for a key.
            return ListedUsers([], None)
        page = self._stores.administration.page(canonical, None if after is None else after.decode(), limit)
        following = None
        if page.next is not None:
            following = sealer.seal(page.next.encode(), purpose=_CURSOR, about=canonical)
        return ListedUsers(page.users, following)

    def show(self, user_id: str) -> ShownUser:
        """Return a user with sessions, history and factors, and whether mail reaches the user. Raises NotFound."""
        user = self._existing(user_id)
        now = self._clock()
        sessions = [
            session
            for session in self._stores.sessions.of_user(user.id)
            if session.belongs_to(user) and session.is_live(now)
        ]
        newest_first = sorted(sessions, key=lambda session: (session.created_at, session.id), reverse=True)
        passkeys = self._stores.factors.passkeys_of(user) if user.passkeys else []
        factors = FactorOverview.of(user.factors, passkeys, password=user.has_password)
        suppressed = None
        if user.contact is not None:
            suppressed = self._stores.administration.suppressed(user.contact.email)
        return ShownUser(user, newest_first, history(self._stores.events, user), factors, suppressed)

    def create(
        self,
        username: str,
        actor: User | None,
        caller: Caller,
        *,
        email: str | None = None,
        roles: Sequence[str] = (USER,),
    ) -> PasswordLink:
        """Create an account without a password, and return the link that sets the first one.

        It is mailed too, if there is an address and the site sends mail. Where the address is the username, it is both.
        The mailed one also confirms the address, the returned one does not.

        Raises:
            ValidationFailed: the username, the address or the roles are not allowed.
            UsernameTaken: another user has this username.

        """
        if self._by_address and email is None:
            email = username
        self._check(username, email, roles)
        now = self._clock()
        user = User(
            id=new_id(),
            username=normalised_username(username),
            password_hash=NO_PASSWORD,
            roles=tuple(sorted(set(roles))),
            created_at=now,
            contact=Contact(email) if email is not None else None,
        )
        events = _both(EventType.REGISTERED, user, actor, now, caller)
        link, mail = self._link(user, MailKind.INVITATION, now, version=0, to=email)
        self._stores.administration.create(user, events, mail)
        self._announce(events[0])
        return link

    def change(
        self,
        user_id: str,
        actor: User | None,
        caller: Caller,
        *,
        roles: Sequence[str] | None = None,
        disabled: bool | None = None,
    ) -> User:
        """Give a user other roles or another state, or both at once. What is None stays. Return the user.

        Whoever is disabled has no session any more.

        Raises:
            NotFound: there is no such user.
            ValidationFailed: the roles are not allowed.
            LastAdministrator: no active administrator would be left.
            Conflict: another request has changed the user meanwhile.

        """
        if roles is not None and (problem := roles_error(roles)) is not None:
            raise ValidationFailed(FieldError("roles", problem))
        user = self._existing(user_id)
        wanted = user.roles if roles is None else tuple(sorted(set(roles)))
        state = user.disabled if disabled is None else disabled
        events = [*self._changes(user, wanted, actor, caller, disabled=state)]
        if not events:
            return user
        self._stores.administration.change(user, roles=wanted, disabled=state, events=events)
        for event in events:
            if event.subject is None:
                self._announce(event)
        changed = replace(user, roles=wanted, disabled=state)
        if state and not user.disabled:
            return replace(changed, session_epoch=user.session_epoch + 1, contact=user.settled_contact)
        return changed

    def delete(self, user_id: str, actor: User | None, caller: Caller) -> None:
        """Delete a user with sessions, factors and history. The username is free then.

        Raises:
            NotFound: there is no such user.
            LastAdministrator: no active administrator would be left.
            Conflict: another request has changed the user meanwhile.

        """
        user = self._existing(user_id)
        told, *own = _both(EventType.ACCOUNT_DELETED, user, actor, self._clock(), caller)
        if actor is not None and actor.id == user.id:
            own = []
        # The user's history goes with the account, and the administrator's may be next. One entry is in nobody's.
        self._stores.administration.delete(user, [replace(told, user_id=None, subject=user.id), *own])
        self._announce(told)

    def log_out_everywhere(self, user_id: str, actor: User | None, caller: Caller) -> None:
        """End all sessions of a user. Raises NotFound or Conflict."""
        user = self._existing(user_id)
        events = _both(EventType.LOGGED_OUT, user, actor, self._clock(), caller)
        self._stores.administration.end_sessions(user, events)
        self._announce(events[0])

    def reset_password(self, user_id: str, actor: User | None, caller: Caller) -> PasswordLink:
        """Return a link with which the user sets a new password. It is mailed to a verified address too.

        The password stays as it is until then, and so do sessions.

        Raises:
            NotFound: there is no such user.
            Conflict: the user is disabled, or another request has changed the user meanwhile.

        """
        user = self._existing(user_id)
        now = self._clock()
        version = self._stores.administration.password_version(user)
        events = _both(EventType.PASSWORD_LINK_MADE, user, actor, now, caller)
        link, mail = self._link(user, MailKind.RESET, now, version=version, to=user.verified_email)
        self._stores.administration.hand_over(user, mail, events)
        self._announce(events[0])
        return link

    def remove_second_factor(self, user_id: str, actor: User | None, caller: Caller) -> None:
        """Remove a user's authenticator app and recovery codes. The user is told by mail. Passkeys stay.

        Raises:
            NotFound: there is no such user, or the user has no authenticator app.
            Conflict: another request has changed the user meanwhile.

        """
        user = self._existing(user_id)
        if not user.second_factor:
            raise NotFound
        now = self._clock()
        notice = None
        if user.verified_email is not None:
            notice = self._notices.of(MailKind.SECOND_FACTOR_REMOVED, username=user.username, user_id=user.id, at=now)
        events = _both(EventType.SECOND_FACTOR_REMOVED, user, actor, now, caller)
        self._stores.administration.remove_second_factor(user, events, notice)
        self._announce(events[0])

    def _changes(
        self, user: User, roles: tuple[str, ...], actor: User | None, caller: Caller, *, disabled: bool
    ) -> Iterator[SecurityEvent]:
        now = self._clock()
        if roles != user.roles:
            yield from _both(EventType.ROLES_CHANGED, user, actor, now, caller)
        if disabled != user.disabled:
            kind = EventType.ACCOUNT_DISABLED if disabled else EventType.ACCOUNT_ENABLED
            yield from _both(kind, user, actor, now, caller)

    def _link(self, user: User, kind: MailKind, now: int, *, version: int, to: str | None) -> tuple[PasswordLink, Mail]:
        """Return a link, and the mail that keeps what it stands for, which goes to ``to`` if that is an address."""
        mail_id = new_mail_id()
        token = new_token(mail_id)
        handed_over = HandedOver(
            token_digest=token_digest(token),
            username=user.username,
            email=user.contact.email if user.contact is not None else None,
            password_version=version,
            is_mailed=self._email != "off" and to is not None,
        )
        mail = Mail(mail_id, kind, now, "", asked=user.username, to=to, user_id=user.id, handed_over=handed_over)
        return PasswordLink(user, f"{self._site_url}/account.html#reset={token}", LIFETIMES[kind]), mail

    def _check(self, username: str, email: str | None, roles: Sequence[str]) -> None:
        """Raise a ValidationFailed that names each of the three that is not allowed."""
        problems = {
            "username": address_error(username) if self._by_address else new_username_error(username),
            "email": self._email_problem(email),
            "roles": roles_error(roles),
        }
        if self._by_address and email != username:
            problems["email"] = Flaw("Where the address is the username, leave this out.", "unexpected")
        errors = [FieldError(field, message) for field, message in problems.items() if message is not None]
        if errors:
            raise ValidationFailed(*errors)

    def _email_problem(self, email: str | None) -> Flaw | None:
        if email is None:
            return REQUIRED if self._email == "required" else None
        return Flaw("This field is not known.", "unknown_field") if self._email == "off" else address_error(email)

    def _existing(self, user_id: str) -> User:
        # Anything else is no key of the index, and might be too long to ask for.
        user = self._stores.administration.with_id(user_id) if USER_ID.fullmatch(user_id) else None
        if user is None:
            raise NotFound
        return user


def _both(kind: EventType, user: User, actor: User | None, now: int, caller: Caller) -> list[SecurityEvent]:
    """Return the entry in the user's history, and that in the history of the administrator, who may be the same."""
    told = SecurityEvent(kind, user.id, now, NO_ADDRESS, actor=ADMIN, actor_id=actor.id if actor is not None else None)
    if actor is None:
        return [told]
    return [told, SecurityEvent(kind, actor.id, now, caller, subject=user.id)]
