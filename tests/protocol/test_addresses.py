"""Addresses against a model: several users, one of whom may be an attacker, who do anything in any order, with time.

The machine says beforehand what must come of each mailed link. The stores are the real ones, over a small DynamoDB in
memory. ``HYPOTHESIS_PROFILE=nightly`` runs it at length.
"""

import json
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, precondition, rule

from chalicelib.accounts.addresses import canonical_address
from chalicelib.accounts.caller import Caller
from chalicelib.accounts.mail import MailKind
from chalicelib.adapters.dynamodb.items import user_from_item
from chalicelib.errors import (
    EmailTaken,
    InvalidCredentials,
    InvalidGrant,
    LinkExpired,
    NotFound,
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
    password_changes: int = 0


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


class Site(RuleBasedStateMachine):
    """What users do wherever their addresses are, names or not."""

    links = Bundle("links")
    identifier = "username"

    def __init__(self):
        super().__init__()
        self.now, self.number = NOW, 0
        self.users = {}
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

    # What the model knows.

    def named(self, name):
        return next((user for user in self.users.values() if user.name.casefold() == name.casefold()), None)

    def owner_of(self, address):
        return next((user for user in self.users.values() if user.verified and same(user.verified, address)), None)

    def new_password(self):
        self.number += 1
        return f"the passphrase of today is no. {self.number}"

    def principal(self, user):
        logged_in = self.use_cases.log_in.with_password(user.name, user.password, CALLER)
        return self.verifier.verify(ACCESS_TOKEN, logged_in.tokens.access_token)

    def is_void(self, link, kind):
        """Whether a link does nothing for this purpose, whatever it leads to."""
        user = self.users.get(link.user_id)
        changed = user is not None and user.password_changes != link.password_changes
        return link.kind is not kind or link.used or self.now >= link.expires_at or changed

    def forget_budgets(self):
        """The limits on mails and on registrations are not what is tested here."""
        for item in self.client.scan(TableName="throttle")["Items"]:
            self.client.delete_item(TableName="throttle", Key={"counter_key": item["counter_key"]})

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
        if user.verified is not None and same(user.verified, address):
            with pytest.raises(ValidationFailed):
                self.use_cases.addresses.change(self.principal(user), address, CALLER, language="en")
            return multiple()
        self.use_cases.addresses.change(self.principal(user), address, CALLER, language="en")
        user.waiting = address
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
        user.verified, user.waiting = link.to, None

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
        user.verified = user.waiting = None

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


TestAddresses = pytest.mark.slow(Addresses.TestCase)  # `make quick` looks at the other
TestAddressesThatAreNames = AddressesThatAreNames.TestCase
