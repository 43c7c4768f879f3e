"""Extensions of Chalice's command line. ``app.py`` imports them under the command line only. They are not deployed."""

from collections.abc import Callable
from typing import Any

from chalice.deploy.packager import LambdaDeploymentPackager, LayerDeploymentPackager
from chalice.deploy.swagger import SwaggerGenerator
from chalice.local import ChaliceRequestHandler, LocalDevServer, LocalGateway

from infra.chalice_cli.gateway_responses import declaring_gateway_responses
from infra.chalice_cli.local_gateway import with_all_cookies, with_gateway_responses
from infra.chalice_cli.local_server import after_check, follow_credentials_of_the_database, on_a_free_port
from infra.chalice_cli.packaging import made_for_lambda
from infra.chalice_cli.wheels import refusing_layers

__all__ = ["follow_credentials_of_the_database", "install"]


def install() -> None:
    """Extend Chalice's commands. Further calls do nothing."""
    _wrap(LocalGateway, "handle_request", with_gateway_responses)
    _wrap(LocalDevServer, "__init__", on_a_free_port)
    _wrap(LocalDevServer, "serve_forever", after_check)
    _wrap(ChaliceRequestHandler, "_parse_payload", with_all_cookies)
    _wrap(SwaggerGenerator, "generate_swagger", declaring_gateway_responses)
    _wrap(LambdaDeploymentPackager, "create_deployment_package", made_for_lambda)
    _wrap(LayerDeploymentPackager, "create_deployment_package", refusing_layers)


def _wrap(owner: type, name: str, wrapper: Callable[[Any], Callable[..., Any]]) -> None:
    method = getattr(owner, name)
    if not hasattr(method, "__wrapped__"):
        setattr(owner, name, wrapper(method))
