"""Which tests one process runs where several run at a time, as under `make test`.

A folder's tests stay together, and those of tests/api/ by the place where they run: what they share is set up once, and
no test has one of another folder beside it in its process.
"""

import re

from xdist.scheduler import LoadScopeScheduling

PLACES = ("in-process", "chalice-local", "make-dev", "packaged")
"""Where tests/api/ runs: the names are those of tests/support/places.py, which imports all that runs there."""

LONGEST = (
    "browser",
    "in_process",
    "deployment",
    "guides",
    "local",
    "contract",
    "openapi",
    "faults",
    "api, packaged",
    "api, in-process",
    "client",
    "packaging",
    "deployed",
    "smoke",
    "api, chalice-local",
    "restore",
    "docs",
    "api, make-dev",
    "protocol",
    "examples",
    "unit",
    "bench",
    "regions",
)
"""The groups that take longest, the longest first: a process that has ended its last waits for the other.

The order is that of what the tests of each took in a run with ``--durations=0``. As long as none takes much more than
its process's share of all, the processes end at about the same time.
"""

_PLACE = re.compile(rf"[\[-]({'|'.join(map(re.escape, PLACES))})[]-]")


def group_of(nodeid):
    """The name of the group of a test."""
    file, _, test = nodeid.partition("::")
    folder = file.split("/")[1]
    place = _PLACE.search(test) if folder == "api" else None
    return f"{folder}, {place[1]}" if place else folder


def by_length(nodeid):
    """What to sort tests by, so that the longest groups come first."""
    group = group_of(nodeid)
    return LONGEST.index(group) if group in LONGEST else len(LONGEST)


class ByGroup(LoadScopeScheduling):
    """Hands a process one group after the other, in the order in which they were collected."""

    def __init__(self, config, log=None):
        config.option.loadscopereorder = False  # it would begin with the group of the most tests
        super().__init__(config, log)

    def _split_scope(self, nodeid):
        return group_of(nodeid)
