"""Least privilege, proven: each function's role has what the application needs, and nothing that it does not."""

import copy

import pytest

from tests.deployed.aws_authorization import encryption_context
from tests.support import places

POLICIES = {name: policy(places.FOUNDATION) for name, policy in places.POLICIES.items()}
STATEMENTS = [(name, statement["Sid"]) for name, policy in POLICIES.items() for statement in policy["Statement"]]
ACTIONS = [
    (name, statement["Sid"], action)
    for name, policy in POLICIES.items()
    for statement in policy["Statement"]
    for action in statement["Action"]
]


def test_the_functions_have_the_policies_that_were_written_for_them(package):
    assert {name: function.policy for name, function in package.functions.items()} == POLICIES


def test_everything_works_and_every_action_on_every_resource_that_is_allowed_is_used(account):
    account.begin({})
    account.live()
    for name, role in account.roles.items():
        assert role.denied == set()
        allowed = {
            (action, statement["Resource"])
            for statement in POLICIES[name]["Statement"]
            for action in statement["Action"]
        }
        used = {(action, _as_in_policy(resource)) for action, resource in role.used}
        assert used == allowed


@pytest.mark.parametrize(("function", "sid"), STATEMENTS)
def test_without_any_one_statement_something_fails(account, function, sid):
    without = copy.deepcopy(POLICIES[function])
    without["Statement"] = [statement for statement in without["Statement"] if statement["Sid"] != sid]
    assert_fails(account, function, without)


@pytest.mark.parametrize(("function", "sid", "action"), ACTIONS)
def test_without_any_one_action_something_fails(account, function, sid, action):
    without = copy.deepcopy(POLICIES[function])
    (statement,) = [statement for statement in without["Statement"] if statement["Sid"] == sid]
    statement["Action"].remove(action)
    denied = assert_fails(account, function, without)
    assert {name for name, _ in denied} == {action}


@pytest.mark.parametrize("table", ["users", "sessions", "events", "throttle"])
def test_nothing_else_is_in_reach(account, table):
    account.begin({})
    api_handler, authorizer = account.roles["api_handler"], account.roles["authorizer"]
    tables = "arn:aws:dynamodb:us-east-1:123456789012:table"
    for action in ("Scan", "DeleteTable", "UpdateTable", "DescribeTable", "ConditionCheckItem"):
        assert not api_handler.allows(f"dynamodb:{action}", f"{tables}/lychgate-test-{table}")
    for other in (f"lychgate-prod-{table}", f"lychgate-test-{table}-copy", f"lychgate-test-{table}/index/any"):
        assert not api_handler.allows("dynamodb:PutItem", f"{tables}/{other}")
    assert not authorizer.allows("dynamodb:GetItem", f"{tables}/lychgate-test-{table}")


def test_the_key_of_ones_own_decrypts_this_parameter_and_nothing_else(account):
    account.begin({})
    role = account.roles["api_handler"]
    for name, allowed in ((places.FOUNDATION.signing_keys_parameter, True), ("/lychgate/prod/signing-keys", False)):
        assert role.allows("kms:Decrypt", places.KMS_KEY, encryption_context({"Name": name})) is allowed
    assert not role.allows("kms:Decrypt", places.KMS_KEY)
    for action in ("Encrypt", "GenerateDataKey", "ReEncryptFrom"):
        context = encryption_context({"Name": places.FOUNDATION.signing_keys_parameter})
        assert not role.allows(f"kms:{action}", places.KMS_KEY, context)


def assert_fails(account, function, policy):
    account.begin({function: policy})
    left = {action for statement in policy["Statement"] for action in statement["Action"]}
    if not {"ssm:GetParameter", "kms:Decrypt"} <= left:
        # The parameter is asked for once in the life of a process.
        account.functions[function].end()
    # An answer that is none has no token in it either.
    with pytest.raises((AssertionError, KeyError)):
        account.live()
    denied = account.roles[function].denied
    assert denied
    return denied


def _as_in_policy(resource):
    prefix, separator, _ = resource.partition(":log-stream:")
    return f"{prefix}:*" if separator else resource
