"""The example of Vite and React: whether the machine has what it needs, its packages, its development server."""

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from infra.examples.example import EXAMPLES, Example
from infra.examples.processes import Process
from infra.local.environment import PROJECT
from infra.local.errors import LocalError
from infra.local.output import say

USUAL_PORT = 5173
LEAST = (20, 19)
"""The oldest Node.js that Vite runs under."""

_GET_IT = f"Node.js {LEAST[0]}.{LEAST[1]} or newer with npm is needed (https://nodejs.org)"


class ViteReact(Example):
    """Vite's development server, whose port is known from the start. Raises LocalError."""

    def __init__(self, port: int, environ: Mapping[str, str], folder: Path = EXAMPLES / "vite-react") -> None:
        self._folder = folder
        self._node = _find_node(environ)
        self._held = ExitStack()
        self._port = self._held.enter_context(held(port))
        self.origin = f"http://localhost:{self._port}"
        self._process: Process | None = None

    def start(self, url: str) -> str:
        """Install what the page needs, and start its server."""
        self._install()
        vite = self._folder / "node_modules" / "vite" / "bin" / "vite.js"
        command = [self._node, str(vite), "--port", str(self._port), "--strictPort", "--clearScreen", "false"]
        environ = {"PATH": str(Path(self._node).parent), "LYCHGATE_SERVER": url, "NO_COLOR": "1"}
        self._process = Process("vite-react", command, self._folder, environ)
        self._process.until("Local:")
        return f"{self.origin}/"

    def must_run(self) -> None:
        """Raise LocalError if the server has ended."""
        if self._process is not None:
            self._process.must_run()

    def stop(self) -> None:
        """End the server."""
        if self._process is not None:
            self._process.stop()
        self._held.close()

    def _install(self) -> None:
        """Install the packages, unless they are there and newer than what they come from."""
        stamp = self._folder / "node_modules" / ".package-lock.json"
        scripts = (PROJECT / "static-site" / "js").rglob("*")
        sources = [PROJECT / "package.json", self._folder / "package-lock.json", *scripts]
        if stamp.exists() and stamp.stat().st_mtime > max(file.stat().st_mtime for file in sources):
            return
        say("Installing the packages of examples/vite-react ...")
        command = [str(Path(self._node).with_name("npm")), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        if subprocess.run(command, cwd=self._folder, check=False).returncode:  # noqa: S603 - found by _find_node
            raise LocalError("npm could not install the packages of examples/vite-react. What it said is above.")


def _find_node(environ: Mapping[str, str]) -> str:
    """Return the path of a Node.js that is new enough and has npm beside it."""
    node = shutil.which("node", path=environ.get("PATH", ""))
    if node is None:
        raise LocalError(f"{_GET_IT}, and no node was found.")
    if not Path(node).with_name("npm").exists():
        raise LocalError(f"{_GET_IT}, and there is no npm beside {node}.")
    command = [node, "--version"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603 - see above
    found = re.match(r"v(\d+)\.(\d+)", said)
    if found is None or (int(found[1]), int(found[2])) < LEAST:
        raise LocalError(f"{_GET_IT}, and {node} is {said or 'none that runs'}.")
    return node


@contextmanager
def held(port: int) -> Iterator[int]:
    """Keep a port, or any free one for 0, from whoever takes any free one. Whoever names it can have it all the same.

    Raises LocalError if another program has it.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            holder.bind(("127.0.0.1", port))
        except OSError as error:
            taken = f"port {port} is taken by another program, so vite-react cannot use it"
            raise LocalError(f"{taken}. Choose another one: make examples ARGS='--vite-react-port 5174'") from error
        found: int = holder.getsockname()[1]
        # Only Linux lets a server have a port beside a socket that does not listen.
        if sys.platform != "linux":
            holder.close()
        yield found
