"""Which settings a site's own code has, as its source says: docs/your-site.md.

Owns how they are found without running that code: what it imports may be heavy, and what is wrong with it is told where
it is loaded.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

SITE = Path(__file__).parents[1] / "chalicelib" / "site"
FILE = "chalicelib/site/settings.py"

PREFIX = "SITE_"
"""What the names of their variables begin with, as ``chalicelib.config.own`` has it."""


def settings_of(site: Path) -> frozenset[str] | None:
    """Return the variables of the dataclasses that the ``settings.py`` of a site's folder gives to ``read``.

    None if that cannot be told: there is no such class or file, it is no Python, or a class inherits from elsewhere.
    """
    try:
        module = ast.parse((site / "settings.py").read_text("utf-8"))
    except (OSError, SyntaxError, ValueError):
        return None
    classes = {node.name: node for node in module.body if isinstance(node, ast.ClassDef)}
    read = [classes[name] for name in _given_to_read(module) if name in classes]
    fields: set[str] = set()
    while read:
        node = read.pop()
        bases = [ast.unparse(base) for base in node.bases]
        if not classes.keys() >= set(bases):
            return None
        read += [classes[base] for base in bases]
        fields |= set(_fields(node))
    return frozenset(f"{PREFIX}{name.upper()}" for name in fields) if fields else None


def reads_itself(site: Path, name: str) -> bool:
    """Return whether a module in a site's folder names a variable, as one that reads the environment by itself does."""
    return any(name in path.read_text("utf-8", errors="replace") for path in site.rglob("*.py"))


def _given_to_read(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "read" and node.args:
            yield ast.unparse(node.args[0])


def _fields(node: ast.ClassDef) -> Iterator[str]:
    for line in node.body:
        if not isinstance(line, ast.AnnAssign) or "ClassVar" in ast.unparse(line.annotation):
            continue
        if isinstance(line.target, ast.Name):
            yield line.target.id
