"""What docs/operations/users.md says that an operator needs: with it all works, and with any less one is told why."""

import json
import re
from dataclasses import replace

import boto3
import pytest
from click.testing import CliRunner

from chalicelib.accounts.user import Contact
from chalicelib.adapters.dynamodb.items import user_key
from chalicelib.adapters.dynamodb.transactions import Database
from chalicelib.adapters.dynamodb.users import DynamoDBUserStore
from chalicelib.tokens.keys import public_jwks
from infra.deployment.stage import stage_configuration
from infra.operator.__main__ import operator
from infra.operator.accounts import open_accounts
from infra.operator.calls import Reach
from tests.deployed.aws_authorization import AuthorizingAws, Role, credentials
from tests.support import places
from tests.support.databases import tables_of
from tests.support.samples import ALICE, NOW, REGISTERED, SESSION

PAGE = (places.ROOT / "docs" / "operations" / "users.md").read_text("utf-8")
TABLES = tables_of(places.FOUNDATION.stage)
COMMANDS = {
    "users show": ("users", "show", "alice"),
    "users set-roles": ("users", "set-roles", "alice", "user"),
    "users create": ("users", "create", "kim"),
    "users list": ("users", "list"),
    "users events": ("users", "events", "alice"),
    "users disable": ("users", "disable", "alice"),
    "users enable": ("users", "enable", "lee"),
    "users log-out": ("users", "log-out", "alice"),
    "users reset-password": ("users", "reset-password", "alice"),
    "users delete": ("users", "delete", "alice", "--yes"),
    "users reindex": ("users", "reindex"),
    "audit": ("audit", "--since", "7d"),
    "users remove-factors": ("users", "remove-factors", "alice", "--yes"),
    "mails suppressed": ("mails", "suppressed"),
    "mails allow": ("mails", "allow", "alice@example.org"),
}
LEE = replace(ALICE, id="l1", username="Lee", disabled=True)
KNOWN = replace(ALICE, contact=Contact("alice@example.org", verified=True))


def listed(command):
    """The pairs of action and resource that the page lists for a command."""
    rows = re.findall(rf"^\| `{command}` \| (.*) \| (.*) \|$", PAGE, re.MULTILINE)
    return sorted(
        (action, arn(table))
        for actions, tables in rows
        for action in re.findall(r"dynamodb:\w+", actions)
        for table in tables.split(", ")
    )


def arn(resource):
    """The ARN of a table, or of an index of one: `users`, `users/index/by-id`."""
    table, slash, rest = resource.partition("/")
    return places.FOUNDATION.arn("dynamodb", f"table/{getattr(TABLES, table)}{slash}{rest}")


CLEARS = {"users disable", "users log-out", "users delete"}
LISTED = [
    (command, pair)
    for command in COMMANDS
    for pair in listed(command)
    # What has ended is cleared away after it has ended, so not having that permission is no reason not to.
    if not (command in CLEARS and pair[0] in {"dynamodb:Query", "dynamodb:BatchWriteItem"})
]


def policy(pairs):
    statements = [{"Effect": "Allow", "Action": [action], "Resource": resource} for action, resource in pairs]
    return {"Version": "2012-10-17", "Statement": statements}


@pytest.fixture
def role():
    return Role(credentials("operator"), policy([]))


@pytest.fixture
def operate(role, ring, tables, local_database, tmp_path):
    """Run a command about Alice in the stage, as somebody with a role of AWS's."""
    tables.empty()
    users = DynamoDBUserStore(Database(tables.client, TABLES))
    users.add(KNOWN, SESSION, REGISTERED)
    users.add(LEE, replace(SESSION, user_id="l1"), replace(REGISTERED, user_id="l1"))
    tables.client.update_item(
        TableName=TABLES.users,
        Key=user_key("alice"),
        UpdateExpression="SET totp = :totp, totp_added_at = :at, totp_step = :at",
        ExpressionAttributeValues={":totp": {"S": ".sealed"}, ":at": {"N": "1"}},
    )
    # As an earlier version has left it.
    tables.client.update_item(
        TableName=TABLES.users, Key=user_key("lee"), UpdateExpression="REMOVE directory, canonical_username"
    )
    sends_mail = {"environment_variables": {"LYCHGATE_MAIL_FROM": "no-reply@example.org"}}
    configuration = stage_configuration(places.FOUNDATION, json.dumps(public_jwks(ring)), sends_mail)
    (tmp_path / ".chalice").mkdir()
    (tmp_path / ".chalice" / "config.json").write_text(json.dumps({"stages": {"test": configuration}}))
    aws = AuthorizingAws(local_database, [role])

    def client():
        return boto3.client(
            "dynamodb",
            region_name=places.REGION,
            endpoint_url=aws.endpoint,
            aws_access_key_id=role.credentials.access_key_id,
            aws_secret_access_key=role.credentials.secret_access_key,
            aws_session_token=role.credentials.session_token,
        )

    def operate(command):
        reach = Reach(lambda stage: open_accounts(stage, make_dynamodb=client), lambda: NOW)
        arguments = [*COMMANDS[command], "--stage", "test", "--project", str(tmp_path)]
        return CliRunner().invoke(operator, arguments, obj=reach)

    yield operate
    aws.stop()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_needs_what_the_page_lists_and_nothing_else(operate, role, command):
    role.policy = policy(listed(command))
    done = operate(command)
    assert (done.exit_code, role.denied) == (0, set()), done.output
    assert sorted(role.used) == listed(command)


@pytest.mark.parametrize(("command", "pair"), LISTED)
def test_without_any_one_of_them_it_says_which_and_changes_nothing(operate, role, tables, command, pair):
    role.policy = policy([each for each in listed(command) if each != pair])
    done = operate(command)
    assert done.exit_code == 1
    assert "AccessDeniedException" in done.stderr
    assert pair[0] in done.stderr
    found = DynamoDBUserStore(Database(tables.client, TABLES)).find("alice")
    assert (replace(found, factors=None), found.second_factor) == (KNOWN, True)
