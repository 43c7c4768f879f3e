"""Lets a module of this process be another one from the moment it is loaded."""

import importlib.abc
import importlib.machinery
import sys


def once_loaded(name, change):
    """Give the module of this name to ``change`` as soon as it is loaded."""
    sys.meta_path.insert(0, _Changing(name, change))


class _Changing(importlib.abc.MetaPathFinder):
    """Finds a module as it would be found, and changes it once it is loaded."""

    def __init__(self, name, change):
        self._name = name
        self._change = change

    def find_spec(self, name, path=None, target=None):
        if name != self._name:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None:
            load = spec.loader.exec_module

            def loaded(module):
                load(module)
                self._change(module)

            spec.loader.exec_module = loaded
        return spec
