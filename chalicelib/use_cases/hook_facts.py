"""What a site's hooks are told. None of it is a secret: no password, no hash, no token and no code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, Union

if TYPE_CHECKING:
    from chalicelib.accounts.user import User

JSON: TypeAlias = Union[str, int, float, bool, "list[JSON]", "tuple[JSON, ...]", Mapping[str, "JSON"], None]
"""A value that JSON has."""


@dataclass(frozen=True, slots=True)
class RegistrationAttempt:
    """An account that somebody asks for. It is allowed by all rules of ours that can be told without the database."""

    username: str
    """Where the address is the username, this is the address."""
    email: str | None
    """An address that nobody has confirmed yet, None if none is given."""
    has_password: bool
    """Where the address is the username, another password may be chosen at the confirmation, or the first."""
    ip: str
    user_agent: str
    language: str
    """The one of the languages of mails that the browser prefers. "" if none was asked for or it prefers none."""


@dataclass(frozen=True, slots=True)
class UserFacts:
    """An account."""

    id: str
    username: str
    roles: tuple[str, ...]
    created_at: int
    """NumericDate."""
    email: str | None
    """The verified address, None if there is none."""
    has_password: bool
    has_second_factor: bool


@dataclass(frozen=True, slots=True)
class LogInFacts:
    """A session that has begun."""

    session_id: str
    """The ``sid`` of its access tokens."""
    at: int
    """NumericDate."""
    amr: tuple[str, ...]
    """How the user has authenticated: words of RFC 8176."""
    ip: str
    user_agent: str
    is_first: bool
    """Whether the account has begun with it: by a registration, or by a migration."""


def facts_of(user: User) -> UserFacts:
    """Return what hooks are told of a user."""
    return UserFacts(
        id=user.id,
        username=user.username,
        roles=user.roles,
        created_at=user.created_at,
        email=user.verified_email,
        has_password=user.has_password,
        has_second_factor=user.second_factor,
    )
