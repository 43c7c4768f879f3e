"""Words for how somebody has authenticated: ``amr`` (RFC 8176) and ``acr``."""

from __future__ import annotations

PASSWORD = ("pwd",)
"""The ``amr`` of a password."""

EMAIL = ("email",)
"""The ``amr`` of a mailed link or code. RFC 8176 has no word for it."""

ONE_TIME = ("otp",)
"""What a code of a TOTP app adds, or a recovery code."""

MULTIPLE = "mfa"
"""The word for an authentication by more than one factor."""

AAL1 = "aal1"
AAL2 = "aal2"
"""The values of ``acr``: the authenticator assurance levels of SP 800-63B-4, as far as Lychgate vouches for them."""


def acr_of(amr: tuple[str, ...]) -> str:
    """Return the authentication context class of an authentication by these methods."""
    return AAL2 if MULTIPLE in amr else AAL1


def both(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    """Return the ``amr`` of an authentication by two factors."""
    return tuple(sorted({*first, *second, MULTIPLE}))
