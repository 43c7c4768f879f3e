"""Coverage-guided fuzzing by atheris: `make fuzz`. Not part of the tests; they try the same targets by Hypothesis.

python tests/fuzz/atheris_fuzz.py tokens|claims|proofs|keys|ring|names [libFuzzer's options, such as -max_total_time=60]
"""

import contextlib
import sys
from pathlib import Path

import atheris

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

with atheris.instrument_imports(include=["chalicelib", "jwt", "json"]):
    import json

    from chalicelib.tokens.keys import public_jwks, thumbprint
    from tests.fuzz import targets


def tokens(octets):
    """Any text, taken for a token; and any header over a good signature."""
    targets.verify(octets.decode("latin-1"))
    targets.verify(targets.signed(octets, b"{}"))


def claims(octets):
    """Any payload under a good signature."""
    kind = "refresh+jwt" if octets[:1] > b"\x7f" else "at+jwt"
    targets.verify(targets.signed(targets.good_header(kind), octets[1:]))


def proofs(octets):
    """Any text, taken for a proof of a client's key; and any header and any payload over a good signature."""
    targets.prove(octets.decode("utf-8", "replace"))
    targets.prove(targets.proven(octets, targets.PROOF_CLAIMS))
    targets.prove(targets.proven(targets.PROOF_HEADER, octets))


def keys(octets):
    """Public keys with members that are anything, and any text for the set."""
    targets.load_public(json.dumps(spoilt(public_jwks(targets.RING), octets)))
    text = octets.decode("utf-8", "replace")
    if not text.strip().startswith("file://"):
        targets.load_public(text)


def ring(octets):
    """Private keys with members that are anything, and any text for the encrypted parameter."""
    targets.load_private(json.dumps(spoilt(targets.RING | {"pepper": "A" * 43}, octets)))
    targets.load_private(octets.decode("utf-8", "replace"))


def names(octets):
    """Any text for a name and for a password, and for a stored hash."""
    username, _, password = octets.decode("utf-8", "replace").partition("\n")
    targets.register(username, password)
    targets.check(password, username)


def spoilt(jwks, octets):
    """Return the set with up to four members of its keys replaced."""
    data = atheris.FuzzedDataProvider(octets)
    jwks = json.loads(json.dumps(jwks))
    for _ in range(data.ConsumeIntInRange(1, 4)):
        jwk = data.PickValueInList(jwks["keys"])
        name = data.PickValueInList([*jwk, "key_ops", "nbf", "exp", "revoked", "d", "oth", "crv"])
        size = data.ConsumeIntInRange(0, 48)
        made = [
            lambda size=size: targets.encoded(data.ConsumeBytes(size)),
            lambda size=size: data.ConsumeUnicode(size),
            lambda: data.ConsumeInt(8),
            data.ConsumeFloat,
            data.ConsumeBool,
            lambda: [data.PickValueInList(["sign", "verify", "encrypt"])],
            lambda: data.PickValueInList([None, {}, [], "", "sig", "ES256", "RS256", "EdDSA", "RSA", "OKP"]),
        ]
        jwk[name] = data.PickValueInList(made)()
        if data.ConsumeBool():
            with contextlib.suppress(KeyError, TypeError, ValueError):
                jwk["kid"] = thumbprint(jwk)
    return jwks


if __name__ == "__main__":
    all_targets = {"tokens": tokens, "claims": claims, "proofs": proofs, "keys": keys, "ring": ring, "names": names}
    target = all_targets[sys.argv.pop(1)]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()
