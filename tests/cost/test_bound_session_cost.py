"""What bound sessions cost: the calls of each request with a proof of a key, or without one that is due."""

import contextlib
from dataclasses import replace
from itertools import count

import pytest

from chalicelib.accounts.caller import Caller
from chalicelib.accounts.key_proof import KeyProof
from chalicelib.accounts.session import MOST_PROOFS
from chalicelib.api.headers import MAX_ADDRESS_LENGTH, MAX_USER_AGENT_LENGTH
from chalicelib.errors import InvalidDPoPProof, InvalidGrant
from tests.cost.test_cost import COSTS as WITHOUT_KEYS
from tests.support.consumption import Cost, Meter
from tests.support.proofs import ClientKey
from tests.support.whole import PASSWORD

KEY = ClientKey().thumbprint
ROTATE, NOTE, READ = "UpdateItem sessions", "UpdateItem sessions", "GetItem users"
RECORD = "TransactWriteItems events+sessions"
SECOND_WRITE = Cost((ROTATE, ROTATE, READ), 1, 1 + 1)
REFUSED = Cost((ROTATE,), 0, 1)


@pytest.fixture
def database_name():
    return "dynamodb-local"


@pytest.fixture
def meter(database):
    with Meter(database.client, database.tables) as meter:
        yield meter


class Client:
    """Alice with a bound session, and whoever else has its tokens."""

    def __init__(self, use_cases, caller, clock):
        self.use_cases = use_cases
        self.caller = caller
        self.clock = clock
        # As long as real ones: 128 bits in base64url.
        self._ids = (f"{number:022}" for number in count())
        self.begun = use_cases.registration.register("Alice", PASSWORD, self.proving())
        self.token = self.begun.tokens.refresh_token

    def proving(self, *, key=KEY, after=0):
        return replace(self.caller, key_proof=KeyProof(key, next(self._ids), self.clock() + after))

    def refresh(self, caller=None, token=None):
        exchange = self.use_cases.refresh_tokens.exchange
        with contextlib.suppress(InvalidDPoPProof, InvalidGrant):
            return exchange(token or self.token, caller or self.proving()).tokens.refresh_token

    def log_out(self, caller):
        self.use_cases.refresh_tokens.revoke([self.token], caller)


@pytest.fixture
def client(use_cases, caller, clock):
    client = Client(use_cases, caller, clock)
    clock.advance(60)
    return client


def measured(meter, request):
    meter.reset()
    request()
    return meter.reading()


def test_a_refresh_costs_what_that_of_a_plain_session_does(client, meter):
    assert measured(meter, client.refresh) == WITHOUT_KEYS["refresh"]


def test_a_refresh_in_the_second_of_another_costs_a_write_more(client, meter):
    token = client.refresh()
    assert measured(meter, lambda: client.refresh(token=token)) == SECOND_WRITE


def test_each_retry_is_noted_by_a_write(client, meter, clock):
    client.refresh()
    for _ in range(3):
        clock.advance(1)
        assert measured(meter, client.refresh) == Cost((ROTATE, NOTE, READ), 1, 1 + 1)


@pytest.mark.parametrize("stranger", ["no proof", "another key", "an older proof"])
def test_a_refused_refresh_costs_a_write_and_the_first_of_a_day_its_entry(client, meter, clock, caller, stranger):
    callers = {
        "no proof": caller,
        "another key": client.proving(key="k2"),
        "an older proof": client.proving(after=-61),
    }
    assert measured(meter, lambda: client.refresh(callers[stranger])) == Cost((ROTATE, RECORD), 0, 1 + 2 * 2)
    for _ in range(2):
        clock.advance(60)
        assert measured(meter, lambda: client.refresh(callers[stranger])) == REFUSED


def test_an_older_token_without_the_key_costs_no_more_than_the_current_one(client, meter, clock, caller):
    client.refresh(caller)
    client.refresh()
    clock.advance(3600)
    assert measured(meter, lambda: client.refresh(caller)) == REFUSED


def test_reuse_with_the_key_costs_what_it_costs_in_a_plain_session(client, meter, clock):
    client.refresh()
    clock.advance(3600)
    assert measured(meter, client.refresh) == WITHOUT_KEYS["refresh with a reused token"]


def test_a_proof_in_a_plain_session_costs_a_write(use_cases, alice, client, meter):
    def request():
        use_cases.refresh_tokens.exchange(alice.tokens.refresh_token, client.proving())

    assert measured(meter, request) == SECOND_WRITE


@pytest.fixture
def alice(use_cases, caller):
    """The tokens of a plain session of somebody."""
    return use_cases.registration.register("Bob", PASSWORD, caller)


def test_a_log_out_costs_what_that_of_a_plain_session_does(client, meter):
    assert measured(meter, lambda: client.log_out(client.proving())) == WITHOUT_KEYS["log out"]


def test_a_log_out_without_the_key_costs_a_transaction_and_the_first_of_a_day_its_entry(client, meter, caller):
    # The end of a session is three writes, also if it is refused. The entry is two.
    assert measured(meter, lambda: client.log_out(caller)) == Cost((RECORD, RECORD), 0, 2 * (3 + 2))
    assert measured(meter, lambda: client.log_out(caller)) == Cost((RECORD,), 0, 2 * 3)


def test_a_log_in_and_a_registration_with_a_proof_cost_what_they_do_without(client, meter):
    log_in, register = client.use_cases.log_in.with_password, client.use_cases.registration.register
    proving = client.proving()
    assert measured(meter, lambda: log_in("alice", PASSWORD, proving)) == WITHOUT_KEYS["log in"]
    assert measured(meter, lambda: register("carol", PASSWORD, proving)) == WITHOUT_KEYS["register"]


def test_the_routes_cost_what_their_use_cases_do(api, meter, settings, clock):
    key = ClientKey(settings["LYCHGATE_ISSUER"], clock)
    api.register("Alice")
    credentials = {"username": "Alice", "password": PASSWORD}
    proof = key.headers("/auth/login")
    meter.reset()
    token = api.post("/auth/login", credentials, headers=proof).json["refresh_token"]
    assert meter.reading() == WITHOUT_KEYS["log in"]
    clock.advance(60)
    meter.reset()
    assert api.refresh(token, headers=key.headers("/auth/refresh")).status == 200
    assert meter.reading() == WITHOUT_KEYS["refresh"]


def test_a_wrong_proof_costs_a_read_and_the_first_of_a_day_its_entry(api, meter, settings, clock):
    key = ClientKey(settings["LYCHGATE_ISSUER"], clock)
    members = {"username": "Alice", "password": PASSWORD}
    bound = api.post("/auth/register", members, headers=key.headers("/auth/register")).json["refresh_token"]
    plain = api.login().json["refresh_token"]
    read = Cost(("BatchGetItem sessions",), 1, 0)

    def refuse(send, token):
        meter.reset()
        send(token, headers={"DPoP": "a.b.c"}).assert_problem(400, "invalid_dpop_proof")
        return meter.reading()

    assert refuse(api.refresh, bound) == Cost(("BatchGetItem sessions", RECORD), 1, 2 * 2)
    for send, token in ((api.refresh, bound), (api.logout, bound), (api.refresh, plain), (api.logout, plain)):
        assert refuse(send, token) == read
    for send in (api.refresh, api.logout):
        assert refuse(send, f"{bound[:-4]}AAAA").calls == (), "a token that is nobody's reaches no database"


def test_the_item_of_a_session_that_remembers_all_it_can_fits_into_one_unit(client, database, clock):
    """With the longest address and User-Agent that are stored, and a name that nobody likes to type.

    Only with a name of more than 200 characters besides would it take a second unit.
    """
    client.caller = Caller(":".join(["ffff"] * 8)[:MAX_ADDRESS_LENGTH], "x" * MAX_USER_AGENT_LENGTH)
    name = "n" * 200
    token = client.use_cases.registration.register(name, PASSWORD, client.proving()).tokens.refresh_token
    client.refresh(client.caller, token)
    clock.advance(60)
    for _ in range(MOST_PROOFS):
        token = client.refresh(token=token) or token
    (item,) = (item for item in database.sessions() if item["username"]["S"] == name)
    assert "without_key_at" in item
    assert len(item["key_proofs"]["SS"]) == MOST_PROOFS
    assert size(item) < 1024


def size(item):
    """The size of an item in octets as DynamoDB counts it, or a little more: of a number half its digits and one."""
    octets = 0
    for attribute, typed in item.items():
        ((kind, value),) = typed.items()
        values = value if kind == "SS" else [value]
        octets += len(attribute.encode())
        octets += sum(len(one) // 2 + 2 if kind == "N" else len(one.encode()) for one in values)
    return octets
