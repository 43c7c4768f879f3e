"""Where the places differ in which the API runs, and why. There is no other list.

Each names the tests of `tests/api/` that fail in a place because of it. They are expected to: one that passes means
that the difference is gone, and is a failure.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    place: str
    what: str
    reason: str
    tests: str
    """A regular expression for what follows the folder in the ids of the tests."""


DIFFERENCES = []


def differing(place, nodeid):
    """The differences that a test of this id meets in a place."""
    name = nodeid.partition("api/")[2].replace(f"{place}-", "").replace(f"[{place}]", "")
    return [found for found in DIFFERENCES if found.place == place and re.search(found.tests, name)]
