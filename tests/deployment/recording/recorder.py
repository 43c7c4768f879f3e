"""Writes down each call of AWS that this process makes through botocore, a line of JSON each, or lets it fail."""

import json
from pathlib import Path

from botocore.client import BaseClient
from botocore.exceptions import ClientError

VARIABLE = "RECORD_AWS_CALLS_IN"
"""The environment variable that names the file, for processes that a test starts."""

FAILING = "REFUSE_AWS_CALLS_ONCE_IN"
"""The one that names the file for calls that fail."""

_LONGEST = 500


def install(path):
    """Record from now on. Returns a function that ends it."""
    original = BaseClient._convert_to_request_dict

    def convert(client, api_params, operation_model, *args, **kwargs):
        request = original(client, api_params, operation_model, *args, **kwargs)
        call = {
            "service": operation_model.service_model.service_name,
            "operation": operation_model.name,
            "parameters": _short(api_params),
            "method": request["method"],
            "path": request["url_path"],
        }
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(call) + "\n")
        return request

    BaseClient._convert_to_request_dict = convert

    def end():
        BaseClient._convert_to_request_dict = original

    return end


def fail_each_once(path):
    """Let each operation be refused the first time that any process calls it. The file names those that were."""
    original = BaseClient._make_api_call

    def call(client, name, arguments):
        seen = Path(path).read_text("utf-8").split()
        if name in seen:
            return original(client, name, arguments)
        Path(path).write_text(" ".join([*seen, name]), "utf-8")
        action = f"{client.meta.service_model.service_name}:{name}"
        message = f"User: me is not authorized to perform: {action} on resource: x"
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": message}}, name)

    BaseClient._make_api_call = call


def _short(value):
    """What is said of a parameter: names and ARNs, and neither templates, nor packages, nor secrets."""
    if isinstance(value, dict):
        return {name: _short(each) for name, each in value.items() if name not in {"Value", "ParameterValue"}}
    if isinstance(value, list | tuple):
        return [_short(each) for each in value]
    if isinstance(value, str) and len(value) > _LONGEST:
        return ""
    return value if isinstance(value, str | int | float | bool) else None
