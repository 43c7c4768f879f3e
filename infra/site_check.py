"""`python -m infra.site_check`: whether the files of a site can be used, before a server or a deployment begins.

Owns what is said of one that cannot be loaded: what is wrong, where in the site's room, and what to do. What is wrong
with a route is in ``chalicelib.api.own_routes``.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Iterator

from chalicelib.api.own_routes import mistakes, who_may_call
from chalicelib.api.routing import Routes
from chalicelib.use_cases.hooks import Hooks

_ROOM = "chalicelib/site/"
_MODULES = {"hooks": Hooks, "routes": Routes}


def problems() -> Iterator[str]:
    """Load the site's files, and yield a line or a few for each thing that is wrong with them.

    Raises whatever is no fault of the site's.
    """
    for name, kind in _MODULES.items():
        try:
            found = getattr(importlib.import_module(f"chalicelib.site.{name}"), name, None)
        except Exception as error:
            if not (places := _places(error)):
                raise
            yield _explained(error, places)
            continue
        if not isinstance(found, kind):
            yield f"{_ROOM}{name}.py: there is no `{name} = {kind.__name__}(…)` in it, where Lychgate looks for it"
        elif isinstance(found, Routes):
            yield from mistakes([found])


def routes() -> Iterator[str]:
    """Yield a line for each route of a site that has no mistake: who may call it."""
    own: Routes = importlib.import_module("chalicelib.site.routes").routes
    width = max((len(operation.route) for operation in own.operations), default=0)
    for operation in own.operations:
        yield f"{operation.route:{width}}  {who_may_call(operation)}"


def _places(error: Exception) -> list[str]:
    """Return the places in the site's room that an error comes from, the innermost first."""
    found = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename:
        found.append((error.filename, error.lineno))
    names = ((filename.replace("\\", "/").rpartition(_ROOM), line) for filename, line in found)
    return [f"{_ROOM}{file}:{line}" for (_, room, file), line in reversed(list(names)) if room]


def _explained(error: Exception, places: list[str]) -> str:
    what = error.msg if isinstance(error, SyntaxError) else str(error)
    place, *others = places
    lines = [f"{place}: {type(error).__name__}: {what}"]
    if isinstance(error, SyntaxError) and error.text:
        lines.append(f"    {error.text.strip()}")
    if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("chalicelib"):
        lines.append("    Packages are `dependencies` in pyproject.toml, from which `make lock` writes the rest.")
    lines += [f"    loaded by {other}" for other in others]
    return "\n".join(lines)


def main() -> int:
    """Print what is wrong, and return the exit code."""
    found = list(problems())
    sys.stdout.writelines(f"{problem}\n" for problem in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
