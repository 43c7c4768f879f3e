"""A rollback: an earlier version of the API's function answers again, at once, and with it the one of administrators.

Owns which versions may. Data, page, authorizer and the API's routes stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.deployment.dependencies import DEFAULTS, Dependencies
from infra.deployment.deploy import SOURCE_TAG
from infra.deployment.errors import DeploymentError
from infra.deployment.foundation import APP_NAME
from infra.deployment.live import record
from infra.deployment.preflight import check
from infra.deployment.resources import Resources
from infra.stages import function_name
from infra.versions import LIVE, live_configuration, published

if TYPE_CHECKING:
    from mypy_boto3_lambda.client import LambdaClient

    from infra.deployment.progress import Progress

_OF_THE_STAGE = (
    "LYCHGATE_DISTRIBUTION_SECRET_SHA256",
    "LYCHGATE_ISSUER",
    "LYCHGATE_PUBLIC_KEYS",
    "LYCHGATE_SIGNING_KEYS_PARAMETER",
    "LYCHGATE_USERS_TABLE",
    "LYCHGATE_SESSIONS_TABLE",
    "LYCHGATE_EVENTS_TABLE",
    "LYCHGATE_THROTTLE_TABLE",
    "LYCHGATE_MAIL_TABLE",
    "LYCHGATE_IDENTIFIER",
)
"""Settings in which a version has to be like the live one. With others it would take keys that were revoked, or refuse
what the distribution sends and what the authorizer lets through. Where accounts are named by addresses, a version that
takes other names would refuse them."""

_LATER = {"LYCHGATE_MAIL_TABLE": None, "LYCHGATE_IDENTIFIER": "username"}
"""What a version is as good without that is older than the setting, and what it stands for then."""


def go_back(
    stage: str,
    project: Path,
    progress: Progress,
    version: str | None = None,
    dependencies: Dependencies = DEFAULTS,
) -> None:
    """Make a version live, by default the newest that is older than the live one. Raises DeploymentError.

    The next deployment makes the sources live that it is run with, also if they are the ones that were rolled back.
    """
    with progress.of("Preflight"):
        place = check(stage, project, {})
        progress(f"stage {stage} in account {place.account_id}, region {place.region}, as {place.identity}")
        client = place.session.client("lambda")
        function = f"{APP_NAME}-{stage}"
        live = live_configuration(client, function)
        if live is None or live["Version"] == "$LATEST":
            raise DeploymentError(f"the stage {stage} has no version to go back from. `make deploy` publishes one")
        number = _chosen(client, function, int(live["Version"]), version)
    with progress.of(f"Version {number} instead of {live['Version']}"):
        chosen = client.get_function_configuration(FunctionName=function, Qualifier=number)
        _refuse_other_settings(live, chosen)
        administration = function_name(APP_NAME, stage, "admin")
        of_administrators = _of_the_same_code(client, administration, chosen["CodeSha256"])
        # First, so that a deployment of the same sources does something, even if this is interrupted.
        arn = f"arn:{place.partition}:lambda:{place.region}:{place.account_id}:function:{function}"
        client.untag_resource(Resource=arn, TagKeys=[SOURCE_TAG])
        resources = Resources(stage, project, place, dependencies)
        api = resources.stack.parameters().get("RestApiId")
        if api:
            record(resources, api, None)  # page and API are no longer of one commit
        _make_live(client, function, number)
        if of_administrators is None:
            progress(f"{administration} has no version of the same code that fits: it stays as it is")
        else:
            _make_live(client, administration, of_administrators)
            progress(f"version {of_administrators} of {administration} has the same code, and is live with it")
        progress("the authorizer, the API's routes and the page stay as they are")
    progress.end(f"Version {number} is live. To undo this: make rollback STAGE={stage} ARGS='--to {live['Version']}'")


def _chosen(client: LambdaClient, function: str, live: int, asked: str | None) -> str:
    numbers = [version.number for version in published(client, function)]
    others = ", ".join(str(number) for number in numbers if number != live) or "none"
    if asked is None:
        older = [number for number in numbers if number < live]
        if not older:
            raise DeploymentError(f"there is no version before {live}, which is live (others: {others})")
        return str(older[0])
    if asked not in {str(number) for number in numbers if number != live}:
        raise DeploymentError(f"version {asked} cannot become live instead of {live}. Those that can: {others}")
    return asked


def _make_live(client: LambdaClient, function: str, number: str) -> None:
    client.update_alias(
        FunctionName=function,
        Name=LIVE,
        FunctionVersion=number,
        RoutingConfig={"AdditionalVersionWeights": {}},
    )


def _of_the_same_code(client: LambdaClient, function: str, code: str) -> str | None:
    """Return the newest version of a function that is of this code and may answer now, None if there is none.

    Both functions have one package, so what was published together has the same digest.
    """
    live = live_configuration(client, function)
    if live is None or live["Version"] == "$LATEST":
        return None
    for version in published(client, function):
        found = client.get_function_configuration(FunctionName=function, Qualifier=str(version.number))
        if found["CodeSha256"] == code and found["State"] == "Active" and not _other_settings(live, found):
            return str(version.number)
    return None


def _other_settings(live: Mapping[str, Any], chosen: Mapping[str, Any]) -> list[str]:
    """Return the settings in which a version is unlike the live one, and has to be like it."""
    now, then = (each.get("Environment", {}).get("Variables", {}) for each in (live, chosen))
    return [name for name in _OF_THE_STAGE if _differs(name, now, then)]


def _refuse_other_settings(live: Mapping[str, Any], chosen: Mapping[str, Any]) -> None:
    if chosen["State"] != "Active":
        raise DeploymentError(
            f"version {chosen['Version']} is not ready to answer ({chosen['State']}). Choose another (--to VERSION), or"
            " deploy the commit from before"
        )
    other = _other_settings(live, chosen)
    if other:
        raise DeploymentError(
            f"version {chosen['Version']} has another {', '.join(other)} than the stage has now, so users could not use"
            " it. Deploy the commit from before instead: `make deploy` gives it the settings of now"
        )


def _differs(name: str, now: Mapping[str, str], then: Mapping[str, str]) -> bool:
    if name not in _LATER:
        return now.get(name) != then.get(name)
    usual = _LATER[name]
    if usual is None:
        return name in then and now.get(name) != then[name]
    return now.get(name, usual) != then.get(name, usual)
