"""Passkeys: adding, naming and removing them, logging in with one, and the second step with one."""

import pytest

from tests.support.api_client import SITE_ORIGIN, as_header
from tests.support.authenticator import EDDSA, ES256, RS256, AlreadyRegistered, Authenticator, NotAllowed, decoded
from tests.support.factors_over_http import (
    PASSWORD,
    add_passkey,
    claims_of,
    creation,
    factors_of,
    first_step,
    history,
    log_in_with_passkey,
    proof_of,
    reauthenticate,
    request_options,
    second_step,
    with_passkey,
    with_totp,
)
from tests.support.mail_flows import ADDRESS, with_address

CHALLENGE_SECONDS = 300
FRESH_SECONDS = 900
RP_ID = "site.example"


@pytest.fixture
def alice(api):
    """The tokens of Alice."""
    return api.register("Alice").json


@pytest.fixture
def authenticator():
    return Authenticator()


@pytest.fixture
def passkey(api, alice, authenticator):
    """Alice's passkey, as the API shows it."""
    return with_passkey(api, alice["access_token"], authenticator, label="Phone")


class TestANewPasskey:
    def test_is_asked_for_with_options_that_browsers_take_and_nothing_is_stored(self, api, alice):
        asked = creation(api, alice["access_token"])
        assert asked.status == 200
        assert set(asked.json) == {"challenge", "publicKey"}
        assert asked.headers["cache-control"] == "no-store"
        options = asked.json["publicKey"]
        assert options["rp"]["id"] == RP_ID
        assert options["user"]["name"] == "Alice"
        assert decoded(options["user"]["id"])
        assert options["excludeCredentials"] == []
        selection = options["authenticatorSelection"]
        assert (selection["residentKey"], selection["userVerification"]) == ("required", "required")
        assert options["attestation"] == "none"
        assert [parameters["alg"] for parameters in options["pubKeyCredParams"]] == [ES256, EDDSA, RS256]
        assert factors_of(api, alice["access_token"])["passkeys"] == []

    @pytest.mark.parametrize("algorithm", [ES256, EDDSA, RS256])
    def test_is_added_and_logs_in(self, api, alice, algorithm):
        authenticator = Authenticator(algorithm=algorithm)
        added = add_passkey(api, alice["access_token"], authenticator, label=" Phone ")
        assert added.status == 201
        assert set(added.json) == {"passkey"}
        passkey = added.json["passkey"]
        assert set(passkey) == {"id", "label", "created_at", "last_used_at", "backed_up"}
        assert decoded(passkey["id"]) == authenticator.credentials[0].id
        assert (passkey["label"], passkey["last_used_at"], passkey["backed_up"]) == ("Phone", None, True)
        assert passkey["created_at"] == "2027-01-15T08:00:00Z"
        assert factors_of(api, alice["access_token"])["passkeys"] == [passkey]
        assert history(api, alice["access_token"])[0] == "passkey_added"
        assert log_in_with_passkey(api, authenticator).status == 200

    def test_is_named_by_the_day_if_it_gets_no_name(self, api, alice, authenticator):
        assert "2027-01-15" in with_passkey(api, alice["access_token"], authenticator)["label"]

    def test_asks_for_no_second_factor_at_a_log_in_with_the_password(self, api, alice, passkey):
        answer = api.login()
        assert (answer.status, answer.json["user"]["second_factor"]) == (200, False)
        assert claims_of(answer.json["access_token"])["acr"] == "aal1"

    def test_is_the_only_one_of_its_authenticator(self, api, alice, authenticator, passkey):
        options = creation(api, alice["access_token"]).json["publicKey"]
        assert [known["id"] for known in options["excludeCredentials"]] == [passkey["id"]]
        with pytest.raises(AlreadyRegistered):
            authenticator.create(options, SITE_ORIGIN)

    def test_is_added_once(self, api, alice, authenticator):
        asked = creation(api, alice["access_token"]).json
        credential = authenticator.create(asked["publicKey"], SITE_ORIGIN)
        members = {"challenge": asked["challenge"], "credential": credential}
        assert api.bearer("POST", "/auth/passkeys", alice["access_token"], members).status == 201
        again = api.bearer("POST", "/auth/passkeys", alice["access_token"], members)
        again.assert_problem(again.status, again.error)
        assert (again.status, again.error) in {(401, "invalid_challenge"), (409, "conflict")}
        assert len(factors_of(api, alice["access_token"])["passkeys"]) == 1

    def test_that_somebody_has_is_nobody_elses(self, api, alice, authenticator, passkey):
        bob = api.register("Bob").json
        asked = creation(api, bob["access_token"]).json
        imitation = Authenticator(new_id=authenticator.credentials[0].id)
        credential = imitation.create(asked["publicKey"], SITE_ORIGIN)
        members = {"challenge": asked["challenge"], "credential": credential}
        api.bearer("POST", "/auth/passkeys", bob["access_token"], members).assert_problem(409, "conflict")
        assert factors_of(api, bob["access_token"])["passkeys"] == []
        assert log_in_with_passkey(api, authenticator).json["user"]["username"] == "Alice"

    def test_answers_the_options_of_its_own_session_only(self, api, alice, authenticator):
        asked = creation(api, alice["access_token"]).json
        credential = authenticator.create(asked["publicKey"], SITE_ORIGIN)
        members = {"challenge": asked["challenge"], "credential": credential}
        for tokens in (api.login().json, api.register("Bob").json):
            refused = api.bearer("POST", "/auth/passkeys", tokens["access_token"], members)
            refused.assert_problem(401, "invalid_challenge")

    def test_answers_within_five_minutes(self, api, clock, alice, authenticator):
        asked = creation(api, alice["access_token"]).json
        credential = authenticator.create(asked["publicKey"], SITE_ORIGIN)
        clock.advance(CHALLENGE_SECONDS)
        members = {"challenge": asked["challenge"], "credential": credential}
        refused = api.bearer("POST", "/auth/passkeys", alice["access_token"], members)
        refused.assert_problem(401, "invalid_challenge")

    def test_is_one_of_ten_at_most(self, api, alice):
        for _ in range(10):
            with_passkey(api, alice["access_token"], Authenticator())
        creation(api, alice["access_token"]).assert_problem(409, "conflict")

    @pytest.mark.parametrize(
        ("behaviour", "error"),
        [
            ({"user_verified": False}, "invalid_code"),
            ({"user_present": False}, "invalid_code"),
            ({"rp_id": "evil.example"}, "invalid_code"),
            ({"cross_origin": True}, "invalid_code"),
            ({"top_origin": "https://evil.example"}, "invalid_code"),
            ({"backup_eligible": False, "backed_up": True}, "invalid_code"),
        ],
    )
    def test_of_an_authenticator_that_does_not_do_as_it_should_is_refused(self, api, alice, behaviour, error):
        refused = add_passkey(api, alice["access_token"], Authenticator(**behaviour))
        refused.assert_problem(401, error)
        assert factors_of(api, alice["access_token"])["passkeys"] == []

    @pytest.mark.parametrize("origin", ["https://evil.example", "https://other.example", "http://site.example", "null"])
    def test_made_on_a_page_of_another_origin_is_refused(self, api, alice, authenticator, origin):
        refused = add_passkey(api, alice["access_token"], authenticator, origin=origin)
        refused.assert_problem(401, "invalid_code")


class TestALogInWithAPasskey:
    def test_is_asked_for_with_options_that_name_nobody(self, api, passkey):
        asked = api.post("/auth/login/passkey/options")
        assert asked.headers["cache-control"] == "no-store"
        assert set(asked.json) == {"challenge", "publicKey"}
        options = asked.json["publicKey"]
        assert (options["rpId"], options["userVerification"]) == (RP_ID, "required")
        assert not options.get("allowCredentials")
        assert api.request("POST", "/auth/login/passkey/options").status == 200

    def test_begins_a_session_by_two_factors_without_a_username(self, api, clock, authenticator, passkey):
        clock.advance(60)
        answer = log_in_with_passkey(api, authenticator)
        assert answer.status == 200
        assert answer.json["user"]["username"] == "Alice"
        assert answer.json["refresh_token"]
        claims = claims_of(answer.json["access_token"])
        assert (claims["acr"], set(claims["amr"])) == ("aal2", {"swk", "mfa", "user"})
        assert history(api, answer.json["access_token"])[0] == "login_succeeded"
        (used,) = factors_of(api, answer.json["access_token"])["passkeys"]
        assert used == {**passkey, "last_used_at": "2027-01-15T08:01:00Z"}

    def test_says_of_a_passkey_that_cannot_leave_its_device_that_it_is_hardware(self, api, alice):
        authenticator = Authenticator(backup_eligible=False, backed_up=False)
        assert with_passkey(api, alice["access_token"], authenticator)["backed_up"] is False
        answer = log_in_with_passkey(api, authenticator)
        assert set(claims_of(answer.json["access_token"])["amr"]) == {"hwk", "mfa", "user"}

    def test_asks_for_no_second_factor_beside_it(self, api, clock, alice, authenticator, passkey):
        with_totp(api, clock, alice["access_token"])
        assert log_in_with_passkey(api, authenticator).status == 200

    def test_puts_the_refresh_token_into_the_cookie_and_remembers_the_device(self, api, authenticator, passkey):
        before = log_in_with_passkey(api, authenticator, token_delivery="cookie")
        assert "refresh_token" not in before.json
        assert {cookie.key.removeprefix("__Host-") for cookie in before.cookies} == {"refresh_token", "device"}
        headers = {"Cookie": as_header(*before.cookies)}
        after = log_in_with_passkey(api, authenticator, token_delivery="cookie", headers=headers)
        assert after.status == 200
        api.me(before.json["access_token"]).assert_problem(401, "invalid_token")

    def test_gives_a_page_of_another_origin_no_cookie_and_uses_nothing_up(self, api, authenticator, passkey):
        proof = proof_of(api, authenticator)
        headers = {"Origin": "https://evil.example"}
        foreign = api.post("/auth/login/passkey", {**proof, "token_delivery": "cookie"}, headers=headers)
        foreign.assert_problem(403, "origin_rejected")
        assert api.post("/auth/login/passkey", proof).status == 200

    def test_uses_its_challenge_once(self, api, authenticator, passkey):
        proof = proof_of(api, authenticator)
        assert api.post("/auth/login/passkey", proof).status == 200
        api.post("/auth/login/passkey", proof).assert_problem(401, "invalid_challenge")

    def test_comes_within_five_minutes(self, api, clock, authenticator, passkey):
        in_time, late = proof_of(api, authenticator), proof_of(api, authenticator)
        clock.advance(CHALLENGE_SECONDS - 1)
        assert api.post("/auth/login/passkey", in_time).status == 200
        clock.advance(1)
        api.post("/auth/login/passkey", late).assert_problem(401, "invalid_challenge")

    def test_answers_the_challenge_that_it_comes_with(self, api, authenticator, passkey):
        proof, other = proof_of(api, authenticator), request_options(api)["challenge"]
        refused = api.post("/auth/login/passkey", {**proof, "challenge": other})
        refused.assert_problem(401, "invalid_challenge")

    def test_with_a_counter_takes_no_answer_of_a_copy(self, api, alice):
        authenticator = Authenticator(counts=True)
        with_passkey(api, alice["access_token"], authenticator)
        assert log_in_with_passkey(api, authenticator).status == 200
        assert log_in_with_passkey(api, authenticator).status == 200
        for fallen in (-3, -1):
            authenticator.credentials[0].sign_count += fallen
            log_in_with_passkey(api, authenticator).assert_problem(401, "invalid_code")
        authenticator.counts = False  # also to zero
        log_in_with_passkey(api, authenticator).assert_problem(401, "invalid_code")

    @pytest.mark.parametrize(
        "behaviour",
        [
            {"user_verified": False},
            {"user_present": False},
            {"rp_id": "evil.example"},
            {"cross_origin": True},
            {"says_user_handle": False},
            {"backup_eligible": False, "backed_up": False},
        ],
        ids=str,
    )
    def test_of_an_authenticator_that_does_not_do_as_it_should_is_refused(self, api, authenticator, passkey, behaviour):
        for name, value in behaviour.items():
            setattr(authenticator, name, value)
        log_in_with_passkey(api, authenticator).assert_problem(401, "invalid_code")

    def test_by_another_key_is_refused(self, api, alice, authenticator, passkey):
        stranger = Authenticator(new_id=authenticator.credentials[0].id)
        stranger.create(
            creation(api, alice["access_token"]).json["publicKey"] | {"excludeCredentials": []}, SITE_ORIGIN
        )
        log_in_with_passkey(api, stranger).assert_problem(401, "invalid_code")

    def test_by_a_passkey_that_nobody_has_is_refused(self, api, alice, authenticator):
        options = creation(api, alice["access_token"]).json["publicKey"]
        authenticator.create(options, SITE_ORIGIN)
        log_in_with_passkey(api, authenticator).assert_problem(401, "invalid_code")

    def test_is_over_with_the_account(self, api, alice, authenticator, passkey):
        api.bearer("POST", "/auth/delete-account", alice["access_token"], {"password": PASSWORD})
        api.register("Alice")
        log_in_with_passkey(api, authenticator).assert_problem(401, "invalid_code")


class TestTheSecondStepWithAPasskey:
    def test_has_options_of_its_own_for_the_users_passkeys(self, api, clock, alice, authenticator, passkey):
        with_totp(api, clock, alice["access_token"])
        asked = first_step(api)
        assert asked["methods"] == ["totp", "recovery_code", "passkey"]
        assert [known["id"] for known in asked["publicKey"]["allowCredentials"]] == [passkey["id"]]
        answer = authenticator.get(asked["publicKey"], SITE_ORIGIN)
        done = second_step(api, asked["challenge"], credential=answer)
        assert done.status == 200
        claims = claims_of(done.json["access_token"])
        assert claims["acr"] == "aal2"
        assert {"pwd", "mfa", "swk"} <= set(claims["amr"])
        assert second_step(api, asked["challenge"], credential=answer).error == "invalid_challenge"

    def test_takes_no_answer_to_the_options_of_a_log_in(self, api, clock, alice, authenticator, passkey):
        with_totp(api, clock, alice["access_token"])
        proof = proof_of(api, authenticator)
        second_step(api, proof["challenge"], credential=proof["credential"]).assert_problem(401, "invalid_challenge")
        refused = second_step(api, first_step(api)["challenge"], credential=proof["credential"])
        refused.assert_problem(401, "invalid_challenge")

    def test_takes_nobody_elses_passkey(self, api, clock, alice, passkey):
        with_totp(api, clock, alice["access_token"])
        bobs = Authenticator()
        with_passkey(api, api.register("Bob").json["access_token"], bobs)
        asked = first_step(api)
        with pytest.raises(NotAllowed):
            bobs.get(asked["publicKey"], SITE_ORIGIN)
        answer = bobs.get(asked["publicKey"], SITE_ORIGIN, credential=bobs.credentials[0])
        second_step(api, asked["challenge"], credential=answer).assert_problem(401, "invalid_code")


class TestAReauthenticationWithAPasskey:
    def test_makes_a_session_fresh_and_reaches_both_factors(self, api, clock, alice, authenticator, passkey):
        clock.advance(FRESH_SECONDS + 1)
        access_token = api.refresh(alice["refresh_token"]).json["access_token"]
        api.bearer("POST", "/auth/totp", access_token).assert_problem(401, "insufficient_user_authentication")
        answer = reauthenticate(api, access_token, **proof_of(api, authenticator))
        assert answer.status == 200
        assert claims_of(answer.json["access_token"])["acr"] == "aal2"
        assert api.bearer("POST", "/auth/totp", answer.json["access_token"]).status == 200

    def test_may_answer_what_asked_for_the_second_factor(self, api, clock, alice, authenticator, passkey):
        with_totp(api, clock, alice["access_token"])
        asked = reauthenticate(api, alice["access_token"], password=PASSWORD)
        asked.assert_problem(403, "second_factor_required")
        credential = authenticator.get(asked.json["publicKey"], SITE_ORIGIN)
        proof = {"challenge": asked.json["challenge"], "credential": credential}
        second_step(api, **proof).assert_problem(401, "invalid_challenge")
        other = log_in_with_passkey(api, authenticator).json["access_token"]
        reauthenticate(api, other, **proof).assert_problem(401, "invalid_challenge")
        assert reauthenticate(api, alice["access_token"], **proof).status == 200

    def test_uses_its_challenge_once(self, api, alice, authenticator, passkey):
        proof = proof_of(api, authenticator)
        assert reauthenticate(api, alice["access_token"], **proof).status == 200
        reauthenticate(api, alice["access_token"], **proof).assert_problem(401, "invalid_challenge")
        api.post("/auth/login/passkey", proof).assert_problem(401, "invalid_challenge")

    def test_takes_nobody_elses_passkey(self, api, alice, authenticator, passkey):
        bob = api.register("Bob").json
        reauthenticate(api, bob["access_token"], **proof_of(api, authenticator)).assert_problem(401, "invalid_code")


class TestAPasskeysName:
    def test_is_what_the_user_says(self, api, alice, passkey):
        path = f"/auth/passkeys/{passkey['id']}"
        renamed = api.bearer("PATCH", path, alice["access_token"], {"label": "  Mein Schlüssel 🔑 "})
        assert (renamed.status, renamed.json) == (200, {"passkey": {**passkey, "label": "Mein Schlüssel 🔑"}})
        assert factors_of(api, alice["access_token"])["passkeys"] == [renamed.json["passkey"]]

    def test_needs_no_fresh_session(self, api, clock, alice, passkey):
        clock.advance(FRESH_SECONDS + 1)
        access_token = api.refresh(alice["refresh_token"]).json["access_token"]
        path = f"/auth/passkeys/{passkey['id']}"
        assert api.bearer("PATCH", path, access_token, {"label": "Key"}).status == 200
        api.bearer("DELETE", path, access_token).assert_problem(401, "insufficient_user_authentication")

    def test_is_given_by_its_own_user_only(self, api, alice, passkey):
        bob = api.register("Bob").json["access_token"]
        path = f"/auth/passkeys/{passkey['id']}"
        api.bearer("PATCH", path, bob, {"label": "Mine"}).assert_problem(404, "not_found")
        api.bearer("DELETE", path, bob).assert_problem(404, "not_found")
        assert factors_of(api, alice["access_token"])["passkeys"] == [passkey]


class TestAPasskeyThatIsRemoved:
    def test_logs_in_no_more(self, api, alice, authenticator, passkey):
        path = f"/auth/passkeys/{passkey['id']}"
        assert api.bearer("DELETE", path, alice["access_token"]).status == 204
        assert factors_of(api, alice["access_token"])["passkeys"] == []
        assert history(api, alice["access_token"])[0] == "passkey_removed"
        log_in_with_passkey(api, authenticator).assert_problem(401, "invalid_code")
        api.bearer("DELETE", path, alice["access_token"]).assert_problem(404, "not_found")

    def test_is_told_by_mail_and_so_was_its_addition(self, api, clock, mailbox, authenticator):
        tokens = with_address(api, mailbox, clock)
        sent = len(mailbox.all(ADDRESS))
        passkey = with_passkey(api, tokens["access_token"], authenticator)
        assert api.bearer("DELETE", f"/auth/passkeys/{passkey['id']}", tokens["access_token"]).status == 204
        assert len(mailbox.all(ADDRESS)) == sent + 2
