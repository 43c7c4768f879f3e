"""The signing keys and the pepper of a stage. They are created once, and never replaced while there are accounts."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from chalicelib.tokens.keys import public_jwks
from infra.deployment.errors import DeploymentError, code_of
from infra.keys.places import ParameterRing, PlaceError
from infra.keys.ring import new_ring

if TYPE_CHECKING:
    import boto3


MANAGED_KEY = "alias/aws/ssm"
"""The AWS managed key for SSM, as Parameter Store names it."""


class SigningKeys:
    """The parameter with the keys and the pepper of one stage."""

    def __init__(self, session: boto3.session.Session, parameter: str) -> None:
        self._session = session
        self._parameter = parameter

    def public_keys(self) -> str | None:
        """Return the JWK Set of the public halves, in JSON, None if there are no keys. Raises DeploymentError."""
        try:
            ring = ParameterRing(self._session.client("ssm"), self._parameter).read()
        except PlaceError as damaged:
            raise DeploymentError(f"{damaged}. Restore an earlier version of the parameter") from damaged
        return None if ring is None else json.dumps(public_jwks(ring), separators=(",", ":"))

    def encryption_key(self) -> str | None:
        """Return the KMS key of the parameter, as Parameter Store names it. None if there is no parameter."""
        return ParameterRing(self._session.client("ssm"), self._parameter).encryption_key()

    def encrypt_with(self, kms_key: str) -> bool:
        """Encrypt the parameter with this key, and return whether it was another. Raises DeploymentError.

        Keys and pepper stay the same. Earlier versions of the parameter stay encrypted as they were.
        """
        if self.encryption_key() in {None, kms_key}:
            return False
        place = ParameterRing(self._session.client("ssm"), self._parameter, kms_key)
        try:
            ring = place.read()
            if ring is not None:
                place.write(ring)
        except PlaceError as refused:
            raise DeploymentError(str(refused)) from refused
        return True

    def make(self, users_table: str, tags: Mapping[str, str], kms_key: str | None = None) -> str:
        """Create the keys, and return the public halves. Raises DeploymentError if there are accounts already."""
        if self._has_accounts(users_table):
            raise DeploymentError(
                f"the parameter {self._parameter} is missing, but there are accounts in {users_table} whose passwords"
                " need its pepper. Restore the parameter from your backup (`python -m infra.keys restore`). Without one"
                " the accounts are lost: delete the table's items, then run the same command again"
            )
        client = self._session.client("ssm")
        ring = new_ring(now=int(time.time()))
        try:
            ParameterRing(client, self._parameter, kms_key).write(ring)
        except PlaceError as refused:
            raise DeploymentError(str(refused)) from refused
        client.add_tags_to_resource(
            ResourceType="Parameter",
            ResourceId=self._parameter,
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )
        return json.dumps(public_jwks(ring), separators=(",", ":"))

    def _has_accounts(self, users_table: str) -> bool:
        # An item without user_id counts failures at a name that nobody has.
        pages = (
            self._session.client("dynamodb")
            .get_paginator("scan")
            .paginate(TableName=users_table, FilterExpression="attribute_exists(user_id)", Select="COUNT")
        )
        return any(page["Count"] for page in pages)

    def delete(self) -> bool:
        """Delete the parameter, and return whether it existed."""
        try:
            self._session.client("ssm").delete_parameter(Name=self._parameter)
        except ClientError as error:
            if code_of(error) == "ParameterNotFound":
                return False
            raise
        return True
