"""AWS clients with time limits, and one error for all temporary failures of AWS.

Owns the limits. Knows no table and no parameter. Uses botocore directly, because importing boto3 would add 30 ms to the
cold start. Also owns how botocore is imported: without what makes docstrings of its clients, and without modules that
are used on other ways than ours: for configuration files, forms, dates as people write them, and HTTP/2. Whatever
needs one of these later imports it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, cast

from chalicelib.deferred import LoadedWhenAsked, function_of, left_out, module_of
from chalicelib.errors import ServiceUnavailable

_DOCSTRINGS = ("ClientMethodDocstring", "PaginatorDocstring", "WaiterDocstring")


def _no_docstring(**_: object) -> None:
    """Return the docstring of a client's method: none."""


def _folders_of(package: str) -> list[str]:
    """Return where the modules of a package are, without importing it."""
    spec = find_spec(package)
    return list(spec.submodule_search_locations or ()) if spec else []


with left_out(
    {
        # A package without its own code, whose other modules are found.
        "botocore.docs": module_of("botocore.docs", __path__=_folders_of("botocore.docs")),
        "botocore.docs.docstring": module_of("botocore.docs.docstring", **dict.fromkeys(_DOCSTRINGS, _no_docstring)),
        "configparser": LoadedWhenAsked("configparser"),
        "dateutil.parser": module_of("dateutil.parser", parse=function_of("dateutil.parser", "parse")),
        "importlib.metadata": module_of("importlib.metadata", version=function_of("importlib.metadata", "version")),
        "mimetypes": LoadedWhenAsked("mimetypes"),
    }
):
    import botocore.session
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_ssm import SSMClient

# API Gateway gives up after 29 s. With 1 s to connect, 1 s to read and three attempts, a call without an answer ends
# after at most 6 s and two pauses of at most 1 and 2 s. The first call that fails ends the request.
_LIMITS = Config(
    connect_timeout=1,
    read_timeout=1,
    retries={"mode": "standard", "total_max_attempts": 3},
)

# A mailer runs for at most 30 s, and begins a mail only if half of that is left. One attempt: an answer that comes too
# late would make a second one send the mail twice.
_SES_LIMITS = Config(
    connect_timeout=2,
    read_timeout=8,
    retries={"mode": "standard", "total_max_attempts": 1},
)

# The codes of temporary errors of AWS. Any other error code means a bug in Lychgate.
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
    """Return a DynamoDB client. Region, credentials and endpoint come from the standard environment variables."""
    return cast("DynamoDBClient", session().create_client("dynamodb", config=_LIMITS))


def ssm_client() -> SSMClient:
    """Return a client for Systems Manager, which has the Parameter Store."""
    return cast("SSMClient", session().create_client("ssm", config=_LIMITS))


def ses_client(region: str | None = None) -> Any:  # noqa: ANN401 - its operations are made from AWS's model
    """Return a client for SES, version 2 of its API, in a region, or else in the function's."""
    return session().create_client("sesv2", region_name=region, config=_SES_LIMITS)


@functools.cache
def session() -> botocore.session.Session:
    """Return the session of this process. All clients share it, so AWS's data files are read once."""
    return botocore.session.get_session()


def error_code(error: ClientError) -> str:
    """Return the AWS error code of an error, "" if it has none."""
    return error.response.get("Error", {}).get("Code", "")


@contextmanager
def unavailable_on_failure() -> Iterator[None]:
    """Raise ServiceUnavailable if AWS throttles the calls inside, fails or cannot be reached, after all retries."""
    try:
        yield
    except ClientError as refused:
        status = refused.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if error_code(refused) in _TRANSIENT or status >= 500:  # noqa: PLR2004 - HTTP's server errors
            raise ServiceUnavailable(f"{refused.operation_name}: {error_code(refused)}") from refused
        raise
    except BotoCoreError as unreachable:
        raise ServiceUnavailable(type(unreachable).__name__) from unreachable
