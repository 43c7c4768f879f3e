"""The room of a site never changes, once it has shipped: whoever has written into it would have a conflict.

A room in which nothing is declared is ours, and has to be what it was. One with anything in it is a site's, and may be
whatever it likes.
"""

import dataclasses
import hashlib
import json
import re
from pathlib import Path

import pytest

from chalicelib.site import hooks, routes, settings

PROJECT = Path(__file__).parents[2]
ROOM = PROJECT / "chalicelib" / "site"
SHIPPED = {
    "chalicelib/site/__init__.py": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "chalicelib/site/hooks.py": "395e5b68b1d072c38bcea82387340979da4fd388fdd85eebc11ea20c453956f2",
    "chalicelib/site/routes.py": "895e47c01390812541e440adeb4d2ec35604ce425b8a10afb08e09f4dcae7239",
    "chalicelib/site/settings.py": "fbfa0358fe1e2a62184f12cda5b49b321b109466c00d23fae00c81fb38edf9ad",
    ".chalice/config.json": "0e29c64e75ce4e0cf2797e8f98174f55bf90620242db798e9b1aa310f4bb80d8",
}
"""The SHA-256 of each file when the first version shipped. Do not change it: docs/decisions/0075."""


def is_a_sites():
    """Whether a site has put anything into this checkout's room."""
    files = {path.relative_to(PROJECT).as_posix() for path in ROOM.rglob("*") if "__pycache__" not in path.parts}
    stages = json.loads((PROJECT / ".chalice" / "config.json").read_text("utf-8"))["stages"]
    return (
        bool(routes.routes.operations or hooks.hooks or dataclasses.fields(settings.Settings))
        or not files <= set(SHIPPED)
        or set(stages) != {"dev"}
        or any(name.startswith("SITE_") for name in stages["dev"]["environment_variables"])
    )


@pytest.mark.parametrize("name", SHIPPED)
def test_an_empty_room_is_what_has_shipped_from_the_first_version_on(name):
    if is_a_sites():
        pytest.skip("this checkout is a site's")
    assert hashlib.sha256((PROJECT / name).read_bytes()).hexdigest() == SHIPPED[name]


def test_what_ships_in_the_room_names_pages_that_are_there():
    for name in SHIPPED:
        for page in re.findall(r"docs/[\w-]+\.md", (PROJECT / name).read_text("utf-8")):
            assert (PROJECT / page).is_file()
