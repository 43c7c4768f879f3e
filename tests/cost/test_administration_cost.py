"""What administration costs: the calls of each request about it, and what they consume, however many users exist."""

import itertools
from dataclasses import replace

import pytest

from chalicelib.accounts.caller import Caller
from chalicelib.accounts.user import Contact
from chalicelib.adapters.dynamodb.administration import DynamoDBAdministrationStore
from chalicelib.adapters.dynamodb.items import new_user_to_item
from chalicelib.adapters.dynamodb.transactions import Database
from tests.cost.test_mail_cost import PAGE, phrase
from tests.support.consumption import Cost, Meter
from tests.support.samples import ALICE

HERE = Caller("203.0.113.9", "Firefox")
SESSION_GONE = ("Query sessions",)
FIND = ("Query users", "GetItem users")

COSTS = {
    "a page of 50 users": Cost(("Query users", "BatchGetItem users"), 51, 0),
    "the users whose name begins so": Cost(("Query users", "BatchGetItem users"), 10.5, 0),
    "a user, with sessions and history": Cost((*FIND, "Query sessions", "GetItem mail", "Query events"), 2.5, 0),
    "make an account": Cost(("TransactWriteItems events+mail+users",), 0, 8),
    "give roles": Cost((*FIND, "TransactWriteItems events+users"), 1.5, 6),
    "make an administrator": Cost((*FIND, "TransactWriteItems events+users"), 1.5, 8),
    "disable": Cost((*FIND, "TransactWriteItems events+sessions+users", *SESSION_GONE), 1.5, 8),
    "end all sessions": Cost((*FIND, "TransactWriteItems events+sessions+users", *SESSION_GONE), 1.5, 8),
    "a link for a new password": Cost((*FIND, "GetItem users", "TransactWriteItems events+mail+users"), 2.5, 8),
    "delete": Cost((*FIND, "TransactWriteItems events+sessions+users", *SESSION_GONE, "Query events"), 1.5, 8),
}


@pytest.fixture
def database_name():
    return "dynamodb-local"


@pytest.fixture
def root(use_cases):
    return use_cases.registration.register("root", "correct horse battery staple", HERE).user


@pytest.fixture
def administration(use_cases):
    return use_cases.administration


@pytest.fixture
def fill(database):
    """Put users into the table, as an import does."""
    numbers = itertools.count()

    def fill(count):
        users = [replace(ALICE, id=f"u{n}", username=f"user-{n:06}") for n in itertools.islice(numbers, count)]
        for start in range(0, count, 25):
            requests = [{"PutRequest": {"Item": new_user_to_item(user)}} for user in users[start : start + 25]]
            database.client.batch_write_item(RequestItems={database.tables.users: requests})
        return users

    return fill


@pytest.fixture
def meter(database):
    with Meter(database.client, database.tables) as meter:
        yield meter


@pytest.fixture
def kim(database, root):
    kim = replace(ALICE, id="kim", username="Kim", contact=Contact("kim@example.org"))
    DynamoDBAdministrationStore(Database(database.client, database.tables)).create(kim, [], None)
    return kim


REQUESTS = {
    "a user, with sessions and history": lambda use, root: use.show("kim"),
    "make an account": lambda use, root: use.create("Lee", root, HERE),
    "give roles": lambda use, root: use.change("kim", root, HERE, roles=["ops"]),
    "make an administrator": lambda use, root: use.change("kim", root, HERE, roles=["admin"]),
    "disable": lambda use, root: use.change("kim", root, HERE, disabled=True),
    "end all sessions": lambda use, root: use.log_out_everywhere("kim", root, HERE),
    "a link for a new password": lambda use, root: use.reset_password("kim", root, HERE),
    "delete": lambda use, root: use.delete("kim", root, HERE),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_costs_exactly(administration, root, kim, meter, name):
    meter.reset()
    REQUESTS[name](administration, root)
    assert meter.reading() == COSTS[name]


def test_a_page_costs_by_what_it_shows_and_not_by_what_is_stored(administration, fill, meter):
    for _ in range(3):
        fill(300)
        meter.reset()
        assert len(administration.list(limit=50).users) == 50
        assert meter.reading() == COSTS["a page of 50 users"]


def test_a_page_in_the_middle_costs_the_same(administration, fill, meter):
    fill(300)
    cursor = administration.list(limit=100).next_cursor
    meter.reset()
    assert administration.list(limit=50, cursor=cursor).users[0].username == "user-000100"
    assert meter.reading() == COSTS["a page of 50 users"]


def test_a_search_costs_by_what_it_finds(administration, fill, meter):
    fill(300)
    meter.reset()
    assert len(administration.list(prefix="USER-00012").users) == 10
    assert meter.reading() == COSTS["the users whose name begins so"]


@pytest.mark.parametrize("name", COSTS)
def test_the_page_has_the_row_of_a_request(name):
    cost = COSTS[name]
    assert f"| {name} | {phrase(cost.calls)} | {cost.reads} | {cost.writes} |" in PAGE
