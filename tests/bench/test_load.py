"""What the load section would find out if something were wrong: errors, lost sessions, memory that grows."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from werkzeug import Response

from bench import load, memory
from bench.load_client import Account, Plan, run
from bench.over_database import STAGE, private_ring
from bench.packaged_stage import built, endpoints_for
from infra.local.http_server import HttpServer
from infra.tables import create_tables
from tests.support.packaged.function import LambdaFunction
from tests.support.packaged.template import API_HANDLER


def account(name="alice"):
    return Account(
        username=name, password="p", address="198.51.100.1", access_token="a", refresh_token="first", begun=[]
    )


def answer_with(body, status=200):
    return Response(body, status, content_type="application/json")


@pytest.fixture
def serve():
    """Answer requests with a function of them."""
    servers = []

    def serve(answer):
        server = HttpServer(0, body_limit=10_000)
        servers.append(server)
        server.start(answer)
        return server.port

    yield serve
    for server in servers:
        server.stop()


def plan(port, operation, *, clients=1):
    accounts = [account(f"user-{number}") for number in range(3)]
    return Plan(port=port, operation=operation, clients=clients, seconds=0.01, secret="s", accounts=accounts)


def test_answers_are_timed_and_the_newest_tokens_kept(serve):
    port = serve(lambda request: answer_with(b'{"refresh_token": "next"}'))
    outcome = run(plan(port, "refresh", clients=2))
    assert outcome["errors"] == []
    assert len(outcome["milliseconds"]) >= 3
    assert outcome["seconds"] > 0
    assert {kept["refresh_token"] for kept in outcome["accounts"]} == {"next"}
    assert sorted(kept["username"] for kept in outcome["accounts"]) == ["user-0", "user-1", "user-2"]


def test_a_log_in_begins_a_session_more(serve):
    port = serve(lambda request: answer_with(b'{"refresh_token": "begun"}'))
    outcome = run(plan(port, "log-in"))
    begun = [token for kept in outcome["accounts"] for token in kept["begun"]]
    assert len(begun) == len(outcome["milliseconds"])


def test_a_refusal_and_a_broken_connection_are_errors_and_no_answers(serve):
    answers = iter([answer_with(b'{"error": "internal_error"}', 500), answer_with(b"no JSON")])

    def answer(request):
        return next(answers, answer_with(b'{"refresh_token": "next"}'))

    outcome = run(plan(serve(answer), "refresh"))
    assert "POST /auth/refresh answered 500" in outcome["errors"][0]
    assert len(outcome["errors"]) == 2
    assert outcome["milliseconds"]


def test_the_clients_name_their_address_and_prove_that_they_may(serve):
    seen = []

    def answer(request):
        seen.append((request.headers.get("X-Lychgate-Distribution"), request.headers.get("X-Forwarded-For")))
        return answer_with(b"{}")

    run(plan(serve(answer), "protected"))
    assert set(seen) == {("s", "198.51.100.1")}


def test_a_session_that_refuses_its_last_token_is_lost(serve):
    def answer(request):
        status = 401 if b"dead" in request.get_data() else 200
        return answer_with(b"{}", status)

    accounts = [account() | {"begun": ["dead", "alive"]}, account() | {"refresh_token": "dead too"}]
    lost = load._lost(serve(answer), accounts)
    assert len(lost) == 2
    assert all("401" in refusal for refusal in lost)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc")
def test_clients_that_get_no_plan_end_without_a_word():
    """An interruption between their start and the plan leaves them without one."""
    ended = subprocess.run([sys.executable, "-m", "bench.load_client"], input=b"", capture_output=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")


def test_the_package_answers_each_request_whose_memory_is_measured(dynamodb_local):
    create_tables(dynamodb_local.client, STAGE)
    ring = private_ring()
    package = built(ring)
    with endpoints_for(dynamodb_local, ring) as endpoints, LambdaFunction(package, API_HANDLER, endpoints) as function:
        mix = memory._Mix(function)
        # Each raises for an answer that is none of those that it should get.
        for number in range(21):
            mix.send(number)
        assert function.cold_starts == 1


def test_the_memory_of_a_process_is_read_in_megabytes():
    before = memory.resident_megabytes(os.getpid())
    held = bytearray(os.urandom(1024) * 50 * 1024)
    assert 40 < memory.resident_megabytes(os.getpid()) - before < 80
    del held
