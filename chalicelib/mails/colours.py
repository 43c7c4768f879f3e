"""A site's colour in its mails: what is written on it, and what it becomes where it is text.

Owns the contrast of WCAG 2.2, and the backgrounds of ``frame.html``. Any colour gives text that can be read.
"""

from __future__ import annotations

import re

LIGHT = ("#ffffff", "#f3f4f6")
"""The backgrounds of the mail and of a code in it, as ``frame.html`` and the templates say."""

DARK = ("#1d2127", "#2b313a")
"""The same where the reader prefers dark."""

ENOUGH = 4.5
"""The contrast of text with its background (WCAG 2.2, 1.4.3, level AA)."""

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_STEPS = 100


def is_colour(text: str) -> bool:
    """Return whether a text is a colour, as in ``#1f5fa8``."""
    return _COLOUR.fullmatch(text) is not None


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, from 1 to 21 (WCAG 2.2, contrast ratio)."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def text_on(colour: str) -> str:
    """Return black or white, whichever can be read better on a colour. It is never below 4.58."""
    return max("#000000", "#ffffff", key=lambda text: contrast(text, colour))


def as_text(colour: str, backgrounds: tuple[str, ...]) -> str:
    """Return the colour, darkened or lightened no more than it takes to read it on each of the backgrounds."""
    goal = text_on(backgrounds[0])
    mixed = (_mixed(colour, goal, step / _STEPS) for step in range(_STEPS + 1))
    return next((text for text in mixed if all(contrast(text, ground) >= ENOUGH for ground in backgrounds)), goal)


def _luminance(colour: str) -> float:
    linear = (
        channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - sRGB's own
        for channel in (value / 255 for value in _channels(colour))
    )
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _mixed(colour: str, goal: str, share: float) -> str:
    pairs = zip(_channels(colour), _channels(goal), strict=True)
    return "#" + "".join(f"{round(start + (end - start) * share):02x}" for start, end in pairs)


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
