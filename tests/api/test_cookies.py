"""Refresh cookies that should not be there: two of one name, another user's, used ones, and names that look like it."""

import pytest

from tests.support.api_client import as_header

pytestmark = pytest.mark.each_server

PASSWORD = "correct horse battery staple"


@pytest.fixture
def owner(api):
    """The cookie of the session that Alice's browser is in."""
    return api.register("Alice", token_delivery="cookie").cookie


@pytest.fixture
def attacker(api):
    """The cookie of a session of Mallory's, who plants it in Alice's browser."""
    return api.register("Mallory", token_delivery="cookie").cookie


def login(api, cookie, username="Alice", password=PASSWORD, **members):
    """Log in with the cookie of another session, and have the refresh token in the cookie unless told otherwise."""
    members = {"username": username, "password": password, "token_delivery": "cookie", **members}
    return api.post("/auth/login", members, headers={"Cookie": cookie})


def history(api, username="Alice"):
    """The types of the newest events of an account, before a log-in that asks for them."""
    access_token = api.login(username).json["access_token"]
    shown = api.bearer("GET", "/dashboard", access_token).json["recent_events"]
    return [event["type"] for event in shown][1:]


class TestTwoOfOneName:
    @pytest.fixture(params=["planted first", "planted last", "in two headers"])
    def both(self, request, owner, attacker):
        """The Cookie header, or headers, with both cookies."""
        if request.param == "in two headers":
            return [as_header(attacker), as_header(owner)]
        cookies = [attacker, owner] if request.param == "planted first" else [owner, attacker]
        return as_header(*cookies)

    def test_are_no_refresh_and_change_nothing(self, api, owner, attacker, both):
        answer = api.refresh(headers={"Cookie": both})
        answer.assert_problem(400, "invalid_request")
        assert "more than one refresh cookie" in answer.json["detail"]
        assert answer.cookies == []
        assert [api.refresh(cookie=cookie).status for cookie in (owner, attacker)] == [200, 200]

    def test_are_a_log_out_of_each_session_and_the_cookie_is_taken_away(self, api, owner, attacker, both):
        answer = api.logout(headers={"Cookie": both})
        assert (answer.status, answer.cookie.key, answer.cookie.value) == (204, owner.key, "")
        for cookie in (owner, attacker):
            api.refresh(cookie=cookie).assert_problem(401, "invalid_grant")
        assert history(api)[0] == "logged_out"
        assert history(api, "Mallory")[0] == "logged_out"

    def test_do_not_matter_where_the_token_is_in_the_body(self, api, owner, attacker, both):
        token = api.login().json["refresh_token"]
        assert api.refresh(token, headers={"Cookie": both}).status == 200
        assert api.logout(token, headers={"Cookie": both}).status == 204
        assert [api.refresh(cookie=cookie).status for cookie in (owner, attacker)] == [200, 200]

    def test_are_a_log_in_that_ends_the_session_of_each(self, api, owner, attacker, both):
        answer = login(api, both)
        assert answer.status == 200
        for cookie in (owner, attacker):
            api.refresh(cookie=cookie).assert_problem(401, "invalid_grant")
        assert api.refresh(cookie=answer.cookie).json["user"]["username"] == "Alice"

    def test_of_a_foreign_page_are_refused_as_one_is(self, api, owner, attacker, both):
        headers = {"Cookie": both, "Origin": "https://attacker.example"}
        api.refresh(headers=headers).assert_problem(403, "origin_rejected")
        api.logout(headers=headers).assert_problem(403, "origin_rejected")
        assert [api.refresh(cookie=cookie).status for cookie in (owner, attacker)] == [200, 200]

    @pytest.mark.parametrize("junk", ["", "a.b.c", '"a.b.c"', "é"])
    def test_one_of_which_is_forged_are_a_log_out_of_the_other(self, api, owner, junk):
        planted = f"{owner.key}={junk}"
        for cookie in (f"{planted}; {as_header(owner)}", f"{as_header(owner)}; {planted}"):
            api.refresh(headers={"Cookie": cookie}).assert_problem(400, "invalid_request")
            assert api.logout(headers={"Cookie": cookie}).status == 204
        api.refresh(cookie=owner).assert_problem(401, "invalid_grant")

    def test_that_have_expired_are_a_log_out_and_a_log_in_all_the_same(self, api, owner, attacker, clock):
        clock.advance(90 * 24 * 3600)
        both = as_header(owner, attacker)
        api.refresh(cookie=owner).assert_problem(401, "invalid_grant")
        api.refresh(headers={"Cookie": both}).assert_problem(400, "invalid_request")
        assert (api.logout(headers={"Cookie": both}).status, login(api, both).status) == (204, 200)

    def test_behind_which_any_number_stands_are_a_log_out_of_ours(self, api, owner):
        planted = "; ".join([f"{owner.key}=a.b.c"] * 100)
        assert api.logout(headers={"Cookie": f"{planted}; {as_header(owner)}"}).status == 204
        api.refresh(cookie=owner).assert_problem(401, "invalid_grant")

    def test_of_one_session_are_no_reuse_if_one_of_them_is_the_newest(self, api, owner):
        second = api.refresh(cookie=owner).cookie
        third = api.refresh(cookie=second).cookie
        assert api.logout(headers={"Cookie": as_header(owner, third)}).status == 204
        assert history(api)[:2] == ["logged_out", "registered"]


@pytest.mark.parametrize("before", ["\u00a0", "\u2003", "\u0085", "=", "$", "__host-", ","])
def test_a_name_that_a_sibling_may_set_is_not_ours_whatever_stands_before_it(api, owner, attacker, before):
    planted = f"{before}{attacker.key}={attacker.value}"
    for cookie in (f"{planted}; {as_header(owner)}", f"theme=1,{planted}; {as_header(owner)}"):
        refreshed = api.refresh(headers={"Cookie": cookie})
        assert refreshed.json["user"]["username"] == "Alice"
    api.refresh(headers={"Cookie": planted}).assert_problem(401, "invalid_grant")


class TestLogInOverACookie:
    def test_ends_its_session(self, api, owner):
        answer = login(api, as_header(owner))
        assert answer.status == 200
        api.refresh(cookie=owner).assert_problem(401, "invalid_grant")
        assert api.refresh(cookie=answer.cookie).status == 200
        assert history(api)[:3] == ["logged_out", "login_succeeded", "registered"]

    def test_ends_its_session_whoevers_it_is(self, api, owner, attacker):
        login(api, as_header(attacker))
        api.refresh(cookie=attacker).assert_problem(401, "invalid_grant")
        assert history(api, "Mallory")[0] == "logged_out"
        assert api.refresh(cookie=owner).status == 200

    def test_is_what_a_registration_is_too(self, api, owner):
        members = {"username": "Bob", "password": PASSWORD, "token_delivery": "cookie"}
        registered = api.post("/auth/register", members, headers={"Cookie": as_header(owner)})
        assert registered.status == 201
        api.refresh(cookie=owner).assert_problem(401, "invalid_grant")
        assert api.refresh(cookie=registered.cookie).json["user"]["username"] == "Bob"

    def test_that_fails_ends_nothing(self, api, owner):
        login(api, as_header(owner), password="wrong horse battery staple").assert_problem(401, "invalid_credentials")
        assert api.refresh(cookie=owner).status == 200

    def test_ends_nothing_if_the_refresh_token_goes_into_the_body(self, api, owner):
        assert login(api, as_header(owner), token_delivery="body").status == 200
        assert api.refresh(cookie=owner).status == 200

    @pytest.mark.parametrize("value", ["", "a.b.c", '"a.b.c"', "é"])
    def test_that_is_forged_is_an_ordinary_log_in(self, api, owner, value):
        answer = login(api, f"{owner.key}={value}")
        assert answer.status == 200
        assert [api.refresh(cookie=cookie).status for cookie in (owner, answer.cookie)] == [200, 200]

    def test_whose_session_is_over_is_an_ordinary_log_in(self, api, owner):
        api.logout(cookie=owner)
        assert login(api, as_header(owner)).status == 200
        assert history(api)[:2] == ["login_succeeded", "logged_out"]

    def test_that_was_used_before_is_reuse(self, api, owner, clock):
        api.refresh(cookie=owner)
        clock.advance(21)
        assert login(api, as_header(owner)).status == 200
        assert "refresh_token_reused" in history(api)


class TestLogOutWithAUsedToken:
    def test_is_reuse_and_ends_the_session(self, api, clock):
        stolen = api.register().json["refresh_token"]
        newest = api.refresh(stolen).json["refresh_token"]
        clock.advance(21)
        answer = api.logout(stolen)
        assert (answer.status, answer.body) == (204, b"")
        api.refresh(newest).assert_problem(401, "invalid_grant")
        assert history(api)[:2] == ["refresh_token_reused", "registered"]

    @pytest.mark.live_safe
    def test_before_the_last_one_is_reuse_at_once(self, api):
        first = api.signed_in().json["refresh_token"]
        second = api.refresh(first).json["refresh_token"]
        third = api.refresh(second).json["refresh_token"]
        assert api.logout(first).status == 204
        api.refresh(third).assert_problem(401, "invalid_grant")
        # The newest two are of this session, whoever has used the account before.
        assert "refresh_token_reused" in history(api)[:2]

    def test_whose_answer_may_have_been_lost_is_a_log_out(self, api, clock):
        token = api.register().json["refresh_token"]
        newest = api.refresh(token).json["refresh_token"]
        clock.advance(20)
        assert api.logout(token).status == 204
        api.refresh(newest).assert_problem(401, "invalid_grant")
        assert history(api)[:2] == ["logged_out", "registered"]

    def test_is_told_once(self, api, clock):
        stolen = api.register().json["refresh_token"]
        api.refresh(stolen)
        clock.advance(21)
        assert [api.logout(stolen).status for _ in range(2)] == [204, 204]
        assert history(api)[:2] == ["refresh_token_reused", "registered"]
