"""Stores in memory that implement the ports of ``chalicelib.use_cases.ports``. tests/contract tests them."""

import json
import secrets
import threading
from dataclasses import replace

from chalicelib.accounts.addresses import canonical_address
from chalicelib.accounts.ended import Ended, digest_of
from chalicelib.accounts.session import WITHOUT_KEY_INTERVAL
from chalicelib.accounts.usernames import canonical_username
from chalicelib.credentials.throttling import Admission, Attempt, Failures, MailRules, ThrottleRules
from chalicelib.errors import (
    Conflict,
    LastAdministrator,
    LinkExpired,
    TooManyAttempts,
    TooManyRegistrations,
    UsernameTaken,
)
from chalicelib.tokens.keys import public_jwks
from chalicelib.use_cases.mail_ports import MailStores
from chalicelib.use_cases.ports import Rotation, Stores
from chalicelib.wiring import Lychgate
from tests.support.application import clients_of
from tests.support.fake_administration import FakeAdministrationStore, delete_user, is_active_administrator
from tests.support.fake_factors import FakeFactors, FakeFactorStore
from tests.support.fake_mails import FakeAddressStore, FakeMails, FakeOutbox
from tests.support.samples import ISSUER


class Memory:
    """The data of all fakes, and the lock that makes each of their methods atomic."""

    def __init__(self):
        self.users = {}
        self.sessions = {}
        self.events = []
        self.ended = []
        self.sources = {}
        self.accounts = {}
        self.days = {}
        self.windows = {}
        self.mails = FakeMails()
        self.factors = FakeFactors()
        self.lock = threading.RLock()

    def user(self, username):
        """The user with the failures of the day, as a store returns it."""
        key = canonical_username(username)
        user = self.users.get(key)
        return user and replace(user, failures=self._day(key))

    def failures_of(self, attempt):
        key = canonical_username(attempt.username)
        return Failures(self.sources.get((key, attempt.source)), self.accounts.get(key), self._day(key))

    def remember(self, attempt, failures):
        key = canonical_username(attempt.username)
        self.sources[key, attempt.source] = failures.source
        self.accounts[key] = failures.account
        self.days[key] = failures.today

    def forget(self, admission):
        key = canonical_username(admission.attempt.username)
        self.sources.pop((key, admission.attempt.source), None)
        self.accounts.pop(key, None)
        today = self.days.get(key)
        if today is not None:
            self.days[key] = replace(admission.before.today or today, count=today.count - 1)
        if admission.window is not None:
            self.uncount(admission.window)

    def begin_anew(self, key):
        self.accounts.pop(key, None)
        self.days.pop(key, None)
        for source in [source for source in self.sources if source[0] == key]:
            del self.sources[source]

    def let_go(self, user):
        """Raise LastAdministrator if the user is the only active administrator."""
        active = [other.id for other in self.users.values() if is_active_administrator(other)]
        if active == [user.id]:
            raise LastAdministrator

    def tell_ended(self, identifier, at, *, is_user):
        """Say in the feed that a session has ended, or all sessions of a user."""
        entry = Ended(digest_of(identifier), at, is_user=is_user)
        if entry not in self.ended:
            self.ended.append(entry)

    def uncount(self, window):
        for name in window.limits:
            self.windows[window.key][name] -= 1

    def _day(self, key):
        today = self.days.get(key)
        return today if today is not None and today.count > 0 else None


class FakeUserStore:
    def __init__(self, memory):
        self._memory = memory

    def add(self, user, session, event, *, mail=None, proof=None):
        with self._memory.lock:
            mails = self._memory.mails
            email = user.verified_email
            if not mails.is_unused(proof):
                raise LinkExpired("used")
            if user.username_key in self._memory.users or (email is not None and not mails.is_free(email, user)):
                raise UsernameTaken
            if proof is not None:
                mails.registrations.pop(proof.mail_id, None)
                mails.use(proof)
            if email is not None:
                mails.owners[canonical_address(email)] = user.id
            mails.put(mail)
            self._memory.users[user.username_key] = user
            self._memory.begin_anew(user.username_key)
            self._memory.sessions[session.user_id, session.id] = session
            self._memory.events.append(event)

    def find(self, username):
        with self._memory.lock:
            return self._memory.user(username)

    def change_password(self, admission, session, successor, password_hash, event, mail=None):
        user = admission.user
        with self._memory.lock:
            kept = self._memory.sessions.get((session.user_id, session.id))
            if not unchanged(self.find(user.username), user) or kept is None:
                raise Conflict
            if (kept.key_proof_at, kept.key_proofs) != (session.key_proof_at, session.key_proofs):
                return kept
            found = self.find(user.username)
            self._memory.users[user.username_key] = replace(
                found, password_hash=password_hash, session_epoch=successor.epoch, contact=found.settled_contact
            )
            self._memory.sessions[successor.user_id, successor.id] = successor
            self._memory.events.append(event)
            self._memory.forget(admission)
            self._memory.mails.password_changed(user)
            self._memory.mails.put(mail)
            self._end_all(user, event)
            return None

    def reset_password(self, user, proof, password_hash, event, mail, *, device=None, verified=None):
        with self._memory.lock:
            found, mails = self.find(user.username), self._memory.mails
            if found is None or found.id != user.id or found.disabled or not mails.is_unused(proof):
                raise LinkExpired("used")
            if mails.version(user) != proof.password_version or found.verified_email != user.verified_email:
                raise LinkExpired("changed")
            contact = found.settled_contact
            waits = contact is not None and contact.email == proof.email and not contact.verified
            if verified is not None and not waits:
                raise LinkExpired("changed")
            is_verified = verified is not None and mails.is_free(proof.email, user)
            if is_verified:
                mails.owners[canonical_address(proof.email)] = user.id
                contact = replace(contact, verified=True)
                self._memory.events.append(verified)
            self._memory.users[user.username_key] = replace(
                found, password_hash=password_hash, session_epoch=found.session_epoch + 1, contact=contact
            )
            self._memory.accounts.pop(user.username_key, None)
            for known in (None, device):
                attempt = Attempt(user.username, event.caller, known)
                self._memory.sources.pop((user.username_key, attempt.source), None)
            mails.password_changed(user)
            mails.use(proof)
            mails.put(mail)
            self._memory.events.append(event)
            self._end_all(user, event)
            return is_verified

    def replace_hash(self, user, password_hash):
        with self._memory.lock:
            found = self.find(user.username)
            if found is not None and (found.id, found.password_hash) == (user.id, user.password_hash):
                self._memory.users[user.username_key] = replace(found, password_hash=password_hash)

    def end_all_sessions(self, user, event):
        with self._memory.lock:
            found = self.find(user.username)
            if found is None or found.id != user.id:
                raise Conflict
            self._memory.users[user.username_key] = replace(
                found, session_epoch=found.session_epoch + 1, contact=found.settled_contact
            )
            self._memory.events.append(event)
            self._end_all(user, event)

    def delete(self, user, event):
        with self._memory.lock:
            found = self.find(user.username)
            if found is not None and found.password_hash != user.password_hash:
                raise Conflict
            delete_user(self._memory, user, event.at)
            self._memory.events.append(event)

    def _end_all(self, user, event):
        self._memory.tell_ended(user.id, event.at, is_user=True)
        for key, session in list(self._memory.sessions.items()):
            if session.user_id == user.id and session.epoch <= user.session_epoch:
                del self._memory.sessions[key]


class FakeSessionStore:
    def __init__(self, memory, limit):
        self._memory = memory
        self._limit = limit

    def begin(self, user, session, event, *, if_ended, password_hash=None, admission=None, proof=None, factor=None):
        with self._memory.lock:
            found = self._memory.users.get(user.username_key)
            if not unchanged(found, user):
                raise Conflict
            mails = self._memory.mails
            if factor is not None:
                self._memory.factors.check(found, factor)
            if proof is not None:
                if not mails.is_unused(proof) or mails.version(user) != proof.password_version:
                    raise Conflict
                mails.use(proof)
            if factor is not None:
                found = self._memory.factors.use_up(self._memory, found, factor, session.created_at)
            stored = self.of_user(user.id)
            live = [other for other in stored if other.belongs_to(found) and other.is_live(session.created_at)]
            surplus = sorted(live, key=lambda other: other.created_at)[: max(0, len(live) + 1 - self._limit)]
            over = [other for other in stored if other not in live]
            for other in [*surplus, *over]:
                del self._memory.sessions[other.user_id, other.id]
            for other in surplus:
                self._memory.tell_ended(other.id, if_ended.at, is_user=False)
            if surplus:
                self._memory.events.append(if_ended)
            self._memory.users[user.username_key] = replace(found, password_hash=password_hash or found.password_hash)
            self._memory.sessions[session.user_id, session.id] = session
            self._memory.events.append(event)
            if admission is not None:
                self._memory.forget(admission)
            return bool(surplus)

    def rotate(self, user_id, session_id, counter, *, now, idle_expires_at, used_from, key_proof=None, on_device=False):
        with self._memory.lock:
            session = self._memory.sessions.get((user_id, session_id))
            if session is None or not session.accepts(counter, now) or not session.allows(key_proof):
                return Rotation(applied=False, session=session)
            if session.needs_device and not on_device:
                return Rotation(applied=False, session=session)
            rotated = replace(
                session.after_proof(key_proof),
                device_waits=session.device_waits and not on_device,
                refresh_counter=counter + 1,
                last_used_at=now,
                idle_expires_at=idle_expires_at,
                last_used_from=used_from,
            )
            self._memory.sessions[user_id, session_id] = rotated
            return Rotation(applied=True, session=rotated)

    def bind_device(self, user_id, session_id, counter, device_key, *, now, idle_expires_at, used_from):
        with self._memory.lock:
            session = self._memory.sessions.get((user_id, session_id))
            if session is None or session.device_key or not session.is_live(now):
                return Rotation(applied=False, session=session)
            if session.key:
                offered = replace(session, device_key=device_key, device_waits=True)
                self._memory.sessions[user_id, session_id] = offered
                return Rotation(applied=True, session=offered)
            if not session.accepts(counter, now):
                return Rotation(applied=False, session=session)
            bound = replace(
                session,
                device_key=device_key,
                refresh_counter=counter + 1,
                last_used_at=now,
                idle_expires_at=idle_expires_at,
                last_used_from=used_from,
            )
            self._memory.sessions[user_id, session_id] = bound
            return Rotation(applied=True, session=bound)

    def next_device_turn(self, user_id, session_id, device_key, turn, *, now):
        with self._memory.lock:
            session = self._memory.sessions.get((user_id, session_id))
            if (
                session is None
                or not session.is_live(now)
                or (session.device_key, session.device_turn)
                != (
                    device_key,
                    turn,
                )
            ):
                return Rotation(applied=False, session=session)
            following = replace(session, device_turn=secrets.token_urlsafe())
            self._memory.sessions[user_id, session_id] = following
            return Rotation(applied=True, session=following)

    def find(self, user_id, session_id):
        return self._memory.sessions.get((user_id, session_id))

    def note_retry(self, before, after, event):
        with self._memory.lock:
            stored = self._memory.sessions.get((before.user_id, before.id))
            if stored is None or retries(stored) != retries(before):
                return Rotation(applied=False, session=stored)
            self._memory.sessions[before.user_id, before.id] = replace(stored, **retries(after))
            if event is not None:
                self._memory.events.append(event)
            return Rotation(applied=True, session=after)

    def note_without_key(self, session, event):
        with self._memory.lock:
            stored = self._memory.sessions.get((session.user_id, session.id))
            if stored is None or event.at - stored.without_key_at < WITHOUT_KEY_INTERVAL:
                return
            self._memory.sessions[session.user_id, session.id] = replace(stored, without_key_at=event.at)
            self._memory.events.append(event)

    def reauthenticate(self, user, session, event, *, factor=None):
        with self._memory.lock:
            stored = self._memory.sessions.get((user.id, session.id))
            if stored is None:
                return False
            if factor is not None:
                found = self._memory.users.get(user.username_key)
                if not unchanged(found, user):
                    raise Conflict
                self._memory.factors.check(found, factor)
                self._memory.users[user.username_key] = self._memory.factors.use_up(
                    self._memory, found, factor, event.at
                )
            self._memory.sessions[user.id, session.id] = replace(
                stored, authenticated_at=session.authenticated_at, amr=session.amr
            )
            self._memory.events.append(event)
            return True

    def end(self, user_id, session_id, event):
        with self._memory.lock:
            if self._memory.sessions.pop((user_id, session_id), None) is None:
                return False
            self._memory.events.append(event)
            self._memory.tell_ended(session_id, event.at, is_user=False)
            return True

    def end_another(self, user, session_id, event):
        with self._memory.lock:
            return self.end(user.id, session_id, event) and self._withdraw(user.username, session_id)

    def end_reused(self, session, event, mail=None):
        with self._memory.lock:
            if not self.end(session.user_id, session.id, event):
                return False
            self._memory.mails.put(mail)
            return self._withdraw(session.username, session.id)

    def _withdraw(self, username, session_id):
        found = self._memory.users.get(canonical_username(username))
        if found is not None and found.contact is not None and found.contact.asked_by == session_id:
            self._memory.users[found.username_key] = replace(found, contact=found.settled_contact)
        return True

    def end_at(self, user_id, session_id, counter, event, *, key_proof=None, on_device=False):
        with self._memory.lock:
            session = self._memory.sessions.get((user_id, session_id))
            if session is None or counter not in (None, session.refresh_counter) or not session.allows(key_proof):
                return Rotation(applied=False, session=session)
            if session.needs_device and not on_device:
                return Rotation(applied=False, session=session)
            self.end(user_id, session_id, event)
            return Rotation(applied=True, session=None)

    def with_user(self, username, user_id, session_id):
        with self._memory.lock:
            return (
                self._memory.user(username),
                self._memory.sessions.get((user_id, session_id)),
            )

    def of_user(self, user_id):
        with self._memory.lock:
            return [session for session in self._memory.sessions.values() if session.user_id == user_id]


class FakeEventLog:
    def __init__(self, memory):
        self._memory = memory

    def recent(self, user_id, limit):
        newest_first = [event for event in reversed(self._memory.events) if event.user_id == user_id]
        return sorted(newest_first, key=lambda event: -event.at)[:limit]


class FakeEndedFeed:
    def __init__(self, memory):
        self._memory = memory

    def since(self, at):
        with self._memory.lock:
            return sorted((entry for entry in self._memory.ended if entry.at >= at), key=lambda entry: entry.at)


class FakeLoginThrottle:
    def __init__(self, memory, rules):
        self._memory = memory
        self._rules = rules

    def admit(self, attempt, now):
        with self._memory.lock:
            user = self._memory.users.get(canonical_username(attempt.username))
            if attempt.known is not None and (user is None or user.id != attempt.known.user_id):
                attempt = attempt.by_stranger()
            window = None
            if attempt.known is None:
                window = self._rules.address_window_of(attempt.caller.ip, now)
                self._count(window, TooManyAttempts(window.ends_at - now, limit="address"))
            before = self._memory.failures_of(attempt)
            try:
                after, finished = before.charged(attempt, user and user.id, self._rules, now)
            except TooManyAttempts:
                if window is not None:
                    self._memory.uncount(window)
                raise
            self._memory.remember(attempt, after)
            if finished is not None:
                self._memory.events.append(finished)
            return Admission(attempt, user and replace(user, failures=before.today), before, window)

    def succeeded(self, admission):
        with self._memory.lock:
            if admission.user is not None:
                self._memory.forget(admission)

    def register(self, ip, now):
        with self._memory.lock:
            window = self._rules.registration_window_of(ip, now)
            self._count(window, TooManyRegistrations(window.ends_at - now, limit="registration"))
            return window

    def not_registered(self, window):
        with self._memory.lock:
            self._memory.uncount(window)

    def _count(self, window, refusal):
        counters = self._memory.windows.setdefault(window.key, dict.fromkeys(window.limits, 0))
        for name in window.limits:
            counters.setdefault(name, 0)
        if any(counters[name] >= most for name, most in window.limits.items()):
            raise refusal
        for name in window.limits:
            counters[name] += 1


RULES = ThrottleRules(
    pair_failures=5,
    account_failures=25,
    device_failures=10,
    address_failures=25,
    address_window=3600,
    longest_delay=900,
    registrations=5,
)


MAIL_RULES = MailRules(per_ip=30, per_day=50)


def fake_stores(memory, rules=RULES, *, max_sessions=50, mail_rules=MAIL_RULES):
    return Stores(
        FakeUserStore(memory),
        FakeSessionStore(memory, max_sessions),
        FakeEventLog(memory),
        FakeLoginThrottle(memory, rules),
        lambda: MailStores(FakeAddressStore(memory), FakeOutbox(memory, mail_rules)),
        lambda: FakeFactorStore(memory),
        lambda: FakeAdministrationStore(memory),
        lambda: FakeEndedFeed(memory),
    )


def retries(session):
    """What a session remembers of retries, or of the proofs of its key."""
    names = ("retried_counter", "retried_in_a_row", "elsewhere_counter", "elsewhere_at")
    if session.key:
        names = ("key_proof_at", "key_proofs")
    return {name: getattr(session, name) for name in names}


def unchanged(found, user):
    """Return whether a user has not changed since its password was checked."""
    return (
        found is not None
        and not found.disabled
        and (found.id, found.password_hash, found.session_epoch) == (user.id, user.password_hash, user.session_epoch)
    )


def fake_use_cases(memory, ring, *, hasher, clock, announce=lambda _: None, settings=None, hooks=None, **stores):
    """Return the use cases over fakes that share a memory, with the hooks of a site.

    ``settings`` replace defaults, ``stores`` replace fakes.
    """
    environment = {
        "LYCHGATE_ISSUER": ISSUER,
        "LYCHGATE_PUBLIC_KEYS": json.dumps(public_jwks(ring)),
        "LYCHGATE_SIGNING_KEYS_PARAMETER": "/lychgate/test/signing-keys",
        **{f"LYCHGATE_{name}_TABLE": "none" for name in ("USERS", "SESSIONS", "EVENTS", "THROTTLE", "MAIL")},
        "LYCHGATE_MAIL_FROM": "no-reply@lychgate.example",
        **(settings or {}),
    }

    def make_stores(_, settings):
        fakes = fake_stores(memory, settings.throttle, max_sessions=settings.max_sessions, mail_rules=settings.mails)
        return replace(fakes, **stores)

    return Lychgate(
        environment,
        clients=clients_of(ring=ring),
        clock=clock,
        make_stores=make_stores,
        make_hasher=lambda **_: hasher,
        announce=announce,
        hooks=hooks,
    ).use_cases
