"""`make examples` as a developer meets it: one command starts all, says where it is, and ends all."""

import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request

import pytest

from infra.examples.vite_react import ViteReact
from infra.local.errors import LocalError
from tests.browser.development_server import PATIENCE_SECONDS, ROOT, eventually
from tests.client.find_node import node_folder

ANY_PORTS = {"PORT": "0", "DYNAMODB_PORT": "0"}


@pytest.fixture
def run(tmp_path):
    """Start the command, and return its process with what it printed so far."""
    started = []

    def run(*arguments, **environment):
        process = subprocess.Popen(
            [sys.executable, "-m", "infra.examples", *arguments],
            cwd=ROOT,
            env={"LYCHGATE_DATA_DIR": str(tmp_path / "accounts"), **ANY_PORTS, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        process.output = ""
        process.reader = threading.Thread(target=read, args=(process,))
        process.reader.start()
        started.append(process)
        return process

    def read(process):
        for line in process.stdout:
            process.output += line

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.reader.join()
        process.stdout.close()


def ended(process):
    process.wait(PATIENCE_SECONDS)
    process.reader.join()
    return process.returncode, process.output


def place_of(name, output):
    return re.search(rf"^{name} +(http\S+)", output, re.MULTILINE)[1]


def refuses_connections(url):
    host, port = re.search(r"//([^:]+):(\d+)", url).groups()
    try:
        socket.create_connection((host.replace("localhost", "127.0.0.1"), int(port)), timeout=30).close()
    except ConnectionRefusedError:
        return True
    return False


def allowed_origin(api, origin):
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    request = urllib.request.Request(f"{api}/auth/login", headers=headers, method="OPTIONS")
    with urllib.request.urlopen(request) as answer:
        return answer.headers["Access-Control-Allow-Origin"]


def test_it_starts_what_can_run_here_with_the_origins_that_go_with_it_and_ends_all_of_it(run, tmp_path):
    process = run("--another-origin-port=0", PATH=str(tmp_path), LYCHGATE_ALLOWED_ORIGINS="http://localhost:3000")
    eventually(lambda: "Ctrl-C ends all of it" in process.output or process.poll() is not None)
    printed = process.output
    members, shop = place_of("members", printed), place_of("another-origin", printed)
    api = re.search(r"^API +(\S+)", printed, re.MULTILINE)[1]

    assert "vite-react      is left out: Node.js 20.19 or newer with npm is needed" in printed
    assert f"LYCHGATE_API={api} python3 examples/command-line/lychgate.py login" in printed
    with urllib.request.urlopen(members) as answer:
        assert b"/members/members.js" in answer.read()
    with urllib.request.urlopen(shop) as answer:
        page = answer.read().decode()
        assert answer.headers["Content-Security-Policy"] == "frame-ancestors 'none'"
    assert f'data-api="{api}"' in page
    assert f"connect-src {api.removesuffix('/api')};" in page
    with urllib.request.urlopen(f"{shop}js/lychgate.js") as answer:
        assert b"createClient" in answer.read()
    for origin in (shop.rstrip("/"), "http://localhost:3000"):
        assert allowed_origin(api, origin) == origin
    assert allowed_origin(api, "http://localhost:3001") is None

    process.send_signal(signal.SIGINT)

    code, printed = ended(process)
    assert code == 0, printed
    assert "Traceback" not in printed
    assert refuses_connections(api)
    assert refuses_connections(shop)


def test_a_second_interruption_ends_all_of_it_at_once(run):
    process = run("command-line")
    eventually(lambda: "Ctrl-C ends all of it" in process.output or process.poll() is not None)
    api = re.search(r"^API +(\S+)", process.output, re.MULTILINE)[1]

    # Two of one kind may arrive as one.
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)

    assert ended(process)[0] == 130
    assert refuses_connections(api)


def test_a_port_that_is_taken_is_named_with_what_to_type_and_nothing_is_started(run):
    with socket.create_server(("127.0.0.1", 0)) as other_program:
        port = other_program.getsockname()[1]
        processes = {
            "another-origin": run("another-origin", f"--another-origin-port={port}"),
            "vite-react": run("vite-react", f"--vite-react-port={port}", PATH=str(node_folder())),
            "PORT=9100": run("members", PORT=str(port)),
        }
        results = {name: ended(process) for name, process in processes.items()}
    for name, (code, printed) in results.items():
        assert code == 1, printed
        assert f"port {port} is taken by another program" in printed
        assert name in printed
        assert "Ready" not in printed


@pytest.mark.parametrize(
    ("version", "npm", "said"),
    [
        (None, False, "and no node was found"),
        ("v22.1.0", False, "and there is no npm beside"),
        ("v18.20.4", True, "is v18.20.4"),
        ("v20.18.9", True, "is v20.18.9"),
        ("nonsense", True, "is nonsense"),
    ],
)
def test_a_node_that_is_missing_or_too_old_is_an_error_that_says_which_one_is_needed(tmp_path, version, npm, said):
    for name, there in (("node", version), ("npm", npm)):
        if there:
            (tmp_path / name).write_text(f"#!/bin/sh\necho {version}\n", "utf-8")
            (tmp_path / name).chmod(0o755)

    with pytest.raises(LocalError) as error:
        ViteReact(0, {"PATH": str(tmp_path)})

    assert str(error.value).startswith("Node.js 20.19 or newer with npm is needed (https://nodejs.org), ")
    assert said in str(error.value)


def test_who_asks_for_what_cannot_be_had_is_told_why_and_nothing_is_started(run, tmp_path):
    code, printed = ended(run("members", "vite-react", PATH=str(tmp_path)))
    assert (code, printed[:60]) == (1, "lychgate: Node.js 20.19 or newer with npm is needed (https:/")
    code, printed = ended(run("vue"))
    assert code == 1
    assert "there is no example vue. There are members, another-origin, vite-react, command-line." in printed
