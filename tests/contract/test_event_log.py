"""What every ``EventLog`` keeps, in memory and in DynamoDB."""

from dataclasses import replace

from tests.support.samples import NOW, REGISTERED


def test_shows_the_newest_first_and_no_more_than_asked_for(events):
    for seconds in (5, 1, 9, 3):
        events.record(replace(REGISTERED, at=NOW + seconds))
    assert [event.at - NOW for event in events.recent("u1", 3)] == [9, 5, 3]


def test_keeps_two_events_of_one_second_in_their_order(events):
    first = replace(REGISTERED, caller=replace(REGISTERED.caller, user_agent="first"))
    events.record(first)
    events.record(REGISTERED)
    assert events.recent("u1", 9) == [REGISTERED, first]


def test_shows_nobody_elses(events):
    events.record(replace(REGISTERED, user_id="u2"))
    assert events.recent("u1", 9) == []
