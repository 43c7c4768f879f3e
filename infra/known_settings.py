"""Which variables of a shell are settings, and what to say of one that looks like a setting and is none.

Owns the list of names: those of the API are what ``chalicelib/config`` reads, as the README lists them. Does not know
what a setting means. The ``SITE_`` variables are the site's own: ``infra.site_settings`` finds which there are.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from pathlib import Path

from infra import database_credentials, laptop
from infra.site_settings import FILE, PREFIX, SITE, reads_itself, settings_of

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


def known_settings(environ: Mapping[str, str], site: Path = SITE) -> list[str]:
    """Return the sorted names of the settings that an environment has: the API's, and those of a site's folder."""
    names = laptop.settings_in(environ)
    unknown = _unknown_of_site(names, site)
    return sorted(name for name in names if (name in of_the_api() if name.startswith(_OURS) else name not in unknown))


def advice_on_unknown(environ: Mapping[str, str], site: Path = SITE) -> list[str]:
    """Return a sentence for each variable that has the name of a setting and is none, with the name that is near."""
    unknown = [
        name
        for name in sorted(laptop.settings_in(environ))
        if name.startswith(_OURS)
        and not name.startswith(_OF_TESTS)
        and name not in of_the_api() | _OF_THE_SERVER | _OF_OTHER_PROGRAMS
    ]
    of_site = settings_of(site) or frozenset()
    return [
        *(f"{name} is no setting.{_meant(name, _OURS, of_the_api() | _OF_THE_SERVER)}" for name in unknown),
        *(
            f"{name} is no field of the settings in {FILE}.{_meant(name, PREFIX, of_site)}"
            for name in sorted(_unknown_of_site(laptop.settings_in(environ), site))
        ),
    ]


def _unknown_of_site(names: Iterable[str], site: Path) -> set[str]:
    """Return the names of a site's own variables that nothing in its folder reads, as far as that can be known."""
    known = settings_of(site)
    if known is None:
        return set()
    return {name for name in names if name.startswith(PREFIX) and name not in known and not reads_itself(site, name)}


def _meant(name: str, prefix: str, names: Collection[str]) -> str:
    # Without what all names begin with, by which each would be near to each.
    known = {each.removeprefix(prefix): each for each in sorted(names)}
    near = difflib.get_close_matches(name.removeprefix(prefix), known, n=1)
    return f" Did you mean {known[near[0]]}?" if near else ""
