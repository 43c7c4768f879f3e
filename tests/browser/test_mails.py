"""Every mail in a real browser: accessible, and no wider than a phone, by day and by night."""

import subprocess
from pathlib import Path

import pytest

from chalicelib.accounts.languages import OURS as LANGUAGES
from chalicelib.accounts.mail import MailKind
from chalicelib.mails.previews import preview
from chalicelib.mails.rendering import Files, Look
from tests.client.find_node import node_folder
from tests.mails.reading import previews
from tests.support.browsers import PATIENCE_MS
from tests.support.marks import is_left_over

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".tools" / "node_modules"
# What WCAG asks of a whole page is the mail program's: landmarks would be strangers among its own.
RUN_AXE = """async () => {
    const rules = { region: { enabled: false }, "landmark-one-main": { enabled: false } };
    return (await axe.run({ rules })).violations.flatMap(({ id, nodes }) =>
        nodes.map((node) => `${id}: ${node.target.join(" ")}: ${node.failureSummary}`));
}"""
NO_WIDER = "document.documentElement.scrollWidth - innerWidth"
# Ours alone, whatever the site has.
OURS = Files(sites=ROOT / "none")
LONG = Look("Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterb", "https://example.com", "#ffff00")
LOOKS = [LONG, Look("Sea & Sky", "https://d111111abcdef8.cloudfront.net", "#0b1f5a")]


WINDOWS = [{"width": width, "scheme": scheme} for width in (320, 600) for scheme in ("light", "dark")]


@pytest.fixture(
    params=[
        pytest.param(tuple(each.values()), marks=pytest.mark.exhaustive if is_left_over(each) else ())
        for each in WINDOWS
    ],
    ids=str,
)
def window(request, browser):
    """A page as wide as a phone or a mail program's pane, which asks for nothing over the network."""
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    context.set_default_timeout(PATIENCE_MS)
    requests = []
    page = context.new_page()
    page.on("request", lambda request: requests.append(request.url))
    page.width, page.scheme = width, scheme
    yield page
    context.close()
    assert requests == []


def test_every_mail_is_accessible_and_fits_the_window(window):
    axe = (TOOLS / "axe-core" / "axe.min.js").read_text("utf-8")
    for look in LOOKS:
        for one in previews(look, OURS):
            mail = f"{one.template} in {one.language} for {look.site_name}"
            window.set_content(one.rendered.html)
            assert window.evaluate(NO_WIDER) <= 0, mail
            assert window.title() == one.rendered.subject, mail
            ground = window.evaluate("getComputedStyle(document.querySelector('.mail')).backgroundColor")
            assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(29, 33, 39)"}[window.scheme], mail
            # The next content leaves it there, and reading it anew would be half of the work.
            if not window.evaluate("'axe' in globalThis"):
                window.evaluate(axe)
            assert window.evaluate(RUN_AXE) == [], mail


def test_a_button_is_large_enough_for_a_thumb_and_a_code_is_copied_in_one_piece(window):
    for language in LANGUAGES:
        window.set_content(preview(MailKind.RESET, language, LOOKS[1], OURS).rendered.html)
        box = window.locator("a.button").bounding_box()
        assert box["height"] >= 44
        assert box["width"] >= 120
        window.set_content(preview(MailKind.LOGIN_CODE, language, LOOKS[1], OURS).rendered.html)
        window.locator(".code").dblclick()
        assert window.evaluate("getSelection().toString().trim()") == "042137"
        assert window.evaluate("parseFloat(getComputedStyle(document.querySelector('.code')).fontSize)") >= 28


def test_a_mail_program_that_knows_no_style_sheet_shows_it_light(window):
    """Some leave out the head. Colours of light and dark must not mix then."""
    for one in previews(LOOKS[1], OURS):
        window.set_content(one.rendered.html)
        window.evaluate("document.head.replaceChildren()")
        shown = "(selector) => { const { color, backgroundColor } = getComputedStyle(document.querySelector(selector));"
        assert window.evaluate(shown + " return [color, backgroundColor]; }", ".mail") == [
            "rgb(29, 33, 39)",
            "rgb(255, 255, 255)",
        ]
        assert window.evaluate(NO_WIDER) <= 0


def test_the_html_is_valid(tmp_path):
    folder = tmp_path / "rendered"
    folder.mkdir()
    for one in previews(LOOKS[1], OURS):
        (folder / f"{one.template}-{one.language}.html").write_text(one.rendered.html, "utf-8")
    command = [node_folder() / "node", TOOLS / "html-validate" / "bin" / "html-validate.mjs"]
    config = ROOT / "tests" / "tools" / "html-validate-mails.json"
    ran = subprocess.run([*command, "--config", config, folder], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
