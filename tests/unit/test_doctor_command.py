"""`python -m infra.doctor`: the model fits the application, the search finds what there is, and the command says it."""

import functools
import itertools
import json
import os
import re
from pathlib import Path
from typing import ClassVar

import pytest
from click.testing import CliRunner

from chalicelib.accounts.events import HISTORY
from chalicelib.accounts.mail import MailKind
from chalicelib.api.openapi import ALL_ROUTES
from chalicelib.api.responses import AccessTokenBody, TokenBody
from chalicelib.api.routing import Credential, Routes, Tag
from infra.doctor.__main__ import doctor
from infra.doctor.advice import NOT_PROTECTED
from infra.doctor.model import ADMIN, ADMIN_FRESH, FRESH, HANDED_OVER, OWNER, RENEWABLE, SESSION, THIEF, Account
from infra.doctor.report import WIDTH
from infra.doctor.routes import NO_STEPS, STEPS
from infra.doctor.search import Graph, Outcome
from infra.doctor.thefts import PIECES, THEFTS, Theft, kinds

OPERATIONS = [operation for routes in ALL_ROUTES for operation in routes.operations]
BY_NAME = frozenset({"mail", "no address is needed", "the username is the name", "registration is open"})
BY_ADDRESS = frozenset({"mail", "the address is the name", "registration is open"})
WITHOUT_MAIL = BY_NAME - {"mail"}
ONE = ("--steals", "admin")
"""The thief who takes the least time to look at."""


def name_of(operation):
    return f"{operation.method} {operation.path}"


def missing(operations):
    """Return the routes that are neither steps nor said to be none."""
    known = {route for step in STEPS for route in step.requests} | set(NO_STEPS)
    return {name_of(operation) for operation in operations} - known


class TestTheModel:
    """It has the routes of the application, as they are declared."""

    def test_every_route_is_a_step_or_says_why_it_is_none(self):
        assert missing(OPERATIONS) == set()

    def test_a_new_route_is_missing_until_it_is_entered(self):
        routes = Routes(Tag.ACCOUNT)

        @routes.operation("POST", "/auth/backdoor")
        def backdoor(call):
            """Let anybody in."""

        assert missing([*OPERATIONS, *routes.operations]) == {"POST /auth/backdoor"}

    def test_it_has_no_route_that_there_is_not_and_none_twice(self):
        steps = {route for step in STEPS if step.is_request for route in step.requests}
        assert steps | set(NO_STEPS) == {name_of(operation) for operation in OPERATIONS}
        assert steps & set(NO_STEPS) == set()

    def test_every_route_that_answers_with_a_token_is_a_step_but_the_registration_of_another_account(self):
        answering = {
            name_of(operation)
            for operation in OPERATIONS
            if {TokenBody, AccessTokenBody} & set(operation.answers.values())
        }
        assert len(answering) > 6
        steps = {step.route for step in STEPS}
        assert answering - steps == {"POST /auth/register"}

    def test_a_step_needs_the_credential_that_its_route_is_declared_with(self):
        declared = {name_of(operation): operation.credential for operation in OPERATIONS if operation.role is None}
        needed = {
            Credential.NONE: set(),
            Credential.REFRESH_TOKEN: {RENEWABLE},
            Credential.LIVE: {SESSION},
            Credential.FRESH: {SESSION, FRESH},
        }
        for step in STEPS:
            if step.route in declared:
                credential = declared[step.route]
                of_a_session = {SESSION, FRESH, RENEWABLE} & set(step.needs)
                assert needed[credential] <= of_a_session, step
                assert credential.is_access_token or SESSION not in step.needs, step

    def test_nothing_that_only_looks_is_a_step(self):
        assert [step.route for step in STEPS if step.route.startswith("GET ")] == []
        assert {name_of(operation) for operation in OPERATIONS if operation.method == "GET"} <= set(NO_STEPS)

    def test_the_routes_of_mails_are_steps_only_where_mail_is_sent(self):
        of_mails = {name_of(operation) for operation in OPERATIONS if operation.tag is Tag.MAILS}
        for step in STEPS:
            if step.route in of_mails and HANDED_OVER not in step.needs:
                assert step.where & {"mail", "the address is the name"}, step

    def test_its_events_and_mails_are_those_of_the_application(self):
        assert {step.event for step in STEPS} - {None} <= set(map(str, HISTORY))
        assert {step.mail for step in STEPS} - {None} <= set(map(str, MailKind))

    def test_a_step_of_an_administrator_needs_the_session_of_one_and_a_fresh_one_where_its_route_does(self):
        of_role = {name_of(operation): operation.credential for operation in OPERATIONS if operation.role is not None}
        assert {operation.role for operation in OPERATIONS} == {None, "admin"}
        steps = [step for step in STEPS if step.route in of_role]
        assert len(steps) == 4
        for step in steps:
            needed = {ADMIN, ADMIN_FRESH} if of_role[step.route] is Credential.FRESH else {ADMIN}
            assert {ADMIN, ADMIN_FRESH} & set(step.needs) == needed, step

    def test_all_that_can_be_stolen_is_stolen_by_somebody(self):
        assert {piece for theft in THEFTS for piece in theft.pieces} == set(PIECES)


@functools.cache
def graph_of(words):
    """Return all states of a site, once for all tests: it keeps what it has found, and nothing changes it."""
    return Graph(STEPS, words)


def outcomes(words, pieces):
    """Return what a thief of these pieces gets of each kind of account that has them."""
    graph = graph_of(words)
    found = {}
    for theft in [theft for theft in THEFTS if theft.pieces == pieces and not theft.only_looks]:
        for account in kinds(words):
            finding = graph.finding(theft, account)
            if finding is not None and not theft.registers_first:
                found[account.kind] = finding.outcome
    return found


ALL_KINDS = [
    ("password + address + TOTP + passkey", BY_NAME),
    ("password + address + TOTP", BY_NAME),
    ("password + address + passkey", BY_NAME),
    ("password + address", BY_NAME),
    ("password + TOTP + passkey", BY_NAME),
    ("password + TOTP", BY_NAME),
    ("password + passkey", BY_NAME),
    ("password", BY_NAME),
    ("address + TOTP + passkey", BY_ADDRESS),
    ("address + TOTP", BY_ADDRESS),
    ("address + passkey", BY_ADDRESS),
    ("address", BY_ADDRESS),
]


class TestTheSearch:
    """What thieves get."""

    def test_the_kinds_of_accounts_are_those_that_the_settings_allow(self):
        assert {account.kind for account in kinds(BY_NAME)} == {kind for kind, words in ALL_KINDS if words is BY_NAME}
        assert all(account.address for account in kinds(BY_ADDRESS))
        assert {account.kind for account in kinds(WITHOUT_MAIL)} == {
            "password + TOTP + passkey",
            "password + TOTP",
            "password + passkey",
            "password",
        }

    @pytest.mark.parametrize("pieces", [("mailbox",), ("password",), ("password", "mailbox")], ids=" and ".join)
    @pytest.mark.parametrize("words", [BY_NAME, BY_ADDRESS], ids=["by username", "by address"])
    def test_a_second_factor_is_what_password_and_mailbox_do_not_get_past(self, words, pieces):
        found = outcomes(words, pieces)
        assert {outcome.takes_over for kind, outcome in found.items() if "TOTP" in kind} == {False}
        assert {outcome for kind, outcome in found.items() if "TOTP" not in kind} == {Outcome.KEEPS_OUT}

    @pytest.mark.parametrize(
        "piece",
        ["totp-code", "mailed-code", "recovery-code", "authenticator", "admin", "tables", "peppers", "signing-keys"],
    )
    def test_a_single_thing_that_is_no_way_in_is_worth_nothing(self, piece):
        found = outcomes(BY_NAME, (piece,))
        assert len(found) >= 4
        assert set(found.values()) == {Outcome.NOTHING}

    @pytest.mark.parametrize("words", [BY_NAME, BY_ADDRESS, WITHOUT_MAIL], ids=["name", "address", "without mail"])
    @pytest.mark.parametrize("pieces", [("access-token",), ("refresh-token",)], ids=lambda pieces: pieces[0])
    def test_tokens_of_a_session_that_is_not_fresh_let_nobody_stay(self, words, pieces):
        assert set(outcomes(words, pieces).values()) == {Outcome.ACTS}

    @pytest.mark.parametrize("words", [BY_NAME, BY_ADDRESS, WITHOUT_MAIL], ids=["name", "address", "without mail"])
    def test_a_fresh_session_of_an_administrator_is_worth_every_account(self, words):
        assert set(outcomes(words, ("admin", "admin-fresh")).values()) == {Outcome.KEEPS_OUT}

    def test_a_fresh_session_is_worth_every_account(self):
        assert set(outcomes(BY_NAME, ("access-token", "fresh")).values()) == {Outcome.KEEPS_OUT}

    def test_who_opens_every_link_changes_nothing(self):
        graph = graph_of(BY_NAME)
        (theft,) = [theft for theft in THEFTS if theft.only_looks]
        findings = [graph.finding(theft, account) for account in kinds(BY_NAME)]
        assert {finding.outcome for finding in findings if finding} == {Outcome.NOTHING}

    def test_who_registers_an_address_first_has_only_what_its_owner_confirms_and_where_it_is_the_name(self):
        (theft,) = [theft for theft in THEFTS if theft.registers_first and not theft.owner_chooses]
        account = Account(password=OWNER, address=OWNER)
        assert graph_of(BY_NAME).finding(theft, account) is None
        finding = graph_of(BY_ADDRESS).finding(theft, account)
        assert finding.path[0].actor == OWNER
        assert finding.outcome.takes_over

    def test_who_registers_an_address_first_has_nothing_if_its_owner_chooses_the_password(self):
        (theft,) = [theft for theft in THEFTS if theft.owner_chooses]
        finding = graph_of(BY_ADDRESS).finding(theft, Account(password=OWNER, address=OWNER))
        assert [move.actor for move in finding.path] == [OWNER]
        assert finding.outcome is Outcome.NOTHING

    def test_a_way_is_a_shortest_one_and_each_step_goes_on_where_the_one_before_has_ended(self):
        graph = graph_of(BY_NAME)
        for theft in THEFTS:
            for account in list(kinds(BY_NAME))[::3]:
                finding = graph.finding(theft, account)
                moves = finding.path if finding else ()
                for before, after in itertools.pairwise(moves):
                    assert before.after == after.before
                    assert after.step.is_open(after.before, after.actor)
        finding = graph.finding(Theft("", ("password",)), Account(password=OWNER))
        assert [move.step.route for move in finding.path] == ["POST /auth/login", "PUT /auth/password"]

    def test_a_notice_reaches_the_owner_at_the_owners_address_only(self):
        graph = graph_of(BY_NAME)
        stolen = Theft("", ("password", "totp-code"))
        assert "password_changed" in graph.finding(stolen, Account(password=OWNER)).events
        assert graph.finding(stolen, Account(password=OWNER)).mails == ()
        with_address = graph.finding(stolen, Account(password=OWNER, address=OWNER))
        assert with_address.mails

    def test_what_ends_it_is_the_owners_way_to_be_alone_with_the_account(self):
        graph = graph_of(BY_NAME)
        token = graph.finding(Theft("", ("access-token",)), Account(password=OWNER))
        assert [move.step.route for move in token.ended_by] == ["POST /auth/login", "PUT /auth/password"]
        last = token.ended_by[-1].after
        assert last.is_in(OWNER)
        assert not last.is_in(THIEF)
        assert graph.finding(Theft("", ("password",)), Account(password=OWNER)).ended_by is None

    def test_an_owner_survives_what_another_way_in_makes_up_for(self):
        with_mail, without = graph_of(BY_NAME), graph_of(WITHOUT_MAIL)
        whole = Account(password=OWNER, address=OWNER, totp=OWNER, codes=OWNER)
        assert with_mail.survives(whole, ["password"])
        assert with_mail.survives(whole, ["TOTP app"])
        assert not with_mail.survives(whole, ["TOTP app", "recovery codes"])
        assert not without.survives(Account(password=OWNER), ["password"])
        assert without.survives(Account(password=OWNER, passkeys=frozenset({OWNER})), ["password"])


class TestTheSecurityModel:
    """Its table says what is computed with the defaults."""

    PAGE = (Path(__file__).parents[2] / "docs" / "security-model.md").read_text("utf-8")
    ROWS: ClassVar = {
        "the mailbox": ("mailbox",),
        "the password": ("password",),
        "password and code at once (a page that passes them on)": ("password", "totp-code"),
        "a session or its tokens, later than 15 minutes after the log-in": ("access-token", "refresh-token"),
        "the same, within the 15 minutes": ("access-token", "refresh-token", "fresh"),
        "a program that opens every link in the mailbox": (),
        "an administrator's session, within the 15 minutes": ("admin", "admin-fresh"),
        "an administrator's session, later": ("admin",),
        "the tables and the peppers": ("tables", "peppers"),
        "the tables and the signing keys": ("tables", "signing-keys"),
    }

    @pytest.mark.parametrize("row", ROWS)
    def test_a_row_says_for_good_where_the_owner_is_kept_out_and_nothing_where_there_is_nothing(self, row):
        (cells,) = re.findall(rf"^\| {re.escape(row)} \| (.+) \| (.+) \|$", self.PAGE, re.MULTILINE)
        without = Account(password=OWNER, address=OWNER)
        both = Account(password=OWNER, address=OWNER, totp=OWNER, codes=OWNER)
        graph = graph_of(BY_NAME)
        found = [graph.finding(Theft("", self.ROWS[row]), account).outcome for account in (without, both)]
        said = [cells[0], cells[0] if cells[1] == "the same" else cells[1]]
        for outcome, cell in zip(found, said, strict=True):
            assert (outcome is Outcome.KEEPS_OUT) is ("the account, for good" in cell), cell
            assert (outcome is Outcome.NOTHING) is cell.startswith("nothing"), cell


@pytest.mark.slow
class TestTheCommand:
    """What it prints, and how it ends."""

    @pytest.fixture(autouse=True)
    def no_settings(self, monkeypatch):
        for name in [name for name in os.environ if name.startswith("LYCHGATE_")]:
            monkeypatch.delenv(name)

    @pytest.fixture
    def project(self, tmp_path):
        def project(**variables):
            stages = {"dev": {}, "prod": {"environment_variables": variables}}
            folder = tmp_path / ".chalice"
            folder.mkdir(exist_ok=True)
            (folder / "config.json").write_text(json.dumps({"stages": stages}), "utf-8")
            return tmp_path

        return project

    def run(self, *arguments, **environment):
        return CliRunner().invoke(doctor, list(map(str, arguments)), env=environment)

    def test_it_fits_a_terminal_and_begins_with_what_matters_most(self):
        result = self.run()
        assert result.exit_code == 0, result.output
        lines = result.output.splitlines()
        assert max(map(len, lines)) <= WIDTH
        assert lines.index("In short") < lines.index("Warnings") < lines.index("Thieves") < lines.index("Losses")
        said = " ".join(result.output.split())
        assert "Each takes over every account without TOTP, and can keep the owner out: the mailbox;" in said
        assert "\x1b" not in result.output

    def test_it_says_of_each_thief_by_which_way_how_long_what_is_told_and_what_ends_it(self):
        findings = json.loads(self.run("--json").output)["findings"]
        assert {finding["theft"] for finding in findings} >= {
            theft.name for theft in THEFTS if not theft.registers_first
        }
        token = next(
            finding
            for finding in findings
            if finding["theft"] == "an access token, later" and finding["account"] == "password"
        )
        assert token == {
            "theft": "an access token, later",
            "account": "password",
            "outcome": "acts",
            "path": [],
            "deletes_account_by": [],
            "lasts": "600 s at most, or until the session ends",
            "events": [],
            "mails": [],
            "ended_by": ["POST /auth/login", "PUT /auth/password"],
        }

    def test_it_follows_the_environment_on_a_laptop(self):
        assert "The mailbox" not in self.run(LYCHGATE_EMAIL="off").output
        said = json.loads(self.run(*ONE, "--json", LYCHGATE_ACCESS_TOKEN_LIFETIME="60").output)
        assert said["settings"]["access_token_lifetime"] == 60

    def test_of_a_stage_the_configuration_counts_and_the_shell_does_not(self, project):
        result = self.run(*ONE, "--stage", "prod", "--project", project(), "--json", LYCHGATE_EMAIL="off")
        assert "LYCHGATE_EMAIL of this shell: not used" in result.stderr
        with_mail = project(LYCHGATE_MAIL_FROM="no-reply@example.org", LYCHGATE_IDENTIFIER="email")
        said = json.loads(self.run(*ONE, "--stage", "prod", "--project", with_mail, "--json").stdout)
        assert said["settings"]["identifier"] == "email"
        assert said["settings"]["rp_id"] is None

    def test_a_laptop_as_it_comes_has_no_warning(self):
        result = self.run("--strict", "--json", *ONE)
        assert (result.exit_code, json.loads(result.output)["warnings"]) == (0, [])

    @pytest.mark.parametrize(
        ("setting", "variables"),
        [
            ("LYCHGATE_EMAIL", {"LYCHGATE_MAIL_FROM": ""}),
            ("LYCHGATE_RP_ID", {"LYCHGATE_ISSUER": "https://d111111abcdef8.cloudfront.net/api"}),
            ("LYCHGATE_RP_ID", {"LYCHGATE_ISSUER": "https://www.example.org/api", "LYCHGATE_RP_ID": "example.org"}),
            ("LYCHGATE_PASSWORD_MIN_LENGTH", {"LYCHGATE_PASSWORD_MIN_LENGTH": "8"}),
            ("LYCHGATE_FRESH_SECONDS", {"LYCHGATE_FRESH_SECONDS": "86400"}),
            ("LYCHGATE_ACCESS_TOKEN_LIFETIME", {"LYCHGATE_ACCESS_TOKEN_LIFETIME": "3600"}),
            ("LYCHGATE_SESSION_LIFETIME", {"LYCHGATE_SESSION_LIFETIME": "31536000"}),
            ("LYCHGATE_BCRYPT_COST", {"LYCHGATE_BCRYPT_COST": "10"}),
            ("LYCHGATE_ALLOWED_ORIGINS", {"LYCHGATE_ALLOWED_ORIGINS": "http://example.org"}),
        ],
        ids=lambda value: value if isinstance(value, str) else "-".join(value.values()) or "none",
    )
    def test_a_setting_that_makes_it_worse_is_warned_of_with_what_to_do(self, project, setting, variables):
        safe = {"LYCHGATE_ISSUER": "https://example.org/api", "LYCHGATE_MAIL_FROM": "no-reply@example.org"}
        of_stage = (*ONE, "--stage", "prod", "--project")
        assert self.run(*of_stage, project(**safe), "--strict").exit_code == 0
        where = project(**{**safe, **variables})
        result = self.run(*of_stage, where, "--strict", "--json")
        (warning,) = json.loads(result.output)["warnings"]
        assert (result.exit_code, warning["setting"]) == (1, setting)
        assert warning["do"]
        assert self.run(*of_stage, where).exit_code == 0
        assert f"! {setting}: " in self.run(*of_stage, where).output

    def test_what_to_do_stands_below_a_heading_that_is_there(self, project):
        risky = project(LYCHGATE_ISSUER="https://d111111abcdef8.cloudfront.net/api")
        said = self.run(*ONE, "--stage", "prod", "--project", risky, "--json").output
        page = (Path(__file__).parents[2] / "docs" / "deployment.md").read_text("utf-8")
        named = re.findall(r"\(docs/deployment\.md, ([\w ]+)\)", said)
        assert len(named) == 2
        assert [title for title in named if f"## {title}\n" not in page] == []

    def test_one_thief_can_be_put_together(self):
        result = self.run("--steals", "mailbox, totp-code", "--json")
        findings = json.loads(result.output)["findings"]
        assert {finding["theft"] for finding in findings} == {"mailbox and totp-code"}
        assert {finding["outcome"] for finding in findings if "TOTP" in finding["account"]} >= {"keeps_out"}

    @pytest.mark.parametrize(
        ("arguments", "environment", "code", "said"),
        [
            (["--steals", "mailbox,crown"], {}, 2, "crown: there are mailbox, "),
            (["--stage", "nowhere"], {}, 1, "has no stage nowhere"),
            ([], {"LYCHGATE_FRESH_SECONDS": "soon"}, 1, "LYCHGATE_FRESH_SECONDS"),
            (["--unknown"], {}, 2, "No such option"),
        ],
    )
    def test_what_is_not_valid_is_said_and_nothing_else(self, arguments, environment, code, said):
        result = self.run(*arguments, **environment)
        assert result.exit_code == code
        assert said in result.stderr
        assert result.stdout == ""

    def test_it_says_what_no_setting_changes(self):
        said = json.loads(self.run(*ONE, "--json").output)
        assert said["not_protected"] == list(NOT_PROTECTED)
        assert any("passkeys withstand" in sentence for sentence in NOT_PROTECTED)
