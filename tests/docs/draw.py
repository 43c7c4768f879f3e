"""`make diagrams`: draws the diagrams of the documentation with Mermaid in a browser, light and dark.

The pictures are kept with the pages, so that the site is built without a browser and shows them without a script.
"""

import os
import re
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from infra.docs.markdown import DIAGRAMS, THEMES, diagrams_of, picture_of
from tests.support.browsers import BROWSER_FLAGS

ROOT = Path(__file__).parents[2]
# Of one width on every system: Liberation Sans has the measures of Arial.
FONT = "Arial, 'Liberation Sans', Helvetica, sans-serif"
COLOURS = {
    "light": {
        "darkMode": False,
        "background": "#fffefa",
        "primaryColor": "#e3ece2",
        "primaryTextColor": "#1c2620",
        "primaryBorderColor": "#24503c",
        "lineColor": "#566059",
        "textColor": "#1c2620",
        "secondaryColor": "#f0ece2",
        "tertiaryColor": "#f3f0e8",
        "edgeLabelBackground": "#fffefa",
        "noteBkgColor": "#f7ecd2",
        "noteTextColor": "#1c2620",
        "noteBorderColor": "#85560f",
    },
    "dark": {
        "darkMode": True,
        "background": "#131a16",
        "primaryColor": "#1f3529",
        "primaryTextColor": "#ecebe2",
        "primaryBorderColor": "#9ad3b1",
        "lineColor": "#a8b3aa",
        "textColor": "#ecebe2",
        "secondaryColor": "#19211d",
        "tertiaryColor": "#19211d",
        "edgeLabelBackground": "#131a16",
        "noteBkgColor": "#3a2f17",
        "noteTextColor": "#ecebe2",
        "noteBorderColor": "#e2b566",
    },
}
DRAW = """async ([text, settings]) => {
    mermaid.initialize({ startOnLoad: false, securityLevel: "strict", deterministicIds: true, ...settings });
    return (await mermaid.render("diagram", text)).svg;
}"""


def pages():
    """Return every page that may have diagrams."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def wanted():
    """Return the diagrams of all pages."""
    return [diagram for page in pages() for diagram in diagrams_of(page.read_text("utf-8"))]


def main(library):
    """Draw what has no picture, and remove the pictures of what is no longer there. Return the exit code."""
    (ROOT / DIAGRAMS).mkdir(parents=True, exist_ok=True)
    keep = {picture_of(diagram, theme) for diagram in wanted() for theme in THEMES}
    for path in (ROOT / DIAGRAMS).glob("*.svg"):
        if path.relative_to(ROOT).as_posix() not in keep:
            path.unlink()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"], args=BROWSER_FLAGS)
        page = browser.new_page()
        page.set_content("<!doctype html><title>Diagrams</title>")
        page.add_script_tag(path=library)
        for diagram in wanted():
            for theme in THEMES:
                path = ROOT / picture_of(diagram, theme)
                if not path.exists():
                    settings = {"theme": "base", "themeVariables": {**COLOURS[theme], "fontFamily": FONT}}
                    path.write_text(_as_file(page.evaluate(DRAW, [diagram, settings])), "utf-8")
                    print(path.relative_to(ROOT))
        browser.close()
    return 0


def _as_file(svg):
    """Return a picture as XML. Mermaid makes it for a page, in HTML's way of writing."""
    return re.sub(r"<(br|hr)>", r"<\1/>", svg).replace("&nbsp;", "&#160;") + "\n"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
