"""What moto's CloudFormation lacks.

It knows no CloudFront, bucket policies, alarms, budgets and SES, nor versions in buckets; executes change sets without
parameters, outputs or a rollback; deletes nothing whose condition holds no longer; does not know RetainExceptOnCreate,
nor takes existing resources in; and shows NoEcho parameters. What is added keeps to the CloudFormation User Guide.

A rollback of the operation that creates a resource deletes it, unless its policy is Retain ("DeletionPolicy
attribute"). The guide does not say whether an operation that imports a resource counts as the one that creates it. Here
it does: what must not be lost may not depend on it. Nor does the guide say whether a deployment that imports a resource
also gives it the template's properties: `readings` says which of the two it is here.
"""

import functools
import json
import threading
from unittest import mock

from moto.cloudformation import models as stacks
from moto.cloudformation import parsing
from moto.cloudformation.responses import CloudFormationResponse
from moto.dynamodb.models import Table, dynamodb_backends
from moto.logs.models import LogGroup, logs_backends
from moto.s3.models import FakeBucket

from infra.intrinsic_functions import condition_holds
from tests.deployment.recorded_resources import KINDS

_KEPT = {"Retain", "RetainExceptOnCreate"}

APPLIES_THE_TEMPLATE = "an import applies the template"
"""The reading by which a resource that is imported gets the template's properties at once."""


def patches(failures, readings):
    """Yield context managers that add it.

    ``failures``: why a resource fails, by its logical id; may change. ``readings``: see above; may change.
    """
    known = parsing.get_model_map()
    create, update = parsing.parse_and_create_resource, parsing.parse_and_update_resource
    # moto makes a resource also when a list of them asks for one that a condition leaves out.
    changing = threading.Event()

    def failing(original):
        def wrapped(logical_id, *args, **kwargs):
            if changing.is_set() and logical_id in failures:
                raise _RefusedError(logical_id, failures[logical_id])
            return original(logical_id, *args, **kwargs)

        return wrapped

    yield mock.patch.object(stacks.yaml, "load", _json_or(stacks.yaml.load))
    yield mock.patch.object(parsing, "get_model_map", return_value={**known, **KINDS})
    yield mock.patch.object(parsing, "parse_and_create_resource", failing(create))
    yield mock.patch.object(parsing, "parse_and_update_resource", _as_its_condition_says(failing(update)))
    yield mock.patch.object(parsing.ResourceMap, "build_resource_diff", _resource_diff)
    yield mock.patch.object(parsing.ResourceMap, "delete", _delete_resources(parsing.ResourceMap.delete))
    yield mock.patch.object(
        Table, "create_from_cloudformation_json", classmethod(_taken_in(_whole_table, _table, _changed_table, readings))
    )
    yield mock.patch.object(Table, "update_from_cloudformation_json", classmethod(_changed_table))
    yield mock.patch.object(LogGroup, "update_from_cloudformation_json", classmethod(_changed_log_group))
    yield mock.patch.object(
        LogGroup,
        "create_from_cloudformation_json",
        classmethod(_taken_in(_log_group_made, _log_group, _changed_log_group, readings)),
    )
    for method in ("create_from_cloudformation_json", "update_from_cloudformation_json"):
        yield mock.patch.object(FakeBucket, method, classmethod(_versioned(getattr(FakeBucket, method).__func__)))
    yield mock.patch.object(
        stacks.CloudFormationBackend, "execute_change_set", functools.partialmethod(_execute, failures, changing)
    )
    yield mock.patch.object(stacks.Stack, "has_parameters", _has_parameters)
    yield mock.patch.object(stacks.Stack, "parameter_list", property(_parameter_list))
    yield mock.patch.object(stacks.ChangeSet, "diff", _diff)
    yield mock.patch.object(CloudFormationResponse, "_validate_different_update", return_value=None)


class _RefusedError(Exception):
    """Raised where a resource cannot be made or changed."""

    def __init__(self, logical_id, reason):
        super().__init__(reason)
        self.logical_id = logical_id


def _execute(backend, failures, changing, change_set_name, stack_name=None):
    changing.set()
    try:
        _change(backend, failures, change_set_name)
    finally:
        changing.clear()


def _change(backend, failures, change_set_name):
    change_set = backend.describe_change_set(change_set_name)
    stack = backend.stacks[change_set.stack_id]
    creating = change_set.change_set_type == "CREATE"
    before = (stack.template, dict(stack.resource_map.input_parameters), stack.tags)
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
        if isinstance(refused, _RefusedError):
            stack.events[-1].logical_resource_id, stack.events[-1].physical_resource_id = refused.logical_id, ""
        so_far = len(stack.events)
        complete = _roll_back(stack, None if creating else before, failures)
        # moto takes the way back for another change that somebody asked for.
        later = [event for event in stack.events[so_far:] if event.resource_status_reason != "User Initiated"]
        stack.events[so_far:] = later
        status = "ROLLBACK" if creating else "UPDATE_ROLLBACK"
        stack.status = f"{status}_COMPLETE" if complete else f"{status}_FAILED"


def _roll_back(stack, before, failures):
    """Take back an operation, and return whether that worked. ``before``: what a change began with."""
    resources = stack.resource_map
    old = stack.parse_template(before[0])["Resources"] if before else {}
    complete = True
    for name, described in resources._resource_json_map.items():
        made = resources._parsed_resources.get(name)
        if name in old or made is None or described.get("DeletionPolicy") == "Retain":
            continue
        try:
            resources._delete_resource(made, described)
        except Exception as kept:
            stack._add_stack_event("DELETE_FAILED", str(kept))
            complete = False
    for name in resources._resource_json_map.keys() - old.keys():
        resources._parsed_resources.pop(name, None)
    resources._resource_json_map = {name: each for name, each in resources._resource_json_map.items() if name in old}
    if before is None:
        stack.output_map = stacks.OutputMap(resources, {}, stack.stack_id)
    else:
        # What fails forwards does not fail on the way back.
        failing = dict(failures)
        failures.clear()
        stack.update(before[0], parameters=before[1], tags=before[2])
        failures.update(failing)
    return complete


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
    actions = {name: _action(change_set, action, name) for action, names in found.items() for name in names}
    return [
        stacks.Change(
            action="Import" if action == "Add" and _exists(change_set.stack, kinds[name]) else action,
            logical_resource_id=name,
            resource_type=kinds[name]["Type"],
        )
        for name, action in actions.items()
        if action is not None
    ]


def _action(change_set, action, name):
    """What becomes of a resource, None for nothing. Conditions make resources come and go."""
    template = change_set.template_dict
    condition = template["Resources"].get(name, {}).get("Condition")
    if condition is None or action == "Remove":
        return action
    given = {parameter: str(value) for parameter, value in (change_set.parameters or {}).items()}
    is_wanted = condition_holds(condition, template, given)
    is_there = change_set.stack.resource_map._parsed_resources.get(name) is not None
    if is_there:
        return "Modify" if is_wanted else "Remove"
    return "Add" if is_wanted else None


def _exists(stack, resource):
    """Whether a resource is there already under its name, which has to be a static one."""
    properties, place = resource.get("Properties", {}), (stack.account_id, stack.region_name)
    name = properties.get("TableName") or properties.get("LogGroupName")
    if not isinstance(name, str):
        return False
    return _table(*place, name) is not None or _log_group(*place, name) is not None


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


def _as_its_condition_says(update):
    """Make, change or delete a resource."""

    def wrapped(logical_id, resource_json, resources_map, **kwargs):
        condition, made = resource_json.get("Condition"), resources_map._parsed_resources.pop(logical_id, None)
        if condition and not resources_map.lazy_condition_map[condition]:
            if made is not None and resource_json.get("DeletionPolicy") not in _KEPT:
                resources_map._delete_resource(made, resource_json)
            return None
        if made is None:
            return resources_map[logical_id]
        resources_map._parsed_resources[logical_id] = made
        return update(logical_id, resource_json, resources_map, **kwargs)

    return wrapped


def _delete_resources(original):
    def delete(resources):
        described = resources._resource_json_map
        if getattr(resources._parsed_resources.get("SiteBucket"), "keys", None):
            raise RuntimeError("the bucket is not empty")
        resources._resource_json_map = {
            name: {**resource, "DeletionPolicy": "Retain"} if resource.get("DeletionPolicy") in _KEPT else resource
            for name, resource in described.items()
        }
        original(resources)

    return delete


_table_made = Table.create_from_cloudformation_json.__func__
_log_group_made = LogGroup.create_from_cloudformation_json.__func__


def _taken_in(make, find, change, readings):
    """Take in what exists instead of making it."""

    def create(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
        existing = find(account_id, region_name, resource_name)
        if existing is None:
            return make(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs)
        if APPLIES_THE_TEMPLATE in readings:
            change(cls, existing, resource_name, cloudformation_json, account_id, region_name)
        return existing

    return create


def _table(account_id, region_name, name):
    return dynamodb_backends[account_id][region_name].tables.get(name)


def _log_group(account_id, region_name, name):
    return logs_backends[account_id][region_name].groups.get(name)


def _whole_table(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
    made = _table_made(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs)
    expiry = cloudformation_json["Properties"].get("TimeToLiveSpecification")
    if expiry is not None:
        dynamodb_backends[account_id][region_name].update_time_to_live(made.name, expiry)
    return made


def _changed_table(cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name):
    properties, backend = cloudformation_json["Properties"], dynamodb_backends[account_id][region_name]
    wanted = {index["IndexName"]: index for index in properties.get("GlobalSecondaryIndexes", [])}
    there = {index.name for index in original_resource.global_indexes}
    updates = [{"Create": index} for name, index in wanted.items() if name not in there]
    updates += [{"Delete": {"IndexName": name}} for name in there if name not in wanted]
    if len(updates) > 1:
        raise RuntimeError("Cannot perform more than one GSI creation or deletion in a single update")
    # What no key needs is refused, as what a key lacks is.
    keys = [*original_resource.schema, *(key for index in wanted.values() for key in index["KeySchema"])]
    assert {each["AttributeName"] for each in properties["AttributeDefinitions"]} == {
        each["AttributeName"] for each in keys
    }
    original_resource.attr = properties["AttributeDefinitions"]
    if updates:
        backend.update_table_global_indexes(original_resource, updates)
    if properties.get("StreamSpecification") and original_resource.stream_shard is None:
        original_resource.set_stream_specification({"StreamEnabled": True, **properties["StreamSpecification"]})
    original_resource.deletion_protection_enabled = properties["DeletionProtectionEnabled"]
    backend.update_continuous_backups(original_resource.name, properties["PointInTimeRecoverySpecification"])
    return original_resource


def _changed_log_group(cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name):
    original_resource.retention_in_days = cloudformation_json["Properties"].get("RetentionInDays")
    return original_resource


def _versioned(original):
    def wrapped(cls, *args, **kwargs):
        bucket = original(cls, *args, **kwargs)
        described = next(arg for arg in args if isinstance(arg, dict))
        bucket.versioning_status = described["Properties"].get("VersioningConfiguration", {}).get("Status")
        return bucket

    return wrapped


def _json_or(load):
    """Read templates, which are JSON here, by another way than as YAML, which takes a second for each."""

    @functools.wraps(load)
    def loaded(text, *args, **kwargs):
        try:
            return json.loads(text)
        except ValueError:
            return load(text, *args, **kwargs)

    return loaded
