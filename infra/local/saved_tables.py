"""Keeps the embedded tables on disk: restores them at the start, and keeps each write before it is answered."""

import gc
import json
from collections import Counter
from collections.abc import Iterable, Mapping

from moto.dynamodb.models.dynamo_type import Item
from werkzeug import Response

from infra.local.embedded_aws import REGION, EmbeddedAws, Execute, NotKeptError
from infra.local.errors import LocalError
from infra.local.item_store import Address, DamagedStoreError, ItemStore, StoreError
from infra.local.moto_tables import MotoTables, NotOfThisTableError
from infra.local.new_items import NewItems
from infra.local.opened_store import damaged
from infra.local.output import say
from infra.local.written_items import written_items

_DONE = 200


class SavedTables:
    """The tables of an embedded AWS, and the file that keeps them."""

    def __init__(self, store: ItemStore, aws: EmbeddedAws) -> None:
        self._store = store
        self._aws = aws
        self._tables = MotoTables(REGION)
        # Tables that the template no longer has. Their items stay in the file until the table comes back.
        self._homeless: Counter[str] = Counter()
        # Whether the tables have changes that are not on disk, and that nobody was told have succeeded.
        self._ahead = False
        self._followers: dict[str, NewItems] = {}
        # Where the followed tables' items were when the tables were last as on disk.
        self._known: set[Address] = set()

    def restore(self) -> None:
        """Put the kept items into the tables. Raises LocalError if they do not fit or cannot be read."""
        path = self._store.path
        tables = self._tables.names()
        moved = False
        # Nothing that is made here is garbage, so a collection would only take time.
        gc.disable()
        try:
            for address, text in self._store.items():
                if address.table in tables:
                    moved |= self._load(address, text) != address
                else:
                    self._homeless[address.table] += 1
            if moved:
                self._replace()
        except StoreError as error:
            raise LocalError(f"{path} cannot be used: {error}") from error
        except DamagedStoreError as error:
            raise damaged(path, error) from error
        finally:
            gc.enable()
        for name, number in self._homeless.items():
            say(f"{path} has {number} items of {name}, a table that is no longer defined. They are kept.")

    def _load(self, address: Address, text: str) -> Address:
        try:
            return self._tables.load(address.table, json.loads(text))
        except NotOfThisTableError as error:
            raise LocalError(
                f"an item of {address.table} in {self._store.path} does not fit the table that infra/template.yaml "
                f"defines: {error}. Move the file away to start without accounts"
            ) from error
        except (ValueError, AttributeError, RecursionError) as error:
            raise damaged(self._store.path, error) from error

    def follow(self, new_items: NewItems, *, from_now_on: bool = False) -> None:
        """Add each new item of a table when it is on disk, and unless it is ``from_now_on`` those that there are."""
        with self._aws.paused():
            self._followers[new_items.table] = new_items
            if not from_now_on:
                self._tell(address for address in self._followed() if address.table == new_items.table)

    def start(self) -> None:
        """Keep each write from now on."""
        self._aws.keep_writes(self._keep)

    def stop(self) -> None:
        """Close the file. Writes are refused from now on."""
        with self._aws.paused():
            self._store.close()

    def _keep(self, operation: str, body: bytes, execute: Execute) -> Response:
        """Execute a write and keep what it changes. Raises NotKeptError, and then nothing is changed."""
        addresses = None if self._ahead else self._written(operation, body)
        if addresses is None:
            return self._keep_everything(execute)
        before = {address: self._tables.copy_at(address) for address in addresses}
        try:
            response = self._execute_and_keep(addresses, execute)
        except BaseException:
            self._put_back(before)
            raise
        if response.status_code != _DONE:
            self._put_back(before)
        else:
            self._tell(address for address, item in before.items() if item is None)
        return response

    def _execute_and_keep(self, addresses: list[Address], execute: Execute) -> Response:
        with self._tables.uncopied():
            response = execute()
        if response.status_code == _DONE:
            try:
                self._store.change({address: self._tables.json_at(address) for address in addresses})
            except (StoreError, DamagedStoreError) as error:
                say(f"A write is refused, as {self._store.path} could not be written: {error}. Nothing was changed.")
                raise NotKeptError(str(error)) from error
        return response

    def _put_back(self, before: Mapping[Address, Item | None]) -> None:
        for address, item in before.items():
            self._tables.put_back(address, item)

    def _keep_everything(self, execute: Execute) -> Response:
        """Execute a request that may have changed anything, a table itself for example."""
        if not self._ahead:
            self._known = self._followed()
        self._ahead = True
        response = execute()
        try:
            self._replace()
        except (StoreError, DamagedStoreError) as error:
            say(f"{self._store.path} could not be written: {error}. The next write tries to keep this one too.")
            raise NotKeptError(str(error)) from error
        self._ahead = False
        self._tell(self._followed() - self._known)
        return response

    def _followed(self) -> set[Address]:
        """Return where the items of the followed tables are."""
        return {address for table in self._followers for address in self._tables.addresses(table)}

    def _tell(self, addresses: Iterable[Address]) -> None:
        """Tell those who follow of items that are new, as far as they are still there."""
        for address in addresses:
            follower = self._followers.get(address.table)
            text = None if follower is None else self._tables.json_at(address)
            if follower is not None and text is not None:
                follower.add(json.loads(text))

    def _replace(self) -> None:
        there = self._tables.names()
        homeless = [name for name in self._homeless if name not in there]
        self._store.replace(self._tables.everything(), keep_tables=homeless)

    def _written(self, operation: str, body: bytes) -> list[Address] | None:
        """Return where all is that a request may change, None if it does not say so."""
        try:
            request = json.loads(body)
        except (ValueError, RecursionError):
            return None
        items = written_items(operation, request)
        if items is None:
            return None
        addresses = [self._tables.address(table, attributes) for table, attributes in items]
        known = [address for address in addresses if address is not None]
        return known if len(known) == len(addresses) else None
