"""The file that keeps the tables' items between runs.

Owns its format. Items are in DynamoDB's JSON, as boto3's client returns them. Binary values are base64 in the file.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.local.data_directory import replace_file

VERSION = 1

Items = list[dict[str, Any]]


class CorruptSnapshotError(Exception):
    """Raised if a snapshot is truncated, edited, or of another version."""


def write_snapshot(path: Path, tables: Mapping[str, Items]) -> None:
    """Replace the snapshot with the items of each table. If this raises OSError, the old snapshot is kept."""
    encoded = {name: [_encode_item(item) for item in items] for name, items in tables.items()}
    document = {
        "version": VERSION,
        "saved_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "sha256": _checksum(encoded),
        "tables": encoded,
    }
    replace_file(path, json.dumps(document, indent=1, sort_keys=True).encode())


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
    try:
        return {name: [_decode_item(item) for item in items] for name, items in tables.items()}
    except (AttributeError, KeyError, TypeError, binascii.Error) as error:
        raise CorruptSnapshotError(f"its items are not DynamoDB JSON ({error!r})") from error


def set_aside(path: Path) -> Path:
    """Rename a snapshot that cannot be used, so that it is not overwritten. Return its new path."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    return path.rename(path.with_name(f"snapshot.corrupt-{stamp}.json"))


def _checksum(tables: object) -> str:
    canonical = json.dumps(tables, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _encode_item(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _encode(value) for name, value in item.items()}


def _decode_item(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _decode(value) for name, value in item.items()}


def _encode(attribute: Mapping[str, Any]) -> dict[str, Any]:
    [(kind, value)] = attribute.items()
    match kind:
        case "B":
            return {kind: base64.b64encode(value).decode()}
        case "BS":
            return {kind: [base64.b64encode(element).decode() for element in value]}
        case "M":
            return {kind: _encode_item(value)}
        case "L":
            return {kind: [_encode(element) for element in value]}
    return {kind: value}


def _decode(attribute: Mapping[str, Any]) -> dict[str, Any]:
    [(kind, value)] = attribute.items()
    match kind:
        case "B":
            return {kind: base64.b64decode(value, validate=True)}
        case "BS":
            return {kind: [base64.b64decode(element, validate=True) for element in value]}
        case "M":
            return {kind: _decode_item(value)}
        case "L":
            return {kind: [_decode(element) for element in value]}
    return {kind: value}
