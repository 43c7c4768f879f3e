"""The names of roles, and which a user may have.

Only what grants a role and what asks for one imports this module: a user's roles are read as they are stored.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from chalicelib.errors import Flaw

USER = "user"
"""What every new account has."""

ADMIN = "admin"
"""Administers other accounts."""

MAX_ROLES = 16
"""Roles of one user. With ``NAME``'s length they take 750 of the 4,096 characters of a token."""

NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
"""What a role may be called."""


def role_error(role: str) -> Flaw | None:
    """Return a message that says what is wrong with the name of a role, or None if it is valid.

    API Gateway carries roles as one string of words, and a challenge carries a role in quotes (RFC 6750 section 3).
    """
    if NAME.fullmatch(role):
        return None
    return Flaw("Use 1 to 32 of a-z, 0-9, _ and -, the first of them a letter.", "invalid_role")


def roles_error(roles: Collection[str]) -> Flaw | None:
    """Return a message that says why a user may not have exactly these roles, or None if a user may."""
    if not roles:
        return Flaw(f"Name at least one role. What everybody has is {USER}.", "required")
    if len(roles) > MAX_ROLES:
        return Flaw(f"Name at most {MAX_ROLES} roles.", "too_many", MAX_ROLES)
    for role in roles:
        if (problem := role_error(role)) is not None:
            return Flaw(f"{role!r} is no role. {problem}", problem.code)
    return None
