"""The stage whose tables are restored: its names, its clients, its keys, and what the commands reach beside AWS."""

from __future__ import annotations

import getpass
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.config.api import Tables
from chalicelib.config.signing_secrets import parse_peppers
from chalicelib.errors import ConfigurationError
from infra.deployment.errors import DeploymentError
from infra.deployment.preflight import check
from infra.deployment.resources import Resources
from infra.keys.places import ParameterRing, PlaceError
from infra.stage_settings import UnknownStageError, stage_settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from infra.deployment.progress import Progress
    from infra.keys.ring import Ring


class RestoreError(DeploymentError):
    """Raised if something cannot be restored. The message says what to do."""


@dataclass(frozen=True)
class Reach:
    """The functions that the commands are given beside AWS."""

    sleep: Callable[[float], object] = time.sleep
    """Takes seconds."""
    ask: Callable[[str], str] = input
    """Takes a question and returns the operator's answer. Raises EOFError if there is no terminal."""
    ask_secret: Callable[[str], str] = getpass.getpass
    """The same, for a passphrase, which is not shown."""
    now: Callable[[], float] = time.time
    """Returns the time as a NumericDate."""


@dataclass(frozen=True)
class Stage:
    """A stage on AWS."""

    name: str
    resources: Resources
    dynamodb: DynamoDBClient
    tables: Tables
    parameter: str
    """The name of the SSM parameter with the keys and the peppers."""
    reach: Reach

    def ring(self) -> Ring:
        """Return the keys and the peppers. Raises RestoreError if they are missing or damaged."""
        try:
            ring = ParameterRing(self.resources.session.client("ssm"), self.parameter).read()
        except PlaceError as damaged:
            raise RestoreError(f"{damaged}. {self._from_backup()}") from damaged
        if ring is None:
            raise RestoreError(
                f"the parameter {self.parameter} is missing, and without its peppers no password can be verified."
                f" {self._from_backup()}"
            )
        return ring

    def refuse_missing_peppers(self, needed: dict[str, int]) -> None:
        """Raise RestoreError if the parameter lacks a pepper. ``needed``: the accounts that need each, by its id."""
        known = {pepper.id for pepper in parse_peppers(self.ring()).peppers}
        missing = {name: count for name, count in needed.items() if count and name not in known}
        if missing:
            listed = ", ".join(f"{name or 'first'} ({count} accounts)" for name, count in sorted(missing.items()))
            raise RestoreError(
                f"the parameter {self.parameter} lacks peppers that passwords and second factors need: {listed}."
                " Put them back from a backup that has them: `python -m infra.keys restore FILE --stage"
                f" {self.name} --add-peppers`"
            )

    def confirm(self, given: str | None) -> None:
        """Ask for the stage's name, unless it was ``given``. Raises RestoreError for any other answer."""
        try:
            answer = given or self.reach.ask(f"Type the name of the stage to confirm ({self.name}): ").strip()
        except EOFError:
            raise RestoreError("there is no terminal to confirm this on: name the stage with --yes STAGE") from None
        if answer != self.name:
            raise RestoreError("the name was not confirmed; no account was changed")

    def _from_backup(self) -> str:
        return f"Restore it from your backup: `python -m infra.keys restore FILE --stage {self.name}`"


def open_stage(name: str, project: Path, progress: Progress, reach: Reach) -> Stage:
    """Return a stage, after the checks of a deployment. Raises RestoreError or DeploymentError."""
    try:
        known = sorted(json.loads((project / ".chalice" / "config.json").read_text("utf-8"))["stages"])
    except (OSError, ValueError, KeyError):
        known = []
    place = check(name, project, {})
    try:
        settings = stage_settings(project, name)
    except UnknownStageError as unknown:
        raise RestoreError(f"{unknown}. Its stages are: {', '.join(known) or 'none'}") from unknown
    except ConfigurationError as invalid:
        raise RestoreError(f"the stage {name} in .chalice/config.json: {invalid}") from invalid
    progress(f"stage {name} in account {place.account_id}, region {place.region}, as {place.identity}")
    resources = Resources(name, project, place)
    dynamodb = place.session.client("dynamodb")
    return Stage(name, resources, dynamodb, settings.tables, settings.signing_keys_parameter, reach)


def at(moment: datetime) -> str:
    """Return a time as an RFC 3339 timestamp in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
