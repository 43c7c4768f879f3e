"""What docs/operations/ tells an operator to do by hand, done to the tables."""

import base64
import functools
import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from chalicelib.adapters.dynamodb.items import user_key
from chalicelib.credentials.totp import hotp, step_at
from tests.support.mail_flows import ADDRESS, NEW_PASSWORD, forgot, reset, with_address

INCIDENTS = (Path(__file__).parents[2] / "docs" / "operations" / "incidents.md").read_text("utf-8")


@pytest.fixture
def by_hand(aws_clients, environment):
    """Run the first or the second command that changes an account, for another username and table than the page's."""
    commands = re.findall(r"^ +(aws dynamodb update-item (?:.*\\\n)*.*)$", INCIDENTS, re.MULTILINE)
    (digest,) = re.findall(r"^ +(key=.*)$", INCIDENTS, re.MULTILINE)
    dynamodb, _ = aws_clients
    assert len(commands) == 2

    def by_hand(number, username):
        words = shlex.split(commands[number].replace("\\\n", ""))[3:]
        options = dict(zip(words[::2], words[1::2], strict=True))
        script = f"{digest.replace('kim', username)}; echo $key"
        key = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout.strip()
        dynamodb.update_item(
            TableName=environment["LYCHGATE_USERS_TABLE"],
            Key=json.loads(options["--key"].replace("$key", key)),
            ConditionExpression=options["--condition-expression"],
            UpdateExpression=options["--update-expression"],
            ExpressionAttributeValues=json.loads(options["--expression-attribute-values"]),
        )

    return by_hand


@pytest.fixture
def disable(by_hand):
    """Run the command that disables an account."""
    return functools.partial(by_hand, 0)


@pytest.fixture
def take_second_factor_away(by_hand):
    """Run the command that gives an account back whose thief has enrolled an app."""
    return functools.partial(by_hand, 1)


def enable(aws_clients, environment, username):
    dynamodb, _ = aws_clients
    dynamodb.update_item(
        TableName=environment["LYCHGATE_USERS_TABLE"],
        Key=user_key(username),
        UpdateExpression="SET disabled = :no",
        ExpressionAttributeValues={":no": {"BOOL": False}},
    )


def test_a_disabled_user_is_out_and_sessions_do_not_come_back(api, disable, aws_clients, environment):
    tokens = api.register("Alice").json
    disable("alice")
    api.login("Alice").assert_problem(401, "invalid_credentials")
    api.refresh(tokens["refresh_token"]).assert_problem(401, "invalid_grant")
    api.bearer("POST", "/auth/logout-all", tokens["access_token"]).assert_problem(401, "invalid_token")
    enable(aws_clients, environment, "alice")
    api.refresh(tokens["refresh_token"]).assert_problem(401, "invalid_grant")
    api.bearer("POST", "/auth/logout-all", tokens["access_token"]).assert_problem(401, "invalid_token")
    again = api.login("Alice").json
    assert api.refresh(again["refresh_token"]).status == 200


def test_to_disable_a_name_that_nobody_has_makes_no_account(api, disable, aws_clients):
    with pytest.raises(aws_clients[0].exceptions.ConditionalCheckFailedException):
        disable("nobody")
    assert api.register("Nobody").status == 201


def test_an_owner_gets_an_account_back_to_which_a_thief_has_added_an_app(api, mailbox, clock, take_second_factor_away):
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
    take_second_factor_away("alice")
    owners = api.login("Alice", NEW_PASSWORD)
    assert owners.status == 200
    assert owners.json["user"]["second_factor"] is False
    api.me(thiefs).assert_problem(401, "invalid_token")
    # Another app can be added, as to any account.
    assert api.bearer("POST", "/auth/totp", owners.json["access_token"]).status == 200
