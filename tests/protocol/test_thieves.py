"""Thieves who hold a copy of an honest session's refresh token, and how long they last.

The owner's client refreshes now and then, one rotation at a time. The thief may use any token that it has seen, at any
second: it may poll, know the owner's schedule, sit behind the owner's address with the owner's User-Agent, or use the
token before the owner does. Whatever it does, the number of the owner's refreshes until the session is over and the
history says so has a bound.
"""

import contextlib
from dataclasses import replace

import jwt
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from chalicelib.accounts.caller import Caller
from chalicelib.accounts.events import EventType
from chalicelib.errors import InvalidGrant
from chalicelib.tokens.keys import generate_signing_jwk
from chalicelib.use_cases.ports import Rotation
from tests.support.fakes import FakeSessionStore, Memory, fake_use_cases
from tests.support.samples import NOW

WINDOW = 20
OWNER = Caller(ip="203.0.113.7", user_agent="Firefox")
NEAR = Caller(ip="203.0.113.99", user_agent="Firefox")
ELSEWHERE = Caller(ip="198.51.100.9", user_agent="Firefox")
RING = {"keys": [generate_signing_jwk("EdDSA")], "pepper": "A" * 43}

MOST_REFRESHES = {NEAR: 3, ELSEWHERE: 2}
"""Refreshes of the owner, the theft before the first of them, until a thief who keeps up is found out."""


class PlainHasher:
    """Stands for bcrypt, which is not what is tested here."""

    def hash(self, password):
        return password

    def verify(self, password, password_hash):
        return password_hash == password

    def needs_rehash(self, password_hash):
        return False


class Theft(RuleBasedStateMachine):
    """One session, its owner and one thief."""

    def __init__(self, stores=None):
        super().__init__()
        self.now = NOW
        self.memory = Memory()
        make = stores or (lambda memory: {})
        self.use_cases = fake_use_cases(
            self.memory, RING, hasher=PlainHasher(), clock=lambda: self.now, **make(self.memory)
        )
        self.is_an_ordinary_end = False

    @initialize(thief=st.sampled_from([NEAR, ELSEWHERE]), delay=st.integers(0, 600))
    def theft(self, thief, delay):
        """The thief copies the cookie. From then on it counts the owner's refreshes that it has kept up with."""
        logged_in = self.use_cases.registration.register("alice", "correct horse battery staple", OWNER)
        self.thief = thief
        self.owners = self.thiefs = logged_in.tokens.refresh_token
        self.kept_up = 0
        self.now += delay

    def exchange(self, token, caller):
        try:
            return self.use_cases.refresh_tokens.exchange(token, caller).tokens.refresh_token
        except InvalidGrant:
            return None

    @property
    def is_over(self):
        return not self.memory.sessions

    @property
    def is_told(self):
        return EventType.REFRESH_TOKEN_REUSED in [event.type for event in self.memory.events]

    def owner_refreshes(self):
        if (successor := self.exchange(self.owners, OWNER)) is not None:
            self.owners = successor
            if self.thiefs is not None:
                self.kept_up += 1

    def thief_refreshes(self):
        if self.thiefs is not None:
            # A thief who is refused holds nothing any more.
            self.thiefs = self.exchange(self.thiefs, self.thief)

    @precondition(lambda self: not self.is_over)
    @rule(pause=st.integers(1, 700))
    def the_owner_refreshes_and_the_thief_does_nothing(self, pause):
        self.now += pause
        self.owner_refreshes()

    @precondition(lambda self: not self.is_over)
    @rule(pause=st.integers(1, 700), after=st.integers(0, WINDOW + 2))
    def the_thief_rides_along(self, pause, after):
        """It polls every few seconds, or knows when the owner refreshes."""
        self.now += pause
        self.owner_refreshes()
        self.now += after
        self.thief_refreshes()

    @precondition(lambda self: not self.is_over)
    @rule(pause=st.integers(1, 700), after=st.integers(0, WINDOW + 2))
    def the_thief_comes_first(self, pause, after):
        """It knows the schedule, and the owner's refresh is then the retry."""
        self.now += pause
        self.thief_refreshes()
        self.now += after
        self.owner_refreshes()

    @precondition(lambda self: not self.is_over)
    @rule(times=st.integers(1, 3), pause=st.integers(0, WINDOW))
    def the_thief_polls(self, times, pause):
        for _ in range(times):
            self.now += pause
            self.thief_refreshes()

    @precondition(lambda self: not self.is_over)
    @rule(pause=st.sampled_from([0, WINDOW, WINDOW + 1, 300]), by_thief=st.booleans())
    def one_of_them_logs_out(self, pause, by_thief):
        """With whatever token is in hand: used by the other before, it gives the theft away."""
        self.now += pause
        token, caller = (self.thiefs, self.thief) if by_thief else (self.owners, OWNER)
        if token is None:
            return
        (session,) = self.memory.sessions.values()
        since = session.refresh_counter - claims_of(token)["counter"]
        used_before = since > 1 or (since == 1 and self.now - session.last_used_at > WINDOW)
        self.is_an_ordinary_end = not used_before or not session.is_live(self.now)
        self.use_cases.refresh_tokens.revoke([token], caller)
        assert self.is_over

    @rule(hours=st.integers(1, 30))
    def the_owner_is_away(self, hours):
        self.now += hours * 3600

    @invariant()
    def a_thief_who_keeps_up_is_found_out_soon(self):
        if not hasattr(self, "thief"):
            return
        lineage_is_shared = not self.is_over and self.thiefs is not None and self.thiefs == self.owners
        if lineage_is_shared:
            assert self.kept_up < MOST_REFRESHES[self.thief] + self.days_apart
        if self.is_over:
            assert self.is_told or self.is_an_ordinary_end

    @property
    def days_apart(self):
        """Another retry from elsewhere is accepted each day."""
        return (self.now - NOW) // (24 * 3600) * (self.thief is ELSEWHERE)


TestTheft = Theft.TestCase


class Forgetful(FakeSessionStore):
    """A store under which nobody notices retries: the rule that there was before."""

    def note_retry(self, before, after, event):
        return Rotation(applied=True, session=after)


class TheftUnnoticed(Theft):
    def __init__(self):
        super().__init__(lambda memory: {"sessions": Forgetful(memory, 50)})


class Lenient(FakeSessionStore):
    """A store under which any token of a session logs out: the rule that there was before."""

    def end_at(self, user_id, session_id, counter, event, **_of_whom):
        return Rotation(applied=self.end(user_id, session_id, event), session=None)


class TheftHiddenByALogOut(Theft):
    def __init__(self):
        super().__init__(lambda memory: {"sessions": Lenient(memory, 50)})


@pytest.mark.slow
@pytest.mark.parametrize("model", [TheftUnnoticed, TheftHiddenByALogOut])
def test_without_the_rules_the_model_finds_the_thief(model):
    with pytest.raises(AssertionError):
        run_state_machine_as_test(model, settings=settings(max_examples=2000, phases=[Phase.generate]))


def use_cases_at(clock, memory):
    return fake_use_cases(memory, RING, hasher=PlainHasher(), clock=clock)


@pytest.mark.parametrize(("thief", "refreshes"), MOST_REFRESHES.items(), ids=["near", "elsewhere"])
@pytest.mark.parametrize("first", ["owner", "thief"])
def test_a_thief_who_polls_every_three_seconds_lasts_for_a_number_of_refreshes(clock, thief, refreshes, first):
    memory = Memory()
    exchange = use_cases_at(clock, memory).refresh_tokens.exchange
    token = use_cases_at(clock, memory).registration.register("alice", "correct horse battery staple", OWNER)
    both = token.tokens.refresh_token
    done = 0
    while memory.sessions:
        clock.advance(555)
        done += 1
        users = [OWNER, thief] if first == "owner" else [thief, OWNER]
        with contextlib.suppress(InvalidGrant):
            first_successor = exchange(both, users[0]).tokens.refresh_token
            clock.advance(3)
            second_successor = exchange(both, users[1]).tokens.refresh_token
            assert first_successor == second_successor
            both = first_successor
    assert done == refreshes
    assert memory.events[-1].type is EventType.REFRESH_TOKEN_REUSED


def test_a_retry_from_elsewhere_is_in_the_history_with_where_it_came_from(clock):
    memory = Memory()
    use_cases = use_cases_at(clock, memory)
    token = use_cases.registration.register("alice", "correct horse battery staple", OWNER).tokens.refresh_token
    use_cases.refresh_tokens.exchange(token, OWNER)
    use_cases.refresh_tokens.exchange(token, ELSEWHERE)
    assert (memory.events[-1].type, memory.events[-1].caller) == (EventType.REFRESH_RETRIED_ELSEWHERE, ELSEWHERE)


def test_an_honest_client_whose_answers_are_lost_now_and_then_is_never_out(clock):
    memory = Memory()
    use_cases = use_cases_at(clock, memory)
    token = use_cases.registration.register("alice", "correct horse battery staple", OWNER).tokens.refresh_token
    for number in range(60):
        clock.advance(555)
        lost = number % 3 != 2
        successor = use_cases.refresh_tokens.exchange(token, OWNER).tokens.refresh_token
        if lost:
            clock.advance(10)
            moved = replace(OWNER, ip="203.0.113.200")
            assert use_cases.refresh_tokens.exchange(token, moved).tokens.refresh_token == successor
        token = successor
    assert len(memory.sessions) == 1


def test_neither_claim_of_a_refresh_token_tells_when_it_was_issued(clock):
    memory = Memory()
    use_cases = use_cases_at(clock, memory)
    first = use_cases.registration.register("alice", "correct horse battery staple", OWNER).tokens.refresh_token
    clock.advance(1234)
    second = use_cases.refresh_tokens.exchange(first, OWNER).tokens.refresh_token
    assert {**claims_of(second), "counter": 0} == claims_of(first)


def claims_of(token):
    return jwt.decode(token, options={"verify_signature": False})
