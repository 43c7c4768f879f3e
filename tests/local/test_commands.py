"""`python -m infra.local` as a developer meets it: processes, ports and signals."""

import json
import signal
import socket
import stat
import subprocess
import sys
import time

import boto3
import pytest
from botocore.exceptions import ClientError

from infra.local.item_store import items_of
from tests.local.conftest import PATIENCE_SECONDS, ROOT
from tests.support.ports import free_port

USERS = "lychgate-dev-users"
ALICE = {"username_key": {"S": "alice"}}


@pytest.fixture
def taken_port():
    with socket.create_server(("127.0.0.1", 0)) as other_program:
        yield other_program.getsockname()[1]


@pytest.fixture
def put_alice(connect):
    def put_alice(running):
        connect("dynamodb", running.port_of("Database"), running.secret_key).put_item(TableName=USERS, Item=ALICE)

    return put_alice


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_with_success_and_leaves_one_file_of_accounts(
    run_until_ready, tmp_path, put_alice, number
):
    running = run_until_ready("dynamodb", "--data-dir", tmp_path)
    put_alice(running)
    port = running.port_of("Database")

    assert running.send(number) == 0

    assert "Traceback" not in running.output
    assert [json.loads(item) for item in items_of(tmp_path / "database.sqlite3", USERS)] == [ALICE]
    assert {path.name for path in tmp_path.iterdir()} == {
        "database.sqlite3",
        "lock",
        "public-keys.json",
        "signing-keys.json",
    }
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=30)


def test_what_was_answered_survives_a_kill_whose_lock_is_no_obstacle(run_until_ready, tmp_path, put_alice, connect):
    running = run_until_ready("dynamodb", "--data-dir", tmp_path)
    put_alice(running)
    running.send(signal.SIGKILL)
    assert (tmp_path / "lock").read_bytes()

    again = run_until_ready("dynamodb", "--data-dir", tmp_path)
    assert connect("dynamodb", again.port_of("Database"), again.secret_key).scan(TableName=USERS)["Items"] == [ALICE]
    assert again.send(signal.SIGINT) == 0


def test_what_a_kill_during_a_save_left_behind_is_removed(run_until_ready, tmp_path):
    for name in (".signing-keys.json.new-abc", ".database.sqlite3.new-abc", ".database.sqlite3.new-abc-journal"):
        (tmp_path / name).write_text("{")

    run_until_ready("dynamodb", "--data-dir", tmp_path)

    assert list(tmp_path.glob(".*")) == []


def test_a_second_interruption_ends_at_once():
    stuck = "from infra.local.interruption import Interruption; import time; Interruption(); print(1, flush=True); "
    stuck += "[time.sleep(0.1) for _ in range(600)]"
    with subprocess.Popen([sys.executable, "-c", stuck], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline()
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            time.sleep(0.05)

    assert process.returncode == 130


def test_an_interruption_at_any_moment_of_the_wait_ends_it():
    program = """
import os, signal, sys, threading
from infra.local.interruption import Interruption

for moment in range(1, 30):
    interruption, interrupted = Interruption(), threading.Lock()

    def interrupt_once():
        if interrupted.acquire(blocking=False):
            os.kill(os.getpid(), signal.SIGINT)

    def trace(*_):
        global moment
        moment -= 1
        if moment == 0:
            interrupt_once()
        return trace

    later = threading.Timer(0.1, interrupt_once)  # for a moment that is not reached before the wait is on
    later.start()
    sys.settrace(trace)
    interruption.wait()
    sys.settrace(None)
    later.join()
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, timeout=PATIENCE_SECONDS, check=False)
    assert done.returncode == 0


def test_a_taken_database_port_is_one_line_that_says_what_to_type(run, tmp_path, taken_port):
    running = run("dynamodb", "--data-dir", tmp_path, DYNAMODB_PORT=str(taken_port))

    assert running.ended() == 1
    [line] = running.output.splitlines()
    assert f"port {taken_port} is taken" in line
    assert "DYNAMODB_PORT=9001 make dev" in line


def test_a_taken_page_port_is_one_line_that_says_what_to_type(run, tmp_path, taken_port):
    running = run("--data-dir", tmp_path, PORT=str(taken_port))

    assert running.ended() == 1
    [line] = running.output.splitlines()
    assert f"port {taken_port} is taken" in line
    assert "PORT=9100 make dev" in line


def test_two_databases_do_not_write_one_data_directory(run, database):
    second = run("dynamodb", "--data-dir", database.data_directory)

    assert second.ended() == 1
    assert f"DYNAMODB_PORT={database.port_of('Database')} make dev" in second.output


def test_the_development_server_serves_page_and_api_and_ends_with_its_database(run_until_ready, tmp_path, ask):
    running = run_until_ready("--data-dir", tmp_path)
    port = running.port_of("Page")

    assert ask(port, "GET", "/").headers["Content-Security-Policy"]
    of_the_api = ask(port, "GET", "/api/no-such-route").headers["Content-Security-Policy"]
    assert of_the_api == "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
    assert ask(running.port_of("Database"), "GET", "/lychgate").status == 403, "it wants a signature"

    assert running.send(signal.SIGINT) == 0
    assert "Traceback" not in running.output
    for ended in (port, running.port_of("Database")):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", ended), timeout=30)


def test_a_development_server_uses_the_database_that_runs_already(run_until_ready, database, ask, connect):
    port = database.port_of("Database")

    server = run_until_ready("--data-dir", database.data_directory, DYNAMODB_PORT=str(port))

    assert server.port_of("Database") == port
    assert "which was running already" in server.output
    assert server.send(signal.SIGINT) == 0
    assert ask(port, "GET", "/lychgate").status == 403, "it outlives the server that only used it"
    assert connect("dynamodb", port, database.secret_key).list_tables()["TableNames"]


def test_the_database_of_another_data_directory_is_not_used(run, database, tmp_path):
    port = database.port_of("Database")

    server = run("--data-dir", tmp_path / "two", DYNAMODB_PORT=str(port))

    assert server.ended() == 1
    assert f"port {port} is taken" in server.output


def test_each_run_has_its_own_credentials_for_the_owner_alone_and_the_same_keys_in_ssm(
    run_until_ready, tmp_path, connect
):
    credentials, values = set(), set()
    for _ in range(2):
        running = run_until_ready("dynamodb", "--data-dir", tmp_path)
        port = running.port_of("Database")
        file = tmp_path / "credentials"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        credentials.add(running.secret_key)
        assert running.secret_key not in running.output
        assert running.secret_key.encode() not in (tmp_path / "lock").read_bytes()
        assert connect("dynamodb", port, running.secret_key).list_tables()["TableNames"]
        for earlier in credentials - {running.secret_key}:
            with pytest.raises(ClientError, match="not signed with the secret access key"):
                connect("dynamodb", port, earlier).list_tables()
        ssm = connect("ssm", port, running.secret_key)
        parameter = ssm.get_parameter(Name="/lychgate/dev/signing-keys", WithDecryption=True)["Parameter"]
        assert parameter["Type"] == "SecureString"
        values.add(parameter["Value"])
        running.send(signal.SIGINT)
        assert not file.exists()

    assert len(credentials) == 2
    assert min(map(len, credentials)) == 40
    assert values == {(tmp_path / "signing-keys.json").read_text()}


def test_awss_own_clients_find_the_credentials_in_the_file(database, monkeypatch):
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(database.data_directory / "credentials"))
    port = database.port_of("Database")
    client = boto3.Session().client("dynamodb", region_name="us-east-1", endpoint_url=f"http://127.0.0.1:{port}")

    assert USERS in client.list_tables()["TableNames"]
    client.close()


def test_the_api_goes_on_with_a_database_that_was_started_again(run_until_ready, tmp_path, ask):
    port = str(free_port())
    database = run_until_ready("dynamodb", "--data-dir", tmp_path, DYNAMODB_PORT=port)
    server = run_until_ready("--data-dir", tmp_path, DYNAMODB_PORT=port)
    assert register(ask, server, "alice").status == 201

    database.send(signal.SIGINT)
    run_until_ready("dynamodb", "--data-dir", tmp_path, DYNAMODB_PORT=port)

    assert register(ask, server, "bob").status == 201
    assert register(ask, server, "alice").status == 409


def register(ask, server, username):
    body = json.dumps({"username": username, "password": "correct horse battery staple"}).encode()
    return ask(server.port_of("Page"), "POST", "/api/auth/register", {"Content-Type": "application/json"}, body)


def test_the_shells_own_aws_account_is_never_used_and_an_option_wins_over_the_environment(run_until_ready, tmp_path):
    account = {
        "AWS_PROFILE": "no-such-profile",
        "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:1",
        "AWS_SESSION_TOKEN": "token",
        "HTTP_PROXY": "http://127.0.0.1:1",
    }

    running = run_until_ready("--data-dir", tmp_path, "--port", "0", PORT="x", **account)

    assert running.port_of("Page")
    assert running.send(signal.SIGINT) == 0


@pytest.mark.parametrize(
    ("variable", "port"),
    [
        ("PORT", "70000"),
        ("DYNAMODB_PORT", "-1"),
        ("PORT", "x"),
        ("DYNAMODB_PORT", ""),
        *(pytest.param("DYNAMODB_PORT", port, marks=pytest.mark.exhaustive) for port in ("70000", "x")),
        *(pytest.param("PORT", port, marks=pytest.mark.exhaustive) for port in ("-1", "")),
    ],
)
def test_a_port_that_is_none_is_one_line_that_quotes_what_was_typed(run, tmp_path, variable, port):
    running = run("--data-dir", tmp_path, **{variable: port})

    assert running.ended() == 2
    [line] = running.output.splitlines()
    assert line == f"lychgate: {variable}={port}: {port!r} is not a port number: 1 to 65535, or 0 for any free one"


def test_an_option_is_held_to_the_same(run, tmp_path):
    running = run("--data-dir", tmp_path, "--port", "x")
    assert running.ended() == 2
    assert "argument --port: 'x' is not a port number" in running.output


def test_page_and_database_on_one_port_is_one_line_that_says_what_to_type(run, tmp_path):
    running = run("--data-dir", tmp_path, PORT="8001", DYNAMODB_PORT="8001")

    assert running.ended() == 1
    [line] = running.output.splitlines()
    assert line == ("lychgate: page and database cannot both have port 8001. Choose another one: PORT=9100 make dev")


def test_a_data_directory_that_cannot_be_made_is_one_line(run, tmp_path):
    (tmp_path / "file").write_text("")

    running = run("dynamodb", "--data-dir", tmp_path / "file" / "data")

    assert running.ended() == 1
    [line] = running.output.splitlines()
    assert "cannot be used" in line
