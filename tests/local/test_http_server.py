import errno
import http.client
import json
import socket
import threading
from contextlib import closing

import pytest

from infra.local.errors import PortTakenError
from infra.local.http_server import HEADER_LIMIT, HttpServer, Response, target

LIMIT = 1000


@pytest.fixture
def requests():
    return []


@pytest.fixture
def port(serve, requests):
    def application(request):
        requests.append(request)
        if request.path == "/fails":
            raise RuntimeError("on purpose")
        if request.path == "/header":
            return Response(headers={"X-Header": request.get_data().decode()})
        return Response(request.get_data(), content_type="text/plain")

    return serve(application, body_limit=LIMIT)


@pytest.fixture
def converse(port):
    """Send bytes as they are and return all that comes back until the server hangs up."""

    def converse(sent: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    return converse


def problem_in(answer: bytes) -> dict:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"Content-Type: application/problem+json" in head
    assert b"Cache-Control: no-store" in head
    return json.loads(body)


def test_one_connection_serves_many_requests(port, requests):
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.connect()
        first_socket = connection.sock
        for number in range(3):
            connection.request("POST", f"/{number}", b"body %d" % number)
            assert connection.getresponse().read() == b"body %d" % number
            assert connection.sock is first_socket

    assert [target(request) for request in requests] == ["/0", "/1", "/2"]


@pytest.mark.parametrize("status", [204, 304])
def test_a_connection_survives_an_answer_without_a_body(serve, status):
    port = serve(lambda request: Response(status=status))

    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.connect()
        first_socket = connection.sock
        for _ in range(2):
            connection.request("GET", "/")
            response = connection.getresponse()
            assert (response.status, response.read()) == (status, b"")
            assert connection.sock is first_socket


@pytest.mark.parametrize(
    "headers", [b"HTTP/1.0\r\nHost: localhost", b"HTTP/1.1\r\nHost: localhost\r\nConnection: close"]
)
def test_a_client_that_wants_to_be_hung_up_on_is(serve, headers):
    port = serve(lambda request: Response(status=204))

    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(b"GET / " + headers + b"\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))

    assert b" 204 " in answer


def test_an_answer_does_not_name_the_server_software(port, ask):
    assert "Server" not in ask(port, "GET", "/").headers


@pytest.mark.parametrize("between", [b"", b"Accept: */*\r\n"])
def test_cookies_in_several_headers_are_joined_as_those_of_one(converse, requests, between):
    head = b"Host: localhost\r\nCookie: a=1, x\r\n" + between + b"cookie:b=2;  c=3 \r\nX-Last: y\r\n"

    converse(b"GET / HTTP/1.1\r\n" + head + b"Connection: close\r\n\r\n")

    (request,) = requests
    assert request.headers["Cookie"] == "a=1, x; b=2;  c=3"
    assert (request.headers["Host"], request.headers["X-Last"]) == ("localhost", "y")


def test_a_body_over_the_limit_is_refused_before_it_is_sent(port, requests):
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999999\r\n\r\nstart")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert problem_in(answer)["error"] == "payload_too_large"
    assert requests == []


def test_a_client_that_sends_a_refused_body_anyway_gets_to_read_the_refusal(port, ask):
    assert ask(port, "POST", "/", body=b"x" * 5_000_000).status == 413


def test_a_body_at_the_limit_is_accepted(port, ask):
    assert ask(port, "POST", "/", body=b"x" * LIMIT).body == b"x" * LIMIT


CHUNKED = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_a_body_in_chunks_ends_where_its_chunks_end(converse, requests):
    second = b"GET /second HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

    answer = converse(CHUNKED + b"2\r\nhi\r\n0\r\n\r\n" + second)

    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert [(target(request), request.get_data()) for request in requests] == [("/", b"hi"), ("/second", b"")]


def test_a_length_beside_chunks_does_not_make_a_second_request_of_the_body(converse, requests):
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
    sent = CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Length: 3\r\nConnection: close\r\n\r\n")

    converse(sent + b"%x\r\n%s\r\n0\r\n\r\n" % (len(smuggled), smuggled))

    assert [(target(request), request.get_data()) for request in requests] == [("/", smuggled)]


def test_a_body_in_chunks_has_the_same_limit(converse, requests):
    answer = converse(CHUNKED + b"%x\r\n%s\r\n0\r\n\r\n" % (LIMIT + 1, b"x" * (LIMIT + 1)))

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert problem_in(answer)["error"] == "payload_too_large"
    assert requests == []


def test_headers_without_an_end_are_refused(port, requests):
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ".ljust(HEADER_LIMIT, b"y"))
        answer = b"".join(iter(lambda: connection.recv(65536), b""))

    assert answer.startswith(b"HTTP/1.1 431 ")
    assert requests == []


@pytest.mark.parametrize("length", [b"junk", b"-1", b"1, 2", b"+5", b"0x5", "\u0661".encode(), b""])
def test_a_content_length_that_is_no_number_is_refused(converse, requests, length):
    answer = converse(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + length + b"\r\n\r\nhello")

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert requests == []


@pytest.mark.parametrize(
    "sent",
    [
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET http://[ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"garbage\r\n\r\n",
        b"GET / HTTP/9.9 extra\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nA header without a colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\nY: b\r\n\r\n",
    ],
    ids=["two lengths", "absolute target", "no URL", "no HTTP", "bad request line", "no header", "bare line feed"],
)
def test_what_is_not_a_sound_request_is_refused_in_the_shape_of_every_error(converse, requests, sent):
    answer = converse(sent)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert problem_in(answer)["error"] == "invalid_request"
    assert requests == []


def test_a_body_that_is_shorter_than_its_length_reaches_nobody(converse, requests):
    assert converse(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nshort") == b""
    assert requests == []


def test_a_content_length_of_thousands_of_digits_is_refused(converse):
    answer = converse(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 400 ")


def test_a_client_that_asks_before_it_sends_is_told_to_go_on(converse):
    answer = converse(b"POST / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi")

    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\nhi")


def test_a_failure_of_the_application_is_answered_and_printed(port, ask, capsys):
    answer = ask(port, "GET", "/fails")

    assert (answer.status, json.loads(answer.body)["error"]) == (500, "internal_error")
    assert "on purpose" not in answer.body.decode()
    assert "RuntimeError: on purpose" in capsys.readouterr().err
    assert ask(port, "GET", "/").status == 200


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: evil=1", "a\nb", "€"])
def test_a_header_that_would_become_two_is_not_sent(port, ask, value, capsys, caplog):
    answer = ask(port, "POST", "/header", body=value.encode())

    assert (answer.status, json.loads(answer.body)["error"]) == (500, "internal_error")
    assert not {"X-Header", "Set-Cookie"} & set(answer.headers)
    assert "Error: " in capsys.readouterr().err + caplog.text


def test_the_server_listens_on_the_loopback_address_alone(port):
    with socket.create_connection(("127.0.0.1", port), timeout=30):
        pass
    with pytest.raises(OSError, match=r"refused|unreachable|assign"):
        socket.create_connection(("127.0.0.2", port), timeout=30)


def test_a_slow_answer_holds_up_no_other(serve, ask):
    entered, go_on, answers = threading.Event(), threading.Event(), []

    def application(request):
        if request.path == "/slow":
            entered.set()
            go_on.wait(30)
        return Response(request.path)

    port = serve(application)
    slow = threading.Thread(target=lambda: answers.append(ask(port, "GET", "/slow").body))
    slow.start()
    assert entered.wait(30)
    assert ask(port, "GET", "/quick").body == b"/quick"
    assert answers == []
    go_on.set()
    slow.join(30)

    assert answers == [b"/slow"]


def test_a_head_request_gets_the_headers_of_a_get_and_no_body(serve, ask):
    port = serve(lambda request: Response("hello"))

    answer = ask(port, "HEAD", "/")

    assert (answer.headers["Content-Length"], answer.body) == ("5", b"")


def test_a_taken_port_is_an_error_that_knows_the_port(port):
    with pytest.raises(PortTakenError) as error:
        HttpServer(port, body_limit=LIMIT)

    assert error.value.port == port


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "port 80 is not allowed to this user"),
        (OSError(errno.EADDRNOTAVAIL, "Cannot assign"), "port 80 cannot be used: Cannot assign"),
    ],
)
def test_a_port_that_cannot_be_had_is_an_error_that_says_why(monkeypatch, refusal, said):
    def refuse(*_, **__):
        raise refusal

    monkeypatch.setattr(socket, "create_server", refuse)

    with pytest.raises(PortTakenError, match=said):
        HttpServer(80, body_limit=LIMIT)


def test_stopping_lets_an_answer_finish_and_leaves_no_thread():
    before = threading.active_count()
    entered, go_on, answers = threading.Event(), threading.Event(), []
    server = HttpServer(0, body_limit=LIMIT)

    def application(request):
        entered.set()
        go_on.wait(30)
        return Response("finished")

    def client():
        with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)) as connection:
            connection.request("GET", "/")
            answers.append(connection.getresponse().read())

    server.start(application)
    asking = threading.Thread(target=client)
    idle = socket.create_connection(("127.0.0.1", server.port))
    asking.start()
    assert entered.wait(30)
    threading.Timer(0.1, go_on.set).start()
    server.stop()
    asking.join(30)

    assert answers == [b"finished"]
    assert idle.recv(1) == b"", "an idle connection was closed"
    idle.close()
    while threading.active_count() > before:
        next(thread for thread in threading.enumerate() if thread is not threading.main_thread()).join(1)
