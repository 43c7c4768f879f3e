"""Reads what `chalice package` writes: the functions, their roles' policies, and the API's Swagger."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.packaged.errors import UnsupportedTemplateError

API_HANDLER = "api_handler"
"""Chalice's name of the function behind every route."""

_KNOWN_RESOURCES = frozenset(
    {
        "AWS::IAM::Role",
        "AWS::Lambda::Permission",
        "AWS::Logs::LogGroup",
        "AWS::Serverless::Api",
        "AWS::Serverless::Function",
    }
)
_FUNCTION_IN_URI = re.compile(r"functions/\$\{(\w+)\.Arn\}/invocations$")


@dataclass(frozen=True)
class FunctionDefinition:
    """One Lambda function, as the template defines it."""

    name: str
    """As `chalice deploy` names it."""
    handler: str
    """Module and name of what Lambda calls."""
    runtime: str
    architecture: str
    memory: int
    """Megabytes."""
    timeout: int
    """Seconds."""
    environment: Mapping[str, str]
    policy: Mapping[str, Any]
    """The IAM policy document of its role."""


def read_functions(template: Mapping[str, Any]) -> dict[str, FunctionDefinition]:
    """Return the functions by Chalice's names: `api_handler`, `authorizer`. Raises UnsupportedTemplateError."""
    resources = template["Resources"]
    for logical_id, resource in resources.items():
        if resource["Type"] not in _KNOWN_RESOURCES:
            raise UnsupportedTemplateError(f"{logical_id}: the type {resource['Type']} is not understood")
    return {
        _chalice_name(logical_id): _function(logical_id, resource["Properties"], resources)
        for logical_id, resource in resources.items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def read_swagger(template: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Return the API's stage name and Swagger. Raises UnsupportedTemplateError if there is not one API."""
    apis = [
        resource["Properties"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Api"
    ]
    if len(apis) != 1:
        raise UnsupportedTemplateError(f"the template has {len(apis)} REST APIs, and not one")
    return apis[0]["StageName"], apis[0]["DefinitionBody"]


def function_in_uri(uri: object) -> str:
    """Return Chalice's name of the function that an integration's or authorizer's URI invokes.

    Raises UnsupportedTemplateError.
    """
    match uri:
        case {"Fn::Sub": str(text)} if found := _FUNCTION_IN_URI.search(text):
            return _chalice_name(found[1])
    raise UnsupportedTemplateError(f"the URI {uri} does not name a function of this template")


def _chalice_name(logical_id: str) -> str:
    # Chalice names its resources in snake case and CloudFormation's in camel case, with one exception.
    if logical_id == "APIHandler":
        return API_HANDLER
    return re.sub(r"(?<!^)(?=[A-Z])", "_", logical_id).lower()


def _function(
    logical_id: str, properties: Mapping[str, Any], resources: Mapping[str, Mapping[str, Any]]
) -> FunctionDefinition:
    (architecture,) = properties["Architectures"]
    tags = dict(pair.split("=", 1) for pair in properties["Tags"]["aws-chalice"].split(":"))
    name = _chalice_name(logical_id)
    return FunctionDefinition(
        name="-".join([tags["app"], tags["stage"], *([] if name == API_HANDLER else [name])]),
        handler=properties["Handler"],
        runtime=properties["Runtime"],
        architecture=architecture,
        memory=properties["MemorySize"],
        timeout=properties["Timeout"],
        environment=properties.get("Environment", {}).get("Variables", {}),
        policy=_policy(logical_id, properties["Role"], resources),
    )


def _policy(logical_id: str, role: object, resources: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    match role:
        case {"Fn::GetAtt": [str(name), "Arn"]}:
            properties = resources[name]["Properties"]
        case _:
            raise UnsupportedTemplateError(f"{logical_id}: its role {role} is not one of this template")
    policies = properties.get("Policies", [])
    if len(policies) != 1 or properties.get("ManagedPolicyArns"):
        raise UnsupportedTemplateError(f"{logical_id}: its role has not exactly one policy, written out")
    document: Mapping[str, Any] = policies[0]["PolicyDocument"]
    return document
