"""The feed of ended sessions against a model: what an instance that reads nothing else still refuses, and when.

Several instances share the stores and nothing else. The machine ends sessions, freezes instances and lets their looks
fail, and knows when each end was answered. ``HYPOTHESIS_PROFILE=nightly`` runs it at length.
"""

from dataclasses import dataclass, field
from types import MappingProxyType

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, multiple, precondition, rule

from chalicelib.accounts.caller import Caller
from chalicelib.accounts.ended import Ended, digest_of
from chalicelib.errors import InvalidGrant, InvalidToken, RefreshTokenReused, ServiceUnavailable
from chalicelib.tokens.keys import generate_signing_jwk, parse_verification_keys, public_jwks
from chalicelib.tokens.kinds import ACCESS_TOKEN
from chalicelib.tokens.principals import Principal
from chalicelib.tokens.verifier import TokenVerifier
from chalicelib.use_cases.ended_sessions import OVERLAP_SECONDS, EndedSessions
from tests.support.fakes import FakeEndedFeed, Memory, fake_use_cases
from tests.support.plain_hasher import PlainHasher
from tests.support.samples import ISSUER, NOW

ACCESS, BOUND, LATEST = 600, 11, 50
CALLER = Caller(ip="203.0.113.7", user_agent="test")
PASSWORD = "correct horse battery staple"
RING = {"keys": [generate_signing_jwk()], "pepper": "A" * 43}
KEYS = parse_verification_keys(public_jwks(RING))
USERS = ("Alice", "Bob")
FREEZE = 900
SKEWS = (0, -20, 20, 13)
"""Of the clocks of the instances, in tenths of a second."""

STEPS = st.sampled_from([1, 4, 9, 10, 50, 90, 99, 100, 101, 109, 110, 111, 150, 290, 600, 610, 5700, 5990, 6010])
"""Tenths of a second."""

INSTANCES = st.integers(0, len(SKEWS) - 1)
LATE = st.sampled_from([0, 0, 1, 5, 10, LATEST])


class FeedThatMayFail(FakeEndedFeed):
    fails = False

    def since(self, at):
        if self.fails:
            raise ServiceUnavailable("lost")
        return super().since(at)


class Instance:
    """A process: its clock, its memory and its use cases."""

    def __init__(self, world, skew):
        self.world, self.skew, self.late = world, skew, 0
        self.feed = FeedThatMayFail(world.memory)
        self.use_cases = fake_use_cases(
            world.memory,
            RING,
            hasher=PlainHasher(),
            clock=self.clock,
            settings={"LYCHGATE_ACCESS_TOKEN_LIFETIME": str(ACCESS), "LYCHGATE_FRESH_SECONDS": "86400"},
        )
        self.verifier = TokenVerifier(issuer=ISSUER, audience=ISSUER, keys=KEYS, clock=self.clock)
        self.ended = EndedSessions(
            self.feed, **{"access_lifetime": ACCESS, "clock": self.clock, "report": lambda _: None, **world.remembering}
        )
        self.ended._remembered -= world.forgets_earlier

    def clock(self):
        return (self.world.tenths + self.skew) // 10 - self.late

    def accepts(self, principal):
        """Whether a view for which the feed is enough is called. The authorizer has let the token in."""
        if not self.ended.may_have_ended(principal):
            return True
        return self.world.confirms(self, principal)


@dataclass(frozen=True)
class Held:
    """The tokens of a session in a client's hands."""

    principal: Principal
    refresh_token: str = field(repr=False)

    @property
    def session_id(self):
        return self.principal.session_id


class EndedSessionsOfInstances(RuleBasedStateMachine):
    """Two users, four instances, and everything that can happen to what they remember."""

    held = Bundle("held")
    remembering = MappingProxyType({})
    """What the memories differ in from those of production."""
    forgets_earlier = 0
    """Seconds."""

    def __init__(self):
        super().__init__()
        self.tenths = NOW * 10
        self.memory = Memory()
        self.instances = [Instance(self, skew) for skew in SKEWS]
        self.answered = {}
        """When the end of each session was answered."""
        self.owners = {}

    def confirms(self, instance, principal):
        try:
            instance.use_cases.account.live(principal)
        except InvalidToken:
            return False
        return True

    def issued(self, logged_in, instance):
        held = Held(
            instance.verifier.verify(ACCESS_TOKEN, logged_in.tokens.access_token), logged_in.tokens.refresh_token
        )
        self.owners[held.session_id] = held.principal.user_id
        return held

    @initialize(target=held)
    def register(self):
        first = self.instances[0]
        return multiple(
            *(self.issued(first.use_cases.registration.register(name, PASSWORD, CALLER), first) for name in USERS)
        )

    @precondition(lambda self: len(self.owners) < 40)
    @rule(target=held, name=st.sampled_from(USERS), at=INSTANCES)
    def log_in(self, name, at):
        instance = self.instances[at]
        return self.issued(instance.use_cases.log_in.with_password(name, PASSWORD, CALLER), instance)

    @rule(target=held, held=held, at=INSTANCES)
    def refresh(self, held, at):
        instance = self.instances[at]
        try:
            return self.issued(instance.use_cases.refresh_tokens.exchange(held.refresh_token, CALLER), instance)
        except RefreshTokenReused:
            self.has_ended(held, instance)
        except InvalidGrant:
            assert held.session_id in self.answered
        return multiple()

    def has_ended(self, held, instance):
        self.write(Ended(digest_of(held.session_id), instance.clock(), is_user=False))
        self.answered[held.session_id] = self.tenths

    def write(self, entry):
        """Put an entry into the feed unless the stores have."""
        if entry not in self.memory.ended:
            self.memory.ended.append(entry)

    @rule(held=held, at=INSTANCES, late=LATE)
    def end_one(self, held, at, late):
        """End a session by a request whose transaction is done so many seconds after it has read the clock."""
        instance = self.instances[at]
        instance.late = late
        try:
            instance.use_cases.account.end_session(held.principal, held.session_id, CALLER)
        except InvalidToken:
            return
        else:
            self.has_ended(held, instance)
        finally:
            instance.late = 0

    @rule(held=held, at=INSTANCES, late=LATE)
    def end_all(self, held, at, late):
        instance, user_id = self.instances[at], held.principal.user_id
        instance.late = late
        try:
            instance.use_cases.account.log_out_everywhere(held.principal, CALLER)
        except InvalidToken:
            return
        else:
            self.write(Ended(digest_of(user_id), instance.clock(), is_user=True))
            for session_id, owner in self.owners.items():
                if owner == user_id:
                    self.answered.setdefault(session_id, self.tenths)
        finally:
            instance.late = 0

    @rule(tenths=STEPS)
    def wait(self, tenths):
        self.tenths += tenths

    @rule(at=INSTANCES, fails=st.booleans())
    def looks_fail_or_work(self, at, fails):
        self.instances[at].feed.fails = fails

    @rule(held=held, at=INSTANCES)
    def use(self, held, at):
        instance, principal = self.instances[at], held.principal
        if instance.clock() >= principal.expires_at:
            return  # refused by the authorizer, and by the API
        accepted = instance.accepts(principal)
        if principal.session_id not in self.answered:
            assert accepted, "what has not ended was refused"
        elif self.tenths > self.answered[principal.session_id] + BOUND * 10:
            assert not accepted, "what had ended was accepted"

    @rule(held=held)
    def use_everywhere(self, held):
        for at in range(len(self.instances)):
            self.use(held, at)

    @rule(held=held, at=INSTANCES, late=LATE, all_of_them=st.booleans())
    def end_and_use_everywhere_as_soon_as_it_must_be_known(self, held, at, late, all_of_them):
        self.use_everywhere(held)
        (self.end_all if all_of_them else self.end_one)(held, at, late)
        self.wait(BOUND * 10 + 1)
        self.use_everywhere(held)

    @rule(name=st.sampled_from(USERS), frozen=INSTANCES, other=INSTANCES, late=LATE)
    def freeze_and_thaw(self, name, frozen, other, late):
        """Freeze an instance, that has just looked, for a quarter of an hour, in which a session begins and ends."""
        first = self.log_in(name, frozen)
        self.use(first, frozen)
        self.wait(FREEZE * 10)
        second = self.log_in(name, other)
        self.end_one(second, other, late)
        self.wait(BOUND * 10 + 1)
        self.use(second, frozen)


def scripted(machine):
    """Return a machine of this class that has begun, and the tokens of Alice and of Bob."""
    world = machine()
    begun = world.register()
    return world, *begun.values


def ends_late(machine):
    """A session ends in a transaction that takes as long as one may."""
    world, alice, _ = scripted(machine)
    world.wait(300)
    world.use(alice, 0)
    world.end_one(alice, 0, LATEST)
    world.wait(111)
    world.use(alice, 0)


def is_used_after_a_while(machine):
    world, alice, _ = scripted(machine)
    world.use(alice, 0)
    world.end_one(alice, 1, 0)
    world.wait(111)
    world.use(alice, 0)


def begins_after_all_have_ended(machine):
    world, alice, _ = scripted(machine)
    world.end_all(alice, 0, 0)
    world.wait(111)
    world.use(world.log_in("Alice", 0), 0)


def cannot_look(machine):
    world, alice, _ = scripted(machine)
    world.use(alice, 0)
    world.end_one(alice, 1, 0)
    world.looks_fail_or_work(0, fails=True)
    world.wait(111)
    world.use(alice, 0)


def got_a_token_while_it_ended(machine):
    """An access token is issued just before a transaction is done that has read the clock long before."""
    world, alice, _ = scripted(machine)
    world.wait(300)
    newer = world.refresh(alice, 2)
    world.end_one(newer, 1, LATEST)
    for _ in range(59):
        world.wait(100)
        world.use(newer, 1)


class WithoutOverlap(EndedSessionsOfInstances):
    remembering = MappingProxyType({"overlap": 0})


class LooksOnceAMinute(EndedSessionsOfInstances):
    remembering = MappingProxyType({"look_seconds": 60})


class ForgetsEarly(EndedSessionsOfInstances):
    forgets_earlier = OVERLAP_SECONDS


class BelievesTheFeed(EndedSessionsOfInstances):
    def confirms(self, instance, principal):
        return False


class GoesOnBlindly(EndedSessionsOfInstances):
    def confirms(self, instance, principal):
        return instance.feed.fails or super().confirms(instance, principal)


CONTROLS = [
    (WithoutOverlap, ends_late),
    (LooksOnceAMinute, is_used_after_a_while),
    (ForgetsEarly, got_a_token_while_it_ended),
    (BelievesTheFeed, begins_after_all_have_ended),
    (GoesOnBlindly, cannot_look),
]


@pytest.mark.parametrize(("broken", "script"), CONTROLS, ids=[broken.__name__ for broken, _ in CONTROLS])
def test_the_machine_notices_what_is_broken(broken, script):
    script(EndedSessionsOfInstances)
    with pytest.raises(AssertionError, match=r"was (accepted|refused)"):
        script(broken)


TestEndedSessions = EndedSessionsOfInstances.TestCase
