"""The IAM policies of whoever deploys: infra/deployer-policy.json, written out for a stage, and who lacks what of them.

`make policy` writes that file from the calls that the commands make. One managed policy has room for 6,144 characters
(AWS Identity and Access Management User Guide, "IAM and AWS STS quotas"), so there are several.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.deployment.checks.findings import State
from infra.deployment.errors import DeploymentError
from infra.deployment.foundation import APP_NAME

if TYPE_CHECKING:
    from infra.deployment.policies import Policy
    from infra.deployment.preflight import Place

POLICIES = Path(__file__).parents[1] / "deployer-policy.json"

LARGEST_POLICY = 6144
"""Characters of a managed policy, whitespace aside."""

_PLACEHOLDER = re.compile(r"\$\{([A-Za-z]+)\}")
_WILDCARD = "any"


def deployer_policies(
    stage: str, *, partition: str, region: str, account: str, parameters: Mapping[str, str] | None = None
) -> dict[str, Policy]:
    """Return the policies for a stage, by their names.

    What only a parameter of the stack needs, such as KmsKeyArn, is left out where the parameter is not given.
    """
    given = dict(parameters or {})
    values = {
        "Stage": stage,
        "Partition": partition,
        "Region": region,
        "Account": account,
        "SiteBucketName": given.get("SiteBucketName") or f"{APP_NAME}-{stage}-{account}-{region}",
        "CertificateArn": given.get("CertificateArn", ""),
        "HostedZoneId": given.get("HostedZoneId", ""),
        "KmsKeyArn": given.get("KmsKeyArn", ""),
        "WebAclArn": given.get("WebAclArn", ""),
        "AccessLogBucket": given.get("AccessLogBucket", "").removesuffix(".s3.amazonaws.com"),
    }
    documents: dict[str, Policy] = json.loads(POLICIES.read_text("utf-8"))
    written = {_filled(name, values): _written(document, values) for name, document in documents.items()}
    return {name: document for name, document in written.items() if document["Statement"]}


def _written(document: Policy, values: Mapping[str, str]) -> Policy:
    statements = []
    for statement in document["Statement"]:
        resources = [each for each in statement["Resource"] if all(values[name] for name in _PLACEHOLDER.findall(each))]
        if resources:
            condition = _filled(json.dumps(statement.get("Condition", {})), values)
            statements.append(
                {
                    **statement,
                    "Resource": [_filled(each, values) for each in resources],
                    **({"Condition": json.loads(condition)} if "Condition" in statement else {}),
                }
            )
    return {**document, "Statement": statements}


def _filled(text: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: values[found[1]], text)


def permissions(place: Place, stage: str, parameters: Mapping[str, str]) -> tuple[State, str]:
    """Ask IAM whether the identity that deploys may do all that its policies would allow."""
    if place.identity.endswith(":root"):
        return State.OK, "the account's root user may do everything. Deploy as somebody who may do less"
    principal = _principal(place)
    if principal is None:
        return State.UNKNOWN, f"IAM cannot be asked about {place.identity}, which is neither a user nor a role"
    documents = deployer_policies(
        stage,
        partition=place.partition,
        region=place.region,
        account=place.account_id,
        parameters=parameters,
    )
    missing = sorted({action for document in documents.values() for action in _missing(place, principal, document)})
    if missing:
        return State.WRONG, (
            f"{principal} lacks {', '.join(missing)}. `python -m infra.deployment policy {stage}` prints policies that"
            " have them"
        )
    return State.OK, f"{principal} may do what a deployment does, by its own policies"


def _principal(place: Place) -> str | None:
    """Return the ARN of the user, or of the role whose session this is, None for anything else."""
    kind, _, name = place.identity.split(":", 5)[5].partition("/")
    if kind == "user":
        return place.identity
    if kind != "assumed-role":
        return None
    # A session does not say in which path its role is.
    role = place.session.client("iam").get_role(RoleName=name.partition("/")[0])["Role"]
    return role["Arn"]


def _missing(place: Place, principal: str, document: Policy) -> Iterator[str]:
    pages = place.session.client("iam").get_paginator("simulate_principal_policy")
    for statement in document["Statement"]:
        for page in pages.paginate(
            PolicySourceArn=principal,
            ActionNames=statement["Action"],
            ResourceArns=[each if each == "*" else each.replace("*", _WILDCARD) for each in statement["Resource"]],
            ContextEntries=_context(statement),
        ):
            for result in page["EvaluationResults"]:
                decisions = [each["EvalResourceDecision"] for each in result.get("ResourceSpecificResults", [])]
                if any(decision != "allowed" for decision in decisions or [result["EvalDecision"]]):
                    yield result["EvalActionName"]


def _context(statement: Mapping[str, Any]) -> list[Any]:
    """Return the values with which the statement's own conditions hold."""
    return [
        {
            "ContextKeyName": key,
            "ContextKeyValues": [value if isinstance(value, str) else value[0]],
            "ContextKeyType": "string",
        }
        for key, value in statement.get("Condition", {}).get("StringEquals", {}).items()
    ]


def print_policies(documents: Mapping[str, Policy], folder: Path | None) -> Iterator[str]:
    """Yield the policies as JSON, or write each into a file in a folder and yield the commands that create them."""
    if folder is None:
        yield json.dumps(documents, indent=2)
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, document in documents.items():
            (folder / f"{name}.json").write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    except OSError as unusable:
        raise DeploymentError(f"{folder} cannot be written to ({unusable})") from unusable
    for name in documents:
        yield f"aws iam create-policy --policy-name {name} --policy-document file://{folder / name}.json"
