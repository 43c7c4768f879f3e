"""The OpenAPI document of all of Lychgate's own routes."""

from typing import Any

from chalicelib.api.openapi import ALL_ROUTES, describe


def whole_document() -> dict[str, Any]:
    operations = [operation for routes in ALL_ROUTES for operation in routes.operations]
    return describe(
        operations,
        root="https://site.example/api",
        cookie_name="__Host-refresh_token",
        password_min_length=15,
    )
