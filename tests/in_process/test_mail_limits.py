"""How many mails may be asked for: by address on the network, by mail address, and in all."""

import pytest

from chalicelib.credentials.throttling import end_of_day
from tests.support.api_client import as_header
from tests.support.mail_flows import (
    ADDRESS,
    MINUTE,
    OTHER_ADDRESS,
    PASSWORD,
    ask_for_code,
    confirm,
    forgot,
    reset,
    with_address,
)
from tests.support.viewers import SETTINGS, Viewer

HOUR = 3600
DAY = 24 * HOUR


@pytest.fixture
def alice(api, mailbox, clock):
    """The tokens of Alice, who has confirmed her address."""
    return with_address(api, mailbox, clock)


@pytest.fixture
def viewers(api, settings):
    """Clients in different networks, as many as one asks for."""
    settings |= SETTINGS
    return (Viewer(api, f"198.51.{number}.7") for number in range(256))


@pytest.fixture
def by_address(settings):
    """The address is the name here."""
    settings["LYCHGATE_IDENTIFIER"] = "email"


def sign_up(api, email=ADDRESS):
    return api.post("/auth/register", {"email": email, "password": PASSWORD})


def change(api, tokens, email):
    return api.bearer("PUT", "/auth/email", tokens["access_token"], {"email": email})


def resend(api, tokens):
    return api.bearer("POST", "/auth/email/resend", tokens["access_token"])


def device_of(answer):
    (cookie,) = [cookie for cookie in answer.cookies if cookie.key.endswith("device")]
    return {"Cookie": as_header(cookie)}


def test_one_network_may_ask_for_so_many_mails_an_hour(api, settings, clock):
    settings["LYCHGATE_MAILS_PER_IP"] = "3"
    statuses = [request(api, "nobody").status for request in (forgot, ask_for_code, forgot, ask_for_code)]
    assert statuses == [202, 202, 202, 429]
    refused = forgot(api, "nobody")
    refused.assert_problem(429, "too_many_attempts")
    clock.advance(int(refused.headers["retry-after"]))
    assert forgot(api, "nobody").status == 202


def test_the_default_is_thirty(api):
    assert [forgot(api, "nobody").status for _ in range(31)] == [202] * 30 + [429]


def test_registrations_and_changes_count_there_too(api, settings):
    settings["LYCHGATE_MAILS_PER_IP"] = "2"
    tokens = api.register("Alice", email=ADDRESS).json
    assert forgot(api, "nobody").status == 202
    refused = api.bearer("PUT", "/auth/email", tokens["access_token"], {"email": OTHER_ADDRESS})
    refused.assert_problem(429, "too_many_attempts")
    api.bearer("POST", "/auth/email/resend", tokens["access_token"]).assert_problem(429, "too_many_attempts")
    api.register("Bobby", email=OTHER_ADDRESS).assert_problem(429, "too_many_attempts")
    # No account was made, and none is refused that asks for no mail.
    assert api.register("Bobby").status == 201


def test_over_the_limit_of_an_address_a_link_is_not_sent_and_the_answer_does_not_tell(api, alice, mailbox):
    sent = len(mailbox.all(ADDRESS))
    for _ in range(3):
        answer = forgot(api, "Alice")
        assert (answer.status, answer.body) == (202, b"{}")
        assert len(mailbox.all(ADDRESS)) == sent + 1


def test_one_address_gets_five_mails_an_hour_and_ten_a_day(api, alice, mailbox, clock):
    clock.advance(DAY)
    before, counts = len(mailbox.all(ADDRESS)), []
    for _ in range(4):
        for _ in range(10):
            clock.advance(MINUTE)
            ask_for_code(api, "Alice")
            mailbox.all()
        counts.append(len(mailbox.all(ADDRESS)) - before)
        clock.advance(HOUR)
    assert counts == [5, 10, 10, 10]


def test_an_address_that_somebody_enters_again_and_again_is_mailed_once_a_minute(api, mailbox, clock):
    tokens = api.register("Alice", email=ADDRESS).json
    other = api.register("Bobby").json
    for bearer in (tokens, other):
        refused = api.bearer("PUT", "/auth/email", bearer["access_token"], {"email": ADDRESS.upper()})
        refused.assert_problem(429, "too_many_attempts")
        assert refused.headers["retry-after"] == str(MINUTE)
    assert len(mailbox.all()) == 1
    assert api.me(other["access_token"]).json["user"]["email"] is None


def test_no_strangers_keep_a_device_of_the_owner_from_a_new_password(api, settings, mailbox, clock):
    settings["LYCHGATE_MAILS_PER_DAY"] = "5"
    device = device_of(api.register("Alice", email=ADDRESS, token_delivery="cookie"))
    confirm(api, mailbox.token(ADDRESS, "email"))
    clock.advance(MINUTE)
    for _ in range(8):
        assert forgot(api, "Alice").status == 202
        mailbox.all()
        clock.advance(MINUTE)
    sent = len(mailbox.all(ADDRESS))
    assert forgot(api, "Alice").status == 202
    assert len(mailbox.all(ADDRESS)) == sent
    assert forgot(api, "Alice", **device).status == 202
    assert len(mailbox.all(ADDRESS)) == sent + 1
    assert reset(api, mailbox.token(ADDRESS, "reset")).status == 204


def test_an_address_is_one_whatever_follows_a_plus(api, mailbox, clock):
    api.register("Alice", email="alice@example.org")
    for number, email in enumerate(["alice+1@example.org", "Alice+shop+2@example.org", "alice+@example.org"]):
        api.register(f"mallory{number}", email=email).assert_problem(429, "too_many_attempts")
    # There is nobody before these.
    assert [api.register(f"kim{n}", email=f"+{n}@example.org").status for n in range(2)] == [201, 201]
    assert len(mailbox.all()) == 3


@pytest.mark.usefixtures("by_address")
def test_strangers_in_many_networks_fill_no_mailbox_and_keep_nobody_from_it_by_a_plus(viewers, mailbox, clock):
    for number, viewer in zip(range(8), viewers, strict=False):
        clock.advance(MINUTE)
        assert sign_up(viewer, f"alice+{number}@example.org").status == 202
    assert len(mailbox.all()) == 5


def test_a_stranger_in_another_network_causes_nobody_a_429(viewers, mailbox, clock):
    alice, *others = (next(viewers) for _ in range(4))
    for number, other in enumerate(others):
        assert other.register(f"mallory{number}", email=ADDRESS).status == 201
    tokens = alice.register("Alice", email=ADDRESS).json
    assert [resend(alice, tokens).status, resend(others[0], tokens).status] == [429, 429]
    clock.advance(MINUTE)
    assert [resend(alice, tokens).status, resend(others[0], tokens).status] == [202, 202]


def test_a_neighbour_in_the_network_waits_with_one(api, settings):
    settings |= SETTINGS
    assert Viewer(api, "203.0.113.1").register("Alice", email=ADDRESS).status == 201
    Viewer(api, "203.0.113.250").register("Bobby", email=ADDRESS).assert_problem(429, "too_many_attempts")
    assert Viewer(api, "203.0.114.1").register("Bobby", email=ADDRESS).status == 201
    assert Viewer(api, "2001:db8:0:1::1").register("Carol", email=ADDRESS).status == 201
    Viewer(api, "2001:db8:0:fe::1").register("Dora", email=ADDRESS).assert_problem(429, "too_many_attempts")
    assert Viewer(api, "2001:db8:0:100::1").register("Dora", email=ADDRESS).status == 201


def test_what_strangers_in_many_networks_ask_for_an_address_is_sent_five_times_an_hour_and_ten_a_day(
    viewers, mailbox, clock
):
    counts = []
    for hour in range(3):
        for minute in range(6):
            assert next(viewers).register(f"mallory{hour}-{minute}", email=ADDRESS).status == 201
            mailbox.all()
            clock.advance(MINUTE)
        counts.append(len(mailbox.all(ADDRESS)))
        clock.advance(HOUR)
    assert counts == [5, 10, 10]


@pytest.mark.usefixtures("by_address")
def test_strangers_keep_nobody_from_signing_up_for_longer_than_an_hour(viewers, mailbox, clock):
    for _ in range(3):
        for _ in range(6):
            sign_up(next(viewers))
            mailbox.all()
            clock.advance(MINUTE)
        clock.advance(HOUR)
    sent = len(mailbox.all(ADDRESS))
    alice = next(viewers)
    assert sign_up(alice).status == 202
    assert len(mailbox.all(ADDRESS)) == sent + 1
    confirmed = alice.post("/auth/register/confirm", {"token": mailbox.token(ADDRESS, "register")})
    assert confirmed.status == 201


@pytest.mark.parametrize("delivered", [1, 2, 5], ids=["each at once", "two together", "all together"])
def test_a_mail_that_is_asked_for_again_after_just_a_minute_is_sent(api, mailbox, clock, delivered):
    tokens = api.register("Alice", email=ADDRESS).json
    for asked in range(1, 6):
        if asked % delivered == 0:
            mailbox.all()
        if asked < 5:
            resend(api, tokens).assert_problem(429, "too_many_attempts")
            clock.advance(int(resend(api, tokens).headers["retry-after"]))
            assert resend(api, tokens).status == 202
    assert len(mailbox.all(ADDRESS)) == 5


@pytest.mark.usefixtures("by_address")
def test_a_registration_that_is_refused_because_of_its_mail_is_not_counted(api, settings, clock):
    settings["LYCHGATE_REGISTRATIONS_PER_HOUR"] = "3"
    statuses = [sign_up(api).status for _ in range(6)]
    assert statuses == [202, *[429] * 5]
    assert [sign_up(api, f"kim{number}@example.org").status for number in range(3)] == [202, 202, 429]


def test_the_device_of_somebody_else_causes_no_mail_that_is_not_among_those_of_the_day(api, settings, mailbox, clock):
    settings["LYCHGATE_MAILS_PER_DAY"] = "3"
    with_address(api, mailbox, clock)
    mallory = device_of(api.register("Mallory", token_delivery="cookie"))
    for _ in range(4):
        assert forgot(api, "Alice", **mallory).status == 202
        mailbox.all()
        clock.advance(MINUTE)
    # The mail that confirmed the address was the first of the day.
    assert len(mailbox.all(ADDRESS)) == 3
    assert forgot(api, "Alice").status == 202
    assert len(mailbox.all(ADDRESS)) == 3


def test_who_is_logged_in_is_told_when_the_mails_of_a_day_are_used_up(api, settings, mailbox, clock):
    settings["LYCHGATE_MAILS_PER_DAY"] = "3"
    tokens = api.register("Alice", email=ADDRESS).json
    for email in (OTHER_ADDRESS, "alice@example.net"):
        assert change(api, tokens, email).status == 202
    clock.advance(MINUTE)
    for refused in (change(api, tokens, ADDRESS), resend(api, tokens)):
        refused.assert_problem(429, "too_many_attempts")
        assert refused.headers["retry-after"] == str(DAY - clock.now % DAY)
    assert api.me(tokens["access_token"]).json["user"]["email"] == "alice@example.net"
    clock.advance(int(refused.headers["retry-after"]))
    tokens = api.login("Alice").json
    assert resend(api, tokens).status == 202
    assert len(mailbox.all("alice@example.net")) == 1


def test_strangers_cause_so_many_mails_a_day_in_all_and_are_told_nothing(api, settings, mailbox, clock):
    settings["LYCHGATE_MAILS_PER_DAY"] = "3"
    with_address(api, mailbox, clock)
    answers = [forgot(api, "nobody") for _ in range(2)]
    answers.append(forgot(api, "Alice"))
    challenge = ask_for_code(api, "Alice")
    assert challenge.json["challenge"]
    assert len({(answer.status, answer.body, str(answer.headers)) for answer in answers}) == 1
    # Who registers gets an account, and asks for the mail again when the day is over.
    api.register("Bobby", email=OTHER_ADDRESS)
    assert len(mailbox.all()) == 1
    clock.advance(DAY)
    assert resend(api, api.login("Bobby").json).status == 202
    assert len(mailbox.all(OTHER_ADDRESS)) == 1
    assert forgot(api, "Alice").status == 202
    assert len(mailbox.all(ADDRESS)) == 2


def test_the_device_of_somebody_else_is_a_stranger(api, alice, mailbox, clock):
    mallory = device_of(api.register("Mallory", token_delivery="cookie"))
    assert forgot(api, "Alice").status == 202
    sent = len(mailbox.all(ADDRESS))
    assert forgot(api, "Alice", **mallory).status == 202
    assert len(mailbox.all(ADDRESS)) == sent


def test_notices_are_sent_however_many_there_are(api, alice, mailbox):
    token = alice["access_token"]
    password = PASSWORD
    for number in range(12):
        passwords = {"current_password": password, "new_password": f"a quite different passphrase {number}"}
        changed = api.bearer("PUT", "/auth/password", token, passwords)
        token, password = changed.json["access_token"], passwords["new_password"]
    assert len(mailbox.all(ADDRESS)) == 1 + 12


class TestARequestThatIsRefusedAsksForNoMail:
    """Nothing of it is counted: not for the address, not for the network, and not in the day."""

    def test_a_taken_username_leaves_the_address_its_mail(self, api, mailbox):
        assert api.register("taken").status == 201
        api.register("taken", email=ADDRESS).assert_problem(409, "username_taken")
        assert api.register("free", email=ADDRESS).status == 201
        assert len(mailbox.all(ADDRESS)) == 1

    @pytest.mark.parametrize("setting", ["LYCHGATE_MAILS_PER_IP", "LYCHGATE_MAILS_PER_DAY"])
    def test_a_taken_username_leaves_the_network_and_the_day_theirs(self, api, settings, mailbox, setting):
        settings[setting] = "1"
        assert api.register("taken").status == 201
        for number in range(3):
            refused = api.register("taken", email=f"{number}@example.org")
            refused.assert_problem(409, "username_taken")
        assert api.register("free", email=ADDRESS).status == 201
        assert len(mailbox.all(ADDRESS)) == 1

    @pytest.mark.parametrize("setting", ["LYCHGATE_MAILS_PER_IP", "LYCHGATE_MAILS_PER_DAY"])
    def test_an_address_that_has_to_wait_leaves_the_network_and_the_day_theirs(self, api, settings, mailbox, setting):
        settings[setting] = "2"
        assert api.register("Alice", email=ADDRESS).status == 201
        for _ in range(3):
            api.register("Bobby", email=ADDRESS).assert_problem(429, "too_many_attempts")
        assert api.register("Bobby", email=OTHER_ADDRESS).status == 201
        assert len(mailbox.all(OTHER_ADDRESS)) == 1

    def test_the_same_where_the_address_is_the_name(self, api, settings, by_address, mailbox):
        settings["LYCHGATE_MAILS_PER_IP"] = "2"
        assert sign_up(api).status == 202
        for _ in range(3):
            sign_up(api).assert_problem(429, "too_many_attempts")
        assert sign_up(api, OTHER_ADDRESS).status == 202
        assert len(mailbox.all(OTHER_ADDRESS)) == 1

    def test_a_day_that_is_full_leaves_the_network_and_the_address_theirs(self, api, settings, mailbox, clock):
        settings |= {"LYCHGATE_MAILS_PER_DAY": "1", "LYCHGATE_MAILS_PER_IP": "2"}
        clock.now += end_of_day(clock.now) - clock.now - 10
        registered = api.register("Alice", email=ADDRESS, token_delivery="cookie")
        tokens = api.login("Alice").json
        for _ in range(3):
            refused = change(api, tokens, OTHER_ADDRESS)
            refused.assert_problem(429, "too_many_attempts")
            assert refused.headers["retry-after"] == "10"
        # A device that has logged in before is not in the day, and in the network.
        assert forgot(api, "Alice", **device_of(registered)).status == 202
        forgot(api, "Alice", **device_of(registered)).assert_problem(429, "too_many_attempts")
        clock.advance(10)
        assert change(api, tokens, OTHER_ADDRESS).status == 202
        assert len(mailbox.all(OTHER_ADDRESS)) == 1
