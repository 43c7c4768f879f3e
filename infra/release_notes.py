"""`python -m infra.release_notes v0.1.0`: checks that a tag can be released, and prints its part of the changelog.

Owns the form of a heading in CHANGELOG.md: the version, a dash, and the day of the release, "unreleased" before it.
"""

from __future__ import annotations

import argparse
import re
import sys
from datetime import UTC, date, datetime
from pathlib import Path

from chalicelib.version import VERSION

CHANGELOG = Path(__file__).parents[1] / "CHANGELOG.md"

_HEADING = re.compile(r"^## (\S+) \W (.+)$", re.MULTILINE)
_WRAPPED = re.compile(r"\n +(?![-*] )(?=\S)|(?<=\S)\n(?=[^\s#>|`*-])")
_CODE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_RELATIVE_LINK = re.compile(r"\]\((?!https?://|#)")


class NotReleasableError(Exception):
    """Raised if a tag cannot be released. The message says what to do."""


def release_notes(tag: str, changelog: str, version: str = VERSION, links: str = "") -> str:
    """Return what the changelog says of a tag, in Markdown, each paragraph in one line.

    ``links`` is put before relative links: the URL of the repository's files at this tag. Raises NotReleasableError.
    """
    if tag != f"v{version}":
        raise NotReleasableError(
            f"the tag {tag} is not v{version}, the version in chalicelib/version.py and pyproject.toml. Delete the tag,"
            " set the version, and tag that commit"
        )
    headings = list(_HEADING.finditer(changelog))
    ends = [heading.start() for heading in headings[1:]] + [len(changelog)]
    for heading, end in zip(headings, ends, strict=True):
        if heading[1] == version:
            _check_date(heading)
            text = _unwrapped(changelog[heading.end() : end].strip())
            return (_RELATIVE_LINK.sub(f"]({links}/", text) if links else text) + "\n"
    raise NotReleasableError(f"CHANGELOG.md has no heading for {version}. Write what has changed in it")


def _unwrapped(text: str) -> str:
    """Join the lines of each paragraph: a release on GitHub shows line breaks as they are."""
    parts = _CODE.split(text)
    return "".join(part if part.startswith("```") else _WRAPPED.sub(" ", part) for part in parts)


def _check_date(heading: re.Match[str]) -> None:
    try:
        date.fromisoformat(heading[2])
    except ValueError:
        raise NotReleasableError(
            f"CHANGELOG.md says `{heading[0]}`. Put the day of the release there, such as {datetime.now(UTC):%Y-%m-%d},"
            " and tag that commit"
        ) from None


def main(arguments: list[str] | None = None) -> int:
    """Print the notes and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.release_notes", description=__doc__)
    parser.add_argument("tag", help="the tag, such as v0.1.0")
    parser.add_argument("--links", default="", metavar="URL", help="where relative links lead")
    options = parser.parse_args(arguments)
    try:
        sys.stdout.write(release_notes(options.tag, CHANGELOG.read_text("utf-8"), links=options.links))
    except NotReleasableError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
