"""A page of the repository as a page of the site: its links, its pictures and its diagrams.

Owns what differs between GitHub and the site. The files themselves are as GitHub shows them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import html
import os
import posixpath
import re
from collections.abc import Callable
from pathlib import Path

from infra.docs.navigation import INDEX, Navigation

DIAGRAMS = "docs/images/diagrams"
THEMES = ("light", "dark")
_FENCED = re.compile(
    r"^(?P<indent> *)```(?P<language>\S*)[^\n]*\n(?P<text>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE
)
_LINK = re.compile(r"(?P<code>(?P<ticks>`+).+?(?P=ticks))|\]\((?P<target>[^)\s]+)\)", re.DOTALL)
_LINKED = re.compile(
    r"(?P<code>(?P<ticks>`+).+?(?P=ticks))|(?<!!)\[(?P<text>(?:[^][]|\[[^]]*\])*)\]\((?P<target>[^)\s]+)\)", re.DOTALL
)
_PICTURE = re.compile(
    r'<picture>\s*<source[^>]*srcset="(?P<dark>[^"]+)"[^>]*>\s*<img src="(?P<light>[^"]+)"(?P<rest>[^>]*)>\s*</picture>'
)
_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
_DESCRIPTION = re.compile(r"^\s*accDescr: (.+)$", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Repository:
    """Where the files of the repository are: in a folder, and for readers at an address, or at none."""

    root: Path
    address: str = ""
    revision: str = "main"

    def link(self, path: str) -> str:
        """Return the address of a file or a folder, or "" if readers have none."""
        kind = "tree" if (self.root / path).is_dir() else "blob"
        return f"{self.address}/{kind}/{self.revision}/{path}" if self.address else ""


def slug(heading: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w -]", "", plain.lower()).replace(" ", "-")


def readme_pages(text: str, navigation: Navigation) -> dict[str, str]:
    """Return the pages that the README becomes: the start page, and its sections that are pages of their own."""
    start, *rest = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    pages = {INDEX: start}
    for part in rest:
        title = part.partition("\n")[0].removeprefix("## ")
        if title in navigation.readme:
            pages[navigation.readme[title]] = re.sub(r"^#(#+ )", r"\1", part, flags=re.MULTILINE)
        elif title not in navigation.left_out:
            pages[INDEX] += part
    return pages


def anchors_of_readme(text: str, navigation: Navigation) -> dict[str, str]:
    """Return the page of each anchor of the README that is not on the start page."""
    homes = {}
    for part in re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:]:
        home = navigation.readme.get(part.partition("\n")[0].removeprefix("## "))
        for heading in re.findall(r"^#+ (.+)$", part, re.MULTILINE):
            if home:
                homes[slug(heading)] = home
    return homes


class Rewriter:
    """Makes pages of the site from pages of the repository."""

    def __init__(self, repository: Repository, navigation: Navigation, readme: str) -> None:
        self._repository = repository
        self._pages = navigation.pages
        self._anchors = anchors_of_readme(readme, navigation)

    def page(self, text: str, source: str, name: str) -> str:
        """Return the text of a page that stands in the file ``source`` and is called ``name`` in the site."""
        return _outside_code(
            text, lambda prose: self._prose(prose, source, name), lambda block: self._block(block, text, name)
        )

    def _prose(self, prose: str, source: str, name: str) -> str:
        here = posixpath.dirname(source)
        prose = _PICTURE.sub(lambda found: self._picture(found, here, name), prose)
        if not self._repository.address:
            prose = _LINKED.sub(lambda found: self._without_address(found, here), prose)
        return _LINK.sub(
            lambda found: found[0] if found["code"] else f"]({self._target(found['target'], here, source, name)})",
            prose,
        )

    def _target(self, target: str, here: str, source: str, name: str) -> str:
        if re.match(r"[a-z]+:", target):
            return target
        path, _, anchor = target.partition("#")
        found = posixpath.normpath(posixpath.join(here, path)) if path else source
        if (self._repository.root / found).is_dir() and f"{found}/README.md" in self._pages:
            found = f"{found}/README.md"
        if found in self._pages:
            page = self._anchors.get(anchor, INDEX) if found == "README.md" else self._pages[found]
            # A page that begins with the heading itself is linked as a whole.
            if page == name:
                return f"#{anchor}" if anchor else posixpath.basename(page)
            return relative(page, name) + (f"#{anchor}" if anchor else "")
        if found.startswith("docs/images/"):
            return relative(found.removeprefix("docs/"), name)
        # What is not there is left for Sphinx to complain of.
        return self._repository.link(found) if (self._repository.root / found).exists() else target

    def _without_address(self, found: re.Match[str], here: str) -> str:
        """Return a link to a file that readers have no address for as its text, with the file's path."""
        if found["code"]:
            return found[0]
        target = found["target"].partition("#")[0]
        path = posixpath.normpath(posixpath.join(here, target))
        in_site = not target or ":" in target or path in self._pages or f"{path}/README.md" in self._pages
        if in_site or path.startswith("docs/images/") or not (self._repository.root / path).exists():
            return found[0]
        return found["text"] if path in found["text"] else f"{found['text']} (`{path}`)"

    def _picture(self, found: re.Match[str], here: str, name: str) -> str:
        images = []
        for theme in THEMES:
            path = posixpath.normpath(posixpath.join(here, found[theme])).removeprefix("docs/")
            images.append(f'<img class="only-{theme}" src="{relative(path, name)}"{found["rest"]}>')
        return "".join(images)

    def _block(self, block: re.Match[str], page: str, name: str) -> str:
        if block["language"] != "mermaid":
            return block[0]
        described = _DESCRIPTION.search(block["text"])
        before = _HEADING.findall(page, 0, block.start())
        alt = html.escape(described[1] if described else f"Diagram: {before[-1] if before else name}")
        drawn = [picture_of(block["text"], theme) for theme in THEMES]
        if not all((self._repository.root / path).exists() for path in drawn):
            return block[0].replace("```mermaid", "```text")
        images = "".join(
            f'<img class="only-{theme}" src="{relative(path.removeprefix("docs/"), name)}" alt="{alt}">'
            for theme, path in zip(THEMES, drawn, strict=True)
        )
        return f'<div class="diagram">{images}</div>'


def relative(page: str, name: str) -> str:
    """Return the way from one page of the site to another, or to a file."""
    return os.path.relpath(page, posixpath.dirname(name) or ".").replace(os.sep, "/")


def picture_of(diagram: str, theme: str) -> str:
    """Return the file with the picture of a diagram: its name changes with the diagram's text."""
    return f"{DIAGRAMS}/{hashlib.sha256(diagram.encode()).hexdigest()[:12]}-{theme}.svg"


def diagrams_of(text: str) -> list[str]:
    """Return the texts of a page's diagrams."""
    return [found["text"] for found in _FENCED.finditer(text) if found["language"] == "mermaid"]


def _outside_code(text: str, prose: Callable[[str], str], block: Callable[[re.Match[str]], str]) -> str:
    parts, end = [], 0
    for found in _FENCED.finditer(text):
        parts += [prose(text[end : found.start()]), block(found)]
        end = found.end()
    return "".join([*parts, prose(text[end:])])
