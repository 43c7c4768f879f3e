"""The credentials of one run of the embedded database: their file, and clients that follow it.

Owns the file, which AWS's own tools can read as well. The database makes new credentials at each start. Whoever may
read the file may use the database.
"""

import secrets
from configparser import ConfigParser, Error
from pathlib import Path

from botocore.credentials import CredentialProvider, Credentials, ReadOnlyCredentials
from botocore.session import Session

VARIABLE = "LYCHGATE_LOCAL_CREDENTIALS"
"""The environment variable that names the file. Only the stage `dev` has it, and the application does not read it."""

ACCESS_KEY = "local"

_FILE = """\
# The embedded database of this run takes requests that are signed with this key only.
[default]
aws_access_key_id = {access_key}
aws_secret_access_key = {secret_key}
"""
_NO_SECRET_KEY = "not-running"
_NOT_RUNNING = ReadOnlyCredentials(ACCESS_KEY, _NO_SECRET_KEY, None)


def new_secret_key() -> str:
    """Return a random secret access key of 240 bits, as long as AWS's own are."""
    return secrets.token_urlsafe(30)


def credentials_file(secret_key: str) -> bytes:
    """Return the content of a shared credentials file with this secret access key."""
    return _FILE.format(access_key=ACCESS_KEY, secret_key=secret_key).encode()


def read_credentials(path: Path) -> ReadOnlyCredentials:
    """Return the credentials in a file. If there are none, return some that no database takes."""
    parser = ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text("utf-8"))
        profile = parser["default"]
        return ReadOnlyCredentials(profile["aws_access_key_id"], profile["aws_secret_access_key"], None)
    except (OSError, UnicodeDecodeError, Error, KeyError):
        return _NOT_RUNNING


def follow_credentials(session: Session, path: Path) -> None:
    """Have the session's clients sign each request with what the file says then, as the database may start again."""
    session.get_component("credential_provider").insert_before("env", _Provider(path))


class _Following(Credentials):
    def __init__(self, path: Path) -> None:
        self._path = path
        super().__init__(ACCESS_KEY, _NO_SECRET_KEY, method=_Provider.METHOD)

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Return the credentials to sign the next request with."""
        return read_credentials(self._path)


class _Provider(CredentialProvider):
    METHOD = CANONICAL_NAME = "lychgate-local"

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def load(self) -> Credentials:
        """Return credentials that follow the file."""
        return _Following(self._path)
