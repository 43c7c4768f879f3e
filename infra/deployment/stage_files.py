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

from infra.deployment.foundation import Foundation
from infra.deployment.policies import api_handler_policy, authorizer_policy
from infra.deployment.stage import configured_concurrency, configured_tracing, stage_configuration
from infra.local.data_directory import replace_file
from infra.stages import policy_file

_ARN = re.compile(r"arn:[a-z-]+:dynamodb:([a-z0-9-]+):([0-9]{12}):")
_READABLE = 0o644


class StageFiles:
    """The files of one stage."""

    def __init__(self, project: Path, stage: str) -> None:
        self._folder = project / ".chalice"
        self._stage = stage

    def place(self) -> tuple[str, str] | None:
        """Return the region and the account of the stage, None if it was never deployed."""
        path = self._folder / policy_file(self._stage, "api_handler")
        found = _ARN.search(path.read_text("utf-8")) if path.exists() else None
        return (found[1], found[2]) if found else None

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
        entry = stage_configuration(foundation, public_keys, existing, reserved)
        config["stages"][self._stage] = {**entry, "tags": {**entry.get("tags", {}), **tags}}
        traced = self.tracing()
        return {
            self._folder / policy_file(self._stage, "api_handler"): _text(
                api_handler_policy(foundation, traced=traced["api_handler"])
            ),
            self._folder / policy_file(self._stage, "authorizer"): _text(
                authorizer_policy(foundation, traced=traced["authorizer"])
            ),
            path: _text(config),
        }

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
        for function in ("api_handler", "authorizer"):
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


def _text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2) + "\n"
