"""CloudFormation's intrinsic functions that depend on parameters alone, for use without CloudFormation.

Owns the evaluation of Ref, Fn::Sub, Fn::If and conditions. Any other function is an error, because only AWS knows its
value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_VARIABLE = re.compile(r"\$\{([^}]*)\}")


class UnsupportedTemplateError(Exception):
    """Raised if a template uses something that cannot be evaluated or passed on without CloudFormation."""


def resolved(value: Any, document: Mapping[str, Any], given: Mapping[str, str], *, place: str) -> Any:  # noqa: ANN401
    """Return a value of a template with its functions replaced by their values.

    ``document`` is the whole template. ``given`` holds parameters; the others have their defaults. ``place`` names the
    value in error messages. Raises UnsupportedTemplateError.
    """
    return _Resolver(document, given, place).value(value)


def condition_holds(name: str, document: Mapping[str, Any], given: Mapping[str, str]) -> bool:
    """Return whether a condition of a template holds with these parameters. Raises UnsupportedTemplateError."""
    return _Resolver(document, given, name).holds({"Condition": name})


class _Resolver:
    def __init__(self, document: Mapping[str, Any], given: Mapping[str, str], place: str) -> None:
        self._parameters: Mapping[str, Any] = document.get("Parameters", {})
        self._conditions: Mapping[str, Any] = document.get("Conditions", {})
        self._given = given
        self._place = place

    def value(self, value: Any) -> Any:  # noqa: ANN401 - any YAML value
        if isinstance(value, list):
            return [self.value(element) for element in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name == "Ref" and argument in self._parameters:
                return self._parameter(argument)
            if name == "Fn::Sub" and isinstance(argument, str):
                return _VARIABLE.sub(lambda found: self._parameter(found[1]), argument)
            if name == "Fn::If":
                condition, then, otherwise = argument
                return self.value(then if self.holds({"Condition": condition}) else otherwise)
        for name in value:
            if name in {"Ref", "Condition"} or name.startswith("Fn::"):
                raise self._unsupported(f"{name} is not understood: {value}")
        return {name: self.value(element) for name, element in value.items()}

    def holds(self, condition: Mapping[str, Any]) -> bool:
        ((name, argument),) = condition.items()
        if name == "Condition" and argument in self._conditions:
            return self.holds(self._conditions[argument])
        if name == "Fn::Equals":
            left, right = self.value(argument)
            return bool(left == right)
        if name == "Fn::Not":
            return not self.holds(argument[0])
        if name in {"Fn::And", "Fn::Or"}:
            return (all if name == "Fn::And" else any)(self.holds(element) for element in argument)
        raise self._unsupported(f"the condition {condition} is not understood")

    def _parameter(self, name: str) -> str:
        if name in self._given and name in self._parameters:
            return self._given[name]
        if name not in self._parameters or "Default" not in self._parameters[name]:
            raise self._unsupported(f"{name} is not a parameter with a value")
        return str(self._parameters[name]["Default"])

    def _unsupported(self, what: str) -> UnsupportedTemplateError:
        return UnsupportedTemplateError(f"{self._place}: {what}")
