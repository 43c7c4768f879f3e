"""The function of administrators behind the API: Chalice would send every request to one function.

Owns which paths go to it, in the API's Swagger, and that API Gateway may call it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from chalice.deploy import models

from chalicelib.administration import NAME, answers
from infra.chalice_cli.gateway_responses import INTEGRATION, GenerateSwagger, Swagger

if TYPE_CHECKING:
    from chalice.deploy.appgraph import DependencyBuilder

BuildDependencies = Callable[..., list[models.Model]]


def called_by_the_api(build_dependencies: BuildDependencies) -> BuildDependencies:
    """Return Chalice's ``build_dependencies``, wrapped to let API Gateway call the function too.

    Chalice gives that permission to the API's own function, and to those that it knows as authorizers. This is the
    first step after it has loaded the application.
    """

    @functools.wraps(build_dependencies)
    def build(builder: DependencyBuilder, application: models.Application) -> list[models.Model]:
        functions = {
            each.resource_name: each for each in application.resources if isinstance(each, models.LambdaFunction)
        }
        for resource in application.resources:
            if isinstance(resource, models.RestAPI) and NAME in functions:
                resource.authorizers.append(functions[NAME])
        return build_dependencies(builder, application)

    return build


def sending_administrators_there(generate_swagger: GenerateSwagger) -> GenerateSwagger:
    """Return ``generate_swagger``, wrapped to send every method of the paths of administrators to their function."""

    @functools.wraps(generate_swagger)
    def generate(generator: Any, *arguments: Any, **options: Any) -> Swagger:  # noqa: ANN401 - Chalice's own
        swagger = generate_swagger(generator, *arguments, **options)
        # How a function beside the API's own is named depends on what the Swagger is for, as with authorizers.
        uri = generator._auth_uri(SimpleNamespace(name=NAME, config=SimpleNamespace(name=NAME)))  # noqa: SLF001 - there is no public name
        for path, methods in swagger["paths"].items():
            if answers(path):
                for operation in methods.values():
                    operation[INTEGRATION] = {**operation[INTEGRATION], "uri": uri}
        return swagger

    return generate
