"""Two regions serve one site, over thousands of histories: nobody is logged out falsely, and no token is used twice.

docs/two-regions.md explains the design. ``homes`` has it as code, around the project's own use cases and stores.
``histories`` lets partitions, losses of regions, fail-overs, slow requests, lost answers and thieves happen to it.
``HYPOTHESIS_PROFILE=nightly`` runs more histories.
"""

import contextlib
import os
from collections import Counter
from dataclasses import fields, replace
from pathlib import Path

import pytest

from chalicelib.config.api import Tables
from tests.regions.histories import Violation, World
from tests.regions.homes import HEARTBEAT, Rules, Unreachable
from tests.regions.small_dynamodb import SmallDynamoDB
from tests.support.marks import each_third

HISTORIES = 4_000 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 200
"""In each of five tests, so that they run in several processes."""
OVER_DYNAMODB_LOCAL = HISTORIES // 40
STEPS = 60
"""Things that happen in a history."""
SMALL = Tables(**{name: name for name in ("users", "sessions", "events", "throttle", "mail")})


def small_world(seed, rules=Rules(), **kind):  # noqa: B008 - it does not change
    databases = {"eu": SmallDynamoDB(), "us": SmallDynamoDB()}
    return World(seed, databases, tables=SMALL, map_table="homes", rules=rules, **kind)


def without(rule):
    return replace(Rules(), **{rule: False})


@pytest.mark.parametrize("part", each_third(range(5)))
def test_no_history_logs_anybody_out_falsely_or_uses_a_token_twice(part):
    counts = Counter()
    for seed in range(part * HISTORIES, (part + 1) * HISTORIES):
        world = small_world(seed)
        world.live(STEPS)
        world.end()
        counts += world.counts
    assert counts["histories"] == HISTORIES
    # They are about something.
    for what in ("answered", "slow", "alone", "stopped", "take over", "take in", "hand over", "shared"):
        assert counts[what] > HISTORIES / 20, what
    # One region has this rule too: the third rotation in a row that has to be retried ends the session.
    assert counts["retried too often"] < counts["answered"] / 500


def test_no_history_of_bound_sessions_logs_anybody_out_falsely_or_gives_a_thief_anything():
    """A stolen token is nothing without the key, so here the owner of one is not logged out either."""
    counts = Counter()
    for seed in range(HISTORIES):
        world = small_world(seed, is_bound=True)
        world.live(STEPS)
        world.end()
        counts += world.counts
    for what in ("answered", "slow", "alone", "stopped", "take over", "take in", "hand over", "thief without the key"):
        assert counts[what] > HISTORIES / 20, what
    assert counts["retried too often"] == counts["shared"] == 0


@pytest.mark.parametrize("is_bound", [False, True], ids=["plain", "bound"])
def test_over_two_dynamodb_locals_the_same_histories_are_the_same(two_dynamodb_locals, is_bound):
    """Step by step, what happens over Amazon's emulator is what happens over the small database."""
    for seed in range(OVER_DYNAMODB_LOCAL):
        small = small_world(seed, is_bound=is_bound)
        emulated = World(
            seed, two_dynamodb_locals.emptied(), **two_dynamodb_locals.names, rules=Rules(), is_bound=is_bound
        )
        for world in (small, emulated):
            world.live(STEPS)
            world.end()
        assert emulated.trace == small.trace
        assert emulated.counts == small.counts


def live_many(rules):
    for seed in range(1000):
        world = small_world(seed, rules)
        world.live(STEPS)
        world.end()


@pytest.mark.parametrize("rule", ["only_the_home_writes", "answers_are_confirmed", "alone_by_the_arbiter"])
def test_without_one_of_the_first_rules_a_history_by_chance_goes_wrong(rule):
    with pytest.raises(Violation):
        live_many(without(rule))


# Each rule has a short history that needs it. Alice's home is "a", which eu serves at first, and us stands by.

EU_US, EU_ARBITER = frozenset(("eu", "us")), frozenset(("eu", "arbiter"))
BEGINS = 60
"""Seconds after which a region has certainly begun to serve that took over."""


def take_over(world):
    with contextlib.suppress(Unreachable):
        world.network.regions["us"].take_over("a")


def of_one_writer(world, alice):
    """us refreshes, although eu serves, and does not know of a refresh there."""
    world.network.is_stalled = True
    world.refresh(alice, at="eu")
    world.refresh(alice, at="us")


def of_confirmation(world, alice):
    """eu answers a refresh and is lost before us has heard of it."""
    world.network.is_stalled = True
    world.refresh(alice, at="eu")
    world.network.down.add("eu")
    take_over(world)
    world.advance(BEGINS)
    world.refresh(alice, at="us")


def of_what_was_only_read(world, alice):
    """The third of three equal refreshes writes nothing, and rests on what the first has written."""
    world.network.is_stalled = True
    world.network.cut.add(EU_ARBITER)
    world.refresh(alice, at="eu", stop_at=3)
    world.refresh(alice, at="eu", stop_at=4)
    world.refresh(alice, at="eu")
    world.network.down.add("eu")
    take_over(world)
    world.advance(BEGINS)
    world.refresh(alice, at="us")


def of_promises(world, alice):
    """eu has not heard that us has taken over, and goes on because us does not mind."""
    world.network.cut |= {EU_US, EU_ARBITER}
    take_over(world)
    world.network.cut.remove(EU_US)
    world.advance(BEGINS)
    for _ in range(2):
        token = alice.token
        world.refresh(alice, at="us")
        world.use_stolen(token, at="eu")


def of_the_arbiter(world, alice):
    """eu goes on without us, and us without eu."""
    world.network.cut |= {EU_US, EU_ARBITER}
    world.advance(10)
    take_over(world)
    world.advance(BEGINS)
    world.refresh(alice, at="eu")
    world.refresh(alice, at="us")


def of_the_fence(world, alice):
    """eu counts a guess in Alice's item after us has changed her password there: the whole item is eu's in the end."""
    world.network.is_stalled = True
    guess = world.guess(alice, at="eu", stop_at=2)
    take_over(world)
    world.advance(3)
    world.change_password(alice, at="us")
    world.advance(5)
    world.go_on(guess)


def of_waiting_for_the_unreachable(world, alice):
    """The same, but us cannot reach eu to fence it."""
    guess = world.guess(alice, at="eu", stop_at=2)
    world.network.cut |= {EU_US, EU_ARBITER}
    take_over(world)
    world.advance(3)
    world.change_password(alice, at="us")
    world.advance(5)
    world.go_on(guess)


def of_waiting_for_clocks(world, alice):
    """eu's clock is ahead of that of us. So what eu wrote before counts as later than what us writes now."""
    world.offsets |= {"eu": 2, "us": 0}
    world.network.is_stalled = True
    world.refresh(alice, at="eu", stop_at=3)
    take_over(world)
    world.refresh(alice, at="us")
    world.advance(1)
    world.refresh(alice, at="us")


def of_catching_up(world, alice):
    """us stands by again, before it has heard what eu did alone."""
    world.network.is_stalled = True
    world.network.cut.add(EU_US)
    world.advance(10)
    world.refresh(alice, at="eu")
    world.network.cut.remove(EU_US)
    with contextlib.suppress(Unreachable):
        world.network.regions["eu"].take_in("a")
    take_over(world)
    world.advance(BEGINS)
    world.refresh(alice, at="us")


def of_windows_that_stand_still(world, alice):
    """eu is lost with an answer on its way. Alice's browser tries again until us answers."""
    world.refresh(alice, at="eu", stop_at=3)
    world.replicate_all()
    world.network.down.add("eu")
    take_over(world)
    world.advance(2 * BEGINS)


def of_windows_that_end(world, alice):
    """A thief has waited with an old token for the next change of regions."""
    stolen = alice.token
    world.refresh(alice, at="eu")
    alice.due += 1000
    world.advance(200)
    with contextlib.suppress(Unreachable):
        world.network.regions["eu"].hand_over("a")
    world.advance(3)
    world.use_stolen(stolen, at="us")


def of_interruptions_that_add_up(world, alice):
    """eu is lost with an answer on its way, and comes back. Before Alice's browser tries again, us takes over."""
    world.refresh(alice, at="eu", stop_at=3)
    world.replicate_all()
    world.network.down.add("eu")
    world.advance(300)
    alice.due = world.now + 30
    world.network.down.clear()
    world.advance(10)
    take_over(world)
    world.advance(BEGINS)


def of_who_cannot_serve(world, alice):
    """us has taken over, but Alice is sent to eu, which has heard nothing and does not know what to do."""
    world.refresh(alice, at="eu", stop_at=3)
    world.replicate_all()
    world.network.cut |= {EU_US, EU_ARBITER}
    take_over(world)
    world.first_asked = "eu"
    world.advance(3 * BEGINS)
    world.first_asked = None


HISTORIES_OF_RULES = {
    "only_the_home_writes": of_one_writer,
    "answers_are_confirmed": of_confirmation,
    "reads_are_confirmed": of_what_was_only_read,
    "promises_are_needed": of_promises,
    "alone_by_the_arbiter": of_the_arbiter,
    "writes_are_fenced": of_the_fence,
    "unreachable_is_waited_for": of_waiting_for_the_unreachable,
    "clocks_are_waited_for": of_waiting_for_clocks,
    "a_standby_has_caught_up": of_catching_up,
    "windows_stand_still": of_windows_that_stand_still,
    "windows_end": of_windows_that_end,
    "interruptions_add_up": of_interruptions_that_add_up,
    "who_cannot_serve_does_nothing": of_who_cannot_serve,
}


def lived_by_hand(history, rules):
    world = small_world(1, rules)
    world.is_calm = True
    history(world, world.people[0])
    world.end()


@pytest.mark.parametrize(("rule", "history"), HISTORIES_OF_RULES.items(), ids=HISTORIES_OF_RULES)
def test_each_rule_has_a_history_that_goes_wrong_without_it_alone(rule, history):
    lived_by_hand(history, Rules())
    with pytest.raises(Violation):
        lived_by_hand(history, without(rule))


def of_one_heartbeat(world, alice):
    """eu is lost with an answer on its way, and comes back for one heartbeat."""
    world.refresh(alice, at="eu", stop_at=3)
    world.replicate_all()
    world.network.down.add("eu")
    world.advance(300)
    alice.due = world.now + 30
    world.network.down.clear()
    world.advance(HEARTBEAT)
    world.network.down.add("eu")
    take_over(world)
    world.advance(2 * BEGINS)


def test_a_standby_is_told_of_an_interruption_with_the_first_promise_after_it():
    lived_by_hand(of_one_heartbeat, Rules())


def test_every_rule_has_its_history_and_its_row_in_the_page():
    rules = [rule.name for rule in fields(Rules)]
    assert sorted(rules) == sorted(HISTORIES_OF_RULES)
    page = (Path(__file__).parents[2] / "docs" / "two-regions.md").read_text("utf-8")
    assert [rule for rule in rules if f"| `{rule}`" not in page] == []
