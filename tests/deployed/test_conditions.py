"""The emulation of IAM's conditions: what a request has for the keys, and what a statement says of it."""

import pytest

from tests.deployed.aws_authorization import required, required_to_send
from tests.deployed.aws_conditions import holds, of_dynamodb, of_mail

USERS = "lychgate-test-users"
KEY = {"username_key": {"S": "k1"}}
READS_SOME = {
    "ForAllValues:StringEquals": {"dynamodb:Attributes": ["username_key", "email", "user_id"]},
    "StringEquals": {"dynamodb:Select": "SPECIFIC_ATTRIBUTES"},
}


def get(**members):
    return of_dynamodb("GetItem", {"TableName": USERS, "Key": KEY, **members})


def test_a_read_of_named_attributes_has_their_names_and_those_of_the_key():
    context = get(ProjectionExpression="#e, user_id", ExpressionAttributeNames={"#e": "email"})
    assert context["dynamodb:Attributes"] == ["email", "user_id", "username_key"]
    assert context["dynamodb:Select"] == "SPECIFIC_ATTRIBUTES"
    assert context["dynamodb:LeadingKeys"] == ["k1"]
    assert holds(READS_SOME, context)


@pytest.mark.parametrize(
    "members",
    [
        {"ProjectionExpression": "email, password_hash"},
        {"ProjectionExpression": "#p", "ExpressionAttributeNames": {"#p": "password_hash"}},
        {"AttributesToGet": ["password_hash"]},
        {},
    ],
)
def test_a_read_of_another_attribute_or_of_all_is_not_one_of_these(members):
    assert not holds(READS_SOME, get(**members))


def test_only_the_way_of_reading_tells_a_read_of_all_attributes():
    alone = {"ForAllValues:StringEquals": READS_SOME["ForAllValues:StringEquals"]}
    assert holds(alone, get())
    assert get()["dynamodb:Select"] == "ALL_ATTRIBUTES"


def test_a_write_has_every_attribute_that_it_sets_adds_removes_or_compares():
    request = {
        "TableName": "lychgate-test-mail",
        "Key": {"mail_id": {"S": "m1"}},
        "UpdateExpression": "SET sent_at = :now, #m = if_not_exists(message_id, :m) ADD token_digests :d REMOVE reason",
        "ConditionExpression": "attribute_exists(mail_id) AND NOT used_at > :now AND #x.inner = :now",
        "ExpressionAttributeNames": {"#m": "member", "#x": "map"},
    }
    assert of_dynamodb("UpdateItem", request) == {
        "dynamodb:Attributes": [
            "mail_id", "map", "member", "message_id", "reason", "sent_at", "token_digests", "used_at"
        ],
        "dynamodb:LeadingKeys": ["m1"],
        "dynamodb:ReturnValues": "NONE",
    }  # fmt: skip


def test_a_query_has_the_partition_that_it_asks_for():
    request = {
        "TableName": "lychgate-test-sessions",
        "KeyConditionExpression": "#u = :user AND session_id > :s",
        "ExpressionAttributeNames": {"#u": "user_id"},
        "ExpressionAttributeValues": {":user": {"S": "u1"}, ":s": {"S": "s1"}},
    }
    context = of_dynamodb("Query", request)
    assert context["dynamodb:LeadingKeys"] == ["u1"]
    assert context["dynamodb:Attributes"] == ["session_id", "user_id"]
    assert context["dynamodb:Select"] == "ALL_ATTRIBUTES"
    assert of_dynamodb("Query", {**request, "Select": "COUNT"})["dynamodb:Select"] == "COUNT"


def test_each_request_of_a_transaction_and_of_a_batch_is_judged_by_its_own_values():
    put = {"TableName": "lychgate-test-mail", "Item": {"mail_id": {"S": "m1"}, "kind": {"S": "reset"}}}
    update = {"TableName": USERS, "Key": KEY, "UpdateExpression": "SET language = :l"}
    transaction = {"TransactItems": [{"Put": put}, {"Update": update}]}
    found = required("DynamoDB_20120810.TransactWriteItems", transaction)
    assert [each.action for each in found] == ["dynamodb:PutItem", "dynamodb:UpdateItem"]
    assert [each.context["dynamodb:LeadingKeys"] for each in found] == [["m1"], ["k1"]]
    assert {each.context["dynamodb:EnclosingOperation"] for each in found} == {"TransactWriteItems"}
    batch = {"RequestItems": {USERS: {"Keys": [KEY, {"username_key": {"S": "k2"}}], "ProjectionExpression": "email"}}}
    (read,) = required("DynamoDB_20120810.BatchGetItem", batch)
    assert read.context["dynamodb:LeadingKeys"] == ["k1", "k2"]
    assert read.context["dynamodb:Select"] == "SPECIFIC_ATTRIBUTES"


MAIL = {
    "FromEmailAddress": '"My site" <no-reply@site.example>',
    "Destination": {"ToAddresses": ["a@b.example"], "BccAddresses": ["c@d.example"]},
}


def test_a_mail_has_its_sender_without_the_name_and_everybody_who_gets_it():
    assert of_mail(MAIL) == {
        "ses:ApiVersion": "2",
        "ses:FromAddress": "no-reply@site.example",
        "ses:FromDisplayName": "My site",
        "ses:Recipients": ["a@b.example", "c@d.example"],
    }
    assert "ses:FromDisplayName" not in of_mail({"FromEmailAddress": "no-reply@site.example"})


def test_a_mail_needs_the_right_to_its_identity_and_to_its_configuration_set():
    base = "arn:aws:ses:us-east-1:123456789012:"
    with_set = required_to_send({**MAIL, "ConfigurationSetName": "mails"}, "site.example")
    assert [each.resource for each in with_set] == [f"{base}identity/site.example", f"{base}configuration-set/mails"]
    assert [each.resource for each in required_to_send(MAIL, "site.example")] == [f"{base}identity/site.example"]


@pytest.mark.parametrize(
    ("conditions", "context", "expected"),
    [
        ({}, {}, True),
        ({"StringEquals": {"ses:FromAddress": "a"}}, {"ses:FromAddress": "a"}, True),
        ({"StringEquals": {"ses:FromAddress": ["b", "a"]}}, {"ses:FromAddress": "a"}, True),
        ({"StringEquals": {"ses:FromAddress": "a"}}, {"ses:FromAddress": "A"}, False),
        ({"StringEquals": {"ses:FromAddress": "a"}}, {}, False),
        ({"StringEqualsIfExists": {"ses:FromAddress": "a"}}, {}, True),
        ({"StringEqualsIfExists": {"ses:FromAddress": "a"}}, {"ses:FromAddress": "b"}, False),
        ({"StringLike": {"ses:FromAddress": "*@site.example"}}, {"ses:FromAddress": "x@site.example"}, True),
        ({"StringLike": {"ses:FromAddress": "*@site.example"}}, {"ses:FromAddress": "x@other.example"}, False),
        ({"StringLike": {"ses:FromAddress": "[a]"}}, {"ses:FromAddress": "a"}, False),
        ({"ForAllValues:StringLike": {"dynamodb:LeadingKeys": "email#*"}}, {"dynamodb:LeadingKeys": ["email#1"]}, True),
        ({"ForAllValues:StringLike": {"dynamodb:LeadingKeys": "e#*"}}, {"dynamodb:LeadingKeys": ["e#1", "x"]}, False),
        ({"ForAllValues:StringLike": {"dynamodb:LeadingKeys": "e#*"}}, {}, True),
        ({"ForAllValues:StringNotEquals": {"dynamodb:LeadingKeys": ["a", "b"]}}, {"dynamodb:LeadingKeys": ["c"]}, True),
        (
            {"ForAllValues:StringNotEquals": {"dynamodb:LeadingKeys": ["a", "b"]}},
            {"dynamodb:LeadingKeys": ["b"]},
            False,
        ),
        ({"ForAnyValue:StringLike": {"dynamodb:LeadingKeys": "e#*"}}, {"dynamodb:LeadingKeys": ["e#1", "x"]}, True),
        ({"ForAnyValue:StringLike": {"dynamodb:LeadingKeys": "e#*"}}, {}, False),
    ],
)
def test_a_condition_holds_as_iam_has_it(conditions, context, expected):
    assert holds(conditions, context) is expected


@pytest.mark.parametrize(
    "conditions",
    [
        {"NumericLessThan": {"aws:MultiFactorAuthAge": "1"}},
        {"StringEquals": {"dynamodb:Attributes": "email"}},
        {"ForAllValues:StringEquals": {"ses:FromAddress": "a"}},
    ],
)
def test_a_condition_that_is_not_understood_is_an_error(conditions):
    with pytest.raises(LookupError):
        holds(conditions, {})
