import json
import socket

import pytest
from chalice.app import Chalice, Response

from infra.local.api_gateway import ApiGateway
from infra.local.application import stage_config
from infra.local.development_site import DevelopmentSite
from infra.local.environment import PROJECT
from infra.local.output import log_request
from infra.local.static_site import PAGE_HEADERS, StaticSite


def tiny_application() -> Chalice:
    """Build an API that repeats what it was sent."""
    app = Chalice("tiny")

    @app.route("/echo/{name}", methods=["GET", "POST"])
    def echo(name):
        request = app.current_request
        body = {"name": name, "query": request.query_params, "headers": dict(request.headers)}
        headers = {"Set-Cookie": ["a=1", "b=2"], "Content-Type": "application/json"}
        return Response({**body, "body": request.raw_body.decode()}, headers=headers)

    @app.route("/")
    def root():
        return {"root": True}

    return app


@pytest.fixture
def folder(tmp_path):
    site = tmp_path / "site"
    (site / "js").mkdir(parents=True)
    (site / "members").mkdir()
    (site / "members" / "index.html").write_text("<h1>Members</h1>")
    (site / "index.html").write_text("<h1>Page</h1>")
    (site / "styles.css").write_text("h1 {}")
    (site / "js" / "main.js").write_text("export {};")
    (site / "js" / "main.d.ts").write_text("export {}")
    (site / ".hidden").write_text("secret")
    (tmp_path / "outside.txt").write_text("secret")
    (site / "link.txt").symlink_to(tmp_path / "outside.txt")
    return site


@pytest.fixture
def port(folder, serve):
    api = ApiGateway(tiny_application(), stage_config(PROJECT))
    return serve(DevelopmentSite(api, StaticSite(folder)), log=log_request)


def test_a_file_of_the_sites_own_goes_before_one_of_ours(folder, tmp_path, serve, ask):
    own = tmp_path / "own"
    (own / "members").mkdir(parents=True)
    (own / "index.html").write_text("<h1>Own</h1>")
    (own / "members" / "orders.html").write_text("<h1>Orders</h1>")
    (own / "link.txt").symlink_to(tmp_path / "outside.txt")
    api = ApiGateway(tiny_application(), stage_config(PROJECT))
    port = serve(DevelopmentSite(api, StaticSite(own, folder)), log=log_request)
    bodies = {path: ask(port, "GET", path).body for path in ("/", "/members/orders.html", "/members/", "/styles.css")}
    assert bodies == {
        "/": b"<h1>Own</h1>",
        "/members/orders.html": b"<h1>Orders</h1>",
        "/members/": b"<h1>Members</h1>",
        "/styles.css": b"h1 {}",
    }
    assert ask(port, "GET", "/link.txt").status == 404


@pytest.mark.parametrize(
    ("path", "content_type", "body"),
    [
        ("/", "text/html; charset=utf-8", b"<h1>Page</h1>"),
        ("/members/", "text/html; charset=utf-8", b"<h1>Members</h1>"),
        ("/members/?a=/b", "text/html; charset=utf-8", b"<h1>Members</h1>"),
        ("/index.html?query", "text/html; charset=utf-8", b"<h1>Page</h1>"),
        ("/styles.css", "text/css; charset=utf-8", b"h1 {}"),
        ("/js/main.js", "text/javascript; charset=utf-8", b"export {};"),
        ("/js/main.d.ts", "text/plain; charset=utf-8", b"export {}"),
        ("/js/%6Dain.js", "text/javascript; charset=utf-8", b"export {};"),
    ],
)
def test_files_have_their_type_and_the_headers_of_the_distribution(port, ask, path, content_type, body):
    answer = ask(port, "GET", path)

    assert (answer.status, answer.headers["Content-Type"], answer.body) == (200, content_type, body)
    assert answer.headers["Cache-Control"] == "no-cache"
    for name, value in json.loads(PAGE_HEADERS.read_text()).items():
        assert answer.headers[name] == value


def test_the_policy_allows_the_page_its_own_origin_and_nothing_else(port, ask):
    policy = ask(port, "GET", "/").headers["Content-Security-Policy"]

    directives = dict(directive.split(" ", 1) for directive in policy.split("; "))
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == "'self'"
    assert directives["frame-ancestors"] == "'none'"


def test_an_unchanged_file_is_not_sent_again_and_a_changed_one_is(port, ask, folder):
    etag = ask(port, "GET", "/").headers["ETag"]

    unchanged = ask(port, "GET", "/", {"If-None-Match": f'"other", W/{etag}'})
    assert (unchanged.status, unchanged.body, unchanged.headers["ETag"]) == (304, b"", etag)

    (folder / "index.html").write_text("<h1>New</h1>")
    assert ask(port, "GET", "/", {"If-None-Match": etag}).body == b"<h1>New</h1>"


@pytest.mark.parametrize(
    "target",
    [
        "/missing",
        "/js",
        "/js/",
        "/members",
        "/members//",
        "//members/",
        "//",
        "/./",
        "/../",
        "/members/../",
        "/index.html/",
        "/.hidden",
        "/../outside.txt",
        "/js/../../outside.txt",
        "/%2e%2e/outside.txt",
        "/..%2foutside.txt",
        "/js%2f..%2f..%2foutside.txt",
        "/..%5coutside.txt",
        "/..%255coutside.txt",
        "/%252e%252e/outside.txt",
        "/..\\outside.txt",
        "//etc/passwd",
        "/%00",
        "/index.html%00.png",
        "/link.txt",
        "/etc/passwd",
        "/%2fetc/passwd",
        "/js//main.js",
        "/apix",
        pytest.param("/" + "a" * 5000, id="a long name"),
        "/%ff",
    ],
)
def test_what_is_not_a_file_of_the_page_is_a_plain_404(port, target):
    # Not by http.client, which would tidy the path up.
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))

    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"secret" not in answer
    assert b"root:" not in answer
    assert b"Content-Security-Policy" in answer


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_a_file_can_only_be_read(port, ask, method):
    answer = ask(port, method, "/index.html", body=b"x")

    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_head_tells_the_size_and_sends_nothing(port, ask):
    answer = ask(port, "HEAD", "/")

    assert (answer.status, answer.headers["Content-Length"], answer.body) == (200, "13", b"")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8000", "localhost:9", "LOCALHOST", "[::1]:8000"])
def test_this_machines_names_are_answered(port, ask, host):
    assert ask(port, "GET", "/", {"Host": host}).status == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost@evil", "", "127.0.0.1:8000/x"])
@pytest.mark.parametrize("path", ["/", "/api/echo/x"])
def test_a_foreign_name_is_answered_with_nothing_of_page_or_api(port, ask, host, path):
    answer = ask(port, "GET", path, {"Host": host})

    assert (answer.status, json.loads(answer.body)["error"]) == (421, "misdirected_request")


def test_the_api_gets_a_request_whole_without_its_prefix(port, ask):
    headers = {"Content-Type": "application/json", "X-Custom": "value"}

    answer = ask(port, "POST", "/api/echo/alice?a=1&a=2", headers, "grüße".encode())

    echo = json.loads(answer.body)
    assert (echo["name"], echo["query"], echo["body"]) == ("alice", {"a": "2"}, "grüße")
    assert echo["headers"]["x-custom"] == "value"
    assert answer.headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    assert "Content-Security-Policy" not in answer.headers


@pytest.mark.parametrize("target", ["/api", "/api/", "/api?query=1"])
def test_the_api_has_a_root(port, ask, target):
    answer = ask(port, "GET", target)

    assert (answer.headers["Content-Type"], json.loads(answer.body)) == ("application/json", {"root": True})


def test_a_header_that_comes_twice_reaches_the_api_joined(port):
    request = "GET /api/echo/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    request += "X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request.encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))

    headers = json.loads(answer.partition(b"\r\n\r\n")[2])["headers"]
    assert headers["x-forwarded-for"] == "1.1.1.1, 2.2.2.2"


def test_a_request_is_logged_without_query_headers_or_body(port, ask, capsys):
    ask(port, "POST", "/api/echo/alice?token=query", {"Authorization": "Bearer header"}, b"password")

    [line] = capsys.readouterr().out.splitlines()
    assert "POST    /api/echo/alice 200 " in line
    assert not {"query", "header", "Bearer", "password"} & set(line.replace("?", " ").replace("=", " ").split())


def test_a_path_cannot_steer_the_terminal(port, capsys):
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(b"GET /\x1b[31mred HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert connection.recv(65536)

    printed = capsys.readouterr().out
    assert "red" in printed
    assert "\x1b" not in printed
