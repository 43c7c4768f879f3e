"""What moto's Lambda lacks: the limits of the account, that a reservation leaves enough of them, changes of tracing."""

import json
from unittest import mock

from moto.awslambda.models import LambdaFunction, lambda_backends
from moto.awslambda.urls import url_paths
from moto.core import DEFAULT_ACCOUNT_ID

LEAST_UNRESERVED = 100


def patches(limits):
    """Yield context managers that add it. ``limits["executions"]``: how many at once the account may have."""

    def account_settings(request, full_url, headers):
        functions = lambda_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].list_functions()
        reserved = sum(int(function.reserved_concurrency or 0) for function in functions)
        limit = {
            "ConcurrentExecutions": limits["executions"],
            "UnreservedConcurrentExecutions": limits["executions"] - reserved,
        }
        return 200, {}, json.dumps({"AccountLimit": limit, "AccountUsage": {"FunctionCount": len(functions)}})

    configure = LambdaFunction.update_configuration

    def update_configuration(function, updates):
        function.tracing_config = updates.get("TracingConfig", function.tracing_config)
        return configure(function, updates)

    yield mock.patch.object(LambdaFunction, "update_configuration", update_configuration)
    yield mock.patch.dict(url_paths, {"{0}/2016-08-19/account-settings$": account_settings})
