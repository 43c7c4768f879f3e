"""Folders that stand beside a site under names of their own, without being in its folder."""

from collections.abc import Mapping

from werkzeug import Request, Response

from infra.local.http_server import Application, target


def with_folders(folders: Mapping[str, Application], site: Application) -> Application:
    """Return a site that has these beside it: each answers what is below its name, which it does not see."""

    def answer(request: Request) -> Response:
        name, slash, path = target(request).removeprefix("/").partition("/")
        if not slash or name not in folders:
            return site(request)
        return folders[name](Request({**request.environ, "REQUEST_URI": f"/{path}"}))

    return answer
