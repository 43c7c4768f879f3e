"""Makes chalicelib/accounts/script_ranges.py: the scripts of letters and digits, from the Unicode Character Database.

The source is Scripts.txt and ScriptExtensions.txt, as the package fonttools has them (fontTools.unicodedata; Unicode
License v3). To make the table again, with a newer version of Unicode:

    pip install --upgrade fonttools
    python -m infra.script_ranges
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from fontTools.unicodedata import ScriptExtensions, script, script_extension

from chalicelib.accounts import script_ranges

TARGET = Path(script_ranges.__file__)

_COMMON = {"Zyyy", "Zinh"}
_WIDTH = 112

_MODULE = '''"""The scripts of letters and digits, made by ``infra.script_ranges`` from the Unicode Character Database.

Source: Scripts.txt and ScriptExtensions.txt of Unicode {version}, https://www.unicode.org/Public/{version}/ucd/
(Unicode License v3). Do not edit.
"""

UNICODE_VERSION = "{version}"

RANGES = """
{ranges}
"""
"""The first code point of each range, in hex, and the scripts that use its letters and digits: the property
Script_Extensions, by its short names. ``-`` stands for every script. A range ends where the next one begins."""
'''


def main() -> int:
    """Write the table and print its length."""
    ranges = list(_ranges())
    TARGET.write_text(_MODULE.format(version=_version(), ranges=_wrapped(ranges)), "utf-8")
    sys.stdout.write(f"{len(ranges)} ranges of Unicode {_version()}\n")
    return 0


def _ranges() -> Iterator[str]:
    """Yield the ranges in their order. What is neither a letter nor a digit belongs to the range before it."""
    before = ""
    for code_point in range(sys.maxunicode + 1):
        character = chr(code_point)
        if script(character) == "Zzzz" or not _may_be_in_a_name(character):
            continue
        scripts = script_extension(character) - _COMMON
        value = "/".join(sorted(scripts)) or "-"
        if value != before:
            before = value
            yield f"{code_point:X} {value}"


def _may_be_in_a_name(character: str) -> bool:
    # What this Python does not know yet may be a letter to a later one.
    category = unicodedata.category(character)
    return category[0] == "L" or category in {"Nd", "Cn"}


def _wrapped(ranges: list[str]) -> str:
    lines = [""]
    for each in ranges:
        if len(lines[-1]) + len(each) > _WIDTH:
            lines.append("")
        lines[-1] += f"{each}, "
    return "\n".join(lines).rstrip(", ").replace(", \n", ",\n")


def _version() -> str:
    source = Path(ScriptExtensions.__file__).read_text("utf-8")
    match = re.search(r"ScriptExtensions-([0-9.]+)\.txt", source)
    if match is None:
        raise ValueError("the package does not say its version of Unicode")
    return match[1]


if __name__ == "__main__":
    sys.exit(main())
