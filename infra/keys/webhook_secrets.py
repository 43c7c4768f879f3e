"""The secrets that sign webhooks: where they are, and how one replaces the other.

On AWS they are an encrypted parameter, on a laptop a file of the data directory. Nothing is lost with them: a receiver
is told new ones.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from chalicelib.credentials.webhook_secrets import MOST_SECRETS, new_secret, parse_secrets, written
from infra.keys.places import PlaceError
from infra.local.data_directory import replace_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_ssm import SSMClient

FILE = "webhook-secrets.json"
"""In the data directory of a laptop."""


class SecretsPlace(Protocol):
    """The storage of the secrets of one stage."""

    name: str
    """A description for messages."""

    def read(self) -> tuple[str, ...] | None:
        """Return the secrets, the newest first, None if there are none. Raises PlaceError if they are damaged."""

    def write(self, secrets: tuple[str, ...]) -> None:
        """Replace the secrets."""

    def written_at(self) -> float | None:
        """Return when they were replaced last, None if there are none."""


class ParameterSecrets:
    """Secrets in a SecureString of Systems Manager's Parameter Store."""

    def __init__(self, client: SSMClient, parameter: str) -> None:
        self._client = client
        self._parameter = parameter
        self.name = parameter

    def read(self) -> tuple[str, ...] | None:
        """See ``SecretsPlace.read``."""
        try:
            found = self._client.get_parameter(Name=self._parameter, WithDecryption=True)["Parameter"]["Value"]
        except self._client.exceptions.ParameterNotFound:
            return None
        return _checked(found, self.name)

    def write(self, secrets: tuple[str, ...], kms_key: str | None = None) -> None:
        """See ``SecretsPlace.write``. They are encrypted with this key, None for that of before."""
        key = kms_key or self.encryption_key()
        value = written(secrets)
        if key is None:
            self._client.put_parameter(Name=self._parameter, Value=value, Type="SecureString", Overwrite=True)
        else:
            self._client.put_parameter(
                Name=self._parameter, Value=value, Type="SecureString", Overwrite=True, KeyId=key
            )

    def written_at(self) -> float | None:
        """See ``SecretsPlace.written_at``."""
        try:
            found = self._client.get_parameter(Name=self._parameter)["Parameter"]
        except self._client.exceptions.ParameterNotFound:
            return None
        return found["LastModifiedDate"].timestamp()

    def make(self, tags: Mapping[str, str], kms_key: str) -> bool:
        """Make a first secret unless there is one, and return whether. Raises PlaceError."""
        if self.read() is not None:
            return False
        self.write((new_secret(),), kms_key)
        self._client.add_tags_to_resource(
            ResourceType="Parameter",
            ResourceId=self._parameter,
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )
        return True

    def encrypt_with(self, kms_key: str) -> bool:
        """Encrypt the secrets with this key, and return whether it was another. Raises PlaceError."""
        if self.encryption_key() in {None, kms_key}:
            return False
        secrets = self.read()
        if secrets is not None:
            self.write(secrets, kms_key)
        return True

    def encryption_key(self) -> str | None:
        """Return the KMS key of the parameter, None if there is no parameter."""
        described = self._client.describe_parameters(
            ParameterFilters=[{"Key": "Name", "Option": "Equals", "Values": [self._parameter]}]
        )["Parameters"]
        return described[0].get("KeyId") if described else None

    def delete(self) -> bool:
        """Delete the parameter, and return whether it existed."""
        try:
            self._client.delete_parameter(Name=self._parameter)
        except self._client.exceptions.ParameterNotFound:
            return False
        return True


class FileSecrets:
    """Secrets in a file of a data directory."""

    def __init__(self, data_directory: Path) -> None:
        self._path = data_directory / FILE
        self.name = str(self._path)

    def read(self) -> tuple[str, ...] | None:
        """See ``SecretsPlace.read``."""
        try:
            text = self._path.read_text("utf-8")
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as unreadable:
            raise PlaceError(f"{self.name} cannot be read: {unreadable}") from unreadable
        return _checked(text, self.name)

    def write(self, secrets: tuple[str, ...]) -> None:
        """See ``SecretsPlace.write``."""
        replace_file(self._path, written(secrets).encode())

    def written_at(self) -> float | None:
        """See ``SecretsPlace.written_at``."""
        try:
            return self._path.stat().st_mtime
        except FileNotFoundError:
            return None


def rotated(place: SecretsPlace) -> tuple[str, ...]:
    """Add a new secret, which signs beside the one before until that is retired. Return both. Raises PlaceError."""
    before = place.read()
    if before is None:
        raise PlaceError(f"{place.name} does not exist: the stage sends no webhooks yet (docs/webhooks.md)")
    if len(before) >= MOST_SECRETS:
        raise PlaceError(
            f"{place.name} has two secrets already. Retire the older one first, when the receiver knows the newer one"
        )
    after = (new_secret(), *before)
    place.write(after)
    return after


def retired(place: SecretsPlace) -> bool:
    """Forget the older one of two secrets. Return False if there is one only. Raises PlaceError."""
    before = place.read()
    if before is None or len(before) < MOST_SECRETS:
        return False
    place.write(before[:1])
    return True


def _checked(text: str, name: str) -> tuple[str, ...]:
    try:
        return parse_secrets(text)
    except ValueError as damaged:
        raise PlaceError(f"{name} {damaged}. Delete it: the next deployment, or `make dev`, makes a new one") from None
