"""Stores in memory that implement the ports of ``chalicelib.use_cases.ports``. tests/contract tests them."""

import json
import threading
from dataclasses import replace

from chalicelib.accounts.usernames import canonical_username
from chalicelib.credentials.throttling import ThrottleRules
from chalicelib.errors import Conflict, UsernameTaken
from chalicelib.tokens.keys import public_jwks
from chalicelib.use_cases.ports import Rotation, Stores
from chalicelib.wiring import Lychgate
from tests.support.application import clients_of
from tests.support.samples import ISSUER


class Memory:
    """The data of all fakes, and the lock that makes each of their methods atomic."""

    def __init__(self):
        self.users = {}
        self.sessions = {}
        self.events = []
        self.counters = {}
        self.lock = threading.RLock()


class FakeUserStore:
    def __init__(self, memory):
        self._memory = memory

    def add(self, user, session, event):
        with self._memory.lock:
            if user.username_key in self._memory.users:
                raise UsernameTaken
            self._memory.users[user.username_key] = user
            self._memory.sessions[session.user_id, session.id] = session
            self._memory.events.append(event)

    def find(self, username):
        return self._memory.users.get(canonical_username(username))

    def change_password(self, user, session, successor, password_hash, event):
        with self._memory.lock:
            kept = self._memory.sessions.get((session.user_id, session.id))
            if not unchanged(self.find(user.username), user) or kept is None:
                raise Conflict
            self._memory.users[user.username_key] = replace(
                self.find(user.username), password_hash=password_hash, session_epoch=successor.epoch
            )
            self._memory.sessions[successor.user_id, successor.id] = successor
            self._memory.events.append(event)
            self._clear_away(user)

    def end_all_sessions(self, user, event):
        with self._memory.lock:
            found = self.find(user.username)
            if found is None or found.id != user.id:
                raise Conflict
            self._memory.users[user.username_key] = replace(found, session_epoch=found.session_epoch + 1)
            self._memory.events.append(event)
            self._clear_away(user)

    def delete(self, user):
        with self._memory.lock:
            found = self.find(user.username)
            if found is not None and (found.id, found.password_hash) != (user.id, user.password_hash):
                raise Conflict
            self._memory.users.pop(user.username_key, None)
            for key in [key for key in self._memory.sessions if key[0] == user.id]:
                del self._memory.sessions[key]
            self._memory.events[:] = [event for event in self._memory.events if event.user_id != user.id]

    def _clear_away(self, user):
        for key, session in list(self._memory.sessions.items()):
            if session.user_id == user.id and session.epoch <= user.session_epoch:
                del self._memory.sessions[key]


class FakeSessionStore:
    def __init__(self, memory, limit):
        self._memory = memory
        self._limit = limit

    def begin(self, user, session, event, *, if_ended, password_hash=None):
        with self._memory.lock:
            found = self._memory.users.get(user.username_key)
            if not unchanged(found, user):
                raise Conflict
            stored = self.of_user(user.id)
            live = [other for other in stored if other.belongs_to(found) and other.is_live(session.created_at)]
            surplus = sorted(live, key=lambda other: other.created_at)[: max(0, len(live) + 1 - self._limit)]
            over = [other for other in stored if other not in live]
            for other in [*surplus, *over]:
                del self._memory.sessions[other.user_id, other.id]
            if surplus:
                self._memory.events.append(if_ended)
            self._memory.users[user.username_key] = replace(found, password_hash=password_hash or found.password_hash)
            self._memory.sessions[session.user_id, session.id] = session
            self._memory.events.append(event)
            return bool(surplus)

    def rotate(self, user_id, session_id, counter, *, now, idle_expires_at, used_from):
        with self._memory.lock:
            session = self._memory.sessions.get((user_id, session_id))
            if session is None or not session.accepts(counter, now):
                return Rotation(applied=False, session=session)
            rotated = replace(
                session,
                refresh_counter=counter + 1,
                last_used_at=now,
                idle_expires_at=idle_expires_at,
                last_used_from=used_from,
            )
            self._memory.sessions[user_id, session_id] = rotated
            return Rotation(applied=True, session=rotated)

    def note_retry(self, before, after, event):
        with self._memory.lock:
            stored = self._memory.sessions.get((before.user_id, before.id))
            if stored is None or retries(stored) != retries(before):
                return Rotation(applied=False, session=stored)
            self._memory.sessions[before.user_id, before.id] = replace(stored, **retries(after))
            if event is not None:
                self._memory.events.append(event)
            return Rotation(applied=True, session=after)

    def reauthenticate(self, user_id, session_id, now, event):
        with self._memory.lock:
            session = self._memory.sessions.get((user_id, session_id))
            if session is None:
                return False
            self._memory.sessions[user_id, session_id] = replace(session, authenticated_at=now)
            self._memory.events.append(event)
            return True

    def end(self, user_id, session_id, event):
        with self._memory.lock:
            if self._memory.sessions.pop((user_id, session_id), None) is None:
                return False
            self._memory.events.append(event)
            return True

    def with_user(self, username, user_id, session_id):
        with self._memory.lock:
            return (
                self._memory.users.get(canonical_username(username)),
                self._memory.sessions.get((user_id, session_id)),
            )

    def of_user(self, user_id):
        with self._memory.lock:
            return [session for session in self._memory.sessions.values() if session.user_id == user_id]


class FakeEventLog:
    def __init__(self, memory):
        self._memory = memory

    def record(self, event):
        self._memory.events.append(event)

    def recent(self, user_id, limit):
        newest_first = [event for event in reversed(self._memory.events) if event.user_id == user_id]
        return sorted(newest_first, key=lambda event: -event.at)[:limit]


class FakeLoginThrottle:
    def __init__(self, memory, rules):
        self._memory = memory
        self._rules = rules

    def admit(self, attempt, now):
        with self._memory.lock:
            limits = self._rules.limits(attempt)
            charged = {key: limit.charged(self._memory.counters.get(key), now) for key, limit in limits.items()}
            self._memory.counters.update(charged)

    def succeeded(self, attempt):
        with self._memory.lock:
            pair, account, address = self._rules.limits(attempt)
            self._memory.counters.pop(pair, None)
            self._memory.counters.pop(account, None)
            counter = self._memory.counters.get(address)
            if counter is not None and counter.failures > 0:
                taken_back = replace(counter, failures=counter.failures - 1, blocked_until=0)
                self._memory.counters[address] = taken_back


RULES = ThrottleRules(
    pair_failures=5, account_failures=100, address_failures=100, address_window=3600, longest_delay=900
)


def fake_stores(memory, rules=RULES, *, max_sessions=50):
    return Stores(
        FakeUserStore(memory),
        FakeSessionStore(memory, max_sessions),
        FakeEventLog(memory),
        FakeLoginThrottle(memory, rules),
    )


def retries(session):
    """What a session remembers of retries."""
    names = ("retried_counter", "retried_in_a_row", "elsewhere_counter", "elsewhere_at")
    return {name: getattr(session, name) for name in names}


def unchanged(found, user):
    """Return whether a user has not changed since its password was checked."""
    return (
        found is not None
        and not found.disabled
        and (found.id, found.password_hash, found.session_epoch) == (user.id, user.password_hash, user.session_epoch)
    )


def fake_use_cases(memory, ring, *, hasher, clock, announce=lambda _: None, settings=None, **stores):
    """Return the use cases over fakes that share a memory.

    ``settings`` replace defaults, ``stores`` replace fakes.
    """
    environment = {
        "LYCHGATE_ISSUER": ISSUER,
        "LYCHGATE_PUBLIC_KEYS": json.dumps(public_jwks(ring)),
        "LYCHGATE_SIGNING_KEYS_PARAMETER": "/lychgate/test/signing-keys",
        **{f"LYCHGATE_{name}_TABLE": "none" for name in ("USERS", "SESSIONS", "EVENTS", "THROTTLE")},
        **(settings or {}),
    }

    def make_stores(_, settings):
        return replace(fake_stores(memory, settings.throttle, max_sessions=settings.max_sessions), **stores)

    return Lychgate(
        environment,
        clients=clients_of(ring=ring),
        clock=clock,
        make_stores=make_stores,
        make_hasher=lambda **_: hasher,
        announce=announce,
    ).use_cases
