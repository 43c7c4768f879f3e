"""Which tests one process runs where several run at a time, as under `make test`.

A folder's tests stay together, and those of tests/api/ by the place where they run: what they share is set up once, and
no test has one of another folder beside it in its process.
"""

import re

from xdist.scheduler import LoadScopeScheduling

from tests.support.places import IN_PROCESS, PLACES

_PLACE = re.compile(rf"[\[-]({'|'.join(map(re.escape, (IN_PROCESS, *PLACES)))})[]-]")


def group_of(nodeid):
    """The name of the group of a test."""
    file, _, test = nodeid.partition("::")
    folder = file.split("/")[1]
    place = _PLACE.search(test) if folder == "api" else None
    return f"{folder}, {place[1]}" if place else folder


class ByGroup(LoadScopeScheduling):
    """Hands a process one group after the other."""

    def _split_scope(self, nodeid):
        return group_of(nodeid)
