"""The design of docs/two-regions.md around the project's own use cases and stores: homes, terms, promises, fences.

A home is a half of all names, with the users who have them and the sessions of these. At any time one region serves a
home. Which one it is, and which region stands by, is the home's term. Terms are numbered. An arbiter outside both
regions decides which term follows which.

- Every write is conditional on the number of the term, as the region's own copy of the map says it: the fence.
- The server asks the standby for a promise not to take over, which lasts for a few seconds. It does nothing without it.
- An answer is given when the standby has each item that it rests on.
- If the standby does not answer in time, the server asks the arbiter for a term in which it is alone. The standby asks
  for one in which it is the server. Only one of them gets it.
- A region that takes over fences the one before. If that cannot be reached, it waits until its promise and every
  request begun under it have ended.
- The retry window of a refresh token stands still while its home does not answer.
"""
# ruff: noqa: N803 - the parameters of a client are called as botocore calls them

import contextlib
import hmac
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.accounts.session import SessionRules
from chalicelib.adapters.dynamodb.attributes import to_item
from chalicelib.adapters.dynamodb.events import DynamoDBEventLog
from chalicelib.adapters.dynamodb.items import session_from_item, session_key, user_key
from chalicelib.adapters.dynamodb.sessions import DynamoDBSessionStore
from chalicelib.adapters.dynamodb.throttle import DynamoDBLoginThrottle
from chalicelib.adapters.dynamodb.transactions import Database
from chalicelib.adapters.dynamodb.users import DynamoDBUserStore
from chalicelib.credentials.password_policy import PasswordPolicy
from chalicelib.credentials.throttling import MailRules, ThrottleRules
from chalicelib.errors import LychgateError, ServiceUnavailable
from chalicelib.tokens.issuer import TokenIssuer
from chalicelib.tokens.kinds import REFRESH_TOKEN
from chalicelib.tokens.verifier import TokenVerifier
from chalicelib.use_cases.account import Account
from chalicelib.use_cases.addresses import Addresses
from chalicelib.use_cases.begin_session import BeginSession
from chalicelib.use_cases.log_in import LogIn
from chalicelib.use_cases.notices import Notices
from chalicelib.use_cases.password_guard import PasswordGuard
from chalicelib.use_cases.password_reset import PasswordReset
from chalicelib.use_cases.ports import Stores
from chalicelib.use_cases.refresh import RefreshTokens
from chalicelib.use_cases.registration import Registration
from chalicelib.wiring import (
    dynamodb_administration_store,
    dynamodb_ended_feed,
    dynamodb_factor_store,
    dynamodb_mail_stores,
)
from tests.regions.small_dynamodb import key_in
from tests.support.plain_hasher import PlainHasher
from tests.support.samples import ISSUER

HOMES = ("a", "b")

RETRY_WINDOW = 20
"""Seconds, of the project itself, for which a used refresh token gets its successor again."""
PROMISE = 10
"""Seconds for which a standby promises not to take over."""
LONGEST_REQUEST = 30
"""Seconds after which Lambda ends a request, whatever it does."""
CLOCKS = 2
"""Seconds by which the clocks of two regions may differ."""
HEARTBEAT = 5
"""Seconds between two requests through the front door that do nothing but ask whether a home is served."""
LOOK_BACK = 60
"""Seconds before a home's last heartbeat in which a token may have been used without an answer: the longest request,
the retry window, and what two clocks may differ."""
GRACE = 60
"""Seconds after an interruption in which each browser tries again: 45 is its longest pause, 10 its patience."""


@dataclass(frozen=True)
class Rules:
    """The rules of the design. Without any one of them there is a history that goes wrong."""

    only_the_home_writes: bool = True
    answers_are_confirmed: bool = True
    reads_are_confirmed: bool = True
    promises_are_needed: bool = True
    alone_by_the_arbiter: bool = True
    writes_are_fenced: bool = True
    unreachable_is_waited_for: bool = True
    clocks_are_waited_for: bool = True
    a_standby_has_caught_up: bool = True
    windows_stand_still: bool = True
    windows_end: bool = True
    interruptions_add_up: bool = True
    who_cannot_serve_does_nothing: bool = True


class Unreachable(Exception):
    """Raised if the other end of a link cannot be reached, or its answer is lost."""


class NotHere(Exception):
    """Raised by a region that has done nothing: it does not serve a home now, and cannot reach one that does."""


def home_of_name(username):
    """The home of a name: nobody has to look it up, and so a name is registered in one place only."""
    return HOMES[user_key(username)["username_key"]["S"] >= "8"]


def home_of_session(session_id):
    """The home of a session, which begins with it."""
    return session_id[0]


@dataclass(frozen=True)
class Term:
    """Who serves a home."""

    number: int
    server: str
    standby: str | None


class Arbiter:
    """Says which term of a home is the latest: a table with strong consistency over three regions, or in a third."""

    def __init__(self, network):
        self._network = network
        self._terms = {"a": Term(1, "eu", "us"), "b": Term(1, "us", "eu")}

    def current(self, region, home):
        """Return the latest term. Raises Unreachable."""
        self._network.check(region, "arbiter")
        return self._terms[home]

    def propose(self, region, home, term):
        """Make a term the latest if it follows the latest. Return the latest. Raises Unreachable, done or not."""
        self._network.check(region, "arbiter")
        if term.number == self._terms[home].number + 1:
            self._terms[home] = term
        self._network.lose_the_answer()
        return self._terms[home]


@dataclass
class Copy:
    """What a region knows of a home: an item of its own table, which is not replicated. Times are by its own clock."""

    term: Term
    # As the server:
    promised_me_until: float = 0
    served_at: float = 0
    """The last time at which the home was served for certain."""
    is_stopped: bool = False
    """Whether a request has had no answer since, because the region cannot tell whether it still is the server."""
    # As the standby:
    i_promised_until: float = 0
    heard_at: float = 0
    # As both, because the standby is told:
    began_at: float = 0
    """The end of the last interruption."""
    quiet_since: float = 0
    """Tokens that were used between this time and the end of the interruption may have had no answer."""


class FencedClient:
    """A region's database as one request has it.

    Each write becomes a transaction with a check of the region's copy of the map. All items that the request has asked
    for are noted, and those that it has written.
    """

    def __init__(self, region, fence, pause):
        self.exceptions = region.database.exceptions
        self.touched = []
        self.written = []
        self._region = region
        self._database = region.database
        self._fence = fence
        self._pause = pause

    def get_item(self, **request):
        self._pause()
        self._touch(request["TableName"], request["Key"])
        return self._database.get_item(**request)

    def batch_get_item(self, *, RequestItems):
        self._pause()
        for table, wanted in RequestItems.items():
            for key in wanted["Keys"]:
                self._touch(table, key)
        return self._database.batch_get_item(RequestItems=RequestItems)

    def query(self, **request):
        self._pause()
        answer = self._database.query(**request)
        self._touch_all(request["TableName"], answer["Items"])
        return answer

    def get_paginator(self, operation):
        assert operation == "query"
        return self

    def paginate(self, **request):
        self._pause()
        pages = list(self._database.get_paginator("query").paginate(**request))
        for page in pages:
            self._touch_all(request["TableName"], page["Items"])
        return pages

    def transact_write_items(self, *, TransactItems):
        self._pause()
        self._transact(TransactItems)

    def update_item(self, *, ReturnValues="NONE", **update):
        """Do the update in a transaction. That returns no item, so it is read, before or after, in the same step."""
        self._pause()
        old = self._item(update)
        self._write({"Update": update})
        return {"Attributes": old if ReturnValues == "ALL_OLD" else self._item(update)}

    def put_item(self, **put):
        self._pause()
        self._write({"Put": put})

    def delete_item(self, **delete):
        self._pause()
        self._write({"Delete": delete})

    def batch_write_item(self, *, RequestItems):
        deletes = [
            {"Delete": {"TableName": table, **request["DeleteRequest"]}}
            for table, requests in RequestItems.items()
            for request in requests
        ]
        self.transact_write_items(TransactItems=deletes)
        return {"UnprocessedItems": {}}

    def _transact(self, actions):
        for action in actions:
            self._touch(*_item_of(action))
        try:
            self._database.transact_write_items(TransactItems=[*self._fence, *actions])
        except self.exceptions.TransactionCanceledException as cancelled:
            reasons = cancelled.response["CancellationReasons"]
            if self._fence and reasons[0]["Code"] == "ConditionalCheckFailed":
                raise ServiceUnavailable("another term has begun") from None
            response = {**cancelled.response, "CancellationReasons": reasons[len(self._fence) :]}
            raise self.exceptions.TransactionCanceledException(response, "TransactWriteItems") from None
        for action in actions:
            self.written.append(_item_of(action))
            self._region.replicator.wrote(self._region.name, *_item_of(action))

    def _write(self, action):
        try:
            self._transact([action])
        except self.exceptions.TransactionCanceledException as cancelled:
            (reason,) = cancelled.response["CancellationReasons"]
            response = {"Error": {"Code": "ConditionalCheckFailedException"}, "ResponseMetadata": {}}
            if "Item" in reason:
                response["Item"] = reason["Item"]
            raise self.exceptions.ConditionalCheckFailedException(response, "UpdateItem") from None

    def _item(self, update):
        found = self._database.get_item(TableName=update["TableName"], Key=update["Key"], ConsistentRead=True)
        return found.get("Item", {})

    def _touch_all(self, table, items):
        for item in items:
            self._touch(table, key_in(table, item))

    def _touch(self, table, key):
        if (table, key) not in self.touched:
            self.touched.append((table, key))


def _item_of(action):
    """The table and the key of the item that an action of a transaction is about."""
    ((_, parameters),) = action.items()
    table = parameters["TableName"]
    return table, parameters.get("Key") or key_in(table, parameters["Item"])


class Region:
    """One region: its database, its copies of the map, and the use cases over them."""

    def __init__(self, name, *, database, tables, map_table, clock, network, arbiter, replicator, rules):
        self.name = name
        self.database = database
        self.tables = tables
        self.clock = clock
        self.replicator = replicator
        self.rules = rules
        self._map_table = map_table
        self._network = network
        self._arbiter = arbiter
        self.copies = {}
        for home in HOMES:
            self.copies[home] = Copy(arbiter.current(name, home), served_at=clock(), heard_at=clock())
            self._raise_fence(home, 1)

    # What others ask of this region.

    def serve(self, home, do, *, pause, is_forwarded=False):
        """Return what ``do`` returns when it is called with the use cases, or the error that it raises for the user.

        ``pause`` is called before each step. Raises NotHere, and ServiceUnavailable if nobody may be told what has come
        of it.
        """
        server = self.copies[home].term.server
        if server != self.name and self.rules.only_the_home_writes:
            if is_forwarded:
                raise NotHere
            try:
                return self._reach(server).serve(home, do, pause=pause, is_forwarded=True)
            except Unreachable:
                raise NotHere from None
        try:
            term = self.ready(home) if server == self.name else self.copies[home].term
        except ServiceUnavailable:
            if self.rules.who_cannot_serve_does_nothing:
                raise NotHere from None
            raise
        client = FencedClient(self, self._fence(home, term), pause)
        try:
            answer = do(LychgateAtHome(self, home, client))
        except LychgateError as refusal:
            answer = refusal
        if isinstance(answer, ServiceUnavailable):
            raise answer
        pause()
        if server == self.name:
            self._confirm(home, term, client.touched if self.rules.reads_are_confirmed else client.written)
        return answer

    def promise(self, home, term, quiet_since, began_at):
        """Promise the server of this term not to take over for a while. Return whether that can be promised.

        The server tells of its last interruption.
        """
        self.adopt(home, term)
        copy = self.copies[home]
        if copy.term.number > term.number and self.rules.promises_are_needed:
            return False
        copy.heard_at = self.clock()
        copy.i_promised_until = self.clock() + PROMISE
        copy.quiet_since, copy.began_at = quiet_since - CLOCKS, began_at + CLOCKS
        return True

    def adopt(self, home, term):
        """Take a term over into this region's copy of the map, if it is later. No write of an earlier term succeeds."""
        copy = self.copies[home]
        if term.number > copy.term.number:
            self._raise_fence(home, term.number)
            copy.term = term
            copy.promised_me_until = 0

    # What a server does.

    def ready(self, home):
        """Return the term under which this region may serve a home now. Raises ServiceUnavailable if there is none."""
        copy = self.copies[home]
        if self.clock() < copy.began_at:
            raise ServiceUnavailable("the term has not begun")
        if copy.is_stopped:
            self._ask_again(home)
        if copy.term.server != self.name:
            raise ServiceUnavailable("another region is the server")
        if copy.is_stopped or self.clock() - copy.served_at > 2 * HEARTBEAT:
            # Before the promise: the standby is told of it, and may have to serve next.
            self._resume(home)
        if copy.term.standby is not None and self.clock() >= copy.promised_me_until:
            self._get_promise(home)
        copy.is_stopped = False
        copy.served_at = self.clock()
        return copy.term

    def _ask_again(self, home):
        """Begin a term of its own after a time in which this region did not know whether it was the server."""
        try:
            self.learn(home)
            copy = self.copies[home]
            if copy.term.server == self.name and copy.term.standby is None:
                self._propose(home, Term(copy.term.number + 1, self.name, None))
        except Unreachable:
            raise ServiceUnavailable("nobody says whether this region is the server") from None

    def _get_promise(self, home):
        copy = self.copies[home]
        asked_at = self.clock()
        try:
            standby = self._reach(copy.term.standby)
            is_promised = standby.promise(home, copy.term, copy.quiet_since, copy.began_at)
        except Unreachable:
            self._go_alone(home)
            return
        if not is_promised:
            self._stop(home, "the standby has taken over")
        copy.promised_me_until = asked_at + PROMISE

    def _confirm(self, home, term, items):
        """Return when the standby has the items as this region has them, or when this region is alone.

        Raises ServiceUnavailable if neither comes about: then nobody is told what the request has come to.
        """
        if term.standby is None or not self.rules.answers_are_confirmed:
            return
        with contextlib.suppress(Unreachable):
            standby = self._reach(term.standby)
            own = (self.tables.throttle, self.tables.mail)
            replicated = [(table, key) for table, key in items if table not in own]
            self._network.wait_for(self.replicator, replicated)
            has_arrived = self.replicator.are_equal(replicated)
            # In this order: what the standby has before it takes over, it has afterwards.
            copy = self.copies[home]
            if not standby.promise(home, term, copy.quiet_since, copy.began_at):
                raise ServiceUnavailable("another term has begun")
            if has_arrived:
                return
        if self.copies[home].term != term:
            raise ServiceUnavailable("another term has begun")
        self._go_alone(home)

    def _go_alone(self, home):
        """Begin a term without a standby. Raises ServiceUnavailable if the arbiter does not say that it has begun."""
        copy = self.copies[home]
        alone = Term(copy.term.number + 1, self.name, None)
        if not self.rules.alone_by_the_arbiter:
            copy.term = replace(copy.term, standby=None)
            return
        try:
            self._propose(home, alone)
        except Unreachable:
            self._stop(home, "neither the standby nor the arbiter answers")
        if copy.term != alone:
            self._stop(home, "another term has begun")
        self._network.note("alone")

    def _propose(self, home, term):
        """Propose a term, and adopt the latest. Raises Unreachable."""
        latest = self._arbiter.propose(self.name, home, term)
        if latest.server == self.name and self.copies[home].term.server != self.name:
            self._take_over(home, latest)
        else:
            self.adopt(home, latest)

    def _stop(self, home, why):
        """Answer nothing until the arbiter has been asked."""
        self.copies[home].is_stopped = True
        self.copies[home].promised_me_until = 0
        self._network.note("stopped")
        raise ServiceUnavailable(why)

    def _resume(self, home):
        copy = self.copies[home]
        self._interrupted(home, served_until=copy.served_at, begins_at=self.clock())

    def heartbeat(self, home):
        """Ask whether this region serves a home, through the front door, and see to it that it goes on to."""
        with contextlib.suppress(Unreachable):
            self.learn(home)
        copy = self.copies[home]
        if copy.term.server == self.name:
            copy.promised_me_until = 0
            with contextlib.suppress(ServiceUnavailable):
                self.ready(home)

    def learn(self, home):
        """Take over what the arbiter says. Raises Unreachable."""
        latest = self._arbiter.current(self.name, home)
        if latest.number > self.copies[home].term.number:
            if latest.server == self.name and self.copies[home].term.server != self.name:
                self._take_over(home, latest)
            else:
                self.adopt(home, latest)

    # What an operator, or an alarm, has a region do. Any of it may come at any time. Raises Unreachable.

    def take_over(self, home):
        """As the standby, become the server. Return whether this region is the server now."""
        latest = self._arbiter.current(self.name, home)
        if latest.standby != self.name:
            return False
        self._propose(home, Term(latest.number + 1, self.name, None))
        return self.copies[home].term.server == self.name

    def hand_over(self, home):
        """As the server, change places with the standby."""
        term = self.copies[home].term
        if term.server != self.name or term.standby is None:
            return
        standby = self._reach(term.standby)
        self._give_up(home)
        self._propose(home, Term(term.number + 1, term.standby, self.name))
        standby.learn(home)

    def take_in(self, home):
        """As the server that is alone, make the other region the standby, when it has caught up."""
        term = self.copies[home].term
        if term.server != self.name or term.standby is not None:
            return
        other = self._reach(self._network.other(self.name))
        other.adopt(home, term)
        # What this region has begun alone ends now, before it is compared. It may not hear that the term has begun.
        self._raise_fence(home, term.number + 1)
        self._give_up(home)
        if self.rules.a_standby_has_caught_up:
            self._network.catch_up(self.replicator)
        self._propose(home, Term(term.number + 1, self.name, other.name))
        copy = self.copies[home]
        if copy.term.standby == other.name:
            other.promise(home, copy.term, copy.quiet_since, copy.began_at)

    def _give_up(self, home):
        """Stop, because what is proposed next may come true without this region hearing of it."""
        self.copies[home].is_stopped = True

    def _take_over(self, home, term):
        """Begin to serve a home, when it is certain that the region before no longer does."""
        copy = self.copies[home]
        self.adopt(home, term)
        clocks = CLOCKS if self.rules.clocks_are_waited_for else 0
        begins = self.clock() + clocks
        try:
            before = self._reach(self._network.other(self.name))
            if self.rules.writes_are_fenced:
                before.adopt(home, term)
        except Unreachable:
            if self.rules.unreachable_is_waited_for:
                begins = max(self.clock(), copy.i_promised_until) + LONGEST_REQUEST + clocks
        self._interrupted(home, served_until=copy.heard_at, begins_at=begins)
        copy.served_at = begins
        copy.is_stopped = False
        self._network.note("taken over")

    def _interrupted(self, home, *, served_until, begins_at):
        """Note an interruption. One that follows another before everybody has tried again goes on with it."""
        copy = self.copies[home]
        quiet_since = served_until - LOOK_BACK
        if served_until <= copy.began_at + GRACE and self.rules.interruptions_add_up:
            quiet_since = min(quiet_since, copy.quiet_since)
        copy.quiet_since, copy.began_at = quiet_since, begins_at
        self._network.interrupted(home, self, copy)

    # The parts.

    def _reach(self, name):
        return self._network.reach(self.name, name)

    def _fence(self, home, term):
        if not self.rules.writes_are_fenced:
            return []
        check = {
            "TableName": self._map_table,
            "Key": to_item({"home": home}),
            "ConditionExpression": "term = :term",
            "ExpressionAttributeValues": to_item({":term": term.number}),
        }
        return [{"ConditionCheck": check}]

    def _raise_fence(self, home, number):
        self.database.put_item(TableName=self._map_table, Item=to_item({"home": home, "term": number}))


class BeginSessionAtHome(BeginSession):
    """Begins sessions whose ids begin with their home."""

    def __init__(self, home, **parts):
        super().__init__(**parts)
        self._home = home

    def _new_session(self, user, caller, amr):
        session = super()._new_session(user, caller, amr)
        return replace(session, id=f"{self._home}-{session.id}")


def no_second_factors():
    """Nobody here has one."""
    raise AssertionError


RULES = SessionRules(idle_lifetime=14 * 24 * 3600, absolute_lifetime=90 * 24 * 3600, retry_window=RETRY_WINDOW)
THROTTLE = ThrottleRules(
    pair_failures=1000,
    account_failures=100,
    device_failures=1000,
    address_failures=10_000,
    address_window=3600,
    longest_delay=900,
    registrations=10_000,
)
"""Nobody guesses here, but many log in."""


MAILS = MailRules(per_ip=10_000, per_day=10_000)


class PlainKey:
    """Stands for ES256, which is not what is tested here and would take half of the time."""

    kid, alg = "plain", "HS256"

    def sign(self, message):
        return hmac.digest(b"secret", message, "sha256")

    def verify(self, message, signature):
        return signature == self.sign(message)

    def is_good(self, now):
        return True


class PlainKeys:
    """The one key, to sign with and to verify with."""

    keys = (PlainKey(),)

    def current(self, now):
        return self.keys[0]


_SIGNING = TokenIssuer(issuer=ISSUER, audience=ISSUER, signing_keys=PlainKeys(), access_lifetime=600)


def verifier_at(clock):
    """Any region, and anyone else, verifies tokens with the public keys."""
    return TokenVerifier(issuer=ISSUER, audience=ISSUER, keys=PlainKeys(), clock=lambda: int(clock()))


class AddressesOnly:
    """The settings of addresses that are no names. Where they are, a change would move a user to another home."""

    identifier = "username"
    email = "optional"


class LychgateAtHome:
    """The project's use cases over its stores, for one request at a home."""

    def __init__(self, region, home, client):
        database = Database(client, region.tables, lambda seconds: None)
        stores = Stores(
            users=DynamoDBUserStore(database),
            sessions=DynamoDBSessionStore(database, limit=50),
            events=DynamoDBEventLog(database),
            throttle=DynamoDBLoginThrottle(database, THROTTLE),
            make_mail_stores=lambda: dynamodb_mail_stores(database, MAILS),
            make_factor_store=lambda: dynamodb_factor_store(database),
            make_administration_store=lambda: dynamodb_administration_store(database),
            make_ended_feed=lambda: dynamodb_ended_feed(database),
        )
        self._copy, self._client, self._tables, self._rules = region.copies[home], client, region.tables, region.rules
        self._verifier = verifier_at(region.clock)
        clock = self._clock = lambda: int(region.clock())
        hasher = PlainHasher()
        common: dict[str, Any] = {"stores": stores, "clock": clock, "announce": lambda event: None}
        notices = Notices(sends=True)
        policy = PasswordPolicy(min_length=15)
        begin_session = BeginSessionAtHome(
            home, issuer=_SIGNING, rules=RULES, second_factors=no_second_factors, **common
        )
        guard = PasswordGuard(hasher=hasher, **common)
        self.registration = Registration(
            begin_session=begin_session, hasher=hasher, policy=policy, is_open=True, email="optional", **common
        )
        self.log_in = LogIn(guard=guard, begin_session=begin_session)
        self.refresh_tokens = RefreshTokens(
            issuer=_SIGNING, verifier=self._verifier, rules=RULES, notices=notices, **common
        )
        self.account = Account(
            guard=guard,
            begin_session=begin_session,
            hasher=hasher,
            policy=policy,
            fresh_seconds=900,
            notices=notices,
            **common,
        )
        self.password_reset = PasswordReset(hasher=hasher, policy=policy, notices=notices, **common)
        self.addresses = Addresses(account=self.account, notices=notices, settings=AddressesOnly(), **common)

    def exchange(self, refresh_token, caller):
        """Exchange a refresh token. Its retry window has stood still while its home did not answer."""
        if self._rules.windows_stand_still:
            self._reopen_window(refresh_token)
        return self.refresh_tokens.exchange(refresh_token, caller)

    def _reopen_window(self, refresh_token):
        """If this is the token used last, and its use may have had no answer, let the use count from now on.

        Each rotation is reopened once for each interruption, and no later than ``GRACE`` seconds after it.
        """
        copy, now = self._copy, self._clock()
        if now > copy.began_at + GRACE:
            return
        grant = self._verifier.verify(REFRESH_TOKEN, refresh_token)
        key = session_key(grant.user_id, grant.session_id)
        item = self._client.get_item(TableName=self._tables.sessions, Key=key, ConsistentRead=True).get("Item")
        if item is None:
            return
        session = session_from_item(item)
        quiet_since = copy.quiet_since if self._rules.windows_end else 0
        is_affected = quiet_since <= session.last_used_at <= copy.began_at
        if grant.counter != session.refresh_counter - 1 or not is_affected:
            return
        with contextlib.suppress(self._client.exceptions.ConditionalCheckFailedException):
            self._client.update_item(
                TableName=self._tables.sessions,
                Key=key,
                UpdateExpression="SET last_used_at = :now",
                ConditionExpression="refresh_counter = :counter AND last_used_at = :used",
                ExpressionAttributeValues=to_item(
                    {":now": now, ":counter": session.refresh_counter, ":used": session.last_used_at}
                ),
            )
