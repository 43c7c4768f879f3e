"""What a look at the feed of ended sessions costs, and how long the feed keeps what it tells."""

import pytest

from chalicelib.accounts.ended import Ended, digest_of
from chalicelib.adapters.dynamodb.ended import KEPT, PARTITION, DynamoDBEndedFeed, put_ended_session
from chalicelib.adapters.dynamodb.transactions import Database
from tests.support.consumption import Cost, Meter
from tests.support.samples import NOW

MANY = 3_000
PAGES = 2


@pytest.fixture
def database_name():
    return "dynamodb-local"


@pytest.fixture
def feed(database):
    return DynamoDBEndedFeed(Database(database.client, database.tables))


@pytest.fixture
def meter(database):
    with Meter(database.client, database.tables) as meter:
        yield meter


@pytest.fixture
def fill(database):
    """Put entries into the feed, one for each second, padded to so many characters."""

    def fill(count, padding=0):
        table = database.tables.sessions
        puts = [put_ended_session(database.tables, f"s{number}", NOW + number)["Put"] for number in range(count)]
        for put in puts:
            put["Item"]["padding"] = {"S": "0" * padding}
        for start in range(0, count, 25):
            requests = [{"PutRequest": {"Item": put["Item"]}} for put in puts[start : start + 25]]
            database.client.batch_write_item(RequestItems={table: requests})
        return [Ended(digest_of(f"s{number}"), NOW + number, is_user=False) for number in range(count)]

    return fill


def test_a_look_at_what_is_new_costs_one_query_however_much_is_old(feed, fill, meter):
    entries = fill(200)
    meter.reset()
    assert feed.since(NOW + 190) == entries[190:]
    assert meter.reading() == Cost(("Query sessions",), 1, 0)


def test_more_than_a_megabyte_is_read_to_its_end(feed, fill, meter):
    entries = fill(MANY, padding=600)
    meter.reset()
    assert feed.since(NOW) == entries
    assert meter.reading().calls == ("Query sessions",) * PAGES


def test_an_entry_is_small_and_outlives_every_access_token(use_cases, alice, caller, database, clock):
    use_cases.refresh_tokens.revoke([alice.tokens.refresh_token], caller)
    (item,) = (item for item in database.scanned(database.tables.sessions) if item["user_id"]["S"] == PARTITION)
    assert item.keys() == {"user_id", "session_id", "ttl"}
    assert sum(len(name) + len(*value.values()) for name, value in item.items()) < 100
    assert item["ttl"] == {"N": str(clock() + KEPT)}
