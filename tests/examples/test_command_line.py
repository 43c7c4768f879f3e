"""examples/command-line/lychgate.py as its users have it: a process at a terminal, and several at once."""

import json
import os
import re
import stat
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.browser.visitor import PASSWORD
from tests.examples.conftest import lose, redirect_to
from tests.local.test_terminal import Terminal
from tests.support.http_servers import serving

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "examples" / "command-line" / "lychgate.py"
NOT_LOGGED_IN = 3
# Longer than an access token is good for.
ELEVEN_MINUTES = 660
A_KEYRING = '''"""A keyring in a file, as good as the system's."""

import json
import pathlib
import types

FILE = pathlib.Path(__file__).with_name("kept.json")
errors = types.SimpleNamespace(KeyringError=RuntimeError)


def get_keyring():
    return types.SimpleNamespace(priority=PRIORITY)


def _kept():
    return json.loads(FILE.read_text()) if FILE.exists() else {}


def get_password(service, name):
    return _kept().get(f"{service} {name}")


def set_password(service, name, text):
    FILE.write_text(json.dumps({**_kept(), f"{service} {name}": text}))


def delete_password(service, name):
    FILE.write_text(json.dumps({key: text for key, text in _kept().items() if key != f"{service} {name}"}))
'''


class CommandLine:
    """The program with a folder of its own."""

    def __init__(self, api, folder):
        self.folder = folder
        self.environment = {"LYCHGATE_API": api, "LYCHGATE_STATE": str(folder), "LYCHGATE_TIMEOUT": "120"}

    def start(self, *arguments):
        return subprocess.Popen(
            [sys.executable, PROGRAM, *arguments],
            env={**os.environ, **self.environment},
            # Where there is a terminal, it is none of this process's.
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments):
        """Run it without a terminal and return how it ended."""
        process = self.start(*arguments)
        printed, _ = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, printed)

    def does(self, *arguments):
        """Run it, and return what it printed."""
        ran = self.run(*arguments)
        assert ran.returncode == 0, ran.stdout
        return ran.stdout

    def asks(self, *arguments, **answers):
        """Run it at a terminal, answer each question that begins so, and return exit code and what was shown."""
        terminal = Terminal([sys.executable, PROGRAM, *arguments], self.environment)
        seen = 0
        for question, typed in answers.items():
            for each in typed if isinstance(typed, list) else [typed]:
                shown = terminal.read_until(rf"(?s).{{{seen},}}{question}[^\n]*: $".encode())
                seen = len(shown)
                os.write(terminal._ours, f"{each}\n".encode())
        shown = terminal.read_until(None).decode()
        terminal.end()
        return terminal.process.returncode, shown

    def logs_in(self, account):
        code, shown = self.asks("login", account.username, Password=PASSWORD)
        assert code == 0, shown
        return shown

    @property
    def file(self):
        [file] = self.folder.glob("*.json")
        return file

    def kept(self):
        return json.loads(self.file.read_text("utf-8"))


@pytest.fixture
def command_line(way, tmp_path):
    return CommandLine(way.api, tmp_path / "state")


@pytest.fixture
def logged_in(command_line, account):
    command_line.logs_in(account)
    return command_line


def test_a_session_lasts_from_the_log_in_to_the_log_out(command_line, account, way):
    code, shown = command_line.asks("login", Username=account.username, Password=PASSWORD)

    assert code == 0, shown
    assert PASSWORD not in shown
    assert PASSWORD not in command_line.file.read_text("utf-8")
    assert stat.S_IMODE(command_line.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(command_line.folder.stat().st_mode) == 0o700
    assert command_line.does("whoami") == f"{account.username} (user)\n"
    assert json.loads(command_line.does("call", "GET", "/dashboard"))["active_sessions"] == 2
    other, own = sorted(command_line.does("sessions").splitlines())
    assert (other[0], own[0]) == (" ", "*")
    assert own.endswith("  lychgate-command-line")
    token = command_line.kept()["access_token"]
    assert account.sessions() == ["lychgate-command-line"]

    assert command_line.does("logout") == "Logged out. The session has ended.\n"

    assert account.sessions() == []
    with pytest.raises(Exception, match="401"):
        account.ask("GET", "/me", token=token)
    assert not [*command_line.folder.glob("*.json")]
    ran = command_line.run("whoami")
    said = f"lychgate: You are not logged in to {way.api}. Log in with: lychgate.py login\n"
    assert (ran.returncode, ran.stdout) == (NOT_LOGGED_IN, said)


def test_a_second_factor_is_asked_for_when_it_is_due(command_line, account, clock):
    app, [recovery_code, *_] = account.with_totp()

    code, shown = command_line.asks(
        "login", account.username, Password=PASSWORD, Code=[app.wrong_code(), app.next_code()]
    )
    assert code == 0, shown
    assert "This is not the code" in shown
    code, shown = command_line.asks("login", account.username, Password=PASSWORD, Code=recovery_code)
    assert code == 0, shown
    assert recovery_code not in shown
    assert account.sessions() == ["lychgate-command-line"], "a log-in ends the session in whose place it comes"


def test_a_lost_answer_is_repeated_with_the_same_refresh_token_and_the_session_goes_on(logged_in, way, account, clock):
    clock.advance(ELEVEN_MINUTES)
    way.next("/auth/refresh", lose)

    assert account.username in logged_in.does("whoami")

    first, second = [body for path, body in way.requests if path == "/auth/refresh"]
    assert first == second
    clock.advance(ELEVEN_MINUTES)
    assert account.username in logged_in.does("whoami")


def test_many_processes_at_once_refresh_once(logged_in, way, account, clock):
    clock.advance(ELEVEN_MINUTES)

    running = [logged_in.start("whoami") for _ in range(6)]
    ended = [process.communicate()[0] for process in running]

    assert ended == [f"{account.username} (user)\n"] * 6
    assert way.count("/auth/refresh") == 1


@pytest.mark.parametrize("wrong_by", [-7200, 7200])
def test_a_clock_that_is_wrong_costs_a_refresh_and_no_session(logged_in, way, account, wrong_by):
    kept = logged_in.kept()
    kept["obtained_at"] += wrong_by
    logged_in.file.write_text(json.dumps(kept), "utf-8")

    assert account.username in logged_in.does("whoami")
    assert account.username in logged_in.does("whoami")

    assert way.count("/auth/refresh") == 1


def test_a_session_that_has_ended_elsewhere_is_forgotten(logged_in, account):
    account.logs_out_everywhere()

    ran = logged_in.run("whoami")

    said = "lychgate: The session has ended. Log in again with: lychgate.py login\n"
    assert (ran.returncode, ran.stdout) == (NOT_LOGGED_IN, said)
    assert not [*logged_in.folder.glob("*.json")]


def test_a_call_that_lacks_its_body_is_told_how_to_give_one(logged_in):
    ran = logged_in.run("call", "POST", "/auth/reauthenticate")

    assert ran.returncode == 1
    assert (
        ran.stdout
        == """lychgate: POST /auth/reauthenticate needs a body. Give it with: --data '{"member": "value"}'\n"""
    )


def test_what_needs_a_fresh_session_asks_for_the_password_again(logged_in, account, clock):
    clock.advance(901)
    [other] = re.findall(r"^  (\S+)", logged_in.does("sessions"), re.MULTILINE)

    ran = logged_in.run("call", "DELETE", f"/auth/sessions/{other}")
    assert (ran.returncode, "has none" in ran.stdout) == (1, True)
    code, shown = logged_in.asks("call", "delete", f"auth/sessions/{other}", Password=PASSWORD)

    assert code == 0, shown
    assert len(logged_in.does("sessions").splitlines()) == 1


def test_an_api_that_cannot_be_reached_ends_no_session_and_a_log_out_says_so(logged_in, way, account):
    way.next("/me", lose)
    ran = logged_in.run("whoami")
    assert ran.returncode == 1
    assert "cannot be reached" in ran.stdout
    way.next("/auth/logout", lose)
    ran = logged_in.run("logout")
    assert ran.returncode == 1
    assert "The session has not ended" in ran.stdout

    assert logged_in.does("logout") == "Logged out. The session has ended.\n"
    assert account.sessions() == []


def test_a_redirect_gets_no_token(logged_in, way):
    way.next("/me", redirect_to(f"{way.api}/elsewhere"))

    ran = logged_in.run("whoami")

    assert ran.returncode == 1
    assert "answered 307" in ran.stdout
    assert way.count("/elsewhere") == 0


def test_where_there_is_a_keyring_no_file_has_a_token(command_line, account, tmp_path):
    (tmp_path / "keyring.py").write_text(A_KEYRING.replace("PRIORITY", "5"), "utf-8")
    command_line.environment["PYTHONPATH"] = str(tmp_path)

    assert "in the system's keyring" in command_line.logs_in(account)

    assert account.username in command_line.does("whoami")
    assert [file.name for file in command_line.folder.iterdir()] == ["lock"]
    command_line.does("logout")
    assert (tmp_path / "kept.json").read_text() == "{}"


def test_a_keyring_that_protects_nothing_is_not_used(command_line, account, tmp_path):
    (tmp_path / "keyring.py").write_text(A_KEYRING.replace("PRIORITY", "0.5"), "utf-8")
    command_line.environment["PYTHONPATH"] = str(tmp_path)

    command_line.logs_in(account)

    assert stat.S_IMODE(command_line.file.stat().st_mode) == 0o600


def test_a_file_that_others_can_read_is_not_used(logged_in):
    logged_in.file.chmod(0o644)

    ran = logged_in.run("whoami")

    assert ran.returncode == 1
    assert f"{logged_in.file} can be read by others" in ran.stdout
    assert "chmod 600" in ran.stdout


def test_a_wrong_password_says_so_and_leaves_no_session(command_line, account):
    code, shown = command_line.asks("login", account.username, Password="not the password, but long enough")

    assert code == 1
    assert "The username or the password is wrong." in shown
    assert not [*command_line.folder.glob("*.json")]


def test_its_page_names_the_parts_that_do_what_has_to_be_done():
    page = (PROGRAM.parent / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| (?!it must)[^|]+\|[^|]+\| (`.+`) \|$", page, re.MULTILINE)
    named = [name for cell in rows for name in re.findall(r"[\w.]+", cell)]
    assert len(rows) >= 12
    source = PROGRAM.read_text("utf-8")
    assert [name for name in named if not re.search(rf"(def|class) {name.split('.')[-1]}\b", source)] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--api", "http://site.example/api", "login", "kim"], "everybody on the way could read the password"),
        (["--api", "site.example", "login", "kim"], "It looks like https://example.org/api"),
        (["login", "kim"], "A password is typed at a terminal"),
        (["call", "GET", "https://site.example/"], "is no path below"),
        (["call", "GET", "//site.example/"], "is no path below"),
        (["call", "GET", "/me\r\nHost: site.example"], "is no path below"),
        (["call", "POST", "/notes", "--data", "[]"], "a JSON object is needed"),
        (["call", "POST", "/notes", "--data", "nonsense"], "a JSON object is needed"),
        (["--timeout", "soon", "whoami"], "'soon' is no number of seconds"),
        (["--timeout", "0", "whoami"], "'0' is no number of seconds"),
        (["whoami"], "You are not logged in"),
        (["logout"], "You are not logged in"),
        (["--state", "/dev/null/here", "whoami"], "/dev/null/here: Not a directory"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(command_line, way, arguments, said):
    ran = command_line.run(*arguments)

    assert ran.returncode in {1, 2, NOT_LOGGED_IN}
    assert said in ran.stdout
    assert "Traceback" not in ran.stdout
    assert way.requests == []


# What a terminal would obey: it sets the title, moves up and erases.
STEERING = "\x1b]0;owned\x07\x1b[1A\x1b[2K\x9b2J\r\u202e"
HOSTILE = {
    "/api/me": (200, {"user": {"username": f"kim{STEERING}", "roles": [f"user{STEERING}"]}}),
    "/api/auth/sessions": (
        200,
        {
            "sessions": [
                {"current": True, "id": f"s1{STEERING}"}
                | dict.fromkeys(("last_used_at", "ip", "user_agent"), f"x{STEERING}")
            ]
        },
    ),
    "/api/notes": (
        403,
        {
            "error": f"no{STEERING}",
            "detail": f"No.{STEERING}",
            "errors": [{"field": f"a{STEERING}", "message": STEERING}],
        },
    ),
}


class HostileApi(BaseHTTPRequestHandler):
    """An API that answers with what steers a terminal."""

    def do_GET(self):
        status, answer = HOSTILE[self.path]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_):
        """Say nothing."""


@pytest.mark.parametrize(
    ("arguments", "said"), [(["whoami"], "kim"), (["sessions"], "s1"), (["call", "GET", "/notes"], "403 no")]
)
def test_what_a_server_answers_does_not_steer_the_terminal(tmp_path, arguments, said):
    with serving(HostileApi) as server:
        root = f"http://127.0.0.1:{server.server_port}/api"
        command_line = CommandLine(root, tmp_path)
        session = {"api": root, "username": "kim", "refresh_token": "r", "access_token": "a"}
        file = tmp_path / (re.sub(r"[^\w.-]", "_", session["api"]) + ".json")
        file.touch(0o600)
        file.write_text(json.dumps({**session, "obtained_at": time.time(), "lifetime": 600}))
        ran = command_line.run(*arguments)

    assert said in ran.stdout
    assert "\N{REPLACEMENT CHARACTER}" in ran.stdout
    assert [each for each in ran.stdout if not each.isprintable() and each != "\n"] == []
