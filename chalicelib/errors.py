"""The one error tree of Lychgate.

Owns what can go wrong and the machine-readable code of each case. Knows no HTTP: which status a code gets is decided
in ``chalicelib.api.responses`` alone. An error's ``detail`` goes to the caller; what only an operator may know (why
exactly a token was refused) is in attributes of its own and never in ``detail``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class LychgateError(Exception):
    """Root of all errors that Lychgate raises on purpose."""

    error: ClassVar[str] = "internal_error"
    """The code on the wire, the ``error`` member of the problem document."""

    detail: ClassVar[str] = "Something went wrong on our side. The request can be tried again."
    """What the caller is told when the place that raises says nothing of its own."""

    reason: str | None = None
    """Why, for the operator: goes to the log and never to the caller."""

    user_id: str | None = None
    """Whom it was about. For the log, as is the next."""

    session_id: str | None = None

    def __init__(self, detail: str | None = None) -> None:
        self.message = detail or self.detail
        super().__init__(self.message)


class ConfigurationError(LychgateError):
    """Raised at start if a setting is missing or unusable; names the variable."""

    def __init__(self, variable: str, problem: str) -> None:
        self.variable = variable
        self.reason = f"{variable} {problem}"
        super().__init__(self.reason)


class InvalidRequest(LychgateError):
    """Raised if a body is not a JSON object."""

    error = "invalid_request"
    detail = "The request body must be a JSON object in UTF-8."


class UnsupportedMediaType(LychgateError):
    """Raised if a body does not come as ``application/json``."""

    error = "unsupported_media_type"
    detail = "Send the body as JSON with the header Content-Type: application/json."


class PayloadTooLarge(LychgateError):
    """Raised if a body is larger than the API reads."""

    error = "payload_too_large"
    detail = "The request body is too large."


@dataclass(frozen=True)
class FieldError:
    """One member of a request that is not as it should be."""

    field: str
    message: str


class ValidationFailed(LychgateError):
    """Raised if members of a body are missing, unknown, of the wrong type or against a rule."""

    error = "validation_failed"
    detail = "Some fields are not as they should be."

    def __init__(self, *errors: FieldError) -> None:
        self.errors = errors
        super().__init__()


class InvalidCredentials(LychgateError):
    """Raised if a log-in fails. ``reason`` is for the operator: the caller must not learn which it was."""

    error = "invalid_credentials"
    detail = "The username or the password is wrong."

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__()


class InvalidToken(LychgateError):
    """Raised if an access token is refused. ``reason`` is for the operator.

    ``missing`` tells a request without a token from one with a bad token: RFC 6750 section 3.1 gives the first a
    challenge without an error code.
    """

    error = "invalid_token"
    detail = "The access token is missing, malformed, expired or not for this API."

    def __init__(self, reason: str, *, missing: bool = False, detail: str | None = None) -> None:
        self.reason = reason
        self.missing = missing
        super().__init__(detail)


class InvalidGrant(LychgateError):
    """Raised if a refresh token is refused. ``reason`` is for the operator."""

    error = "invalid_grant"
    detail = "The session has ended or the refresh token is no longer good. Log in again."

    def __init__(self, reason: str, user_id: str | None = None, session_id: str | None = None) -> None:
        self.reason = reason
        self.user_id = user_id
        self.session_id = session_id
        super().__init__()


class RefreshTokenReused(InvalidGrant):
    """Raised if a refresh token that was already used comes back after the retry window: the session has been ended."""


class Forbidden(LychgateError):
    """Raised if a principal may not do what it asks for."""

    error = "insufficient_scope"
    detail = "Your role does not allow this."


class OriginRejected(LychgateError):
    """Raised if a cookie came from a page that may not use it."""

    error = "origin_rejected"
    detail = "This origin may not use the session cookie."


class RegistrationClosed(LychgateError):
    """Raised if somebody registers where registration is closed."""

    error = "registration_closed"
    detail = "Registration is closed here."


class NotFound(LychgateError):
    """Raised if something is not there, or not the caller's."""

    error = "not_found"
    detail = "There is nothing here."


class MethodNotAllowed(LychgateError):
    """Raised if a route does not know the request's method."""

    error = "method_not_allowed"
    detail = "This route does not support the request's method."


class UsernameTaken(LychgateError):
    """Raised if the canonical form of a new username belongs to a user already."""

    error = "username_taken"
    detail = "This username is taken."


class Conflict(LychgateError):
    """Raised if what a change builds on was changed by another request meanwhile."""

    error = "conflict"
    detail = "The account was changed by another request at the same time. Look at it and try again."


class TooManyAttempts(LychgateError):
    """Raised if a password is guessed at too often. ``limit`` says which limit it was, for the operator."""

    error = "too_many_attempts"
    detail = "Too many attempts. Wait before you try again; a session that is open goes on."

    def __init__(self, retry_after: int, *, limit: str) -> None:
        self.retry_after = retry_after
        self.reason = f"limit by {limit}"
        super().__init__()


class ServiceUnavailable(LychgateError):
    """Raised if the database or the key store does not answer. ``reason`` is for the operator."""

    error = "service_unavailable"
    detail = "The service is busy or out of reach. Try again in a moment."

    retry_after: ClassVar[int] = 1
    """Seconds after which the caller may try again."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__()


class AttemptNotCounted(ServiceUnavailable):
    """Raised if a password may not be looked at because the attempt could not be counted."""
