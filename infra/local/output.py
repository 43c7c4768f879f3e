"""The output of the local services: messages for the developer, and a line for each request."""

import sys
import threading
from datetime import datetime

from infra.local.http_server import Served

_one_line_at_a_time = threading.Lock()


def say(sentence: str) -> None:
    """Print a line and flush it, even into a pipe."""
    with _one_line_at_a_time:
        sys.stdout.write(f"{sentence}\n")
        sys.stdout.flush()


def say_at(what: str) -> None:
    """Print a line that begins with the time."""
    say(f"{datetime.now().astimezone():%H:%M:%S} {what}")


def log_request(served: Served) -> None:
    """Print a request's time, method, path, status and duration, none of which is secret."""
    # A path may hold control characters, which a terminal would interpret.
    path = served.path.encode("unicode_escape").decode("ascii")
    say_at(f"{served.method:7} {path} {served.status} {served.milliseconds:.0f} ms")
