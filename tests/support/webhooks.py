"""Receivers of webhooks, and the stream's records of events."""

import ssl
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace

from chalicelib.adapters.dynamodb.items import event_to_item
from chalicelib.credentials.webhook_secrets import new_secret, written
from chalicelib.webhooks_wiring import WebhookClients, Webhooks
from tests.support.http_servers import serving

PARAMETER = "/lychgate/test/webhook-secrets"


class FakeEndpoint:
    """An endpoint that answers as it is told, and remembers what it was sent."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []

    def post(self, body, headers):
        self.requests.append((body, dict(headers)))
        answer = self.answers.pop(0) if self.answers else 204
        if isinstance(answer, Exception):
            raise answer
        return answer


class FakeParameters:
    """Parameter Store with the secrets in it."""

    exceptions = SimpleNamespace(ParameterNotFound=type("ParameterNotFound", (Exception,), {}))

    def __init__(self, *secrets):
        self.value = written(secrets or [new_secret()])
        self.reads = 0
        self.failure = None

    def get_parameter(self, **_):
        self.reads += 1
        if self.failure is not None:
            raise self.failure
        return {"Parameter": {"Value": self.value}}


def webhooks_with(endpoint, parameters=None, clock=time.time, **settings):
    """The webhooks of a process, with an endpoint and secrets of a test's own."""
    environment = {
        "LYCHGATE_WEBHOOK_URL": "https://receiver.example/hooks",
        "LYCHGATE_WEBHOOK_SECRETS_PARAMETER": PARAMETER,
        **settings,
    }
    found = parameters or FakeParameters()
    clients = WebhookClients(ssm=lambda: found)
    if endpoint is not None:
        clients = WebhookClients(ssm=lambda: found, endpoint=lambda _: endpoint)
    return Webhooks(environment, clients=clients, clock=clock)


def record_of(event, number=100, *, event_name="INSERT", created=None):
    """The record by which the stream passes on that an event was put into the history, or an item as it is."""
    item = event if isinstance(event, dict) else event_to_item(event)
    return {
        "eventID": f"{number:032x}",
        "eventName": event_name,
        "eventSource": "aws:dynamodb",
        "dynamodb": {
            "ApproximateCreationDateTime": time.time() if created is None else created,
            "Keys": {name: item.get(name) for name in ("user_id", "event_id")},
            "NewImage": item,
            "SequenceNumber": str(number),
            "StreamViewType": "NEW_IMAGE",
        },
    }


def batch_of(*events):
    """The event by which Lambda passes on records, oldest first."""
    return {"Records": [record_of(event, number) for number, event in enumerate(events, start=100)]}


class Received:
    """What came to a receiver over HTTP."""

    def __init__(self):
        self.requests = []
        self.port = 0


@contextmanager
def receiving(answer=None, certificate=None):
    """Receive webhooks on a port of this machine, with TLS if there is a certificate.

    ``answer`` takes the handler, and answers; 204 without one.
    """
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            received.requests.append((self.path, body, dict(self.headers)))
            if answer is not None:
                answer(self)
                return
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    with serving(Handler) as server:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            # The handshake is its thread's, who is to come next does not wait for it.
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.daemon_threads = True
        server.block_on_close = False
        received.port = server.server_address[1]
        yield received
