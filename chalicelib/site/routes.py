"""Your site's own routes. docs/protect-your-api.md shows how to add one. Later versions leave this file alone."""

from __future__ import annotations

from chalicelib.api.routing import Routes

routes = Routes()
