"""The bodies of requests and answers about second factors and passkeys.

Loaded when one of their routes is first asked for: each class that is made at a cold start lengthens it.
"""

from __future__ import annotations

from typing import Annotated, Any, TypedDict

from chalicelib.accounts.factors import MAX_LABEL_LENGTH
from chalicelib.api.bodies import request_body
from chalicelib.api.refresh_cookie import TokenDelivery
from chalicelib.api.responses import RequestOptions, Seconds, Timestamp
from chalicelib.api.schemas import Keywords, OrNull, PasskeyAnswer, TotpCode

PasskeyId = Annotated[
    str, Keywords(pattern="^[A-Za-z0-9_-]{1,1364}$", description="The `id` of a passkey, its credential id.")
]
# With the spaces that Python's ``str.strip`` and ``str.split`` know. Some of them are none in ECMA-262.
_SPACES = r"[\s\x1C-\x1F\x85]*"
_NO_SPACE = r"[^\s\x00-\x1F\x7F-\x9F]"
PasskeyLabel = Annotated[
    str,
    Keywords(
        component="NewPasskeyLabel",
        description=f"At most {MAX_LABEL_LENGTH} printable characters. Spaces around it do not count.",
        minLength=1,
        pattern=rf"^{_SPACES}{_NO_SPACE}(?:[^\x00-\x1F\x7F-\x9F]{{0,{MAX_LABEL_LENGTH - 2}}}{_NO_SPACE})?{_SPACES}$",
        examples=["Phone"],
    ),
]
Challenge = Annotated[str, Keywords(description="From the answer that asked for this.")]
RecoveryCode = Annotated[
    str,
    Keywords(
        description="One that has not been used. Case, spaces and hyphens are ignored.",
        pattern=r"^[\s\x1C-\x1F\x85-]*(?:[A-Za-z2-7][\s\x1C-\x1F\x85-]*){26}$",
        examples=["abcd-efgh-ijkl-mnop-qrst-uvwx-yz"],
    ),
]
RecoveryCodes = Annotated[list[str], Keywords(description="Ten codes, each good once. They are shown this once.")]
NewPasskeyAnswer = Annotated[
    dict[str, Any],
    Keywords(
        component="RegistrationResponseJSON",
        description="The new passkey: `toJSON()` of a PublicKeyCredential (WebAuthn Level 3, section 5.1).",
    ),
]
CreationOptions = Annotated[
    dict[str, Any],
    Keywords(
        component="PublicKeyCredentialCreationOptionsJSON",
        description="For `navigator.credentials.create` (WebAuthn Level 3, section 5.1.9).",
    ),
]


@request_body
class NewTotpBody:
    """The body that confirms an authenticator app: what was handed out with its secret, and a first code."""

    pending: Annotated[str, Keywords(description="From the answer that had the secret.")]
    code: TotpCode


@request_body
class SecondFactorBody:
    """The body of the second step of a log-in. It has exactly one of `code`, `recovery_code` and `credential`."""

    challenge: Challenge
    code: TotpCode | None = None
    recovery_code: RecoveryCode | None = None
    credential: PasskeyAnswer | None = None
    token_delivery: TokenDelivery = "body"


@request_body
class NewPasskeyBody:
    """The body that adds a passkey."""

    challenge: Challenge
    credential: NewPasskeyAnswer
    label: PasskeyLabel | None = None


@request_body
class PasskeyLabelBody:
    """The body that gives a passkey another name."""

    label: PasskeyLabel


@request_body
class PasskeyLogInBody:
    """The body of a log-in with a passkey."""

    challenge: Challenge
    credential: PasskeyAnswer
    token_delivery: TokenDelivery = "body"


class PasskeyBody(TypedDict):
    """A passkey."""

    id: str
    label: str
    created_at: Timestamp
    last_used_at: Annotated[
        str | None, Keywords(type=["string", "null"], format="date-time", description="Null until it is used.")
    ]
    backed_up: Annotated[bool, Keywords(description="Whether it is also somewhere else than on its device.")]


class TotpBody(TypedDict):
    """An authenticator app."""

    added_at: Timestamp


class FactorsBody(TypedDict):
    """What the user can log in with."""

    password: Annotated[bool, Keywords(description="Whether the account has a password.")]
    totp: Annotated[TotpBody | None, OrNull()]
    recovery_codes_left: Annotated[int, Keywords(minimum=0)]
    passkeys: list[PasskeyBody]


class PendingTotpBody(TypedDict):
    """An authenticator app that is to be added. Nothing is stored yet."""

    secret: Annotated[str, Keywords(description="Base32, for people to type.")]
    uri: Annotated[str, Keywords(description="`otpauth:`, to be shown as a QR code.")]
    pending: Annotated[str, Keywords(description="What the first code is sent with.")]
    expires_in: Seconds


class RecoveryCodesBody(TypedDict):
    """New recovery codes."""

    recovery_codes: RecoveryCodes


class CreationOptionsBody(TypedDict):
    """The options for a new passkey. The answer to them is sent with the challenge."""

    challenge: str
    publicKey: CreationOptions


class RequestOptionsBody(TypedDict):
    """The options for the use of a passkey. The answer to them is sent with the challenge."""

    challenge: str
    publicKey: RequestOptions


class NamedPasskeyBody(TypedDict):
    """One passkey of the user."""

    passkey: PasskeyBody
