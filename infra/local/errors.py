"""Errors that are shown to the developer in one line instead of a traceback."""


class LocalError(Exception):
    """Raised if the local services cannot start or save, with a message for the developer."""


class PortTakenError(LocalError):
    """Raised if a port cannot be listened on: as a rule because another program does so already."""

    def __init__(self, port: int, why: str = "is taken by another program") -> None:
        super().__init__(f"port {port} {why}")
        self.port = port
