"""The languages that mails are written in."""

from __future__ import annotations

LANGUAGES = ("en", "de")
"""Language tags (RFC 5646), the first of them for whoever reads none of the others."""
