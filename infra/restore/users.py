"""The restore of accounts to an earlier time, into the table that there is."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from chalicelib.adapters.dynamodb.transactions import Database
from infra import directory
from infra.database_clock import DatabaseClock
from infra.deployment.progress import Progress
from infra.restore import addresses, contents, copies, passkeys
from infra.restore.accounts import CHANGED, DONE, MISSING, NEWER, SAME, TAKEN, Comparison
from infra.restore.items import put_missing_events
from infra.restore.sessions import Sessions
from infra.restore.stage import RestoreError, Stage, at

_WRITERS = 8
"""Writes at once. A client has ten connections."""

_NAMED = 20
"""Accounts that are named, of those that have lost something."""

_TOLD = 10_000
"""Accounts after which a line says how far it is."""


@dataclass(frozen=True)
class Wish:
    """What is to be restored, and how."""

    moment: datetime
    exactly: bool = False
    """Whether accounts go that the copy does not have."""
    with_events: bool = False
    losing_passwords: bool = False
    """Whether accounts are restored whose pepper is lost."""
    dry_run: bool = False
    confirmed: str | None = None
    """The stage's name, instead of the question."""


def restore_users(stage: Stage, wish: Wish, progress: Progress) -> None:
    """Restore the accounts of a stage. The next run goes on after any failure. Raises RestoreError."""
    client, tables = stage.dynamodb, stage.tables
    sources = [tables.users, *([tables.events] if wish.with_events else [])]
    made = [copies.name_of(table, copies.COPY, wish.moment) for table in sources]
    with progress.of("Plan"):
        for table in sources:
            copies.moment_in(copies.window(client, table), wish.moment, table)
        progress(f"{' and '.join(sources)} as at {at(wish.moment)}, by way of a copy beside the table")
        stage.ring()
    with progress.of("Point-in-time copies"):
        for table, copy in zip(sources, made, strict=True):
            copies.begin(client, table, copy, wish.moment, progress)
        copies.wait(client, made, progress, stage.reach.sleep)
    comparison = Comparison(client, tables.users, made[0], progress)
    sessions = Sessions(client, tables.sessions, DatabaseClock(client, stage.reach.now))
    with progress.of("Comparison"):
        _refuse_useless(stage, made[0], wish, progress)
        counts = comparison.counted()
        for sentence in _sentences(counts, wish):
            progress(sentence)
        _tell_of_codes(comparison, wish, progress)
    if wish.dry_run:
        progress.end("This was a dry run: no account was changed. " + _copies_stay(stage))
        return
    stage.confirm(wish.confirmed)
    with progress.of("Accounts"):
        written = _write_back(comparison, sessions, wish, progress)
        progress(f"{written} accounts restored")
    if wish.exactly:
        with progress.of("Accounts that the copy does not have"):
            progress(f"{_remove_newer(comparison, sessions)} deleted")
    sessions.report(progress)
    with progress.of("Verified addresses"):
        _put_addresses_right(stage, comparison, made[0], progress)
    with progress.of("Passkeys"):
        outcome = passkeys.put_right(client, tables.users, comparison, progress)
        progress(f"{outcome.put_back} were gone and are back, {outcome.deleted} that led to no account are deleted")
        if outcome.unlisted:
            progress(f"{outcome.unlisted} are in no copy: their accounts no longer list them")
    with progress.of("Administrators"):
        # Roles came back, and accounts came and went.
        found = directory.reindex(Database(client, tables), segments=_WRITERS)
        progress(
            f"{found.administrators} are active: {found.joined} were not counted as such, {found.left} no longer are"
        )
    if wish.with_events:
        with progress.of("Events"):
            ids = {
                each["user_id"]["S"] for each in contents.scanned(client, tables.users, progress) if "user_id" in each
            }
            now = int(stage.reach.now())
            put = put_missing_events(client, tables.events, made[1], ids, now, progress)
            progress(f"{put} events put back")
    with progress.of("Check"):
        _check(stage, comparison, wish, progress)
    progress.end(
        f"Restored to {at(wish.moment)}. To take it back: the same command with a time before now. "
        + _copies_stay(stage)
    )


def _refuse_useless(stage: Stage, copy: str, wish: Wish, progress: Callable[[str], None]) -> None:
    found = contents.users(stage.dynamodb, copy, progress)
    if not found.items:
        raise RestoreError(f"there were no accounts at {at(wish.moment)}: choose another time")
    if not wish.losing_passwords:
        stage.refuse_missing_peppers(dict(found.peppers))


def _sentences(counts: dict[str, int], wish: Wish) -> list[str]:
    fate = "replaced by those of the copy" if wish.exactly else "kept (--exactly replaces them)"
    newer = "deleted" if wish.exactly else "kept (--exactly deletes them)"
    told = [
        f"{counts[SAME]} accounts are as they were, and are left alone",
        f"{counts[CHANGED]} have changed since: restored. Their passwords and roles are those of then",
        f"{counts[MISSING]} were deleted since: restored. Delete again those whose users wanted it",
        f"{counts[TAKEN]} names have another account now: {fate}",
        f"{counts[NEWER]} accounts are newer: {newer}",
    ]
    if counts[DONE]:
        told.append(f"{counts[DONE]} were restored by an earlier run, and are left alone")
    return [*told, "Whoever is restored has to log in again. The site stays open"]


def _tell_of_codes(comparison: Comparison, wish: Wish, progress: Progress) -> None:
    states = {CHANGED, MISSING, TAKEN} if wish.exactly else {CHANGED, MISSING}
    names = sorted(name for name, state in comparison.doubtful.items() if state in states)
    if names:
        progress(
            f"{len(names)} accounts get recovery codes of then, of which some may have been used since. Ask their users"
            f" to make new ones: {_named(names)}"
        )


def _named(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")


def _put_addresses_right(stage: Stage, comparison: Comparison, copy: str, progress: Progress) -> None:
    outcome = addresses.put_right(stage.dynamodb, stage.tables.users, comparison, copy, progress)
    progress(f"{outcome.given} lead to their accounts again, {outcome.freed} that led to none are free")
    if not outcome.taken:
        progress("each verified address leads to its account")
        return
    progress(
        f"{len(outcome.taken)} accounts came back with an unconfirmed address, because another account has verified it"
        f" since: {_named(outcome.taken)}"
    )


def _write_back(comparison: Comparison, sessions: Sessions, wish: Wish, progress: Progress) -> int:
    written = told = 0
    while True:
        before, renamed = written, False
        with ThreadPoolExecutor(_WRITERS) as pool:
            for batch in comparison.batches():
                renamed = renamed or any(account.renamed is not None for account in batch)
                written += sum(
                    pool.map(lambda account: comparison.restore(account, sessions, exactly=wish.exactly), batch)
                )
                if written >= told + _TOLD:
                    told = written
                    progress(f"{written} accounts restored so far")
        # An account that got its old name back may have left that of another.
        if written == before or not renamed:
            return written


def _remove_newer(comparison: Comparison, sessions: Sessions) -> int:
    removed = 0
    for account in comparison.newer():
        comparison.delete(account, sessions)
        removed += 1
    return removed


def _check(stage: Stage, comparison: Comparison, wish: Wish, progress: Progress) -> None:
    counts = comparison.counted()
    progress(f"{counts[SAME] + counts[DONE]} accounts are those of {at(wish.moment)}")
    left = counts[CHANGED] + counts[MISSING]
    if left:
        progress(f"{left} have changed again meanwhile, by their users: left alone")
    if not wish.losing_passwords:
        stage.refuse_missing_peppers(dict(contents.users(stage.dynamodb, stage.tables.users, progress).peppers))
        progress(f"every pepper that a password needs is in {stage.parameter}")


def _copies_stay(stage: Stage) -> str:
    return f"The copy stays until `python -m infra.restore clean --stage {stage.name}`: it holds password hashes"
