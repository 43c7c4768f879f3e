"""Bound sessions, as their owner lives through them, and whoever has a refresh token of one without its key."""

import time

import pytest

from tests.support.api_client import as_header
from tests.support.proofs import ClientKey

PASSWORD = "correct horse battery staple"
NEW_PASSWORD = "a quite different passphrase"
WINDOW = 20
"""Seconds in which a refresh token that was used gets its successor once more."""

DAY = 24 * 3600


@pytest.fixture
def key(api, clock):
    """A key of a client, which makes its proofs for this API by its clock."""
    issuer = api.request("GET", "/.well-known/openid-configuration").json["issuer"]
    return ClientKey(issuer, clock or (lambda: int(time.time())))


@pytest.fixture
def other_key(key):
    return ClientKey(key.issuer, key.clock)


@pytest.fixture
def plain(api):
    """The tokens of a plain session of Alice's."""
    return api.signed_in().json


@pytest.fixture
def bound(api, plain, key):
    """The tokens of a bound session of hers."""
    answer = log_in(api, key)
    assert answer.status == 200
    return answer.json


def log_in(api, key=None, *, headers=None, password=PASSWORD, **members):
    headers = {**(headers or {}), **(key.headers("/auth/login") if key else {})}
    return api.post("/auth/login", {"username": "Alice", "password": password, **members}, headers=headers)


def log_in_with_cookie(api, key=None, **options):
    """Log in as a browser does, and return its cookie."""
    answer = log_in(api, key, token_delivery="cookie", **options)
    assert answer.status == 200
    return answer.cookie


def refresh(api, key, refresh_token, *, headers=None, **changes):
    """Refresh with a new proof, and return the answer."""
    return api.refresh(refresh_token, headers={**(headers or {}), **key.headers("/auth/refresh", **changes)})


def log_out(api, key, refresh_token=None, **options):
    return api.logout(refresh_token, headers=key.headers("/auth/logout") if key else None, **options)


def is_bound(api, access_token):
    """Whether the session of an access token is shown as bound."""
    sessions = api.bearer("GET", "/auth/sessions", access_token).json["sessions"]
    return next(session["bound"] for session in sessions if session["current"])


def history(api, access_token):
    """The types of the newest events of an account."""
    return [event["type"] for event in api.bearer("GET", "/dashboard", access_token).json["recent_events"]]


@pytest.mark.live_safe
def test_the_api_says_that_it_binds_sessions(api):
    assert api.request("GET", "/auth/options").json["dpop"] is True
    discovered = api.request("GET", "/.well-known/openid-configuration").json
    assert discovered["dpop_signing_alg_values_supported"] == ["ES256"]


@pytest.mark.live_safe
def test_a_session_that_begins_with_a_proof_is_bound_and_another_is_not(api, plain, bound):
    assert is_bound(api, bound["access_token"]) is True
    assert is_bound(api, plain["access_token"]) is False


def test_so_is_that_of_a_registration(api, key):
    members = {"username": "Bob", "password": PASSWORD}
    registered = api.post("/auth/register", members, headers=key.headers("/auth/register"))
    assert registered.status == 201
    assert is_bound(api, registered.json["access_token"]) is True
    api.refresh(registered.json["refresh_token"]).assert_problem(400, "invalid_dpop_proof")
    assert refresh(api, key, registered.json["refresh_token"]).status == 200


def test_its_access_tokens_are_bearer_tokens(api, bound):
    assert bound["token_type"] == "Bearer"
    assert api.me(bound["access_token"]).status == 200


class TestItsOwner:
    @pytest.mark.live_safe
    def test_refreshes_with_a_proof_each_time_also_within_a_second(self, api, key, bound):
        for _ in range(4):
            answer = refresh(api, key, bound["refresh_token"])
            assert answer.status == 200
            bound = answer.json
        assert is_bound(api, bound["access_token"]) is True

    @pytest.mark.each_server
    def test_refreshes_with_the_cookie_too(self, api, plain, key):
        cookie = log_in_with_cookie(api, key)
        api.refresh(cookie=cookie).assert_problem(400, "invalid_dpop_proof")
        answer = api.refresh(cookie=cookie, headers=key.headers("/auth/refresh"))
        assert answer.status == 200
        assert answer.cookie.value != cookie.value

    @pytest.mark.parametrize("name", ["DPoP", "dpop", "DPOP", "dPOP"])
    @pytest.mark.each_server
    def test_may_write_the_headers_name_in_any_case(self, api, key, bound, name):
        assert api.refresh(bound["refresh_token"], headers={name: key.proof("/auth/refresh")}).status == 200

    def test_may_have_a_clock_that_is_a_minute_wrong(self, api, key, bound):
        slow = key.clock() + 1 - 60
        refresh(api, key, bound["refresh_token"], iat=slow).assert_problem(400, "invalid_dpop_proof")
        answer = refresh(api, key, bound["refresh_token"], iat=key.clock() + 60)
        assert answer.status == 200

    def test_makes_no_more_than_eight_proofs_in_one_second(self, api, key, bound, clock):
        token = bound["refresh_token"]
        for _ in range(7):
            token = refresh(api, key, token).json["refresh_token"]
        refresh(api, key, token).assert_problem(400, "invalid_dpop_proof")
        clock.advance(1)
        assert refresh(api, key, token).status == 200


class TestARetry:
    @pytest.mark.live_safe
    def test_gets_the_same_successor_to_the_octet_with_another_proof(self, api, key, bound):
        first = refresh(api, key, bound["refresh_token"]).json
        second = refresh(api, key, bound["refresh_token"]).json
        assert second["refresh_token"] == first["refresh_token"]
        assert refresh(api, key, first["refresh_token"]).status == 200

    @pytest.mark.live_safe
    def test_with_the_proof_of_the_first_use_or_of_another_retry_is_refused(self, api, key, bound):
        proofs = [key.headers("/auth/refresh") for _ in range(2)]
        first, _ = [api.refresh(bound["refresh_token"], headers=proof).json for proof in proofs]
        for proof in proofs:
            api.refresh(bound["refresh_token"], headers=proof).assert_problem(400, "invalid_dpop_proof")
        assert refresh(api, key, first["refresh_token"]).status == 200

    def test_without_a_proof_or_by_another_key_is_refused(self, api, key, other_key, bound):
        newest = refresh(api, key, bound["refresh_token"]).json["refresh_token"]
        api.refresh(bound["refresh_token"]).assert_problem(400, "invalid_dpop_proof")
        refresh(api, other_key, bound["refresh_token"]).assert_problem(400, "invalid_dpop_proof")
        assert refresh(api, key, newest).status == 200

    def test_may_come_in_each_refresh_and_from_anywhere(self, api, key, bound, clock):
        token = bound["refresh_token"]
        for number in range(4):
            answers = [
                refresh(api, key, token, headers={"User-Agent": f"browser {number} {retry}"}) for retry in range(3)
            ]
            (token,) = {answer.json["refresh_token"] for answer in answers}
            clock.advance(60)
        assert "refresh_retried_elsewhere" not in history(api, answers[0].json["access_token"])

    def test_after_the_window_ends_the_session_because_somebody_has_copied_the_key(self, api, key, bound, clock):
        newest = refresh(api, key, bound["refresh_token"]).json
        clock.advance(WINDOW)
        assert refresh(api, key, bound["refresh_token"]).status == 200
        clock.advance(1)
        refresh(api, key, bound["refresh_token"]).assert_problem(401, "invalid_grant")
        refresh(api, key, newest["refresh_token"]).assert_problem(401, "invalid_grant")
        assert "refresh_token_reused" in history(api, api.login().json["access_token"])

    def test_of_a_token_before_the_last_one_does_so_at_once(self, api, key, bound):
        second = refresh(api, key, bound["refresh_token"]).json
        third = refresh(api, key, second["refresh_token"]).json
        refresh(api, key, bound["refresh_token"]).assert_problem(401, "invalid_grant")
        refresh(api, key, third["refresh_token"]).assert_problem(401, "invalid_grant")

    def test_after_the_window_without_the_key_ends_nothing(self, api, key, other_key, bound, clock):
        newest = refresh(api, key, bound["refresh_token"]).json
        for _ in range(2):
            clock.advance(3600)
            api.refresh(bound["refresh_token"]).assert_problem(400, "invalid_dpop_proof")
            refresh(api, other_key, bound["refresh_token"]).assert_problem(400, "invalid_dpop_proof")
            newest = refresh(api, key, newest["refresh_token"]).json
        assert history(api, newest["access_token"])[:2] == ["refresh_without_key", "login_succeeded"]


HOSTILE = {
    "no proof": lambda key, other_key: {},
    "a proof by another key": lambda key, other_key: other_key.headers("/auth/refresh"),
    "an empty header": lambda key, other_key: {"DPoP": ""},
    "a proof for another route": lambda key, other_key: key.headers("/auth/login"),
    "a proof for another method": lambda key, other_key: key.headers("/auth/refresh", "PUT"),
    "a proof for another API": lambda key, other_key: ClientKey("https://other.example/api", key.clock).headers(
        "/auth/refresh"
    ),
    "a proof for another API by the key": lambda key, other_key: key.headers(
        "/auth/refresh", htu="https://other.example/api/auth/refresh"
    ),
    "a proof with a query": lambda key, other_key: key.headers("/auth/refresh?a=b"),
    "an older proof": lambda key, other_key: key.headers("/auth/refresh", iat=key.clock() - 30),
    "a proof of yesterday": lambda key, other_key: key.headers("/auth/refresh", iat=key.clock() - DAY),
    "a proof of tomorrow": lambda key, other_key: key.headers("/auth/refresh", iat=key.clock() + DAY),
    "a proof without an id": lambda key, other_key: key.headers("/auth/refresh", without=["jti"]),
    "a proof of another type": lambda key, other_key: key.headers("/auth/refresh", header={"typ": "jwt"}),
    "a proof with another's key in it": lambda key, other_key: key.headers(
        "/auth/refresh", header={"jwk": other_key.jwk}
    ),
    "another's proof with the key in it": lambda key, other_key: other_key.headers(
        "/auth/refresh", header={"jwk": key.jwk}
    ),
    "two headers": lambda key, other_key: {"DPoP": [key.proof("/auth/refresh") for _ in range(2)]},
    "two headers, the first of another key": lambda key, other_key: {
        "DPoP": [each.proof("/auth/refresh") for each in (other_key, key)]
    },
    "two headers, the last of which is empty": lambda key, other_key: {"DPoP": [key.proof("/auth/refresh"), ""]},
    "two proofs in one header": lambda key, other_key: {
        "DPoP": ", ".join(key.proof("/auth/refresh") for _ in range(2))
    },
    "the proof in the other header": lambda key, other_key: {"Authorization": f"DPoP {key.proof('/auth/refresh')}"},
    "what is no proof": lambda key, other_key: {"DPoP": "a.b.c"},
    "characters that no proof has": lambda key, other_key: {"DPoP": "é"},
    "a proof that is too long": lambda key, other_key: key.headers("/auth/refresh", pad="x" * 2000),
}
"""What somebody without the key, or a broken client, may send with the session's newest refresh token."""


# A live site is asked for little: what its API might see otherwise than the others.
ON_A_LIVE_SITE = ("no proof", "a proof by another key", "two headers", "two proofs in one header")


@pytest.mark.each_server
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(headers, id=name, marks=[pytest.mark.live_safe] if name in ON_A_LIVE_SITE else [])
        for name, headers in HOSTILE.items()
    ],
)
def test_what_is_no_new_proof_by_the_key_is_refused_and_changes_nothing(api, key, other_key, bound, headers):
    answer = api.refresh(bound["refresh_token"], headers=headers(key, other_key))
    answer.assert_problem(400, "invalid_dpop_proof")
    assert answer.set_cookies == []
    owners = refresh(api, key, bound["refresh_token"])
    assert owners.status == 200
    assert is_bound(api, owners.json["access_token"]) is True


BY_A_WRONG_CLOCK = ("a proof of yesterday", "a proof of tomorrow")
"""What a client with the key sends whose clock is wrong, at the start of each page."""


@pytest.mark.parametrize(
    "headers", [pytest.param(headers, id=name) for name, headers in HOSTILE.items() if name not in BY_A_WRONG_CLOCK]
)
def test_its_owner_finds_it_in_the_history_whatever_is_wrong_with_the_proof(api, key, other_key, bound, headers):
    api.refresh(bound["refresh_token"], headers=headers(key, other_key)).assert_problem(400, "invalid_dpop_proof")
    owners = refresh(api, key, bound["refresh_token"])
    assert history(api, owners.json["access_token"])[:2] == ["refresh_without_key", "login_succeeded"]


@pytest.mark.parametrize("ahead", [-DAY, -61, 61, DAY])
def test_unless_the_key_has_made_it_by_a_wrong_clock(api, key, other_key, bound, ahead):
    wrong = {"iat": key.clock() + ahead}
    refresh(api, key, bound["refresh_token"], **wrong).assert_problem(400, "invalid_dpop_proof")
    headers = key.headers("/auth/logout", **wrong)
    api.logout(bound["refresh_token"], headers=headers).assert_problem(400, "invalid_dpop_proof")
    assert history(api, bound["access_token"])[0] == "login_succeeded"
    # A stranger's clock excuses nothing.
    refresh(api, other_key, bound["refresh_token"], **wrong).assert_problem(400, "invalid_dpop_proof")
    assert history(api, bound["access_token"])[0] == "refresh_without_key"


def test_a_wrong_proof_is_refused_before_the_refresh_token_is(api, key, plain, bound):
    """Whatever that is. Nobody is told of tokens that are nobody's, or of what no page may send."""
    cookie = log_in_with_cookie(api, key)
    assert log_out(api, key, bound["refresh_token"]).status == 204
    before = history(api, plain["access_token"])
    wrong = {"DPoP": "a.b.c"}
    for send in (api.refresh, api.logout):
        for token in ("a.b.c", bound["access_token"], bound["refresh_token"], f"{bound['refresh_token'][:-4]}AAAA"):
            send(token, headers=wrong).assert_problem(400, "invalid_dpop_proof")
        for more in ({}, {"Cookie": as_header(cookie), "Origin": "https://evil.example"}):
            send(headers=wrong | more).assert_problem(400, "invalid_dpop_proof")
    assert history(api, plain["access_token"]) == before


def test_a_recorded_proof_is_refused_with_the_token_that_it_was_for_and_with_the_next(api, key, bound):
    recorded = key.headers("/auth/refresh")
    newest = api.refresh(bound["refresh_token"], headers=recorded).json["refresh_token"]
    for token in (bound["refresh_token"], newest):
        api.refresh(token, headers=recorded).assert_problem(400, "invalid_dpop_proof")
    assert refresh(api, key, newest).status == 200


def test_a_proof_that_was_made_ahead_is_refused_once_a_later_one_was_used(api, key, bound, clock):
    # A script in the page can make proofs, but cannot take the key with it.
    ahead = [key.headers("/auth/refresh", iat=key.clock() + seconds) for seconds in (10, 20)]
    clock.advance(30)
    newest = refresh(api, key, bound["refresh_token"]).json["refresh_token"]
    for proof in ahead:
        api.refresh(newest, headers=proof).assert_problem(400, "invalid_dpop_proof")
    assert refresh(api, key, newest).status == 200


def test_the_history_says_once_a_day_that_the_key_was_missing(api, key, bound, clock):
    for pause in (0, DAY - 1, 1, DAY - 1):
        clock.advance(pause)
        for headers in ({}, {"DPoP": "a.b.c"}):
            api.refresh(bound["refresh_token"], headers=headers).assert_problem(400, "invalid_dpop_proof")
    bound = refresh(api, key, bound["refresh_token"]).json
    assert history(api, bound["access_token"]).count("refresh_without_key") == 2


def test_a_session_that_is_over_is_over_with_its_key_and_without_it(api, key, bound):
    assert log_out(api, key, bound["refresh_token"]).status == 204
    api.refresh(bound["refresh_token"]).assert_problem(401, "invalid_grant")
    refresh(api, key, bound["refresh_token"]).assert_problem(401, "invalid_grant")


def test_a_session_that_has_expired_is_over_too(api, key, bound, clock):
    clock.advance(90 * DAY)
    api.refresh(bound["refresh_token"]).assert_problem(401, "invalid_grant")
    refresh(api, key, bound["refresh_token"]).assert_problem(401, "invalid_grant")
    assert history(api, api.login().json["access_token"]).count("refresh_without_key") == 0


def test_a_proof_makes_no_forged_token_good(api, key, bound):
    for token in ("", "a.b.c", bound["access_token"], bound["refresh_token"][:-1]):
        answer = refresh(api, key, token)
        assert answer.status in {401, 422}
        assert answer.set_cookies == []
    assert refresh(api, key, bound["refresh_token"]).status == 200


class TestAPlainSession:
    @pytest.mark.live_safe
    def test_refreshes_with_a_proof_as_without_and_stays_plain(self, api, key, other_key, plain):
        for each in (key, other_key):
            plain = refresh(api, each, plain["refresh_token"]).json
        assert is_bound(api, plain["access_token"]) is False
        assert api.refresh(plain["refresh_token"]).status == 200

    def test_takes_a_proof_twice_because_it_asks_for_none(self, api, key, plain):
        proof = key.headers("/auth/refresh")
        newest = api.refresh(plain["refresh_token"], headers=proof).json["refresh_token"]
        assert api.refresh(newest, headers=proof).status == 200

    def test_is_retried_by_its_own_rules_with_a_proof_too(self, api, key, plain, clock):
        for seconds, status in ((WINDOW, 200), (1, 401)):
            refresh(api, key, plain["refresh_token"])
            clock.advance(seconds)
            assert refresh(api, key, plain["refresh_token"]).status == status

    def test_is_neither_refreshed_nor_ended_with_a_proof_that_is_wrong(self, api, key, plain):
        for headers in ({"DPoP": "a.b.c"}, key.headers("/auth/login")):
            for send in (api.refresh, api.logout):
                send(plain["refresh_token"], headers=headers).assert_problem(400, "invalid_dpop_proof")
        refreshed = api.refresh(plain["refresh_token"])
        assert refreshed.status == 200
        assert "refresh_without_key" not in history(api, refreshed.json["access_token"])


class TestALogInWithAWrongProof:
    @pytest.mark.parametrize("wrong", ["a.b.c", ""])
    def test_begins_no_session_and_sets_no_cookie(self, api, plain, wrong):
        answer = log_in(api, headers={"DPoP": wrong}, token_delivery="cookie")
        answer.assert_problem(400, "invalid_dpop_proof")
        assert answer.set_cookies == []

    def test_is_none_at_all_for_limits_and_history(self, api, plain, key):
        for _ in range(12):
            answer = log_in(api, headers=key.headers("/auth/refresh"), password="wrong horse battery staple")
            answer.assert_problem(400, "invalid_dpop_proof")
        access_token = log_in(api, key).json["access_token"]
        assert history(api, access_token) == ["login_succeeded", "registered"]
        assert len(api.bearer("GET", "/auth/sessions", access_token).json["sessions"]) == 2

    def test_ends_no_session_whose_cookie_comes_along(self, api, plain):
        cookie = log_in_with_cookie(api)
        answer = log_in(api, headers={"DPoP": "a.b.c", "Cookie": as_header(cookie)}, token_delivery="cookie")
        answer.assert_problem(400, "invalid_dpop_proof")
        assert api.refresh(cookie=cookie).status == 200

    def test_is_no_registration_either(self, api, key):
        members = {"username": "Bob", "password": PASSWORD}
        for headers in ({"DPoP": "a.b.c"}, key.headers("/auth/login")):
            answer = api.post("/auth/register", members, headers=headers)
            answer.assert_problem(400, "invalid_dpop_proof")
        assert api.post("/auth/register", members).status == 201


class TestLogOut:
    @pytest.mark.live_safe
    def test_with_the_key_ends_the_session(self, api, key, bound):
        assert log_out(api, key, bound["refresh_token"]).status == 204
        refresh(api, key, bound["refresh_token"]).assert_problem(401, "invalid_grant")

    def test_without_it_takes_the_cookie_away_and_the_session_goes_on(self, api, key, other_key, plain):
        cookie = log_in_with_cookie(api, key)
        for each in (None, other_key):
            answer = log_out(api, each, cookie=cookie)
            assert (answer.status, answer.cookie.value, answer.cookie["max-age"]) == (204, "", "0")
        answer = api.refresh(cookie=cookie, headers=key.headers("/auth/refresh"))
        assert answer.status == 200
        assert history(api, answer.json["access_token"])[:2] == ["refresh_without_key", "login_succeeded"]

    def test_with_a_wrong_proof_is_refused_and_takes_nothing_away(self, api, key, plain):
        cookie = log_in_with_cookie(api, key)
        for headers in ({"DPoP": "a.b.c"}, key.headers("/auth/refresh")):
            answer = api.logout(cookie=cookie, headers=headers)
            answer.assert_problem(400, "invalid_dpop_proof")
            assert answer.set_cookies == []
        assert log_out(api, key, cookie=cookie).status == 204
        again = api.refresh(cookie=cookie, headers=key.headers("/auth/refresh"))
        again.assert_problem(401, "invalid_grant")

    @pytest.mark.parametrize(
        "headers",
        [
            lambda key: {"DPoP": "a.b.c"},
            lambda key: {"DPoP": [key.proof("/auth/logout") for _ in range(2)]},
            lambda key: key.headers("/auth/refresh"),
            lambda key: key.headers("/auth/logout", header={"jwk": ClientKey().jwk}),
        ],
        ids=["no proof", "two", "one for another route", "a bad signature"],
    )
    def test_with_a_wrong_proof_is_in_the_history(self, api, key, bound, headers):
        api.logout(bound["refresh_token"], headers=headers(key)).assert_problem(400, "invalid_dpop_proof")
        assert history(api, bound["access_token"])[:2] == ["refresh_without_key", "login_succeeded"]

    @pytest.mark.parametrize(("jti", "earlier"), [("one", 0), ("two", 1)], ids=["used before", "older than the last"])
    def test_with_a_proof_by_the_key_that_is_not_new_is_refused_until_a_new_one_comes(
        self, api, key, plain, jti, earlier
    ):
        at = key.clock() - 30
        cookie = log_in_with_cookie(api, headers=key.headers("/auth/login", jti="one", iat=at))
        answer = api.logout(cookie=cookie, headers=key.headers("/auth/logout", jti=jti, iat=at - earlier))
        answer.assert_problem(400, "invalid_dpop_proof")
        assert answer.set_cookies == []
        refreshed = api.refresh(cookie=cookie, headers=key.headers("/auth/refresh"))
        assert refreshed.status == 200
        assert history(api, refreshed.json["access_token"])[0] == "login_succeeded"
        assert log_out(api, key, cookie=refreshed.cookie).status == 204
        again = api.refresh(cookie=refreshed.cookie, headers=key.headers("/auth/refresh"))
        again.assert_problem(401, "invalid_grant")

    @pytest.mark.live_safe
    def test_is_done_when_it_comes_again_with_the_same_proof(self, api, key, bound):
        headers = key.headers("/auth/logout")
        for _ in range(2):
            assert api.logout(bound["refresh_token"], headers=headers).status == 204

    def test_with_two_cookies_ends_the_session_for_which_the_proof_is_new(self, api, key, plain):
        older, newer = (
            log_in_with_cookie(api, headers=key.headers("/auth/login", iat=key.clock() - age)) for age in (40, 10)
        )
        both = {"Cookie": f"{as_header(older)}; {as_header(newer)}"}
        between = key.headers("/auth/logout", iat=key.clock() - 20)
        answer = api.logout(headers=both | between)
        answer.assert_problem(400, "invalid_dpop_proof")
        assert answer.set_cookies == []
        ended, kept = (api.refresh(cookie=each, headers=key.headers("/auth/refresh")) for each in (older, newer))
        assert (ended.status, kept.status) == (401, 200)
        # The client tries again with a new proof, and the cookies that it still has.
        assert api.logout(headers=both | key.headers("/auth/logout")).status == 204
        assert api.refresh(cookie=kept.cookie, headers=key.headers("/auth/refresh")).status == 401

    def test_with_the_key_and_a_token_that_was_used_is_a_log_out_within_the_window(self, api, key, bound, clock):
        newest = refresh(api, key, bound["refresh_token"]).json["refresh_token"]
        clock.advance(WINDOW)
        assert log_out(api, key, bound["refresh_token"]).status == 204
        refresh(api, key, newest).assert_problem(401, "invalid_grant")
        assert history(api, api.login().json["access_token"])[1:3] == ["logged_out", "login_succeeded"]

    def test_and_reuse_after_it(self, api, key, bound, clock):
        newest = refresh(api, key, bound["refresh_token"]).json["refresh_token"]
        clock.advance(WINDOW + 1)
        assert log_out(api, key, bound["refresh_token"]).status == 204
        refresh(api, key, newest).assert_problem(401, "invalid_grant")
        assert "refresh_token_reused" in history(api, api.login().json["access_token"])

    def test_without_the_key_is_no_reuse(self, api, key, bound, clock):
        newest = refresh(api, key, bound["refresh_token"]).json["refresh_token"]
        clock.advance(WINDOW + 1)
        assert api.logout(bound["refresh_token"]).status == 204
        assert refresh(api, key, newest).status == 200

    def test_of_a_plain_session_needs_no_key(self, api, key, plain):
        assert log_out(api, key, plain["refresh_token"]).status == 204
        api.refresh(plain["refresh_token"]).assert_problem(401, "invalid_grant")


def test_a_client_without_its_key_ends_its_session_by_an_access_token(api, key, bound):
    sessions = api.bearer("GET", "/auth/sessions", bound["access_token"]).json["sessions"]
    own = next(session["id"] for session in sessions if session["current"])
    assert api.bearer("DELETE", f"/auth/sessions/{own}", bound["access_token"]).status == 204
    refresh(api, key, bound["refresh_token"]).assert_problem(401, "invalid_grant")


class TestLogInOverTheCookieOfABoundSession:
    def test_with_its_key_ends_it(self, api, key, plain):
        old = log_in_with_cookie(api, key)
        new = log_in_with_cookie(api, key, headers={"Cookie": as_header(old)})
        api.refresh(cookie=old, headers=key.headers("/auth/refresh")).assert_problem(401, "invalid_grant")
        assert api.refresh(cookie=new, headers=key.headers("/auth/refresh")).status == 200

    @pytest.mark.parametrize("has_another_key", [True, False])
    def test_without_it_leaves_it_alone_and_tells_nobody(self, api, key, other_key, plain, has_another_key):
        old = log_in_with_cookie(api, key)
        log_in_with_cookie(api, other_key if has_another_key else None, headers={"Cookie": as_header(old)})
        answer = api.refresh(cookie=old, headers=key.headers("/auth/refresh"))
        assert answer.status == 200
        assert set(history(api, answer.json["access_token"])) == {"login_succeeded", "registered"}

    @pytest.mark.parametrize(("jti", "earlier"), [("one", 0), ("two", 1)], ids=["used before", "older than the last"])
    def test_with_a_proof_that_is_not_new_leaves_it_alone_and_tells_nobody(self, api, key, plain, jti, earlier):
        at = key.clock() - 30
        old = log_in_with_cookie(api, headers=key.headers("/auth/login", jti="one", iat=at))
        log_in_with_cookie(
            api, headers={"Cookie": as_header(old), **key.headers("/auth/login", jti=jti, iat=at - earlier)}
        )
        answer = api.refresh(cookie=old, headers=key.headers("/auth/refresh"))
        assert answer.status == 200
        assert set(history(api, answer.json["access_token"])) == {"login_succeeded", "registered"}

    def test_is_a_log_out_of_a_plain_one_as_ever(self, api, key, plain):
        old = log_in_with_cookie(api)
        log_in_with_cookie(api, key, headers={"Cookie": as_header(old)})
        api.refresh(cookie=old).assert_problem(401, "invalid_grant")


class TestANewPassword:
    def change(self, api, tokens, headers=None):
        passwords = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
        return api.bearer("PUT", "/auth/password", tokens["access_token"], passwords, headers=headers)

    @pytest.mark.parametrize("has_proof", [True, False])
    def test_leaves_the_session_bound_to_its_key(self, api, key, other_key, bound, has_proof):
        headers = key.headers("/auth/password", "PUT") if has_proof else None
        changed = self.change(api, bound, headers)
        assert changed.status == 200
        assert is_bound(api, changed.json["access_token"]) is True
        for headers in (None, other_key.headers("/auth/refresh")):
            answer = api.refresh(changed.json["refresh_token"], headers=headers)
            answer.assert_problem(400, "invalid_dpop_proof")
        assert refresh(api, key, changed.json["refresh_token"]).status == 200
        refresh(api, key, bound["refresh_token"]).assert_problem(401, "invalid_grant")

    def test_makes_no_recorded_proof_good_again(self, api, key, bound):
        recorded = key.headers("/auth/refresh")
        bound = api.refresh(bound["refresh_token"], headers=recorded).json
        changed = self.change(api, bound).json
        api.refresh(changed["refresh_token"], headers=recorded).assert_problem(400, "invalid_dpop_proof")
        assert refresh(api, key, changed["refresh_token"]).status == 200

    def test_is_refused_with_a_proof_that_is_no_new_one_by_the_key(self, api, key, other_key, bound, clock):
        clock.advance(30)
        bound = refresh(api, key, bound["refresh_token"]).json
        older = key.headers("/auth/password", "PUT", iat=key.clock() - 1)
        wrong = [key.headers("/auth/password"), {"DPoP": "a.b.c"}, key.headers("/auth/refresh", "PUT")]
        for headers in wrong:
            self.change(api, bound, headers).assert_problem(400, "invalid_dpop_proof")
        for headers, reason in (
            (other_key.headers("/auth/password", "PUT"), "it is by another key than the session's"),
            (older, "it was used before, or is older than the last one"),
        ):
            answer = self.change(api, bound, headers)
            answer.assert_problem(400, "invalid_dpop_proof")
            assert answer.json["detail"] == f"The proof in the header DPoP is refused: {reason}."
        assert api.login().status == 200
        assert refresh(api, key, bound["refresh_token"]).status == 200

    def test_binds_a_plain_session_if_a_proof_comes_along(self, api, key, plain):
        changed = self.change(api, plain, key.headers("/auth/password", "PUT")).json
        assert is_bound(api, changed["access_token"]) is True
        api.refresh(changed["refresh_token"]).assert_problem(400, "invalid_dpop_proof")
        assert refresh(api, key, changed["refresh_token"]).status == 200

    def test_leaves_a_plain_session_plain_if_none_does(self, api, plain):
        changed = self.change(api, plain).json
        assert is_bound(api, changed["access_token"]) is False


@pytest.mark.each_server
def test_a_page_of_another_origin_may_send_a_proof_and_read_what_time_it_is(api, key, plain):
    asked = {
        "Origin": "https://other.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,dpop",
    }
    preflight = api.request("OPTIONS", "/auth/refresh", headers=asked)
    assert preflight.status == 204
    assert "DPoP" in preflight.headers["access-control-allow-headers"].split(", ")
    refused = api.refresh(plain["refresh_token"], headers={"Origin": "https://other.example", "DPoP": "a.b.c"})
    refused.assert_problem(400, "invalid_dpop_proof")
    assert "Date" in refused.headers["access-control-expose-headers"].split(", ")
