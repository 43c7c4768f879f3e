"""A site's resets around the elements: each looks and works as it does on a page that has none."""

import re

import pytest

from tests.browser.test_quality import TOOLS
from tests.browser.visitor import PASSWORD

SIGN_IN = "lychgate-sign-in"
SHEETS = """<link rel="stylesheet" href="/js/elements/lychgate.css">
<link rel="stylesheet" href="/js/elements/account.css">"""
# What both have, so that a page with a reset and one without differ in nothing else that an element inherits.
COMMON = "html { tab-size: 4; } html body { margin: 0; font: 1rem/1.5 sans-serif; color: #222; }"
NOT_COMPARED = ("-webkit-tap-highlight-color", "font-feature-settings", "font-variation-settings", "appearance", "--")
"""What resets say on the root for everything in the page; how a button is called that has its own border anyway."""

LOOK = """(name) => [...document.querySelectorAll(`${name} *`)].map((element) => {
    const { x, y, width, height } = element.getBoundingClientRect();
    const look = { box: [x, y, width, height].map(Math.round).join(" ") };
    for (const pseudo of ["", "::before", "::after", "::placeholder"]) {
        const style = getComputedStyle(element, pseudo || null);
        for (const property of style) look[pseudo + property] = style.getPropertyValue(property);
    }
    const part = element.dataset.part ? `[data-part="${element.dataset.part}"]` : "";
    return [element.localName + part, look];
})"""


def preflight():
    """Return Tailwind's, with what its build puts in place of the theme's fonts."""
    css = (TOOLS / "tailwindcss" / "preflight.css").read_text("utf-8")
    return re.sub(r"--theme\([^()]*(?:monospace)[^()]*\)", "monospace", css).replace("--theme(", "local-theme(")


RESETS = {
    "Bootstrap's": lambda: (TOOLS / "bootstrap" / "dist" / "css" / "bootstrap-reboot.css").read_text("utf-8"),
    "Tailwind's as of version 4, in a layer": lambda: f"@layer theme, base, components; @layer base {{ {preflight()} }}",
    "Tailwind's as before, in no layer": preflight,
}


def site(visitor, body, css, *, links=SHEETS):
    """Open a page of a site that has these styles after those of the elements, if it links to them."""
    html = f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A site</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="/favicon.svg">
{links}<link rel="stylesheet" href="/site.css"><script type="module" src="/js/elements/sign-in.js"></script></head>
<body>{body}</body></html>"""
    context = visitor.context
    context.route("**/site.html", lambda route: route.fulfill(content_type="text/html", body=html))
    context.route("**/site.css", lambda route: route.fulfill(content_type="text/css", body=f"{css}\n{COMMON}"))
    visitor.page.goto(f"{visitor.url}/site.html")


def look_of(page, name):
    """Return what each thing in an element looks like, in their order."""
    return [
        (what, {key: value for key, value in look.items() if not any(part in key for part in NOT_COMPARED)})
        for what, look in page.evaluate(LOOK, name)
    ]


def differences(plain, reset):
    assert [what for what, _ in plain] == [what for what, _ in reset]
    return [
        f"{what}: {key}: {before[key]} is {after.get(key)}"
        for (what, before), (_, after) in zip(plain, reset, strict=True)
        for key in before
        if before[key] != after.get(key)
    ]


@pytest.mark.parametrize("name", RESETS)
def test_a_log_in_looks_the_same_after_a_sites_reset(new_visitor, server, name):
    visitor = new_visitor(server, viewport={"width": 320, "height": 800})
    looks = []
    for css in ("", RESETS[name]()):
        # Where the reset is in no layer, the element brings its styles itself, after those of the site.
        site(visitor, f"<{SIGN_IN}></{SIGN_IN}>", css, links="" if "no layer" in name else SHEETS)
        visitor.sees("[data-part~=mail-ways]")
        visitor.page.locator("[data-part~=signup-form]").wait_for(state="attached")
        looks.append(look_of(visitor.page, SIGN_IN))
        assert visitor.page.evaluate("document.documentElement.scrollWidth") == 320
    assert differences(*looks) == []
