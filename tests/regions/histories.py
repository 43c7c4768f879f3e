"""Histories: people, a thief and two regions, and everything that can happen to them, in an order that a seed decides.

Nothing here knows how the regions work. What people and the thief are told is held against what must be true of it.
"""

import itertools
import random
from collections import Counter
from dataclasses import dataclass, field, replace

from chalicelib.accounts.caller import Caller
from chalicelib.accounts.key_proof import KeyProof
from chalicelib.accounts.results import LoggedIn
from chalicelib.errors import (
    InvalidCredentials,
    InvalidDPoPProof,
    InvalidGrant,
    InvalidToken,
    ServiceUnavailable,
    UsernameTaken,
)
from chalicelib.tokens.compact import decode_object, split
from chalicelib.tokens.kinds import ACCESS_TOKEN, REFRESH_TOKEN
from tests.regions.faults import REGIONS, Network, SlowRequest
from tests.regions.homes import (
    CLOCKS,
    GRACE,
    HEARTBEAT,
    HOMES,
    LONGEST_REQUEST,
    RETRY_WINDOW,
    Arbiter,
    NotHere,
    Region,
    Unreachable,
    home_of_name,
    home_of_session,
    verifier_at,
)
from tests.regions.replication import Replicator
from tests.support.samples import NOW

PATIENCE = 10
"""Seconds that a browser waits for an answer."""
LONGEST_REFRESH = 15
"""Seconds that a refresh of an honest browser takes at most. One that comes later than its retry and the refresh after
that is taken for reuse, in one region too."""
LONGEST_PAUSE = 30
"""Seconds of the longest pause between two tries of a browser, which chance makes longer by a half."""
DAY = 24 * 3600
SLACK = 2 * CLOCKS + 1
"""Seconds by which two observers may be of different opinion on when something was."""

DONE = "done"
"""The answer of a request that has nothing to say."""


def is_an_answer(answer):
    """Whether somebody was told something, and not only to try later."""
    return answer is not None and not isinstance(answer, ServiceUnavailable)


def grant_of(refresh_token):
    """What a refresh token says. Whoever holds one can read it."""
    _, payload, _ = split(refresh_token)
    return REFRESH_TOKEN.read(decode_object(payload))


class Violation(AssertionError):
    """Raised if something happened that must never happen. ``kind`` says what."""

    def __init__(self, kind, what, trace):
        self.kind = kind
        super().__init__("\n".join([f"{kind}: {what}", *trace[-60:]]))


@dataclass
class Truth:
    """What is true of a session, as its people know it."""

    username: str
    may_have_ended: bool = False
    """Whether somebody has asked for its end, or has stolen a token of it."""
    ended_at: float | None = None
    """When somebody was told that it has ended."""
    uses: dict = field(default_factory=dict)
    """By counter: who got the successor of this token, and when: (who, from, to)."""


@dataclass
class Person:
    """Somebody with a browser, which does what lychgate.js does."""

    username: str
    caller: Caller
    passwords: list
    """Those that may be right: more than one after a change without an answer."""
    token: str | None = None
    access_token: str | None = None
    due: float = 0
    """When the browser does something next."""
    busy_until: float = 0
    """Until then a request may be under way that the browser waits for no longer."""
    failures: int = 0
    refusals: int = 0
    old_tokens: list = field(default_factory=list)


def _due(person):
    return person.due


class World:
    """Two regions, three people and a thief."""

    def __init__(self, seed, databases, *, tables, map_table, rules, is_bound=False):
        """``databases``: a client for each region's database, with the tables.

        ``is_bound``: whether each browser has a key, which all its sessions are bound to. The thief has none.
        """
        self._random = random.Random(seed)
        self.now = float(NOW)
        self.offsets = {name: self._random.uniform(0, CLOCKS) for name in REGIONS}
        self.trace = []
        self.counts = Counter()
        self.interruptions = {home: [] for home in HOMES}
        self.network = Network(self)
        self._verifier = verifier_at(lambda: self.now)
        clocks = {name: lambda name=name: self.now + self.offsets[name] for name in REGIONS}
        self._replicator = Replicator(databases, clocks)
        self.arbiter = Arbiter(self.network)
        for name in REGIONS:
            self.network.regions[name] = Region(
                name,
                database=databases[name],
                tables=tables,
                map_table=map_table,
                clock=clocks[name],
                network=self.network,
                arbiter=self.arbiter,
                replicator=self._replicator,
                rules=rules,
            )
        self._weights = self._weights_of_things()
        self._slowness = self._random.choice([0.05, 0.1, 0.3])
        self.is_calm = True
        self._users_table = tables.users
        self._next_heartbeat = self.now
        self.first_asked = self._stop_at = None
        """What a test wants: the region that is asked first, the step before which the next request stands still."""
        self._slow = []
        self._is_bound = is_bound
        self._proofs = itertools.count()
        self._sessions = {}
        self._owners = {}
        self._stolen = []
        self._thief = Caller(ip="198.51.100.9", user_agent="thief")
        self.people = [
            Person(name, Caller(ip=f"203.0.{number}.7", user_agent="browser"), ["seven old oak boards and a latch"])
            for number, name in enumerate(["alice", "bob", "kim"])
        ]
        for person in self.people:
            self._send(person, home_of_name(person.username), self._registering(person), self._begun(person), calm=True)
            assert person.token is not None
        self.is_calm = False

    # Chance.

    def chance(self, probability):
        return self._random.random() < probability

    def has_bad_luck(self, probability):
        """Whether a request is slow, or an answer is lost."""
        return not self.is_calm and self.chance(probability)

    def shuffled(self, things):
        return self._random.sample(things, len(things))

    def note(self, what):
        self.trace.append(f"{self.now - NOW:8.1f} {what}")

    def violated(self, kind, what):
        raise Violation(kind, what, self.trace)

    # Time.

    def live(self, steps):
        """Let so many things happen. Raises Violation."""
        for _ in range(steps):
            (thing,) = self._random.choices(list(self._weights), list(self._weights.values()))
            thing()

    def _weights_of_things(self):
        """How often each thing happens. In each history some are rare and some are frequent."""
        things = {
            self.wait_a_little: 22,
            self.wait_long: 5,
            self.replicate_some: 6,
            self.cut_a_link: 7,
            self.mend_a_link: 5,
            self.lose_or_find_a_region: 4,
            self.stall_or_go_on: 3,
            self.take_over: 6,
            self.take_in: 7,
            self.hand_over: 4,
            self.let_a_request_go_on: 6,
            self.steal: 4,
            self.use_a_stolen_token: 10,
            self.guess_a_password: 6,
            self.do_something_else: 12,
            self.hurry: 8,
            self.register_a_name: 2,
        }
        return {thing: weight * self._random.choice([0.2, 1, 1, 4]) for thing, weight in things.items()}

    def end(self):
        """Mend everything. Everybody has a session in the end, and both regions have the same."""
        self.is_calm = True
        self.network.cut.clear()
        self.network.down.clear()
        self.network.is_stalled = False
        for slow in self._slow:
            slow.go_on(killed=True)
        self._slow.clear()
        self.advance(3 * GRACE)
        for region, home in itertools.product(self.network.regions.values(), HOMES):
            region.take_in(home)
        self.replicate_all()
        for person in self.people:
            if not person.failures:
                person.due = self.now  # everybody opens the page once more
        for _ in range(5):
            self.advance(GRACE)
            if all(person.token is not None and not person.failures for person in self.people):
                break
        else:
            self.violated("nobody answers", "somebody has waited for minutes")
        self.replicate_all()
        one, other = (self._items(name) for name in REGIONS)
        for name, user_id in self._owners.items():
            if user_id not in {user.get("user_id", {}).get("S") for user in one[self._users_table]}:
                self.violated("an account is lost", name)
        if one != other:
            self.violated("regions differ", "they have replicated everything")
        self.counts["histories"] += 1

    def _items(self, name):
        region = self.network.regions[name]
        tables = (region.tables.users, region.tables.sessions, region.tables.events)
        return {table: sorted(region.database.scan(TableName=table)["Items"], key=str) for table in tables}

    def advance(self, seconds):
        """Let time pass. People's browsers, the heartbeats and Lambda do what they do on time."""
        end = self.now + seconds
        while True:
            person = min(self.people, key=_due)
            limit = min((slow.ends_at for slow in self._slow), default=end + 1)
            self.now = max(self.now, min(person.due, self._next_heartbeat, limit, end))
            if self.now >= end:
                return
            if self.now >= limit:
                self._end_slow_requests()
            elif self.now >= self._next_heartbeat:
                self._beat()
            else:
                self._wake(person)

    def _beat(self):
        self._next_heartbeat += HEARTBEAT
        self.replicate_some()
        for name, region in self.network.regions.items():
            if name not in self.network.down:
                for home in HOMES:
                    region.heartbeat(home)

    def _end_slow_requests(self):
        for slow in [slow for slow in self._slow if slow.ends_at <= self.now]:
            self._slow.remove(slow)
            slow.go_on(killed=True)

    # What happens to the regions.

    def wait_a_little(self):
        self.advance(self._random.choice([1, 3, 8, 15, 25]))

    def wait_long(self):
        self.advance(self._random.choice([60, 120, 400]))

    def replicate_some(self):
        if self.network.replicates():
            self._replicator.deliver(
                [change for change in self.shuffled(self._replicator.underway) if self.chance(0.5)]
            )

    def replicate_all(self):
        self._replicator.deliver(self.shuffled(self._replicator.underway))

    def cut_a_link(self):
        link = self._random.choice([("eu", "us"), ("eu", "us"), ("eu", "arbiter"), ("us", "arbiter")])
        self.network.cut.add(frozenset(link))
        self.note(f"cut {link}")

    def mend_a_link(self):
        if self.network.cut:
            link = self._random.choice(sorted(self.network.cut, key=sorted))
            self.network.cut.remove(link)
            self.note(f"mended {sorted(link)}")

    def lose_or_find_a_region(self):
        if self.network.down:
            self.note(f"{self.network.down} is back")
            self.network.down.clear()
        else:
            self.network.down.add(self._random.choice(REGIONS))
            self.note(f"{self.network.down} is lost")

    def stall_or_go_on(self):
        self.network.is_stalled = not self.network.is_stalled
        self.note(f"replication {'stalls' if self.network.is_stalled else 'goes on'}")

    def take_over(self):
        self._operate("take over", lambda region, home: region.take_over(home))

    def take_in(self):
        self._operate("take in", lambda region, home: region.take_in(home))

    def hand_over(self):
        self._operate("hand over", lambda region, home: region.hand_over(home))

    def _operate(self, what, do):
        """Have one region do something about a home. The other is tried if nothing comes of it."""
        home = self._random.choice(HOMES)
        for name in self.shuffled(REGIONS):
            before = self.network.regions[name].copies[home].term
            try:
                do(self.network.regions[name], home)
            except Unreachable:
                self.note(f"{name} was to {what} {home}, and something could not be reached")
            after = self.network.regions[name].copies[home].term
            if after != before:
                self.counts[what] += 1
                self.note(f"{name} did {what} {home}: {after}")
                return

    def let_a_request_go_on(self):
        if not self._slow:
            return
        slow = self._random.choice(self._slow)
        self.note(f"a slow request of {slow.who} goes on")
        self.go_on(slow)

    # What people do.

    def _wake(self, person):
        """A browser does what is due: it refreshes, or its user logs in."""
        person.due = self.now + 1_000_000
        if person.token is None:
            self._send(person, home_of_name(person.username), self._logging_in(person), self._begun(person))
        else:
            self._refresh(person)

    def hurry(self):
        """Somebody opens the page again: a refresh is due at once, unless one is under way."""
        person = self._random.choice(self.people)
        if person.token is not None and not person.failures and person.busy_until <= self.now:
            person.due = self.now
            self.advance(0.001)

    def do_something_else(self):
        person = self._random.choice(self.people)
        if person.token is None or person.failures or person.busy_until > self.now:
            return
        self._random.choices(
            [self._look, self._log_out, self._log_out_everywhere, self._change_password], [4, 2, 1, 3]
        )[0](person)

    def _sent_by(self, person):
        """The caller of a request that a browser sends now, with a proof of its key if it has one."""
        if not self._is_bound:
            return person.caller
        proof = KeyProof(f"the key of {person.username}", f"proof {next(self._proofs)}", int(self.now))
        return replace(person.caller, key_proof=proof)

    def _refresh(self, person):
        used, sender = person.token, self._sent_by(person)
        grant = grant_of(used)
        started = self.now

        def told(answer):
            if not is_an_answer(answer):
                self._try_later(person)
            elif isinstance(answer, InvalidDPoPProof):
                # One that was sent later has come before. The browser makes a new proof.
                self.counts["overtaken"] += 1
                self._try_later(person)
            elif isinstance(answer, LoggedIn):
                self._got(person.username, grant, started)
                self._take(person, answer)
            else:
                self._told_to_log_in(person, grant.session_id, answer)

        # In one region, too, a browser that waits for two answers in vain has missed the retry window.
        is_retry = person.failures > 0
        do = lambda at: at.exchange(used, sender)  # noqa: E731 - a call that is named
        self._send(person, home_of_session(grant.session_id), do, told, calm=is_retry)

    def _look(self, person):
        """Call a route that asks whether the session is live."""
        principal = self._principal(person)
        if principal is None:
            return

        def told(answer):
            if isinstance(answer, InvalidToken) and not self._sessions[principal.session_id].may_have_ended:
                self.violated("false log-out", f"a live route refuses {person.username}: {answer.reason}")

        do = lambda at: at.account.sessions(principal)  # noqa: E731 - a call that is named
        self._send(person, home_of_session(principal.session_id), do, told, is_background=True)

    def _log_out(self, person):
        token, sender = person.token, self._sent_by(person)
        grant = grant_of(token)
        self._sessions[grant.session_id].may_have_ended = True
        self._forget(person, pause=5)

        def told(answer):
            # A proof that a later one has overtaken ends nothing.
            if is_an_answer(answer) and not isinstance(answer, InvalidDPoPProof):
                self._sessions[grant.session_id].ended_at = self.now

        do = lambda at: at.refresh_tokens.revoke([token], sender)  # noqa: E731 - a call that is named
        self._send(person, home_of_session(grant.session_id), do, told, is_background=True)

    def _log_out_everywhere(self, person):
        principal = self._principal(person)
        if principal is None:
            return
        ended = self._all_may_have_ended(person)

        def told(answer):
            if answer == DONE:
                for session in ended:
                    session.ended_at = self.now

        do = lambda at: at.account.log_out_everywhere(principal, person.caller)  # noqa: E731 - a call that is named
        self._send(person, home_of_session(principal.session_id), do, told, is_background=True)
        self._forget(person, pause=LONGEST_REQUEST + 1)

    def _change_password(self, person):
        principal = self._principal(person)
        if principal is None:
            return
        sender = self._sent_by(person)
        old, new = person.passwords[0], f"seven old oak boards no. {self._random.random()}"
        ended = self._all_may_have_ended(person)
        person.passwords = [new, *person.passwords]
        self._forget(person, pause=LONGEST_REQUEST + 1)

        def told(answer):
            if isinstance(answer, LoggedIn):
                person.passwords = [new]
                for session in ended:
                    session.ended_at = self.now
                self._begun(person)(answer)

        do = lambda at: at.account.change_password(principal, old, new, sender)  # noqa: E731 - a call that is named
        self._send(person, home_of_session(principal.session_id), do, told, is_background=True)

    def register_a_name(self):
        """Somebody wants a name that somebody else may want."""
        name = self._random.choice(["lee", "max"])
        stranger = Person(name, Caller(ip="192.0.2.1", user_agent="another"), ["seven old oak boards and a latch"])

        def told(answer):
            if isinstance(answer, LoggedIn):
                if name in self._owners:
                    self.violated("a name for two", name)
                self._owners[name] = answer.user.id
            assert isinstance(answer, LoggedIn | UsernameTaken | ServiceUnavailable | None), answer

        self._send(stranger, home_of_name(name), self._registering(stranger), told, is_background=True)

    def _registering(self, person):
        sender = self._sent_by(person)
        return lambda at: at.registration.register(person.username, person.passwords[0], sender)

    def _logging_in(self, person):
        sender = self._sent_by(person)
        return lambda at: at.log_in.with_password(person.username, person.passwords[0], sender)

    def _begun(self, person):
        def told(answer):
            if isinstance(answer, LoggedIn):
                self._sessions[answer.session_id] = Truth(person.username)
                person.refusals = 0
                self._take(person, answer)
            elif isinstance(answer, InvalidCredentials):
                person.refusals += 1
                if person.refusals >= len(person.passwords):
                    self.violated("a password is refused", f"{person.username}: {answer.reason}")
                person.passwords = [*person.passwords[1:], person.passwords[0]]
                self._try_later(person)
            else:
                assert not is_an_answer(answer), answer
                self._try_later(person)

        return told

    def _take(self, person, answer):
        if person.token is not None:
            person.old_tokens.append(person.token)
        person.token, person.access_token = answer.tokens.refresh_token, answer.tokens.access_token
        person.failures = 0
        person.due = self.now + self._random.choice([25, 60, 200, 555])

    def _forget(self, person, *, pause):
        person.token = person.access_token = None
        person.old_tokens.clear()
        person.failures = 0
        person.due = self.now + pause

    def _try_later(self, person):
        pause = min(LONGEST_PAUSE, 2**person.failures) * self._random.uniform(1, 1.5)
        person.failures += 1
        person.due = self.now + pause

    def _principal(self, person):
        """What the access token says, None if it has expired."""
        try:
            return self._verifier.verify(ACCESS_TOKEN, person.access_token)
        except InvalidToken:
            return None

    def _all_may_have_ended(self, person):
        ended = []
        for session in self._sessions.values():
            if session.username == person.username:
                session.may_have_ended = True
                ended.append(session)
        return ended

    # What the thief does.

    def steal(self):
        person = self._random.choice(self.people)
        if person.token is None:
            return
        token = self._random.choice([person.token, *person.old_tokens[-2:]])
        self._sessions[grant_of(token).session_id].may_have_ended |= not self._is_bound
        self._stolen.append(token)
        self.note(f"a token of {person.username} is stolen")

    def use_a_stolen_token(self):
        if not self._stolen:
            return
        used = self._stolen.pop(self._random.randrange(len(self._stolen)))
        grant = grant_of(used)
        started = self.now

        def told(answer):
            self.counts["thief without the key"] += isinstance(answer, InvalidDPoPProof)
            if isinstance(answer, LoggedIn):
                if self._is_bound:
                    self.violated("a stranger refreshes", f"the session {grant.session_id}, without its key")
                self._got("the thief", grant, started)
                self._stolen.append(answer.tokens.refresh_token)
            elif not is_an_answer(answer):
                self._stolen.append(used)

        do = lambda at: at.exchange(used, self._thief)  # noqa: E731 - a call that is named
        self._send(None, home_of_session(grant.session_id), do, told, is_background=True)

    def guess_a_password(self):
        """The thief tries a password. It is wrong, and the attempt is counted in the item of the user."""
        self._guess(self._random.choice(self.people).username)

    def _guess(self, username):
        def told(answer):
            assert not isinstance(answer, LoggedIn)

        do = lambda at: at.log_in.with_password(username, "not the password", self._thief)  # noqa: E731 - a call that is named
        self._send(None, home_of_name(username), do, told, is_background=True)

    # The same by the hand of a test.

    def refresh(self, person, *, at=None, stop_at=None):
        """A person refreshes. With ``stop_at`` it stands still before that step, and is returned."""
        return self._by_hand(person, at, stop_at, lambda: self._refresh(person))

    def change_password(self, person, *, at):
        self._by_hand(person, at, None, lambda: self._change_password(person))

    def guess(self, person, *, at, stop_at):
        """The thief tries a password of a person."""
        return self._by_hand(person, at, stop_at, lambda: self._guess(person.username))

    def use_stolen(self, token, *, at):
        self._stolen.append(token)
        self._sessions[grant_of(token).session_id].may_have_ended = True
        self._by_hand(None, at, None, self.use_a_stolen_token)

    def _by_hand(self, person, at, stop_at, do):
        before, self.first_asked = self.first_asked, at
        self._stop_at = stop_at
        known = len(self._slow)
        do()
        self.first_asked, self._stop_at = before, None
        return self._slow[-1] if len(self._slow) > known else None

    def go_on(self, slow):
        """Let a request that stands still go on."""
        if slow in self._slow:
            self._slow.remove(slow)
            slow.go_on()
            self._answered(slow)

    # How a request goes.

    def _send(self, person, home, do, told, *, is_background=False, calm=False):
        """Send a request to a home through the front door, and tell whoever has sent it what comes of it."""
        who = person.username if person else "the thief"
        if self._stop_at or (not calm and self.has_bad_luck(self._slowness)):
            self._send_slowly(person, who, home, do, told, is_background, stop_at=self._stop_at)
            return
        answer = self._carried(home, do, lambda: None)
        if not calm and self.has_bad_luck(0.04):
            self.note(f"an answer to {who} is lost")
            answer = None
            if not is_background:
                self._try_later(person)
                person.due += self._random.choice([0, PATIENCE])
                return
        self.counts["answered" if is_an_answer(answer) else "not answered"] += 1
        self.note(f"{who}: {type(answer).__name__} {getattr(answer, 'reason', '')}")
        told(answer)

    def _send_slowly(self, person, who, home, do, told, is_background, *, stop_at=None):
        slow = SlowRequest(
            lambda pause: self._carried(home, do, pause),
            stop_at or self._random.randint(1, 5),
            who=who,
            told=told,
            waits_until=self.now + (PATIENCE if person else LONGEST_REQUEST),
            ends_at=self.now + (LONGEST_REQUEST if is_background else LONGEST_REFRESH),
        )
        if slow.is_over:
            self._answered(slow)
            return
        self.note(f"a request of {who} is slow")
        self.counts["slow"] += 1
        self._slow.append(slow)
        if not is_background:
            self._try_later(person)
            person.due += PATIENCE
            person.busy_until = slow.ends_at

    def _answered(self, slow):
        if isinstance(slow.answer, AssertionError):
            raise slow.answer
        if self.now <= slow.waits_until and slow.answer is not None:
            self.note(f"a slow request of {slow.who} is answered: {type(slow.answer).__name__}")
            self.counts["answered after a while"] += 1
            slow.told(slow.answer)

    def _carried(self, home, do, pause):
        """The front door: it asks a region, and the other one if the first does not serve the home now.

        Return the answer, or ServiceUnavailable if nobody may be told what has come of it.
        """
        for name in sorted(self.shuffled(REGIONS), key=lambda name: name != self.first_asked):
            if name in self.network.down:
                continue
            try:
                answer = self.network.regions[name].serve(home, do, pause=pause)
            except NotHere:
                continue
            except ServiceUnavailable as unavailable:
                return unavailable
            return DONE if answer is None else answer
        return ServiceUnavailable("no region can be reached")

    # What must be true.

    def _told_to_log_in(self, person, session_id, refusal):
        assert isinstance(refusal, InvalidGrant), refusal
        if refusal.reason == "the token was retried too often":
            # A rule of one region: of three rotations in a row, all had to be retried.
            self.counts["retried too often"] += 1
        elif not self._sessions[session_id].may_have_ended:
            self.violated("false log-out", f"{person.username} is told: {refusal.reason}")
        self._forget(person, pause=3)

    def _got(self, who, grant, started):
        """Somebody has got the successor of a token, for a request that was sent at ``started``."""
        session = self._sessions[grant.session_id]
        if session.ended_at is not None and session.ended_at < started:
            self.violated("an ended session goes on", f"{who} has refreshed {grant.session_id}")
        uses = session.uses.setdefault(grant.counter, [])
        for other, _, until in uses:
            if other != who and started > self._end_of_window(home_of_session(grant.session_id), until):
                self.violated("double use", f"{other} and {who} have used token {grant.counter} of {grant.session_id}")
        uses.append((who, started, self.now))
        self._count_the_shared(session, grant)

    def _count_the_shared(self, session, grant):
        """Two who share a session may both get the successor of one token of it in a day, and of no second one."""
        shared = [uses for uses in session.uses.values() if len({who for who, *_ in uses}) > 1]
        if len(shared) > 1 and shared[-1][0][1] - shared[0][-1][2] < DAY - SLACK:
            self.violated("double use", f"two share the session {grant.session_id}, and nobody notices")
        self.counts["shared"] += bool(shared)

    def _end_of_window(self, home, used_at):
        """The latest time at which a token may be used again that was used at this time, interruptions considered."""
        end = used_at + RETRY_WINDOW + SLACK
        for quiet_since, began_at in sorted(self.interruptions[home], key=lambda pair: pair[1]):
            if quiet_since - SLACK <= end - RETRY_WINDOW and began_at + SLACK >= used_at:
                end = max(end, began_at + GRACE + RETRY_WINDOW + SLACK)
        return end
