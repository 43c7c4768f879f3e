"""The settings of a stage, as an operator's command reads them from .chalice/config.json."""

from __future__ import annotations

import os
from pathlib import Path

from chalicelib.config.api import ApiSettings
from infra.local.environment import stage_environment


def follow_region_of_shell() -> None:
    """Let AWS_REGION decide, as in AWS's command line: botocore reads AWS_DEFAULT_REGION only."""
    if os.environ.get("AWS_REGION"):
        os.environ["AWS_DEFAULT_REGION"] = os.environ["AWS_REGION"]


class UnknownStageError(Exception):
    """Raised if the configuration has no such stage."""


def stage_settings(project: Path, stage: str) -> ApiSettings:
    """Return the settings of a stage. Raises UnknownStageError, or ConfigurationError if a setting is not valid."""
    try:
        return ApiSettings.from_environment(stage_environment(project, stage))
    except KeyError:
        raise UnknownStageError(f".chalice/config.json has no stage {stage}") from None
