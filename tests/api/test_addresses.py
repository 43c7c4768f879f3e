"""An account's address: given, confirmed, changed and removed."""

import pytest

from tests.support.mail_flows import (
    ADDRESS,
    MINUTE,
    NEW_PASSWORD,
    NO_ADDRESSES,
    OTHER_ADDRESS,
    PASSWORD,
    confirm,
    forgot,
    reset,
    spoilt,
    with_address,
)

HOUR = 3600


@pytest.fixture
def alice(api, mailbox, clock):
    """The tokens of Alice, who has confirmed her address."""
    return with_address(api, mailbox, clock)


def user(api, tokens):
    return api.me(tokens["access_token"]).json["user"]


def change(api, tokens, email):
    return api.bearer("PUT", "/auth/email", tokens["access_token"], {"email": email})


def resend(api, tokens):
    return api.bearer("POST", "/auth/email/resend", tokens["access_token"])


def remove(api, tokens):
    return api.bearer("DELETE", "/auth/email", tokens["access_token"])


def events(api, tokens):
    listed = api.bearer("GET", "/dashboard", tokens["access_token"]).json["recent_events"]
    return [event["type"] for event in listed]


def test_an_address_is_unconfirmed_until_what_was_mailed_to_it_is_used(api, mailbox):
    tokens = api.register("Alice", email=ADDRESS).json
    assert (tokens["user"]["email"], tokens["user"]["email_verified"]) == (ADDRESS, False)
    assert confirm(api, mailbox.token(ADDRESS, "email")).status == 204
    assert (user(api, tokens)["email"], user(api, tokens)["email_verified"]) == (ADDRESS, True)
    assert events(api, tokens) == ["email_verified", "registered"]


def test_an_account_needs_no_address_and_gets_no_mail(api, mailbox):
    assert api.register("Alice").json["user"]["email"] is None
    assert mailbox.newest(ADDRESS) is None


@pytest.mark.parametrize("what", NO_ADDRESSES)
def test_what_is_no_address_is_refused_at_its_field_and_leaves_no_account(api, mailbox, what):
    answer = api.register("Alice", email=NO_ADDRESSES[what])
    answer.assert_problem(422, "validation_failed")
    assert [error["field"] for error in answer.json["errors"]] == ["email"]
    tokens = api.register("Alice").json
    answer = change(api, tokens, NO_ADDRESSES[what])
    answer.assert_problem(422, "validation_failed")
    assert [error["field"] for error in answer.json["errors"]] == ["email"]
    assert user(api, tokens)["email"] is None


def test_a_registration_names_every_field_that_is_wrong(api):
    answer = api.register("no name!", "short", email="nowhere")
    answer.assert_problem(422, "validation_failed")
    assert {error["field"] for error in answer.json["errors"]} == {"username", "password", "email"}
    answer = api.post("/auth/register", {"email": 5, "colour": "red"})
    answer.assert_problem(422, "validation_failed")
    assert {error["field"] for error in answer.json["errors"]} == {"username", "password", "email", "colour"}


@pytest.mark.parametrize("email", [None, 5, True, [ADDRESS], {"address": ADDRESS}])
def test_an_address_is_a_string(api, email):
    tokens = api.register("Alice").json
    change(api, tokens, email).assert_problem(422, "validation_failed")
    api.register("Bobby", email=email).assert_problem(422, "validation_failed")


@pytest.mark.parametrize(
    "what",
    [
        "cut",
        "cut in front",
        "doubled",
        "with a character more",
        "with another character",
        "of another mail",
        "in upper case",
        "with a space",
        "with a line break",
        "empty",
        "long",
        "beyond ASCII",
        "a path",
    ],
)
def test_a_spoilt_token_confirms_nothing_and_the_whole_one_stays_good(api, mailbox, what):
    tokens = api.register("Alice", email=ADDRESS).json
    token = mailbox.token(ADDRESS, "email")
    confirm(api, spoilt(token)[what]).assert_problem(410, "link_expired")
    assert user(api, tokens)["email_verified"] is False
    assert confirm(api, token).status == 204


def test_a_token_is_used_once(api, mailbox):
    api.register("Alice", email=ADDRESS)
    token = mailbox.token(ADDRESS, "email")
    assert confirm(api, token).status == 204
    confirm(api, token).assert_problem(410, "link_expired")


def test_a_token_is_good_for_an_hour(api, mailbox, clock):
    for name, seconds, status in (("Alice", HOUR - 1, 204), ("Bobby", HOUR, 410)):
        api.register(name, email=f"{name}@example.org")
        token = mailbox.token(f"{name}@example.org", "email")
        clock.advance(seconds)
        assert confirm(api, token).status == status


def test_looking_at_a_link_uses_nothing(api, mailbox):
    tokens = api.register("Alice", email=ADDRESS).json
    token = mailbox.token(ADDRESS, "email")
    for method in ("GET", "HEAD", "OPTIONS"):
        for path in (f"/auth/email/confirm?token={token}", f"/auth/email/confirm?email={token}"):
            api.request(method, path)
    assert user(api, tokens)["email_verified"] is False
    assert confirm(api, token).status == 204


def test_a_token_is_for_one_purpose(api, alice, mailbox):
    forgot(api, "Alice")
    token = mailbox.token(ADDRESS, "reset")
    confirm(api, token).assert_problem(410, "link_expired")
    members = {"token": token, "new_password": NEW_PASSWORD}
    assert api.post("/auth/password/reset", members).status == 204


def test_a_token_is_for_one_account_whoever_presents_it(api, mailbox):
    alice = api.register("Alice", email=ADDRESS).json
    mallory = api.register("Mallory", email=OTHER_ADDRESS).json
    token = mailbox.token(ADDRESS, "email")
    assert api.bearer("POST", "/auth/email/confirm", mallory["access_token"], {"token": token}).status == 204
    assert (user(api, alice)["email"], user(api, alice)["email_verified"]) == (ADDRESS, True)
    assert (user(api, mallory)["email"], user(api, mallory)["email_verified"]) == (OTHER_ADDRESS, False)


def test_a_token_dies_with_a_change_of_the_password(api, mailbox):
    tokens = api.register("Alice", email=ADDRESS).json
    token = mailbox.token(ADDRESS, "email")
    passwords = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert api.bearer("PUT", "/auth/password", tokens["access_token"], passwords).status == 200
    confirm(api, token).assert_problem(410, "link_expired")


def test_a_token_dies_with_its_account(api, mailbox):
    tokens = api.register("Alice", email=ADDRESS).json
    token = mailbox.token(ADDRESS, "email")
    assert api.bearer("POST", "/auth/delete-account", tokens["access_token"], {"password": PASSWORD}).status == 204
    confirm(api, token).assert_problem(410, "link_expired")
    api.register("Alice")
    confirm(api, token).assert_problem(410, "link_expired")


@pytest.mark.parametrize("members", [{}, {"token": 5}, {"token": "x", "email": ADDRESS}])
def test_a_confirmation_has_a_token_and_nothing_else(api, members):
    api.post("/auth/email/confirm", members).assert_problem(422, "validation_failed")


def test_a_verified_address_stays_until_another_is_confirmed_and_is_told_then(api, alice, mailbox):
    assert change(api, alice, OTHER_ADDRESS).status == 202
    shown = user(api, alice)
    assert (shown["email"], shown["email_verified"], shown["new_email"]) == (ADDRESS, True, OTHER_ADDRESS)
    assert confirm(api, mailbox.token(OTHER_ADDRESS, "email")).status == 204
    shown = user(api, alice)
    assert (shown["email"], shown["email_verified"]) == (OTHER_ADDRESS, True)
    assert "new_email" not in shown
    assert mailbox.newest(ADDRESS)["subject"]
    assert len(mailbox.all(ADDRESS)) == 2
    assert events(api, alice)[0] == "email_changed"


def test_an_address_that_was_replaced_is_free_for_others(api, alice, mailbox, clock):
    change(api, alice, OTHER_ADDRESS)
    confirm(api, mailbox.token(OTHER_ADDRESS, "email"))
    clock.advance(MINUTE)
    with_address(api, mailbox, clock, "Bobby", ADDRESS)


def test_an_unconfirmed_address_is_replaced_at_once_and_its_token_is_dead(api, mailbox):
    tokens = api.register("Alice", email=ADDRESS).json
    token = mailbox.token(ADDRESS, "email")
    assert change(api, tokens, OTHER_ADDRESS).status == 202
    assert (user(api, tokens)["email"], user(api, tokens)["email_verified"]) == (OTHER_ADDRESS, False)
    confirm(api, token).assert_problem(410, "link_expired")
    assert confirm(api, mailbox.token(OTHER_ADDRESS, "email")).status == 204
    assert len(mailbox.all(ADDRESS)) == 1


def test_the_address_that_one_has_is_refused_in_any_case_of_its_letters(api, alice):
    for email in (ADDRESS, ADDRESS.upper(), ADDRESS.lower()):
        answer = change(api, alice, email)
        answer.assert_problem(422, "validation_failed")
        assert [error["field"] for error in answer.json["errors"]] == ["email"]


def test_whether_somebody_else_has_an_address_is_said_at_its_confirmation_only(api, alice, mailbox, clock):
    bobby = api.register("Bobby").json
    answer = change(api, bobby, ADDRESS.upper())
    assert (answer.status, answer.json) == (202, {})
    confirm(api, mailbox.token(ADDRESS.upper(), "email")).assert_problem(409, "email_taken")
    assert user(api, bobby)["email_verified"] is False
    assert (user(api, alice)["email"], user(api, alice)["email_verified"]) == (ADDRESS, True)


def test_what_follows_a_plus_makes_another_address(api, alice, mailbox, clock):
    with_address(api, mailbox, clock, "Bobby", "alice@example.org")


def test_who_holds_an_address_without_confirming_it_keeps_nobody_from_it(api, mailbox, clock):
    mallory = api.register("Mallory", email=ADDRESS).json
    hers = mailbox.token(ADDRESS, "email")
    clock.advance(MINUTE)
    alice = with_address(api, mailbox, clock)
    assert user(api, alice)["email_verified"] is True
    confirm(api, hers).assert_problem(409, "email_taken")
    assert user(api, mallory)["email_verified"] is False


def test_an_unconfirmed_address_names_nobody(api, mailbox, clock):
    api.register("Mallory", email=ADDRESS)
    mailbox.all()
    clock.advance(MINUTE)
    for name in (ADDRESS, "Mallory"):
        assert forgot(api, name).status == 202
    assert len(mailbox.all(ADDRESS)) == 1


def test_the_mail_is_sent_again_after_a_minute(api, mailbox, clock):
    tokens = api.register("Alice", email=ADDRESS).json
    first = mailbox.token(ADDRESS, "email")
    refused = resend(api, tokens)
    refused.assert_problem(429, "too_many_attempts")
    assert refused.headers["retry-after"] == str(MINUTE)
    clock.advance(MINUTE)
    answer = resend(api, tokens)
    assert (answer.status, answer.json) == (202, {})
    second = mailbox.token(ADDRESS, "email")
    assert second != first
    assert confirm(api, second).status == 204
    confirm(api, first).assert_problem(410, "link_expired")


def test_nothing_is_sent_again_where_no_address_waits(api, alice):
    resend(api, alice).assert_problem(409, "conflict")
    resend(api, api.register("Bobby").json).assert_problem(409, "conflict")


def test_a_verified_address_that_is_removed_is_told_and_free(api, alice, mailbox, clock):
    assert remove(api, alice).status == 204
    shown = user(api, alice)
    assert (shown["email"], shown["email_verified"]) == (None, False)
    assert len(mailbox.all(ADDRESS)) == 2
    assert events(api, alice)[0] == "email_changed"
    clock.advance(MINUTE)
    with_address(api, mailbox, clock, "Bobby", ADDRESS)


def test_an_unconfirmed_address_that_is_removed_is_told_nothing_and_its_token_is_dead(api, mailbox):
    tokens = api.register("Alice", email=ADDRESS).json
    token = mailbox.token(ADDRESS, "email")
    assert remove(api, tokens).status == 204
    assert remove(api, tokens).status == 204
    assert len(mailbox.all(ADDRESS)) == 1
    confirm(api, token).assert_problem(410, "link_expired")


def test_a_deleted_account_leaves_its_address_to_others(api, alice, mailbox, clock):
    assert api.bearer("POST", "/auth/delete-account", alice["access_token"], {"password": PASSWORD}).status == 204
    clock.advance(MINUTE)
    with_address(api, mailbox, clock, "Bobby", ADDRESS)


def test_every_answer_about_a_user_has_the_address(api, alice, mailbox, clock):
    log_in = api.login().json
    refreshed = api.refresh(log_in["refresh_token"]).json
    bearer = refreshed["access_token"]
    again = api.bearer("POST", "/auth/reauthenticate", bearer, {"password": PASSWORD}).json
    dashboard = api.bearer("GET", "/dashboard", bearer).json
    for shown in (log_in, refreshed, again, dashboard, api.me(bearer).json):
        found = shown["user"]
        assert (found["email"], found["email_verified"], found["second_factor"]) == (ADDRESS, True, False)


def session_id(api, tokens):
    """The id of the session of these tokens."""
    listed = api.bearer("GET", "/auth/sessions", tokens["access_token"]).json["sessions"]
    return next(session["id"] for session in listed if session["current"])


def end(api, tokens, ended):
    return api.bearer("DELETE", f"/auth/sessions/{ended}", tokens["access_token"])


def choose_another_password(api, tokens):
    passwords = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    return api.bearer("PUT", "/auth/password", tokens["access_token"], passwords)


def log_out_everywhere(api, tokens):
    return api.bearer("POST", "/auth/logout-all", tokens["access_token"])


ACTS = {
    "ends that session": lambda api, owner, thief, token: end(api, owner, session_id(api, thief)),
    "logs out everywhere": lambda api, owner, thief, token: log_out_everywhere(api, owner),
    "changes the password": lambda api, owner, thief, token: choose_another_password(api, owner),
    "resets the password": lambda api, owner, thief, token: reset(api, token),
}


class TestTheAddressOfAThief:
    """A thief has a fresh session and gives an address of his own. The owner acts in another session."""

    @pytest.fixture
    def reset_token(self, api, alice, mailbox):
        forgot(api, "Alice")
        return mailbox.token(ADDRESS, "reset")

    def after(self, api, password=PASSWORD):
        answer = api.login("Alice", password)
        return answer.json if answer.status == 200 else api.login("Alice", NEW_PASSWORD).json

    @pytest.mark.parametrize("act", ACTS)
    def test_is_withdrawn_by_what_the_owner_does(self, api, alice, mailbox, reset_token, act):
        thief = api.login("Alice").json
        assert change(api, thief, OTHER_ADDRESS).status == 202
        token = mailbox.token(OTHER_ADDRESS, "email")
        assert ACTS[act](api, alice, thief, reset_token).status in {200, 204}
        confirm(api, token).assert_problem(410, "link_expired")
        owner = self.after(api)
        assert "new_email" not in user(api, owner)
        assert (user(api, owner)["email"], user(api, owner)["email_verified"]) == (ADDRESS, True)
        resend(api, owner).assert_problem(409, "conflict")

    @pytest.mark.parametrize("act", ["ends that session", "logs out everywhere", "changes the password"])
    def test_is_withdrawn_also_where_there_was_none_before(self, api, mailbox, act):
        owner = api.register("Alice").json
        thief = api.login("Alice").json
        change(api, thief, OTHER_ADDRESS)
        token = mailbox.token(OTHER_ADDRESS, "email")
        assert ACTS[act](api, owner, thief, None).status in {200, 204}
        confirm(api, token).assert_problem(410, "link_expired")
        owner = self.after(api)
        assert (user(api, owner)["email"], user(api, owner)["email_verified"]) == (None, False)
        resend(api, owner).assert_problem(409, "conflict")

    def test_is_withdrawn_where_it_replaced_what_was_never_confirmed(self, api, mailbox):
        owner = api.register("Alice", email=ADDRESS).json
        thief = api.login("Alice").json
        change(api, thief, OTHER_ADDRESS)
        token = mailbox.token(OTHER_ADDRESS, "email")
        assert end(api, owner, session_id(api, thief)).status == 204
        confirm(api, token).assert_problem(410, "link_expired")
        assert user(api, owner)["email"] is None

    def test_the_new_session_of_a_changed_password_is_shown_without_it(self, api, alice):
        change(api, api.login("Alice").json, OTHER_ADDRESS)
        shown = choose_another_password(api, alice).json["user"]
        assert "new_email" not in shown
        assert shown["email"] == ADDRESS

    def test_stays_while_the_session_that_gave_it_does(self, api, alice, mailbox):
        thief, another = api.login("Alice").json, api.login("Alice").json
        change(api, thief, OTHER_ADDRESS)
        assert end(api, alice, session_id(api, another)).status == 204
        assert user(api, alice)["new_email"] == OTHER_ADDRESS
        assert confirm(api, mailbox.token(OTHER_ADDRESS, "email")).status == 204

    def test_goes_with_its_session_whoever_asked_for_the_mail_again(self, api, alice, mailbox, clock):
        thief = api.login("Alice").json
        change(api, thief, OTHER_ADDRESS)
        mailbox.all()
        clock.advance(MINUTE)
        resend(api, alice)
        assert end(api, alice, session_id(api, thief)).status == 204
        confirm(api, mailbox.token(OTHER_ADDRESS, "email")).assert_problem(410, "link_expired")


def test_whoever_logs_out_can_confirm_the_address_afterwards(api, alice, mailbox):
    for number, log_out in enumerate(
        (
            lambda tokens: api.logout(tokens["refresh_token"]),
            lambda tokens: end(api, tokens, session_id(api, tokens)),
        )
    ):
        tokens, address = api.login("Alice").json, f"alice{number}@example.com"
        assert change(api, tokens, address).status == 202
        assert log_out(tokens).status == 204
        assert confirm(api, mailbox.token(address, "email")).status == 204


@pytest.mark.parametrize("act", [log_out_everywhere, choose_another_password])
def test_what_was_given_at_the_registration_stays_whatever_ends_its_session(api, mailbox, act):
    tokens = api.register("Alice", email=ADDRESS).json
    mailbox.token(ADDRESS, "email")
    assert act(api, tokens).status in {200, 204}
    answer = api.login("Alice")
    tokens = answer.json if answer.status == 200 else api.login("Alice", NEW_PASSWORD).json
    assert (user(api, tokens)["email"], user(api, tokens)["email_verified"]) == (ADDRESS, False)


class TestAChangeThatIsTakenBack:
    @pytest.fixture
    def token(self, api, alice, mailbox):
        """What was mailed to another address that Alice has given."""
        change(api, alice, OTHER_ADDRESS)
        return mailbox.token(OTHER_ADDRESS, "email")

    @pytest.mark.parametrize("email", [ADDRESS, ADDRESS.upper()])
    def test_leaves_the_verified_address_and_voids_the_links(self, api, alice, mailbox, token, email):
        before = len(mailbox.all())
        answer = change(api, alice, email)
        assert (answer.status, answer.json) == (202, {})
        shown = user(api, alice)
        assert (shown["email"], shown["email_verified"]) == (ADDRESS, True)
        assert "new_email" not in shown
        confirm(api, token).assert_problem(410, "link_expired")
        resend(api, alice).assert_problem(409, "conflict")
        assert len(mailbox.all()) == before
        assert events(api, alice) == ["email_verified", "registered"]

    def test_is_taken_back_once(self, api, alice, token):
        change(api, alice, ADDRESS)
        answer = change(api, alice, ADDRESS)
        answer.assert_problem(422, "validation_failed")
        assert [error["code"] for error in answer.json["errors"]] == ["same_email"]

    def test_counts_as_no_mail(self, api, alice, mailbox, clock):
        for number in range(5):
            assert change(api, alice, f"alice{number}@example.com").status == 202
            assert change(api, alice, ADDRESS).status == 202
        mailbox.all()
        forgot(api, ADDRESS)
        assert mailbox.token(ADDRESS, "reset")

    def test_needs_a_fresh_session(self, api, alice, clock, token):
        clock.advance(HOUR)
        stale = api.refresh(alice["refresh_token"]).json
        change(api, stale, ADDRESS).assert_problem(401, "insufficient_user_authentication")
        assert user(api, stale)["new_email"] == OTHER_ADDRESS

    def test_can_be_taken_back_after_somebody_elses_address(self, api, alice, mailbox, clock):
        with_address(api, mailbox, clock, "Bobby", OTHER_ADDRESS)
        change(api, alice, OTHER_ADDRESS)
        confirm(api, mailbox.token(OTHER_ADDRESS, "email")).assert_problem(409, "email_taken")
        assert user(api, alice)["new_email"] == OTHER_ADDRESS
        assert change(api, alice, ADDRESS).status == 202
        assert "new_email" not in user(api, alice)
