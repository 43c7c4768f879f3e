"""The file that kept the tables' items in earlier versions: read once, to take it over.

Items are in DynamoDB's JSON, as AWS sends them.
"""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FILE = "snapshot.json"
VERSION = 1

Items = list[dict[str, Any]]


class CorruptSnapshotError(Exception):
    """Raised if a snapshot is truncated, edited, or of another version."""


def read_snapshot(path: Path) -> dict[str, Items]:
    """Return the items of each table, {} if there is no snapshot. Raises CorruptSnapshotError or OSError."""
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError) as error:
        raise CorruptSnapshotError(f"it is not JSON ({error})") from error
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise CorruptSnapshotError(f"it is not a snapshot of version {VERSION}")
    tables = document.get("tables")
    if not isinstance(tables, dict) or document.get("sha256") != _checksum(tables):
        raise CorruptSnapshotError("its checksum does not match its items, so it was edited or damaged")
    return tables


def set_aside(path: Path) -> Path:
    """Rename a snapshot that was taken over, and return its new path."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    return path.rename(path.with_name(f"snapshot.taken-over-{stamp}.json"))


def _checksum(tables: object) -> str:
    canonical = json.dumps(tables, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
