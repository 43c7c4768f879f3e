"""Codes as people type and paste them, in the scripts of the world."""

import json
import subprocess
import unicodedata
from pathlib import Path

import pytest

MODULE = Path(__file__).parents[2] / "static-site" / "js" / "elements" / "core" / "codes.js"
CLEAN = """
const [module, typed] = process.argv.slice(1);
import(require("node:url").pathToFileURL(module)).then(({ cleanCode }) =>
    console.log(JSON.stringify(JSON.parse(typed).map(cleanCode))));
"""
FORMS = [
    "015595",
    " 015 595\n",
    "015\u00a0595",
    "015-595",
    "015\u2013595",
    "015\u2212595",
    "015595.",
    "015595\u3002",
    "\u2067015595\u2069",
    "\u200e015\u200b595\u200f\ufeff",
    "\uff10\uff11\uff15\uff15\uff19\uff15",
    "\u0660\u0661\u0665\u0665\u0669\u0665",
    "\u06f0\u06f1\u06f5\u06f5\u06f9\u06f5",
]


@pytest.fixture(scope="module")
def clean(node):
    def clean(typed):
        ran = subprocess.run(
            [node, "-e", CLEAN, str(MODULE), json.dumps(typed)], capture_output=True, text=True, check=True
        )
        return json.loads(ran.stdout)

    return clean


def test_a_code_is_the_same_however_it_is_written(clean):
    assert clean(FORMS) == ["015595"] * len(FORMS)


def test_a_digit_of_any_script_is_worth_what_unicode_says(clean):
    digits = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) == "Nd"]
    assert len(digits) > 600
    assert clean(digits) == [str(unicodedata.decimal(digit)) for digit in digits]


def test_letters_and_signs_are_left_so_that_they_are_told(clean):
    typed = ["01559O", "a1b2", "0155+5", "\u00b2\u2460\u4e94"]
    assert clean(typed) == typed


def test_a_recovery_code_keeps_its_letters(clean):
    assert clean(["abcd\u2013EFGH 2345.", "abcd-efgh-2345"]) == ["abcdEFGH2345", "abcdefgh2345"]
