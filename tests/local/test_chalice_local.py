"""`chalice local`, Chalice's own server, against the embedded database."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.local.conftest import PATIENCE_SECONDS, ChaliceLocal, Running, configure, until
from tests.support.api_client import TWO_TAKEN_AWAY, log_out_with_two_cookies, over_http
from tests.support.ports import free_port

JSON = {"Content-Type": "application/json"}
CREDENTIALS = json.dumps({"username": "alice", "password": "correct horse battery staple"}).encode()


@pytest.fixture
def api_port(chalice_server):
    return chalice_server.port


@pytest.fixture(scope="module")
def keys_of_yesterday(tmp_path_factory):
    """The data directory of a `make dynamodb` that has ended."""
    folder = tmp_path_factory.mktemp("yesterday") / ".lychgate"
    ended = Running(["dynamodb", "--data-dir", folder], {})
    until(lambda: ended.ready)
    ended.send(signal.SIGINT)
    return folder


@pytest.fixture
def used_project(project, keys_of_yesterday):
    """A project whose database has run before."""
    shutil.copytree(keys_of_yesterday, project / ".lychgate")
    return project


def test_registers_and_serves_a_protected_call(api_port, ask):
    registered = ask(api_port, "POST", "/auth/register", JSON, CREDENTIALS)
    assert registered.status == 201
    access_token = json.loads(registered.body)["access_token"]
    me = ask(api_port, "GET", "/me", {"Authorization": f"Bearer {access_token}"})
    assert json.loads(me.body)["user"]["username"] == "alice"


def test_its_mails_are_in_the_mailbox_of_its_database(api_port, database, ask, eventually):
    members = {**json.loads(CREDENTIALS), "email": "alice@example.org"}
    assert ask(api_port, "POST", "/auth/register", JSON, json.dumps(members).encode()).status == 201
    (mailbox,) = re.findall(r"^Mailbox +http://127\.0\.0\.1:\d+(/\S+), ", database.output, re.MULTILINE)

    def mails():
        return json.loads(ask(database.port_of("Mailbox"), "GET", f"{mailbox}.json").body)

    eventually(mails)
    (mail,) = mails()
    assert mail["to"] == "alice@example.org"
    token = re.search(r"#email=([\w-]+)", mail["text"])[1]
    confirmed = ask(api_port, "POST", "/auth/email/confirm", JSON, json.dumps({"token": token}).encode())
    assert confirmed.status == 204


def test_an_answer_may_set_two_cookies(api_port):
    assert log_out_with_two_cookies(over_http(api_port)).set_cookies == TWO_TAKEN_AWAY


def test_goes_on_with_a_database_that_was_started_again(project, run_until_ready, ask):
    port = free_port()
    database = run_until_ready("dynamodb", "--data-dir", project / ".lychgate", DYNAMODB_PORT=str(port))
    configure(project, port)
    server = ChaliceLocal(project, free_port())
    try:
        server.until_it_serves()
        assert ask(server.port, "POST", "/auth/register", JSON, CREDENTIALS).status == 201
        first_key = database.secret_key

        database.send(signal.SIGINT)
        again = run_until_ready("dynamodb", "--data-dir", project / ".lychgate", DYNAMODB_PORT=str(port))

        assert again.secret_key != first_key
        assert ask(server.port, "POST", "/auth/login", JSON, CREDENTIALS).status == 200
    finally:
        server.kill()


@pytest.fixture
def moved_database(run_until_ready, tmp_path_factory):
    """`make dynamodb` with another data directory than the project's, on another port than its configuration's."""
    return run_until_ready("dynamodb", "--data-dir", tmp_path_factory.mktemp("moved") / "data")


def whereabouts(database, **port):
    return {"LYCHGATE_DATA_DIR": str(database.data_directory), **port}


@pytest.mark.parametrize("variables", [["DYNAMODB_PORT"], ["AWS_ENDPOINT_URL"], ["DYNAMODB_PORT", "another address"]])
def test_follows_the_database_to_the_port_and_the_directory_that_the_environment_names(
    project, moved_database, ask, variables
):
    port = moved_database.port_of("Database")
    named = {
        "DYNAMODB_PORT": {"DYNAMODB_PORT": str(port)},
        "AWS_ENDPOINT_URL": {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"},
        "another address": {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"},
    }
    where = {name: value for variable in variables for name, value in named[variable].items()}
    server = ChaliceLocal(project, free_port(), **whereabouts(moved_database, **where))
    try:
        server.until_it_serves()
        registered = ask(server.port, "POST", "/auth/register", JSON, CREDENTIALS)
        access_token = json.loads(registered.body)["access_token"]
        assert ask(server.port, "GET", "/me", {"Authorization": f"Bearer {access_token}"}).status == 200
    finally:
        server.kill()
    assert not (project / ".lychgate").exists()


def test_a_stage_that_is_deployed_is_not_given_the_laptops_database(project, moved_database):
    path = project / ".chalice" / "config.json"
    config = json.loads(path.read_text("utf-8"))
    config["stages"]["test"] = {}
    path.write_text(json.dumps(config), "utf-8")
    where = whereabouts(moved_database, DYNAMODB_PORT=str(moved_database.port_of("Database")))
    said = refusal(ChaliceLocal(project, free_port(), "--no-autoreload", "--stage", "test", **where))
    assert re.search(r"chalice local: LYCHGATE_[A-Z_]+ is not set\n", said)


@pytest.mark.parametrize("authorization", ["Bearer junk", "Basic YTpi", "Bearer a.b.c", None])
def test_a_bad_token_gets_a_401_that_the_page_can_read_and_no_dropped_connection(api_port, ask, authorization):
    origin = f"http://127.0.0.1:{api_port}"
    headers = {"Origin": origin} | ({"Authorization": authorization} if authorization else {})
    refused = ask(api_port, "GET", "/me", headers)
    assert (refused.status, json.loads(refused.body)["error"]) == (401, "invalid_token")
    assert refused.headers["Access-Control-Allow-Origin"] == origin
    assert refused.headers["WWW-Authenticate"].startswith("Bearer ")


def test_an_unknown_route_is_not_found_and_does_not_echo_the_credential(api_port, ask):
    origin = f"http://localhost:{api_port}"
    answer = ask(api_port, "GET", "/nowhere", {"Authorization": "Bearer secret", "Origin": origin})
    assert (answer.status, json.loads(answer.body)["error"]) == (404, "not_found")
    assert b"secret" not in answer.body
    assert answer.headers["Access-Control-Allow-Origin"] == origin


def test_answers_the_preflight_of_the_pages_development_origin(api_port, ask):
    origin = f"http://localhost:{api_port}"
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    preflight = ask(api_port, "OPTIONS", "/auth/login", headers)
    assert preflight.status == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == origin


AUTORELOAD = pytest.mark.parametrize("autoreload", ["--autoreload", "--no-autoreload"])


def refusal(server):
    """Wait for the end of a server that does not start, and return what it said."""
    try:
        # A reloader ends with zero, whatever its worker did, unless it is ended.
        reloads = "--autoreload" in server.process.args
        assert server.ended() == (-signal.SIGTERM if reloads else 1), server.output
    finally:
        server.kill()
    assert "Traceback" not in server.output
    assert "Serving on" not in server.output
    return server.output


@AUTORELOAD
def test_says_at_its_start_that_the_keys_are_missing_and_ends(project, autoreload):
    said = refusal(ChaliceLocal(project, free_port(), autoreload))
    assert "LYCHGATE_PUBLIC_KEYS names .lychgate/public-keys.json, which cannot be read" in said
    assert "`make dynamodb` makes it. Give both commands the same LYCHGATE_DATA_DIR\n" in said


@AUTORELOAD
def test_says_at_its_start_that_the_database_is_missing_and_ends(used_project, autoreload):
    port = free_port()
    configure(used_project, port)
    said = refusal(ChaliceLocal(used_project, free_port(), autoreload))
    assert f"no database answers at http://127.0.0.1:{port}. Start it in another terminal: " in said
    assert f": DYNAMODB_PORT={port} make dynamodb\n" in said


def test_the_command_that_starts_the_database_has_its_directory(project, keys_of_yesterday):
    where = {"LYCHGATE_DATA_DIR": str(keys_of_yesterday), "DYNAMODB_PORT": str(free_port())}
    said = refusal(ChaliceLocal(project, free_port(), **where))
    assert f": LYCHGATE_DATA_DIR={keys_of_yesterday} DYNAMODB_PORT={where['DYNAMODB_PORT']} make dynamodb\n" in said


def test_a_port_that_no_database_can_have_is_named(project):
    said = refusal(ChaliceLocal(project, free_port(), DYNAMODB_PORT="x"))
    assert "chalice local: DYNAMODB_PORT must be a port number from 1 to 65535\n" in said


@AUTORELOAD
def test_says_at_its_start_that_the_database_is_another_ones_and_ends(used_project, database, autoreload):
    port = database.port_of("Database")
    configure(used_project, port)
    said = refusal(ChaliceLocal(used_project, free_port(), autoreload))
    assert f"the database at http://127.0.0.1:{port} refuses the credentials in .lychgate/credentials" in said
    assert "Give `make dynamodb` and `chalice local` the same LYCHGATE_DATA_DIR" in said


@AUTORELOAD
def test_says_at_its_start_that_the_port_is_taken_and_ends(project, autoreload):
    with socket.create_server(("127.0.0.1", 0)) as other_program:
        taken = other_program.getsockname()[1]
        said = refusal(ChaliceLocal(project, taken, autoreload))
    assert f"port {taken} is taken by another program. Choose another one: chalice local --port 8002" in said


def test_a_start_that_fails_ends_no_process_but_its_own(project):
    """A worker's variable that was inherited, as by a program that `chalice local` started, makes nobody a reloader."""
    parent = "import subprocess, sys; sys.exit(10 + subprocess.run(sys.argv[1:]).returncode)"
    chalice = Path(sys.executable).parent / "chalice"
    done = subprocess.run(
        [sys.executable, "-c", parent, chalice, "local", "--port", str(free_port())],
        cwd=project,
        # Until the application is loaded, Chalice starts again for each file that appears, also for bytecode.
        env={**os.environ, "CHALICE_WORKER": "true", "PYTHONDONTWRITEBYTECODE": "true"},
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 11
