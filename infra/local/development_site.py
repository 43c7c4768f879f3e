"""Page and API on one origin, as behind the distribution: `/api` goes to the gateway, all else to the files."""

from dataclasses import replace

from infra.local.http_messages import Request, Response, problem
from infra.local.http_server import Application

_API = "/api"


class DevelopmentSite:
    """Passes a request to the API or to the page. Refuses requests for other host names."""

    def __init__(self, api: Application, page: Application) -> None:
        self._api = api
        self._page = page

    def __call__(self, request: Request) -> Response:
        """Answer a request."""
        if not request.names_this_machine():
            return problem(421, "misdirected_request", "This server answers to 127.0.0.1 and localhost only.")
        if request.path == _API or request.path.startswith(f"{_API}/"):
            below = request.target.removeprefix(_API)
            return self._api(replace(request, target=below if below.startswith("/") else f"/{below}"))
        return self._page(request)
