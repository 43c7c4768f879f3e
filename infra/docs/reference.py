"""The page with every operation of the API, from the document that the API gives of itself.

Owns how an operation is written down. What is in it comes from the code, so it cannot say what the code does not do.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from chalicelib.api.openapi import ALL_ROUTES, describe

_ROOT = "https://site.example/api"
_METHODS = ("get", "post", "put", "patch", "delete")
_NOTHING = "–"  # noqa: RUF001 - the dash of the other tables
_LIMITS = {
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minimum": "{} or more",
    "maximum": "{} or less",
    "maxItems": "at most {} of them",
}
_INTRODUCTION = """# Operations of the API

Made from `/openapi.json`, which the API makes from its own code. The document of your site has your own routes too, and
[clients are generated from it](../http-api.md#a-client-of-your-own). Paths begin behind the API's root, `/api`.
[The HTTP API](../http-api.md) explains what belongs together.
"""


def document() -> dict[str, Any]:
    """Return the OpenAPI document of an API with the settings that hold by default."""
    operations = [operation for routes in ALL_ROUTES for operation in routes.operations]
    described: dict[str, Any] = describe(
        operations, root=_ROOT, cookie_name="__Host-refresh_token", password_min_length=15
    )
    return described


def page() -> str:
    """Return the page in Markdown."""
    return "\n".join(_lines(document()))


def _lines(described: dict[str, Any]) -> Iterator[str]:
    yield _INTRODUCTION
    yield described["info"]["description"] + "\n"
    components = described["components"]
    shared = _Shared(described)
    yield "Every operation may give these answers, which are not repeated below:\n"
    yield from _answers(shared.by_all, components)
    yield "Every operation that takes a body may give these, too:\n"
    yield from _answers(shared.by_bodies, components)
    for tag in described["tags"]:
        yield f"## {tag['name']}\n\n{tag['description']}\n"
        for path, methods in described["paths"].items():
            for method in _METHODS:
                if tag["name"] in methods.get(method, {}).get("tags", []):
                    yield from _operation(method, path, methods[method], components, shared)
    yield "## Bodies\n\nAll are JSON objects, unless another type is named.\n"
    for name, schema in components["schemas"].items():
        yield f"({_target(name)})=\n### `{name}`\n"
        yield from _schema(schema)


class _Shared:
    """The answers that all operations have in common, and those that all with a body have."""

    def __init__(self, described: dict[str, Any]) -> None:
        every = [each for methods in described["paths"].values() for each in methods.values() if "operationId" in each]
        self.by_all = self._common(every)
        self.by_bodies = {
            status: answer
            for status, answer in self._common([each for each in every if "requestBody" in each]).items()
            if status not in self.by_all
        }

    @staticmethod
    def _common(operations: list[dict[str, Any]]) -> dict[str, Any]:
        first = operations[0]["responses"]
        return {
            status: answer
            for status, answer in first.items()
            if all(each["responses"].get(status) == answer for each in operations)
        }

    def without(self, operation: dict[str, Any]) -> dict[str, Any]:
        """Return the answers of an operation that are its own."""
        shared = self.by_all.keys() | (self.by_bodies.keys() if "requestBody" in operation else set())
        return {status: answer for status, answer in operation["responses"].items() if status not in shared}


def _operation(
    method: str, path: str, operation: dict[str, Any], components: dict[str, Any], shared: _Shared
) -> Iterator[str]:
    yield f"(operation-{operation['operationId']})=\n### `{method.upper()} {path}`\n"
    yield f"**{operation['summary']}** {_on_lines(operation.get('description', ''))}\n"
    yield f"Credential: {_credential(operation['security'])}.\n"
    if operation.get("parameters"):
        yield "| parameter | in | type | meaning |\n|---|---|---|---|"
        for parameter in operation["parameters"]:
            yield (
                f"| `{parameter['name']}` | {parameter['in']} | {_type(parameter.get('schema', {}))} "
                f"| {_cell(parameter.get('description', ''))} |"
            )
        yield ""
    if "requestBody" in operation:
        needed = "" if operation["requestBody"].get("required") else ", which may be left out"
        yield f"Body: {_content(operation['requestBody'])}{needed}.\n"
    yield from _answers(shared.without(operation), components)


def _answers(answers: dict[str, Any], components: dict[str, Any]) -> Iterator[str]:
    yield "| status | body | meaning |\n|---:|---|---|"
    for status, answer in answers.items():
        found = components["responses"][answer["$ref"].rpartition("/")[2]] if "$ref" in answer else answer
        yield f"| {status} | {_content(found)} | {_cell(found['description'])} |"
    yield ""


def _credential(security: list[dict[str, list[str]]]) -> str:
    words = {
        "access_token": "an access token, as `Authorization: Bearer …`",
        "refresh_cookie": "the refresh cookie, or a refresh token in the body",
    }
    named = [words[name] for each in security for name in each]
    return " or ".join(named) if named else "none"


def _content(of: dict[str, Any]) -> str:
    kinds = [_type(each.get("schema", {})) for each in of.get("content", {}).values()]
    return " or ".join(dict.fromkeys(kinds)) or _NOTHING


def _schema(schema: dict[str, Any]) -> Iterator[str]:
    if schema.get("description"):
        yield _on_lines(schema["description"]) + "\n"
    if schema.get("type") != "object" or not schema.get("properties"):
        yield f"Type: {_type({**schema, 'description': ''})}. {_more(schema)}\n"
        return
    yield "| member | type | needed | meaning |\n|---|---|---|---|"
    for name, of in schema["properties"].items():
        needed = "yes" if name in schema.get("required", []) else _NOTHING
        yield f"| `{name}` | {_type(of)} | {needed} | {_cell(of.get('description', ''))} {_more(of)} |"
    yield ""


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[`{name}`](#{_target(name)})"
    for several in ("oneOf", "anyOf"):
        if several in schema:
            return " or ".join(map(_type, schema[several]))
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    kinds = schema.get("type", "anything")
    named = " or ".join(kinds) if isinstance(kinds, list) else kinds
    return f"{named} ({schema['format']})" if "format" in schema else named


def _more(schema: dict[str, Any]) -> str:
    said = [words.format(schema[limit]) for limit, words in _LIMITS.items() if limit in schema]
    if "enum" in schema:
        said.append("one of " + ", ".join(f"`{json.dumps(each, ensure_ascii=False)}`" for each in schema["enum"]))
    if "default" in schema:
        said.append(f"`{json.dumps(schema['default'])}` if it is left out")
    if schema.get("examples"):
        said.append(f"for example `{json.dumps(schema['examples'][0], ensure_ascii=False)}`")
    sentence = ", ".join(said)
    return f"{sentence[:1].upper()}{sentence[1:]}." if sentence else ""


def _target(name: str) -> str:
    return f"body-{name.lower()}"


def _on_lines(text: str) -> str:
    return text.replace("``", "`")


def _cell(text: str) -> str:
    return _on_lines(" ".join(text.split())).replace("|", "\\|")
