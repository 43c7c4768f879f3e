"""An emulation of the CloudFront distribution, as far as the API can see it.

What it adds is from the CloudFront Developer Guide: "Request and response behavior for custom origins" (the viewer's
address at the end of X-Forwarded-For) and "Add custom headers to origin requests" (which replace the viewer's own).
"""

from collections.abc import Callable

from infra.local.http_server import HttpServer
from tests.support.packaged.messages import Request, Response, served

SECRET_HEADERS = ("X-Lychgate-Distribution", "X-Api-Key")
"""Both have the same secret: one for the application, one for API Gateway."""

_BODY_LIMIT = 40 * 1024 * 1024


class Distribution:
    """Passes what is below `/api/` on to an origin, for one viewer. There is no site in this one."""

    def __init__(self, origin: Callable[[Request], Response], *, secret: str, viewer: str) -> None:
        """Take the API's origin, the distribution's secret, and the viewer's address."""
        self._origin = origin
        self._secret = secret
        self._viewer = viewer

    def serve(self) -> HttpServer:
        """Listen on a free port of this machine, and answer. The caller stops the server."""
        server = HttpServer(0, body_limit=_BODY_LIMIT)
        server.start(served(self))
        return server

    def __call__(self, request: Request) -> Response:
        """Answer a viewer's request."""
        if not request.path.startswith("/api/"):
            return Response(404)
        replaced = {"x-forwarded-for", "host", *(name.lower() for name in SECRET_HEADERS)}
        kept = [pair for pair in request.headers if pair[0].lower() not in replaced]
        before = request.header("X-Forwarded-For")
        added = [
            ("Host", "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com"),
            ("X-Forwarded-For", f"{before}, {self._viewer}" if before else self._viewer),
            ("Via", "1.1 distribution.cloudfront.net (CloudFront)"),
            *((name, self._secret) for name in SECRET_HEADERS),
        ]
        return self._origin(Request(request.method, request.target, (*kept, *added), request.body))
