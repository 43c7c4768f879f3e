"""What an operator does to users. Knows no command line, and no AWS but the stores."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from chalicelib.accounts.caller import NO_ADDRESS
from chalicelib.accounts.events import ADMIN, EventType, SecurityEvent
from chalicelib.accounts.mail import MailKind
from chalicelib.accounts.roles import roles_error
from chalicelib.accounts.session import Session
from chalicelib.accounts.user import User
from chalicelib.clock import Clock
from chalicelib.errors import Conflict, LastAdministrator
from chalicelib.use_cases.account import history
from chalicelib.use_cases.notices import Notices
from chalicelib.use_cases.ports import Stores
from infra.operator.mails import Suppressed, Suppressions


class RefusedError(Exception):
    """Raised if something cannot be done to a user. The message says why, and what to do."""


@dataclass(frozen=True)
class Shown:
    """A user, with the live sessions and the newest events, newest first."""

    user: User
    sessions: list[Session]
    events: list[SecurityEvent]
    suppressed: Suppressed | None
    """Why the user's address gets no mail, None if it does."""


@dataclass(frozen=True)
class Change:
    """A user before and after a change."""

    before: User
    after: User

    @property
    def is_none(self) -> bool:
        """Whether everything stays as it is."""
        return self.before.roles == self.after.roles


def show(stores: Stores, suppressions: Suppressions, username: str, *, clock: Clock) -> Shown:
    """Return a user with sessions and history. Raises RefusedError if nobody has the name."""
    user = _existing(stores, username)
    now = clock()
    sessions = [session for session in stores.sessions.of_user(user.id) if session.belongs_to(user)]
    live = [session for session in sessions if session.is_live(now)]
    newest_first = sorted(live, key=lambda session: (session.created_at, session.id), reverse=True)
    suppressed = suppressions.find(user.contact.email) if user.contact is not None else None
    return Shown(user, newest_first, history(stores.events, user), suppressed)


def set_roles(stores: Stores, username: str, roles: Collection[str], *, clock: Clock, dry_run: bool = False) -> Change:
    """Give a user exactly these roles, and record it in the user's history. Sessions go on.

    Raises:
        RefusedError: nobody has the name, the roles are not valid, or somebody else has changed the account meanwhile.

    """
    if (problem := roles_error(roles)) is not None:
        raise RefusedError(problem)
    user = _existing(stores, username)
    wanted = tuple(sorted(set(roles)))
    change = Change(user, replace(user, roles=wanted))
    if change.is_none or dry_run:
        return change
    try:
        event = SecurityEvent(EventType.ROLES_CHANGED, user.id, clock(), NO_ADDRESS, actor=ADMIN)
        stores.administration.change(user, roles=wanted, disabled=user.disabled, events=[event])
    except LastAdministrator as last:
        raise RefusedError(last.detail) from None
    except Conflict:
        raise _faster(user) from None
    return change


def remove_second_factor(
    stores: Stores, username: str, *, clock: Clock, sends_mail: bool, dry_run: bool = False
) -> User:
    """Remove a user's authenticator app and recovery codes, and record it in the user's history. Return who it was.

    A verified address is told, if the site sends mail. Passkeys stay, and sessions go on. Of a user without such an app
    nothing is changed.

    Raises:
        RefusedError: nobody has the name, or somebody else has changed the account meanwhile.

    """
    user = _existing(stores, username)
    if dry_run or not user.second_factor:
        return user
    now = clock()
    mail = None
    if user.verified_email is not None:
        mail = Notices(sends=sends_mail).of(
            MailKind.SECOND_FACTOR_REMOVED, username=user.username, user_id=user.id, at=now
        )
    try:
        stores.factors.remove_totp(
            user, SecurityEvent(EventType.SECOND_FACTOR_REMOVED, user.id, now, NO_ADDRESS, actor=ADMIN), mail
        )
    except Conflict:
        raise _faster(user) from None
    return user


def _faster(user: User) -> RefusedError:
    return RefusedError(
        f"somebody else has changed {user.username} at the same time; nothing was changed. Look at it and try again"
    )


def _existing(stores: Stores, username: str) -> User:
    user = stores.users.find(username)
    if user is None:
        raise RefusedError(f"there is no user {username}")
    return user
