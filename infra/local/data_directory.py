"""The folder that outlives a run: who may read it, who writes it, and how a file in it is replaced whole."""

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
_TEMPORARY = ".{}.new-*"


class DataDirectory:
    """A folder that only its owner can enter. Raises LocalError if it cannot be made."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        try:
            self.path.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
            self.path.chmod(_PRIVATE_FOLDER)
        except OSError as error:
            raise LocalError(f"the data directory {self.path} cannot be used: {error.strerror}") from error
        self._lock: IO[str] | None = None

    def lock(self, port: int) -> None:
        """Become the only database that writes here, until `unlock` or the end of the process. Raises LocalError."""
        file = os.fdopen(os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, _PRIVATE_FILE), "r+")
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                file.seek(0)
                holder = file.read()
                file.close()
                raise LocalError(_held_message(self.path, holder)) from error
        file.truncate()
        file.write(json.dumps({"process": os.getpid(), "port": port}))
        file.flush()
        self._lock = file
        for leftover in self.path.glob(_TEMPORARY.format("*")):  # of a database that was killed while it saved
            leftover.unlink()

    def unlock(self) -> None:
        """Let another database write here."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _held_message(path: Path, holder: str) -> str:
    message = f"another database writes to {path} already"
    with suppress(ValueError, KeyError):
        facts = json.loads(holder)
        message += f": process {facts['process']}. To use it: DYNAMODB_PORT={facts['port']} make dev"
    return message


def replace_file(path: Path, content: bytes) -> None:
    """Put the content in place of the file, readable by its owner only; a crash leaves the old or the new one."""
    descriptor, name = tempfile.mkstemp(
        prefix=_TEMPORARY.format(path.name).removesuffix("*"), dir=path.parent
    )  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    # Without it the new name may be lost at a power cut. Windows cannot open a folder, and needs not.
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
