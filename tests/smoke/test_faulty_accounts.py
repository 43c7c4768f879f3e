"""The suite of the API, asked of a faulty site: what fails, what is said of it, and that no account is left behind."""

import itertools
from dataclasses import replace

import pytest

from tests.smoke.faults import (
    CLOUDFRONT_SAYS_NO,
    answering,
    assert_fails_alone,
    having,
    on,
    on_request,
    path,
    with_json,
    without,
)
from tests.support.live.client import Limits, LiveSite
from tests.support.live.site import Site
from tests.support.marks import each_third

ROUTES = "api/test_routes.py::"
ACCOUNTS = "api/test_account_routes.py::"
COOKIES = f"{ROUTES}TestCookieDelivery::"
# Fails of none of these faults.
WITNESS = "live/test_documents.py::test_the_api_answers_below_api"

COOKIE = f"{COOKIES}test_sets_the_cookie_of_the_contract_and_keeps_the_token_out_of_the_body"
LOGGED_IN = f"{ROUTES}test_a_registered_user_logs_in_and_sees_the_profile"
REUSED = f"{ROUTES}test_a_token_before_the_last_one_ends_the_session_at_once_and_the_history_names_it"
LOGGED_OUT = f"{ROUTES}test_logout_ends_the_session"
LOGGED_OUT_ELSEWHERE = f"{ACCOUNTS}test_one_session_can_be_ended_from_another"
DELETED = f"{ACCOUNTS}test_a_deleted_account_is_gone_and_its_name_free"


def set_cookie(old, new):
    def change(answer):
        return answer.having("Set-Cookie", answer.header("Set-Cookie").replace(old, new))

    return on(lambda _, answer: answer.header("Set-Cookie") is not None, change)


def refresh(number, change):
    """A fault that changes the answer to one refresh by the body, given that answer and the last good one."""

    def make():
        numbers = itertools.count(1)
        good = []

        def fault(request, forward):
            answer = forward(request)
            if request.path != "/api/auth/refresh" or b"refresh_token" not in request.body:
                return answer
            if answer.first == 200:
                good.append(answer)
            return change(answer, good[-1]) if next(numbers) == number else answer

        return fault

    return make


def another_successor(answer, _good):
    header, _, signature = answer.json()["refresh_token"].split(".")
    return answer.with_json(lambda body: body.update(refresh_token=f"{header}.e30.{signature}"))


def taken(_answer, good):
    return good


def unable(answer, _good):
    return answer.answering(502, CLOUDFRONT_SAYS_NO, "text/html").having("Server", "CloudFront")


def deleting_nothing_at_first():
    done = []

    def fault(request, forward):
        if request.path == "/api/auth/delete-account" and not done:
            done.append(True)
            return request.answering(204, b"")
        return forward(request)

    return fault


def once(fault):
    return lambda: fault


FAULTS = {
    "a registration that is done and whose answer is lost": (
        LOGGED_IN,
        once(
            on(path("/api/auth/register", "POST"), answering(504, CLOUDFRONT_SAYS_NO, "text/html", Server="CloudFront"))
        ),
        "POST /api/auth/register: 504",
    ),
    "a registration that answers something else": (
        LOGGED_OUT,
        once(on(path("/api/auth/register", "POST"), with_json(lambda body: body.pop("refresh_token")))),
        "(KeyError)",
    ),
    "a database out of reach": (
        LOGGED_IN,
        once(on(path("/api/auth/register", "POST"), answering(503, b'{"error": "service_unavailable"}'))),
        "throttled or out of reach, or the function could not be run",
    ),
    "a distribution that keeps the Authorization header": (
        LOGGED_IN,
        once(on_request(path("/api/me"), without("Authorization"))),
        "the distribution has to pass `Authorization`",
    ),
    "somebody else's answer": (
        LOGGED_IN,
        once(on(path("/api/me"), with_json(lambda body: body["user"].update(id="another")))),
        'assert me.json == {"user": registered["user"]}',
    ),
    "a name whose letters were changed on the way": (
        f"{ROUTES}test_a_username_beyond_ascii_arrives_whole_through_the_authorizer",
        once(on(path("/api/me"), with_json(lambda body: body["user"].update(username="?lesund")))),
        "GET /api/me: 200",
    ),
    "a refresh that cannot be done": (REUSED, refresh(1, unable), "cannot reach its origin"),
    "a retry that gets another successor": (
        f"{ROUTES}test_a_retry_at_once_gets_the_same_successor",
        refresh(2, another_successor),
        "assert claims[0] == claims[1]",
    ),
    "a reuse that is not noticed": (REUSED, refresh(3, taken), "log-ins of this site are not safe"),
    "a session that goes on after a reuse": (REUSED, refresh(4, taken), "POST /api/auth/refresh: 200"),
    "a history that forgets": (
        REUSED,
        once(on(path("/api/dashboard"), with_json(lambda body: body.update(recent_events=[])))),
        'assert "refresh_token_reused" in',
    ),
    "a cookie for scripts": (COOKIE, once(set_cookie(" HttpOnly;", "")), "LYCHGATE_ISSUER decides"),
    "a cookie for other sites": (
        COOKIE,
        once(set_cookie("SameSite=Strict", "SameSite=Lax")),
        "LYCHGATE_ISSUER decides",
    ),
    "a cookie without encryption": (COOKIE, once(set_cookie(" Secure;", "")), "LYCHGATE_ISSUER decides"),
    "a cookie that a sibling may set too": (
        COOKIE,
        once(set_cookie("__Host-", "__Secure-")),
        "LYCHGATE_ISSUER decides",
    ),
    "a cookie for some paths": (COOKIE, once(set_cookie("Path=/", "Path=/api/auth")), "LYCHGATE_ISSUER decides"),
    "a cookie that foreign pages can use": (
        f"{COOKIES}test_any_other_origin_may_neither_refresh_nor_log_out_nor_log_in",
        once(on_request(lambda request: request.header("Origin") == "https://attacker.example", without("Origin"))),
        "POST /api/auth/refresh: 200",
    ),
    "a distribution that keeps cookies": (
        f"{COOKIES}test_refreshes_by_the_cookie_and_renews_it",
        once(on_request(path("/api/auth/refresh", "POST"), without("Cookie"))),
        "cookies and bodies on",
    ),
    "a log-out that ends nothing": (
        LOGGED_OUT,
        once(on_request(path("/api/auth/logout", "POST"), lambda request: replace(request, path="/api/health"))),
        "assert (answer.status, answer.body)",
    ),
    "an ended session that is still obeyed": (
        f"{ACCOUNTS}test_a_live_route_is_closed_at_once_when_the_session_has_ended",
        once(on(path("/api/auth/logout-all", "POST"), answering(204, b""))),
        "POST /api/auth/logout-all: 204",
    ),
    "a deletion that deletes nothing": (DELETED, deleting_nothing_at_first, "POST /api/auth/login: 200"),
    "an answer that may be kept": (
        "api/test_headers.py::test_only_the_public_documents_may_be_kept",
        once(on(path("/api/dashboard"), having("Cache-Control", "public, max-age=60"))),
        "CachingDisabled",
    ),
}


@pytest.mark.parametrize("fault", each_third(FAULTS))
def test_a_fault_fails_a_test_of_the_api_and_leaves_no_account(smoke, distribution, server, fault):
    test, make, words = FAULTS[fault]
    distribution.fault = make()

    outcome = smoke([test, WITNESS])

    assert_fails_alone(outcome, test.rpartition("::")[2], words)
    assert outcome.passed.count(WITNESS.rpartition("::")[2]) == 1
    assert server.usernames() == []


@pytest.mark.parametrize("test", [LOGGED_IN, LOGGED_OUT], ids=["its own", "the shared one"])
def test_an_account_that_cannot_be_deleted_is_named_and_fails_the_run(smoke, distribution, server, test):
    distribution.fault = on_request(
        path("/api/auth/delete-account", "POST"), lambda request: replace(request, path="/api/me")
    )

    outcome = smoke([test])

    [left] = server.usernames()
    assert outcome.passed == [test.rpartition("::")[2]]
    assert outcome.code == 1
    assert f"The account {left} may be left." in outcome.text
    server.remove(left)


def test_where_nobody_can_register_that_fails_once_and_the_rest_is_left_out(smoke, distribution):
    distribution.fault = on(path("/api/auth/register", "POST"), answering(503, b'{"error": "service_unavailable"}'))

    outcome = smoke([LOGGED_IN, REUSED, DELETED])

    assert len(outcome.failed) == 1
    assert len(outcome.left_out) == 2
    assert "Left out: no account can be registered: see the failure above" in outcome.text


@pytest.mark.parametrize(
    ("headers", "wait"), [({"Retry_After": "1741"}, "Wait 30 min,"), ({"Retry_After": "soon"}, "Wait an hour,")]
)
def test_where_no_account_is_to_be_had_for_now_the_run_says_so_and_when_to_try_again(
    smoke, distribution, headers, wait
):
    refuse = answering(429, b'{"error": "too_many_attempts"}', "application/problem+json", **headers)

    def fault(request, forward):
        return refuse(request) if request.path == "/api/auth/register" else forward(request)

    distribution.fault = fault

    outcome = smoke([WITNESS, LOGGED_IN, LOGGED_OUT])

    assert outcome.code == 0, outcome.text
    assert outcome.passed == [WITNESS.rpartition("::")[2]]
    assert len(outcome.left_out) == 2
    assert wait in outcome.text
    assert "Not one account was to be had, so nothing that needs one was checked." in outcome.text


def test_tests_that_need_only_somebody_share_one_account_which_goes_at_the_end(smoke, distribution, server):
    """Its session has ended by then."""
    asked = []

    def listening(request, forward):
        asked.append((request.path, forward(request)))
        return asked[-1][1]

    distribution.fault = listening
    outcome = smoke([LOGGED_OUT, REUSED, COOKIE, LOGGED_OUT_ELSEWHERE])

    assert (outcome.code, len(outcome.passed)) == (0, 4), outcome.text
    paths = [path for path, _ in asked]
    assert paths.count("/api/auth/register") == 1
    assert paths.count("/api/auth/delete-account") == 1
    assert paths[-1] == "/api/auth/delete-account"
    assert server.usernames() == []


@pytest.mark.parametrize("change", ["PUT /auth/password", "POST /auth/delete-account"])
def test_the_shared_account_goes_at_the_end_also_if_a_test_has_changed_or_deleted_it(
    distribution, server, authority, monkeypatch, change
):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    live = LiveSite(Site(distribution.url))
    members = {"password": "correct horse battery staple"}
    if change.startswith("PUT"):
        members = {"current_password": members["password"], "new_password": "a quite different passphrase"}

    with live.shared_account():
        with live.client() as client:
            somebody = client.signed_in().json
            assert client.bearer(*change.split(), somebody["access_token"], members).status in {200, 204}
        with live.client() as client:
            client.signed_in()

    assert live.left == []
    assert server.usernames() == []


@pytest.mark.parametrize(
    "limits",
    [Limits(requests=12), Limits(failed_log_ins=2), Limits(registrations=2)],
    ids=["requests", "failed log-ins", "registrations"],
)
def test_a_run_ends_at_its_limits_and_leaves_no_account(smoke, server, limits):
    outcome = smoke(["api/test_routes.py"], limits=limits)

    assert outcome.code == 1
    assert "a run may not ask for more" in outcome.text
    assert server.usernames() == []
