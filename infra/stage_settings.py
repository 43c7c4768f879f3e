"""The settings of a stage, as an operator's command reads them from .chalice/config.json."""

from __future__ import annotations

from pathlib import Path

from chalicelib.config.api import ApiSettings
from infra.local.environment import stage_environment


class UnknownStageError(Exception):
    """Raised if the configuration has no such stage."""


def stage_settings(project: Path, stage: str) -> ApiSettings:
    """Return the settings of a stage. Raises UnknownStageError, or ConfigurationError if a setting is not valid."""
    try:
        return ApiSettings.from_environment(stage_environment(project, stage))
    except KeyError:
        raise UnknownStageError(f".chalice/config.json has no stage {stage}") from None
