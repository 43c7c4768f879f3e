"""Which of the languages of mails a request prefers.

Loaded when a mail is asked for: few requests have to know it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from chalicelib.accounts.languages import languages

_RANGE = re.compile(
    r"[ \t]*([a-z]{1,8}(?:-[a-z0-9]{1,8})*)[ \t]*(?:;[ \t]*q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)[ \t]*)?",
    re.IGNORECASE | re.ASCII,
)


def preferred_language(header: str, tags: Callable[[], tuple[str, ...]] = languages) -> str:
    """Return the one of the languages that an ``Accept-Language`` header prefers, "" if it prefers none of them.

    RFC 9110 section 12.5.4: the greatest weight wins, and among equal ones the first. A range means the longest tag
    that it begins with (RFC 4647 section 3.4). ``*`` is no preference, and what is malformed says nothing.
    """
    known = {tag.lower(): tag for tag in tags()}
    best, greatest = "", 0.0
    for part in header.split(","):
        found = _RANGE.fullmatch(part)
        if found is None or not (language := _longest(found[1].lower(), known)):
            continue
        weight = float(found[2] or 1)
        if weight > greatest:
            best, greatest = language, weight
    return best


def _longest(wanted: str, known: Mapping[str, str]) -> str:
    while wanted and wanted not in known:
        wanted = wanted.rpartition("-")[0]
    return known.get(wanted, "")
