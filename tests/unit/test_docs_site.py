"""How pages of the repository become pages of the site, and how what is wrong with them is found."""

import pytest

from infra.docs.__main__ import links_to_others
from infra.docs.finishing import finish, links_of, size_of
from infra.docs.markdown import Repository, Rewriter, picture_of, readme_pages
from infra.docs.navigation import NotBuildableError, read, site_name

NAVIGATION = """
[readme]
"Settings" = "settings.md"

[left_out]
sections = ["Read on"]

[[section]]
title = "Start"
pages = ["docs/guide.md", "settings.md"]
"""
README = "# Tool\n\nHello.\n\n## How\n\nSo.\n\n## Read on\n\nThere.\n\n## Settings\n\n### Deep\n\nMany.\n"


@pytest.fixture
def root(tmp_path):
    files = {
        "README.md": README,
        "docs/guide.md": "# Guide\n",
        "docs/other.md": "# Other\n",
        "docs/ops/README.md": "# Operations\n",
        "docs/ops/costs.md": "# Costs\n",
        "docs/images/a.png": "",
        "docs/site/navigation.toml": NAVIGATION,
        "code/file.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


@pytest.fixture
def rewritten(root):
    def rewritten(text, source="docs/guide.md", address="https://code.example/tool"):
        navigation = read(root)
        return Rewriter(Repository(root, address), navigation, README).page(text, source, site_name(source))

    return rewritten


@pytest.mark.parametrize(
    ("link", "in_site"),
    [
        ("other.md", "other.md"),
        ("other.md#there", "other.md#there"),
        ("../README.md", "index.md"),
        ("../README.md#how", "index.md#how"),
        ("../README.md#settings", "settings.md#settings"),
        ("../README.md#deep", "settings.md#deep"),
        ("ops/", "ops/index.md"),
        ("ops/README.md", "ops/index.md"),
        ("#here", "#here"),
        ("images/a.png", "images/a.png"),
        ("../code/file.py", "https://code.example/tool/blob/main/code/file.py"),
        ("../code/", "https://code.example/tool/tree/main/code"),
        ("https://elsewhere.example/", "https://elsewhere.example/"),
    ],
)
def test_a_link_leads_to_the_same_in_the_site(rewritten, link, in_site):
    assert rewritten(f"See [this]({link}).") == f"See [this]({in_site})."


def test_a_page_in_a_folder_links_from_there(rewritten):
    assert rewritten("[a](../guide.md) [b](costs.md)", "docs/ops/README.md") == "[a](../guide.md) [b](costs.md)"


def test_code_is_left_as_it_is(rewritten):
    text = "Write `[x](other.md)`.\n\n```sh\necho '[x](../code/file.py)'\n```\n"
    assert rewritten(text) == text


def test_without_an_address_of_the_repository_a_file_is_named(rewritten):
    assert rewritten("See [costs](../code/file.py).", address="") == "See costs (`code/file.py`)."
    assert rewritten("See [`code/file.py`](../code/file.py).", address="") == "See `code/file.py`."
    assert rewritten("See [b](other.md).", address="") == "See [b](other.md)."


@pytest.mark.parametrize("address", ["https://code.example/tool", ""])
def test_a_link_to_what_is_not_there_stays_for_the_build_to_find(rewritten, address):
    assert rewritten("[a](gone.md) [b](../code/gone.py)", address=address) == "[a](gone.md) [b](../code/gone.py)"


def test_a_picture_for_each_theme_becomes_two(rewritten):
    shown = rewritten(
        '<picture>\n <source media="(prefers-color-scheme: dark)" srcset="images/d.svg">\n'
        ' <img src="images/l.svg" alt="It">\n</picture>'
    )
    images = [f'<img class="only-{theme}" src="images/{theme[0]}.svg" alt="It">' for theme in ("light", "dark")]
    assert shown == "".join(images)


def test_a_diagram_is_its_picture_and_its_text_where_nobody_has_drawn_it(rewritten, root):
    diagram = "flowchart LR\n    accDescr: One leads to two.\n    a --> b\n"
    block = f"```mermaid\n{diagram}```\n"
    assert rewritten(block) == block.replace("mermaid", "text")
    (root / "docs/images/diagrams").mkdir()
    for theme in ("light", "dark"):
        (root / picture_of(diagram, theme)).write_text("<svg/>", "utf-8")
    shown = rewritten(block)
    assert shown.startswith('<div class="diagram"><img class="only-light" src="images/diagrams/')
    assert shown.count('alt="One leads to two."') == 2


def test_sections_of_the_readme_are_pages_and_some_are_left_out(root):
    pages = readme_pages(README, read(root))
    assert pages == {
        "index.md": "# Tool\n\nHello.\n\n## How\n\nSo.\n\n",
        "settings.md": "# Settings\n\n## Deep\n\nMany.\n",
    }


def test_a_page_that_nobody_has_placed_is_in_the_navigation_all_the_same(root):
    sections = dict(read(root).sections)
    assert sections["Start"] == ("guide.md", "settings.md")
    assert sections["More"] == ("other.md",)


def test_a_page_that_the_navigation_names_has_to_be_there(root):
    (root / "docs/guide.md").unlink()
    with pytest.raises(NotBuildableError, match=r"docs/guide\.md"):
        read(root)


@pytest.mark.parametrize(
    ("named", "instead"),
    [
        ('"Settings" = "settings.md"', '"Gone" = "settings.md"'),
        ('sections = ["Read on"]', 'sections = ["Read on", "Gone"]'),
        ("[left_out]", '[titles]\n"docs/Gone.md" = "Away"\n\n[left_out]'),
    ],
)
def test_a_section_or_a_title_that_the_navigation_names_has_to_be_there_too(root, named, instead):
    (root / "docs/site/navigation.toml").write_text(NAVIGATION.replace(named, instead), "utf-8")
    with pytest.raises(NotBuildableError, match="Gone"):
        read(root)


def test_a_site_with_a_dead_link_is_not_built(tmp_path):
    page = tmp_path / "a.html"
    page.write_text('<a href="gone.html"></a><a href="https://other.example/"></a>', "utf-8")
    with pytest.raises(NotBuildableError, match=r"a\.html: gone\.html"):
        links_to_others(tmp_path)
    page.write_text('<a href="https://other.example/"></a>', "utf-8")
    assert links_to_others(tmp_path) == ["https://other.example/"]


def test_dead_links_dead_anchors_and_missing_files_are_found(tmp_path):
    (tmp_path / "a.html").write_text(
        '<h1 id="here">A</h1><a href="#here"></a><a href="#gone"></a><a href="b.html#x"></a><a href="c.html"></a>'
        '<img src="no.png"><a href="https://other.example/"></a>',
        "utf-8",
    )
    (tmp_path / "b.html").write_text('<p id="y"></p><a href="a.html#here"></a>', "utf-8")
    assert links_of(tmp_path) == (
        ["a.html: #gone", "a.html: b.html#x", "a.html: c.html", "a.html: no.png"],
        ["https://other.example/"],
    )


def test_what_stood_in_a_page_is_in_files_beside_it(tmp_path):
    (tmp_path / "_static").mkdir()
    (tmp_path / "below").mkdir()
    page = tmp_path / "below" / "a.html"
    page.write_text('<meta charset="utf-8"><style>p{}</style><script>go();</script><pre>x</pre>', "utf-8")
    finish(tmp_path)
    text = page.read_text("utf-8")
    assert "p{}" not in text
    assert "go();" not in text
    assert 'http-equiv="Content-Security-Policy"' in text
    assert '<pre tabindex="0">' in text
    assert sorted(path.read_text("utf-8") for path in (tmp_path / "_static").iterdir()) == ["go();", "p{}"]
    assert text.count('="../_static/') == 2


def test_the_size_of_a_picture_is_read_from_it(tmp_path):
    (tmp_path / "a.svg").write_text('<svg id="d" viewBox="-5 0 120.6 40">', "utf-8")
    assert size_of(tmp_path / "a.svg") == (121, 40)
    assert size_of(tmp_path / "none.png") is None
