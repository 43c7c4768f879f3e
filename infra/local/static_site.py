"""The page's files over HTTP, with the headers that the distribution adds in front of the bucket."""

import json
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

from werkzeug import Request
from werkzeug.security import safe_join

from infra.local.http_server import Response, target

INDEX = "index.html"
"""The file that answers for its folder, whose path ends in a slash."""

PAGE_HEADERS = Path(__file__).parents[1] / "page-headers.json"

# The operating system's table differs from laptop to laptop.
_CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".ts": "text/plain; charset=utf-8",  # the client's types, for people: no browser runs them
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
_NOT_FOUND = (
    b"<!doctype html>\n<html lang=en>\n<title>Not found</title>\n<h1>Not found</h1>\n<p><a href=/>To the page</a>\n"
)


class StaticSite:
    """Serves the files of folders, as the distribution does. A path that ends in a slash has an index.

    A file of an earlier folder goes before one of the same name in a later one.
    """

    def __init__(self, *folders: Path, headers_file: Path = PAGE_HEADERS) -> None:
        self._folders = [folder.resolve() for folder in folders]
        self._headers: dict[str, str] = json.loads(headers_file.read_text("utf-8"))

    def __call__(self, request: Request) -> Response:
        """Answer a request for a file."""
        response = self._answer(request)
        response.headers.update({"Cache-Control": "no-cache", **self._headers})
        return response

    def _answer(self, request: Request) -> Response:
        if request.method not in {"GET", "HEAD"}:
            return Response("Method not allowed\n", 405, {"Allow": "GET, HEAD"}, content_type=content_type(".txt"))
        file = self._find(unquote(target(request).partition("?")[0]))
        if file is None:
            return Response(_NOT_FOUND, 404, content_type=content_type(".html"))
        response = Response(file.read_bytes(), content_type=content_type(file.suffix))
        response.add_etag()
        response.make_conditional(request)
        return response

    def _find(self, path: str) -> Path | None:
        name = path.removeprefix("/")
        if path.endswith("/"):
            name += INDEX
        # An empty part is `//` or a folder; a dot begins `..` and hidden files.
        if any(not part or part.startswith(".") for part in name.split("/")):
            return None
        for folder in self._folders:
            with suppress(OSError, ValueError):  # a name longer than the file system's names, or with a null in it
                file = Path(safe_join(str(folder), name) or "").resolve()
                if file.is_relative_to(folder) and file.is_file():
                    return file
        return None


def folders_of(project: Path) -> tuple[Path, Path]:
    """Return where a project's files for browsers are: the site's own, which go before ours, and ours."""
    return project / "chalicelib" / "site" / "static", project / "static-site"


def content_type(suffix: str) -> str:
    """Return the media type of a file by its name's suffix: the same on every machine, and in the bucket."""
    return _CONTENT_TYPES.get(suffix.lower(), "application/octet-stream")
