"""HTTPS in front of the real server: hosts of a test's own that are this machine, with a certificate for them."""

import base64
import datetime
import hashlib
import http.client
import ssl
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.browser.development_server import PATIENCE_SECONDS
from tests.support.http_servers import serving


class Certificate:
    """A certificate for these hosts, good for a day."""

    def __init__(self, folder, *hosts):
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, hosts[0])])
        now = datetime.datetime.now(tz=datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
            .sign(key, hashes.SHA256())
        )
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file = folder / "certificate.pem"
        file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(file)
        public = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        fingerprint = base64.b64encode(hashlib.sha256(public).digest()).decode()
        self.flags = (
            f"--host-resolver-rules={', '.join(f'MAP {host} 127.0.0.1' for host in hosts)}",
            f"--ignore-certificate-errors-spki-list={fingerprint}",
        )
        """What makes a browser find these hosts here, and accept this one certificate."""


@contextmanager
def serving_https(certificate, answer):
    """Serve a free port with a certificate, by a function of a request, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self):
            answer(self)

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - named so by the library

        def log_message(self, *_):
            pass

    class Server(ThreadingHTTPServer):
        def get_request(self):
            connection, address = super().get_request()
            # The handshake waits for the first byte that is read, in the connection's own thread.
            return certificate.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

        def handle_error(self, *_):
            """A browser hangs up on connections that it made ahead of time."""

    with serving(Handler, Server) as listening:
        yield listening.server_address[1]


def pass_on(request, port, note=lambda status: None):
    """Let the real server at this port answer a request, with a `Host` of its own, and note the status before."""
    body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)) as connection:
        connection.putrequest(request.command, request.path, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", f"127.0.0.1:{port}")
        for name, value in request.headers.items():
            if name.lower() not in {"host", "connection"}:
                connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        answer = response.read()
    note(response.status)
    request.send_response(response.status)
    for name, value in response.getheaders():
        if name.lower() not in {"connection", "content-length", "date", "server", "transfer-encoding"}:
            request.send_header(name, value)
    request.send_header("Content-Length", str(len(answer)))
    request.end_headers()
    request.wfile.write(answer)
