"""Projects under Node.js: what one's own tools make of the browser client there."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.client.find_node import node_folder
from tests.support.commands import run_to_end

ROOT = Path(__file__).parents[2]
JS = ROOT / "static-site" / "js"
CLIENT = JS / "lychgate.js"
TYPES = CLIENT.with_suffix(".d.ts")
KEY = CLIENT.with_name("lychgate-dpop.js")
MAIL = CLIENT.with_name("lychgate-mail.js")
MAIL_TYPES = MAIL.with_suffix(".d.ts")
FACTORS = CLIENT.with_name("lychgate-factors.js")
FACTORS_TYPES = FACTORS.with_suffix(".d.ts")
ADMIN = CLIENT.with_name("lychgate-admin.js")
ADMIN_TYPES = ADMIN.with_suffix(".d.ts")
QR = CLIENT.with_name("qr.js")
QR_TYPES = QR.with_suffix(".d.ts")
TOOLS = ROOT / ".tools" / "node_modules"
_REACT_TEMPLATE = ROOT / "tests" / "client" / "react_ts"


def run(
    tool: str | Path, *arguments: str | Path, folder: Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program under Node.js, in a folder: one of a package in .tools, or any other by its absolute path."""
    program = TOOLS / tool
    assert program.exists(), f"{program.name} is missing: `make test` fetches it into .tools"
    return run_to_end([node_folder() / "node", program, *arguments], folder, env)


def tsc(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return run("typescript/bin/tsc", *arguments, folder=folder)


def vite(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return run("vite/bin/vite.js", *arguments, folder=folder)


def install(folder: Path) -> None:
    """Give a project the installed packages, and a place beside them for what its tools write there."""
    (folder / "node_modules").mkdir()
    for package in TOOLS.iterdir():
        if not package.name.startswith("."):
            (folder / "node_modules" / package.name).symlink_to(package)


def react_project(folder: Path) -> Path:
    """Make a project as Vite's template `react-ts` makes it, with the client copied into it."""
    shutil.copytree(_REACT_TEMPLATE, folder)
    install(folder)
    for file in (CLIENT, TYPES, KEY):
        shutil.copy(file, folder / "src")
    return folder
