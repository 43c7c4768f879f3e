"""The checks before anything is changed: the stage's name, the credentials, the region, the account."""

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
from infra.stages import LAPTOP

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
    if not _STAGE.fullmatch(stage):
        raise DeploymentError(
            f"{stage!r} is not a valid stage name. Use 1 to 20 lower-case letters, digits and hyphens, beginning with a"
            " letter. The names of tables, functions and the bucket contain it"
        )
    if stage == LAPTOP:
        raise DeploymentError(f"the stage {LAPTOP} is reserved for `make dev`. Choose another name, such as prod")
    known = parameter_names()
    for name in parameters:
        if name not in known:
            raise DeploymentError(f"there is no parameter {name}. The parameters are: {', '.join(known)}")
    if parameters.get("DomainName") and not parameters.get("CertificateArn"):
        raise DeploymentError("DomainName needs CertificateArn: a certificate in ACM, in the region us-east-1")
    try:
        json.loads((project / ".chalice" / "config.json").read_text("utf-8"))["stages"]
    except (OSError, ValueError, KeyError) as unusable:
        raise DeploymentError(f".chalice/config.json cannot be read ({unusable}). Restore it from git") from unusable
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
            f"the stage {stage} was created in account {made_in[1]}, region {made_in[0]}, but the credentials are for"
            f" account {place.account_id}, region {place.region}. Set AWS_PROFILE and AWS_REGION to those of the stage,"
            f" or choose another stage name. To move the stage, delete .chalice/policy-{stage}-*.json"
        )
    return place
