"""Which pages the site has, where each comes from, and how they are ordered.

Owns the names of pages. It knows nothing of what is in them.
"""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path

INDEX = "index.md"
DECISIONS = "docs/decisions/README.md"
OPERATIONS = "reference/operations.md"
"""The page that is made from the operations of the API."""
GALLERY = "reference/gallery.md"
"""The page that shows the elements at work."""


class NotBuildableError(Exception):
    """Raised if the site cannot be built, with what to do about it."""


@dataclasses.dataclass(frozen=True)
class Navigation:
    """The pages of the site: each file of the repository that is one, with its name in the site."""

    pages: dict[str, str]
    readme: dict[str, str]
    """The sections of the README that are pages of their own, by their titles."""
    left_out: frozenset[str]
    """The sections of the README that are no part of the site."""
    titles: dict[str, str]
    """What pages are called in the navigation, by their names in the site; the others have their headings there."""
    sections: tuple[tuple[str, tuple[str, ...]], ...]
    """What the navigation shows: titles, each with names of pages in the site."""


def read(root: Path) -> Navigation:
    """Return the navigation of a repository. Raises NotBuildableError if it names what is not there."""
    settings = tomllib.loads((root / "docs" / "site" / "navigation.toml").read_text("utf-8"))
    written = (root / "README.md").read_text("utf-8")
    readme = settings["readme"]
    left_out = frozenset(settings["left_out"]["sections"])
    pages = {path: site_name(path) for path in _files(root)}
    made = {*readme.values(), OPERATIONS, GALLERY, DECISIONS}
    titles = settings.get("titles", {})
    named = [*titles, *(page for section in settings["section"] for page in section["pages"])]
    unknown = [title for title in (*readme, *sorted(left_out)) if f"\n## {title}\n" not in written]
    unknown += [page for page in named if page not in pages and page not in made]
    if unknown:
        raise NotBuildableError(f"docs/site/navigation.toml names what is not there: {', '.join(unknown)}")
    sections = [(each["title"], tuple(site_name(page) for page in each["pages"])) for each in settings["section"]]
    shown = {page for _, group in sections for page in group}
    # What stands in a folder with an index is below that index.
    indexes = {Path(page).parent for page in pages.values() if Path(page).name == INDEX}
    rest = [page for page in pages.values() if page not in shown and page != INDEX and _folder(page) not in indexes]
    if rest:
        sections.append(("More", tuple(sorted(rest))))
    names = {site_name(page): title for page, title in titles.items()}
    return Navigation(pages, readme, left_out, names, tuple(sections))


def site_name(path: str) -> str:
    """Return the name in the site of a page of the repository: without docs/, and an index for each README."""
    name = path.removeprefix("docs/")
    folder, _, file = name.rpartition("/")
    if file == "README.md":
        return f"{folder}/{INDEX}".lstrip("/")
    return f"{folder}/{file}".lstrip("/") if folder else file.lower()


def _folder(page: str) -> Path | None:
    """Return the folder of a page, without the root, which has an index too."""
    folder = Path(page).parent
    return folder if folder != Path() else None


def _files(root: Path) -> list[str]:
    found = [*root.glob("*.md"), *(root / "docs").rglob("*.md"), *(root / "examples").glob("**/README.md")]
    found = [path for path in found if "node_modules" not in path.parts]
    return [*sorted(path.relative_to(root).as_posix() for path in found), DECISIONS]
