"""Authenticator apps and recovery codes: adding and removing them, and the second step of a log-in."""

import re

import pytest

from tests.support.api_client import as_header
from tests.support.factors_over_http import (
    PASSWORD,
    STEP,
    App,
    begin_totp,
    claims_of,
    confirm_totp,
    factors_of,
    first_step,
    history,
    reauthenticate,
    second_step,
    with_totp,
)
from tests.support.mail_flows import ADDRESS, MINUTE, ask_for_code, forgot, reset, verify, with_address

NEW_PASSWORD = "a quite different passphrase"
FRESH_SECONDS = 900
CHALLENGE_SECONDS = 300
ENROLMENT_SECONDS = 600


@pytest.fixture
def alice(api):
    """The tokens of Alice."""
    return api.register("Alice").json


@pytest.fixture
def enrolled(api, clock, alice):
    """Alice's authenticator app and her recovery codes."""
    return with_totp(api, clock, alice["access_token"])


@pytest.fixture
def app(enrolled):
    return enrolled[0]


@pytest.fixture
def recovery_codes(enrolled):
    return enrolled[1]


class TestAnEnrolment:
    def test_begins_with_a_secret_that_an_app_can_read_and_stores_nothing(self, api, alice):
        begun = begin_totp(api, alice["access_token"])
        assert begun.status == 200
        assert set(begun.json) == {"secret", "uri", "pending", "expires_in"}
        assert begun.json["expires_in"] == ENROLMENT_SECONDS
        assert re.fullmatch(r"[A-Z2-7]{32}", begun.json["secret"])
        assert begun.json["uri"].startswith("otpauth://totp/")
        assert f"secret={begun.json['secret']}&" in begun.json["uri"]
        assert begun.headers["cache-control"] == "no-store"
        assert factors_of(api, alice["access_token"])["totp"] is None
        assert api.login().json["user"]["second_factor"] is False

    def test_ends_with_ten_recovery_codes_and_a_factor_that_the_user_has(self, api, clock, alice):
        begun = begin_totp(api, alice["access_token"]).json
        app = App(begun["secret"], clock)
        confirmed = confirm_totp(api, alice["access_token"], begun["pending"], app.code())
        assert confirmed.status == 200
        assert confirmed.headers["cache-control"] == "no-store"
        assert set(confirmed.json) == {"recovery_codes"}
        codes = confirmed.json["recovery_codes"]
        assert len(set(codes)) == 10
        assert all(len(code.replace("-", "")) == 26 for code in codes)
        assert factors_of(api, alice["access_token"]) == {
            "password": True,
            "totp": {"added_at": "2027-01-15T08:00:00Z"},
            "recovery_codes_left": 10,
            "passkeys": [],
        }
        assert api.me(alice["access_token"]).json["user"]["second_factor"] is True
        assert history(api, alice["access_token"])[0] == "second_factor_added"

    def test_ends_all_other_sessions_and_its_own_goes_on_by_both_factors(self, api, clock, alice):
        other = api.login().json
        with_totp(api, clock, alice["access_token"])
        api.me(other["access_token"]).assert_problem(401, "invalid_token")
        api.refresh(other["refresh_token"]).assert_problem(401, "invalid_grant")
        refreshed = api.refresh(alice["refresh_token"])
        assert refreshed.status == 200
        claims = claims_of(refreshed.json["access_token"])
        assert (claims["acr"], set(claims["amr"])) == ("aal2", {"pwd", "otp", "mfa"})

    def test_is_not_ended_by_a_wrong_code(self, api, clock, alice):
        begun = begin_totp(api, alice["access_token"]).json
        app = App(begun["secret"], clock)
        refused = confirm_totp(api, alice["access_token"], begun["pending"], app.wrong_code())
        refused.assert_problem(401, "invalid_code")
        assert factors_of(api, alice["access_token"])["totp"] is None
        assert confirm_totp(api, alice["access_token"], begun["pending"], app.code()).status == 200

    def test_takes_ten_minutes_at_most(self, api, clock, alice):
        begun = begin_totp(api, alice["access_token"]).json
        app = App(begun["secret"], clock)
        clock.advance(ENROLMENT_SECONDS)
        late = confirm_totp(api, alice["access_token"], begun["pending"], app.code())
        late.assert_problem(401, "invalid_token")  # as old as the access token
        access_token = api.refresh(alice["refresh_token"]).json["access_token"]
        confirm_totp(api, access_token, begun["pending"], app.code()).assert_problem(401, "invalid_challenge")

    def test_is_one_sessions_and_one_users(self, api, clock, alice):
        begun = begin_totp(api, alice["access_token"]).json
        code = App(begun["secret"], clock).code()
        strangers = (api.login().json, api.register("Bob").json)
        for tokens in strangers:
            refused = confirm_totp(api, tokens["access_token"], begun["pending"], code)
            refused.assert_problem(401, "invalid_challenge")
            assert factors_of(api, tokens["access_token"])["totp"] is None

    def test_is_used_once(self, api, clock, alice):
        begun = begin_totp(api, alice["access_token"]).json
        app = App(begun["secret"], clock)
        assert confirm_totp(api, alice["access_token"], begun["pending"], app.code()).status == 200
        again = confirm_totp(api, alice["access_token"], begun["pending"], app.next_code())
        again.assert_problem(401, "invalid_challenge")

    def test_uses_up_its_code(self, api, app):
        refused = second_step(api, first_step(api)["challenge"], code=app.code())
        refused.assert_problem(401, "invalid_code")

    def test_puts_another_app_and_other_codes_in_place_of_those_that_were_there(
        self, api, clock, alice, app, recovery_codes
    ):
        clock.advance(STEP)
        newer, _ = with_totp(api, clock, alice["access_token"])
        clock.advance(STEP)
        challenge = first_step(api)["challenge"]
        second_step(api, challenge, recovery_code=recovery_codes[0]).assert_problem(401, "invalid_code")
        if app.code() != newer.code():
            second_step(api, challenge, code=app.code()).assert_problem(401, "invalid_code")
        assert second_step(api, challenge, code=newer.code()).status == 200


class TestTheFirstStep:
    def test_logs_nobody_in_and_says_what_the_second_one_needs(self, api, app):
        answer = api.login(token_delivery="cookie")
        answer.assert_problem(403, "second_factor_required")
        assert answer.set_cookies == []
        assert set(answer.json) - {"type", "title", "status", "error", "detail"} == {
            "challenge",
            "methods",
            "expires_in",
        }
        assert answer.json["methods"] == ["totp", "recovery_code"]
        assert answer.json["expires_in"] == CHALLENGE_SECONDS
        assert "www-authenticate" not in answer.headers
        assert "x-amzn-remapped-www-authenticate" not in answer.headers
        answer.assert_hardened()

    def test_leaves_the_number_of_sessions_as_it_was(self, api, alice, app):
        first_step(api)
        assert len(api.bearer("GET", "/auth/sessions", alice["access_token"]).json["sessions"]) == 1
        assert "login_succeeded" not in history(api, alice["access_token"])

    @pytest.mark.usefixtures("app")
    def test_with_a_wrong_password_is_as_it_is_for_everybody(self, api):
        api.register("Bob")
        wrong = "wrong horse battery staple"
        answers = [api.login(name, wrong) for name in ("Alice", "Bob", "nobody")]
        assert len({(answer.status, answer.body, str(answer.headers)) for answer in answers}) == 1
        answers[0].assert_problem(401, "invalid_credentials")

    @pytest.mark.usefixtures("app")
    def test_has_another_challenge_each_time(self, api):
        assert first_step(api)["challenge"] != first_step(api)["challenge"]


class TestTheSecondStep:
    def test_with_a_code_begins_a_session_by_both_factors(self, api, app):
        answer = second_step(api, first_step(api)["challenge"], code=app.next_code())
        assert answer.status == 200
        assert set(answer.json) == {
            "access_token",
            "token_type",
            "expires_in",
            "refresh_token",
            "refresh_expires_in",
            "user",
        }
        assert answer.headers["cache-control"] == "no-store"
        assert answer.json["user"]["second_factor"] is True
        claims = claims_of(answer.json["access_token"])
        assert (claims["acr"], set(claims["amr"])) == ("aal2", {"pwd", "otp", "mfa"})
        assert history(api, answer.json["access_token"])[0] == "login_succeeded"
        assert api.bearer("POST", "/auth/logout-all", answer.json["access_token"]).status == 204

    def test_keeps_its_factors_through_a_refresh(self, api, app):
        tokens = second_step(api, first_step(api)["challenge"], code=app.next_code()).json
        claims = claims_of(api.refresh(tokens["refresh_token"]).json["access_token"])
        assert (claims["acr"], set(claims["amr"])) == ("aal2", {"pwd", "otp", "mfa"})

    def test_takes_a_code_of_one_step_either_way_and_of_no_other(self, api, clock, app):
        clock.advance(10 * STEP)
        for steps in (-2, 2):
            second_step(api, first_step(api)["challenge"], code=app.code(steps)).assert_problem(401, "invalid_code")
        for steps in (-1, 0, 1):
            assert second_step(api, first_step(api)["challenge"], code=app.code(steps)).status == 200

    def test_takes_a_code_once_and_none_from_before_it(self, api, clock, app):
        clock.advance(10 * STEP)
        assert second_step(api, first_step(api)["challenge"], code=app.code()).status == 200
        for steps in (0, -1):
            second_step(api, first_step(api)["challenge"], code=app.code(steps)).assert_problem(401, "invalid_code")
        assert second_step(api, first_step(api)["challenge"], code=app.next_code()).status == 200

    def test_ignores_spaces_in_a_code(self, api, app):
        code = app.next_code()
        assert second_step(api, first_step(api)["challenge"], code=f" {code[:3]} {code[3:]} ").status == 200

    def test_with_a_recovery_code_begins_a_session_and_uses_it_up(self, api, recovery_codes):
        answer = second_step(api, first_step(api)["challenge"], recovery_code=recovery_codes[3])
        assert answer.status == 200
        access_token = answer.json["access_token"]
        assert claims_of(access_token)["acr"] == "aal2"
        assert factors_of(api, access_token)["recovery_codes_left"] == 9
        assert set(history(api, access_token)[:2]) == {"login_succeeded", "recovery_code_used"}
        again = second_step(api, first_step(api)["challenge"], recovery_code=recovery_codes[3])
        again.assert_problem(401, "invalid_code")
        assert second_step(api, first_step(api)["challenge"], recovery_code=recovery_codes[4]).status == 200

    def test_takes_a_recovery_code_however_it_is_typed(self, api, recovery_codes):
        spellings = (recovery_codes[0].upper(), recovery_codes[1].replace("-", " "), recovery_codes[2].replace("-", ""))
        for spelling in spellings:
            assert second_step(api, first_step(api)["challenge"], recovery_code=spelling).status == 200

    def test_without_recovery_codes_offers_none(self, api, recovery_codes):
        for code in recovery_codes:
            assert second_step(api, first_step(api)["challenge"], recovery_code=code).status == 200
        assert first_step(api)["methods"] == ["totp"]

    def test_puts_the_refresh_token_into_the_cookie_and_remembers_the_device(self, api, clock, app):
        before = second_step(api, first_step(api)["challenge"], code=app.next_code(), token_delivery="cookie")
        assert "refresh_token" not in before.json
        assert {cookie.key.removeprefix("__Host-") for cookie in before.cookies} == {"refresh_token", "device"}
        headers = {"Cookie": as_header(*before.cookies)}
        challenge = first_step(api)["challenge"]
        after = second_step(api, challenge, code=app.next_code(), token_delivery="cookie", headers=headers)
        assert after.status == 200
        api.me(before.json["access_token"]).assert_problem(401, "invalid_token")
        assert api.refresh(cookie=after.cookie).status == 200

    def test_gives_a_page_of_another_origin_no_cookie_and_uses_nothing_up(self, api, app):
        headers = {"Origin": "https://evil.example"}
        challenge, code = first_step(api)["challenge"], app.next_code()
        foreign = second_step(api, challenge, code=code, token_delivery="cookie", headers=headers)
        foreign.assert_problem(403, "origin_rejected")
        assert second_step(api, challenge, code=code).status == 200

    def test_uses_its_challenge_once(self, api, app):
        challenge = first_step(api)["challenge"]
        assert second_step(api, challenge, code=app.next_code()).status == 200
        second_step(api, challenge, code=app.next_code()).assert_problem(401, "invalid_challenge")

    def test_comes_within_five_minutes(self, api, clock, app):
        in_time = first_step(api)["challenge"]
        clock.advance(CHALLENGE_SECONDS - STEP - 1)
        assert second_step(api, in_time, code=app.next_code()).status == 200
        late = first_step(api)["challenge"]
        clock.advance(CHALLENGE_SECONDS - STEP)
        second_step(api, late, code=app.next_code()).assert_problem(401, "invalid_challenge")

    def test_may_be_tried_five_times(self, api, app):
        challenge = first_step(api)["challenge"]
        for _ in range(4):
            second_step(api, challenge, code=app.wrong_code()).assert_problem(401, "invalid_code")
        assert second_step(api, challenge, code=app.next_code()).status == 200
        challenge = first_step(api)["challenge"]
        for _ in range(5):
            second_step(api, challenge, code=app.wrong_code()).assert_problem(401, "invalid_code")
        second_step(api, challenge, code=app.next_code()).assert_problem(401, "invalid_challenge")

    def test_is_in_the_history_where_it_was_wrong(self, api, alice, app):
        second_step(api, first_step(api)["challenge"], code=app.wrong_code())
        assert history(api, alice["access_token"])[0] == "second_factor_failed"

    def test_may_be_tried_twenty_times_an_hour_and_an_hour_later_again(self, api, clock, alice, app):
        for _ in range(4):
            challenge = first_step(api)["challenge"]
            for _ in range(5):
                second_step(api, challenge, code=app.wrong_code()).assert_problem(401, "invalid_code")
        refused = second_step(api, first_step(api)["challenge"], code=app.next_code())
        refused.assert_problem(429, "too_many_attempts")
        assert 1 <= int(refused.headers["retry-after"]) <= 3600
        assert api.refresh(alice["refresh_token"]).status == 200
        clock.advance(int(refused.headers["retry-after"]))
        assert second_step(api, first_step(api)["challenge"], code=app.next_code()).status == 200

    def test_takes_no_try_when_it_is_right(self, api, app):
        for _ in range(21):
            assert second_step(api, first_step(api)["challenge"], code=app.next_code()).status == 200

    def test_is_void_once_the_password_has_changed(self, api, alice, app):
        challenge = first_step(api)["challenge"]
        passwords = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
        assert api.bearer("PUT", "/auth/password", alice["access_token"], passwords).status == 200
        second_step(api, challenge, code=app.next_code()).assert_problem(401, "invalid_challenge")

    def test_is_void_once_all_sessions_have_ended(self, api, alice, app):
        challenge = first_step(api)["challenge"]
        assert api.bearer("POST", "/auth/logout-all", alice["access_token"]).status == 204
        second_step(api, challenge, code=app.next_code()).assert_problem(401, "invalid_challenge")

    def test_is_void_once_the_account_is_gone(self, api, alice, app):
        challenge = first_step(api)["challenge"]
        api.bearer("POST", "/auth/delete-account", alice["access_token"], {"password": PASSWORD})
        api.register("Alice")
        second_step(api, challenge, code=app.next_code()).assert_problem(401, "invalid_challenge")

    def test_takes_the_code_of_its_own_user_only(self, api, clock, app):
        with_totp(api, clock, api.register("Bob").json["access_token"])
        clock.advance(10 * STEP)
        of_bob = first_step(api, "Bob")["challenge"]
        second_step(api, of_bob, code=app.code()).assert_problem(401, "invalid_code")
        assert second_step(api, first_step(api)["challenge"], code=app.code()).status == 200


class TestAFreshSession:
    def test_needs_both_factors_again_when_it_is_old(self, api, clock, alice, app):
        clock.advance(FRESH_SECONDS + 1)
        access_token = api.refresh(alice["refresh_token"]).json["access_token"]
        stale = api.bearer("DELETE", "/auth/totp", access_token)
        stale.assert_problem(401, "insufficient_user_authentication")
        assert (stale.json["max_age"], stale.json["acr_values"]) == (FRESH_SECONDS, "aal2")
        assert 'acr_values="aal2"' in stale.challenge
        reauthenticate(api, access_token, password=PASSWORD).assert_problem(403, "second_factor_required")
        wrong = reauthenticate(api, access_token, password=PASSWORD, code=app.wrong_code())
        wrong.assert_problem(401, "invalid_code")
        wrong = reauthenticate(api, access_token, password="wrong horse battery staple", code=app.next_code())
        wrong.assert_problem(401, "invalid_credentials")
        api.bearer("DELETE", "/auth/totp", access_token).assert_problem(401, "insufficient_user_authentication")
        clock.advance(1)
        answer = reauthenticate(api, access_token, password=PASSWORD, code=app.next_code())
        assert answer.status == 200
        assert claims_of(answer.json["access_token"])["acr"] == "aal2"
        assert set(claims_of(answer.json["access_token"])["amr"]) == {"pwd", "otp", "mfa"}
        assert api.bearer("DELETE", "/auth/totp", answer.json["access_token"]).status == 204

    def test_uses_up_the_code_that_made_it_fresh(self, api, alice, app):
        code = app.next_code()
        assert reauthenticate(api, alice["access_token"], password=PASSWORD, code=code).status == 200
        again = reauthenticate(api, alice["access_token"], password=PASSWORD, code=code)
        again.assert_problem(401, "invalid_code")
        second_step(api, first_step(api)["challenge"], code=code).assert_problem(401, "invalid_code")

    def test_takes_no_code_where_no_factor_is(self, api, alice):
        answer = reauthenticate(api, alice["access_token"], password=PASSWORD, code="123456")
        assert answer.status == 200
        assert claims_of(answer.json["access_token"])["acr"] == "aal1"

    def test_is_needed_for_a_new_password_and_to_delete_the_account(self, api, clock, alice, app):
        clock.advance(FRESH_SECONDS + 1)
        access_token = api.refresh(alice["refresh_token"]).json["access_token"]
        passwords = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
        for method, path, members in (
            ("PUT", "/auth/password", passwords),
            ("POST", "/auth/delete-account", {"password": PASSWORD}),
        ):
            stale = api.bearer(method, path, access_token, members)
            stale.assert_problem(401, "insufficient_user_authentication")
            assert stale.json["acr_values"] == "aal2"
        fresh = reauthenticate(api, access_token, password=PASSWORD, code=app.next_code()).json["access_token"]
        changed = api.bearer("PUT", "/auth/password", fresh, passwords)
        assert changed.status == 200
        assert claims_of(changed.json["access_token"])["acr"] == "aal2"
        gone = api.bearer("POST", "/auth/delete-account", changed.json["access_token"], {"password": NEW_PASSWORD})
        assert gone.status == 204

    def test_is_not_needed_for_them_without_a_second_factor(self, api, clock, alice):
        clock.advance(FRESH_SECONDS + 1)
        access_token = api.refresh(alice["refresh_token"]).json["access_token"]
        passwords = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
        assert api.bearer("PUT", "/auth/password", access_token, passwords).status == 200


class TestWhatIsRemoved:
    def test_is_asked_for_no_more(self, api, alice, app):
        assert api.bearer("DELETE", "/auth/totp", alice["access_token"]).status == 204
        found = factors_of(api, alice["access_token"])
        assert (found["totp"], found["recovery_codes_left"]) == (None, 0)
        assert history(api, alice["access_token"])[0] == "second_factor_removed"
        answer = api.login()
        assert (answer.status, answer.json["user"]["second_factor"]) == (200, False)
        api.bearer("DELETE", "/auth/totp", alice["access_token"]).assert_problem(404, "not_found")

    def test_makes_a_second_step_void_that_was_asked_for_before(self, api, alice, app, recovery_codes):
        challenge = first_step(api)["challenge"]
        assert api.bearer("DELETE", "/auth/totp", alice["access_token"]).status == 204
        for proof in ({"code": app.next_code()}, {"recovery_code": recovery_codes[0]}):
            assert second_step(api, challenge, **proof).status == 401


class TestNewRecoveryCodes:
    def test_take_the_place_of_the_old_ones(self, api, alice, recovery_codes):
        answer = api.bearer("POST", "/auth/recovery-codes", alice["access_token"])
        assert answer.status == 200
        assert answer.headers["cache-control"] == "no-store"
        newer = answer.json["recovery_codes"]
        assert len(set(newer)) == 10
        assert not set(newer) & set(recovery_codes)
        challenge = first_step(api)["challenge"]
        second_step(api, challenge, recovery_code=recovery_codes[0]).assert_problem(401, "invalid_code")
        assert second_step(api, challenge, recovery_code=newer[0]).status == 200

    def test_are_made_beside_an_app_only(self, api, alice):
        api.bearer("POST", "/auth/recovery-codes", alice["access_token"]).assert_problem(409, "conflict")


class TestByMail:
    def test_a_mailed_code_is_a_first_step_too(self, api, clock, mailbox):
        alice = with_address(api, mailbox, clock)
        app, _ = with_totp(api, clock, alice["access_token"])
        mailbox.all()
        challenge = ask_for_code(api, "Alice").json["challenge"]
        mailed = mailbox.code(ADDRESS)
        answer = verify(api, challenge, mailed)
        answer.assert_problem(403, "second_factor_required")
        done = second_step(api, answer.json["challenge"], code=app.next_code())
        assert done.status == 200
        claims = claims_of(done.json["access_token"])
        assert (claims["acr"], set(claims["amr"])) == ("aal2", {"email", "otp", "mfa"})
        verify(api, challenge, mailed).assert_problem(401, "invalid_challenge")

    def test_a_new_password_by_a_mailed_link_logs_nobody_in_and_leaves_the_factor(self, api, clock, mailbox):
        alice = with_address(api, mailbox, clock)
        app, _ = with_totp(api, clock, alice["access_token"])
        mailbox.all()
        forgot(api, "Alice")
        answer = reset(api, mailbox.token(ADDRESS, "reset"), NEW_PASSWORD)
        assert (answer.status, answer.json) == (204, None)
        asked = first_step(api, password=NEW_PASSWORD)
        assert second_step(api, asked["challenge"], code=app.next_code()).status == 200

    def test_the_user_is_told_of_what_has_happened(self, api, clock, mailbox):
        alice = with_address(api, mailbox, clock)
        sent = len(mailbox.all(ADDRESS))
        _, codes = with_totp(api, clock, alice["access_token"])
        clock.advance(MINUTE)
        assert second_step(api, first_step(api)["challenge"], recovery_code=codes[0]).status == 200
        assert api.bearer("POST", "/auth/recovery-codes", alice["access_token"]).status == 200
        assert api.bearer("DELETE", "/auth/totp", alice["access_token"]).status == 204
        assert len(mailbox.all(ADDRESS)) == sent + 4
