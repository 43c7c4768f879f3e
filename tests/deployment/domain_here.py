"""A domain in the account, with what ACM, Route 53 and KMS have for it."""

import uuid

import boto3
from moto.acm.models import acm_backends

from tests.deployment.recorded_resources import ACCOUNT, REGION


def certificate(*names, status="ISSUED"):
    """Request a certificate for these names, and let ACM be as far with it as the status says. Returns its ARN."""
    client = boto3.client("acm", region_name="us-east-1")
    arn = client.request_certificate(DomainName=names[0], SubjectAlternativeNames=list(names))["CertificateArn"]
    acm_backends[ACCOUNT][REGION]._certificates[arn].status = status
    return arn


def zone(name, **more):
    """Create a hosted zone, and return its id."""
    made = boto3.client("route53").create_hosted_zone(Name=name, CallerReference=str(uuid.uuid4()), **more)
    return made["HostedZone"]["Id"].rpartition("/")[2]


def key(**more):
    """Create a KMS key, and return its ARN."""
    return boto3.client("kms").create_key(**more)["KeyMetadata"]["Arn"]
