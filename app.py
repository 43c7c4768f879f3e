"""The Chalice application: puts the routes together and does nothing else."""

from __future__ import annotations

import os

from chalice import Chalice

from chalicelib.api import account, auth, boundary, wellknown
from chalicelib.authorizer import blueprint as authorizer_blueprint

app = Chalice(app_name="lychgate")
app.register_blueprint(authorizer_blueprint)
app.register_blueprint(auth.blueprint)
app.register_blueprint(account.blueprint)
app.register_blueprint(wellknown.blueprint)
boundary.install(app)

if os.environ.get("AWS_CHALICE_CLI_MODE"):
    # Only `chalice local`, `deploy` and `package` get here, never a Lambda: what follows does not ship.
    from infra import chalice_cli

    chalice_cli.install()
