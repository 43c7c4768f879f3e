"""One CloudFormation stack: what state it is in, what a template would change, and changing it.

Owns change sets, waiting, and what to do with a stack that an earlier attempt left half-made. Everything goes through
change sets, so what is planned is what is done, and what exists already under a fixed name is taken in.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from infra.deployment.errors import DeploymentError, denied_action

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.client import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import ParameterTypeDef, StackTypeDef

    from infra.deployment.progress import Progress

_SETTLED = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"})
_EMPTY = frozenset({"REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"})
"""A stack that never came to be, and holds nothing."""

_POLL_SECONDS = 5.0
_sleep = time.sleep
_KEPT_TYPES = frozenset({"AWS::DynamoDB::Table", "AWS::Logs::LogGroup", "AWS::S3::Bucket"})


@dataclass(frozen=True)
class Change:
    """What would happen to one resource."""

    action: str
    """Add, Modify, Remove or Import."""
    resource: str
    """The logical id."""
    type: str
    replaces: bool

    def __str__(self) -> str:
        again = ", made anew" if self.replaces else ""
        return f"{self.action:7} {self.resource} ({self.type}{again})"


class Stack:
    """A stack by its name."""

    def __init__(self, client: CloudFormationClient, name: str) -> None:
        self._client = client
        self.name = name

    def described(self) -> StackTypeDef | None:
        """Return the stack as CloudFormation describes it, None if there is none."""
        try:
            return self._client.describe_stacks(StackName=self.name)["Stacks"][0]
        except ClientError as error:
            # CloudFormation has no code of its own for it.
            if "does not exist" in str(error):
                return None
            raise

    def parameters(self) -> dict[str, str]:
        """Return the parameters that the stack has; a secret one is there, but not with its value."""
        described = self.described()
        if described is None:
            return {}
        return {each["ParameterKey"]: each["ParameterValue"] for each in described.get("Parameters", [])}

    def outputs(self) -> dict[str, str]:
        """Return the outputs."""
        described = self.described()
        if described is None:
            return {}
        return {each["OutputKey"]: each["OutputValue"] for each in described.get("Outputs", [])}

    def make_ready(self, progress: Progress) -> bool:
        """Bring the stack into a state that can be changed, and say whether there is one. Raises DeploymentError."""
        described = self._after_operation(progress)
        status = described["StackStatus"] if described else None
        if status in _EMPTY:
            progress(f"an earlier attempt left the stack {self.name} with nothing in it ({status}): deleting it")
            self.delete(progress)
            return False
        if status is not None and status not in _SETTLED:
            raise DeploymentError(self._what_to_do(status))
        return status is not None

    def plan(
        self, template: Mapping[str, Any], parameters: Mapping[str, str], kept: set[str], tags: Mapping[str, str]
    ) -> tuple[str, list[Change]] | None:
        """Return the name of a change set, and what it does to resources; None if there is nothing to change.

        ``kept`` names parameters that stay as the stack has them. Raises DeploymentError.
        """
        name = f"deploy-{time.time_ns()}"
        given: list[ParameterTypeDef] = [
            {"ParameterKey": key, "ParameterValue": value} for key, value in sorted(parameters.items())
        ]
        given += [{"ParameterKey": key, "UsePreviousValue": True} for key in sorted(kept)]
        self._client.create_change_set(
            StackName=self.name,
            ChangeSetName=name,
            ChangeSetType="UPDATE" if self.described() else "CREATE",
            TemplateBody=json.dumps(template),
            Parameters=given,
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
            ImportExistingResources=True,
        )
        described = self._client.describe_change_set(StackName=self.name, ChangeSetName=name)
        while described["Status"] in {"CREATE_PENDING", "CREATE_IN_PROGRESS"}:
            _sleep(_POLL_SECONDS)
            described = self._client.describe_change_set(StackName=self.name, ChangeSetName=name)
        if described["Status"] == "FAILED":
            reason = described.get("StatusReason", "")
            self.discard(name)
            if "didn't contain changes" in reason or "No updates are to be performed" in reason:
                return None
            raise DeploymentError(f"CloudFormation cannot make the stack {self.name}: {_explained_reason(reason)}")
        return name, self._changes(name)

    def _changes(self, change_set: str) -> list[Change]:
        pages = self._client.get_paginator("describe_change_set").paginate(
            StackName=self.name, ChangeSetName=change_set
        )
        return [
            Change(
                action=change["ResourceChange"]["Action"],
                resource=change["ResourceChange"]["LogicalResourceId"],
                type=change["ResourceChange"]["ResourceType"],
                replaces=change["ResourceChange"].get("Replacement") == "True",
            )
            for page in pages
            for change in page.get("Changes", [])
        ]

    def discard(self, change_set: str) -> None:
        """Forget a change set, and the empty stack that a first one makes."""
        self._client.delete_change_set(StackName=self.name, ChangeSetName=change_set)
        described = self.described()
        if described is not None and described["StackStatus"] == "REVIEW_IN_PROGRESS":
            self._client.delete_stack(StackName=self.name)

    def apply(self, change_set: str, changes: list[Change], progress: Progress) -> None:
        """Do what a change set says. Raises DeploymentError, also if data would be lost by it."""
        for change in changes:
            if change.type in _KEPT_TYPES and (change.replaces or change.action == "Remove"):
                self.discard(change_set)
                raise DeploymentError(
                    f"the change would replace or remove {change.resource} ({change.type}) and what is in it; nothing"
                    " was changed. Put its name and keys back, or move the data and delete it by hand first"
                )
        self._client.execute_change_set(StackName=self.name, ChangeSetName=change_set)
        described = self._after_operation(progress, begun=True)
        status = described["StackStatus"] if described else "DELETE_COMPLETE"
        if status not in _SETTLED or "ROLLBACK" in status:
            raise DeploymentError(
                f"CloudFormation could not make what the stack {self.name} says and has put it back ({status}):\n"
                + "\n".join(f"  {reason}" for reason in self._failures())
                + "\nRun the same command again when that is put right"
            )

    def delete(self, progress: Progress) -> None:
        """Delete the stack and wait for its end. Raises DeploymentError."""
        described = self._after_operation(progress)
        if described is None:
            return
        identity = described["StackId"]
        self._client.delete_stack(StackName=self.name)
        described = self._after_operation(progress, identity)
        if described is not None and described["StackStatus"] != "DELETE_COMPLETE":
            raise DeploymentError(
                f"the stack {self.name} could not be deleted ({described['StackStatus']}):\n"
                + "\n".join(f"  {reason}" for reason in self._failures())
                + "\nRun the same command again when that is put right"
            )

    def _after_operation(
        self, progress: Progress, identity: str | None = None, *, begun: bool = False
    ) -> StackTypeDef | None:
        """Wait until nothing is under way, and return the stack. One in review waits for us, until it has ``begun``."""
        told = ""
        while True:
            if identity is None:
                described = self.described()
            else:  # a deleted stack is found by its id only
                described = self._client.describe_stacks(StackName=identity)["Stacks"][0]
            status = described["StackStatus"] if described else ""
            if not status.endswith("_IN_PROGRESS") or (status == "REVIEW_IN_PROGRESS" and not begun):
                return described
            if status != told:
                progress(f"CloudFormation is at work ({status}). Ctrl-C leaves it to that; run again to go on")
                told = status
            _sleep(_POLL_SECONDS)

    def _failures(self) -> list[str]:
        """Return why resources failed in the last operation, the first failure first."""
        found = []
        for event in self._client.describe_stack_events(StackName=self.name)["StackEvents"]:
            reason = event.get("ResourceStatusReason", "")
            if event.get("PhysicalResourceId") == event.get("StackId") and reason == "User Initiated":
                break
            if event["ResourceStatus"].endswith("_FAILED") and "cancelled" not in reason:
                found.append(f"{event['LogicalResourceId']}: {_explained_reason(reason)}")
        return found[::-1] or ["CloudFormation gives no reason; its console may"]

    def _what_to_do(self, status: str) -> str:
        if status == "UPDATE_ROLLBACK_FAILED":
            return (
                f"the stack {self.name} could be neither changed nor put back. See its events, put right what they"
                f" name, and run: aws cloudformation continue-update-rollback --stack-name {self.name}"
            )
        return (
            f"an earlier attempt left the stack {self.name} half-made ({status}):\n"
            + "\n".join(f"  {reason}" for reason in self._failures())
            + f"\nPut that right, delete the stack (aws cloudformation delete-stack --stack-name {self.name}), and run"
            " the same command again. Tables that hold data are not deleted with it"
        )


def _explained_reason(reason: str) -> str:
    action = denied_action(reason)
    if action is not None:
        return f"permission is missing: {action}. AWS says: {reason}"
    if "already exists" in reason:
        return f"{reason} (made by something else: delete or rename that)"
    return reason
