"""Owners of bound sessions whose clocks are wrong, or are set while they refresh.

The times of proofs are the client's. The server takes one within a minute of its own clock that is newer than the last.
So a client whose clock was set back may be refused for a while, and its session waits.

One thing is left out: a clock that is set back between a refresh whose answer is lost and the retry. The retry is
refused until the client's clock has come to where it was, and may then come too late.
"""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from chalicelib.accounts.caller import Caller
from chalicelib.accounts.events import EventType
from chalicelib.accounts.session import MOST_PROOFS
from chalicelib.errors import InvalidDPoPProof
from chalicelib.tokens.dpop import WINDOW as MOST_OFF
from chalicelib.tokens.keys import generate_signing_jwk
from tests.support.fakes import Memory, fake_use_cases
from tests.support.plain_hasher import PlainHasher
from tests.support.proofs import ClientKey
from tests.support.proven_requests import REFRESH, REGISTER, ProvenRequests
from tests.support.samples import NOW

RETRY_WINDOW = 20
OWNER = Caller(ip="203.0.113.7", user_agent="Firefox")
RING = {"keys": [generate_signing_jwk("EdDSA")], "pepper": "A" * 43}

OFFSETS = st.sampled_from([0, *(sign * (MOST_OFF + by) for sign in (-1, 1) for by in (-50, -1, 0, 1, 3000))])
PAUSES = st.sampled_from([0, 0, 1, 2, 10, MOST_OFF, 600])


class WrongClocks(RuleBasedStateMachine):
    """One bound session of an owner whose clock somebody sets."""

    def __init__(self):
        super().__init__()
        self.now = NOW
        self.offset = 0
        self.was_set_back = self.had_a_full_second = False
        self.memory = Memory()
        use_cases = fake_use_cases(self.memory, RING, hasher=PlainHasher(), clock=lambda: self.now)
        self.requests = ProvenRequests(use_cases, lambda: self.now)
        self.key = ClientKey(clock=lambda: self.now + self.offset)

    @initialize(offset=OFFSETS)
    def the_owner_registers(self, offset):
        self.offset = offset if abs(offset) <= MOST_OFF else 0
        self.token = self.requests.register("alice", OWNER, self.key.proof(REGISTER))

    @property
    def session(self):
        (session,) = self.memory.sessions.values()
        return session

    def refresh(self):
        """Return the successor of the current token, or None if the proof is refused, as it has to be just then."""
        proof, before = self.key.proof(REFRESH), self.session
        try:
            successor = self.requests.refresh(self.token, OWNER, proof)
        except InvalidDPoPProof:
            made_at = self.now + self.offset
            is_full = made_at == before.key_proof_at and len(before.key_proofs) == MOST_PROOFS
            self.had_a_full_second |= is_full
            assert abs(self.offset) > MOST_OFF or made_at < before.key_proof_at or is_full
            assert self.session.refresh_counter == before.refresh_counter
            return None
        return successor

    @rule(offset=OFFSETS)
    def the_clock_is_set(self, offset):
        self.was_set_back |= offset < self.offset
        self.offset = offset

    @rule(pause=PAUSES)
    def the_owner_refreshes(self, pause):
        self.now += pause
        self.token = self.refresh() or self.token

    @rule(pause=PAUSES)
    def the_owner_who_is_refused_asks_for_the_time_and_tries_again(self, pause):
        """As the browser's client does. It comes through, unless the last proof was ahead of the time."""
        self.now += pause
        successor = self.refresh()
        if successor is None:
            self.the_clock_is_set(0)
            successor = self.refresh()
        self.token = successor or self.token

    @rule(pause=PAUSES, later=st.integers(0, RETRY_WINDOW - 1))
    def the_answer_is_lost(self, pause, later):
        """The retry is the client's next request. If it is one too many of a second, it takes the next second."""
        self.now += pause
        successor = self.refresh()
        if successor is None:
            return
        self.now += later
        again = self.refresh()
        if again is None:
            self.now += 1
            again = self.refresh()
        assert again == successor
        self.token = successor

    @rule()
    def the_clock_is_right_for_a_minute(self):
        """Whatever was before, the owner then comes through."""
        self.the_clock_is_set(0)
        self.now += MOST_OFF + 1
        self.token = self.refresh()
        assert self.token is not None

    @invariant()
    def the_session_goes_on_and_nobody_is_taken_for_a_thief(self):
        types = [event.type for event in self.memory.events]
        assert EventType.REFRESH_TOKEN_REUSED not in types
        assert len(self.memory.sessions) == 1

    @invariant()
    def only_a_clock_that_was_set_back_is_taken_for_a_stranger(self):
        """Or more refreshes in one second than a client has any reason for."""
        types = [event.type for event in self.memory.events]
        if EventType.REFRESH_WITHOUT_KEY in types:
            assert self.was_set_back or self.had_a_full_second


TestWrongClocks = WrongClocks.TestCase
