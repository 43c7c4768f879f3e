"""Where each Lambda begins, and which routes the authorizer stands before."""

import pytest

from app import admin, app
from chalicelib import administration, mailer, webhooks
from chalicelib.api.openapi import ALL_ROUTES


def test_the_authorizers_lambda_begins_in_its_own_module():
    (handler,) = app.builtin_auth_handlers
    assert handler.handler_string == "chalicelib.authorizer.authorizer"
    assert handler.ttl_seconds == 300


@pytest.mark.parametrize("name", ["mailer", "webhooks"])
def test_what_a_stream_invokes_begins_in_its_own_module(name):
    assert handler_of(name) == f"chalicelib.{name}.{name}"
    assert callable(getattr({"mailer": mailer, "webhooks": webhooks}[name], name))


def test_the_lambda_of_administrators_begins_in_the_applications_module_and_is_the_application():
    assert handler_of("admin") == administration.HANDLER == "app.admin"
    event = {
        "requestContext": {"resourcePath": "/health", "httpMethod": "GET", "path": "/api/health", "requestId": "1"},
        "headers": {},
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "body": None,
        "isBase64Encoded": False,
    }
    assert admin(event, None) == app(event, None)


def handler_of(name):
    (function,) = [function for function in app.pure_lambda_functions if function.name == name]
    return function.handler_string


def test_every_bearer_route_stands_behind_the_authorizer_and_no_other_route_does():
    open_routes = {
        "/auth/register",
        "/auth/register/confirm",
        "/auth/email/confirm",
        "/auth/password/forgot",
        "/auth/password/reset",
        "/auth/login",
        "/auth/login/code",
        "/auth/login/code/verify",
        "/auth/login/second-factor",
        "/auth/login/passkey/options",
        "/auth/login/passkey",
        "/auth/refresh",
        "/auth/logout",
        "/auth/device-bound/start",
        "/auth/device-bound/refresh",
        "/auth/options",
        "/health",
        "/openapi.json",
        "/.well-known/jwks.json",
    }
    ours = {operation.path for routes in ALL_ROUTES for operation in routes.operations}
    assert ours <= set(app.routes)
    for path in ours:
        for method, entry in app.routes[path].items():
            is_open = path in open_routes or path.startswith("/.well-known/") or method == "OPTIONS"
            assert (entry.authorizer is None) is is_open, f"{method} {path}"
