"""Services of other projects that docs/protect-elsewhere.md has one write refuse whatever is no access token for them.

Each is asked the same, with tokens of a real server, and with others that its own key has signed.
"""

import asyncio
import base64
import contextlib
import http.server
import importlib
import json
import os
import re
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jwt
import pytest

from chalicelib.tokens.keys import generate_signing_jwk
from tests.browser.development_server import DevelopmentServer
from tests.client.find_node import node_folder
from tests.guides.markdown import Page
from tests.guides.newcomer import write
from tests.support.http_servers import serving
from tests.support.node_projects import TOOLS
from tests.support.oracles import found_in_oracles
from tests.support.ports import free_port

PAGE = Page("docs/protect-elsewhere.md")
PYTHON = {block.path: block.text for block in PAGE.blocks if block.path.endswith(".py")}
NO_TOKEN = 'Bearer realm="orders"'
BAD_TOKEN = f'{NO_TOKEN}, error="invalid_token"'
NO_ROLE = f'{NO_TOKEN}, error="insufficient_scope"'
METHOD_ARN = "arn:aws:execute-api:us-east-1:123456789012:abcdef/prod/GET/orders/7"


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    """A server of this project."""
    server = DevelopmentServer(tmp_path_factory.mktemp("api"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def tokens(api):
    """Each kind of Authorization header, by what is to become of it."""
    body = {"username": "Alice", "password": "correct horse battery staple"}
    registered = post(f"{api.url}/api/auth/register", body)
    good = registered["access_token"]
    [key] = json.loads((api.data_directory / "signing-keys.json").read_text("utf-8"))["keys"]
    other = {**generate_signing_jwk(), "kid": "another"}
    claims = jwt.decode(good, options={"verify_signature": False})
    now = int(time.time())

    def signed(changes, by=key, **header):
        header = {"typ": "at+jwt", "kid": by["kid"], **header}
        return jwt.encode({**claims, **changes}, jwt.PyJWK(by).key, by["alg"], header)

    public = jwt.PyJWK(key).key.public_key().public_numbers()
    by_public_key = {"typ": "at+jwt", "kid": key["kid"]}
    bad = {
        "a refresh token": registered["refresh_token"],
        "a token of another type": signed({}, typ="JWT"),
        "an expired token": signed({"iat": now - 700, "exp": now - 1}),
        "a token for another API": signed({"aud": "https://other.example/api"}),
        "a token of another issuer": signed({"iss": "https://other.example/api"}),
        "a token by an unknown key": signed({}, by=other),
        "a token by another key under the name of a known one": signed({}, by=other, kid=key["kid"]),
        "a token without a signature": jwt.encode(claims, None, "none", by_public_key),
        "a token signed with the public key as a secret": jwt.encode(
            claims, f"{public.x:064x}{public.y:064x}", "HS256", by_public_key
        ),
        "no token at all": "nonsense",
    }
    return {
        "good": f"Bearer {good}",
        "in another case": f"bearer {good}",
        "buyer": f"Bearer {signed({'roles': ['buyer', 'user']})}",
        "missing": [None, "", "Bearer", f"Basic {base64.b64encode(b'alice:secret').decode()}"],
        "bad": {what: f"Bearer {token}" for what, token in bad.items()},
    }


@pytest.fixture(scope="module")
def modules(api, tmp_path_factory):
    """The page's modules in Python, which read where the API is as they are loaded."""
    folder = tmp_path_factory.mktemp("service")
    write(PYTHON, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LYCHGATE_ISSUER", f"{api.url}/api")
        patch.syspath_prepend(folder)
        with found_in_oracles():
            yield lambda name: importlib.import_module(name.removesuffix(".py"))
    for path in PYTHON:
        sys.modules.pop(path.removesuffix(".py"), None)


def post(url, members):
    request = urllib.request.Request(url, json.dumps(members).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def refuses_all_but_access_tokens(ask, tokens):
    """Hold a service to the page. ``ask`` takes a method and a header; returns status, challenge, JSON."""
    assert ask("GET", tokens["good"]) == (200, None, {"orders_of": "Alice"})
    assert ask("GET", tokens["in another case"]) == (200, None, {"orders_of": "Alice"})
    for header in tokens["missing"]:
        assert ask("GET", header)[:2] == (401, NO_TOKEN), header
    for what, header in tokens["bad"].items():
        assert ask("GET", header)[:2] == (401, BAD_TOKEN), what
    assert ask("DELETE", tokens["good"])[:2] == (403, NO_ROLE)
    assert ask("DELETE", tokens["buyer"]) == (200, None, {"deleted_by": "Alice"})


def test_a_service_in_flask(modules, tokens):
    client = modules("flask_service.py").app.test_client()

    def ask(method, header):
        answer = client.open("/orders", method=method, headers={} if header is None else {"Authorization": header})
        return answer.status_code, answer.headers.get("WWW-Authenticate"), answer.json

    refuses_all_but_access_tokens(ask, tokens)


def test_a_service_in_fastapi(modules, tokens):
    if not os.environ.get("CI"):
        pytest.importorskip("fastapi", reason="FastAPI is installed by `make test`")
    app = modules("fastapi_service.py").app
    # A browser of another test may have left its loop in this thread.
    with ThreadPoolExecutor(1) as other:
        refuses_all_but_access_tokens(
            lambda method, header: other.submit(asyncio.run, over_asgi(app, method, header)).result(), tokens
        )


async def over_asgi(app, method, header):
    """Ask an application as a server would (ASGI 3.0)."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": "/orders",
        "raw_path": b"/orders",
        "query_string": b"",
        "root_path": "",
        "headers": [] if header is None else [(b"authorization", header.encode())],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 1),
    }
    await app(scope, receive, send)
    headers = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], headers.get("www-authenticate"), json.loads(body)


def test_a_function_behind_an_http_api(modules, tokens):
    handler = modules("http_function.py").handler

    def ask(header):
        answer = handler({"headers": {} if header is None else {"authorization": header}}, None)
        return answer["statusCode"], answer.get("headers", {}).get("WWW-Authenticate"), answer.get("body")

    assert ask(tokens["good"]) == (200, None, '{"orders_of": "Alice"}')
    for header in tokens["missing"]:
        assert ask(header)[:2] == (401, NO_TOKEN)
    for what, header in tokens["bad"].items():
        assert ask(header)[:2] == (401, BAD_TOKEN), what


def test_an_authorizer_of_a_rest_api(modules, tokens):
    handler = modules("rest_authorizer.py").handler

    def ask(header):
        return handler({"type": "TOKEN", "authorizationToken": header, "methodArn": METHOD_ARN}, None)

    allowed = ask(tokens["good"])
    claims = jwt.decode(tokens["good"].partition(" ")[2], options={"verify_signature": False})
    assert allowed["principalId"] == claims["sub"]
    assert allowed["context"] == {"username": "Alice", "roles": "user"}
    [statement] = allowed["policyDocument"]["Statement"]
    assert statement == {
        "Action": "execute-api:Invoke",
        "Effect": "Allow",
        "Resource": "arn:aws:execute-api:us-east-1:123456789012:abcdef/prod/*",
    }
    for header in (*filter(None, tokens["missing"]), *tokens["bad"].values()):
        with pytest.raises(Exception, match=r"^Unauthorized$"):
            ask(header)


def test_an_authorizer_of_an_http_api(modules, tokens):
    handler = modules("http_authorizer.py").handler

    def ask(header):
        return handler({"version": "2.0", "headers": {"authorization": header}}, None)

    allowed = ask(tokens["good"])
    assert (allowed["isAuthorized"], allowed["context"]["roles"]) == (True, ["user"])
    assert handler({"version": "2.0", "headers": {}}, None) == {"isAuthorized": False}
    for header in (*filter(None, tokens["missing"]), *tokens["bad"].values()):
        assert ask(header) == {"isAuthorized": False}


KEYS = "/api/.well-known/jwks.json"
CUT_OFF, GOOD = object(), object()
UNREADABLE = {
    "a page in HTML": b"<!doctype html><title>Hello</title>",
    "a set without keys": b'{"keys": []}',
    "a list": b"[]",
    "a text": b'"keys"',
    "nothing": b"",
    "keys that are none": b'{"keys": "none"}',
    "a set of other things": b'{"keys": [1, null, {}]}',
    "what is not UTF-8": b"\xff\xff",
    "half a set": CUT_OFF,
    "an error": None,
}
"""What may be answered in place of the keys."""
SIGNS_NOTHING = b'{"keys": [{"kty": "oct", "k": "AAAA", "kid": "one", "use": "enc"}]}'


class KeySet:
    """A server whose key set is the API's, or what a test puts in its place."""

    def __init__(self, keys):
        self.keys, self.answers, self.looks, self.issuer = keys, GOOD, 0, ""


@pytest.fixture
def key_set(api):
    with urllib.request.urlopen(f"{api.url}{KEYS}") as answer:
        key_set = KeySet(answer.read())

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            assert self.path == KEYS
            key_set.looks += 1
            if key_set.answers is CUT_OFF:
                self.send_response(200)
                self.send_header("Content-Length", str(len(key_set.keys)))
                self.end_headers()
                self.wfile.write(key_set.keys[:10])
                self.wfile.flush()
                # Closed so, the connection is reset, and not only ended.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                return
            body = key_set.keys if key_set.answers is GOOD else key_set.answers
            self.send_response(500 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_):
            pass

        def finish(self):
            with contextlib.suppress(OSError):
                super().finish()

    with serving(Answers) as server:
        key_set.issuer = f"http://127.0.0.1:{server.server_port}/api"
        yield key_set


@pytest.fixture
def keys_of(key_set, modules, monkeypatch):
    """Have the page's modules read their keys from that server, and make them forget those that they know."""

    def keys_of(**options):
        access_tokens = modules("access_tokens.py")
        monkeypatch.setattr(
            access_tokens, "KEYS", access_tokens.Keys(f"{key_set.issuer}/.well-known/jwks.json", **options)
        )

    keys_of()
    return keys_of


def flask(modules):
    client = modules("flask_service.py").app.test_client()
    return lambda header: client.get("/orders", headers={"Authorization": header}).status_code


def fastapi(modules):
    if not os.environ.get("CI"):
        pytest.importorskip("fastapi", reason="FastAPI is installed by `make test`")
    app = modules("fastapi_service.py").app

    def ask(header):
        # A browser of another test may have left its loop in this thread.
        with ThreadPoolExecutor(1) as other:
            return other.submit(asyncio.run, over_asgi(app, "GET", header)).result()[0]

    return ask


def http_function(modules):
    handler = modules("http_function.py").handler
    return lambda header: handler({"headers": {"authorization": header}}, None)["statusCode"]


@pytest.mark.parametrize("service", [flask, fastapi, http_function])
@pytest.mark.parametrize("what", UNREADABLE)
def test_a_service_whose_keys_cannot_be_read_does_not_say_that_the_token_is_bad(
    keys_of, key_set, modules, tokens, service, what
):
    ask = service(modules)
    key_set.answers = UNREADABLE[what]
    assert ask(tokens["good"]) == 503
    key_set.answers = GOOD
    assert ask(tokens["good"]) == 200
    assert ask(tokens["bad"]["a token by an unknown key"]) == 401


@pytest.mark.parametrize("what", UNREADABLE)
def test_keys_that_are_known_stay_good_if_they_cannot_be_read_again(keys_of, key_set, modules, tokens, what):
    ask = http_function(modules)
    keys_of(cooldown_duration=0)
    assert ask(tokens["good"]) == 200
    key_set.answers, looks = UNREADABLE[what], key_set.looks
    assert ask(tokens["bad"]["a token by an unknown key"]) == 503
    assert ask(tokens["good"]) == 200
    # Strangers cannot make it ask again and again.
    assert ask(tokens["bad"]["a token by an unknown key"]) == 503
    assert key_set.looks == looks + 1


def test_a_set_that_has_keys_for_something_else_is_as_good_as_none(keys_of, key_set, modules, tokens):
    key_set.answers = SIGNS_NOTHING
    assert http_function(modules)(tokens["good"]) == 503


@pytest.mark.parametrize("what", UNREADABLE)
@pytest.mark.parametrize("authorizer", ["rest_authorizer.py", "http_authorizer.py"])
def test_an_authorizer_whose_keys_cannot_be_read_does_not_say_so_either(
    keys_of, key_set, modules, tokens, authorizer, what
):
    key_set.answers = UNREADABLE[what]
    event = {"headers": {"authorization": tokens["good"]}, "authorizationToken": tokens["good"]}
    with pytest.raises(modules("access_tokens.py").Refused) as refused:
        modules(authorizer).handler({**event, "methodArn": METHOD_ARN}, None)
    assert refused.value.status == 503


def test_nor_does_a_service_that_reaches_nobody(modules, tokens, monkeypatch):
    closed = modules("access_tokens.py").Keys(f"http://127.0.0.1:{free_port()}/.well-known/jwks.json")
    monkeypatch.setattr(modules("access_tokens.py"), "KEYS", closed)
    assert http_function(modules)(tokens["good"]) == 503


@pytest.fixture
def express(tmp_path):
    """Start the service in Express over the keys of an API, and return what asks it."""
    if not (TOOLS / "express").exists() and not os.environ.get("CI"):
        pytest.skip("Express is installed by `make test`")
    write({"service.mjs": PAGE.file("express_service.mjs")}, tmp_path)
    (tmp_path / "node_modules").symlink_to(TOOLS)
    processes = []

    def start(issuer):
        environment = {"PATH": os.environ["PATH"], "LYCHGATE_ISSUER": issuer, "PORT": "0"}
        process = subprocess.Popen(
            [node_folder() / "node", "service.mjs"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
        )
        processes.append(process)
        url = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
        return lambda method, header: over_http(f"{url}/orders", method, header)

    yield start
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()


def over_http(url, method, header):
    headers = {} if header is None else {"Authorization": header}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method, headers=headers)) as answer:
            return answer.status, answer.headers.get("WWW-Authenticate"), json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("WWW-Authenticate"), json.load(error)


def test_a_service_in_express(express, api, tokens):
    refuses_all_but_access_tokens(express(f"{api.url}/api"), tokens)
    assert express(f"http://127.0.0.1:{free_port()}/api")("GET", tokens["good"])[0] == 503


def test_a_service_in_express_whose_keys_cannot_be_read(express, key_set, tokens):
    ask = express(key_set.issuer)
    for what, key_set.answers in {**UNREADABLE, "a key that signs nothing": SIGNS_NOTHING}.items():
        assert ask("GET", tokens["good"])[0] == 503, what
    key_set.answers = GOOD
    # It is for another issuer: that is the token's fault.
    assert ask("GET", tokens["good"])[:2] == (401, BAD_TOKEN)
    assert ask("GET", tokens["bad"]["a token by an unknown key"])[:2] == (401, BAD_TOKEN)


def test_the_templates_are_such_as_cloudformation_takes(tmp_path):
    for name in ("rest.yaml", "http.yaml"):
        write({name: PAGE.file(name)}, tmp_path)
    done = subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), "--include-checks", "I", "--", *map(str, tmp_path.glob("*.yaml"))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_java_uses_what_it_imports():
    text = PAGE.file("ResourceServer.java")
    for name in re.findall(r"^import [\w.]+\.(\w+);$", text, re.MULTILINE):
        assert len(re.findall(rf"\b{name}\b", text)) > 1
