"""The application: every route, with what stands before each, around one process of Lychgate."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from chalice import Blueprint, Chalice

from chalicelib.api import middleware
from chalicelib.api.openapi import ALL_ROUTES
from chalicelib.api.routing import install

if TYPE_CHECKING:
    from chalice.app import ChaliceAuthorizer

    from chalicelib.wiring import Lychgate


class Application(Chalice):
    """A Chalice application that answers with Lychgate's routes, and those of blueprints beside them."""

    def __init__(
        self, lychgate: Lychgate, authorizer: ChaliceAuthorizer, *, blueprints: Iterable[Blueprint] = ()
    ) -> None:
        """Put all routes together. ``authorizer`` is of one of the ``blueprints``."""
        super().__init__(app_name="lychgate", configure_logs=False)
        self.lychgate = lychgate
        # All that comes and goes is text. Chalice would hold each answer against a list of types that are not.
        self.api.binary_types = []
        for blueprint in blueprints:
            self.register_blueprint(blueprint)
        for routes in ALL_ROUTES:
            install(routes, self, lychgate, authorizer)
        middleware.install(self, lychgate)
