"""The administration Lambda: answers what API Gateway passes on of ``/admin``, with the same application as the API's.

Owns its entry point, and which routes are its own. Its role alone may look users up by id or by name, so the function
that answers everybody cannot list them. On a laptop one process answers both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.api.problems import problem
from chalicelib.api.responses import Answer
from chalicelib.errors import NotFound

if TYPE_CHECKING:
    from chalicelib.api.application import Application

NAME = "admin"
"""Chalice's name of the function. It ends the name that Lambda knows it by."""

API_HANDLER = "app.app"
HANDLER = f"app.{NAME}"
HANDLERS = (API_HANDLER, HANDLER)
"""What Lambda calls in the functions that answer requests: the API's and this one's, which ``app.py`` declares."""

_PREFIX = "/admin"


def answers(path: str) -> bool:
    """Return whether a route's path belongs to this function."""
    return path == _PREFIX or path.startswith(f"{_PREFIX}/")


def declare(app: Application) -> Callable[[Any, Any], Any]:
    """Return the function of this application."""

    @app.lambda_function(name=NAME)
    def admin(event: Any, context: Any) -> Any:  # noqa: ANN401 - Lambda's
        return app(event, context)

    return admin  # type: ignore[no-any-return]  # Chalice's wrapper


def answer_own_routes_only(app: Application, handler: str) -> None:
    """Let a function answer 404 to the routes of the other. API Gateway passes on none of them.

    The role of the API's could not look a user up anyway. Requests for its own routes do not get slower by it.
    """
    for path, methods in app.routes.items():
        if answers(path) is not (handler == HANDLER):
            for entry in methods.values():
                entry.view_function = _not_here


def counted_with_the_api(environment: Mapping[str, str]) -> Mapping[str, str]:
    """Return the environment in which this function's log lines are configured: they have the API's name.

    What somebody asks of the API counts in one metric, whichever function answers. The log group tells which one.
    """
    if environment.get("_HANDLER") != HANDLER:
        return environment
    function = environment.get("AWS_LAMBDA_FUNCTION_NAME", "")
    return {**environment, "AWS_LAMBDA_FUNCTION_NAME": function.removesuffix(f"-{NAME}")}


def _not_here(**_path_parameters: str) -> Answer[Any]:
    return problem(NotFound())
