"""The refresh protocol against a model: any interleaving of owners, tabs, lost answers, thieves and time.

The machine lets owners and a thief use any refresh token that was ever issued, at any time, and says beforehand what
must come of it. ``HYPOTHESIS_PROFILE=nightly`` runs it at length.
"""

import contextlib
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, precondition, rule

from chalicelib.accounts.caller import Caller
from chalicelib.accounts.events import EventType
from chalicelib.accounts.key_proof import KeyProof
from chalicelib.accounts.session import MOST_PROOFS
from chalicelib.errors import (
    InsufficientAuthentication,
    InvalidDPoPProof,
    InvalidGrant,
    InvalidToken,
    RefreshTokenReused,
    ServiceUnavailable,
)
from chalicelib.tokens.issuer import TokenIssuer
from chalicelib.tokens.keys import generate_signing_jwk, parse_signing_keys, parse_verification_keys, public_jwks
from chalicelib.tokens.kinds import ACCESS_TOKEN, REFRESH_TOKEN
from chalicelib.tokens.verifier import TokenVerifier
from chalicelib.use_cases.hooks import HookFailed, Hooks
from chalicelib.use_cases.ports import Rotation
from tests.support.fakes import FakeSessionStore, Memory, fake_use_cases
from tests.support.plain_hasher import PlainHasher
from tests.support.samples import ISSUER, NOW

WINDOW, IDLE, ABSOLUTE, ACCESS, FRESH, LIMIT = 20, 1000, 5000, 600, 900, 3
DAY = 24 * 3600
OWNER = Caller(ip="203.0.113.7", user_agent="owner")
THIEF = Caller(ip="198.51.100.9", user_agent="thief")
JWK = generate_signing_jwk()
KEYS = parse_verification_keys(public_jwks({"keys": [JWK]}))
ISSUER_OF_TOKENS = TokenIssuer(
    issuer=ISSUER, audience=ISSUER, signing_keys=parse_signing_keys({"keys": [JWK]}), access_lifetime=ACCESS
)

# Steps across every boundary, by a second on either side.
STEPS = st.sampled_from(
    [0, 1, 5, *(end + offset for end in (WINDOW, ACCESS, FRESH, IDLE, ABSOLUTE) for offset in (-1, 0, 1)), WINDOW // 2]
)


@dataclass
class ModelSession:
    """What must be true of a session, kept without any look at the implementation."""

    id: str
    created_at: int
    authenticated_at: int
    counter: int = 0
    last_used_at: int = 0
    used_at: dict = field(default_factory=dict)
    """When each counter was first used."""
    used_by: dict = field(default_factory=dict)
    """Who first used each counter."""
    retried: set = field(default_factory=set)
    """The counters whose use was retried."""
    elsewhere: dict = field(default_factory=dict)
    """When the use of a counter was first retried by another caller than the first."""
    ended: bool = False
    stolen: bool = False

    def is_live(self, now):
        return not self.ended and now < min(self.last_used_at + IDLE, self.created_at + ABSOLUTE)

    def is_fresh(self, now):
        return now - self.authenticated_at <= FRESH

    def follows_two_retried(self, counter):
        return counter not in self.retried and {counter - 1, counter - 2} <= self.retried

    def is_elsewhere(self, counter, caller):
        return caller != self.used_by[counter] and counter not in self.elsewhere

    def is_too_often(self, counter, caller, now):
        """Whether a retry of this counter by this caller is one too many."""
        second_in_a_day = any(now - at < DAY for at in self.elsewhere.values())
        return self.follows_two_retried(counter) or (self.is_elsewhere(counter, caller) and second_in_a_day)


@dataclass(frozen=True)
class IssuedToken:
    """A refresh token with what the model knows of it."""

    text: str = field(repr=False)
    session_id: str
    counter: int


class RefreshProtocol(RuleBasedStateMachine):
    """Alice's sessions, and everything that can happen to them."""

    tokens = Bundle("tokens")
    hooks = None
    """Those of the site."""
    Session = ModelSession

    def __init__(self):
        super().__init__()
        self.now = NOW
        self.memory = Memory()
        self.sessions = {}
        self.password_number = 0
        self.verifier = TokenVerifier(issuer=ISSUER, audience=ISSUER, keys=KEYS, clock=lambda: self.now)
        self.use_cases = fake_use_cases(
            self.memory,
            {"keys": [JWK], "pepper": "A" * 43},
            hasher=PlainHasher(),
            clock=lambda: self.now,
            hooks=self.hooks,
            settings={
                "LYCHGATE_ACCESS_TOKEN_LIFETIME": str(ACCESS),
                "LYCHGATE_REFRESH_IDLE_LIFETIME": str(IDLE),
                "LYCHGATE_SESSION_LIFETIME": str(ABSOLUTE),
                "LYCHGATE_REFRESH_RETRY_WINDOW": str(WINDOW),
                "LYCHGATE_MAX_SESSIONS": str(LIMIT),
                "LYCHGATE_FRESH_SECONDS": str(FRESH),
            },
        )

    @property
    def password(self):
        return f"the passphrase of today is no. {self.password_number}"

    def sent_by(self, caller):
        """Return the caller with what each request of theirs carries."""
        return caller

    def issued(self, logged_in):
        grant = self.verifier.verify(REFRESH_TOKEN, logged_in.tokens.refresh_token)
        return IssuedToken(logged_in.tokens.refresh_token, grant.session_id, grant.counter)

    def begun(self, logged_in):
        token = self.issued(logged_in)
        assert token.counter == 0
        assert token.session_id not in self.sessions
        self.sessions[token.session_id] = self.Session(token.session_id, self.now, self.now, last_used_at=self.now)
        return token

    def live(self):
        return [session for session in self.sessions.values() if session.is_live(self.now)]

    @initialize(target=tokens)
    def register(self):
        return self.begun(self.use_cases.registration.register("Alice", self.password, self.sent_by(OWNER)))

    @rule(target=tokens)
    def log_in(self):
        for oldest in sorted(self.live(), key=lambda session: session.created_at)[
            : max(0, len(self.live()) + 1 - LIMIT)
        ]:
            # Of two that began in one second either may count as the oldest.
            rivals = [other for other in self.live() if other.created_at == oldest.created_at]
            oldest.ended = len(rivals) == 1 or None
        token = self.begun(self.use_cases.log_in.with_password("alice", self.password, self.sent_by(OWNER)))
        stored = {session_id for _, session_id in self.memory.sessions}
        for session in self.sessions.values():
            rivals = {other.created_at for other in self.sessions.values() if other.ended is None}
            if session.ended is None or (session.created_at in rivals and not session.ended):
                session.ended = session.id not in stored
        return token

    @rule(seconds=STEPS)
    def wait(self, seconds):
        self.now += seconds

    @rule(target=tokens, token=tokens)
    def owner_refreshes(self, token):
        return self.refresh(token, OWNER)

    @rule(target=tokens, token=tokens)
    def thief_refreshes(self, token):
        self.sessions[token.session_id].stolen = True
        return self.refresh(token, THIEF)

    @rule(token=tokens)
    def answer_is_lost(self, token):
        """The refresh happens and nobody hears of it: its successor is in no client's hands."""
        self.refresh(token, OWNER)

    @rule(target=tokens, token=tokens, tabs=st.integers(2, 4))
    def tabs_refresh_at_once(self, token, tabs):
        answers = [self.refresh(token, OWNER) for _ in range(tabs)]
        successors = [answer for answer in answers if isinstance(answer, IssuedToken)]
        assert len(successors) in {0, tabs} or self.sessions[token.session_id].ended
        return multiple(*successors[:1])

    def refresh(self, token, caller):
        session, now = self.sessions[token.session_id], self.now
        was_live = session.is_live(now)
        first_use = was_live and token.counter == session.counter
        retry = was_live and token.counter == session.counter - 1 and now - session.used_at[token.counter] <= WINDOW
        too_often = retry and session.is_too_often(token.counter, caller, now)
        events = len(self.memory.events)
        try:
            refreshed = self.use_cases.refresh_tokens.exchange(token.text, self.sent_by(caller))
        except RefreshTokenReused:
            assert was_live
            assert not first_use
            assert not retry or too_often
            session.ended = True
            assert self.memory.events[-1].type is EventType.REFRESH_TOKEN_REUSED
            assert self.memory.events[-1].caller == caller
            return multiple()
        except InvalidGrant:
            assert not was_live or self.has_expired(token, session)
            assert len(self.memory.events) == events
            return multiple()
        assert first_use or (retry and not too_often)
        if first_use:
            session.used_at[token.counter] = now
            session.used_by[token.counter] = caller
            session.counter += 1
            session.last_used_at = now
        else:
            session.retried.add(token.counter)
            if session.is_elsewhere(token.counter, caller):
                session.elsewhere[token.counter] = now
                events += 1
                assert self.memory.events[-1].type is EventType.REFRESH_RETRIED_ELSEWHERE
        successor = self.issued(refreshed)
        assert (successor.session_id, successor.counter) == (session.id, token.counter + 1)
        assert len(self.memory.events) == events
        return successor

    def has_expired(self, token, session):
        """Whether the token's own exp has come: the absolute end of its session."""
        return self.now >= session.created_at + ABSOLUTE

    @rule(token=tokens, caller=st.sampled_from([OWNER, THIEF]))
    def log_out(self, token, caller):
        self.end([token], caller, self.use_cases.refresh_tokens.revoke)

    @rule(some=st.lists(tokens, min_size=2, max_size=4), caller=st.sampled_from([OWNER, THIEF]))
    def log_out_with_several_cookies(self, some, caller):
        self.end(some, caller, self.use_cases.refresh_tokens.revoke)

    @rule(target=tokens, some=st.lists(tokens, min_size=1, max_size=2))
    def log_in_over_cookies(self, some):
        token = self.log_in()
        self.end(some, OWNER, self.use_cases.refresh_tokens.replace)
        return token

    def end(self, some, caller, how):
        """Log out with these tokens. Of those of one session the newest counts."""
        newest = {}
        for token in sorted(some, key=lambda token: token.counter):
            session = self.sessions[token.session_id]
            # A session that has been idle for too long is stored until somebody ends it.
            if (self.memory.users["alice"].id, session.id) in self.memory.sessions:
                newest[session.id] = EventType.REFRESH_TOKEN_REUSED if self.is_reuse(token, caller) else None
        expected = {
            session_id: reused or EventType.LOGGED_OUT
            for session_id, reused in newest.items()
            if self.now < self.sessions[session_id].created_at + ABSOLUTE
        }
        events = len(self.memory.events)
        how([token.text for token in some], self.sent_by(caller))
        recorded = {event.session_id: event.type for event in self.memory.events[events:]}
        assert recorded == expected
        assert len(self.memory.events) == events + len(expected)
        for session_id in expected:
            assert (self.memory.users["alice"].id, session_id) not in self.memory.sessions
            self.sessions[session_id].ended = True

    def is_reuse(self, token, caller):
        """Whether a log-out with this token says that the token was used before."""
        session, now = self.sessions[token.session_id], self.now
        if not session.is_live(now) or token.counter == session.counter:
            return False
        previous = token.counter == session.counter - 1 and now - session.used_at[token.counter] <= WINDOW
        return not previous or session.is_too_often(token.counter, caller, now)

    def principal(self, token):
        """Return the principal of an access token of this session, as if one had just been issued."""
        logged_in_at = self.memory.users["alice"]
        session = self.memory.sessions.get((logged_in_at.id, token.session_id))
        if session is None or not session.is_live(self.now):
            return None
        access_token = ISSUER_OF_TOKENS.access_token(logged_in_at, session, self.now)
        return self.verifier.verify(ACCESS_TOKEN, access_token)

    @rule(token=tokens, other=tokens)
    def end_one_session(self, token, other):
        session = self.sessions[token.session_id]
        if (principal := self.principal(token)) is None:
            return
        if not session.is_live(self.now):
            with pytest.raises(InvalidToken):
                self.use_cases.account.end_session(principal, other.session_id, OWNER)
        elif other.session_id != session.id and not session.is_fresh(self.now):
            with pytest.raises(InsufficientAuthentication):
                self.use_cases.account.end_session(principal, other.session_id, OWNER)
        elif self.sessions[other.session_id].is_live(self.now):
            self.use_cases.account.end_session(principal, other.session_id, OWNER)
            self.sessions[other.session_id].ended = True

    @rule(token=tokens)
    def log_out_everywhere(self, token):
        if (principal := self.principal(token)) is None:
            return
        if not self.sessions[token.session_id].is_live(self.now):
            with pytest.raises(InvalidToken):
                self.use_cases.account.log_out_everywhere(principal, OWNER)
            return
        if not self.sessions[token.session_id].is_fresh(self.now):
            with pytest.raises(InsufficientAuthentication):
                self.use_cases.account.log_out_everywhere(principal, OWNER)
            return
        self.use_cases.account.log_out_everywhere(principal, OWNER)
        for session in self.sessions.values():
            session.ended = True

    @rule(token=tokens)
    def authenticate_again(self, token):
        if (principal := self.principal(token)) is None:
            return
        session = self.sessions[token.session_id]
        if not session.is_live(self.now):
            with pytest.raises(InvalidToken):
                self.use_cases.reauthentication.with_password(principal, self.password, OWNER)
            return
        self.use_cases.reauthentication.with_password(principal, self.password, OWNER)
        session.authenticated_at = self.now

    @rule(target=tokens, token=tokens)
    def change_the_password(self, token):
        if (principal := self.principal(token)) is None:
            return multiple()
        old = self.password
        self.password_number += 1
        if not self.sessions[token.session_id].is_live(self.now):
            with pytest.raises(InvalidToken):
                self.use_cases.account.change_password(principal, old, self.password, self.sent_by(OWNER))
            self.password_number -= 1
            return multiple()
        changed = self.use_cases.account.change_password(principal, old, self.password, self.sent_by(OWNER))
        for session in self.sessions.values():
            session.ended = True
        return self.begun(changed)

    @precondition(lambda self: self.live())
    @rule(target=tokens, data=st.data(), delay=st.integers(0, WINDOW))
    def an_honest_client_whose_answer_was_lost_tries_again_in_time(self, data, delay):
        """The guarantee to the owner: with the current token, an answer lost and a retry in the window, never out.

        Unless the answers to the two refreshes before were lost too.
        """
        session = data.draw(st.sampled_from(self.live()))
        current = self.current_token(session)
        if not session.is_live(self.now + delay) or session.follows_two_retried(current.counter):
            return multiple()
        self.refresh(current, OWNER)
        self.now += delay
        successor = self.refresh(current, OWNER)
        assert isinstance(successor, IssuedToken)
        return successor

    @precondition(lambda self: self.live())
    @rule(data=st.data(), thief_first=st.booleans(), delay=st.integers(WINDOW + 1, WINDOW + 50))
    def a_thief_and_the_owner_use_one_token_apart_in_time(self, data, thief_first, delay):
        """The guarantee against theft: both have used it, outside the window, and the session is dead."""
        session = data.draw(st.sampled_from(self.live()))
        current = self.current_token(session)
        if not session.is_live(self.now + delay) or self.has_expired(current, session):
            return
        first, second = (THIEF, OWNER) if thief_first else (OWNER, THIEF)
        successor = self.refresh(current, first)
        self.now += delay
        self.refresh(current, second)
        assert session.ended
        with pytest.raises(InvalidGrant):
            self.use_cases.refresh_tokens.exchange(successor.text, self.sent_by(first))

    def current_token(self, session):
        stored = self.memory.sessions[self.memory.users["alice"].id, session.id]
        return IssuedToken(ISSUER_OF_TOKENS.refresh_token(stored, self.now), session.id, session.counter)

    @invariant()
    def each_session_has_one_lineage_and_it_is_the_models(self):
        user = self.memory.users.get("alice")
        for stored in self.memory.sessions.values():
            session = self.sessions[stored.id]
            if session.is_live(self.now):
                assert stored.belongs_to(user)
                assert stored.refresh_counter == session.counter
                assert stored.authenticated_at == session.authenticated_at
                assert sum(stored.accepts(counter, self.now) for counter in range(session.counter + 2)) == 1

    @invariant()
    def what_is_live_is_stored_and_what_has_ended_stays_ended(self):
        user = self.memory.users.get("alice")
        usable = {
            stored.id
            for stored in self.memory.sessions.values()
            if stored.belongs_to(user) and stored.is_live(self.now)
        }
        assert usable == {session.id for session in self.live()}
        assert len(usable) <= LIMIT


class RefreshProtocolWithClaims(RefreshProtocol):
    """The same where the site adds claims: it keeps all that the other keeps, and a hook that fails changes nothing."""

    def __init__(self):
        self.works = True
        self.hooks = Hooks(claims=self.claims)
        super().__init__()

    def claims(self, user):
        if not self.works:
            raise LookupError
        return {"plan": user.id}

    @rule(token=RefreshProtocol.tokens, caller=st.sampled_from([OWNER, THIEF]))
    def refresh_while_the_hook_fails(self, token, caller):
        """Whoever would get a successor gets none and can ask again. Who would be refused is, and reuse is noticed."""
        session, before = self.sessions[token.session_id], (dict(self.memory.sessions), len(self.memory.events))
        self.works = False
        try:
            self.refresh(token, caller)
        except HookFailed:
            assert session.is_live(self.now)
            assert token.counter >= session.counter - 1
            assert (self.memory.sessions, len(self.memory.events)) == before
        else:
            assert not session.is_live(self.now)
        finally:
            self.works = True

    @precondition(lambda self: self.live())
    @rule(data=st.data(), delay=STEPS)
    def an_honest_client_comes_through_once_the_hook_works_again(self, data, delay):
        """However long that lasts, as long as the session does."""
        session = data.draw(st.sampled_from(self.live()))
        current = self.current_token(session)
        self.refresh_while_the_hook_fails(current, OWNER)
        self.now += delay
        if session.is_live(self.now) and not self.has_expired(current, session):
            assert isinstance(self.refresh(current, OWNER), IssuedToken)


STRANGERS = st.sampled_from([None, "by another key", 0, 1, 4])
"""What somebody without the key may send along. A number is one of the recorded proofs, counted from the newest."""


@dataclass
class BoundSession(ModelSession):
    """A session whose client has a key: whoever proves it may retry as often and from wherever they are."""

    proofs: list = field(default_factory=list)
    """Those of its log-in and of each refresh that was answered."""

    def follows_two_retried(self, counter):
        return False

    def is_elsewhere(self, counter, caller):
        return False

    def has_seen(self, proof):
        """Whether the proof, if it is by the key, is one of these, or not newer, or one too many of its second."""
        latest = max(known.at for known in self.proofs)
        of_that_second = [known for known in self.proofs if known.at == latest]
        is_another = proof not in of_that_second and len(of_that_second) < MOST_PROOFS
        return proof.at < latest or (proof.at == latest and not is_another)


class BoundRefreshProtocol(RefreshProtocol):
    """The same where owner and thief have the key of all sessions, and strangers who have not try their luck between.

    Each request of the two has a new proof. The client of both counts in seconds, and in one second it makes no more
    proofs than a session takes: then it is ahead of the clock.
    """

    Session = BoundSession
    tokens = RefreshProtocol.tokens

    def __init__(self):
        super().__init__()
        self.proofs = []
        self.alarmed = {}
        """When the history last told of a stranger, by session."""

    def sent_by(self, caller):
        latest = self.proofs[-1].at if self.proofs else 0
        in_that_second = sum(proof.at == latest for proof in self.proofs)
        at = max(self.now, latest + (in_that_second >= MOST_PROOFS))
        self.proofs.append(KeyProof("the key", f"proof {len(self.proofs)}", at))
        return replace(caller, key_proof=self.proofs[-1])

    def strangers(self, proof):
        """Return what somebody sends who has not the key: nothing, something by another key, or what was recorded."""
        if proof == "by another key":
            return replace(THIEF, key_proof=KeyProof("another key", "a proof", self.now))
        return replace(THIEF, key_proof=None if proof is None else self.proofs[-1 - min(proof, len(self.proofs) - 1)])

    def begun(self, logged_in):
        token = super().begun(logged_in)
        self.sessions[token.session_id].proofs.append(self.proofs[-1])
        return token

    def refresh(self, token, caller):
        answer = super().refresh(token, caller)
        if isinstance(answer, IssuedToken):
            self.sessions[token.session_id].proofs.append(self.proofs[-1])
        return answer

    @rule(token=tokens, proof=STRANGERS)
    def a_stranger_refreshes(self, token, proof):
        """However old the token is, and whatever the owner's requests are worth: nothing happens to the session."""
        session, stranger = self.sessions[token.session_id], self.strangers(proof)
        if isinstance(proof, int) and not session.has_seen(stranger.key_proof):
            # It was for another session of the same key: browsers have one key for one session.
            return
        before, events = dict(self.memory.sessions), len(self.memory.events)
        if session.is_live(self.now) and not self.has_expired(token, session):
            with pytest.raises(InvalidDPoPProof):
                self.use_cases.refresh_tokens.exchange(token.text, stranger)
            self.assert_told(session, events)
        else:
            with pytest.raises(InvalidGrant):
                self.use_cases.refresh_tokens.exchange(token.text, stranger)
            assert len(self.memory.events) == events
        self.assert_unchanged(before)

    @rule(token=tokens, proof=STRANGERS)
    def a_stranger_logs_out(self, token, proof):
        """With what was recorded it is refused, as the owner is whose clock was set back, and nobody is told."""
        before, events = dict(self.memory.sessions), len(self.memory.events)
        session, stranger = self.sessions[token.session_id], self.strangers(proof)
        is_there = (self.memory.users["alice"].id, session.id) in before and not self.has_expired(token, session)
        if not isinstance(proof, int):
            self.use_cases.refresh_tokens.revoke([token.text], stranger)
        elif session.has_seen(stranger.key_proof):
            with pytest.raises(InvalidDPoPProof) if is_there else contextlib.nullcontext():
                self.use_cases.refresh_tokens.revoke([token.text], stranger)
        if is_there and not isinstance(proof, int):
            self.assert_told(session, events)
        else:
            assert len(self.memory.events) == events
        self.assert_unchanged(before)

    @rule(some=st.lists(tokens, min_size=1, max_size=2), proof=STRANGERS)
    def a_stranger_logs_in_over_cookies(self, some, proof):
        before, events, stranger = dict(self.memory.sessions), len(self.memory.events), self.strangers(proof)
        if isinstance(proof, int):
            some = [token for token in some if self.sessions[token.session_id].has_seen(stranger.key_proof)]
        self.use_cases.refresh_tokens.replace([token.text for token in some], stranger)
        assert (self.memory.sessions, len(self.memory.events)) == (before, events)

    def assert_told(self, session, events):
        """The history has an entry more, unless it has one of the last day."""
        is_first = self.now - self.alarmed.get(session.id, 0) >= DAY
        assert len(self.memory.events) == events + is_first
        if is_first:
            self.alarmed[session.id] = self.now
            assert self.memory.events[-1].type is EventType.REFRESH_WITHOUT_KEY
            assert self.memory.events[-1].session_id == session.id

    def assert_unchanged(self, before):
        assert {key: replace(session, without_key_at=0) for key, session in self.memory.sessions.items()} == {
            key: replace(session, without_key_at=0) for key, session in before.items()
        }

    @invariant()
    def every_session_has_the_key_and_the_newest_of_its_proofs(self):
        for stored in self.memory.sessions.values():
            assert stored.key == "the key"
            assert 1 <= len(stored.key_proofs) <= MOST_PROOFS
            assert stored.key_proof_at <= self.proofs[-1].at


TestRefreshProtocol = RefreshProtocol.TestCase
TestBoundRefreshProtocol = BoundRefreshProtocol.TestCase
TestRefreshProtocolWithClaims = pytest.mark.slow(RefreshProtocolWithClaims.TestCase)  # `make quick` looks at the other


class OthersNoteFirst(FakeSessionStore):
    """A store at which each note of a retry meets another tab's, as long as a session takes more proofs."""

    def note_retry(self, before, after, event):
        with self._memory.lock:
            key = before.user_id, before.id
            stored = self._memory.sessions[key]
            others = KeyProof(stored.key, f"another tab's, no. {len(stored.key_proofs)}", stored.key_proof_at)
            if len(stored.key_proofs) < MOST_PROOFS - 1:
                self._memory.sessions[key] = stored.after_proof(others)
            return super().note_retry(before, after, event)


def test_a_retry_comes_through_that_meets_as_many_others_as_there_can_be_in_its_second(clock):
    memory = Memory()
    ring = {"keys": [JWK], "pepper": "A" * 43}
    use_cases = fake_use_cases(memory, ring, hasher=PlainHasher(), clock=clock, sessions=OthersNoteFirst(memory, LIMIT))

    def proving(name):
        return replace(OWNER, key_proof=KeyProof("the key", name, clock()))

    token = use_cases.registration.register("Alice", "the passphrase of today", proving("p0")).tokens.refresh_token
    clock.advance(60)
    first = use_cases.refresh_tokens.exchange(token, proving("p1")).tokens.refresh_token
    again = use_cases.refresh_tokens.exchange(token, proving("p2")).tokens.refresh_token
    assert again.rpartition(".")[0] == first.rpartition(".")[0]
    (session,) = memory.sessions.values()
    assert len(session.key_proofs) == MOST_PROOFS
    assert "p2" in session.key_proofs


def bound_session(memory, store, clock):
    """Begin a session with a key in such a store. Return what refreshes it, its token, and how its owner proves."""
    stores = {"sessions": store(memory, LIMIT)}
    use_cases = fake_use_cases(memory, {"keys": [JWK], "pepper": "A" * 43}, hasher=PlainHasher(), clock=clock, **stores)

    def proving(name):
        return replace(OWNER, key_proof=KeyProof("the key", name, clock()))

    begun = use_cases.registration.register("Alice", "the passphrase of today", proving("p0"))
    return use_cases.refresh_tokens, begun.tokens.refresh_token, proving


class SameProofIsNotedFirst(FakeSessionStore):
    """A store at which each note of a retry meets that of another retry with the same proof."""

    def note_retry(self, before, after, event):
        with self._memory.lock:
            super().note_retry(before, after, event)
            return super().note_retry(before, after, event)


def test_of_two_retries_at_once_with_one_proof_one_gets_the_successor(clock):
    refresh_tokens, token, proving = bound_session(Memory(), SameProofIsNotedFirst, clock)
    clock.advance(60)
    refresh_tokens.exchange(token, proving("p1"))
    with pytest.raises(InvalidDPoPProof):
        refresh_tokens.exchange(token, proving("p2"))


class RefreshedBetween(FakeSessionStore):
    """A store at which a later proof comes between a look at a session and its end."""

    def end_at(self, user_id, session_id, counter, event, **how):
        with self._memory.lock:
            ending = super().end_at(user_id, session_id, counter, event, **how)
            if (later := self._memory.sessions.get((user_id, session_id))) is not None:
                after = later.after_proof(KeyProof(later.key, "later", later.key_proof_at + 100))
                self._memory.sessions[user_id, session_id] = after
            return ending


def test_a_log_out_with_a_used_token_ends_nothing_once_its_proof_has_been_overtaken(clock):
    memory = Memory()
    refresh_tokens, token, proving = bound_session(memory, RefreshedBetween, clock)
    refresh_tokens.exchange(token, proving("p1"))
    with pytest.raises(InvalidDPoPProof):
        refresh_tokens.revoke([token], proving("p2"))
    assert len(memory.sessions) == 1
    assert EventType.LOGGED_OUT not in [event.type for event in memory.events]


class AlwaysTooLate(FakeSessionStore):
    """A store at which no refresh comes through, though nothing is wrong with any."""

    def rotate(self, user_id, session_id, counter, **how):
        return Rotation(applied=False, session=self._memory.sessions.get((user_id, session_id)))


def test_a_token_that_was_not_used_is_not_taken_for_one_that_was(clock):
    memory = Memory()
    stores = {"sessions": AlwaysTooLate(memory, LIMIT)}
    use_cases = fake_use_cases(memory, {"keys": [JWK], "pepper": "A" * 43}, hasher=PlainHasher(), clock=clock, **stores)
    token = use_cases.registration.register("Alice", "the passphrase of today", OWNER).tokens.refresh_token
    with pytest.raises(ServiceUnavailable):
        use_cases.refresh_tokens.exchange(token, OWNER)
    assert [event.type for event in memory.events] == [EventType.REGISTERED]
    assert len(memory.sessions) == 1
