"""What moto's Lambda lacks: the limits of the account, versions as AWS publishes them, and a policy for each qualifier.

The rules are from the AWS Lambda API Reference and from "Lambda function states" in the Developer Guide.
"""

import json
from unittest import mock

from moto.awslambda.exceptions import LambdaClientError
from moto.awslambda.models import LambdaBackend, LambdaFunction, LambdaStorage, lambda_backends
from moto.awslambda.policy import Policy
from moto.awslambda.urls import url_paths
from moto.core import DEFAULT_ACCOUNT_ID

LEAST_UNRESERVED = 100
WITH_SNAP_START = {"python3.12", "python3.13", "python3.14", "python3.15"}


def patches(limits):
    """Yield context managers that add it.

    ``limits["executions"]``: how many at once the account may have. ``limits["pending"]``: how often a new version is
    looked at before it can be used. ``limits["failing"]``: why none ever can.
    """

    def account_settings(request, full_url, headers):
        functions = lambda_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].list_functions()
        reserved = sum(int(function.reserved_concurrency or 0) for function in functions)
        limit = {
            "ConcurrentExecutions": limits["executions"],
            "UnreservedConcurrentExecutions": limits["executions"] - reserved,
        }
        return 200, {}, json.dumps({"AccountLimit": limit, "AccountUsage": {"FunctionCount": len(functions)}})

    def publish_version(storage, name, description=""):
        versions = storage._functions[name]["versions"]
        latest = storage._functions[name]["latest"]
        if versions and _contents(versions[-1]) == _contents(latest):
            return versions[-1]
        latest.code_or_config_updated = True
        version = _publish(storage, name, description)
        # A number is never given again.
        latest.last_number = getattr(latest, "last_number", 0) + 1
        version.set_version(latest.last_number)
        version.looks = limits["pending"]
        version.failure = limits["failing"]
        return version

    yield mock.patch.dict(url_paths, {"{0}/2016-08-19/account-settings$": account_settings})
    yield mock.patch.object(LambdaStorage, "publish_version", publish_version)
    yield mock.patch.object(LambdaStorage, "del_function", _del_function)
    yield mock.patch.object(LambdaFunction, "update_configuration", _update_configuration)
    yield mock.patch.object(LambdaFunction, "get_configuration", _get_configuration)
    yield mock.patch.object(LambdaBackend, "add_permission", _add_permission)
    yield mock.patch.object(LambdaBackend, "get_policy", _get_policy)


_publish = LambdaStorage.publish_version
_deleted = LambdaStorage.del_function
_updated = LambdaFunction.update_configuration
_configuration = LambdaFunction.get_configuration


def _contents(function):
    """What makes one version another than the one before."""
    configuration = _configuration(function)
    own = {"FunctionArn", "LastModified", "Version", "State", "LastUpdateStatus", "SnapStart"}
    return {name: value for name, value in configuration.items() if name not in own}, _applies(function)


def _applies(function):
    return getattr(function, "snap_start", "None")


def _update_configuration(function, updates):
    apply_on = updates.get("SnapStart", {}).get("ApplyOn")
    if apply_on == "PublishedVersions" and function.run_time not in WITH_SNAP_START:
        message = f"{function.run_time} is not supported for SnapStart enabled functions."
        raise LambdaClientError("InvalidParameterValueException", message)
    function.snap_start = apply_on or _applies(function)
    function.tracing_config = updates.get("TracingConfig", function.tracing_config)
    return _updated(function, updates)


def _get_configuration(function, on_create=False):
    found = _configuration(function, on_create)
    published = function.version != "$LATEST"
    on = published and _applies(function) == "PublishedVersions"
    found["SnapStart"] = {"ApplyOn": _applies(function), "OptimizationStatus": "On" if on else "Off"}
    if not published:
        return found
    if function.looks > 0:
        function.looks -= 1
        found["State"] = "Pending"
    elif function.failure:
        found |= {"State": "Failed", "StateReason": function.failure, "StateReasonCode": "FunctionError"}
    return found


def _del_function(storage, name, qualifier=None):
    if qualifier is not None:
        for alias in storage.list_aliases(name):
            weights = (alias.routing_config or {}).get("AdditionalVersionWeights", {})
            if qualifier in {alias.function_version, *weights}:
                message = f"Version {qualifier} of {name} is referenced by the alias {alias.name}"
                raise LambdaClientError("ResourceConflictException", message)
    _deleted(storage, name, qualifier)


def _policy(backend, name, qualifier):
    name, _, in_name = name.partition(":")
    latest = backend.get_function(name)
    policies = latest.__dict__.setdefault("policies", {})
    qualifier = qualifier or in_name or None
    if qualifier is not None:
        backend.get_function(name, qualifier)  # raises if there is none
    return policies.setdefault(qualifier, Policy(latest)), qualifier


def _add_permission(backend, name, qualifier, raw):
    policy, qualifier = _policy(backend, name, qualifier)
    return policy.add_statement(raw, qualifier)[0]


def _get_policy(backend, name, qualifier=None):
    return _policy(backend, name, qualifier)[0].wire_format()
