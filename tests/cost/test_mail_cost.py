"""What mails cost: the calls of each request about them, and of their delivery, and the units that these consume."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from chalicelib.accounts.mail import MailKind
from chalicelib.adapters.dynamodb.deliveries import DynamoDBDeliveries
from chalicelib.adapters.dynamodb.transactions import Database
from chalicelib.config.environment import MAILS_PER_DAY
from chalicelib.credentials.throttling import Known
from chalicelib.errors import InvalidCode, RefreshTokenReused, UsernameTaken
from chalicelib.tokens.kinds import ACCESS_TOKEN
from chalicelib.use_cases.deliver import Deliver
from tests.cost.test_cost import COSTS as WITHOUT_MAIL
from tests.support.consumption import Cost, Meter
from tests.support.post_office import PostOffice
from tests.support.whole import PASSWORD

PAGE = (Path(__file__).parents[2] / "docs" / "performance.md").read_text("utf-8")
KIMS, LEES = "kim@example.org", "lee@example.org"
NEW_PASSWORD = "a quite different passphrase"
NAMES = {"TransactWriteItems": "transaction"}
NUMBERS = {2: "two", 3: "three", 4: "four", 5: "five", 8: "eight"}

COSTS = {
    "register with an address": Cost(
        (
            "UpdateItem throttle",
            "UpdateItem throttle",
            "UpdateItem throttle",
            "GetItem throttle",
            "UpdateItem throttle",
            "TransactWriteItems events+mail+sessions+users",
        ),
        1,
        12,
    ),
    "register with an address under a taken username": Cost(
        (
            "UpdateItem throttle",
            "UpdateItem throttle",
            "UpdateItem throttle",
            "GetItem throttle",
            "UpdateItem throttle",
            "TransactWriteItems events+mail+sessions+users",
            "GetItem throttle",
            "UpdateItem throttle",
            "UpdateItem throttle",
            "UpdateItem throttle",
            "UpdateItem throttle",
        ),
        2,
        16,
    ),
    "confirm the address": Cost(("GetItem mail", "GetItem users", "TransactWriteItems events+mail+users"), 2, 8),
    "ask for the mail again": Cost(
        (
            "BatchGetItem sessions+users",
            "UpdateItem throttle",
            "UpdateItem throttle",
            "GetItem throttle",
            "UpdateItem throttle",
            "PutItem mail",
        ),
        3,
        4,
    ),
    "give another address": Cost(
        (
            "BatchGetItem sessions+users",
            "UpdateItem throttle",
            "UpdateItem throttle",
            "GetItem throttle",
            "UpdateItem throttle",
            "TransactWriteItems mail+sessions+users",
        ),
        3,
        9,
    ),
    "take the change of the address back": Cost(("BatchGetItem sessions+users", "TransactWriteItems users"), 2, 2),
    "end the session that has given another address": Cost(
        ("BatchGetItem sessions+users", "TransactWriteItems events+sessions+users"), 2, 4 * 2
    ),
    "refresh with a reused token, in a session that has given another address": Cost(
        (
            "UpdateItem sessions",
            "TransactWriteItems events+mail+sessions",
            "BatchGetItem sessions+users",
            "TransactWriteItems events+mail+sessions+users",
        ),
        2,
        1 + 4 * 2 + 5 * 2,
    ),
    "confirm another address": Cost(("GetItem mail", "GetItem users", "TransactWriteItems events+mail+users"), 2, 12),
    "remove the address": Cost(("BatchGetItem sessions+users", "TransactWriteItems events+mail+users"), 2, 8),
    "forgot the password": Cost(("UpdateItem throttle", "UpdateItem throttle", "PutItem mail"), 0, 3),
    "forgot the password, by the address": Cost(("UpdateItem throttle", "UpdateItem throttle", "PutItem mail"), 0, 3),
    "forgot the password, as nobody": Cost(("UpdateItem throttle", "UpdateItem throttle", "PutItem mail"), 0, 3),
    "forgot the password, on a device that has logged in before": Cost(("UpdateItem throttle", "PutItem mail"), 0, 2),
    "reset the password": Cost(
        (
            "GetItem mail",
            "GetItem users",
            "TransactWriteItems events+mail+sessions+users",
            "Query sessions",
            "BatchWriteItem sessions",
        ),
        3,
        11,
    ),
    "choose the first password, by an invitation that was mailed": Cost(
        (
            "GetItem mail",
            "GetItem users",
            "TransactWriteItems events+mail+sessions+users",
            "Query sessions",
        ),
        2,
        14,
    ),
    "choose the first password, by a link that was handed over": Cost(
        (
            "GetItem mail",
            "GetItem users",
            "TransactWriteItems events+mail+sessions+users",
            "Query sessions",
        ),
        2,
        10,
    ),
    "ask for a code": Cost(("UpdateItem throttle", "UpdateItem throttle", "PutItem mail"), 0, 3),
    "ask for a code, as nobody": Cost(("UpdateItem throttle", "UpdateItem throttle", "PutItem mail"), 0, 3),
    "log in by a code": Cost(
        ("UpdateItem mail", "GetItem users", "TransactWriteItems events+mail+sessions+users"), 1, 9
    ),
    "log in by a wrong code": Cost(("UpdateItem mail",), 0, 1),
    "log in by a wrong code, as nobody": Cost(("UpdateItem mail",), 0, 1),
    "register under an address": Cost(
        (
            "UpdateItem throttle",
            "UpdateItem throttle",
            "UpdateItem throttle",
            "GetItem throttle",
            "UpdateItem throttle",
            "TransactWriteItems mail+users",
        ),
        1,
        8,
    ),
    "register under an address that has an account": Cost(
        (
            "UpdateItem throttle",
            "UpdateItem throttle",
            "UpdateItem throttle",
            "GetItem throttle",
            "UpdateItem throttle",
            "TransactWriteItems mail+users",
        ),
        1,
        8,
    ),
    "confirm an account": Cost(
        ("GetItem mail", "GetItem users", "TransactWriteItems events+mail+sessions+users"), 2, 12
    ),
    "confirm another address, which is the name": Cost(
        ("GetItem mail", "GetItem users", "GetItem users", "TransactWriteItems events+mail+sessions+users"), 3, 18
    ),
    "change the password, which is told": Cost(
        (
            "BatchGetItem sessions+users",
            "UpdateItem users",
            "TransactWriteItems events+mail+sessions+users",
            "Query sessions",
        ),
        3,
        13,
    ),
    "delete the account with its address": Cost(
        (
            "BatchGetItem sessions+users",
            "UpdateItem users",
            "TransactWriteItems events+sessions+users",
            "Query sessions",
            "BatchWriteItem sessions",
            "Query events",
            "BatchWriteItem events",
        ),
        4,
        12,
    ),
    "deliver a link for an address": Cost(
        (
            "GetItem mail",
            "GetItem users",
            "GetItem mail",
            "GetItem throttle",
            "TransactWriteItems mail+throttle",
            "UpdateItem mail",
        ),
        4,
        5,
    ),
    "deliver a link for a name": Cost(
        (
            "GetItem mail",
            "GetItem users",
            "GetItem users",
            "GetItem mail",
            "GetItem throttle",
            "TransactWriteItems mail+throttle",
            "UpdateItem mail",
        ),
        5,
        5,
    ),
    "deliver a link for a verified address": Cost(
        (
            "GetItem mail",
            "GetItem users",
            "GetItem users",
            "GetItem mail",
            "GetItem throttle",
            "TransactWriteItems mail+throttle",
            "UpdateItem mail",
        ),
        5,
        5,
    ),
    "deliver a link for a name, which another's device asked for": Cost(
        (
            "GetItem mail",
            "GetItem users",
            "GetItem users",
            "TransactWriteItems mail+throttle",
            "GetItem mail",
            "GetItem throttle",
            "TransactWriteItems mail+throttle",
            "UpdateItem mail",
        ),
        5,
        9,
    ),
    "deliver a link for nobody": Cost(("GetItem mail", "GetItem users", "GetItem users", "UpdateItem mail"), 3, 1),
    "deliver a code": Cost(
        (
            "GetItem mail",
            "GetItem users",
            "GetItem users",
            "GetItem mail",
            "GetItem throttle",
            "TransactWriteItems mail+throttle",
            "UpdateItem mail",
        ),
        5,
        5,
    ),
}


@pytest.fixture
def database_name():
    return "dynamodb-local"


@pytest.fixture
def meter(database):
    with Meter(database.client, database.tables) as meter:
        yield meter


class NoTransport:
    def send(self, to, content):
        return "message"


@dataclass
class Flow:
    """A request or a delivery. ``prepare`` returns what ``act`` takes."""

    act: object
    prepare: object = lambda: None


class Site:
    """Somebody at a site, up to the request that is measured."""

    def __init__(self, database, start, verifier, caller, clock):
        self.by_name = start().lychgate.use_cases
        self.by_address = start(IDENTIFIER="email").lychgate.use_cases
        self.caller = caller
        self.post = PostOffice(database.client, database.tables)
        self._database = database
        self._verifier = verifier
        self._clock = clock
        self.mailer = Deliver(
            deliveries=DynamoDBDeliveries(Database(database.client, database.tables), MAILS_PER_DAY),
            transport=NoTransport(),
            render=lambda *_: None,
            site_url="https://site.example",
            language="en",
            clock=clock,
        )

    def _principal(self, logged_in):
        self._clock.advance(60)
        return self._verifier.verify(ACCESS_TOKEN, logged_in.tokens.access_token)

    def link(self, kind=MailKind.EMAIL):
        return self.post.only(kind).token

    def registered(self):
        logged_in = self.by_name.registration.register("kim", PASSWORD, self.caller, email=KIMS, language="en")
        return self._principal(logged_in)

    def named(self):
        self.by_name.registration.register("kim", PASSWORD, self.caller)

    def refused(self):
        with pytest.raises(UsernameTaken):
            self.registered()

    def waiting(self):
        self.registered()
        return self.link()

    def verified(self, _=None):
        kim = self.registered()
        self.by_name.addresses.confirm(self.link(), self.caller)
        return kim

    def change(self, kim):
        self.by_name.addresses.change(kim, LEES, self.caller, language="en")

    def changing(self):
        self.change(self.verified())
        return self.link()

    def given(self):
        """Return a principal, and another of the same user in whose session another address was given."""
        kim = self.verified()
        other = self._principal(self.by_name.log_in.with_password("kim", PASSWORD, self.caller))
        self.change(other)
        return kim, other

    def copied(self):
        """Return a refresh token that was used, and whose session has given another address since."""
        self.verified()
        logged_in = self.by_name.log_in.with_password("kim", PASSWORD, self.caller)
        token = logged_in.tokens.refresh_token
        self.by_name.refresh_tokens.exchange(token, self.caller)
        self.change(self._principal(logged_in))
        self._clock.advance(21)
        return token

    def reuse(self, token):
        with pytest.raises(RefreshTokenReused):
            self.by_name.refresh_tokens.exchange(token, self.caller)

    def join(self, _=None):
        self.by_address.address_registration.ask(KIMS, PASSWORD, self.caller, language="en")

    def joining(self):
        self.join()
        return self.link(MailKind.REGISTER)

    def joined(self):
        return self._principal(self.by_address.address_registration.confirm(self.joining(), self.caller))

    def renaming(self):
        self.by_address.addresses.change(self.joined(), LEES, self.caller, language="en")
        return self.link()

    def forgot(self, name, device=None):
        self.by_name.password_reset.ask(name, self.caller, device=device, language="en")

    def code(self, name):
        return self.by_name.code_log_in.ask(name, self.caller, device=None, language="en")

    def resetting(self):
        self.verified()
        self.forgot("kim")
        return self.link(MailKind.RESET)

    def invited(self):
        """Return the token that an administrator was shown, and that of the mail."""
        made = self.by_name.administration.create("kim", None, self.caller, email=KIMS)
        return made.link.partition("#reset=")[2], self.link(MailKind.INVITATION)

    def coded(self):
        self.verified()
        return self.code("kim"), self.post.only(MailKind.LOGIN_CODE).code

    def guessing(self):
        challenge = self.code("nobody")
        assert self.post.deliver() == []
        return challenge, "123456"

    def typed(self, challenge_and_code):
        return self.by_name.code_log_in.verify(*challenge_and_code, self.caller)

    def mistyped(self, challenge_and_code):
        challenge, right = challenge_and_code
        with pytest.raises(InvalidCode):
            self.typed((challenge, f"{(int(right) + 1) % 10**6:06d}"))

    def confirm(self, token):
        self.by_name.addresses.confirm(token, self.caller)

    def undelivered(self, ask, *, is_known=True):
        """Return what leaves one mail in the outbox, and returns its id."""

        def prepare():
            if is_known:
                self.verified()
            ask()
            items = self._database.scanned(self._database.tables.mail)
            return next(item["mail_id"]["S"] for item in items if not item.keys() & {"sent_at", "outcome"})

        return prepare


def of_accounts(site):
    account, addresses, caller = site.by_name.account, site.by_name.addresses, site.caller
    return {
        "register with an address": Flow(lambda _: site.registered()),
        "register with an address under a taken username": Flow(lambda _: site.refused(), site.named),
        "confirm the address": Flow(site.confirm, site.waiting),
        "ask for the mail again": Flow(lambda kim: addresses.resend(kim, caller), site.registered),
        "give another address": Flow(site.change, site.verified),
        "take the change of the address back": Flow(
            lambda both: addresses.change(both[0], KIMS, caller, language="en"), site.given
        ),
        "end the session that has given another address": Flow(
            lambda both: account.end_session(both[0], both[1].session_id, caller), site.given
        ),
        "refresh with a reused token, in a session that has given another address": Flow(site.reuse, site.copied),
        "confirm another address": Flow(site.confirm, site.changing),
        "remove the address": Flow(lambda kim: addresses.remove(kim, caller), site.verified),
        "change the password, which is told": Flow(
            lambda kim: account.change_password(kim, PASSWORD, NEW_PASSWORD, caller), site.verified
        ),
        "delete the account with its address": Flow(
            lambda kim: account.delete_account(kim, PASSWORD, caller), site.verified
        ),
    }


def of_secrets(site):
    known = Known("device", "d1", "u1")
    return {
        "forgot the password": Flow(lambda _: site.forgot("kim"), site.verified),
        "forgot the password, by the address": Flow(lambda _: site.forgot(KIMS), site.verified),
        "forgot the password, as nobody": Flow(lambda _: site.forgot("nobody")),
        "forgot the password, on a device that has logged in before": Flow(lambda _: site.forgot("kim", known)),
        "reset the password": Flow(
            lambda token: site.by_name.password_reset.reset(token, NEW_PASSWORD, site.caller), site.resetting
        ),
        "choose the first password, by an invitation that was mailed": Flow(
            lambda tokens: site.by_name.password_reset.reset(tokens[1], NEW_PASSWORD, site.caller), site.invited
        ),
        "choose the first password, by a link that was handed over": Flow(
            lambda tokens: site.by_name.password_reset.reset(tokens[0], NEW_PASSWORD, site.caller), site.invited
        ),
        "ask for a code": Flow(lambda _: site.code("kim"), site.verified),
        "ask for a code, as nobody": Flow(lambda _: site.code("nobody")),
        "log in by a code": Flow(site.typed, site.coded),
        "log in by a wrong code": Flow(site.mistyped, site.coded),
        "log in by a wrong code, as nobody": Flow(site.mistyped, site.guessing),
    }


def of_names_that_are_addresses(site):
    use_cases, caller = site.by_address, site.caller
    return {
        "register under an address": Flow(site.join),
        "register under an address that has an account": Flow(site.join, site.joined),
        "confirm an account": Flow(
            lambda token, *chosen: (
                use_cases.address_registration.confirm_with(token, *chosen, caller)
                if chosen
                else use_cases.address_registration.confirm(token, caller)
            ),
            site.joining,
        ),
        "confirm another address, which is the name": Flow(
            lambda token: use_cases.addresses.confirm(token, caller), site.renaming
        ),
    }


def of_deliveries(site):
    deliver, undelivered = site.mailer.deliver, site.undelivered
    others = Known("device", "d1", "u1")
    return {
        "deliver a link for an address": Flow(deliver, undelivered(site.registered, is_known=False)),
        "deliver a link for a name": Flow(deliver, undelivered(lambda: site.forgot("kim"))),
        "deliver a link for a verified address": Flow(deliver, undelivered(lambda: site.forgot(KIMS))),
        "deliver a link for a name, which another's device asked for": Flow(
            deliver, undelivered(lambda: site.forgot("kim", others))
        ),
        "deliver a link for nobody": Flow(deliver, undelivered(lambda: site.forgot("nobody"), is_known=False)),
        "deliver a code": Flow(deliver, undelivered(lambda: site.code("kim"))),
    }


@pytest.fixture
def flows(database, start, verifier, caller, clock):
    """Everything that is about mails, by its name in the table."""
    site = Site(database, start, verifier, caller, clock)
    return of_accounts(site) | of_secrets(site) | of_names_that_are_addresses(site) | of_deliveries(site)


def test_every_flow_has_its_row(flows):
    assert sorted(flows) == sorted(COSTS)


@pytest.mark.parametrize("name", COSTS)
def test_a_flow_costs_exactly(flows, meter, name):
    flow = flows[name]
    prepared = flow.prepare()
    meter.reset()
    flow.act(prepared)
    assert meter.reading() == COSTS[name]


@pytest.mark.parametrize("password", [NEW_PASSWORD, None])
def test_a_password_that_is_chosen_at_the_confirmation_changes_no_cost(flows, meter, password):
    flow = flows["confirm an account"]
    token = flow.prepare()
    meter.reset()
    flow.act(token, password)
    assert meter.reading() == COSTS["confirm an account"]


@pytest.mark.parametrize(
    "alike",
    [
        ["forgot the password", "forgot the password, by the address", "forgot the password, as nobody"],
        ["ask for a code", "ask for a code, as nobody"],
        ["log in by a wrong code", "log in by a wrong code, as nobody"],
        ["register under an address", "register under an address that has an account"],
    ],
)
def test_whether_somebody_has_an_account_changes_no_cost(alike):
    assert len({COSTS[name] for name in alike}) == 1


def phrase(calls):
    """The calls in words, as the page has them."""
    counted = Counter(NAMES.get(operation, operation) for operation in (call.split()[0] for call in calls))
    words = (name if times == 1 else f"{NUMBERS[times]} {name}s" for name, times in counted.items())
    return ", ".join(words).replace("Querys", "Queries")


@pytest.mark.parametrize("name", COSTS)
def test_the_page_has_the_row_of_a_flow(name):
    cost = COSTS[name]
    assert f"| {name} | {phrase(cost.calls)} | {cost.reads} | {cost.writes} |" in PAGE


def test_where_no_mail_is_sent_a_reused_token_costs_what_it_did(meter, start, caller, clock):
    use_cases = start(EMAIL="off").lychgate.use_cases
    token = use_cases.registration.register("kim", PASSWORD, caller).tokens.refresh_token
    use_cases.refresh_tokens.exchange(token, caller)
    clock.advance(21)
    meter.reset()
    with pytest.raises(RefreshTokenReused):
        use_cases.refresh_tokens.exchange(token, caller)
    assert meter.reading() == Cost(("UpdateItem sessions", "TransactWriteItems events+sessions"), 0, 1 + 3 * 2)


def test_a_log_in_of_a_user_with_an_address_costs_what_it_does_without(meter, start, caller):
    use_cases = start().lychgate.use_cases
    use_cases.registration.register("kim", PASSWORD, caller, email=KIMS)
    meter.reset()
    logged_in = use_cases.log_in.with_password("kim", PASSWORD, caller)
    assert meter.reading() == WITHOUT_MAIL["log in"]
    meter.reset()
    use_cases.refresh_tokens.exchange(logged_in.tokens.refresh_token, caller)
    assert meter.reading() == WITHOUT_MAIL["refresh"]
