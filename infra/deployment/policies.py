"""What each Lambda function may do: the verbs that the code uses, on the resources of its stage, and nothing else.

Owns the IAM policies. Which verb an API call needs is in AWS's Service Authorization Reference; a transaction needs
those of the actions in it (Amazon DynamoDB Developer Guide, "Using IAM with DynamoDB transactions").
"""

from __future__ import annotations

from typing import Any

from infra.deployment.foundation import Foundation

Policy = dict[str, Any]

_USERS = ("BatchGetItem", "DeleteItem", "GetItem", "PutItem", "UpdateItem")
_SESSIONS = ("BatchGetItem", "BatchWriteItem", "DeleteItem", "PutItem", "Query", "UpdateItem")
_EVENTS = ("BatchWriteItem", "PutItem", "Query")
_THROTTLE = ("DeleteItem", "PutItem", "UpdateItem")


def api_handler_policy(foundation: Foundation) -> Policy:
    """Return the policy of the API's function.

    The parameter is encrypted with the account's own key for SSM, whose key policy lets in whoever may read the
    parameter, so no permission for KMS is needed (AWS KMS Developer Guide, "AWS managed keys").
    """
    return _policy(
        _table("Users", foundation, foundation.users_table, _USERS),
        _table("Sessions", foundation, foundation.sessions_table, _SESSIONS),
        _table("Events", foundation, foundation.events_table, _EVENTS),
        _table("Throttle", foundation, foundation.throttle_table, _THROTTLE),
        _statement(
            "SigningKeys",
            ["ssm:GetParameter"],
            foundation.arn("ssm", f"parameter{foundation.signing_keys_parameter}"),
        ),
        _logs(foundation, foundation.api_function),
    )


def authorizer_policy(foundation: Foundation) -> Policy:
    """Return the policy of the authorizer's function, which needs public keys only and has them in its settings."""
    return _policy(_logs(foundation, foundation.authorizer_function))


def _policy(*statements: Policy) -> Policy:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _table(sid: str, foundation: Foundation, table: str, verbs: tuple[str, ...]) -> Policy:
    return _statement(sid, [f"dynamodb:{verb}" for verb in verbs], foundation.arn("dynamodb", f"table/{table}"))


def _logs(foundation: Foundation, function: str) -> Policy:
    # Its own log group, which is there before it: one that a function makes is never emptied.
    return _statement(
        "Logs",
        ["logs:CreateLogStream", "logs:PutLogEvents"],
        foundation.arn("logs", f"log-group:/aws/lambda/{function}:*"),
    )


def _statement(sid: str, actions: list[str], resource: str) -> Policy:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource}
