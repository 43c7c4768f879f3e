"""The entry of a deployed stage in .chalice/config.json: what the deployment sets, and what it leaves to the user.

Owns the sizes of the functions. The entry holds no secrets and should be committed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.deployment.foundation import API_GATEWAY_STAGE, Foundation
from infra.deployment.limits import USUAL_CONCURRENCY
from infra.stages import FUNCTIONS, policy_file

StageConfiguration = dict[str, Any]

API_MEMORY = 1769
"""MB: the size at which Lambda gives one whole virtual CPU (AWS Lambda Developer Guide, "Configure Lambda function
memory"). bcrypt uses one thread: with less memory it takes longer at about the same price, with more it gets no
faster."""

API_TIMEOUT = 29
"""Seconds: API Gateway's default limit for an integration. A later response would not reach the client."""

AUTHORIZER_MEMORY = 512
"""MB. A call takes under a millisecond of a whole CPU. This size is for the cold start."""

AUTHORIZER_TIMEOUT = 10
"""Seconds. Only a cold start takes more than a few milliseconds."""

MAILER_MEMORY = 256
"""MB. It waits for SES and DynamoDB most of the time, and nobody waits for it."""

MAILER_TIMEOUT = 30
"""Seconds: ten mails to an SES that takes three for each. Lambda hands on what is left once more."""

ADMIN_MEMORY = 512
"""MB. It hashes no password, and whoever waits for it is an administrator."""

WEBHOOKS_MEMORY = 256
"""MB. It waits for the site's endpoint most of the time, and nobody waits for it."""

WEBHOOKS_TIMEOUT = 60
"""Seconds: four events to an endpoint that takes ten for each. Lambda hands on what is left once more."""

SIZES: Mapping[str, tuple[int, int]] = {
    "api_handler": (API_MEMORY, API_TIMEOUT),
    "authorizer": (AUTHORIZER_MEMORY, AUTHORIZER_TIMEOUT),
    "mailer": (MAILER_MEMORY, MAILER_TIMEOUT),
    "admin": (ADMIN_MEMORY, API_TIMEOUT),
    "webhooks": (WEBHOOKS_MEMORY, WEBHOOKS_TIMEOUT),
}
"""The memory and the time limit of each function, by Chalice's names."""

_MAILS_PER_DAY = "LYCHGATE_MAILS_PER_DAY"


def stage_configuration(
    foundation: Foundation,
    public_keys: str,
    existing: Mapping[str, Any] | None = None,
    reserved: Mapping[str, int] | None = None,
) -> StageConfiguration:
    """Return the stage's entry: ``existing`` with the values that the deployment sets.

    ``public_keys`` is the JWK Set in JSON. ``reserved`` is the concurrency to reserve, by Chalice's names of the
    functions, where ``existing`` says nothing of it. Everything else in ``existing`` stays: other settings, other
    origins, other sizes of the functions.
    """
    entry: StageConfiguration = {
        "lambda_architecture": "arm64",
        **(existing or {}),
        "api_gateway_stage": API_GATEWAY_STAGE,
        # An edge-optimized API would add a second distribution.
        "api_gateway_endpoint_type": "REGIONAL",
        "autogen_policy": False,
    }
    variables = dict(entry.get("environment_variables", {}))
    others = [origin for origin in variables.pop("LYCHGATE_ALLOWED_ORIGINS", "").split(",") if origin]
    # The variables of all functions. The authorizer gets no others.
    entry["environment_variables"] = {
        **variables,
        "LYCHGATE_ISSUER": f"{foundation.site_origin}/{API_GATEWAY_STAGE}",
        "LYCHGATE_PUBLIC_KEYS": public_keys,
    }
    existing_functions = dict(entry.get("lambda_functions", {}))
    functions = {name: _function(existing_functions.get(name, {}), foundation.stage, name) for name in FUNCTIONS}
    api, mailer = functions["api_handler"], functions["mailer"]
    configured = dict(api.get("environment_variables", {}))
    others += [origin for origin in configured.get("LYCHGATE_ALLOWED_ORIGINS", "").split(",") if origin]
    api["environment_variables"] = {
        **configured,
        "LYCHGATE_ALLOWED_ORIGINS": ",".join(dict.fromkeys([foundation.site_origin, *others])),
        "LYCHGATE_DISTRIBUTION_SECRET_SHA256": foundation.distribution_secret_sha256,
        "LYCHGATE_SIGNING_KEYS_PARAMETER": foundation.signing_keys_parameter,
        "LYCHGATE_USERS_TABLE": foundation.users_table,
        "LYCHGATE_SESSIONS_TABLE": foundation.sessions_table,
        "LYCHGATE_EVENTS_TABLE": foundation.events_table,
        "LYCHGATE_THROTTLE_TABLE": foundation.throttle_table,
        "LYCHGATE_MAIL_TABLE": foundation.mail_table,
    }
    # The same application has the same settings.
    functions["admin"]["environment_variables"] = dict(api["environment_variables"])
    mailer["environment_variables"] = {
        **mailer.get("environment_variables", {}),
        "LYCHGATE_USERS_TABLE": foundation.users_table,
        "LYCHGATE_THROTTLE_TABLE": foundation.throttle_table,
        "LYCHGATE_MAIL_TABLE": foundation.mail_table,
        "LYCHGATE_SES_CONFIGURATION_SET": foundation.configuration_set,
    }
    # Both count in it.
    mailer["environment_variables"].pop(_MAILS_PER_DAY, None)
    if _MAILS_PER_DAY in configured:
        mailer["environment_variables"][_MAILS_PER_DAY] = configured[_MAILS_PER_DAY]
    if not foundation.mail_from or not foundation.configuration_set:
        del mailer["environment_variables"]["LYCHGATE_SES_CONFIGURATION_SET"]
    functions["webhooks"]["environment_variables"] = {
        **functions["webhooks"].get("environment_variables", {}),
        "LYCHGATE_WEBHOOK_SECRETS_PARAMETER": foundation.webhook_secrets_parameter,
    }
    entry["lambda_functions"] = {**existing_functions, **functions}
    for name, count in (reserved or {}).items():
        entry["lambda_functions"][name].setdefault("reserved_concurrency", count)
    return entry


def configured_concurrency(entry: Mapping[str, Any]) -> dict[str, int | None]:
    """Return the reserved concurrency of each function for which a stage's entry says one, None for none."""
    functions = entry.get("lambda_functions", {})
    configured = {name: {**entry, **functions.get(name, {})} for name in USUAL_CONCURRENCY}
    return {name: said["reserved_concurrency"] for name, said in configured.items() if "reserved_concurrency" in said}


def configured_tracing(config: Mapping[str, Any], stage: str) -> dict[str, bool]:
    """Return whether X-Ray traces the REST API and each function, as Chalice reads its ``xray``.

    ``config`` is the whole of .chalice/config.json: what a function says counts before the stage's, and that before the
    project's (Chalice documentation, "Configuration file").
    """
    entry = {"xray": config.get("xray"), **config["stages"].get(stage, {})}
    functions = entry.get("lambda_functions", {})
    traced = {name: {**entry, **functions.get(name, {})} for name in FUNCTIONS}
    return {name: bool(said["xray"]) for name, said in {"rest_api": entry, **traced}.items()}


def _function(existing: Mapping[str, Any], stage: str, name: str) -> dict[str, Any]:
    memory, timeout = SIZES[name]
    return {
        "lambda_memory_size": memory,
        "lambda_timeout": timeout,
        **existing,
        "iam_policy_file": policy_file(stage, name),
    }
