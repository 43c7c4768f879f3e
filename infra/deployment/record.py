"""Chalice's record of a deployment, .chalice/deployed/STAGE.json.

Owns finding the stage's API in the account. Chalice knows an API only from this record. Without it, in a fresh clone or
after an interrupted deployment, `chalice deploy` would create a second API.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from infra.deployment.errors import DeploymentError, code_of
from infra.deployment.foundation import API_GATEWAY_STAGE, APP_NAME, Foundation
from infra.local.data_directory import replace_file
from infra.stages import FUNCTIONS
from infra.versions import LIVE

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_apigateway.client import APIGatewayClient


class Record:
    """The record of one stage."""

    def __init__(self, session: boto3.session.Session, project: Path, foundation: Foundation) -> None:
        self._session = session
        self._foundation = foundation
        self.path = project / ".chalice" / "deployed" / f"{foundation.stage}.json"

    def rest_api_id(self) -> str | None:
        """Return the id of the API in the file, None if there is no file or no API in it."""
        try:
            resources = json.loads(self.path.read_text("utf-8"))["resources"]
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            raise DeploymentError(f"{self.path} is damaged. Delete it. The next run creates it again") from None
        return next((each["rest_api_id"] for each in resources if each["resource_type"] == "rest_api"), None)

    def put_right(self, known: str) -> str | None:
        """Correct the file, and return what was wrong with it, None if nothing was.

        ``known`` is the id of the API that the distribution serves, or empty. Raises DeploymentError if there are
        several APIs and nothing says which is the stage's.
        """
        found = self.deployed_apis()
        recorded = self.rest_api_id()
        if known in found:
            api = known
        elif recorded in found and recorded is not None:
            api = recorded
        elif len(found) > 1:
            raise DeploymentError(
                f"there are {len(found)} APIs for the stage {self._foundation.stage} ({', '.join(found)}) and nothing"
                " says which is in use. Delete the others: aws apigateway delete-rest-api --rest-api-id …"
            )
        else:
            api = found[0] if found else ""
        if api == (recorded or ""):
            return None
        self.recover(api)
        return f"named the API {recorded or 'none'}, and it is {api or 'not there'}"

    def deployed_apis(self) -> list[str]:
        """Return the ids of the APIs that call the stage's function. Earlier versions named all stages' APIs alike."""
        client = self._session.client("apigateway")
        function = f":function:{self._foundation.api_function}"
        wanted = (f"{function}:{LIVE}/", f"{function}/")  # without the alias: made before there was one
        return [
            api["id"]
            for page in client.get_paginator("get_rest_apis").paginate()
            for api in page["items"]
            if api["name"] in {self._foundation.api_name, APP_NAME} and _calls(client, api["id"], wanted)
        ]

    def is_empty(self) -> bool:
        """Return whether the file names no resource."""
        return not json.loads(self.path.read_text("utf-8"))["resources"]

    def recover(self, api: str) -> None:
        """Write the file from the existing resources: functions and roles by name, and ``api`` if it is not empty."""
        resources = [found for name in FUNCTIONS for found in self._function(name)]
        if api:
            resources.append(
                {
                    "name": "rest_api",
                    "resource_type": "rest_api",
                    "rest_api_id": api,
                    "rest_api_url": f"{self._foundation.api_address(api)}/{API_GATEWAY_STAGE}/",
                }
            )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        record = {"resources": resources, "schema_version": "2.0", "backend": "api"}
        replace_file(self.path, json.dumps(record, indent=2).encode())

    def _function(self, name: str) -> list[dict[str, Any]]:
        """Return the record of a function and its role, as far as they exist."""
        resources: list[dict[str, Any]] = []
        role = f"{APP_NAME}-{self._foundation.stage}-{name}"
        function = self._foundation.functions[name]
        try:
            arn = self._session.client("iam").get_role(RoleName=role)["Role"]["Arn"]
            resources.append({"name": f"{name}_role", "resource_type": "iam_role", "role_arn": arn, "role_name": role})
        except ClientError as error:
            if code_of(error) != "NoSuchEntity":
                raise
        try:
            found = self._session.client("lambda").get_function(FunctionName=function)
            resources.append(
                {
                    "name": name,
                    "resource_type": "lambda_function",
                    "lambda_arn": found["Configuration"]["FunctionArn"],
                }
            )
        except ClientError as error:
            if code_of(error) != "ResourceNotFoundException":
                raise
        return resources


def _calls(client: APIGatewayClient, api: str, wanted: Collection[str]) -> bool:
    pages = client.get_paginator("get_resources").paginate(restApiId=api, embed=["methods"])
    return any(
        any(function in method.get("methodIntegration", {}).get("uri", "") for function in wanted)
        for page in pages
        for resource in page["items"]
        for method in resource.get("resourceMethods", {}).values()
    )
