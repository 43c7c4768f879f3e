"""What `make dev` and Chalice's commands say of a site's own code before they begin."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser.development_server import DevelopmentServer
from tests.local.conftest import PATIENCE_SECONDS, ChaliceLocal, until
from tests.support.ports import free_port
from tests.support.site_of_ones_own import copy_with

CHALICE = Path(sys.executable).parent / "chalice"
MAKE_DEV = (sys.executable, "-m", "infra.local", "--port=0", "--dynamodb-port=0")
CHECK = (sys.executable, "-m", "infra.site_check")
HEAD = """
from chalicelib.api.responses import Answer
from chalicelib.api.routing import Call, Credential, Routes

routes = Routes()
"""
GOOD = f"""{HEAD}

@routes.operation("GET", "/greeting", credential=Credential.LIVE)
def greeting(call: Call) -> Answer[dict[str, str]]:
    return Answer({{"hello": call.user.username}})


@routes.operation("DELETE", "/stock")
def stock(call: Call) -> Answer[dict[str, str]]:
    return Answer({{}})
"""
MINE = f"""{HEAD}

@routes.operation("GET", "/me")
def mine(call: Call) -> Answer[dict[str, str]]:
    return Answer({{}})


@routes.operation("GET", "mine")
def more(call: Call, data: str) -> Answer[dict[str, str]]:
    return Answer({{}})
"""
OF_MINE = [
    "GET /me (mine, chalicelib/site/routes.py:8): GET /me is Lychgate's: choose another path",
    'GET mine (more, chalicelib/site/routes.py:13): a path begins with "/": write "/mine"',
    "GET mine (more, chalicelib/site/routes.py:13): nothing is passed as `data`: a function has `call`, `body`, `query`"
    " and what the path names",
]
ASYNC_HOOK = """
from chalicelib.use_cases.hooks import Hooks


async def ask(attempt):
    pass


hooks = Hooks(before_registration=ask)
"""


def with_files(project, **files):
    for name, text in files.items():
        (project / "chalicelib" / "site" / f"{name}.py").write_text(text)
    return project


def ended(project, *command):
    """What a command says that cannot begin, in lines."""
    done = subprocess.run(
        command,
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 1, done.stdout
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("files", "lines"),
    [
        ({"routes": MINE}, OF_MINE),
        (
            {"routes": f"{HEAD}def greet(:\n"},
            ["chalicelib/site/routes.py:6: SyntaxError: invalid syntax", "    def greet(:"],
        ),
        (
            {"routes": f"from chalicelib.site import shop\n{HEAD}", "shop": "import no_such_package\n"},
            [
                "chalicelib/site/shop.py:1: ModuleNotFoundError: No module named 'no_such_package'",
                "    Packages are `dependencies` in pyproject.toml, from which `make lock` writes the rest.",
                "    loaded by chalicelib/site/routes.py:1",
            ],
        ),
        (
            {"hooks": ASYNC_HOOK},
            [
                "chalicelib/site/hooks.py:9: TypeError: the hook before_registration (chalicelib/site/hooks.py:5) is an"
                " async function, and hooks are plain functions: nothing would run it to its end. Write `def`, without"
                " `async` and `yield`"
            ],
        ),
        (
            {"hooks": "hook = None\n"},
            ["chalicelib/site/hooks.py: there is no `hooks = Hooks(…)` in it, where Lychgate looks for it"],
        ),
    ],
    ids=["routes", "syntax", "package", "hook", "no hooks"],
)
def test_it_is_said_what_is_wrong_where_and_what_to_do_and_nothing_else(project, files, lines):
    assert ended(with_files(project, **files), *CHECK) == lines


def test_make_dev_does_not_begin_and_says_it_of_all_files_at_once(project):
    begin, hook, *routes = ended(with_files(project, hooks=ASYNC_HOOK, routes=MINE), *MAKE_DEV)
    assert begin == "lychgate: your site cannot start. Correct this, and start it again:"
    assert hook.startswith("chalicelib/site/hooks.py:9: TypeError: ")
    assert routes == OF_MINE


@pytest.mark.parametrize("command", [["package", "out"], ["local", "--no-autoreload"], ["deploy"]])
def test_a_command_of_chalices_that_makes_something_of_the_routes_does_not_begin(project, command):
    said = ended(with_files(project, routes=MINE), CHALICE, *command)
    assert said == ["Error: the site's own routes have mistakes", *OF_MINE]


def test_chalice_local_starts_again_once_a_mistake_is_corrected(project):
    server = ChaliceLocal(with_files(project, routes=MINE), free_port(), "--autoreload")
    try:
        until(lambda: OF_MINE[-1] in server.output)
        with_files(project, routes=GOOD)
        # It has no database: the next thing that it looks for.
        server.ended()
    finally:
        server.kill()
    assert "LYCHGATE_PUBLIC_KEYS names .lychgate/public-keys.json" in server.output
    assert "Traceback" not in server.output


def test_make_dev_says_who_may_call_each_route_of_the_site_if_it_has_any(run_until_ready, tmp_path):
    own = copy_with(tmp_path / "project", {"chalicelib/site/routes.py": GOOD})
    server = DevelopmentServer(tmp_path / "accounts", checkout=own)
    server.stop()
    assert "Routes    GET /greeting  whoever is logged in\n          DELETE /stock  everybody\n" in server.output
    assert "Routes" not in run_until_ready("--data-dir", tmp_path / "others").output
