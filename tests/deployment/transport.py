"""How requests reach moto: those of this process without sockets, those of others over connections that stay open."""

import io
from http.client import HTTPMessage
from urllib.parse import urlsplit

from botocore.awsrequest import AWSResponse
from botocore.httpsession import URLLib3Session
from moto.moto_server.werkzeug_app import MotoRequestHandler
from urllib3 import HTTPHeaderDict, HTTPResponse
from werkzeug.test import run_wsgi_app


def sent_here(server, url):
    """What stands in for botocore's way of sending: it hands a request for ``url`` to the server's application."""
    send_over_http = URLLib3Session.send

    def send(session, request):
        if not request.url.startswith(url):
            return send_over_http(session, request)
        asked = _Request(server, request)
        body, status, headers = run_wsgi_app(server.app, asked.make_environ())
        headers.setdefault("Date", asked.date_time_string())
        raw = HTTPResponse(
            io.BytesIO(b"" if request.method == "HEAD" else b"".join(body)),
            headers=HTTPHeaderDict(headers.items()),
            status=int(status.partition(" ")[0]),
            preload_content=False,
            decode_content=False,
            enforce_content_length=False,
        )
        response = AWSResponse(request.url, raw.status, raw.headers, raw)
        if not request.stream_output:
            response.content  # noqa: B018 - reads it
        return response

    return send


def answer(handler):
    """Stands in for werkzeug's way of answering, which closes each connection."""
    if handler.headers.get("Expect", "").lower() == "100-continue":
        handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    environ = handler.make_environ()
    environ["wsgi.input"] = io.BytesIO(handler.rfile.read(int(environ.get("CONTENT_LENGTH") or 0)))
    body, status, headers = run_wsgi_app(handler.server.app, environ)
    content = b"" if handler.command == "HEAD" else b"".join(body)
    length = headers.get("Content-Length", "0") if handler.command == "HEAD" else str(len(content))
    code, _, reason = status.partition(" ")
    handler.send_response(int(code), reason)
    for name, value in headers.items():
        if name.lower() not in {"content-length", "connection"}:
            handler.send_header(name, value)
    handler.send_header("Content-Length", length)
    handler.end_headers()
    handler.wfile.write(content)


class _Request(MotoRequestHandler):
    """A request as the server would have read it."""

    connection = None

    def __init__(self, server, request):
        url = urlsplit(request.url)
        self.server = server
        self.client_address = ("127.0.0.1", 0)
        self.command, self.request_version = request.method, "HTTP/1.1"
        self.path = f"{url.path}?{url.query}" if url.query else url.path
        self.headers = HTTPMessage()
        self.headers["Host"] = url.netloc
        for name, value in request.headers.items():
            self.headers[name] = value.decode() if isinstance(value, bytes) else str(value)
        self.rfile = _read(request.body)


def _read(body):
    if body is None or isinstance(body, bytes | bytearray | str):
        return io.BytesIO(body.encode() if isinstance(body, str) else body or b"")
    return io.BytesIO(body.read())
