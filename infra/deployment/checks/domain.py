"""Checks of what the operator names in parameters: the domain with its certificate and its zone, and the KMS key.

Owns which names a certificate and a zone cover.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from infra.deployment.checks.findings import State
from infra.deployment.errors import code_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.deployment.resources import Resources

_CLOUDFRONTS_REGION = "us-east-1"


def certificate(resources: Resources, parameters: Mapping[str, str]) -> tuple[State, str]:
    """Look whether the certificate exists, is issued and covers the domain."""
    domain, arn = parameters["DomainName"], parameters.get("CertificateArn", "")
    # The ARN's own region: CloudFront takes certificates of us-east-1 only, and the parameter's pattern says so.
    client: Any = resources.session.client("acm", region_name=_CLOUDFRONTS_REGION)
    try:
        found = client.describe_certificate(CertificateArn=arn)["Certificate"]
    except ClientError as error:
        if code_of(error) in {"ResourceNotFoundException", "InvalidArnException", "ValidationException"}:
            return State.WRONG, f"there is no certificate {arn} in {_CLOUDFRONTS_REGION}. Request one there, in ACM"
        raise
    if found["Status"] != "ISSUED":
        return State.WRONG, (
            f"the certificate {arn} is {found['Status']}. Create the records in DNS that ACM asks for, wait until it is"
            " ISSUED, and run the same command again"
        )
    covered = [found["DomainName"], *found.get("SubjectAlternativeNames", [])]
    if not any(covers(name, domain) for name in covered):
        return State.WRONG, (
            f"the certificate is for {', '.join(dict.fromkeys(covered))}, not for {domain}. Request one for {domain} in"
            f" ACM in {_CLOUDFRONTS_REGION}"
        )
    return State.OK, f"ISSUED, for {domain}"


def covers(name: str, domain: str) -> bool:
    """Return whether a certificate's name covers a domain: a wildcard stands for one label (RFC 9525 section 6.3)."""
    name, domain = name.lower(), domain.lower()
    if name.startswith("*."):
        label, dot, parent = domain.partition(".")
        return bool(label and dot) and parent == name[2:]
    return name == domain


def hosted_zone(resources: Resources, parameters: Mapping[str, str]) -> tuple[State, str]:
    """Look whether the hosted zone exists, is public and has the domain in it."""
    domain, zone = parameters["DomainName"], parameters["HostedZoneId"]
    client: Any = resources.session.client("route53")
    try:
        found = client.get_hosted_zone(Id=zone)["HostedZone"]
    except ClientError as error:
        if code_of(error) in {"NoSuchHostedZone", "InvalidInput"}:
            return (
                State.WRONG,
                f"there is no hosted zone {zone} in this account. `aws route53 list-hosted-zones` lists them",
            )
        raise
    name = found["Name"].rstrip(".").lower()
    if found.get("Config", {}).get("PrivateZone"):
        return State.WRONG, f"the hosted zone {zone} ({name}) is private: nobody on the internet would find the site"
    if domain.lower() != name and not domain.lower().endswith(f".{name}"):
        return State.WRONG, (
            f"the hosted zone {zone} is that of {name}, and {domain} is not in it. Name the zone of {domain}, or none:"
            " --parameter HostedZoneId="
        )
    return State.OK, f"{zone} is that of {name}"


def alias(resources: Resources, parameters: Mapping[str, str]) -> tuple[State, str]:
    """Look whether another distribution of this account has the domain. Those of other accounts cannot be seen."""
    domain, own = parameters["DomainName"].lower(), resources.stack.outputs().get("DistributionId")
    for page in resources.session.client("cloudfront").get_paginator("list_distributions").paginate():
        for item in page["DistributionList"].get("Items", []):
            if domain in item.get("Aliases", {}).get("Items", []) and item["Id"] != own:
                return State.WRONG, f"the distribution {item['Id']} has {domain} already. Take it off there first"
    return State.OK, f"no other distribution of this account has {domain}"


def kms_key(resources: Resources, parameters: Mapping[str, str]) -> tuple[State, str]:
    """Look whether the operator's own key can encrypt the signing keys."""
    arn = parameters["KmsKeyArn"]
    region = arn.split(":")[3]
    if region != resources.place.region:
        return State.WRONG, f"the key is in {region}, and the stage in {resources.place.region}. Name one of there"
    client: Any = resources.session.client("kms")
    try:
        found = client.describe_key(KeyId=arn)["KeyMetadata"]
    except ClientError as error:
        if code_of(error) == "NotFoundException":
            return State.WRONG, f"there is no key {arn}"
        raise
    if found["KeyState"] != "Enabled":
        return State.WRONG, f"the key is {found['KeyState']}. Enable it, or name another"
    if found.get("KeySpec", "SYMMETRIC_DEFAULT") != "SYMMETRIC_DEFAULT":
        return State.WRONG, f"the key is {found['KeySpec']}, and Parameter Store needs a symmetric one"
    return State.OK, "enabled and symmetric"
