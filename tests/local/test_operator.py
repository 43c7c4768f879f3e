"""`python -m infra.operator` on a laptop: beside a running database, and without one."""

import json
import os
import signal
import subprocess
import sys

import bcrypt
import pytest

from tests.local.conftest import PATIENCE_SECONDS, ROOT

PASSWORD = "correct horse battery staple"
SALT = bcrypt.gensalt(4)
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def operate(tmp_path):
    """Run the command about a data directory and return the finished process."""

    def operate(*arguments, typed=None, about=tmp_path / "data", **environment):
        return subprocess.run(
            [sys.executable, "-m", "infra.operator", *arguments, "--data-dir", about],
            cwd=ROOT,
            env={**os.environ, **environment},
            input=typed,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    return operate


@pytest.fixture
def start(run_until_ready, tmp_path):
    return lambda: run_until_ready("--data-dir", tmp_path / "data")


@pytest.fixture
def beside(operate, development_server):
    """Run the command about the accounts of a server that runs."""

    def beside(*arguments, **environment):
        done = operate(*arguments, about=development_server.data_directory, **environment)
        assert development_server.process.poll() is None
        return done

    return beside


def sign_up(running, ask):
    """Give Alice an account, and return her access token."""
    body = json.dumps({"username": "alice", "password": PASSWORD}).encode()
    answer = ask(running.port_of("API"), "POST", "/api/auth/register", JSON, body)
    return json.loads(answer.body)["access_token"]


def roles_of(operate):
    return json.loads(operate("users", "show", "alice", "--json").stdout)["user"]["roles"]


def test_a_role_given_beside_a_running_server_counts_there_at_once(beside, development_server, ask):
    authorization = {"Authorization": f"Bearer {sign_up(development_server, ask)}"}

    done = beside("users", "set-roles", "alice", "editor,user")

    assert done.returncode == 0, done.stderr
    me = json.loads(ask(development_server.port_of("API"), "GET", "/api/me", authorization).body)
    assert me["user"]["roles"] == ["editor", "user"]


@pytest.mark.parametrize("end", [pytest.param(signal.SIGTERM, marks=pytest.mark.exhaustive), signal.SIGKILL])
def test_a_role_given_while_nothing_runs_is_there_at_the_next_start(operate, start, ask, end):
    running = start()
    sign_up(running, ask)
    assert roles_of(operate) == ["user"]
    running.send(end)

    done = operate("users", "set-roles", "alice", "editor", "--json")

    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)  # which has nothing else
    assert (answer["changed"], answer["user"]["roles"]) == (True, ["editor"])
    start()
    assert roles_of(operate) == ["editor"]


def test_the_shells_own_aws_is_left_out(beside, development_server, ask):
    sign_up(development_server, ask)
    done = beside("users", "show", "alice", AWS_PROFILE="there is none", AWS_ENDPOINT_URL="http://127.0.0.1:1")
    assert done.returncode == 0, done.stderr


def test_the_first_administrator_is_made_before_anything_has_run_and_logs_in(operate, start, ask):
    nowhere = {"AWS_PROFILE": "there is none", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    done = operate("users", "create", "root", "--role", "admin", "--password-stdin", typed=PASSWORD + "\n", **nowhere)
    assert (done.returncode, PASSWORD in done.stdout + done.stderr) == (0, False), done.stderr
    body = json.dumps({"username": "root", "password": PASSWORD}).encode()
    answer = ask(start().port_of("API"), "POST", "/api/auth/login", JSON, body)
    assert (answer.status, json.loads(answer.body)["user"]["roles"]) == (200, ["admin", "user"])


def test_an_import_begins_a_laptop_on_which_nothing_has_run(tmp_path, operate, start, ask):
    path = tmp_path / "users.jsonl"
    path.write_text(json.dumps({"username": "kim", "password_hash": bcrypt.hashpw(PASSWORD.encode(), SALT).decode()}))
    done = operate("import", path, "--yes")
    assert (done.returncode, "1 user was added" in done.stdout) == (0, True), done.stderr
    running = start()
    assert json.loads(operate("users", "show", "kim", "--json").stdout)["user"]["username"] == "kim"
    body = json.dumps({"username": "kim", "password": PASSWORD}).encode()
    answer = ask(running.port_of("API"), "POST", "/api/auth/login", JSON, body)
    assert answer.status == 200


def test_a_link_that_was_printed_sets_the_password_at_a_running_server(beside, development_server, ask):
    port = development_server.port_of("API")
    link = json.loads(beside("users", "create", "kim", "--json", PORT=str(port)).stdout)["link"]
    address, _, token = link.partition("/account.html#reset=")
    assert address == f"http://127.0.0.1:{port}"
    for path, members in (
        ("/api/auth/password/reset", {"token": token, "new_password": PASSWORD}),
        ("/api/auth/login", {"username": "kim", "password": PASSWORD}),
    ):
        assert ask(port, "POST", path, JSON, json.dumps(members).encode()).status in {200, 204}


def test_the_doctor_finds_nothing_wrong_where_something_has_run(beside, development_server, ask):
    sign_up(development_server, ask)
    done = beside("doctor")
    assert (done.returncode, "WRONG" in done.stdout) == (0, False), done.stdout
    assert "the only user is in it" in done.stdout


def test_where_nothing_has_ever_run_it_says_so_and_leaves_nothing(operate, tmp_path):
    done = operate("users", "set-roles", "alice", "admin")
    assert done.returncode == 1
    assert "Start `make dev` and sign up" in done.stderr
    assert list(tmp_path.iterdir()) == []
