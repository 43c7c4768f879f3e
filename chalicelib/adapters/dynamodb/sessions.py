"""The store of sessions in DynamoDB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.adapters.dynamodb.beginnings import Uses, begin, reauthenticate
from chalicelib.adapters.dynamodb.endings import end, end_another, end_at, end_reused
from chalicelib.adapters.dynamodb.items import session_key
from chalicelib.adapters.dynamodb.rotations import Use, note_retry, note_without_key, rotate
from chalicelib.adapters.dynamodb.session_reads import find_session, sessions_of, user_with_session

if TYPE_CHECKING:
    from chalicelib.accounts.events import SecurityEvent
    from chalicelib.accounts.key_proof import KeyProof
    from chalicelib.accounts.mail import Mail
    from chalicelib.accounts.session import Session
    from chalicelib.accounts.user import User
    from chalicelib.adapters.dynamodb.transactions import Database
    from chalicelib.credentials.mailed import MailedProof
    from chalicelib.credentials.second_factors import FactorUse
    from chalicelib.credentials.throttling import Admission
    from chalicelib.use_cases.ports import Rotation


class DynamoDBSessionStore:
    """A ``SessionStore`` over the tables. A user has at most ``limit`` sessions."""

    def __init__(self, database: Database, *, limit: int) -> None:
        self._database = database
        self._limit = limit

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
        """See ``SessionStore.begin``. Takes one transaction, and at the limit one query more, see ``beginnings``."""
        uses = Uses(user, password_hash, admission, proof, factor)
        return begin(self._database, session, uses, event, if_ended=if_ended, limit=self._limit)

    def reauthenticate(
        self, user: User, session: Session, event: SecurityEvent, *, factor: FactorUse | None = None
    ) -> bool:
        """See ``SessionStore.reauthenticate``. Takes one transaction."""
        return reauthenticate(self._database, user, session, event, factor)

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
        """See ``SessionStore.rotate``. Takes one conditional update, see ``rotations``."""
        use = Use(counter, now=now, idle_expires_at=idle_expires_at, used_from=used_from, on_device=on_device)
        return rotate(self._database, session_key(user_id, session_id), use, key_proof)

    def note_retry(self, before: Session, after: Session, event: SecurityEvent | None) -> Rotation:
        """See ``SessionStore.note_retry``. Takes one write, or one transaction with an event."""
        return note_retry(self._database, before, after, event)

    def note_without_key(self, session: Session, event: SecurityEvent) -> None:
        """See ``SessionStore.note_without_key``. Takes one transaction."""
        note_without_key(self._database, session, event)

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
        """See ``SessionStore.bind_device``. Takes one conditional update, or two, see ``devices``."""
        from chalicelib.adapters.dynamodb.devices import bind_device  # noqa: PLC0415 - few sites bind devices

        use = Use(counter, now=now, idle_expires_at=idle_expires_at, used_from=used_from)
        return bind_device(self._database, session_key(user_id, session_id), use, device_key)

    def next_device_turn(self, user_id: str, session_id: str, device_key: str, turn: str, *, now: int) -> Rotation:
        """See ``SessionStore.next_device_turn``. Takes one conditional update, see ``devices``."""
        from chalicelib.adapters.dynamodb.devices import next_device_turn  # noqa: PLC0415 - as above

        return next_device_turn(self._database, session_key(user_id, session_id), device_key, turn, now=now)

    def end(self, user_id: str, session_id: str, event: SecurityEvent) -> bool:
        """See ``SessionStore.end``. Takes one transaction."""
        return end(self._database, user_id, session_id, event)

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
        """See ``SessionStore.end_at``. Takes one transaction, see ``endings``."""
        return end_at(self._database, user_id, session_id, counter, event, key_proof=key_proof, on_device=on_device)

    def end_another(self, user: User, session_id: str, event: SecurityEvent) -> bool:
        """See ``SessionStore.end_another``. Takes one transaction, or two, see ``endings``."""
        return end_another(self._database, user, session_id, event)

    def end_reused(self, session: Session, event: SecurityEvent, mail: Mail | None = None) -> bool:
        """See ``SessionStore.end_reused``. Takes one transaction, or a read and another, see ``endings``."""
        return end_reused(self._database, session, event, mail)

    def find(self, user_id: str, session_id: str) -> Session | None:
        """See ``SessionStore.find``. Takes one consistent read."""
        return find_session(self._database, user_id, session_id)

    def with_user(self, username: str, user_id: str, session_id: str) -> tuple[User | None, Session | None]:
        """See ``SessionStore.with_user``. Takes one request, with two consistent reads."""
        return user_with_session(self._database, username, user_id, session_id)

    def of_user(self, user_id: str) -> list[Session]:
        """See ``SessionStore.of_user``. Takes one query of one small partition."""
        return sessions_of(self._database, user_id)
