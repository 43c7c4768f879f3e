"""The Chalice application. Assembles it and does nothing else."""

from __future__ import annotations

import os

from chalicelib import administration, authorizer, mailer, webhooks
from chalicelib.api.application import Application
from chalicelib.site.hooks import hooks
from chalicelib.site.routes import routes
from chalicelib.telemetry import log
from chalicelib.wiring import Lychgate

if os.environ.get("AWS_CHALICE_CLI_MODE"):
    # Only `chalice local`, `deploy` and `package` set this. `infra` is not part of the deployment package.
    from infra import chalice_cli

    chalice_cli.install()
    chalice_cli.refuse_wrong_routes(routes)

log.configure(administration.counted_with_the_api(os.environ))
blueprints = [authorizer.blueprint, mailer.blueprint, webhooks.blueprint]
app = Application(Lychgate(os.environ, hooks=hooks), authorizer.authorizer, routes=[routes], blueprints=blueprints)
admin = administration.declare(app)

if os.environ.get("_HANDLER") in administration.HANDLERS:
    # True only in the Lambdas that answer requests: the runtime sets _HANDLER to the function that it will call.
    administration.answer_own_routes_only(app, os.environ["_HANDLER"])
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
        from chalicelib import snapshot

        snapshot.prepare(app.lychgate)
    else:
        app.lychgate.prepare()
