"""Thieves who hold copies of a bound session's refresh tokens, without its key and with it.

Without the key a thief may do all that it can with a plain session, and it has also recorded each proof that the owner
has ever sent. It gets nothing, the owner notices nothing but an entry in the history, and the first try is in it.

With the key, which it has copied out of the owner's profile, the thief is to the server another tab of the owner's. It
is found out as soon as one of the two uses a token that the other has used, later than a tab would.
"""

import contextlib
import secrets
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
from chalicelib.accounts.key_proof import KeyProof
from chalicelib.errors import InvalidDPoPProof, InvalidGrant, RefreshTokenReused
from chalicelib.tokens.keys import generate_signing_jwk
from chalicelib.use_cases.ports import Rotation
from tests.support.fakes import FakeSessionStore, Memory, fake_use_cases
from tests.support.plain_hasher import PlainHasher
from tests.support.proofs import ClientKey
from tests.support.proven_requests import LOG_IN, LOG_OUT, REFRESH, REGISTER, ProvenRequests
from tests.support.samples import NOW

WINDOW = 20
OWNER = Caller(ip="203.0.113.7", user_agent="Firefox")
NEAR = Caller(ip="203.0.113.99", user_agent="Firefox")
ELSEWHERE = Caller(ip="198.51.100.9", user_agent="Firefox")
RING = {"keys": [generate_signing_jwk("EdDSA")], "pepper": "A" * 43}

THIEVES = st.sampled_from([OWNER, NEAR, ELSEWHERE])
"""The thief may also sit behind the owner's own address."""

BACK = st.sampled_from([0, 1, 4])
"""Which of the owner's tokens or proofs, counted from the newest."""

PROOFS = st.sampled_from([None, "by another key", 0, 1, 4])
"""What a thief without the key may send along. A number is one of the recorded proofs."""


class TheftWithoutTheKey(RuleBasedStateMachine):
    """Bound sessions, one at a time, their owner, and a thief who has all that the owner ever sent or was given."""

    def __init__(self, stores=None):
        super().__init__()
        self.now = NOW
        self.memory = Memory()
        made = stores(self.memory) if stores else {}
        use_cases = fake_use_cases(self.memory, RING, hasher=PlainHasher(), clock=self.clock, **made)
        self.requests = ProvenRequests(use_cases, self.clock)
        self.owners_key, self.thiefs_key = ClientKey(clock=self.clock), ClientKey(clock=self.clock)
        self.tokens, self.proofs = [], []
        self.told = set()
        """The sessions whose tokens the thief has tried while they could be continued."""
        self.is_logged_in = False

    def clock(self):
        return self.now

    def proof(self, path):
        """Return a proof by the owner, which the thief records."""
        self.proofs.append(self.owners_key.proof(path))
        return self.proofs[-1]

    @initialize()
    def the_owner_registers(self):
        self.tokens.append(self.requests.register("alice", OWNER, self.proof(REGISTER)))
        self.is_logged_in = True
        # The thief has an account too.
        self.requests.register("mallory", ELSEWHERE)

    @precondition(lambda self: self.is_logged_in)
    @rule(pause=st.integers(1, 700), tabs=st.integers(1, 3), lost=st.booleans(), later=st.integers(0, WINDOW))
    def the_owner_refreshes(self, pause, tabs, lost, later):
        """In several tabs at once, or once more because the answer was lost."""
        self.now += pause
        current = self.tokens[-1]
        successors = {self.requests.refresh(current, OWNER, self.proof(REFRESH)) for _ in range(tabs)}
        if lost:
            self.now += later
            successors.add(self.requests.refresh(current, OWNER, self.proof(REFRESH)))
        (successor,) = successors
        self.tokens.append(successor)

    @rule(pause=st.integers(1, 700), keeps_key=st.booleans())
    def the_owner_logs_in(self, pause, keeps_key):
        """With the key and over the cookie of the session before; after a log-out perhaps with a new key."""
        self.now += pause
        if not (self.is_logged_in or keeps_key):
            self.owners_key = ClientKey(clock=self.clock)
        cookies = self.tokens[-1:] if self.is_logged_in else []
        self.tokens.append(self.requests.log_in("alice", OWNER, self.proof(LOG_IN), cookies=cookies))
        self.is_logged_in = True

    @precondition(lambda self: self.is_logged_in)
    @rule(pause=st.integers(1, 700))
    def the_owner_logs_out(self, pause):
        self.now += pause
        self.requests.log_out(self.tokens[-1], OWNER, self.proof(LOG_OUT))
        self.is_logged_in = False

    @rule(hours=st.integers(1, 24))
    def the_owner_is_away(self, hours):
        self.now += hours * 3600

    @rule(thief=THIEVES, token=BACK, proof=PROOFS, after=st.integers(0, WINDOW + 2))
    def the_thief_refreshes(self, thief, token, proof, after):
        """It polls, rides along, or comes before the owner does."""
        self.now += after
        self.try_in_vain(self.requests.refresh, REFRESH, thief, token, proof)

    @rule(thief=THIEVES, token=BACK, proof=PROOFS, after=st.integers(0, WINDOW + 2))
    def the_thief_logs_out(self, thief, token, proof, after):
        self.now += after
        self.try_in_vain(self.requests.log_out, LOG_OUT, thief, token, proof)

    @rule(thief=THIEVES, token=BACK, proof=PROOFS, after=st.integers(0, WINDOW + 2))
    def the_thief_logs_in_over_the_cookie(self, thief, token, proof, after):
        """As itself, to end the session whose cookie it sends along. That is no entry: its owner may do the same."""
        self.now += after
        before, cookies = self.of_alice(), [self.seen(self.tokens, token)]
        with contextlib.suppress(InvalidDPoPProof):
            self.requests.log_in("mallory", thief, self.of_thief(proof, LOG_IN), cookies=cookies)
        assert self.of_alice() == before

    def try_in_vain(self, request, path, thief, token, proof):
        """Send a request of the thief's. It gets nothing, and only the history changes."""
        token, proof = self.seen(self.tokens, token), self.of_thief(proof, path)
        before = self.of_alice()
        is_wrong, key = False, None
        try:
            sender = self.requests.sent_by(thief, path, proof)
            key = sender.key_proof and sender.key_proof.key
        except InvalidDPoPProof as refusal:
            is_wrong, key = True, refusal.key
        try:
            gained = request(token, thief, proof)
        except (InvalidDPoPProof, InvalidGrant):
            gained = None
        assert gained is None
        assert [replace(session, without_key_at=0) for session in self.of_alice()] == [
            replace(session, without_key_at=0) for session in before
        ]
        sought = next((session for session in before if session.id == claims_of(token)["sid"]), None)
        # The client itself may have a wrong clock, or log out by one that was set back. It is told to try again.
        is_excused = sought is not None and key == sought.key and (is_wrong or path == LOG_OUT)
        if sought is not None and not is_excused:
            self.told.add(sought.id)

    def of_thief(self, proof, path):
        if proof == "by another key":
            return self.thiefs_key.proof(path)
        return None if proof is None else self.seen(self.proofs, proof)

    @staticmethod
    def seen(sent, back):
        return sent[-1 - min(back, len(sent) - 1)]

    def of_alice(self):
        return [session for session in self.memory.sessions.values() if session.username == "alice"]

    @invariant()
    def the_owner_is_logged_in_until_the_owner_logs_out(self):
        assert len(self.of_alice()) == self.is_logged_in

    @invariant()
    def the_first_try_is_in_the_history_and_nothing_alarms_without_one(self):
        assert EventType.REFRESH_TOKEN_REUSED not in [event.type for event in self.memory.events]
        alarms = [event for event in self.memory.events if event.type is EventType.REFRESH_WITHOUT_KEY]
        assert {event.session_id for event in alarms} == self.told


TestTheftWithoutTheKey = TheftWithoutTheKey.TestCase


class AnyKey(FakeSessionStore):
    """A store that takes the proofs of any key."""

    def rotate(self, user_id, session_id, counter, *, key_proof=None, **others):
        session = self._memory.sessions.get((user_id, session_id))
        if session is not None and key_proof is not None:
            key_proof = replace(key_proof, key=session.key)
        return super().rotate(user_id, session_id, counter, key_proof=key_proof, **others)


class AnyProof(FakeSessionStore):
    """A store that looks at the second of a proof only."""

    def rotate(self, user_id, session_id, counter, *, key_proof=None, **others):
        if key_proof is not None:
            key_proof = replace(key_proof, id=secrets.token_urlsafe())
        return super().rotate(user_id, session_id, counter, key_proof=key_proof, **others)


class NoneIfAsked(FakeSessionStore):
    """A store that checks a proof if one comes along."""

    def rotate(self, user_id, session_id, counter, *, key_proof=None, **others):
        session = self._memory.sessions.get((user_id, session_id))
        if session is not None and key_proof is None:
            key_proof = KeyProof(session.key, secrets.token_urlsafe(), session.key_proof_at + 1)
        return super().rotate(user_id, session_id, counter, key_proof=key_proof, **others)


class ForgetsRetries(FakeSessionStore):
    """A store that does not remember the proofs of retries."""

    def note_retry(self, before, after, event):
        return Rotation(applied=True, session=after)


class AnybodyLogsOut(FakeSessionStore):
    """A store that ends a session whoever has its token."""

    def end_at(self, user_id, session_id, counter, event, *, key_proof=None, **others):
        session = self._memory.sessions.get((user_id, session_id))
        if session is not None:
            key_proof = KeyProof(session.key, secrets.token_urlsafe(), session.key_proof_at + 1)
        return super().end_at(user_id, session_id, counter, event, key_proof=key_proof, **others)


class AnyProofLogsOut(FakeSessionStore):
    """A store that looks at the key of a log-out only."""

    def end_at(self, user_id, session_id, counter, event, *, key_proof=None, **others):
        session = self._memory.sessions.get((user_id, session_id))
        if session is not None and session.is_held_by(key_proof):
            key_proof = KeyProof(session.key, secrets.token_urlsafe(), session.key_proof_at + 1)
        return super().end_at(user_id, session_id, counter, event, key_proof=key_proof, **others)


@pytest.mark.slow
@pytest.mark.parametrize("store", [AnyKey, AnyProof, NoneIfAsked, ForgetsRetries, AnybodyLogsOut, AnyProofLogsOut])
def test_without_any_one_of_the_rules_the_model_finds_the_thief(store):
    class Broken(TheftWithoutTheKey):
        def __init__(self):
            super().__init__(lambda memory: {"sessions": store(memory, 50)})

    with pytest.raises(AssertionError):
        run_state_machine_as_test(Broken, settings=settings(max_examples=2000, phases=[Phase.generate]))


@pytest.fixture
def memory():
    return Memory()


@pytest.fixture
def requests(memory, clock):
    return ProvenRequests(fake_use_cases(memory, RING, hasher=PlainHasher(), clock=clock), clock)


@pytest.fixture
def key(clock):
    """The key that both have."""
    return ClientKey(clock=clock)


@pytest.fixture
def token(requests, key):
    return requests.register("alice", OWNER, key.proof(REGISTER))


@pytest.mark.parametrize("callers", [(OWNER, ELSEWHERE), (ELSEWHERE, OWNER)], ids=["owner first", "thief first"])
def test_a_thief_with_the_key_is_found_out_by_the_first_token_that_both_use_apart_in_time(
    requests, memory, clock, key, token, callers
):
    first, second = callers
    clock.advance(555)
    successor = requests.refresh(token, first, key.proof(REFRESH))
    clock.advance(WINDOW + 1)
    with pytest.raises(RefreshTokenReused):
        requests.refresh(token, second, key.proof(REFRESH))
    assert memory.sessions == {}
    assert (memory.events[-1].type, memory.events[-1].caller) == (EventType.REFRESH_TOKEN_REUSED, second)
    with pytest.raises(InvalidGrant):
        requests.refresh(successor, first, key.proof(REFRESH))


@pytest.mark.parametrize("callers", [(OWNER, ELSEWHERE), (ELSEWHERE, OWNER)], ids=["owner first", "thief first"])
def test_a_thief_with_the_key_who_keeps_up_each_time_is_another_tab(requests, memory, clock, key, token, callers):
    """This is what binding cannot tell: whoever has the key is the client, from wherever and however often."""
    for _ in range(20):
        clock.advance(555)
        first = requests.refresh(token, callers[0], key.proof(REFRESH))
        clock.advance(WINDOW)
        assert requests.refresh(token, callers[1], key.proof(REFRESH)) == first
        token = first
    assert len(memory.sessions) == 1


def test_a_thief_with_the_key_and_proofs_of_the_future_is_found_out_when_these_have_come(
    requests, memory, clock, key, token
):
    """Its proofs are newer than all that the owner can make, but for a minute at most."""
    clock.advance(555)
    requests.refresh(token, ELSEWHERE, key.proof(REFRESH, iat=clock() + 60))
    for _ in range(3):
        clock.advance(20)
        with pytest.raises(InvalidDPoPProof):
            requests.refresh(token, OWNER, key.proof(REFRESH, iat=clock() - 1))
    assert len(memory.sessions) == 1
    clock.advance(1)
    with pytest.raises(RefreshTokenReused):
        requests.refresh(token, OWNER, key.proof(REFRESH))
    assert memory.sessions == {}
    assert memory.events[-1].type is EventType.REFRESH_TOKEN_REUSED


def claims_of(token):
    return jwt.decode(token, options={"verify_signature": False})
