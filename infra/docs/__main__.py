"""`python -m infra.docs`: builds the documentation as a site, and shows it on this machine. For `make docs`."""

from __future__ import annotations

import argparse
import functools
import http.server
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from infra.docs.finishing import finish, links_of, pages_of
from infra.docs.markdown import Repository
from infra.docs.navigation import NotBuildableError
from infra.docs.staging import stage

ROOT = Path(__file__).parents[2]
PORT = 8010
_ON_GITHUB = re.compile(r"(?:git@github\.com:|https://github\.com/)([\w.-]+/[\w.-]+?)(?:\.git)?/?")
_PYTHON = ROOT / ".tools" / "docs" / "bin" / "python"


def repository_address(root: Path = ROOT) -> str:
    """Return where readers find the repository: LYCHGATE_DOCS_REPOSITORY, or git's origin on GitHub, or ""."""
    named = os.environ.get("LYCHGATE_DOCS_REPOSITORY", "")
    if named:
        return named.rstrip("/")
    asked = subprocess.run(
        ["git", "config", "--get", "remote.origin.url"],  # noqa: S607 - git is where it is
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    found = _ON_GITHUB.fullmatch(asked.stdout.strip())
    return f"https://github.com/{found[1]}" if found else ""


def build(folder: Path, address: str = "") -> list[str]:
    """Build the site into a folder: its pages below ``site``. Return the addresses of other hosts that it links.

    ``address`` is that of the repository. Raises NotBuildableError with every warning, or with every dead link.
    """
    if not _PYTHON.exists():
        raise NotBuildableError("What builds the documentation is not installed: run `make docs`.")
    shutil.rmtree(folder, ignore_errors=True)
    stage(Repository(ROOT, address), folder / "source")
    site = folder / "site"
    done = subprocess.run(  # noqa: S603 - our own arguments
        [
            *(_PYTHON, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going", "--builder", "html"),
            *("--doctree-dir", folder / "doctrees", folder / "source", site),
        ],
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotBuildableError(done.stderr.replace(f"{folder / 'source'}/", "").strip())
    for left in (".buildinfo", "objects.inv"):
        (site / left).unlink(missing_ok=True)
    finish(site)
    elsewhere = links_to_others(site)
    (folder / "external-links.txt").write_text("".join(f"{link}\n" for link in elsewhere), "utf-8")
    return elsewhere


def links_to_others(site: Path) -> list[str]:
    """Return the addresses of other hosts that a site links. Raises NotBuildableError with every dead link."""
    dead, elsewhere = links_of(site)
    if dead:
        raise NotBuildableError("Dead links:\n" + "\n".join(dead))
    return elsewhere


def main() -> int:
    """Build the site, and show it if that is wanted. Return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.docs", description="Build the documentation as a site.")
    parser.add_argument("--serve", action="store_true", help=f"then show it at http://127.0.0.1:{PORT}/")
    parser.add_argument("--port", type=int, default=PORT, help="another port")
    parser.add_argument("--to", type=Path, default=ROOT / ".docs", metavar="FOLDER", help="another folder than .docs")
    options = parser.parse_args()
    try:
        elsewhere = build(options.to, repository_address())
    except NotBuildableError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    site = options.to / "site"
    sys.stdout.write(f"{len(list(pages_of(site)))} pages are in {site}. No link in them is dead.\n")
    sys.stdout.write(f"{len(elsewhere)} links lead to other hosts: {options.to / 'external-links.txt'}\n")
    if options.serve:
        handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(site))
        with http.server.ThreadingHTTPServer(("127.0.0.1", options.port), handler) as server:
            sys.stdout.write(f"http://127.0.0.1:{options.port}/ shows them. Ctrl-C ends it.\n")
            sys.stdout.flush()
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
