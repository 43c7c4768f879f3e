"""Resources that moto's CloudFormation does not know, kept as the template says them."""

import uuid
from typing import ClassVar

from moto.awslambda.models import lambda_backends
from moto.cloudfront.models import cloudfront_backends
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.common_models import CloudFormationModel
from moto.iam.models import iam_backends
from moto.ses.models import ses_backends

ACCOUNT = DEFAULT_ACCOUNT_ID
REGION = "us-east-1"


class Recorded(CloudFormationModel):
    """A resource that is kept as the template says it, its functions resolved by moto."""

    kind = "Test::Recorded"
    made: ClassVar = {}

    def __init__(self, name, properties):
        self.name = name
        self.properties = properties

    @classmethod
    def cloudformation_type(cls):
        return cls.kind

    @staticmethod
    def cloudformation_name_type():
        return ""

    @classmethod
    def has_cfn_attr(cls, attr):
        return attr in {"Id", "DomainName", "Arn"}

    def get_cfn_attribute(self, attribute):
        return f"{self.name}-{attribute}"

    @property
    def physical_resource_id(self):
        return self.name

    def is_created(self):
        return True

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
        resource = cls(resource_name, cloudformation_json.get("Properties", {}))
        Recorded.made[kwargs["LogicalId"]] = resource
        return resource

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name
    ):
        original_resource.properties = cloudformation_json.get("Properties", {})
        return original_resource

    def delete(self, account_id, region_name):
        for name in [name for name, resource in Recorded.made.items() if resource is self]:
            del Recorded.made[name]


class Distribution(Recorded):
    """One that takes invalidations, too."""

    kind = "AWS::CloudFront::Distribution"

    def __init__(self, name, properties):
        super().__init__(name, properties)
        config = {
            "CallerReference": str(uuid.uuid4()),
            "Origins": {"Items": [{"Id": "site", "DomainName": "site.s3.amazonaws.com"}]},
            "DefaultCacheBehavior": {"TargetOriginId": "site", "ViewerProtocolPolicy": "redirect-to-https"},
            "Comment": "",
            "Enabled": True,
        }
        self.backend = cloudfront_backends[ACCOUNT]["aws"]
        self.distribution = self.backend.create_distribution(config, [])[0]
        self.name = self.distribution.distribution_id

    def get_cfn_attribute(self, attribute):
        return {"DomainName": self.distribution.domain_name, "Id": self.name}[attribute]

    def delete(self, account_id, region_name):
        super().delete(account_id, region_name)
        self.backend.delete_distribution(self.name, True)


class Alarm(Recorded):
    """One with its ARN."""

    kind = "AWS::CloudWatch::Alarm"

    def get_cfn_attribute(self, attribute):
        return {"Arn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{self.properties['AlarmName']}"}[attribute]


class OfTheMailer(Recorded):
    """One that needs the function. Lambda, and SNS with it, refuse a name that no function has."""

    def __init__(self, name, properties):
        super().__init__(name, properties)
        function = (properties.get("FunctionName") or properties["Endpoint"]).rpartition(":")[2]
        if function not in {each.function_name for each in lambda_backends[ACCOUNT][REGION].list_functions()}:
            raise RuntimeError(f"Function not found: {function}")


class EventSourceMapping(OfTheMailer):
    """One that needs the permissions of the function's role ("Using Lambda with DynamoDB" in Lambda's guide)."""

    kind = "AWS::Lambda::EventSourceMapping"

    def __init__(self, name, properties):
        super().__init__(name, properties)
        role = f"{properties['FunctionName']}"
        policies = iam_backends[ACCOUNT]["aws"].get_role(role).policies.values()
        for action in ("dynamodb:GetRecords", "dynamodb:ListStreams", "sqs:SendMessage"):
            if not any(action in policy for policy in policies):
                raise RuntimeError(f"Please ensure the role can perform {action}")


class ConfigurationSet(Recorded):
    """One that is called as the template says."""

    kind = "AWS::SES::ConfigurationSet"

    @property
    def physical_resource_id(self):
        return self.properties["Name"]


class EmailIdentity(Recorded):
    """One that SES has from then on. It takes none that it has already."""

    kind = "AWS::SES::EmailIdentity"

    def __init__(self, name, properties):
        super().__init__(name, properties)
        identities = ses_backends[ACCOUNT][REGION].email_identities
        if self.physical_resource_id in identities:
            raise RuntimeError(f"{self.physical_resource_id} already exists")
        made = ses_backends[ACCOUNT][REGION].create_email_identity_v2(self.physical_resource_id, None, None, None)
        made.envelope = (properties.get("MailFromAttributes") or {}).get("MailFromDomain", "")

    @property
    def physical_resource_id(self):
        return self.properties["EmailIdentity"]

    def delete(self, account_id, region_name):
        super().delete(account_id, region_name)
        ses_backends[ACCOUNT][REGION].email_identities.pop(self.physical_resource_id)


KINDS = {
    kind: type(kind.rpartition(":")[2], (Recorded,), {"kind": kind})
    for kind in (
        "AWS::ApiGateway::ApiKey",
        "AWS::ApiGateway::UsagePlan",
        "AWS::ApiGateway::UsagePlanKey",
        "AWS::Budgets::Budget",
        "AWS::CloudFront::CachePolicy",
        "AWS::CloudFront::OriginAccessControl",
        "AWS::CloudFront::ResponseHeadersPolicy",
        "AWS::S3::BucketPolicy",
        "AWS::SES::ConfigurationSetEventDestination",
        "AWS::SNS::TopicPolicy",
    )
}
KINDS |= {
    kind: type(kind.rpartition(":")[2], (OfTheMailer,), {"kind": kind})
    for kind in ("AWS::Lambda::EventInvokeConfig", "AWS::Lambda::Permission", "AWS::SNS::Subscription")
}
KINDS |= {each.kind: each for each in (Alarm, ConfigurationSet, Distribution, EmailIdentity, EventSourceMapping)}
