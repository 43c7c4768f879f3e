"""What Chalice's command line lacks. Loaded by ``app.py`` under the command line only; nothing of this ships."""

from collections.abc import Callable
from typing import Any

from chalice.deploy.swagger import SwaggerGenerator
from chalice.local import LocalDevServer, LocalGateway

from infra.chalice_cli.gateway_responses import declaring_gateway_responses
from infra.chalice_cli.local_gateway import after_check, with_gateway_responses


def install() -> None:
    """Teach Chalice's commands what they lack, once."""
    _wrap(LocalGateway, "handle_request", with_gateway_responses)
    _wrap(LocalDevServer, "serve_forever", after_check)
    _wrap(SwaggerGenerator, "generate_swagger", declaring_gateway_responses)


def _wrap(owner: type, name: str, wrapper: Callable[[Any], Callable[..., Any]]) -> None:
    method = getattr(owner, name)
    if not hasattr(method, "__wrapped__"):
        setattr(owner, name, wrapper(method))
