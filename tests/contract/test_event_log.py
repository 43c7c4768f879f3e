"""What every ``EventLog`` keeps, in memory and in DynamoDB."""

from dataclasses import replace

import pytest

from chalicelib.adapters.dynamodb.items import event_to_item
from tests.support.samples import ALICE, NOW, REGISTERED, REVOKED, SESSION


@pytest.fixture
def record(users):
    """Record an event of Alice's, with what causes it."""
    users.add(ALICE, SESSION, REGISTERED)
    return lambda event: users.end_all_sessions(ALICE, event)


def test_shows_the_newest_first_and_no_more_than_asked_for(events, record):
    for seconds in (5, 1, 9, 3):
        record(replace(REVOKED, at=NOW + seconds))
    assert [event.at - NOW for event in events.recent("u1", 3)] == [9, 5, 3]


def test_keeps_two_events_of_one_second_in_their_order(events, record):
    first = replace(REVOKED, caller=replace(REVOKED.caller, user_agent="first"))
    record(first)
    record(REVOKED)
    assert events.recent("u1", 9) == [REVOKED, first, REGISTERED]


def test_shows_nobody_elses(users, events):
    bob = replace(ALICE, id="u2", username="Bob")
    users.add(bob, replace(SESSION, user_id="u2"), replace(REGISTERED, user_id="u2"))
    assert events.recent("u1", 9) == []


@pytest.mark.parametrize("place", ["moto", "dynamodb-local"], indirect=True)
def test_an_event_of_a_later_version_is_left_out_after_a_rollback(place, users, events):
    users.add(ALICE, SESSION, REGISTERED)
    later = event_to_item(replace(REGISTERED, at=NOW + 1)) | {"type": {"S": "of_a_later_version"}}
    place.client.put_item(TableName=place.tables.events, Item=later)
    assert events.recent("u1", 9) == [REGISTERED]
