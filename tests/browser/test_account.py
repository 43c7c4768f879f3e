"""The account: sessions, history, password, deletion, and text from outside that would like to be markup."""

import datetime
import json
import unicodedata
import urllib.request
import uuid

import pytest

from tests.browser.elsewhere import Elsewhere
from tests.browser.visitor import PASSWORD

NEW_PASSWORD = "nine new willow boards and a bolt"
WIDTHS = [320, 768, 1440]
WINDOWS, ENGINE = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)", "AppleWebKit/537.36 (KHTML, like Gecko)"
CHROME = f"{WINDOWS} {ENGINE} Chrome/138.0.0.0 Safari/537.36"
ANDROID = f"Mozilla/5.0 (Linux; Android 10; K) {ENGINE} Chrome/138.0.0.0 Mobile Safari/537.36"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
HOSTILE = "<img src=x onerror=document.title='owned'><b>bold</b>"


@pytest.fixture
def elsewhere(member, new_visitor, server):
    """The same user, logged in with another browser, who has seen the first browser's session too."""
    other = new_visitor(server, member.username).has_come_back().open()
    other.is_signed_in()
    other.sees("[data-part~=session-list] [data-part~=pill]", "This one")
    return other


def log_in_elsewhere(member, times=1, user_agent="elsewhere"):
    """Log in without a browser, as many times as told."""
    headers = {"Content-Type": "application/json", "User-Agent": user_agent}
    body = json.dumps({"username": member.username, "password": PASSWORD}).encode()
    for _ in range(times):
        with urllib.request.urlopen(urllib.request.Request(f"{member.url}/api/auth/login", body, headers)) as answer:
            assert answer.status == 200


def cut_off(member):
    """Take the network away. What the browser writes of it is no error of the page's."""
    member.is_whole(member.page)
    member.context.set_offline(True)


def focused(member):
    return member.page.evaluate("document.activeElement.dataset.part.split(' ')[0]")


def test_a_new_account_is_signed_in_nowhere_else(member):
    member.sees("[data-part~=sessions-summary]", "nowhere else")
    member.sees("[data-part~=event-list]", "Account made")
    assert member.page.locator("[data-part~=end-others]").is_hidden()


def test_no_session_is_said_to_be_used_at_times_before_it_began(member):
    log_in_elsewhere(member, 2)

    def let_one_be_used_later(route):
        sessions = route.fetch().json()["sessions"]
        other = next(session for session in sessions if not session["current"])
        other["created_at"], other["last_used_at"] = "2026-06-17T14:59:59Z", "2026-06-17T15:00:00Z"
        route.fulfill(json={"sessions": sessions})

    member.context.route("**/api/auth/sessions", let_one_be_used_later)
    member.load_again()
    member.sees("[data-part~=sessions-summary]", "3 sessions")
    entries = member.page.locator("[data-part~=session-list] li").all_inner_texts()
    assert sorted("used" in entry for entry in entries) == [False, True, True]
    assert len([entry for entry in entries if "last used on 17 Jun 2026" in entry]) == 1
    assert all("Logged in" in entry for entry in entries)


def test_a_session_elsewhere_is_listed_and_can_be_ended(member, elsewhere):
    elsewhere.ends("[data-part~=session-list] li button")
    elsewhere.sees("[data-part~=notice]", "The session has ended")
    elsewhere.sees("[data-part~=sessions-summary]", "nowhere else")
    assert elsewhere.page.evaluate("document.activeElement.dataset.part") == "sessions-title"
    assert member.load_again() == 401
    member.is_signed_out()
    member.forgive(401)


def test_all_other_sessions_can_be_ended_at_once(member):
    others = [Elsewhere(member), Elsewhere(member)]
    member.load_again()
    member.sees("[data-part~=session-list] li:nth-child(3)")
    member.ends("[data-part~=end-others]")
    member.sees("[data-part~=notice]", "2 sessions have ended")
    member.sees("[data-part~=sessions-summary]", "nowhere else")
    assert [other.goes_on() for other in others] == [False, False]
    member.calls.clear()
    member.page.reload()
    member.is_signed_in()
    assert member.refreshes() == [200]


def test_logging_out_everywhere_ends_this_session_too(member):
    other = Elsewhere(member)
    (ours,) = member.refresh_cookies()
    member.ends("[data-part~=log-out-everywhere]")
    member.is_signed_out()
    assert not other.goes_on()
    member.context.add_cookies([ours])
    assert member.context.request.post(f"{member.url}/api/auth/refresh", data={}).status == 401


@pytest.mark.parametrize(
    ("action", "untold"),
    [
        ("[data-part~=session-list] li button", "The session may still be active."),
        ("[data-part~=end-others]", "The sessions may still be active."),
        ("[data-part~=log-out-everywhere]", "You may still be logged in everywhere."),
    ],
)
def test_offline_nothing_ends_and_the_question_says_so_and_can_be_answered_again(member, action, untold):
    log_in_elsewhere(member, 2)
    member.load_again()
    member.sees("[data-part~=sessions-summary]", "3 sessions")
    cut_off(member)
    member.ends(action)
    told = member.sees("[data-part~=confirm-dialog] [data-form-error]", untold)
    assert "You are offline. Please try again when you are connected." in told.inner_text()
    assert member.page.locator("[data-part~=session-list] li").count() == 3
    assert member.page.inner_text("[data-part~=sessions-summary]") == "3 sessions are active."
    member.context.set_offline(False)
    member.page.click("[data-part~=confirm-dialog] [type=submit]")
    member.page.locator("[data-part~=confirm-dialog]").wait_for(state="hidden")
    if action == "[data-part~=log-out-everywhere]":
        member.is_signed_out()
    elif action == "[data-part~=end-others]":
        member.sees("[data-part~=notice]", "2 sessions have ended")
        member.sees("[data-part~=sessions-summary]", "nowhere else")
    else:
        member.sees("[data-part~=notice]", "The session has ended")
        member.sees("[data-part~=sessions-summary]", "2 sessions")
    member.forgive("Failed to load resource")


def test_if_the_network_goes_in_between_what_has_ended_is_told_and_gone_and_the_rest_is_not(member):
    log_in_elsewhere(member, 5)
    member.load_again()
    member.sees("[data-part~=sessions-summary]", "6 sessions")
    ended = []

    def answer_three(route):
        if len(ended) == 3:
            return route.abort("internetdisconnected")
        ended.append(route.request.url)
        return route.continue_()

    member.context.route("**/api/auth/sessions/*", answer_three)
    member.ends("[data-part~=end-others]")
    told = member.sees("[data-part~=confirm-dialog] [data-form-error]", "3 of 5 sessions have ended").inner_text()
    assert "the others may still be active" in told
    assert "try again" in told
    assert member.page.locator("[data-part~=session-list] li").count() == 3
    assert member.page.inner_text("[data-part~=sessions-summary]") == "3 sessions are active."
    assert "ended" not in member.notices()
    member.reaches_again("**/api/auth/sessions/*")
    member.page.click("[data-part~=confirm-dialog] [type=submit]")
    member.sees("[data-part~=notice]", "5 sessions have ended")
    member.sees("[data-part~=sessions-summary]", "nowhere else")
    assert focused(member) == "sessions-title"
    member.forgive("Failed to load resource")


def test_after_a_failure_one_may_leave_it_at_that_and_the_list_says_what_is_known(member):
    log_in_elsewhere(member, 2)
    member.load_again()
    member.sees("[data-part~=sessions-summary]", "3 sessions")
    cut_off(member)
    member.ends("[data-part~=end-others]")
    member.sees("[data-part~=confirm-dialog] [data-form-error]", "offline")
    member.page.click("[data-part~=confirm-dialog] >> text=Cancel")
    member.page.locator("[data-part~=confirm-dialog]").wait_for(state="hidden")
    assert focused(member) == "end-others"
    assert member.page.locator("[data-part~=session-list] li").count() == 3
    assert "ended" not in member.notices()
    member.forgive("Failed to load resource")


def test_a_session_that_had_ended_already_counts_as_ended(member):
    log_in_elsewhere(member)
    member.load_again()
    member.sees("[data-part~=sessions-summary]", "2 sessions")
    member.context.route("**/api/auth/sessions/*", lambda route: route.fulfill(status=404, json={"error": "not_found"}))
    member.ends("[data-part~=session-list] li button")
    member.sees("[data-part~=notice]", "The session has ended")
    member.forgive(404)


@pytest.mark.parametrize("form", ["password", "delete"])
def test_offline_a_form_says_what_happened_and_keeps_what_was_typed(member, form):
    cut_off(member)
    if form == "password":
        change_password(member, PASSWORD, NEW_PASSWORD)
    else:
        delete_account(member, PASSWORD)
    member.sees(f"[data-part~={form}-form] [data-form-error]", "You are offline")
    assert member.page.input_value(f"[data-part~={form}-form] [type=password]") == PASSWORD
    member.is_signed_in()
    member.forgive("Failed to load resource")


def test_offline_the_lists_stay_as_they_were_and_say_that_they_may_be_old(member):
    member.sees("[data-part~=event-list]", "Account made")
    cut_off(member)
    member.page.click("[data-part~=reload-dashboard]")
    member.sees("[data-part~=history-summary]", "You are offline")
    member.sees("[data-part~=sessions-summary]", "may be out of date")
    member.sees("[data-part~=event-list]", "Account made")
    member.sees("[data-part~=session-list] [data-part~=pill]", "This one")
    member.context.set_offline(False)
    member.page.click("[data-part~=sessions-retry]")
    member.sees("[data-part~=sessions-summary]", "nowhere else")
    assert member.page.locator("[data-part~=sessions-retry]").is_hidden()
    member.forgive("Failed to load resource")


def test_a_failed_sign_in_is_in_the_history(member):
    guess = {"username": member.username, "password": "seven old oak boards and a guess"}
    assert member.context.request.post(f"{member.url}/api/auth/login", data=guess).status == 401
    member.page.click("[data-part~=reload-dashboard]")
    member.sees("[data-part~=event-list]", "Log-in failed")


def test_a_wrong_current_password_is_an_error_at_its_field_and_no_log_out(member):
    change_password(member, "seven old oak boards and a guess", NEW_PASSWORD)
    member.sees("[data-part~=current-password-error]", "not your password")
    assert member.page.evaluate("document.activeElement.dataset.part") == "current-password"
    member.is_signed_in()
    assert member.refreshes() == [200]  # as the page was opened
    member.forgive(401)


def test_a_changed_password_is_the_one_that_counts_from_then_on(member, elsewhere):
    change_password(member, PASSWORD, NEW_PASSWORD)
    member.sees("[data-part~=notice]", "Your password is changed")
    assert member.page.input_value("[data-part~=new-password]") == ""
    assert elsewhere.load_again() == 401
    elsewhere.is_signed_out()
    elsewhere.log_in()
    elsewhere.sees("[data-part~=login-form] [data-form-error]", "do not match")
    elsewhere.log_in(NEW_PASSWORD)
    elsewhere.is_signed_in()
    elsewhere.forgive(401)


def test_who_comes_back_logged_in_is_told_how_long_a_new_password_has_to_be_here(new_visitor, server):
    member = new_visitor(server)
    asked = {"registration": "open", "password": {"min_length": 20, "max_length": 256}}
    member.context.route("**/api/auth/options", lambda route: route.fulfill(json=asked))
    member.join()
    member.page.click("[data-part~=password-fold] summary")
    member.sees("[data-part~=new-password-hint]", "20 or more characters")
    change_password(member, PASSWORD, "nineteen characters")
    member.sees("[data-part~=new-password-error]", "at least 20")


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_password_changed_to_itself_is_an_error_at_its_field_and_no_change(new_visitor, server, form):
    password = "sieben alte Eichenbr\u00e4ter"
    visitor = new_visitor(server).join(password)
    change_password(visitor, password, unicodedata.normalize(form, password))
    visitor.sees("[data-part~=new-password-error]", "your password already")
    assert focused(visitor) == "new-password"
    assert "auth/password" not in [path for _, path, _ in visitor.made()]
    assert "changed" not in visitor.notices()


def test_the_api_is_asked_whether_a_password_is_the_same_and_its_answer_is_at_the_field(member):
    """The page's own check is out of the way: it is given another current password than it sends."""

    def send_the_same(route):
        body = json.loads(route.request.post_data)
        route.continue_(post_data=json.dumps({**body, "new_password": PASSWORD}))

    member.context.route("**/api/auth/password", send_the_same)
    change_password(member, PASSWORD, NEW_PASSWORD)
    member.page.locator("[data-part~=new-password-error]:not(:empty)").wait_for()
    member.page.wait_for_load_state("networkidle")
    assert "changed" not in member.notices()
    member.forgive(422)


def test_a_new_password_must_keep_the_rules(member):
    change_password(member, PASSWORD, "short")
    member.sees("[data-part~=new-password-error]", "at least 15")
    change_password(member, PASSWORD, f"{member.username} and some more")
    member.sees("[data-part~=new-password-error]", "must not contain the username")
    assert "auth/password" not in [path for _, path, _ in member.made()]


def test_an_account_is_deleted_with_its_password_only(member):
    delete_account(member, "seven old oak boards and a guess")
    member.sees("[data-part~=delete-password-error]", "not your password")
    member.page.fill("[data-part~=delete-password]", PASSWORD)
    member.page.click("[data-part~=delete-form] [type=submit]")
    member.is_signed_out()
    member.sees("[data-part~=notice]", "Your account is deleted")
    member.log_in()
    member.sees("[data-part~=login-form] [data-form-error]", "do not match")
    member.forgive(401)


def test_a_password_manager_is_told_whose_password_each_form_wants(member):
    for form in ["password-form", "delete-form"]:
        field = member.page.locator(f"[data-part~={form}] [autocomplete=username]")
        assert (field.input_value(), field.is_editable(), field.is_visible()) == (member.username, False, False)


def test_who_changes_his_mind_finds_the_form_empty_and_folded(member):
    member.page.click("[data-part~=delete-fold] summary")
    member.page.fill("[data-part~=delete-password]", PASSWORD)
    member.page.click("[data-part~=delete-form] [data-cancel]")
    member.page.locator("[data-part~=delete-password]").wait_for(state="hidden")
    assert member.page.input_value("[data-part~=delete-password]") == ""
    assert member.page.evaluate("document.activeElement.parentElement.dataset.part") == "delete-fold fold"
    assert member.page.input_value("[data-part~=delete-form] [name=username]") == member.username


def test_a_user_agent_with_markup_is_shown_as_text(member):
    log_in_elsewhere(member, user_agent=HOSTILE)
    member.page.click("[data-part~=reload-dashboard]")
    member.sees("[data-part~=session-list] strong", HOSTILE)
    member.sees("[data-part~=event-list]", HOSTILE)
    assert member.page.locator("main img, main b").count() == 0
    assert member.page.title() != "owned"


def test_what_the_api_says_is_shown_as_text(member):
    event = {"type": HOSTILE, "at": HOSTILE, "ip": HOSTILE, "user_agent": HOSTILE}
    member.context.route("**/api/dashboard", lambda route: route.fulfill(json={"recent_events": [event]}))
    member.page.click("[data-part~=reload-dashboard]")
    member.sees("[data-part~=event-list] strong", HOSTILE)
    assert member.page.locator("main img, main b").count() == 0


def test_a_dashboard_that_cannot_be_loaded_says_so_and_can_be_asked_again(member):
    member.page.wait_for_load_state("networkidle")
    member.context.route("**/api/dashboard", lambda route: route.fulfill(status=503, json={}))
    member.page.click("[data-part~=reload-dashboard]")
    member.sees("[data-part~=history-summary]", "The service has a problem")
    member.reaches_again("**/api/dashboard")
    member.page.click("[data-part~=reload-dashboard]")
    member.sees("[data-part~=event-list]", "Account made")
    member.forgive(503)


def test_nothing_of_one_user_is_left_for_the_next(member):
    member.sees("[data-part~=event-list]", "Account made")
    member.sign_out()
    member.is_signed_out()
    member.wait_for(lambda: member.username not in member.page.locator("[data-part~=logged-in]").text_content())
    assert member.page.locator("[data-part~=session-list] li, [data-part~=event-list] li").count() == 0


def test_a_suggested_passphrase_is_shown_and_taken(visitor):
    visitor.page.click("[data-part~=show-signup]")
    visitor.page.fill("[data-part~=signup-username]", visitor.username)
    visitor.page.click("[data-part~=suggest]")
    visitor.sees("[data-part~=signup-password-tally]", "✓")
    first = visitor.page.input_value("[data-part~=signup-password]")
    assert visitor.page.get_attribute("[data-part~=signup-password]", "type") == "text"
    visitor.page.click("[data-part~=suggest]")
    visitor.wait_for(lambda: visitor.page.input_value("[data-part~=signup-password]") != first)
    visitor.page.click("[data-part~=signup-form] [type=submit]")
    visitor.is_signed_in()


PASSWORDS = [
    "fourteen chars",
    "fifteen charact",
    "Rene\u0301e took 19\u20ac",
    "Rene\u0301e took 199\u20ac",
    "".join(map(chr, range(0x1F400, 0x1F40E))),
    "".join(map(chr, range(0x1F400, 0x1F40F))),
    "".join(map(chr, range(0x100, 0x200))),
    "".join(map(chr, range(0x100, 0x201))),
    "my name is {name}, is it",
    "my name is {upper}, is it",
    "my name is {wide}, is it",
]


def test_the_page_and_the_api_agree_on_which_passwords_will_do_but_for_common_ones(visitor):
    script = """async ([password, name]) => {
        const { passwordProblem } = await import("/js/elements/core/rules.js");
        const { USUAL } = await import("/js/elements/core/options.js");
        const { wordsIn } = await import("/js/elements/core/languages.js");
        return passwordProblem(await wordsIn("en"), USUAL, password, name);
    }"""
    verdicts = {}
    for number, pattern in enumerate(PASSWORDS):
        name = f"{visitor.username}.{number}"
        wide = "".join(chr(ord(letter) + 0xFEE0) for letter in name)
        password = pattern.format(name=name, upper=name.upper(), wide=wide)
        problem = visitor.page.evaluate(script, [password, name])
        body = {"username": name, "password": password}
        answer = visitor.context.request.post(f"{visitor.url}/api/auth/register", data=body)
        verdicts[pattern] = (problem == "", answer.status == 201)
    assert {pattern: both for pattern, both in verdicts.items() if both[0] != both[1]} == {}
    assert set(verdicts.values()) == {(True, True), (False, False)}


def test_this_browser_is_the_first_of_the_list_and_marked(member):
    log_in_elsewhere(member, 2)
    member.load_again()
    member.sees("[data-part~=session-list] li:nth-child(3)")
    marks = [
        entry.locator("[data-part~=pill]").count()
        for entry in member.page.locator("[data-part~=session-list] li").all()
    ]
    assert marks == [1, 0, 0]


def test_fifty_sessions_are_shown_a_few_at_first_and_all_when_asked_for(member):
    log_in_elsewhere(member)

    def multiply(route):
        answer = route.fetch()
        ours, other = sorted(answer.json()["sessions"], key=lambda session: not session["current"])
        route.fulfill(json={"sessions": [ours, *({**other, "id": f"{other['id']}{number}"} for number in range(49))]})

    member.context.route("**/api/auth/sessions", multiply)
    member.load_again()
    member.sees("[data-part~=sessions-summary]", "50 sessions")
    shown = member.page.locator("[data-part~=session-list] li:visible")
    assert shown.count() == 5
    member.page.click("[data-part~=sessions-more]")
    assert shown.count() == 50
    assert member.page.evaluate(
        "document.activeElement === document.querySelector('[data-part~=session-list]').children[5]"
    )
    assert member.page.locator("[data-part~=sessions-more]").is_hidden()


@pytest.mark.parametrize("letter", ["w", "\u05d0"], ids=["long", "from right to left"])
def test_a_name_of_254_characters_fits_in_either_direction(new_visitor, server, letter):
    unique = f".{uuid.uuid4().int}"
    visitor = new_visitor(server, letter * (254 - len(unique)) + unique).join()
    visitor.sees("[data-part~=event-list]", "Account made")
    for width in WIDTHS:
        visitor.page.set_viewport_size({"width": width, "height": 800})
        assert visitor.page.inner_text("[data-part~=profile-username]") == visitor.username
        assert visitor.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        assert visitor.page.locator("[data-part~=logged-in-title]").bounding_box()["height"] < 150


@pytest.mark.parametrize("others", [0, 1])
def test_the_page_does_not_jump_when_the_lists_arrive(new_visitor, server, others):
    visitor = new_visitor(server).has_account()
    log_in_elsewhere(visitor, others, FIREFOX)
    held = []

    def hold(route):
        held.append(route)

    for path in ["auth/sessions", "auth/factors", "dashboard"]:
        visitor.context.route(f"**/api/{path}", hold)
    for width in WIDTHS:
        visitor.page.set_viewport_size({"width": width, "height": 800})
        visitor.open()
        visitor.wait_for(lambda: len(held) == 3)
        visitor.sees("[data-part~=sessions-summary]", "Loading")
        before = tops(visitor)
        while held:
            held.pop().continue_()
        visitor.sees("[data-part~=session-list] [data-part~=pill]", "This one")
        visitor.sees("[data-part~=event-list]", "Account made")
        visitor.sees("[data-part~=way-list]", "Authenticator app")
        assert tops(visitor) == before, width


def tops(visitor):
    """Return where each part of the account begins, in the page."""
    return visitor.page.eval_on_selector_all(
        "[data-part~=logged-in] h1, [data-part~=logged-in] [data-part~=card], [data-part~=session-list]",
        "(all) => all.map((part) => Math.round(part.getBoundingClientRect().top + scrollY))",
    )


TOLD_AGO = [
    ("2026-06-17T15:30:00Z", "2026-06-17T15:29:40Z", "just now"),
    ("2026-06-17T15:30:00Z", "2026-06-17T15:31:00Z", "just now"),
    ("2026-06-17T15:30:00Z", "2026-06-17T15:29:00Z", "1 minute ago"),
    ("2026-06-17T15:30:00Z", "2026-06-17T14:30:30Z", "59 minutes ago"),
    ("2026-06-17T15:30:00Z", "2026-06-17T01:00:00Z", "14 hours ago"),
    ("2026-06-17T01:30:00Z", "2026-06-16T22:30:00Z", "3 hours ago"),
    ("2026-06-17T15:30:00Z", "2026-06-16T22:30:00Z", "yesterday, 22:30"),
    ("2026-06-17T15:30:00Z", "2026-06-11T09:05:00Z", "6 days ago, 09:05"),
    ("2026-06-17T15:30:00Z", "2026-06-10T09:05:00Z", "10 Jun 2026, 09:05"),
]
TOLD_OF_THE_LAST_USE = [
    ("2026-06-17T15:30:00Z", "2026-06-17T15:00:00Z", "used within the last hour"),
    ("2026-06-17T15:59:59Z", "2026-06-17T15:00:00Z", "used within the last hour"),
    ("2026-06-17T16:00:00Z", "2026-06-17T15:00:00Z", "used within the last 2 hours"),
    ("2026-06-17T15:30:00Z", "2026-06-16T16:00:00Z", "used within the last 24 hours"),
    ("2026-06-17T15:30:00Z", "2026-06-16T15:00:00Z", "last used yesterday"),
    ("2026-06-17T15:30:00Z", "2026-06-14T15:00:00Z", "last used 3 days ago"),
    ("2026-06-17T15:30:00Z", "2026-06-01T15:00:00Z", "last used on 1 Jun 2026"),
]


def test_a_time_is_told_as_people_say_it_and_the_last_use_of_a_session_no_closer_than_the_api_does(new_visitor, server):
    visitor = new_visitor(server, timezone_id="UTC").open()
    assert tell(visitor, "ago", TOLD_AGO) == TOLD_AGO
    assert tell(visitor, "lastUse", TOLD_OF_THE_LAST_USE) == TOLD_OF_THE_LAST_USE


def tell(visitor, how, cases):
    """Return the cases with what the page says now of then."""
    script = """async ([how, cases]) => {
        const tell = (await import("/js/elements/core/moments.js"))[how];
        const words = await (await import("/js/elements/core/languages.js")).wordsIn("en", ["account"]);
        return cases.map(([now, then]) => [now, then, tell(words, new Date(then), new Date(now))]);
    }"""
    return [tuple(case) for case in visitor.page.evaluate(script, [how, cases])]


def test_a_time_stays_true_while_the_page_is_open_and_is_exact_for_who_wants_it(new_visitor, server):
    visitor = new_visitor(server, timezone_id="UTC")
    visitor.context.clock.install(time=datetime.datetime(2026, 6, 17, 15, 30, tzinfo=datetime.UTC))
    event = {"type": "registered", "at": "2026-06-17T15:28:00Z", "ip": "127.0.0.1", "user_agent": "curl/8"}
    visitor.context.route("**/api/dashboard", lambda route: route.fulfill(json={"recent_events": [event]}))
    visitor.join()
    time = visitor.sees("[data-part~=event-list] time", "2 minutes ago")
    assert (time.get_attribute("datetime"), time.get_attribute("title")) == (event["at"], "17 Jun 2026, 15:28:00")
    visitor.context.clock.fast_forward(180_000)
    visitor.sees("[data-part~=event-list] time", "5 minutes ago")
    # What told the time of the API: its answer to a proof from June.
    visitor.forgive(400)


DEVICES = [
    (CHROME, "Chrome on Windows", "computer"),
    (f"{CHROME} Edg/138.0.0.0", "Edge on Windows", "computer"),
    (f"{CHROME} OPR/120.0.0.0", "Opera on Windows", "computer"),
    (FIREFOX, "Firefox on Linux", "computer"),
    (ANDROID, "Chrome on Android", "phone"),
    (f"{IPHONE} Version/18.5 Mobile/15E148 Safari/604.1", "Safari on iPhone", "phone"),
    (f"{IPHONE} CriOS/138.0 Mobile/15E148 Safari/604.1", "Chrome on iPhone", "phone"),
    ("curl/8.5.0", "curl", "program"),
    ("python-httpx/0.28", "Python", "program"),
    ("a program of our own", "a program of our own", "program"),
    (" ", "Unknown device", "program"),
]


def test_a_device_has_the_name_that_its_user_knows(visitor):
    script = """async (agents) => {
        const { device } = await import("/js/elements/core/devices.js");
        const words = await (await import("/js/elements/core/languages.js")).wordsIn("en", ["account"]);
        return agents.map((agent) => [agent, device(words, agent).name, device(words, agent).kind]);
    }"""
    named = visitor.page.evaluate(script, [user_agent for user_agent, _, _ in DEVICES])
    assert [tuple(each) for each in named] == DEVICES


def change_password(visitor, current, new):
    if not visitor.page.locator("[data-part~=current-password]").is_visible():
        visitor.page.click("[data-part~=password-fold] summary")
    visitor.page.fill("[data-part~=current-password]", current)
    visitor.page.fill("[data-part~=new-password]", new)
    visitor.page.click("[data-part~=password-form] [type=submit]")


def delete_account(visitor, password):
    visitor.page.click("[data-part~=delete-fold] summary")
    visitor.page.fill("[data-part~=delete-password]", password)
    visitor.page.click("[data-part~=delete-form] [type=submit]")
