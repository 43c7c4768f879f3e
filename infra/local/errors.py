"""Errors that are shown to the developer in one line instead of a traceback."""


class LocalError(Exception):
    """Raised if the local services cannot start or save, with a message for the developer."""


class PortTakenError(LocalError):
    """Raised if another program listens on the port already."""

    def __init__(self, port: int) -> None:
        super().__init__(f"port {port} is taken by another program")
        self.port = port
