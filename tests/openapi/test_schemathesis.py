"""What the document allows and what it forbids, sent to the whole application over a real socket.

schemathesis makes its requests from ``/openapi.json`` and judges the answers by it, in one run by an administrator
who is logged in and in one by somebody who is not.
"""

import http.client
import json
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.browser.development_server import DevelopmentServer
from tests.support.commands import run_to_end

PROJECT = Path(__file__).parents[2]
CONFIGURATION = (Path(__file__).parent / "schemathesis.toml").read_text("utf-8")
MANY = "max-examples = 40"
FEW = "max-examples = 4"
ONE_OR_MANY = [FEW, pytest.param(MANY, marks=pytest.mark.exhaustive)]
# Not the password of the examples: one of them deletes the account whose password it is.
ACCOUNT = {"username": "schemathesis", "password": "known to this test alone"}
# Every junk password is a guess. Delays would hide what the routes answer.
GUESSES_AT_WILL = {"LYCHGATE_THROTTLE_PAIR_FAILURES": "100", "LYCHGATE_THROTTLE_ADDRESS_FAILURES": "100000"}
# Logs in again whenever a request was refused: log-outs and reused tokens are among what is tested.
LOGGED_IN = f"""
[auth.dynamic.openapi.access_token]
path = "/auth/login"
payload = {{ username = "{ACCOUNT["username"]}", password = "{ACCOUNT["password"]}" }}
extract_selector = "/access_token"
"""
ANONYMOUS = """
[auth]
auto-signup = false
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def server(data):
    server = DevelopmentServer(data, **GUESSES_AT_WILL)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def administrator(server, data):
    register(server)
    make_administrator(data)


def register(server):
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc)
    connection.request("POST", "/api/auth/register", json.dumps(ACCOUNT), {"Content-Type": "application/json"})
    assert connection.getresponse().status == 201
    connection.close()


def make_administrator(data):
    # The only one, whom nothing that is tried can demote, disable or delete.
    command = [sys.executable, "-m", "infra.operator", "users", "set-roles", ACCOUNT["username"], "admin,user"]
    done = run_to_end([*command, f"--data-dir={data}"], PROJECT, dict(os.environ))
    assert done.returncode == 0, done.stdout


def run_schemathesis(server, folder, authentication, examples=MANY):
    assert MANY in CONFIGURATION
    configuration = folder / "schemathesis.toml"
    configuration.write_text(CONFIGURATION.replace(MANY, examples) + authentication, "utf-8")
    api = f"{server.url}/api"
    schemathesis = Path(sys.executable).with_name("schemathesis")
    arguments = [f"--config-file={configuration}", "run", f"{api}/openapi.json", f"--url={api}", "--checks=all"]
    # Its terminal report has emoji in it.
    env = {**os.environ, "PYTHONUTF8": "1"}
    return run_to_end([schemathesis, *arguments, "--no-color"], folder, env)


@pytest.mark.parametrize("examples", ONE_OR_MANY)
@pytest.mark.usefixtures("administrator")
def test_finds_nothing_as_an_administrator_who_is_logged_in(server, tmp_path, examples):
    run = run_schemathesis(server, tmp_path, LOGGED_IN, examples)
    assert run.returncode == 0, run.stdout
    for route in (
        "GET /api/me 200",
        "GET /api/dashboard 200",
        "POST /api/auth/logout-all 204",
        "GET /api/admin/users 200",
        "POST /api/admin/users 201",
    ):
        assert route in " ".join(server.output.split()), f"was not reached: {route}"


@pytest.mark.parametrize("examples", ONE_OR_MANY)
def test_finds_nothing_as_somebody_who_is_not(server, tmp_path, examples):
    run = run_schemathesis(server, tmp_path, ANONYMOUS, examples)
    assert run.returncode == 0, run.stdout
