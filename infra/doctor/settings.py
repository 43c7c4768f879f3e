"""The settings in force: of this machine, or of a stage in .chalice/config.json. Asks nobody on AWS."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from chalicelib.config.api import ApiSettings
from chalicelib.config.http import HttpSettings
from infra import laptop
from infra.local.environment import STAGE, stage_environment
from infra.stage_settings import UnknownStageError

_MADE_BY_THE_DEPLOYMENT = {
    **dict.fromkeys((name for name in laptop.DEFAULTS if name.endswith(("_TABLE", "_PARAMETER"))), "made"),
    "LYCHGATE_ISSUER": "https://not-deployed.invalid/api",
}
"""What stands in for what a stage has only after its first deployment."""


@dataclass(frozen=True)
class Site:
    """What is looked at."""

    name: str
    """The stage."""
    settings: ApiSettings
    http: HttpSettings
    is_laptop: bool
    has_address: bool
    """Whether it is known where the site is. Before the first deployment of a stage it is not."""
    left_alone: tuple[str, ...] = ()
    """What to say of variables of the shell that do not count."""

    @property
    def host(self) -> str:
        """The host of the site."""
        return self.http.own_origin.partition("://")[2].partition(":")[0]

    @property
    def words(self) -> frozenset[str]:
        """What the steps of the graph ask of the settings."""
        return words_of(self.settings)


def words_of(settings: ApiSettings) -> frozenset[str]:
    """Return what the steps of the graph ask of settings: each word stands in ``Step.where``."""
    said = {
        "mail": settings.email != "off",
        "no address is needed": settings.email != "required",
        "the address is the name": settings.identifier == "email",
        "the username is the name": settings.identifier == "username",
        "registration is open": settings.registration_open,
    }
    return frozenset(word for word, is_so in said.items() if is_so)


def site(project: Path, stage: str, environ: Mapping[str, str] = os.environ) -> Site:
    """Return the settings of a stage. Raises UnknownStageError, or ConfigurationError if one is not valid."""
    try:
        environment = stage_environment(project, stage)
    except KeyError:
        raise UnknownStageError(f".chalice/config.json has no stage {stage}") from None
    if stage == STAGE:
        laptop.fill_in(environment, port=int(environ.get("PORT") or 8000), path="/api")
    whole = {**_MADE_BY_THE_DEPLOYMENT, **environment}
    return Site(
        name=stage,
        settings=ApiSettings.from_environment(whole),
        http=HttpSettings.from_environment(whole),
        is_laptop=stage == STAGE,
        has_address="LYCHGATE_ISSUER" in environment,
        left_alone=() if stage == STAGE else tuple(laptop.left_alone(stage, environ)),
    )
