"""Where webhooks go: the addresses that are allowed, and what an endpoint can do wrong."""

import ipaddress
import socket
import ssl
import threading
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.adapters.webhook_endpoint import WebhookEndpoint, connected, is_public
from chalicelib.errors import ServiceUnavailable
from tests.support.certificates import write_certificate
from tests.support.webhooks import receiving

NAME = "receiver.example"
PUBLIC = "8.8.8.8"


def at(port, path="/hooks", **others):
    """The endpoint on a port of this machine."""
    return WebhookEndpoint(f"http://127.0.0.1:{port}{path}", on_this_machine=True, **others)


def reason(endpoint):
    with pytest.raises(ServiceUnavailable) as failure:
        endpoint.post(b"{}", {})
    return failure.value.reason


@contextmanager
def speaking(*parts, wait=None):
    """A server that says these bytes to whoever connects, whatever is asked, and waits before it hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                try:
                    for part in parts:
                        connection.sendall(part)
                    while wait is not None and not wait.wait(0.01):
                        connection.sendall(b"X")
                except OSError:
                    pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(60)


class TestAddresses:
    @pytest.mark.parametrize(
        "address",
        [
            "127.0.0.1",
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "169.254.169.254",
            "169.254.170.2",
            "172.16.0.1",
            "192.168.1.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fe80::1%eth0",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2002:a9fe:a9fe::1",
            "nonsense",
        ],
    )
    def test_what_a_function_must_not_reach_is_refused(self, address):
        asked = []
        endpoint = WebhookEndpoint(
            f"https://{NAME}/", resolve=lambda *_: [PUBLIC, address], connect=lambda *to: asked.append(to)
        )
        assert reason(endpoint) == "the address is none of the internet"
        assert asked == []

    @given(st.integers(0, 2**32 - 1))
    def test_an_address_in_ipv6_is_allowed_only_if_it_is_in_ipv4(self, number):
        inner = ipaddress.IPv4Address(number)
        for outer in (f"::ffff:{inner}", f"64:ff9b::{number >> 16:x}:{number & 0xFFFF:x}"):
            assert is_public(str(inner)) or not is_public(outer)

    @pytest.mark.parametrize("address", [PUBLIC, "2606:4700:4700::1111", "64:ff9b::808:808"])
    def test_addresses_of_the_internet_are_allowed(self, address):
        assert is_public(address)

    def test_the_connection_goes_to_the_address_that_was_checked_whatever_the_name_leads_to_next(self):
        answers, connections = [["8.8.8.8"], ["169.254.169.254"]], []

        def connect(address, port, _):
            connections.append((address, port))
            raise ConnectionRefusedError

        endpoint = WebhookEndpoint(f"https://{NAME}/", resolve=lambda *_: answers.pop(0), connect=connect)
        assert reason(endpoint) == "no connection"
        assert connections == [("8.8.8.8", 443)]
        assert reason(endpoint) == "the address is none of the internet"
        assert len(connections) == 1

    def test_on_a_laptop_only_the_machine_itself_is_reached_by_its_name(self):
        endpoint = WebhookEndpoint("http://localhost:9/", on_this_machine=True, resolve=lambda *_: [PUBLIC])
        assert reason(endpoint) == "the address is none of the internet"

    def test_a_name_without_an_address_is_no_connection(self):
        def resolve(*_):
            raise socket.gaierror

        assert reason(WebhookEndpoint(f"https://{NAME}/", resolve=resolve)) == "the name has no address"


class TestAnswers:
    def test_a_message_arrives_as_it_was_signed(self):
        with receiving() as received:
            assert at(received.port, "/hooks?key=1").post(b'{"a":1}', {"webhook-id": "evt_1"}) == 204
        ((path, body, headers),) = received.requests
        assert (path, body, headers["webhook-id"]) == ("/hooks?key=1", b'{"a":1}', "evt_1")
        assert headers["Host"] == f"127.0.0.1:{received.port}"

    def test_a_redirect_is_not_followed(self):
        def answer(handler):
            handler.send_response(302)
            handler.send_header("Location", "/elsewhere")
            handler.end_headers()

        with receiving(answer) as received:
            assert at(received.port).post(b"{}", {}) == 302
        assert [path for path, *_ in received.requests] == ["/hooks"]

    def test_of_a_huge_answer_only_the_status_is_read(self):
        written = []

        def answer(handler):
            handler.send_response(200)
            handler.send_header("Content-Length", str(10**12))
            handler.end_headers()
            try:
                for _ in range(1000):
                    handler.wfile.write(b"x" * 1_000_000)
                    written.append(1)
            except OSError:
                pass

        with receiving(answer) as received:
            assert at(received.port).post(b"{}", {}) == 200
        assert len(written) < 1000

    @pytest.mark.parametrize(
        "parts",
        [
            [],
            [b"SSH-2.0-OpenSSH\r\n"],
            [b"HTTP/1.1 999999 No\r\n\r\n"],
            [b"HTTP/1.1 200 OK\r\n", b"a: b\r\n" * 500, b"\r\n"],
            [b"HTTP/1.1 200 OK\r\nlong: ", b"x" * 100_000, b"\r\n\r\n"],
        ],
        ids=["nothing", "no HTTP", "no status", "many headers", "a long header"],
    )
    def test_what_is_no_answer_is_one(self, parts):
        with speaking(*parts) as port:
            assert reason(at(port)) == "no connection"

    @pytest.mark.parametrize("begun", [[], [b"HTTP/1.1 200 OK\r\nslow: "], [b"HTTP/1.1 100 Continue\r\n\r\n"]])
    def test_an_endpoint_that_answers_byte_by_byte_has_no_more_time_than_another(self, begun):
        end = threading.Event()
        with speaking(*begun, wait=end) as port:
            assert reason(at(port, time_limit=0.2)) in {"no answer in time", "no connection"}
            end.set()

    def test_an_endpoint_that_never_answers_is_left(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            assert reason(at(server.getsockname()[1], time_limit=0.1)) == "no answer in time"

    def test_nobody_who_listens_is_no_connection(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        assert reason(at(port)) == "no connection"


@pytest.fixture
def certificate(tmp_path):
    """Make a certificate for a name, with its key."""
    return lambda name, days=1: write_certificate(tmp_path / f"{name}.pem", name, days=days)


@contextmanager
def encrypted(path, version=ssl.TLSVersion.TLSv1_3):
    """An endpoint with TLS. Yields its port, and the requests and names that reach it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    context.maximum_version = version
    seen = []
    context.sni_callback = lambda _, name, __: seen.append(name)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            connection, _ = server.accept()
            try:
                with context.wrap_socket(connection, server_side=True) as wrapped:
                    asked = wrapped.recv(65536)
                    while asked and not asked.endswith(b"{}"):
                        asked += wrapped.recv(65536)
                    seen.append(asked)
                    wrapped.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
            except OSError:
                pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1], seen
        thread.join(60)


class TestEncryption:
    def endpoint(self, port, trusted):
        """The endpoint by its name, whose address is said to be one of the internet."""
        return WebhookEndpoint(
            f"https://{NAME}/hooks",
            resolve=lambda *_: [PUBLIC],
            connect=lambda _, __, seconds: connected("127.0.0.1", port, seconds),
            tls=lambda: ssl.create_default_context(cafile=trusted),
        )

    def test_the_certificate_is_the_names_and_not_the_addresss(self, certificate):
        path = certificate(NAME)
        with encrypted(path) as (port, seen):
            assert self.endpoint(port, path).post(b"{}", {}) == 204
        assert seen[0] == NAME
        assert f"Host: {NAME}\r\n".encode() in seen[1]

    def test_a_certificate_of_another_name_is_refused_and_nothing_is_sent(self, certificate):
        path = certificate("other.example")
        with encrypted(path) as (port, seen):
            assert reason(self.endpoint(port, path)) == "no TLS"
        assert [each for each in seen if isinstance(each, bytes) and each] == []

    def test_a_certificate_that_nobody_vouches_for_is_refused(self, certificate):
        with encrypted(certificate(NAME)) as (port, _):
            assert reason(self.endpoint(port, None)) == "no TLS"

    def test_a_certificate_that_has_ended_is_refused(self, certificate):
        path = certificate(NAME, days=-1)
        with encrypted(path) as (port, _):
            assert reason(self.endpoint(port, path)) == "no TLS"

    def test_an_endpoint_without_tls_is_refused(self, certificate):
        with speaking(b"HTTP/1.1 204 No Content\r\n\r\n") as port:
            assert reason(self.endpoint(port, certificate(NAME))) == "no TLS"

    def test_a_handshake_has_the_same_limit(self, certificate):
        with socket.create_server(("127.0.0.1", 0)) as server:
            endpoint = self.endpoint(server.getsockname()[1], certificate(NAME))
            endpoint._time_limit = 0.1
            assert reason(endpoint) == "no answer in time"
