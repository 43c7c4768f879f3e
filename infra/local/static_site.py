"""The page's files over HTTP, with the headers that the distribution adds in front of the bucket."""

import hashlib
import json
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from urllib.parse import unquote

from infra.local.http_messages import Request, Response

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
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
_NOT_FOUND = (
    b"<!doctype html>\n<html lang=en>\n<title>Not found</title>\n<h1>Not found</h1>\n<p><a href=/>To the page</a>\n"
)


class StaticSite:
    """Serves the files of one folder. Only `/` has an index, as at the distribution."""

    def __init__(self, folder: Path, headers_file: Path = PAGE_HEADERS) -> None:
        self._folder = folder.resolve()
        self._headers: tuple[tuple[str, str], ...] = tuple(json.loads(headers_file.read_text("utf-8")).items())

    def __call__(self, request: Request) -> Response:
        """Answer a request for a file."""
        if request.method not in {"GET", "HEAD"}:
            return self._page(405, b"Method not allowed\n", (("Allow", "GET, HEAD"), _type(".txt")))
        file = self._find(unquote(request.path))
        if file is None:
            return self._page(404, _NOT_FOUND, (_type(".html"),))
        content = file.read_bytes()
        etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        if _has(request.header("If-None-Match"), etag):
            return self._page(HTTPStatus.NOT_MODIFIED, b"", (("ETag", etag),))
        return self._page(200, content, (_type(file.suffix), ("ETag", etag)))

    def _find(self, path: str) -> Path | None:
        parts = ["index.html"] if path == "/" else path.split("/")[1:]
        # An empty part is `//` or a folder; a dot begins `..` and hidden files; `\` and `:` are Windows's own ways out.
        if any(not part or part.startswith(".") or not part.isprintable() or set(part) & set("\\:") for part in parts):
            return None
        with suppress(OSError):  # a name longer than the file system's names
            file = self._folder.joinpath(*parts).resolve()
            return file if file.is_relative_to(self._folder) and file.is_file() else None
        return None

    def _page(self, status: int, body: bytes, headers: tuple[tuple[str, str], ...]) -> Response:
        return Response(status, (*headers, ("Cache-Control", "no-cache"), *self._headers), body)


def content_type(suffix: str) -> str:
    """Return the media type of a file by its name's suffix: the same on every machine, and in the bucket."""
    return _CONTENT_TYPES.get(suffix.lower(), "application/octet-stream")


def _type(suffix: str) -> tuple[str, str]:
    return ("Content-Type", content_type(suffix))


def _has(if_none_match: str | None, etag: str) -> bool:
    candidates = [candidate.strip().removeprefix("W/") for candidate in (if_none_match or "").split(",")]
    return etag in candidates or "*" in candidates
