"""The mails that were sent here, each a file in the data directory: nobody gets them but the developer.

One process writes. Others may read meanwhile. A file is never changed.
"""

import json
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.local.data_directory import TEMPORARIES, replace_file

FOLDER = "mailbox"
LIMIT = 200
"""How many mails are kept. One more, and the oldest goes."""

_PRIVATE_FOLDER = 0o700
_DIGITS = 9


@dataclass(frozen=True, slots=True)
class KeptMail:
    """A mail as it was sent. ``at`` is when, as a NumericDate."""

    id: str
    at: int
    sender: str
    to: str
    subject: str
    text: str
    html: str


class Mailbox:
    """A folder of mails, which need not exist before the first one."""

    def __init__(self, folder: Path, limit: int = LIMIT) -> None:
        self._folder = folder
        self._limit = limit
        self._last = 0
        self._lock = threading.Lock()
        self._read: dict[str, KeptMail] = {}

    def tidy(self) -> None:
        """Remove what a process left that was killed while it wrote. Nobody may be writing."""
        for leftover in self._folder.glob(TEMPORARIES):
            leftover.unlink(missing_ok=True)

    def put(self, mail: KeptMail) -> None:
        """Keep a mail. It is on disk when this returns. Raises OSError."""
        with self._lock:
            self._folder.mkdir(mode=_PRIVATE_FOLDER, exist_ok=True)
            names = self._names()
            # Never a name again, although somebody may have emptied the folder: what was read under it is remembered.
            self._last = max(self._last, int(names[0]) if names else 0) + 1
            content = json.dumps(asdict(mail), ensure_ascii=False, indent=1)
            replace_file(self._path(f"{self._last:0{_DIGITS}}"), content.encode())
            for name in names[self._limit - 1 :]:
                self._path(name).unlink(missing_ok=True)

    def version(self) -> str:
        """Return what changes with each mail."""
        names = self._names()
        return f"{names[0]}-{len(names)}" if names else "empty"

    def mails(self) -> list[KeptMail]:
        """Return the mails, the newest first. One whose file is damaged or gone meanwhile is left out."""
        with self._lock:
            names = self._names()
            self._read = {name: mail for name in names if (mail := self._read.get(name) or self._mail(name))}
            return list(self._read.values())

    def _names(self) -> list[str]:
        return sorted((path.stem for path in self._folder.glob("*.json") if path.stem.isdecimal()), reverse=True)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def _mail(self, name: str) -> KeptMail | None:
        with suppress(OSError, ValueError, TypeError):
            return _kept_mail(json.loads(self._path(name).read_bytes()))
        return None


def _kept_mail(members: Mapping[str, object]) -> KeptMail:
    """Return a mail. Raises TypeError if the members are not those of one."""
    mail = KeptMail(**members)  # type: ignore[arg-type]
    if not all(isinstance(value, int if name == "at" else str) for name, value in asdict(mail).items()):
        raise TypeError("a member is of another type")
    return mail
