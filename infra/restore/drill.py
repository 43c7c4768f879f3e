"""A drill: users and events of a stage are restored beside the tables, read, and removed again.

The stage itself is only read, so a drill is safe where customers are.
"""

from __future__ import annotations

from datetime import UTC, datetime

from chalicelib.config.signing_secrets import parse_peppers
from infra.deployment.progress import Progress
from infra.keys.backup import Backup
from infra.restore import contents, copies
from infra.restore.stage import RestoreError, Stage, at


def drill(stage: Stage, asked: datetime | None, progress: Progress, keys: Backup | None = None) -> None:
    """Restore users and events to ``asked``, the latest second if None. Raises RestoreError if they are of no use.

    ``keys`` is a backup of the parameter, which is then tried, too.
    """
    started = stage.reach.now()
    client = stage.dynamodb
    tables = (stage.tables.users, stage.tables.events)
    with progress.of("Plan"):
        found = [copies.window(client, table) for table in tables]
        both = copies.Window(max(each.earliest for each in found), min(each.latest for each in found))
        # A drill that was cut off has left a copy, and the latest second is another one by now.
        left = copies.moments(client, tables[0], copies.DRILL)
        moment = left[-1] if asked is None and left else copies.moment_in(both, asked, " and ".join(tables))
        made = [copies.name_of(table, copies.DRILL, moment) for table in tables]
        progress(f"the tables as they were at {at(moment)}; the stage itself is only read")
        stage.ring()
    with progress.of("Point-in-time copies"):
        for table, copy in zip(tables, made, strict=True):
            copies.begin(client, table, copy, moment, progress)
        copies.wait(client, made, progress, stage.reach.sleep)
    try:
        with progress.of("What they hold"):
            needed = _examine(stage, made, progress)
            if keys is not None:
                _try_backup(stage, keys, needed, progress)
    finally:
        with progress.of("Removal of the copies"):
            copies.remove(client, made, progress)
    progress.end(
        f"The drill took {(stage.reach.now() - started) / 60:.0f} min. What it has read can be restored. Sessions never"
        " are: docs/operations/backup-and-restore.md says why"
    )


def _examine(stage: Stage, made: list[str], progress: Progress) -> dict[str, int]:
    """Return how many accounts need each pepper, by its id."""
    client, (users_copy, events_copy) = stage.dynamodb, made
    users = contents.users(client, users_copy, progress)
    live = contents.users(client, stage.tables.users, progress)
    events = contents.events(client, events_copy, progress)
    progress(f"{users.items} accounts, the newest of {_time(users.newest)}; the stage has {live.items} now")
    if users.addresses:
        progress(f"{users.addresses} of them have a verified address")
    if users.passkeys:
        progress(f"{users.passkeys} passkeys")
    progress(f"{events.items} events, the newest of {_time(events.newest)}")
    unreadable = users.unreadable + events.unreadable
    if unreadable:
        raise RestoreError(
            f"{unreadable} restored items cannot be read by this version of Lychgate. Check out the version that the"
            " stage runs, and repeat the drill"
        )
    if live.items and not users.items:
        raise RestoreError(f"the copy has no accounts, and {stage.tables.users} has {live.items}: choose another time")
    stage.refuse_missing_peppers(dict(users.peppers))
    for name, count in sorted(users.peppers.items()):
        progress(f"the pepper {name or 'first'} of {count} accounts is in {stage.parameter}")
    return dict(users.peppers)


def _try_backup(stage: Stage, keys: Backup, needed: dict[str, int], progress: Progress) -> None:
    if keys.stage != stage.name:
        raise RestoreError(f"the backup of keys is of the stage {keys.stage}, and not of {stage.name}")
    saved, stored = parse_peppers(keys.ring), parse_peppers(stage.ring())
    lacking = [name or "first" for name in sorted(needed) if saved.find(name) is None]
    if lacking:
        raise RestoreError(
            f"the backup of keys lacks the peppers {', '.join(lacking)}, which accounts need. Make another:"
            f" `python -m infra.keys backup FILE --stage {stage.name}`"
        )
    # Ids alone do not tell a ring that was made anew from the one that was lost.
    others = [name or "first" for name in sorted(needed) if saved.find(name) != stored.find(name)]
    if others:
        raise RestoreError(
            f"the peppers {', '.join(others)} of the backup of keys and of {stage.parameter} are not the same. One of"
            " them verifies no password. If right passwords are refused, it is the parameter's"
        )
    progress(
        f"the backup of keys of {at(datetime.fromtimestamp(keys.created_at, UTC))} has every pepper that is needed"
    )


def _time(numeric_date: int) -> str:
    return at(datetime.fromtimestamp(numeric_date, UTC)) if numeric_date else "no time"
