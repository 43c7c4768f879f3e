"""The users that are copied into DynamoDB Local's file are there, whole, for whoever asks its API."""

from contextlib import ExitStack

import pytest

from bench import growth
from bench.bulk import Population
from bench.over_database import TABLES, private_ring
from chalicelib.adapters.dynamodb.items import user_key

POPULATION = Population(users=40, crowded=9, sessions_of_crowded=5)
TAKEN = 2


@pytest.fixture(scope="module")
def subject(dynamodb_local, tmp_path_factory):
    with ExitStack() as stack:
        yield growth._filled(stack, tmp_path_factory.mktemp("data"), POPULATION, private_ring())


def test_there_are_as_many_users_and_sessions_as_asked_for(subject):
    assert subject.over.client.scan(TableName=TABLES.users, Select="COUNT")["Count"] == 40
    assert subject.over.client.scan(TableName=TABLES.sessions, Select="COUNT")["Count"] == 31 + 9 * 5


def test_a_copied_user_is_like_one_that_was_written_through_the_api(subject):
    def user(number):
        key = user_key(POPULATION.username(number))
        return subject.over.client.get_item(TableName=TABLES.users, Key=key)["Item"]

    first, last = user(0), user(39)
    assert first.keys() == last.keys()
    assert last["user_id"]["S"] == POPULATION.user_id(39)
    assert (first["session_bound"], last["session_bound"]) == ({"N": "1"}, {"N": "5"})


def test_the_indexes_have_every_copied_user(subject):
    def found(index, **key):
        ((name, value),) = key.items()
        return subject.over.client.query(
            TableName=TABLES.users,
            IndexName=index,
            KeyConditionExpression=f"{name} = :value",
            ExpressionAttributeValues={":value": {"S": value}},
        )["Items"]

    assert len(found("by-id", user_id=POPULATION.user_id(39))) == 1
    names = [item["canonical_username"]["S"] for item in found("by-name", directory="users")]
    assert names == [POPULATION.username(number) for number in range(40)]


def test_each_request_succeeds_for_users_from_one_end_to_the_other(subject):
    for act in subject.actions.values():
        for _ in range(TAKEN):
            act()


def test_each_request_is_of_another_user_until_none_is_left(subject):
    act = subject.actions["list of sessions, 50 sessions"]
    for _ in range(POPULATION.crowded // 3 - TAKEN):
        act()
    with pytest.raises(StopIteration):
        act()
