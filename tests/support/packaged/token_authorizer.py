"""The gateway's side of a TOKEN authorizer: when it calls the function, how it uses the answer, and what it caches.

The rules are those of "Use API Gateway Lambda authorizers" and its pages in the API Gateway Developer Guide: "Input to"
and "Output from an API Gateway Lambda authorizer". Policies are matched as "Policy evaluation logic" in the IAM User
Guide has it.
"""

import re
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from tests.support.packaged.function import LambdaFunction
from tests.support.packaged.gateway_responses import Refusal
from tests.support.packaged.rest_api import TokenAuthorizer

ARN_LIMIT = 1600
"""Bytes of the ARN of a method with authorization ("Amazon API Gateway quotas and important notes")."""

Clock = Callable[[], float]


class TokenAuthorization:
    """Asks an authorizer's function, and caches its policies by token: for all routes, for the authorizer's TTL."""

    def __init__(self, definition: TokenAuthorizer, function: LambdaFunction, clock: Clock) -> None:
        self._definition = definition
        self._function = function
        self._clock = clock
        self._lock = threading.Lock()
        self._cached: dict[str, tuple[float, Mapping[str, Any]]] = {}

    def authorize(self, token: str | None, method_arn: str) -> dict[str, str]:
        """Return the context that the integration gets. Raises Refusal."""
        # A request without the identity source is refused without a call; so is one that does not look like a token.
        if not token or (self._definition.pattern and not re.fullmatch(self._definition.pattern, token)):
            raise Refusal("UNAUTHORIZED")
        if len(method_arn.encode()) > ARN_LIMIT:
            raise Refusal("DEFAULT_4XX", "Request URI too long", HTTPStatus.REQUEST_URI_TOO_LONG)
        answer = self._cached_answer(token) or self._ask(token, method_arn)
        effects = _effects(answer["policyDocument"], method_arn)
        if effects != {"Allow"}:
            message = "User is not authorized to access this resource"
            raise Refusal("ACCESS_DENIED", f"{message} with an explicit deny" if "Deny" in effects else message)
        context = {name: _text(value) for name, value in (answer.get("context") or {}).items()}
        return {"principalId": str(answer["principalId"]), "integrationLatency": "0", **context}

    def forget(self) -> None:
        """Empty the cache, as FlushStageAuthorizersCache does."""
        with self._lock:
            self._cached.clear()

    def _cached_answer(self, token: str) -> Mapping[str, Any] | None:
        with self._lock:
            until, answer = self._cached.get(token, (0.0, {}))
        return answer if self._clock() < until else None

    def _ask(self, token: str, method_arn: str) -> Mapping[str, Any]:
        asked = self._clock()
        result = self._function.invoke({"type": "TOKEN", "methodArn": method_arn, "authorizationToken": token})
        if result.error is not None:
            # The only message that the gateway recognizes. Every other failure is a configuration error.
            if result.error.get("errorMessage") == "Unauthorized":
                raise Refusal("UNAUTHORIZED")
            raise Refusal("AUTHORIZER_CONFIGURATION_ERROR")
        answer: Any = result.answer
        if not _is_answer(answer):
            raise Refusal("AUTHORIZER_CONFIGURATION_ERROR")
        with self._lock:
            self._cached[token] = (asked + self._definition.ttl, answer)
        taken: Mapping[str, Any] = answer
        return taken


def _is_answer(answer: object) -> bool:
    match answer:
        case {"principalId": str(), "policyDocument": {"Statement": list()}, **others}:
            context = others.get("context") or {}
            return isinstance(context, dict) and all(
                isinstance(value, str | int | float | bool) for value in context.values()
            )
    return False


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _effects(policy: Mapping[str, Any], method_arn: str) -> set[str]:
    return {
        statement["Effect"]
        for statement in policy["Statement"]
        if _matches(statement["Action"], "execute-api:Invoke", ignore_case=True)
        and _matches(statement["Resource"], method_arn)
    }


def _matches(patterns: str | list[str], value: str, *, ignore_case: bool = False) -> bool:
    flags = re.IGNORECASE if ignore_case else 0
    listed = [patterns] if isinstance(patterns, str) else patterns
    return any(
        re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), value, flags | re.DOTALL)
        for pattern in listed
    )
