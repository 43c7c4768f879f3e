"""Ways through the graph of states: what a thief can reach, and how the owner ends it.

A breadth-first search, so each way is a shortest one. States are few, because what can be replaced has three makers.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from infra.doctor.model import (
    OF_A_SESSION,
    OWNER,
    OWNER_LATER,
    RENEWABLE,
    SESSION,
    THIEF,
    Account,
    State,
    Step,
    of,
)
from infra.doctor.thefts import OF_THIEF, THINGS, Theft

PRESSES_THE_BUTTON = "POST /auth/register/confirm"


class Outcome(IntEnum):
    """What a thief gets, the worst last."""

    NOTHING = 0
    DISTURBS = 1
    ACTS = 2
    AGAIN = 3
    STAYS = 4
    KEEPS_OUT = 5

    @property
    def takes_over(self) -> bool:
        """Whether the thief has the account without what was stolen."""
        return self >= Outcome.STAYS


MEANINGS = {
    Outcome.NOTHING: "nothing",
    Outcome.DISTURBS: "does not get in, but can take the password away",
    Outcome.ACTS: "acts in a session",
    Outcome.AGAIN: "gets in again and again",
    Outcome.STAYS: "takes over: has a way in of its own",
    Outcome.KEEPS_OUT: "takes over, and keeps the owner out",
}


@dataclass(frozen=True)
class Move:
    """A step that somebody took, and where it led."""

    actor: str
    step: Step
    before: State
    after: State


@dataclass(frozen=True)
class Finding:
    """What one thief gets of one kind of account."""

    theft: Theft
    account: Account
    outcome: Outcome
    path: tuple[Move, ...]
    """A shortest one."""
    deletes: tuple[Move, ...]
    """A shortest way to delete the account, empty if there is none."""
    ended_by: tuple[Move, ...] | None
    """What the owner does to be alone with the account again. Empty if nothing is needed, None if nothing helps."""
    start: State

    @property
    def renewable(self) -> bool:
        """Whether the thief's session can be refreshed."""
        return RENEWABLE in (self.path[-1].after if self.path else self.start).hand(THIEF)

    @property
    def events(self) -> tuple[str, ...]:
        """What the history says of it."""
        return _distinct(move.step.event for move in self.path if move.actor == THIEF)

    @property
    def mails(self) -> tuple[str, ...]:
        """The notices that reach the owner."""
        to_owner = (OWNER, OWNER_LATER)
        return _distinct(
            move.step.mail for move in self.path if move.actor == THIEF and move.before.account.address in to_owner
        )


class Graph:
    """The states that the steps of a site lead to."""

    def __init__(self, steps: Iterable[Step], words: frozenset[str]) -> None:
        """Take the steps that there are with these settings."""
        self.words = words
        self.steps = tuple(step for step in steps if step.where <= words)
        self._ways_in = tuple(step for step in self.steps if SESSION not in step.needs)
        self._can_enter: dict[tuple[Account, frozenset[str], str], bool] = {}

    def way_to(
        self, start: State, actor: str, goal: Callable[[State], bool], steps: Sequence[Step] | None = None
    ) -> tuple[Move, ...] | None:
        """Return a shortest way of somebody to a goal, None if there is none."""
        for state, moves in self.ways(start, actor, self.steps if steps is None else steps):
            if goal(state):
                return moves()
        return None

    def ways(
        self, start: State, actor: str, steps: Sequence[Step]
    ) -> Iterator[tuple[State, Callable[[], tuple[Move, ...]]]]:
        """Yield the states that somebody can reach, the nearest first, each with what returns the way there."""
        found: dict[State, Move | None] = {start: None}
        waiting = deque([start])
        while waiting:
            state = waiting.popleft()
            yield state, functools.partial(_back, found, state)
            for step in steps:
                if step.is_open(state, actor):
                    after = step.apply(state, actor)
                    if after not in found:
                        found[after] = Move(actor, step, state, after)
                        waiting.append(after)

    def can_enter(self, state: State, actor: str) -> bool:
        """Return whether somebody who has no session can begin one."""
        outside = without_session(state, actor)
        key = (outside.account, outside.hand(actor), actor)
        if key not in self._can_enter:
            way = self.way_to(outside, actor, lambda reached: reached.is_in(actor), self._ways_in)
            self._can_enter[key] = way is not None
        return self._can_enter[key]

    def outcome(self, state: State, start: State) -> Outcome:
        """Return what a thief has who has got as far as a state."""
        if not state.account.exists:
            return Outcome.NOTHING
        is_in, again = state.is_in(THIEF), self.can_enter(state, THIEF)
        if (is_in or again) and not self.can_enter(state, OWNER):
            return Outcome.KEEPS_OUT
        if self.can_enter(state.with_hand(THIEF, OF_THIEF), THIEF):
            return Outcome.STAYS
        if is_in or again:
            return Outcome.AGAIN if again else Outcome.ACTS
        return Outcome.DISTURBS if state.account != start.account else Outcome.NOTHING

    def finding(self, theft: Theft, account: Account) -> Finding | None:
        """Return what a thief gets of a kind of account, None if there is nothing to steal."""
        start = theft.against(account)
        if start is None or not theft.where <= self.words:
            return None
        before: tuple[Move, ...] = ()
        if theft.registers_first:
            before = self._registration_of_a_thief(start, owner_chooses=theft.owner_chooses)
            start = before[-1].after
        if theft.only_looks:
            looking = Graph([step for step in self.steps if step.route.startswith("GET ")], self.words)
            found = looking.finding(replace(theft, only_looks=False), account)
            return None if found is None else replace(found, theft=theft)
        worst, at, path = Outcome.NOTHING, start, before
        for state, moves in self.ways(start, THIEF, self.steps):
            outcome = self.outcome(state, start)
            if outcome > worst:
                worst, at, path = outcome, state, before + moves()
            if worst is Outcome.KEEPS_OUT:
                break
        deletes = self.way_to(start, THIEF, lambda reached: not reached.account.exists)
        ended_by = () if worst is Outcome.NOTHING else self._ended_by(at)
        return Finding(theft, account, worst, path, deletes or (), ended_by, start)

    def survives(self, account: Account, lost: Iterable[str]) -> bool:
        """Return whether an owner still gets in who has lost some things."""
        hand = frozenset(of(thing, OWNER) for thing in THINGS if thing not in set(lost))
        return self.can_enter(State(account, (frozenset(), hand)), OWNER)

    def _registration_of_a_thief(self, start: State, *, owner_chooses: bool) -> tuple[Move, ...]:
        """Return the moves by which the owner of an address begins an account that a thief has asked for.

        It has the thief's password, unless the owner chooses one.
        """
        account = replace(start.account, password=THIEF, totp="", codes="", passkeys=frozenset(), exists=False)
        thief, owner = start.hands
        waiting = State(account, (thief - {SESSION}, owner | {"registration link"}))
        step = next(
            step
            for step in self.steps
            if step.route == PRESSES_THE_BUTTON and ("own password" in step.gives) is owner_chooses
        )
        return (Move(OWNER, step, waiting, without_session(step.apply(waiting, OWNER), OWNER)),)

    def _ended_by(self, state: State) -> tuple[Move, ...] | None:
        """Return the owner's shortest way into the account that leaves the thief no session and no way to one."""

        def is_alone(reached: State) -> bool:
            thief_is_out = not {SESSION, RENEWABLE} & reached.hand(THIEF)
            return reached.is_in(OWNER) and thief_is_out and not self.can_enter(reached, THIEF)

        return self.way_to(state, OWNER, is_alone) if self.can_enter(state, OWNER) else None


def _back(found: dict[State, Move | None], state: State) -> tuple[Move, ...]:
    """Return the moves that led to a state."""
    moves = []
    while (move := found[state]) is not None:
        moves.append(move)
        state = move.before
    return tuple(reversed(moves))


def without_session(state: State, actor: str) -> State:
    """Return a state in which somebody's sessions have ended."""
    return state.with_hand(actor, state.hand(actor) - OF_A_SESSION)


def _distinct(words: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for word in words if word is not None))
