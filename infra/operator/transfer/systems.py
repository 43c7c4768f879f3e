"""What other systems write of their users, and what a line of ours says of the same.

docs/import/ says for each how its file is made. What is not a user's log-in, such as a name or a picture, is left out.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from chalicelib.accounts.languages import languages
from chalicelib.accounts.roles import ADMIN, USER
from chalicelib.api.responses import timestamp
from infra.operator.transfer.importing import Convert, Source
from infra.operator.transfer.reading import Reader, UnreadableFileError, csv_rows, json_array, json_lines
from infra.operator.transfer.records import RecordError, parse_timestamp

OURS = "lychgate"


@dataclass(frozen=True)
class Options:
    """How the users of another system become users here."""

    by_address: bool
    """Whether the username is the address, also of a user who has a name."""
    firebase_config: Path | None = None


Row = Mapping[str, Any]


def source(name: str, path: Path, options: Options) -> Source:
    """Return how a file of a system is read. Raises UnreadableFileError if what it needs is missing."""
    if name == OURS:
        return Source(path, json_lines)
    read, convert = _SYSTEMS[name]
    if name == "firebase":
        convert = partial(_firebase, _firebase_parameters(options.firebase_config))
    return Source(path, read, partial(_as_ours, convert, options))


def names() -> list[str]:
    """Return the names of all forms, ours first."""
    return [OURS, *_SYSTEMS]


def _as_ours(convert: Convert, options: Options, row: Row) -> dict[str, Any]:
    """Return what a line of ours says of a row, without what is empty."""
    members = {name: value for name, value in convert(row).items() if value not in (None, "", [])}
    if options.by_address and "email" in members:
        members["username"] = members["email"]
    return members


def _supabase(row: Row) -> dict[str, Any]:
    """Convert a row of ``auth.users``, as JSON."""
    return {
        "id": row.get("id"),
        "email": row.get("email"),
        "email_verified": bool(row.get("email_confirmed_at")),
        "created_at": _time(row.get("created_at")),
        "disabled": bool(row.get("deleted_at")) or _is_to_come(row.get("banned_until")),
        "password_hash": row.get("encrypted_password"),
    }


def _auth0(row: Row) -> dict[str, Any]:
    """Convert a line of the export of password hashes."""
    found = row.get("identifiers")
    identifiers = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
    email = next((each for each in identifiers if each.get("type") == "email"), {})
    name = next((each.get("value") for each in identifiers if each.get("type") == "username"), row.get("username"))
    own = row.get("alt_id") or _member(row, "_id", "$oid")
    return {
        # What the `sub` of its tokens was.
        "id": f"auth0|{own}" if isinstance(own, str) else None,
        "username": name,
        "email": row.get("email", email.get("value")),
        "email_verified": _is(row if "email_verified" in row else email, "email_verified", "verified"),
        "disabled": _is(row, "blocked"),
        "password_hash": row.get("passwordHash"),
    }


@dataclass(frozen=True)
class _FirebaseParameters:
    signer_key: str
    separator: str
    rounds: str
    mem_cost: str


def _firebase(parameters: _FirebaseParameters | None, row: Row) -> dict[str, Any]:
    """Convert a user of ``firebase auth:export --format=json``."""
    password_hash = None
    if row.get("passwordHash"):
        if parameters is None:
            raise RecordError("the hash needs the project's parameters: --firebase-config FILE")
        salt, key = (str(row.get(name, "")).translate(_FROM_BASE64URL) for name in ("salt", "passwordHash"))
        password_hash = (
            f"$fbscrypt$v=1,n={parameters.mem_cost},r={parameters.rounds},p=1,ss={parameters.separator},"
            f"sk={parameters.signer_key}${salt}${key}"
        )
    return {
        "id": row.get("localId"),
        "email": row.get("email"),
        "email_verified": _is(row, "emailVerified"),
        "created_at": _milliseconds(row.get("createdAt")),
        "disabled": _is(row, "disabled"),
        "password_hash": password_hash,
    }


_FROM_BASE64URL = str.maketrans("-_", "+/")


def _firebase_parameters(path: Path | None) -> _FirebaseParameters | None:
    """Read the parameters of a project, as its console shows them. Raises UnreadableFileError."""
    if path is None:
        return None
    text = path.read_text("utf-8", errors="replace")
    found = {
        name: re.search(rf"\b{name}\b\W*?[:=]\s*\"?([A-Za-z0-9+/=_-]+)", text)
        for name in ("base64_signer_key", "base64_salt_separator", "rounds", "mem_cost")
    }
    missing = [name for name, match in found.items() if match is None]
    if missing:
        raise UnreadableFileError(f"{path} lacks {', '.join(missing)} of the project's hash_config")
    values = {name: match[1] for name, match in found.items() if match is not None}
    return _FirebaseParameters(
        values["base64_signer_key"].translate(_FROM_BASE64URL),
        values["base64_salt_separator"].translate(_FROM_BASE64URL),
        values["rounds"],
        values["mem_cost"],
    )


def _cognito(row: Row) -> dict[str, Any]:
    """Convert a user of ``aws cognito-idp list-users``, which tells no hashes."""
    listed = row.get("Attributes")
    pairs = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    attributes = {each.get("Name"): each.get("Value") for each in pairs}
    name = row.get("Username")
    # Where people log in with their address, Cognito calls each by an id.
    has_name = name != attributes.get("sub") and isinstance(name, str)
    return {
        "id": attributes.get("sub"),
        "username": name if has_name else None,
        "email": attributes.get("email"),
        "email_verified": attributes.get("email_verified") == "true",
        "created_at": _time(row.get("UserCreateDate")),
        "disabled": not _is(row, "Enabled", missing=True),
        "language": _language(attributes.get("locale")),
    }


def _django(row: Row) -> dict[str, Any]:
    """Convert a line of ``manage.py dumpdata auth.user --format jsonl``."""
    found = row.get("fields")
    if not isinstance(found, dict) or "password" not in found:
        raise RecordError("this is no user of Django's dumpdata")
    password = found.get("password")
    # "!" and a random text: no password can be used.
    usable = isinstance(password, str) and not password.startswith("!")
    return {
        "id": f"{row['pk']}" if isinstance(row.get("pk"), (int, str)) else None,
        "username": found.get("username"),
        "email": found.get("email"),
        "created_at": _time(found.get("date_joined")),
        "disabled": not _is(found, "is_active", missing=True),
        "password_hash": password if usable else None,
        "roles": [USER, ADMIN] if _is(found, "is_superuser") else None,
    }


def _fastapi_users(row: Row) -> dict[str, Any]:
    """Convert a row of fastapi-users' table, as JSON."""
    return {
        "id": row.get("id"),
        "email": row.get("email"),
        "email_verified": _is(row, "is_verified"),
        "disabled": not _is(row, "is_active", missing=True),
        "password_hash": row.get("hashed_password"),
        "roles": [USER, ADMIN] if _is(row, "is_superuser") else None,
    }


def _better_auth(row: Row) -> dict[str, Any]:
    """Convert a row of better-auth's ``user`` with the ``password`` of its ``account``, as JSON."""
    return {
        "id": row.get("id"),
        "username": row.get("username"),
        "email": row.get("email"),
        "email_verified": _is(row, "emailVerified"),
        "created_at": _time(row.get("createdAt")),
        "disabled": _is(row, "banned"),
        "password_hash": row.get("password"),
        "roles": _roles(row["role"].split(",")) if isinstance(row.get("role"), str) else None,
    }


def _clerk(row: Row) -> dict[str, Any]:
    """Convert a row of the dashboard's CSV."""
    hasher, digest = row.get("password_hasher", ""), row.get("password_digest", "")
    if digest and hasher not in _CLERKS_HASHERS:
        raise RecordError(
            f"password hashes of {hasher!r} are not supported: empty the cell, and the user sets a new one"
        )
    email = row.get("primary_email_address", "")
    secret = row.get("totp_secret")
    return {
        "id": row.get("id"),
        "username": row.get("username"),
        "email": email,
        "email_verified": email in re.split(r"[\s,|;]+", row.get("verified_email_addresses", "")) and bool(email),
        "password_hash": digest,
        "totp": {"secret": secret} if secret else None,
    }


_CLERKS_HASHERS = {
    "bcrypt",
    "bcrypt_sha256_django",
    "argon2i",
    "argon2id",
    "pbkdf2_sha256",
    "pbkdf2_sha256_django",
    "pbkdf2_sha512",
    "scrypt_werkzeug",
}


_SYSTEMS: dict[str, tuple[Reader, Convert]] = {
    "supabase": (json_lines, _supabase),
    "auth0": (json_lines, _auth0),
    "firebase": (partial(json_array, member="users"), partial(_firebase, None)),
    "cognito": (partial(json_array, member="Users"), _cognito),
    "django": (json_lines, _django),
    "fastapi-users": (json_lines, _fastapi_users),
    "better-auth": (json_lines, _better_auth),
    "clerk": (csv_rows, _clerk),
}


def _member(row: Row, name: str, inner: str) -> object:
    found = row.get(name)
    return found.get(inner) if isinstance(found, dict) else None


def _is(row: Row, *names: str, missing: bool = False) -> bool:
    """Return the first of these members that there is: true or false, or 1 or 0 as some databases have it.

    Raises RecordError for anything else: a word such as "false" must not count as true.
    """
    name = next((each for each in names if row.get(each) is not None), None)
    if name is None:
        return missing
    if not isinstance(row[name], (bool, int)) or row[name] not in (0, 1):
        raise RecordError(f"{name} must be true or false")
    return bool(row[name])


def _time(value: object) -> object:
    """Return a time as databases write it, as RFC 3339 has it. Without a zone it is UTC; a number is milliseconds."""
    if isinstance(value, int) and not isinstance(value, bool):
        return _milliseconds(str(value))
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d(?::?\d\d)?)?", value)
    if found is None:
        return value
    zone = found[3] or "Z"
    if zone != "Z":
        digits = zone[1:].replace(":", "").ljust(4, "0")
        zone = f"{zone[0]}{digits[:2]}:{digits[2:]}"
    return f"{found[1]}T{found[2]}{zone}"


def _is_to_come(value: object) -> bool:
    """Return whether a time lies ahead: also one that is no time, such as infinity."""
    if value is None:
        return False
    try:
        return parse_timestamp(_time(value), "the time") > time.time()
    except RecordError:
        return True


def _milliseconds(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,14}", value):
        return timestamp(int(value) // 1000)
    return value


def _language(locale: object) -> str | None:
    language = re.split("[-_]", locale)[0].lower() if isinstance(locale, str) else None
    return language if language in languages() else None


def _roles(listed: object) -> list[Any] | None:
    """Return the roles that a system gives, with what everybody has here."""
    if not isinstance(listed, list):
        return None
    return sorted({USER, *(str(role).strip() for role in listed)})
