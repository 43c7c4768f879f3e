"""The interfaces of the stores that the use cases need.

Owns the contracts, and ``tests/contract`` tests every implementation. Knows no database. Each method that writes is
atomic: all of its effects happen or none, and concurrent calls take effect one after the other. An implementation that
cannot reach its database raises ServiceUnavailable.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from chalicelib.accounts.events import SecurityEvent
from chalicelib.accounts.session import Session
from chalicelib.accounts.user import User
from chalicelib.credentials.throttling import Admission, Attempt, Known, Window

if TYPE_CHECKING:
    from chalicelib.accounts.ended import Ended
    from chalicelib.accounts.key_proof import KeyProof
    from chalicelib.accounts.mail import Mail
    from chalicelib.credentials.mailed import MailedProof
    from chalicelib.credentials.second_factors import FactorUse
    from chalicelib.use_cases.administration_ports import AdministrationStore
    from chalicelib.use_cases.factor_ports import FactorStore
    from chalicelib.use_cases.mail_ports import AddressStore, MailStores, Outbox

Announce = Callable[[SecurityEvent], None]
"""Called once for each event, after it has happened. Passes the event to the log and the metrics."""


class UserStore(Protocol):
    """Stores users by their canonical usernames."""

    def add(
        self,
        user: User,
        session: Session,
        event: SecurityEvent,
        *,
        mail: Mail | None = None,
        proof: MailedProof | None = None,
    ) -> None:
        """Store a new user with a first session. Put ``mail`` into the outbox.

        ``proof``, if given, is that of the mailed token that confirms the registration. It is used up, and what
        ``keep`` stored under it is deleted.

        Raises:
            LinkExpired: the proof has been used meanwhile, also if that is why the username is in use.
            UsernameTaken: the canonical username is in use.

        """

    def find(self, username: str) -> User | None:
        """Return the user whose canonical username is that of ``username``, as last written, or None."""

    def reset_password(
        self,
        user: User,
        proof: MailedProof,
        password_hash: str,
        event: SecurityEvent,
        mail: Mail | None,
        *,
        device: Known | None = None,
        verified: SecurityEvent | None = None,
    ) -> bool:
        """Replace the user's hash, and end all sessions.

        The failures of strangers at the account are forgotten, and those of the caller of ``event`` and of ``device``.
        An address that a session has given is withdrawn, if it waits. If ``verified`` is given, ``proof.email``, which
        waits otherwise, is the user's verified address from then on, and the event is recorded; not if another user has
        verified it. Return whether it was so.

        Raises:
            LinkExpired: the proof has been used, or the password, the address or the account has changed meanwhile.

        """

    def change_password(
        self,
        admission: Admission,
        session: Session,
        successor: Session,
        password_hash: str,
        event: SecurityEvent,
        mail: Mail | None = None,
    ) -> Session | None:
        """Replace the user's hash, end all sessions, and keep ``successor`` in place of ``session``.

        If ``session`` is bound and has seen another proof of its key since it was read, nothing is done. Return the
        session as it is then, None otherwise.

        Raises the user's epoch, which ends the sessions: ``successor`` has the new one. The ended sessions are deleted
        afterwards if possible, ``session`` in the same step. ``admission`` is that of the old password, which was
        right: see ``LoginThrottle.succeeded``. An address that a session has given is withdrawn, if it waits.

        Raises:
            Conflict: the user no longer has the hash and the epoch that ``user`` holds, or the session has ended.

        """

    def replace_hash(self, user: User, password_hash: str) -> None:
        """Store another hash of the same password, if the user still has the hash of ``user``."""

    def end_all_sessions(self, user: User, event: SecurityEvent) -> None:
        """End all sessions of the user by raising the epoch. Raises Conflict if the user no longer exists.

        An address that a session has given is withdrawn, if it waits. Deletes the ended sessions afterwards, if
        possible.
        """

    def delete(self, user: User, event: SecurityEvent) -> None:
        """Delete the user, with all sessions and events of the user, and record an event that belongs to nobody.

        Raises:
            LastAdministrator: no active administrator would be left, see ``administration_ports``.
            Conflict: the user no longer has the hash, the roles, the state or the verified address of ``user``, or
                another user has the username now.

        """


@dataclass(frozen=True, slots=True)
class Rotation:
    """The result of an attempt to raise a session's refresh counter."""

    applied: bool
    session: Session | None
    """If applied, the session after the write. Otherwise the session as the write found it, None if there is none."""


class SessionStore(Protocol):
    """Stores sessions by the user's id and the session's id. Ending a session deletes it.

    The store limits the number of sessions of a user. It ends the oldest sessions to make room for a new one.
    """

    def begin(
        self,
        user: User,
        session: Session,
        event: SecurityEvent,
        *,
        if_ended: SecurityEvent,
        password_hash: str | None = None,
        admission: Admission | None = None,
        proof: MailedProof | None = None,
        factor: FactorUse | None = None,
    ) -> bool:
        """Store a new session of a user, and record ``event``.

        ``proof``, if given, is that of a mailed code. It is used up, and so is what ``factor`` names.

        ``admission``, if given, is that of the password, which was right: see ``LoginThrottle.succeeded``. Return
        whether older sessions were ended. If so, ``if_ended`` is recorded too. ``password_hash``, if given,
        replaces the user's hash in the same step.

        Raises:
            Conflict: the user no longer exists, is disabled, or has another hash or epoch than ``user``, or the proof
                has been used.
            InvalidChallenge: the challenge of ``factor`` has been used.
            InvalidCode: its code, its recovery code or its passkey's answer has been used, or is the user's no longer.

        """

    def rotate(
        self,
        user_id: str,
        session_id: str,
        counter: int,
        *,
        now: int,
        idle_expires_at: int,
        used_from: str,
        key_proof: KeyProof | None = None,
        on_device: bool = False,
    ) -> Rotation:
        """Raise the refresh counter by one and note the use and the proof.

        Does so if ``Session.accepts(counter, now)`` and ``Session.allows(key_proof)``, and unless the session is bound
        to a device and the caller is not ``on_device``. Whoever is, makes a session need its device. Exactly one of
        any number of concurrent calls with the same counter is applied, and with the same proof.
        """

    def bind_device(
        self,
        user_id: str,
        session_id: str,
        counter: int,
        device_key: str,
        *,
        now: int,
        idle_expires_at: int,
        used_from: str,
    ) -> Rotation:
        """Bind the session to the public key of a device, unless it is bound to one already.

        A session without a key needs ``Session.accepts(counter, now)``. Its refresh counter is raised by one, and the
        use noted. One with a key keeps its counter, and its device waits, as long as it is live.
        """

    def next_device_turn(self, user_id: str, session_id: str, device_key: str, turn: str, *, now: int) -> Rotation:
        """End the turn of a session's device, whose key has answered a challenge of it. Another turn begins.

        Does so if the session can be refreshed at ``now``, is bound to this key, and is in this turn. Exactly one of
        any number of concurrent calls with the same turn is applied.
        """

    def note_retry(self, before: Session, after: Session, event: SecurityEvent | None) -> Rotation:
        """Store what ``after`` remembers of retries, if the stored session still remembers what ``before`` does.

        A session with a key remembers its proofs, any other the retries. Records the event in the same step, if there
        is one.
        """

    def note_without_key(self, session: Session, event: SecurityEvent) -> None:
        """Record the event, and that it was, unless that was done less than ``WITHOUT_KEY_INTERVAL`` before."""

    def reauthenticate(
        self, user: User, session: Session, event: SecurityEvent, *, factor: FactorUse | None = None
    ) -> bool:
        """Store ``authenticated_at`` and ``amr`` of the session, and record the event. Use up ``factor``.

        Return whether the session existed; if not, nothing is stored, used or recorded.

        Raises:
            Conflict: with a factor: the user has another hash or epoch than ``user``, or is disabled.
            InvalidChallenge, InvalidCode: see ``begin``.

        """

    def end(self, user_id: str, session_id: str, event: SecurityEvent) -> bool:
        """End the session and record the event. Return whether the session existed; if not, nothing is recorded."""

    def end_another(self, user: User, session_id: str, event: SecurityEvent) -> bool:
        """End a session of the user that is not the caller's own, and record the event.

        If an address waits that this session has given, it is withdrawn: see ``AddressStore.withdraw_email``. ``user``
        may be as read before the session gave it. Return whether the session existed; if not, nothing is recorded.
        """

    def end_reused(self, session: Session, event: SecurityEvent, mail: Mail | None = None) -> bool:
        """End a session whose refresh token was copied, record the event, and put the mail into the outbox, if any.

        If an address waits that this session has given, it is withdrawn: see ``AddressStore.withdraw_email``. Return
        whether the session existed; if not, nothing is recorded and nothing sent.
        """

    def end_at(
        self,
        user_id: str,
        session_id: str,
        counter: int | None,
        event: SecurityEvent,
        *,
        key_proof: KeyProof | None = None,
        on_device: bool = False,
    ) -> Rotation:
        """End the session and record the event.

        Does so if its refresh counter is this one, or None is given, and ``Session.allows(key_proof)``, and unless the
        session is bound to a device and the caller is not ``on_device``. If applied, there is no session any more.
        Otherwise nothing is recorded.
        """

    def find(self, user_id: str, session_id: str) -> Session | None:
        """Return a session as last written, None if there is none."""

    def with_user(self, username: str, user_id: str, session_id: str) -> tuple[User | None, Session | None]:
        """Return a user and a session, each as last written or None, with one request.

        The two reads are separate: a change of both may come between them.
        """

    def of_user(self, user_id: str) -> list[Session]:
        """Return all stored sessions of a user, in no particular order."""


class EventLog(Protocol):
    """Keeps the events of accounts for a limited time. The other stores record them, with what they are about."""

    def recent(self, user_id: str, limit: int) -> list[SecurityEvent]:
        """Return at most ``limit`` events of a user, newest first."""


class EndedFeed(Protocol):
    """Tells which sessions have ended lately.

    Every method of the other stores that ends sessions writes to it in the same step, with the time of its event. It
    names a session, or a user all of whose sessions have ended but those that the method keeps. Sessions that were over
    already are not named.
    """

    def since(self, at: int) -> list[Ended]:
        """Return what has ended at ``at`` or later, and may be seen now: all whose end has been answered.

        It is in the order of the times, which are those of the clocks of whoever wrote. So an entry may be new and say
        an earlier time. Raises ServiceUnavailable, also if an entry cannot be read.
        """


class LoginThrottle(Protocol):
    """Counts failed attempts by account, by address, by device and by session, and registrations by address."""

    def admit(self, attempt: Attempt, now: int) -> Admission:
        """Count an attempt as a failure, before its password is checked. Return it with the user who has the name.

        A device or a session that is not of this user counts as a stranger. Parallel attempts are not admitted more
        often than sequential ones.

        Raises:
            TooManyAttempts: one of the limits is reached. The attempt was not counted.
            AttemptNotCounted: the counters cannot be reached.

        """

    def succeeded(self, admission: Admission) -> None:
        """Uncount an attempt, and forget earlier failures of the account by strangers and by who made the attempt."""

    def register(self, ip: str, now: int) -> Window:
        """Count a registration from an address, before the account is created. Return where it was counted.

        Raises:
            TooManyRegistrations: there have been too many from this address, or from a network that it is in.
            ServiceUnavailable: the counters cannot be reached.

        """

    def not_registered(self, window: Window) -> None:
        """Uncount a registration that created no account, if possible, or an attempt at a name that nobody had."""


@dataclass(frozen=True, eq=False)
class Stores:
    """The stores."""

    users: UserStore
    sessions: SessionStore
    events: EventLog
    throttle: LoginThrottle
    make_mail_stores: Callable[[], MailStores]
    """Makes those of mails, when they are first needed."""
    make_factor_store: Callable[[], FactorStore]
    """Makes that of second factors and passkeys, when it is first needed."""
    make_administration_store: Callable[[], AdministrationStore]
    """Makes that of administrators, when it is first needed."""
    make_ended_feed: Callable[[], EndedFeed]
    """Makes the reader of the feed of ended sessions, when it is first needed."""

    @functools.cached_property
    def _mail_stores(self) -> MailStores:
        return self.make_mail_stores()

    @functools.cached_property
    def factors(self) -> FactorStore:
        """The second factors and passkeys of users."""
        return self.make_factor_store()

    @functools.cached_property
    def administration(self) -> AdministrationStore:
        """Users as administrators see and change them."""
        return self.make_administration_store()

    @functools.cached_property
    def ended(self) -> EndedFeed:
        """The sessions that have ended lately."""
        return self.make_ended_feed()

    @property
    def addresses(self) -> AddressStore:
        """The addresses of users."""
        return self._mail_stores.addresses

    @property
    def outbox(self) -> Outbox:
        """The mails that are to be sent."""
        return self._mail_stores.outbox
