"""Extensions of Chalice's command line. ``app.py`` imports them under the command line only. They are not deployed."""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from chalice.awsclient import TypedAWSClient
from chalice.config import Config
from chalice.deploy import validate
from chalice.deploy.appgraph import ApplicationGraphBuilder, DependencyBuilder
from chalice.deploy.packager import LambdaDeploymentPackager, LayerDeploymentPackager
from chalice.deploy.planner import PlanStage
from chalice.deploy.swagger import SwaggerGenerator
from chalice.local import ChaliceRequestHandler, LocalDevServer, LocalGateway

from infra.chalice_cli.administration import called_by_the_api, sending_administrators_there
from infra.chalice_cli.deployable import only_deployable_stages, without_a_second_api
from infra.chalice_cli.gateway_responses import declaring_gateway_responses
from infra.chalice_cli.live_version import publish_live, publishing, remove_old_versions, with_snap_start
from infra.chalice_cli.local_gateway import with_each_of_several, with_gateway_responses
from infra.chalice_cli.local_server import after_check, follow_credentials_of_the_database, on_a_free_port
from infra.chalice_cli.own_routes import refuse_wrong_routes
from infra.chalice_cli.packaging import made_for_lambda, runtime_of
from infra.chalice_cli.reloading import of_the_projects_files, the_projects_files
from infra.chalice_cli.wheels import refusing_layers

__all__ = ["follow_credentials_of_the_database", "install", "refuse_wrong_routes"]


def install() -> None:
    """Extend Chalice's commands. Further calls do nothing."""
    _wrap(LocalGateway, "handle_request", with_gateway_responses)
    _wrap(LocalDevServer, "__init__", on_a_free_port)
    _wrap(LocalDevServer, "serve_forever", after_check)
    _wrap(ChaliceRequestHandler, "_parse_payload", with_each_of_several)
    _wrap(
        SwaggerGenerator,
        "generate_swagger",
        lambda stock: sending_administrators_there(declaring_gateway_responses(stock)),
    )
    _wrap(ApplicationGraphBuilder, "build", with_snap_start)
    _wrap(DependencyBuilder, "build_dependencies", called_by_the_api)
    _wrap(PlanStage, "_plan_restapi", publishing)
    # Chalice calls a method of its client for each step of a plan.
    for step in (publish_live, remove_old_versions):
        setattr(TypedAWSClient, step.__name__, step)
    _wrap(LambdaDeploymentPackager, "create_deployment_package", made_for_lambda)
    Config.lambda_python_version = property(runtime_of)  # type: ignore[method-assign, assignment]
    _wrap(validate, "validate_python_version", only_deployable_stages)
    _wrap(PlanStage, "execute", without_a_second_api)
    _wrap(LayerDeploymentPackager, "create_deployment_package", refusing_layers)
    if "chalice.cli" in sys.modules:
        # The reloader is the command line's own. Other programs must not import that: it asks the terminal questions.
        from chalice.cli.filewatch.stat import StatFileWatcher  # noqa: PLC0415

        _wrap(StatFileWatcher, "_single_pass_poll", of_the_projects_files)
        _wrap(StatFileWatcher, "_recursive_walk_files", the_projects_files)


def _wrap(owner: type | ModuleType, name: str, wrapper: Callable[[Any], Callable[..., Any]]) -> None:
    method = getattr(owner, name)
    if not hasattr(method, "__wrapped__"):
        setattr(owner, name, wrapper(method))
