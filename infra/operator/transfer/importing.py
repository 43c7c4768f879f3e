"""An import: what a file may say, checked line by line, and then the users who are not there yet.

A file is read twice. The first time nothing is asked but the file; the second time each user is looked for and, unless
it is a dry run, added. So a run that was ended goes on where the tables say, and another run changes nothing.
"""

from __future__ import annotations

import functools
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chalicelib.accounts.addresses import canonical_address
from chalicelib.accounts.usernames import canonical_username
from chalicelib.adapters.aws import unavailable_on_failure
from chalicelib.adapters.dynamodb.administration import BY_ID
from chalicelib.adapters.dynamodb.administrators import is_active
from chalicelib.credentials.sealing import Sealer
from chalicelib.use_cases.second_factors import TOTP_SECRET
from infra.operator.transfer.fingerprints import HEADER, HeaderError, fingerprint, peppers_of_header
from infra.operator.transfer.hashes import pepper_of
from infra.operator.transfer.reading import Row, UnreadableFileError
from infra.operator.transfer.records import Record, RecordError, parse_record
from infra.operator.transfer.unique import Seen
from infra.operator.transfer.writing import Candidate, Fate, Placed, place

if TYPE_CHECKING:
    from chalicelib.adapters.dynamodb.transactions import Database
    from chalicelib.clock import Clock
    from chalicelib.credentials.peppers import Peppers

BATCH = 25
"""Users in a transaction: with an address each, half of the actions that it may have."""

WORKERS = 8

NAMED = 5
"""Administrators of a file whose names are told."""

Convert = Callable[[Mapping[str, Any]], dict[str, Any]]
"""Makes of what another system says of a user what a line of ours says. Raises RecordError."""


@dataclass(frozen=True)
class Site:
    """What an import has to know of the stage."""

    by_address: bool
    """Whether the address is the username."""
    read_peppers: Callable[[], Peppers]
    """Called only if something in the file needs a pepper."""
    clock: Clock

    @functools.cached_property
    def peppers(self) -> Peppers:
        """The peppers of the stage."""
        return self.read_peppers()

    @functools.cached_property
    def sealer(self) -> Sealer:
        """What seals the secrets of TOTP apps."""
        return Sealer(self.peppers, self.clock)


@dataclass(frozen=True)
class Source:
    """A file of users, and how it is read."""

    path: Path
    read: Callable[[Path], Iterator[Row]]
    convert: Convert | None = None
    """None for our own form."""


@dataclass
class Checked:
    """What the file alone says."""

    users: int = 0
    """Who can be imported, if the stage has room for them."""
    refused: int = 0
    gives_ids: bool = False
    lacks_password: int = 0
    administrators: int = 0
    """Those who are active."""
    first_administrators: list[str] = field(default_factory=list)
    """The names of some of them."""


@dataclass
class Checking:
    """Reads a file, and says what is wrong in it."""

    source: Source
    site: Site
    seen: Seen
    say: Callable[[Placed], None]
    checked: Checked = field(default_factory=Checked)
    _lost: frozenset[str] = frozenset()
    """The ids of peppers that are others here than where the file is from."""

    def check(self, progress: Callable[[int], None]) -> Checked:
        """Read the whole file, say each problem, and remember which lines have one. Raises UnreadableFileError."""
        for row in self.source.read(self.source.path):
            progress(1)
            try:
                record = self.record(row)
                if record is not None:
                    self._claim(row.line, record)
                    self._count(record)
            except RecordError as refused:
                self.seen.refuse(row.line)
                self.checked.refused += 1
                self.say(Placed(row.line, _name(row.members), Fate.REFUSED, str(refused)))
        return self.checked

    def record(self, row: Row) -> Record | None:
        """Return the user in a row, None if it is the first line of an export. Raises RecordError."""
        if row.members is None:
            raise RecordError(row.problem or "")
        if self.source.convert is None and HEADER in row.members:
            self._take_header(row)
            return None
        members = row.members if self.source.convert is None else self.source.convert(row.members)
        record = parse_record(members, now=self.site.clock())
        if self.site.by_address and record.user.contact is None:
            raise RecordError("an email is needed: on this site it is the username")
        if self.site.by_address and canonical_username(record.user.username) != canonical_username(
            record.user.contact.email if record.user.contact is not None else ""
        ):
            raise RecordError("on this site the address is the username, and this user has another one")
        self._require_peppers(record)
        return record

    def sealed(self, record: Record) -> Record:
        """Return a user whose TOTP secret is sealed, if there is one."""
        user = record.user
        if record.totp_secret is None or user.factors is None:
            return record
        text = self.site.sealer.seal(record.totp_secret, purpose=TOTP_SECRET, about=user.id)
        added_at = user.factors.totp_added_at or user.created_at
        factors = replace(user.factors, totp=text, totp_added_at=added_at)
        return replace(record, user=replace(user, factors=factors), totp_secret=None)

    def _take_header(self, row: Row) -> None:
        if row.line != 1:
            raise RecordError("only the first line of a file may be that of an export")
        try:
            theirs = peppers_of_header((row.members or {})[HEADER])
        except HeaderError as refused:
            raise RecordError(str(refused)) from None
        ours = {pepper.id: fingerprint(pepper) for pepper in self.site.peppers.peppers}
        self._lost = frozenset(name for name, told in theirs.items() if ours.get(name) != told)

    def _require_peppers(self, record: Record) -> None:
        """Raise RecordError if the stage lacks what a password or a second factor was made with."""
        user = record.user
        pepper_id = pepper_of(user.password_hash)
        if pepper_id is not None and (pepper_id in self._lost or self.site.peppers.find(pepper_id) is None):
            raise RecordError(
                f"the password hash needs the pepper {pepper_id or 'without an id'} of the stage that it comes from"
            )
        if user.factors is None or user.factors.totp is None:
            return
        if self.site.sealer.open(user.factors.totp, purpose=TOTP_SECRET, about=user.id) is None:
            raise RecordError("the TOTP secret was sealed with another pepper, or for another id: export it in plain")
        needed = {digest.partition(".")[0] for digest in user.factors.recovery_codes}
        if any(name in self._lost or self.site.peppers.find(name) is None for name in needed):
            raise RecordError("the recovery codes need the pepper of the stage that they come from: leave them out")

    def _claim(self, line: int, record: Record) -> None:
        """Raise RecordError if an earlier line has what only one user can have."""
        user = record.user
        keys = [("name", canonical_username(user.username), "username")]
        if user.verified_email is not None:
            keys.append(("address", canonical_address(user.verified_email), "verified address"))
        if "id" in record.given:
            keys.append(("id", user.id, "id"))
        keys += [("passkey", passkey.id, "passkey") for passkey in record.passkeys]
        for kind, key, called in keys:
            first = self.seen.first(kind, key, line)
            if first != line:
                raise RecordError(f"line {first} has the same {called}")

    def _count(self, record: Record) -> None:
        self.checked.users += 1
        self.checked.gives_ids = self.checked.gives_ids or "id" in record.given
        self.checked.lacks_password += not record.user.has_password
        if is_active(record.user):
            self.checked.administrators += 1
            if len(self.checked.first_administrators) < NAMED:
                self.checked.first_administrators.append(record.user.username)


def transfer(
    checking: Checking, database: Database, *, dry_run: bool, progress: Callable[[int], None]
) -> Counter[Fate]:
    """Add the users of a checked file who are not there yet, unless it is a dry run. Say of whom that was not done.

    Return how many there were of each fate. Raises ServiceUnavailable if the tables keep refusing.
    """
    counts: Counter[Fate] = Counter()
    if checking.checked.gives_ids:
        _learn_ids(database, checking.seen)
    pending: deque[Future[list[Placed]]] = deque()

    def finish(most: int) -> None:
        while len(pending) > most:
            for placed in pending.popleft().result():
                counts[placed.fate] += 1
                if placed.problem is not None:
                    checking.say(placed)
                progress(1)

    with ThreadPoolExecutor(WORKERS) as pool:
        try:
            for batch in _batches(checking):
                pending.append(pool.submit(place, database, batch, dry_run=dry_run))
                finish(2 * WORKERS)
            finish(0)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return counts


def _batches(checking: Checking) -> Iterator[list[Candidate]]:
    batch: list[Candidate] = []
    for row in checking.source.read(checking.source.path):
        if checking.seen.is_refused(row.line):
            continue
        try:
            record = checking.record(row)
        except RecordError as changed:
            raise UnreadableFileError(f"line {row.line} has changed meanwhile: {changed}") from changed
        if record is None:
            continue
        owner = checking.seen.owner_of_id(record.user.id) if "id" in record.given else None
        batch.append(Candidate(row.line, checking.sealed(record), owner))
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _learn_ids(database: Database, seen: Seen) -> None:
    """Read whose each id is in the stage, from the index of ids alone."""
    parameters: dict[str, Any] = {}
    while True:
        with unavailable_on_failure():
            response: Any = database.client.scan(TableName=database.tables.users, IndexName=BY_ID, **parameters)
        for item in response["Items"]:
            seen.store_id(item["user_id"]["S"], item["username_key"]["S"])
        if "LastEvaluatedKey" not in response:
            return
        parameters["ExclusiveStartKey"] = response["LastEvaluatedKey"]


def _name(members: Mapping[str, Any] | None) -> str:
    """Return what a row calls its user, for people who look for it. It may be anything."""
    for name in ("username", "email"):
        value = (members or {}).get(name)
        if isinstance(value, str):
            # JSON can say half of a surrogate pair, which nothing can print.
            return value[:80].encode("utf-8", "replace").decode("utf-8")
    return ""
