"""The programs of docs/http-api.md that bind a session: each logs in, refreshes and logs out at a real server."""

import json
import os
import subprocess
import sys
import urllib.request

import jwt
import pytest

from tests.browser.development_server import DevelopmentServer
from tests.client.find_node import node_folder
from tests.guides.markdown import PATIENCE_SECONDS, Page
from tests.support.node_projects import TOOLS

PAGE = Page("docs/http-api.md")
ACCOUNT = {"username": "Alice", "password": "correct horse battery staple"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    server = DevelopmentServer(tmp_path_factory.mktemp("api"))
    yield f"{server.url}/api"
    server.stop()


@pytest.fixture(scope="module")
def alice(api):
    """The access token of Alice's own session, which is plain."""
    body = json.dumps(ACCOUNT).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{api}/auth/register", body, JSON)) as answer:
        return json.load(answer)["access_token"]


def get(url, access_token):
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {access_token}"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


@pytest.mark.parametrize("name", ["bound.mjs", "bound.py"])
def test_binds_its_session_and_ends_it(name, api, alice, tmp_path):
    text = PAGE.file(name)
    runs_on = [sys.executable] if name.endswith(".py") else [str(node_folder() / "node")]
    if name.endswith(".mjs"):
        (tmp_path / "node_modules").symlink_to(TOOLS)

    def run(text):
        (tmp_path / name).write_text(text, "utf-8")
        command = [*runs_on, name, ACCOUNT["username"], ACCOUNT["password"]]
        environment = {**os.environ, "API": api}
        return subprocess.run(
            command,
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )

    whole = run(text)
    assert whole.returncode == 0, whole.stderr
    ended = jwt.decode(whole.stdout.strip(), options={"verify_signature": False})["sid"]
    # Without its last line, which logs out, the session is there to be seen.
    shorter = run("\n".join(text.splitlines()[:-1]) + "\n")
    assert shorter.returncode == 0, shorter.stderr
    begun = jwt.decode(shorter.stdout.strip(), options={"verify_signature": False})["sid"]
    sessions = {each["id"]: each["bound"] for each in get(f"{api}/auth/sessions", alice)["sessions"]}
    assert sessions[begun] is True
    assert ended not in sessions
