"""What moto's API Gateway lacks.

It neither imports Swagger 2 as Chalice sends it, nor tags an API; loses the settings of a stage at its next deployment,
knows no tracing of one, and writes an access log without a role of the account.
"""

import json
from unittest import mock
from urllib.parse import unquote

from moto.apigateway.exceptions import BadRequestException
from moto.apigateway.models import APIGatewayBackend, apigateway_backends
from moto.apigateway.responses import APIGatewayResponse
from moto.apigateway.urls import url_paths
from moto.core import DEFAULT_ACCOUNT_ID
from moto.iam.models import iam_backends


def patches(limits):
    """Yield context managers that add it.

    ``limits["looks before a role is there"]`` is how often a new role is refused.
    """
    # moto's own pattern does not fit the ARN of an API, which has slashes.
    yield mock.patch.dict(url_paths, {"{0}/tags/(?P<resourceArn>arn:.+)$": _tag_api})
    yield mock.patch.object(APIGatewayBackend, "import_rest_api", _import_rest_api)
    yield mock.patch.object(APIGatewayBackend, "put_rest_api", _put_rest_api)
    deploy, update = APIGatewayResponse.create_deployment, APIGatewayBackend.update_stage
    yield mock.patch.object(APIGatewayResponse, "create_deployment", _keeping_the_stage(deploy))
    yield mock.patch.object(APIGatewayBackend, "update_stage", _with_a_role(update))
    yield mock.patch.object(
        APIGatewayBackend, "update_account", _with_permission(APIGatewayBackend.update_account, limits)
    )


def _tag_api(request, full_url, headers):
    api = unquote(full_url).rpartition("/")[2]
    apigateway_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].get_rest_api(api).tags.update(json.loads(request.data)["tags"])
    return 204, {}, ""


def _keeping_the_stage(original):
    """A deployment to a stage that exists changes what the call names (API Gateway API Reference, CreateDeployment)."""

    def create_deployment(response):
        stages = response.backend.get_rest_api(response.path.split("/")[2]).stages
        name = response._get_param("stageName")
        before = stages.get(name)
        answer = original(response)
        if before is not None:
            before.deployment_id = stages[name].deployment_id
            stages[name] = before
        if response._get_param("tracingEnabled") is not None:
            stages[name].tracing_enabled = response._get_param("tracingEnabled")
        return answer

    return create_deployment


def _with_a_role(original):
    def update_stage(backend, function_id, stage_name, patch_operations):
        logs = any(each["op"] != "remove" and "accessLogSettings" in each["path"] for each in patch_operations)
        if logs and not backend.account.cloudwatch_role_arn:
            raise BadRequestException("CloudWatch Logs role ARN must be set in account settings to enable logging")
        return original(backend, function_id, stage_name, patch_operations)

    return update_stage


def _with_permission(original, limits):
    def update_account(backend, patch_operations):
        (operation,) = patch_operations
        name = operation["value"].rpartition("/")[2]
        role = next((each for each in iam_backends[DEFAULT_ACCOUNT_ID]["aws"].get_roles() if each.name == name), None)
        spread = limits["looks before a role is there"] <= 0
        limits["looks before a role is there"] -= 1
        if not (
            spread
            and role
            and role.managed_policies
            and "apigateway.amazonaws.com" in str(role.assume_role_policy_document)
        ):
            raise BadRequestException(
                "The role ARN does not have required permissions configured. Please grant trust permission for API"
                " Gateway and add the required role policy."
            )
        return original(backend, patch_operations)

    return update_account


def _import_rest_api(backend, api_doc, fail_on_warnings):
    api = backend.create_rest_api(name=api_doc["info"]["title"], description="")
    return backend.put_rest_api(api.id, api_doc, fail_on_warnings, "overwrite")


def _put_rest_api(backend, function_id, api_doc, fail_on_warnings, mode="merge"):
    api = backend.get_rest_api(function_id)
    assert mode == "overwrite"
    api.name = api_doc["info"]["title"]
    api.resources = {}
    api.default = api.add_child("/")
    api.authorizers = {}
    for name, definition in api_doc["securityDefinitions"].items():
        if name == "api_key":
            continue
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
            others = [each.path_part for each in children if each.path_part[0] == part[0] == "{" and not known]
            assert not others, f"API Gateway: a sibling ({others[0]}) of this resource already has a variable path part"
            resource = known[0] if known else backend.create_resource(function_id, resource.id, part)
        for method, operation in methods.items():
            verb = "ANY" if method == "x-amazon-apigateway-any-method" else method.upper()
            wanted = {name for required in operation.get("security", []) for name in required}
            backend.put_method(
                function_id, resource.id, verb, "CUSTOM" if wanted - {"api_key"} else "NONE",
                api_key_required="api_key" in wanted,
            )  # fmt: skip
            how = operation["x-amazon-apigateway-integration"]
            backend.put_integration(
                function_id, resource.id, verb, how["type"].upper(),
                uri=how.get("uri", ""), integration_method=how.get("httpMethod", "POST"),
                passthrough_behavior=how["passthroughBehavior"], request_templates=how.get("requestTemplates"),
            )  # fmt: skip
    return api
