"""`python -m infra.operator` on a laptop: beside a running database, and without one."""

import json
import os
import signal
import subprocess
import sys

import pytest

from tests.local.conftest import PATIENCE_SECONDS, ROOT

PASSWORD = "correct horse battery staple"


@pytest.fixture
def operate(tmp_path):
    """Run the command about a data directory and return the finished process."""

    def operate(*arguments, **environment):
        return subprocess.run(
            [sys.executable, "-m", "infra.operator", "users", *arguments, "--data-dir", tmp_path / "data"],
            cwd=ROOT,
            env={**os.environ, **environment},
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


def test_where_nothing_has_ever_run_it_says_so_and_leaves_nothing(operate, tmp_path):
    done = operate("set-roles", "alice", "admin")
    assert done.returncode == 1
    assert "Start `make dev` and sign up" in done.stderr
    assert list(tmp_path.iterdir()) == []
