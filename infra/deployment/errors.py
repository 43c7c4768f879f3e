"""Error messages for operators, which say what is wrong and what to do.

Owns the messages for errors of AWS, of credentials, of the clock and of the network.
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
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException"})
_NOT_THEIRS = frozenset(
    {
        "AuthFailure",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
# A signature is good for five minutes ("Elements of an AWS API request signature" in the IAM User Guide). Most services
# have no code of their own for one that came too late or too early.
_CLOCK_CODES = frozenset({"RequestExpired", "RequestTimeTooSkewed"})
_CLOCK = re.compile(r"Signature expired|Signature not yet current|RequestTimeTooSkewed")
# What AWS answers while somebody else changes the same resource.
_CONTENDED = frozenset(
    {
        "AlreadyExistsException",
        "ChangeSetNotFound",
        "ChangeSetNotFoundException",
        "ConcurrentModificationException",
        "ConflictException",
        "EntityAlreadyExists",
        "InvalidChangeSetStatus",
        "OperationAborted",
        "OperationInProgressException",
        "ResourceConflictException",
    }
)
_IN_PROGRESS = re.compile(r"_IN_PROGRESS state")
_UNVERIFIED = re.compile(r"account must be verified")
_CODE = re.compile(r"\(([A-Za-z]+)\) when calling")
_ACTION = re.compile(r"perform:? ([a-z0-9-]+:[A-Za-z*]+)")

NEW_CREDENTIALS = "Log in again (`aws sso login`, or `aws configure`), or name another profile: AWS_PROFILE=…"


_CLOCK_IS_WRONG = (
    "the clock of this machine is wrong, and AWS refuses requests that are more than 5 minutes early or late. Set it"
    " (`timedatectl set-ntp true` on Linux), then run the same command again"
)
_VERIFY = (
    "CloudFront does not serve this account yet: AWS verifies new accounts first. Please open a case with AWS Support"
    " (https://console.aws.amazon.com/support/home#/, Account and billing, free of charge), and include what CloudFront"
    " says"
)


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


def is_denied(error: ClientError) -> bool:
    """Return whether an error says that the identity lacks a permission, and nothing else."""
    message = str(error.response.get("Error", {}).get("Message", ""))
    return code_of(error) in _DENIED and not _UNVERIFIED.search(message) and not _CLOCK.search(message)


def code_of(error: ClientError) -> str:
    """Return the AWS error code, "" if there is none."""
    return str(error.response.get("Error", {}).get("Code", ""))


def denied_action(message: str) -> str | None:
    """Return the action that an AWS message says is denied, such as ``dynamodb:CreateTable``, or None."""
    found = _ACTION.search(message)
    return found[1] if found else None


def advice(code: str, message: str) -> str | None:
    """Return what an AWS error means and what to do, None if only AWS's own words say it.

    ``code`` may be empty where AWS gives a message only, as CloudFormation does for a resource.
    """
    if _UNVERIFIED.search(message):  # has the code of a missing permission
        return _VERIFY
    if code in _CLOCK_CODES or _CLOCK.search(message):  # has the code of wrong credentials
        return _CLOCK_IS_WRONG
    if code in _EXPIRED | _NOT_THEIRS:
        what = "the AWS credentials have expired" if code in _EXPIRED else f"AWS does not know the credentials ({code})"
        return f"{what}. {NEW_CREDENTIALS}"
    action = denied_action(message)
    if action is not None:
        return f"permission is missing: {action}. Grant it to the identity that deploys"
    if code in _CONTENDED or _IN_PROGRESS.search(message):
        return (
            "somebody else changes this stage at the same time. Wait until that has ended, then run the same command"
            " again"
        )
    return None


def advice_on_output(output: str) -> str | None:
    """Return what to do about the error of AWS in a program's output, None if there is none that is known."""
    codes = _CODE.findall(output)
    return advice(codes[-1] if codes else "", output)


def _refusal(error: ClientError) -> str:
    code = code_of(error)
    message = str(error.response.get("Error", {}).get("Message", ""))
    known = advice(code, message)
    if known is not None:
        return f"{known}. AWS says: {message}"
    if code in _DENIED:
        needed = f"what {error.operation_name} needs"
        return f"permission is missing: {needed}. Grant it to the identity that deploys. AWS says: {message}"
    if code == "400" and error.operation_name.startswith("Head"):
        # An answer to HEAD has no body, which would have the code.
        return f"S3 refused {error.operation_name}: the AWS credentials have expired, probably. {NEW_CREDENTIALS}"
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
