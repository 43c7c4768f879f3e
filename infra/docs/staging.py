"""The folder that Sphinx builds from: the repository's pages as pages of the site, and those that are made from code.

Owns what is in that folder, and nothing of how it looks.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from infra.docs import navigation as pages
from infra.docs import reference
from infra.docs.markdown import Repository, Rewriter, readme_pages
from infra.docs.navigation import DECISIONS, GALLERY, INDEX, OPERATIONS, Navigation

_ASSETS = "_site"
_FRAGMENTS = shutil.ignore_patterns("page.html", "states.html")
_GALLERY = """# Gallery of the elements

Every element in every state, over an API that is in this page: nothing leaves your browser, and nothing is kept.
What you change is written below, for a style sheet of your own.

{page}
## What you have changed

<pre id="gallery-css" role="status">/* nothing is changed */</pre>

## Every state

{states}"""
_DECISION = "docs/decisions/0"


def stage(repository: Repository, folder: Path) -> Navigation:
    """Write everything that the site is built from into a new folder. Raises NotBuildableError."""
    root = repository.root
    navigation = pages.read(root)
    readme = (root / "README.md").read_text("utf-8")
    rewriter = Rewriter(repository, navigation, readme)
    for name, text in readme_pages(readme, navigation).items():
        shown = rewriter.page(text, "README.md", name)
        _write(folder / name, shown + _tables_of_contents(navigation) if name == INDEX else shown)
    for source, name in navigation.pages.items():
        if source == DECISIONS:
            _write(folder / name, _decisions(root))
        elif source != "README.md":
            text = rewriter.page((root / source).read_text("utf-8"), source, name)
            # They would be most of the navigation, on every page.
            orphan = "---\norphan: true\n---\n" if source.startswith(_DECISION) else ""
            _write(folder / name, orphan + text + _below(name, navigation))
    _write(folder / OPERATIONS, reference.page())
    _write(folder / GALLERY, _gallery(root))
    _copy_assets(root, folder)
    return navigation


def _tables_of_contents(navigation: Navigation) -> str:
    """Return the navigation for the start page, which does not show it."""
    return "".join(_toctree(group, title, navigation.titles) for title, group in navigation.sections)


def _toctree(group: tuple[str, ...], title: str = "", titles: Mapping[str, str] = MappingProxyType({})) -> str:
    caption = f":caption: {title}\n" if title else ""
    links = {page: page.removesuffix(".md") for page in group}
    names = "\n".join(f"{titles[page]} <{link}>" if page in titles else link for page, link in links.items())
    return f"\n```{{toctree}}\n:hidden:\n{caption}\n{names}\n```\n"


def _below(name: str, navigation: Navigation) -> str:
    """Return the navigation of the pages below an index."""
    folder, _, file = name.rpartition("/")
    if file != INDEX or not folder:
        return ""
    shown = {page for _, group in navigation.sections for page in group}
    below = [page for page in navigation.pages.values() if page.startswith(f"{folder}/") and page not in shown]
    group = tuple(sorted(page.removeprefix(f"{folder}/") for page in below if page != name))
    return _toctree(group) if group else ""


def _decisions(root: Path) -> str:
    lines = ["# Decision records", "", "Each has the reasons for a choice, and what else there was to choose.", ""]
    for path in sorted((root / "docs" / "decisions").glob("[0-9]*.md")):
        title = re.sub(r"^# ", "", path.read_text("utf-8").partition("\n")[0])
        lines.append(f"- [{title}]({path.name})")
    return "\n".join(lines) + "\n"


def _gallery(root: Path) -> str:
    parts = root / "docs" / "site" / "gallery"
    return _GALLERY.format(
        page=(parts / "page.html").read_text("utf-8"), states=(parts / "states.html").read_text("utf-8")
    )


def _copy_assets(root: Path, folder: Path) -> None:
    shutil.copytree(root / "docs" / "images", folder / "images")
    shutil.copytree(root / "docs" / "images", folder / _ASSETS / "extra" / "images")
    shutil.copytree(root / "docs" / "site" / "gallery", folder / _ASSETS / "extra" / "gallery", ignore=_FRAGMENTS)
    shutil.copytree(root / "static-site" / "js", folder / _ASSETS / "extra" / "gallery" / "js")
    shutil.copytree(root / "docs" / "site" / "static", folder / _ASSETS / "static")
    for place in (_ASSETS, f"{_ASSETS}/static"):
        shutil.copy(root / "static-site" / "favicon.svg", folder / place / "favicon.svg")
    for name in ("conf.py", "scorer.js"):
        shutil.copy(root / "docs" / "site" / name, folder / name)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
