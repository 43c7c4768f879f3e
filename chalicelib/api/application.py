"""The Chalice application: every route, with its middleware and authorizer, over one ``Lychgate``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from chalice import Blueprint, Chalice

from chalicelib.api import middleware
from chalicelib.api.openapi import ALL_ROUTES
from chalicelib.api.routing import Routes, install

if TYPE_CHECKING:
    from chalice.app import ChaliceAuthorizer

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
        """
        super().__init__(app_name="lychgate", configure_logs=False)
        self.lychgate = lychgate
        # All bodies are text. Without this Chalice compares each response with a list of binary types.
        self.api.binary_types = []
        for blueprint in blueprints:
            self.register_blueprint(blueprint)
        install((*ALL_ROUTES, *routes), self, lychgate, authorizer)
        middleware.install(self, lychgate)
