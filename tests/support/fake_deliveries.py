"""What the mailer needs, in memory, over the memory of the other fakes. tests/contract tests the first of them."""

from dataclasses import dataclass, field, replace
from types import SimpleNamespace

from chalicelib.accounts.addresses import canonical_address
from chalicelib.accounts.usernames import canonical_username
from chalicelib.credentials.mail_budgets import budget_key
from chalicelib.credentials.mailed import LIFETIMES
from chalicelib.credentials.throttling import mails_of_day
from chalicelib.errors import ServiceUnavailable
from chalicelib.use_cases.mailer_ports import Outgoing, Recipient
from tests.support.fake_mails import charge, count_in


@dataclass
class Posted:
    """What the mailer has written into a mail."""

    attempts: int = 0
    in_day: bool = False
    counted: bool = False
    sent_at: int | None = None
    message_id: str | None = None
    outcome: str | None = None

    @property
    def is_done(self):
        return self.sent_at is not None or self.outcome is not None


class FakeDeliveries:
    """The names themselves are the keys by which users are found."""

    def __init__(self, memory, mails_per_day):
        self._memory = memory
        self._mails = memory.mails
        self._mails_per_day = mails_per_day

    def find(self, mail_id):
        with self._memory.lock:
            mail = next((mail for mail in self._mails.asked if mail.id == mail_id), None)
            posted = self._posted(mail_id)
            return mail and Outgoing(
                mail_id=mail.id,
                kind=mail.kind,
                at=mail.at,
                language=mail.language,
                name_key=canonical_username(mail.asked) if mail.asked is not None else None,
                address_key=canonical_address(mail.asked) if mail.asked is not None else None,
                to=mail.to,
                user_id=mail.user_id or self._mails.proofs[mail_id].user_id,
                known_user_id=mail.known_user_id,
                in_day=posted.in_day,
                counted=posted.counted,
                expires_at=mail.at + LIFETIMES[mail.kind] if mail.kind in LIFETIMES else None,
                attempts=posted.attempts,
                is_done=posted.is_done or (mail.handed_over is not None and not mail.handed_over.is_mailed),
                password_version=mail.handed_over and mail.handed_over.password_version,
            )

    def user_with_name(self, name_key):
        with self._memory.lock:
            user = self._memory.users.get(name_key)
            contact = user and user.contact
            return user and Recipient(
                user_id=user.id,
                username=user.username,
                email=contact.email if contact else None,
                verified=contact.verified if contact else False,
                new_email=contact.new_email if contact else None,
                language=contact.language if contact else "",
                disabled=user.disabled,
                password_version=self._mails.version(user),
            )

    def user_with_address(self, address_key):
        with self._memory.lock:
            owner = self._mails.owners.get(address_key)
            name = next((name for name, user in self._memory.users.items() if user.id == owner), None)
            return name and self.user_with_name(name)

    def is_suppressed(self, address):
        with self._memory.lock:
            return canonical_address(address) in self._mails.suppressed

    def count_in_day(self, mail):
        with self._memory.lock:
            posted = self._posted(mail.mail_id)
            posted.in_day = posted.in_day or count_in(self._memory, mails_of_day(self._mails_per_day, mail.at))
            return posted.in_day

    def prepare(self, addressed):
        with self._memory.lock:
            mail, recipient = addressed.mail, addressed.recipient
            posted = self._posted(mail.mail_id)
            if posted.is_done or posted.attempts != mail.attempts:
                raise ServiceUnavailable("elsewhere")
            if addressed.is_charged:
                known = recipient is not None and recipient.user_id == mail.known_user_id
                key = budget_key(addressed.email, mail.known_user_id if known else None)
                charge(self._memory, key, mail.kind, mail.at)
            posted.counted = True
            posted.attempts += 1
            self._prove(addressed)

    def _prove(self, addressed):
        proof, recipient = self._mails.proofs[addressed.mail.mail_id], addressed.recipient
        changes = {"email": addressed.email}
        if recipient is not None:
            changes["user_id"] = recipient.user_id
            changes["username"] = recipient.username
            changes["password_version"] = recipient.password_version
        if addressed.token_digest is not None:
            changes["token_digests"] = (*proof.token_digests, addressed.token_digest)
        if addressed.code_digest is not None:
            changes["code_digest"] = addressed.code_digest
        self._mails.proofs[addressed.mail.mail_id] = replace(proof, **changes)

    def sent(self, mail_id, message_id, now):
        with self._memory.lock:
            self._posted(mail_id).sent_at = now
            self._posted(mail_id).message_id = message_id

    def give_up(self, mail_id, attempts, outcome):
        with self._memory.lock:
            posted = self._posted(mail_id)
            if posted.is_done:
                return False
            if posted.attempts != attempts:
                raise ServiceUnavailable("elsewhere")
            posted.outcome = outcome
            return True

    def suppress(self, address, reason, now):
        with self._memory.lock:
            self._mails.suppressed[canonical_address(address)] = (reason, now)

    def _posted(self, mail_id):
        return self._mails.posted.setdefault(mail_id, Posted())


@dataclass
class FakeTransport:
    """Takes every mail, or raises ``refusal``."""

    refusal: Exception | None = None
    sent: list = field(default_factory=list)

    def send(self, to, content):
        if self.refusal is not None:
            raise self.refusal
        self.sent.append((to, content))
        return f"ses-{len(self.sent)}"


def plain(template, language, values):
    """Write a mail of its parts, without a template."""
    lines = [f"{name}: {value}" for name, value in values.items()]
    return SimpleNamespace(subject=template, text="\n".join(lines), html="", language=language, values=values)


class ProcessDied(BaseException):
    """The process ends where this is raised: nothing handles it."""


class Mortal:
    """Calls a thing's methods, and lets the process die before or after a step. Steps are counted over all of them."""

    def __init__(self, thing, steps):
        self._thing = thing
        self._steps = steps

    def __getattr__(self, name):
        method = getattr(self._thing, name)

        def call(*arguments, **options):
            self._steps.reach(name, "before")
            result = method(*arguments, **options)
            self._steps.reach(name, "after")
            return result

        return call


class Steps:
    """The steps that were taken. Dies at the one with this number."""

    def __init__(self, last=None):
        self.taken = []
        self._last = last

    def reach(self, name, when):
        self.taken.append((when, name))
        if self._last is not None and len(self.taken) > self._last:
            raise ProcessDied
