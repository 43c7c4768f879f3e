"""`python -m infra.keys`: list, create, add, retire, revoke and back up the keys of a stage, and change its pepper.

Prints no secrets.
"""

import getpass
import sys
import time

from botocore.exceptions import ClientError

from chalicelib.adapters.aws import dynamodb_client, ssm_client, unavailable_on_failure
from chalicelib.errors import ConfigurationError, ServiceUnavailable
from infra.keys.arguments import parser
from infra.keys.commands import Ask, MakeDynamoDB, MakeSsm, Say, run
from infra.keys.places import PlaceError
from infra.keys.ring import RefusedError
from infra.local.errors import LocalError
from infra.stage_settings import UnknownStageError


def main(
    arguments: list[str] | None = None,
    *,
    say: Say = print,
    now: int | None = None,
    make_ssm: MakeSsm = ssm_client,
    make_dynamodb: MakeDynamoDB = dynamodb_client,
    ask: Ask = getpass.getpass,
) -> int:
    """Run the command and return the exit code.

    ``make_ssm`` is called only for a stage whose ring is a parameter, ``make_dynamodb`` only to count its users.
    ``ask`` takes a question and returns a passphrase.
    """
    options = parser(__doc__).parse_args(arguments)
    at = int(time.time()) if now is None else now
    try:
        with unavailable_on_failure():
            run(options, say=say, now=at, make_ssm=make_ssm, make_dynamodb=make_dynamodb, ask=ask)
    except (RefusedError, PlaceError, LocalError, UnknownStageError, ConfigurationError) as error:
        sys.stderr.write(f"keys: {error}\n")
        return 1
    except ServiceUnavailable as error:
        sys.stderr.write(f"keys: AWS did not answer ({error.reason}). Run `list` to see whether anything changed\n")
        return 1
    except ClientError as error:
        sys.stderr.write(f"keys: AWS refuses this: {error}. Log in again if the credentials have expired\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
