"""The Chalice application: puts the routes together and does nothing else."""

from __future__ import annotations

import os

from chalice import Chalice

from chalicelib import telemetry, wiring
from chalicelib.api import middleware
from chalicelib.api.openapi import ALL_ROUTES
from chalicelib.authorizer import blueprint as authorizer_blueprint

telemetry.configure(os.environ)
app = Chalice(app_name="lychgate", configure_logs=False)
# All that comes and goes is text. Chalice would hold each answer against a list of kinds that are not.
app.api.binary_types = []
app.register_blueprint(authorizer_blueprint)
for routes in ALL_ROUTES:
    app.register_blueprint(routes.blueprint)
middleware.install(app)

if os.environ.get("_HANDLER") == "app.app":
    # Only the API Lambda, as it starts: Lambda names there what it is going to call.
    wiring.prepare()

if os.environ.get("AWS_CHALICE_CLI_MODE"):
    # Only `chalice local`, `deploy` and `package` get here, never a Lambda: what follows does not ship.
    from infra import chalice_cli

    chalice_cli.install()
