"""Errors of building and running a package."""


class PackageError(Exception):
    """Raised if the package cannot be built or run on this machine. The message says what to do."""


class UnsupportedTemplateError(PackageError):
    """Raised if the template uses something unknown, so that the emulation never guesses."""
