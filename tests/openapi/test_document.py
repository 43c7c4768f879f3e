"""The document says what the application does: the same routes, the same credentials, and nothing that is not so."""

import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TypedDict

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from app import app
from chalicelib import errors
from chalicelib.api.bodies import LARGEST_INTEGER
from chalicelib.api.openapi import ALL_ROUTES, describe
from chalicelib.api.responses import Answer
from chalicelib.api.routing import Call, Routes
from chalicelib.api.schemas import Components, schema_of
from chalicelib.site.routes import routes as own_routes

PROJECT = Path(__file__).parents[2]
OPERATIONS = [operation for routes in (*ALL_ROUTES, own_routes) for operation in routes.operations]
DOCUMENT = describe(
    OPERATIONS, root="https://site.example/api", cookie_name="__Host-refresh_token", password_min_length=15
)
PROBLEM = "application/problem+json"
HTTP_API = (PROJECT / "docs" / "http-api.md").read_text("utf-8")
# Answered by the boundary or the gateway, whatever the path: the document's description names them.
ANSWERED_EVERYWHERE = {"method_not_allowed", "forbidden"}


def described():
    return {
        (method.upper(), path): operation
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
    }


def resolved(described):
    """What is described, or what it refers to."""
    if "$ref" not in described:
        return described
    kind, _, name = described["$ref"].removeprefix("#/components/").partition("/")
    return DOCUMENT["components"][kind][name]


def refusals():
    """The schema and the examples of every answer that is a problem document."""
    for operation in described().values():
        for status, response in operation["responses"].items():
            if status >= "400":
                media_type = resolved(response)["content"][PROBLEM]
                yield int(status), media_type["schema"], media_type["examples"]


def all_codes():
    kinds, known = [errors.LychgateError], set()
    while kinds:
        kind = kinds.pop()
        known.add(kind.error)
        kinds += kind.__subclasses__()
    return known


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
    documented = {code for _, schema, _ in refusals() for code in schema["properties"]["error"]["enum"]}
    assert documented == all_codes() - ANSWERED_EVERYWHERE


def test_a_problem_is_one_type_whose_codes_are_all_that_there_are():
    assert {schema["$ref"] for _, schema, _ in refusals()} == {"#/components/schemas/Problem"}
    assert set(DOCUMENT["components"]["schemas"]["Problem"]["properties"]["error"]["enum"]) == all_codes()


def test_every_answer_that_is_a_problem_has_an_example_of_each_of_its_codes():
    for status, schema, examples in refusals():
        validator = Draft202012Validator({**schema, "components": DOCUMENT["components"]})
        assert set(examples) == set(schema["properties"]["error"]["enum"])
        for code, example in examples.items():
            validator.validate(example["value"])
            assert (example["value"]["status"], example["value"]["error"]) == (status, code)
        # A problem of another answer is none of this one.
        assert not validator.is_valid({**example["value"], "status": 418})
        assert not validator.is_valid({**example["value"], "error": "method_not_allowed"})


def test_every_operation_has_one_tag_of_those_that_are_described():
    used = [tag for operation in described().values() for tag in operation["tags"]]
    assert len(used) == len(described())
    assert [tag["name"] for tag in DOCUMENT["tags"]] == list(dict.fromkeys(used))
    assert all(tag["description"] for tag in DOCUMENT["tags"])


def test_every_operation_is_named_by_a_verb_once():
    names = [operation["operationId"] for operation in described().values()]
    assert len(set(names)) == len(names)
    verbs = {"register", "log", "refresh", "get", "list", "end", "reauthenticate", "change", "delete"}
    verbs |= {"ask", "confirm", "resend", "reset", "begin", "add", "rename", "replace", "create", "bind", "renew"}
    assert {name.partition("_")[0] for name in names} <= verbs


def test_where_the_refresh_token_goes_has_a_default_and_need_not_be_said():
    schemas = DOCUMENT["components"]["schemas"].values()
    bodies = [schema for schema in schemas if "token_delivery" in schema.get("properties", {})]
    assert len(bodies) == 8
    for body in bodies:
        assert "token_delivery" not in body["required"]
        assert resolved(body["properties"]["token_delivery"])["default"] == "body"


def test_only_what_is_new_has_a_length_and_its_numbers_are_those_of_the_rules():
    schemas = DOCUMENT["components"]["schemas"]
    lengths = {
        name: (schema["minLength"], schema.get("maxLength"))
        for name, schema in schemas.items()
        if {"minLength", "maxLength"} & set(schema)
    }
    assert lengths == {
        "NewUsername": (3, 1016),
        "NewName": (3, 1016),
        "NewPassword": (15, 1024),
        "NewEmail": (5, 254),
        # The spaces around a label do not count, however many they are.
        "NewPasskeyLabel": (1, None),
    }
    for schema in schemas.values():
        for member in schema.get("properties", {}).values():
            assert not {"minLength", "maxLength"} & set(member)


def test_no_body_is_restricted_by_what_the_parser_does_not_look_at():
    # `read_body` looks at these, the rules of the use cases at lengths and patterns; the others describe.
    looked_at = {"type", "enum", "items", "$ref", "additionalProperties", "pattern", "minItems", "maxItems"}
    bounds = {"minimum": -LARGEST_INTEGER, "maximum": LARGEST_INTEGER}
    describing = {"default", "description", "examples", "format"}
    lengths = {"minLength", "maxLength"}
    for operation in OPERATIONS:
        for form in operation.forms:
            components = Components()
            schema_of(form, components)
            body = components[form.__name__]
            assert body["additionalProperties"] is False
            for name, member in body["properties"].items():
                # What may be null, or else is as any other.
                choices = [choice for choice in member.get("oneOf", ()) if choice != {"type": "null"}]
                member = choices[0] if choices else member  # noqa: PLW2901
                referred_to = member.get("$ref", "").rpartition("/")[2]
                allowed = looked_at | describing | (lengths if referred_to.startswith("New") else set())
                others = {k: v for k, v in components.get(referred_to, member).items() if k not in allowed}
                assert others in ({}, bounds), name


def test_a_registration_has_one_of_two_forms_and_one_of_two_successes():
    operation = described()["POST", "/auth/register"]
    forms = operation["requestBody"]["content"]["application/json"]["schema"]["oneOf"]
    by_name, by_address = map(resolved, forms)
    assert set(by_name["required"]) == {"username", "password"}
    assert "email" in by_name["properties"]
    assert set(by_address["required"]) == {"email"}
    assert "username" not in by_address["properties"]
    successes = {status: response for status, response in operation["responses"].items() if status < "300"}
    schemas = {status: response["content"]["application/json"]["schema"] for status, response in successes.items()}
    assert {status: schema["$ref"].rpartition("/")[2] for status, schema in schemas.items()} == {
        "201": "TokenBody",
        "202": "RegistrationPending",
    }
    assert "Set-Cookie" in successes["201"]["headers"]
    assert "headers" not in successes["202"]


def test_what_may_follow_the_question_mark_is_described_and_a_wrong_one_is_said_to_be_refused():
    operation = described()["GET", "/admin/users"]
    parameters = {parameter["name"]: parameter for parameter in operation["parameters"]}
    assert set(parameters) == {"limit", "cursor", "username"}
    assert {(each["in"], each["required"]) for each in parameters.values()} == {("query", False)}
    assert all(each["description"] for each in parameters.values())
    assert parameters["limit"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 100, "default": 50}
    assert "422" in operation["responses"]
    others = [each for each in described().values() if each is not operation]
    assert not [each for each in others for parameter in each.get("parameters", ()) if parameter["in"] == "query"]


def test_a_role_is_named_where_one_is_asked_for():
    for (_, path), operation in described().items():
        roles = {role for requirement in operation["security"] for names in requirement.values() for role in names}
        assert roles == ({"admin"} if path.startswith("/admin/") else set()), path


def test_an_address_may_be_missing_in_a_user_and_is_then_null():
    user = DOCUMENT["components"]["schemas"]["UserBody"]
    assert user["properties"]["email"]["type"] == ["string", "null"]
    assert "email" in user["required"]
    assert "new_email" not in user["required"]


EXAMPLES = re.findall(r"^```json\n(.*?)^```", HTTP_API, re.MULTILINE | re.DOTALL)
EXAMPLE_OF = {
    '"sessions": [': "EndsBody",
    "invalid_token": "Problem",
    '"too_short"': "FieldProblem",
    "second_factor_required": "Problem",
    '"methods": ["password"': "OptionsBody",
    '"refresh_token"': "TokenBody",
    '"otpauth:': "PendingTotpBody",
    '"backed_up"': "PasskeyBody",
}
"""What tells the examples of the API's page apart, and the schema of each."""


def test_every_example_of_the_apis_page_is_one_of_those_that_are_held_to_the_document():
    assert len(EXAMPLES) == len(EXAMPLE_OF)


@pytest.mark.parametrize("sign", EXAMPLE_OF)
def test_an_example_of_the_apis_page_is_what_the_document_says(sign):
    (example,) = [json.loads(text) for text in EXAMPLES if sign in text]
    schema = {"$ref": f"#/components/schemas/{EXAMPLE_OF[sign]}", "components": DOCUMENT["components"]}
    if example.get("user") == {}:
        del example["user"]  # has a paragraph of its own
        schema = {**DOCUMENT["components"]["schemas"]["TokenBody"], "components": DOCUMENT["components"]}
        schema["required"] = [name for name in schema["required"] if name != "user"]
    Draft202012Validator(schema).validate(example)
    described = DOCUMENT["components"]["schemas"][EXAMPLE_OF[sign]]["properties"]
    assert set(example) <= set(described)


@pytest.mark.parametrize("kind", [set, list[bytes], tuple[str, ...]])
def test_a_type_that_bodies_do_not_use_has_no_schema(kind):
    with pytest.raises(TypeError, match="no schema"):
        schema_of(kind, Components())


def of_a_site(*modules):
    """The document of Lychgate with the routes of a site."""
    own = [operation for routes in modules for operation in routes.operations]
    return describe([*OPERATIONS, *own], root="https://site.example/api", cookie_name="c", password_min_length=15)


def module_of_a_site(path):
    """A module of a site whose names are those of ours, and of each other."""
    own = Routes()

    @dataclasses.dataclass(frozen=True)
    class UserBody:
        name: str

    class NewPassword(TypedDict):
        path: str

    @own.operation("POST", path, headers=("X-Total",))
    def get_me(call: Call, body: UserBody) -> Answer[NewPassword]:
        """Say who."""

    get_me.__annotations__.update(body=UserBody, **{"return": Answer[NewPassword]})
    return own


def test_types_and_views_of_a_site_with_a_name_that_is_taken_get_one_of_their_own():
    document = of_a_site(module_of_a_site("/first"), module_of_a_site("/second"))
    OpenAPIV31SpecValidator(document).validate()
    schemas = document["components"]["schemas"]
    assert schemas["UserBody"] == DOCUMENT["components"]["schemas"]["UserBody"]
    assert schemas["NewPassword"] == DOCUMENT["components"]["schemas"]["NewPassword"]
    assert list(schemas["SiteUserBody"]["properties"]) == ["name"]
    for path, number in (("/first", ""), ("/second", "2")):
        operation = document["paths"][path]["post"]
        assert operation["operationId"] == f"site_get_me{number}"
        [[_, sent]] = operation["requestBody"]["content"].items()
        assert sent["schema"] == {"$ref": f"#/components/schemas/SiteUserBody{number}"}
        [[_, answered]] = operation["responses"]["200"]["content"].items()
        assert answered["schema"] == {"$ref": f"#/components/schemas/SiteNewPassword{number}"}
        assert operation["responses"]["200"]["headers"]["X-Total"]["schema"] == {"type": "string"}
    assert document["paths"]["/me"] == DOCUMENT["paths"]["/me"]


def test_a_type_of_a_site_that_several_routes_have_is_one_schema():
    own = module_of_a_site("/first")
    again = Routes()
    again.operation("PUT", "/first")(own.operations[0].view)
    document = of_a_site(own, again)
    OpenAPIV31SpecValidator(document).validate()
    assert set(document["components"]["schemas"]) - set(DOCUMENT["components"]["schemas"]) == {
        "SiteUserBody",
        "SiteNewPassword",
    }
    assert document["paths"]["/first"]["put"]["operationId"] == "site_get_me2"


def test_is_made_when_it_is_asked_for_and_not_at_a_cold_start():
    code = "import app\nfrom chalicelib.api import openapi\nprint(openapi._document.cache_info().currsize)"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"


def test_names_itself_and_where_it_is():
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert [server["url"] for server in DOCUMENT["servers"]] == ["https://site.example/api"]
    assert DOCUMENT["info"]["contact"]["url"] == "https://site.example"
    assert DOCUMENT["components"]["securitySchemes"]["refresh_cookie"]["name"] == "__Host-refresh_token"
