"""Coverage-guided fuzzing by atheris: `make fuzz`. Not part of the tests; they try the same targets by Hypothesis.

python tests/fuzz/atheris_fuzz.py tokens|claims|keys|ring [libFuzzer's options, such as -max_total_time=60]
"""

import sys
from pathlib import Path

import atheris

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

with atheris.instrument_imports(include=["chalicelib", "jwt", "json"]):
    from fuzz import targets


def tokens(octets):
    """Any text, taken for a token; and any header over a good signature."""
    targets.verify(octets.decode("latin-1"))
    targets.verify(targets.signed(octets, b"{}"))


def claims(octets):
    """Any payload under a good signature."""
    kind = "refresh+jwt" if octets[:1] > b"\x7f" else "at+jwt"
    targets.verify(targets.signed(targets.good_header(kind), octets[1:]))


def keys(octets):
    """Any text, taken for the public keys."""
    text = octets.decode("utf-8", "replace")
    if not text.strip().startswith("file://"):
        targets.load_public(text)


def ring(octets):
    """Any text, taken for the encrypted parameter."""
    targets.load_private(octets.decode("utf-8", "replace"))


if __name__ == "__main__":
    target = {"tokens": tokens, "claims": claims, "keys": keys, "ring": ring}[sys.argv.pop(1)]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()
