"""The mailbox over HTTP: a page, its JSON, and previews of the templates.

Owns who may read it. A mail has tokens, so no page of another origin gets at one, on another port of this machine
neither.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from werkzeug import Request

from infra.local.http_server import Application, Response, Served, names_this_machine, problem, target
from infra.local.mailbox import Mailbox
from infra.local.static_site import content_type

PATH = "/_mailbox"
JSON_PATH = f"{PATH}.json"

_PREVIEWS = f"{PATH}/previews"
_FILES = Path(__file__).parent / "mailbox_page"
# Only these. The page has no other files.
_PAGES = {
    PATH: "mailbox.html",
    _PREVIEWS: "previews.html",
    f"{PATH}/mailbox.css": "mailbox.css",
    f"{PATH}/mailbox.js": "mailbox.js",
    f"{PATH}/icon.svg": "icon.svg",
}
_POLLED = frozenset({JSON_PATH, f"{_PREVIEWS}.json"})

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
# A mail is as strange as what a mail program shows: no script, no network, and an origin that nothing else has. Its
# links open beside the mailbox, in documents that are free of this.
_OF_A_MAIL = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
    ),
    "X-Frame-Options": "SAMEORIGIN",
}
_LINKS_OPEN_BESIDE = '<base target="_blank">'

Letters = Callable[[], Iterable[dict[str, Any]]]
"""Returns what is listed, each with ``id``, ``to``, ``subject``, ``text`` and ``html``."""


class MailboxSite:
    """Answers requests for paths that `is_of_mailbox` is true of."""

    def __init__(
        self, mailbox: Mailbox, previews: Letters, page: Callable[[], str], sends: Callable[[], bool] = lambda: True
    ) -> None:
        """Take the mailbox, the previews, what returns the URL of the site's page, and whether the site sends mails."""
        self._mailbox = mailbox
        self._previews = previews
        self._page = page
        self._sends = sends

    def __call__(self, request: Request) -> Response:
        """Answer a request."""
        response = self._answer(request)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    def _answer(self, request: Request) -> Response:
        path = _path(request)
        if not names_this_machine(request):
            return problem(421, "misdirected_request", "The mailbox answers to 127.0.0.1 and localhost only.")
        if _is_of_another_origin(request) and not (path in (PATH, _PREVIEWS) and _opens_a_window(request)):
            return problem(403, "forbidden", "The mailbox is for its own page and for programs on this machine.")
        if request.method not in {"GET", "HEAD"}:
            refusal = problem(405, "method_not_allowed", "The mailbox can be read only.")
            refusal.headers["Allow"] = "GET, HEAD"
            return refusal
        return self._found(request, path)

    def _found(self, request: Request, path: str) -> Response:
        if path in _PAGES:
            file = _FILES / _PAGES[path]
            content = file.read_bytes()
            if path == PATH and not self._sends():
                content = content.replace(b'data-mails="on"', b'data-mails="off"')
            return Response(content, content_type=content_type(file.suffix))
        if path == f"{PATH}/site":
            return Response(status=302, headers={"Location": self._page()})
        if path == JSON_PATH:
            return _listed(request, self._mailbox.version(), self._mails)
        if path == f"{_PREVIEWS}.json":
            previews = list(self._previews())
            return _listed(request, hashlib.sha256(json.dumps(previews).encode()).hexdigest(), lambda: previews)
        for below, letters in ((f"{PATH}/mails/", self._mails), (f"{_PREVIEWS}/", self._previews)):
            if path.startswith(below):
                return _html_part(letters(), path.removeprefix(below).removesuffix(".html"))
        return problem(404, "not_found", "The mailbox has no such page.")

    def _mails(self) -> list[dict[str, Any]]:
        return [{"from": mail["sender"], **mail} for mail in map(asdict, self._mailbox.mails())]


def is_of_mailbox(request: Request) -> bool:
    """Tell whether a request is for the mailbox."""
    path = _path(request)
    return path in (PATH, JSON_PATH) or path.startswith(f"{PATH}/")


def with_mailbox(mailbox: MailboxSite, other: Application) -> Application:
    """Return what answers a request for the mailbox by it, and all others by ``other``."""
    return lambda request: mailbox(request) if is_of_mailbox(request) else other(request)


def is_poll(served: Served) -> bool:
    """Tell whether the page has asked for news, and there were none."""
    return served.path in _POLLED and served.status == 304  # noqa: PLR2004 - Not Modified


def _path(request: Request) -> str:
    return target(request).partition("?")[0]


def _is_of_another_origin(request: Request) -> bool:
    origin = request.headers.get("Origin")
    if origin is not None and origin.lower() != f"http://{request.host}".lower():
        return True
    # Fetch Metadata Request Headers, section 2.4. A page on another port of this machine is of the same site.
    return request.headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"}


def _opens_a_window(request: Request) -> bool:
    """Tell whether somebody follows a link to a page that is the same for everybody, and shows nothing to others."""
    modes = request.headers.get("Sec-Fetch-Mode"), request.headers.get("Sec-Fetch-Dest")
    return request.method == "GET" and "Origin" not in request.headers and modes == ("navigate", "document")


def _listed(request: Request, version: str, letters: Letters) -> Response:
    response = Response(content_type=content_type(".json"))
    response.set_etag(version)
    response.headers["Cache-Control"] = _HEADERS["Cache-Control"]
    if request.if_none_match.contains(version):
        response.status_code = 304
        return response
    response.set_data(json.dumps(list(letters()), ensure_ascii=False))
    return response


def _html_part(letters: Iterable[dict[str, Any]], name: str) -> Response:
    for letter in letters:
        if letter["id"] == name:
            html = letter["html"]
            head, tag, rest = html.partition("<head>")
            html = f"{head}{tag}{_LINKS_OPEN_BESIDE}{rest}" if tag else f"{_LINKS_OPEN_BESIDE}{html}"
            return Response(html, 200, _OF_A_MAIL, content_type=content_type(".html"))
    return problem(404, "not_found", "The mailbox has no such mail.")
