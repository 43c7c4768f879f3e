"""The reader of the encrypted parameter in AWS Systems Manager. Does not know what the parameter holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.adapters.aws import unavailable_on_failure
from chalicelib.errors import ConfigurationError

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient


def read_secret(client: SSMClient, name: str, *, variable: str) -> str:
    """Return the decrypted value of the parameter ``name``. ``variable`` is the setting that it comes from.

    Raises:
        ConfigurationError: there is no such parameter.
        ServiceUnavailable: Parameter Store did not answer.

    """
    with unavailable_on_failure():
        try:
            response = client.get_parameter(Name=name, WithDecryption=True)
        except client.exceptions.ParameterNotFound as missing:
            raise ConfigurationError(variable, f"names the SSM parameter {name}, which does not exist") from missing
    return response["Parameter"]["Value"]
