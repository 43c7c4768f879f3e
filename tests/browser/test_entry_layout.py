"""The card of log-in and sign-up keeps its place, is easy to see, and is covered by nothing."""

import re
import uuid

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import PASSWORD

# In CSS pixels: a small phone, the narrowest window with two halves, a tablet, a laptop.
WIDTHS = [320, 640, 768, 1440]
TWO_HALVES_FROM = 640
SMALLEST_CONTRAST = 3
"""Of a field's border: WCAG 2.2, 1.4.11."""

# In the page's coordinates: it does not matter how far the browser has scrolled.
PLACES = """() => Object.fromEntries(["gatehouse", "entry-tabs", "show-login", "show-signup"].map((name) => {
    const element = document.querySelector(`[data-part~=${name}]`);
    const { x, y, width, height } = element.getBoundingClientRect();
    return [name, [x, y + scrollY, width, height]];
}))"""
BUTTON = """(form) => {
    const button = document.querySelector(`[data-part~=${form}] [type=submit]`);
    const { x, y, width, height } = button.getBoundingClientRect();
    return [x, y + scrollY, width, height];
}"""
COVERED = """() => [...document.querySelectorAll("[data-part~=logged-out] :is(a, button, input)")].filter((element) => {
    if (!element.checkVisibility({ visibilityProperty: true })) return false;
    element.scrollIntoView({ block: "nearest" });
    const { x, y, width, height } = element.getBoundingClientRect();
    const corners = [[x + width / 2, y + height / 2], [x + 9, y + height - 3], [x + width - 9, y + 3]];
    return !corners.every(([left, top]) => {
        const found = document.elementFromPoint(left, top);
        if (found?.closest("[data-part~=reveal]")) return true;
        return found && (element.contains(found) || found.contains(element));
    });
}).map((element) => element.dataset.part || element.textContent)"""
# What is in sight and lies under the notice. A notice that is not in sight lies over the window's end.
UNDER_NOTICE = """() => {
    const notice = document.querySelector("[data-part~=notice]");
    const { left, right, top, bottom } = notice.getBoundingClientRect();
    if (top < 0 || bottom > innerHeight || left < 0 || right > innerWidth) return ["the end of the window"];
    const masthead = document.querySelector(".masthead");
    return [...document.querySelectorAll("body *")].filter((element) => {
        if (element.contains(notice) || notice.contains(element) || !element.checkVisibility()) return false;
        // What has been scrolled away is under the masthead with a notice and without.
        if (!masthead.contains(element) && masthead.getBoundingClientRect().bottom >= bottom) return false;
        const box = element.getBoundingClientRect();
        const isBeside = box.left >= right || box.right <= left || box.top >= bottom || box.bottom <= top;
        return !isBeside && box.width * box.height > 0;
    }).map((element) => element.dataset.part || element.tagName);
}"""
# Of each, where it has been seen, picture by picture.
WATCH_PLACES = """
globalThis.placesSeen = {};
const look = () => {
    for (const name of [".brand", "entry-tabs", "login-form", "mail-ways", "signup-offer"]) {
        const element = document.querySelector(name.startsWith(".") ? name : `[data-part~=${name}]`);
        if (!element?.checkVisibility()) continue;
        const { x, y } = element.getBoundingClientRect();
        const place = `${Math.round(x)}, ${Math.round(y)}`;
        placesSeen[name] = [...new Set([...(placesSeen[name] ?? []), place])];
    }
    requestAnimationFrame(look);
};
look();
"""
COLOURS = """(selector) => {
    const style = getComputedStyle(document.querySelector(selector));
    return { text: style.color, back: style.backgroundColor, border: style.borderBottomColor,
             width: style.borderBottomWidth, kind: style.borderBottomStyle };
}"""


@pytest.fixture(params=WIDTHS)
def width(request):
    return request.param


@pytest.fixture
def looking(new_visitor, server, width):
    """Somebody with a window of that width."""
    visitor = new_visitor(server, viewport={"width": width, "height": 640}, reduced_motion="reduce")
    return visitor.open()


def places(visitor):
    """Return where the card and its tabs are. A card that is not of two halves may end earlier with another form."""
    found = visitor.page.evaluate(PLACES)
    if visitor.page.viewport_size["width"] < TWO_HALVES_FROM:
        found["gatehouse"] = found["gatehouse"][:3]
    return found


def test_the_card_stays_where_it_is_whatever_is_shown_in_it(looking):
    page = looking.page
    looking.sees("[data-part~=login-form]")
    before = places(looking)
    page.click("[data-part~=show-signup]")
    looking.sees("[data-part~=signup-form]")
    assert places(looking) == before
    page.click("[data-part~=suggest]")
    looking.sees("[data-part~=copy-suggestion]")
    assert places(looking) == before
    page.click("[data-part~=show-login]")
    looking.sees("[data-part~=login-form]")
    assert places(looking) == before


def test_what_has_come_stays_where_it_is_while_the_rest_comes(new_visitor, server, width):
    looking = new_visitor(server, viewport={"width": width, "height": 900})
    looking.context.add_init_script(WATCH_PLACES)
    looking.open()
    page = looking.page
    page.locator("[data-part~=signup-form]").wait_for(state="attached")
    looking.sees("[data-part~=signup-offer]")
    # Two pictures later, what came last has been seen too.
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    seen = page.evaluate("placesSeen")
    assert set(seen) == {".brand", "entry-tabs", "login-form", "mail-ways", "signup-offer"}
    assert {name: places for name, places in seen.items() if len(places) != 1} == {}


def test_the_header_of_a_small_phone_shows_a_short_name(new_visitor, server):
    looking = new_visitor(server, f"ann{uuid.uuid4().hex[:3]}", viewport={"width": 320, "height": 640}).join()
    name = looking.sees("[data-part~=user-name]")
    assert name.inner_text() == looking.username
    assert name.evaluate("(name) => name.scrollWidth <= name.clientWidth")
    assert looking.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_errors_move_neither_card_nor_button(looking):
    page = looking.page
    looking.context.route(
        "**/api/auth/login", lambda route: route.fulfill(status=401, json={"error": "invalid_credentials"})
    )
    for form, refused in (("login", "login-form] [data-form-error"), ("signup", "signup-password-error")):
        page.click(f"[data-part~=show-{form}]")
        looking.sees(f"[data-part~={form}-form]")
        before, button = places(looking), page.evaluate(BUTTON, f"{form}-form")
        page.click(f"[data-part~={form}-form] [type=submit]")
        looking.sees(f"[data-part~={form}-username-error]:not(:empty)")
        assert (places(looking), page.evaluate(BUTTON, f"{form}-form")) == (before, button)
        page.fill(f"[data-part~={form}-username]", "no spaces")
        page.fill(f"[data-part~={form}-password]", "too short")
        page.click(f"[data-part~={form}-form] [type=submit]")
        looking.sees(f"[data-part~={refused}]:not(:empty)")
        assert (places(looking), page.evaluate(BUTTON, f"{form}-form")) == (before, button)
    looking.forgive(401)


def test_a_taken_name_moves_nothing(looking):
    looking.context.route(
        "**/api/auth/register", lambda route: route.fulfill(status=409, json={"error": "username_taken"})
    )
    looking.page.click("[data-part~=show-signup]")
    looking.sees("[data-part~=signup-form]")
    before, button = places(looking), looking.page.evaluate(BUTTON, "signup-form")
    looking.sign_up()
    looking.sees("[data-part~=signup-username-error] a")
    assert (places(looking), looking.page.evaluate(BUTTON, "signup-form")) == (before, button)
    looking.forgive(409)


def test_notices_after_a_sign_up_and_a_log_out_move_nothing_cover_nothing_and_are_in_sight(looking):
    page = looking.page
    looking.sees("[data-part~=login-form]")
    card = places(looking)
    looking.sign_up()
    looking.is_signed_in()
    looking.sees("[data-part~=notice]", "Your account is ready")
    looking.has_loaded(page)
    title = "document.querySelector('[data-part~=logged-in-title]').getBoundingClientRect().y"
    before = page.evaluate(title)
    assert page.evaluate(UNDER_NOTICE) == []
    page.click("[data-part~=dismiss]")
    expect(page.locator("[data-part~=notice]")).to_have_count(0)
    assert page.evaluate(title) == before

    looking.sign_out()
    looking.sees("[data-part~=notice]", "You are logged out")
    assert page.evaluate("scrollY") == 0
    assert page.evaluate(UNDER_NOTICE) == page.evaluate(COVERED) == []
    assert places(looking) == card
    page.click("[data-part~=dismiss]")
    expect(page.locator("[data-part~=notice]")).to_have_count(0)
    assert places(looking) == card


def test_the_longest_notices_cover_nothing_and_leave_the_way_out(new_visitor, server, width):
    looking = new_visitor(server, viewport={"width": width, "height": 640}).join()
    page = looking.page
    page.wait_for_load_state("networkidle")
    looking.context.route("**/api/**", lambda route: route.abort())
    page.evaluate("document.querySelector('lychgate-account').client.refresh('again').catch(() => {})")
    looking.sees("[data-part~=notice]", "You are still logged in")
    assert page.evaluate(UNDER_NOTICE) == []
    # Not by a script: what lies under something cannot be clicked.
    page.click("[data-part~=log-out]")
    looking.sees("[data-part~=notice]", "keeps trying")
    assert page.evaluate(UNDER_NOTICE) == page.evaluate(COVERED) == []
    looking.forgive("ERR_FAILED")


def test_what_a_long_account_says_is_in_sight_and_moves_and_covers_nothing(looking):
    page = looking.page
    looking.join()
    another = looking.context.request.post(
        f"{looking.url}/api/auth/login",
        data={"username": looking.username, "password": PASSWORD, "token_delivery": "body"},
        headers={"Origin": looking.url},
    )
    assert another.status == 200, another.text()
    page.reload()
    end = looking.sees("[data-part~=session-list] button").first
    end.evaluate("(button) => button.scrollIntoView({ block: 'center' })")
    place = "document.querySelector('[data-part~=sessions-summary]').getBoundingClientRect().y"
    before = page.evaluate(place)
    end.click()
    page.click("[data-part~=confirm-dialog] [type=submit]")
    looking.sees("[data-part~=notice]", "The session has ended")
    assert page.evaluate("scrollY") > 0
    assert page.evaluate(place) == before
    assert page.evaluate(UNDER_NOTICE) == []


def test_the_card_is_in_the_middle_of_any_window_and_leaves_no_void(visitor):
    visitor.sees("[data-part~=login-form]")
    for width in (320, 640, 768, 1024, 1440, 1920):
        visitor.page.set_viewport_size({"width": width, "height": 640})
        x, _, card_width, _ = visitor.page.evaluate(PLACES)["gatehouse"]
        assert abs(x - (width - x - card_width)) <= 1, width
        assert card_width >= min(0.9 * width, 60 * 16), width


def test_text_of_twice_the_size_fits(visitor):
    visitor.page.evaluate("document.documentElement.style.fontSize = '200%'")
    for width in (320, 1280):
        visitor.page.set_viewport_size({"width": width, "height": 640})
        for form in ("login", "signup"):
            visitor.page.click(f"[data-part~=show-{form}]")
            visitor.sees(f"[data-part~={form}-form]")
            assert visitor.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, width
            assert visitor.page.evaluate(COVERED) == [], width


def luminance(colour):
    """Of `rgb(…)`: WCAG 2.2, relative luminance."""
    channels = [int(number) / 255 for number in re.findall(r"\d+", colour)[:3]]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return sum(part * value for part, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_fields_look_like_fields(new_visitor, server, scheme):
    visitor = new_visitor(server, color_scheme=scheme).open()
    visitor.sees("[data-part~=login-form]")
    card = visitor.page.evaluate(COLOURS, "[data-part~=gatehouse]")
    field = visitor.page.evaluate(COLOURS, "[data-part~=login-username]")
    assert (field["width"], field["kind"]) == ("1px", "solid")
    assert min(contrast(field["border"], card["back"]), contrast(field["border"], field["back"])) >= SMALLEST_CONTRAST
    # What is paler than its card looks disabled.
    assert contrast(field["text"], field["back"]) >= contrast(field["text"], card["back"])


def test_with_colours_of_ones_own_everything_is_still_to_be_seen(new_visitor, server):
    visitor = new_visitor(server, forced_colors="active", color_scheme="dark").open()
    page = visitor.page
    visitor.sign_up()
    visitor.is_signed_in()
    visitor.sign_out()
    visitor.sees("[data-part~=notice-place]", "You are logged out")
    around = page.evaluate(COLOURS, "body")["back"]

    def stands_out(selector):
        colours = page.evaluate(COLOURS, selector)
        return colours["width"] != "0px" and contrast(colours["border"], around) >= SMALLEST_CONTRAST

    bordered = [
        "[data-part~=gatehouse]",
        "[data-part~=login-username]",
        "[data-part~=login-form] [type=submit]",
        "[data-part~=show-login]",
        "[data-part~=notice-place] [data-part~=dismiss]",
    ]
    assert [selector for selector in bordered if not stands_out(selector)] == []
    assert contrast(page.evaluate(COLOURS, "[data-part~=gate]")["back"], around) >= SMALLEST_CONTRAST
    chosen, other = (page.evaluate(COLOURS, f"[data-part~=show-{name}]")["back"] for name in ("login", "signup"))
    assert chosen != other
    page.click("[data-part~=login-form] [type=submit]")
    visitor.sees("[data-part~=login-username-error]", "Enter")
    assert page.evaluate(COLOURS, "[data-part~=login-username]")["kind"] == "double"
    page.focus("[data-part~=login-password]")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_who_wants_no_motion_gets_none(new_visitor, server):
    visitor = new_visitor(server, reduced_motion="reduce").open()
    visitor.sees("[data-part~=login-form]")
    moving = visitor.page.evaluate(
        """() => [...document.querySelectorAll("*")].filter((element) => {
            const { animationDuration, animationIterationCount, transitionDuration } = getComputedStyle(element);
            return parseFloat(animationDuration) > 0.1 || animationIterationCount === "infinite"
                || parseFloat(transitionDuration) > 0.1;
        }).length"""
    )
    assert moving == 0


# As much as there may be in one line: a label that says that the field may be left empty, and the longest count.
FILL_LABEL = """() => {
    const { view } = document.querySelector("lychgate-sign-in");
    view.part("signup-password-field").querySelector("label").append(` ${view.text("optional")}`);
}"""
LINES_THAT_MEET = """() => {
    const field = document.querySelector("[data-part~=signup-password-field]");
    const [label, tally, hint] = ["label", "[data-part~=tally]", "[data-part~=hint]"].map((selector) => {
        const range = document.createRange();
        range.selectNodeContents(field.querySelector(selector));
        return range.getBoundingClientRect();
    });
    const meets = (one, other) => one.left < other.right && other.left < one.right
        && one.top < other.bottom && other.top < one.bottom;
    return [tally.width > 0, meets(label, tally) || meets(hint, tally)];
}"""


@pytest.mark.parametrize("language", ["ar", "de", "en", "es", "fr"])
def test_the_count_of_a_password_lies_over_no_label_and_moves_nothing(new_visitor, server, language):
    visitor = new_visitor(server, "a.name", locale=language, viewport={"width": 320, "height": 800})
    page = visitor.page
    for width in (320, 390, 640, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        page.goto("about:blank")
        page.goto(f"{server.url}/#signup")
        visitor.sees("[data-part~=signup-email]")
        page.evaluate(FILL_LABEL)
        button = page.evaluate(BUTTON, "signup-form")
        page.fill("[data-part~=signup-username]", visitor.username)
        for typed in (PASSWORD, visitor.username):
            page.fill("[data-part~=signup-password]", typed)
            assert page.evaluate(LINES_THAT_MEET) == [True, False], (width, typed)
            assert page.evaluate(BUTTON, "signup-form") == button, (width, typed)


WIDTH_OF_NOTICE = "document.querySelector('[data-part~=notice] p').getBoundingClientRect().width"


@pytest.mark.parametrize("language", ["de", "en"])
def test_a_long_notice_has_the_width_of_a_phone_and_the_way_out_stays(new_visitor, server, language):
    visitor = new_visitor(server, locale=language, viewport={"width": 320, "height": 640}).join()
    page = visitor.page
    visitor.has_loaded(page)
    page.wait_for_load_state("networkidle")
    for width in (320, 360):
        page.set_viewport_size({"width": width, "height": 640})
        page.evaluate(
            "(({ view }) => view.notice.tell(view.text('not_on_device')))(document.querySelector('lychgate-sign-in'))"
        )
        visitor.sees("[data-part~=notice]")
        assert page.evaluate(WIDTH_OF_NOTICE) >= 0.6 * width
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        assert page.evaluate(UNDER_NOTICE) == []
        page.click("[data-part~=log-out]", trial=True)
