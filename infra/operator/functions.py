"""A stage's own functions, as its operators call them: what they do needs no permission of the operator's but that."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, cast

from chalicelib.adapters.aws import session
from infra.operator.users import RefusedError

Client = Any
"""A client of AWS's, whose operations are made from its model."""


def client_of(service: str) -> Client:
    """Return a client of a service with the operator's credentials, in the shell's region."""
    return session().create_client(cast("Any", service), region_name=os.environ.get("AWS_DEFAULT_REGION"))


def invoked(client: Client, function: str, event: Mapping[str, Any]) -> Any:  # noqa: ANN401 - the function's own
    """Call a function with an event, and return its answer. Raises RefusedError if it ends with an error."""
    answer = client.invoke(FunctionName=function, Payload=json.dumps(event).encode())
    said = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise RefusedError(f"{function} ended with {said.get('errorType', 'an error')}. Its log has the reason")
    return said
