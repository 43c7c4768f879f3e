"""Where the local API says it is, with a session that goes on when that changes."""

import base64
import json
import re
import signal

import pytest

from tests.local.test_chalice_local import chalice_local, configure, free_port, project, until_it_serves

__all__ = ["project"]

JSON = {"Content-Type": "application/json"}
ALICE = {"username": "alice", "password": "correct horse battery staple"}


class Api:
    """A local API: its root as clients see it, and how to ask it."""

    def __init__(self, ask, port, below=""):
        self._ask, self._port, self._below = ask, port, below
        self.root = f"http://127.0.0.1:{port}{below}"

    def get(self, path, **headers):
        return self._ask(self._port, "GET", f"{self._below}{path}", headers)

    def post(self, path, body, **headers):
        return self._ask(self._port, "POST", f"{self._below}{path}", JSON | headers, json.dumps(body).encode())

    def json(self, path):
        return json.loads(self.get(path).body)

    def register(self):
        return json.loads(self.post("/auth/register", ALICE).body)


def claims(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


@pytest.fixture
def make_dev(run_until_ready, tmp_path, ask):
    """Run `make dev` on the accounts of this test, on a new port each time, and return process and API."""

    def make_dev(**environment):
        running = run_until_ready("--data-dir", tmp_path / "data", **environment)
        return running, Api(ask, running.port_of("Page"), "/api")

    return make_dev


@pytest.fixture
def local(project, run_until_ready, eventually, ask):
    """Run `chalice local` over `make dynamodb`, on a new port each time."""
    database = run_until_ready("dynamodb", "--data-dir", project / ".lychgate")
    configure(project, database.port_of("Database"))
    servers = []

    def local(**environment):
        port = free_port()
        servers.append(chalice_local(project, port, **environment))
        until_it_serves(servers[-1], port, eventually)
        return servers[-1], Api(ask, port)

    yield local
    for server in servers:
        server.kill()
        server.communicate()


@pytest.fixture(params=["make_dev", "local"])
def start(request):
    """Either of them."""
    return request.getfixturevalue(request.param)


def test_whatever_says_where_the_api_is_names_the_port_that_is_listened_on(start):
    _, api = start()

    discovery = api.json("/.well-known/openid-configuration")
    assert discovery["issuer"] == api.root
    assert discovery["jwks_uri"] == f"{api.root}/.well-known/jwks.json"
    assert api.json(discovery["jwks_uri"].removeprefix(api.root))["keys"]
    assert [server["url"] for server in api.json("/openapi.json")["servers"]] == [api.root]
    tokens = api.register()
    assert claims(tokens["access_token"])["iss"] == claims(tokens["access_token"])["aud"] == api.root
    assert claims(tokens["refresh_token"])["iss"] == api.root
    assert b":8000" not in api.get("/openapi.json").body


def test_the_pages_own_origins_are_those_of_the_port(start):
    _, api = start()

    def allowed(origin):
        return api.get("/health", Origin=origin).headers["Access-Control-Allow-Origin"]

    for name in ("127.0.0.1", "localhost"):
        own = re.sub(r"127\.0\.0\.1", name, api.root).removesuffix("/api")
        assert allowed(own) == own
    assert allowed("http://127.0.0.1:8000") is None
    assert allowed("http://localhost:5173") is None


def test_the_environment_wins_over_what_the_server_would_choose(start):
    other = "http://localhost:5173"
    _, api = start(LYCHGATE_ISSUER=f"{other}/api", LYCHGATE_PASSWORD_MIN_LENGTH="60")

    assert api.json("/.well-known/openid-configuration")["issuer"] == f"{other}/api"
    assert api.get("/health", Origin=other).headers["Access-Control-Allow-Origin"] == other
    assert api.post("/auth/register", ALICE).status == 422


def test_make_dev_names_the_settings_that_the_environment_has(make_dev):
    running, _ = make_dev(LYCHGATE_BCRYPT_COST="10", LYCHGATE_ALLOWED_ORIGINS="http://localhost:5173")

    assert "Settings  LYCHGATE_ALLOWED_ORIGINS, LYCHGATE_BCRYPT_COST from the environment" in running.output


def test_a_session_goes_on_when_the_api_starts_on_another_port(make_dev):
    first, api = make_dev()
    tokens = api.register()
    first.send(signal.SIGINT)

    _, moved = make_dev()
    assert moved.root != api.root
    stale = moved.get("/me", Authorization=f"Bearer {tokens['access_token']}")
    refreshed = moved.post("/auth/refresh", {"refresh_token": tokens["refresh_token"]})

    assert (stale.status, json.loads(stale.body)["error"]) == (401, "invalid_token")
    assert refreshed.status == 200
    access_token = json.loads(refreshed.body)["access_token"]
    assert claims(access_token)["iss"] == moved.root
    assert moved.get("/me", Authorization=f"Bearer {access_token}").status == 200


def test_a_log_in_at_another_port_ends_the_session_that_its_cookie_was_for(make_dev):
    in_cookie = ALICE | {"token_delivery": "cookie"}
    first, api = make_dev()
    cookie = api.post("/auth/register", in_cookie).headers["Set-Cookie"].partition(";")[0]
    first.send(signal.SIGINT)

    _, moved = make_dev()
    again = json.loads(moved.post("/auth/login", in_cookie, Cookie=cookie).body)

    listed = moved.get("/auth/sessions", Authorization=f"Bearer {again['access_token']}")
    assert len(json.loads(listed.body)["sessions"]) == 1
