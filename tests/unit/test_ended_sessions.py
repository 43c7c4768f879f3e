"""What a process remembers of the feed of ended sessions: when it looks, how far back, and what it forgets."""

import threading

import pytest

from chalicelib.accounts.ended import Ended, digest_of
from chalicelib.errors import ServiceUnavailable
from chalicelib.tokens.principals import Principal
from chalicelib.use_cases.ended_sessions import EndedSessions
from tests.support.samples import NOW

ACCESS = 600
REMEMBERED = ACCESS + 10 + 60


class Feed:
    """A feed that notes from when on it was asked."""

    def __init__(self, clock):
        self.entries, self.asked, self.fails = [], [], False
        self.clock, self.takes = clock, 0

    def since(self, at):
        self.asked.append(at)
        found = [entry for entry in self.entries if entry.at >= at]
        self.clock.advance(self.takes)
        if self.fails:
            raise ServiceUnavailable("Query: ThrottlingException")
        return found

    def ends(self, session_id, at):
        self.entries.append(Ended(digest_of(session_id), at, is_user=False))

    def ends_all_of(self, user_id, at):
        self.entries.append(Ended(digest_of(user_id), at, is_user=True))


def young(user_id, session_id, *, issued_at=NOW + 10 * 24 * 3600):
    """Return a principal whose token is never too old, whatever the time is in a test."""
    return Principal(user_id, user_id, session_id, "j1", ("user",), issued_at + ACCESS, issued_at)


@pytest.fixture
def feed(clock):
    return Feed(clock)


@pytest.fixture
def reports():
    return []


@pytest.fixture
def ended(feed, clock, reports):
    return EndedSessions(feed, access_lifetime=ACCESS, clock=clock, report=reports.append)


def test_what_is_in_the_feed_may_have_ended_and_nothing_else(ended, feed):
    feed.ends("one", NOW)
    feed.ends_all_of("alice", NOW)
    assert ended.may_have_ended(young("bob", "one"))
    assert ended.may_have_ended(young("alice", "two"))
    assert not ended.may_have_ended(young("bob", "two"))
    # A user's digest is no session's.
    assert not ended.may_have_ended(young("one", "alice"))


def test_the_first_look_goes_back_as_far_as_an_access_token_can_matter(ended, feed):
    ended.may_have_ended(young("alice", "one"))
    assert feed.asked == [NOW - REMEMBERED]


def test_there_is_one_look_in_ten_seconds_however_often_it_is_asked(ended, feed, clock):
    for _ in range(100):
        for _ in range(10):
            ended.may_have_ended(young("alice", "one"))
        clock.advance(1)
    assert feed.asked == [NOW - REMEMBERED, *(NOW + seconds - 60 for seconds in range(0, 90, 10))]


def test_an_end_is_known_after_ten_seconds_and_stays_known(ended, feed, clock):
    assert not ended.may_have_ended(young("alice", "one"))
    feed.ends("one", NOW)
    clock.advance(9)
    assert not ended.may_have_ended(young("alice", "one"))
    clock.advance(1)
    assert ended.may_have_ended(young("alice", "one"))
    clock.advance(60)
    assert ended.may_have_ended(young("alice", "one"))


def test_what_ends_while_a_look_takes_long_is_known_ten_seconds_after_the_look_began(ended, feed, clock):
    feed.takes = 8
    assert not ended.may_have_ended(young("alice", "one"))
    assert ended.latest().at == NOW
    # After the feed was read, and before the answer was here.
    feed.ends("one", NOW + 1)
    feed.takes = 0
    clock.advance(2)
    assert ended.may_have_ended(young("alice", "one"))


def test_a_look_that_takes_longer_than_it_is_good_for_serves_the_one_who_has_asked_and_nobody_after(ended, feed):
    feed.takes = 10
    assert not ended.may_have_ended(young("alice", "one"))
    feed.ends("one", NOW + 1)
    assert ended.may_have_ended(young("alice", "one"))


def test_an_entry_that_shows_up_late_is_seen(ended, feed, clock):
    ended.may_have_ended(young("alice", "one"))
    clock.advance(30)
    ended.may_have_ended(young("alice", "one"))
    feed.ends("one", NOW + 1)
    clock.advance(10)
    assert ended.may_have_ended(young("alice", "one"))


def test_what_no_token_can_be_of_any_more_is_forgotten(ended, feed, clock):
    feed.ends("one", NOW)
    feed.ends_all_of("alice", NOW + 5)
    ended.may_have_ended(young("alice", "one"))
    clock.advance(REMEMBERED)
    assert set(ended.latest().sessions) == {digest_of("one")}
    clock.advance(10)
    assert not ended.latest().sessions
    assert not ended.latest().users
    # And not because the feed forgets it.
    assert len(feed.entries) == 2


def test_what_ended_is_remembered_to_the_last_second_in_which_it_can_matter(ended, feed, clock):
    feed.ends("one", NOW)
    feed.ends_all_of("alice", NOW)
    ended.latest()
    clock.advance(REMEMBERED - 10)
    ended.latest()
    clock.advance(10)
    known = ended.latest()
    # The feed is not asked for anything as old any more.
    assert feed.asked[-1] > NOW
    assert (known.sessions, known.users) == ({digest_of("one"): NOW}, {digest_of("alice"): NOW})
    clock.advance(10)
    assert (ended.latest().sessions, ended.latest().users) == ({}, {})


def test_the_first_look_knows_what_ended_in_the_oldest_second_that_can_matter(ended, feed):
    feed.ends("one", NOW - REMEMBERED)
    feed.ends("two", NOW - REMEMBERED - 1)
    assert ended.latest().sessions == {digest_of("one"): NOW - REMEMBERED}


def test_a_token_that_has_outlived_what_is_remembered_may_have_ended(ended, feed, clock):
    token = young("alice", "one", issued_at=NOW)
    clock.advance(ACCESS + 10)
    assert not ended.may_have_ended(token)
    clock.advance(1)
    assert ended.may_have_ended(token)
    # The context of a request may be from an authorizer that did not say when the token was issued.
    assert ended.may_have_ended(young("alice", "one", issued_at=0))


def test_a_user_whose_sessions_end_twice_is_kept_from_the_later_end(ended, feed, clock):
    feed.ends_all_of("alice", NOW - 600)
    feed.ends_all_of("alice", NOW)
    assert ended.latest().users == {digest_of("alice"): NOW}


def test_an_instance_that_was_frozen_looks_before_it_answers_and_as_far_back_as_it_slept(ended, feed, clock):
    ended.may_have_ended(young("alice", "one"))
    clock.advance(300)
    feed.ends("one", NOW + 20)
    assert ended.may_have_ended(young("alice", "one"))
    assert feed.asked[-1] == NOW - 60
    clock.advance(24 * 3600)
    ended.may_have_ended(young("alice", "one"))
    # Nothing older can matter, so a long sleep needs no long answer.
    assert feed.asked[-1] == clock() - REMEMBERED


def test_a_clock_that_is_set_back_makes_it_look_as_at_first(ended, feed, clock):
    ended.may_have_ended(young("alice", "one"))
    clock.advance(-3600)
    feed.ends("one", NOW - 3600 - 600)
    assert ended.may_have_ended(young("alice", "one"))
    assert feed.asked[-1] == NOW - 3600 - REMEMBERED


def test_while_the_feed_cannot_be_read_everything_may_have_ended(ended, feed, clock, reports):
    assert not ended.may_have_ended(young("alice", "one"))
    feed.fails = True
    clock.advance(9)
    assert not ended.may_have_ended(young("alice", "one"))
    clock.advance(1)
    assert ended.may_have_ended(young("alice", "one"))
    assert reports == ["Query: ThrottlingException"]
    with pytest.raises(ServiceUnavailable, match="busy or unreachable"):
        ended.latest()


def test_a_look_that_failed_is_repeated_after_a_second_and_no_sooner(ended, feed, clock, reports):
    feed.fails = True
    for _ in range(3):
        for _ in range(10):
            assert ended.may_have_ended(young("alice", "one"))
        clock.advance(1)
    assert len(feed.asked) == len(reports) == 3
    feed.fails = False
    assert not ended.may_have_ended(young("alice", "one"))
    # What was missed is made up for: it looks from the last look on that was good, and here there was none.
    assert feed.asked[-1] == clock() - REMEMBERED


def test_looks_that_take_long_to_fail_do_not_follow_each_other_at_once(ended, feed, clock):
    feed.fails, feed.takes = True, 5
    for _ in range(3):
        assert ended.may_have_ended(young("alice", "one"))
    assert feed.asked == [NOW - REMEMBERED]
    clock.advance(1)
    ended.may_have_ended(young("alice", "one"))
    assert len(feed.asked) == 2


def test_a_clock_that_is_set_back_after_a_look_that_failed_does_not_keep_it_from_looking(ended, feed, clock):
    feed.fails = True
    assert ended.may_have_ended(young("alice", "one"))
    clock.advance(-3600)
    feed.fails = False
    assert not ended.may_have_ended(young("alice", "one"))
    assert feed.asked == [NOW - REMEMBERED, NOW - 3600 - REMEMBERED]


def test_what_was_missed_while_looks_failed_is_made_up_for(ended, feed, clock):
    ended.may_have_ended(young("alice", "one"))
    feed.fails = True
    for _ in range(12):
        clock.advance(10)
        ended.may_have_ended(young("alice", "one"))
    feed.ends("one", NOW + 5)
    feed.fails = False
    clock.advance(1)
    assert ended.may_have_ended(young("alice", "one"))
    assert feed.asked[-1] == NOW - 60


def test_threads_that_ask_at_once_wait_for_one_look(feed, clock):
    asked, may_go_on = threading.Event(), threading.Event()

    class Slow(Feed):
        def since(self, at):
            asked.set()
            assert may_go_on.wait(60)
            return super().since(at)

    slow = Slow(clock)
    slow.ends("one", NOW)
    ended = EndedSessions(slow, access_lifetime=ACCESS, clock=clock, report=lambda _: None)
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(ended.may_have_ended(young("alice", "one"))), daemon=True)
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    assert asked.wait(60)
    may_go_on.set()
    for thread in threads:
        thread.join(60)
    assert answers == [True] * 8
    assert len(slow.asked) == 1
