"""Stores in memory that keep the whole contract of ``chalicelib.ports``; tests/contract holds them to it."""

import threading
from dataclasses import replace

from chalicelib.errors import UsernameTaken
from chalicelib.models import canonical_username
from chalicelib.ports import Rotation


class FakeUserStore:
    def __init__(self):
        self.users = {}
        self._lock = threading.Lock()

    def add(self, user):
        with self._lock:
            if user.username_key in self.users:
                raise UsernameTaken
            self.users[user.username_key] = user

    def find(self, username):
        return self.users.get(canonical_username(username))

    def replace_password_hash(self, user, password_hash):
        with self._lock:
            if self.find(user.username) == user:
                self.users[user.username_key] = replace(user, password_hash=password_hash)


class FakeSessionStore:
    def __init__(self):
        self.sessions = {}
        self._lock = threading.Lock()

    def add(self, session):
        self.sessions[session.user_id, session.id] = session

    def rotate(self, user_id, session_id, counter, *, now, idle_expires_at):
        with self._lock:
            session = self.sessions.get((user_id, session_id))
            if session is None or not session.accepts(counter, now):
                return Rotation(applied=False, session=session)
            rotated = replace(session, refresh_counter=counter + 1, last_used_at=now, idle_expires_at=idle_expires_at)
            self.sessions[user_id, session_id] = rotated
            return Rotation(applied=True, session=rotated)

    def end(self, user_id, session_id, *, now, reason):
        with self._lock:
            session = self.sessions.get((user_id, session_id))
            if session is None or session.ended_at is not None:
                return False
            self.sessions[user_id, session_id] = replace(session, ended_at=now, end_reason=reason)
            return True
