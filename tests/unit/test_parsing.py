"""How a body becomes a dataclass, nested objects and lists included."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Literal

import pytest
from chalice.app import Request

from chalicelib.api.parsing import read_body
from chalicelib.api.schemas import schema_of
from chalicelib.errors import ValidationFailed


@dataclass(frozen=True)
class Response:
    client_data: str
    transports: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Credential:
    id: str
    response: Response
    kind: Literal["public-key"] = "public-key"


@dataclass(frozen=True)
class Body:
    challenge: str
    credential: Credential | None = None
    attempts: int = 0
    remembered: bool = False
    others: list[Credential] = field(default_factory=list)
    grid: list[list[int]] = field(default_factory=list)
    kind: Literal["public-key", "other"] = "other"


def read(members):
    event = {
        "requestContext": {"httpMethod": "POST", "resourcePath": "/x", "identity": {"sourceIp": "203.0.113.7"}},
        "headers": {"content-type": "application/json"},
        "multiValueQueryStringParameters": None,
        "pathParameters": {},
        "stageVariables": {},
        "body": json.dumps(members),
        "isBase64Encoded": False,
    }
    return read_body(Request(event, None), Body)


def errors(members):
    with pytest.raises(ValidationFailed) as refusal:
        read(members)
    return {error.field: error.message for error in refusal.value.errors}


CREDENTIAL = {"id": "c1", "response": {"client_data": "x", "transports": ["usb", "nfc"]}}


def test_nested_objects_and_lists_become_what_their_dataclasses_say():
    body = read({"challenge": "c", "credential": CREDENTIAL, "attempts": 3, "remembered": True, "grid": [[1], [2, 3]]})
    credential = Credential("c1", Response("x", ["usb", "nfc"]))
    assert body == Body("c", credential, 3, remembered=True, grid=[[1], [2, 3]])


def test_what_has_a_default_may_be_left_out():
    assert read({"challenge": "c"}) == Body("c")


def test_every_field_that_is_wrong_is_named_by_its_path():
    wrong = {"id": 1, "response": {"client_data": None, "transports": ["usb", 7], "more": 1}, "kind": "other"}
    others = {"others": [CREDENTIAL, {}], "attempts": True, "grid": [[1], ["2"]], "x": 1}
    assert errors({"credential": wrong, **others}) == {
        "x": "There is no such field.",
        "challenge": "This field is needed.",
        "credential.id": "This must be a string.",
        "credential.response.client_data": "This must be a string.",
        "credential.response.transports[1]": "This must be a string.",
        "credential.response.more": "There is no such field.",
        "credential.kind": "This must be one of: public-key.",
        "attempts": "This must be an integer.",
        "others[1].id": "This field is needed.",
        "others[1].response": "This field is needed.",
        "grid[1][0]": "This must be an integer.",
    }


@pytest.mark.parametrize(
    ("member", "value", "message"),
    [
        ("credential", None, "This must be an object."),
        ("credential", [], "This must be an object."),
        ("credential", "{}", "This must be an object."),
        ("others", {}, "This must be an array."),
        ("others", None, "This must be an array."),
        ("remembered", 1, "This must be a boolean."),
        ("remembered", "true", "This must be a boolean."),
        ("attempts", 1.0, "This must be an integer."),
        ("attempts", "1", "This must be an integer."),
        ("kind", 7, "This must be a string: public-key or other."),
        ("kind", None, "This must be a string: public-key or other."),
        ("kind", "a third", "This must be one of: public-key, other."),
        ("challenge", "\ud800", "This has invalid Unicode in it."),
    ],
)
def test_a_value_of_another_type_is_refused(member, value, message):
    assert errors({"challenge": "c", member: value}) == {member: message}


def test_an_unknown_field_that_may_be_a_password_is_not_quoted():
    assert errors({"challenge": "c", "credential": {**CREDENTIAL, "Correct Horse": 1}}) == {
        "credential.(another)": "There is no such field."
    }


def test_the_document_describes_them_too():
    components = {}
    schema_of(Body, components)
    assert components["Body"]["required"] == ["challenge"]
    assert components["Body"]["properties"]["credential"] == {"$ref": "#/components/schemas/Credential"}
    assert components["Body"]["properties"]["others"] == {
        "type": "array",
        "items": {"$ref": "#/components/schemas/Credential"},
    }
    assert components["Response"]["required"] == ["client_data"]
