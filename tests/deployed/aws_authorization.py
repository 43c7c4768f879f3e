"""AWS's authorization in front of a database that has none: who may do what, by the policies of their roles.

moto can enforce policies, but knows neither the actions in a transaction nor the resources of a request. Which action
on which resource a request needs is therefore said here, as the Service Authorization Reference has it ("Actions,
resources, and condition keys for" Amazon DynamoDB, Amazon Simple Email Service v2, AWS Systems Manager, Amazon
CloudWatch Logs) and, for transactions,
"Using IAM with DynamoDB transactions" in the DynamoDB Developer Guide. Whether a policy allows it is for moto's
evaluation to say, and whether a statement's conditions hold is for ``aws_conditions``, since moto does not look at
them.

The parameter is taken to be encrypted with an operator's own KMS key: then its reader has to be allowed to decrypt it
too, which KMS is asked with the parameter's ARN as the encryption context ("How AWS Systems Manager Parameter Store
uses AWS KMS" in the KMS Developer Guide).
"""

import http.client
import json
import re
from contextlib import closing
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.iam.access_control import IAMPolicy, PermissionResult
from werkzeug import Response

from infra.local.http_server import HttpServer, target
from tests.deployed.aws_conditions import holds, of_dynamodb, of_mail
from tests.support.packaged.function import ACCOUNT, REGION
from tests.support.packaged.function import Credentials as RoleCredentials
from tests.support.packaged.mail_service import SEND_EMAIL
from tests.support.places import KMS_KEY

_BODY_LIMIT = 16 * 1024 * 1024
_PATIENCE_SECONDS = 60
# What the database is asked; the signature is the caller's, and the database wants one of its own.
_PASSED_ON = {"Content-Type", "X-Amz-Target"}
# The action of an item in a transaction, whatever the transaction's own name.
_IN_TRANSACTION = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "Get": "GetItem",
    "ConditionCheck": "ConditionCheckItem",
}
_OF_ONE_TABLE = {"DescribeTable", "GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan"}


@dataclass
class Role:
    """A function's role: its policy, which tests may change, and what came of it."""

    credentials: RoleCredentials
    policy: dict
    used: set = field(default_factory=set)
    denied: set = field(default_factory=set)

    def allows(self, action, resource, context=None):
        """Judge one action on one resource, and remember the judgement. ``context`` has values of condition keys."""
        statements = [each for each in self.policy["Statement"] if holds(each.get("Condition", {}), context or {})]
        policy = IAMPolicy({"policy_document": json.dumps({**self.policy, "Statement": statements})})
        allowed = policy.is_action_permitted(action, resource) == PermissionResult.PERMITTED
        (self.used if allowed else self.denied).add((action, resource))
        return allowed


def credentials(name):
    """Credentials of a role, of Lambda's form."""
    return RoleCredentials(f"ASIA{name.upper().replace('_', '')[:16]:X<16}", "secret", f"token-of-{name}")


class Permission(NamedTuple):
    """What a request needs: an action on a resource, with the values that the request has for condition keys."""

    action: str
    resource: str
    context: dict


def required(target, body):
    """The permissions that a request needs. Raises LookupError if that is not known."""
    service, _, operation = target.partition(".")
    if service.startswith("AmazonSSM") and operation == "GetParameter":
        parameter = Permission("ssm:GetParameter", _parameter(body["Name"]), {})
        decryption = [Permission("kms:Decrypt", KMS_KEY, encryption_context(body))]
        return [parameter, *(decryption if body.get("WithDecryption") else [])]
    if service.startswith("DynamoDB"):
        if operation in _OF_ONE_TABLE:
            return [_on_table(operation, body)]
        if operation == "BatchGetItem":
            tables = body["RequestItems"].items()
            return [_on_table(operation, {**request, "TableName": table}) for table, request in tables]
        if operation == "BatchWriteItem":
            return [
                _on_table(operation, {**details, "TableName": table})
                for table, requests in body["RequestItems"].items()
                for request in requests
                for details in request.values()
            ]
        if operation in {"TransactWriteItems", "TransactGetItems"}:
            actions = [pair for item in body["TransactItems"] for pair in item.items()]
            return [_on_table(_IN_TRANSACTION[kind], details, enclosing=operation) for kind, details in actions]
    raise LookupError(f"which permission does {target} need?")


def required_to_send(body, identity):
    """The permissions that a mail needs, where ``identity`` is the verified one that it is sent from."""
    resources = [f"identity/{identity}"]
    if "ConfigurationSetName" in body:
        resources.append(f"configuration-set/{body['ConfigurationSetName']}")
    return [Permission("ses:SendEmail", _arn("ses", resource), of_mail(body)) for resource in resources]


def encryption_context(body):
    """The condition keys of the request that KMS gets from Parameter Store, which are those of no other request."""
    return {"kms:EncryptionContext:PARAMETER_ARN": _parameter(body["Name"])} if "Name" in body else {}


def log_permissions(function, stream):
    """What Lambda needs of the role to write a function's log."""
    group = f"log-group:/aws/lambda/{function}"
    return [
        ("logs:CreateLogStream", _arn("logs", f"{group}:log-stream:")),
        ("logs:PutLogEvents", _arn("logs", f"{group}:log-stream:{stream}")),
    ]


def mapping_permissions(stream, queue):
    """What Lambda needs of a function's role to read a stream and to pass on what failed.

    From "Using Lambda with Amazon DynamoDB", execution role permissions, and "Retain discarded records for a DynamoDB
    event source in Lambda".
    """
    verbs = ("DescribeStream", "GetRecords", "GetShardIterator")
    reading = [(f"dynamodb:{verb}", stream) for verb in verbs]
    return [*reading, ("dynamodb:ListStreams", "*"), ("sqs:SendMessage", _arn("sqs", queue))]


class AuthorizingAws:
    """Passes on what the caller's role allows, and answers the rest as AWS does.

    Requests go to a database; those for tables to another one, if there is one, and those for mails to ``mails``.
    """

    def __init__(self, database, roles, *, tables=None, mails=None):
        self._database = database
        self._tables = tables or database
        self._mails = mails
        self._roles = {role.credentials.access_key_id: role for role in roles}
        self.around = None
        """What stands before all services, if a test puts it there: takes a role, a request and what answers it."""
        self._server = HttpServer(0, body_limit=_BODY_LIMIT)
        self.endpoint = f"http://127.0.0.1:{self._server.port}"
        self._server.start(self)

    def stop(self):
        self._server.stop()

    def __call__(self, request):
        signed_by = re.search(r"Credential=([^/]+)/", request.headers.get("Authorization", ""))
        role = self._roles.get(signed_by[1]) if signed_by else None
        if role is None or request.headers.get("X-Amz-Security-Token") != role.credentials.session_token:
            return _refusal("UnrecognizedClientException", "The security token included in the request is invalid.")
        if self.around is None:
            return self._judge(role, request)
        return self.around(role, request, lambda: self._judge(role, request))

    def _judge(self, role, request):
        is_mail = (request.method, request.path) == SEND_EMAIL
        body = json.loads(request.get_data())
        if is_mail:
            needed = required_to_send(body, self._mails.identity)
        else:
            needed = required(request.headers["X-Amz-Target"], body)
        # All are judged, so that the record is whole.
        for action, resource in [each[:2] for each in needed if not role.allows(*each)]:
            message = f"User is not authorized to perform: {action} on resource: {resource}"
            return _refusal("AccessDeniedException", message, 403 if is_mail else 400)
        return self._mails(request) if is_mail else self._pass_on(request)

    def _pass_on(self, request):
        of_tables = request.headers["X-Amz-Target"].startswith("DynamoDB")
        database = self._tables if of_tables else self._database
        endpoint = urlsplit(database.endpoint)
        with closing(http.client.HTTPConnection(endpoint.hostname, endpoint.port, timeout=60)) as connection:
            again = AWSRequest(
                request.method,
                f"{database.endpoint}{target(request)}",
                {name: value for name, value in request.headers.items() if name in _PASSED_ON},
                request.get_data(),
            )
            SigV4Auth(Credentials("any", database.secret_key), "dynamodb", REGION).add_auth(again)
            connection.request(request.method, target(request), again.data, dict(again.headers))
            answer = connection.getresponse()
            kept = [
                pair for pair in answer.getheaders() if pair[0].lower() not in {"content-length", "date", "connection"}
            ]
            return Response(answer.read(), answer.status, kept)


def _parameter(name):
    return _arn("ssm", f"parameter/{name.removeprefix('/')}")


def _on_table(operation, request, *, enclosing=None):
    context = of_dynamodb(operation, request) | ({"dynamodb:EnclosingOperation": enclosing} if enclosing else {})
    table = f"table/{request['TableName']}"
    resource = f"{table}/index/{request['IndexName']}" if "IndexName" in request else table
    return Permission(f"dynamodb:{operation}", _arn("dynamodb", resource), context)


def _arn(service, resource):
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def _refusal(error, message, status=400):
    body = json.dumps({"__type": f"com.amazon.coral.service#{error}", "message": message})
    headers = {"X-Amzn-ErrorType": error}
    return Response(body, status, headers, content_type="application/x-amz-json-1.0")
