"""The documentation as a site: every page is there, every link leads somewhere, and one can read it."""

import re

import pytest

from infra.docs.finishing import links_of, pages_of
from tests.docs.conftest import AXE

RUN_AXE = """async () => (await axe.run()).violations.flatMap(({ id, nodes }) =>
    nodes.map((node) => `${id}: ${node.target.join(" ")}: ${node.failureSummary}`))"""
START = "/index.html"
LONG = "/security-model.html"
OPERATIONS = "/reference/operations.html"
READ = [START, LONG, OPERATIONS, "/concepts/sessions.html", "/search.html"]


def test_every_page_of_the_repository_is_a_page_of_the_site(built):
    pages = set(pages_of(built / "site"))
    assert {"index.html", "settings.html", "keys.html", "operations/costs.html", "contributing.html"} <= pages
    assert {"decisions/index.html", "import/index.html", "reference/operations.html"} <= pages
    assert len(pages) > 100


def test_no_link_is_dead_and_those_to_other_hosts_are_listed(built):
    dead, elsewhere = links_of(built / "site")
    assert dead == []
    assert (built / "external-links.txt").read_text("utf-8").splitlines() == elsewhere
    assert any(link.startswith("https://code.example/lychgate/blob/main/infra/") for link in elsewhere)


def test_a_page_has_nothing_inline_and_says_so(built):
    for name in pages_of(built / "site"):
        text = (built / "site" / name).read_text("utf-8")
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=\"", text), name
        assert "default-src 'none'; script-src 'self'; style-src 'self'" in text, name


def test_every_image_says_how_large_it_is_and_what_it_shows(built):
    for name in pages_of(built / "site"):
        for image in re.findall(r"<img[^>]*>", (built / "site" / name).read_text("utf-8")):
            assert re.search(r'width="\d+" height="\d+"', image), f"{name}: {image}"
            assert re.search(r'alt="[^"]+"', image), f"{name}: {image}"


def test_every_diagram_is_shown_as_a_picture_in_both_themes(built):
    shown = (built / "site" / "keys.html").read_text("utf-8")
    assert re.search(r'<div tabindex="0" class="diagram"><img src="images/diagrams/\w+-light\.svg"', shown)
    assert "-dark.svg" in shown
    assert "flowchart" not in shown


def test_every_operation_and_every_body_of_the_api_is_in_its_page(built):
    from infra.docs.reference import document

    shown = (built / "site" / "reference" / "operations.html").read_text("utf-8")
    described = document()
    for path, methods in described["paths"].items():
        for method in set(methods) & {"get", "post", "put", "patch", "delete"}:
            assert f'<span class="pre">{method.upper()}</span> <span class="pre">{path}</span>' in shown
    for name in described["components"]["schemas"]:
        assert f'id="body-{name.lower()}"' in shown


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_pages_are_accessible_fit_the_window_and_ask_nobody_else(new_reader, width, scheme):
    page = new_reader(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.context.add_init_script(path=AXE)
    for name in READ:
        page.goto(name)
        assert page.evaluate(RUN_AXE) == [], name
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, name


@pytest.mark.parametrize("width", [320, 375, 600])
@pytest.mark.parametrize("name", ["/settings.html", "/where-things-are.html", "/hooks.html"])
def test_a_phone_shows_a_whole_row_of_a_table(new_reader, width, name):
    page = new_reader(viewport={"width": width, "height": 800})
    page.goto(name)
    right = "cells => Math.max(...cells.map(cell => cell.getBoundingClientRect().right))"
    assert page.locator("table td").evaluate_all(right) <= width
    assert page.locator(".table-wrapper").first.evaluate("it => it.scrollWidth - it.clientWidth") <= 0


def test_a_row_on_a_phone_says_what_each_cell_is(new_reader):
    page = new_reader(viewport={"width": 375, "height": 800})
    page.goto("/settings.html")
    said = "cells => cells.map(cell => getComputedStyle(cell, '::before').content.replaceAll('\"', ''))"
    row = page.locator("tr", has_text="LYCHGATE_AUDIENCE").locator("td")
    assert row.evaluate_all(said) == ["none", "default: ", "meaning: "]


@pytest.mark.parametrize("query", ["fresh", "before_registration", "language"])
def test_the_search_has_the_guides_before_the_decisions(new_reader, query):
    page = new_reader()
    page.goto(f"/search.html?q={query}")
    page.get_by_text("Search finished").wait_for()
    found = page.locator("#search-results li > a").evaluate_all("links => links.map(link => link.pathname)")
    of_decisions = [link.startswith(("/decisions/", "/changelog")) for link in found]
    assert True in of_decisions
    assert False in of_decisions
    assert of_decisions == sorted(of_decisions)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_first_commands_are_seen_whole_and_their_comments_are_quiet(new_reader, scheme):
    page = new_reader(viewport={"width": 1440, "height": 900}, color_scheme=scheme)
    page.goto(START)
    block = page.locator("pre").first
    assert block.evaluate("it => it.scrollWidth - it.clientWidth") <= 0
    strength = """it => {
        const [red, green, blue] = getComputedStyle(it).color.match(/\\d+/g).map(Number);
        return Math.max(red, green, blue) - Math.min(red, green, blue);
    }"""
    assert block.locator(".c1").first.evaluate(strength) < 40


def test_a_reader_finds_a_page_by_what_it_says(new_reader):
    page = new_reader()
    page.goto(START)
    page.get_by_role("textbox", name="Search").fill("pepper rotation")
    page.keyboard.press("Enter")
    page.locator("#search-results a", has_text="Keys and peppers").first.click()
    assert page.get_by_role("heading", level=1).inner_text().startswith("Keys and peppers")


def test_the_theme_can_be_chosen_and_stays(new_reader):
    page = new_reader(color_scheme="light")
    page.goto(START)
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    for _ in range(3):
        if page.evaluate(ground) != light:
            break
        page.locator(".theme-toggle-content .theme-toggle").click()
    dark = page.evaluate(ground)
    assert dark != light
    page.goto(LONG)
    assert page.evaluate(ground) == dark


def test_the_keyboard_reaches_the_text_and_what_scrolls(new_reader):
    # The policy would keep Playwright from waiting for what the page says.
    page = new_reader(viewport={"width": 320, "height": 700}, bypass_csp=True)
    page.goto(START)
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.className").startswith("skip-to-content"):
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**#furo-main-content")
    code = page.locator("article pre").first
    code.focus()
    assert code.evaluate("(pre) => pre.scrollWidth > pre.clientWidth && document.activeElement === pre")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.activeElement.scrollLeft > 0")
