"""Nobody learns who has an account by asking for a mail: one answer, and the same calls with the same parts."""

import itertools
import json

import bcrypt
import pytest

from chalicelib.adapters.dynamodb.items import user_key
from tests.support.api_client import as_header
from tests.support.mail_flows import (
    ADDRESS,
    MINUTE,
    OTHER_ADDRESS,
    PASSWORD,
    ask_for_code,
    forgot,
    verify,
    with_address,
)
from tests.support.moto_tables import left_as_they_are
from tests.support.viewers import SETTINGS, Viewer

NAMES = [
    "Alice",
    ADDRESS,
    "Bobby",
    "bobby@example.org",
    "Dora",
    "dora@example.org",
    "nobody",
    "no name!",
    "x" * 9000,
    "",
]
"""Alice has confirmed her address, Bobby has not, Dora is disabled; the others are nobody."""


def shape(value):
    """What a request to DynamoDB looks like, without what differs from one random name to the next."""
    if isinstance(value, dict):
        return {name: shape(member) for name, member in value.items()}
    if isinstance(value, list):
        return [shape(member) for member in value]
    return len(value) if isinstance(value, str) else type(value).__name__


@pytest.fixture
def work(aws_clients, monkeypatch):
    """Record the shape of each request to DynamoDB, and each hash, in their order."""
    dynamodb, _ = aws_clients
    done = []

    def note(model, params, **_):
        done.append((model.name, json.dumps(shape(json.loads(params["body"])))))

    for name in ("checkpw", "hashpw"):
        real = getattr(bcrypt, name)
        monkeypatch.setattr(bcrypt, name, lambda *args, real=real, name=name: done.append(name) or real(*args))
    dynamodb.meta.events.register("before-call.dynamodb", note)
    yield done
    dynamodb.meta.events.unregister("before-call.dynamodb", note)


@pytest.fixture
def done(work):
    """Make a request, and return its answer with the work that it took."""

    def done(request, *args, **kwargs):
        work.clear()
        answer = request(*args, **kwargs)
        return answer, tuple(work)

    return done


def disable(dynamodb, table, username):
    dynamodb.update_item(
        TableName=table,
        Key=user_key(username),
        UpdateExpression="SET disabled = :true",
        ExpressionAttributeValues={":true": {"BOOL": True}},
    )


@pytest.fixture
def accounts(api, mailbox, clock, aws_clients, environment):
    """Alice, Bobby and Dora."""
    with_address(api, mailbox, clock)
    api.register("Bobby", email="bobby@example.org")
    with_address(api, mailbox, clock, "Dora", "dora@example.org")
    disable(aws_clients[0], environment["LYCHGATE_USERS_TABLE"], "Dora")
    mailbox.all()
    clock.advance(MINUTE)


def by_name(api, email):
    """Register a name with this address."""
    return api.register(f"mallory{next(NUMBERS)}", email=email)


def as_name(api, email):
    """Register this address."""
    return api.post("/auth/register", {"email": email, "password": PASSWORD})


def as_change(api, email):
    """Give an account of one's own this address."""
    return api.bearer("PUT", "/auth/email", somebodys_token(api), {"email": email})


def as_resend(api, email):
    """Ask for the mail to this address once more, which an account of one's own has been given."""
    token = somebodys_token(api)
    api.bearer("PUT", "/auth/email", token, {"email": email})
    return api.bearer("POST", "/auth/email/resend", token)


def somebodys_token(api):
    """An access token of an account of one's own, wherever addresses are names."""
    return api.login(MALLORY).json["access_token"]


def device_of(answer):
    (device,) = [cookie for cookie in answer.cookies if cookie.key.endswith("device")]
    return {"Cookie": as_header(device)}


NUMBERS = itertools.count(1)
MALLORY = "mallory@example.org"

VISIBLE = {"register": by_name, "change": as_change, "resend": as_resend}
VISIBLE_WHERE_THE_ADDRESS_IS_THE_NAME = {"register": as_name, "change": as_change, "resend": as_resend}
"""The routes that name an address and may answer 429 because of it."""


def seen(route, answer):
    """What somebody can tell of an answer, but for what an account that is made has of its own."""
    return answer.status if route is by_name else (answer.status, answer.body, str(sorted(answer.headers.items())))


ASKED_BEFORE = {
    "nothing": lambda api, names, device: None,
    "links by name": lambda api, names, device: in_each_minute(api, [forgot] * 5, names[0]),
    "links by address": lambda api, names, device: in_each_minute(api, [forgot] * 5, names[1]),
    "codes by name": lambda api, names, device: in_each_minute(api, [ask_for_code] * 5, names[0]),
    "codes by address": lambda api, names, device: in_each_minute(api, [ask_for_code] * 5, names[1]),
    "links and codes": lambda api, names, device: in_each_minute(
        api, [forgot, ask_for_code, forgot, ask_for_code], names[0]
    ),
    "both at once": lambda api, names, device: [request(api, names[0]) for request in (forgot, ask_for_code)],
    "by another's device": lambda api, names, device: in_each_minute(api, [forgot, ask_for_code], names[0], **device),
}
"""What was asked for before, of an account by its name and its address, with the device of another account."""


def in_each_minute(api, requests, name, **headers):
    """Ask once a minute, and let the mailer do its work."""
    for request in requests:
        request(api, name, **headers)
        api.mailbox.all()
        api.clock.advance(MINUTE)


def alike(results):
    """Assert that nobody can tell these results apart."""
    answers, works = zip(*results, strict=True)
    assert len({(answer.status, str(sorted(answer.headers.items()))) for answer in answers}) == 1
    assert len(set(works)) == 1, works
    return answers, works[0]


@pytest.mark.usefixtures("accounts")
def test_a_forgotten_password_is_asked_for_in_the_same_way_whoever_has_forgotten_it(api, done):
    answers, work = alike([done(forgot, api, name) for name in NAMES])
    assert {(answer.status, answer.body) for answer in answers} == {(202, b"{}")}
    # Counted by its address and in all, and one entry of the outbox. Nobody is looked up.
    assert [name for name, _ in work] == ["UpdateItem", "UpdateItem", "PutItem"]


@pytest.mark.usefixtures("accounts")
def test_a_code_is_asked_for_in_the_same_way_whoever_is_to_get_it(api, done):
    answers, work = alike([done(ask_for_code, api, name) for name in NAMES])
    assert {answer.status for answer in answers} == {202}
    assert {len(answer.body) for answer in answers} == {len(answers[0].body)}
    assert len({answer.json["challenge"] for answer in answers}) == len(NAMES)
    assert [name for name, _ in work] == ["UpdateItem", "UpdateItem", "PutItem"]


@pytest.mark.usefixtures("accounts")
def test_what_is_stored_of_a_request_is_the_same_whoever_it_is_for_and_not_the_name(api, aws_clients, environment):
    dynamodb, _ = aws_clients
    table = environment["LYCHGATE_MAIL_TABLE"]
    before = {item["mail_id"]["S"] for item in dynamodb.scan(TableName=table)["Items"]}
    for name in NAMES:
        forgot(api, name)
        ask_for_code(api, name)
    stored = [item for item in dynamodb.scan(TableName=table)["Items"] if item["mail_id"]["S"] not in before]
    assert len(stored) == 2 * len(NAMES)
    for kind in ("reset", "login_code"):
        assert len({json.dumps(shape(item), sort_keys=True) for item in stored if item["kind"]["S"] == kind}) == 1
    text = json.dumps(stored).casefold()
    assert not [name for name in NAMES if len(name) > 3 and name.casefold() in text]


@pytest.mark.usefixtures("accounts")
def test_a_wrong_code_takes_the_same_work_whether_or_not_one_was_sent(api, done, mailbox):
    challenges = [ask_for_code(api, name).json["challenge"] for name in NAMES]
    sent = len(mailbox.all(ADDRESS))
    assert sent == 2
    for _ in range(5):
        answers, work = alike([done(verify, api, challenge, "not it") for challenge in challenges])
        assert {answer.error for answer in answers} == {"invalid_code"}
        assert len({answer.body for answer in answers}) == 1
        assert [name for name, _ in work] == ["UpdateItem"]
    answers, _ = alike([done(verify, api, challenge, "not it") for challenge in challenges])
    assert {answer.error for answer in answers} == {"invalid_challenge"}
    unknown, _ = done(verify, api, "A" * 43, "not it")
    assert unknown.body == answers[0].body


@pytest.mark.usefixtures("accounts")
def test_a_code_is_derived_whether_or_not_one_was_sent(api, monkeypatch):
    import hashlib

    derived = []
    scrypt = hashlib.scrypt
    monkeypatch.setattr(hashlib, "scrypt", lambda *args, **kwargs: derived.append(kwargs) or scrypt(*args, **kwargs))
    for name in NAMES:
        verify(api, ask_for_code(api, name).json["challenge"], "000000")
    assert len(derived) == len(NAMES)
    assert len({(cost["n"], cost["r"], cost["p"]) for cost in derived}) == 1


@pytest.mark.usefixtures("accounts")
def test_a_device_asks_in_the_same_way_whoever_it_asks_for(api, done):
    answer = api.login(token_delivery="cookie")
    (device,) = [cookie for cookie in answer.cookies if cookie.key.endswith("device")]
    answers, work = alike([done(forgot, api, name, Cookie=as_header(device)) for name in NAMES])
    assert {answer.body for answer in answers} == {b"{}"}
    assert [name for name, _ in work] == ["UpdateItem", "PutItem"]


@pytest.mark.usefixtures("accounts")
def test_over_the_limit_of_a_network_all_names_are_refused_alike(api, done):
    answers = [forgot(api, NAMES[number % len(NAMES)]) for number in range(31)]
    assert answers[-1].status == 429
    results = [done(request, api, name) for request in (forgot, ask_for_code) for name in NAMES]
    refused, _ = alike(results)
    assert len({answer.body for answer in refused}) == 1


@pytest.mark.usefixtures("accounts")
def test_an_address_is_changed_to_in_the_same_way_whoever_has_it(api, done, clock):
    clock.advance(60 * MINUTE)
    results = []
    for email in (ADDRESS, "nobody@example.net", "bobby@example.org", "dora@example.org"):
        token = api.register(f"carol{len(results)}").json["access_token"]
        results.append(done(api.bearer, "PUT", "/auth/email", token, {"email": email}))
    assert {(answer.status, answer.body) for answer, _ in results} == {(202, b"{}")}
    assert len({tuple(name for name, _ in work) for _, work in results}) == 1


class TestWhatTheBudgetOfAnAddressTells:
    """A route that names an address answers the same, whatever was asked for before and whoever has the address."""

    @pytest.fixture
    def viewer(self, api, mailbox, clock, settings):
        settings |= SETTINGS
        viewer = Viewer(api, "203.0.113.7")
        viewer.mailbox, viewer.clock = mailbox, clock
        return viewer

    @pytest.fixture
    def tell(self, viewer, mailbox, aws_clients):
        """Ask for something, and compare what each route answers for an address that has an account and for another."""

        def tell(routes, asked, device, *, known, unknown):
            for names in (known, unknown):
                ASKED_BEFORE[asked](viewer, names, device)
                mailbox.all()
            for name, route in routes.items():
                with left_as_they_are(aws_clients[0]):
                    answers = [[seen(route, route(viewer, email)) for _ in "12"] for _, email in (known, unknown)]
                assert answers[0] == answers[1], name

        return tell

    @pytest.mark.parametrize("asked", ASKED_BEFORE)
    def test_nothing(self, viewer, mailbox, clock, tell, asked):
        with_address(viewer, mailbox, clock)
        device = device_of(viewer.register(MALLORY, token_delivery="cookie"))
        clock.advance(60 * MINUTE)
        unknown = ("Carol", "Carol+lychgate@Example.org")
        tell(VISIBLE, asked, device, known=("Alice", ADDRESS), unknown=unknown)

    @pytest.mark.parametrize("asked", ASKED_BEFORE)
    def test_nothing_where_the_address_is_the_name(self, viewer, mailbox, clock, settings, tell, asked):
        settings["LYCHGATE_IDENTIFIER"] = "email"
        for email in (MALLORY, OTHER_ADDRESS):
            as_name(viewer, email)
            members = {"token": mailbox.token(email, "register"), "token_delivery": "cookie"}
            viewer.post("/auth/register/confirm", members)
        clock.advance(60 * MINUTE)
        device = device_of(viewer.login(MALLORY, token_delivery="cookie"))
        known, unknown = (OTHER_ADDRESS,) * 2, ("carol@example.com",) * 2
        tell(VISIBLE_WHERE_THE_ADDRESS_IS_THE_NAME, asked, device, known=known, unknown=unknown)

    def test_not_even_when_the_mails_of_a_day_are_nearly_used_up(self, viewer, mailbox, clock, settings):
        """Devices ask for the last two, of which nobody may learn whether they were sent."""
        settings["LYCHGATE_MAILS_PER_DAY"] = "3"
        with_address(viewer, mailbox, clock)
        device = device_of(viewer.register(MALLORY, token_delivery="cookie"))
        answers = []
        for name in ("Alice", "nobody"):
            clock.advance(24 * 60 * MINUTE)
            for request in (forgot, forgot, ask_for_code):
                request(viewer, name, **device)
            mailbox.all()
            answer = as_change(viewer, f"{name}s@example.net")
            answers.append((answer.status, answer.body))
        assert answers[0] == answers[1]
        assert answers[0][0] == 429


class TestWhereTheAddressIsTheUsername:
    @pytest.fixture(autouse=True)
    def by_address(self, settings):
        settings["LYCHGATE_IDENTIFIER"] = "email"

    def register(self, api, email, password=PASSWORD):
        return api.post("/auth/register", {"email": email, "password": password})

    def test_a_registration_is_the_same_for_whoever_has_an_account(self, api, mailbox, clock, done):
        self.register(api, OTHER_ADDRESS)
        api.post("/auth/register/confirm", {"token": mailbox.token(OTHER_ADDRESS, "register")})
        clock.advance(60 * MINUTE)
        known, unknown = OTHER_ADDRESS, "bobby@example.com"
        assert len(known) == len(unknown)
        # An address that was written to before has its counter already: the second of each is compared.
        self.register(api, unknown)
        clock.advance(60 * MINUTE)
        self.register(api, known)
        clock.advance(60 * MINUTE)
        results = [done(self.register, api, email) for email in (known, unknown)]
        answers, work = alike(
            [(answer, tuple(part if isinstance(part, str) else part[0] for part in work)) for answer, work in results]
        )
        assert {answer.body for answer in answers} == {b'{"expires_in":3600}'}
        assert "hashpw" in work

    def test_a_refused_registration_is_the_same_too(self, api, mailbox, clock, done):
        self.register(api, OTHER_ADDRESS)
        api.post("/auth/register/confirm", {"token": mailbox.token(OTHER_ADDRESS, "register")})
        clock.advance(60 * MINUTE)
        for email in (OTHER_ADDRESS, "bobby@example.com"):
            assert self.register(api, email).status == 202
        answers = [self.register(api, email) for email in (OTHER_ADDRESS, "bobby@example.com")]
        assert {(answer.status, answer.body, str(answer.headers)) for answer in answers} == {
            (429, answers[0].body, str(answers[0].headers))
        }
