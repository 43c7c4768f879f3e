"""The languages that mails are written in: ours, and those that a site has a folder of mails for.

Owns which folders count. What is in them is the mails' own.
"""

from __future__ import annotations

import re
from pathlib import Path

OURS = ("en", "de")
"""Language tags (RFC 5646), the first of them for whoever reads none of the others."""

SITES_MAILS = Path(__file__).parents[1] / "site" / "mails"
"""The folder of a site's own mails."""

TAG = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{1,8})*")
"""A folder's name that is a language tag. It begins in small letters."""


def languages(folder: Path = SITES_MAILS) -> tuple[str, ...]:
    """Return ours, and then the name of each folder in that of a site's mails that is a language tag."""
    try:
        found = sorted(path.name for path in folder.iterdir() if TAG.fullmatch(path.name) and path.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return OURS
    return (*OURS, *(tag for tag in found if tag not in OURS))
