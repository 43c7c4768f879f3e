"""What an operator does to users. Knows no command line, and no AWS but the stores.

It is what administrators do (``chalicelib.use_cases.administration``), without an administrator: the history of a user
says that one did it, and names nobody. What is more: an operator may choose a password, because the first administrator
has to come from somewhere.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, cast

from chalicelib.accounts.caller import NO_ADDRESS
from chalicelib.accounts.events import SecurityEvent
from chalicelib.accounts.mail import Mail, MailKind
from chalicelib.accounts.roles import roles_error
from chalicelib.accounts.session import Session
from chalicelib.accounts.user import User
from chalicelib.accounts.usernames import canonical_username
from chalicelib.adapters.pwned_passwords import PwnedPasswords
from chalicelib.clock import Clock
from chalicelib.credentials.mailed import new_mail_id
from chalicelib.credentials.password_policy import PasswordPolicy
from chalicelib.credentials.passwords import PasswordHasher
from chalicelib.credentials.sealing import Sealer
from chalicelib.errors import Conflict, LastAdministrator, NotFound, UsernameTaken, ValidationFailed
from chalicelib.use_cases.account import history
from chalicelib.use_cases.administration import MOST_USERS, Administration, PasswordLink
from chalicelib.use_cases.administration_ports import AdministrationStore
from chalicelib.use_cases.notices import Notices
from chalicelib.use_cases.ports import UserStore
from infra.operator.accounts import Accounts
from infra.operator.mails import Suppressed

_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
"""32 signs that nobody takes for one another."""

_GROUP = 4
_GROUPS = 6
"""24 signs of 5 bits."""


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
        return (self.before.roles, self.before.disabled) == (self.after.roles, self.after.disabled)


class Users:
    """The users of a stage. Every method that takes a username raises RefusedError if nobody has it."""

    def __init__(self, accounts: Accounts, clock: Clock, *, dry_run: bool = False) -> None:
        """After a ``dry_run`` nothing has changed, and what is returned is what would be."""
        self._accounts = accounts
        self._stores = accounts.stores
        self._settings = accounts.settings
        self._clock = clock
        self._dry_run = dry_run

    @property
    def sends_mail(self) -> bool:
        """Whether the site sends mail."""
        return self._settings.email != "off"

    def find(self, username: str) -> User:
        """Return a user."""
        user = self._stores.users.find(username)
        if user is None:
            raise RefusedError(f"there is no user {username}")
        return user

    def show(self, username: str) -> Shown:
        """Return a user with sessions and history."""
        user = self.find(username)
        now = self._clock()
        sessions = [session for session in self._stores.sessions.of_user(user.id) if session.belongs_to(user)]
        live = [session for session in sessions if session.is_live(now)]
        newest_first = sorted(live, key=lambda session: (session.created_at, session.id), reverse=True)
        suppressed = self._accounts.suppressions.find(user.contact.email) if user.contact is not None else None
        return Shown(user, newest_first, history(self._stores.events, user), suppressed)

    def listed(self, prefix: str, limit: int | None) -> Iterator[User]:
        """Yield at most ``limit`` users whose names begin with ``prefix``, in the order of their names."""
        after, left = None, math.inf if limit is None else limit
        canonical = canonical_username(prefix)
        while left > 0:
            page = self._stores.administration.page(canonical, after, int(min(left, MOST_USERS)))
            yield from page.users
            left -= len(page.users)
            if (after := page.next) is None:
                return

    def create(self, username: str, *, email: str | None, roles: Sequence[str]) -> PasswordLink:
        """Create an account without a password, and return the link that sets the first one.

        Raises RefusedError if the name, the address or a role cannot be, or is taken.
        """
        return self._create(self._stores.administration, username, email, roles)

    def create_with_password(self, username: str, password: str, *, email: str | None, roles: Sequence[str]) -> User:
        """Create an account with a password, which has to be as the site asks. An address is asked to confirm.

        Raises RefusedError, also if the password is not allowed.
        """
        settings = self._settings
        policy = PasswordPolicy(
            min_length=settings.password_min_length,
            context_words=settings.context_words,
            leaked=PwnedPasswords() if settings.check_pwned_passwords else None,
        )
        if (problem := policy.problem(password, username)) is not None:
            raise RefusedError(f"password: {problem}")
        hasher = PasswordHasher(
            peppers=self._accounts.read_secrets().peppers, cost=settings.bcrypt_cost, clock=self._clock
        )
        password_hash = "" if self._dry_run else hasher.hash(password)
        store = _WithPassword(self._stores.administration, password_hash, sends_mail=self.sends_mail)
        return self._create(store, username, email, roles).user

    def generated_password(self) -> str:
        """Return a new password of at least 120 bits."""
        groups = max(_GROUPS, math.ceil((self._settings.password_min_length + 1) / (_GROUP + 1)))
        return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP)) for _ in range(groups))

    def set_roles(self, username: str, roles: Collection[str]) -> Change:
        """Give a user exactly these roles. Sessions go on.

        Raises RefusedError if the roles are not valid, it is the last administrator, or somebody else was faster.
        """
        if (problem := roles_error(roles)) is not None:
            raise RefusedError(problem)
        user = self.find(username)
        return self._change(user, replace(user, roles=tuple(sorted(set(roles)))))

    def set_disabled(self, username: str, *, disabled: bool) -> Change:
        """Let a user in no longer, which ends all sessions, or again.

        Raises RefusedError if it is the last administrator, or somebody else was faster.
        """
        user = self.find(username)
        return self._change(user, replace(user, disabled=disabled))

    def delete(self, user: User) -> None:
        """Delete a user with sessions, factors and history.

        Raises RefusedError if it is the last administrator, or somebody else was faster.
        """
        if not self._dry_run:
            with _refusals(user):
                self._of(user).delete(user.id, None, NO_ADDRESS)

    def log_out(self, username: str) -> User:
        """End all sessions of a user. Return who it is. Raises RefusedError if somebody else was faster."""
        user = self.find(username)
        if not self._dry_run:
            with _refusals(user):
                self._of(user).log_out_everywhere(user.id, None, NO_ADDRESS)
        return user

    def reset_password(self, username: str) -> PasswordLink:
        """Return a link with which a user sets a new password. After a dry run it is good for nothing.

        Raises RefusedError if the user is disabled, or somebody else was faster.
        """
        user = self.find(username)
        if user.disabled:
            raise RefusedError(f"{user.username} is disabled, and could not use a link. First: `users enable`")
        with _refusals(user):
            return self._of(user, links=True).reset_password(user.id, None, NO_ADDRESS)

    def remove_second_factor(self, user: User) -> bool:
        """Remove a user's authenticator app and recovery codes. Return whether there was such an app.

        A verified address is told, if the site sends mail. Passkeys stay, and sessions go on.

        Raises RefusedError if somebody else was faster.
        """
        if user.second_factor and not self._dry_run:
            with _refusals(user):
                self._of(user).remove_second_factor(user.id, None, NO_ADDRESS)
        return user.second_factor

    def _change(self, before: User, after: User) -> Change:
        change = Change(before, after)
        if change.is_none or self._dry_run:
            return change
        with _refusals(before):
            changed = self._of(before).change(before.id, None, NO_ADDRESS, roles=after.roles, disabled=after.disabled)
        return Change(before, changed)

    def _create(self, store: object, username: str, email: str | None, roles: Sequence[str]) -> PasswordLink:
        try:
            administration = self._administration(store, links=True)
            return administration.create(username, None, NO_ADDRESS, email=email, roles=roles)
        except ValidationFailed as refused:
            raise RefusedError(" ".join(f"{error.field}: {error.message}" for error in refused.errors)) from None
        except UsernameTaken:
            raise RefusedError(
                f"there is a user {username} already, or one whose name is the same in small letters"
            ) from None

    def _of(self, user: User, *, links: bool = False) -> Administration:
        return self._administration(_Known(self._stores.administration, user), links=links)

    def _administration(self, store: object, *, links: bool = False) -> Administration:
        if self._dry_run:
            store = _OnlyLooking(store, self._stores.users)
        return Administration(
            stores=replace(self._stores, make_administration_store=lambda: cast("AdministrationStore", store)),
            make_sealer=lambda: Sealer(self._accounts.read_secrets().peppers, self._clock),
            notices=Notices(sends=self.sends_mail),
            settings=self._settings,
            site_url=self._accounts.origin if links else "",
            clock=self._clock,
            # The log and the metrics are those of the functions.
            announce=lambda _event: None,
        )


class _StandIn:
    """Stands in for an ``AdministrationStore``, and does as that does what it does not do itself."""

    def __init__(self, store: object) -> None:
        self._store: Any = store

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - a method of the store
        return getattr(self._store, name)


class _Known(_StandIn):
    """Has found its user by name already, as last written. So no command needs the index of ids."""

    def __init__(self, store: object, user: User) -> None:
        super().__init__(store)
        self._user = user

    def with_id(self, user_id: str) -> User | None:
        return self._user if self._user.id == user_id else None


class _OnlyLooking(_StandIn):
    """Writes nothing."""

    def __init__(self, store: object, users: UserStore) -> None:
        super().__init__(store)
        self._users = users

    def create(self, user: User, _events: Sequence[SecurityEvent], _mail: Mail | None) -> None:
        if self._users.find(user.username) is not None:
            raise UsernameTaken

    def hand_over(self, user: User, mail: Mail, events: Sequence[SecurityEvent]) -> None:
        pass


class _WithPassword(_StandIn):
    """Creates users with a password, and so sends a mail that confirms the address instead of a link."""

    def __init__(self, store: object, password_hash: str, *, sends_mail: bool) -> None:
        super().__init__(store)
        self._password_hash = password_hash
        self._sends_mail = sends_mail

    def create(self, user: User, events: Sequence[SecurityEvent], _mail: Mail | None) -> None:
        mail = None
        if user.contact is not None and self._sends_mail:
            mail = Mail(
                new_mail_id(),
                MailKind.EMAIL,
                user.created_at,
                "",
                asked=user.username,
                to=user.contact.email,
                user_id=user.id,
            )
        self._store.create(replace(user, password_hash=self._password_hash), events, mail)


@contextmanager
def _refusals(user: User) -> Iterator[None]:
    try:
        yield
    except LastAdministrator as last:
        raise RefusedError(last.detail) from None
    except (Conflict, NotFound):
        raise RefusedError(
            f"somebody else has changed {user.username} at the same time; nothing was changed. Look at it and try again"
        ) from None
