"""What Chalice's command line lacks. Loaded by ``app.py`` under the command line only; nothing of this ships."""

from chalice.local import LocalDevServer, LocalGateway

from infra.chalice_cli.local_gateway import after_check, with_gateway_responses


def install() -> None:
    """Teach Chalice's commands what they lack, once."""
    if not hasattr(LocalGateway.handle_request, "__wrapped__"):
        setattr(LocalGateway, "handle_request", with_gateway_responses(LocalGateway.handle_request))  # noqa: B010 - mypy
        setattr(LocalDevServer, "serve_forever", after_check(LocalDevServer.serve_forever))  # noqa: B010 - mypy
