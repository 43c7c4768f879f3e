"""What is wrong with a field has a code for programs, and a number where one belongs to it."""

from typing import get_args

import pytest

from chalicelib.errors import FieldCode
from tests.support.administrators import Administrators
from tests.support.factors_over_http import request_options
from tests.support.mail_flows import ADDRESS, PASSWORD, with_address

TESTED_ELSEWHERE = {"password_leaked", "refused"}
"""By the tests of the password policy and of hooks."""

REGISTRATIONS = [
    ({"username": None}, ("wrong_type", None)),
    ({"colour": "red"}, ("unknown_field", None)),
    ({"token_delivery": "pigeon"}, ("unknown_value", None)),
    ({"username": "al"}, ("too_short", 3)),
    ({"username": "a" * 255}, ("too_long", 254)),
    ({"username": "\U00010330" * 200}, ("too_many_bytes", 512)),
    ({"username": "ali ce"}, ("not_allowed_characters", None)),
    ({"username": "ali\u200bce"}, ("not_allowed_characters", None)),
    ({"username": "\ud83d"}, ("not_allowed_characters", None)),
    ({"username": "\u0430lice"}, ("mixed_scripts", None)),
    ({"username": "\u0639\u0644\u06cc3\u0664"}, ("mixed_digits", None)),
    ({"password": "short"}, ("too_short", 15)),
    ({"password": "x" * 257}, ("too_long", 256)),
    ({"password": "alice and her password"}, ("contains_username", None)),
    ({"password": "lychgate lychgate"}, ("contains_site_name", None)),
    ({"password": "passwordpassword"}, ("password_too_common", None)),
    ({"email": "alice"}, ("invalid_email", None)),
    ({"email": "alice@\u00fcber.example"}, ("email_not_ascii", None)),
    ({"email": f"{'a' * 250}@b.example"}, ("too_long", 254)),
]


def codes_of(answer):
    answer.assert_problem(422, "validation_failed")
    for error in answer.json["errors"]:
        assert set(error) - {"limit"} == {"field", "code", "message"}
    return [(error["code"], error.get("limit")) for error in answer.json["errors"]]


@pytest.mark.parametrize(("members", "expected"), REGISTRATIONS)
def test_a_registration_names_the_code_and_the_number_of_what_is_wrong(api, members, expected):
    answer = api.post("/auth/register", {"username": "Alice", "password": PASSWORD, **members})
    assert codes_of(answer) == [expected]


def test_every_code_is_answered_to_somebody(api, aws_clients, environment, mailbox, clock):
    alice = with_address(api, mailbox, clock)["access_token"]
    root = Administrators(api, aws_clients[0], environment["LYCHGATE_USERS_TABLE"]).register("Root")
    same = {"current_password": PASSWORD, "new_password": PASSWORD}
    passkey = {"challenge": request_options(api)["challenge"], "credential": {}}
    answers = [
        (api.post("/auth/register", {"username": "Bobby"}), ("required", None)),
        (api.bearer("POST", "/auth/delete-account", alice, {}), ("required", None)),
        (api.bearer("PUT", "/auth/email", alice, {"email": ADDRESS}), ("same_email", None)),
        (api.bearer("PUT", "/auth/password", alice, same), ("same_password", None)),
        (api.bearer("POST", "/auth/reauthenticate", alice, {}), ("required", None)),
        (api.bearer("POST", "/auth/reauthenticate", alice, {**passkey, "code": "1"}), ("unexpected", None)),
        (api.post("/auth/login/passkey", passkey), ("malformed", None)),
        (api.post("/auth/login/second-factor", {"challenge": "x"}), ("exactly_one", None)),
        (root.users("?limit=0"), ("out_of_range", 1)),
        (root.users("?limit=101"), ("out_of_range", 100)),
        (root.users("?limit=9007199254740993"), ("out_of_range", None)),
        (root.users("?limit=many"), ("wrong_type", None)),
        (root.users("?limit=1&limit=2"), ("duplicate", None)),
        (root.users("?cursor=none"), ("invalid_cursor", None)),
        (root.create("Bobby", roles=[]), ("required", None)),
        (root.create("Bobby", roles=["Editor"]), ("invalid_role", None)),
        (root.create("Bobby", roles=[f"role{number}" for number in range(17)]), ("too_many", 16)),
    ]
    for answer, expected in answers:
        assert set(codes_of(answer)) == {expected}
    answered = {code for _, (code, _) in [*answers, *REGISTRATIONS]}
    assert answered | TESTED_ELSEWHERE == set(get_args(FieldCode))


def test_a_passkeys_label_is_missing_or_too_long_or_has_what_is_not_shown(api):
    alice = api.register("Alice").json["access_token"]
    for label, expected in (
        (" ", ("required", None)),
        ("x" * 65, ("too_long", 64)),
        ("a\nb", ("not_allowed_characters", None)),
    ):
        answer = api.bearer("PATCH", "/auth/passkeys/none", alice, {"label": label})
        assert codes_of(answer) == [expected]
