"""The npm package, packed as the workflow that publishes it packs it, and projects that have it installed."""

import functools
import os
import re
import shutil
import tarfile
import tempfile
from pathlib import Path

import yaml

from tests.client.find_node import node_folder
from tests.support.commands import run_to_end
from tests.support.node_projects import ROOT, TOOLS, install

NAME = "lychgate"
PAGE = ROOT / "docs" / "npm.md"
"""What npm shows of the package."""
_SOURCES = ("LICENSE", "README.md", "custom-elements.json", "package.json", "docs/npm.md")


def pack(folder: Path) -> Path:
    """Pack what is published, in an empty folder. Returns the tarball."""
    for source in _SOURCES:
        (folder / source).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / source, folder / source)
    shutil.copytree(ROOT / "static-site", folder / "static-site")
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "publish.yml").read_text("utf-8"))
    (step,) = [step for step in workflow["jobs"]["npm"]["steps"] if step.get("name") == "Name the package"]
    named = {"NPM_PACKAGE": NAME, "REPOSITORY": "https://github.com/octo-org/octo-repo"}
    path = f"{node_folder()}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, **named, "PATH": path, "npm_config_update_notifier": "false"}
    for command in (step["run"], "npm pack --ignore-scripts --silent"):
        ran = run_to_end(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", command], folder, env)
        assert ran.returncode == 0, ran.stdout
    (tarball,) = folder.glob("*.tgz")
    return tarball


@functools.cache
def _unpacked() -> tempfile.TemporaryDirectory[str]:
    """The package as it is installed, once for all tests of a process, at whose end it is removed."""
    with tempfile.TemporaryDirectory() as temporary:
        tarball = pack(Path(temporary))
        kept = tempfile.TemporaryDirectory()
        with tarfile.open(tarball) as archive:
            archive.extractall(kept.name, filter="data")
    return kept


def project(folder: Path, *, react: int = 19) -> Path:
    """Make a project with this package, the tools and React 18 or 19 installed. Returns its folder."""
    folder.mkdir(exist_ok=True)
    (folder / "package.json").write_text('{"type": "module"}', "utf-8")
    install(folder)
    modules = folder / "node_modules"
    shutil.copytree(Path(_unpacked().name) / "package", modules / NAME)
    if react != 19:
        (modules / "@types").unlink()
        (modules / "@types").mkdir()
        for types in (TOOLS / "@types").iterdir():
            (modules / "@types" / types.name).symlink_to(types)
        for package in ("react", "react-dom", "@types/react", "@types/react-dom"):
            (modules / package).unlink(missing_ok=True)
            # What is a link finds what is beside it, which is the other React.
            shutil.copytree(TOOLS / f"{package}-{react}", modules / package)
    return folder


def examples(language: str) -> list[str]:
    """Return the examples of the package's page in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
