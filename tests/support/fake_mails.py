"""The stores of addresses and of mails in memory. ``fakes`` has the others, and the memory that they share."""

from dataclasses import replace
from typing import NamedTuple

from chalicelib.accounts.addresses import canonical_address
from chalicelib.accounts.mail import Mail, MailKind
from chalicelib.accounts.user import Contact
from chalicelib.accounts.usernames import canonical_username
from chalicelib.credentials.mail_budgets import Typed, charged, typed_key, uncharged
from chalicelib.credentials.mailed import (
    LIFETIMES,
    MOST_TRIES,
    MailedProof,
    code_digest,
    new_code,
    new_token,
    token_digest,
)
from chalicelib.errors import Conflict, EmailTaken, LinkExpired, TooManyMails, TooManyMailsToAddress


def proof_of_mail(mail):
    """What is stored of a mail that was asked for and not sent yet."""
    proof = _proof_of_mail(mail)
    link = mail.handed_over
    if link is None:
        return proof
    return replace(
        proof,
        handed_over=True,
        username=link.username,
        email=link.email,
        password_version=link.password_version,
        shown_digest=link.token_digest,
    )


def _proof_of_mail(mail):
    return MailedProof(
        mail_id=mail.id,
        kind=mail.kind,
        expires_at=mail.at + LIFETIMES.get(mail.kind, 0),
        used=False,
        user_id=mail.user_id,
        username=None,
        email=None,
        password_version=0,
        session_id=mail.session_id,
    )


class FakeMails:
    """The outbox, addresses, kept registrations and budgets of a memory."""

    def __init__(self):
        self.asked = []
        self.proofs = {}
        self.owners = {}
        self.registrations = {}
        self.versions = {}
        self.sent = {}
        self.posted = {}
        self.suppressed = {}

    def put(self, mail):
        if mail is not None:
            self.asked.append(mail)
            self.proofs[mail.id] = proof_of_mail(mail)

    def is_unused(self, proof):
        return proof is None or (proof.mail_id in self.proofs and not self.proofs[proof.mail_id].used)

    def use(self, proof):
        if proof is not None:
            self.proofs[proof.mail_id] = replace(self.proofs[proof.mail_id], used=True)

    def is_free(self, email, user):
        return self.owners.get(canonical_address(email), user.id) == user.id

    def version(self, user):
        return self.versions.get(user.id, 0)

    def password_changed(self, user):
        self.versions[user.id] = self.version(user) + 1


class FakeAddressStore:
    def __init__(self, memory):
        self._memory = memory

    def keep(self, registration, mail):
        with self._memory.lock:
            self._memory.mails.registrations[registration.mail_id] = registration
            self._memory.mails.put(mail)

    def kept(self, mail_id):
        with self._memory.lock:
            return self._memory.mails.registrations.get(mail_id)

    def set_email(self, user, contact, mail):
        with self._memory.lock:
            found = self._unchanged(user)
            if (user.id, contact.asked_by) not in self._memory.sessions:
                raise Conflict
            self._memory.users[user.username_key] = replace(found, contact=contact)
            self._memory.mails.put(mail)

    def withdraw_email(self, user):
        with self._memory.lock:
            found = self._unchanged(user)
            self._memory.users[user.username_key] = replace(found, contact=found.settled_contact)

    def remove_email(self, user, event, mail):
        with self._memory.lock:
            found = self._unchanged(user)
            if user.verified_email is not None:
                self._memory.mails.owners.pop(canonical_address(user.verified_email), None)
            self._memory.users[user.username_key] = replace(found, contact=None)
            self._record(event, mail)

    def confirm_email(self, user, proof, event, mail):
        with self._memory.lock:
            found = self._waiting(user, proof)
            self._give(user, found, proof)
            self._memory.users[user.username_key] = replace(found, contact=confirmed(found, proof.email))
            self._memory.mails.use(proof)
            self._record(event, mail)

    def rename(self, user, proof, event, mail):
        with self._memory.lock:
            found, key = self._waiting(user, proof), canonical_username(proof.email)
            if key != user.username_key and key in self._memory.users:
                raise EmailTaken
            self._give(user, found, proof)
            moves = key != user.username_key
            renamed = replace(found, username=proof.email, contact=confirmed(found, proof.email))
            if moves:
                renamed = replace(renamed, session_epoch=found.session_epoch + 1)
                del self._memory.users[user.username_key]
                self._memory.tell_ended(user.id, event.at, is_user=True)
                asking = self._memory.sessions.get((user.id, proof.session_id))
                if asking is not None and asking.epoch == found.session_epoch:
                    self._memory.sessions[user.id, proof.session_id] = replace(
                        asking, username=proof.email, epoch=renamed.session_epoch
                    )
            self._memory.users[key] = renamed
            for passkey_id in renamed.passkeys:
                passkey = self._memory.factors.passkeys[passkey_id]
                self._memory.factors.passkeys[passkey_id] = replace(passkey, username=proof.email)
            self._memory.mails.use(proof)
            self._record(event, mail)

    def _unchanged(self, user):
        found = self._memory.user(user.username)
        was = (user.id, user.contact, user.session_epoch, False)
        if found is None or (found.id, found.contact, found.session_epoch, found.disabled) != was:
            raise Conflict
        return found

    def _waiting(self, user, proof):
        found, mails = self._memory.user(user.username), self._memory.mails
        waits = found is not None and found.contact is not None and found.contact.unconfirmed == proof.email
        if not waits or found.id != user.id or found.disabled or mails.version(user) != proof.password_version:
            raise LinkExpired("changed")
        if not mails.is_unused(proof):
            raise LinkExpired("used")
        return found

    def _give(self, user, found, proof):
        if not self._memory.mails.is_free(proof.email, user):
            raise EmailTaken
        if found.verified_email is not None:
            self._memory.mails.owners.pop(canonical_address(found.verified_email), None)
        self._memory.mails.owners[canonical_address(proof.email)] = user.id

    def _record(self, event, mail):
        if event is not None:
            self._memory.events.append(event)
        self._memory.mails.put(mail)


class FakeOutbox:
    def __init__(self, memory, rules):
        self._memory = memory
        self._rules = rules

    def ask(self, mail):
        with self._memory.lock:
            self._memory.mails.put(mail)

    def find(self, mail_id):
        with self._memory.lock:
            return self._memory.mails.proofs.get(mail_id)

    def try_code(self, mail_id, now):
        with self._memory.lock:
            proof = self._memory.mails.proofs.get(mail_id)
            if proof is None or proof.problem((MailKind.LOGIN_CODE,), now) or proof.tries >= MOST_TRIES:
                return None
            tried = self._memory.mails.proofs[mail_id] = replace(proof, tries=proof.tries + 1)
            return tried

    def count_request(self, ip, known, now):
        with self._memory.lock:
            window = self._rules.address_window_of(ip, now)
            if not self._count(window):
                raise TooManyMails(window.ends_at - now, limit="network")
            return known or self._count(self._rules.day_window_of(now))

    def count_typed(self, address, caller, kind, now):
        with self._memory.lock:
            typed = Typed(address, caller, kind, now, in_day=self.count_request(caller.ip, known=False, now=now))
            try:
                charge(self._memory, typed_key(address, caller.network), kind, now)
            except TooManyMailsToAddress:
                self._uncount(typed)
                raise
            return typed

    def not_asked(self, typed):
        with self._memory.lock:
            self._uncount(typed)
            sent = self._memory.mails.sent
            key = typed_key(typed.address, typed.caller.network)
            sent[key] = uncharged(sent[key], typed.kind, typed.at)

    def _uncount(self, typed):
        windows = [self._rules.address_window_of(typed.caller.ip, typed.at)]
        if typed.in_day:
            windows.append(self._rules.day_window_of(typed.at))
        for window in windows:
            for name in window.limits:
                self._memory.windows[window.key][name] -= 1

    def _count(self, window):
        return count_in(self._memory, window)


def charge(memory, key, kind, now):
    """Count a mail to an address."""
    after, wait = charged(memory.mails.sent.get(key, ()), kind, now)
    if wait > 0:
        raise TooManyMailsToAddress(wait, limit="address")
    memory.mails.sent[key] = after


def count_in(memory, window):
    """Count in a window, and return whether it had room."""
    counted = memory.windows.setdefault(window.key, dict.fromkeys(window.limits, 0))
    if any(counted[name] >= most for name, most in window.limits.items()):
        return False
    for name in window.limits:
        counted[name] += 1
    return True


def confirmed(user, email):
    """Where a user gets mail who has confirmed an address."""
    return Contact(email, verified=True, language=user.contact.language)


def deliver(memory):
    """Send what waits, as the mailer does. Return each mail with the token or the code that it carries, newest last."""
    sent = []
    with memory.lock:
        for mail in memory.mails.asked:
            user, email = _recipient(memory, mail)
            if email is None:
                continue
            secret = _secret(mail, user)
            added = {"email": email}
            if user is not None:
                added |= {"user_id": user.id, "username": user.username}
                added["password_version"] = memory.mails.version(user)
            if mail.kind is MailKind.LOGIN_CODE:
                added["code_digest"] = code_digest(secret, mail.id)
            elif secret is not None:
                added["token_digests"] = (token_digest(secret),)
            memory.mails.proofs[mail.id] = replace(memory.mails.proofs[mail.id], **added)
            sent.append(Sent(mail, email, secret))
        memory.mails.asked.clear()
    return sent


class Sent(NamedTuple):
    mail: Mail
    email: str
    secret: str | None
    """The token or the code. None in a notice."""


def _secret(mail, user):
    if mail.kind not in LIFETIMES or (mail.kind is MailKind.REGISTER and user is not None):
        return None
    return new_code() if mail.kind is MailKind.LOGIN_CODE else new_token(mail.id)


def _recipient(memory, mail):
    user = memory.user(mail.asked)
    if mail.user_id is None:
        owner = memory.mails.owners.get(canonical_address(mail.asked))
        by_address = [other for other in memory.users.values() if other.id == owner]
        user = by_address[0] if by_address else user
    elif user is not None and user.id != mail.user_id:
        user = None
    if mail.kind is MailKind.REGISTER:
        return user, mail.to
    if user is None or user.disabled:
        return None, None
    if mail.kind is MailKind.EMAIL:
        waits = user.contact is not None and user.contact.unconfirmed == mail.to
        return (user, mail.to) if waits else (None, None)
    return user, mail.to or user.verified_email
