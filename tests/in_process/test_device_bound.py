"""Sessions that are bound to a device, as their owner and a thief of the cookies live through them.

The browser is made by hand. That a real one does the same is in tests/browser/test_device_bound.py.
"""

import json

import pytest

from tests.support.api_client import in_process
from tests.support.application import application as make_application
from tests.support.application import clients_of
from tests.support.device_bound import (
    REFRESH,
    REFRESH_COOKIE,
    SHORT_COOKIE,
    START,
    DeviceBrowser,
    challenge_in,
    device_proof,
    registration_in,
)
from tests.support.proofs import ClientKey, segment

PASSWORD = "correct horse battery staple"


@pytest.fixture
def settings(settings):
    return {**settings, "LYCHGATE_DBSC": "on"}


@pytest.fixture
def new_browser(api):
    return lambda: DeviceBrowser(api)


@pytest.fixture
def browser(new_browser):
    """One that has signed up, and has bound the session."""
    browser = new_browser()
    browser.sign_up()
    assert browser.bind().status == 200
    return browser


def events_of(browser):
    token = browser.refresh().json["access_token"]
    return [event["type"] for event in browser.api.bearer("GET", "/dashboard", token).json["recent_events"]]


def doubled(browser, name):
    """Return the header of a browser that has two cookies of one name, with the same value."""
    cookies = [*browser.cookies.items(), (name, browser.cookies[name])]
    return {"Cookie": "; ".join(f"{key}={value}" for key, value in cookies)}


def short_cookie_lifetime(answer):
    (cookie,) = [cookie for cookie in answer.cookies if cookie.key == SHORT_COOKIE]
    return int(cookie["max-age"])


class TestInvitation:
    def test_each_answer_that_begins_a_session_with_the_cookie_invites(self, new_browser):
        browser = new_browser()
        answers = [browser.sign_up(), browser.log_in()]
        token = answers[-1].json["access_token"]
        change = {"current_password": PASSWORD, "new_password": "seven old oak boards", "token_delivery": "cookie"}
        answers.append(
            browser.send("/auth/password", change, method="PUT", headers={"Authorization": f"Bearer {token}"})
        )
        invitations = [registration_in(answer) for answer in answers]
        assert {path for path, _ in invitations} == {f"/api{START}"}
        assert len({challenge for _, challenge in invitations}) == 3

    def test_other_answers_do_not(self, api, browser):
        assert registration_in(browser.refresh()) is None
        assert registration_in(api.login()) is None

    def test_a_site_that_has_not_turned_it_on_invites_nobody(self, settings, new_browser):
        del settings["LYCHGATE_DBSC"]
        browser = new_browser()
        assert registration_in(browser.sign_up()) is None
        browser.send(START).assert_problem(404, "not_found")

    def test_over_plain_http_nobody_is_invited(self, settings, api):
        settings["LYCHGATE_ISSUER"] = settings["LYCHGATE_ALLOWED_ORIGINS"] = "http://127.0.0.1:8000"
        assert registration_in(api.register(token_delivery="cookie")) is None


class TestBinding:
    def test_the_answer_says_what_the_browser_is_to_keep(self, new_browser):
        browser = new_browser()
        browser.sign_up()
        answer = browser.bind()
        assert answer.status == 200
        assert answer.headers["cache-control"] == "no-store"
        attributes = "Path=/; HttpOnly; Secure; SameSite=Strict"
        held_back = [{"type": "include", "path": f"/api/auth/{name}"} for name in ("refresh", "logout")]
        identifier = answer.json.pop("session_identifier")
        assert answer.json == {
            "refresh_url": f"/api{REFRESH}",
            "scope": {
                "origin": "https://site.example",
                "include_site": False,
                "scope_specification": [*held_back, {"type": "exclude", "path": "/"}, *held_back],
            },
            "credentials": [{"type": "cookie", "name": SHORT_COOKIE, "attributes": attributes}],
        }
        short, refresh = answer.set_cookies
        assert short.startswith(f"{SHORT_COOKIE}=")
        assert short.endswith(f"; {attributes}; Max-Age=600")
        assert refresh.startswith(f"{REFRESH_COOKIE}=")
        (session,) = browser.api.bearer("GET", "/auth/sessions", browser.refresh().json["access_token"]).json[
            "sessions"
        ]
        assert session["bound"] is True
        assert identifier not in {"", session["id"]}

    def test_a_cookie_that_was_copied_before_is_worth_nothing(self, new_browser):
        browser = new_browser()
        browser.sign_up()
        copied = dict(browser.cookies)
        browser.bind()
        browser.refresh(cookies=copied).assert_problem(400, "not_on_device")
        assert browser.refresh().status == 200

    def test_a_copied_cookie_binds_nothing_without_the_challenge(self, new_browser):
        owner, thief = new_browser(), new_browser()
        owner.sign_up()
        thief.sign_up("Mallory")
        thief.cookies = dict(owner.cookies)
        thief.bind().assert_problem(400, "invalid_device_proof")
        # Nor does it get another challenge: that is for who is bound.
        assert thief.send(REFRESH).json == {"continue": False}
        assert owner.bind().status == 200

    def test_a_session_is_bound_once(self, browser, new_browser):
        thief = new_browser()
        thief.cookies, thief.registration = dict(browser.cookies), browser.registration
        thief.bind().assert_problem(400, "invalid_device_proof")
        assert browser.renew().status == 200

    def test_whoever_registers_first_has_a_session_without_another_key(self, new_browser):
        owner, thief = new_browser(), new_browser()
        owner.sign_up()
        thief.cookies, thief.registration = dict(owner.cookies), owner.registration
        assert thief.bind().status == 200
        owner.bind().assert_problem(400, "invalid_device_proof")
        owner.refresh().assert_problem(400, "not_on_device")
        assert events_of(thief) == ["refresh_without_key", "registered"]
        owner.log_in()
        assert owner.bind().status == 200
        assert owner.refresh().status == 200

    def test_a_challenge_is_good_for_four_minutes(self, new_browser, clock):
        browser = new_browser()
        browser.sign_up()
        clock.advance(240)
        browser.bind().assert_problem(400, "invalid_device_proof")
        assert browser.refresh().status == 200

    def test_a_refresh_token_that_was_used_binds_nothing_and_ends_nothing(self, new_browser, clock):
        browser = new_browser()
        browser.sign_up()
        before = dict(browser.cookies)
        browser.refresh()
        clock.advance(60)
        after, browser.cookies = dict(browser.cookies), before
        browser.bind().assert_problem(400, "invalid_device_proof")
        browser.cookies = after
        assert browser.refresh().status == 200

    @pytest.mark.parametrize(
        "changes",
        [
            {"header": {"typ": "dpop+jwt"}},
            {"header": {"alg": "none"}},
            {"header": {"alg": "HS256"}},
            {"header": {"kid": "1"}},
            {"header": {"jwk": {**ClientKey().jwk, "d": "AAAA"}}},
            {"header": {"jwk": {**ClientKey().jwk, "crv": "P-384"}}},
            {"header": {"jwk": ClientKey().jwk}},
            {"header": {"jwk": {"kty": "oct", "k": "AAAA"}}},
            {"jti": ""},
            {"jti": 7},
            {"aud": "https://site.example/api/auth/refresh"},
        ],
    )
    def test_a_wrong_proof_binds_nothing(self, new_browser, changes):
        browser = new_browser()
        browser.sign_up()
        browser.bind(**changes).assert_problem(400, "invalid_device_proof")
        assert browser.bind().status == 200

    def test_neither_does_none_a_cut_one_or_two(self, new_browser):
        browser = new_browser()
        browser.sign_up()
        proof = device_proof(browser.key, browser.registration[1], names_key=True)
        for headers in ({}, {"Secure-Session-Response": proof[:-4]}, {"Secure-Session-Response": f"{proof}, {proof}"}):
            browser.send(START, headers=headers).assert_problem(400, "invalid_device_proof")
        assert browser.send(START, headers={"Secure-Session-Response": f'"{proof}"'}).status == 200

    def test_it_takes_the_refresh_cookie(self, new_browser):
        browser = new_browser()
        browser.sign_up()
        browser.cookies = {}
        browser.bind().assert_problem(401, "invalid_grant")

    def test_it_takes_no_two_refresh_cookies(self, new_browser):
        browser = new_browser()
        browser.sign_up()
        proof = device_proof(browser.key, browser.registration[1], names_key=True)
        answer = browser.send(START, headers={**doubled(browser, REFRESH_COOKIE), "Secure-Session-Response": proof})
        answer.assert_problem(401, "invalid_grant")
        assert browser.bind().status == 200

    def test_a_proof_that_was_recorded_binds_no_second_time(self, new_browser):
        browser = new_browser()
        browser.sign_up()
        before = dict(browser.cookies)
        recorded = {"Secure-Session-Response": device_proof(browser.key, browser.registration[1], names_key=True)}
        assert browser.send(START, headers=recorded).status == 200
        for cookies in (before, browser.cookies, browser.without_short_cookie()):
            browser.send(START, cookies=cookies, headers=recorded).assert_problem(400, "invalid_device_proof")
        assert browser.refresh().status == 200

    def test_it_counts_as_a_use_by_whoever_binds(self, browser):
        """So that a retry with the token from before is the owner's own."""
        browser.sign_up("Bob")
        before = dict(browser.cookies)
        browser.bind()
        retried = browser.refresh(cookies={**before, SHORT_COOKIE: browser.cookies[SHORT_COOKIE]})
        assert retried.status == 200
        assert events_of(browser) == ["registered"]

    def test_a_page_of_another_origin_binds_nothing(self, new_browser):
        browser = new_browser()
        browser.sign_up()
        browser.send(START, headers={"Origin": "https://evil.example"}).assert_problem(403, "origin_rejected")


class TestRefresh:
    def test_the_owner_renews_the_short_cookie_and_goes_on(self, browser, clock):
        for _ in range(3):
            clock.advance(600)
            browser.refresh().assert_problem(400, "not_on_device")
            assert browser.renew().status == 200
            assert browser.refresh().status == 200

    def test_a_stolen_refresh_cookie_changes_nothing_for_the_owner_and_leaves_one_event(self, browser, clock):
        stolen = browser.without_short_cookie()
        for _ in range(3):
            browser.refresh(cookies=stolen).assert_problem(400, "not_on_device")
        assert browser.refresh().status == 200
        clock.advance(300)
        # However old it is: with a plain session this is reuse.
        browser.refresh(cookies=stolen).assert_problem(400, "not_on_device")
        assert events_of(browser) == ["refresh_without_key", "registered"]

    def test_a_stolen_jar_is_worth_nothing_once_the_short_cookie_expires(self, browser, clock):
        jar = dict(browser.cookies)
        clock.advance(600)
        browser.refresh(cookies=jar).assert_problem(400, "not_on_device")
        browser.send(REFRESH, cookies=jar).assert_problem(403, "device_proof_required")

    def test_the_short_cookie_of_another_session_is_none(self, browser, new_browser):
        other = new_browser()
        other.log_in()
        other.bind()
        mixed = {**browser.cookies, SHORT_COOKIE: other.cookies[SHORT_COOKIE]}
        browser.refresh(cookies=mixed).assert_problem(400, "not_on_device")

    def test_two_short_cookies_are_none(self, browser):
        browser.refresh(headers=doubled(browser, SHORT_COOKIE)).assert_problem(400, "not_on_device")

    @pytest.mark.parametrize(("access_lifetime", "lifetime"), [(10, 300), (600, 600), (900, 900)])
    def test_the_short_cookie_lasts_as_long_as_an_access_token_and_five_minutes_at_least(
        self, settings, new_browser, clock, access_lifetime, lifetime
    ):
        settings["LYCHGATE_ACCESS_TOKEN_LIFETIME"] = str(access_lifetime)
        browser = new_browser()
        browser.sign_up()
        assert short_cookie_lifetime(browser.bind()) == lifetime
        clock.advance(lifetime - 1)
        assert browser.refresh().status == 200
        clock.advance(1)
        browser.refresh().assert_problem(400, "not_on_device")

    def test_the_short_cookie_does_not_outlast_the_session(self, settings, new_browser, clock):
        settings["LYCHGATE_SESSION_LIFETIME"] = settings["LYCHGATE_REFRESH_IDLE_LIFETIME"] = "3600"
        browser = new_browser()
        browser.sign_up()
        browser.bind()
        clock.advance(3590)
        assert short_cookie_lifetime(browser.renew()) == 10

    def test_a_token_of_another_kind_is_none(self, browser):
        for name in (REFRESH_COOKIE, "__Host-device"):
            mixed = {**browser.cookies, SHORT_COOKIE: browser.cookies[name]}
            browser.refresh(cookies=mixed).assert_problem(400, "not_on_device")

    def test_a_retry_with_the_short_cookie_gets_the_same_successor(self, browser):
        before = dict(browser.cookies)
        browser.refresh()
        retried = browser.refresh(cookies=before)
        assert retried.cookie.value == browser.cookies[REFRESH_COOKIE]

    @pytest.mark.parametrize("why", ["unreachable", "server_error", "quota_exceeded"])
    def test_a_browser_that_cannot_renew_it_for_now_is_asked_to_come_again(self, browser, caplog, why):
        skipped = f"{why};session_identifier={browser.session['session_identifier']}"
        lacking = browser.without_short_cookie()
        answer = browser.refresh(cookies=lacking, headers={"Secure-Session-Skipped": skipped})
        answer.assert_problem(503, "service_unavailable")
        assert answer.headers["retry-after"] == "1"
        assert f"the browser says {why}" in caplog.text
        assert browser.refresh().status == 200
        assert events_of(browser) == ["refresh_without_key", "registered"]

    def test_one_that_gives_no_such_reason_is_told_to_log_in_again(self, browser):
        lacking = browser.without_short_cookie()
        for said in ("", "unknown_reason;session_identifier=x"):
            answer = browser.refresh(cookies=lacking, headers={"Secure-Session-Skipped": said})
            answer.assert_problem(400, "not_on_device")
            assert "log in again" in answer.json["detail"]
            assert "retry-after" not in answer.headers

    def test_a_wrong_proof_of_a_key_that_it_does_not_have_is_a_strangers_away_from_the_device(self, browser):
        wrong = {"DPoP": "a.b.c"}
        for path in ("/auth/refresh", "/auth/logout"):
            browser.send(path, {}, headers=wrong).assert_problem(400, "invalid_dpop_proof")
        assert events_of(browser) == ["registered"]
        browser.refresh(cookies=browser.without_short_cookie(), headers=wrong).assert_problem(400, "invalid_dpop_proof")
        assert events_of(browser) == ["refresh_without_key", "registered"]


class TestWithAKeyOfItsClientToo:
    """A session that began with a DPoP proof. The thief has seen the log-in's answer, and has no key."""

    @pytest.fixture
    def key(self, clock):
        return ClientKey("https://site.example/api", clock)

    @pytest.fixture
    def owner(self, new_browser, key):
        browser = new_browser()
        body = {"username": "Bob", "password": PASSWORD, "token_delivery": "cookie"}
        assert browser.send("/auth/register", body, headers=key.headers("/auth/register")).status == 201
        return browser

    @pytest.fixture
    def thief(self, new_browser, owner):
        browser = new_browser()
        browser.cookies, browser.registration = dict(owner.cookies), owner.registration
        return browser

    @pytest.fixture
    def refresh(self, key, clock):
        def refresh(browser, **changes):
            clock.advance(1)
            return browser.refresh(headers=key.headers("/auth/refresh"), **changes)

        return refresh

    @pytest.mark.parametrize("order", [1, -1])
    def test_a_log_out_of_it_and_of_one_elsewhere_asks_for_a_new_proof_first(self, owner, key, new_browser, order):
        other = new_browser()
        other.sign_up()
        other.bind()
        both = [f"{REFRESH_COOKIE}={each.cookies[REFRESH_COOKIE]}" for each in (owner, other)][::order]
        cookies = {"Cookie": "; ".join(both)}
        for said in ({}, {"Secure-Session-Skipped": "unreachable"}):
            old = key.headers("/auth/logout", iat=key.clock() - 1)
            answer = owner.api.post("/auth/logout", {}, headers=cookies | old | said)
            answer.assert_problem(400, "invalid_dpop_proof")
            assert answer.set_cookies == []
        new = key.headers("/auth/logout", iat=key.clock() + 1)
        assert owner.api.post("/auth/logout", {}, headers=cookies | new).status == 204
        later = key.headers("/auth/refresh", iat=key.clock() + 2)
        owner.refresh(headers=later).assert_problem(401, "invalid_grant")
        assert other.refresh().status == 200

    def test_needs_both_from_the_first_refresh_on_that_has_both(self, owner, refresh):
        assert owner.bind().status == 200
        short = owner.cookies.pop(SHORT_COOKIE)
        assert refresh(owner).status == 200
        owner.cookies[SHORT_COOKIE] = short
        owner.refresh().assert_problem(400, "invalid_dpop_proof")
        assert refresh(owner).status == 200
        refresh(owner, cookies=owner.without_short_cookie()).assert_problem(400, "not_on_device")
        owner.refresh().assert_problem(400, "invalid_dpop_proof")
        assert refresh(owner).status == 200

    def test_keeps_its_refresh_token(self, owner, refresh):
        before = owner.cookies[REFRESH_COOKIE]
        answer = owner.bind()
        assert [value.partition("=")[0] for value in answer.set_cookies] == [SHORT_COOKIE]
        assert owner.cookies[REFRESH_COOKIE] == before
        assert refresh(owner).status == 200

    def test_is_bound_also_when_a_refresh_came_before_the_registration(self, owner, refresh):
        before = dict(owner.cookies)
        assert refresh(owner).status == 200
        after, owner.cookies = owner.cookies, before
        assert owner.bind().status == 200
        owner.cookies |= {REFRESH_COOKIE: after[REFRESH_COOKIE]}
        assert refresh(owner).status == 200
        refresh(owner, cookies=owner.without_short_cookie()).assert_problem(400, "not_on_device")

    def test_goes_on_where_the_answer_to_the_registration_was_lost(self, owner, refresh, clock):
        kept = dict(owner.cookies)
        assert owner.bind().status == 200
        owner.cookies = kept
        for _ in range(3):
            clock.advance(600)
            assert refresh(owner).status == 200

    def test_a_device_of_the_thief_neither_continues_nor_ends_it(self, owner, thief, refresh, clock):
        assert thief.bind().status == 200
        thief.refresh().assert_problem(400, "invalid_dpop_proof")
        assert thief.send("/auth/logout", {}, cookies=dict(thief.cookies)).status == 204
        owner.bind().assert_problem(400, "invalid_device_proof")
        for _ in range(3):
            clock.advance(600)
            assert refresh(owner).status == 200
            assert thief.renew().status == 200
            thief.refresh().assert_problem(400, "invalid_dpop_proof")

    def test_the_owner_can_log_out_of_it(self, api, owner, thief, key, clock):
        assert thief.bind().status == 200
        clock.advance(1)
        assert owner.send("/auth/logout", {}, headers=key.headers("/auth/logout")).status == 204
        sessions = api.bearer("GET", "/auth/sessions", api.login(username="Bob").json["access_token"]).json["sessions"]
        assert len(sessions) == 1

    def test_the_thief_comes_too_late_once_the_owner_has_registered(self, owner, thief, refresh):
        assert owner.bind().status == 200
        thief.bind().assert_problem(400, "invalid_device_proof")
        assert refresh(owner).status == 200
        assert owner.renew().status == 200

    def test_its_list_says_that_it_is_bound(self, owner, refresh):
        owner.bind()
        (session,) = owner.api.bearer("GET", "/auth/sessions", refresh(owner).json["access_token"]).json["sessions"]
        assert session["bound"] is True


class TestRenewal:
    def test_a_challenge_may_be_answered_late_but_not_after_four_minutes(self, browser, clock):
        challenge = browser.challenged()
        clock.advance(239)
        assert browser.renew(challenge).status == 200
        clock.advance(1)
        browser.renew(challenge).assert_problem(403, "device_proof_required")

    def test_a_proof_is_good_once_and_the_next_challenge_comes_with_its_refusal(self, browser, clock):
        challenge = browser.challenged()
        recorded = browser.proven(challenge)
        assert browser.send(REFRESH, headers=recorded).status == 200
        stolen = browser.without_short_cookie()
        for _ in range(2):
            clock.advance(1)
            refused = browser.send(REFRESH, cookies=stolen, headers=recorded)
            refused.assert_problem(403, "device_proof_required")
            assert refused.set_cookies == []
        # Nor is another signature of the same challenge.
        browser.renew(challenge).assert_problem(403, "device_proof_required")
        assert browser.renew(challenge_in(refused)).status == 200
        assert browser.refresh().status == 200

    def test_of_several_challenges_at_once_the_first_that_is_answered_counts(self, browser):
        challenges = [browser.challenged() for _ in range(3)]
        assert browser.renew(challenges[1]).status == 200
        for challenge in challenges:
            browser.renew(challenge).assert_problem(403, "device_proof_required")
        assert browser.renew().status == 200

    def test_a_proof_that_was_held_back_is_good_once_and_the_owner_finds_out(self, browser, clock):
        """Whoever keeps it from arriving, and has the refresh cookie, has the short cookie for ten minutes."""
        held_back = browser.proven(browser.challenged())
        clock.advance(239)
        thief = DeviceBrowser(browser.api)
        thief.cookies = browser.without_short_cookie()
        assert thief.send(REFRESH, headers=held_back).status == 200
        assert thief.refresh().status == 200
        clock.advance(30)
        browser.refresh().assert_problem(401, "invalid_grant")
        thief.refresh().assert_problem(401, "invalid_grant")

    def test_two_proofs_in_one_request_renew_nothing(self, application, browser):
        """Here as API Gateway passes them on, which this process's client cannot."""
        proof = browser.proven(browser.challenged())["Secure-Session-Response"]
        cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        event = {
            "requestContext": {"httpMethod": "POST", "resourcePath": REFRESH, "identity": {"sourceIp": "192.0.2.1"}},
            "headers": {"Cookie": cookies, "Secure-Session-Response": proof},
            "multiValueHeaders": {"Cookie": [cookies], "Secure-Session-Response": [proof, proof]},
            "multiValueQueryStringParameters": None,
            "pathParameters": None,
            "stageVariables": None,
            "body": None,
            "isBase64Encoded": False,
        }
        answer = application(event, None)
        assert (answer["statusCode"], json.loads(answer["body"])["error"]) == (400, "invalid_device_proof")
        event["multiValueHeaders"]["Secure-Session-Response"] = [proof]
        assert application(event, None)["statusCode"] == 200

    def test_a_browser_may_write_the_sessions_name_as_a_string(self, browser):
        quoted = {"Sec-Secure-Session-Id": f'"{browser.session["session_identifier"]}"'}
        browser.send(REFRESH, headers=quoted).assert_problem(403, "device_proof_required")

    @pytest.mark.parametrize("origin", ["https://evil.example", "null"])
    def test_a_browser_may_name_any_origin(self, browser, origin):
        challenged = browser.send(REFRESH, headers={**browser.named(), "Origin": origin})
        proof = browser.proven(challenge_in(challenged))
        assert browser.send(REFRESH, headers={**proof, "Origin": origin}).status == 200

    def test_with_two_refresh_cookies_there_is_nothing_to_renew(self, browser):
        answer = browser.send(REFRESH, headers={**browser.named(), **doubled(browser, REFRESH_COOKIE)})
        assert answer.json == {"continue": False}

    def test_a_refresh_token_that_will_never_be_good_is_a_reason_to_forget_it(self, browser, clock):
        header, payload, signature = browser.cookies[REFRESH_COOKIE].split(".")
        forged = {REFRESH_COOKIE: f"{header}.{payload}.{signature[::-1]}"}
        assert browser.send(REFRESH, cookies=forged).json == {"continue": False}
        clock.advance(1209600)
        assert browser.send(REFRESH).json == {"continue": False}

    def test_a_session_that_can_be_refreshed_no_more_is_one_too(self, browser, aws_clients, clock):
        """As where the table was restored to an earlier state, which is older than the token."""
        challenge = browser.challenged()
        dynamodb, _ = aws_clients
        (item,) = dynamodb.scan(TableName="lychgate-test-sessions")["Items"]
        item["idle_expires_at"] = {"N": str(int(clock()))}
        dynamodb.put_item(TableName="lychgate-test-sessions", Item=item)
        assert browser.send(REFRESH).json == {"continue": False}
        assert browser.renew(challenge).json == {"continue": False}

    def test_the_challenge_of_the_registration_renews_nothing(self, browser):
        browser.renew(browser.registration[1]).assert_problem(403, "device_proof_required")

    def test_nor_does_that_of_another_session(self, browser, new_browser):
        other = new_browser()
        other.log_in()
        other.bind()
        browser.renew(other.challenged()).assert_problem(403, "device_proof_required")

    def test_another_key_renews_nothing(self, browser):
        browser.key = ClientKey()
        browser.renew().assert_problem(400, "invalid_device_proof")

    def test_a_proof_that_names_its_own_key_renews_nothing(self, browser):
        browser.renew(header={"jwk": browser.key.jwk}).assert_problem(400, "invalid_device_proof")

    def test_a_browser_that_names_another_session_is_told_to_forget_that(self, browser, new_browser):
        named = {"Sec-Secure-Session-Id": browser.session["session_identifier"]}
        browser.log_in()
        browser.bind()
        assert browser.send(REFRESH, headers=named).json == {"continue": False}
        assert browser.renew().status == 200

    def test_a_refresh_token_that_cannot_be_verified_yet_is_no_reason_to_forget_it(self, browser):
        """Its key may be on the way to this process. A browser that is told to forget drops its key for good."""
        refresh_token = browser.cookies[REFRESH_COOKIE]
        header = segment(json.dumps({"alg": "ES256", "kid": "k" * 43, "typ": "refresh+jwt"}).encode())
        unknown = {REFRESH_COOKIE: ".".join([header, *refresh_token.split(".")[1:]])}
        browser.send(REFRESH, cookies=unknown, headers=browser.named()).assert_problem(503, "service_unavailable")
        assert browser.renew().status == 200

    def test_after_the_log_out_the_browser_is_told_to_forget_it(self, browser):
        cookies = dict(browser.cookies)
        assert browser.send("/auth/logout", {}).status == 204
        assert not {REFRESH_COOKIE, SHORT_COOKIE} & browser.cookies.keys()
        for held in (cookies, {}):
            answer = browser.send(REFRESH, cookies=held, headers=browser.named())
            assert (answer.status, answer.json) == (200, {"continue": False})

    def test_it_goes_on_where_the_site_has_turned_it_off_since(self, browser, settings, aws_clients, clock):
        dynamodb, ssm = aws_clients
        off = {**settings, "LYCHGATE_DBSC": "off"}
        browser.api = in_process(make_application(off, clients=clients_of(dynamodb=dynamodb, ssm=ssm), clock=clock))
        clock.advance(600)
        browser.refresh().assert_problem(400, "not_on_device")
        assert browser.renew().status == 200
        assert browser.refresh().status == 200


class TestEnd:
    def test_a_log_out_without_the_short_cookie_changes_nothing_for_the_owner(self, browser):
        stolen = browser.without_short_cookie()
        answer = browser.send("/auth/logout", {}, cookies=stolen)
        assert answer.status == 204
        assert browser.refresh().status == 200
        assert events_of(browser) == ["refresh_without_key", "registered"]

    @pytest.mark.parametrize("why", ["unreachable", "server_error", "quota_exceeded"])
    def test_a_log_out_while_the_browser_cannot_renew_the_short_cookie_is_to_come_again(self, browser, caplog, why):
        skipped = {"Secure-Session-Skipped": f"{why};session_identifier={browser.session['session_identifier']}"}
        answer = browser.send("/auth/logout", {}, cookies=browser.without_short_cookie(), headers=skipped)
        answer.assert_problem(503, "service_unavailable")
        assert answer.set_cookies == []
        assert answer.headers["retry-after"] == "1"
        assert f"the browser says {why}" in caplog.text
        assert events_of(browser) == ["refresh_without_key", "registered"]
        cookies = dict(browser.cookies)
        assert browser.send("/auth/logout", {}).status == 204
        browser.refresh(cookies=cookies).assert_problem(401, "invalid_grant")

    def test_one_that_needs_no_short_cookie_or_has_it_is_done(self, browser, new_browser):
        skipped = {"Secure-Session-Skipped": "unreachable"}
        plain = new_browser()
        plain.log_in()
        for each in (plain, browser):
            cookies = dict(each.cookies)
            assert each.send("/auth/logout", {}, headers=skipped).status == 204
            assert REFRESH_COOKIE not in each.cookies
            plain.refresh(cookies=cookies).assert_problem(401, "invalid_grant")

    def test_one_that_gives_no_such_reason_takes_the_cookies_away(self, browser):
        lacking = browser.without_short_cookie()
        for said in ("", "unknown_reason;session_identifier=x"):
            answer = browser.send("/auth/logout", {}, cookies=lacking, headers={"Secure-Session-Skipped": said})
            assert answer.status == 204
            assert answer.set_cookies != []

    def test_a_log_in_over_it_ends_the_session_only_on_its_device(self, api, browser, new_browser):
        thief = new_browser()
        thief.cookies = browser.without_short_cookie()
        thief.log_in()
        assert browser.refresh().status == 200
        browser.log_in()
        sessions = api.bearer("GET", "/auth/sessions", api.login().json["access_token"]).json["sessions"]
        assert [session["bound"] for session in sessions].count(True) == 0

    def test_a_new_password_begins_a_session_that_is_bound_anew(self, browser):
        token = browser.refresh().json["access_token"]
        change = {"current_password": PASSWORD, "new_password": "seven old oak boards", "token_delivery": "cookie"}
        answer = browser.send("/auth/password", change, method="PUT", headers={"Authorization": f"Bearer {token}"})
        assert answer.status == 200
        assert browser.bind().status == 200
        assert browser.refresh().status == 200
        browser.refresh(cookies=browser.without_short_cookie()).assert_problem(400, "not_on_device")
