"""How Lychgate calls AWS: clients with limits on their time, and one meaning for every way in which AWS can fail.

Owns the limits. Knows no table and no parameter. Takes clients from botocore, which is where boto3 takes them from:
what boto3 adds is resources, and 30 ms to the cold start.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.errors import ServiceUnavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_ssm import SSMClient

# API Gateway gives up after 29 s. With 1 s to connect, 1 s to read and three attempts, a call that gets no answer is
# over after at most 6 s and two pauses of at most 1 and 2 s, and the first call that fails ends the request.
_LIMITS = Config(
    connect_timeout=1,
    read_timeout=1,
    retries={"mode": "standard", "total_max_attempts": 3},
)

# What AWS answers when it can serve nobody, or not us, for now. Anything else that it refuses is a bug of ours.
_TRANSIENT = frozenset(
    {
        "InternalServerError",
        "InternalFailure",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)


def dynamodb_client() -> DynamoDBClient:
    """Return a client for DynamoDB. Region, credentials and endpoint come from the environment, as AWS sets them."""
    return cast("DynamoDBClient", _session().create_client("dynamodb", config=_LIMITS))


def ssm_client() -> SSMClient:
    """Return a client for Systems Manager's Parameter Store."""
    return cast("SSMClient", _session().create_client("ssm", config=_LIMITS))


@functools.cache
def _session() -> botocore.session.Session:
    """Return this process's session: what it has read, each further client need not read again."""
    return botocore.session.get_session()


def error_code(error: ClientError) -> str:
    """Return the code by which AWS names an error."""
    return error.response.get("Error", {}).get("Code", "")


@contextmanager
def unavailable_on_failure() -> Iterator[None]:
    """Raise ServiceUnavailable for a call that AWS throttled, or could not be reached for, until retries were spent."""
    try:
        yield
    except ClientError as refused:
        status = refused.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if error_code(refused) in _TRANSIENT or status >= 500:  # noqa: PLR2004 - HTTP's server errors
            raise ServiceUnavailable(f"{refused.operation_name}: {error_code(refused)}") from refused
        raise
    except BotoCoreError as unreachable:
        raise ServiceUnavailable(type(unreachable).__name__) from unreachable
