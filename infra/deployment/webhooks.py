"""Where a stage sends webhooks, as the deployment reads it from .chalice/config.json."""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.config.webhooks import EVENTS, URL, checked_url, event_types
from chalicelib.errors import ConfigurationError
from infra.deployment.errors import DeploymentError

OFF = f"off: {URL}, a variable of the stage in .chalice/config.json, turns them on (docs/webhooks.md)"


def endpoint(variables: Mapping[str, str]) -> str:
    """Return where a stage with these variables sends webhooks, "" if nowhere. Raises DeploymentError."""
    url = variables.get(URL, "").strip()
    if not url:
        return ""
    try:
        checked_url(url)
        event_types(variables.get(EVENTS, ""))
    except ConfigurationError as wrong:
        raise DeploymentError(f"{wrong.reason}. It is a variable of the stage in .chalice/config.json") from wrong
    return url
