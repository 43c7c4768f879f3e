"""What an operator sees of a stage's API: its name in metrics, its access log, its traces.

Owns the members of a line of the access log, and the role with which API Gateway writes it. That role is a setting of
the account in a region, shared by all its APIs: it is set where there is none, and never replaced or taken away
(docs/decisions/0046-a-gateway-that-is-watched.md).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from infra.deployment.errors import DeploymentError, code_of
from infra.deployment.foundation import API_GATEWAY_STAGE, APP_NAME, Foundation

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_apigateway.client import APIGatewayClient
    from mypy_boto3_apigateway.type_defs import PatchOperationTypeDef, StageResponseTypeDef
    from mypy_boto3_lambda.client import LambdaClient

    from infra.deployment.resources import Resources

ACCESS_LOG_LINE: Mapping[str, str] = {
    "request_id": "$context.requestId",
    "extended_request_id": "$context.extendedRequestId",
    "route": "$context.httpMethod $context.resourcePath",
    "method": "$context.httpMethod",
    "status": "$context.status",
    "error": "$context.error.responseType",
    "duration_ms": "$context.responseLatency",
    "bytes": "$context.responseLength",
    "authorizer_status": "$context.authorizer.status",
    "authorizer_ms": "$context.authorizer.latency",
    "lambda_status": "$context.integration.integrationStatus",
    "function_status": "$context.integration.status",
    "function_ms": "$context.integration.latency",
    "trace_id": "$context.xrayTraceId",
}
"""Each member of a line, and the variable that it holds (API Gateway Developer Guide, "Variables for access logging").

None holds a path as it was sent, an address, a header, or a key. The gateway's error messages are left out, because one
of them quotes the Authorization header. A variable without a value is a hyphen, so all of them stand in quotes. A
caller may choose the request id; the extended one is API Gateway's own.
"""

ACCOUNT_ROLE = f"{APP_NAME}-api-gateway-logs"
"""The role that is made for an account that has none."""

_MANAGED_POLICY = "service-role/AmazonAPIGatewayPushToCloudWatchLogs"

_NOT_YET = frozenset({"BadRequestException", "TooManyRequestsException"})
"""A new role is refused until IAM has spread it, and UpdateAccount may be called every 20 seconds only."""

_ATTEMPTS = 12
_PAUSE_SECONDS = 10.0


def access_log_format() -> str:
    """Return the format of a line of the access log, in one line."""
    return json.dumps(ACCESS_LOG_LINE, separators=(",", ":"))


def observe(resources: Resources, foundation: Foundation, api: str, sleep: Callable[[float], object]) -> Iterator[str]:
    """Set name, access log and tracing of the API, and yield a sentence about each.

    All three outlive a `chalice deploy`: a deployment of an API leaves the settings of its stage alone, except for
    tracing, which Chalice sets from the same configuration (API Gateway API Reference, "CreateDeployment"). Raises
    DeploymentError, or what botocore raises.
    """
    client = resources.session.client("apigateway")
    if client.get_rest_api(restApiId=api)["name"] != foundation.api_name:
        client.update_rest_api(
            restApiId=api, patchOperations=[{"op": "replace", "path": "/name", "value": foundation.api_name}]
        )
        yield f"the API is now called {foundation.api_name}"
    stage = client.get_stage(restApiId=api, stageName=API_GATEWAY_STAGE)
    wanted = _wants_access_log(resources)
    if wanted and give_account_a_role(resources.session, foundation.partition, sleep):
        yield f"API Gateway writes the logs of this account and region with the role {ACCOUNT_ROLE} from now on"
    traced = resources.files.tracing()
    operations = [
        *_access_log_operations(stage, foundation, wanted=wanted),
        *_tracing_operations(stage, wanted=traced["rest_api"]),
    ]
    if operations:
        client.update_stage(restApiId=api, stageName=API_GATEWAY_STAGE, patchOperations=operations)
    yield f"access log: {foundation.gateway_logs if wanted else 'none'}"
    _trace_functions(resources.session.client("lambda"), foundation, traced)
    yield _told(traced)


def foreseen(resources: Resources, asked: Mapping[str, str]) -> Iterator[str]:
    """Yield what `observe` would say of the log and of tracing, with these parameters over those of the stack."""
    wanted = {**resources.stack.parameters(), **asked}.get("GatewayAccessLogs", "true") == "true"
    if wanted and not has_account_role(resources.session.client("apigateway")):
        yield f"API Gateway gets a role for logs, {ACCOUNT_ROLE}: this account and region has none"
    yield f"access log: {'on' if wanted else 'off'}"
    yield _told(resources.files.tracing())


def give_account_a_role(session: boto3.session.Session, partition: str, sleep: Callable[[float], object]) -> bool:
    """Give API Gateway a role for logs, unless it has one in this account and region. Return whether it got one.

    Raises DeploymentError if API Gateway does not take the role in two minutes.
    """
    gateway = session.client("apigateway")
    if has_account_role(gateway):
        return False
    role = _role(session, partition)
    for _attempt in range(_ATTEMPTS):
        try:
            gateway.update_account(patchOperations=[{"op": "replace", "path": "/cloudwatchRoleArn", "value": role}])
        except ClientError as refused:
            if code_of(refused) not in _NOT_YET:
                raise
            sleep(_PAUSE_SECONDS)
        else:
            return True
    raise DeploymentError(
        f"API Gateway does not take the role {role} for its logs yet. Run the same command again. To go without an"
        " access log: --parameter GatewayAccessLogs=false"
    )


def has_account_role(client: APIGatewayClient) -> bool:
    """Return whether API Gateway has a role for logs in this account and region."""
    return bool(client.get_account().get("cloudwatchRoleArn"))


def _told(traced: Mapping[str, bool]) -> str:
    named = sorted(name for name, is_traced in traced.items() if is_traced)
    return f"tracing by X-Ray: {', '.join(named) or 'off'}"


def _wants_access_log(resources: Resources) -> bool:
    return resources.stack.outputs().get("GatewayAccessLogs") == "true"


def _role(session: boto3.session.Session, partition: str) -> str:
    """Return the ARN of the role, which is made if it does not exist."""
    iam = session.client("iam")
    try:
        arn = iam.get_role(RoleName=ACCOUNT_ROLE)["Role"]["Arn"]
    except ClientError as missing:
        if code_of(missing) != "NoSuchEntity":
            raise
        arn = iam.create_role(
            RoleName=ACCOUNT_ROLE,
            Description="API Gateway writes logs with it, in every region and for every API of the account",
            AssumeRolePolicyDocument=json.dumps(_TRUST),
        )["Role"]["Arn"]
    iam.attach_role_policy(RoleName=ACCOUNT_ROLE, PolicyArn=f"arn:{partition}:iam::aws:policy/{_MANAGED_POLICY}")
    return arn


_TRUST: Mapping[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}


def _access_log_operations(
    stage: StageResponseTypeDef, foundation: Foundation, *, wanted: bool
) -> list[PatchOperationTypeDef]:
    """Return what turns the access log on or off (API Gateway API Reference, "Patch operations", UpdateStage)."""
    is_set = stage.get("accessLogSettings") or {}
    if not wanted:
        return [{"op": "remove", "path": "/accessLogSettings"}] if is_set else []
    settings = {
        "destinationArn": foundation.arn("logs", f"log-group:{foundation.gateway_logs}"),
        "format": access_log_format(),
    }
    if is_set == settings:
        return []
    return [{"op": "replace", "path": f"/accessLogSettings/{name}", "value": value} for name, value in settings.items()]


def _tracing_operations(stage: StageResponseTypeDef, *, wanted: bool) -> list[PatchOperationTypeDef]:
    if bool(stage.get("tracingEnabled")) == wanted:
        return []
    return [{"op": "replace", "path": "/tracingEnabled", "value": "true" if wanted else "false"}]


def _trace_functions(client: LambdaClient, foundation: Foundation, traced: Mapping[str, bool]) -> None:
    """Make the tracing of the functions what is configured. Chalice turns it on, and never off again."""
    for name, function in foundation.functions.items():
        found = client.get_function_configuration(FunctionName=function).get("TracingConfig", {})
        if (found.get("Mode") == "Active") != traced[name]:
            client.update_function_configuration(
                FunctionName=function, TracingConfig={"Mode": "Active" if traced[name] else "PassThrough"}
            )
            client.get_waiter("function_updated_v2").wait(FunctionName=function)
