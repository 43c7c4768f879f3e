"""What moto's IAM leaves out unless it loads all policies of AWS, which takes seconds: the one that we attach."""

import functools
import json
from unittest import mock

from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy, IAMBackend

POLICY = "AmazonAPIGatewayPushToCloudWatchLogs"


def patches():
    """Yield context managers that add it."""
    yield mock.patch.object(IAMBackend, "_init_aws_policies", _aws_policies)


@functools.cache
def _data():
    return json.loads(aws_managed_policies_data)[POLICY]


def _aws_policies(backend):
    return [AWSManagedPolicy.from_data(POLICY, backend.account_id, backend.region_name, _data())]
