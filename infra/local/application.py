"""Loads the project's Chalice application and its mailer as in a deployment. The environment must be set before."""

import importlib
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from chalice.config import Config

from infra.local.api_gateway import ApiGateway
from infra.local.environment import PROJECT, STAGE
from infra.local.errors import LocalError

if TYPE_CHECKING:
    from chalicelib.api.application import Application
    from infra.local.mail_delivery import Mailer
    from infra.local.webhook_delivery import Deliver


def load_api(project: Path = PROJECT) -> ApiGateway:
    """Import the application, build its use cases, and return a gateway for it. Raises LocalError."""
    if str(project) not in sys.path:
        sys.path.insert(0, str(project))
    # Imported here because they read the environment, and because the database does not need them.
    from chalicelib.errors import ConfigurationError  # noqa: PLC0415
    from infra import chalice_cli, site_check  # noqa: PLC0415

    if problems := list(site_check.problems()):
        raise LocalError("\n".join(["your site cannot start. Correct this, and start it again:", *problems]))
    chalice_cli.install()
    chalice_cli.follow_credentials_of_the_database(os.environ)
    try:
        application: Application = importlib.import_module("app").app
        application.lychgate.use_cases  # noqa: B018 - reading the property builds it
    except ConfigurationError as error:
        raise LocalError(f"the configuration is incomplete: {error}") from error
    return ApiGateway(application, stage_config(project))


def load_mailer() -> "Mailer":
    """Return the mailer's function, with its settings and with clients of the embedded database. Raises LocalError."""
    from chalicelib.errors import ConfigurationError  # noqa: PLC0415 - see above
    from chalicelib.mailer import handle, make_mailer  # noqa: PLC0415

    mailer = make_mailer(os.environ)
    try:
        mailer.settings  # noqa: B018 - reading the property reads the environment
    except ConfigurationError as error:
        raise LocalError(f"the configuration is incomplete: {error}") from error
    return lambda event: handle(event, None, mailer)


def load_webhooks() -> "Deliver":
    """Return the webhooks' function, with its settings and with the endpoint's answers. Raises LocalError."""
    from chalicelib.errors import ConfigurationError  # noqa: PLC0415 - see above
    from chalicelib.webhooks import handle, make_webhooks  # noqa: PLC0415

    webhooks = make_webhooks(os.environ)
    try:
        webhooks.settings  # noqa: B018 - reading the property reads the environment
    except ConfigurationError as error:
        raise LocalError(f"the configuration is incomplete: {error}") from error
    return lambda event: handle(event, None, webhooks)


def stage_config(project: Path) -> Config:
    """Return Chalice's configuration of the stage, without loading the application."""
    # Not by `chalice.cli`, whose import asks the terminal what it can do, and waits ten seconds for one that is silent.
    on_disk = json.loads((project / ".chalice" / "config.json").read_text("utf-8"))
    return Config(STAGE, config_from_disk=on_disk, default_params={"project_dir": str(project)})
