"""The alias ``live`` of what answers requests: each deployment publishes a version, and API Gateway calls that.

Owns the calls that Chalice's plan gets in addition, and the setting ``snap_start``. Chalice knows neither versions nor
SnapStart: its API calls whatever the function is at that moment, between two of its own updates too.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click
from botocore.exceptions import ClientError
from chalice.config import Config
from chalice.deploy import models
from chalice.deploy.planner import PlanStage

from infra.stages import ANSWERING
from infra.versions import LIVE, has_snap_start, in_use, published, superfluous

if TYPE_CHECKING:
    from chalice.awsclient import TypedAWSClient
    from chalice.deploy.appgraph import ApplicationGraphBuilder
    from mypy_boto3_lambda.client import LambdaClient

SNAP_START = "snap_start"
"""The setting of such a function in .chalice/config.json. Chalice ignores settings that it does not know."""

_OLDEST_RUNTIME = (3, 12)
"""The first Python with SnapStart (AWS Lambda Developer Guide, "Improving startup performance with Lambda SnapStart").
"""

_POLL_SECONDS = 2.0
_ARN = "api_handler_lambda_arn"
"""Chalice's variable for the function that the API's Swagger names, as there is one for each function."""

Build = Callable[..., models.Application]
Instructions = Sequence[Any]
PlanRestApi = Callable[[PlanStage, models.RestAPI], Instructions]
Result = TypeVar("Result")


class NotLive(click.ClickException):
    """Raised if the new version cannot be used. The one before it stays live."""


def with_snap_start(build: Build) -> Build:
    """Return Chalice's ``build`` of the application, wrapped to note the setting at what answers requests."""

    @functools.wraps(build)
    def application(builder: ApplicationGraphBuilder, config: Config, stage_name: str) -> models.Application:
        built = build(builder, config, stage_name)
        for resource in built.resources:
            function = resource.lambda_function if isinstance(resource, models.RestAPI) else resource
            if isinstance(function, models.LambdaFunction) and function.resource_name in ANSWERING:
                wanted = config.scope(stage_name, function.resource_name)._chain_lookup(  # noqa: SLF001 - no public name
                    SNAP_START, varies_per_chalice_stage=True, varies_per_function=True
                )
                setattr(function, SNAP_START, wanted)
        return built

    return application


def publishing(plan_rest_api: PlanRestApi) -> PlanRestApi:
    """Return Chalice's plan of a REST API, wrapped to publish versions first and to let the API call the aliases.

    An alias moves before the API changes, as the function does without it, and that of the API's own function last. Old
    versions go when all is done.
    """

    @functools.wraps(plan_rest_api)
    def plan(stage: PlanStage, resource: models.RestAPI) -> Instructions:
        functions = {each.function_name: each for each in _answering(resource)}
        publish = [
            models.APICall(
                "publish_live",
                {"function_name": name, SNAP_START: _checked(function)},
                output_var=f"{function.resource_name}_lambda_arn",
            )
            for name, function in functions.items()
        ]
        planned: list[Any] = []
        for instruction in plan_rest_api(stage, resource):
            planned.append(instruction)
            if isinstance(instruction, models.CopyVariable) and instruction.to_var == _ARN:
                planned += publish
            if (name := _permitted(instruction)) in functions:
                instruction.params["function_name"] = f"{name}:{LIVE}"
        return [*planned, *(models.APICall("remove_old_versions", {"function_name": name}) for name in functions)]

    return plan


def publish_live(aws: TypedAWSClient, function_name: str, snap_start: bool) -> str:
    """Publish what the function is now, wait until it can be used, make it live, and return the ARN of the alias.

    If nothing has changed since the last version, that is live again (AWS Lambda API Reference, "PublishVersion"). So
    a run that was interrupted is continued. Raises NotLive.
    """
    client: LambdaClient = aws._client("lambda")  # noqa: SLF001 - there is no public name
    code = _configured(client, function_name, snap_start=snap_start)
    number = client.publish_version(FunctionName=function_name, CodeSha256=code)["Version"]
    _wait_for(client, function_name, number)
    before = _or_none(lambda: client.get_alias(FunctionName=function_name, Name=LIVE))
    if before is None:
        arn = client.create_alias(FunctionName=function_name, Name=LIVE, FunctionVersion=number)["AliasArn"]
    else:
        arn = before["AliasArn"]
        if before["FunctionVersion"] == number and not before.get("RoutingConfig"):
            click.echo(f"Version {number} of {function_name} stays live: nothing has changed")
            return arn
        client.update_alias(
            FunctionName=function_name,
            Name=LIVE,
            FunctionVersion=number,
            RoutingConfig={"AdditionalVersionWeights": {}},  # ends a shift that somebody has begun
        )
    click.echo(f"Version {number} of {function_name} is live")
    return arn


def remove_old_versions(aws: TypedAWSClient, function_name: str) -> None:
    """Delete the versions that are not kept for a rollback."""
    client: LambdaClient = aws._client("lambda")  # noqa: SLF001 - there is no public name
    live = int(client.get_alias(FunctionName=function_name, Name=LIVE)["FunctionVersion"])
    for number in superfluous(published(client, function_name), live, in_use(client, function_name)):
        client.delete_function(FunctionName=function_name, Qualifier=str(number))
        click.echo(f"Deleted version {number} of {function_name}")


def _checked(function: models.LambdaFunction) -> bool:
    """Return the setting. Ends the program if it is neither true nor false, or if the runtime has no SnapStart."""
    wanted = getattr(function, SNAP_START, None)
    if wanted is not None and not isinstance(wanted, bool):
        sys.exit(f"chalice: {SNAP_START} in .chalice/config.json is true or false, and not {wanted!r}")
    if wanted and tuple(map(int, function.runtime.removeprefix("python").split("."))) < _OLDEST_RUNTIME:
        sys.exit(f"chalice: {SNAP_START} needs python3.12 or newer on Lambda, and this would deploy {function.runtime}")
    return bool(wanted)


def _answering(api: models.RestAPI) -> list[models.LambdaFunction]:
    """Return the functions that answer requests, the API's own last."""
    return [*(each for each in api.authorizers if each.resource_name in ANSWERING), api.lambda_function]


def _permitted(instruction: object) -> str | None:
    """Return the name of the function that an instruction lets API Gateway call, None for another instruction."""
    if isinstance(instruction, models.APICall) and instruction.method_name == "add_permission_for_apigateway":
        return str(instruction.params["function_name"])
    return None


def _configured(client: LambdaClient, function_name: str, *, snap_start: bool) -> str:
    """Turn SnapStart on or off where it is not so, and return the SHA-256 of the function's code."""
    found = client.get_function_configuration(FunctionName=function_name)
    if has_snap_start(found) != snap_start:
        apply_on = "PublishedVersions" if snap_start else "None"
        client.update_function_configuration(FunctionName=function_name, SnapStart={"ApplyOn": apply_on})  # type: ignore[typeddict-item]
        client.get_waiter("function_updated").wait(FunctionName=function_name)
        click.echo(f"SnapStart of {function_name} is {'on' if snap_start else 'off'} for new versions")
    return found["CodeSha256"]


def _wait_for(client: LambdaClient, function_name: str, number: str) -> None:
    """Wait until a version can be used. If it never can, delete it and raise NotLive."""
    told = False
    while True:
        found = client.get_function_configuration(FunctionName=function_name, Qualifier=number)
        if found["State"] == "Failed":
            # Otherwise the next run would find it again, as long as nothing has changed.
            with contextlib.suppress(client.exceptions.ResourceConflictException):  # it is live
                client.delete_function(FunctionName=function_name, Qualifier=number)
            raise NotLive(
                f"version {number} of {function_name} cannot be used ({found.get('StateReason', 'no reason given')})."
                " The version before it stays live. Fix that, then deploy again"
            )
        if found["State"] != "Pending":
            return
        if not told:
            what = "its snapshot, which takes a few minutes" if has_snap_start(found) else "it"
            click.echo(f"Version {number} of {function_name} is published. Waiting for {what} (Ctrl-C is safe)")
            told = True
        time.sleep(_POLL_SECONDS)


def _or_none(call: Callable[[], Result]) -> Result | None:
    try:
        return call()
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return None
        raise
