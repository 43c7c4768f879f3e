"""How a body becomes a dataclass, nested objects and lists included."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, dataclass, field, is_dataclass, make_dataclass
from typing import Any, Literal, Optional

import pytest
from chalice.app import Request

from chalicelib.api.bodies import LEFT_OUT, LeftOut, complete, read_body, request_body
from chalicelib.api.schemas import Components, schema_of
from chalicelib.errors import InvalidRequest, ValidationFailed


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
    price: float = 0.0
    size: Literal["small", "large"] = "small"
    tags: Optional[list[str]] = None  # noqa: UP045 - some write it so
    secret: str | LeftOut | None = LEFT_OUT


@dataclass(frozen=True)
class Branch:
    twigs: list[Branch] = field(default_factory=list)


def read(members, body_type=Body):
    return read_text(json.dumps(members), body_type)


def read_text(body, body_type=Body):
    event = {
        "requestContext": {"httpMethod": "POST", "resourcePath": "/x", "identity": {"sourceIp": "203.0.113.7"}},
        "headers": {"content-type": "application/json"},
        "multiValueQueryStringParameters": None,
        "pathParameters": {},
        "stageVariables": {},
        "body": body,
        "isBase64Encoded": False,
    }
    return read_body(Request(event, None), body_type)


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


def test_null_means_something_else_than_to_leave_out_where_that_is_declared():
    secrets = [read({"challenge": "c", **members}).secret for members in ({}, {"secret": None}, {"secret": "s"})]
    assert secrets == [LEFT_OUT, None, "s"]
    components = Components()
    schema_of(Body, components)
    schema = components["Body"]
    assert schema["properties"]["secret"] == {"oneOf": [{"type": "string"}, {"type": "null"}]}
    assert "secret" not in schema["required"]


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
        ("tags", "usb", "This must be an array."),
        ("remembered", 1, "This must be a boolean."),
        ("remembered", "true", "This must be a boolean."),
        ("remembered", None, "This must be a boolean."),
        ("attempts", 1.5, "This must be an integer."),
        ("attempts", "1", "This must be an integer."),
        ("attempts", True, "This must be an integer."),
        ("attempts", 2**53, f"This must be an integer from -{2**53 - 1} to {2**53 - 1}."),
        ("attempts", -(2**53), f"This must be an integer from -{2**53 - 1} to {2**53 - 1}."),
        ("attempts", 1e300, f"This must be an integer from -{2**53 - 1} to {2**53 - 1}."),
        ("price", "1.5", "This must be a number."),
        ("price", True, "This must be a number."),
        ("price", None, "This must be a number."),
        ("price", 10**400, "This number is too large."),
        ("size", "medium", "This must be one of: small, large."),
        ("size", ["small"], "This must be a string: small or large."),
        ("size", None, "This must be a string: small or large."),
        ("secret", 5, "This must be a string."),
        ("challenge", "\ud800", "This has invalid Unicode in it."),
    ],
)
def test_a_value_of_another_type_is_refused(member, value, message):
    assert errors({"challenge": "c", member: value}) == {member: message}


@pytest.mark.parametrize("number", ["1", "1.0", "100e-2", "1.0e0"])
def test_an_integer_is_one_however_it_is_written(number):
    attempts = read_text(f'{{"challenge": "c", "attempts": {number}}}').attempts
    assert (attempts, type(attempts)) == (1, int)


@pytest.mark.parametrize("number", ["2", "2.0", "-0.5", "1.7976931348623157e308", str(2**53)])
def test_a_number_is_a_float_whatever_its_value(number):
    price = read_text(f'{{"challenge": "c", "price": {number}}}').price
    assert (price, type(price)) == (float(number), float)


def test_the_largest_integers_are_exact():
    assert read({"challenge": "c", "grid": [[2**53 - 1, 1 - 2**53]]}).grid == [[9007199254740991, -9007199254740991]]


@pytest.mark.parametrize("member", ["price", "attempts"])
def test_a_number_beyond_every_double_is_refused(member):
    with pytest.raises(ValidationFailed):
        read_text(f'{{"challenge": "c", "{member}": 1e400}}')


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "01", "+1", "1.", "9" * 5000])
def test_what_is_no_number_of_json_is_no_body(number):
    with pytest.raises(InvalidRequest):
        read_text(f'{{"challenge": "c", "price": {number}}}')


def test_a_dataclass_may_hold_itself_as_deep_as_python_can_go():
    assert read({"twigs": [{"twigs": []}]}, Branch) == Branch([Branch()])
    deep = '{"twigs": [' * 900 + "]}" * 900
    with pytest.raises(InvalidRequest):
        read_text(deep, Branch)


@dataclass(frozen=True)
class Unknown:
    credential: dict[str, Any]
    others: list[dict[str, Any]] = field(default_factory=list)


class TestAnObjectWhoseMembersAreNotKnownHere:
    def test_is_passed_on_as_it_is(self):
        credential = {"id": "c1", "response": {"clientDataJSON": "x", "transports": ["usb"]}, "no": None, "n": [1, 2.5]}
        body = read({"credential": credential, "others": [{}, {"a": True}]}, Unknown)
        assert (body.credential, body.others) == (credential, [{}, {"a": True}])

    @pytest.mark.parametrize("value", [None, [], "{}", 7, True, [{}]])
    def test_is_an_object(self, value):
        assert self.errors({"credential": value}) == {"credential": "This must be an object."}

    def test_may_not_be_left_out_without_a_default(self):
        assert self.errors({}) == {"credential": "This field is needed."}

    @pytest.mark.parametrize(
        ("credential", "path"),
        [
            ({"id": "\ud800"}, "credential.id"),
            ({"response": {"clientDataJSON": "\udfff"}}, "credential.response.clientDataJSON"),
            ({"response": {"transports": ["usb", "\ud800"]}}, "credential.response.transports[1]"),
            ({"\ud800": 1}, "credential.(another)"),
            ({"Correct Horse": "\ud800"}, "credential.(another)"),
            ({"a": [[{"b": "\ud800"}]]}, "credential.a[0][0].b"),
        ],
    )
    def test_holds_no_invalid_unicode_however_deep(self, credential, path):
        assert self.errors({"credential": credential}) == {path: "This has invalid Unicode in it."}

    @pytest.mark.parametrize("number", [str(2**53), str(-(2**53)), "9" * 400, "1e400", "-1e400"])
    def test_holds_no_number_that_a_client_may_have_meant_as_another(self, number):
        with pytest.raises(ValidationFailed) as refusal:
            read_text(f'{{"credential": {{"response": {{"n": [0, {number}]}}}}}}', Unknown)
        assert [error.field for error in refusal.value.errors] == ["credential.response.n[1]"]

    @pytest.mark.parametrize("number", [2**53 - 1, 1 - 2**53, 0.5, 1e300, True, False])
    def test_holds_any_other_number_as_it_is(self, number):
        kept = read({"credential": {"n": number}}, Unknown).credential["n"]
        assert (kept, type(kept)) == (number, type(number))

    @pytest.mark.parametrize("body", ['{"credential": {"id": "a", "id": "b"}}', '{"credential": {"n": NaN}}'])
    def test_is_json_with_each_member_once(self, body):
        with pytest.raises(InvalidRequest):
            read_text(body, Unknown)

    @pytest.mark.parametrize(("opening", "closing"), [('{"a":', "}"), ("[", "]")])
    def test_is_nested_no_deeper_than_python_can_go(self, opening, closing):
        with pytest.raises(InvalidRequest):
            read_text(f'{{"credential": {{"x": {opening * 2000}0{closing * 2000}}}}}', Unknown)

    def test_has_one_error_however_much_is_wrong_in_it(self):
        assert len(self.errors({"credential": {"a": ["\ud800"] * 1000, "b": "\ud800"}})) == 1

    def test_is_any_object_to_the_document(self):
        components = Components()
        schema_of(Unknown, components)
        credential = components["Unknown"]["properties"]["credential"]
        assert credential == {"type": "object", "additionalProperties": True}

    def errors(self, members):
        with pytest.raises(ValidationFailed) as refusal:
            read(members, Unknown)
        return {error.field: error.message for error in refusal.value.errors}


@pytest.mark.parametrize(
    "kind", [dict, dict[str, int], dict[int, Any], tuple[int, ...], int | str, Literal[1, 2], bytes, list[set]]
)
def test_a_field_of_a_type_that_no_body_has_is_a_bug_that_names_it(kind):
    body_type = make_dataclass("Order", [("odd", kind)])
    with pytest.raises(TypeError, match=r"Order\.odd"):
        read({"odd": "x"}, body_type)


def test_an_unknown_field_that_may_be_a_password_is_not_quoted():
    assert errors({"challenge": "c", "credential": {**CREDENTIAL, "Correct Horse": 1}}) == {
        "credential.(another)": "There is no such field."
    }


def test_the_document_describes_them_too():
    components = Components()
    schema_of(Body, components)
    assert components["Body"]["required"] == ["challenge"]
    assert components["Body"]["properties"]["credential"] == {"$ref": "#/components/schemas/Credential"}
    assert components["Body"]["properties"]["others"] == {
        "type": "array",
        "items": {"$ref": "#/components/schemas/Credential"},
    }
    assert components["Response"]["required"] == ["client_data"]
    integer = {"type": "integer", "minimum": 1 - 2**53, "maximum": 2**53 - 1}
    assert components["Body"]["properties"]["attempts"] == {**integer, "default": 0}
    assert components["Body"]["properties"]["grid"]["items"] == {"type": "array", "items": integer}
    assert components["Body"]["properties"]["price"] == {"type": "number", "default": 0.0}


class TestADeclaredBody:
    def test_is_no_dataclass_until_it_is_needed_and_is_read_like_one_then(self):
        @request_body
        class Declared:
            name: str
            age: int = 7

        assert not is_dataclass(Declared)
        complete(Declared)
        complete(Declared)
        body = read({"name": "alice"}, Declared)
        assert (body.name, body.age) == ("alice", 7)
        with pytest.raises(FrozenInstanceError):
            body.name = "bob"

    def test_is_completed_once_by_many_threads(self):
        @request_body
        class Declared:
            name: str

        barrier = threading.Barrier(8)

        def complete_at_once(_):
            barrier.wait()
            complete(Declared)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(complete_at_once, range(8)))
        assert Declared(name="alice").name == "alice"

    def test_other_classes_stay_what_they_are(self):
        complete(str)
        assert not is_dataclass(str)
