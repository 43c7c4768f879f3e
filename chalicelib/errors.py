"""The errors of Lychgate, in one hierarchy.

Owns the machine-readable code of each error. Knows no HTTP: ``chalicelib.api.problems`` alone maps errors to statuses.
An error's ``detail`` goes to the caller. What only an operator may know, such as why a token was refused, is in other
attributes and never in ``detail``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self


class LychgateError(Exception):
    """Base class of all errors that Lychgate raises on purpose."""

    error: ClassVar[str] = "internal_error"
    """The code on the wire: the ``error`` member of the problem document."""

    detail: ClassVar[str] = "Something went wrong on our side. The request can be tried again."
    """The message for the caller, unless the instance has its own."""

    reason: str | None = None
    """The cause, for the operator. It goes to the log and never to the caller."""

    user_id: str | None = None
    """The user that the error is about. For the log."""

    session_id: str | None = None
    """The session that the error is about. For the log."""

    is_final: bool = False
    """Whether a token stays refused: neither another time nor other keys or settings would make it good."""

    def __init__(self, detail: str | None = None) -> None:
        self.message = detail or self.detail
        super().__init__(self.message)


class ConfigurationError(LychgateError):
    """Raised if a setting is missing or invalid. Names the variable."""

    def __init__(self, variable: str, problem: str) -> None:
        self.variable = variable
        self.reason = f"{variable} {problem}"
        super().__init__(self.reason)


class SiteMistake(LychgateError):
    """Raised for what is wrong in a site's own code. ``reason`` says what, for the log."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__()


class InvalidRequest(LychgateError):
    """Raised if a body is not a JSON object, or a request is ambiguous."""

    error = "invalid_request"
    detail = "The request body must be a JSON object in UTF-8."


class UnsupportedMediaType(LychgateError):
    """Raised if a body's media type is not ``application/json``."""

    error = "unsupported_media_type"
    detail = "Send the body as JSON with the header Content-Type: application/json."


class PayloadTooLarge(LychgateError):
    """Raised if a body is larger than the API accepts."""

    error = "payload_too_large"
    detail = "The request body is too large."


FieldCode = Literal[
    "required",
    "unknown_field",
    "unexpected",
    "exactly_one",
    "duplicate",
    "wrong_type",
    "unknown_value",
    "out_of_range",
    "malformed",
    "too_short",
    "too_long",
    "too_many_bytes",
    "too_many",
    "not_allowed_characters",
    "mixed_scripts",
    "mixed_digits",
    "invalid_email",
    "email_not_ascii",
    "same_email",
    "contains_username",
    "contains_site_name",
    "password_too_common",
    "password_leaked",
    "same_password",
    "invalid_role",
    "invalid_cursor",
    "refused",
]
"""What can be wrong with a field, for programs. docs/http-api.md says what each means."""


class Flaw(str):
    """What is wrong with a value: a sentence for people, which has a code for programs."""

    __slots__ = ("code", "limit")

    code: FieldCode
    limit: int | None
    """The number that the value is beyond, if one belongs to the code."""

    def __new__(cls, message: str, code: FieldCode, limit: int | None = None) -> Self:
        """Return the sentence with its code, and with the number that it names."""
        flaw = super().__new__(cls, message)
        flaw.code = code
        flaw.limit = limit
        return flaw


REQUIRED = Flaw("This field is needed.", "required")
NOT_UNICODE = Flaw("This has invalid Unicode in it.", "not_allowed_characters")


@dataclass(frozen=True, eq=False)
class FieldError:
    """What is wrong with one field of a request. A sentence without a code is a site's own: it is ``refused``."""

    field: str
    message: Flaw | str

    @property
    def code(self) -> FieldCode:
        """Return what is wrong, for programs."""
        return self.message.code if isinstance(self.message, Flaw) else "refused"

    @property
    def limit(self) -> int | None:
        """Return the number that the value is beyond, None if none belongs to the code."""
        return self.message.limit if isinstance(self.message, Flaw) else None


class ValidationFailed(LychgateError):
    """Raised if fields of a body are missing, unknown, of the wrong type or against a rule."""

    error = "validation_failed"
    detail = "Some fields are not valid."

    def __init__(self, *errors: FieldError) -> None:
        self.errors = errors
        super().__init__()


class InvalidCredentials(LychgateError):
    """Raised if a password check fails. ``reason`` is for the operator: the caller must not learn the cause."""

    error = "invalid_credentials"
    detail = "The username or the password is wrong."

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__()


class InvalidToken(LychgateError):
    """Raised if an access token is refused. ``reason`` is for the operator.

    ``missing`` says that the request had no token. RFC 6750 section 3.1: the challenge then has no error code.
    """

    error = "invalid_token"
    detail = "The access token is missing, malformed, expired or not for this API."

    def __init__(self, reason: str, *, missing: bool = False, detail: str | None = None) -> None:
        self.reason = reason
        self.missing = missing
        super().__init__(detail)


class InsufficientAuthentication(LychgateError):
    """Raised if a session authenticated too long ago, or by too little (RFC 9470 section 3).

    ``max_age`` is how long ago it may be. ``acr_values`` is what it has to reach, None if any will do.
    """

    error = "insufficient_user_authentication"
    detail = "Prove again that it is you: at POST /auth/reauthenticate. Then repeat the request."

    def __init__(self, max_age: int, acr_values: str | None = None) -> None:
        self.max_age = max_age
        self.acr_values = acr_values
        super().__init__()


class SecondFactorRequired(LychgateError):
    """Raised if the first factor is right and a second one is due. Nobody is logged in yet."""

    error = "second_factor_required"
    detail = "Now prove that it is you in a second way."

    def __init__(
        self, challenge: str, *, methods: tuple[str, ...], expires_in: int, public_key: dict[str, Any] | None
    ) -> None:
        self.challenge = challenge
        """What the second factor is sent with."""
        self.methods = methods
        """Of ``totp``, ``recovery_code`` and ``passkey`` those that the user has."""
        self.expires_in = expires_in
        """Seconds for which the challenge is good."""
        self.public_key = public_key
        """The options for a passkey (PublicKeyCredentialRequestOptionsJSON), None if the user has none."""
        super().__init__()


class InvalidGrant(LychgateError):
    """Raised if a refresh token is refused. ``reason`` is for the operator."""

    error = "invalid_grant"
    detail = "The session has ended or the refresh token is no longer valid. Log in again."

    def __init__(self, reason: str, user_id: str | None = None, session_id: str | None = None) -> None:
        self.reason = reason
        self.user_id = user_id
        self.session_id = session_id
        super().__init__()


class RefreshTokenReused(InvalidGrant):
    """Raised if a refresh token is reused after the retry window. Its session has been ended."""


class InvalidDPoPProof(LychgateError):
    """Raised if a proof of a client's key is wrong, or missing where one is due (RFC 9449). ``reason`` says which.

    The reason is no secret: it is about what the caller has sent.
    """

    error = "invalid_dpop_proof"
    detail = "The header DPoP has no proof, or a wrong one, by the key of this session."

    def __init__(
        self, reason: str, user_id: str | None = None, session_id: str | None = None, *, key: str = ""
    ) -> None:
        self.reason = reason
        self.user_id = user_id
        self.session_id = session_id
        self.key = key
        """The thumbprint of the key that has made the proof, if that is refused because of the clock. Else empty."""
        super().__init__(f"The proof in the header DPoP is refused: {reason}.")


class NotOnDevice(LychgateError):
    """Raised if a session is bound to a device, and a request has not shown to come from there."""

    error = "not_on_device"
    detail = (
        "The session is bound to one device, and this request lacks the cookie that the browser of that device renews. "
        "Send it once more. If the answer is the same, log in again."
    )
    reason = "the cookie of the session's device is missing"

    def __init__(self, user_id: str, session_id: str) -> None:
        self.user_id = user_id
        self.session_id = session_id
        super().__init__()


class InvalidDeviceProof(LychgateError):
    """Raised if a browser's proof of its device's key is wrong. ``reason`` is for the operator."""

    error = "invalid_device_proof"
    detail = "The header Secure-Session-Response has no proof, or a wrong one, by the key of this device."

    def __init__(self, reason: str, user_id: str | None = None, session_id: str | None = None) -> None:
        self.reason = reason
        self.user_id = user_id
        self.session_id = session_id
        super().__init__()


class DeviceProofRequired(LychgateError):
    """Raised if a browser has to sign a challenge with its device's key before its short cookie is renewed."""

    error = "device_proof_required"
    detail = "Sign the challenge of the header Secure-Session-Challenge with the key of this device."

    def __init__(self, challenge: str, *, identifier: str) -> None:
        self.challenge = challenge
        self.identifier = identifier
        """The browser's name for the session."""
        super().__init__()


class Forbidden(LychgateError):
    """Raised if a principal may not do what it requests. ``role`` is the role that its user would need."""

    error = "insufficient_scope"
    detail = "Your role does not allow this."

    def __init__(self, role: str | None = None) -> None:
        if role is None:
            super().__init__()
            return
        self.reason = f"without the role {role}"
        super().__init__(f"This needs the role {role}, which your account does not have.")


class NotThroughDistribution(LychgateError):
    """Raised if a stage has a distribution and a request did not come through it."""

    error = "forbidden"
    detail = "This API is reached through its site's address only."
    reason = "not through the distribution"


class OriginRejected(LychgateError):
    """Raised if a page of an origin that is not allowed uses the refresh cookie. ``reason`` says which."""

    error = "origin_rejected"
    detail = "This origin may not use the session cookie."

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__()


class RegistrationClosed(LychgateError):
    """Raised if registration is closed."""

    error = "registration_closed"
    detail = "Registration is closed here."


class NotFound(LychgateError):
    """Raised if a resource does not exist or belongs to another user."""

    error = "not_found"
    detail = "There is nothing here."


class MethodNotAllowed(LychgateError):
    """Raised if a route does not support the request's method."""

    error = "method_not_allowed"
    detail = "This route does not support the request's method."


class UsernameTaken(LychgateError):
    """Raised if another user already has the canonical form of a username."""

    error = "username_taken"
    detail = "This username is taken."


class EmailTaken(LychgateError):
    """Raised if another account has verified the address that is to be confirmed."""

    error = "email_taken"
    detail = "Another account has this address."


class LinkExpired(LychgateError):
    """Raised if a mailed token is unknown, used, too old or not for this. ``reason`` is for the operator."""

    error = "link_expired"
    detail = "This link has been used, is too old, or is not complete. Ask for a new one."

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__()


class InvalidCode(LychgateError):
    """Raised if a code or a passkey's answer is wrong, used or stale. ``reason`` is for the operator."""

    error = "invalid_code"
    detail = "The code is wrong."

    def __init__(self, reason: str, detail: str | None = None) -> None:
        self.reason = reason
        super().__init__(detail)


class UnknownPasskey(InvalidCode):
    """Raised if no account has the passkey that has answered."""

    detail = "This passkey is not known here, or no longer. Remove it where you keep your passkeys."


class InvalidChallenge(LychgateError):
    """Raised if a challenge is unknown, expired, used up or not for this. ``reason`` is for the operator."""

    error = "invalid_challenge"
    detail = "Too much time or too many tries have passed. Begin again."

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__()


class Conflict(LychgateError):
    """Raised if another request has changed the same data meanwhile."""

    error = "conflict"
    detail = "Another request changed the account at the same time. Check it and try again."


class LastAdministrator(Conflict):
    """Raised if no active administrator would be left."""

    detail = "This is the last administrator who can log in. Make somebody else one first."
    reason = "the last administrator"


class TooManyAttempts(LychgateError):
    """Raised if there have been too many attempts with a password. ``limit`` names the limit, for the operator."""

    error = "too_many_attempts"
    detail = "Too many attempts. Wait before you try again. Open sessions continue."

    def __init__(self, retry_after: int, *, limit: str) -> None:
        self.retry_after = retry_after
        self.reason = f"limit by {limit}"
        super().__init__()


class TooManyRegistrations(TooManyAttempts):
    """Raised if too many accounts were created from one address."""

    detail = "Too many accounts were created from your network. Try again later."


class TooManyMails(TooManyAttempts):
    """Raised if too many mails were asked for from one address on the network."""

    detail = "Too many mails were asked for. Look for the one that was sent, or wait before you ask for another."


class TooManyMailsToAddress(TooManyMails):
    """Raised if too many mails to one mail address were asked for."""

    detail = "Too many mails to this address were asked for. Look for the one that was sent, or wait before the next."


class TooManyMailsToday(TooManyMails):
    """Raised if all mails of a day have been asked for, over all accounts."""

    detail = "No more mails can be asked for today. Try again tomorrow."


class ServiceUnavailable(LychgateError):
    """Raised if the database or the key store does not answer. ``reason`` is for the operator."""

    error = "service_unavailable"
    detail = "The service is busy or unreachable. Try again in a moment."

    retry_after: ClassVar[int] = 1
    """Seconds after which the caller may try again."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__()


class DeviceCookieDelayed(ServiceUnavailable):
    """Raised in place of ``NotOnDevice`` if the browser says that it cannot renew its cookie for now."""

    def __init__(self, refusal: NotOnDevice, why: str) -> None:
        super().__init__(f"{refusal.reason}: the browser says {why}")
        self.user_id = refusal.user_id
        self.session_id = refusal.session_id


class MailRefused(LychgateError):
    """Raised if a mail will never be taken for its recipient. ``reason`` is for the operator and has no address."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__()


class RefusalUnclear(LychgateError):
    """Raised if a mail is refused, and nothing says whether for its recipient or for every mail.

    ``reason`` is for the operator and has no address.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__()


class AttemptNotCounted(ServiceUnavailable):
    """Raised if a password was not checked because the attempt could not be counted."""
