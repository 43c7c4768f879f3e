"""Tables that were deleted, brought back under their own names, and the settings that a restore does not bring.

Sessions, counters by address and the outbox are never restored: their tables are made empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.config.api import Tables
from infra.database_clock import DatabaseClock
from infra.deployment.progress import Progress
from infra.deployment.resources import PROTECTED_STAGES
from infra.restore import copies
from infra.restore.sessions import Sessions
from infra.restore.stage import RestoreError, Stage, at
from infra.tables import TableDefinition, table_definitions

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import BackupSummaryTypeDef

_ATTEMPTS = 60

_SYSTEM = "SYSTEM"
"""The type of the backup that DynamoDB makes of a table that is deleted while point-in-time recovery is on."""


@dataclass(frozen=True)
class Plan:
    """What is to be done about the tables of a stage."""

    backups: Mapping[str, BackupSummaryTypeDef]
    """The backup of each table that is missing and is to be restored."""
    empty: tuple[str, ...]
    """The tables that are missing and are to be made empty."""

    def ages(self, table: str) -> bool:
        """Return whether a table will be older than it was when it was deleted."""
        return table in self.backups and self.backups[table]["BackupType"] != _SYSTEM


def bring_back(
    stage: Stage, progress: Progress, *, dry_run: bool = False, make_empty: bool = False, confirmed: str | None = None
) -> None:
    """Bring back the tables that are missing, and put the settings of all right. Raises RestoreError.

    ``make_empty`` makes users and events empty if they have no backup.
    """
    client = stage.dynamodb
    definitions = {definition.name: definition for definition in table_definitions(stage.name)}
    known = {getattr(stage.tables, name) for name in Tables.__slots__}
    if definitions.keys() != known:
        raise RestoreError(
            f"the tables of the stage {stage.name} in .chalice/config.json, {', '.join(sorted(known))}, are not those"
            " that `make deploy` makes. Restore them with AWS's own command"
        )
    with progress.of("Plan"):
        plan = _plan(stage, definitions, progress, make_empty=make_empty)
        if stage.tables.users in plan.backups:
            stage.ring()
    if dry_run:
        progress.end("This was a dry run: nothing was changed.")
        return
    if plan.backups or plan.empty:
        stage.confirm(confirmed)
    with progress.of("Tables"):
        if plan.ages(stage.tables.users):
            # Without the users nobody can log in, so none is added meanwhile.
            _end_all_sessions(stage, progress)
            progress("recovery codes that were used since that backup are good again: ask their users to make new ones")
        for table, backup in plan.backups.items():
            client.restore_table_from_backup(TargetTableName=table, BackupArn=backup["BackupArn"])
            progress(f"{table}: requested")
        if plan.empty:
            _create(stage, plan.empty)
            progress(f"made, empty: {', '.join(plan.empty)}")
        for sentence in _of_streams(stage, plan):
            progress(sentence)
        copies.wait(client, definitions, progress, stage.reach.sleep)
    with progress.of("Settings"):
        changed = [sentence for each in definitions.values() for sentence in _put_right(stage, each)]
        for sentence in changed or ["unchanged"]:
            progress(sentence)
    progress.end("All tables are there. `make smoke` tries the site, `python -m infra.restore drill` their backups")


def _of_streams(stage: Stage, plan: Plan) -> Iterator[str]:
    """Yield what to do about the tables whose streams nobody reads from now on."""
    if stage.tables.mail in plan.empty:
        yield (
            f"{stage.tables.mail}: has another stream than before, which the mailer does not read yet."
            " docs/operations/backup-and-restore.md#the-outbox says what to do. Which addresses are suppressed is"
            " forgotten"
        )
    if stage.resources.webhook_url() and stage.tables.events in (*plan.backups, *plan.empty):
        yield (
            f"{stage.tables.events}: gets another stream than before, which the function of webhooks does not read"
            " yet. docs/operations/backup-and-restore.md#the-history-of-a-stage-with-webhooks says what to do"
        )


def _plan(stage: Stage, definitions: Mapping[str, TableDefinition], progress: Progress, *, make_empty: bool) -> Plan:
    backups, empty = {}, []
    for table in definitions:
        if copies.described(stage.dynamodb, table) is not None:
            progress(f"{table} is there")
            continue
        if table not in {stage.tables.users, stage.tables.events}:
            progress(f"{table} is missing: it is made empty, it is never restored")
            empty.append(table)
            continue
        backup = _newest_backup(stage, table)
        if backup is not None:
            backups[table] = backup
            progress(
                f"{table} is missing: restored from {backup['BackupName']} of {at(backup['BackupCreationDateTime'])},"
                f" {backup.get('BackupSizeBytes', 0)} bytes"
            )
        elif make_empty:
            empty.append(table)
            progress(f"{table} is missing and has no backup: it is made empty")
        else:
            raise RestoreError(
                f"the table {table} is missing and has no backup: point-in-time recovery was off when it was deleted."
                " Its contents are lost. --empty makes an empty one"
            )
    return Plan(backups, tuple(empty))


def _newest_backup(stage: Stage, table: str) -> BackupSummaryTypeDef | None:
    pages = stage.dynamodb.get_paginator("list_backups").paginate(TableName=table, BackupType="ALL")
    found = [
        backup for page in pages for backup in page["BackupSummaries"] if backup.get("BackupStatus") == "AVAILABLE"
    ]
    return max(found, key=lambda backup: backup["BackupCreationDateTime"], default=None)


def _end_all_sessions(stage: Stage, progress: Progress) -> None:
    table = stage.tables.sessions
    if copies.described(stage.dynamodb, table) is None:
        return
    sessions = Sessions(stage.dynamodb, table, DatabaseClock(stage.dynamodb, stage.reach.now))
    progress(f"the accounts are older than the sessions: {sessions.delete_all(progress)} sessions ended")
    sessions.report(progress)


def _create(stage: Stage, tables: tuple[str, ...]) -> None:
    definitions = {each.name: each for each in table_definitions(stage.name)}
    for table in tables:
        stage.dynamodb.create_table(**definitions[table].create)


def _put_right(stage: Stage, definition: TableDefinition) -> list[str]:
    """Give a table what no restore brings, and return what was missing."""
    client, table = stage.dynamodb, definition.name
    changed = _indexed(stage, definition)
    described = client.describe_table(TableName=table)["Table"]
    stream: Any = definition.create.get("StreamSpecification")
    if stream is not None and not described.get("StreamSpecification", {}).get("StreamEnabled"):
        client.update_table(TableName=table, StreamSpecification=stream)
        copies.wait(client, [table], lambda _: None, stage.reach.sleep)
        changed.append(f"{table}: has a stream again, another one than before")
    wanted: Any = definition.time_to_live
    expiry = client.describe_time_to_live(TableName=table)["TimeToLiveDescription"].get("TimeToLiveStatus")
    if wanted is not None and expiry not in {"ENABLED", "ENABLING"}:
        client.update_time_to_live(TableName=table, TimeToLiveSpecification=wanted)
        changed.append(f"{table}: items expire again, by {wanted['AttributeName']}")
    if _is_protected(stage):
        if not described.get("DeletionProtectionEnabled"):
            client.update_table(TableName=table, DeletionProtectionEnabled=True)
            copies.wait(client, [table], lambda _: None, stage.reach.sleep)
            changed.append(f"{table}: protected from deletion")
        backups = client.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
        if backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus") != "ENABLED":
            _turn_on_recovery(stage, table)
            changed.append(f"{table}: can be restored to any second from now on")
    return changed + _tagged(stage, table)


def _indexed(stage: Stage, definition: TableDefinition) -> list[str]:
    """Make the indexes that a table lacks, as one does whose backup is older than they are. Return what was missing.

    DynamoDB makes one at a time. CloudFormation would not: it believes that the table has them.
    """
    client, table, made = stage.dynamodb, definition.name, []
    for index in definition.create.get("GlobalSecondaryIndexes", []):
        described = client.describe_table(TableName=table)["Table"]
        if index["IndexName"] in {each.get("IndexName") for each in described.get("GlobalSecondaryIndexes", [])}:
            continue
        client.update_table(
            TableName=table,
            AttributeDefinitions=definition.create["AttributeDefinitions"],
            GlobalSecondaryIndexUpdates=[{"Create": index}],
        )
        _wait_for_index(stage, table, index["IndexName"])
        made.append(f"{table}: the index {index['IndexName']} is made anew")
    return made


def _wait_for_index(stage: Stage, table: str, name: str) -> None:
    while True:
        described = stage.dynamodb.describe_table(TableName=table)["Table"]
        found = {each.get("IndexName"): each.get("IndexStatus") for each in described["GlobalSecondaryIndexes"]}
        if found.get(name) == "ACTIVE" and described["TableStatus"] == "ACTIVE":
            return
        stage.reach.sleep(copies.POLL_SECONDS)


def _turn_on_recovery(stage: Stage, table: str) -> None:
    """Turn point-in-time recovery on, which a new table refuses for some minutes."""
    client = stage.dynamodb
    for attempt in range(_ATTEMPTS):
        try:
            client.update_continuous_backups(
                TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
            )
        except client.exceptions.ContinuousBackupsUnavailableException:
            if attempt == _ATTEMPTS - 1:
                raise
            stage.reach.sleep(copies.POLL_SECONDS)
        else:
            return


def _is_protected(stage: Stage) -> bool:
    usual = "true" if stage.name in PROTECTED_STAGES else "false"
    return stage.resources.stack.parameters().get("Protect", usual) == "true"


def _tagged(stage: Stage, table: str) -> list[str]:
    client = stage.dynamodb
    arn = client.describe_table(TableName=table)["Table"]["TableArn"]
    pages = client.get_paginator("list_tags_of_resource").paginate(ResourceArn=arn)
    found = {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}
    missing = {key: value for key, value in stage.resources.tags.items() if found.get(key) != value}
    if not missing:
        return []
    client.tag_resource(ResourceArn=arn, Tags=[{"Key": key, "Value": value} for key, value in missing.items()])
    return [f"{table}: tagged {', '.join(missing)}"]
