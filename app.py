"""The Chalice application: puts it together and does nothing else."""

from __future__ import annotations

import os

from chalicelib import authorizer, telemetry
from chalicelib.api.application import Application
from chalicelib.wiring import Lychgate

telemetry.configure(os.environ)
app = Application(Lychgate(os.environ), authorizer.authorizer, blueprints=[authorizer.blueprint])

if os.environ.get("_HANDLER") == "app.app":
    # Only the API Lambda, as it starts: Lambda names there what it is going to call.
    app.lychgate.prepare()

if os.environ.get("AWS_CHALICE_CLI_MODE"):
    # Only `chalice local`, `deploy` and `package` get here, never a Lambda: what follows does not ship.
    from infra import chalice_cli

    chalice_cli.install()
