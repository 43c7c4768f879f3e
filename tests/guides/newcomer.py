"""What a newcomer has on his machine: a clone, files that he wrote as a guide says, and servers that he started."""

import functools
import shutil
import subprocess
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler
from urllib.parse import urlsplit
from urllib.request import urlopen

from infra.examples.vite_react import held
from tests.browser.development_server import eventually
from tests.client.find_node import node_folder
from tests.guides.markdown import PATIENCE_SECONDS, ROOT
from tests.support.http_servers import serving
from tests.support.node_projects import TOOLS


def clone(folder):
    """Copy what is under version control, and what is to be, into a new folder, and return that."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        # A file that was deleted is listed until that is committed.
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


def types(command, folder):
    """Do what a guide says in a folder."""
    subprocess.run(["bash", "-euc", command], cwd=folder, check=True)


def takes_the_shop(guide, checkout, url):
    """Copy the page of another origin as a guide says, name the API's address to it, and return its folder."""
    types(guide.command("cp -r examples/another-origin"), checkout)
    page = checkout.parent / "shop" / "index.html"
    page.write_text(page.read_text("utf-8").replace("http://127.0.0.1:8000", url), "utf-8")
    return page.parent


def write(files, folder):
    """Write files into a folder, by their paths below it."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")


@contextmanager
def file_server(folder):
    """`python3 -m http.server` in a folder, on a free port, until the block ends; gives the origin."""
    with serving(functools.partial(_Files, directory=str(folder))) as server:
        yield f"http://localhost:{server.server_port}"


class _Files(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextmanager
def vite_server(project, origin):
    """`npm run dev` in a project, at an origin of this machine, until the block ends."""
    address = urlsplit(origin)
    with (project / "vite.log").open("w+", encoding="utf-8") as log:
        process = subprocess.Popen(
            [node_folder() / "node", TOOLS / "vite/bin/vite.js", f"--port={address.port}", "--strictPort"],
            cwd=project,
            stdout=log,
            stderr=subprocess.STDOUT,
        )

        def is_there():
            assert process.poll() is None, (project / "vite.log").read_text("utf-8")
            # Before it listens, Vite tries the port with listeners that answer nobody.
            with suppress(OSError), urlopen(origin, timeout=PATIENCE_SECONDS) as answer:
                return answer.status == HTTPStatus.OK
            return False

        try:
            eventually(is_there)
            yield
        finally:
            process.terminate()
            process.wait(PATIENCE_SECONDS)


@contextmanager
def held_origin():
    """An origin of this machine where nobody listens, and that nobody gets by chance, until the block ends."""
    with held(0) as port:
        yield f"http://localhost:{port}"
