"""What Sphinx has built, made ready for a strict Content-Security-Policy and for keyboards, and its dead links.

Owns what is done to every HTML file of the site.
"""

from __future__ import annotations

import hashlib
import html
import posixpath
import re
import struct
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'"
)
"""Nothing inline, and nothing of another host. Furo's icons in style sheets are data."""

_REPLACED = {
    # Furo's icons would be without their styles.
    'style="display: none;"': 'display="none"',
    'style="opacity: 50%"': 'opacity="0.5"',
    # What scrolls has to be reached with the keyboard.
    "<pre>": '<pre tabindex="0">',
    '<div class="table-wrapper': '<div tabindex="0" class="table-wrapper',
    '<div class="diagram">': '<div tabindex="0" class="diagram">',
    # What programs read aloud.
    '<p class="caption" role="heading">': '<p class="caption" role="heading" aria-level="2">',
    '<aside class="sidebar-drawer">': '<aside class="sidebar-drawer" aria-label="Pages of the site">',
    '<aside class="toc-drawer': '<aside aria-label="On this page" class="toc-drawer',
    '<div id="search-results">': '<h1>Search</h1>\n<div id="search-results">',
}
"""What the theme writes, and what takes its place."""
_PARAGRAPH = re.compile(r"<article.*?<p>(.*?)</p>", re.DOTALL)
_DESCRIPTION_LENGTH = 160
_TABLE = re.compile(r'<table class="(docutils[^"]*)"(.*?)</table>', re.DOTALL)
_HEAD = re.compile(r"<th\b[^>]*>(.*?)</th>", re.DOTALL)
_ROW = re.compile(r"<tr\b.*?</tr>", re.DOTALL)
_CELL = re.compile(r"<td\b")
_MOST_STACKED = 4
"""Columns of a table whose rows a phone shows as blocks. One with more is for comparing, and is scrolled."""
_INLINE = re.compile(r"<(?P<tag>script|style)>(?P<text>.*?)</(?P=tag)>", re.DOTALL)
_IMAGE = re.compile(r'<img\b(?P<before>[^>]*?)\bsrc="(?P<src>[^"]+)"(?P<after>[^>]*)>')
_SIZE_OF_SVG = re.compile(r'<svg\b[^>]*?viewBox="[\d.-]+ [\d.-]+ ([\d.]+) ([\d.]+)"')
_SIZE_ATTRIBUTE = re.compile(r'\s*\b(?:width|height|loading|style)="[^"]*"')


def finish(folder: Path) -> None:
    """Rewrite all pages of a built site."""
    for path in sorted(folder.rglob("*.html")):
        to_root = "../" * (len(path.relative_to(folder).parts) - 1)
        text = path.read_text("utf-8")
        if 'http-equiv="Content-Security-Policy"' in text:
            continue
        text = _INLINE.sub(lambda found: _outside(found, folder, to_root), text)  # noqa: B023 - used at once
        text = _IMAGE.sub(lambda found: _sized(found, path), text)  # noqa: B023 - used at once
        for before, after in _REPLACED.items():
            text = text.replace(before, after)
        text = _TABLE.sub(_stacked, text)
        text = re.sub(r'<th class="head[^"]*">(?:<p></p>)?</th>', "<td></td>", text)
        text = text.replace('<meta charset="utf-8">', f'<meta charset="utf-8">\n    {_policy()}{_described(text)}', 1)
        path.write_text(text, "utf-8")


def _stacked(table: re.Match[str]) -> str:
    """Return a table whose cells say which column they are of, for windows too narrow for columns."""
    heads = [html.unescape(re.sub(r"<[^>]+>", "", head)).strip() for head in _HEAD.findall(table[2])]
    if not 2 <= len(heads) <= _MOST_STACKED:  # noqa: PLR2004 - one column needs none of this
        return table[0]
    # What a row is about needs no name, and nor does the only thing that is said of it.
    names = [""] * len(heads) if len(heads) == 2 else ["", *heads[1:]]  # noqa: PLR2004 - as above

    def row(found: re.Match[str]) -> str:
        columns = iter(names)

        def cell(_: re.Match[str]) -> str:
            name = next(columns, "")
            return f'<td data-column="{html.escape(name)}"' if name else "<td"

        return _CELL.sub(cell, found[0])

    return f'<table class="{table[1]} stacks"{_ROW.sub(row, table[2])}</table>'


def _policy() -> str:
    return f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'


def _described(text: str) -> str:
    """Return the tag with the beginning of the page, for programs that list pages."""
    found = _PARAGRAPH.search(text)
    words = " ".join(re.sub(r"<[^>]+>", "", found[1]).split()) if found else ""
    if not words:
        return ""
    if len(words) > _DESCRIPTION_LENGTH:
        words = words[:_DESCRIPTION_LENGTH].rpartition(" ")[0] + " …"
    return f'\n    <meta name="description" content="{html.escape(html.unescape(words))}">'


def _outside(found: re.Match[str], folder: Path, to_root: str) -> str:
    """Return the tag of a file that has what stood in the page."""
    suffix = {"script": "js", "style": "css"}[found["tag"]]
    name = f"_static/{hashlib.sha256(found['text'].encode()).hexdigest()[:12]}.{suffix}"
    (folder / name).write_text(found["text"], "utf-8")
    if suffix == "js":
        return f'<script src="{to_root}{name}"></script>'
    return f'<link rel="stylesheet" href="{to_root}{name}">'


def _sized(found: re.Match[str], page: Path) -> str:
    """Return an image with its size, so that nothing moves when it comes, and that waits until it is looked at."""
    size = size_of(page.parent / unquote(found["src"]))
    if size is None:
        return found[0]
    attributes = found["before"] + found["after"]
    wanted = re.search(r'\bwidth="(\d+)"', attributes)
    width, height = size
    if wanted:
        width, height = int(wanted[1]), round(height * int(wanted[1]) / width)
    rest = _SIZE_ATTRIBUTE.sub("", attributes).rstrip("/ ").strip()
    lazy = "" if "page.png" in found["src"] else ' loading="lazy"'
    return f'<img src="{found["src"]}" width="{width}" height="{height}"{lazy} {rest}>'


def size_of(path: Path) -> tuple[int, int] | None:
    """Return the width and height of a PNG or an SVG in pixels, or None."""
    if path.suffix == ".png" and path.exists():
        width, height = struct.unpack(">II", path.read_bytes()[16:24])
        return width, height
    if path.suffix == ".svg" and path.exists():
        found = _SIZE_OF_SVG.search(path.read_text("utf-8"))
        return (round(float(found[1])), round(float(found[2]))) if found else None
    return None


class _Page(HTMLParser):
    """The anchors of a page, and what it links and loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors = {"", "top"}
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in {"id", "name"} and value:
                self.anchors.add(value)
            # An icon of the page itself.
            elif name in {"href", "src", "action"} and value and tag != "use":
                self.links.append(value)
            elif name == "srcset" and value:
                self.links += [each.split()[0] for each in value.split(",")]


def links_of(folder: Path) -> tuple[list[str], list[str]]:
    """Return the dead links of a site, each with its page, and the addresses of other hosts, which are not fetched."""
    read = {path.relative_to(folder).as_posix(): _Page(path.read_text("utf-8")) for path in folder.rglob("*.html")}
    dead, elsewhere = [], set()
    for name, page in sorted(read.items()):
        for link in page.links:
            if urlsplit(link).scheme in {"http", "https", "mailto"}:
                elsewhere.add(html.unescape(link))
            elif not link.startswith("data:") and not _leads_somewhere(link, name, folder, read):
                dead.append(f"{name}: {link}")
    return dead, sorted(elsewhere)


def _leads_somewhere(link: str, name: str, folder: Path, read: dict[str, _Page]) -> bool:
    parts = urlsplit(link)
    path = posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(parts.path))) if parts.path else name
    if path in read:
        return unquote(parts.fragment) in read[path].anchors
    return (folder / path).is_file()


def pages_of(folder: Path) -> Iterator[str]:
    """Give the names of a site's pages."""
    yield from sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.html"))
