"""What has to be right before anything is changed: the stage's name, the credentials, the region, the account."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import boto3

from infra.deployment.errors import DeploymentError
from infra.deployment.stage_files import StageFiles
from infra.deployment.template import parameter_names
from infra.local.environment import STAGE as LAPTOP

_STAGE = re.compile(r"[a-z](?:[a-z0-9-]{0,18}[a-z0-9])?")


@dataclass(frozen=True)
class Place:
    """Where a stage is, and with whose credentials."""

    session: boto3.session.Session
    region: str
    account_id: str
    partition: str
    identity: str
    """ARN of who deploys."""


def check(stage: str, project: Path, parameters: Mapping[str, str]) -> Place:
    """Return where the stage is to be. Raises DeploymentError, or what botocore raises."""
    if not _STAGE.fullmatch(stage):
        raise DeploymentError(
            f"{stage!r} is no name for a stage: 1 to 20 lower-case letters, digits and hyphens, a letter first. It"
            " becomes a part of the names of tables, functions and the bucket"
        )
    if stage == LAPTOP:
        raise DeploymentError(f"the stage {LAPTOP} is this laptop's, for `make dev`. Choose another name, such as prod")
    known = parameter_names()
    for name in parameters:
        if name not in known:
            raise DeploymentError(f"there is no parameter {name}. There are: {', '.join(known)}")
    if parameters.get("DomainName") and not parameters.get("CertificateArn"):
        raise DeploymentError("DomainName needs CertificateArn: a certificate in ACM, in the region us-east-1")
    try:
        json.loads((project / ".chalice" / "config.json").read_text("utf-8"))["stages"]
    except (OSError, ValueError, KeyError) as unusable:
        raise DeploymentError(f".chalice/config.json cannot be read ({unusable}). Put it back from git") from unusable
    session = boto3.session.Session()
    client = session.client("sts")
    caller = client.get_caller_identity()
    place = Place(
        session=session,
        region=session.client("cloudformation").meta.region_name,
        account_id=caller["Account"],
        partition=caller["Arn"].split(":")[1],
        identity=caller["Arn"],
    )
    made_in = StageFiles(project, stage).place()
    if made_in is not None and made_in != (place.region, place.account_id):
        raise DeploymentError(
            f"the stage {stage} was made in account {made_in[1]}, region {made_in[0]}, and the credentials are for"
            f" account {place.account_id}, region {place.region}. Set AWS_PROFILE and AWS_REGION to the stage's own, or"
            f" take another name for the stage. To move it for good delete .chalice/policy-{stage}-*.json"
        )
    return place
