"""Resources that moto's CloudFormation does not know, kept as the template says them."""

import uuid
from typing import ClassVar

from moto.cloudfront.models import cloudfront_backends
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.common_models import CloudFormationModel

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


KINDS = {
    kind: type(kind.rpartition(":")[2], (Recorded,), {"kind": kind})
    for kind in (
        "AWS::ApiGateway::ApiKey",
        "AWS::ApiGateway::UsagePlan",
        "AWS::ApiGateway::UsagePlanKey",
        "AWS::Budgets::Budget",
        "AWS::CloudFront::OriginAccessControl",
        "AWS::CloudFront::ResponseHeadersPolicy",
        "AWS::CloudWatch::Alarm",
        "AWS::S3::BucketPolicy",
    )
} | {Distribution.kind: Distribution}
