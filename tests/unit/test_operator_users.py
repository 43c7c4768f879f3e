"""The commands about users that make, find, stop and remove them, over the fakes of the stores."""

import copy
import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import click
import pytest

from chalicelib.accounts.caller import NO_ADDRESS, Caller
from chalicelib.accounts.events import ADMIN, EventType, SecurityEvent
from chalicelib.accounts.factors import Factors
from chalicelib.accounts.mail import MailKind
from chalicelib.accounts.user import NO_PASSWORD, Contact
from chalicelib.credentials.mailed import read_token
from chalicelib.credentials.passwords import PasswordHasher
from infra.operator import output
from infra.operator.__main__ import operator
from tests.support.fakes import Memory, fake_stores
from tests.support.operating import LATER, PEPPERS, Operating
from tests.support.samples import ALICE, NOW, REGISTERED, SESSION

pytestmark = pytest.mark.usefixtures("hashes_are_cheap")

ROOT = Path(__file__).parents[2]
PASSWORD = "orange piano river kettle"
KIMS = "kim@example.org"
LINK = re.compile(r"http://127\.0\.0\.1:8000/account\.html#reset=(\S+)")


@pytest.fixture
def memory():
    memory = Memory()
    fake_stores(memory).users.add(ALICE, SESSION, REGISTERED)
    return memory


@pytest.fixture
def run(memory):
    return Operating(memory)


def fits(password, user):
    return PasswordHasher(peppers=PEPPERS, cost=10).verify(password, user.password_hash)


def by_operator(kind, user_id="u1"):
    return SecurityEvent(kind, user_id, LATER, NO_ADDRESS, actor=ADMIN)


class TestCreating:
    def test_the_first_administrator_has_the_password_that_was_typed_and_nothing_shows_it(self, run, memory):
        done = run("users", "create", "Root", "--role", "admin", "--password-stdin", typed=PASSWORD + "\n")
        assert done.exit_code == 0, done.output
        root = memory.users["root"]
        assert (root.username, root.roles, root.contact) == ("Root", ("admin", "user"), None)
        assert fits(PASSWORD, root)
        assert PASSWORD not in done.output
        assert memory.events[1:] == [by_operator(EventType.REGISTERED, root.id)]
        assert memory.mails.asked == []

    def test_a_password_is_one_line_whoever_ends_it_and_nothing_of_it_is_cut(self, run, memory):
        run("users", "create", "kim", "--password-stdin", typed="  spaces stay, too \r\nthe next line\n")
        assert fits("  spaces stay, too ", memory.users["kim"])

    @pytest.mark.parametrize(
        ("typed", "says"),
        [
            ("short\n", "at least 15 characters"),
            ("this has root in it, see\n", "does not contain the username"),
            ("passwordpassword\n", "a common password"),
        ],
    )
    def test_a_password_is_held_to_the_policy_of_the_site(self, run, memory, typed, says):
        done = run("users", "create", "root", "--password-stdin", typed=typed)
        assert (done.exit_code, list(memory.users)) == (1, ["alice"])
        assert says in done.stderr

    @pytest.mark.parametrize(
        ("typed", "says"), [("", "is empty"), ("\n", "is empty"), (b"p\xe4ssw\xf6rter\n", "UTF-8")]
    )
    def test_what_is_no_password_is_refused_before_anything_is_reached(self, run, typed, says):
        done = run("users", "create", "root", "--password-stdin", typed=typed)
        assert (done.exit_code, run.asked_for) == (2, [])
        assert says in done.stderr

    def test_usually_its_user_gets_a_link_which_is_printed_once_and_stored_as_a_digest(self, run, memory):
        done = run("users", "create", "Kim", "--email", KIMS)
        assert done.exit_code == 0, done.output
        kim = memory.users["kim"]
        assert (kim.password_hash, kim.roles, kim.contact) == (NO_PASSWORD, ("user",), Contact(KIMS))
        (token,) = LINK.findall(done.stdout)
        (mail,) = memory.mails.asked
        assert read_token(token) == (mail.id, mail.handed_over.token_digest)
        assert (mail.kind, mail.to, mail.handed_over.is_mailed) == (MailKind.INVITATION, KIMS, True)
        assert "good for 24 hours" in done.stdout
        assert f"on its way to {KIMS}" in done.stdout

    def test_a_link_in_json_says_whether_it_was_mailed_too(self, run):
        answer = json.loads(run("users", "create", "kim", "--json").stdout)
        assert LINK.fullmatch(answer["link"])
        assert (answer["expires_in"], answer["mailed"], answer["changed"]) == (24 * 3600, False, True)
        assert answer["user"]["username"] == "kim"

    @pytest.mark.parametrize("shortest", ["15", "64"])
    def test_a_password_can_be_made_that_the_policy_allows(self, run, memory, shortest):
        arguments = ("users", "create", "kim", "--generate-password")
        done = run(*arguments, LYCHGATE_PASSWORD_MIN_LENGTH=shortest)
        (password,) = re.findall(r"shown this once: ([a-z0-9-]+)$", done.stdout, re.MULTILINE)
        assert fits(password, memory.users["kim"])
        assert len(password.replace("-", "")) >= 24
        other = json.loads(run("users", "create", "lee", "--generate-password", "--json").stdout)["password"]
        assert fits(other, memory.users["lee"])
        assert other != password

    def test_with_a_password_an_address_is_asked_to_confirm(self, run, memory):
        run("users", "create", "kim", "--password-stdin", "--email", KIMS, typed=PASSWORD)
        (mail,) = memory.mails.asked
        assert (mail.kind, mail.to, mail.user_id) == (MailKind.EMAIL, KIMS, memory.users["kim"].id)
        assert memory.users["kim"].verified_email is None

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (("ALICE",), "there is a user ALICE already"),
            (("а\u0301lice-mixed",), "username: "),
            (("kim", "--email", "kim"), "email: "),
        ],
    )
    def test_what_cannot_be_is_refused_and_changes_nothing(self, run, memory, arguments, says):
        done = run("users", "create", *arguments)
        assert (done.exit_code, list(memory.users)) == (1, ["alice"])
        assert says in done.stderr

    def test_a_role_that_cannot_be_is_refused_before_anything_is_reached(self, run):
        assert run("users", "create", "kim", "--role", "Two words").exit_code == 2
        assert run.asked_for == []

    def test_a_role_that_no_route_asks_for_is_noted(self, run):
        assert (
            "no route of this checkout asks for the role cook" in run("users", "create", "kim", "--role", "cook").stderr
        )

    def test_where_the_address_is_the_name_it_is_both(self, run, memory):
        by_address = {"LYCHGATE_IDENTIFIER": "email", "LYCHGATE_EMAIL": "required"}
        assert run("users", "create", "kim", **by_address).exit_code == 1
        assert run("users", "create", KIMS, **by_address).exit_code == 0
        assert memory.users[KIMS].contact == Contact(KIMS)

    @pytest.mark.parametrize("how", ["--link", "--password-stdin", "--generate-password"])
    def test_a_dry_run_says_whether_it_could_be_and_shows_nothing_that_would_be_good(self, run, memory, how):
        done = run("users", "create", "kim", how, "--dry-run", typed=PASSWORD)
        assert (done.exit_code, list(memory.users), memory.mails.asked) == (0, ["alice"], [])
        assert "nothing was changed" in done.stdout
        assert "shown this once" not in done.stdout
        assert run("users", "create", "alice", how, "--dry-run", typed=PASSWORD).exit_code == 1


class TestListing:
    @pytest.fixture
    def many(self, memory):
        for number in range(250):
            user = replace(ALICE, id=f"k{number}", username=f"Kim{number:03}", roles=("user",))
            memory.users[user.username_key] = user

    def test_goes_through_all_pages_in_the_order_of_names(self, run, many):
        lines = run("users", "list").stdout.splitlines()
        assert [line.split("\t")[0] for line in lines] == ["Alice", *(f"Kim{number:03}" for number in range(250))]
        assert lines[0].split("\t") == ["Alice", "u1", "active", "editor,user", "2027-01-15T08:00:00Z", ""]

    def test_takes_the_beginning_of_a_name_and_a_limit(self, run, many):
        lines = run("users", "list", "--prefix", "KIM1", "--limit", "101").stdout.splitlines()
        assert [line.split("\t")[0] for line in lines] == [f"Kim{number}" for number in range(100, 200)]
        assert len(run("users", "list", "--limit", "7").stdout.splitlines()) == 7

    def test_in_json_is_one_line_for_each_without_a_hash(self, run, many):
        done = run("users", "list", "--json")
        assert [json.loads(line)["username"] for line in done.stdout.splitlines()][:2] == ["Alice", "Kim000"]
        assert "$2b$" not in done.stdout

    def test_says_who_is_disabled_and_whose_address_is_not_confirmed(self, run, memory):
        memory.users["alice"] = replace(memory.users["alice"], disabled=True, contact=Contact(KIMS))
        assert run("users", "list").stdout.split("\t")[2::3] == ["disabled", f"{KIMS} (not confirmed)\n"]

    def test_of_nobody_prints_nothing(self, run):
        assert (run("users", "list", "--prefix", "zoe").stdout, run("users", "list", "--prefix", "z").exit_code) == (
            "",
            0,
        )


class TestDisabling:
    def test_ends_all_sessions_and_enabling_brings_none_back(self, run, memory):
        done = run("users", "disable", "alice")
        assert (done.exit_code, memory.users["alice"].disabled, memory.sessions) == (0, True, {})
        assert "Alice in the stage dev: disabled, and all sessions have ended." in done.stdout
        assert run("users", "enable", "alice").exit_code == 0
        assert (memory.users["alice"].disabled, memory.users["alice"].session_epoch) == (False, 1)
        assert memory.events[1:] == [
            by_operator(EventType.ACCOUNT_DISABLED),
            by_operator(EventType.ACCOUNT_ENABLED),
        ]

    def test_a_second_time_changes_and_records_nothing(self, run, memory):
        run("users", "disable", "alice")
        events = list(memory.events)
        done = run("users", "disable", "alice")
        assert (done.exit_code, memory.events) == (0, events)
        assert "disabled already. Nothing was changed." in done.stdout
        assert json.loads(run("users", "disable", "alice", "--json").stdout)["changed"] is False
        assert json.loads(run("users", "enable", "alice", "--json").stdout)["changed"] is True

    @pytest.mark.parametrize(
        "arguments", [("disable", "alice"), ("set-roles", "alice", "user"), ("delete", "alice", "--yes")]
    )
    def test_the_last_administrator_stays(self, run, memory, arguments):
        memory.users["alice"] = replace(memory.users["alice"], roles=("admin", "user"))
        done = run("users", *arguments)
        assert (done.exit_code, memory.users["alice"].roles, memory.users["alice"].disabled) == (
            1,
            ("admin", "user"),
            False,
        )
        assert "last administrator" in done.stderr


class TestDeleting:
    def test_leaves_nothing_but_an_entry_in_the_history_of_nobody(self, run, memory):
        done = run("users", "delete", "Alice", "--yes")
        assert (done.exit_code, memory.users, memory.sessions) == (0, {}, {})
        assert "Alice (id u1) in the stage dev: deleted." in done.stdout
        assert memory.events == [replace(by_operator(EventType.ACCOUNT_DELETED, None), subject="u1")]

    @pytest.mark.parametrize("command", ["delete", "remove-factors", "remove-second-factor"])
    def test_what_cannot_be_undone_is_refused_where_nobody_can_be_asked(self, run, memory, command):
        done = run("users", command, "alice")
        assert (done.exit_code, run.asked_for, list(memory.users)) == (2, [], ["alice"])
        assert "Give --yes" in done.stderr

    def test_at_a_terminal_it_is_asked_for_and_only_a_yes_does_it(self, run, memory):
        run.at_a_terminal = True
        assert run("users", "delete", "alice", typed="\n").exit_code == 1
        assert list(memory.users) == ["alice"]
        done = run("users", "delete", "alice", typed="y\n")
        assert "Delete Alice (id u1) in the stage dev" in done.stderr
        assert (done.exit_code, memory.users) == (0, {})


class TestSessionsAndPasswords:
    def test_a_user_is_logged_out_everywhere_and_may_come_back(self, run, memory):
        done = run("users", "log-out", "alice")
        assert (done.exit_code, memory.sessions, memory.users["alice"].session_epoch) == (0, {}, 1)
        assert memory.events[-1] == by_operator(EventType.LOGGED_OUT)
        assert memory.users["alice"].disabled is False

    def test_a_link_for_a_new_password_is_printed_and_goes_to_a_verified_address_only(self, run, memory):
        done = run("users", "reset-password", "alice")
        (token,) = LINK.findall(done.stdout)
        (mail,) = memory.mails.asked
        assert read_token(token) == (mail.id, mail.handed_over.token_digest)
        assert (mail.kind, mail.to, mail.handed_over.is_mailed) == (MailKind.RESET, None, False)
        assert "good for 30 minutes" in done.stdout
        assert list(memory.sessions.values()) == [SESSION]
        for contact, mailed in ((Contact(KIMS), False), (Contact(KIMS, verified=True), True)):
            memory.users["alice"] = replace(memory.users["alice"], contact=contact)
            answer = json.loads(run("users", "reset-password", "alice", "--json").stdout)
            assert (answer["mailed"], memory.mails.asked[-1].handed_over.is_mailed) == (mailed, mailed)

    @pytest.mark.parametrize("arguments", [("reset-password", "alice"), ("create", "kim")])
    def test_of_a_site_that_sends_no_mail_a_link_is_printed_only(self, run, memory, arguments):
        memory.users["alice"] = replace(memory.users["alice"], contact=Contact(KIMS, verified=True))
        without = {"LYCHGATE_EMAIL": "off", "LYCHGATE_MAIL_FROM": ""}
        answer = json.loads(run("users", *arguments, "--json", **without).stdout)
        assert (answer["mailed"], memory.mails.asked[-1].handed_over.is_mailed) == (False, False)
        assert LINK.fullmatch(answer["link"])
        assert "on its way" not in run("users", "reset-password", "alice", **without).stdout

    def test_of_somebody_who_is_disabled_is_refused_with_what_to_do(self, run, memory):
        memory.users["alice"] = replace(memory.users["alice"], disabled=True)
        done = run("users", "reset-password", "alice")
        assert (done.exit_code, memory.mails.asked) == (1, [])
        assert "First: `users enable`" in done.stderr


WITH_APP = Factors(totp=".sealed", totp_added_at=NOW, totp_step=1, recovery_codes=(".a",))
CHANGING = [
    ("set-roles", "alice", "admin"),
    ("disable", "alice"),
    ("delete", "alice"),
    ("log-out", "alice"),
    ("reset-password", "alice"),
    ("remove-factors", "alice"),
]


@pytest.mark.parametrize("arguments", CHANGING, ids=lambda arguments: arguments[0])
def test_a_dry_run_of_whatever_changes_something_changes_nothing(run, memory, arguments):
    memory.users["alice"] = replace(memory.users["alice"], factors=WITH_APP)
    before = copy.deepcopy((memory.users, memory.sessions, memory.events))
    done = run("users", *arguments, "--dry-run")
    assert (done.exit_code, (memory.users, memory.sessions, memory.events)) == (0, before)
    assert "This was a dry run: nothing was changed." in done.stdout
    assert memory.mails.asked == []
    answer = json.loads(run("users", *arguments, "--dry-run", "--json").stdout)
    assert (answer["changed"], answer["dry_run"], "link" in answer) == (False, True, False)


@pytest.mark.parametrize("arguments", CHANGING, ids=lambda arguments: arguments[0])
def test_whatever_is_done_to_nobody_is_refused(run, memory, arguments):
    command, _, *rest = arguments
    yes = ["--yes"] if command in {"delete", "remove-factors"} else []
    done = run("users", command, "nobody", *rest, *yes)
    assert (done.exit_code, done.stderr) == (1, "Error: there is no user nobody\n")
    assert list(memory.users) == ["alice"]


class TestOutput:
    def test_on_a_terminal_rows_are_a_table_with_a_head(self, capsys, monkeypatch):
        monkeypatch.setenv("COLUMNS", "60")
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
        assert output.print_rows(("name", "what"), [("[bold]kim", "x\x1b[31my")]) == 1
        lines = capsys.readouterr().out.splitlines()
        assert [re.sub(r"\x1b\[[0-9;]*m", "", line).split() for line in lines] == [
            ["name", "what"],
            ["[bold]kim", "x\\x1b[31my"],
        ]

    def test_on_a_narrow_terminal_nothing_of_a_cell_is_cut(self, capsys, monkeypatch):
        monkeypatch.setenv("COLUMNS", "40")
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
        output.print_rows(("name", "what"), [("k" * 30, "x" * 30)])
        said = capsys.readouterr().out
        assert (said.count("k"), said.count("x")) == (30, 30)

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("kim", "kim"),
            ("a b", "a b"),
            ("a\tb\nc", "a\\tb\\nc"),
            ("\x1b[2J", "\\x1b[2J"),
            ("\x9b", "\\x9b"),
            ("ü", "ü"),
        ],
    )
    def test_what_people_have_typed_cannot_steer_a_terminal(self, text, said):
        assert output.shown(text) == said

    def test_json_is_the_same_and_steers_no_terminal_either(self, capsys):
        output.print_json_line({"agent": "\x1b\x9b2J\x7f\u2028\u202eü"})
        said = capsys.readouterr().out
        assert said == '{"agent":"\\u001b\\u009b2J\\u007f\\u2028\\u202eü"}\n'
        assert json.loads(said) == {"agent": "\x1b\x9b2J\x7f\u2028\u202eü"}

    def test_long_work_says_on_the_standard_error_how_far_it_is(self, capsys):
        with output.progress("Users read") as advance:
            advance(9_999)
            advance(2)
            advance(5)
        assert capsys.readouterr() == ("", "Users read: 10001\n")

    def test_a_user_agent_in_a_history_cannot_steer_a_terminal(self, run, memory):
        memory.events.append(SecurityEvent(EventType.LOGIN_SUCCEEDED, "u1", NOW + 1, Caller("\x9b31m", "")))
        shown = run("users", "show", "alice").stdout
        assert ("\x9b" in shown, "\\x9b31m" in shown) == (False, True)


def commands(group, *path):
    for name in group.list_commands(None):
        command = group.get_command(None, name)
        if command.hidden:
            continue
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)
        else:
            yield " ".join([*path, name]), command


ALL = dict(commands(operator))
assert {"users list", "import", "webhooks redrive"} <= ALL.keys()
PAGE = (ROOT / "docs" / "operations" / "users.md").read_text("utf-8")


@pytest.mark.parametrize("name", [name for name in ALL if name.startswith(("users", "mails"))] + ["audit", "doctor"])
def test_the_page_says_what_each_command_is_for(name):
    assert f"infra.operator {name} " in PAGE or f"`{name}" in PAGE


@pytest.mark.parametrize("name", ALL)
def test_nothing_secret_is_an_argument(name):
    words = {each.name: each for each in ALL[name].params}
    secret = [each for word, each in words.items() if re.search("password|secret|token|passphrase", word)]
    assert [each.name for each in secret if not each.is_flag] == []


@pytest.mark.parametrize("name", ALL)
def test_each_command_takes_a_stage_and_answers_in_json(name):
    assert {"stage", "as_json"} <= {each.name for each in ALL[name].params}
