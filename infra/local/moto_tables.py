"""The items of moto's DynamoDB, read and put by their keys, without the checks and copies of its requests.

Owns all that is known of moto's inside, which `pyproject.toml` holds at one version.
"""

import base64
import copy
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from typing import Any

from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict
from moto.dynamodb.models.table import Table

from infra.local.item_store import Address

_Key = tuple[DynamoType, DynamoType | None]


class NotOfThisTableError(Exception):
    """Raised if an item lacks the key of its table. The message says which attribute."""


class MotoTables:
    """The tables of one region. Its callers hold off requests meanwhile."""

    def __init__(self, region: str) -> None:
        self._database = get_backend("dynamodb")[DEFAULT_ACCOUNT_ID][region]

    def names(self) -> list[str]:
        """Return the names of all tables."""
        return list(self._tables())

    def address(self, table: str, attributes: Mapping[str, Any]) -> Address | None:
        """Return where an item with these attributes is, None if there is no such table or they lack its key.

        Takes the name of the table or its ARN, as DynamoDB does.
        """
        name = str(table).rpartition("/")[2]
        found = self._tables().get(name)
        try:
            return None if found is None else Address(name, _key_text(found, _key(found, attributes)))
        except NotOfThisTableError:
            return None

    def addresses(self, table: str) -> list[Address]:
        """Return where the items of a table are, none if there is no such table."""
        found = self._tables().get(table)
        items = [] if found is None else found.all_items()
        return [Address(table, _key_text(found, (item.hash_key, item.range_key))) for item in items if found]

    def everything(self) -> dict[Address, str]:
        """Return the JSON of each item of all tables."""
        return {
            Address(name, _key_text(table, (item.hash_key, item.range_key))): _json(item)
            for name, table in self._tables().items()
            for item in table.all_items()
        }

    def json_at(self, address: Address) -> str | None:
        """Return an item's JSON, None if there is none."""
        item = self._at(address)
        return None if item is None else _json(item)

    def copy_at(self, address: Address) -> Item | None:
        """Return a copy of an item for `put_back`, None if there is none."""
        return copy.deepcopy(self._at(address))

    def put_back(self, address: Address, item: Item | None) -> None:
        """Put what `copy_at` returned, or remove what is there now."""
        table = self._tables()[address.table]
        if item is None:
            table.delete_item(*_key(table, json.loads(address.key)))
        else:
            _put(table, item)

    def load(self, table: str, attributes: Mapping[str, Any]) -> Address:
        """Put an item from its decoded JSON, and return where it is. Raises NotOfThisTableError."""
        into = self._tables()[table]
        kept = LimitedSizeDict()
        for name, value in attributes.items():
            # Not its own __setitem__, which measures the whole item each time.
            dict.__setitem__(kept, name, DynamoType(value))
        key = _key(into, attributes)
        item = Item(*key, {})
        item.attrs = kept
        _put(into, item)
        return Address(table, _key_text(into, key))

    @contextmanager
    def uncopied(self) -> Iterator[None]:
        """Keep moto from copying whole tables before a transaction, which takes it seconds if they are large.

        A transaction that fails then leaves what it has changed already. The caller puts it back.
        """
        tables: list[Any] = list(self._tables().values())
        for table in tables:
            table.__deepcopy__ = lambda _memo, itself=table: itself
        try:
            yield
        finally:
            for table in tables:
                del table.__deepcopy__

    def _tables(self) -> dict[str, Table]:
        tables: dict[str, Table] = self._database.tables
        return tables

    def _at(self, address: Address) -> Item | None:
        table = self._tables()[address.table]
        item: Item | None = table.get_item(*_key(table, json.loads(address.key)))
        return item


def _json(item: Item) -> str:
    attributes = item.to_json()["Attributes"]
    return json.dumps(attributes, ensure_ascii=False, separators=(",", ":"), default=_base64)


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def _put(table: Table, item: Item) -> None:
    items: dict[Any, Any] = table.items
    if item.range_key is None:
        items[item.hash_key] = item
    else:
        items[item.hash_key][item.range_key] = item


def _key(table: Table, attributes: Mapping[str, Any]) -> _Key:
    hash_key = _key_part(table.hash_key_attr, table.hash_key_type, attributes)
    if table.range_key_attr is None:
        return hash_key, None
    return hash_key, _key_part(table.range_key_attr, table.range_key_type, attributes)


def _key_part(name: str, kind: str | None, attributes: Mapping[str, Any]) -> DynamoType:
    value = attributes.get(name)
    if not isinstance(value, dict) or list(value) != [kind]:
        raise NotOfThisTableError(f"it has no attribute {name} of type {kind}")
    return DynamoType(value)


def _key_text(table: Table, key: _Key) -> str:
    """Return a key as JSON, with the hash key first."""
    parts = {
        name: {part.type: _canonical(part)}
        for name, part in zip((table.hash_key_attr, table.range_key_attr), key, strict=True)
        if part is not None
    }
    return json.dumps(parts, ensure_ascii=False, separators=(",", ":"))


def _canonical(part: DynamoType) -> str:
    """Return the same text for the same value: 1 and 1.0 are one number (Developer Guide, "Numbers")."""
    if part.type != "N":
        return str(part.value)
    try:
        return format(Decimal(part.value).normalize(), "f")
    except InvalidOperation as error:
        raise NotOfThisTableError(f"{part.value!r} is no number") from error
