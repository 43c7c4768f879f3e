"""Error messages for operators, which say what is wrong and what to do.

Owns the messages for errors of AWS, of credentials and of the network.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
    WaiterError,
)
from botocore.exceptions import (
    ConnectionError as AwsConnectionError,
)
from botocore.parsers import ResponseParserError

_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403", "AuthorizationError"})
EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
"""AWS's codes for expired credentials."""

_NOT_THEIRS = frozenset(
    {
        "AuthFailure",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_ACTION = re.compile(r"perform:? ([a-z0-9-]+:[A-Za-z*]+)")

NEW_CREDENTIALS = "Log in again (`aws sso login`, or `aws configure`), or name another profile: AWS_PROFILE=…"


class DeploymentError(Exception):
    """Raised if the deployment cannot continue. The message says what to do."""


@contextmanager
def explained() -> Iterator[None]:
    """Turn errors of AWS and botocore into DeploymentError."""
    try:
        yield
    except ClientError as error:
        raise DeploymentError(_refusal(error)) from error
    except WaiterError as error:
        raise DeploymentError(f"AWS did not finish in time: {error}. Run the same command again") from error
    except BotoCoreError as error:
        raise DeploymentError(_failure(error)) from error
    except ResponseParserError as error:
        raise DeploymentError(f"AWS's answer cannot be read ({error}). Run the same command again") from error


def code_of(error: ClientError) -> str:
    """Return the AWS error code, "" if there is none."""
    return str(error.response.get("Error", {}).get("Code", ""))


def denied_action(message: str) -> str | None:
    """Return the action that an AWS message says is denied, such as ``dynamodb:CreateTable``, or None."""
    found = _ACTION.search(message)
    return found[1] if found else None


def _refusal(error: ClientError) -> str:
    code = code_of(error)
    message = str(error.response.get("Error", {}).get("Message", ""))
    if code in _DENIED:
        action = denied_action(message) or f"what {error.operation_name} needs"
        return f"permission is missing: {action}. Grant it to the identity that deploys. AWS says: {message}"
    if code in EXPIRED:
        return f"the AWS credentials have expired. {NEW_CREDENTIALS}"
    if code in _NOT_THEIRS:
        return f"AWS does not know the credentials ({code}). {NEW_CREDENTIALS}"
    return f"AWS refused {error.operation_name} ({code}: {message}). Fix that, then run the same command again"


def _failure(error: BotoCoreError) -> str:
    if isinstance(error, ProfileNotFound):
        return f"{error}. `aws configure list-profiles` lists the existing ones"
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return "no AWS credentials were found. Set AWS_PROFILE, or run `aws configure` or `aws sso login`"
    if isinstance(error, CredentialRetrievalError | SSOError | TokenRetrievalError):
        return f"the AWS credentials cannot be used ({error}). {NEW_CREDENTIALS}"
    if isinstance(error, NoRegionError):
        return "no region is set. Name one: AWS_REGION=eu-central-1 make deploy …"
    if isinstance(error, AwsConnectionError | HTTPClientError):
        return f"AWS cannot be reached ({error}). Check the region and the network, then run the same command again"
    return f"{error}. Fix that, then run the same command again"
