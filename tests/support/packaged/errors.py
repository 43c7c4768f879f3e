"""What building and running a package can fail with."""


class PackageError(Exception):
    """Raised if the package cannot be built or run here; the message says what to do."""


class UnsupportedTemplateError(PackageError):
    """Raised if the template says something that is not understood, so that nothing is emulated by guesswork."""
