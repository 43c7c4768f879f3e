"""`python -m infra.operator audit` and `users events`: who did what to whom."""

import json
from dataclasses import replace

import pytest

from chalicelib.accounts.caller import NO_ADDRESS, Caller
from chalicelib.accounts.events import ADMIN, EventType, SecurityEvent
from chalicelib.adapters.dynamodb.items import put_event
from chalicelib.adapters.dynamodb.transactions import Database
from infra.operator import audit
from tests.support.databases import MOTO, new_stage
from tests.support.operating import LATER, Operating
from tests.support.samples import ALICE, CALLER, LOGGED_IN, NOW, REGISTERED, SESSION

HERS = Caller("198.51.100.1", "Firefox")
ROOT = replace(ALICE, id="r1", username="Root", roles=("admin", "user"))
ROOTS = replace(SESSION, user_id="r1", username="Root")
ROOT_CAME = replace(REGISTERED, user_id="r1")


def pair(kind, at, user_id="u1"):
    """What an administrator leaves: the entry in the user's history, and the one in the administrator's."""
    told = SecurityEvent(kind, user_id, at, NO_ADDRESS, actor=ADMIN, actor_id="r1")
    return [told, SecurityEvent(kind, "r1", at, HERS, subject=user_id)]


class TestAnEntry:
    @pytest.mark.parametrize(
        ("event", "who"),
        [
            (LOGGED_IN, ("user", "u1", "u1")),
            (replace(LOGGED_IN, type=EventType.LOGIN_FAILED), ("unknown", None, "u1")),
            (replace(LOGGED_IN, type=EventType.REFRESH_WITHOUT_KEY), ("unknown", None, "u1")),
            (SecurityEvent(EventType.ROLES_CHANGED, "u1", NOW, NO_ADDRESS, actor=ADMIN), ("operator", None, "u1")),
            (pair(EventType.ROLES_CHANGED, NOW)[0], ("administrator", "r1", "u1")),
            (pair(EventType.ROLES_CHANGED, NOW)[1], ("administrator", "r1", "u1")),
            (SecurityEvent(EventType.ACCOUNT_DELETED, "x", NOW, NO_ADDRESS, subject="u1"), ("user", "u1", "u1")),
            (
                SecurityEvent(EventType.ACCOUNT_DELETED, "x", NOW, NO_ADDRESS, actor=ADMIN, subject="u1"),
                ("operator", None, "u1"),
            ),
        ],
    )
    def test_says_who_did_it_to_whom(self, event, who):
        entry = audit.entry_of(event)
        assert (entry.kind, entry.actor, entry.subject) == who

    @pytest.mark.parametrize(
        ("text", "at"),
        [
            ("7d", NOW - 7 * 86400),
            ("30m", NOW - 1800),
            ("2w", NOW - 14 * 86400),
            ("2027-01-15", NOW - 8 * 3600),
            ("2027-01-15T08:00:00Z", NOW),
            ("2027-01-15T08:00:00", NOW),
            ("2027-01-15T10:00:00+02:00", NOW),
        ],
    )
    def test_begins_at_a_time_or_so_long_ago(self, text, at):
        assert audit.since(text, NOW) == at


@pytest.fixture(params=["moto", "dynamodb-local"])
def run(request):
    """Run commands about a database with Alice and an administrator."""
    if request.param == "moto":
        request.getfixturevalue("atomic_moto")
        # The emulation knows no segments: each would be the whole table.
        client, segments = MOTO, 1
    else:
        client, segments = request.getfixturevalue("dynamodb_local").client, 4
    run = Operating(None, database=Database(client, new_stage(client)), segments=segments)
    users = run.make_stores().users
    users.add(ALICE, SESSION, REGISTERED)
    users.add(ROOT, ROOTS, ROOT_CAME)
    return run


def record(run, *events):
    for event in events:
        run.database.client.put_item(**put_event(run.database.tables, event)["Put"])


def entries(done):
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


ALICES = {"id": "u1", "username": "Alice"}
ROOTS_NAME = {"id": "r1", "username": "Root"}


class TestAudit:
    def test_says_who_did_what_to_whom_in_the_order_of_time(self, run):
        changed = pair(EventType.ROLES_CHANGED, NOW + 3)
        deleted = pair(EventType.ACCOUNT_DELETED, NOW + 4, "gone")[1]
        record(run, deleted, changed[1], LOGGED_IN, changed[0])
        found = entries(run("audit", "--since", "1h", "--json"))
        assert [(entry["at"], entry["type"]) for entry in found] == [
            ("2027-01-15T08:00:00Z", "registered"),
            ("2027-01-15T08:00:00Z", "registered"),
            ("2027-01-15T08:00:01Z", "login_succeeded"),
            ("2027-01-15T08:00:03Z", "roles_changed"),
            ("2027-01-15T08:00:04Z", "account_deleted"),
        ]
        assert found[2] == {
            "at": "2027-01-15T08:00:01Z",
            "type": "login_succeeded",
            "by": "user",
            "actor": ALICES,
            "subject": ALICES,
            "ip": CALLER.ip,
            "user_agent": CALLER.user_agent,
        }
        assert [(each["by"], each["actor"], each["subject"], each["ip"]) for each in found[3:]] == [
            ("administrator", ROOTS_NAME, ALICES, HERS.ip),
            ("administrator", ROOTS_NAME, {"id": "gone", "username": None}, HERS.ip),
        ]

    def test_what_an_administrator_did_twice_in_one_second_counts_twice(self, run):
        record(run, *pair(EventType.ROLES_CHANGED, NOW + 3), *pair(EventType.ROLES_CHANGED, NOW + 3))
        (changed,) = [each for each in entries(run("audit", "--since", "1h", "--json")) if each["by"] != "user"]
        assert (changed["type"], changed["count"]) == ("roles_changed", 2)

    def test_leaves_out_what_was_before(self, run):
        record(run, LOGGED_IN)
        assert [each["type"] for each in entries(run("audit", "--since", "4s", "--json"))] == ["login_succeeded"]

    def test_of_one_user_has_what_the_user_did_and_what_was_done_to_the_user(self, run):
        record(run, *pair(EventType.ROLES_CHANGED, NOW + 3), replace(LOGGED_IN, user_id="r1"))
        hers = entries(run("audit", "--since", "1h", "--user", "alice", "--json"))
        assert [(each["type"], each["by"]) for each in hers] == [
            ("registered", "user"),
            ("roles_changed", "administrator"),
        ]
        roots = entries(run("audit", "--since", "1h", "--user", "r1", "--json"))
        assert [each["type"] for each in roots] == ["registered", "login_succeeded", "roles_changed"]

    def test_of_an_account_that_is_gone_has_what_is_left_in_other_histories(self, run):
        record(run, pair(EventType.ACCOUNT_DELETED, NOW + 4, "gone")[1])
        (deleted,) = entries(run("audit", "--since", "1h", "--user", "gone", "--json"))
        assert (deleted["type"], deleted["actor"]) == ("account_deleted", ROOTS_NAME)
        assert run("audit", "--since", "1h", "--user", "nobody").exit_code == 1

    def test_for_people_is_rows(self, run):
        record(run, *pair(EventType.ROLES_CHANGED, NOW + 3))
        assert run("audit", "--since", "1h").stdout.splitlines()[-1].split("\t") == [
            "2027-01-15T08:00:03Z",
            "roles_changed",
            "Root (administrator)",
            "Alice",
            HERS.ip,
        ]

    def test_the_names_of_many_are_read_at_once(self, run):
        record(run, *pair(EventType.ROLES_CHANGED, NOW + 3), pair(EventType.ACCOUNT_DELETED, NOW + 4, "gone")[1])
        found = audit.Audit(run.accounts(), few_names=1).everything(NOW + 3)
        assert [(named(entry.actor), named(entry.subject)) for entry, named in found] == [
            ("Root", "Alice"),
            ("Root", None),
        ]

    def test_has_each_event_once_whichever_segment_it_is_in(self, run):
        record(run, *(replace(LOGGED_IN, user_id=f"u{number}", at=NOW + number % 7) for number in range(60)))
        found = entries(run("audit", "--since", "1h", "--json"))
        assert sorted(each["subject"]["id"] for each in found) == sorted(["r1", "u1", *(f"u{n}" for n in range(60))])
        assert [each["at"] for each in found] == sorted(each["at"] for each in found)

    def test_the_events_of_a_user_are_the_newest_first(self, run):
        record(run, LOGGED_IN, *pair(EventType.ROLES_CHANGED, NOW + 3))
        assert [each["type"] for each in entries(run("users", "events", "alice", "--json"))] == [
            "roles_changed",
            "login_succeeded",
            "registered",
        ]
        assert run("users", "events", "alice", "--limit", "1").stdout.split("\t")[1] == "roles_changed"
        assert run("users", "events", "nobody").exit_code == 1

    def test_what_an_operator_does_here_is_in_it(self, run):
        assert run("users", "disable", "alice").exit_code == 0
        assert run("users", "delete", "alice", "--yes").exit_code == 0
        assert entries(run("audit", "--since", "1h", "--json"))[-1] == {
            "at": audit.timestamp(LATER),
            "type": "account_deleted",
            "by": "operator",
            "actor": None,
            "subject": {"id": "u1", "username": None},
            "ip": None,
            "user_agent": None,
        }


@pytest.mark.parametrize("text", ["", "yesterday", "7", "-7d", "2026-13-01", "7 d", "٧d"])
def test_what_is_no_time_is_refused_before_anything_is_reached(text):
    run = Operating(None)
    done = run("audit", "--since", text)
    assert (done.exit_code, run.asked_for) == (2, [])
    assert "7d, 12h, 30m" in " ".join(done.stderr.split())
