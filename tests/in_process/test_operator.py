"""What docs/operations/incidents.md tells an operator to do about an account, done while the API runs."""

import base64
import re
from pathlib import Path

import pytest

from chalicelib.adapters.dynamodb.transactions import Database
from chalicelib.config.api import ApiSettings
from chalicelib.credentials.totp import hotp, step_at
from tests.support.mail_flows import ADDRESS, NEW_PASSWORD, forgot, reset, with_address
from tests.support.operating import Operating

INCIDENTS = (Path(__file__).parents[2] / "docs" / "operations" / "incidents.md").read_text("utf-8")


@pytest.fixture
def operate(aws_clients, environment):
    """Run a command as the page has it, for another username and stage than the page's, and return its exit code."""
    found = re.findall(r"^ +\.venv/bin/python -m infra\.operator (.*) kim(.*) --stage prod$", INCIDENTS, re.MULTILINE)
    assert found == [("users disable", ""), ("users remove-factors", " --yes"), ("users log-out", "")]
    commands = dict(found)
    database = Database(aws_clients[0], ApiSettings.from_environment(environment).tables)
    run = Operating(None, database=database)

    def operate(command, username):
        return run(*command.split(), username, *commands.get(command, "").split(), **environment).exit_code

    return operate


def test_a_disabled_user_is_out_and_sessions_do_not_come_back(api, operate):
    tokens = api.register("Alice").json
    assert operate("users disable", "alice") == 0
    api.login("Alice").assert_problem(401, "invalid_credentials")
    api.refresh(tokens["refresh_token"]).assert_problem(401, "invalid_grant")
    api.bearer("POST", "/auth/logout-all", tokens["access_token"]).assert_problem(401, "invalid_token")
    assert operate("users enable", "alice") == 0
    api.refresh(tokens["refresh_token"]).assert_problem(401, "invalid_grant")
    api.bearer("POST", "/auth/logout-all", tokens["access_token"]).assert_problem(401, "invalid_token")
    again = api.login("Alice").json
    assert api.refresh(again["refresh_token"]).status == 200


def test_to_disable_a_name_that_nobody_has_makes_no_account(api, operate):
    assert operate("users disable", "nobody") == 1
    assert api.register("Nobody").status == 201


def test_an_owner_gets_an_account_back_to_which_a_thief_has_added_an_app(api, mailbox, clock, operate):
    with_address(api, mailbox, clock)
    thiefs = api.login("Alice").json["access_token"]
    begun = api.bearer("POST", "/auth/totp", thiefs).json
    secret = base64.b32decode(begun["secret"])
    members = {"pending": begun["pending"], "code": hotp(secret, step_at(clock()))}
    assert api.bearer("POST", "/auth/totp/confirm", thiefs, members).status == 200
    # The mail that tells of the app is older than the link.
    clock.advance(1)
    forgot(api, "Alice")
    assert reset(api, mailbox.token(ADDRESS, "reset")).status == 204
    api.login("Alice", NEW_PASSWORD).assert_problem(403, "second_factor_required")
    assert [operate(command, "alice") for command in ("users remove-factors", "users log-out")] == [0, 0]
    owners = api.login("Alice", NEW_PASSWORD)
    assert owners.status == 200
    assert owners.json["user"]["second_factor"] is False
    api.me(thiefs).assert_problem(401, "invalid_token")
    # Another app can be added, as to any account.
    assert api.bearer("POST", "/auth/totp", owners.json["access_token"]).status == 200
