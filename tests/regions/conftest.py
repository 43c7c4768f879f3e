"""Two of Amazon's DynamoDB Locals, one for each region."""

import itertools

import pytest
from botocore.config import Config

from chalicelib.adapters.aws import session
from chalicelib.config.api import Tables
from tests.regions.small_dynamodb import KEYS, key_in, kind_of
from tests.support.databases import DynamoDBLocal

BATCH = 25
"""The most items that BatchWriteItem accepts."""


PATIENT = Config(read_timeout=60, retries={"mode": "standard", "total_max_attempts": 1})
"""Nothing is sent twice because the machine is busy."""


class TwoDynamoDBLocals:
    """Two servers with tables of the same names, as replicas have them."""

    def __init__(self, servers):
        self._clients = {
            region: session().create_client("dynamodb", endpoint_url=server.endpoint, config=PATIENT)
            for region, server in servers.items()
        }
        named = {kind: f"regions-{kind}" for kind in KEYS}
        for client, table in itertools.product(self._clients.values(), named.values()):
            create(client, table)
        self.names = {"map_table": named.pop("homes"), "tables": Tables(**named)}
        self._all = [f"regions-{kind}" for kind in KEYS]

    def emptied(self):
        """The clients, by region, with nothing in the tables."""
        for client, table in itertools.product(self._clients.values(), self._all):
            items = client.scan(TableName=table)["Items"]
            deletes = [{"DeleteRequest": {"Key": key_in(table, item)}} for item in items]
            for start in range(0, len(deletes), BATCH):
                client.batch_write_item(RequestItems={table: deletes[start : start + BATCH]})
        return self._clients


def create(client, table):
    """Create a table without TTL: the emulator would delete items by this machine's clock, not the histories'."""
    names = KEYS[kind_of(table)]
    client.create_table(
        TableName=table,
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
        KeySchema=[
            {"AttributeName": name, "KeyType": "RANGE" if number else "HASH"} for number, name in enumerate(names)
        ],
        BillingMode="PAY_PER_REQUEST",
    )


@pytest.fixture(scope="module")
def two_dynamodb_locals(dynamodb_local, tmp_path_factory):
    other = DynamoDBLocal(tmp_path_factory.mktemp("other-dynamodb-local"))
    yield TwoDynamoDBLocals({"eu": dynamodb_local, "us": other})
    other.stop()
