"""Administrators who demote, disable and delete each other and themselves, at once and with what they read long ago.

Each of these reads a user and then makes one transaction. So a change with a user as read at any earlier time is any
interleaving of requests that there can be. A part of them also runs in parallel threads.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from chalicelib.adapters.dynamodb.administration import DynamoDBAdministrationStore
from chalicelib.adapters.dynamodb.administrators import KEY, is_active
from chalicelib.adapters.dynamodb.attributes import from_item, to_item
from chalicelib.adapters.dynamodb.deletion import delete_user
from chalicelib.adapters.dynamodb.items import user_from_item, user_key
from chalicelib.adapters.dynamodb.transactions import Database
from chalicelib.errors import Conflict, LastAdministrator
from tests.support.databases import MOTO, new_stage
from tests.support.samples import ALICE, REVOKED

NAMES = ("ada", "bob", "eve", "kim")
ROLES = st.sampled_from([("admin",), ("admin", "user"), ("user",), ("editor", "user")])


def go(store, database, user, way):
    """Let a user go, as it was read. Return whether that was done."""
    try:
        if way == "demoted":
            store.change(user, roles=("user",), disabled=user.disabled, events=[])
        elif way == "disabled":
            store.change(user, roles=user.roles, disabled=True, events=[REVOKED])
        elif way == "deleted":
            store.delete(user, [REVOKED])
        else:
            delete_user(database, user, [REVOKED], password_hash=user.password_hash)
    except Conflict:
        return False
    return True


WAYS = ("demoted", "disabled", "deleted", "deletes itself")


class Administrators(RuleBasedStateMachine):
    """The accounts of one stage. What each rule is to do follows from who they are at that moment."""

    seen = Bundle("seen")
    store_of = DynamoDBAdministrationStore

    def __init__(self, tables):
        super().__init__()
        self.database = Database(MOTO, tables, lambda _seconds: None)
        self.store = self.store_of(self.database)
        self.made = 0
        # moto copies all of its tables at each transaction, so one stage serves all runs.
        for item in MOTO.scan(TableName=tables.users)["Items"]:
            MOTO.delete_item(TableName=tables.users, Key={"username_key": item["username_key"]})

    @initialize(target=seen)
    def the_first(self):
        return self.make("ada", ("admin",))

    def make(self, name, roles):
        self.made += 1
        user = replace(ALICE, id=f"u{self.made}", username=name, roles=roles)
        self.store.create(user, [], None)
        return user

    def look(self):
        """Everybody by the id, as last written, and the ids that are counted."""
        items = MOTO.scan(TableName=self.database.tables.users, ConsistentRead=True)["Items"]
        users = {user.id: user for item in items if (user := user_from_item(item)) is not None}
        counted = [from_item(item)["members"] for item in items if "members" in item]
        return users, set(*counted)

    def now(self):
        return self.look()[0]

    @rule(target=seen, name=st.sampled_from(NAMES), roles=ROLES)
    def comes(self, name, roles):
        taken = {user.username: user for user in self.now().values()}
        return taken[name] if name in taken else self.make(name, roles)

    @rule(target=seen, number=st.integers(0, 3))
    def is_looked_at(self, number):
        users = sorted(self.now().values(), key=lambda user: user.username)
        return users[number % len(users)]

    @rule(user=seen, roles=ROLES, disabled=st.booleans())
    def is_changed(self, user, roles, disabled):
        before, known = self.look()
        found = before.get(user.id)
        as_read = found is not None and (found.roles, found.disabled) == (user.roles, user.disabled)
        leaves = as_read and is_active(found) and not is_active(replace(found, roles=roles, disabled=disabled))
        is_last = leaves and known | {user.id} == {user.id}
        try:
            self.store.change(user, roles=roles, disabled=disabled, events=[REVOKED])
        except LastAdministrator:
            assert is_last
        except Conflict:
            assert not as_read
            assert found is None or (found.roles, found.disabled) != (roles, disabled)
        else:
            assert not is_last
            after = self.now()[user.id]
            assert (after.roles, after.disabled) == (roles, disabled)

    @rule(user=seen, way=st.sampled_from(WAYS))
    def goes(self, user, way):
        go(self.store, self.database, user, way)

    @rule(ways=st.lists(st.sampled_from(WAYS), min_size=4, max_size=4))
    def all_go_at_once(self, ways):
        everybody, known = self.look()
        users = [user for user in everybody.values() if is_active(user)]
        with ThreadPoolExecutor(4) as pool:
            gone = list(pool.map(lambda pair: go(self.store, self.database, *pair), zip(users, ways, strict=False)))
        if known == {user.id for user in users}:
            assert gone.count(False) == 1

    @rule(number=st.integers(0, 3))
    def is_not_counted(self, number):
        """An account from before the count, or back from a copy. One that is counted stays, as there is a first one."""
        known = sorted(self.look()[1])
        if len(known) > 1:
            MOTO.update_item(
                TableName=self.database.tables.users,
                Key=KEY,
                UpdateExpression="DELETE members :member",
                ExpressionAttributeValues=to_item({":member": (known[number % len(known)],)}),
            )

    @invariant()
    def somebody_is_left_and_nobody_is_counted_who_is_no_administrator(self):
        everybody, known = self.look()
        active = {user.id for user in everybody.values() if is_active(user)}
        assert known <= active
        assert active or not self.made


class Trusting(DynamoDBAdministrationStore):
    """A store that does not ask who else is an administrator."""

    def change(self, user, *, roles, disabled, events):
        MOTO.update_item(
            TableName=self._tables.users,
            Key=user_key(user.username),
            UpdateExpression="SET #roles = :roles, disabled = :disabled",
            ExpressionAttributeNames={"#roles": "roles"},
            ExpressionAttributeValues=to_item({":roles": roles, ":disabled": disabled}),
        )


class TrustingAdministrators(Administrators):
    store_of = Trusting


@pytest.fixture
def tables(atomic_moto):
    return new_stage(MOTO)


def test_the_last_administrator_stays_whatever_the_others_do(tables):
    # The nightly profile runs 2,000.
    examples = settings().max_examples
    few = settings(max_examples=examples if examples > 100 else 25, stateful_step_count=12)
    run_state_machine_as_test(lambda: Administrators(tables), settings=few)


def test_the_same_machine_finds_a_store_that_lets_the_last_one_go(tables):
    few = settings(max_examples=100, stateful_step_count=8, phases=[Phase.generate])
    with pytest.raises(AssertionError):
        run_state_machine_as_test(lambda: TrustingAdministrators(tables), settings=few)
