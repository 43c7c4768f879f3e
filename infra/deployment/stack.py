"""One CloudFormation stack: its state, the changes that a template would make, and making them.

Owns change sets, waiting, and the handling of stacks that an earlier attempt left incomplete. All changes go through
change sets, so they are done as planned, and existing resources with fixed names are imported.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from infra.deployment.errors import DeploymentError, advice

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.client import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import ParameterTypeDef, StackTypeDef

    from infra.deployment.progress import Progress

_SETTLED = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"})
_EMPTY = frozenset({"REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"})
"""States of a stack that was never created and has no resources."""

_POLL_SECONDS = 5.0
_KEPT_TYPES = frozenset({"AWS::DynamoDB::Table", "AWS::Logs::LogGroup", "AWS::S3::Bucket"})


@dataclass(frozen=True)
class Change:
    """A planned change of one resource."""

    action: str
    """Add, Modify, Remove or Import."""
    resource: str
    """The logical id."""
    type: str
    replaces: bool

    def __str__(self) -> str:
        again = ", replaced" if self.replaces else ""
        return f"{self.action:7} {self.resource} ({self.type}{again})"


class Stack:
    """A stack by its name. ``sleep`` waits between two looks at an operation."""

    def __init__(
        self, client: CloudFormationClient, name: str, *, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        self._client = client
        self._sleep = sleep
        self._known: StackTypeDef | None = None
        self.name = name

    def described(self) -> StackTypeDef | None:
        """Return the stack as CloudFormation describes it now, None if there is none."""
        try:
            self._known = self._client.describe_stacks(StackName=self.name)["Stacks"][0]
        except ClientError as error:
            self._known = None
            # CloudFormation has no error code for this.
            if "does not exist" not in str(error):
                raise
        return self._known

    def _described_before(self) -> StackTypeDef | None:
        """Return how it was described last. Only operations change parameters and outputs, and these ask anew."""
        return self._known or self.described()

    def parameters(self) -> dict[str, str]:
        """Return the parameters of the stack. The values of secret ones are masked."""
        described = self._described_before()
        if described is None:
            return {}
        return {each["ParameterKey"]: each["ParameterValue"] for each in described.get("Parameters", [])}

    def outputs(self) -> dict[str, str]:
        """Return the outputs."""
        described = self._described_before()
        if described is None:
            return {}
        return {each["OutputKey"]: each["OutputValue"] for each in described.get("Outputs", [])}

    def resources(self) -> set[str]:
        """Return the logical ids of the resources that the stack has."""
        pages = self._client.get_paginator("list_stack_resources").paginate(StackName=self.name)
        try:
            listed = [each for page in pages for each in page["StackResourceSummaries"]]
        except ClientError as error:
            if "does not exist" in str(error):
                return set()
            raise
        return {each["LogicalResourceId"] for each in listed if not each["ResourceStatus"].startswith("DELETE_")}

    def has_resources(self) -> bool:
        """Return whether there is a stack that has resources, or that is getting or losing them."""
        described = self.described()
        return described is not None and described["StackStatus"] not in _EMPTY

    def unready(self) -> str | None:
        """Return why the stack cannot be changed and what to do, None if it can, also once an operation has ended."""
        described = self.described()
        status = described["StackStatus"] if described else None
        if status is None or status in _SETTLED | _EMPTY or status.endswith("_IN_PROGRESS"):
            return None
        return self._what_to_do(status)

    def make_ready(self, progress: Progress) -> bool:
        """Wait until the stack can be changed, and return whether it exists. Raises DeploymentError if it cannot.

        Deletes the empty stack of an earlier attempt.
        """
        described = self._after_operation(progress)
        status = described["StackStatus"] if described else None
        if status in _EMPTY:
            progress(f"an earlier attempt left the stack {self.name} empty ({status}): deleting it")
            self.delete(progress)
            return False
        if status is not None and status not in _SETTLED:
            raise DeploymentError(self._what_to_do(status))
        return status is not None

    def plan(
        self, template: Mapping[str, Any], parameters: Mapping[str, str], kept: set[str], tags: Mapping[str, str]
    ) -> tuple[str, list[Change]] | None:
        """Create a change set, and return its name and its changes. Return None if there is nothing to change.

        ``kept`` names parameters that keep their values. Raises DeploymentError.
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
            TemplateBody=json.dumps(template, separators=(",", ":")),
            Parameters=given,
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
            ImportExistingResources=True,
        )
        described = self._client.describe_change_set(StackName=self.name, ChangeSetName=name)
        while described["Status"] in {"CREATE_PENDING", "CREATE_IN_PROGRESS"}:
            self._sleep(_POLL_SECONDS)
            described = self._client.describe_change_set(StackName=self.name, ChangeSetName=name)
        if described["Status"] == "FAILED":
            reason = described.get("StatusReason", "")
            self.discard(name)
            if "didn't contain changes" in reason or "No updates are to be performed" in reason:
                return None
            raise DeploymentError(f"CloudFormation cannot create the stack {self.name}: {_explained_reason(reason)}")
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
        """Delete a change set, and the empty stack that the first change set creates."""
        self._client.delete_change_set(StackName=self.name, ChangeSetName=change_set)
        described = self.described()
        if described is not None and described["StackStatus"] == "REVIEW_IN_PROGRESS":
            self._client.delete_stack(StackName=self.name)
            self._known = None

    def apply(self, change_set: str, changes: list[Change], progress: Progress) -> None:
        """Execute a change set. Raises DeploymentError, also if the changes would delete data."""
        for change in changes:
            if change.type in _KEPT_TYPES and (change.replaces or change.action == "Remove"):
                self.discard(change_set)
                raise DeploymentError(
                    f"the change would replace or remove {change.resource} ({change.type}) and its contents. Nothing"
                    " was changed. Restore its name and keys, or first move the data and delete it yourself"
                )
        self._client.execute_change_set(StackName=self.name, ChangeSetName=change_set)
        described = self._after_operation(progress, begun=True)
        status = described["StackStatus"] if described else "DELETE_COMPLETE"
        if status not in _SETTLED or "ROLLBACK" in status:
            raise DeploymentError(
                f"CloudFormation could not change the stack {self.name} and has rolled it back ({status}):\n"
                + "\n".join(f"  {reason}" for reason in self._failures())
                + "\nFix that, then run the same command again"
            )

    def delete(self, progress: Progress) -> None:
        """Delete the stack and wait for its end. Raises DeploymentError."""
        described = self._after_operation(progress)
        if described is None:
            return
        identity = described["StackId"]
        self._client.delete_stack(StackName=self.name)
        self._known = None
        described = self._after_operation(progress, identity)
        if described is not None and described["StackStatus"] != "DELETE_COMPLETE":
            raise DeploymentError(
                f"the stack {self.name} could not be deleted ({described['StackStatus']}):\n"
                + "\n".join(f"  {reason}" for reason in self._failures())
                + "\nFix that, then run the same command again"
            )

    def _after_operation(
        self, progress: Progress, identity: str | None = None, *, begun: bool = False
    ) -> StackTypeDef | None:
        """Wait until no operation is in progress, and return the stack.

        REVIEW_IN_PROGRESS counts as an operation only if ``begun``: before that, the stack waits for its change set.
        """
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
                progress(f"CloudFormation is working ({status}). After Ctrl-C it goes on; run again to continue")
                told = status
            self._sleep(_POLL_SECONDS)

    def _failures(self) -> list[str]:
        """Return the reasons why resources failed in the last operation, oldest first."""
        found = []
        for event in self._client.describe_stack_events(StackName=self.name)["StackEvents"]:
            reason = event.get("ResourceStatusReason", "")
            if event.get("PhysicalResourceId") == event.get("StackId") and reason == "User Initiated":
                break
            if event["ResourceStatus"].endswith("_FAILED") and "cancelled" not in reason:
                found.append(f"{event['LogicalResourceId']}: {_explained_reason(reason)}")
        return found[::-1] or ["CloudFormation gives no reason. Look at its console"]

    def _what_to_do(self, status: str) -> str:
        if status == "UPDATE_ROLLBACK_FAILED":
            return (
                f"the stack {self.name} could be neither changed nor rolled back. Fix the errors in its events, and"
                f" run: aws cloudformation continue-update-rollback --stack-name {self.name}"
            )
        return (
            f"an earlier attempt left the stack {self.name} incomplete ({status}):\n"
            + "\n".join(f"  {reason}" for reason in self._failures())
            + f"\nFix that, delete the stack (aws cloudformation delete-stack --stack-name {self.name}), and run"
            " the same command again. Tables that hold data are not deleted with it"
        )


def _explained_reason(reason: str) -> str:
    known = advice("", reason)
    if known is not None:
        return f"{known}. AWS says: {reason}"
    if "already exists" in reason:
        return f"{reason} (created by something else: delete or rename that)"
    return reason
