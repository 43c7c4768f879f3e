"""The routes as a well-behaved client sees them."""

import jwt
import pytest

pytestmark = pytest.mark.each_server

PASSWORD = "correct horse battery staple"


def test_registration_answers_with_tokens_and_the_user(api):
    answer = api.register("Alice")
    assert answer.status == 201
    assert answer.json["token_type"] == "Bearer"
    assert answer.json["expires_in"] == 600
    assert answer.json["refresh_expires_in"] == 1209600
    user = answer.json["user"]
    assert user == {
        "id": user["id"],
        "username": "Alice",
        "roles": ["user"],
        "created_at": "2027-01-15T08:00:00Z",
        "disabled": False,
        "email": None,
        "email_verified": False,
        "second_factor": False,
    }
    assert "set-cookie" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.live_safe
def test_a_registered_user_logs_in_and_sees_the_profile(api):
    registered = api.register("Alice").json
    logged_in = api.login("ALICE")
    assert logged_in.status == 200
    me = api.me(logged_in.json["access_token"])
    assert me.status == 200
    assert me.json == {"user": registered["user"]}


@pytest.mark.live_safe
def test_a_username_beyond_ascii_arrives_whole_through_the_authorizer(api):
    registered = api.register("Ålesund.李").json
    assert registered["user"]["username"].startswith("Ålesund.李")
    assert api.me(registered["access_token"]).json["user"] == registered["user"]


@pytest.mark.live_safe
def test_a_taken_username_is_a_conflict(api):
    api.signed_in()
    api.register("aLICE").assert_problem(409, "username_taken")


def test_registration_says_at_each_field_what_is_wrong(api):
    answer = api.register("Alice", "alice")
    answer.assert_problem(422, "validation_failed")
    assert answer.json["errors"] == [
        {
            "field": "password",
            "code": "too_short",
            "message": "Use at least 15 characters. Choose one that does not contain the username.",
            "limit": 15,
        }
    ]
    answer = api.register("a!", PASSWORD)
    assert [error["field"] for error in answer.json["errors"]] == ["username"]


def test_registration_names_every_field_that_is_wrong(api):
    answer = api.register("a!", "too short")
    answer.assert_problem(422, "validation_failed")
    assert answer.json["errors"] == [
        {"field": "username", "code": "too_short", "message": "Use 3 to 254 characters.", "limit": 3},
        {"field": "password", "code": "too_short", "message": "Use at least 15 characters.", "limit": 15},
    ]


@pytest.mark.parametrize(
    ("username", "message", "code"),
    [
        (
            "аlice",
            "Use letters and digits of one alphabet: а (U+0430) and l (U+006C) belong to two.",
            {"code": "mixed_scripts"},
        ),
        ("ali\u200bce", "Remove the invisible character U+200B.", {"code": "not_allowed_characters"}),
        (
            "\U00010330" * 200,
            "Use a shorter name: this one has 800 bytes in UTF-8, and 512 are allowed.",
            {"code": "too_many_bytes", "limit": 512},
        ),
    ],
)
def test_a_username_that_could_deceive_or_break_a_token_is_refused_in_words_that_help(api, username, message, code):
    answer = api.register(username)
    answer.assert_problem(422, "validation_failed")
    assert answer.json["errors"] == [{"field": "username", "message": message, **code}]


@pytest.mark.parametrize("username", ["\U00010330" * 128, "\u0436" * 254])
def test_the_longest_username_gets_tokens_that_work(api, username):
    tokens = api.register(username).json
    assert api.me(tokens["access_token"]).json["user"]["username"] == username
    assert api.refresh(tokens["refresh_token"]).status == 200


def test_a_password_made_from_the_name_of_the_site_is_refused(api):
    answer = api.register("Alice", "LychgateLychg@te!")
    answer.assert_problem(422, "validation_failed")
    message = "This password is made from the name of this site. Choose another."
    assert answer.json["errors"] == [{"field": "password", "code": "contains_site_name", "message": message}]


@pytest.mark.live_safe
def test_wrong_passwords_and_unknown_users_get_one_answer(api):
    api.signed_in()
    wrong, unknown, impossible = api.login("alice", "x" * 20), api.login("nobody"), api.login("no such name!")
    wrong.assert_problem(401, "invalid_credentials")
    for other in (unknown, impossible):
        assert (other.status, other.body, other.headers) == (wrong.status, wrong.body, wrong.headers)


def test_a_refresh_returns_the_next_tokens(api, clock):
    tokens = api.register().json
    clock.advance(300)
    refreshed = api.refresh(tokens["refresh_token"])
    assert refreshed.status == 200
    assert refreshed.json["user"] == tokens["user"]
    assert api.me(refreshed.json["access_token"]).status == 200
    assert api.refresh(refreshed.json["refresh_token"]).status == 200


def test_a_retry_within_the_window_gets_the_same_successor(api, clock):
    tokens = api.register().json
    first = api.refresh(tokens["refresh_token"]).json
    clock.advance(20)
    second = api.refresh(tokens["refresh_token"]).json
    claims = [jwt.decode(answer["refresh_token"], options={"verify_signature": False}) for answer in (first, second)]
    assert claims[0] == claims[1]
    assert api.refresh(second["refresh_token"]).status == 200


@pytest.mark.live_safe
def test_a_retry_at_once_gets_the_same_successor(api):
    refresh_token = api.signed_in().json["refresh_token"]
    claims = [
        jwt.decode(api.refresh(refresh_token).json["refresh_token"], options={"verify_signature": False})
        for _ in range(2)
    ]
    assert claims[0] == claims[1]


@pytest.mark.live_safe(
    remedy="If the first of them was taken again, log-ins of this site are not safe: take it off the net."
)
def test_a_token_before_the_last_one_ends_the_session_at_once_and_the_history_names_it(api):
    first = api.signed_in().json["refresh_token"]
    second = api.refresh(first).json["refresh_token"]
    third = api.refresh(second).json["refresh_token"]
    api.refresh(first).assert_problem(401, "invalid_grant")
    api.refresh(third).assert_problem(401, "invalid_grant")
    dashboard = api.bearer("GET", "/dashboard", api.login().json["access_token"])
    # The newest three are the session's beginning, its end and this log-in, whoever has used the account before.
    assert "refresh_token_reused" in [event["type"] for event in dashboard.json["recent_events"][:3]]


def test_a_reuse_ends_the_session_for_thief_and_owner(api, clock):
    stolen = api.register().json["refresh_token"]
    refreshed = api.refresh(stolen).json
    clock.advance(21)
    api.refresh(stolen).assert_problem(401, "invalid_grant")
    api.refresh(refreshed["refresh_token"]).assert_problem(401, "invalid_grant")


@pytest.mark.live_safe
def test_logout_ends_the_session(api):
    tokens = api.signed_in().json
    answer = api.logout(tokens["refresh_token"])
    assert (answer.status, answer.body) == (204, b"")
    api.refresh(tokens["refresh_token"]).assert_problem(401, "invalid_grant")


@pytest.mark.parametrize("refresh_token", ["", "junk", "a.b.c", None])
def test_logout_succeeds_for_a_token_that_is_no_good(api, refresh_token):
    assert api.logout(refresh_token).status == 204


def test_logout_twice_succeeds(api):
    tokens = api.register().json
    assert [api.logout(tokens["refresh_token"]).status for _ in range(2)] == [204, 204]


def test_the_key_set_is_public_cacheable_and_verifies_our_tokens(api):
    tokens = api.register().json
    answer = api.request("GET", "/.well-known/jwks.json")
    assert answer.status == 200
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert all("d" not in key for key in answer.json["keys"])
    key = jwt.PyJWKSet.from_dict(answer.json)[jwt.get_unverified_header(tokens["access_token"])["kid"]]
    claims = jwt.decode(
        tokens["access_token"],
        key,
        ["ES256"],
        audience="https://site.example/api",
        issuer="https://site.example/api",
        options={"verify_exp": False, "verify_iat": False},
    )
    assert claims["sub"] == tokens["user"]["id"]


@pytest.mark.live_safe
def test_what_has_ended_is_public_and_the_same_is_signed(api):
    plain, signed = (api.request("GET", f"/.well-known/revoked.{form}") for form in ("json", "jwt"))
    assert (plain.status, plain.headers["content-type"]) == (200, "application/json")
    assert set(plain.json) == {"issued_at", "expires_at", "sessions", "users"}
    assert plain.json["expires_at"] == plain.json["issued_at"] + 60
    assert (signed.status, signed.headers["content-type"]) == (200, "application/revoked+jwt")
    text = signed.body.decode("ascii")
    keys = jwt.PyJWKSet.from_dict(api.request("GET", "/.well-known/jwks.json").json)
    header = jwt.get_unverified_header(text)
    # The clocks of the tests are not those of this machine.
    options = {"verify_exp": False, "verify_iat": False}
    claims = jwt.decode(text, keys[header["kid"]], [header["alg"]], options=options)
    assert header["typ"] == "revoked+jwt"
    assert claims["sub"] == f"{claims['iss']}/.well-known/revoked.jwt"
    assert claims["exp"] == claims["iat"] + 60


@pytest.mark.live_safe
def test_the_options_say_to_everybody_what_a_log_in_page_has_to_know(api):
    answer = api.request("GET", "/auth/options")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "public, max-age=60"
    password, registration, email = (answer.json[name] for name in ("password", "registration", "email"))
    assert answer.json == {
        "registration": registration,
        "identifier": answer.json["identifier"],
        "email": email,
        "password": {"min_length": password["min_length"], "max_length": 256},
        "methods": ["password", "passkey"] if email == "off" else ["password", "passkey", "email_code"],
        "second_factors": ["totp", "recovery_code", "passkey"],
        "dpop": True,
    }
    # A live site has settings of its own.
    assert registration in {"open", "closed"}
    assert answer.json["identifier"] in {"username", "email"}
    assert email in {"off", "optional", "required"}
    assert 8 <= password["min_length"] <= 64


class TestCookieDelivery:
    @pytest.fixture
    def signed_in(self, api):
        return api.signed_in(token_delivery="cookie")

    @pytest.mark.live_safe(
        remedy="LYCHGATE_ISSUER decides name and Secure: it has to be the site's URL and /api. No policy of the "
        "behavior `/api/*` may remove Set-Cookie."
    )
    def test_sets_the_cookie_of_the_contract_and_keeps_the_token_out_of_the_body(self, signed_in):
        cookie = signed_in.cookie
        assert cookie.key == "__Host-refresh_token"
        assert (cookie["path"], cookie["samesite"], cookie["max-age"]) == (
            "/",
            "Strict",
            str(signed_in.json["refresh_expires_in"]),
        )
        assert cookie["httponly"] is True
        assert cookie["secure"] is True
        assert "refresh_token" not in signed_in.json
        assert cookie.value not in signed_in.body.decode()

    @pytest.mark.live_safe
    def test_refreshes_by_the_cookie_and_renews_it(self, api, signed_in):
        refreshed = api.refresh(cookie=signed_in.cookie)
        assert refreshed.status == 200
        assert "refresh_token" not in refreshed.json
        assert refreshed.cookie.value != signed_in.cookie.value
        assert api.refresh(cookie=refreshed.cookie).status == 200

    @pytest.mark.live_safe
    def test_logs_out_by_the_cookie_and_clears_it(self, api, signed_in):
        answer = api.logout(cookie=signed_in.cookie)
        assert answer.status == 204
        assert (answer.cookie.value, answer.cookie["max-age"], answer.cookie["path"]) == ("", "0", "/")
        api.refresh(cookie=signed_in.cookie).assert_problem(401, "invalid_grant")

    def test_a_token_in_the_body_goes_before_the_cookie(self, api, signed_in):
        other = api.login(token_delivery="body").json
        refreshed = api.refresh(other["refresh_token"], cookie=signed_in.cookie)
        assert "refresh_token" in refreshed.json
        assert "set-cookie" not in refreshed.headers

    def test_without_token_and_cookie_there_is_nothing_to_refresh(self, api):
        api.refresh().assert_problem(401, "invalid_grant")

    @pytest.mark.parametrize(
        "origin", [pytest.param("https://site.example", marks=pytest.mark.live_safe), "https://other.example"]
    )
    def test_an_allowed_origin_may_use_the_cookie(self, api, signed_in, origin):
        assert api.refresh(cookie=signed_in.cookie, headers={"Origin": origin}).status == 200

    @pytest.mark.parametrize(
        "headers",
        [
            pytest.param({"Origin": "https://attacker.example"}, marks=pytest.mark.live_safe),
            {"Origin": "null"},
            {"Origin": "https://site.example.attacker.example"},
            {"Origin": "http://site.example"},
            {"Origin": ""},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
        ],
    )
    def test_any_other_origin_may_neither_refresh_nor_log_out_nor_log_in(self, api, signed_in, headers):
        api.refresh(cookie=signed_in.cookie, headers=headers).assert_problem(403, "origin_rejected")
        api.logout(cookie=signed_in.cookie, headers=headers).assert_problem(403, "origin_rejected")
        login = {"username": "alice", "password": PASSWORD, "token_delivery": "cookie"}
        api.post("/auth/login", login, headers=headers).assert_problem(403, "origin_rejected")
        assert api.refresh(cookie=signed_in.cookie).status == 200


class TestCrossOrigin:
    def test_a_preflight_from_an_allowed_origin_is_answered(self, api):
        answer = api.request("OPTIONS", "/auth/login", headers={"Origin": "https://other.example"})
        assert (answer.status, answer.body) == (204, b"")
        assert answer.headers["access-control-allow-origin"] == "https://other.example"
        assert "Authorization" in answer.headers["access-control-allow-headers"]
        assert "POST" in answer.headers["access-control-allow-methods"]

    def test_answers_of_every_kind_can_be_read_by_an_allowed_origin_and_by_no_other(self, api):
        for path in ("/health", "/me", "/unknown", "/auth/login"):
            for origin, allowed in (("https://other.example", True), ("https://attacker.example", False)):
                answer = api.request("GET", path, headers={"Origin": origin})
                assert (answer.headers.get("access-control-allow-origin") == origin) is allowed, path
                assert answer.headers["vary"] == "Origin"

    def test_an_answer_names_the_origin_that_asked_whichever_layer_it_comes_from(self, api):
        for origin in ("https://other.example", "https://site.example"):
            for path in ("/health", "/me", "/unknown"):
                answer = api.request("GET", path, headers={"Origin": origin})
                assert answer.headers["access-control-allow-origin"] == origin, path

    def test_credentials_never_cross_origins(self, api):
        for method in ("GET", "OPTIONS"):
            answer = api.request(method, "/health", headers={"Origin": "https://other.example"})
            assert "access-control-allow-credentials" not in answer.headers
            assert answer.headers["access-control-allow-origin"] != "*"


def test_a_challenge_has_the_name_that_clients_look_for(api):
    assert api.login().headers["www-authenticate"].startswith("Bearer")
    assert api.request("GET", "/me").headers["www-authenticate"].startswith("Bearer")


class TestBearerRoutes:
    def test_no_token_is_a_challenge_without_an_error_code(self, api):
        answer = api.request("GET", "/me")
        answer.assert_problem(401, "invalid_token")
        assert answer.challenge == 'Bearer realm="lychgate"'

    @pytest.mark.parametrize(
        "authorization",
        [
            "Bearer",
            "Bearer ",
            "Bearer junk",
            "Basic YTpi",
            "bearer a.b.c",
            "Bearer a b",
            "Bearer é",
            "",
            "Bearer a.b.c, Bearer d.e.f",
        ],
    )
    def test_a_bad_header_is_401_and_never_403(self, api, authorization):
        answer = api.request("GET", "/me", headers={"Authorization": authorization})
        answer.assert_problem(401, "invalid_token")
        assert 'error="invalid_token"' in answer.challenge

    def test_the_scheme_may_be_written_in_any_case(self, api):
        access_token = api.register().json["access_token"]
        assert api.request("GET", "/me", headers={"Authorization": f"bearer {access_token}"}).status == 200

    def test_an_expired_token_is_refused(self, api, clock):
        access_token = api.register().json["access_token"]
        clock.advance(600)
        api.me(access_token).assert_problem(401, "invalid_token")

    def test_a_refresh_token_does_not_open_a_bearer_route(self, api):
        api.me(api.register().json["refresh_token"]).assert_problem(401, "invalid_token")
