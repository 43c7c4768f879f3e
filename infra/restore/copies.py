"""Copies of tables as they were at one second, in tables beside them.

Owns their names, which say of which table and of which second they are. So a run that was interrupted finds its copy,
and nothing else is ever taken for one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from infra.restore.stage import RestoreError, at
from infra.tables import copies_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TableDescriptionTypeDef

    from infra.deployment.progress import Progress

POLL_SECONDS = 10.0
TOLD_SECONDS = 60.0
"""Seconds of waiting after which a line says that it goes on."""

_STAMP = "%Y%m%dT%H%M%SZ"

DRILL = "drill"
COPY = "copy"


@dataclass(frozen=True)
class Window:
    """The times that a table can be restored to."""

    earliest: datetime
    latest: datetime


def name_of(table: str, kind: str, moment: datetime) -> str:
    """Return the name of a copy of a table as it was at a time."""
    return f"{table}-{kind}-{moment.astimezone(UTC):{_STAMP}}"


def moments(client: DynamoDBClient, table: str, kind: str) -> list[datetime]:
    """Return the times of which there are copies of a table, of this kind, in their order."""
    stamps = [name.removeprefix(f"{table}-{kind}-") for name in copies_of(client, [table]) if f"-{kind}-" in name]
    return sorted(datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC) for stamp in stamps)


def window(client: DynamoDBClient, table: str) -> Window:
    """Return the times that a table can be restored to. Raises RestoreError if there is none."""
    try:
        described = client.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    except client.exceptions.TableNotFoundException:
        raise RestoreError(
            f"the table {table} does not exist in {client.meta.region_name}. `python -m infra.restore tables` brings"
            " back what was deleted"
        ) from None
    recovery = described.get("PointInTimeRecoveryDescription", {})
    if recovery.get("PointInTimeRecoveryStatus") != "ENABLED":
        raise RestoreError(
            f"point-in-time recovery of {table} is off, so there is nothing to restore. Turn it on for the next time:"
            " `make deploy` with `--parameter Protect=true`"
        )
    return Window(recovery["EarliestRestorableDateTime"], recovery["LatestRestorableDateTime"])


def moment_in(found: Window, asked: datetime | None, table: str) -> datetime:
    """Return the second to restore to: the latest, or the one that was asked for. Raises RestoreError outside."""
    latest = found.latest.replace(microsecond=0)
    if asked is None:
        return latest
    if not found.earliest <= asked <= found.latest:
        raise RestoreError(
            f"{table} can be restored to a time from {at(found.earliest)} to {at(found.latest)}, not to {at(asked)}"
        )
    return asked


def begin(client: DynamoDBClient, table: str, copy: str, moment: datetime, progress: Progress) -> None:
    """Begin to make a copy, unless an earlier run has. Raises RestoreError if another table has its name."""
    found = described(client, copy)
    if found is None:
        client.restore_table_to_point_in_time(SourceTableName=table, TargetTableName=copy, RestoreDateTime=moment)
        progress(f"{copy}: requested")
        return
    source = found.get("RestoreSummary", {}).get("SourceTableArn", "").rpartition("/")[2]
    if source != table:
        raise RestoreError(
            f"the table {copy} exists already and is no copy of {table}. Nothing was changed. Delete it, or choose a"
            " time one second later"
        )
    progress(f"{copy}: an earlier run has requested it")


def wait(
    client: DynamoDBClient, tables: Iterable[str], progress: Callable[[str], None], sleep: Callable[[float], object]
) -> None:
    """Wait until tables can be read. Says from time to time that it waits. Raises RestoreError if one vanishes."""
    for table in tables:
        waited = 0.0
        while True:
            found = described(client, table)
            if found is None or found["TableStatus"] in {"DELETING", "ARCHIVED"}:
                raise RestoreError(f"somebody else has deleted {table} meanwhile. Run the same command again")
            if found["TableStatus"] == "ACTIVE":
                break
            if waited % TOLD_SECONDS == 0:
                progress(
                    f"{table}: AWS is restoring it, {waited / 60:.0f} min so far. It takes minutes to hours. After"
                    " Ctrl-C it goes on; run again to continue"
                )
            sleep(POLL_SECONDS)
            waited += POLL_SECONDS
        progress(f"{table}: can be read")


def remove(client: DynamoDBClient, copies: Iterable[str], progress: Progress) -> None:
    """Delete copies. One that is gone already is no error. Raises RestoreError if one is still being made."""
    unready = []
    for copy in copies:
        try:
            client.delete_table(TableName=copy)
        except client.exceptions.ResourceNotFoundException:
            continue
        except client.exceptions.ResourceInUseException:
            unready.append(copy)
            continue
        progress(f"deleted {copy}")
    if unready:
        raise RestoreError(
            f"AWS is still making {', '.join(unready)}, and deletes nothing before that is done. Run `python -m"
            " infra.restore clean` later"
        )


def described(client: DynamoDBClient, table: str) -> TableDescriptionTypeDef | None:
    """Return a table as AWS describes it, None if there is none."""
    try:
        return client.describe_table(TableName=table)["Table"]
    except client.exceptions.ResourceNotFoundException:
        return None
