"""The document says what the application does: the same routes, the same credentials, and nothing that is not so."""

import subprocess
import sys
from pathlib import Path

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from app import app
from chalicelib import errors
from chalicelib.api.openapi import ALL_ROUTES, describe
from chalicelib.api.parsing import LARGEST_INTEGER
from chalicelib.api.schemas import schema_of
from chalicelib.site.routes import routes as own_routes

PROJECT = Path(__file__).parents[2]
OPERATIONS = [operation for routes in (*ALL_ROUTES, own_routes) for operation in routes.operations]
DOCUMENT = describe(OPERATIONS, root="https://site.example/api", cookie_name="__Host-refresh_token")
# Answered by the boundary or the gateway, whatever the path: the document's description names them.
ANSWERED_EVERYWHERE = {"method_not_allowed", "forbidden"}
# For roles, which no route of ours asks for yet.
NOT_RAISED_YET = {"insufficient_scope"}


def described():
    return {
        (method.upper(), path): operation
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
    }


def resolved(response):
    return DOCUMENT["components"]["responses"][response["$ref"].rpartition("/")[2]]


def test_is_valid_openapi():
    OpenAPIV31SpecValidator(DOCUMENT).validate()


def test_has_every_route_of_the_application_and_no_other():
    registered = {(method, path) for path, methods in app.routes.items() for method in methods}
    assert set(described()) == {(method, path) for method, path in registered if method != "OPTIONS"}


def test_asks_for_an_access_token_exactly_where_the_authorizer_stands():
    for (method, path), operation in described().items():
        guarded = app.routes[path][method].authorizer is not None
        assert any("access_token" in requirement for requirement in operation["security"]) is guarded, path


def test_names_every_error_code():
    documented = {
        code
        for operation in described().values()
        for status, response in operation["responses"].items()
        if status >= "400"
        for code in resolved(response)["content"]["application/problem+json"]["schema"]["allOf"][1]["properties"][
            "error"
        ]["enum"]
    }
    kinds, known = [errors.LychgateError], set()
    while kinds:
        kind = kinds.pop()
        known.add(kind.error)
        kinds += kind.__subclasses__()
    assert documented | NOT_RAISED_YET == known - ANSWERED_EVERYWHERE


def test_no_body_is_restricted_by_what_the_parser_does_not_look_at():
    # `read_body` looks at these; the others describe.
    looked_at = {"type", "enum", "items", "$ref"}
    bounds = {"minimum": -LARGEST_INTEGER, "maximum": LARGEST_INTEGER}
    describing = {"default", "description", "examples", "format"}
    for operation in OPERATIONS:
        if operation.body is not None:
            components = {}
            schema_of(operation.body, components)
            body = components[operation.body.__name__]
            assert body["additionalProperties"] is False
            for name, member in body["properties"].items():
                others = {key: value for key, value in member.items() if key not in looked_at | describing}
                assert others in ({}, bounds), name


@pytest.mark.parametrize("kind", [set, list[bytes], tuple[str, ...]])
def test_a_type_that_bodies_do_not_use_has_no_schema(kind):
    with pytest.raises(TypeError, match="no schema"):
        schema_of(kind, {})


def test_is_made_when_it_is_asked_for_and_not_at_a_cold_start():
    code = "import app\nfrom chalicelib.api import openapi\nprint(openapi._document.cache_info().currsize)"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"


def test_names_itself_and_where_it_is():
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert DOCUMENT["servers"] == [{"url": "https://site.example/api"}]
    assert DOCUMENT["components"]["securitySchemes"]["refresh_cookie"]["name"] == "__Host-refresh_token"
