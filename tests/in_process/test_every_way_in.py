"""Every way in ends in the second factor where one is enrolled, and a fresh route asks for both.

The ways in are the operations whose answers have tokens in them, as they are declared. A new one fails here until it is
tried too. So does a new route that is fresh and lets a session in that has proved one factor, and a way in whose
session cannot be bound to a key.
"""

import dataclasses

import pytest

from chalicelib.adapters.dynamodb.items import session_key
from chalicelib.api.openapi import ALL_ROUTES
from chalicelib.api.responses import AccessTokenBody, TokenBody
from chalicelib.api.routing import Credential
from chalicelib.site.routes import routes as own_routes
from tests.support.administrators import Administrators
from tests.support.api_client import in_process
from tests.support.application import application as make_application
from tests.support.application import clients_of
from tests.support.authenticator import Authenticator
from tests.support.factors_over_http import (
    PASSWORD,
    claims_of,
    log_in_with_passkey,
    proof_of,
    reauthenticate,
    request_options,
    second_step,
    with_passkey,
    with_totp,
)
from tests.support.mail_flows import ADDRESS, MINUTE, NEW_PASSWORD, OTHER_ADDRESS, ask_for_code, verify
from tests.support.proofs import ClientKey

OPERATIONS = [operation for routes in (*ALL_ROUTES, own_routes) for operation in routes.operations]
WITH_TOKENS = {
    operation.view.__name__
    for operation in OPERATIONS
    if any(answer in {TokenBody, AccessTokenBody} for answer in operation.answers.values())
}
TAKE_PROOFS = [operation for operation in OPERATIONS if operation.takes_key_proof]
FRESH = [operation for operation in OPERATIONS if operation.credential is Credential.FRESH]


@pytest.fixture(autouse=True)
def by_address(settings):
    """Where the address is the username, a confirmation logs in too."""
    settings["LYCHGATE_IDENTIFIER"] = "email"


class Alice:
    """Somebody with a TOTP app and a passkey, and a thief who has her password, her mailbox and old tokens of hers."""

    def __init__(self, api, mailbox, clock, aws_clients, environment):
        self.api = api
        self.mailbox = mailbox
        self._dynamodb = aws_clients[0]
        self._table = environment["LYCHGATE_SESSIONS_TABLE"]
        self._users_table = environment["LYCHGATE_USERS_TABLE"]
        for _ in range(2):
            assert api.post("/auth/register", {"email": ADDRESS, "password": PASSWORD}).status == 202
            clock.advance(MINUTE)
        mails = [mail["text"] for mail in mailbox.all(ADDRESS)]
        self.unused_link = token_in(mails[0])
        self.tokens = api.post("/auth/register/confirm", {"token": token_in(mails[1])}).json
        clock.advance(MINUTE)
        self.old_tokens = api.login(ADDRESS).json
        self.authenticator = Authenticator()
        with_passkey(api, self.tokens["access_token"], self.authenticator)
        self.app, self.recovery_codes = with_totp(api, clock, self.tokens["access_token"])
        clock.advance(MINUTE)

    def mailed_code(self):
        self.mailbox.all()
        challenge = ask_for_code(self.api, ADDRESS).json["challenge"]
        return challenge, self.mailbox.code(ADDRESS)

    def sessions(self):
        """The ids of her sessions that are stored."""
        user_id = claims_of(self.tokens["access_token"])["sub"]
        items = self._dynamodb.scan(TableName=self._table)["Items"]
        return {item["session_id"]["S"] for item in items if item["user_id"]["S"] == user_id}

    def forget_the_second_factor(self):
        """Let her session be one that has proved the password only, a moment ago."""
        claims = claims_of(self.tokens["access_token"])
        self._dynamodb.update_item(
            TableName=self._table, Key=session_key(claims["sub"], claims["sid"]), UpdateExpression="REMOVE amr"
        )

    def call(self, operation):
        """Call a route in her session, with the role that it asks for and a body that has the form of one."""
        if operation.role is not None:
            Administrators(self.api, self._dynamodb, self._users_table).promote(ADDRESS)
        path = operation.path.replace("{", "").replace("}", "")
        members = None if operation.body is None else a_body_of(operation.forms[0])
        return self.api.bearer(operation.method, path, self.tokens["access_token"], members)


def token_in(text):
    return text.partition("#register=")[2].split()[0]


def a_body_of(form):
    """A body with the members that a form needs."""
    needed = [field for field in dataclasses.fields(form) if field.default is dataclasses.MISSING]
    return {field.name: {} if field.name == "credential" else "x" for field in needed}


@pytest.fixture
def alice(api, mailbox, clock, aws_clients, environment):
    return Alice(api, mailbox, clock, aws_clients, environment)


def a_known_address_again(alice):
    yield alice.api.post("/auth/register", {"email": ADDRESS, "password": NEW_PASSWORD})


def a_second_link_of_the_registration(alice):
    yield alice.api.post("/auth/register/confirm", {"token": alice.unused_link})


def the_password(alice):
    yield alice.api.login(ADDRESS)
    yield alice.api.login(ADDRESS, token_delivery="cookie")


def a_mailed_code(alice):
    yield verify(alice.api, *alice.mailed_code())


def the_password_and_what_is_no_second_factor(alice):
    challenge = alice.api.login(ADDRESS).json["challenge"]
    yield second_step(alice.api, challenge, code=alice.app.wrong_code())
    yield second_step(alice.api, challenge, code="")
    yield second_step(alice.api, challenge, recovery_code=alice.recovery_codes[0][:-1])
    yield second_step(alice.api, challenge, recovery_code=PASSWORD)
    challenge = alice.api.login(ADDRESS).json["challenge"]
    yield second_step(alice.api, challenge)
    yield second_step(alice.api, request_options(alice.api)["challenge"], code=alice.app.code())
    mailed, code = alice.mailed_code()
    yield second_step(alice.api, mailed, code=code)
    yield second_step(alice.api, verify(alice.api, mailed, code).json["challenge"], code=code)


def a_passkey_that_has_not_verified_its_user(alice):
    alice.authenticator.user_verified = False
    yield log_in_with_passkey(alice.api, alice.authenticator)


def a_refresh_token_from_before_the_factor(alice):
    yield alice.api.refresh(alice.old_tokens["refresh_token"])


def the_password_in_a_session_that_has_proved_no_more(alice):
    alice.forget_the_second_factor()
    passwords = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    yield alice.api.bearer("PUT", "/auth/password", alice.tokens["access_token"], passwords)


def the_password_once_more(alice):
    alice.forget_the_second_factor()
    access_token = alice.tokens["access_token"]
    yield reauthenticate(alice.api, access_token, password=PASSWORD)
    yield reauthenticate(alice.api, access_token, password=PASSWORD, code=alice.app.wrong_code())
    yield reauthenticate(alice.api, access_token, password=PASSWORD, code=alice.recovery_codes[0])


WITHOUT_THE_FACTOR = {
    "register": a_known_address_again,
    "confirm_registration": a_second_link_of_the_registration,
    "log_in": the_password,
    "log_in_with_code": a_mailed_code,
    "log_in_with_second_factor": the_password_and_what_is_no_second_factor,
    "log_in_with_passkey": a_passkey_that_has_not_verified_its_user,
    "refresh": a_refresh_token_from_before_the_factor,
    "change_password": the_password_in_a_session_that_has_proved_no_more,
    "reauthenticate": the_password_once_more,
}
"""For each way in what somebody tries who has all but the second factor."""


def test_every_operation_that_answers_with_tokens_is_tried_here():
    assert set(WITHOUT_THE_FACTOR) == WITH_TOKENS


@pytest.mark.parametrize("way", WITHOUT_THE_FACTOR)
def test_nobody_gets_a_token_without_the_second_factor(alice, way):
    before = alice.sessions()
    answers = list(WITHOUT_THE_FACTOR[way](alice))
    assert answers
    for answer in answers:
        assert answer.status < 500, answer.body
        assert b"access_token" not in (answer.body or b"")
        assert b"refresh_token" not in (answer.body or b"")
        assert answer.set_cookies == []
    assert alice.sessions() == before


def test_the_ways_in_are_open_with_it(alice):
    challenge = alice.api.login(ADDRESS).json["challenge"]
    assert second_step(alice.api, challenge, code=alice.app.code()).status == 200
    challenge = verify(alice.api, *alice.mailed_code()).json["challenge"]
    assert second_step(alice.api, challenge, recovery_code=alice.recovery_codes[0]).status == 200
    assert log_in_with_passkey(alice.api, alice.authenticator).status == 200
    code = alice.app.next_code()
    assert reauthenticate(alice.api, alice.tokens["access_token"], password=PASSWORD, code=code).status == 200


@pytest.mark.parametrize("operation", FRESH, ids=lambda operation: operation.view.__name__)
def test_a_fresh_route_is_closed_to_a_session_that_has_proved_one_factor_of_two(alice, operation):
    alice.forget_the_second_factor()
    answer = alice.call(operation)
    answer.assert_problem(401, "insufficient_user_authentication")
    assert answer.json["acr_values"] == "aal2"


@pytest.mark.parametrize("operation", FRESH, ids=lambda operation: operation.view.__name__)
def test_and_open_to_one_that_has_proved_both(alice, operation):
    answer = alice.call(operation)
    assert answer.status < 500
    assert (answer.json or {}).get("error") not in {"insufficient_user_authentication", "invalid_token"}


def test_a_live_route_that_takes_the_password_asks_for_both_too(alice):
    alice.forget_the_second_factor()
    for method, path, members in (
        ("PUT", "/auth/password", {"current_password": PASSWORD, "new_password": NEW_PASSWORD}),
        ("POST", "/auth/delete-account", {"password": PASSWORD}),
    ):
        answer = alice.api.bearer(method, path, alice.tokens["access_token"], members)
        answer.assert_problem(401, "insufficient_user_authentication")
        assert answer.json["acr_values"] == "aal2"
    assert alice.api.me(alice.tokens["access_token"]).status == 200


@pytest.fixture
def key(settings, clock):
    """A key of a client."""
    return ClientKey(settings["LYCHGATE_ISSUER"], clock)


class Bob:
    """Somebody with a password and a confirmed address, and no session that is of interest."""

    def __init__(self, api, by_username, mailbox, clock):
        self.api = api
        self.by_username = by_username
        self.mailbox = mailbox
        self.clock = clock
        assert api.post("/auth/register", {"email": OTHER_ADDRESS, "password": PASSWORD}).status == 202
        self.link = token_in(mailbox.all(OTHER_ADDRESS)[-1]["text"])

    def confirm(self, headers=None):
        return self.api.post("/auth/register/confirm", {"token": self.link}, headers=headers)

    def registered(self):
        """His tokens of a plain session, a minute after his registration."""
        answer = self.confirm()
        assert answer.status == 201
        self.clock.advance(MINUTE)
        return answer.json

    def log_in(self, headers=None):
        return self.api.post("/auth/login", {"username": OTHER_ADDRESS, "password": PASSWORD}, headers=headers)


@pytest.fixture
def by_username(application, settings, aws_clients, clock):
    """The API of a site where the address is not the username: who registers is logged in."""
    dynamodb, ssm = aws_clients
    settings = settings | {"LYCHGATE_IDENTIFIER": "username"}
    return in_process(make_application(settings, clients=clients_of(dynamodb=dynamodb, ssm=ssm), clock=clock))


@pytest.fixture
def bob(api, by_username, mailbox, clock):
    return Bob(api, by_username, mailbox, clock)


def by_a_registration(bob):
    members = {"username": "robert", "password": PASSWORD}
    return lambda headers: bob.by_username.post("/auth/register", members, headers=headers)


def by_a_confirmation(bob):
    return bob.confirm


def by_the_password(bob):
    bob.registered()
    return bob.log_in


def by_a_mailed_code(bob):
    bob.registered()
    bob.mailbox.all()
    challenge = ask_for_code(bob.api, OTHER_ADDRESS).json["challenge"]
    code = bob.mailbox.code(OTHER_ADDRESS)
    return lambda headers: verify(bob.api, challenge, code, headers=headers)


def by_a_second_factor(bob):
    app, _ = with_totp(bob.api, bob.clock, bob.registered()["access_token"])
    bob.clock.advance(MINUTE)
    challenge = bob.log_in().json["challenge"]
    return lambda headers: second_step(bob.api, challenge, code=app.code(), headers=headers)


def by_a_passkey(bob):
    authenticator = Authenticator()
    with_passkey(bob.api, bob.registered()["access_token"], authenticator)
    members = proof_of(bob.api, authenticator)
    return lambda headers: bob.api.post("/auth/login/passkey", members, headers=headers)


def by_another_password(bob):
    access_token = bob.registered()["access_token"]
    passwords = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    return lambda headers: bob.api.bearer("PUT", "/auth/password", access_token, passwords, headers=headers)


BEGINNINGS = {
    "register": by_a_registration,
    "confirm_registration": by_a_confirmation,
    "log_in": by_the_password,
    "log_in_with_code": by_a_mailed_code,
    "log_in_with_second_factor": by_a_second_factor,
    "log_in_with_passkey": by_a_passkey,
    "change_password": by_another_password,
}
"""For each operation that begins a session: how somebody gets as far as the last request, which is returned."""


def test_every_operation_that_begins_a_session_takes_a_proof_and_is_tried_here():
    assert set(BEGINNINGS) == WITH_TOKENS - {"refresh", "reauthenticate"}
    assert {operation.view.__name__ for operation in TAKE_PROOFS} == {*BEGINNINGS, "refresh", "log_out"}


@pytest.mark.parametrize("way", BEGINNINGS)
def test_a_session_is_bound_whatever_the_way_in_and_a_wrong_proof_uses_nothing_up(bob, key, way):
    (operation,) = [operation for operation in TAKE_PROOFS if operation.view.__name__ == way]
    send = BEGINNINGS[way](bob)
    for wrong in ({"DPoP": "a.b.c"}, key.headers(operation.path, "GET"), key.headers("/auth/elsewhere")):
        refused = send(wrong)
        refused.assert_problem(400, "invalid_dpop_proof")
        assert refused.set_cookies == []
    answer = send(key.headers(operation.path, operation.method))
    assert answer.status == operation.status, answer.body
    sessions = bob.api.bearer("GET", "/auth/sessions", answer.json["access_token"]).json["sessions"]
    assert [session["bound"] for session in sessions if session["current"]] == [True]
    token = answer.json["refresh_token"]
    for headers in (None, ClientKey(key.issuer, key.clock).headers("/auth/refresh")):
        bob.api.refresh(token, headers=headers).assert_problem(400, "invalid_dpop_proof")
    assert bob.api.refresh(token, headers=key.headers("/auth/refresh")).status == 200


@pytest.mark.parametrize("way", BEGINNINGS)
def test_a_session_is_plain_whatever_the_way_in_if_no_proof_comes_along(bob, way):
    answer = BEGINNINGS[way](bob)(None)
    sessions = bob.api.bearer("GET", "/auth/sessions", answer.json["access_token"]).json["sessions"]
    assert [session["bound"] for session in sessions if session["current"]] == [False]
    assert bob.api.refresh(answer.json["refresh_token"]).status == 200
