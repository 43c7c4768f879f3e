"""Least privilege, proven: each function's role has what the application needs, and nothing that it does not."""

import copy

import pytest

from chalicelib.credentials.mail_budgets import budget_key
from infra.deployment.policies import POLICIES as MADE_BY
from infra.deployment.policies import USER_INDEXES
from infra.stages import ANSWERING
from tests.deployed.aws_authorization import encryption_context
from tests.support import places
from tests.support.marks import each_third

POLICIES = {name: policy(places.FOUNDATION) for name, policy in MADE_BY.items()}
STATEMENTS = [(name, statement["Sid"]) for name, policy in POLICIES.items() for statement in policy["Statement"]]
ACTIONS = [
    (name, statement["Sid"], action)
    for name, policy in POLICIES.items()
    for statement in policy["Statement"]
    for action in statement["Action"]
]
COUNTERS = [
    (name, statement["Sid"], keys)
    for name, policy in POLICIES.items()
    for statement in policy["Statement"]
    if statement["Resource"].endswith(places.FOUNDATION.throttle_table)
    for keys in statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
]


def test_the_functions_have_the_policies_that_were_written_for_them(package):
    assert {name: function.policy for name, function in package.functions.items()} == POLICIES


def test_everything_works_and_every_action_on_every_resource_that_is_allowed_is_used(account):
    # The parameter is asked for once in the life of a process.
    for name in (*ANSWERING, "webhooks"):
        account.functions[name].end()
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


# That each is needed follows from that each of its actions is used, which is shown above.
@pytest.mark.parametrize(("function", "sid"), each_third(STATEMENTS))
def test_without_any_one_statement_something_fails(account, function, sid):
    without = copy.deepcopy(POLICIES[function])
    without["Statement"] = [statement for statement in without["Statement"] if statement["Sid"] != sid]
    assert_fails(account, function, without)


@pytest.mark.exhaustive  # That all allowed actions are used is shown above.
@pytest.mark.parametrize(("function", "sid", "action"), ACTIONS)
def test_without_any_one_action_something_fails(account, function, sid, action):
    without = copy.deepcopy(POLICIES[function])
    (statement,) = [statement for statement in without["Statement"] if statement["Sid"] == sid]
    statement["Action"].remove(action)
    denied = assert_fails(account, function, without)
    assert {name for name, _ in denied} == {action}


@pytest.mark.parametrize(("function", "sid", "keys"), COUNTERS)
def test_without_any_one_kind_of_counters_something_fails(account, function, sid, keys):
    without = copy.deepcopy(POLICIES[function])
    (statement,) = [statement for statement in without["Statement"] if statement["Sid"] == sid]
    statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"].remove(keys)
    assert {resource for _, resource in assert_fails(account, function, without)} == {statement["Resource"]}


READ_BUDGET = {
    "TableName": "lychgate-test-throttle",
    "Key": {"counter_key": {"S": budget_key("alice@mail.example")}},
}


@pytest.mark.parametrize("function", ["api_handler", "admin", "authorizer", "webhooks"])
@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("get_item", {}),
        ("delete_item", {"ReturnValues": "ALL_OLD"}),
        ("update_item", {"UpdateExpression": "REMOVE sent", "ReturnValues": "ALL_OLD"}),
        ("update_item", {"UpdateExpression": "SET seen = sent", "ReturnValues": "ALL_NEW"}),
    ],
    ids=["reading it", "deleting it", "clearing it", "writing beside it"],
)
def test_nobody_but_the_mailer_learns_what_an_address_gets_or_changes_it(account, function, operation, members):
    item = {**READ_BUDGET["Key"], "sent": {"S": "1:reset"}}
    account.tables.client.put_item(TableName="lychgate-test-throttle", Item=item)
    client = account.client(function, "dynamodb")
    with pytest.raises(client.exceptions.ClientError, match="AccessDeniedException"):
        getattr(client, operation)(**READ_BUDGET, **members)
    assert account.client("mailer", "dynamodb").get_item(**READ_BUDGET)["Item"] == item


@pytest.mark.parametrize("table", ["users", "sessions", "events", "throttle", "mail"])
def test_nothing_else_is_in_reach(account, table):
    tables = "arn:aws:dynamodb:us-east-1:123456789012:table"
    for role in account.roles.values():
        for action in ("Scan", "DeleteTable", "UpdateTable", "DescribeTable"):
            assert not role.allows(f"dynamodb:{action}", f"{tables}/lychgate-test-{table}")
            assert not role.allows(f"dynamodb:{action}", f"{tables}/lychgate-test-{table}/index/by-name")
        for other in (f"lychgate-prod-{table}", f"lychgate-test-{table}-copy", f"lychgate-test-{table}/index/any"):
            for action in ("GetItem", "PutItem", "Query"):
                assert not role.allows(f"dynamodb:{action}", f"{tables}/{other}")
    assert not account.roles["authorizer"].allows("dynamodb:GetItem", f"{tables}/lychgate-test-{table}")


def asked(index):
    """A question to an index of the users."""
    key, value = {"by-id": ("user_id", "u1"), "by-name": ("directory", "users")}[index]
    return {
        "TableName": "lychgate-test-users",
        "IndexName": index,
        "KeyConditionExpression": f"{key} = :value",
        "ExpressionAttributeValues": {":value": {"S": value}},
    }


@pytest.mark.parametrize("index", USER_INDEXES)
def test_the_function_of_administrators_alone_may_ask_an_index(account, index):
    item = {**USER, "directory": {"S": "users"}, "canonical_username": {"S": "alice"}}
    account.tables.client.put_item(TableName="lychgate-test-users", Item=item)
    for name in account.roles:
        client = account.client(name, "dynamodb")
        if name == "admin":
            (found,) = client.query(**asked(index))["Items"]
            assert found["username_key"] == USER["username_key"]
            assert "password_hash" not in found
        else:
            with pytest.raises(client.exceptions.ClientError, match="AccessDeniedException"):
                client.query(**asked(index))
        for scanned in ({"TableName": "lychgate-test-users"}, {"TableName": "lychgate-test-users", "IndexName": index}):
            with pytest.raises(client.exceptions.ClientError, match="AccessDeniedException"):
                client.scan(**scanned)


def written_at_once(written):
    return {"RequestItems": {"lychgate-test-sessions": [written]}}


@pytest.mark.parametrize(
    ("operation", "request_of"),
    [
        ("get_item", {"TableName": "lychgate-test-mail", "Key": {"mail_id": {"S": "m1"}}}),
        ("delete_item", {"TableName": "lychgate-test-mail", "Key": {"mail_id": {"S": "m1"}}}),
        (
            "put_item",
            {"TableName": "lychgate-test-sessions", "Item": {"user_id": {"S": "u1"}, "session_id": {"S": "s1"}}},
        ),
        (
            "delete_item",
            {
                "TableName": "lychgate-test-sessions",
                "Key": {"user_id": {"S": "#ended"}, "session_id": {"S": "1#user#u1"}},
            },
        ),
        (
            "batch_write_item",
            written_at_once(
                {"PutRequest": {"Item": {"user_id": {"S": "u1"}, "session_id": {"S": "s1"}, "epoch": {"N": "0"}}}}
            ),
        ),
        (
            "batch_write_item",
            written_at_once({"DeleteRequest": {"Key": {"user_id": {"S": "#ended"}, "session_id": {"S": "1#user#u1"}}}}),
        ),
        (
            "update_item",
            {
                "TableName": "lychgate-test-throttle",
                "Key": {"counter_key": {"S": "address#192.0.2.1"}},
                "UpdateExpression": "REMOVE failures",
            },
        ),
    ],
    ids=[
        "what was mailed",
        "deleting what was mailed",
        "a session for somebody",
        "taking back that a session has ended",
        "a session for somebody in a batch",
        "taking back in a batch that a session has ended",
        "the counters of guesses",
    ],
)
def test_administrators_get_no_session_of_a_user_and_no_mail_of_theirs(account, operation, request_of):
    client = account.client("admin", "dynamodb")
    with pytest.raises(client.exceptions.ClientError, match="AccessDeniedException"):
        getattr(client, operation)(**request_of)


def test_administrators_end_the_sessions_of_a_user(account):
    keys = [{"user_id": {"S": "u1"}, "session_id": {"S": f"s{number}"}} for number in range(2)]
    deleted = {"lychgate-test-sessions": [{"DeleteRequest": {"Key": key}} for key in keys]}
    answer = account.client("admin", "dynamodb").batch_write_item(RequestItems=deleted)
    assert not answer["UnprocessedItems"]


@pytest.mark.parametrize("function", ANSWERING)
def test_the_key_of_ones_own_decrypts_this_parameter_and_nothing_else(account, function):
    role = account.roles[function]
    for name, allowed in ((places.FOUNDATION.signing_keys_parameter, True), ("/lychgate/prod/signing-keys", False)):
        assert role.allows("kms:Decrypt", places.KMS_KEY, encryption_context({"Name": name})) is allowed
    assert not role.allows("kms:Decrypt", places.KMS_KEY)
    for action in ("Encrypt", "GenerateDataKey", "ReEncryptFrom"):
        context = encryption_context({"Name": places.FOUNDATION.signing_keys_parameter})
        assert not role.allows(f"kms:{action}", places.KMS_KEY, context)


# A user with all that an account has, whose mails somebody may ask for.
USER = {
    "username_key": {"S": "k1"},
    "user_id": {"S": "u1"},
    "username": {"S": "alice"},
    "email": {"S": "alice@mail.example"},
    "password_hash": {"S": "$2b$not-for-mailers"},
}
READ_USER = {"TableName": "lychgate-test-users", "Key": {"username_key": {"S": "k1"}}}
FROM_SENDER = {
    "FromEmailAddress": places.SENDER,
    "Destination": {"ToAddresses": ["alice@mail.example"]},
    "Content": {"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}, "Html": {"Data": "h"}}}},
    "ConfigurationSetName": places.CONFIGURATION_SET,
}


class TestTheMailer:
    def test_reads_what_it_needs_of_a_user(self, account):
        account.tables.client.put_item(TableName="lychgate-test-users", Item=USER)
        read = account.client("mailer", "dynamodb").get_item(**READ_USER, ProjectionExpression="user_id, email")
        assert read["Item"] == {name: USER[name] for name in ("user_id", "email")}

    @pytest.mark.parametrize(
        "members",
        [
            {"ProjectionExpression": "password_hash"},
            {"ProjectionExpression": "email, #p", "ExpressionAttributeNames": {"#p": "password_hash"}},
            {"ProjectionExpression": "roles"},
            {"AttributesToGet": ["password_hash"]},
            {},
        ],
        ids=["the hash", "the hash under another name", "roles", "the hash as one once asked", "all"],
    )
    def test_cannot_read_a_hash_or_all_of_a_user(self, account, members):
        account.tables.client.put_item(TableName="lychgate-test-users", Item=USER)
        client = account.client("mailer", "dynamodb")
        with pytest.raises(client.exceptions.ClientError, match="AccessDeniedException"):
            client.get_item(**READ_USER, **members)

    def test_could_read_all_of_a_user_if_its_policy_did_not_ask_for_a_projection(self, account):
        account.tables.client.put_item(TableName="lychgate-test-users", Item=USER)
        policy = copy.deepcopy(POLICIES["mailer"])
        (users,) = [each for each in policy["Statement"] if each["Sid"] == "Users"]
        del users["Condition"]["StringEqualsIfExists"]
        account.roles["mailer"].policy = policy
        assert account.client("mailer", "dynamodb").get_item(**READ_USER)["Item"] == USER

    @pytest.mark.parametrize(
        ("service", "operation", "request_of"),
        [
            ("dynamodb", "put_item", {"TableName": "lychgate-test-users", "Item": USER}),
            ("dynamodb", "delete_item", READ_USER),
            ("dynamodb", "update_item", {**READ_USER, "UpdateExpression": "REMOVE password_hash"}),
            ("dynamodb", "batch_get_item", {"RequestItems": {"lychgate-test-users": {"Keys": [READ_USER["Key"]]}}}),
            (
                "dynamodb",
                "query",
                {
                    "TableName": "lychgate-test-sessions",
                    "KeyConditionExpression": "user_id = :u",
                    "ExpressionAttributeValues": {":u": {"S": "u1"}},
                },
            ),
            (
                "dynamodb",
                "get_item",
                {"TableName": "lychgate-test-events", "Key": {"user_id": {"S": "u1"}, "event_id": {"S": "e1"}}},
            ),
            ("dynamodb", "delete_item", {"TableName": "lychgate-test-mail", "Key": {"mail_id": {"S": "m1"}}}),
            (
                "dynamodb",
                "update_item",
                {
                    "TableName": "lychgate-test-throttle",
                    "Key": {"counter_key": {"S": "address#192.0.2.1"}},
                    "UpdateExpression": "REMOVE failures",
                },
            ),
            ("ssm", "get_parameter", {"Name": places.FOUNDATION.signing_keys_parameter, "WithDecryption": True}),
        ],
        ids=lambda value: value if isinstance(value, str) else value.get("TableName", ""),
    )
    def test_cannot_do_what_is_none_of_its_business(self, account, service, operation, request_of):
        client = account.client("mailer", service)
        with pytest.raises(client.exceptions.ClientError, match="AccessDeniedException"):
            getattr(client, operation)(**request_of)

    @pytest.mark.parametrize(
        "changed",
        [
            {"FromEmailAddress": "boss@lychgate.example"},
            {"FromEmailAddress": "Lychgate <boss@lychgate.example>"},
            {"ConfigurationSetName": "another"},
        ],
    )
    def test_cannot_send_as_somebody_else_or_past_those_who_hear_of_bounces(self, account, changed):
        client = account.client("mailer", "sesv2")
        client.send_email(**FROM_SENDER)
        with pytest.raises(client.exceptions.ClientError, match="AccessDeniedException"):
            client.send_email(**(FROM_SENDER | changed))
        assert len(account.mails.sent) == 1


@pytest.mark.parametrize("role", ["api_handler", "authorizer", "admin"])
def test_whoever_answers_requests_cannot_send_mail(account, role):
    client = account.client(role, "sesv2")
    with pytest.raises(client.exceptions.ClientError, match="AccessDeniedException"):
        client.send_email(**FROM_SENDER)
    assert account.mails.sent == []
    assert not any(action.startswith("ses:") for name, _, action in ACTIONS if name == role)


def assert_fails(account, function, policy):
    account.begin({function: policy})
    left = {action for statement in policy["Statement"] for action in statement["Action"]}
    if not {"ssm:GetParameter", "kms:Decrypt"} <= left:
        # The parameter is asked for once in the life of a process.
        account.functions[function].end()
    lives = {
        "mailer": account.live_with_mails,
        "admin": account.live_as_administrators,
        "webhooks": account.live_with_webhooks,
    }
    # An answer that is none has no token in it either.
    with pytest.raises((AssertionError, KeyError)):
        lives.get(function, account.live)()
    denied = account.roles[function].denied
    assert denied
    return denied


def _as_in_policy(resource):
    prefix, separator, _ = resource.partition(":log-stream:")
    return f"{prefix}:*" if separator else resource
