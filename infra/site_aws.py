"""What a site's own code uses of AWS, as ``chalicelib/site/aws.json`` says: docs/your-site.md.

Owns the form of that file. A site without it uses what ours does, and nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

FILE = PurePath("chalicelib", "site", "aws.json")

FUNCTIONS = ("api_handler", "admin")
"""The functions that run a site's code: its routes are the API's, and hooks run in both."""

_PLACES = re.compile(r"\$\{(\w+)\}")
_MEMBERS = {"operations", "statements"}
_OF_A_STATEMENT = {"Sid", "Effect", "Action", "Resource", "Condition"}


@dataclass(frozen=True)
class SiteAws:
    """What a site adds."""

    operations: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The operations that its clients have on Lambda, by botocore's name of the service."""
    statements: tuple[Mapping[str, Any], ...] = ()
    """The statements that its functions' policies get."""

    def statements_at(self, **places: str) -> list[dict[str, Any]]:
        """Return the statements for one stage. ``places`` are what stands for ``${Stage}`` and the like.

        Raises ValueError if a statement names another place.
        """

        def at(found: re.Match[str]) -> str:
            if found[1] not in places:
                raise ValueError(
                    f"{FILE} has ${{{found[1]}}}. There are {', '.join(f'${{{name}}}' for name in places)}"
                )
            return places[found[1]]

        return [json.loads(_PLACES.sub(at, json.dumps(statement))) for statement in self.statements]


def read_site_aws(project: Path) -> SiteAws:
    """Return what the site of a project adds. Raises ValueError, which says what is wrong with the file."""
    path = project / FILE
    if not path.is_file():
        return SiteAws()
    try:
        found = json.loads(path.read_text("utf-8"))
    except ValueError as unreadable:
        raise ValueError(f"{FILE} is no JSON: {unreadable}") from None
    if not isinstance(found, dict) or not found.keys() <= _MEMBERS:
        raise ValueError(f"{FILE} is an object with the members {' and '.join(sorted(_MEMBERS))}, and no others")
    operations, statements = found.get("operations", {}), found.get("statements", [])
    if not isinstance(operations, dict) or not all(_are_names(names) for names in operations.values()):
        raise ValueError(
            f'the operations in {FILE} are a list of names for each service, such as {{"s3": ["GetObject"]}}'
        )
    if not isinstance(statements, list) or not all(_is_statement(statement) for statement in statements):
        raise ValueError(f"each statement in {FILE} has Effect, Action and Resource, and may have Sid and Condition")
    return SiteAws({service: frozenset(names) for service, names in operations.items()}, tuple(statements))


def _are_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _is_statement(value: object) -> bool:
    return isinstance(value, dict) and {"Effect", "Action", "Resource"} <= value.keys() <= _OF_A_STATEMENT
