"""The page on another origin: the example's files and the client's, as a host of their own would serve them."""

from pathlib import Path

from werkzeug import Request, Response

from infra.examples.example import EXAMPLES, Example
from infra.local.environment import PROJECT
from infra.local.errors import LocalError, PortTakenError
from infra.local.folders import with_folders
from infra.local.http_server import HttpServer
from infra.local.static_site import StaticSite

USUAL_PORT = 5500
_USUAL_SERVER = b"http://127.0.0.1:8000"
_NO_BODY = 0


class AnotherOrigin(Example):
    """The page, which has its port from the start. Raises LocalError."""

    def __init__(self, port: int, folder: Path = EXAMPLES / "another-origin") -> None:
        try:
            self._server = HttpServer(port, body_limit=_NO_BODY)
        except PortTakenError as error:
            advice = "make examples ARGS='--another-origin-port 5501'"
            raise LocalError(f"{error}, so another-origin cannot use it. Choose another one: {advice}") from error
        self.origin = f"http://localhost:{self._server.port}"
        scripts = PROJECT / "static-site" / "js"
        page, client = (StaticSite(each, headers_file=folder / "headers.json") for each in (folder, scripts))
        self._site = with_folders({"js": client}, page)

    def start(self, url: str) -> str:
        """Answer from now on. The page calls the API there, whatever its file says."""
        self._url = url.encode()
        self._server.start(self._answer)
        return f"{self.origin}/"

    def stop(self) -> None:
        """Answer no longer."""
        self._server.stop()

    def _answer(self, request: Request) -> Response:
        # A browser may have kept the page from a run with another address in it.
        for name in ("HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE"):
            request.environ.pop(name, None)
        response = self._site(request)
        if response.mimetype == "text/html":
            response.set_data(response.get_data().replace(_USUAL_SERVER, self._url))
            response.headers.pop("ETag", None)
        return response
