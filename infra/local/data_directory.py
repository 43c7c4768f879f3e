"""The data directory: its permissions, its lock, and the atomic replacement of its files."""

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO

from infra.local.errors import LocalError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_PRIVATE_FOLDER = 0o700
_PRIVATE_FILE = 0o600
_TEMPORARY = ".{}.new-"
TEMPORARIES = f"{_TEMPORARY.format('*')}*"
"""The names of what will replace a file, and is left behind by a process that is killed meanwhile."""


class DataDirectory:
    """A folder that only its owner can enter. Raises LocalError if it cannot be created."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        try:
            self.path.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
            self.path.chmod(_PRIVATE_FOLDER)
        except OSError as error:
            raise self._unusable(error) from error
        self._lock: IO[str] | None = None

    @property
    def credentials(self) -> Path:
        """The file with the credentials of the database that runs."""
        return self.path / "credentials"

    def last_port(self) -> int | None:
        """Return the port of the database that has the lock or had it last, None if that is not known."""
        try:
            return int(json.loads((self.path / "lock").read_text("utf-8"))["port"])
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def lock(self, port: int) -> None:
        """Take the lock until `unlock` or the end of the process. Raises LocalError if another database has it."""
        try:
            file = os.fdopen(os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, _PRIVATE_FILE), "r+")
        except OSError as error:
            raise self._unusable(error) from error
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                file.seek(0)
                holder = file.read()
                file.close()
                raise LocalError(_held_message(self.path, holder)) from error
        self._lock = file
        try:
            file.truncate()
            file.write(json.dumps({"process": os.getpid(), "port": port}))
            file.flush()
            for leftover in self.path.glob(TEMPORARIES):
                leftover.unlink()
        except OSError as error:
            raise self._unusable(error) from error

    def unlock(self) -> None:
        """Release the lock."""
        if self._lock is not None:
            lock, self._lock = self._lock, None
            with suppress(OSError):  # what a full disk did not take, which it tries to write again
                lock.close()

    def replace(self, path: Path, content: bytes) -> None:
        """Replace a file of the directory, as `replace_file` does. Raises LocalError."""
        try:
            replace_file(path, content)
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> LocalError:
        return LocalError(
            f"the data directory {self.path} cannot be used: {error.strerror}. Another one is used with "
            "LYCHGATE_DATA_DIR=… make dev"
        )


def _held_message(path: Path, holder: str) -> str:
    message = f"another database writes to {path} already"
    with suppress(ValueError, KeyError):
        facts = json.loads(holder)
        message += f": process {facts['process']}. To use it: DYNAMODB_PORT={facts['port']} make dev"
    return message


def replace_file(path: Path, content: bytes) -> None:
    """Replace a file atomically: a crash leaves the old or the new one. Only its owner can read it."""
    descriptor, name = tempfile.mkstemp(prefix=temporary_prefix(path), dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def temporary_prefix(path: Path) -> str:
    """Return how the name begins of what will replace a file. `lock` removes what is left of it."""
    return _TEMPORARY.format(path.name)


def sync_folder(path: Path) -> None:
    """Put a folder's names on disk. Without this a power failure may lose a new one."""
    # Windows cannot open a folder, and need not.
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
