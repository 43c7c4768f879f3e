"""A deployed stage that is put back instead of deployed again, for tests that only begin with one.

Owns what a deployment leaves: the state of moto, and the files of the project. It is taken down after the first
deployment with some arguments, which is a whole one, and put back for the next test that asks for the same.
"""

import copyreg
import io
import pickle
import threading
import types
import weakref
from collections import defaultdict

from moto.core.base_backend import BackendDict

from tests.deployment.recorded_resources import Recorded

_LOCKS = {type(threading.Lock()): threading.Lock, type(threading.RLock()): threading.RLock}


class Account:
    """All that is in moto's memory."""

    def __init__(self, server):
        """Take it down. ``server`` may not be named in it: the next test has another."""
        text, self._kept = io.BytesIO(), []
        backends = {
            (self._index(services), account, region): backend
            for services in list(BackendDict._instances)
            for account, regions in services.items()
            for region, backend in regions.items()
        }
        names = {id(backend): name for name, backend in backends.items()}
        _Pickler(text, names, self._index).dump(
            ({name: vars(backend) for name, backend in backends.items()}, Recorded.made)
        )
        self._text = text.getvalue()
        assert server.url.encode() not in self._text

    def put_back(self):
        """Let an account in which nothing is have it all."""
        memory, made = _Unpickler(io.BytesIO(self._text), self._found).load()
        for name, values in memory.items():
            vars(self._found(name)).update(values)
        Recorded.made.update(made)

    def _index(self, value):
        self._kept.append(value)
        return len(self._kept) - 1

    def _found(self, name):
        if isinstance(name, int):
            return self._kept[name]
        services, account, region = name
        return self._kept[services][account][region]


class Files:
    """What a deployment writes into a project."""

    def __init__(self, project, before):
        """Take down what is not as ``looked_at`` found it ``before``."""
        after = looked_at(project)
        assert before.keys() <= after.keys(), "a first deployment deletes no file"
        written = [path for path, found in after.items() if before.get(path) != found]
        self._contents = {path: ((project / path).read_bytes(), (project / path).stat().st_mode) for path in written}

    def put_back(self, project):
        for path, (content, mode) in self._contents.items():
            (project / path).parent.mkdir(parents=True, exist_ok=True)
            (project / path).write_bytes(content)
            (project / path).chmod(mode)


def looked_at(project):
    """Return what tells whether a file was written since, by its path."""
    files = {path.relative_to(project): path.stat() for path in project.rglob("*") if path.is_file()}
    return {path: (found.st_mtime_ns, found.st_size, found.st_ino) for path, found in files.items()}


class _Pickler(pickle.Pickler):
    """Names the backends, of which moto makes new ones, and keeps classes and functions as they are."""

    def __init__(self, file, names, keep):
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self._names, self._keep = names, keep

    def persistent_id(self, value):
        is_code = isinstance(value, type | types.FunctionType)
        return self._keep(value) if is_code else self._names.get(id(value))

    def reducer_override(self, value):
        if isinstance(value, weakref.WeakValueDictionary):
            return weakref.WeakValueDictionary, (), None, None, iter(list(value.items()))
        if isinstance(value, defaultdict):  # one of moto's takes other arguments
            state = (vars(value) if hasattr(value, "__dict__") else None, {"default_factory": value.default_factory})
            return copyreg.__newobj__, (type(value),), state, None, iter(list(value.items()))
        return (_LOCKS[type(value)], ()) if type(value) in _LOCKS else NotImplemented


class _Unpickler(pickle.Unpickler):
    def __init__(self, file, found):
        super().__init__(file)
        self._found = found

    def persistent_load(self, name):
        return self._found(name)
