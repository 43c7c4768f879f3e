"""What every example is to the command that runs them, and the two that are there as soon as the server is."""

from collections.abc import Sequence
from pathlib import Path

from infra.local.environment import PROJECT

EXAMPLES = PROJECT / "examples"


class Example:
    """An example that needs nothing of its own."""

    arguments: Sequence[str] = ()
    """What the development server has to be given."""
    origin: str | None = None
    """The origin of the example's page, if that is another than the server's."""

    def start(self, url: str) -> str:
        """Start it for a development server at this origin, and return where it is. Raises LocalError."""
        raise NotImplementedError

    def must_run(self) -> None:
        """Raise LocalError if it runs no longer."""

    def stop(self) -> None:
        """End it, if it was started."""


class Members(Example):
    """A page that the development server serves with its own."""

    def __init__(self, folder: Path = EXAMPLES / "members") -> None:
        self.arguments = [f"--also={folder}"]

    def start(self, url: str) -> str:
        """Return the page's address."""
        return f"{url}/members/"


class CommandLine(Example):
    """A program for the user to run."""

    def start(self, url: str) -> str:
        """Return the command."""
        return f"LYCHGATE_API={url}/api python3 examples/command-line/lychgate.py login"
