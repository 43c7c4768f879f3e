"""Page and API on one origin, as behind the distribution: `/api` goes to the gateway, all else to the files."""

from collections.abc import Callable

from werkzeug import Request, Response

from infra.local.http_server import Application, names_this_machine, problem, target

_API = "/api"


class DevelopmentSite:
    """Passes a request to the API or to the page. Refuses requests for other host names."""

    def __init__(self, api: Callable[[Request, str], Response], page: Application) -> None:
        """Take who answers a request for a path below the API's stage, and who answers all else."""
        self._api = api
        self._page = page

    def __call__(self, request: Request) -> Response:
        """Answer a request."""
        if not names_this_machine(request):
            return problem(421, "misdirected_request", "This server answers to 127.0.0.1 and localhost only.")
        whole = target(request)
        if not f"{whole.partition('?')[0]}/".startswith(f"{_API}/"):
            return self._page(request)
        below = whole.removeprefix(_API)
        return self._api(request, below if below.startswith("/") else f"/{below}")
