"""`python -m infra.operator` over the fakes of the stores."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, NoCredentialsError, NoRegionError
from click.testing import CliRunner

from chalicelib.accounts.caller import Caller
from chalicelib.accounts.events import ADMIN, EventType, SecurityEvent
from chalicelib.accounts.factors import Factors
from chalicelib.accounts.mail import MailKind
from chalicelib.accounts.roles import MAX_ROLES
from chalicelib.accounts.user import NO_PASSWORD, Contact
from chalicelib.adapters.aws import dynamodb_client
from chalicelib.adapters.dynamodb.attributes import to_item
from chalicelib.adapters.dynamodb.mails import suppressed_key
from chalicelib.errors import ConfigurationError, ServiceUnavailable
from infra.local.environment import PROJECT, STAGE
from infra.local.errors import LocalError
from infra.operator.__main__ import operator
from infra.operator.accounts import Stage, open_accounts
from infra.operator.calls import Reach
from infra.operator.mails import DynamoDBSuppressions, Suppressed
from infra.stage_settings import UnknownStageError
from tests.support.fakes import Memory, fake_stores
from tests.support.operating import FakeSuppressions, Operating
from tests.support.samples import ALICE, LOGGED_IN, NOW, REGISTERED, SESSION

GRANTED = SecurityEvent(EventType.ROLES_CHANGED, "u1", NOW + 5, Caller("", ""), actor=ADMIN)


KIMS = "kim@example.org"
BOUNCED = Suppressed("ab" * 32, "bounce", NOW)


@pytest.fixture
def memory():
    memory = Memory()
    fake_stores(memory).users.add(replace(ALICE, roles=("user",)), SESSION, REGISTERED)
    return memory


@pytest.fixture
def suppressions():
    return FakeSuppressions()


@pytest.fixture
def asked_for(run):
    """The stages that the commands wanted to reach."""
    return run.asked_for


@pytest.fixture
def run(memory, suppressions):
    """Run the command and return its result."""
    return Operating(memory, suppressions)


def roles(memory):
    return memory.users["alice"].roles


class TestSettingRoles:
    def test_gives_exactly_these_and_records_that_an_administrator_did_it(self, run, memory):
        done = run("users", "set-roles", "ALICE", "user,editor")
        assert (done.exit_code, roles(memory)) == (0, ("editor", "user"))
        assert "Alice in the stage dev: user -> editor, user." in done.stdout
        assert "600 s" in done.stdout
        assert memory.events == [REGISTERED, GRANTED]

    def test_ends_no_session(self, run, memory):
        run("users", "set-roles", "alice", "admin")
        assert list(memory.sessions.values()) == [SESSION]
        assert memory.users["alice"].session_epoch == ALICE.session_epoch

    def test_takes_spaces_and_a_role_named_twice(self, run, memory):
        assert run("users", "set-roles", "alice", " editor, user ,editor").exit_code == 0
        assert roles(memory) == ("editor", "user")

    def test_a_second_time_changes_nothing_and_records_nothing(self, run, memory):
        run("users", "set-roles", "alice", "editor")
        done = run("users", "set-roles", "alice", "editor")
        assert done.exit_code == 0
        assert "already. Nothing was changed." in done.stdout
        assert memory.events == [REGISTERED, GRANTED]

    def test_a_dry_run_says_what_would_happen_and_does_nothing(self, run, memory):
        done = run("users", "set-roles", "alice", "editor", "--dry-run")
        assert done.exit_code == 0
        assert "user -> editor" in done.stdout
        assert "nothing was changed" in done.stdout
        assert (roles(memory), memory.events) == (("user",), [REGISTERED])

    @pytest.mark.parametrize(
        ("arguments", "changed", "before", "after"),
        [
            (("editor",), True, ["user"], ["editor"]),
            (("user",), False, ["user"], ["user"]),
            (("editor", "--dry-run"), False, ["user"], ["editor"]),
        ],
    )
    def test_answers_in_json(self, run, arguments, changed, before, after):
        done = run("users", "set-roles", "alice", *arguments, "--json")
        answer = json.loads(done.stdout)
        assert (answer["stage"], answer["changed"], answer["before"]) == ("dev", changed, before)
        assert (answer["user"]["username"], answer["user"]["roles"]) == ("Alice", after)
        assert answer["dry_run"] is ("--dry-run" in arguments)

    @pytest.mark.parametrize(
        "wrong", ["", ",", "editor,", "Editor", "two words", "é", "-x", "a" * 33, "1st", 'a"b', "a/b"]
    )
    def test_refuses_what_is_no_role_before_it_reaches_anything(self, run, memory, asked_for, wrong):
        done = run("users", "set-roles", "--", "alice", wrong)
        assert (done.exit_code, asked_for, roles(memory)) == (2, [], ("user",))
        assert "Use 1 to 32 of a-z, 0-9, _ and -" in " ".join(done.stderr.split())

    def test_refuses_more_roles_than_a_token_has_room_for(self, run, asked_for):
        done = run("users", "set-roles", "alice", ",".join(f"role-{number}" for number in range(MAX_ROLES + 1)))
        assert (done.exit_code, asked_for) == (2, [])
        assert "at most 16 roles" in done.stderr

    def test_refuses_a_name_that_nobody_has_and_makes_no_account(self, run, memory):
        done = run("users", "set-roles", "nobody", "editor")
        assert (done.exit_code, done.stderr) == (1, "Error: there is no user nobody\n")
        assert list(memory.users) == ["alice"]

    def test_says_when_somebody_else_was_faster(self, run, memory):
        stores = fake_stores(memory)

        class Overtaken:
            """Finds the user as somebody else is about to leave it no more."""

            def find(self, username):
                found = stores.users.find(username)
                stores.administration.change(found, roles=("admin",), disabled=False, events=[GRANTED])
                return found

        done = run("users", "set-roles", "alice", "editor", stores=replace(stores, users=Overtaken()))
        assert done.exit_code == 1
        assert "somebody else has changed Alice at the same time; nothing was changed" in done.stderr
        assert roles(memory) == ("admin",)

    def test_notes_a_role_that_no_route_asks_for_and_gives_it(self, run, memory):
        done = run("users", "set-roles", "alice", "edtior,user")
        assert (done.exit_code, roles(memory)) == (0, ("edtior", "user"))
        assert done.stderr == "Note: no route of this checkout asks for the role edtior.\n"

    @pytest.mark.parametrize("known", ["admin", "user"])
    def test_notes_nothing_of_the_roles_that_lychgate_knows(self, run, known):
        assert run("users", "set-roles", "alice", known).stderr == ""


class TestShowing:
    def test_says_who_it_is_what_they_may_and_what_has_happened(self, run, memory):
        memory.events += [LOGGED_IN, GRANTED]
        done = run("users", "show", "alice")
        assert done.exit_code == 0
        assert done.stdout.splitlines() == [
            "username  Alice",
            "id        u1",
            "roles     user",
            "created   2027-01-15T08:00:00Z",
            "state     active",
            "sessions  1",
            "  2027-01-15T08:00:05Z  roles_changed  by an administrator",
            "  2027-01-15T08:00:01Z  login_succeeded  203.0.113.7",
            "  2027-01-15T08:00:00Z  registered  203.0.113.7",
        ]

    def test_answers_in_json_without_the_hash(self, run, memory):
        memory.users["alice"] = replace(memory.users["alice"], disabled=True)
        done = run("users", "show", "alice", "--json")
        answer = json.loads(done.stdout)
        assert answer["user"]["disabled"] is True
        assert [session["id"] for session in answer["sessions"]] == ["s1"]
        assert [event["type"] for event in answer["recent_events"]] == ["registered"]
        assert "$2b$" not in done.stdout

    def test_counts_live_sessions_only(self, run, memory):
        memory.sessions["u1", "s1"] = replace(SESSION, epoch=5)
        assert "sessions  0" in run("users", "show", "alice").stdout

    @pytest.mark.parametrize(
        ("contact", "lines"),
        [
            (Contact(KIMS, verified=True), [f"email     {KIMS} (verified)"]),
            (Contact(KIMS), [f"email     {KIMS} (not confirmed)"]),
            (
                Contact(KIMS, verified=True, new_email="new@example.org"),
                [f"email     {KIMS} (verified)", "          new@example.org (will replace it, once it is confirmed)"],
            ),
        ],
    )
    def test_says_which_address_it_is_and_whether_it_was_confirmed(self, run, memory, contact, lines):
        memory.users["alice"] = replace(memory.users["alice"], contact=contact)
        shown = run("users", "show", "alice").stdout.splitlines()
        assert shown[5 : 5 + len(lines)] == lines
        assert shown[5 + len(lines)] == "sessions  1"

    def test_says_that_the_address_gets_no_mail_and_why(self, run, memory, suppressions):
        memory.users["alice"] = replace(memory.users["alice"], contact=Contact(KIMS, verified=True))
        suppressions.known[KIMS] = BOUNCED
        assert "gets no mail since 2027-01-15T08:00:00Z: bounce" in run("users", "show", "alice").stdout
        answer = json.loads(run("users", "show", "alice", "--json").stdout)
        assert answer["suppressed"] == {"digest": "ab" * 32, "reason": "bounce", "at": "2027-01-15T08:00:00Z"}

    def test_of_nobody_is_refused(self, run):
        assert run("users", "show", "nobody").exit_code == 1


WITH_APP = Factors(
    totp=".sealed", totp_added_at=NOW, totp_step=1, recovery_codes=(".a", ".b"), passkeys=("cGFzc2tleQ",)
)


class TestSecondFactors:
    @pytest.fixture(autouse=True)
    def _alice_has_one(self, memory):
        memory.users["alice"] = replace(
            memory.users["alice"], factors=WITH_APP, contact=Contact(KIMS, verified=True, language="de")
        )

    def test_are_shown_without_what_is_secret(self, run, memory):
        shown = run("users", "show", "alice").stdout
        assert "factor    authenticator app since 2027-01-15T08:00:00Z, 2 recovery codes left" in shown
        assert "passkeys  1" in shown
        assert "sealed" not in shown + run("users", "show", "alice", "--json").stdout
        memory.users["alice"] = replace(memory.users["alice"], password_hash=NO_PASSWORD)
        assert "password  none" in run("users", "show", "alice").stdout

    def test_one_that_is_lost_is_removed_and_its_user_is_told_and_passkeys_stay(self, run, memory):
        done = run("users", "remove-factors", "Alice", "--yes")
        assert done.exit_code == 0
        assert "Alice in the stage dev: the authenticator app and the recovery codes are removed." in done.stdout
        assert "The user is told by mail." in done.stdout
        alice = memory.users["alice"]
        assert (alice.second_factor, alice.factors.recovery_codes, alice.passkeys) == (False, (), WITH_APP.passkeys)
        event = memory.events[-1]
        assert (event.type, event.actor, event.caller.ip) == (EventType.SECOND_FACTOR_REMOVED, ADMIN, "")
        (mail,) = memory.mails.asked
        assert (mail.kind, mail.user_id) == (MailKind.SECOND_FACTOR_REMOVED, "u1")

    def test_a_second_time_and_in_a_dry_run_nothing_changes(self, run, memory):
        done = run("users", "remove-factors", "alice", "--dry-run")
        assert (done.exit_code, "dry run" in done.stdout, memory.users["alice"].second_factor) == (0, True, True)
        run("users", "remove-factors", "alice", "--yes")
        events = list(memory.events)
        done = run("users", "remove-factors", "alice", "--yes")
        assert (done.exit_code, memory.events) == (0, events)
        assert "has no authenticator app. Nothing was changed." in done.stdout

    def test_the_answer_in_json_says_whether_something_changed(self, run):
        for arguments, changed in ((("--dry-run",), False), ((), True), ((), False)):
            answer = json.loads(run("users", "remove-second-factor", "alice", "--yes", "--json", *arguments).stdout)
            assert answer["changed"] is changed
        assert answer["user"]["second_factor"] is False

    def test_of_nobody_are_refused(self, run):
        assert run("users", "remove-factors", "nobody", "--yes").exit_code == 1


class TestSuppressedAddresses:
    def test_are_listed_by_digest_reason_and_time(self, run, suppressions):
        suppressions.known[KIMS] = BOUNCED
        done = run("mails", "suppressed")
        assert (done.exit_code, done.stdout) == (0, f"2027-01-15T08:00:00Z  bounce     {'ab' * 32}\n")
        assert json.loads(run("mails", "suppressed", "--json").stdout)["suppressed"] == [
            {"digest": "ab" * 32, "reason": "bounce", "at": "2027-01-15T08:00:00Z"}
        ]

    def test_where_there_is_none_the_list_says_so(self, run):
        assert run("mails", "suppressed").stdout == "No address in the stage dev is suppressed.\n"

    def test_one_gets_mail_again(self, run, suppressions):
        suppressions.known[KIMS] = BOUNCED
        done = run("mails", "allow", KIMS)
        assert done.exit_code == 0
        assert "Suppressed since 2027-01-15T08:00:00Z: bounce." in done.stdout
        assert suppressions.known == {}
        assert "Nothing was changed" in run("mails", "allow", KIMS).stdout

    def test_a_dry_run_says_what_an_address_is_and_changes_nothing(self, run, suppressions):
        suppressions.known[KIMS] = BOUNCED
        done = run("mails", "allow", KIMS, "--dry-run")
        assert "bounce" in done.stdout
        assert "nothing was changed" in done.stdout
        assert KIMS in suppressions.known

    @pytest.mark.parametrize(("arguments", "changed"), [((), True), (("--dry-run",), False)])
    def test_the_answer_in_json_says_whether_something_changed(self, run, suppressions, arguments, changed):
        suppressions.known[KIMS] = BOUNCED
        answer = json.loads(run("mails", "allow", KIMS, "--json", *arguments).stdout)
        assert (answer["changed"], answer["suppressed"]["reason"]) == (changed, "bounce")

    def test_what_is_no_address_is_refused_before_anything_is_reached(self, run, asked_for):
        done = run("mails", "allow", "kim")
        assert (done.exit_code, asked_for) == (2, [])
        assert "This is no e-mail address" in done.stderr


REFUSED = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not you"}}, "GetItem")


def unavailable(cause):
    failure = ServiceUnavailable(type(cause).__name__)
    failure.__cause__ = cause
    return failure


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (UnknownStageError(".chalice/config.json has no stage prdo"), "has no stage prdo"),
        (ConfigurationError("LYCHGATE_USERS_TABLE", "is missing"), "LYCHGATE_USERS_TABLE is missing"),
        (LocalError("the data directory cannot be used"), "the data directory cannot be used"),
        (ServiceUnavailable("GetItem: ThrottlingException"), "did not answer: GetItem: ThrottlingException"),
        (unavailable(NoCredentialsError()), "Unable to locate credentials"),
        (NoRegionError(), "You must specify a region"),
        (REFUSED, "AccessDeniedException"),
    ],
)
@pytest.mark.parametrize(
    "arguments",
    [
        ("users", "show", "alice"),
        ("users", "set-roles", "alice", "admin"),
        ("mails", "suppressed"),
        ("mails", "allow", KIMS),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(run, failure, message, arguments):
    done = run(*arguments, fails=failure)
    assert (done.exit_code, done.stdout) == (1, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_the_stage_is_the_laptop_unless_it_is_named(run, asked_for):
    run("users", "show", "alice")
    run("users", "show", "alice", "--stage", "prod", "--data-dir", "/elsewhere")
    assert [(stage.name, stage.data_directory.name) for stage in asked_for] == [
        (STAGE, ".lychgate"),
        ("prod", "elsewhere"),
    ]


@pytest.mark.parametrize("arguments", [(), ("users",), ("users", "show"), ("users", "promote", "alice")])
def test_a_command_that_is_none_is_told_how_it_is_used(run, arguments):
    done = run(*arguments)
    assert done.exit_code == 2
    assert "Usage:" in done.output


@pytest.mark.slow
def test_help_has_every_command_and_loads_none_of_them():
    program = """
import sys
from infra.operator.__main__ import operator
try:
    operator(["--help"])
except SystemExit:
    print(*{"botocore", "rich", "sqlite3", "infra.operator.calls"} & {*sys.modules}, file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "\n")
    for name in operator.list_commands(None):
        assert f"\n  {name} " in done.stdout
        told = next(line for line in done.stdout.splitlines() if line.startswith(f"  {name} ")).split(None, 1)[1]
        command = operator.get_command(None, name)
        # The first words are the command's own.
        assert (command.name, command.help.split()[0]) == (name, told.split()[0])


class TestAStageOnAws:
    @pytest.fixture
    def project(self, tmp_path, environment):
        (tmp_path / ".chalice").mkdir()
        config = {"stages": {"prod": {"environment_variables": environment}}}
        (tmp_path / ".chalice" / "config.json").write_text(json.dumps(config))
        return tmp_path

    def test_is_reached_through_its_tables(self, aws, aws_clients, project):
        stage = Stage("prod", project, Path("unused"))
        with open_accounts(stage, make_dynamodb=lambda: aws_clients[0]) as accounts:
            accounts.stores.users.add(ALICE, SESSION, REGISTERED)
            assert accounts.stores.users.find("alice") == ALICE

    @pytest.mark.parametrize("seconds_ahead", [-250, -25, -2, 0, 2, 25, 250])
    @pytest.mark.parametrize("command", ["log-out", "disable", "delete"])
    def test_is_told_of_an_end_at_the_time_of_aws_whatever_this_machines_clock_says(
        self, aws, aws_clients, project, command, seconds_ahead, monkeypatch
    ):
        """With an earlier time it would leave tokens out, with a later one it would refuse those of the next log-in.

        Both clocks stand still: by how much a request takes longer than nothing, the time is less exact.
        """
        now = datetime.fromtimestamp(NOW, UTC).replace(tzinfo=None)
        monkeypatch.setattr("moto.core.responses.utcnow", lambda: now)

        def reached(stage):
            # A client that keeps what is registered with it is not that of the other tests.
            return open_accounts(stage, make_dynamodb=dynamodb_client)

        with open_accounts(Stage("prod", project, Path("unused")), make_dynamodb=lambda: aws_clients[0]) as accounts:
            accounts.stores.users.add(ALICE, SESSION, REGISTERED)
            arguments = ["users", command, "alice", "--stage", "prod", "--project", str(project)]
            sure = ["--yes"] if command == "delete" else []
            reach = Reach(reached, lambda: NOW + seconds_ahead)
            done = CliRunner().invoke(operator, [*arguments, *sure], obj=reach)
            assert (done.exit_code, done.stderr) == (0, "")
            (told,) = accounts.stores.ended.since(0)
            assert NOW <= told.at <= NOW + 1

    def test_has_suppressed_addresses_in_its_table_of_mails(self, aws, aws_clients, project, environment):
        client, table = aws_clients[0], environment["LYCHGATE_MAIL_TABLE"]
        for address, at in (("Kim@Example.org", NOW), ("lee@example.org", NOW + 1)):
            client.put_item(TableName=table, Item=suppressed_key(address) | to_item({"reason": "complaint", "at": at}))
        client.put_item(TableName=table, Item=to_item({"mail_id": "m1", "kind": "reset", "at": NOW}))
        with open_accounts(Stage("prod", project, Path("unused")), make_dynamodb=lambda: client) as accounts:
            suppressions = accounts.suppressions
            assert isinstance(suppressions, DynamoDBSuppressions)
            assert [(each.reason, each.at) for each in suppressions.all()] == [
                ("complaint", NOW + 1),
                ("complaint", NOW),
            ]
            assert suppressions.find(KIMS).at == NOW
            assert suppressions.lift(KIMS).at == NOW
            assert suppressions.find(KIMS) is suppressions.lift(KIMS) is None
            assert len(suppressions.all()) == 1

    def test_that_the_configuration_lacks_is_named(self, project):
        with pytest.raises(UnknownStageError, match="no stage prdo"), open_accounts(Stage("prdo", project, project)):
            pass
