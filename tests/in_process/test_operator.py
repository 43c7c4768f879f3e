"""What docs/operations/ tells an operator to do by hand, done to the tables."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from chalicelib.adapters.dynamodb.items import user_key

INCIDENTS = (Path(__file__).parents[2] / "docs" / "operations" / "incidents.md").read_text("utf-8")


@pytest.fixture
def disable(aws_clients, environment):
    """Run the command that disables an account, for another username and table than the page's."""
    (command,) = re.findall(r"^ +(aws dynamodb update-item (?:.*\\\n)*.*)$", INCIDENTS, re.MULTILINE)
    (digest,) = re.findall(r"^ +(key=.*)$", INCIDENTS, re.MULTILINE)
    words = shlex.split(command.replace("\\\n", ""))[3:]
    options = dict(zip(words[::2], words[1::2], strict=True))
    dynamodb, _ = aws_clients

    def disable(username):
        script = f"{digest.replace('kim', username)}; echo $key"
        key = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout.strip()
        dynamodb.update_item(
            TableName=environment["LYCHGATE_USERS_TABLE"],
            Key=json.loads(options["--key"].replace("$key", key)),
            ConditionExpression=options["--condition-expression"],
            UpdateExpression=options["--update-expression"],
            ExpressionAttributeValues=json.loads(options["--expression-attribute-values"]),
        )

    return disable


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
