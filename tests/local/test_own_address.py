"""Where the local API says it is, with a session that goes on when that changes."""

import json
import re
import signal

import pytest

from tests.local.conftest import ChaliceLocal, Running, ask_once, until
from tests.local.localhost import Browser, claims, log_in, with_a_passkey
from tests.support.authenticator import Authenticator
from tests.support.ports import free_port

JSON = {"Content-Type": "application/json"}
ALICE, BOB, CAROL = (
    {"username": name, "password": "correct horse battery staple"} for name in ("alice", "bob", "carol")
)


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


@pytest.fixture
def make_dev(run_until_ready, tmp_path, ask):
    """Run `make dev` on the accounts of this test, on a new port each time, and return process and API."""

    def make_dev(**environment):
        running = run_until_ready("--data-dir", tmp_path / "data", **environment)
        return running, Api(ask, running.port_of("Page"), "/api")

    return make_dev


@pytest.fixture
def local(shared_project, database, ask):
    """Run `chalice local` over `make dynamodb`, on a new port each time."""
    servers = []

    def local(**environment):
        servers.append(ChaliceLocal(shared_project, free_port(), **environment))
        servers[-1].until_it_serves()
        return servers[-1], Api(ask, servers[-1].port)

    yield local
    for server in servers:
        server.kill()


@pytest.fixture(params=["make_dev", "local"])
def start(request):
    """Either of them."""
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["make_dev", "local"])
def api(request, ask):
    """The API of either without a setting."""
    if request.param == "local":
        return Api(ask, request.getfixturevalue("chalice_server").port)
    return Api(ask, request.getfixturevalue("development_server").port_of("Page"), "/api")


def test_whatever_says_where_the_api_is_names_the_port_that_is_listened_on(api):
    discovery = api.json("/.well-known/openid-configuration")
    assert discovery["issuer"] == api.root
    assert discovery["jwks_uri"] == f"{api.root}/.well-known/jwks.json"
    assert api.json(discovery["jwks_uri"].removeprefix(api.root))["keys"]
    assert [server["url"] for server in api.json("/openapi.json")["servers"]] == [api.root]
    tokens = api.register()
    assert claims(tokens["access_token"])["iss"] == claims(tokens["access_token"])["aud"] == api.root
    assert claims(tokens["refresh_token"])["iss"] == api.root
    assert b":8000" not in api.get("/openapi.json").body


def test_the_pages_own_origins_are_those_of_the_port(api):
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


def test_make_dev_names_the_settings_that_the_environment_has(server_for_another_origin):
    said = "Settings  LYCHGATE_ALLOWED_ORIGINS, LYCHGATE_BCRYPT_COST from the environment"
    assert said in server_for_another_origin.output


def test_make_dev_says_that_plain_http_binds_no_session_to_a_device(make_dev):
    said = "\nDevices   LYCHGATE_DBSC=on binds no session over plain HTTP: see docs/http-api.md, Bind on a laptop\n"
    server, _ = make_dev(LYCHGATE_DBSC="on")
    assert said in server.output


@pytest.mark.parametrize("settings", [{}, {"LYCHGATE_DBSC": "on", "LYCHGATE_ISSUER": "https://localhost:8443/api"}])
def test_nor_does_it_where_none_is_asked_for_or_https_is_in_front(make_dev, settings):
    server, _ = make_dev(**settings)
    assert "\nDevices " not in server.output


def test_a_variable_that_is_no_setting_is_named_with_the_one_that_may_be_meant_and_the_server_starts(make_dev):
    server, api = make_dev(LYCHGATE_PASSWORD_MINLENGTH="8", LYCHGATE_TEST_CLOCK="x", SITE_DEPOT="Bern")

    said = "Unknown   LYCHGATE_PASSWORD_MINLENGTH is no setting. Did you mean LYCHGATE_PASSWORD_MIN_LENGTH?"
    assert [line for line in server.output.splitlines() if "Unknown" in line] == [said]
    assert "\nSettings  LYCHGATE_BCRYPT_COST, SITE_DEPOT from the environment\n" in server.output
    assert api.json("/health")


def test_the_database_alone_names_it_too(run_until_ready, tmp_path):
    database = run_until_ready("dynamodb", "--data-dir", tmp_path, LYCHGATE_MAIL_FORM="me@example.org")
    assert "Unknown   LYCHGATE_MAIL_FORM is no setting. Did you mean LYCHGATE_MAIL_FROM?\n" in database.output


IN_COOKIE = {"token_delivery": "cookie"}


@pytest.fixture(scope="module")
def moved(tmp_path_factory):
    """`make dev` that was at another port before, and what people had there: tokens, a cookie, an authenticator."""
    data = tmp_path_factory.mktemp("moved") / "data"
    first = Running(["--data-dir", data], {})
    second = None
    try:
        until(lambda: first.ready)
        api = Api(ask_once, first.port_of("Page"), "/api")
        of_alice = api.register()
        in_cookie = api.post("/auth/register", BOB | IN_COOKIE)
        authenticator = Authenticator()
        assert with_a_passkey(Browser(ask_once, api.root), authenticator, CAROL) == 201
        first.send(signal.SIGINT)
        second = Running(["--data-dir", data], {})
        until(lambda: second.ready)
        moved = Api(ask_once, second.port_of("Page"), "/api")
        assert moved.root != api.root
        yield moved, of_alice, in_cookie.headers["Set-Cookie"].partition(";")[0], authenticator
    finally:
        first.kill()
        if second is not None:
            second.kill()


def test_a_session_goes_on_when_the_api_starts_on_another_port(moved):
    api, tokens, *_ = moved
    stale = api.get("/me", Authorization=f"Bearer {tokens['access_token']}")
    refreshed = api.post("/auth/refresh", {"refresh_token": tokens["refresh_token"]})

    assert (stale.status, json.loads(stale.body)["error"]) == (401, "invalid_token")
    assert refreshed.status == 200
    access_token = json.loads(refreshed.body)["access_token"]
    assert claims(access_token)["iss"] == api.root
    assert api.get("/me", Authorization=f"Bearer {access_token}").status == 200


def test_a_log_in_at_another_port_ends_the_session_that_its_cookie_was_for(moved):
    api, _, cookie, _ = moved
    again = json.loads(api.post("/auth/login", BOB | IN_COOKIE, Cookie=cookie).body)

    listed = api.get("/auth/sessions", Authorization=f"Bearer {again['access_token']}")
    assert len(json.loads(listed.body)["sessions"]) == 1


def test_a_passkey_goes_on_at_another_port(moved):
    api, _, _, authenticator = moved
    assert log_in(Browser(ask_once, api.root), authenticator)[0] == 200
