"""The checks before anything is changed: the stage's name, the credentials, the region, the account."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import boto3

from infra.deployment.errors import DeploymentError
from infra.deployment.stage_files import StageFiles
from infra.deployment.template import refuse_parameters
from infra.stages import LAPTOP

if TYPE_CHECKING:
    from mypy_boto3_sts.type_defs import GetCallerIdentityResponseTypeDef

_STAGE = re.compile(r"[a-z](?:[a-z0-9-]{0,18}[a-z0-9])?")


@dataclass(frozen=True)
class Place:
    """The account and the region of a stage, and the credentials for them."""

    session: boto3.session.Session
    region: str
    account_id: str
    partition: str
    identity: str
    """ARN of the identity that deploys."""


def check(stage: str, project: Path, parameters: Mapping[str, str]) -> Place:
    """Return the account and the region for the stage. Raises DeploymentError, or what botocore raises."""
    refuse_unusable(stage, project, parameters)
    place, _ = identified(session_of_shell())
    if (elsewhere := made_elsewhere(stage, project, place)) is not None:
        raise DeploymentError(elsewhere)
    return place


def session_of_shell() -> boto3.session.Session:
    """Return a session with the shell's settings. AWS_REGION wins, as in AWS's command line: boto3 does not read it."""
    return boto3.session.Session(region_name=os.environ.get("AWS_REGION") or None)


def refuse_unusable(stage: str, project: Path, parameters: Mapping[str, str]) -> None:
    """Raise DeploymentError for a stage, parameters or a configuration that cannot be meant. Asks nobody."""
    if not _STAGE.fullmatch(stage):
        raise DeploymentError(
            f"{stage!r} is not a valid stage name. Use 1 to 20 lower-case letters, digits and hyphens, beginning with a"
            " letter. The names of tables, functions and the bucket contain it"
        )
    if stage == LAPTOP:
        raise DeploymentError(f"the stage {LAPTOP} is reserved for `make dev`. Choose another name, such as prod")
    refuse_parameters(parameters)
    try:
        json.loads((project / ".chalice" / "config.json").read_text("utf-8"))["stages"]
    except (OSError, ValueError, KeyError) as unusable:
        raise DeploymentError(f".chalice/config.json cannot be read ({unusable}). Restore it from git") from unusable


def identified(session: boto3.session.Session) -> tuple[Place, GetCallerIdentityResponseTypeDef]:
    """Return who and where the credentials are for, and STS's whole answer. Raises what botocore raises."""
    region = session.client("cloudformation").meta.region_name
    caller = session.client("sts").get_caller_identity()
    place = Place(
        session=session,
        region=region,
        account_id=caller["Account"],
        partition=caller["Arn"].split(":")[1],
        identity=caller["Arn"],
    )
    return place, caller


def made_elsewhere(stage: str, project: Path, place: Place) -> str | None:
    """Return what to do if the stage was made in another account or region, None if it was not."""
    made_in = StageFiles(project, stage).place()
    if made_in is None or made_in == (place.region, place.account_id):
        return None
    return (
        f"the stage {stage} was created in account {made_in[1]}, region {made_in[0]}, but the credentials are for"
        f" account {place.account_id}, region {place.region}. Set AWS_PROFILE and AWS_REGION to those of the stage,"
        f" or choose another stage name. To move the stage, delete .chalice/policy-{stage}-*.json"
    )
