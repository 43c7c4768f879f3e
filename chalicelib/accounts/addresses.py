"""E-mail addresses: what we accept as one, and the form in which two of them are compared.

We accept the addresses that every mail system takes: a dot-atom of ASCII before the ``@`` and a domain name after it
(RFC 5322 section 3.4.1, RFC 5321 section 4.5.3.1). So no two addresses look alike that are not, and none has a line
break, a quote or a comment. Whether somebody reads its mail is found out by a mail.
"""

from __future__ import annotations

import re

from chalicelib.errors import Flaw

MAX_ADDRESS_LENGTH = 254
"""Characters (RFC 5321 section 4.5.3.1.3, less the angle brackets)."""

MIN_ADDRESS_LENGTH = 5
"""Characters of ``a@b.c``."""

_MAX_LOCAL_PART = 64
"""Characters (RFC 5321 section 4.5.3.1.1)."""

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NUMBER = r"[0-9]+|0[xX][0-9A-Fa-f]*"
"""A last label that makes an IPv4 address of a domain (WHATWG URL Standard, "ends in a number")."""
_ADDRESS = rf"(?P<local>{_ATOM}(?:\.{_ATOM})*)@(?:{_LABEL}\.)+(?P<top>{_LABEL})"


def canonical_address(address: str) -> str:
    """Return the form in which addresses are compared and stored.

    The part before the ``@`` tells upper and lower case apart by RFC 5321 section 2.4, but no provider gives two people
    names that differ so. Dots and what follows a ``+`` count: their meaning is the provider's.
    """
    return address.casefold()


def address_error(address: str) -> Flaw | None:
    """Return a message that says what is wrong with an address, or None if it is one."""
    if len(address) > MAX_ADDRESS_LENGTH:
        return Flaw(f"Use at most {MAX_ADDRESS_LENGTH} characters.", "too_long", MAX_ADDRESS_LENGTH)
    if not address.isascii():
        message = "Use an address of ASCII characters. An international domain has a form that begins with xn--."
        return Flaw(message, "email_not_ascii")
    # Most processes check no address, so it is compiled by the first that does.
    found = re.fullmatch(_ADDRESS, address)
    if found is None or len(found["local"]) > _MAX_LOCAL_PART or re.fullmatch(_NUMBER, found["top"]):
        return Flaw("This is no e-mail address, such as name@example.org.", "invalid_email")
    return None
