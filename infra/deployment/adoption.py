"""What exists already of what outlives a stack: tables and log groups, and how the stack takes them in.

Owns the rule that nothing is lost by it. What exists has `DeletionPolicy: Retain`, so that no rollback deletes it, and
keeps its protection and its retention, because AWS's documentation does not say whether a deployment that imports a
resource gives it the template's properties (docs/decisions/0042-nothing-is-lost.md).
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from infra.deployment.errors import DeploymentError, code_of

if TYPE_CHECKING:
    import boto3
    from botocore.client import BaseClient
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TableDescriptionTypeDef

Template = dict[str, Any]

_TABLE = "AWS::DynamoDB::Table"
_LOG_GROUP = "AWS::Logs::LogGroup"
_IDENTITY = "MailIdentity"
"""The logical id of the identity in SES, and the output with its name."""


@dataclass(frozen=True)
class Table:
    """A table that exists."""

    name: str
    described: TableDescriptionTypeDef
    point_in_time: bool
    """Whether it can be restored to any second."""
    ttl: str
    """The attribute by which its items expire, empty for none."""

    @property
    def deletion_protected(self) -> bool:
        """Whether it is protected from deletion."""
        return bool(self.described.get("DeletionProtectionEnabled"))

    def key(self) -> str:
        """Return the attributes of its key, with their types."""
        return _key(self.described["KeySchema"], self.described["AttributeDefinitions"])

    def differences(self, wanted: Mapping[str, Any]) -> list[str]:
        """Return how it differs from a table with these properties, and what to do, in a sentence each."""
        if self.described["TableStatus"] not in {"ACTIVE", "UPDATING"}:
            return [f"it is {self.described['TableStatus']}: wait until it is ACTIVE"]
        key = _key(wanted["KeySchema"], wanted["AttributeDefinitions"])
        if self.key() != key:
            return [
                f"its key is {self.key()}, and has to be {key}. A key cannot be changed: choose another name for the"
                " stage, or move its items and delete it"
            ]
        found = []
        if self.described.get("BillingModeSummary", {}).get("BillingMode") != wanted["BillingMode"]:
            found.append(
                "its capacity is provisioned:"
                f" aws dynamodb update-table --table-name {self.name} --billing-mode {wanted['BillingMode']}"
            )
        ttl = wanted.get("TimeToLiveSpecification", {}).get("AttributeName", "")
        if self.ttl != ttl:
            found.append(
                f"its items expire by {self.ttl or 'nothing'}, and have to by {ttl}:"
                f" aws dynamodb update-time-to-live --table-name {self.name}"
                f" --time-to-live-specification Enabled=true,AttributeName={ttl}"
            )
        return found


@dataclass(frozen=True)
class Existing:
    """What exists, by its logical id."""

    tables: Mapping[str, Table]
    retentions: Mapping[str, int | None]
    """The days for which each log group keeps its lines, None for ever."""
    owned: Collection[str]
    """The logical ids of what the stack has already."""
    identity: str = ""
    """The identity in SES that the template would make, if it exists without the stack."""

    def adopted_into(self, template: Template, parameters: Mapping[str, str], asked: Collection[str]) -> Template:
        """Return a template that takes in what exists, and loses nothing of it.

        ``parameters`` are the values that the template will have, ``asked`` the names of those that the operator has
        given now. What is only now taken in stays as it is. What the stack has already gets less protection, and logs a
        shorter time, only if the operator asks for that.
        """
        result = copy.deepcopy(template)
        resources = result["Resources"]
        if self.identity:
            # Another stage or somebody else has made it. It may be in use, and is not ours to change.
            del resources[_IDENTITY], result["Outputs"][_IDENTITY]
        for logical_id in (*self.tables, *self.retentions):
            # Only the operation that makes something may delete it: it is empty then.
            resources[logical_id]["DeletionPolicy"] = "Retain"
        for logical_id, table in self.tables.items():
            properties = resources[logical_id]["Properties"]
            lowered = parameters.get("Protect") != "true" and "Protect" not in asked
            if logical_id not in self.owned or (table.deletion_protected and lowered):
                properties["DeletionProtectionEnabled"] = table.deletion_protected
            if logical_id not in self.owned or (table.point_in_time and lowered):
                properties["PointInTimeRecoverySpecification"] = {"PointInTimeRecoveryEnabled": table.point_in_time}
        for logical_id, days in self.retentions.items():
            if self._stays(resources[logical_id]["Properties"], logical_id, days, parameters, asked):
                resources[logical_id]["Properties"].pop("RetentionInDays", None)
                if days is not None:
                    resources[logical_id]["Properties"]["RetentionInDays"] = days
        return result

    def _stays(
        self,
        properties: Mapping[str, Any],
        logical_id: str,
        days: int | None,
        parameters: Mapping[str, str],
        asked: Collection[str],
    ) -> bool:
        """Return whether a log group keeps the time that it has, whatever the template says."""
        if logical_id not in self.owned:
            return True
        said = properties.get("RetentionInDays")
        if not isinstance(said, Mapping):
            return False
        name = said["Ref"]
        return name not in asked and str(days) != parameters.get(name)

    def logical_ids(self) -> frozenset[str]:
        """Return the logical ids of what exists."""
        return frozenset({*self.tables, *self.retentions})

    def sentences(self, template: Template) -> list[str]:
        """Return what is taken in, for the operator."""
        taken_in = [
            f"{table.name} exists: it is taken in with its data and stays as it is, protection from deletion"
            f" {_on(table.deletion_protected)}, point-in-time recovery {_on(table.point_in_time)}"
            for logical_id, table in self.tables.items()
            if logical_id not in self.owned
        ] + [
            f"{template['Resources'][logical_id]['Properties']['LogGroupName']} exists: it keeps its lines"
            f" {'for ever' if days is None else f'for {days} days'}. `--parameter LogRetentionDays=…` changes that"
            for logical_id, days in self.retentions.items()
            if logical_id not in self.owned
        ]
        return (
            [*taken_in, f"the identity {self.identity} exists in SES: it is used as it is"]
            if self.identity
            else taken_in
        )


def look(session: boto3.session.Session, template: Template, owned: Collection[str], identity: str = "") -> Existing:
    """Return what exists of a template with static names.

    ``owned`` are the logical ids of what the stack has. ``identity`` is the one in SES that it would make, or empty.
    """
    dynamodb, logs = session.client("dynamodb"), session.client("logs")
    tables, retentions = {}, {}
    for logical_id, resource in template["Resources"].items():
        if resource["Type"] == _TABLE:
            table = _table(dynamodb, resource["Properties"]["TableName"])
            if table is not None:
                tables[logical_id] = table
        elif resource["Type"] == _LOG_GROUP:
            exists, days = _retention(logs, resource["Properties"]["LogGroupName"])
            if exists:
                retentions[logical_id] = days
    exists = bool(identity) and _IDENTITY not in owned and _has_identity(session, identity)
    return Existing(tables, retentions, owned, identity if exists else "")


def refuse_what_cannot_be_adopted(stack: str, stage: str, template: Template, existing: Existing) -> None:
    """Raise DeploymentError if a table that is not in the stack has another shape, or one of the stack is gone."""
    amiss = []
    for logical_id, resource in template["Resources"].items():
        if resource["Type"] != _TABLE:
            continue
        name = resource["Properties"]["TableName"]
        table = existing.tables.get(logical_id)
        if table is None and logical_id in existing.owned:
            raise DeploymentError(
                f"the table {name} of the stack {stack} does not exist any more. Bring it back from its backup:"
                f" `python -m infra.restore tables --stage {stage}`. Then run the same command again"
            )
        if table is not None and logical_id not in existing.owned:
            amiss += [
                f"the table {name} exists and is of another shape: {difference}"
                for difference in table.differences(resource["Properties"])
            ]
    if amiss:
        raise DeploymentError(
            "nothing was changed.\n"
            + "\n".join(f"  {sentence}" for sentence in amiss)
            + "\nPut that right, then run the same command again"
        )


def _has_identity(session: boto3.session.Session, name: str) -> bool:
    client: Any = session.client("sesv2")
    try:
        client.get_email_identity(EmailIdentity=name)
    except ClientError as error:
        if code_of(error) == "NotFoundException":
            return False
        raise
    return True


def _table(client: DynamoDBClient, name: str) -> Table | None:
    try:
        described = client.describe_table(TableName=name)["Table"]
    except client.exceptions.ResourceNotFoundException:
        return None
    backups = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    recovery = backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
    expiry = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    expires = expiry.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"}
    return Table(name, described, recovery == "ENABLED", expiry.get("AttributeName", "") if expires else "")


def _retention(client: BaseClient, name: str) -> tuple[bool, int | None]:
    """Return whether there is a log group, and for how many days it keeps its lines."""
    for page in client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=name):
        for group in page["logGroups"]:
            if group["logGroupName"] == name:
                return True, group.get("retentionInDays")
    return False, None


def _key(schema: Collection[Any], definitions: Collection[Any]) -> str:
    # What an index alone needs may depend on a condition.
    types = {each["AttributeName"]: each["AttributeType"] for each in definitions if "AttributeName" in each}
    ordered = sorted(schema, key=lambda each: str(each["KeyType"]))  # HASH before RANGE
    return ", ".join(f"{each['AttributeName']} ({types[each['AttributeName']]})" for each in ordered)


def _on(value: bool) -> str:
    return "on" if value else "off"
