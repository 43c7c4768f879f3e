"""The DynamoDB tables of infra/template.yaml, for use without CloudFormation.

Owns the translation of `AWS::DynamoDB::Table` into the parameters of CreateTable. An unknown property is an error, so
that a table created here never differs silently from the deployed one. Tables created here have no deletion protection.
"""

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from infra.intrinsic_functions import UnsupportedTemplateError, resolved

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

TEMPLATE = Path(__file__).parent / "template.yaml"

_UNPROTECTED = {"Protect": "false"}

# These have the same name and form in CloudFormation and in CreateTable.
_PASSED_ON = frozenset(
    {
        "AttributeDefinitions",
        "BillingMode",
        "DeletionProtectionEnabled",
        "GlobalSecondaryIndexes",
        "KeySchema",
        "LocalSecondaryIndexes",
        "OnDemandThroughput",
        "ProvisionedThroughput",
        "TableClass",
        "TableName",
        "Tags",
    }
)
# Left out on purpose: backups exist on AWS only.
_LEFT_OUT = frozenset({"PointInTimeRecoverySpecification"})
# These tell CloudFormation when to create or keep a table. They do not describe the table.
_RESOURCE_ATTRIBUTES = frozenset(
    {"Type", "Properties", "DependsOn", "DeletionPolicy", "UpdateReplacePolicy", "Metadata"}
)


@dataclass(frozen=True)
class TableDefinition:
    """One table: the parameters of CreateTable and of UpdateTimeToLive, None for a table without time to live."""

    create: Mapping[str, Any]
    time_to_live: Mapping[str, Any] | None

    @property
    def name(self) -> str:
        """The name of the table."""
        return str(self.create["TableName"])


# libyaml takes a tenth of the time of the other one, which does the same where PyYAML was built without it.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@functools.cache
def parsed(text: str) -> Mapping[str, Any]:
    """Parse a template, each text once: to parse takes longer than to make the tables. Nobody may change the result."""
    document: Mapping[str, Any] = yaml.load(text, _Loader)  # noqa: S506 - both are safe
    return document


def table_definitions(stage: str, template: Path = TEMPLATE) -> list[TableDefinition]:
    """Return the tables of a stage from the template. Raises UnsupportedTemplateError."""
    document = parsed(template.read_text("utf-8"))
    return [
        _table_definition(logical_id, resource, document, stage)
        for logical_id, resource in document["Resources"].items()
        if resource["Type"] == "AWS::DynamoDB::Table"
    ]


def table_names(client: "DynamoDBClient") -> list[str]:
    """Return the names of all existing tables, of any stage or origin."""
    return [name for page in client.get_paginator("list_tables").paginate() for name in page["TableNames"]]


def copies_of(client: "DynamoDBClient", tables: Iterable[str]) -> list[str]:
    """Return the names of the point-in-time copies of these tables, which `python -m infra.restore` makes."""
    names = [re.compile(rf"{re.escape(table)}-(?:drill|copy)-[0-9]{{8}}T[0-9]{{6}}Z") for table in tables]
    return [name for name in table_names(client) if any(pattern.fullmatch(name) for pattern in names)]


def create_tables(client: "DynamoDBClient", stage: str, template: Path = TEMPLATE) -> list[str]:
    """Create the tables of a stage that do not exist yet, and return the names of all tables of the stage.

    Raises UnsupportedTemplateError.
    """
    existing = table_names(client)
    definitions = table_definitions(stage, template)
    for definition in definitions:
        if definition.name in existing:
            continue
        client.create_table(**definition.create)
        client.get_waiter("table_exists").wait(TableName=definition.name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        if definition.time_to_live is not None:
            client.update_time_to_live(
                TableName=definition.name,
                TimeToLiveSpecification=definition.time_to_live,  # type: ignore[arg-type]
            )
    return [definition.name for definition in definitions]


def _table_definition(
    logical_id: str, resource: Mapping[str, Any], document: Mapping[str, Any], stage: str
) -> TableDefinition:
    for attribute in resource:
        if attribute not in _RESOURCE_ATTRIBUTES:
            raise UnsupportedTemplateError(f"{logical_id}: the attribute {attribute} is not understood")
    properties = resolved(resource["Properties"], document, {**_UNPROTECTED, "Stage": stage}, place=logical_id)
    time_to_live = properties.pop("TimeToLiveSpecification", None)
    create = {}
    for name, value in properties.items():
        if name in _PASSED_ON:
            create[name] = value
        elif name == "SSESpecification":
            create[name] = _sse_specification(logical_id, value)
        elif name == "StreamSpecification":
            create[name] = {"StreamEnabled": True, **value}
        elif name not in _LEFT_OUT:
            raise UnsupportedTemplateError(f"{logical_id}: the property {name} is not understood")
    if "TableName" not in create:
        raise UnsupportedTemplateError(f"{logical_id}: has no TableName")
    return TableDefinition(create, time_to_live)


def _sse_specification(logical_id: str, value: Mapping[str, Any]) -> dict[str, Any]:
    # CloudFormation calls `SSEEnabled` what CreateTable calls `Enabled`.
    unknown = value.keys() - {"SSEEnabled", "SSEType", "KMSMasterKeyId"}
    if unknown:
        raise UnsupportedTemplateError(f"{logical_id}: SSESpecification: {sorted(unknown)} is not understood")
    return {"Enabled" if name == "SSEEnabled" else name: setting for name, setting in value.items()}
