"""An account, who holds what of it, and the steps by which that changes.

A state is the account and two hands, the thief's and the owner's. Whatever can be replaced says who made it: the owner
at first (``OWNER``), the owner later (``OWNER_LATER``) or the thief (``THIEF``). So a password that somebody knows is
worth something as long as the account has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

OWNER = "owner"
OWNER_LATER = "owner, later"
THIEF = "thief"

MAKES: Mapping[str, str] = {OWNER: OWNER_LATER, THIEF: THIEF}
"""By who acts: whose what they make is."""

SESSION = "session"
FRESH = "fresh session"
RENEWABLE = "refresh token"
FIRST_STEP = "first step"
"""The challenge that a log-in answers with where a second factor is due."""

ADMIN = "session of an administrator"
ADMIN_FRESH = "fresh session of an administrator"
"""Of an account that is not the one in question: nothing that happens to that one ends it."""

HANDED_OVER = "link for an administrator"
"""A link that sets a password, as an administrator is shown it."""

OF_A_SESSION = frozenset({SESSION, FRESH, RENEWABLE})
"""What somebody has who has just logged in."""
VOID_WITH_THE_PASSWORD = frozenset({FIRST_STEP, "reset link", "address link", "mailed code", HANDED_OVER})


@dataclass(frozen=True, slots=True)
class Account:
    """What an account can be entered with, each by who made it, "" if it has none."""

    password: str = ""
    address: str = ""
    """A verified one, by who reads its mail."""
    totp: str = ""
    codes: str = ""
    """The recovery codes."""
    passkeys: frozenset[str] = frozenset()
    exists: bool = True

    @property
    def kind(self) -> str:
        """What the account has, for people."""
        parts = [name for name in ("password", "address", "totp") if getattr(self, name)]
        parts += ["passkey"] if self.passkeys else []
        return " + ".join(parts).replace("totp", "TOTP")


@dataclass(frozen=True, slots=True)
class State:
    """An account, and what the two hold who want it."""

    account: Account
    hands: tuple[frozenset[str], frozenset[str]]
    """The thief's and the owner's."""

    def hand(self, actor: str) -> frozenset[str]:
        """Return what somebody holds."""
        return self.hands[actor == OWNER]

    def with_hand(self, actor: str, hand: frozenset[str]) -> State:
        """Return the state in which somebody holds something else."""
        thief, owner = self.hands
        return State(self.account, (thief, hand) if actor == OWNER else (hand, owner))

    def holds(self, actor: str, need: str) -> bool:
        """Return whether somebody holds what a step needs."""
        return _are_held((need,), self.account, self.hand(actor))

    def is_in(self, actor: str) -> bool:
        """Return whether somebody has a session of the account."""
        return self.account.exists and SESSION in self.hand(actor)


def of(thing: str, maker: str) -> str:
    """Return the name of a thing that somebody has made."""
    return f"{thing} of {maker}"


def _are_held(needs: Iterable[str], account: Account, hand: frozenset[str]) -> bool:
    for need in needs:
        test = _TESTS.get(need)
        if not (need in hand if test is None else test(account, hand)):
            return False
    return True


def _has(hand: frozenset[str], maker: str, *things: str) -> bool:
    return bool(maker) and any(of(thing, maker) in hand for thing in things)


_TESTS: Mapping[str, Callable[[Account, frozenset[str]], bool]] = {
    "password": lambda account, hand: _has(hand, account.password, "password"),
    "mailbox": lambda account, hand: _has(hand, account.address, "mailbox"),
    "TOTP code": lambda account, hand: _has(hand, account.totp, "TOTP app", "TOTP code"),
    "recovery code": lambda account, hand: _has(hand, account.codes, "recovery codes", "recovery code"),
    "passkey": lambda account, hand: any(_has(hand, maker, "passkey") for maker in account.passkeys),
    "account with a passkey": lambda account, _: bool(account.passkeys),
    "another way in": lambda account, _: bool(account.password or account.address or len(account.passkeys) > 1),
    "account": lambda account, _: account.exists,
    "no account": lambda account, _: not account.exists,
    "account with a password": lambda account, _: bool(account.password),
    "account without a password": lambda account, _: account.exists and not account.password,
    "account with an address": lambda account, _: bool(account.address),
    "account with TOTP": lambda account, _: bool(account.totp),
    "account without TOTP": lambda account, _: account.exists and not account.totp,
}
"""What a step may need beside what stands in a hand by that very name."""

_ONCE = {"TOTP code": ("TOTP code", "totp"), "recovery code": ("recovery code", "codes")}
"""What somebody may hold one of, which is used up: by what a step needs."""


@dataclass(frozen=True, slots=True)
class Step:
    """A request, or something that is done without the API."""

    route: str
    """Method and path, or what is done, after a colon."""
    does: str
    needs: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()
    """What the actor holds then, or what becomes of the account: see ``_EFFECTS``."""
    event: str | None = None
    """What the account's history says."""
    mail: str | None = None
    """The notice that the account's address gets."""
    where: frozenset[str] = field(default_factory=frozenset)
    """What the settings have to be: words of ``settings.words_of``."""
    asked: str | None = None
    """The request before it, whose answer it needs and that gives nothing else."""

    @property
    def requests(self) -> tuple[str, ...]:
        """The routes, in their order."""
        return (self.route,) if self.asked is None else (self.asked, self.route)

    @property
    def is_request(self) -> bool:
        """Whether the API is asked."""
        return self.route.partition(" ")[0].isupper()

    def is_open(self, state: State, actor: str) -> bool:
        """Return whether somebody can do this."""
        return _are_held(self.needs, state.account, state.hand(actor))

    def apply(self, state: State, actor: str) -> State:
        """Return the state after somebody has done this."""
        state = _used_up(state, actor, self.needs)
        for gift in self.gives:
            effect = _EFFECTS.get(gift)
            held = state.hand(actor) | {gift}
            state = state.with_hand(actor, held) if effect is None else effect(state, actor)
        return state


def _used_up(state: State, actor: str, needs: tuple[str, ...]) -> State:
    for need in needs:
        if need in _ONCE:
            thing, holder = _ONCE[need]
            used = of(thing, getattr(state.account, holder))
            state = state.with_hand(actor, state.hand(actor) - {used})
    return state


def _enter(state: State, actor: str) -> State:
    """Begin a session, after its second factor."""
    return state.with_hand(actor, (state.hand(actor) - {FIRST_STEP}) | OF_A_SESSION)


def _first_factor(state: State, actor: str) -> State:
    """Begin a session, or ask for a second factor where one is due."""
    if state.account.totp:
        return state.with_hand(actor, state.hand(actor) | {FIRST_STEP})
    return _enter(state, actor)


def _end_others(state: State, actor: str) -> State:
    other = THIEF if actor == OWNER else OWNER
    return state.with_hand(other, state.hand(other) - OF_A_SESSION)


def _end_own(state: State, actor: str) -> State:
    return state.with_hand(actor, state.hand(actor) - OF_A_SESSION)


def _end_all(state: State, actor: str) -> State:
    return _end_own(_end_others(state, actor), actor)


def _account(state: State, **changes: str | bool | frozenset[str]) -> State:
    return State(replace(state.account, **changes), state.hands)  # type: ignore[arg-type]


def _own_password(state: State, actor: str) -> State:
    """Replace the password. What was mailed or begun before is void."""
    thief, owner = state.hands
    hands = (thief - VOID_WITH_THE_PASSWORD, owner - VOID_WITH_THE_PASSWORD)
    return _account(State(state.account, hands), password=MAKES[actor])


def _own_address(state: State, actor: str) -> State:
    return _account(state, address=MAKES[actor])


def _rename(state: State, actor: str) -> State:
    """Replace the address, which is the name: the session goes on with its next refresh, and all others end."""
    state = _end_others(_own_address(state, actor), actor)
    return state if RENEWABLE in state.hand(actor) else _end_own(state, actor)


def _own_totp(state: State, actor: str) -> State:
    return _account(state, totp=MAKES[actor], codes=MAKES[actor])


def _own_codes(state: State, actor: str) -> State:
    return _account(state, codes=MAKES[actor])


def _own_passkey(state: State, actor: str) -> State:
    return _account(state, passkeys=state.account.passkeys | {MAKES[actor]})


def _no_other_passkeys(state: State, actor: str) -> State:
    """Remove all passkeys but those of the actor's own making."""
    own = {MAKES[actor]} & state.account.passkeys
    return _account(state, passkeys=frozenset(own))


def _secret_of_totp(state: State, actor: str) -> State:
    return state.with_hand(actor, state.hand(actor) | {of("TOTP app", state.account.totp)})


_EFFECTS: Mapping[str, Callable[[State, str], State]] = {
    "secret of the TOTP app": _secret_of_totp,
    "log-in": _enter,
    "first factor": _first_factor,
    "own password": _own_password,
    "own address": _own_address,
    "own address as the name": _rename,
    "no address": lambda state, _: _account(state, address=""),
    "own TOTP": _own_totp,
    "no TOTP": lambda state, _: _account(state, totp="", codes=""),
    "own codes": _own_codes,
    "own passkey": _own_passkey,
    "no other passkeys": _no_other_passkeys,
    "ends others": _end_others,
    "ends all": _end_all,
    "deletion": lambda state, _: _account(State(state.account, (frozenset(), state.hands[1])), exists=False),
    "account": lambda state, _: _account(state, exists=True),
}
"""What becomes of the account, by what a step gives."""
