"""The settings of a server on this machine, where neither its environment nor its stage has them.

Owns what the stage `dev` is when nobody has said anything of it. Its address is where the server listens. A value in
the environment wins over one in .chalice/config.json, and that over one of these.
"""

import shlex
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from urllib.parse import urlsplit

from chalicelib.errors import ConfigurationError
from infra import database_credentials

ADDRESS = "127.0.0.1"
DATABASE_PORT = 8001
"""Where the database listens, unless DYNAMODB_PORT says otherwise."""

DEFAULTS: Mapping[str, str] = {
    "LYCHGATE_PUBLIC_KEYS": "file://.lychgate/public-keys.json",
    "LYCHGATE_SIGNING_KEYS_PARAMETER": "/lychgate/dev/signing-keys",
    "LYCHGATE_WEBHOOK_SECRETS_PARAMETER": "/lychgate/dev/webhook-secrets",
    "LYCHGATE_USERS_TABLE": "lychgate-dev-users",
    "LYCHGATE_SESSIONS_TABLE": "lychgate-dev-sessions",
    "LYCHGATE_EVENTS_TABLE": "lychgate-dev-events",
    "LYCHGATE_THROTTLE_TABLE": "lychgate-dev-throttle",
    "LYCHGATE_MAIL_TABLE": "lychgate-dev-mail",
    "LYCHGATE_MAIL_FROM": "no-reply@lychgate.example",
    "LYCHGATE_SITE_NAME": "Lychgate",
}
"""What fits the database of `make dynamodb`."""

_PREFIXES = ("LYCHGATE_", "SITE_")
"""Ours, and the site's own: ``chalicelib.config.own.PREFIX``."""

_ISSUER = "LYCHGATE_ISSUER"
_ORIGINS = "LYCHGATE_ALLOWED_ORIGINS"
_PUBLIC_KEYS = "LYCHGATE_PUBLIC_KEYS"
_DATA_DIRECTORY = "LYCHGATE_DATA_DIR"
_DATABASE_PORT = "DYNAMODB_PORT"
_DEFAULT_PORT = 80
_LAST_PORT = 65_535
_ENDPOINT = "AWS_ENDPOINT_URL"
_NOT_OF_THE_API = frozenset({_DATA_DIRECTORY, database_credentials.VARIABLE})


def settings_in(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the API's settings in an environment. An empty value is none."""
    return {
        name: value
        for name, value in environ.items()
        if name.startswith(_PREFIXES) and name not in _NOT_OF_THE_API and value
    }


def left_alone(stage: str, environ: Mapping[str, str]) -> list[str]:
    """Return what to say of settings in this process's environment where a command is about a deployed stage.

    Such a stage's settings are what its committed configuration says. A variable that somebody's shell still had from
    the day before would otherwise change a site, and the next deployment by somebody else would change it back.
    """
    names = ", ".join(sorted(settings_in(environ)))
    return [f"{names} of this shell: not used. .chalice/config.json has the settings of {stage}"] if names else []


def fill_in(environ: MutableMapping[str, str], *, port: int, path: str = "") -> None:
    """Add the settings that an API lacks which this machine serves on a port, below a path.

    The server's own origins are allowed beside those that are listed, so that the page of `make dev` keeps working.
    """
    # Browsers leave the default port out.
    at = "" if port == _DEFAULT_PORT else f":{port}"
    for name, value in {**DEFAULTS, _ISSUER: f"http://{ADDRESS}{at}{path}"}.items():
        if not environ.get(name):
            environ[name] = value
    origins = [f"http://{ADDRESS}{at}", f"http://localhost{at}", *_origin_of(environ[_ISSUER])]
    origins += [origin for origin in environ.get(_ORIGINS, "").split(",") if origin]
    environ[_ORIGINS] = ",".join(dict.fromkeys(origins))


def find_database(environ: MutableMapping[str, str]) -> None:
    """Add where the database of `make dynamodb` is, by the variables that this command reads too.

    DYNAMODB_PORT wins over AWS_ENDPOINT_URL, which a shell may have for other programs. Raises ConfigurationError if
    one of them is not valid.
    """
    if port := environ.get(_DATABASE_PORT):
        if not (port.isascii() and port.isdigit() and 0 < int(port) <= _LAST_PORT):
            raise ConfigurationError(_DATABASE_PORT, f"must be a port number from 1 to {_LAST_PORT}")
        environ[_ENDPOINT] = f"http://{ADDRESS}:{int(port)}"
    elif not environ.get(_ENDPOINT):
        environ[_ENDPOINT] = f"http://{ADDRESS}:{DATABASE_PORT}"
    elif not _is_address(environ[_ENDPOINT]):
        raise ConfigurationError(_ENDPOINT, f"must be a URL such as http://{ADDRESS}:{DATABASE_PORT}")
    if directory := environ.get(_DATA_DIRECTORY):
        environ[database_credentials.VARIABLE] = str(Path(directory) / "credentials")
        environ[_PUBLIC_KEYS] = environ.get(_PUBLIC_KEYS) or f"file://{Path(directory) / 'public-keys.json'}"


def command_of_database(environ: Mapping[str, str]) -> str:
    """Return what to type to run the database that `find_database` has found."""
    words = []
    if directory := environ.get(_DATA_DIRECTORY):
        words.append(f"{_DATA_DIRECTORY}={shlex.quote(directory)}")
    port = urlsplit(environ[_ENDPOINT]).port
    if port not in {None, DATABASE_PORT}:
        words.append(f"{_DATABASE_PORT}={port}")
    return " ".join([*words, "make dynamodb"])


def passkeys_are_of_localhost(environ: Mapping[str, str]) -> bool:
    """Return whether passkeys work at ``localhost``: unless the settings say another domain. They are valid."""
    from chalicelib.config.api import rp_id  # noqa: PLC0415 - `chalice local` needs this module before the settings

    return rp_id(environ) == "localhost"


def binds_no_device(environ: Mapping[str, str]) -> bool:
    """Return whether the settings ask for sessions that are bound to their device, which plain HTTP prevents."""
    return environ.get("LYCHGATE_DBSC") == "on" and urlsplit(environ["LYCHGATE_ISSUER"]).scheme != "https"


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _origin_of(url: str) -> list[str]:
    """Return the origin of a URL, none if it is no URL. Whoever reads the setting says so."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return []
    return [f"{parts.scheme}://{parts.netloc}"] if parts.scheme and parts.netloc else []
