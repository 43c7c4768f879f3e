"""The IAM policies of the Lambda functions: the actions that the code uses, on the resources of its stage only.

AWS's Service Authorization Reference says which action an API call needs. A transaction needs those of the operations
in it (Amazon DynamoDB Developer Guide, "Using IAM with DynamoDB transactions").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from infra.deployment.foundation import Foundation

Policy = dict[str, Any]

USER_INDEXES = ("by-id", "by-name")
"""The indexes of the table of users, in the order in which they are made."""

_USERS = (
    "BatchGetItem",
    "BatchWriteItem",
    "ConditionCheckItem",
    "DeleteItem",
    "GetItem",
    "PutItem",
    "UpdateItem",
)
_SESSIONS = ("BatchGetItem", "BatchWriteItem", "DeleteItem", "PutItem", "Query", "UpdateItem")
_EVENTS = ("BatchWriteItem", "PutItem", "Query")
_MAIL = ("GetItem", "PutItem", "UpdateItem")

_SESSIONS_OF_ADMINISTRATORS = ("BatchGetItem", "Query")

_FEED = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["#ended"]}}
"""A condition: the items are entries of the feed of ended sessions, which is beside the sessions."""

_ENDS_SESSIONS = {
    "ForAllValues:StringEquals": {"dynamodb:Attributes": ["session_id", "user_id"]},
    "ForAllValues:StringNotEquals": {"dynamodb:LeadingKeys": ["#ended"]},
}
"""A condition for batches: nothing but a key is named, as to delete an item, and no entry of that feed."""

_COUNTED = ("challenge#*", "failures#*", "registrations#*", "second factors#*")
_COUNTED_FOR_MAILS = ("mails#*", "typed#*")
"""The keys of the counters that the API writes. What mail addresses get, ``mail#``, is the mailer's alone."""

_SEEN_BY_THE_MAILER = (
    "disabled",
    "email",
    "email_verified",
    "language",
    "new_email",
    "owner_id",
    "owner_name",
    "password_version",
    "user_id",
    "username",
    "username_key",
)
"""The attributes of users and of their addresses that the mailer may read: no hash, no role, no count of guesses."""


def api_handler_policy(foundation: Foundation, *, traced: bool = False) -> Policy:
    """Return the policy of the API's function. It may read a user whose name it was told, and list nobody."""
    return _policy(
        _table("Users", foundation, foundation.users_table, _USERS),
        _table("Sessions", foundation, foundation.sessions_table, _SESSIONS),
        _table("Events", foundation, foundation.events_table, _EVENTS),
        _counters("Throttle", foundation, _COUNTED, ("UpdateItem",)),
        *_asking_for_mails(foundation),
        *_signing_keys(foundation),
        *_own_log(foundation, "api_handler", traced=traced),
    )


def admin_policy(foundation: Foundation, *, traced: bool = False) -> Policy:
    """Return the policy of the administration's function.

    It alone may ask the indexes, whose entries have keys only. Nobody may scan a table. It puts no session, only what
    the feed tells of those that have ended. Into the outbox it may put something, where an administrator's link is kept
    also in a stage that sends no mail, and read which addresses are suppressed.
    """
    of_addresses = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["suppressed#*"]}}
    users = foundation.users_table
    return _policy(
        _table("Users", foundation, users, _USERS),
        *(
            _table(f"Users{_camel_case(index)}", foundation, f"{users}/index/{index}", ("Query",))
            for index in USER_INDEXES
        ),
        _table("Sessions", foundation, foundation.sessions_table, _SESSIONS_OF_ADMINISTRATORS),
        {
            **_table("EndedSessions", foundation, foundation.sessions_table, ("BatchWriteItem",)),
            "Condition": _ENDS_SESSIONS,
        },
        {**_table("Feed", foundation, foundation.sessions_table, ("PutItem",)), "Condition": _FEED},
        _table("Events", foundation, foundation.events_table, _EVENTS),
        _table("Mail", foundation, foundation.mail_table, ("PutItem",)),
        {**_table("Suppressed", foundation, foundation.mail_table, ("GetItem",)), "Condition": of_addresses},
        *_signing_keys(foundation),
        *_own_log(foundation, "admin", traced=traced),
    )


def authorizer_policy(foundation: Foundation, *, traced: bool = False) -> Policy:
    """Return the policy of the authorizer's function. It needs the public keys only, which are in its settings."""
    return _policy(*_own_log(foundation, "authorizer", traced=traced))


def mailer_policy(foundation: Foundation, *, traced: bool = False) -> Policy:
    """Return the policy of the mailer's function. In a stage that sends no mail it may write its log only.

    A read of users has to name its attributes, because one that names none asks for all (Amazon DynamoDB Developer
    Guide, "Using IAM policy conditions for fine-grained access control"). Of the counters it has those of what mail
    addresses get, and it counts in those of a day. Lambda reads the stream, and hands on what failed, by the function's
    role (AWS Lambda Developer Guide, "Using Lambda with DynamoDB Streams"). SES asks for the identity and the
    configuration set (Service Authorization Reference, "Actions, resources, and condition keys for Amazon Simple Email
    Service v2").
    """
    common = _own_log(foundation, "mailer", traced=traced)
    if not foundation.mail_from:
        return _policy(*common)
    seen = {
        "ForAllValues:StringEquals": {"dynamodb:Attributes": list(_SEEN_BY_THE_MAILER)},
        "StringEqualsIfExists": {"dynamodb:Select": "SPECIFIC_ATTRIBUTES"},
    }
    return _policy(
        {**_table("Users", foundation, foundation.users_table, ("GetItem",)), "Condition": seen},
        _counters("MailBudgets", foundation, ("mail#*",), ("GetItem", "UpdateItem")),
        _counters("MailsOfDays", foundation, ("mails#all#*",), ("UpdateItem",)),
        _table("Mail", foundation, foundation.mail_table, _MAIL),
        *_stream(foundation.mail_stream),
        *_sending(foundation),
        _statement("DeadLetters", ["sqs:SendMessage"], foundation.arn("sqs", foundation.mail_dead_letters)),
        *common,
    )


def webhooks_policy(foundation: Foundation, *, traced: bool = False) -> Policy:
    """Return the policy of the webhooks' function. In a stage that sends none it may write its log only.

    It reads no table: what it tells is in the stream's records, which Lambda reads by the function's role, as it hands
    on what failed (AWS Lambda Developer Guide, "Using Lambda with DynamoDB Streams").
    """
    common = _own_log(foundation, "webhooks", traced=traced)
    if not foundation.webhook_url:
        return _policy(*common)
    parameter = foundation.arn("ssm", f"parameter{foundation.webhook_secrets_parameter}")
    return _policy(
        *_stream(foundation.events_stream),
        _statement("Secrets", ["ssm:GetParameter"], parameter),
        *(_decryption(number, key, parameter) for number, key in enumerate(foundation.kms_keys, start=1)),
        _statement("DeadLetters", ["sqs:SendMessage"], foundation.arn("sqs", foundation.webhook_dead_letters)),
        *common,
    )


def _stream(arn: str) -> list[Policy]:
    verbs = ("DescribeStream", "GetRecords", "GetShardIterator")
    return [
        _statement("Stream", [f"dynamodb:{verb}" for verb in verbs], arn),
        # It belongs to no stream.
        _statement("Streams", ["dynamodb:ListStreams"], "*"),
    ]


def _asking_for_mails(foundation: Foundation) -> list[Policy]:
    """Return what the API needs to put mails into the outbox and to take what they carried. It sends none.

    Of the counters it reads those of what was typed. Those of what mail addresses get it can neither read nor write:
    an update may return what was there. A stage without mails has the links that its administrators hand over.
    """
    if not foundation.mail_from:
        return [_table("Mail", foundation, foundation.mail_table, ("GetItem", "UpdateItem"))]
    return [
        _table("Mail", foundation, foundation.mail_table, _MAIL),
        _counters("TypedAddresses", foundation, ("typed#*",), ("GetItem",)),
        _counters("AskedMails", foundation, _COUNTED_FOR_MAILS, ("UpdateItem",)),
    ]


def _counters(sid: str, foundation: Foundation, keys: tuple[str, ...], verbs: tuple[str, ...]) -> Policy:
    condition = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": list(keys)}}
    return {**_table(sid, foundation, foundation.throttle_table, verbs), "Condition": condition}


def _sending(foundation: Foundation) -> list[Policy]:
    condition = {"Condition": {"StringEquals": {"ses:FromAddress": foundation.mail_from}}}
    resources = {"Sender": f"identity/{foundation.mail_identity}"}
    if foundation.configuration_set:
        resources["ConfigurationSet"] = f"configuration-set/{foundation.configuration_set}"
    return [
        {**_statement(sid, ["ses:SendEmail"], foundation.ses_arn(resource)), **condition}
        for sid, resource in resources.items()
    ]


def _policy(*statements: Policy) -> Policy:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _table(sid: str, foundation: Foundation, table: str, verbs: tuple[str, ...]) -> Policy:
    return _statement(sid, [f"dynamodb:{verb}" for verb in verbs], foundation.arn("dynamodb", f"table/{table}"))


def _signing_keys(foundation: Foundation) -> list[Policy]:
    """Return what reading the keys and the pepper needs.

    The AWS managed key for SSM allows everybody in the account who may read the parameter to decrypt it. So for that
    one a function needs no permission for KMS (AWS Systems Manager User Guide, "Restricting decryption of SecureString
    parameter values"). Your own key it may use for this one parameter, which Parameter Store names in the encryption
    context (AWS KMS Developer Guide, "How AWS Systems Manager Parameter Store uses AWS KMS").
    """
    parameter = foundation.arn("ssm", f"parameter{foundation.signing_keys_parameter}")
    decryption = (_decryption(number, key, parameter) for number, key in enumerate(foundation.kms_keys, start=1))
    return [_statement("SigningKeys", ["ssm:GetParameter"], parameter), *decryption]


def _decryption(number: int, key: str, parameter: str) -> Policy:
    context = {"StringEquals": {"kms:EncryptionContext:PARAMETER_ARN": parameter}}
    return {**_statement(f"Decryption{number}", ["kms:Decrypt"], key), "Condition": context}


def _own_log(foundation: Foundation, function: str, *, traced: bool) -> list[Policy]:
    # The log group exists before the function. One that a function creates itself never expires its logs.
    logs = _statement(
        "Logs",
        ["logs:CreateLogStream", "logs:PutLogEvents"],
        foundation.arn("logs", f"log-group:/aws/lambda/{foundation.functions[function]}:*"),
    )
    return [logs, *_tracing(traced=traced)]


def _tracing(*, traced: bool) -> list[Policy]:
    # Lambda itself sends the segments, by the function's role (AWS Lambda Developer Guide, "Visualize Lambda function
    # invocations using AWS X-Ray"). They belong to no resource.
    return [_statement("Tracing", ["xray:PutTelemetryRecords", "xray:PutTraceSegments"], "*")] if traced else []


def _camel_case(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("-"))


def _statement(sid: str, actions: list[str], resource: str) -> Policy:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource}


POLICIES: Mapping[str, Callable[..., Policy]] = {
    "api_handler": api_handler_policy,
    "authorizer": authorizer_policy,
    "mailer": mailer_policy,
    "admin": admin_policy,
    "webhooks": webhooks_policy,
}
"""What makes the policy of each function, by Chalice's names."""
