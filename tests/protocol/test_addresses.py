"""Addresses against a model: several users, one of whom may be an attacker, who do anything in any order, with time.

And one account with a thief in it, who gives it an address of his own before the owner acts.

The machine says beforehand what must come of each mailed link. The stores are the real ones, over a small DynamoDB in
memory. ``HYPOTHESIS_PROFILE=nightly`` runs it at length.
"""

import json
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, precondition, rule

from chalicelib.accounts.addresses import canonical_address
from chalicelib.accounts.caller import Caller
from chalicelib.accounts.mail import MailKind
from chalicelib.adapters.dynamodb.items import user_from_item
from chalicelib.errors import (
    Conflict,
    EmailTaken,
    InvalidCredentials,
    InvalidGrant,
    LinkExpired,
    NotFound,
    RefreshTokenReused,
    UsernameTaken,
    ValidationFailed,
)
from chalicelib.tokens.keys import generate_signing_jwk, parse_verification_keys, public_jwks
from chalicelib.tokens.kinds import ACCESS_TOKEN
from chalicelib.tokens.verifier import TokenVerifier
from chalicelib.wiring import Lychgate
from tests.protocol.test_refresh_protocol import PlainHasher
from tests.regions.homes import FencedClient
from tests.regions.small_dynamodb import SmallDynamoDB
from tests.support.application import clients_of
from tests.support.post_office import PostOffice
from tests.support.samples import ISSUER, NOW
from tests.support.verified_addresses import names_by_address

CALLER = Caller(ip="203.0.113.7", user_agent="browser")
JWK = generate_signing_jwk()
KEYS = parse_verification_keys(public_jwks({"keys": [JWK]}))
ENVIRONMENT = {
    **{f"LYCHGATE_{name.upper()}_TABLE": name for name in ("users", "sessions", "events", "throttle", "mail")},
    "LYCHGATE_ISSUER": ISSUER,
    "LYCHGATE_PUBLIC_KEYS": json.dumps(public_jwks({"keys": [JWK]})),
    "LYCHGATE_SIGNING_KEYS_PARAMETER": "/lychgate/test/signing-keys",
    "LYCHGATE_MAIL_FROM": "no-reply@lychgate.example",
}

NAMES = st.sampled_from(["alice", "eve"])
ADDRESSES = st.sampled_from(["a@example.org", "A@Example.org", "b@example.org"])
LATER, DELIVERED, USED = "later", "delivered", "used"
THEN = st.sampled_from([LATER, DELIVERED, USED])
"""What becomes of a mail that was asked for."""
STEPS = st.sampled_from([1, 60, 600, 1799, 1800, 3599, 3600])


class Client(FencedClient):
    """The small database, as the stores and the mailer reach it."""

    def __init__(self):
        database = SmallDynamoDB()
        replicator = SimpleNamespace(wrote=lambda *_: None)
        super().__init__(SimpleNamespace(database=database, replicator=replicator, name="eu"), [], lambda: None)
        self.scan = database.scan


@dataclass(eq=False)
class ModelUser:
    """What must be true of an account, kept without any look at the implementation."""

    id: str
    name: str
    password: str
    verified: str | None = None
    waiting: str | None = None
    """The address that was last given and not confirmed."""
    given_by: object = None
    """The principal that has given it. None if it was the registration, which is withdrawn by nothing."""
    password_changes: int = 0

    def withdraw(self):
        if self.given_by is not None:
            self.waiting = self.given_by = None


@dataclass(eq=False)
class ModelLink:
    """A mailed link, as the one who reads the mail sees it."""

    text: str = field(repr=False)
    kind: MailKind
    to: str
    user_id: str | None
    password_changes: int
    expires_at: int
    password: str | None = None
    used: bool = False


class Machine(RuleBasedStateMachine):
    """A site of one process, over a small database, and the mails that it sends."""

    identifier = "username"

    def __init__(self):
        super().__init__()
        self.now, self.number = NOW, 0
        self.verifier = TokenVerifier(issuer=ISSUER, audience=ISSUER, keys=KEYS, clock=lambda: self.now)
        self.client = client = Client()
        self.post = PostOffice(client, SimpleNamespace(users="users", mail="mail"))
        self.use_cases = Lychgate(
            ENVIRONMENT | {"LYCHGATE_IDENTIFIER": self.identifier},
            clients=clients_of(ring={"keys": [JWK], "pepper": "A" * 43}, dynamodb=client),
            clock=lambda: self.now,
            make_hasher=lambda **_: PlainHasher(),
            announce=lambda _: None,
        ).use_cases

    def new_password(self):
        self.number += 1
        return f"the passphrase of today is no. {self.number}"

    def logged_in(self, name, password):
        logged_in = self.use_cases.log_in.with_password(name, password, CALLER)
        return self.principal_of(logged_in)

    def principal_of(self, logged_in):
        return self.verifier.verify(ACCESS_TOKEN, logged_in.tokens.access_token)

    def forget_budgets(self):
        """The limits on mails and on registrations are not what is tested here."""
        for item in self.client.scan(TableName="throttle")["Items"]:
            self.client.delete_item(TableName="throttle", Key={"counter_key": item["counter_key"]})


class Site(Machine):
    """What users do wherever their addresses are, names or not."""

    links = Bundle("links")

    def __init__(self):
        super().__init__()
        self.users = {}

    # What the model knows.

    def named(self, name):
        return next((user for user in self.users.values() if user.name.casefold() == name.casefold()), None)

    def owner_of(self, address):
        return next((user for user in self.users.values() if user.verified and same(user.verified, address)), None)

    def principal(self, user):
        return self.logged_in(user.name, user.password)

    def is_void(self, link, kind):
        """Whether a link does nothing for this purpose, whatever it leads to."""
        user = self.users.get(link.user_id)
        changed = user is not None and user.password_changes != link.password_changes
        return link.kind is not kind or link.used or self.now >= link.expires_at or changed

    # What users do.

    @rule(seconds=STEPS)
    def time_passes(self, seconds):
        self.now += seconds

    @rule(target=links)
    def mails_are_delivered(self):
        return self.delivered()

    def delivered(self, then=DELIVERED):
        """Deliver what waits, and return the links in it; nothing if it waits on. Its readers may use them at once."""
        if then == LATER:
            return multiple()
        links = [self.read(letter) for letter in self.post.deliver() if letter.token is not None]
        for link in links if then == USED else ():
            self.use(link)
        return multiple(*links)

    def use(self, link):
        """Do what a link is for."""
        uses = {MailKind.EMAIL: self.use_a_link_to_confirm, MailKind.RESET: self.use_a_link_to_reset}
        (uses.get(link.kind) or self.use_a_link_for_an_account_that_is_to_be)(link)

    def read(self, letter):
        user = self.users.get(letter.user_id)
        if letter.kind is MailKind.RESET:
            assert user is self.owner_of(letter.to), "only a verified address is told"
        if letter.kind is MailKind.EMAIL:
            assert user.waiting == letter.to, "only the address that waits is asked"
        changes = user.password_changes if user is not None else 0
        return ModelLink(letter.token, letter.kind, letter.to, letter.user_id, changes, letter.expires_at)

    @precondition(lambda self: self.users)
    @rule(target=links, data=st.data(), address=ADDRESSES, then=THEN)
    def give_an_address(self, data, address, then):
        user = self.someone(data)
        self.forget_budgets()
        principal = self.principal(user)
        if user.verified is not None and same(user.verified, address):
            if user.waiting is None:
                with pytest.raises(ValidationFailed):
                    self.use_cases.addresses.change(principal, address, CALLER, language="en")
            else:
                self.use_cases.addresses.change(principal, address, CALLER, language="en")
                user.withdraw()
            return multiple()
        self.use_cases.addresses.change(principal, address, CALLER, language="en")
        user.waiting, user.given_by = address, principal
        return self.delivered(then)

    @precondition(lambda self: any(user.waiting for user in self.users.values()))
    @rule(target=links, data=st.data(), then=THEN)
    def ask_again(self, data, then):
        user = data.draw(st.sampled_from([user for user in self.users.values() if user.waiting]))
        self.forget_budgets()
        self.use_cases.addresses.resend(self.principal(user), CALLER)
        return self.delivered(then)

    @rule(target=links, name=NAMES | ADDRESSES, then=THEN)
    def forget_a_password(self, name, then):
        self.forget_budgets()
        self.use_cases.password_reset.ask(name, CALLER, device=None, language="en")
        return self.delivered(then)

    @precondition(lambda self: self.users)
    @rule(data=st.data())
    def change_the_password(self, data):
        user = self.someone(data)
        new = self.new_password()
        self.use_cases.account.change_password(self.principal(user), user.password, new, CALLER)
        user.password = new
        user.password_changes += 1
        user.withdraw()

    @precondition(lambda self: self.users)
    @rule(data=st.data())
    def log_out_everywhere(self, data):
        user = self.someone(data)
        self.use_cases.account.log_out_everywhere(self.principal(user), CALLER)
        user.withdraw()

    @precondition(lambda self: any(user.given_by for user in self.users.values()))
    @rule(data=st.data(), itself=st.booleans())
    def end_the_session_that_gave_an_address(self, data, itself):
        user = data.draw(st.sampled_from([user for user in self.users.values() if user.given_by]))
        ended = user.given_by
        by = ended if itself else self.principal(user)
        if ended.session_id not in {session.id for session in self.use_cases.account.sessions(self.principal(user))}:
            return
        self.use_cases.account.end_session(by, ended.session_id, CALLER)
        if not itself:
            user.withdraw()

    @precondition(lambda self: self.users)
    @rule(data=st.data())
    def delete_the_account(self, data):
        user = self.someone(data)
        self.use_cases.account.delete_account(self.principal(user), user.password, CALLER)
        del self.users[user.id]

    @rule(link=links)
    def use_a_link_to_reset(self, link):
        user, new = self.users.get(link.user_id), self.new_password()
        left = user is None or user.verified is None or not same(user.verified, link.to)
        if self.is_void(link, MailKind.RESET) or left:
            with pytest.raises(LinkExpired):
                self.use_cases.password_reset.reset(link.text, new, CALLER)
            return
        before = self.principal(user)
        self.use_cases.password_reset.reset(link.text, new, CALLER)
        link.used = True
        with pytest.raises(InvalidCredentials):
            self.use_cases.log_in.with_password(user.name, user.password, CALLER)
        user.password = new
        user.password_changes += 1
        user.withdraw()
        live = self.use_cases.account.sessions(self.principal(user))
        assert before.session_id not in {session.id for session in live}

    @rule(link=links)
    def use_a_link_to_confirm(self, link):
        user, owner = self.users.get(link.user_id), self.owner_of(link.to)
        waits = user is not None and user.waiting == link.to
        if self.is_void(link, MailKind.EMAIL) or not waits:
            with pytest.raises((LinkExpired, EmailTaken)):
                self.use_cases.addresses.confirm(link.text, CALLER)
            return
        if owner not in {None, user}:
            with pytest.raises(EmailTaken):
                self.use_cases.addresses.confirm(link.text, CALLER)
            return
        self.confirmed(user, link)

    def confirmed(self, user, link):
        self.use_cases.addresses.confirm(link.text, CALLER)
        link.used = True
        user.verified, user.waiting, user.given_by = link.to, None, None

    def someone(self, data):
        return data.draw(st.sampled_from(list(self.users.values())))

    def teardown(self):
        """At the end every address that no account has verified is free, and every other finds its account."""
        for address in ("a@example.org", "b@example.org"):
            owner = self.owner_of(address)
            self.forget_budgets()
            self.use_cases.password_reset.ask(address, CALLER, device=None, language="en")
            self.post.letters.clear()
            found = [letter for letter in self.post.deliver() if letter.kind is MailKind.RESET and letter.token]
            told = {letter.user_id for letter in found if same(letter.to, address)}
            assert told <= ({owner.id} if owner else set())
            assert owner is None or owner.id in told

    @invariant()
    def each_address_is_verified_by_one_account_at_most_and_finds_it(self):
        items = self.client.scan(TableName="users")["Items"]
        expected = {user.verified: user.name for user in self.users.values() if user.verified}
        assert names_by_address(items) == expected
        stored = {user.id: user for item in items if (user := user_from_item(item)) is not None}
        assert stored.keys() == self.users.keys()
        for user in self.users.values():
            contact = stored[user.id].contact
            assert (contact and contact.unconfirmed) == user.waiting


def same(one, other):
    return canonical_address(one) == canonical_address(other)


class Addresses(Site):
    """Accounts with names, and addresses that come and go."""

    @rule(link=Site.links)
    def use_a_link_for_an_account_that_is_to_be(self, link):
        with pytest.raises(NotFound):
            self.use_cases.address_registration.confirm(link.text, CALLER)

    @precondition(lambda self: self.users)
    @rule(data=st.data())
    def remove_the_address(self, data):
        user = self.someone(data)
        self.use_cases.addresses.remove(self.principal(user), CALLER)
        user.verified = user.waiting = user.given_by = None

    @initialize(target=Site.links)
    def a_first_account(self):
        (link,) = self.registered("alice", "a@example.org").values
        self.use_a_link_to_confirm(link)
        return link

    @rule(target=Site.links, name=NAMES, address=ADDRESSES | st.none(), then=THEN)
    def register(self, name, address, then):
        return self.registered(name, address, then)

    def registered(self, name, address, then=DELIVERED):
        self.forget_budgets()
        password = self.new_password()
        if self.named(name) is not None:
            with pytest.raises(UsernameTaken):
                self.use_cases.registration.register(name, password, CALLER, email=address)
            return multiple()
        logged_in = self.use_cases.registration.register(name, password, CALLER, email=address)
        self.users[logged_in.user.id] = ModelUser(logged_in.user.id, name, password, waiting=address)
        return self.delivered(then)

    @rule(target=Site.links, name=NAMES, address=ADDRESSES, by_mail=st.booleans())
    def an_administrator_invites(self, name, address, by_mail):
        """Somebody new chooses a password at once, with the mailed link or with the one that was handed over."""
        administration, reset = self.use_cases.administration, self.use_cases.password_reset.reset
        if self.named(name) is not None:
            with pytest.raises(UsernameTaken):
                administration.create(name, None, CALLER, email=address)
            return multiple()
        made = administration.create(name, None, CALLER, email=address)
        links = [self.read(letter) for letter in self.post.deliver() if letter.token is not None]
        (mailed,) = [link.text for link in links if link.kind is MailKind.INVITATION]
        shown = made.link.partition("#reset=")[2]
        new, is_free = self.new_password(), self.owner_of(address) is None
        reset(mailed if by_mail else shown, new, CALLER)
        with pytest.raises(LinkExpired):
            reset(shown if by_mail else mailed, self.new_password(), CALLER)
        is_shown = by_mail and is_free
        user = ModelUser(made.user.id, name, new, password_changes=1)
        user.verified, user.waiting = (address, None) if is_shown else (None, address)
        self.users[user.id] = user
        return multiple(*(link for link in links if link.kind is not MailKind.INVITATION))


class AddressesThatAreNames(Site):
    """Accounts whose names are their addresses."""

    identifier = "email"

    def __init__(self):
        super().__init__()
        self.passwords = {}

    def read(self, letter):
        link = super().read(letter)
        link.password = self.passwords.get(letter.mail_id)
        return link

    @initialize(target=Site.links)
    def a_first_account(self):
        (link,) = self.asked_for("a@example.org").values
        self.use_a_link_for_an_account_that_is_to_be(link)
        return link

    @rule(target=Site.links, address=ADDRESSES, then=THEN)
    def ask_for_an_account(self, address, then):
        return self.asked_for(address, then)

    def asked_for(self, address, then=DELIVERED):
        self.forget_budgets()
        before, password = self.mail_ids(), self.new_password()
        self.use_cases.address_registration.ask(address, password, CALLER, language="en")
        (mail_id,) = self.mail_ids() - before
        self.passwords[mail_id] = password
        return self.delivered(then)

    def mail_ids(self):
        return {item["mail_id"]["S"] for item in self.client.scan(TableName="mail")["Items"]}

    @rule(link=Site.links)
    def use_a_link_for_an_account_that_is_to_be(self, link):
        if self.is_void(link, MailKind.REGISTER):
            with pytest.raises(LinkExpired):
                self.use_cases.address_registration.confirm(link.text, CALLER)
            return
        if self.owner_of(link.to) is not None:
            with pytest.raises(EmailTaken):
                self.use_cases.address_registration.confirm(link.text, CALLER)
            return
        logged_in = self.use_cases.address_registration.confirm(link.text, CALLER)
        link.used = True
        self.users[logged_in.user.id] = ModelUser(logged_in.user.id, link.to, link.password, verified=link.to)
        assert self.use_cases.log_in.with_password(link.to, link.password, CALLER)

    def confirmed(self, user, link):
        """The account has another name, and only the session that asked for it goes on."""
        bystander = self.use_cases.log_in.with_password(user.name, user.password, CALLER)
        super().confirmed(user, link)
        before, user.name = user.name, link.to
        with pytest.raises(InvalidCredentials):
            self.use_cases.log_in.with_password(before, user.password, CALLER)
        with pytest.raises(InvalidGrant):
            self.use_cases.refresh_tokens.exchange(bystander.tokens.refresh_token, CALLER)


@dataclass(eq=False)
class Gift:
    """An address that somebody has given to the account, in a session."""

    who: str
    session_id: str
    address: str
    is_void: bool = False
    """Whether the owner has done something about the session since, and did not mean it."""


MOST_SESSIONS = 5
OWNER, THIEF = "owner", "thief"
PEOPLE = st.sampled_from([OWNER, THIEF])
MAILBOXES = {OWNER: ("o@example.org", "p@example.org"), THIEF: ("t@example.com", "u@example.com")}


class ThiefOfASession(Machine):
    """One account, its owner, and a thief who has a fresh session and knows the password, until it is another.

    Each gives addresses of his own, asks for mails again and uses what comes. Whatever the owner does about the thief's
    sessions, no address that was given before in one of them is the account's afterwards.
    """

    def __init__(self):
        super().__init__()
        self.password, self.name = self.new_password(), "kim"
        self.knows_password = {OWNER, THIEF}
        self.sessions = {}
        """The principals of the sessions that are live, and whose they are, by their ids."""
        self.first_tokens = {}
        """The first refresh token of each session by its id. Whoever shows it once a later one is known is a thief."""
        self.gifts = []
        self.links, self.used = [], []
        self.changes = 0
        self.verified = None
        self.begin()

    def begin(self):
        self.add_session(OWNER, self.use_cases.registration.register(self.name, self.password, CALLER))

    def add_session(self, who, logged_in):
        principal = self.principal_of(logged_in)
        self.sessions[principal.session_id] = (who, principal)
        self.first_tokens[principal.session_id] = logged_in.tokens.refresh_token

    @property
    def waiting(self):
        """The gift that waits, None if there is none."""
        return self.gifts[-1] if self.gifts and not self.gifts[-1].is_void else None

    def drawn(self, data, who):
        """A live session of somebody. Who has none logs in, if that is possible."""
        own = [principal for whose, principal in self.sessions.values() if whose == who]
        if not own and who in self.knows_password:
            self.log_in(who)
            own = [principal for whose, principal in self.sessions.values() if whose == who]
        return data.draw(st.sampled_from(own)) if own else None

    def void(self, ended):
        """The owner has ended these sessions."""
        for gift in self.gifts:
            gift.is_void |= gift.session_id in ended
        for session_id in ended:
            self.sessions.pop(session_id, None)

    def void_all(self):
        self.void({gift.session_id for gift in self.gifts} | {*self.sessions})

    @precondition(lambda self: len(self.sessions) < MOST_SESSIONS)
    @rule(who=PEOPLE)
    def log_in(self, who):
        if who in self.knows_password:
            self.add_session(who, self.use_cases.log_in.with_password(self.name, self.password, CALLER))

    @rule(data=st.data(), who=PEOPLE, number=st.integers(0, 1))
    def give_an_address(self, data, who, number):
        principal, address = self.drawn(data, who), MAILBOXES[who][number]
        if principal is None:
            return
        self.forget_budgets()
        if address == self.verified:
            if self.waiting is not None:
                self.use_cases.addresses.change(principal, address, CALLER, language="en")
                self.waiting.is_void = True
            return
        self.use_cases.addresses.change(principal, address, CALLER, language="en")
        if self.waiting is not None:
            self.waiting.is_void = True
        self.gifts.append(Gift(who, principal.session_id, address))
        self.deliver()

    @rule(data=st.data(), who=PEOPLE)
    def ask_again(self, data, who):
        principal = self.drawn(data, who)
        if principal is None:
            return
        self.forget_budgets()
        if self.waiting is None:
            with pytest.raises(Conflict):
                self.use_cases.addresses.resend(principal, CALLER)
            return
        self.use_cases.addresses.resend(principal, CALLER)
        self.deliver()

    def deliver(self):
        for letter in self.post.deliver():
            if letter.token is not None:
                self.links.append((letter, self.changes))

    @precondition(lambda self: self.links)
    @rule(data=st.data())
    def use_a_link(self, data):
        """Whoever reads the mailbox does it, early or late."""
        letter, changes = data.draw(st.sampled_from(self.links))
        is_good = self.waiting is not None and self.waiting.address == letter.to and changes == self.changes
        if not is_good or self.now >= letter.expires_at or (letter, changes) in self.used:
            with pytest.raises(LinkExpired):
                self.use_cases.addresses.confirm(letter.token, CALLER)
            return
        self.use_cases.addresses.confirm(letter.token, CALLER)
        self.used.append((letter, changes))
        gift = self.waiting
        self.confirmed(gift)
        self.verified, gift.is_void = gift.address, True

    def confirmed(self, gift):
        """What else becomes of a confirmation: nothing, where a name is a name."""

    @rule(data=st.data())
    def the_owner_ends_a_session(self, data):
        owner = self.drawn(data, OWNER)
        others = [session_id for session_id in self.sessions if owner is None or session_id != owner.session_id]
        if owner is None or not others:
            return
        ended = data.draw(st.sampled_from(others))
        self.use_cases.account.end_session(owner, ended, CALLER)
        self.void({ended})

    @rule(data=st.data(), who=PEOPLE, logs_out=st.booleans())
    def a_copied_token_is_found_out(self, data, who, logs_out):
        """Somebody refreshes twice, and somebody else shows the first token of the session."""
        if (principal := self.drawn(data, who)) is None:
            return
        token = self.first_tokens[principal.session_id]
        refresh_tokens = self.use_cases.refresh_tokens
        successor = refresh_tokens.exchange(token, CALLER).tokens.refresh_token
        refresh_tokens.exchange(successor, CALLER)
        if logs_out:
            refresh_tokens.revoke([token], CALLER)
        else:
            with pytest.raises(RefreshTokenReused):
                refresh_tokens.exchange(token, CALLER)
        self.void({principal.session_id})

    @rule(data=st.data())
    def the_owner_ends_all_sessions(self, data):
        if (owner := self.drawn(data, OWNER)) is not None:
            self.use_cases.account.log_out_everywhere(owner, CALLER)
            self.void_all()

    @rule(data=st.data())
    def the_owner_changes_the_password(self, data):
        owner, new = self.drawn(data, OWNER), self.new_password()
        if owner is not None and OWNER in self.knows_password:
            logged_in = self.use_cases.account.change_password(owner, self.password, new, CALLER)
            self.void_all()
            self.now_secret(new)
            self.add_session(OWNER, logged_in)

    @precondition(lambda self: self.verified in MAILBOXES[OWNER])
    @rule()
    def the_owner_resets_the_password(self):
        self.forget_budgets()
        self.use_cases.password_reset.ask(self.name, CALLER, device=None, language="en")
        (token,) = [letter.token for letter in self.post.deliver() if letter.kind is MailKind.RESET]
        new = self.new_password()
        self.use_cases.password_reset.reset(token, new, CALLER)
        self.void_all()
        self.now_secret(new)

    def now_secret(self, new):
        self.password, self.knows_password = new, {OWNER}
        self.changes += 1

    @rule(data=st.data(), who=PEOPLE)
    def log_out(self, data, who):
        """Of one's own accord: what waits goes on to wait."""
        if (principal := self.drawn(data, who)) is not None:
            self.use_cases.account.end_session(principal, principal.session_id, CALLER)
            del self.sessions[principal.session_id]

    @invariant()
    def the_account_has_no_address_but_what_the_owner_has_left(self):
        (user,) = [user for item in self.client.scan(TableName="users")["Items"] if (user := user_from_item(item))]
        waiting = self.waiting.address if self.waiting is not None else None
        assert (user.contact and user.contact.unconfirmed) == waiting
        assert user.verified_email == self.verified

    @invariant()
    def the_sessions_that_nobody_has_ended_are_live(self):
        for _, principal in self.sessions.values():
            assert self.use_cases.account.profile(principal)


class ThiefOfASessionWhereAddressesAreNames(ThiefOfASession):
    """The same where another address is another name, and the session that has given it goes on alone."""

    identifier = "email"

    def begin(self):
        self.name = self.verified = MAILBOXES[OWNER][0]
        self.use_cases.address_registration.ask(self.name, self.password, CALLER, language="en")
        (token,) = [letter.token for letter in self.post.deliver()]
        self.add_session(OWNER, self.use_cases.address_registration.confirm(token, CALLER))

    def confirmed(self, gift):
        self.name = gift.address
        goes_on = self.sessions.get(gift.session_id)
        self.sessions = {}
        if goes_on is not None:
            who, principal = goes_on
            self.sessions[gift.session_id] = (who, replace(principal, username=self.name))


TestThiefOfASession = pytest.mark.slow(ThiefOfASession.TestCase)
TestThiefOfASessionWhereAddressesAreNames = pytest.mark.slow(ThiefOfASessionWhereAddressesAreNames.TestCase)
TestAddresses = pytest.mark.slow(Addresses.TestCase)  # `make quick` looks at the other
TestAddressesThatAreNames = AddressesThatAreNames.TestCase
