"""What moto's IAM lacks: simulating the policies of whoever asks, and a policy of AWS's.

moto loads all policies of AWS or none, and that takes seconds. Here there is the one that we attach.
"""

import functools
import json
from unittest import mock
from xml.sax.saxutils import escape

from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy, IAMBackend
from moto.iam.responses import IamResponse

POLICY = "AmazonAPIGatewayPushToCloudWatchLogs"

_NAMESPACE = "https://iam.amazonaws.com/doc/2010-05-08/"


def patches(allowed):
    """Yield context managers that add it. ``allowed``: the policy documents of whoever deploys; may change."""

    def simulate_principal_policy(response):
        actions = response._get_param("ActionNames")
        resources = response._get_param("ResourceArns") or ["*"]
        context = {
            entry["ContextKeyName"]: entry["ContextKeyValues"][0]
            for entry in response._get_param("ContextEntries") or []
        }
        results = "".join(
            _result(action, {resource: decision(allowed, action, resource, context) for resource in resources})
            for action in actions
        )
        return 200, {}, _answer("SimulatePrincipalPolicy", f"<EvaluationResults>{results}</EvaluationResults>")

    yield mock.patch.object(IamResponse, "simulate_principal_policy", simulate_principal_policy, create=True)
    yield mock.patch.object(IAMBackend, "_init_aws_policies", _aws_policies)


@functools.cache
def _policy():
    return json.loads(aws_managed_policies_data)[POLICY]


def _aws_policies(backend):
    return [AWSManagedPolicy.from_data(POLICY, backend.account_id, backend.region_name, _policy())]


def decision(documents, action, resource, context=None):
    """Whether any of the policies allows an action on a resource, in IAM's words."""
    statements = [
        statement
        for document in documents
        for statement in document["Statement"]
        if all(
            (context or {}).get(key) in ([value] if isinstance(value, str) else value)
            for key, value in statement.get("Condition", {}).get("StringEquals", {}).items()
        )
    ]
    unconditional = [{key: value for key, value in each.items() if key != "Condition"} for each in statements]
    policy = _read(json.dumps({"Version": "2012-10-17", "Statement": unconditional}))
    permitted = policy.is_action_permitted(action, resource) == PermissionResult.PERMITTED
    return "allowed" if permitted else "implicitDeny"


@functools.lru_cache
def _read(document):
    return IAMPolicy({"policy_document": document})


def _result(action, decisions):
    specific = "".join(
        f"<member><EvalResourceName>{escape(resource)}</EvalResourceName>"
        f"<EvalResourceDecision>{decided}</EvalResourceDecision></member>"
        for resource, decided in decisions.items()
    )
    overall = "allowed" if set(decisions.values()) == {"allowed"} else "implicitDeny"
    return (
        f"<member><EvalActionName>{action}</EvalActionName><EvalDecision>{overall}</EvalDecision>"
        f"<ResourceSpecificResults>{specific}</ResourceSpecificResults></member>"
    )


def _answer(operation, body):
    return (
        f'<{operation}Response xmlns="{_NAMESPACE}"><{operation}Result><IsTruncated>false</IsTruncated>{body}'
        f"</{operation}Result><ResponseMetadata><RequestId>0</RequestId></ResponseMetadata></{operation}Response>"
    )
