"""What the settings of mails change: whether there is any, in which language, with which links."""

import pytest

from tests.support.mail_flows import ADDRESS, MINUTE, PASSWORD, forgot, with_address

ROUTES = [
    ("PUT", "/auth/email", {"email": ADDRESS}),
    ("DELETE", "/auth/email", None),
    ("POST", "/auth/email/resend", None),
    ("POST", "/auth/email/confirm", {"token": "x"}),
    ("POST", "/auth/register/confirm", {"token": "x"}),
    ("POST", "/auth/password/forgot", {"username": "Alice"}),
    ("POST", "/auth/login/code", {"username": "Alice"}),
    ("POST", "/auth/login/code/verify", {"challenge": "x", "code": "123456"}),
]


@pytest.mark.parametrize(("method", "path", "members"), ROUTES)
def test_where_no_mail_is_sent_there_is_nothing_of_it(api, settings, method, path, members):
    settings["LYCHGATE_EMAIL"] = "off"
    access_token = api.register("Alice").json["access_token"]
    api.bearer(method, path, access_token, members).assert_problem(404, "not_found")


def test_where_no_mail_is_sent_an_account_has_no_address(api, settings):
    settings["LYCHGATE_EMAIL"] = "off"
    answer = api.register("Alice", email=ADDRESS)
    answer.assert_problem(422, "validation_failed")
    assert [error["field"] for error in answer.json["errors"]] == ["email"]
    options = api.request("GET", "/auth/options").json
    assert (options["email"], options["methods"]) == ("off", ["password", "passkey"])


def test_a_site_without_a_sender_sends_no_mail(api, settings):
    del settings["LYCHGATE_MAIL_FROM"]
    assert api.request("GET", "/auth/options").json["email"] == "off"
    forgot(api, "Alice").assert_problem(404, "not_found")


def test_where_an_address_is_required_no_account_begins_or_goes_on_without(api, settings, mailbox, clock):
    settings["LYCHGATE_EMAIL"] = "required"
    answer = api.register("Alice")
    answer.assert_problem(422, "validation_failed")
    assert [error["field"] for error in answer.json["errors"]] == ["email"]
    alice = with_address(api, mailbox, clock)
    api.bearer("DELETE", "/auth/email", alice["access_token"]).assert_problem(409, "conflict")


def test_where_a_username_names_an_account_no_registration_waits(api):
    api.post("/auth/register/confirm", {"token": "x"}).assert_problem(404, "not_found")


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("de", "de"),
        ("de-CH, en;q=0.5", "de"),
        ("en-GB,de;q=0.8", "en"),
        ("fr, de;q=0.1", "de"),
        ("fr", "en"),
        ("", "en"),
    ],
)
def test_a_mail_is_in_the_language_that_the_request_prefers(api, mailbox, accepted, language):
    members = {"username": "Alice", "password": PASSWORD, "email": ADDRESS}
    assert api.post("/auth/register", members, headers={"Accept-Language": accepted}).status == 201
    assert f'lang="{language}"' in mailbox.newest(ADDRESS)["html"]


def test_a_user_gets_mail_in_the_language_of_the_registration_whoever_asks(api, mailbox, clock):
    members = {"username": "Alice", "password": PASSWORD, "email": ADDRESS}
    api.post("/auth/register", members, headers={"Accept-Language": "de"})
    api.post("/auth/email/confirm", {"token": mailbox.token(ADDRESS, "email")})
    clock.advance(MINUTE)
    forgot(api, "Alice", **{"Accept-Language": "en"})
    assert mailbox.token(ADDRESS, "reset")
    assert 'lang="de"' in mailbox.newest(ADDRESS)["html"]


def test_where_nothing_is_preferred_a_mail_is_in_the_language_of_the_site(api, settings, application, mailbox):
    settings["LYCHGATE_LANGUAGE"] = "de"
    api.register("Alice", email=ADDRESS)
    assert 'lang="de"' in mailbox.newest(ADDRESS)["html"]


@pytest.mark.parametrize("header", ["Host", "X-Forwarded-Host", "Origin", "Referer", "Forwarded"])
def test_a_link_leads_to_the_site_whatever_the_request_says_of_hosts(api, mailbox, clock, header):
    with_address(api, mailbox, clock)
    assert forgot(api, "Alice", **{header: "https://evil.example"}).status == 202
    mail = mailbox.newest(ADDRESS)
    assert "https://site.example/account.html#reset=" in mail["text"]
    assert "evil" not in mail["text"] + mail["html"] + mail["subject"]


def test_no_mail_has_text_of_a_strangers_choosing(api, mailbox):
    api.register("Buy.gold.at.evil.example", PASSWORD, email=ADDRESS)
    mail = mailbox.newest(ADDRESS)
    assert "evil" not in mail["text"] + mail["html"] + mail["subject"]
