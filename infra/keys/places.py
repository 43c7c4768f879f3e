"""The storage of a stage's keys: the private ring in a parameter or a local file, the public set in the configuration.

Owns how both are read and replaced. Knows nothing of the life cycle of keys.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from chalicelib.config.signing_secrets import parse_peppers
from chalicelib.tokens.keys import parse_signing_keys, parse_verification_keys
from infra.local.data_directory import DataDirectory, replace_file

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_ssm.type_defs import PutParameterRequestTypeDef

    from infra.keys.ring import Ring

PARAMETER_BYTES = 4096
"""The largest value of a standard parameter (4 KB)."""

ENVIRONMENT_BYTES = 4096
"""The largest total size of the names and values of a Lambda function's environment variables (4 KB)."""

VARIABLE = "LYCHGATE_PUBLIC_KEYS"


class PlaceError(Exception):
    """Raised if keys cannot be read or written, or are not valid. The message says what to do."""


class RingPlace(Protocol):
    """The storage of one ring."""

    name: str
    """A description for messages."""

    def read(self) -> Ring | None:
        """Return the ring, None if there is none. Raises PlaceError if it is damaged."""

    def write(self, ring: Ring) -> str:
        """Replace the ring that was read. Return a message about the result. Raises PlaceError."""


class ParameterRing:
    """A ring in a SecureString of Systems Manager's Parameter Store."""

    def __init__(self, client: SSMClient, parameter: str, kms_key: str | None = None) -> None:
        """Take the KMS key for the next version, None for that of the last, and for SSM's own if there is none."""
        self._client = client
        self._parameter = parameter
        self._kms_key = kms_key
        self._version = 0
        self.name = f"the parameter {parameter} in {client.meta.region_name}"

    def read(self) -> Ring | None:
        """Return the ring, None if there is no parameter."""
        try:
            parameter = self._client.get_parameter(Name=self._parameter, WithDecryption=True)["Parameter"]
        except self._client.exceptions.ParameterNotFound:
            return None
        self._version = parameter["Version"]
        return checked(parameter["Value"], self.name)

    def write(self, ring: Ring) -> str:
        """Write the version that follows the one that was read. Raises PlaceError if somebody else has written one.

        Parameter Store has no conditional write except for the first version, so the version is checked before and
        after the write.
        """
        value = json.dumps(ring, separators=(",", ":"))
        if len(value) > PARAMETER_BYTES:
            raise PlaceError(
                f"the ring would have {len(value)} bytes and a parameter has room for {PARAMETER_BYTES}."
                " Let retired keys come to their end first, or use ES256"
            )
        request: PutParameterRequestTypeDef = {
            "Name": self._parameter,
            "Value": value,
            "Type": "SecureString",
            "Overwrite": self._version > 0,
        }
        if self._version:
            self._refuse_another_version()
        if (key_id := self._kms_key or self.encryption_key()) is not None:
            request["KeyId"] = key_id
        try:
            version = self._client.put_parameter(**request)["Version"]
        except self._client.exceptions.ParameterAlreadyExists as exists:
            raise PlaceError(f"somebody else has created {self.name} meanwhile; nothing was changed") from exists
        if version != self._version + 1:
            raise PlaceError(
                f"somebody else wrote {self.name} at the same moment. Version {version} is yours and has replaced"
                f" theirs, which is kept: compare it with {self._parameter}:{version - 1}, agree with them, and run"
                " `list` before anything is deployed"
            )
        self._version = version
        if self.read() != ring:
            raise PlaceError(f"{self.name} does not hold what was written; run `list` before anything is deployed")
        return f"Written and read back: version {version} of {self.name}."

    def _refuse_another_version(self) -> None:
        found = self._client.get_parameter(Name=self._parameter, WithDecryption=False)["Parameter"]["Version"]
        if found != self._version:
            raise PlaceError(f"somebody else has changed {self.name} meanwhile; nothing was changed. Run it again")

    def encryption_key(self) -> str | None:
        """Return the KMS key that encrypts the parameter, None if there is none.

        A write that does not name it would use the default key.
        """
        described = self._client.describe_parameters(
            ParameterFilters=[{"Key": "Name", "Option": "Equals", "Values": [self._parameter]}]
        )["Parameters"]
        return described[0].get("KeyId") if described else None


class FileRing:
    """A ring in a file of a local data directory."""

    def __init__(self, directory: DataDirectory) -> None:
        self._path = directory.path / "signing-keys.json"
        self._digest = b""
        self.name = str(self._path)

    def read(self) -> Ring | None:
        """Return the ring, None if there is no file."""
        if not self._path.exists():
            return None
        text = self._path.read_text("utf-8")
        self._digest = hashlib.sha256(text.encode()).digest()
        return checked(text, self.name)

    def write(self, ring: Ring) -> str:
        """Replace the file, unless it has changed since it was read."""
        found = hashlib.sha256(self._path.read_bytes()).digest() if self._path.exists() else b""
        if found != self._digest:
            raise PlaceError(f"{self.name} has changed meanwhile; nothing was changed. Run it again")
        replace_file(self._path, json.dumps(ring, indent=1).encode())
        return f"Written: {self.name}. Restart `make dev` or `make dynamodb`, which is this stage's deployment."


class PublicSet:
    """The public keys of a stage in .chalice/config.json, the configuration of its verifiers."""

    def __init__(self, project: Path, stage: str) -> None:
        self._project = project
        self._path = project / ".chalice" / "config.json"
        self._stage = stage
        self._config: dict[str, Any] = json.loads(self._path.read_text("utf-8"))

    def kids(self) -> list[str] | None:
        """Return the ids of the configured keys, None if there is no valid set."""
        for variables in self._places():
            try:
                return [key.kid for key in parse_verification_keys(json.loads(variables[VARIABLE])).keys]
            except ValueError:
                return None
        return None

    def prepare(self, jwks: dict[str, Any]) -> None:
        """Put the public set into the configuration, without writing the file. Raises PlaceError if it is too large."""
        text = json.dumps(jwks, separators=(",", ":"))
        for variables in self._places() or [self._stage_variables()]:
            variables[VARIABLE] = text
        size = max(map(_size, self._functions()))
        if size > ENVIRONMENT_BYTES:
            raise PlaceError(
                f"a function's variables would have {size} bytes and Lambda takes {ENVIRONMENT_BYTES}."
                " Let retired keys come to their end first, or use ES256"
            )

    def write(self) -> str:
        """Write the prepared configuration."""
        replace_file(self._path, (json.dumps(self._config, indent=2, ensure_ascii=False) + "\n").encode())
        self._path.chmod(0o644)  # public, and in the repository
        return f"Written: {VARIABLE} of the stage {self._stage} in {self._path.relative_to(self._project)}."

    def _places(self) -> list[dict[str, str]]:
        return [variables for variables in self._variables() if VARIABLE in variables]

    def _functions(self) -> list[dict[str, str]]:
        """Return the environment variables of each function, merged as Chalice merges them."""
        stage = self._config["stages"][self._stage]
        functions = stage.get("lambda_functions", {}).values() or [{}]
        return [
            {
                name: value
                for holder in (self._config, stage, function)
                for name, value in holder.get("environment_variables", {}).items()
            }
            for function in functions
        ]

    def _variables(self) -> Iterator[dict[str, str]]:
        stage = self._config["stages"][self._stage]
        for holder in (self._config, stage, *stage.get("lambda_functions", {}).values()):
            if "environment_variables" in holder:
                yield holder["environment_variables"]

    def _stage_variables(self) -> dict[str, str]:
        variables: dict[str, str] = self._config["stages"][self._stage].setdefault("environment_variables", {})
        return variables


class FollowingPublicSet:
    """The public keys of the stage of `make dev`, which derives them from the ring when it starts."""

    def kids(self) -> list[str] | None:
        """Return None: the keys are those of the ring."""
        return None

    def prepare(self, jwks: dict[str, Any]) -> None:
        """Do nothing: a file has no size limit."""

    def write(self) -> str:
        """Return a message. The next start writes the set."""
        return "The public set follows at the next start."


def _size(variables: dict[str, str]) -> int:
    return sum(len(f"{name}{value}".encode()) for name, value in variables.items())


def checked(text: str, name: str) -> Ring:
    """Return the ring that a text holds. ``name`` says whose it is. Raises PlaceError if it is not a valid one."""
    try:
        ring: Ring = json.loads(text)
        parse_signing_keys(ring)
        parse_peppers(ring)
    except ValueError as damaged:
        reason = "must hold JSON" if isinstance(damaged, json.JSONDecodeError) else str(damaged)
        raise PlaceError(f"{name} {reason}") from None
    return ring
