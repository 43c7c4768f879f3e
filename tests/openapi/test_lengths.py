"""The lengths in the document are those that the application asks for."""

import pytest

from chalicelib.api.openapi import ALL_ROUTES
from tests.support import in_process_api

application, settings, api = in_process_api.application, in_process_api.settings, in_process_api.api
PASSWORD = "correct horse battery staple"
NEW_PASSWORD = "a quite different passphrase"
# One character that NFC and NFKC make several of: a length before that is another one after it.
GROWS = "\ufb2c"
CHANGES = {
    "/auth/register": ("POST", {"username": "Carol", "password": NEW_PASSWORD}),
    "/auth/password": ("PUT", {"current_password": PASSWORD, "new_password": NEW_PASSWORD}),
}
LIMITED = [("/auth/register", "username"), ("/auth/register", "password"), ("/auth/password", "new_password")]


def schema_of(api, path, field):
    """What the document of the application says of a field: its own schema, not the reference to it."""
    document = api.request("GET", "/openapi.json").json
    schemas = document["components"]["schemas"]
    method, _ = CHANGES[path]
    body = document["paths"][path][method.lower()]["requestBody"]["content"]["application/json"]["schema"]
    member = schemas[body["$ref"].rpartition("/")[2]]["properties"][field]
    return schemas[member["$ref"].rpartition("/")[2]] if "$ref" in member else member


def send(api, path, field, value):
    method, members = CHANGES[path]
    access_token = api.login().json["access_token"]
    return api.bearer(method, path, access_token, {**members, field: value})


def test_every_field_with_a_length_is_tried_here(api):
    document = api.request("GET", "/openapi.json").json
    limited = []
    for routes in ALL_ROUTES:
        for operation in routes.operations:
            body = operation.body and document["components"]["schemas"][operation.body.__name__]
            for field, member in (body or {}).get("properties", {}).items():
                described = document["components"]["schemas"].get(member.get("$ref", "").rpartition("/")[2], member)
                if {"minLength", "maxLength", "pattern"} & set(described):
                    limited.append((operation.path, field))
    assert sorted(limited) == sorted(LIMITED)


@pytest.mark.parametrize(("path", "field"), LIMITED)
@pytest.mark.parametrize("character", ["x", GROWS])
def test_whatever_is_shorter_or_longer_than_the_document_says_is_refused_at_its_field(api, path, field, character):
    api.register()
    schema = schema_of(api, path, field)
    for length in (schema["minLength"] - 1, schema["maxLength"] + 1):
        answer = send(api, path, field, character * length)
        answer.assert_problem(422, "validation_failed")
        assert [error["field"] for error in answer.json["errors"]] == [field]


def test_the_least_length_of_a_password_follows_the_setting(api, settings):
    settings["LYCHGATE_PASSWORD_MIN_LENGTH"] = "8"
    api.register()
    for path, field in LIMITED[1:]:
        assert schema_of(api, path, field)["minLength"] == 8
        assert send(api, path, field, "vq7!xK2z").status in {200, 201}
        api.logout()


def test_a_session_whose_name_does_not_fit_the_pattern_is_not_found(api):
    document = api.request("GET", "/openapi.json").json
    (parameter,) = document["paths"]["/auth/sessions/{session_id}"]["delete"]["parameters"]
    assert parameter["schema"]["pattern"] == "^[A-Za-z0-9_-]{1,64}$"
    access_token = api.register().json["access_token"]
    for session_id in ("x" * 65, "x.y", "x%20y"):
        answer = api.bearer("DELETE", f"/auth/sessions/{session_id}", access_token)
        answer.assert_problem(404, "not_found")
