"""Puts a process into an internet with one server: a name that leads to a port of this machine."""

import os
import socket

ADDRESS = "8.8.8.8"
"""What the name is said to have. Nothing is sent there."""


def install():
    """Use the name and the port that the environment has, if it has them."""
    name, _, port = os.environ.get("LYCHGATE_TEST_RECEIVER", "").partition("=")
    if not name:
        return
    look_up, connect = socket.getaddrinfo, socket.create_connection

    def looked_up(host, *arguments, **options):
        return look_up(ADDRESS if host == name else host, *arguments, **options)

    def connected(address, *arguments, **options):
        return connect(("127.0.0.1", int(port)) if address[0] == ADDRESS else address, *arguments, **options)

    socket.getaddrinfo, socket.create_connection = looked_up, connected
