"""The DynamoDB tables, as infra/template.yaml defines them, for places where no CloudFormation runs.

Owns the translation of `AWS::DynamoDB::Table` into the parameters of CreateTable. A property that it cannot pass on
is an error, so that a table made here never differs silently from the deployed one. The tables made here can be
deleted: only the deployment has something to protect.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from infra.intrinsic_functions import UnsupportedTemplateError, resolved

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

TEMPLATE = Path(__file__).parent / "template.yaml"

_UNPROTECTED = {"Protect": "false"}

# The same name and the same shape in CloudFormation and in CreateTable.
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
# Left out knowingly: backups are a promise of the deployment, and nothing outside AWS could keep it.
_LEFT_OUT = frozenset({"PointInTimeRecoverySpecification"})
# They tell CloudFormation when to make or keep a table, not what the table is.
_RESOURCE_ATTRIBUTES = frozenset(
    {"Type", "Properties", "DependsOn", "DeletionPolicy", "UpdateReplacePolicy", "Metadata"}
)


@dataclass(frozen=True)
class TableDefinition:
    """One table: what CreateTable takes, and what UpdateTimeToLive takes, or None for a table without."""

    create: Mapping[str, Any]
    time_to_live: Mapping[str, Any] | None

    @property
    def name(self) -> str:
        """The name of the table."""
        return str(self.create["TableName"])


def table_definitions(stage: str, template: Path = TEMPLATE) -> list[TableDefinition]:
    """Read the tables of a stage from the template. Raises UnsupportedTemplateError."""
    document = _parsed(template.read_text("utf-8"))
    return [
        _table_definition(logical_id, resource, document, stage)
        for logical_id, resource in document["Resources"].items()
        if resource["Type"] == "AWS::DynamoDB::Table"
    ]


def table_names(client: "DynamoDBClient") -> list[str]:
    """List the tables that exist, of whatever stage or origin."""
    return [name for page in client.get_paginator("list_tables").paginate() for name in page["TableNames"]]


def create_tables(client: "DynamoDBClient", stage: str, template: Path = TEMPLATE) -> list[str]:
    """Make those tables of a stage that do not exist yet, and return the names of all.

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


@functools.cache
def _parsed(text: str) -> Mapping[str, Any]:
    # The tests make the tables a thousand times over, and to parse the template takes longer than to make them.
    document: Mapping[str, Any] = yaml.safe_load(text)
    return document


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
