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


@pytest.fixture
def operate(tmp_path):
    """Run the command about a data directory and return the finished process."""

    def operate(*arguments, typed=None, **environment):
        return subprocess.run(
            [sys.executable, "-m", "infra.operator", "users", *arguments, "--data-dir", tmp_path / "data"],
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
    def start():
        return run_until_ready("--data-dir", tmp_path / "data", LYCHGATE_BCRYPT_COST="10")

    return start


@pytest.fixture
def alice(start, ask):
    """A running server on which Alice has an account, and her access token."""
    running = start()
    body = json.dumps({"username": "alice", "password": PASSWORD}).encode()
    headers = {"Content-Type": "application/json"}
    answer = ask(running.port_of("API"), "POST", "/api/auth/register", headers, body)
    return running, json.loads(answer.body)["access_token"]


def roles_of(operate):
    return json.loads(operate("show", "alice", "--json").stdout)["user"]["roles"]


def test_a_role_given_beside_a_running_server_counts_there_at_once(operate, alice, ask):
    running, access_token = alice

    done = operate("set-roles", "alice", "editor,user")

    assert (done.returncode, running.process.poll()) == (0, None), done.stderr
    authorization = {"Authorization": f"Bearer {access_token}"}
    me = json.loads(ask(running.port_of("API"), "GET", "/api/me", authorization).body)
    assert me["user"]["roles"] == ["editor", "user"]


@pytest.mark.parametrize("end", [pytest.param(signal.SIGTERM, marks=pytest.mark.exhaustive), signal.SIGKILL])
def test_a_role_given_while_nothing_runs_is_there_at_the_next_start(operate, alice, start, eventually, end):
    eventually(lambda: roles_of(operate) == ["user"])
    alice[0].send(end)
    eventually(lambda: operate("show", "alice").returncode == 0)

    done = operate("set-roles", "alice", "editor")

    assert done.returncode == 0, done.stderr
    assert roles_of(operate) == ["editor"]
    start()
    assert roles_of(operate) == ["editor"]


def test_its_answer_in_json_has_the_whole_standard_output(operate, alice):
    alice[0].send(signal.SIGTERM)
    answer = json.loads(operate("set-roles", "alice", "admin", "--json").stdout)
    assert (answer["changed"], answer["user"]["roles"]) == (True, ["admin"])


def test_the_shells_own_aws_is_left_out(operate, alice):
    done = operate("show", "alice", AWS_PROFILE="there is none", AWS_ENDPOINT_URL="http://127.0.0.1:1")
    assert done.returncode == 0, done.stderr


def test_the_first_administrator_is_made_before_anything_has_run_and_logs_in(operate, start, ask):
    done = operate("create", "root", "--role", "admin", "--password-stdin", typed=PASSWORD + "\n")
    assert (done.returncode, PASSWORD in done.stdout + done.stderr) == (0, False), done.stderr
    body = json.dumps({"username": "root", "password": PASSWORD}).encode()
    answer = ask(start().port_of("API"), "POST", "/api/auth/login", {"Content-Type": "application/json"}, body)
    assert (answer.status, json.loads(answer.body)["user"]["roles"]) == (200, ["admin", "user"])


def test_an_import_begins_a_laptop_on_which_nothing_has_run(tmp_path, operate, start, ask):
    path = tmp_path / "users.jsonl"
    path.write_text(json.dumps({"username": "kim", "password_hash": bcrypt.hashpw(PASSWORD.encode(), SALT).decode()}))
    command = [sys.executable, "-m", "infra.operator", "import", path, "--yes", "--data-dir", tmp_path / "data"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert (done.returncode, "1 user was added" in done.stdout) == (0, True), done.stderr
    assert json.loads(operate("show", "kim", "--json").stdout)["user"]["username"] == "kim"
    body = json.dumps({"username": "kim", "password": PASSWORD}).encode()
    answer = ask(start().port_of("API"), "POST", "/api/auth/login", {"Content-Type": "application/json"}, body)
    assert answer.status == 200


def test_a_link_that_was_printed_sets_the_password_at_a_running_server(operate, start, ask):
    running = start()
    port = running.port_of("API")
    link = json.loads(operate("create", "kim", "--json", PORT=str(port)).stdout)["link"]
    address, _, token = link.partition("/account.html#reset=")
    assert address == f"http://127.0.0.1:{port}"
    for path, members in (
        ("/api/auth/password/reset", {"token": token, "new_password": PASSWORD}),
        ("/api/auth/login", {"username": "kim", "password": PASSWORD}),
    ):
        headers = {"Content-Type": "application/json"}
        assert ask(port, "POST", path, headers, json.dumps(members).encode()).status in {200, 204}


def test_the_doctor_finds_nothing_wrong_where_something_has_run(operate, alice, tmp_path):
    command = [sys.executable, "-m", "infra.operator", "doctor", "--data-dir", tmp_path / "data"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert (done.returncode, "WRONG" in done.stdout) == (0, False), done.stdout
    assert "the only user is in it" in done.stdout


def test_where_nothing_has_ever_run_it_says_so_and_leaves_nothing(operate, tmp_path):
    done = operate("set-roles", "alice", "admin")
    assert done.returncode == 1
    assert "Start `make dev` and sign up" in done.stderr
    assert list(tmp_path.iterdir()) == []
