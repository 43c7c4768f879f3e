"""The files of a stage in .chalice/: its entry in config.json and the policies of its functions. They are committed.

Owns how they are written, and how they tell the account that they were made for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from infra import site_aws
from infra.deployment.errors import DeploymentError
from infra.deployment.foundation import Foundation
from infra.deployment.mailing import SENDER
from infra.deployment.policies import POLICIES
from infra.deployment.stage import configured_concurrency, configured_tracing, stage_configuration
from infra.local.data_directory import replace_file
from infra.local.environment import stage_environment
from infra.stages import FUNCTIONS, policy_file

_ARN = re.compile(r"arn:[a-z-]+:dynamodb:([a-z0-9-]+):([0-9]{12}):")
_READABLE = 0o644


class StageFiles:
    """The files of one stage. ``mail_from`` is another sender than the files have: "" for none, None for the same."""

    def __init__(self, project: Path, stage: str, mail_from: str | None = None) -> None:
        self._project = project
        self._folder = project / ".chalice"
        self._stage = stage
        self._mail_from = mail_from

    def place(self) -> tuple[str, str] | None:
        """Return the region and the account of the stage, None if it was never deployed."""
        path = self._folder / policy_file(self._stage, "api_handler")
        found = _ARN.search(path.read_text("utf-8")) if path.exists() else None
        return (found[1], found[2]) if found else None

    def variables(self) -> dict[str, str]:
        """Return the variables of all functions but the authorizer, empty if the stage has no entry."""
        try:
            found = {
                name: value
                for function in ("webhooks", "mailer", "api_handler")
                for name, value in stage_environment(self._project, self._stage, function).items()
            }
        except KeyError:
            found = {}
        return found if self._mail_from is None else {**found, SENDER: self._mail_from}

    def concurrency(self) -> dict[str, int | None]:
        """Return the reserved concurrency of each function for which the stage says one."""
        config = json.loads((self._folder / "config.json").read_text("utf-8"))
        return configured_concurrency(config["stages"].get(self._stage, {}))

    def tracing(self) -> dict[str, bool]:
        """Return whether X-Ray traces the REST API and each function."""
        return configured_tracing(json.loads((self._folder / "config.json").read_text("utf-8")), self._stage)

    def contents(
        self,
        foundation: Foundation,
        public_keys: str,
        tags: Mapping[str, str],
        reserved: Mapping[str, int] | None = None,
    ) -> dict[Path, str]:
        """Return the new contents of each file. ``reserved`` is the concurrency to reserve where nothing is said."""
        path = self._folder / "config.json"
        config: dict[str, Any] = json.loads(path.read_text("utf-8"))
        existing = _without_own_origin(config["stages"].get(self._stage, {}))
        if self._mail_from is not None:
            existing = _with_sender(existing, self._mail_from)
        entry = stage_configuration(foundation, public_keys, existing, reserved)
        config["stages"][self._stage] = {**entry, "tags": {**entry.get("tags", {}), **tags}}
        traced = self.tracing()
        policies = {name: policy(foundation, traced=traced[name]) for name, policy in POLICIES.items()}
        of_site = self._statements_of_site(foundation)
        for name in site_aws.FUNCTIONS:
            policies[name]["Statement"] += of_site
        files = {self._folder / policy_file(self._stage, name): _text(policy) for name, policy in policies.items()}
        return {**files, path: _text(config)}

    def _statements_of_site(self, foundation: Foundation) -> list[dict[str, Any]]:
        """Return what the site's own code may do. Raises DeploymentError."""
        try:
            return site_aws.read_site_aws(self._project).statements_at(
                Partition=foundation.partition,
                Region=foundation.region,
                Account=foundation.account_id,
                Stage=foundation.stage,
            )
        except ValueError as unusable:
            raise DeploymentError(str(unusable)) from None

    def write(self, contents: Mapping[Path, str]) -> list[str]:
        """Write the files whose contents differ, and return their names."""
        changed = [path for path, text in contents.items() if not path.exists() or path.read_text("utf-8") != text]
        for path in changed:
            replace_file(path, contents[path].encode())
            path.chmod(_READABLE)
        return [f".chalice/{path.name}" for path in changed]

    def remove(self) -> None:
        """Remove the stage's entry and its policies."""
        path = self._folder / "config.json"
        config: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if config["stages"].pop(self._stage, None) is not None:
            self.write({path: _text(config)})
        for function in FUNCTIONS:
            (self._folder / policy_file(self._stage, function)).unlink(missing_ok=True)


def _without_own_origin(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the stage's entry without the previous origin of its site, which may no longer be ours."""
    parts = urlsplit(entry.get("environment_variables", {}).get("LYCHGATE_ISSUER", ""))
    own = f"{parts.scheme}://{parts.netloc}"
    for function in entry.get("lambda_functions", {}).values():
        variables = function.get("environment_variables", {})
        if "LYCHGATE_ALLOWED_ORIGINS" in variables:
            origins = variables["LYCHGATE_ALLOWED_ORIGINS"].split(",")
            variables["LYCHGATE_ALLOWED_ORIGINS"] = ",".join(origin for origin in origins if origin != own)
    return entry


def _with_sender(entry: dict[str, Any], sender: str) -> dict[str, Any]:
    """Return the stage's entry with this sender for all functions, or with none."""
    for function in entry.get("lambda_functions", {}).values():
        function.get("environment_variables", {}).pop(SENDER, None)
    variables = {name: value for name, value in entry.get("environment_variables", {}).items() if name != SENDER}
    return {**entry, "environment_variables": {**variables, **({SENDER: sender} if sender else {})}}


def _text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2) + "\n"
