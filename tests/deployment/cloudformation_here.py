"""What moto's CloudFormation lacks.

It knows no CloudFront, bucket policies, alarms and budgets, nor versions in buckets; executes change sets without
parameters, outputs or a rollback; does not know RetainExceptOnCreate, nor takes existing resources in; and shows NoEcho
parameters. What is added keeps to the CloudFormation User Guide.
"""

from unittest import mock

from moto.cloudformation import models as stacks
from moto.cloudformation import parsing
from moto.cloudformation.responses import CloudFormationResponse
from moto.dynamodb.models import Table, dynamodb_backends
from moto.logs.models import LogGroup, logs_backends
from moto.s3.models import FakeBucket

from tests.deployment.recorded_resources import KINDS


def patches(failures):
    """Yield context managers that add it. ``failures``: why a resource fails, by its logical id; may change."""
    known = parsing.get_model_map()
    create, update = parsing.parse_and_create_resource, parsing.parse_and_update_resource

    def failing(original):
        def wrapped(logical_id, *args, **kwargs):
            if logical_id in failures:
                raise RuntimeError(failures[logical_id])
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
    for method in ("create_from_cloudformation_json", "update_from_cloudformation_json"):
        yield mock.patch.object(FakeBucket, method, classmethod(_versioned(getattr(FakeBucket, method).__func__)))
    yield mock.patch.object(stacks.CloudFormationBackend, "execute_change_set", _execute)
    yield mock.patch.object(stacks.Stack, "has_parameters", _has_parameters)
    yield mock.patch.object(stacks.Stack, "parameter_list", property(_parameter_list))
    yield mock.patch.object(stacks.ChangeSet, "diff", _diff)
    yield mock.patch.object(CloudFormationResponse, "_validate_different_update", return_value=None)


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


def _versioned(original):
    def wrapped(cls, *args, **kwargs):
        bucket = original(cls, *args, **kwargs)
        described = next(arg for arg in args if isinstance(arg, dict))
        bucket.versioning_status = described["Properties"].get("VersioningConfiguration", {}).get("Status")
        return bucket

    return wrapped


def _log_group(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
    existing = logs_backends[account_id][region_name].groups.get(resource_name)
    return existing or _log_group_made(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs)
