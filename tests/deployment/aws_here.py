"""A moto server in a thread, and what moto lacks of the parts that a deployment uses.

moto knows no CloudFormation of CloudFront, bucket policies, metric filters and alarms; executes change sets without
parameters, outputs or a rollback; does not know RetainExceptOnCreate, nor takes existing resources in; shows NoEcho
parameters; and its API Gateway imports no Swagger 2. What is added here keeps to AWS's documentation.
"""

import json
import urllib.request
import uuid
from contextlib import ExitStack
from typing import ClassVar
from unittest import mock
from urllib.parse import unquote

from moto.apigateway.models import APIGatewayBackend, apigateway_backends
from moto.apigateway.urls import url_paths as api_gateway_paths
from moto.cloudformation import models as stacks
from moto.cloudformation import parsing
from moto.cloudformation.responses import CloudFormationResponse
from moto.cloudfront.models import cloudfront_backends
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.common_models import CloudFormationModel
from moto.dynamodb.models import Table, dynamodb_backends
from moto.logs.models import LogGroup, logs_backends
from moto.server import ThreadedMotoServer

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
        "AWS::CloudFront::OriginAccessControl",
        "AWS::CloudFront::ResponseHeadersPolicy",
        "AWS::CloudWatch::Alarm",
        "AWS::Logs::MetricFilter",
        "AWS::S3::BucketPolicy",
    )
} | {Distribution.kind: Distribution}


class AwsHere:
    """The server. `failing` makes the creation or change of a resource fail, by its logical id."""

    def __init__(self):
        self.failing = {}
        self.patches = ExitStack()
        self.server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)

    def start(self):
        for patch in self._patches():
            self.patches.enter_context(patch)
        self.server.start()
        host, port = self.server.get_host_and_port()
        self.url = f"http://{host}:{port}"

    def stop(self):
        self.server.stop()
        self.patches.close()

    def reset(self):
        self.failing.clear()
        Recorded.made.clear()
        request = urllib.request.Request(f"{self.url}/moto-api/reset", method="POST")
        urllib.request.urlopen(request, timeout=30).close()

    def properties(self, logical_id):
        """What the stack has made of a resource that moto does not know."""
        return Recorded.made[logical_id].properties

    def stack(self, name):
        (stack,) = [
            each for each in stacks.cloudformation_backends[ACCOUNT][REGION].stacks.values() if each.name == name
        ]
        return stack

    def _patches(self):
        known = parsing.get_model_map()
        create, update = parsing.parse_and_create_resource, parsing.parse_and_update_resource

        def failing(original):
            def wrapped(logical_id, *args, **kwargs):
                if logical_id in self.failing:
                    raise RuntimeError(self.failing[logical_id])
                return original(logical_id, *args, **kwargs)

            return wrapped

        yield mock.patch.object(parsing, "get_model_map", return_value={**known, **KINDS})
        yield mock.patch.object(parsing, "parse_and_create_resource", failing(create))
        yield mock.patch.object(parsing, "parse_and_update_resource", failing(_if_made(update)))
        yield mock.patch.object(parsing.ResourceMap, "build_resource_diff", _resource_diff)
        yield mock.patch.object(parsing.ResourceMap, "delete", _delete_resources(parsing.ResourceMap.delete))
        yield mock.patch.object(Table, "create_from_cloudformation_json", classmethod(_table))
        yield mock.patch.object(Table, "update_from_cloudformation_json", classmethod(_changed_table))
        yield mock.patch.object(LogGroup, "update_from_cloudformation_json", classmethod(_changed_log_group))
        yield mock.patch.object(LogGroup, "create_from_cloudformation_json", classmethod(_log_group))
        yield mock.patch.object(stacks.CloudFormationBackend, "execute_change_set", _execute)
        yield mock.patch.object(stacks.Stack, "has_parameters", _has_parameters)
        yield mock.patch.object(stacks.Stack, "parameter_list", property(_parameter_list))
        yield mock.patch.object(stacks.ChangeSet, "diff", _diff)
        yield mock.patch.object(CloudFormationResponse, "_validate_different_update", return_value=None)
        # moto's own pattern does not fit the ARN of an API, which has slashes.
        yield mock.patch.dict(api_gateway_paths, {"{0}/tags/(?P<resourceArn>arn:.+)$": _tag_api})
        yield mock.patch.object(APIGatewayBackend, "import_rest_api", _import_rest_api)
        yield mock.patch.object(APIGatewayBackend, "put_rest_api", _put_rest_api)


def _execute(backend, change_set_name, stack_name=None):
    change_set = backend.describe_change_set(change_set_name)
    stack = backend.stacks[change_set.stack_id]
    creating = change_set.change_set_type == "CREATE"
    try:
        if creating:
            stack._add_stack_event("CREATE_IN_PROGRESS", resource_status_reason="User Initiated")
            stack.template = change_set.template
            stack._parse_template()
            stack.parameters, stack.tags = change_set.parameters, change_set.tags
            stack.resource_map = stack._create_resource_map()
            stack.output_map = stack._create_output_map()
            stack.create_resources()
        else:
            stack.update(change_set.template, parameters=change_set.parameters, tags=change_set.tags)
    except Exception as refused:
        stack._add_stack_event("CREATE_FAILED" if creating else "UPDATE_FAILED", str(refused))
        if creating:
            made = stack.resource_map._parsed_resources
            for name, described in stack.resource_map._resource_json_map.items():
                if made.get(name) is not None:
                    stack.resource_map._delete_resource(made[name], described)
            for name in stack.resource_map._resource_json_map:
                made.pop(name, None)
            stack.resource_map._resource_json_map = {}
            stack.output_map = stacks.OutputMap(stack.resource_map, {}, stack.stack_id)
        stack.status = "ROLLBACK_COMPLETE" if creating else "UPDATE_ROLLBACK_COMPLETE"


def _has_parameters(stack, others):
    now = {name: str(value) for name, value in stack.stack_parameters.items()}
    return {**now, **{name: str(value) for name, value in others.items()}} == now


def _parameter_list(stack):
    secret = {name for name, slot in stack.template_dict.get("Parameters", {}).items() if slot.get("NoEcho")}
    return [
        {"ParameterKey": name, "ParameterValue": "****" if name in secret else str(value)}
        for name, value in stack.resource_map.resolved_parameters.items()
    ]


def _diff(change_set):
    found = change_set.stack.resource_map.build_resource_diff(change_set.template_dict, change_set.parameters)
    old = change_set.stack.resource_map._resource_json_map
    kinds = {**change_set.template_dict["Resources"], **old}
    return [
        stacks.Change(action=action, logical_resource_id=name, resource_type=kinds[name]["Type"])
        for action, names in found.items()
        for name in names
    ]


def _resource_diff(resources, template, parameters=None):
    """Return what another template and other parameters change, also by way of a condition."""
    old, new = resources._resource_json_map, template["Resources"]
    before = {name: str(value) for name, value in resources.resolved_parameters.items()} if old else {}
    other = {name for name, value in (parameters or {}).items() if before.get(name) != str(value)}
    return {
        "Add": [name for name in new if name not in old],
        "Modify": [
            name
            for name in new
            if name in old and (new[name] != old[name] or other & _parameters_of(new[name], template))
        ],
        "Remove": [name for name in old if name not in new],
    }


def _parameters_of(value, template):
    if isinstance(value, list):
        return set().union(*(_parameters_of(each, template) for each in value))
    if isinstance(value, str):
        return {name for name in template["Parameters"] if f"${{{name}}}" in value}
    if not isinstance(value, dict):
        return set()
    found = set()
    for name, each in value.items():
        if name == "Ref":
            found |= {each} & set(template["Parameters"])
        elif name == "Condition" and isinstance(each, str):
            found |= _parameters_of(template["Conditions"][each], template)
        elif name == "Fn::If":
            found |= _parameters_of([template["Conditions"][each[0]], *each[1:]], template)
        else:
            found |= _parameters_of(each, template)
    return found


def _if_made(update):
    def wrapped(logical_id, resource_json, resources_map, **kwargs):
        condition = resource_json.get("Condition")
        if condition and not resources_map.lazy_condition_map[condition]:
            return None
        if resources_map[logical_id] is None:
            return None
        return update(logical_id, resource_json, resources_map, **kwargs)

    return wrapped


def _delete_resources(original):
    def delete(resources):
        kept = {"Retain", "RetainExceptOnCreate"}
        described = resources._resource_json_map
        if getattr(resources._parsed_resources.get("SiteBucket"), "keys", None):
            raise RuntimeError("the bucket is not empty")
        resources._resource_json_map = {
            name: {**resource, "DeletionPolicy": "Retain"} if resource.get("DeletionPolicy") in kept else resource
            for name, resource in described.items()
        }
        original(resources)

    return delete


_table_made = Table.create_from_cloudformation_json.__func__
_log_group_made = LogGroup.create_from_cloudformation_json.__func__


def _table(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
    existing = dynamodb_backends[account_id][region_name].tables.get(resource_name)
    return existing or _table_made(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs)


def _changed_table(cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name):
    properties = cloudformation_json["Properties"]
    original_resource.deletion_protection_enabled = properties["DeletionProtectionEnabled"]
    dynamodb_backends[account_id][region_name].update_continuous_backups(
        original_resource.name, properties["PointInTimeRecoverySpecification"]
    )
    return original_resource


def _changed_log_group(cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name):
    original_resource.retention_in_days = cloudformation_json["Properties"]["RetentionInDays"]
    return original_resource


def _log_group(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
    existing = logs_backends[account_id][region_name].groups.get(resource_name)
    return existing or _log_group_made(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs)


def _tag_api(request, full_url, headers):
    api = unquote(full_url).rpartition("/")[2]
    apigateway_backends[ACCOUNT][REGION].get_rest_api(api).tags.update(json.loads(request.data)["tags"])
    return 204, {}, ""


def _import_rest_api(backend, api_doc, fail_on_warnings):
    api = backend.create_rest_api(name=api_doc["info"]["title"], description="")
    return backend.put_rest_api(api.id, api_doc, fail_on_warnings, "overwrite")


def _put_rest_api(backend, function_id, api_doc, fail_on_warnings, mode="merge"):
    api = backend.get_rest_api(function_id)
    assert mode == "overwrite"
    api.resources = {}
    api.default = api.add_child("/")
    api.authorizers = {}
    for name, definition in api_doc["securityDefinitions"].items():
        how = definition["x-amazon-apigateway-authorizer"]
        backend.create_authorizer(
            function_id, name=name, authorizer_type="TOKEN", provider_arns=None, auth_type=None,
            authorizer_uri=how["authorizerUri"], authorizer_credentials=None, identity_source=None,
            identity_validation_expression=None, authorizer_result_ttl=how["authorizerResultTtlInSeconds"],
        )  # fmt: skip
    for path, methods in api_doc["paths"].items():
        resource = api.default
        for part in filter(None, path.split("/")):
            children = [each for each in api.resources.values() if each.parent_id == resource.id]
            known = [each for each in children if each.path_part == part]
            resource = known[0] if known else backend.create_resource(function_id, resource.id, part)
        for method, operation in methods.items():
            verb = "ANY" if method == "x-amazon-apigateway-any-method" else method.upper()
            backend.put_method(function_id, resource.id, verb, "CUSTOM" if operation.get("security") else "NONE")
            how = operation["x-amazon-apigateway-integration"]
            backend.put_integration(
                function_id, resource.id, verb, how["type"].upper(),
                uri=how.get("uri", ""), integration_method=how.get("httpMethod", "POST"),
            )  # fmt: skip
    return api
