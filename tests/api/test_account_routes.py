"""The routes of a user who is logged in."""

import base64
import json

import pytest

from tests.support.api_client import SITE_ORIGIN

PASSWORD = "correct horse battery staple"
NEW_PASSWORD = "a quite different passphrase"
BEARER_ROUTES = [
    ("GET", "/me"),
    ("GET", "/dashboard"),
    ("GET", "/auth/sessions"),
    ("DELETE", "/auth/sessions/some-session"),
    ("POST", "/auth/logout-all"),
    ("POST", "/auth/reauthenticate"),
    ("PUT", "/auth/password"),
    ("POST", "/auth/delete-account"),
    ("PUT", "/auth/email"),
    ("DELETE", "/auth/email"),
    ("POST", "/auth/email/resend"),
    ("GET", "/auth/factors"),
    ("POST", "/auth/totp"),
    ("POST", "/auth/totp/confirm"),
    ("DELETE", "/auth/totp"),
    ("POST", "/auth/recovery-codes"),
    ("POST", "/auth/passkeys/options"),
    ("POST", "/auth/passkeys"),
    ("PATCH", "/auth/passkeys/some-passkey"),
    ("DELETE", "/auth/passkeys/some-passkey"),
    ("GET", "/admin/users"),
    ("POST", "/admin/users"),
    ("GET", "/admin/users/some-user"),
    ("PATCH", "/admin/users/some-user"),
    ("DELETE", "/admin/users/some-user"),
    ("POST", "/admin/users/some-user/logout-all"),
    ("POST", "/admin/users/some-user/reset-password"),
    ("DELETE", "/admin/users/some-user/second-factor"),
]
FRESH_SECONDS = 900
LIVE_ROUTES = [
    pytest.param("GET", "/me", None, marks=pytest.mark.live_safe),
    ("GET", "/dashboard", None),
    ("GET", "/auth/sessions", None),
    ("DELETE", "/auth/sessions/some-session", None),
    pytest.param("POST", "/auth/logout-all", None, marks=pytest.mark.live_safe),
    ("POST", "/auth/reauthenticate", {"password": PASSWORD}),
    ("PUT", "/auth/password", {"current_password": PASSWORD, "new_password": NEW_PASSWORD}),
    ("POST", "/auth/delete-account", {"password": PASSWORD}),
    ("PUT", "/auth/email", {"email": "alice@example.org"}),
    ("DELETE", "/auth/email", None),
    ("POST", "/auth/email/resend", None),
    ("GET", "/auth/factors", None),
    ("POST", "/auth/totp", None),
    ("POST", "/auth/totp/confirm", {"pending": "x", "code": "123456"}),
    ("DELETE", "/auth/totp", None),
    ("POST", "/auth/recovery-codes", None),
    ("POST", "/auth/passkeys/options", None),
    ("POST", "/auth/passkeys", {"challenge": "x", "credential": {}}),
    ("PATCH", "/auth/passkeys/some-passkey", {"label": "Phone"}),
    ("DELETE", "/auth/passkeys/some-passkey", None),
    ("GET", "/admin/users", None),
    ("PATCH", "/admin/users/some-user", {"disabled": True}),
]


@pytest.fixture
def alice(api):
    """The tokens of an account of this test's own."""
    return api.register("Alice").json


@pytest.fixture
def somebody(api):
    """The tokens of an account that other tests may share."""
    return api.signed_in().json


def claims_of(access_token):
    payload = access_token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=="))


@pytest.mark.each_server
@pytest.mark.parametrize(("method", "path"), BEARER_ROUTES)
@pytest.mark.live_safe
def test_a_bearer_route_is_closed_to_everybody_without_a_good_token(api, method, path):
    for headers in ({}, {"Authorization": "Bearer junk"}):
        api.request(method, path, headers=headers).assert_problem(401, "invalid_token")


@pytest.mark.parametrize(("method", "path", "members"), LIVE_ROUTES)
def test_a_live_route_is_closed_at_once_when_the_session_has_ended(api, somebody, method, path, members):
    api.logout(somebody["refresh_token"])
    answer = api.bearer(method, path, somebody["access_token"], members)
    answer.assert_problem(401, "invalid_token")
    assert answer.json["detail"] == "The session has ended."
    assert api.login().status == 200


def test_an_access_token_is_good_until_it_expires(api, alice, clock):
    clock.advance(599)
    assert api.me(alice["access_token"]).status == 200
    clock.advance(1)
    api.me(alice["access_token"]).assert_problem(401, "invalid_token")


@pytest.fixture
def stale(api, alice, clock):
    """Tokens of Alice's session, which has not authenticated for so long that it is no longer fresh, by one second."""
    clock.advance(FRESH_SECONDS + 1)
    return api.refresh(alice["refresh_token"]).json


def other_session(api, access_token):
    """Return the id of the user's other session."""
    listed = api.bearer("GET", "/auth/sessions", access_token).json["sessions"]
    (other_id,) = [session["id"] for session in listed if not session["current"]]
    return other_id


def reauthenticate(api, access_token, password=PASSWORD):
    return api.bearer("POST", "/auth/reauthenticate", access_token, {"password": password})


def test_a_thief_with_a_stolen_access_token_of_an_old_session_cannot_end_the_owners_sessions(api, stale):
    owners = api.login().json
    for method, path in (
        ("DELETE", f"/auth/sessions/{other_session(api, stale['access_token'])}"),
        ("DELETE", "/auth/sessions/some-session"),
        ("POST", "/auth/logout-all"),
    ):
        answer = api.bearer(method, path, stale["access_token"])
        answer.assert_problem(401, "insufficient_user_authentication")
        assert answer.json["max_age"] == FRESH_SECONDS
    assert api.refresh(owners["refresh_token"]).status == 200
    assert api.refresh(stale["refresh_token"]).status == 200


def test_a_thief_with_a_stolen_access_token_of_an_old_session_cannot_change_the_address(api, stale):
    for method, members in (("PUT", {"email": "thief@example.org"}), ("DELETE", None)):
        answer = api.bearer(method, "/auth/email", stale["access_token"], members)
        answer.assert_problem(401, "insufficient_user_authentication")
        assert answer.json["max_age"] == FRESH_SECONDS
    assert api.me(stale["access_token"]).json["user"]["email"] is None


def test_the_challenge_of_a_fresh_route_names_the_age_that_it_accepts(api, stale):
    answer = api.bearer("POST", "/auth/logout-all", stale["access_token"])
    assert answer.challenge.startswith("Bearer ")
    assert 'error="insufficient_user_authentication"' in answer.challenge
    assert f'max_age="{FRESH_SECONDS}"' in answer.challenge


def test_a_session_is_fresh_until_the_last_second_of_its_window(api, alice, clock):
    api.login()
    clock.advance(FRESH_SECONDS)
    refreshed = api.refresh(alice["refresh_token"]).json
    other_id = other_session(api, refreshed["access_token"])
    assert api.bearer("DELETE", f"/auth/sessions/{other_id}", refreshed["access_token"]).status == 204
    assert api.bearer("POST", "/auth/logout-all", refreshed["access_token"]).status == 204


def test_a_session_can_end_itself_however_long_ago_it_authenticated(api, stale):
    (own,) = api.bearer("GET", "/auth/sessions", stale["access_token"]).json["sessions"]
    assert api.bearer("DELETE", f"/auth/sessions/{own['id']}", stale["access_token"]).status == 204
    api.refresh(stale["refresh_token"]).assert_problem(401, "invalid_grant")


def test_the_password_makes_a_session_fresh_again_and_leaves_its_refresh_token_as_it_is(api, alice, stale):
    owners = api.login().json
    answer = reauthenticate(api, stale["access_token"])
    assert answer.status == 200
    assert answer.json == {
        "access_token": answer.json["access_token"],
        "token_type": "Bearer",
        "expires_in": 600,
        "user": alice["user"],
    }
    other_id = other_session(api, answer.json["access_token"])
    assert api.bearer("DELETE", f"/auth/sessions/{other_id}", answer.json["access_token"]).status == 204
    api.refresh(owners["refresh_token"]).assert_problem(401, "invalid_grant")
    assert api.refresh(stale["refresh_token"]).status == 200


def test_a_refresh_makes_no_session_fresh(api, alice, clock):
    tokens = alice
    for _ in range(4):
        clock.advance(FRESH_SECONDS // 3)
        tokens = api.refresh(tokens["refresh_token"]).json
    answer = api.bearer("POST", "/auth/logout-all", tokens["access_token"])
    answer.assert_problem(401, "insufficient_user_authentication")


@pytest.mark.live_safe
def test_an_access_token_says_when_its_session_last_authenticated(api, somebody):
    began = claims_of(somebody["access_token"])
    assert began["auth_time"] == began["iat"]
    refreshed = claims_of(api.refresh(somebody["refresh_token"]).json["access_token"])
    assert refreshed["auth_time"] == began["auth_time"]
    again = claims_of(reauthenticate(api, somebody["access_token"]).json["access_token"])
    assert (again["sid"], again["auth_time"]) == (began["sid"], again["iat"])


def test_a_refresh_after_a_reauthentication_says_when_that_was(api, stale, clock):
    again = claims_of(reauthenticate(api, stale["access_token"]).json["access_token"])
    clock.advance(60)
    refreshed = claims_of(api.refresh(stale["refresh_token"]).json["access_token"])
    assert refreshed["auth_time"] == again["auth_time"] == refreshed["iat"] - 60


def test_a_new_password_makes_a_fresh_session(api, stale):
    members = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    changed = api.bearer("PUT", "/auth/password", stale["access_token"], members).json
    assert api.bearer("POST", "/auth/logout-all", changed["access_token"]).status == 204


def test_a_wrong_password_makes_nothing_fresh_and_is_in_the_history(api, stale):
    answer = reauthenticate(api, stale["access_token"], "wrong horse battery staple")
    answer.assert_problem(401, "invalid_credentials")
    api.bearer("POST", "/auth/logout-all", stale["access_token"]).assert_problem(
        401, "insufficient_user_authentication"
    )
    assert reauthenticate(api, stale["access_token"]).status == 200
    history = api.bearer("GET", "/dashboard", stale["access_token"]).json["recent_events"]
    assert [event["type"] for event in history] == ["reauthenticated", "login_failed", "registered"]


def test_no_session_is_made_fresh_without_a_password(api, alice):
    for members in ({}, {"password": None}, {"password": PASSWORD, "username": "alice"}):
        answer = api.bearer("POST", "/auth/reauthenticate", alice["access_token"], members)
        answer.assert_problem(422, "validation_failed")


@pytest.mark.each_server
def test_sessions_are_listed_with_what_helps_to_recognise_them(api, alice, clock):
    clock.advance(60)
    phone = api.post(
        "/auth/login", {"username": "alice", "password": PASSWORD}, headers={"User-Agent": "Phone <b>1</b>"}
    ).json
    answer = api.bearer("GET", "/auth/sessions", phone["access_token"])
    assert answer.status == 200
    newest, oldest = answer.json["sessions"]
    assert newest == {
        "id": newest["id"],
        "created_at": "2027-01-15T08:01:00Z",
        "last_used_at": "2027-01-15T08:00:00Z",
        "expires_at": "2027-01-29T08:00:00Z",
        "ip": "127.0.0.1",
        "user_agent": "Phone <b>1</b>",
        "current": True,
        "bound": False,
    }
    assert oldest["current"] is False
    assert newest["id"] != oldest["id"]


def test_a_refresh_shows_in_the_list_by_its_hour_and_no_more(api, alice, clock):
    clock.advance(3600 + 1234)
    refreshed = api.refresh(alice["refresh_token"]).json
    (session,) = api.bearer("GET", "/auth/sessions", refreshed["access_token"]).json["sessions"]
    assert session["created_at"] == "2027-01-15T08:00:00Z"
    assert session["last_used_at"] == "2027-01-15T09:00:00Z"
    assert session["expires_at"] == "2027-01-29T09:00:00Z"


@pytest.mark.live_safe
def test_one_session_can_be_ended_from_another(api, somebody):
    other = api.login().json
    other_id = claims_of(other["access_token"])["sid"]
    listed = api.bearer("GET", "/auth/sessions", somebody["access_token"]).json["sessions"]
    assert [session["current"] for session in listed if session["id"] == other_id] == [False]
    assert api.bearer("DELETE", f"/auth/sessions/{other_id}", somebody["access_token"]).status == 204
    api.refresh(other["refresh_token"]).assert_problem(401, "invalid_grant")
    assert api.refresh(somebody["refresh_token"]).status == 200
    api.bearer("DELETE", f"/auth/sessions/{other_id}", somebody["access_token"]).assert_problem(404, "not_found")


@pytest.mark.live_safe
def test_nobody_sees_or_ends_what_is_somebody_elses(api, somebody):
    bob = api.register("Bob").json
    (bobs,) = api.bearer("GET", "/auth/sessions", bob["access_token"]).json["sessions"]
    listed = api.bearer("GET", "/auth/sessions", somebody["access_token"]).json["sessions"]
    assert bobs["id"] not in {session["id"] for session in listed}
    unknown = api.bearer("DELETE", "/auth/sessions/unknown", somebody["access_token"])
    foreign = api.bearer("DELETE", f"/auth/sessions/{bobs['id']}", somebody["access_token"])
    foreign.assert_problem(404, "not_found")
    assert (foreign.status, foreign.body, foreign.headers) == (unknown.status, unknown.body, unknown.headers)
    assert api.refresh(bob["refresh_token"]).status == 200


@pytest.mark.each_server
@pytest.mark.parametrize("session_id", ["x" * 500, "y" * 2000, "%00", "..", "é", "a%2Fb", "<script>"])
def test_a_session_id_that_is_none_is_not_found(api, alice, session_id):
    answer = api.bearer("DELETE", f"/auth/sessions/{session_id}", alice["access_token"])
    answer.assert_problem(404, "not_found")
    assert session_id not in answer.body.decode()


def test_logging_out_everywhere_ends_every_session(api, alice):
    other = api.login().json
    assert api.bearer("POST", "/auth/logout-all", alice["access_token"]).status == 204
    for tokens in (alice, other):
        api.refresh(tokens["refresh_token"]).assert_problem(401, "invalid_grant")
    assert api.login().status == 200


@pytest.mark.live_safe
def test_a_changed_password_ends_every_session_and_answers_with_a_new_one(api, alice):
    other = api.login().json
    members = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    answer = api.bearer("PUT", "/auth/password", alice["access_token"], members)
    assert answer.status == 200
    assert answer.json["user"] == alice["user"]
    for tokens in (alice, other):
        api.refresh(tokens["refresh_token"]).assert_problem(401, "invalid_grant")
        api.bearer("POST", "/auth/logout-all", tokens["access_token"]).assert_problem(401, "invalid_token")
    assert api.me(answer.json["access_token"]).status == 200
    assert len(api.bearer("GET", "/auth/sessions", answer.json["access_token"]).json["sessions"]) == 1
    assert api.refresh(answer.json["refresh_token"]).status == 200
    api.login().assert_problem(401, "invalid_credentials")
    assert api.login(password=NEW_PASSWORD).status == 200


@pytest.mark.live_safe
def test_a_thief_of_all_tokens_of_a_session_is_out_when_its_owner_changes_the_password(api, alice):
    stolen = api.refresh(alice["refresh_token"]).json
    members = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert api.bearer("PUT", "/auth/password", stolen["access_token"], members).status == 200
    api.refresh(stolen["refresh_token"]).assert_problem(401, "invalid_grant")
    api.bearer("POST", "/auth/logout-all", stolen["access_token"]).assert_problem(401, "invalid_token")


@pytest.mark.each_server
@pytest.mark.live_safe
def test_a_changed_password_can_put_the_new_refresh_token_into_the_cookie(api, alice):
    members = {"current_password": PASSWORD, "new_password": NEW_PASSWORD, "token_delivery": "cookie"}
    answer = api.bearer("PUT", "/auth/password", alice["access_token"], members, headers={"Origin": SITE_ORIGIN})
    assert (answer.status, "refresh_token" in answer.json) == (200, False)
    assert api.refresh(cookie=answer.cookie, headers={"Origin": SITE_ORIGIN}).status == 200


def test_no_page_of_another_origin_may_ask_for_the_cookie_with_a_new_password(api, alice):
    members = {"current_password": PASSWORD, "new_password": NEW_PASSWORD, "token_delivery": "cookie"}
    headers = {"Origin": "https://attacker.example"}
    answer = api.bearer("PUT", "/auth/password", alice["access_token"], members, headers=headers)
    answer.assert_problem(403, "origin_rejected")
    assert api.login().status == 200


def test_a_wrong_current_password_changes_nothing(api, alice):
    members = {"current_password": NEW_PASSWORD, "new_password": NEW_PASSWORD}
    answer = api.bearer("PUT", "/auth/password", alice["access_token"], members)
    answer.assert_problem(401, "invalid_credentials")
    assert NEW_PASSWORD not in answer.body.decode()
    assert api.login().status == 200


def test_a_password_is_not_changed_to_itself_and_nothing_else_changes(api):
    """In another spelling of the same letter too: a password is compared as it is hashed, after NFC."""
    composed, decomposed = "a passphrase of Ren\u00e9", "a passphrase of Rene\u0301"
    alice = api.register("Alice", composed).json
    for current, new in ((composed, composed), (composed, decomposed), (decomposed, composed)):
        members = {"current_password": current, "new_password": new, "token_delivery": "cookie"}
        answer = api.bearer("PUT", "/auth/password", alice["access_token"], members)
        answer.assert_problem(422, "validation_failed")
        message = "Choose a password that differs from the current one."
        assert answer.json["errors"] == [{"field": "new_password", "code": "same_password", "message": message}]
        assert "set-cookie" not in answer.headers
    events = api.bearer("GET", "/dashboard", alice["access_token"]).json["recent_events"]
    assert [event["type"] for event in events] == ["registered"]
    assert api.refresh(alice["refresh_token"]).status == 200


@pytest.mark.parametrize(
    ("members", "fields"),
    [
        ({}, {"current_password", "new_password"}),
        ({"current_password": PASSWORD}, {"new_password"}),
        ({"current_password": None, "new_password": 7}, {"current_password", "new_password"}),
        ({"current_password": PASSWORD, "new_password": "short"}, {"new_password"}),
        ({"current_password": PASSWORD, "new_password": "my name is Alice"}, {"new_password"}),
        ({"current_password": PASSWORD, "new_password": NEW_PASSWORD, "username": "bob"}, {"username"}),
    ],
)
def test_a_change_of_the_password_says_at_each_field_what_is_wrong(api, alice, members, fields):
    answer = api.bearer("PUT", "/auth/password", alice["access_token"], members)
    answer.assert_problem(422, "validation_failed")
    assert {error["field"] for error in answer.json["errors"]} == fields
    assert api.login().status == 200


@pytest.mark.live_safe
def test_a_deleted_account_is_gone_and_its_name_free(api, alice):
    assert api.bearer("POST", "/auth/delete-account", alice["access_token"], {"password": PASSWORD}).status == 204
    api.login().assert_problem(401, "invalid_credentials")
    api.refresh(alice["refresh_token"]).assert_problem(401, "invalid_grant")
    api.me(alice["access_token"]).assert_problem(401, "invalid_token")
    assert api.register("ALICE").json["user"]["id"] != alice["user"]["id"]


def test_an_account_is_not_deleted_without_its_password(api, alice):
    answer = api.bearer("POST", "/auth/delete-account", alice["access_token"], {"password": NEW_PASSWORD})
    answer.assert_problem(401, "invalid_credentials")
    api.bearer("POST", "/auth/delete-account", alice["access_token"], {}).assert_problem(422, "validation_failed")
    api.bearer("POST", "/auth/delete-account", alice["access_token"]).assert_problem(415, "unsupported_media_type")
    assert api.login().status == 200


@pytest.mark.each_server
@pytest.mark.parametrize(
    ("path", "members"), [("/auth/logout-all", None), ("/auth/delete-account", {"password": PASSWORD})]
)
def test_what_ends_all_sessions_takes_the_cookie_away(api, path, members):
    registered = api.register(token_delivery="cookie")
    headers = {"Cookie": f"{registered.cookie.key}={registered.cookie.value}"}
    answer = api.bearer("POST", path, registered.json["access_token"], members, headers=headers)
    assert (answer.status, answer.cookie.value, answer.cookie["max-age"]) == (204, "", "0")


def test_the_dashboard_shows_sessions_and_history(api, alice, clock):
    clock.advance(60)
    api.login(password="wrong horse battery staple")
    clock.advance(60)
    stolen = api.login().json["refresh_token"]
    api.refresh(stolen)
    clock.advance(60)
    api.refresh(stolen)
    answer = api.bearer("GET", "/dashboard", alice["access_token"])
    assert answer.status == 200
    assert answer.json["user"] == alice["user"]
    assert answer.json["active_sessions"] == 1
    assert [(event["type"], event["at"]) for event in answer.json["recent_events"]] == [
        ("refresh_token_reused", "2027-01-15T08:03:00Z"),
        ("login_succeeded", "2027-01-15T08:02:00Z"),
        ("login_failed", "2027-01-15T08:01:00Z"),
        ("registered", "2027-01-15T08:00:00Z"),
    ]
    assert {event["ip"] for event in answer.json["recent_events"]} == {"127.0.0.1"}
