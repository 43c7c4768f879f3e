"""The clock that an operator's commands have from the database's answers, and the ends that are told too late."""

import datetime
from email.utils import format_datetime
from types import SimpleNamespace

import botocore.endpoint
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ConnectTimeoutError

from chalicelib.adapters.aws import session
from chalicelib.adapters.dynamodb.ended import entry_of_user, put_ended_session
from chalicelib.adapters.dynamodb.transactions import Database, transact
from chalicelib.errors import ServiceUnavailable
from infra.database_clock import LATEST, DatabaseClock, TooLateError
from tests.support.databases import tables_of
from tests.support.samples import NOW

pytestmark = pytest.mark.slow

KEY = {"user_id": {"S": "id-1"}, "session_id": {"S": "s"}}


class Slow:
    """A database, and the time. A request is on its way for some seconds, and its answer too."""

    def __init__(self):
        self.now, self.there, self.back = NOW + 0.4, 0, 0
        self.fails = False
        self.sent = []
        secret = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
        retries = Config(retries={"mode": "standard", "total_max_attempts": 6})
        self.client = session().create_client("dynamodb", region_name="eu-central-1", config=retries, **secret)
        self.client.meta.events.register("before-send", self._answer)

    def time(self):
        return self.now

    def read(self):
        self.client.get_item(TableName="users", Key=KEY)

    def _answer(self, request, **_):
        self.sent.append(request)
        self.now += self.there
        if self.fails:
            raise ConnectTimeoutError(endpoint_url=request.url)
        made = datetime.datetime.fromtimestamp(int(self.now), datetime.UTC)
        self.now += self.back
        headers = {"date": format_datetime(made, usegmt=True)}
        return AWSResponse(request.url, 200, headers, SimpleNamespace(stream=lambda: iter([b"{}"])))


@pytest.fixture
def database():
    return Slow()


@pytest.mark.parametrize(("there", "back"), [(0, 0), (20, 0), (0, 20), (14, 15), (0.7, 0.7)])
def test_a_clock_that_is_right_stays_right_however_slow_an_answer_is(database, there, back):
    clock = DatabaseClock(database.client, database.time)
    database.there, database.back = there, back
    database.read()
    assert clock() == int(database.now)


@pytest.mark.parametrize(("there", "back"), [(0, 0), (20, 0), (0, 20), (14, 15)])
@pytest.mark.parametrize("ahead", [-250, -32, 32, 250])
def test_a_clock_that_is_wrong_is_put_right_and_rather_late_than_early(database, ahead, there, back):
    clock = DatabaseClock(database.client, lambda: database.now + ahead)
    database.there, database.back = there, back
    database.read()
    assert int(database.now) <= clock() <= int(database.now) + there + 1


@pytest.mark.parametrize("ahead", [-3, -2, -1.2, 1.2, 2, 3])
@pytest.mark.parametrize("fraction", [0, 0.05, 0.5, 0.92, 0.96])
@pytest.mark.parametrize("told_in", [float, int])
def test_a_clock_that_is_wrong_by_more_than_a_second_is_put_right_whenever_in_a_second_an_answer_is_made(
    database, ahead, fraction, told_in
):
    clock = DatabaseClock(database.client, lambda: told_in(database.now + ahead))
    database.now = NOW + fraction
    database.there = database.back = 0.05
    database.read()
    later = 1.1 if told_in is float else 2.1
    for _ in range(20):
        assert int(database.now) <= clock() <= int(database.now + later)
        database.now += 0.05


@pytest.mark.parametrize("ahead", [-0.9, -0.05, 0, 0.05, 0.9])
@pytest.mark.parametrize("fraction", [0, 0.05, 0.5, 0.92, 0.96])
def test_a_clock_that_is_right_to_a_second_is_never_made_to_tell_an_earlier_time(database, ahead, fraction):
    clock = DatabaseClock(database.client, lambda: int(database.now + ahead))
    database.now = NOW + fraction
    database.there = database.back = 0.05
    database.read()
    for _ in range(20):
        assert int(database.now + min(ahead, 0)) <= clock() <= int(database.now + 2.1)
        database.now += 0.05


def test_an_end_is_not_told_so_late_that_those_who_look_might_not_see_it(database):
    clock = DatabaseClock(database.client, database.time)
    tables = tables_of("test")
    ended = clock()
    database.now += LATEST
    database.client.put_item(TableName=tables.sessions, Item=entry_of_user("id-1", ended))
    assert len(database.sent) == 1
    database.now += 1
    with pytest.raises(TooLateError, match="too slow, by 1 seconds"):
        database.client.put_item(TableName=tables.sessions, Item=entry_of_user("id-1", ended))
    delete = {"Delete": {"TableName": tables.sessions, "Key": KEY}}
    with pytest.raises(ServiceUnavailable) as caught:
        transact(Database(database.client, tables), [delete, put_ended_session(tables, "s", ended)])
    assert isinstance(caught.value.__cause__, TooLateError)
    assert len(database.sent) == 1
    # What tells of no end has time.
    assert transact(Database(database.client, tables), [delete]) == {}


def test_an_end_is_not_told_late_by_sending_it_again(database, monkeypatch):
    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=lambda _: None))
    clock = DatabaseClock(database.client, database.time)
    database.there, database.fails = 15, True
    with pytest.raises(TooLateError):
        database.client.put_item(TableName="sessions", Item=entry_of_user("id-1", clock()))
    assert len(database.sent) == 2
