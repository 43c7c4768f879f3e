"""A site where the address is the username: an account exists once its address is confirmed."""

import bcrypt
import pytest

from chalicelib.adapters.dynamodb.items import user_key
from tests.support.api_client import as_header, in_process
from tests.support.application import application as make_application
from tests.support.application import clients_of
from tests.support.authenticator import Authenticator
from tests.support.factors_over_http import (
    claims_of,
    factors_of,
    log_in_with_passkey,
    proof_of,
    reauthenticate,
    second_step,
    with_passkey,
    with_totp,
)
from tests.support.mail_flows import (
    ADDRESS,
    MINUTE,
    NEW_PASSWORD,
    NO_ADDRESSES,
    OTHER_ADDRESS,
    PASSWORD,
    ask_for_code,
    confirm,
    forgot,
    reset,
    spoilt,
    verify,
)

HOUR = 3600


@pytest.fixture(autouse=True)
def by_address(settings):
    settings["LYCHGATE_IDENTIFIER"] = "email"


def register(api, email=ADDRESS, password=PASSWORD, **headers):
    return api.post("/auth/register", {"email": email, "password": password}, headers=headers)


def confirm_registration(api, token, *, headers=None, **members):
    return api.post("/auth/register/confirm", {"token": token, **members}, headers=headers)


@pytest.fixture
def token(api, mailbox):
    """What was mailed to confirm a registration."""
    assert register(api).status == 202
    return mailbox.token(ADDRESS, "register")


@pytest.fixture
def alice(api, mailbox, clock, token):
    """The tokens of Alice, a minute after her registration."""
    tokens = confirm_registration(api, token).json
    clock.advance(MINUTE)
    return tokens


def user(api, tokens):
    return api.me(tokens["access_token"]).json["user"]


def change(api, tokens, email):
    return api.bearer("PUT", "/auth/email", tokens["access_token"], {"email": email})


def test_the_options_say_so(api):
    options = api.request("GET", "/auth/options").json
    assert (options["identifier"], options["email"]) == ("email", "required")
    assert options["methods"] == ["password", "passkey", "email_code"]


def test_an_account_exists_once_its_address_is_confirmed(api, mailbox):
    answer = register(api)
    assert (answer.status, answer.json) == (202, {"expires_in": HOUR})
    assert answer.cookies == []
    api.login(ADDRESS).assert_problem(401, "invalid_credentials")
    confirmed = confirm_registration(api, mailbox.token(ADDRESS, "register"))
    assert confirmed.status == 201
    shown = user(api, confirmed.json)
    assert (shown["username"], shown["email"], shown["email_verified"]) == (ADDRESS, ADDRESS, True)
    for name in (ADDRESS, ADDRESS.upper(), ADDRESS.lower()):
        assert api.login(name).status == 200


def test_a_confirmation_may_put_the_refresh_token_into_the_cookie_and_ends_the_session_that_was_there(
    api, mailbox, alice
):
    before = api.post("/auth/login", {"username": ADDRESS, "password": PASSWORD, "token_delivery": "cookie"})
    register(api, OTHER_ADDRESS)
    answer = confirm_registration(
        api,
        mailbox.token(OTHER_ADDRESS, "register"),
        headers={"Cookie": as_header(before.cookie)},
        token_delivery="cookie",
    )
    assert answer.status == 201
    assert {cookie.key for cookie in answer.cookies} == {"__Host-refresh_token", "__Host-device"}
    assert "refresh_token" not in answer.json
    api.refresh(cookie=before.cookie).assert_problem(401, "invalid_grant")
    assert api.refresh(cookie=answer.cookie).status == 200


def test_a_page_of_another_origin_confirms_into_no_cookie_and_uses_nothing(api, token):
    headers = {"Origin": "https://evil.example"}
    refused = confirm_registration(api, token, headers=headers, token_delivery="cookie")
    refused.assert_problem(403, "origin_rejected")
    assert confirm_registration(api, token).status == 201


@pytest.mark.parametrize("what", NO_ADDRESSES)
def test_what_is_no_address_is_refused_at_its_field_and_gets_no_mail(api, mailbox, what):
    answer = register(api, NO_ADDRESSES[what])
    answer.assert_problem(422, "validation_failed")
    assert [error["field"] for error in answer.json["errors"]] == ["email"]
    assert mailbox.all() == []


def test_a_registration_names_every_field_that_is_wrong(api):
    answer = register(api, "nowhere", "short")
    answer.assert_problem(422, "validation_failed")
    assert {error["field"] for error in answer.json["errors"]} == {"email", "password"}
    answer = api.post("/auth/register", {"username": "alice", "password": 5})
    answer.assert_problem(422, "validation_failed")
    assert {error["field"] for error in answer.json["errors"]} == {"username", "email", "password"}


@pytest.mark.parametrize("password", [ADDRESS, "alice+lychgate12", "password12345678"])
def test_a_password_of_the_address_or_a_common_one_is_refused(api, password):
    answer = register(api, password=password)
    answer.assert_problem(422, "validation_failed")
    assert [error["field"] for error in answer.json["errors"]] == ["password"]


def test_an_address_with_an_account_gets_a_mail_that_says_so_and_no_link(api, mailbox, alice):
    answer = register(api, ADDRESS.upper(), NEW_PASSWORD)
    assert (answer.status, answer.json) == (202, {"expires_in": HOUR})
    assert len(mailbox.all(ADDRESS)) == 2
    assert "#register=" not in mailbox.newest(ADDRESS)["text"]
    assert api.login(ADDRESS).status == 200
    api.login(ADDRESS, NEW_PASSWORD).assert_problem(401, "invalid_credentials")


def test_a_token_makes_one_account(api, token, alice):
    confirm_registration(api, token).assert_problem(410, "link_expired")


def test_a_token_is_good_for_an_hour(api, mailbox, clock):
    for email, seconds, status in ((ADDRESS, HOUR - 1, 201), (OTHER_ADDRESS, HOUR, 410)):
        register(api, email)
        token = mailbox.token(email, "register")
        clock.advance(seconds)
        assert confirm_registration(api, token).status == status


@pytest.mark.parametrize("what", list(spoilt("x")))
def test_a_spoilt_token_makes_no_account_and_the_whole_one_stays_good(api, token, what):
    confirm_registration(api, spoilt(token)[what]).assert_problem(410, "link_expired")
    api.login(ADDRESS).assert_problem(401, "invalid_credentials")
    assert confirm_registration(api, token).status == 201


def test_looking_at_a_link_makes_no_account(api, token):
    for path in ("/auth/register/confirm", f"/auth/register/confirm?token={token}"):
        assert api.request("GET", path).status == 405
    api.login(ADDRESS).assert_problem(401, "invalid_credentials")
    assert confirm_registration(api, token).status == 201


def test_a_token_is_for_one_purpose(api, mailbox, token, clock):
    confirm(api, token).assert_problem(410, "link_expired")
    reset(api, token).assert_problem(410, "link_expired")
    assert confirm_registration(api, token).status == 201
    forgot(api, ADDRESS)
    confirm_registration(api, mailbox.token(ADDRESS, "reset")).assert_problem(410, "link_expired")


def test_who_registers_somebody_elses_address_first_gets_nothing_of_the_owners_account(api, mailbox, clock):
    mallorys = "a password that mallory chose"
    register(api, ADDRESS, mallorys)
    mailed = mailbox.token(ADDRESS, "register")
    clock.advance(MINUTE)
    register(api, ADDRESS, PASSWORD)
    assert confirm_registration(api, mailbox.token(ADDRESS, "register")).status == 201
    api.login(ADDRESS, mallorys).assert_problem(401, "invalid_credentials")
    assert api.login(ADDRESS, PASSWORD).status == 200
    # Her owner's mailbox still has the other link. It makes no second account and changes nothing of the first.
    confirm_registration(api, mailed).assert_problem(409, "email_taken")
    assert api.login(ADDRESS, PASSWORD).status == 200


def test_who_reads_the_mail_chooses_the_password_whatever_a_stranger_has_chosen(api, mailbox):
    mallorys = "a password that mallory chose"
    register(api, ADDRESS, mallorys)
    token = mailbox.token(ADDRESS, "register")
    refused = confirm_registration(api, token, password="alice+lychgate12")
    refused.assert_problem(422, "validation_failed")
    assert [error["field"] for error in refused.json["errors"]] == ["password"]
    assert confirm_registration(api, token, password=NEW_PASSWORD).status == 201
    api.login(ADDRESS, mallorys).assert_problem(401, "invalid_credentials")
    assert api.login(ADDRESS, NEW_PASSWORD).status == 200


def test_who_reads_the_mail_may_have_no_password_whatever_a_stranger_has_chosen(api, token):
    tokens = confirm_registration(api, token, password=None).json
    assert factors_of(api, tokens["access_token"])["password"] is False
    api.login(ADDRESS).assert_problem(401, "invalid_credentials")


@pytest.mark.parametrize("password", [5, ["x"], True])
def test_what_is_no_password_leaves_the_link_good(api, token, password):
    answer = confirm_registration(api, token, password=password)
    answer.assert_problem(422, "validation_failed")
    assert [error["field"] for error in answer.json["errors"]] == ["password"]
    assert confirm_registration(api, token).status == 201


def test_a_closed_site_mails_nobody(api, settings, mailbox):
    settings["LYCHGATE_REGISTRATION"] = "closed"
    register(api).assert_problem(403, "registration_closed")
    assert mailbox.all() == []


def test_to_confirm_another_address_renames_the_account_and_ends_the_other_sessions(api, alice, mailbox):
    other = api.login(ADDRESS).json
    assert change(api, alice, OTHER_ADDRESS).status == 202
    assert api.login(ADDRESS).status == 200
    assert confirm(api, mailbox.token(OTHER_ADDRESS, "email")).status == 204
    api.me(other["access_token"]).assert_problem(401, "invalid_token")
    api.refresh(other["refresh_token"]).assert_problem(401, "invalid_grant")
    # The access token has the old name in it. The next one has the new.
    api.me(alice["access_token"]).assert_problem(401, "invalid_token")
    goes_on = api.refresh(alice["refresh_token"])
    assert goes_on.status == 200
    shown = user(api, goes_on.json)
    assert (shown["username"], shown["email"], shown["email_verified"]) == (OTHER_ADDRESS, OTHER_ADDRESS, True)
    api.login(ADDRESS).assert_problem(401, "invalid_credentials")
    assert api.login(OTHER_ADDRESS).status == 200
    # The old address is told, and is free.
    assert len(mailbox.all(ADDRESS)) == 2
    assert "#" not in mailbox.newest(ADDRESS)["text"]


def session_id(tokens):
    return claims_of(tokens["access_token"])["sid"]


@pytest.mark.parametrize("act", ["ends that session", "logs out everywhere", "changes the password"])
def test_what_a_thief_has_given_renames_no_account_after_what_the_owner_does(api, alice, mailbox, act):
    thief = api.login(ADDRESS).json
    change(api, thief, OTHER_ADDRESS)
    token = mailbox.token(OTHER_ADDRESS, "email")
    passwords = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    acts = {
        "ends that session": ("DELETE", f"/auth/sessions/{session_id(thief)}", None),
        "logs out everywhere": ("POST", "/auth/logout-all", None),
        "changes the password": ("PUT", "/auth/password", passwords),
    }
    method, path, members = acts[act]
    assert api.bearer(method, path, alice["access_token"], members).status in {200, 204}
    confirm(api, token).assert_problem(410, "link_expired")
    api.login(OTHER_ADDRESS).assert_problem(401, "invalid_credentials")
    owner = api.login(ADDRESS, NEW_PASSWORD if act == "changes the password" else PASSWORD).json
    assert (owner["user"]["email"], "new_email" in owner["user"]) == (ADDRESS, False)


def test_a_change_that_is_taken_back_renames_nobody(api, alice, mailbox):
    change(api, alice, OTHER_ADDRESS)
    token = mailbox.token(OTHER_ADDRESS, "email")
    assert change(api, alice, ADDRESS.lower()).status == 202
    confirm(api, token).assert_problem(410, "link_expired")
    assert user(api, alice)["username"] == ADDRESS


def test_the_session_that_has_given_the_address_goes_on_whichever_asked_for_the_mail_again(api, alice, mailbox, clock):
    change(api, alice, OTHER_ADDRESS)
    mailbox.all()
    clock.advance(MINUTE)
    other = api.login(ADDRESS).json
    assert api.bearer("POST", "/auth/email/resend", other["access_token"]).status == 202
    assert confirm(api, mailbox.token(OTHER_ADDRESS, "email")).status == 204
    api.refresh(other["refresh_token"]).assert_problem(401, "invalid_grant")
    assert api.refresh(alice["refresh_token"]).status == 200


def test_an_address_that_an_account_has_is_taken_at_the_confirmation_only(api, alice, mailbox, clock):
    register(api, OTHER_ADDRESS)
    bobby = confirm_registration(api, mailbox.token(OTHER_ADDRESS, "register")).json
    assert change(api, bobby, ADDRESS).status == 202
    confirm(api, mailbox.token(ADDRESS, "email")).assert_problem(409, "email_taken")
    assert user(api, bobby)["username"] == OTHER_ADDRESS
    assert user(api, alice)["username"] == ADDRESS


def test_an_account_keeps_an_address(api, alice):
    api.bearer("DELETE", "/auth/email", alice["access_token"]).assert_problem(409, "conflict")
    assert user(api, alice)["email"] == ADDRESS


def test_a_forgotten_password_and_a_code_work_by_the_address(api, alice, mailbox):
    forgot(api, ADDRESS.lower())
    assert reset(api, mailbox.token(ADDRESS, "reset")).status == 204
    assert api.login(ADDRESS, NEW_PASSWORD).status == 200
    assert mailbox.newest(ADDRESS)  # the notice, before the code
    challenge = ask_for_code(api, ADDRESS.upper()).json["challenge"]
    assert verify(api, challenge, mailbox.code(ADDRESS)).json["user"]["username"] == ADDRESS


def test_somebody_who_asks_for_both_at_once_gets_them_by_the_new_name_too(api, alice, mailbox):
    forgot(api, ADDRESS)
    dead = mailbox.token(ADDRESS, "reset")
    change(api, alice, OTHER_ADDRESS)
    confirm(api, mailbox.token(OTHER_ADDRESS, "email"))
    reset(api, dead).assert_problem(410, "link_expired")
    forgot(api, OTHER_ADDRESS)
    assert reset(api, mailbox.token(OTHER_ADDRESS, "reset")).status == 204
    assert api.login(OTHER_ADDRESS, NEW_PASSWORD).status == 200


def test_a_disabled_account_gets_no_mail_and_its_links_are_dead(api, alice, mailbox, aws_clients, environment):
    forgot(api, ADDRESS)
    token = mailbox.token(ADDRESS, "reset")
    challenge = ask_for_code(api, ADDRESS).json["challenge"]
    code = mailbox.code(ADDRESS)
    sent = len(mailbox.all())
    aws_clients[0].update_item(
        TableName=environment["LYCHGATE_USERS_TABLE"],
        Key=user_key(ADDRESS),
        UpdateExpression="SET disabled = :true",
        ExpressionAttributeValues={":true": {"BOOL": True}},
    )
    reset(api, token).assert_problem(410, "link_expired")
    verify(api, challenge, code).assert_problem(401, "invalid_challenge")
    assert ask_for_code(api, ADDRESS).status == 202
    assert len(mailbox.all()) == sent


class TestAnAccountWithoutAPassword:
    @pytest.fixture
    def carol(self, api, mailbox, clock):
        """The tokens of somebody who has chosen no password."""
        answer = api.post("/auth/register", {"email": ADDRESS})
        assert (answer.status, answer.json) == (202, {"expires_in": HOUR})
        tokens = confirm_registration(api, mailbox.token(ADDRESS, "register")).json
        clock.advance(MINUTE)
        return tokens

    def test_begins_with_its_confirmed_address(self, api, carol):
        assert factors_of(api, carol["access_token"]) == {
            "password": False,
            "totp": None,
            "recovery_codes_left": 0,
            "passkeys": [],
        }
        claims = claims_of(carol["access_token"])
        assert (claims["amr"], claims["acr"]) == (["email"], "aal1")

    @pytest.mark.parametrize("password", ["!", "", PASSWORD, "\0"])
    def test_opens_to_no_password(self, api, carol, password):
        api.login(ADDRESS, password).assert_problem(401, "invalid_credentials")
        refused = reauthenticate(api, carol["access_token"], password=password)
        refused.assert_problem(401, "invalid_credentials")
        passwords = {"current_password": password, "new_password": NEW_PASSWORD}
        refused = api.bearer("PUT", "/auth/password", carol["access_token"], passwords)
        refused.assert_problem(401, "invalid_credentials")

    def test_takes_the_work_of_an_unknown_name_to_be_refused(self, api, carol, monkeypatch):
        rounds = []
        check_password = bcrypt.checkpw

        def noted(password, password_hash):
            rounds.append(password_hash.split(b"$")[2])
            return check_password(password, password_hash)

        monkeypatch.setattr(bcrypt, "checkpw", noted)
        answers, works = [], []
        for name in (ADDRESS, "nobody@example.org"):
            rounds.clear()
            answers.append(api.login(name, PASSWORD))
            works.append(tuple(rounds))
        assert len({(answer.status, answer.body, str(answer.headers)) for answer in answers}) == 1
        assert works[0] == works[1] != ()

    def test_is_opened_by_a_mailed_code_and_by_a_passkey(self, api, mailbox, carol):
        challenge = ask_for_code(api, ADDRESS).json["challenge"]
        tokens = verify(api, challenge, mailbox.code(ADDRESS)).json
        authenticator = Authenticator()
        with_passkey(api, tokens["access_token"], authenticator)
        assert log_in_with_passkey(api, authenticator).json["user"]["username"] == ADDRESS

    def test_is_authenticated_again_by_its_passkey(self, api, clock, carol):
        authenticator = Authenticator()
        with_passkey(api, carol["access_token"], authenticator)
        clock.advance(901)
        access_token = api.refresh(carol["refresh_token"]).json["access_token"]
        stale = api.bearer("POST", "/auth/delete-account", access_token, {})
        stale.assert_problem(401, "insufficient_user_authentication")
        assert "acr_values" not in stale.json
        fresh = reauthenticate(api, access_token, **proof_of(api, authenticator)).json["access_token"]
        assert api.bearer("POST", "/auth/delete-account", fresh, {}).status == 204
        api.me(fresh).assert_problem(401, "invalid_token")
        log_in_with_passkey(api, authenticator).assert_problem(401, "invalid_code")

    def test_keeps_its_passkey_under_another_address(self, api, mailbox, carol):
        authenticator = Authenticator()
        with_passkey(api, carol["access_token"], authenticator)
        assert change(api, carol, OTHER_ADDRESS).status == 202
        assert confirm(api, mailbox.token(OTHER_ADDRESS, "email")).status == 204
        assert log_in_with_passkey(api, authenticator).json["user"]["username"] == OTHER_ADDRESS

    def test_may_have_a_second_factor_beside_the_mailed_code(self, api, clock, mailbox, carol):
        app, _ = with_totp(api, clock, carol["access_token"])
        mailbox.all()
        challenge = ask_for_code(api, ADDRESS).json["challenge"]
        asked = verify(api, challenge, mailbox.code(ADDRESS))
        asked.assert_problem(403, "second_factor_required")
        assert second_step(api, asked.json["challenge"], code=app.next_code()).status == 200

    def test_gets_a_password_by_mail(self, api, mailbox, carol):
        forgot(api, ADDRESS)
        assert reset(api, mailbox.token(ADDRESS, "reset")).status == 204
        tokens = api.login(ADDRESS, NEW_PASSWORD).json
        assert factors_of(api, tokens["access_token"])["password"] is True

    def test_keeps_its_last_passkey_where_no_mail_is_sent_any_more(self, api, clock, carol, settings, aws_clients):
        authenticator = Authenticator()
        passkey = with_passkey(api, carol["access_token"], authenticator)
        dynamodb, ssm = aws_clients
        without_mail = {**settings, "LYCHGATE_IDENTIFIER": "username", "LYCHGATE_EMAIL": "off"}
        later = in_process(make_application(without_mail, clients=clients_of(dynamodb=dynamodb, ssm=ssm), clock=clock))
        path = f"/auth/passkeys/{passkey['id']}"
        later.bearer("DELETE", path, carol["access_token"]).assert_problem(409, "conflict")
        second = Authenticator()
        with_passkey(later, carol["access_token"], second)
        assert later.bearer("DELETE", path, carol["access_token"]).status == 204
        assert log_in_with_passkey(later, second).status == 200

    def test_is_made_where_the_address_is_the_username_only(self, api, settings):
        settings["LYCHGATE_IDENTIFIER"] = "username"
        answer = api.post("/auth/register", {"username": "carol", "email": ADDRESS})
        answer.assert_problem(422, "validation_failed")
        assert [error["field"] for error in answer.json["errors"]] == ["password"]


def test_an_account_with_a_password_is_not_deleted_without_it(api, alice):
    for members in ({}, {"password": "wrong horse battery staple"}):
        answer = api.bearer("POST", "/auth/delete-account", alice["access_token"], members)
        assert (answer.status, answer.error) in {(422, "validation_failed"), (401, "invalid_credentials")}
    assert user(api, alice)["username"] == ADDRESS
