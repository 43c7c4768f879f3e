"""A user as a line of a file has it: what may stand there, what it means, and how it is written.

docs/import/user.schema.json describes the same for other programs.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any

from chalicelib.accounts.addresses import address_error
from chalicelib.accounts.factors import MAX_LABEL_LENGTH, MOST_PASSKEYS, Factors, Passkey
from chalicelib.accounts.languages import languages
from chalicelib.accounts.new_usernames import MAX_USERNAME_BYTES
from chalicelib.accounts.roles import USER, roles_error
from chalicelib.accounts.user import Contact, User
from chalicelib.accounts.usernames import normalised_username, username_error
from chalicelib.api.responses import timestamp
from chalicelib.credentials import base64url
from chalicelib.credentials.cose import UnusableKey, check_stored_key
from chalicelib.credentials.totp import as_base32
from chalicelib.use_cases.administration import USER_ID
from chalicelib.use_cases.begin_session import new_id
from infra.operator.transfer.hashes import HashError, exported_hash, stored_hash

_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})"
)
_SEALED = re.compile(r"[A-Za-z0-9_-]{0,32}\.[A-Za-z0-9_-]{20,400}")
_DIGEST = re.compile(r"[A-Za-z0-9_-]{0,32}\.[A-Za-z0-9_-]{22}")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]{1,4096}")
_TOTP_BYTES = range(10, 129)
_MOST_RECOVERY_CODES = 20
_MOST = 2**53

_OF_PASSKEY = tuple(each.name for each in fields(Passkey) if each.name not in ("user_id", "username"))


class RecordError(ValueError):
    """Raised for a user who cannot be imported. The message says why, and shows no secret."""


@dataclass(frozen=True)
class Record:
    """A user in a file."""

    user: User
    passkeys: tuple[Passkey, ...] = ()
    given: frozenset[str] = frozenset()
    """What the file says of the user. The rest is what a new user has."""
    totp_secret: bytes | None = field(default=None, repr=False)
    """The secret of a TOTP app that is yet to be sealed."""


def parse_record(members: Mapping[str, Any], *, now: int) -> Record:
    """Return the user whom these members describe. None stands for a member that is left out. Raises RecordError.

    Names are asked only what a key of the database and a token ask, not what a new name is: whoever has one keeps it.
    """
    unknown = sorted(set(members) - set(_READERS))
    if unknown:
        raise RecordError(f"unknown members: {', '.join(map(repr, unknown[:5]))}")
    read: dict[str, Any] = {}
    for name, value in members.items():
        if value is not None:
            read[name] = _READERS[name](value)
    if "username" not in read:
        if "email" not in read:
            raise RecordError("a username or an email is needed")
        read["username"] = _username(read["email"])
    return _record(read, now)


def _record(read: Mapping[str, Any], now: int) -> Record:
    contact = None
    if "email" in read:
        contact = Contact(
            read["email"], read.get("email_verified", False), read.get("new_email"), read.get("language", "")
        )
    if contact is None and (read.get("email_verified") or "new_email" in read):
        raise RecordError("email_verified and new_email need an email")
    if contact is not None and contact.new_email is not None and not contact.verified:
        raise RecordError("new_email needs an email that is verified")
    totp: _Totp = read.get("totp", _Totp())
    passkeys: tuple[Passkey, ...] = read.get("passkeys", ())
    factors = None
    if "totp" in read or passkeys:
        ids = tuple(sorted(passkey.id for passkey in passkeys))
        factors = Factors(totp.sealed, totp.added_at, totp.step, read.get("recovery_codes", ()), ids)
    if "recovery_codes" in read and "totp" not in read:
        raise RecordError("recovery_codes need a totp")
    user = User(
        id=read.get("id") or new_id(),
        username=read["username"],
        password_hash=read.get("password_hash", stored_hash(None)),
        roles=read.get("roles", (USER,)),
        created_at=read.get("created_at", now),
        disabled=read.get("disabled", False),
        contact=contact,
        factors=factors,
    )
    own = tuple(replace(passkey, user_id=user.id, username=user.username) for passkey in passkeys)
    return Record(user, own, frozenset(read), totp.secret)


def to_members(user: User, passkeys: tuple[Passkey, ...], totp_secret: bytes | None = None) -> dict[str, Any]:
    """Return what a file says of a user: the TOTP secret in base32 if it is given, or else as it is sealed."""
    members: dict[str, Any] = {"id": user.id, "username": user.username}
    if user.contact is not None:
        contact = user.contact
        members |= {"email": contact.email, "email_verified": contact.verified}
        members |= {"new_email": contact.new_email} if contact.new_email is not None else {}
        members |= {"language": contact.language} if contact.language else {}
    members |= {"roles": list(user.roles), "created_at": timestamp(user.created_at)}
    if user.disabled:
        members["disabled"] = True
    if (password_hash := exported_hash(user.password_hash)) is not None:
        members["password_hash"] = password_hash
    if user.factors is not None and user.factors.totp is not None:
        secret = {"sealed": user.factors.totp} if totp_secret is None else {"secret": as_base32(totp_secret)}
        members["totp"] = secret | {
            "added_at": timestamp(user.factors.totp_added_at),
            "last_step": user.factors.totp_step,
        }
        members["recovery_codes"] = list(user.factors.recovery_codes)
    if passkeys:
        members["passkeys"] = [_passkey_members(passkey) for passkey in passkeys]
    return members


def _passkey_members(passkey: Passkey) -> dict[str, Any]:
    members = {name: getattr(passkey, name) for name in _OF_PASSKEY}
    members["transports"] = list(passkey.transports)
    for name in ("created_at", "last_used_at"):
        members[name] = None if members[name] is None else timestamp(members[name])
    return {name: value for name, value in members.items() if value is not None}


@dataclass(frozen=True)
class _Totp:
    sealed: str | None = None
    secret: bytes | None = None
    added_at: int = 0
    step: int = -1


def _text(value: object, name: str, form: re.Pattern[str], says: str) -> str:
    if not isinstance(value, str) or not form.fullmatch(value):
        raise RecordError(f"{name} must be {says}")
    return value


def _id(value: object) -> str:
    what = "1 to 64 of the characters A-Z a-z 0-9 _ - . : |, and begin with none of the last three"
    return _text(value, "id", USER_ID, what)


def _username(value: object) -> str:
    if not isinstance(value, str):
        raise RecordError("username must be a string")
    username = normalised_username(value)
    if (problem := username_error(username)) is not None:
        raise RecordError(f"the username is not allowed: {problem}")
    if (length := len(username.encode("utf-8"))) > MAX_USERNAME_BYTES:
        raise RecordError(
            f"the username is not allowed: it has {length} bytes in UTF-8, and {MAX_USERNAME_BYTES} are allowed"
        )
    return username


def _address(value: object) -> str:
    if not isinstance(value, str):
        raise RecordError("an e-mail address must be a string")
    if (problem := address_error(value)) is not None:
        raise RecordError(f"the e-mail address is not allowed: {problem}")
    return value


def _boolean(name: str) -> Callable[[object], bool]:
    def read(value: object) -> bool:
        if not isinstance(value, bool):
            raise RecordError(f"{name} must be true or false")
        return value

    return read


def _language(value: object) -> str:
    if value not in (tags := languages()):
        raise RecordError(f"language must be one of {', '.join(tags)}")
    return str(value)


def _roles(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(role, str) for role in value):
        raise RecordError("roles must be a list of strings")
    if (problem := roles_error(value)) is not None:
        raise RecordError(f"the roles are not allowed: {problem}")
    return tuple(sorted(set(value)))


def parse_timestamp(value: object, name: str) -> int:
    """Return the NumericDate of an RFC 3339 timestamp. Raises RecordError."""
    text = _text(value, name, _TIMESTAMP, "a timestamp such as 2026-01-31T12:00:00Z")
    try:
        seconds = datetime.fromisoformat(text).astimezone(UTC).timestamp()
    except (ValueError, OverflowError):
        raise RecordError(f"{name} is no time that there is") from None
    if seconds < 0:
        raise RecordError(f"{name} is before 1970")
    return int(seconds)


def _password_hash(value: object) -> str:
    if not isinstance(value, str):
        raise RecordError("password_hash must be a string")
    try:
        return stored_hash(value)
    except HashError as refused:
        raise RecordError(str(refused)) from None


def _object(value: object, name: str, allowed: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(value, dict) or not set(value) <= set(allowed):
        raise RecordError(f"{name} must be an object with {', '.join(allowed)}")
    return value


def _totp(value: object) -> _Totp:
    given = _object(value, "totp", ("secret", "sealed", "added_at", "last_step"))
    if ("secret" in given) == ("sealed" in given):
        raise RecordError("totp must have either a secret or a sealed one")
    added_at = parse_timestamp(given["added_at"], "totp.added_at") if "added_at" in given else 0
    step = _number(given.get("last_step", -1), "totp.last_step", least=-1)
    if "sealed" in given:
        return _Totp(_text(given["sealed"], "totp.sealed", _SEALED, "a sealed secret"), None, added_at, step)
    return _Totp(None, _base32(given["secret"]), added_at, step)


def _base32(value: object) -> bytes:
    text = "".join(value.split()).upper().rstrip("=") if isinstance(value, str) else ""
    try:
        secret = base64.b32decode(text + "=" * (-len(text) % 8))
    except (binascii.Error, ValueError):
        raise RecordError("totp.secret must be base32") from None
    if len(secret) not in _TOTP_BYTES:
        raise RecordError(f"totp.secret must have {_TOTP_BYTES[0]} to {_TOTP_BYTES[-1]} bytes")
    return secret


def _number(value: object, name: str, *, least: int = 0) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value < _MOST:
        raise RecordError(f"{name} must be a whole number from {least} on")
    return value


def _recovery_codes(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > _MOST_RECOVERY_CODES:
        raise RecordError(f"recovery_codes must be a list of at most {_MOST_RECOVERY_CODES} digests")
    return tuple(sorted({_text(each, "each of recovery_codes", _DIGEST, "a digest of Lychgate's") for each in value}))


def _passkeys(value: object) -> tuple[Passkey, ...]:
    if not isinstance(value, list) or len(value) > MOST_PASSKEYS:
        raise RecordError(f"passkeys must be a list of at most {MOST_PASSKEYS}")
    passkeys = tuple(_passkey(each) for each in value)
    if len({passkey.id for passkey in passkeys}) != len(passkeys):
        raise RecordError("passkeys has one twice")
    return passkeys


def _passkey(value: object) -> Passkey:
    given = _object(value, "each of passkeys", _OF_PASSKEY)
    missing = set(_OF_PASSKEY) - set(given) - {"last_used_at"}
    if missing:
        raise RecordError(f"a passkey lacks {', '.join(sorted(missing))}")
    used = given.get("last_used_at")
    algorithm = _number(given["algorithm"], "a passkey's algorithm", least=-65535)
    return Passkey(
        id=_text(given["id"], "a passkey's id", _BASE64URL, "base64url"),
        user_id="",
        username="",
        public_key=_public_key(given["public_key"], algorithm),
        algorithm=algorithm,
        sign_count=_number(given["sign_count"], "a passkey's sign_count"),
        backup_eligible=_boolean("a passkey's backup_eligible")(given["backup_eligible"]),
        backed_up=_boolean("a passkey's backed_up")(given["backed_up"]),
        transports=_transports(given["transports"]),
        rp_id=_text(given["rp_id"], "a passkey's rp_id", re.compile(r"[a-z0-9.-]{1,253}"), "a domain"),
        label=_label(given["label"]),
        created_at=parse_timestamp(given["created_at"], "a passkey's created_at"),
        last_used_at=None if used is None else parse_timestamp(used, "a passkey's last_used_at"),
    )


def _public_key(value: object, algorithm: int) -> str:
    text = _text(value, "a passkey's public_key", _BASE64URL, "base64url")
    try:
        check_stored_key(algorithm, base64url.decode(text))
    except UnusableKey as unusable:
        raise RecordError(f"a passkey {unusable}") from None
    except ValueError:
        raise RecordError("a passkey's public_key must be base64url") from None
    return text


def _transports(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > 10:  # noqa: PLR2004 - more than there are
        raise RecordError("a passkey's transports must be a list")
    name = re.compile(r"[a-z-]{1,32}")
    return tuple(sorted({_text(each, "each of a passkey's transports", name, "a name such as usb") for each in value}))


def _label(value: object) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_LABEL_LENGTH or not value.isprintable():
        raise RecordError(f"a passkey's label must have 1 to {MAX_LABEL_LENGTH} printable characters")
    return value


_READERS: dict[str, Callable[[object], Any]] = {
    "id": _id,
    "username": _username,
    "email": _address,
    "email_verified": _boolean("email_verified"),
    "new_email": _address,
    "language": _language,
    "roles": _roles,
    "created_at": lambda value: parse_timestamp(value, "created_at"),
    "disabled": _boolean("disabled"),
    "password_hash": _password_hash,
    "totp": _totp,
    "recovery_codes": _recovery_codes,
    "passkeys": _passkeys,
}
