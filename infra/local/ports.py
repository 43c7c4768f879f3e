"""Numbers of ports, as they are typed."""

import argparse

_HIGHEST_PORT = 65535


def port_number(text: str) -> int:
    """Return the number that a text is. Raises ArgumentTypeError."""
    if not (text.isascii() and text.isdigit() and int(text) <= _HIGHEST_PORT):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port number: 1 to 65535, or 0 for any free one")
    return int(text)
