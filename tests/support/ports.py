"""Ports for programs that are told which one to take."""

import secrets
import socket

_NOBODYS = range(20_000, 32_000)
"""Below those that Linux, macOS and Windows hand out to whoever asks for any port, or connects from any."""


def free_port() -> int:
    """Return a free port of this machine that nobody gets by chance before the program that is told takes it."""
    while True:
        port = secrets.choice(_NOBODYS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
