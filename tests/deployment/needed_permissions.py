"""Which permissions a call of AWS needs: pairs of action and resource.

The Service Authorization Reference says it ("Actions, resources, and condition keys for" each service). Most operations
have an action of their name. The rest, and what a resource is called, is said here.
"""

import re
from urllib.parse import quote

from tests.deployment.recorded_resources import ACCOUNT, REGION

STAGE = "prod"
ANYTHING = "*"
PASSED = "iam:PassRole"

# HEAD and lists have no actions of their own ("Required permissions for Amazon S3 API operations" in its User Guide).
_OF_BUCKETS = {"HeadBucket": "ListBucket", "ListObjectsV2": "ListBucket", "ListObjectVersions": "ListBucketVersions"}
_OF_OBJECTS = {
    "DeleteObject": "DeleteObject",
    "GetObject": "GetObject",
    "HeadObject": "GetObject",
    "PutObject": "PutObject",
}
# "IAM permissions to restore a DynamoDB table" in the DynamoDB Developer Guide.
_OF_RESTORES = ("BatchWriteItem", "DeleteItem", "GetItem", "PutItem", "Query", "Scan", "UpdateItem")
_OF_NO_RESOURCE = {
    ("cloudfront", "ListDistributions"),
    ("cloudfront", "ListOriginAccessControls"),
    ("cloudfront", "ListCachePolicies"),
    ("cloudfront", "ListResponseHeadersPolicies"),
    ("dynamodb", "ListTables"),
    ("lambda", "GetAccountSettings"),
    ("logs", "DescribeLogGroups"),
    ("sesv2", "GetAccount"),
    ("ssm", "DescribeParameters"),
}
_NOTHING = {("sts", "GetCallerIdentity")}
_PREFIXES = {"sesv2": "ses"}


def needed(call):
    """The pairs of action and resource that a recorded call needs. Raises LookupError if that is not known."""
    service, operation = call["service"], call["operation"]
    if (service, operation) in _NOTHING:
        return set()
    if (service, operation) in _OF_NO_RESOURCE:
        return {(f"{_PREFIXES.get(service, service)}:{operation}", ANYTHING)}
    try:
        return set(_OF_SERVICES[service](call, operation, call["parameters"]))
    except KeyError as unknown:
        raise LookupError(f"which permission does {service} {operation} need? Say it here ({unknown})") from unknown


def _api_gateway(call, operation, parameters):
    path = call["path"].partition("?")[0]
    if path.startswith("/tags/"):
        path = f"/tags/{quote(path.removeprefix('/tags/'), safe='%')}"
    yield f"apigateway:{call['method']}", f"arn:aws:apigateway:{REGION}::{path}"
    if operation == "UpdateAccount":
        for patch in parameters["patchOperations"]:
            if patch["path"] == "/cloudwatchRoleArn" and patch.get("value"):
                yield PASSED, patch["value"]


def _acm(call, operation, parameters):
    yield f"acm:{operation}", parameters["CertificateArn"]


def _cloudformation(call, operation, parameters):
    stack = _arn("cloudformation", f"stack/{_last(parameters['StackName'], 1)}/0")
    yield f"cloudformation:{operation}", stack
    if parameters.get("Tags"):
        yield "cloudformation:TagResource", stack


def _cloudfront(call, operation, parameters):
    yield f"cloudfront:{operation}", f"arn:aws:cloudfront::{ACCOUNT}:distribution/{parameters['DistributionId']}"


def _cloudwatch(call, operation, parameters):
    for name in parameters["AlarmNames"]:
        yield f"cloudwatch:{operation}", _arn("cloudwatch", f"alarm:{name}")


def _dynamodb(call, operation, parameters):
    tables = [parameters[name] for name in ("TableName", "SourceTableName", "TargetTableName") if name in parameters]
    for table in tables or [parameters["ResourceArn"].rpartition("/")[2]]:
        yield f"dynamodb:{operation}", _arn("dynamodb", f"table/{table}")
    if operation.startswith("RestoreTable"):
        for dependent in _OF_RESTORES:
            yield f"dynamodb:{dependent}", _arn("dynamodb", f"table/{parameters['TargetTableName']}")


def _iam(call, operation, parameters):
    if operation == "SimulatePrincipalPolicy":
        # moto's user is one of STS.
        yield f"iam:{operation}", parameters["PolicySourceArn"].replace(":sts:", ":iam:")
    else:
        yield f"iam:{operation}", f"arn:aws:iam::{ACCOUNT}:role/{parameters['RoleName']}"


def _kms(call, operation, parameters):
    yield f"kms:{operation}", parameters["KeyId"]


def _lambda(call, operation, parameters):
    name = parameters.get("FunctionName") or parameters["Resource"]
    function = _arn("lambda", f"function:{name.rpartition(':function:')[2]}")
    if "Qualifier" in parameters:
        function = f"{function}:{parameters['Qualifier']}"
    yield f"lambda:{'InvokeFunction' if operation == 'Invoke' else operation}", function
    if "Role" in parameters:
        yield PASSED, parameters["Role"]
    if operation == "CreateFunction" and parameters.get("Tags"):
        yield "lambda:TagResource", function


def _logs(call, operation, parameters):
    yield f"logs:{operation}", _arn("logs", f"log-group:{parameters['logGroupName']}:*")


def _route53(call, operation, parameters):
    yield f"route53:{operation}", f"arn:aws:route53:::hostedzone/{parameters['Id']}"


def _s3(call, operation, parameters):
    bucket = f"arn:aws:s3:::{parameters['Bucket']}"
    if operation in _OF_BUCKETS:
        yield f"s3:{_OF_BUCKETS[operation]}", bucket
    elif operation == "DeleteObjects":
        for item in parameters["Delete"]["Objects"]:
            yield f"s3:DeleteObject{'Version' if 'VersionId' in item else ''}", f"{bucket}/{item['Key']}"
    else:
        version = "Version" if "VersionId" in parameters else ""
        yield f"s3:{_OF_OBJECTS[operation]}{version}", f"{bucket}/{parameters['Key']}"


def _sesv2(call, operation, parameters):
    yield f"ses:{operation}", _arn("ses", f"identity/{parameters['EmailIdentity']}")


def _ssm(call, operation, parameters):
    name = parameters.get("ResourceId") or parameters["Name"]
    yield f"ssm:{operation}", _arn("ssm", f"parameter/{name.removeprefix('/').partition(':')[0]}")
    key = parameters.get("KeyId", "")
    if key.startswith("arn:"):
        # Parameter Store uses one's own key in the caller's name, and what was written is read back
        # ("How AWS Systems Manager Parameter Store uses AWS KMS" in the KMS Developer Guide).
        yield "kms:Encrypt", key
        yield "kms:Decrypt", key


_OF_SERVICES = {
    "acm": _acm,
    "apigateway": _api_gateway,
    "cloudformation": _cloudformation,
    "cloudfront": _cloudfront,
    "cloudwatch": _cloudwatch,
    "dynamodb": _dynamodb,
    "iam": _iam,
    "kms": _kms,
    "lambda": _lambda,
    "logs": _logs,
    "route53": _route53,
    "s3": _s3,
    "sesv2": _sesv2,
    "ssm": _ssm,
}

# What is named by AWS, at random, or by the operator. An API's id says nothing of its stage.
_GENERAL = [
    (r"^arn:aws:kms:.*", "${KmsKeyArn}"),
    (r"^arn:aws:acm:.*", "${CertificateArn}"),
    (r"(:hostedzone/).*", r"\1${HostedZoneId}"),
    (r"(:distribution/).*", r"\1*"),
    (r"^(arn:aws:ses:[^:]+:[^:]+:identity/).*", r"\1*"),
    (r"(:function:[^:]+:)[0-9]+$", r"\1*"),
    (r"(:stack/[^/]+/).*", r"\1*"),
    (rf"(:alarm:lychgate-{STAGE}-).*", r"\1*"),
    (r"(::/(?:restapis|usageplans|apikeys|tags)/).*", r"\1*"),
    (rf"^(arn:aws:s3:::)lychgate-{STAGE}-{ACCOUNT}-{REGION}(?:(/).*)?$", None),
    (rf"^arn:aws:iam::{ACCOUNT}:(user|role)/(?!lychgate-).*", r"arn:aws:iam::${Account}:\1/*"),
]


def general(arn):
    """What stands for a resource in the policies of any stage, in any account and region."""
    for pattern, replacement in _GENERAL:
        if replacement is None:
            arn = re.sub(pattern, lambda found: f"{found[1]}${{SiteBucketName}}{'/*' if found[2] else ''}", arn)
        else:
            arn = re.sub(pattern, replacement, arn)
    for concrete, placeholder in (
        ("arn:aws:", "arn:${Partition}:"),
        (REGION, "${Region}"),
        (ACCOUNT, "${Account}"),
        (f"lychgate-{STAGE}", "lychgate-${Stage}"),
        (f"/lychgate/{STAGE}/", "/lychgate/${Stage}/"),
    ):
        arn = arn.replace(concrete, placeholder)
    return arn


def _last(text, position):
    """A name as it is, or the part of an ARN with it."""
    return text.split("/")[position] if text.startswith("arn:") else text


def _arn(service, resource):
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"
