"""What ``chalice local`` starts again for: a change of the project's own files.

Chalice looks at every file below the project, also at the database's, which change with each account.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chalice.cli.filewatch.stat import StatFileWatcher

_NOT_THE_PROJECTS = re.compile(r"(^|[\\/])(\.(?!chalice([\\/]|$))|__pycache__([\\/]|$))")
"""Hidden files and folders, except Chalice's own, and bytecode."""

Poll = Callable[["StatFileWatcher", str, Callable[[], None]], None]


def of_the_projects_files(single_pass: Poll) -> Poll:
    """Return ``_single_pass_poll``, wrapped to forget the files that nothing is started again for."""

    @functools.wraps(single_pass)
    def poll(watcher: StatFileWatcher, root: str, callback: Callable[[], None]) -> None:
        seen = watcher._mtime_cache  # noqa: SLF001 - there is no public name
        watcher._mtime_cache = {path: time for path, time in seen.items() if _is_the_projects(path, root)}  # noqa: SLF001
        single_pass(watcher, root, callback)

    return poll


def the_projects_files(walk: Callable[[StatFileWatcher, str], Iterator[str]]) -> Callable[..., Iterator[str]]:
    """Return the replacement of ``_recursive_walk_files``, which yields the project's own files."""

    @functools.wraps(walk)
    def files(_: StatFileWatcher, root: str) -> Iterator[str]:
        for folder, folders, names in os.walk(root):
            folders[:] = [name for name in folders if not _NOT_THE_PROJECTS.match(name)]
            yield from (os.path.join(folder, name) for name in names if not _NOT_THE_PROJECTS.match(name))  # noqa: PTH118 - as Chalice names them

    return files


def _is_the_projects(path: str, root: str) -> bool:
    return not _NOT_THE_PROJECTS.search(path[len(root) :])
