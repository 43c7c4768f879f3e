"""Your site's own settings. docs/your-site.md shows how to add one. Later versions leave this file alone."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache

from chalicelib.config.own import read


@dataclass(frozen=True)
class Settings:
    """Each field is an environment variable: ``delivery_days`` is SITE_DELIVERY_DAYS."""


@cache
def settings() -> Settings:
    """Return the settings. Raises ConfigurationError, which names the variable, if one is missing or not valid."""
    return read(Settings, os.environ)
