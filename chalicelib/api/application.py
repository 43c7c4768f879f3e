"""The Chalice application: every route, with its middleware and authorizer, over one ``Lychgate``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from chalice import Blueprint, Chalice

from chalicelib.api import middleware
from chalicelib.api.openapi import ALL_ROUTES
from chalicelib.api.routing import Credential, Routes, install, runs_later

if TYPE_CHECKING:
    from chalice.app import ChaliceAuthorizer

    from chalicelib.api.routing import Operation
    from chalicelib.wiring import Lychgate


class Application(Chalice):
    """A Chalice application with Lychgate's routes, and those that it is given."""

    def __init__(
        self,
        lychgate: Lychgate,
        authorizer: ChaliceAuthorizer,
        *,
        routes: Iterable[Routes] = (),
        blueprints: Iterable[Blueprint] = (),
    ) -> None:
        """Register all routes. ``authorizer`` belongs to one of the ``blueprints``.

        ``routes`` are the site's own. ``/openapi.json`` describes them with the others.

        Raises RoutesRefused for those of them that would let in everybody, or that are there already.
        """
        super().__init__(app_name="lychgate", configure_logs=False)
        self.lychgate = lychgate
        # All bodies are text. Without this Chalice compares each response with a list of binary types.
        self.api.binary_types = []
        for blueprint in blueprints:
            self.register_blueprint(blueprint)
        own = tuple(routes)
        if any(_lets_everybody_in(operation) for each in own for operation in each.operations):
            _refuse_wrong(own)
        try:
            install((*ALL_ROUTES, *own), self, lychgate, authorizer)
            middleware.install(self, lychgate)
        except ValueError:  # of Chalice, which knows no module that a route is in
            _refuse_wrong(own)
            raise


def _lets_everybody_in(operation: Operation) -> bool:
    """Return whether a site's route asks for less than it says, or answers without having run."""
    return operation.credential is Credential.REFRESH_TOKEN or runs_later(operation.view)


def _refuse_wrong(own: tuple[Routes, ...]) -> None:
    # No route of a site that has been deployed needs it.
    from chalicelib.api.own_routes import refuse_wrong  # noqa: PLC0415

    refuse_wrong(own)
