"""What moto's backups lack, after the DynamoDB Developer Guide, "Point-in-time recovery" and "Backup and restore".

moto restores a table as it is now, to whatever time it is asked for, with its point-in-time recovery off too; its
restored tables can be read at once and have provisioned capacity; a deleted table leaves no system backup.
"""

import copy

from moto.core.exceptions import JsonRESTError
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Backup
from moto.dynamodb.responses import DynamoHandler

BEHIND = 300
"""Seconds that the latest second that can be restored is behind."""

KEPT = 35 * 24 * 3600


class BackupsHere:
    """The backups of all tables.

    `slowness`: how often a restored table is described before it can be read. `unavailable`: how often point-in-time
    recovery cannot be turned on.
    """

    def __init__(self, clock):
        self._clock = clock
        self._remembered = []
        self._left = {}
        self.slowness = 2
        self.unavailable = 0

    def remember(self, *tables):
        """Keep what tables hold at this second, as DynamoDB does all the time."""
        self._remembered += [(self._clock.now, table.name, copy.deepcopy(table.items)) for table in tables]

    def patch(self, monkeypatch):
        for name, wrapped in (
            ("describe_table", self._describe),
            ("delete_table", self._delete),
            ("describe_continuous_backups", self._describe_backups),
            ("update_continuous_backups", self._update_backups),
            ("restore_table_from_backup", self._from_backup),
        ):
            monkeypatch.setattr(DynamoDBBackend, name, wrapped(getattr(DynamoDBBackend, name)))
        original = DynamoHandler.restore_table_to_point_in_time
        monkeypatch.setattr(DynamoHandler, "restore_table_to_point_in_time", self._to_point_in_time(original))

    def _describe(self, original):
        def describe(backend, name):
            answer = original(backend, name)
            left = self._left.get(name, 0)
            if left > 0:
                self._left[name] = left - 1
                answer["Table"]["TableStatus"] = "CREATING"
            return answer

        return describe

    def _delete(self, original):
        def delete(backend, name):
            if self._left.get(name, 0) > 0:
                raise _error("ResourceInUseException", f"Attempt to change a resource which is still in use: {name}")
            table = original(backend, name)
            if _recovers(table):
                made = Backup(
                    backend.account_id, backend.region_name, f"{name}$DeletedTableBackup", table, None, "SYSTEM"
                )
                backend.backups[made.arn] = made
            return table

        return delete

    def _describe_backups(self, original):
        def describe(backend, name):
            found = original(backend, name)
            recovery = found["PointInTimeRecoveryDescription"]
            if recovery["PointInTimeRecoveryStatus"] == "ENABLED":
                recovery["EarliestRestorableDateTime"] = self._clock.now - KEPT
                recovery["LatestRestorableDateTime"] = self._clock.now - BEHIND
            return found

        return describe

    def _update_backups(self, original):
        def update(backend, name, specification):
            if self.unavailable > 0:
                self.unavailable -= 1
                message = f"Backups are being enabled for the table: {name}. Please retry later"
                raise _error("ContinuousBackupsUnavailableException", message)
            return original(backend, name, specification)

        return update

    def _from_backup(self, original):
        def restore(backend, target_table_name, backup_arn):
            made = original(backend, target_table_name, backup_arn)
            self._as_restored(made, backend.get_backup(backup_arn).table)
            return made

        return restore

    def _to_point_in_time(self, original):
        def restore(handler):
            asked, backend = handler.body, handler.dynamodb_backend
            source = backend.get_table(asked["SourceTableName"])
            if not _recovers(source):
                raise _error("PointInTimeRecoveryUnavailableException", "Point in time recovery is not enabled")
            moment = asked["RestoreDateTime"].timestamp()
            if not self._clock.now - KEPT <= moment <= self._clock.now - BEHIND:
                raise _error("InvalidRestoreTimeException", "Invalid restore time")
            answer = original(handler)
            target = backend.tables[asked["TargetTableName"]]
            known = [items for at, name, items in self._remembered if name == source.name and at <= moment]
            if known:
                target.items = copy.deepcopy(known[-1])
            else:
                target.items.clear()
            self._as_restored(target, source)
            return answer

        return restore

    def _as_restored(self, table, source):
        table.billing_mode = source.billing_mode
        self._left[table.name] = self.slowness


def _recovers(table):
    return table.continuous_backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"


def _error(code, message):
    return JsonRESTError(f"com.amazonaws.dynamodb.v20120810#{code}", message)
