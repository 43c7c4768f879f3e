import http.client
import json
import socket
import threading
from contextlib import closing

import pytest

from infra.local.errors import PortTakenError
from infra.local.http_messages import Response
from infra.local.http_server import HttpServer

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
        return Response(200, (("Content-Type", "text/plain"),), request.body)

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

    assert [request.target for request in requests] == ["/0", "/1", "/2"]


def test_an_answer_does_not_name_the_server_software(port, ask):
    assert "Server" not in ask(port, "GET", "/").headers


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


def test_a_body_in_chunks_is_refused_and_not_taken_for_the_next_request(converse, requests):
    smuggled = b"1\r\nx\r\n0\r\n\r\nGET /second HTTP/1.1\r\nHost: localhost\r\n\r\n"

    answer = converse(b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + smuggled)

    assert answer.startswith(b"HTTP/1.1 411 ")
    assert problem_in(answer)["error"] == "length_required"
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
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nshort",
        b"GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"garbage\r\n\r\n",
        b"GET / HTTP/9.9 extra\r\n\r\n",
    ],
    ids=["two lengths", "short body", "absolute target", "no HTTP", "bad request line"],
)
def test_what_is_not_a_sound_request_is_refused_in_the_shape_of_every_error(converse, requests, sent):
    answer = converse(sent)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert problem_in(answer)["error"] == "invalid_request"
    assert requests == []


def test_a_content_length_of_thousands_of_digits_is_too_large(converse):
    answer = converse(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_client_that_asks_before_it_sends_is_told_to_go_on(converse):
    answer = converse(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi")

    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\nhi")


def test_a_failure_of_the_application_is_answered_and_printed(port, ask, capsys):
    answer = ask(port, "GET", "/fails")

    assert (answer.status, json.loads(answer.body)["error"]) == (500, "internal_error")
    assert "on purpose" not in answer.body.decode()
    assert "RuntimeError: on purpose" in capsys.readouterr().err
    assert ask(port, "GET", "/").status == 200


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: evil=1", "a\nb", "€"])
def test_a_header_that_would_become_two_cannot_be_built(value):
    with pytest.raises(ValueError, match="header"):
        Response(200, (("X-Header", value),))


def test_a_head_request_gets_the_headers_of_a_get_and_no_body(serve, ask):
    port = serve(lambda request: Response(200, (), b"hello"))

    answer = ask(port, "HEAD", "/")

    assert (answer.headers["Content-Length"], answer.body) == ("5", b"")


def test_a_taken_port_is_an_error_that_knows_the_port(port):
    with pytest.raises(PortTakenError) as error:
        HttpServer(port, body_limit=LIMIT)

    assert error.value.port == port


def test_stopping_lets_an_answer_finish_and_leaves_no_thread():
    before = threading.active_count()
    entered, go_on, answers = threading.Event(), threading.Event(), []
    server = HttpServer(0, body_limit=LIMIT)

    def application(request):
        entered.set()
        go_on.wait(30)
        return Response(200, (), b"finished")

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
