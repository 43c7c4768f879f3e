"""Second factors and passkeys in the page, with a virtual authenticator of the browser, and a TOTP app."""

import datetime
import json
import re
from types import SimpleNamespace

import pytest
from playwright.sync_api import expect

from tests.browser.authenticator import App, Authenticator
from tests.browser.person import call_api
from tests.browser.postbox import Postbox
from tests.browser.test_quality import TOOLS, assert_good_to_read
from tests.browser.visitor import PASSWORD

FRESH_SECONDS = 900
ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
CODE, RECOVERY = "[data-part~=second-code]", "[data-part~=second-recovery-code]"
CODE_ERROR, RECOVERY_ERROR = "[data-part~=second-code-error]", "[data-part~=second-recovery-code-error]"
DIALOG, SHEET = "[data-part~=confirm-dialog]", "[data-part~=sheet]"
LIES = ["isBogusSignature", "isBadUV", "isBadUP"]
LABEL = "[data-part~=way-list] [data-part~=label]"


@pytest.fixture
def named(patient_server):
    """The server at its address with a name, where passkeys work."""
    return SimpleNamespace(url=patient_server.url.replace("127.0.0.1", "localhost"))


class Member:
    """Somebody with an account, an authenticator in the browser, and perhaps a TOTP app."""

    def __init__(self, visitor, clock):
        self.visitor, self.clock = visitor, clock
        self.authenticator = Authenticator(visitor.page)
        self.app = None
        self.recovery_codes = []

    @property
    def page(self):
        return self.visitor.page

    def signs_up(self):
        self.visitor.join()
        self.visitor.sees("[data-part~=way-list] strong", "Password")
        return self

    def logs_out(self):
        self.visitor.sign_out()
        self.visitor.is_signed_out()
        return self

    def has_no_autofill(self):
        """Let the browser be one that offers passkeys at a button only: else whoever touches takes what is offered."""
        self.page.evaluate("PublicKeyCredential.isConditionalMediationAvailable = async () => false")

    def waits(self):
        """Come back when nothing is fresh any more."""
        self.clock.advance(FRESH_SECONDS + 1)
        self.page.reload()
        self.visitor.sees("[data-part~=way-list] strong", "Password")

    def adds_a_passkey(self):
        count = self.page.locator(LABEL).count()
        self.page.click("[data-part~=add-passkey]")
        expect(self.page.locator(LABEL)).to_have_count(count + 1)
        return self

    def is_outside(self, **more):
        """Have an account with an app, and open the page at the log-in."""
        account = {"username": self.visitor.username, "password": PASSWORD, **more}
        bearer = {"Authorization": f"Bearer {call_api(self.visitor, 'auth/register', account)['access_token']}"}
        begun = call_api(self.visitor, "auth/totp", {}, **bearer)
        self.app = App(begun["secret"], self.clock)
        confirmation = {"pending": begun["pending"], "code": self.app.code()}
        confirmed = call_api(self.visitor, "auth/totp/confirm", confirmation, **bearer)
        self.recovery_codes = confirmed["recovery_codes"]
        self.visitor.open().sees("[data-part~=mail-ways]")
        return self

    def begins_an_app(self):
        self.page.click("[data-part~=way-list] >> text=Set up")
        self.app = App(self.page.inner_text(f"{SHEET} [data-part~=secret]"), self.clock)
        return self

    def confirms_the_app(self, code):
        self.page.fill("[data-part~=totp-code]", code)
        self.page.click("[data-part~=totp-form] [type=submit]")

    def adds_an_app(self):
        self.begins_an_app().confirms_the_app(self.app.code())
        self.visitor.sees("[data-part~=codes]")
        self.recovery_codes = self.page.locator("[data-part~=codes] code").all_inner_texts()
        self.page.click("text=I have kept them")
        self.visitor.sees("[data-part~=way-list]", "Recovery codes")
        return self

    def enters(self, code, field=CODE):
        self.page.fill(field, code)
        self.page.press(field, "Enter")

    def answers_the_question(self, **fields):
        for name, value in fields.items():
            self.page.fill(f"[data-part~=confirm-{name}]", value)
        self.page.click(f"{DIALOG} [type=submit]")

    def posts(self):
        return [(path, status) for method, path, status in self.visitor.made() if method == "POST"]


@pytest.fixture
def new_member(new_visitor, named, patient_clock):
    def new_member(**settings):
        return Member(new_visitor(named, **settings), patient_clock)

    return new_member


@pytest.fixture
def stranger(new_member):
    """Somebody without an account, whose refusals are no errors of the page."""
    member = new_member()
    yield member
    # An offer of passkeys is made again and again, until the page is left.
    member.page.goto("about:blank")
    # Each refusal is told in the page, and the browser writes a line of it too.
    member.visitor.forgive(401, 403, 409, 429)


@pytest.fixture
def kim(stranger):
    """Somebody with an account, who has opened the page logged in."""
    return stranger.signs_up()


@pytest.fixture
def kim_outside(stranger):
    """Somebody with an app, at the log-in."""
    return stranger.is_outside()


def focused(member):
    return member.page.evaluate("document.activeElement.dataset.part?.split(' ')[0]")


# Passkeys


def test_a_passkey_is_added_and_logs_in_by_its_button_without_a_name(kim):
    kim.adds_a_passkey()
    kim.visitor.sees("[data-part~=notice]", "You can log in with the new passkey")
    kim.visitor.sees("[data-part~=ways-summary]", "You have a passkey.")
    kim.visitor.sees("[data-part~=way-list]", "on all your devices")
    kim.visitor.sees("[data-part~=way-list]", "not used yet")
    kim.visitor.sees("[data-part~=event-list]", "Passkey added")
    kim.has_no_autofill()
    kim.logs_out()
    kim.page.click("[data-part~=passkey-login]")
    kim.visitor.is_signed_in()
    kim.visitor.sees("[data-part~=way-list]", "used just now")
    assert "auth/login" not in [path for path, _ in kim.posts()]


def test_a_passkey_logs_in_from_the_field_for_the_name(kim):
    kim.adds_a_passkey().logs_out()
    # Whoever touches the virtual authenticator takes what is offered.
    kim.visitor.is_signed_in()
    assert ("auth/login/passkey", 200) in kim.posts()


@pytest.mark.parametrize("lie", LIES)
def test_an_authenticator_that_lies_logs_nobody_in_and_the_page_says_so(kim, lie):
    kim.adds_a_passkey()
    kim.authenticator.lies(**{lie: True})
    kim.logs_out()
    kim.page.click("[data-part~=passkey-login]")
    kim.visitor.sees("[data-part~=login-form] [data-form-error]", "not good for this site")
    assert ("auth/login/passkey", 401) in kim.posts()
    assert ("auth/login/passkey", 200) not in kim.posts()
    kim.visitor.is_signed_out()


def test_who_has_no_passkey_here_is_told_so_and_can_go_on(kim):
    kim.adds_a_passkey()
    kim.authenticator.forgets()
    kim.logs_out()
    kim.page.click("[data-part~=passkey-login]")
    kim.visitor.sees("[data-part~=login-form] [data-form-error]", "No passkey was used")
    kim.visitor.log_in()
    kim.visitor.is_signed_in()


def test_a_second_passkey_on_the_same_authenticator_is_refused_in_words(kim):
    kim.adds_a_passkey()
    kim.page.click("[data-part~=add-passkey]")
    kim.visitor.sees("[data-part~=notice]", "has a passkey for your account already")
    assert kim.page.locator(LABEL).count() == 1


def test_a_passkey_gets_another_name_by_keyboard(kim):
    kim.adds_a_passkey()
    before = kim.page.inner_text(LABEL)
    kim.page.focus("[data-part~=way-list] [data-part~=buttons] >> text=Rename")
    kim.page.keyboard.press("Enter")
    kim.visitor.wait_for(lambda: focused(kim) == "passkey-label")
    kim.page.keyboard.press("Escape")
    assert kim.page.inner_text(LABEL) == before
    kim.page.keyboard.press("Enter")
    kim.visitor.wait_for(lambda: focused(kim) == "passkey-label")
    kim.page.keyboard.type("<b>Laptop</b> of Kim")
    kim.page.keyboard.press("Enter")
    kim.visitor.sees(LABEL, "<b>Laptop</b> of Kim")
    kim.page.reload()
    kim.visitor.sees(LABEL, "<b>Laptop</b> of Kim")


def test_a_passkey_without_a_name_is_an_error_at_its_field(kim):
    kim.adds_a_passkey()
    kim.page.click("[data-part~=way-list] [data-part~=buttons] >> text=Rename")
    kim.page.fill("[data-part~=passkey-label]", "  ")
    kim.page.click("[data-part~=rename-form] [type=submit]")
    kim.visitor.sees("[data-part~=passkey-label-error]", "Enter a name")


def test_a_passkey_that_is_removed_logs_nobody_in(kim):
    kim.adds_a_passkey()
    kim.page.click("[data-part~=way-list] [data-part~=buttons] >> text=Remove")
    kim.visitor.sees(f"{DIALOG} h2", "Remove the passkey?")
    kim.page.click(f"{DIALOG} [type=submit]")
    kim.visitor.sees("[data-part~=notice]", "The passkey is removed")
    expect(kim.page.locator(LABEL)).to_have_count(0)
    assert focused(kim) == "ways-title"
    kim.visitor.sees("[data-part~=event-list]", "Passkey removed")
    kim.logs_out()
    kim.page.click("[data-part~=passkey-login]")
    kim.visitor.sees("[data-part~=login-form] [data-form-error]:not(:empty)")
    kim.visitor.is_signed_out()


def test_a_passkey_alone_answers_the_question_who_it_is(kim):
    kim.adds_a_passkey()
    kim.waits()
    kim.has_no_autofill()
    kim.page.click("[data-part~=log-out-everywhere]")
    kim.visitor.sees("[data-part~=confirm-password]")
    kim.page.click(f"{DIALOG} >> text=Use a passkey")
    kim.visitor.is_signed_out()
    assert ("auth/reauthenticate", 200) in kim.posts()


def test_a_stale_session_is_asked_who_it_is_before_it_gets_a_passkey(kim):
    kim.waits()
    kim.page.click("[data-part~=add-passkey]")
    kim.answers_the_question(password="seven old oak boards and a guess")
    kim.visitor.sees("[data-part~=confirm-password-error]", "not your password")
    kim.answers_the_question(password=PASSWORD)
    kim.visitor.sees(LABEL)


# A TOTP app


def test_an_app_is_set_up_with_the_secret_that_is_shown_and_the_codes_are_shown_once(kim):
    kim.begins_an_app()
    drawn = kim.page.locator("[data-part~=qr] svg")
    assert drawn.get_attribute("role") == "img"
    assert re.fullmatch(r"([A-Z2-7]{4} )*[A-Z2-7]{1,4}", kim.page.inner_text(f"{SHEET} [data-part~=secret]"))
    kim.confirms_the_app(kim.app.wrong_code())
    kim.visitor.sees("[data-part~=totp-code-error]", "Wrong")
    assert focused(kim) == "totp-code"
    code = kim.app.code()
    kim.confirms_the_app(f"\u2066{code[:3]}\u2011{code[3:]}\u2069.")
    kim.visitor.sees("[data-part~=codes]")
    codes = kim.page.locator("[data-part~=codes] code").all_inner_texts()
    assert len(set(codes)) == 10
    # They do not go by accident.
    for _ in range(3):
        kim.page.keyboard.press("Escape")
    kim.visitor.sees("[data-part~=codes]")
    with kim.page.expect_download() as download:
        kim.page.click(f"{SHEET} >> text=Download")
    kept = download.value.path().read_text("utf-8")
    assert download.value.suggested_filename == "recovery-codes.txt"
    assert all(code in kept for code in codes)
    assert kim.visitor.username in kept
    kim.page.click("text=I have kept them")
    kim.visitor.sees("[data-part~=ways-summary]", "needs a second factor")
    kim.visitor.sees("[data-part~=way-list]", "10 are left")
    kim.visitor.sees("[data-part~=event-list]", "Second factor added")
    expect(kim.page.locator(SHEET)).to_have_count(0)
    assert codes[0] not in kim.page.content()


def test_who_cancels_has_no_second_factor(kim):
    kim.begins_an_app()
    kim.page.keyboard.press("Escape")
    kim.page.locator(SHEET).wait_for(state="detached")
    kim.visitor.sees("[data-part~=ways-summary]", "Only your password")
    kim.logs_out()
    kim.visitor.log_in()
    kim.visitor.is_signed_in()


def test_a_log_in_wants_a_code_and_takes_each_code_once(kim_outside):
    kim = kim_outside
    kim.visitor.log_in()
    kim.visitor.sees("[data-part~=second-step]", f"shows for {kim.visitor.username}")
    assert focused(kim) == "second-code"
    assert kim.page.title().startswith("One more step")
    field = kim.page.locator(CODE)
    assert (field.get_attribute("autocomplete"), field.get_attribute("inputmode")) == ("one-time-code", "numeric")
    kim.enters("12 34")
    kim.visitor.sees(CODE_ERROR, "6 digits")
    for refused in (kim.app.last_code(), kim.app.wrong_code()):
        kim.enters(refused)
        kim.visitor.sees(CODE_ERROR, "Wrong, or used")
        assert focused(kim) == "second-code"
    kim.enters(kim.app.code().translate(ARABIC))
    kim.visitor.is_signed_in()
    assert [status for path, status in kim.posts() if path == "auth/login/second-factor"] == [401, 401, 200]
    kim.visitor.sees("[data-part~=event-list]", "Second factor wrong")


def test_a_recovery_code_logs_in_once(kim_outside):
    kim = kim_outside
    for taken in (True, False):
        kim.visitor.log_in()
        kim.page.click("text=Use a recovery code")
        assert focused(kim) == "second-recovery-code"
        kim.enters("\u200e" + kim.recovery_codes[3].upper().replace("-", "\u2013") + ".", RECOVERY)
        if taken:
            kim.visitor.is_signed_in()
            kim.visitor.sees("[data-part~=way-list]", "9 are left")
            kim.logs_out()
        else:
            kim.visitor.sees(RECOVERY_ERROR, "or used")
            kim.page.click("text=Use a code of the app")
            kim.enters(kim.app.code())
            kim.visitor.is_signed_in()


def test_after_five_wrong_codes_a_log_in_begins_again(kim_outside):
    kim = kim_outside
    kim.visitor.log_in()
    said = kim.page.locator(CODE_ERROR)
    for _ in range(5):
        kim.page.fill(CODE, kim.app.wrong_code())
        # What the last one was told is gone.
        expect(said).to_be_empty()
        kim.page.press(CODE, "Enter")
        expect(said).to_contain_text("Wrong")
    kim.enters(kim.app.code())
    kim.visitor.sees("h2", "Please begin again")
    assert focused(kim) == "second-step-title"
    kim.page.get_by_role("button", name="Begin again").click()
    assert focused(kim) == "login-password"
    assert kim.page.input_value("[data-part~=login-password]") == ""
    assert kim.page.input_value("[data-part~=login-username]") == kim.visitor.username
    kim.visitor.log_in()
    kim.enters(kim.app.code())
    kim.visitor.is_signed_in()


def test_the_time_for_the_second_step_runs_and_ends(kim_outside):
    kim = kim_outside
    kim.page.clock.install()
    # It stands still, however long a look at it takes.
    kim.page.clock.pause_at(datetime.datetime.now(tz=datetime.UTC) + datetime.timedelta(hours=1))
    kim.visitor.log_in()
    kim.visitor.sees("[data-part~=time]", "Time left: 5:00")
    kim.page.clock.run_for(241_000)
    kim.visitor.sees("[data-part~=time]", "Time left: 0:59")
    assert kim.page.inner_text("[data-part~=second-step] [role=status]") == "One minute is left."
    kim.page.clock.run_for(60_000)
    kim.visitor.sees("h2", "Please begin again")


def test_who_goes_back_from_the_second_step_is_at_the_log_in_and_the_name_stays(kim_outside):
    kim = kim_outside
    kim.visitor.log_in()
    kim.visitor.sees(CODE)
    kim.page.click("[data-part~=second-step] >> text=Back to the log-in")
    kim.visitor.sees("[data-part~=login-form]")
    assert kim.page.input_value("[data-part~=login-password]") == ""
    assert kim.page.locator("[data-part~=second-step]").is_hidden()
    kim.visitor.log_in()
    kim.visitor.sees(CODE)
    kim.page.evaluate("location.hash = 'signup'")
    kim.visitor.sees("[data-part~=signup-form]")
    assert kim.page.locator("[data-part~=second-step]").is_hidden()


def test_a_passkey_is_a_second_factor_too(kim):
    kim.adds_a_passkey().adds_an_app()
    kim.authenticator.answers(False)
    kim.logs_out()
    kim.visitor.log_in()
    kim.visitor.sees(CODE)
    kim.authenticator.answers(True)
    kim.page.click("[data-part~=second-step] >> text=Use a passkey")
    kim.visitor.is_signed_in()
    assert ("auth/login/second-factor", 200) in kim.posts()


def test_who_has_an_app_answers_the_question_with_password_and_code(kim):
    kim.adds_an_app()
    kim.waits()
    kim.page.click("[data-part~=way-list] >> text=Make new ones")
    kim.visitor.sees("[data-part~=confirm-reason]", "your password and a code")
    kim.answers_the_question(password=PASSWORD, code="")
    kim.visitor.sees("[data-part~=confirm-code-error]", "Enter the code")
    kim.answers_the_question(code=kim.app.wrong_code())
    kim.visitor.sees("[data-part~=confirm-code-error]", "Wrong, or used")
    code = kim.app.code()
    kim.answers_the_question(code=f"{code[:3]}-{code[3:]}")
    kim.visitor.sees("[data-part~=codes]")
    codes = kim.page.locator("[data-part~=codes] code").all_inner_texts()
    assert not set(codes) & set(kim.recovery_codes)
    kim.page.click("text=I have kept them")
    kim.visitor.sees("[data-part~=notice]", "new recovery codes")


def test_without_its_app_an_account_asks_for_a_password_alone_again(kim):
    kim.adds_an_app()
    kim.page.click("[data-part~=way-list] >> text=Remove")
    kim.visitor.sees("[data-part~=confirm-consequence]", "the recovery codes are void")
    kim.page.click(f"{DIALOG} [type=submit]")
    kim.visitor.sees("[data-part~=ways-summary]", "Only your password")
    kim.visitor.sees("[data-part~=event-list]", "Second factor removed")
    kim.logs_out()
    kim.visitor.log_in()
    kim.visitor.is_signed_in()


def test_the_password_of_an_account_with_an_app_is_not_changed_by_the_password_alone(kim):
    kim.adds_an_app()
    kim.waits()
    kim.page.click("[data-part~=password-fold] summary")
    kim.page.fill("[data-part~=current-password]", PASSWORD)
    kim.page.fill("[data-part~=new-password]", "nine new willow boards and a bolt")
    kim.page.click("[data-part~=password-form] [type=submit]")
    kim.visitor.sees(f"{DIALOG} h2", "Change the password?")
    kim.answers_the_question(password=PASSWORD, code=kim.app.code())
    kim.visitor.sees("[data-part~=notice]", "Your password is changed")


def test_a_mailed_code_ends_in_the_second_factor_too(stranger, patient_server):
    kim = stranger
    post = Postbox(patient_server, f"{kim.visitor.username}@example.org")
    page = kim.is_outside(email=post.address).page
    call_api(patient_server, "auth/email/confirm", {"token": post.link("email").partition("=")[2]})
    page.click("[data-part~=mail-ways] a[href='#code']")
    page.fill("[data-part~=code-username]", kim.visitor.username)
    page.click("[data-part~=code-form] [type=submit]")
    page.fill("[data-part~=code-digits]", post.code())
    page.click("[data-part~=code-entry-form] [type=submit]")
    kim.visitor.sees(CODE)
    kim.enters(kim.app.wrong_code())
    kim.visitor.sees(CODE_ERROR, "Wrong")
    kim.enters(kim.app.code())
    kim.visitor.is_signed_in()


def test_an_authenticator_that_lies_is_no_second_factor_and_answers_no_question(kim):
    kim.adds_a_passkey().adds_an_app()
    kim.waits()
    for lie in LIES:
        kim.authenticator.lies(**{lie: True})
        kim.page.click("[data-part~=log-out-everywhere]")
        with kim.page.expect_response("**/api/auth/reauthenticate") as answer:
            kim.page.click(f"{DIALOG} >> text=Use a passkey")
        assert answer.value.status == 401, lie
        kim.visitor.sees(f"{DIALOG} [data-form-error]", "not good for your account")
        kim.page.click(f"{DIALOG} >> text=Cancel")
        kim.page.locator(DIALOG).wait_for(state="detached")
    kim.authenticator.answers(False)
    kim.logs_out()
    kim.visitor.log_in()
    kim.visitor.sees(CODE)
    kim.authenticator.answers(True)
    for lie in LIES:
        kim.authenticator.lies(**{lie: True})
        with kim.page.expect_response("**/api/auth/login/second-factor") as answer:
            kim.page.click("[data-part~=second-step] >> text=Use a passkey")
        assert answer.value.status == 401, lie
        kim.visitor.sees("[data-part~=second-step] [role=alert]", "The passkey was refused")
    kim.enters(kim.app.code())
    kim.visitor.is_signed_in()


def test_a_browser_that_makes_a_passkey_by_itself_is_told_of_in_a_line(kim):
    made = {
        "id": "a2V5",
        "label": "Chrome on Linux",
        "created_at": "2026-11-28T12:00:00Z",
        "last_used_at": None,
        "backed_up": True,
    }
    source = f"export const upgradeToPasskey = async () => ({json.dumps(made)});"
    others = "export * from '/js/lychgate-factors.js?'; "
    kim.logs_out()
    kim.visitor.context.route(
        "**/js/lychgate-factors.js",
        lambda route: route.fulfill(content_type="text/javascript", body=others + source),
    )
    kim.page.reload()
    kim.visitor.log_in()
    kim.visitor.sees("[data-part~=notice]", "A passkey was added to your account")


# Without a password


@pytest.fixture
def passwordless(new_visitor, patient_clock, address_server):
    """Somebody who has signed up without a password, and has the mailed link open."""
    named = SimpleNamespace(url=address_server.url.replace("127.0.0.1", "localhost"))
    kim = Member(new_visitor(named), patient_clock)
    kim.visitor.username = f"{kim.visitor.username}@example.org"
    page = kim.visitor.open().page
    kim.visitor.sees("[data-part~=mail-ways]")
    page.click("[data-part~=show-signup]")
    page.fill("[data-part~=signup-username]", kim.visitor.username)
    page.click("[data-part~=signup-form] [type=submit]")
    kim.visitor.sees("h2", "Confirm your address")
    page.goto(Postbox(address_server, kim.visitor.username).link("register").replace("127.0.0.1", "localhost"))
    kim.visitor.sees("[data-part~=register-password-hint]", "Without one")
    page.click("[data-part~=register-form] [type=submit]")
    yield kim
    kim.visitor.forgive(401, 403, 409)


def test_who_signs_up_without_a_password_makes_a_passkey_at_once_and_needs_no_password_ever(passwordless):
    kim = passwordless
    kim.visitor.sees("[data-part~=passkey-offer]", "You have no password")
    kim.page.click("[data-part~=passkey-offer] button")
    kim.visitor.sees("[data-part~=done-title]", "You have a passkey")
    assert focused(kim) == "done-title"
    kim.page.click("[data-part~=done-next]")
    kim.visitor.is_signed_in()
    kim.visitor.sees("[data-part~=ways-summary]", "You have a passkey.")
    kim.visitor.sees("[data-part~=way-list]", "None. You log in with a passkey or a mailed code.")
    assert kim.page.locator("[data-part~=password-fold]").is_hidden()
    kim.page.click("[data-part~=delete-fold] summary")
    assert kim.page.locator("[data-part~=delete-password]").is_hidden()
    kim.page.click("[data-part~=delete-form] [type=submit]")
    kim.visitor.is_signed_out()
    kim.visitor.sees("[data-part~=notice]", "Your account is deleted")


def test_who_wants_no_passkey_goes_on_without_one(passwordless):
    kim = passwordless
    kim.visitor.sees("[data-part~=passkey-offer]")
    kim.page.click("text=Not now")
    kim.visitor.is_signed_in()
    kim.visitor.sees("[data-part~=ways-summary]", "mailed code")


def test_the_last_way_in_is_not_removed_and_the_question_says_why(kim):
    kim.adds_a_passkey()
    refusal = {"status": 409, "json": {"error": "conflict", "status": 409}}
    kim.visitor.context.route(
        "**/api/auth/passkeys/*",
        lambda route: route.fulfill(**refusal) if route.request.method == "DELETE" else route.fallback(),
    )
    kim.page.click("[data-part~=way-list] [data-part~=buttons] >> text=Remove")
    kim.page.click(f"{DIALOG} [type=submit]")
    kim.visitor.sees(f"{DIALOG} [data-form-error]", "only way into your account")
    kim.page.click(f"{DIALOG} >> text=Cancel")
    assert kim.page.locator(LABEL).count() == 1


# Where there are none


def test_at_an_address_of_numbers_the_page_says_where_passkeys_work(new_visitor, patient_server):
    visitor = new_visitor(patient_server).open()
    visitor.sees("[data-part~=passkey-address]", "Passkeys need an address with a name")
    link = visitor.page.locator("[data-part~=passkey-address] a")
    assert link.get_attribute("href") == patient_server.url.replace("127.0.0.1", "localhost") + "/"
    expect(visitor.page.locator("[data-part~=passkey-login]")).to_have_count(0)
    visitor.join()
    visitor.sees("[data-part~=way-list] strong", "Password")
    assert visitor.page.locator("[data-part~=logged-in] >> text=Add a passkey").is_hidden()
    visitor.sees("[data-part~=logged-in]", "Passkeys need an address with a name")


def test_a_site_without_passkeys_and_apps_offers_none(new_visitor, named):
    visitor = new_visitor(named)
    options = {"registration": "open", "identifier": "username", "email": "off", "methods": ["password"]}
    visitor.context.route("**/api/auth/options", lambda route: route.fulfill(json={**options, "second_factors": []}))
    visitor.open().sees("[data-part~=login-form]")
    visitor.sign_up()
    visitor.is_signed_in()
    visitor.sees("[data-part~=way-list] strong", "Password")
    for offer in ("Add a passkey", "Set up", "Passkeys need"):
        expect(visitor.page.locator(f"[data-part~=logged-in] >> text={offer}").locator("visible=true")).to_have_count(0)
    visitor.sign_out()
    visitor.is_signed_out()
    expect(visitor.page.locator("[data-part~=passkey-login]")).to_have_count(0)


def test_after_a_new_password_the_page_says_that_second_factors_stay(new_visitor, named):
    visitor = new_visitor(named)
    visitor.context.route("**/api/auth/password/reset", lambda route: route.fulfill(status=204))
    visitor.page.goto(f"{named.url}/account.html#reset=abc")
    visitor.page.fill("[data-part~=reset-password]", PASSWORD)
    visitor.page.click("[data-part~=reset-form] [type=submit]")
    visitor.sees("[data-part~=done-text]", "authenticator app or passkeys, they stay as they were")


# For everybody


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1440])
def test_each_view_is_accessible_and_fits_the_window(new_member, width, scheme):
    kim = new_member(
        viewport={"width": width, "height": 800}, color_scheme=scheme, reduced_motion="reduce", bypass_csp=True
    )
    kim.visitor.context.add_init_script(path=TOOLS / "axe-core" / "axe.min.js")
    page = kim.signs_up().page
    kim.adds_a_passkey()
    page.click("[data-part~=way-list] [data-part~=buttons] >> text=Rename")
    assert_good_to_read(page)
    page.keyboard.press("Escape")
    kim.begins_an_app().confirms_the_app(kim.app.wrong_code())
    kim.visitor.sees("[data-part~=totp-code-error]", "Wrong")
    assert_good_to_read(page)
    kim.confirms_the_app(kim.app.code())
    kim.visitor.sees("[data-part~=codes]")
    assert_good_to_read(page)
    page.click("text=I have kept them")
    kim.visitor.sees("[data-part~=way-list]", "Recovery codes")
    assert_good_to_read(page)
    kim.waits()
    page.click("[data-part~=log-out-everywhere]")
    kim.visitor.sees("[data-part~=confirm-code]")
    assert_good_to_read(page)
    page.click(f"{DIALOG} >> text=Cancel")
    kim.authenticator.answers(False)
    kim.logs_out()
    kim.visitor.sees("[data-part~=passkey-login]")
    assert_good_to_read(page)
    kim.visitor.log_in()
    kim.enters(kim.app.wrong_code())
    kim.visitor.sees(CODE_ERROR, "Wrong")
    assert_good_to_read(page)
    page.click("text=Use a recovery code")
    assert_good_to_read(page)
    kim.visitor.forgive(401, 403)


def test_an_app_is_set_up_and_used_by_keyboard_alone(kim):
    def press(*keys):
        for key in keys:
            kim.page.keyboard.press(key)

    kim.page.focus("[data-part~=way-list] >> text=Set up")
    press("Enter")
    kim.visitor.sees(f"{SHEET} [data-part~=secret]")
    assert focused(kim) == "sheet-title"
    kim.app = App(kim.page.inner_text(f"{SHEET} [data-part~=secret]"), kim.clock)
    while focused(kim) != "totp-code":
        press("Tab")
    kim.page.keyboard.type(kim.app.code())
    press("Enter")
    kim.visitor.sees("[data-part~=codes]")
    assert focused(kim) == "sheet-title"
    press("Tab", "Tab", "Tab", "Tab")
    assert kim.page.evaluate("document.activeElement.textContent") == "I have kept them"
    press("Enter")
    kim.visitor.sees("[data-part~=way-list]", "Recovery codes")
    expect(kim.page.locator("[data-part~=ways-title]")).to_be_focused()
    kim.authenticator.answers(False)
    kim.logs_out()
    kim.page.focus("[data-part~=login-username]")
    kim.page.keyboard.type(kim.visitor.username)
    press("Tab")
    kim.page.keyboard.type(PASSWORD)
    press("Enter")
    kim.visitor.sees(CODE)
    kim.page.keyboard.type(kim.app.code())
    press("Enter")
    kim.visitor.is_signed_in()
    assert focused(kim) == "logged-in-title"


def test_recovery_codes_are_on_the_paper_and_nothing_else(kim):
    kim.begins_an_app().confirms_the_app(kim.app.code())
    kim.visitor.sees("[data-part~=codes]")
    kim.page.emulate_media(media="print")
    printed = kim.page.evaluate("document.body.innerText")
    assert all(code in printed for code in kim.page.locator("[data-part~=codes] code").all_inner_texts())
    assert f"Recovery codes of {kim.visitor.username} at localhost" in printed
    assert not re.search("Sessions|Download|kept them", printed)
