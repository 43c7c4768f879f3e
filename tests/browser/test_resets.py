"""A site's styles around the elements: what a reset says leaves them as they are, and what is meant for them counts."""

import datetime
import re

import pytest

from tests.browser.test_quality import TOOLS

SHEETS = """<link rel="stylesheet" href="/js/elements/lychgate.css">
<link rel="stylesheet" href="/js/elements/account.css">"""
# What a page with a reset and one without have in common, so that they differ in nothing else that an element inherits.
COMMON = """html { tab-size: 4; -webkit-tap-highlight-color: transparent; }
html body { margin: 0; padding: 8px; font: 1rem/1.5 sans-serif; color: #222; }"""
NOT_COMPARED = ("font-feature-settings", "font-variation-settings", "appearance", "--")
"""What resets say on the root for everything in the page; how a button is called that has its own border anyway."""
OF_SIZE = re.compile(
    r": (::\w+)?(box|(min-|max-)?(width|height)|[\w-]*(size|origin|inset|template)[\w-]*|top|bottom|left|right): "
)
SMALLEST_TARGET = 24
SMALLEST_TEXT_OF_FIELDS = 16
# What something looks like stays in the page: it is a million values, of which only the differences are told.
LOOK = """const look = (name, notCompared) => [...document.querySelectorAll(`${name} *`)].map((element) => {
    const { x, y, width, height } = element.getBoundingClientRect();
    const look = { box: [x, y, width, height].map(Math.round).join(" ") };
    const pseudos = ["::before", "::after"].filter((each) => getComputedStyle(element, each).content !== "none");
    if (element.matches("input, textarea")) pseudos.push("::placeholder");
    for (const pseudo of ["", ...pseudos]) {
        const style = getComputedStyle(element, pseudo || null);
        for (const property of style) {
            const key = pseudo + property;
            if (!notCompared.some((part) => key.includes(part))) look[key] = style.getPropertyValue(property);
        }
    }
    return [`${element.localName} ${element.dataset.part ?? ""}`, look];
});"""
KEEP = f"([name, notCompared]) => {{ {LOOK} globalThis.plain = look(name, notCompared); return plain.length; }}"
COMPARE = f"""([name, notCompared]) => {{
    {LOOK}
    const now = look(name, notCompared);
    const names = [plain, now].map((looks) => looks.map(([what]) => what).join(", "));
    if (names[0] !== names[1]) return names;
    return plain.flatMap(([what, before], number) => {{
        const after = now[number][1];
        return [...new Set([...Object.keys(before), ...Object.keys(after)])]
            .filter((key) => before[key] !== after[key])
            .map((key) => `${{what}}: ${{key}}: ${{before[key]}} is ${{after[key]}}`);
    }});
}}"""
SWITCH = """async (name) => {
    for (const link of document.querySelectorAll("link[title]")) link.disabled = link.title !== name;
    const wanted = document.querySelector(`link[title="${name}"]`);
    while (wanted && !wanted.sheet) await new Promise((resolve) => setTimeout(resolve, 10));
}"""
SMALL_TARGETS = """(smallest) => [...document.querySelectorAll("button, input, summary, [role=tab]")]
    .filter((element) => element.checkVisibility({ visibilityProperty: true }))
    .filter((element) => Math.min(element.offsetWidth, element.offsetHeight) < smallest)
    .map((element) => element.outerHTML)"""


def preflight():
    """Return Tailwind's reset, with what its build puts in place of the theme's fonts."""
    css = (TOOLS / "tailwindcss" / "preflight.css").read_text("utf-8")
    return re.sub(r"--theme\(\s*--default-(?:mono-)?font-family,([^()]*)\)", r"\1", css)


RESETS = {
    "Bootstrap": lambda: (TOOLS / "bootstrap" / "dist" / "css" / "bootstrap-reboot.css").read_text("utf-8"),
    "Tailwind 4": lambda: f"@layer theme, base, components, utilities; @layer base {{ {preflight()} }}",
    "Tailwind 3": preflight,
}
"""By what they come with. The last two say the same, in a layer and in none."""


def open_site(visitor, body, *, links="", css="", resets=()):
    """Open a page of a site with these styles, after those that it links to, and with resets that are off."""
    sheets = "".join(f'<link rel="stylesheet" href="/{name}.css" title="{name}" disabled>' for name in resets)
    html = f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A site</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="/favicon.svg">
{links}{sheets}<link rel="stylesheet" href="/site.css">
<script type="module" src="/js/elements/index.js"></script></head><body>{body}</body></html>"""
    files = {"site.html": html, "site.css": f"{css}\n{COMMON}"} | {f"{name}.css": RESETS[name]() for name in resets}
    for name, text in files.items():
        serve(visitor.context, name, text)
    visitor.page.goto(f"{visitor.url}/site.html")


def serve(context, name, text):
    kind = "text/html" if name.endswith("html") else "text/css"
    context.route(
        f"**/{name.replace(' ', '%20')}", lambda route: route.fulfill(content_type=f"{kind}; charset=utf-8", body=text)
    )


def assert_no_reset_reaches(visitor, name):
    page = visitor.page
    assert page.evaluate(KEEP, [name, NOT_COMPARED]) > 0
    for reset in RESETS:
        page.evaluate(SWITCH, reset)
        # Tailwind 4 hides for good what is hidden: a button that is not there keeps no place for itself then.
        found = [each for each in page.evaluate(COMPARE, [name, NOT_COMPARED]) if "end-others" not in each]
        assert [each for each in found if not OF_SIZE.search(each)] == [], reset
        assert page.evaluate("document.documentElement.scrollWidth") == 320
        assert page.evaluate(SMALL_TARGETS, SMALLEST_TARGET) == []


def style_of(page, selector, name):
    return page.locator(selector).first.evaluate(
        "(element, name) => getComputedStyle(element).getPropertyValue(name)", name
    )


def test_no_reset_reaches_the_log_in(new_visitor, server):
    visitor = new_visitor(server, viewport={"width": 320, "height": 800})
    # The resets come after the styles of the element.
    open_site(visitor, "<lychgate-sign-in></lychgate-sign-in>", links=SHEETS, resets=RESETS)
    visitor.sees("[data-part~=mail-ways]")
    # What comes once the form is there.
    visitor.page.locator("[data-part~=signup-form]").wait_for(state="attached")
    visitor.sees("[data-part~=passkey-address]")
    assert_no_reset_reaches(visitor, "lychgate-sign-in")
    visitor.page.keyboard.press("Tab")
    visitor.page.focus("[data-part~=login-username]")
    assert style_of(visitor.page, "[data-part~=login-username]", "outline") == "rgb(36, 80, 60) solid 3px"
    assert float(style_of(visitor.page, "[data-part~=login-username]", "font-size")[:-2]) >= SMALLEST_TEXT_OF_FIELDS


def test_no_reset_reaches_the_account(new_visitor, server):
    member = new_visitor(server).has_account()
    # What is told of times stays the same while it is looked at.
    member.context.clock.set_fixed_time(datetime.datetime.now(tz=datetime.UTC))
    member.page.set_viewport_size({"width": 320, "height": 800})
    # The element brings its styles itself, after the resets.
    open_site(member, "<lychgate-account></lychgate-account>", resets=RESETS)
    member.sees("[data-part~=event-list]", "Account made")
    member.sees("[data-part~=session-list]", "This one")
    member.sees("[data-part~=way-list]", "Authenticator app")
    for fold in ("password-fold", "delete-fold"):
        member.page.click(f"[data-part~={fold}] summary")
    # What is below the pointer looks otherwise, and a reset may move it away.
    member.page.mouse.move(0, 0)
    member.page.wait_for_load_state("networkidle")
    assert_no_reset_reaches(member, "lychgate-account")


OWN = """[data-part~=button] { padding: 3px; border: 5px dotted; border-radius: 0; background: rgb(1, 2, 3);
    color: rgb(4, 5, 6); font-size: 30px; min-block-size: 90px; margin: 7px; text-transform: uppercase; }"""
OF_A_BUTTON = {
    "padding-left": "3px",
    "border-top-style": "dotted",
    "border-top-left-radius": "0px",
    "font-size": "30px",
    "background-color": "rgb(1, 2, 3)",
    "color": "rgb(4, 5, 6)",
    "min-height": "90px",
    "margin-left": "7px",
    "text-transform": "uppercase",
}


@pytest.mark.parametrize(
    ("links", "css"),
    [(SHEETS, OWN), ("", OWN), ("", f"@layer lychgate, site; @layer site {{ {OWN} }}")],
    ids=["after those of the elements", "before those of the elements", "in a layer that counts more"],
)
def test_a_sites_own_rule_for_a_part_counts(new_visitor, server, links, css):
    visitor = new_visitor(server)
    open_site(visitor, "<lychgate-sign-in></lychgate-sign-in>", links=links, css=css)
    button = "[data-part~=login-form] [type=submit]"
    visitor.sees(button)
    assert {name: style_of(visitor.page, button, name) for name in OF_A_BUTTON} == OF_A_BUTTON


PROPERTIES = "--lychgate-accent: rgb(7, 8, 9); --lychgate-font: monospace; --lychgate-radius: 1px;"


@pytest.mark.parametrize(
    "css",
    [
        f":root {{ {PROPERTIES} }}",
        f"@layer site {{ div {{ {PROPERTIES} }} }}",
        f"lychgate-sign-in {{ {PROPERTIES} }}",
    ],
    ids=["on the root", "in a layer, on what is around it", "on the element"],
)
def test_a_custom_property_counts_wherever_a_site_sets_it(new_visitor, server, css):
    visitor = new_visitor(server)
    open_site(visitor, "<div><lychgate-sign-in></lychgate-sign-in></div>", css=css)
    button = "[data-part~=login-form] [type=submit]"
    visitor.sees(button)
    told = [
        style_of(visitor.page, button, name) for name in ("background-color", "font-family", "border-top-left-radius")
    ]
    assert told == ["rgb(7, 8, 9)", "monospace", "1px"]


def test_an_element_takes_the_room_that_it_has_and_not_that_of_the_window(new_visitor, server):
    visitor = new_visitor(server, viewport={"width": 1280, "height": 800})
    rooms = [
        "width: 300px",
        "width: 900px",
        "display: flex",
        "display: grid; place-items: center",
        "position: absolute",
    ]
    css = "".join(f".room-{number} {{ {room} }}" for number, room in enumerate(rooms))
    open_site(visitor, "<div><lychgate-sign-in></lychgate-sign-in></div>", css=css)
    page = visitor.page
    visitor.sees("[data-part~=login-form]")
    seen = []
    for number in range(len(rooms)):
        page.evaluate("(name) => (document.querySelector('body > div').className = name)", f"room-{number}")
        entry, welcome = (page.locator(f"[data-part~={name}]").bounding_box() for name in ("entry", "welcome"))
        seen.append((entry["width"] >= 280, entry["x"] >= welcome["x"] + welcome["width"]))
    assert seen == [(True, False), (True, True), (True, False), (True, False), (True, False)]


@pytest.mark.parametrize("width", [320, 640, 1280])
def test_from_right_to_left_everything_is_mirrored(new_visitor, server, width):
    visitor = new_visitor(server, viewport={"width": width, "height": 800})
    visitor.open()
    page = visitor.page
    visitor.sees("[data-part~=login-form]")
    page.evaluate(
        "document.querySelector('lychgate-sign-in [data-part~=frame]').dir = document.documentElement.dir = 'rtl'"
    )
    field, reveal = (
        page.locator("[data-part~=login-password]"),
        page.locator("[data-part~=login-form] [data-part~=reveal]"),
    )
    assert 0 <= reveal.bounding_box()["x"] - field.bounding_box()["x"] < 10
    label = page.locator("label").first.bounding_box()
    assert label["x"] + label["width"] == field.bounding_box()["x"] + field.bounding_box()["width"]
    # Half the width of a window is what a zoom of 200 % leaves.
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_with_forced_colours_everything_has_an_edge(new_visitor, server):
    visitor = new_visitor(server, forced_colors="active").open()
    visitor.sees("[data-part~=login-form]")
    page = visitor.page
    for what in ("[data-part~=login-form] [type=submit]", "[data-part~=login-username]", "[data-part~=gatehouse]"):
        assert style_of(page, what, "border-top-style") == "solid"
    canvas = style_of(page, "[data-part~=gatehouse]", "background-color")
    assert style_of(page, "[aria-selected=true]", "background-color") != canvas
    assert style_of(page, "[data-part~=login-form] [type=submit]", "background-color") != canvas
