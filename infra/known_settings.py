"""Which variables of a shell are settings, and what to say of one that looks like a setting and is none.

Owns the list of names: those of the API are what ``chalicelib/config`` reads, as the README lists them. Does not know
what a setting means. The ``SITE_`` variables are the site's own, whatever they are called.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from infra import database_credentials, laptop

_CONFIG = Path(__file__).parents[1] / "chalicelib" / "config"
_OURS = "LYCHGATE_"
_OF_THE_SERVER = frozenset({"PORT", "DYNAMODB_PORT", "LYCHGATE_DATA_DIR"})
"""What a server on a laptop reads beside the API's settings."""
_OF_OTHER_PROGRAMS = frozenset(
    {
        database_credentials.VARIABLE,
        "LYCHGATE_API",
        "LYCHGATE_DOCS_REPOSITORY",
        "LYCHGATE_SERVER",
        "LYCHGATE_STATE",
        "LYCHGATE_TIMEOUT",
    }
)
"""What the examples, the documentation and the database's clients read. A shell may have them for those."""
_OF_TESTS = "LYCHGATE_TEST_"


@cache
def of_the_api() -> frozenset[str]:
    """Return the names of all settings of the API."""
    modules = _CONFIG.glob("*.py")
    return frozenset(
        name for module in modules for name in re.findall(r"LYCHGATE_[A-Z0-9_]+", module.read_text("utf-8"))
    )


def known_settings(environ: Mapping[str, str]) -> list[str]:
    """Return the sorted names of the settings that an environment has: the API's and the site's own."""
    return sorted(name for name in laptop.settings_in(environ) if not name.startswith(_OURS) or name in of_the_api())


def advice_on_unknown(environ: Mapping[str, str]) -> list[str]:
    """Return a sentence for each variable that has the name of a setting and is none, with the name that is near."""
    unknown = [
        name
        for name in sorted(laptop.settings_in(environ))
        if name.startswith(_OURS)
        and not name.startswith(_OF_TESTS)
        and name not in of_the_api() | _OF_THE_SERVER | _OF_OTHER_PROGRAMS
    ]
    return [f"{name} is no setting.{_meant(name)}" for name in unknown]


def _meant(name: str) -> str:
    # Without what all names begin with, by which each would be near to each.
    names = {known.removeprefix(_OURS): known for known in sorted(of_the_api() | _OF_THE_SERVER)}
    near = difflib.get_close_matches(name.removeprefix(_OURS), names, n=1)
    return f" Did you mean {names[near[0]]}?" if near else ""
