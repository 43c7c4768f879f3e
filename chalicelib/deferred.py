"""Imports of libraries without the parts that Lychgate does not use. Every import lengthens a cold start.

A stand-in takes the place of a module while a library is imported, and never afterwards. What the library took from it
imports the module when it is used, so the library still works in full for other code.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType


class LoadedWhenAsked(ModuleType):
    """A stand-in for a module. It imports the module when an attribute is first read."""

    def __getattr__(self, name: str) -> object:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


def module_of(name: str, **members: object) -> ModuleType:
    """Return a stand-in for the module ``name`` that has these members only."""
    stand_in = ModuleType(name)
    vars(stand_in).update(members)
    return stand_in


def function_of(module: str, name: str) -> Callable[..., object]:
    """Return a function that calls ``name`` of ``module``, which it imports when it is called."""

    def call(*arguments: object, **options: object) -> object:
        return getattr(importlib.import_module(module), name)(*arguments, **options)

    return call


def take_when_asked(package: ModuleType, module: str, names: Collection[str]) -> None:
    """Let ``package`` have these names from ``module``, which is imported when one of them is first asked for.

    For names that ``package`` took from a stand-in, but that are no functions (PEP 562).
    """

    def get(name: str) -> object:
        if name in names:
            return getattr(importlib.import_module(module), name)
        raise AttributeError(f"module {package.__name__!r} has no attribute {name!r}")

    for name in names:
        delattr(package, name)
    package.__getattr__ = get  # type: ignore[method-assign]  # PEP 562


@contextmanager
def left_out(stand_ins: Mapping[str, ModuleType | None]) -> Iterator[frozenset[str]]:
    """Let modules that are not imported yet be replaced by stand-ins, or be missing if they are None, inside.

    Yields the names of those modules.
    """
    absent = {name: stand_in for name, stand_in in stand_ins.items() if name not in sys.modules}
    sys.modules.update(absent)  # type: ignore[arg-type]  # None is the documented way to make an import fail
    try:
        yield frozenset(absent)
    finally:
        for name, stand_in in absent.items():
            if name in sys.modules and sys.modules[name] is stand_in:
                del sys.modules[name]
