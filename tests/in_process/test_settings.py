"""What settings change, and what the authorizer's own process does."""

import json

import pytest
from chalice import Blueprint

from chalicelib.authorizer import Unauthorized, build_verifier, declare
from tests.support.api_client import TWO_TAKEN_AWAY, log_out_with_two_cookies


def test_closed_registration_is_forbidden(api, settings):
    settings["LYCHGATE_REGISTRATION"] = "closed"
    api.register().assert_problem(403, "registration_closed")


def test_the_options_follow_the_settings_and_touch_no_database(api, application, settings):
    settings["LYCHGATE_REGISTRATION"] = "closed"
    settings["LYCHGATE_PASSWORD_MIN_LENGTH"] = "20"
    application.lychgate.use_cases = None
    options = api.request("GET", "/auth/options").json
    assert options["registration"] == "closed"
    assert options["password"] == {"min_length": 20, "max_length": 256}


def test_the_lengths_of_the_options_are_those_that_a_registration_asks_for(api, settings):
    settings["LYCHGATE_PASSWORD_MIN_LENGTH"] = "8"
    lengths = api.request("GET", "/auth/options").json["password"]
    password = "".join(map(chr, range(0x4E00, 0x4F01)))
    assert api.register("carol", password[: lengths["min_length"]]).status == 201
    assert api.register("david", password[: lengths["max_length"]]).status == 201
    for length in (lengths["min_length"] - 1, lengths["max_length"] + 1):
        api.register("ellen", password[:length]).assert_problem(422, "validation_failed")


def test_health_touches_no_database(api, application):
    application.lychgate.use_cases = None
    answer = api.request("GET", "/health")
    assert (answer.status, answer.json["status"]) == (200, "ok")
    assert answer.json["version"]


def test_over_plain_http_the_cookie_lacks_prefix_and_secure(api, settings):
    settings["LYCHGATE_ISSUER"] = "http://127.0.0.1:8000/api"
    cookie = api.register(token_delivery="cookie").cookie
    assert (cookie.key, cookie["secure"], cookie["httponly"]) == ("refresh_token", "", True)


def test_over_plain_http_a_second_cookie_is_taken_away_at_log_out_and_at_log_in(api, settings):
    settings["LYCHGATE_ISSUER"] = "http://127.0.0.1:8000/api"
    assert log_out_with_two_cookies(api).set_cookies == TWO_TAKEN_AWAY
    members = {"username": "Alice", "password": "correct horse battery staple", "token_delivery": "cookie"}
    answer = api.post("/auth/login", members, headers={"Cookie": "refresh_token=a; refresh_token=b"})
    assert answer.set_cookies[1:2] == TWO_TAKEN_AWAY[1:]
    assert [cookie.key for cookie in answer.cookies] == ["refresh_token", "refresh_token", "device"]
    assert api.refresh(cookie=answer.cookies[0]).status == 200


def test_a_token_that_expired_while_the_authorizers_answer_was_cached_is_refused(api, application, settings, clock):
    access_token = api.register().json["access_token"]
    issued_at = clock.now
    blueprint = Blueprint("the gateway's cache")
    cached = declare(blueprint, lambda: build_verifier(settings, lambda: issued_at))
    application.register_blueprint(blueprint)
    application.routes["/me"]["GET"].authorizer = cached
    clock.advance(599)
    assert api.me(access_token).status == 200
    clock.advance(1)
    answer = api.me(access_token)
    answer.assert_problem(401, "invalid_token")
    assert answer.json["detail"] == "The access token has expired."


def test_an_authorizer_that_fails_opens_nothing(api, settings):
    access_token = api.register().json["access_token"]
    settings["LYCHGATE_AUDIENCE"], settings["LYCHGATE_PUBLIC_KEYS"] = "", "{}"
    api.me(access_token).assert_problem(500, "internal_error")


def test_the_policy_allows_all_routes_since_the_gateway_caches_it_for_all(api, application):
    access_token = api.register().json["access_token"]
    arn = "arn:aws:execute-api:us-east-1:123456789012:abcdef/api/GET/me"
    authorizer = application.routes["/me"]["GET"].authorizer
    policy = authorizer({"type": "TOKEN", "authorizationToken": f"Bearer {access_token}", "methodArn": arn}, {})
    (statement,) = policy["policyDocument"]["Statement"]
    assert statement["Effect"] == "Allow"
    assert statement["Resource"] == ["arn:aws:execute-api:us-east-1:123456789012:abcdef/api/*/*"]
    assert all(isinstance(value, str) and value.isascii() for value in policy["context"].values())
    assert json.dumps(policy)


def policy_for(application, authorization):
    authorizer = application.routes["/me"]["GET"].authorizer
    arn = "arn:aws:execute-api:us-east-1:123456789012:abcdef/api/GET/me"
    return authorizer({"type": "TOKEN", "authorizationToken": authorization, "methodArn": arn}, {})


@pytest.mark.parametrize("authorization", ["Basic YTpi", "Bearer a.b.c"])
def test_a_token_that_stays_refused_is_denied_everything_without_an_error_of_the_function(application, authorization):
    policy = policy_for(application, authorization)
    (statement,) = policy["policyDocument"]["Statement"]
    assert (statement["Effect"], statement["Resource"]) == ("Deny", ["*"])
    assert json.dumps(policy)


def test_an_expired_token_stays_refused(api, application, clock):
    access_token = api.register().json["access_token"]
    clock.advance(600)
    policy = policy_for(application, f"Bearer {access_token}")
    assert policy["policyDocument"]["Statement"][0]["Effect"] == "Deny"


def test_a_token_that_may_be_good_later_is_an_error_which_the_gateway_does_not_keep(api, application, clock):
    access_token = api.register().json["access_token"]
    clock.advance(-11)
    with pytest.raises(Unauthorized, match=r"^Unauthorized$"):
        policy_for(application, f"Bearer {access_token}")
    clock.advance(1)
    assert policy_for(application, f"Bearer {access_token}")["principalId"]


def test_over_plain_http_no_browser_is_told_to_insist_on_https(api, settings):
    settings["LYCHGATE_ISSUER"] = "http://127.0.0.1:8000/api"
    assert "strict-transport-security" not in api.request("GET", "/health").headers


@pytest.mark.parametrize(
    ("changes", "party"),
    [
        ({}, {"id": "site.example", "name": "site.example"}),
        (
            {"ISSUER": "https://login.site.example/api", "RP_ID": "site.example", "SITE_NAME": "Oak & Latch"},
            {"id": "site.example", "name": "Oak & Latch"},
        ),
        ({"ISSUER": "http://127.0.0.1:8000/api"}, {"id": "localhost", "name": "127.0.0.1"}),
    ],
)
def test_a_passkey_is_made_for_the_domain_and_the_name_of_the_settings(api, settings, changes, party):
    settings |= {f"LYCHGATE_{name}": value for name, value in changes.items()}
    access_token = api.register().json["access_token"]
    options = api.bearer("POST", "/auth/passkeys/options", access_token, {}).json["publicKey"]
    assert options["rp"] == party
    assert api.post("/auth/login/passkey/options", {}).json["publicKey"]["rpId"] == party["id"]


def test_an_authenticator_app_shows_the_name_of_the_site(api, settings):
    settings["LYCHGATE_SITE_NAME"] = "Oak & Latch"
    access_token = api.register().json["access_token"]
    assert "issuer=Oak%20%26%20Latch" in api.bearer("POST", "/auth/totp", access_token, {}).json["uri"]
