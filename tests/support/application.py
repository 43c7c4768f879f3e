"""Both Lambdas in this process, assembled as in ``app.py``, with settings, clients and a clock of the caller's."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from typing import Any, cast

from chalice import Blueprint

from chalicelib.adapters.aws import dynamodb_client, ssm_client
from chalicelib.api.application import Application
from chalicelib.api.routing import Routes
from chalicelib.authorizer import build_verifier, declare
from chalicelib.clock import Clock, system_clock
from chalicelib.wiring import Clients, Lychgate


class OneParameter:
    """A Parameter Store with one parameter: the private keys and the pepper."""

    class exceptions:  # noqa: N801 - as botocore's clients have them
        """The errors of a client."""

        ParameterNotFound = KeyError

    def __init__(self, ring: Mapping[str, object]) -> None:
        self._value = json.dumps(ring)

    def get_parameter(self, **_: object) -> dict[str, dict[str, str]]:
        """Return the parameter, whatever its name."""
        return {"Parameter": {"Value": self._value}}


def clients_of(*, dynamodb: object = None, ssm: object = None, ring: Mapping[str, object] | None = None) -> Clients:
    """Return factories of existing clients. ``ring`` gives a Parameter Store that holds it."""
    parameter_store = OneParameter(ring) if ring is not None else ssm
    return Clients(
        dynamodb=cast("Any", (lambda: dynamodb) if dynamodb is not None else dynamodb_client),
        ssm=cast("Any", (lambda: parameter_store) if parameter_store is not None else ssm_client),
    )


def application(
    environment: Mapping[str, str],
    *,
    clients: Clients | None = None,
    clock: Clock = system_clock,
    routes: Iterable[Routes] = (),
    blueprints: Iterable[Blueprint] = (),
    **others: Any,
) -> Application:
    """Return a new application that shares nothing with others in this process."""
    verifier = functools.cache(lambda: build_verifier(environment, clock))
    blueprint = Blueprint("chalicelib.authorizer")
    authorizer = declare(blueprint, verifier)
    lychgate = Lychgate(environment, clients=clients, clock=clock, **others)
    return Application(lychgate, authorizer, routes=routes, blueprints=[blueprint, *blueprints])
