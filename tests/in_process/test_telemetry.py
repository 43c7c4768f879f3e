"""What requests leave in the log and in the metrics, and what they never leave there."""

import io
import json
import logging
import re

import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError

from chalicelib.adapters.dynamodb.items import user_key
from chalicelib.api.openapi import ALL_ROUTES
from chalicelib.telemetry import log
from chalicelib.telemetry.hooks import log_hook
from tests.support.administrators import Administrators
from tests.support.api_client import SITE_ORIGIN, as_header, in_process
from tests.support.application import application as make_application
from tests.support.application import clients_of
from tests.support.authenticator import Authenticator
from tests.support.device_bound import DeviceBrowser, device_proof
from tests.support.factors_over_http import App, proof_of, second_step
from tests.support.proofs import ClientKey
from tests.support.wire import raising_before

PASSWORD = "Marked-Passphrase-5f2c"
OTHER_PASSWORD = "Marked-Passphrase-9b1e"
# Whatever is sent where a secret could stand, by mistake or to attack.
MARKS = [PASSWORD, OTHER_PASSWORD, "Marked-Username-77", "Marked-Token-31", "Marked-Cookie-52", "Marked-Bug-18"]
MARKS += ["Marked-Address-83", "Marked-Username-79"]
ADDRESS, OTHER_ADDRESS = "Marked-Address-83@example.org", "Marked-Address-83@example.com"
ROUTES = {f"{operation.method} {operation.path}" for routes in ALL_ROUTES for operation in routes.operations}


@pytest.fixture
def lines(api, monkeypatch):
    """Return the lines since the last call, as Lambda would hand them to CloudWatch."""
    output = io.StringIO()
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", output)
        log.configure({"AWS_LAMBDA_FUNCTION_NAME": "lychgate-test"})

    def since():
        written = output.getvalue()
        output.seek(0)
        output.truncate()
        return [json.loads(line) for line in written.split("\n") if line]

    yield since
    log.configure({})


def counted(line):
    """Return what a line adds to which metric, as CloudWatch reads it."""
    counts = {}
    for directive in line["_aws"]["CloudWatchMetrics"]:
        ((metric,), (dimensions,)) = directive["Metrics"], directive["Dimensions"]
        assert directive["Namespace"] == "Lychgate"
        assert metric["Unit"] == "Count"
        assert all(isinstance(line[name], str) for name in dimensions)
        counts[metric["Name"], *(line[name] for name in dimensions)] = line[metric["Name"]]
    return counts


def test_a_request_leaves_one_line_that_says_who_did_what_and_what_came_of_it(api, lines):
    registered = api.register().json
    lines()
    session = api.bearer("GET", "/auth/sessions", registered["access_token"]).json["sessions"][0]
    (line,) = lines()
    assert line["route"] == "GET /auth/sessions"
    assert (line["method"], line["status"], line["level"]) == ("GET", 200, "INFO")
    assert (line["user_id"], line["session_id"]) == (registered["user"]["id"], session["id"])
    assert line["duration_ms"] >= 0
    assert not {"error", "reason", "event"} & set(line)


def test_the_route_is_the_pattern_and_not_the_path(api, lines):
    access_token = api.register().json["access_token"]
    lines()
    api.bearer("DELETE", "/auth/sessions/Marked", access_token)
    (line,) = lines()
    assert line["route"] == "DELETE /auth/sessions/{session_id}"
    assert "Marked" not in json.dumps(line)


def test_the_gateways_request_id_is_in_the_line(application, lines):
    event = {
        "requestContext": {
            "resourcePath": "/health",
            "httpMethod": "GET",
            "path": "/health",
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
        },
        "headers": {},
        "multiValueQueryStringParameters": None,
        "pathParameters": {},
        "stageVariables": {},
        "body": None,
        "isBase64Encoded": False,
    }
    assert application(event, None)["statusCode"] == 200
    assert [line["request_id"] for line in lines()] == ["c6af9ac6-7b61-11e6-9a41-93e8deadbeef"]


def test_identical_answers_leave_distinct_reasons(api, lines):
    user = api.register().json["user"]
    lines()
    api.login(password="wrong horse battery staple")
    api.login("nobody")
    wrong, unknown = lines()
    assert (wrong["reason"], wrong["user_id"]) == ("wrong password", user["id"])
    assert unknown["reason"] == "unknown user"
    assert "user_id" not in unknown
    for line in (wrong, unknown):
        assert (line["event"], line["error"], line["level"]) == ("login_failed", "invalid_credentials", "WARNING")


@pytest.mark.parametrize(
    ("headers", "named"),
    [
        ({"Origin": "http://localhost:5173"}, "the origin http://localhost:5173"),
        ({"Origin": "http://[::1]:5173"}, "the origin http://[::1]:5173"),
        ({"Origin": "chrome-extension://aapbdbdomjkkjkaonfhkkikfgjllcleb"}, "the origin chrome-extension://aapbdb"),
        ({"Origin": "null"}, "a hidden origin"),
        ({"Origin": ""}, "what is no origin"),
        ({"Origin": "http://evil.example\nPOST /auth/login 200"}, "what is no origin"),
        ({"Origin": "http://evil.example/\x1b[2J"}, "what is no origin"),
        ({"Origin": "http://evil.example\u202e"}, "what is no origin"),
        ({"Origin": "http://evil.example/Marked"}, "what is no origin"),
        ({"Origin": "http://" + "x" * 101}, "what is no origin"),
        ({"Sec-Fetch-Site": "cross-site"}, "another site, which named no origin,"),
    ],
)
def test_the_line_of_a_refused_origin_names_it_if_it_looks_like_one(api, lines, headers, named):
    refused = api.post("/auth/login", {"username": "a", "password": "b", "token_delivery": "cookie"}, headers=headers)
    refused.assert_problem(403, "origin_rejected")
    (line,) = lines()
    assert line["reason"].startswith(named)
    assert line["reason"].endswith("is not allowed")
    assert line["message"] == f"POST /auth/login 403 origin_rejected: {line['reason']}"
    assert "Marked" not in json.dumps(line)


def test_a_hash_whose_pepper_is_gone_is_an_error_in_the_log_and_a_wrong_password_for_the_user(
    api, lines, aws_clients, environment
):
    api.register()
    dynamodb, _ = aws_clients
    table, key = environment["LYCHGATE_USERS_TABLE"], user_key("alice")
    stored = dynamodb.get_item(TableName=table, Key=key)["Item"]["password_hash"]["S"]
    dynamodb.update_item(
        TableName=table,
        Key=key,
        UpdateExpression="SET password_hash = :hash",
        ExpressionAttributeValues={":hash": {"S": f"gone0001{stored}"}},
    )
    lines()
    api.login().assert_problem(401, "invalid_credentials")
    hint, request = lines()
    assert (hint["level"], hint["error"], hint["reason"]) == (
        "ERROR",
        "unusable_hash",
        "the hash needs the pepper gone0001",
    )
    assert "docs/keys.md" in hint["message"]
    assert counted(hint) == {("unusable_hashes", "lychgate-test"): 1}
    assert (request["event"], request["status"]) == ("login_failed", 401)
    assert stored not in json.dumps([hint, request])


def log_in_refresh_and_reuse(api, tokens, clock):
    """Log in, well and badly; refresh, at once again, and again after the retry window."""
    api.login()
    api.login(password="wrong horse battery staple")
    api.refresh(tokens["refresh_token"])
    api.refresh(tokens["refresh_token"])
    clock.advance(21)
    api.refresh(tokens["refresh_token"])


def test_every_security_event_is_in_the_line_of_its_request(api, lines, clock):
    tokens = api.register().json
    session = api.bearer("GET", "/auth/sessions", tokens["access_token"]).json["sessions"][0]
    log_in_refresh_and_reuse(api, tokens, clock)
    assert [(line["event"], line["status"]) for line in lines() if "event" in line] == [
        ("registered", 201),
        ("login_succeeded", 200),
        ("login_failed", 401),
        ("refreshed", 200),
        ("refresh_retried", 200),
        ("refresh_token_reused", 401),
    ]
    other = api.login().json
    lines()
    passwords = {"current_password": "correct horse battery staple", "new_password": OTHER_PASSWORD}
    api.bearer("DELETE", f"/auth/sessions/{session['id']}", other["access_token"])
    api.bearer("POST", "/auth/reauthenticate", other["access_token"], {"password": passwords["current_password"]})
    changed = api.bearer("PUT", "/auth/password", other["access_token"], passwords).json
    api.logout(changed["refresh_token"])
    api.logout(changed["refresh_token"])
    again = api.login(password=OTHER_PASSWORD).json
    api.bearer("POST", "/auth/logout-all", again["access_token"])
    last = api.login(password=OTHER_PASSWORD).json
    api.bearer("POST", "/auth/delete-account", last["access_token"], {"password": OTHER_PASSWORD})
    events = [line.get("event") for line in lines()]
    assert events == [
        None,
        "reauthenticated",
        "password_changed",
        "logged_out",
        None,
        "login_succeeded",
        "logged_out",
        "login_succeeded",
        "account_deleted",
    ]


def test_a_reuse_names_user_and_session(api, lines, clock):
    tokens = api.register().json
    session = api.bearer("GET", "/auth/sessions", tokens["access_token"]).json["sessions"][0]
    api.refresh(tokens["refresh_token"])
    clock.advance(21)
    lines()
    api.refresh(tokens["refresh_token"])
    (line,) = lines()
    assert (line["event"], line["level"]) == ("refresh_token_reused", "WARNING")
    assert (line["user_id"], line["session_id"]) == (tokens["user"]["id"], session["id"])


def test_a_log_out_with_a_used_token_is_warned_of_and_counted_as_reuse(api, lines, clock):
    tokens = api.register().json
    session = api.bearer("GET", "/auth/sessions", tokens["access_token"]).json["sessions"][0]
    api.refresh(tokens["refresh_token"])
    clock.advance(21)
    lines()
    assert api.logout(tokens["refresh_token"]).status == 204
    (line,) = lines()
    assert (line["event"], line["level"], line["status"]) == ("refresh_token_reused", "WARNING", 204)
    assert (line["user_id"], line["session_id"]) == (tokens["user"]["id"], session["id"])
    assert counted(line) == {("requests", "lychgate-test", "2xx"): 1, ("refreshes", "lychgate-test", "reused"): 1}


@pytest.fixture
def key(settings, clock):
    """A key of a client."""
    return ClientKey(settings["LYCHGATE_ISSUER"], clock)


@pytest.fixture
def bound(api, key):
    """The tokens of a session that is bound to it."""
    members = {"username": "Alice", "password": "correct horse battery staple"}
    return api.post("/auth/register", members, headers=key.headers("/auth/register")).json


def test_each_refresh_without_the_key_is_in_the_log_and_counted_and_the_history_has_one(api, lines, clock, key, bound):
    recorded = key.headers("/auth/refresh")
    tokens = api.refresh(bound["refresh_token"], headers=recorded).json
    session = api.bearer("GET", "/auth/sessions", tokens["access_token"]).json["sessions"][0]
    other_key = ClientKey(key.issuer, clock)
    lines()
    for headers in ({}, other_key.headers("/auth/refresh"), recorded):
        api.refresh(tokens["refresh_token"], headers=headers).assert_problem(400, "invalid_dpop_proof")
    written = lines()
    assert [line["reason"] for line in written] == [
        "there is none, and the session is bound to a key",
        "it is by another key than the session's",
        "it was used before, or is older than the last one",
    ]
    for line in written:
        assert (line["event"], line["level"], line["status"]) == ("refresh_without_key", "WARNING", 400)
        assert (line["error"], line["user_id"]) == ("invalid_dpop_proof", tokens["user"]["id"])
        assert line["session_id"] == session["id"]
        assert counted(line) == {
            ("requests", "lychgate-test", "4xx"): 1,
            ("refreshes", "lychgate-test", "without_key"): 1,
        }
    shown = api.bearer("GET", "/dashboard", tokens["access_token"]).json["recent_events"]
    assert [event["type"] for event in shown] == ["refresh_without_key", "registered"]


@pytest.mark.parametrize("path", ["/auth/refresh", "/auth/logout"])
def test_a_browser_that_cannot_renew_its_devices_cookie_for_now_is_no_error_of_ours(site_with, lines, path):
    """Whoever has a bound session can cause this, and an alarm counts 5xx."""
    browser = DeviceBrowser(site_with(LYCHGATE_DBSC="on"))
    browser.sign_up()
    browser.bind()
    lines()
    skipped = {"Secure-Session-Skipped": "quota_exceeded"}
    answer = browser.send(path, {}, cookies=browser.without_short_cookie(), headers=skipped)
    answer.assert_problem(503, "service_unavailable")
    (line,) = lines()
    assert (line["event"], line["level"], line["status"]) == ("refresh_without_key", "WARNING", 503)
    assert line["reason"] == "the cookie of the session's device is missing: the browser says quota_exceeded"
    assert counted(line) == {
        ("requests", "lychgate-test", "4xx"): 1,
        ("refreshes", "lychgate-test", "without_key"): 1,
    }


def test_a_log_out_without_the_key_is_one_too(api, lines, bound):
    lines()
    assert api.logout(bound["refresh_token"]).status == 204
    (line,) = lines()
    assert (line["event"], line["level"], line["status"]) == ("refresh_without_key", "WARNING", 204)
    assert (line["outcome"], line["user_id"]) == ("without_key", bound["user"]["id"])


def test_a_log_in_over_the_cookie_of_a_bound_session_is_a_log_in_in_its_line(api, lines, key):
    members = {"username": "Alice", "password": "correct horse battery staple", "token_delivery": "cookie"}
    cookie = api.post("/auth/register", members, headers=key.headers("/auth/register")).cookie
    lines()
    assert api.post("/auth/login", members, headers={"Cookie": as_header(cookie)}).status == 200
    (line,) = lines()
    assert (line["event"], line["level"]) == ("login_succeeded", "INFO")


def test_a_proof_that_is_wrong_is_one_too_and_its_line_and_its_answer_say_why(api, lines, key, bound):
    session = api.bearer("GET", "/auth/sessions", bound["access_token"]).json["sessions"][0]
    for send, path in ((api.refresh, "refresh"), (api.logout, "logout")):
        lines()
        answer = send(bound["refresh_token"], headers=key.headers("/auth/login"))
        answer.assert_problem(400, "invalid_dpop_proof")
        (line,) = lines()
        reason = f"htu is not {key.issuer}/auth/{path}"
        assert (line["reason"], line["event"], line["level"]) == (reason, "refresh_without_key", "WARNING")
        assert (line["user_id"], line["session_id"]) == (bound["user"]["id"], session["id"])
        assert answer.json["detail"] == f"The proof in the header DPoP is refused: {reason}."


def test_a_proof_by_the_key_and_a_wrong_clock_is_no_event_and_its_line_says_whose_it_is(api, lines, clock, key, bound):
    session = api.bearer("GET", "/auth/sessions", bound["access_token"]).json["sessions"][0]
    for send, path in ((api.refresh, "/auth/refresh"), (api.logout, "/auth/logout")):
        lines()
        headers = key.headers(path, iat=clock() - 3600)
        send(bound["refresh_token"], headers=headers).assert_problem(400, "invalid_dpop_proof")
        (line,) = lines()
        assert (line["reason"], line["level"]) == ("iat is too far from our clock", "INFO")
        assert (line["user_id"], line["session_id"]) == (bound["user"]["id"], session["id"])
        assert "event" not in line


def test_a_wrong_proof_with_a_token_that_is_nobodys_names_nobody(api, lines, bound):
    for token in ("a.b.c", bound["access_token"]):
        lines()
        api.refresh(token, headers={"DPoP": "a.b.c"}).assert_problem(400, "invalid_dpop_proof")
        (line,) = lines()
        assert line["level"] == "INFO"
        assert not {"event", "user_id", "session_id"} & line.keys()


def test_a_log_in_over_a_cookie_is_a_log_in_in_its_line(api, lines):
    cookie = api.register(token_delivery="cookie").cookie
    credentials = {"username": "Alice", "password": "correct horse battery staple", "token_delivery": "cookie"}
    lines()
    assert api.post("/auth/login", credentials, headers={"Cookie": as_header(cookie)}).status == 200
    (line,) = lines()
    assert (line["event"], line["level"]) == ("login_succeeded", "INFO")
    assert counted(line)["log_ins", "lychgate-test", "ok"] == 1


def test_requests_log_ins_and_refreshes_are_counted(api, lines, clock):
    tokens = api.register().json
    log_in_refresh_and_reuse(api, tokens, clock)
    function = "lychgate-test"
    assert [counted(line) for line in lines()] == [
        {("requests", function, "2xx"): 1},
        {("requests", function, "2xx"): 1, ("log_ins", function, "ok"): 1},
        {("requests", function, "4xx"): 1, ("log_ins", function, "failed"): 1},
        {("requests", function, "2xx"): 1, ("refreshes", function, "ok"): 1},
        {("requests", function, "2xx"): 1, ("refreshes", function, "retry"): 1},
        {("requests", function, "4xx"): 1, ("refreshes", function, "reused"): 1},
    ]


def test_a_delayed_attempt_says_by_which_limit_and_is_counted(api, lines):
    for _ in range(6):
        api.login("nobody")
    line = lines()[-1]
    assert (line["status"], line["event"], line["level"]) == (429, "attempt_delayed", "WARNING")
    assert line["reason"].startswith("limit by ")
    assert counted(line)["log_ins", "lychgate-test", "delayed"] == 1


def test_a_log_in_that_cannot_be_counted_is_refused_logged_and_counted(api, aws_clients, environment, lines):
    dynamodb, _ = aws_clients
    api.register()

    def throttled(request, **_):
        body = request.body.decode()
        if environment["LYCHGATE_THROTTLE_TABLE"] in body and "Update" in body:
            raise ConnectTimeoutError(endpoint_url="https://dynamodb.invalid")

    dynamodb.meta.events.register_first("before-send.dynamodb", throttled)
    try:
        answer = api.login()
    finally:
        dynamodb.meta.events.unregister("before-send.dynamodb", throttled)
    answer.assert_problem(503, "service_unavailable")
    line = lines()[-1]
    assert (line["event"], line["level"]) == ("attempt_not_counted", "ERROR")
    assert counted(line)["log_ins", "lychgate-test", "not_counted"] == 1


def test_the_authorizer_says_why_it_refused_and_counts_it(api, lines):
    api.me("junk")
    (line,) = lines()
    assert (line["error"], line["reason"]) == ("invalid_token", "not in compact serialization")
    assert counted(line) == {("refused_access_tokens", "lychgate-test"): 1}


def test_a_refusal_that_lambda_takes_for_an_error_is_counted_as_one_that_is_none(api, lines, clock):
    access_token = api.register().json["access_token"]
    clock.advance(-11)
    api.me(access_token).assert_problem(401, "invalid_token")
    line = lines()[-1]
    assert line["reason"] == "issued in the future"
    assert counted(line) == {
        ("refused_access_tokens", "lychgate-test"): 1,
        ("access_tokens_refused_for_now", "lychgate-test"): 1,
    }


class Broken:
    """Use cases of which each is a bug."""

    def __getattr__(self, name):
        raise RuntimeError("Marked-Bug-18") from ValueError(PASSWORD)


def test_a_bug_leaves_its_place_and_not_its_message(api, application, lines):
    application.lychgate.use_cases = Broken()
    api.login()
    (line,) = lines()
    assert (line["status"], line["error"], line["level"]) == (500, "internal_error", "ERROR")
    exception, cause = line["exception"]
    assert (exception["type"], cause["type"]) == ("RuntimeError", "ValueError")
    assert exception["frames"][-1].endswith(" __getattr__")
    assert "Marked" not in json.dumps(line)


def test_a_log_line_cannot_be_forged(lines):
    log.log_refused_token('x\n{"level": "INFO"}\u2028\x1b[2J', is_final=True)
    (line,) = lines()
    assert line["reason"] == 'x\n{"level": "INFO"}\u2028\x1b[2J'


def test_on_a_laptop_a_slow_hook_is_shown_as_text(capsys):
    log.configure({})
    log_hook("claims", 5010.0)
    assert capsys.readouterr() == ("", "lychgate: the hook claims took 5.0 s\n")


def test_on_a_laptop_only_errors_of_requests_are_shown_and_as_text(api, application, settings, capsys):
    log.configure({})
    api.register()
    api.login(password="wrong horse battery staple")
    assert capsys.readouterr() == ("", "")
    del settings["LYCHGATE_USERS_TABLE"]
    del application.lychgate.use_cases, application.lychgate.settings
    api.login()
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "lychgate: POST /auth/login 500 internal_error: LYCHGATE_USERS_TABLE is not set\n"


def succeed(api, clock):
    """Call every route as it is meant to be called, and return every token that was issued."""
    members = {"username": "Marked-Username-77", "password": PASSWORD}
    first = api.post("/auth/register", members).json
    second = api.post("/auth/login", members).json
    by_cookie = api.post("/auth/login", {**members, "token_delivery": "cookie"})
    refreshed = api.refresh(first["refresh_token"]).json
    renewed = api.refresh(cookie=by_cookie.cookie)
    access_token = refreshed["access_token"]
    documents = ["/openapi.json", "/.well-known/jwks.json", "/.well-known/openid-configuration"]
    documents += ["/.well-known/revoked.json", "/.well-known/revoked.jwt"]
    for path in ("/me", "/dashboard", "/auth/sessions", "/auth/options", "/health", *documents):
        assert api.bearer("GET", path, access_token).status == 200
    listed = api.bearer("GET", "/auth/sessions", access_token).json["sessions"]
    (other, *_) = [session["id"] for session in listed if not session["current"]]
    assert api.bearer("DELETE", f"/auth/sessions/{other}", access_token).status == 204
    again = api.bearer("POST", "/auth/reauthenticate", access_token, {"password": PASSWORD})
    assert again.status == 200
    passwords = {"current_password": PASSWORD, "new_password": OTHER_PASSWORD}
    changed = api.bearer("PUT", "/auth/password", access_token, passwords)
    assert changed.status == 200
    clock.advance(21)
    assert api.refresh(first["refresh_token"]).status == 401
    assert api.logout(second["refresh_token"]).status == 204
    members["password"] = OTHER_PASSWORD
    third = api.post("/auth/login", members).json
    assert api.bearer("POST", "/auth/logout-all", third["access_token"]).status == 204
    last = api.post("/auth/login", members).json
    deletion = api.bearer("POST", "/auth/delete-account", last["access_token"], {"password": OTHER_PASSWORD})
    assert deletion.status == 204
    bodies = [first, second, by_cookie.json, refreshed, renewed.json, again.json, changed.json, third, last]
    issued = [body[name] for body in bodies for name in ("access_token", "refresh_token") if name in body]
    return [*issued, by_cookie.cookie.value, renewed.cookie.value]


@pytest.fixture
def site_with(application, settings, aws_clients, clock):
    """Return the API of a site with other settings, over the same tables."""
    dynamodb, ssm = aws_clients

    def site_with(**others):
        changed = settings | others
        return in_process(make_application(changed, clients=clients_of(dynamodb=dynamodb, ssm=ssm), clock=clock))

    return site_with


def succeed_on_device(on_devices):
    """Do what a browser does with a key of its device, and return every token, proof and challenge of it."""
    browser = DeviceBrowser(on_devices)
    browser.sign_up("Marked-Username-77.device")
    issued = [browser.registration[1], *browser.cookies.values()]
    assert browser.bind().status == 200
    challenge = browser.challenged()
    assert browser.renew(challenge).status == 200
    proof = device_proof(browser.key, challenge, names_key=False)
    return [*issued, challenge, proof, *browser.cookies.values()]


def succeed_with_mails(api, by_address, mailbox, clock):
    """Call every route of mails as it is meant to be called, and return every token and challenge that was issued.

    A code is not among them: six digits are found by chance in what is so long.
    """
    tokens = api.post("/auth/register", {"username": "Marked-Username-77", "password": PASSWORD, "email": ADDRESS}).json
    sent = [mailbox.token(ADDRESS, "email")]
    clock.advance(60)
    assert api.bearer("POST", "/auth/email/resend", tokens["access_token"]).status == 202
    sent.append(mailbox.token(ADDRESS, "email"))
    assert api.post("/auth/email/confirm", {"token": sent[-1]}).status == 204
    challenge = api.post("/auth/login/code", {"username": ADDRESS}).json["challenge"]
    sent.append(challenge)
    by_code = api.post("/auth/login/code/verify", {"challenge": challenge, "code": mailbox.code(ADDRESS)}).json
    assert api.bearer("PUT", "/auth/email", by_code["access_token"], {"email": OTHER_ADDRESS}).status == 202
    sent.append(mailbox.token(OTHER_ADDRESS, "email"))
    assert api.post("/auth/password/forgot", {"username": "Marked-Username-77"}).status == 202
    sent.append(mailbox.token(ADDRESS, "reset"))
    passwords = {"token": sent[-1], "new_password": OTHER_PASSWORD}
    assert api.post("/auth/password/reset", passwords).status == 204
    last = api.post("/auth/login", {"username": "Marked-Username-77", "password": OTHER_PASSWORD}).json
    assert api.bearer("DELETE", "/auth/email", last["access_token"]).status == 204
    clock.advance(60)
    assert by_address.post("/auth/register", {"email": OTHER_ADDRESS, "password": PASSWORD}).status == 202
    sent.append(mailbox.token(OTHER_ADDRESS, "register"))
    confirmed = by_address.post("/auth/register/confirm", {"token": sent[-1]}).json
    bodies = [tokens, by_code, last, confirmed]
    return sent + [body[name] for body in bodies for name in ("access_token", "refresh_token")]


def succeed_with_factors(api, clock):
    """Call every route of factors as it is meant to be called, and return every secret that was issued.

    A code is not among them, as above.
    """
    members = {"username": "Marked-Username-79", "password": PASSWORD}
    tokens = api.post("/auth/register", members).json
    access_token = tokens["access_token"]
    creation = api.bearer("POST", "/auth/passkeys/options", access_token).json
    authenticator = Authenticator()
    made = {
        "challenge": creation["challenge"],
        "credential": authenticator.create(creation["publicKey"], SITE_ORIGIN),
        "label": "Marked-Token-31",
    }
    passkey = api.bearer("POST", "/auth/passkeys", access_token, made).json["passkey"]
    proof = proof_of(api, authenticator)
    by_passkey = api.post("/auth/login/passkey", proof).json
    begun = api.bearer("POST", "/auth/totp", access_token).json
    app = App(begun["secret"], clock)
    confirmation = {"pending": begun["pending"], "code": app.code()}
    codes = api.bearer("POST", "/auth/totp/confirm", access_token, confirmation).json["recovery_codes"]
    challenges = [api.post("/auth/login", members).json["challenge"] for _ in range(2)]
    answers = [
        second_step(api, challenges[0], code=app.next_code()),
        second_step(api, challenges[1], recovery_code=codes[0]),
    ]
    newer = api.bearer("POST", "/auth/recovery-codes", access_token).json["recovery_codes"]
    assert api.bearer("GET", "/auth/factors", access_token).status == 200
    path = f"/auth/passkeys/{passkey['id']}"
    assert api.bearer("PATCH", path, access_token, {"label": "Marked-Cookie-52"}).status == 200
    assert api.bearer("DELETE", path, access_token).status == 204
    assert api.bearer("DELETE", "/auth/totp", access_token).status == 204
    bodies = [tokens, by_passkey, *(answer.json for answer in answers)]
    issued = [body[name] for body in bodies for name in ("access_token", "refresh_token")]
    issued += [begun["secret"], begun["pending"], creation["challenge"], proof["challenge"], *challenges]
    issued += [proof["credential"]["response"]["signature"], *codes, *newer]
    return issued


def succeed_as_administrator(api, dynamodb, table, clock):
    """Call every route of administrators as it is meant to be called, and return every secret that was issued."""
    root = Administrators(api, dynamodb, table).register("Marked-Username-80")
    tokens = api.post("/auth/register", {"username": "Marked-Username-81", "password": PASSWORD}).json
    user_id, access_token = tokens["user"]["id"], tokens["access_token"]
    begun = api.bearer("POST", "/auth/totp", access_token).json
    confirmation = {"pending": begun["pending"], "code": App(begun["secret"], clock).code()}
    codes = api.bearer("POST", "/auth/totp/confirm", access_token, confirmation).json["recovery_codes"]
    cursor = root.users("?limit=1").json["next_cursor"]
    assert root.users(f"?limit=1&cursor={cursor}").status == 200
    invitation = root.create("Marked-Username-82").json["link"]
    link = root.ask("POST", f"/users/{user_id}/reset-password").json["link"]
    assert root.show(user_id).status == 200
    assert root.ask("DELETE", f"/users/{user_id}/second-factor").status == 204
    assert root.ask("POST", f"/users/{user_id}/logout-all").status == 204
    assert root.change(user_id, disabled=True).status == 200
    assert root.delete(user_id).status == 204
    links = [each.partition("#reset=")[2] for each in (invitation, link)]
    return [root.token, access_token, tokens["refresh_token"], begun["secret"], *codes, cursor, *links]


def fail(api, application, aws_clients):
    """Call every route so that it refuses or breaks, with something marked wherever a secret could stand."""
    access_token = api.register("Bobby").json["access_token"]
    headers = {
        "Cookie": "__Host-refresh_token=Marked-Cookie-52; Marked-Cookie-52=x",
        "Origin": "https://site.example/Marked-Token-31",
        "User-Agent": "Marked-Token-31",
        "Content-Type": "application/json",
    }
    junk = [
        b'{"Marked-Token-31": "Marked-Token-31"',
        b'{"Marked-Token-31": "Marked-Token-31"}',
        b'{"username": "Marked-Username-77", "password": "Marked-Passphrase-5f2c", "token_delivery": "cookie"}',
        b'{"username": "Marked-Username-77", "password": "Marked-Passphrase-5f2c"}',
        b'{"current_password": "Marked-Passphrase-5f2c", "new_password": "Marked-Passphrase-9b1e"}',
        b'{"password": "Marked-Passphrase-5f2c"}',
        b'{"refresh_token": "Marked-Token-31"}',
        b'{"email": "Marked-Address-83@example.org\\nBcc: x"}',
        b'{"token": "Marked-Token-31"}',
        b'{"token": "Marked-Token-31", "new_password": "Marked-Passphrase-9b1e"}',
        b'{"challenge": "Marked-Token-31", "code": "Marked-Token-31"}',
        b'{"challenge": "Marked-Token-31", "recovery_code": "Marked-Token-31"}',
        b'{"challenge": "Marked-Token-31", "credential": {"id": "Marked-Token-31", "Marked-Token-31": "\\ud800"}}',
        b'{"challenge": "Marked-Token-31", "credential": {"id": "Marked-Token-31"}, "label": "Marked-Token-31"}',
        b'{"pending": "Marked-Token-31", "code": "Marked-Token-31"}',
        b'{"label": "Marked-Token-31"}',
        b"{}",
    ]
    bearers = ["Marked-Token-31", "Marked-Token-31.Marked-Token-31.Marked-Token-31", access_token + "x", access_token]
    for route in sorted(ROUTES):
        method, path = route.split()
        for body in junk if method != "GET" else [b""]:
            for bearer in bearers if path not in ("/auth/login", "/auth/register") else ["Marked-Token-31"]:
                api.request(
                    method,
                    re.sub(r"{\w+}", "Marked-Token-31", path),
                    body=body,
                    headers={**headers, "Authorization": f"Bearer {bearer}"},
                )
        api.request("TRACE", path, headers=headers)

    def unreachable(*_, **__):
        raise EndpointConnectionError(endpoint_url="https://Marked-Token-31.example")

    with raising_before(aws_clients[0], "*", unreachable):
        assert api.post("/auth/login", {"username": "Marked-Username-77", "password": PASSWORD}).status == 503
    application.lychgate.use_cases = Broken()
    application.lychgate.verifying = Broken()
    application.lychgate.settings = Broken()
    application.routes["/health"]["GET"].view_function = application.routes["/me"]["GET"].view_function
    for route in sorted(ROUTES):
        method, path = route.split()
        for body in junk if method != "GET" else [b""]:
            api.request(method, path, body=body, headers={**headers, "Authorization": f"Bearer {access_token}"})


def test_no_secret_of_any_route_is_in_any_output(
    api, application, site_with, mailbox, aws_clients, capfd, caplog, clock, private_jwks
):
    log.configure({"AWS_LAMBDA_FUNCTION_NAME": "lychgate-test"})
    caplog.set_level(logging.WARNING)
    try:
        issued = [
            *succeed(api, clock),
            *succeed_with_mails(api, site_with(LYCHGATE_IDENTIFIER="email"), mailbox, clock),
        ]
        issued += succeed_with_factors(api, clock)
        issued += succeed_on_device(site_with(LYCHGATE_DBSC="on"))
        issued += succeed_as_administrator(api, aws_clients[0], "lychgate-test-users", clock)
        succeeded = capfd.readouterr()
        fail(api, application, aws_clients)
        failed = capfd.readouterr()
    finally:
        log.configure({})
    output = succeeded.out + succeeded.err + failed.out + failed.err + caplog.text
    secrets = [*MARKS, *issued, private_jwks["pepper"], *(key["d"] for key in private_jwks["keys"])]
    # A part of a token is one too: each of its three segments by itself.
    secrets += [segment for token in issued for segment in token.split(".")[1:] if segment]
    assert [secret for secret in secrets if secret.lower() in output.lower()] == []

    def routes(text, *, failed):
        lines = [json.loads(line) for line in text.splitlines()]
        return {line["route"] for line in lines if "route" in line and (line["status"] >= 400) is failed}

    assert routes(succeeded.out, failed=False) == ROUTES
    assert routes(failed.out, failed=True) >= ROUTES
