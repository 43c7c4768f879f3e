"""The lengths in the document are those that the application asks for."""

import pytest

from chalicelib.api.openapi import ALL_ROUTES
from tests.support import in_process_api
from tests.support.administrators import Administrators

application, settings, api = in_process_api.application, in_process_api.settings, in_process_api.api
mailbox = in_process_api.mailbox
PASSWORD = "correct horse battery staple"
NEW_PASSWORD = "a quite different passphrase"
ADDRESS = "alice@example.org"
# One character that NFC and NFKC make several of: a length before that is another one after it.
GROWS = "\ufb2c"
NEW_ACCOUNT = {"username": "Carol", "password": NEW_PASSWORD, "email": "carol@example.org"}
CHANGES = {
    "NewAccountBody": ("POST", "/auth/register", NEW_ACCOUNT),
    "NewAddressAccountBody": ("POST", "/auth/register", {"email": "carol@example.org", "password": NEW_PASSWORD}),
    "NewPasswordBody": ("PUT", "/auth/password", {"current_password": PASSWORD, "new_password": NEW_PASSWORD}),
    "EmailBody": ("PUT", "/auth/email", {"email": "carol@example.org"}),
    "ResetBody": ("POST", "/auth/password/reset", {"new_password": NEW_PASSWORD}),
    "NewPasskeyBody": ("POST", "/auth/passkeys", {"challenge": "x", "credential": {}, "label": "Phone"}),
    "PasskeyLabelBody": ("PATCH", "/auth/passkeys/some-passkey", {"label": "Phone"}),
    "NewUserBody": ("POST", "/admin/users", {"username": "Dave", "email": "dave@example.org"}),
}
LIMITED = [
    ("NewAccountBody", "username"),
    ("NewAccountBody", "password"),
    ("NewAccountBody", "email"),
    ("NewAddressAccountBody", "email"),
    ("NewAddressAccountBody", "password"),
    ("NewPasswordBody", "new_password"),
    ("EmailBody", "email"),
    ("ResetBody", "new_password"),
    ("NewPasskeyBody", "label"),
    ("PasskeyLabelBody", "label"),
    ("NewUserBody", "username"),
    ("NewUserBody", "email"),
]
LONGEST_LABEL = 64  # without the spaces around it: the pattern says it

ONE_OF_EACH_KIND = [
    ("NewAccountBody", "username"),
    ("NewPasswordBody", "new_password"),
    ("EmailBody", "email"),
    ("PasskeyLabelBody", "label"),
]


def schema_of(api, body, field):
    """What the document of the application says of a field: its own schema, not the reference to it."""
    schemas = api.request("GET", "/openapi.json").json["components"]["schemas"]
    member = schemas[body]["properties"][field]
    return schemas[member["$ref"].rpartition("/")[2]] if "$ref" in member else member


def identifier_of(body):
    """What names an account at a site that takes such a body."""
    return "email" if body == "NewAddressAccountBody" else "username"


@pytest.fixture
def send(api, mailbox, clock, settings, aws_clients):
    """Send a body with one member that differs, to a site that takes such a body, as one person each time."""
    session = {}

    def begin(body):
        session["access_token"] = api.register(email=ADDRESS).json["access_token"]
        if body == "ResetBody":
            api.post("/auth/email/confirm", {"token": mailbox.token(ADDRESS, "email")})
            clock.advance(60)
            api.post("/auth/password/forgot", {"username": "Alice"})
            session["token"] = mailbox.token(ADDRESS, "reset")
        if body == "NewUserBody":
            Administrators(api, aws_clients[0], settings["LYCHGATE_USERS_TABLE"]).promote("Alice")
            session["access_token"] = api.login().json["access_token"]

    def send(body, field, value):
        method, path, members = CHANGES[body]
        if settings["LYCHGATE_IDENTIFIER"] == "email":
            return api.post(path, {**members, field: value})
        if not session:
            begin(body)
        if body == "ResetBody":
            members = {**members, "token": session["token"]}
        return api.bearer(method, path, session["access_token"], {**members, field: value})

    return send


def test_every_field_with_a_length_is_tried_here(api):
    schemas = api.request("GET", "/openapi.json").json["components"]["schemas"]
    bodies = {form.__name__ for routes in ALL_ROUTES for operation in routes.operations for form in operation.forms}
    limited = [
        (body, field)
        for body in bodies
        for field in schemas[body]["properties"]
        if {"minLength", "maxLength"} & set(schema_of(api, body, field))
    ]
    assert sorted(limited) == sorted(LIMITED)


@pytest.mark.parametrize(
    ("character", "body", "field"),
    [
        *(("x", *limited) for limited in LIMITED),
        *((GROWS, *limited) for limited in ONE_OF_EACH_KIND),
        *(
            pytest.param(GROWS, *limited, marks=pytest.mark.exhaustive)
            for limited in LIMITED
            if limited not in ONE_OF_EACH_KIND
        ),
    ],
)
def test_whatever_is_shorter_or_longer_than_the_document_says_is_refused_at_its_field(
    api, settings, send, body, field, character
):
    settings["LYCHGATE_IDENTIFIER"] = identifier_of(body)
    lengths = schema_of(api, body, field)
    for length in (lengths["minLength"] - 1, lengths.get("maxLength", LONGEST_LABEL) + 1):
        answer = send(body, field, character * length)
        answer.assert_problem(422, "validation_failed")
        assert [error["field"] for error in answer.json["errors"]] == [field]


@pytest.mark.parametrize(("body", "field"), [limited for limited in LIMITED if "password" in limited[1]])
def test_the_least_length_of_a_password_follows_the_setting(api, settings, send, body, field):
    settings["LYCHGATE_PASSWORD_MIN_LENGTH"] = "8"
    settings["LYCHGATE_IDENTIFIER"] = identifier_of(body)
    assert schema_of(api, body, field)["minLength"] == 8
    assert send(body, field, "vq7!xK2z").status in {200, 201, 202, 204}


def test_a_passkey_whose_id_does_not_fit_the_pattern_is_not_found(api):
    document = api.request("GET", "/openapi.json").json
    operations = document["paths"]["/auth/passkeys/{passkey_id}"]
    patterns = {parameter["schema"]["pattern"] for each in operations.values() for parameter in each["parameters"]}
    assert patterns == {"^[A-Za-z0-9_-]{1,1364}$"}
    access_token = api.register().json["access_token"]
    for passkey_id in ("x" * 1365, "x.y", "x%20y"):
        api.bearer("DELETE", f"/auth/passkeys/{passkey_id}", access_token).assert_problem(404, "not_found")


def test_a_session_whose_name_does_not_fit_the_pattern_is_not_found(api):
    document = api.request("GET", "/openapi.json").json
    (parameter,) = document["paths"]["/auth/sessions/{session_id}"]["delete"]["parameters"]
    assert parameter["schema"]["pattern"] == "^[A-Za-z0-9_-]{1,64}$"
    access_token = api.register().json["access_token"]
    for session_id in ("x" * 65, "x.y", "x%20y"):
        answer = api.bearer("DELETE", f"/auth/sessions/{session_id}", access_token)
        answer.assert_problem(404, "not_found")
