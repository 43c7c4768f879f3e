"""Proofs of a client's key (RFC 9449) as they should be, and as attackers make them."""

import base64
import hashlib
import hmac
import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.accounts.key_proof import KeyProof
from chalicelib.errors import InvalidDPoPProof
from chalicelib.tokens.dpop import MAX_PROOF_LENGTH, WINDOW, ProofVerifier
from chalicelib.tokens.proofs import signed_by_own_key
from tests.support.proofs import ClientKey, jws, segment, signature_of
from tests.support.samples import ISSUER, NOW

PATH = "/auth/refresh"
URL = f"{ISSUER}{PATH}"
KEY = ClientKey(ISSUER, lambda: NOW)
OTHER_KEY = ClientKey(ISSUER, lambda: NOW)
VERIFIER = ProofVerifier(issuer=ISSUER, clock=lambda: NOW)
HEADER = {"typ": "dpop+jwt", "alg": "ES256", "jwk": KEY.jwk}
CLAIMS = {"jti": "a proof's id", "htm": "POST", "htu": URL, "iat": NOW}

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

# RFC 9449 figure 2, whose contents are figure 3, and the thumbprint of its key in section 6.1.
RFC_PROOF = (
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19"
    ".eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ"
    ".2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
)
RFC_ISSUER, RFC_PATH, RFC_TIME = "https://server.example.com", "/token", 1562262616
RFC_THUMBPRINT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


def verified(proof, verifier=VERIFIER, *, method="POST", path=PATH):
    return verifier.verify(proof, method=method, path=path)


def refusal(proof, verifier=VERIFIER, **request):
    """Return why a proof is refused."""
    with pytest.raises(InvalidDPoPProof) as refused:
        verified(proof, verifier, **request)
    assert "unexpected" not in refused.value.reason
    return refused.value.reason


def proof_of(header=None, claims=None, *, key=KEY, without=()):
    """Return a good proof, but for what its header or its claims have instead, or lack."""
    header, claims = HEADER | (header or {}), CLAIMS | (claims or {})
    parts = [{name: value for name, value in part.items() if name not in without} for part in (header, claims)]
    return jws(*parts, key.private_key)


def digest_of(jti):
    return segment(hashlib.sha256(jti.encode()).digest()[:16])


class TestAProof:
    def test_says_which_key_made_it_and_when(self):
        assert verified(proof_of()) == KeyProof(KEY.thumbprint, digest_of("a proof's id"), NOW)

    def test_of_the_rfc_is_good_at_its_time_for_its_request(self):
        verifier = ProofVerifier(issuer=RFC_ISSUER, clock=lambda: RFC_TIME)
        proof = verified(RFC_PROOF, verifier, path=RFC_PATH)
        assert proof == KeyProof(RFC_THUMBPRINT, digest_of("-BwC3ESc6acc2lTc"), RFC_TIME)

    def test_of_the_rfc_is_good_for_no_other_time_request_or_api(self):
        verifier = ProofVerifier(issuer=RFC_ISSUER, clock=lambda: RFC_TIME)
        assert refusal(RFC_PROOF, verifier, path="/tokens") == f"htu is not {RFC_ISSUER}/tokens"
        assert refusal(RFC_PROOF, verifier, path=RFC_PATH, method="GET") == "htm is not the request's method"
        today = ProofVerifier(issuer=RFC_ISSUER, clock=lambda: NOW)
        assert refusal(RFC_PROOF, today, path=RFC_PATH) == "iat is too far from our clock"
        assert refusal(RFC_PROOF, path=RFC_PATH) == f"htu is not {ISSUER}{RFC_PATH}"

    def test_has_the_same_key_if_its_jwk_tells_more_of_it(self):
        told_more = KEY.jwk | {"alg": "ES256", "use": "sig", "key_ops": ["verify"], "kid": "mine", "ext": True}
        assert verified(proof_of({"jwk": told_more})).key == KEY.thumbprint

    def test_names_its_key_by_what_makes_it_alone(self):
        told_more = KEY.jwk | {"alg": "ES256", "use": "sig", "key_ops": ["verify"], "kid": "mine", "ext": True}
        jwk, _ = signed_by_own_key(proof_of({"jwk": told_more}), "dpop+jwt", longest=MAX_PROOF_LENGTH)
        assert jwk == KEY.jwk

    def test_may_have_claims_that_we_do_not_know(self):
        assert verified(proof_of(claims={"nonce": "n", "ath": "a", "exp": 1, "nbf": NOW * 2, "aud": ["x"]}))

    @pytest.mark.parametrize("seconds", [-WINDOW, WINDOW])
    def test_may_be_a_minute_old_or_ahead(self, seconds):
        assert verified(proof_of(claims={"iat": NOW + seconds})).at == NOW + seconds

    @pytest.mark.parametrize("jti", ["x", "x" * 512, "é", " "])
    def test_may_have_any_id_that_can_be_printed(self, jti):
        assert verified(proof_of(claims={"jti": jti})).id == digest_of(jti)

    def test_may_have_a_signature_whose_second_number_is_the_other_one(self):
        # Who has seen a proof can write it so. It is known by its jti, not by its octets.
        proof = proof_of()
        signing_input, _, signature = proof.rpartition(".")
        octets = decoded(signature)
        other = P256_ORDER - int.from_bytes(octets[32:], "big")
        assert verified(f"{signing_input}.{segment(octets[:32] + other.to_bytes(32, 'big'))}") == verified(proof)

    def test_is_what_pyjwt_makes_too(self):
        proof = jwt.encode(CLAIMS, KEY.private_key, "ES256", {"typ": "dpop+jwt", "jwk": KEY.jwk})
        assert verified(proof).key == KEY.thumbprint


def test_a_refusal_tells_whose_a_proof_is_that_only_comes_at_the_wrong_time():
    def key_of(proof):
        with pytest.raises(InvalidDPoPProof) as refused:
            verified(proof)
        return refused.value.key

    for seconds in (-WINDOW - 1, WINDOW + 1):
        assert key_of(proof_of(claims={"iat": NOW + seconds})) == KEY.thumbprint
    assert key_of(proof_of(claims={"iat": NOW - 3600, "htm": "PUT"})) == ""
    assert key_of(proof_of(claims={"iat": NOW - 3600}, header={"jwk": ClientKey().jwk})) == ""
    assert key_of(proof_of(claims={"htm": "PUT"})) == ""


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def with_other_unused_bits(text):
    """Return the text with other unused bits in its last character: it decodes to the same octets."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return text[:-1] + alphabet[alphabet.index(text[-1]) ^ 1]


def with_segment(number, change):
    """Return a good proof with one of its segments changed."""
    parts = proof_of().split(".")
    parts[number] = change(parts[number])
    return ".".join(parts)


NOT_COMPACT = {
    "empty": "",
    "one segment": proof_of().split(".")[0],
    "two segments": proof_of().rpartition(".")[0],
    "four segments": f"{proof_of()}.",
    "five segments": f"{proof_of()}.a.b",
    "an empty header": with_segment(0, lambda _: ""),
    "an empty payload": with_segment(1, lambda _: ""),
    "an empty signature": with_segment(2, lambda _: ""),
    "padding": f"{proof_of()}==",
    "the other alphabet": with_segment(2, lambda _: "+/" * 43),
    "a space before it": f" {proof_of()}",
    "a line's end after it": f"{proof_of()}\n",
    "two proofs": f"{proof_of()}, {proof_of()}",
    "a scheme": f"DPoP {proof_of()}",
    "beyond ASCII": f"{proof_of()}é",
    "digits of another script": with_segment(2, lambda _: "\u0661" * 86),
    "half a character": f"\ud800{proof_of()}",
    "a null": f"{proof_of()}\0",
    "the JSON Serialization": json.dumps(dict.fromkeys(("protected", "payload", "signature"), "AA")),
}


@pytest.mark.parametrize("proof", NOT_COMPACT.values(), ids=NOT_COMPACT)
def test_what_is_no_compact_serialization_is_refused(proof):
    assert refusal(proof) == "not in compact serialization"


def of_length(length):
    """Return a good proof of so many characters."""
    for filling in ("", "x", "xx"):
        header = {"jwk": KEY.jwk | {"kid": filling}}
        size = (length - len(proof_of(header, {"pad": ""}))) * 3 // 4
        for padding in range(size - 4, size + 4):
            if len(proof := proof_of(header, {"pad": "x" * padding})) == length:
                return proof
    raise AssertionError(f"none has {length} characters")


def test_the_longest_is_2048_characters_long():
    assert MAX_PROOF_LENGTH == 2048
    assert verified(of_length(MAX_PROOF_LENGTH))
    assert refusal(of_length(MAX_PROOF_LENGTH + 1)) == "too long"
    # The length comes first, whatever it is of.
    assert refusal("." * (MAX_PROOF_LENGTH + 1)) == "too long"


@pytest.mark.parametrize("number", [0, 1, 2], ids=["header", "payload", "signature"])
def test_an_encoding_that_is_not_canonical_is_refused(number):
    # Of three lengths that follow one another, two leave bits of the last character unused.
    fillings = ({"kid": "x" * length} for length in range(3))
    proofs = [proof_of({"jwk": KEY.jwk | filling}, filling) for filling in fillings]
    parts = next(parts for proof in proofs if len((parts := proof.split("."))[number]) % 4)
    parts[number] = with_other_unused_bits(parts[number])
    signed = ".".join(parts[:2])
    signature = parts[2] if number == 2 else signature_of(signed, KEY.private_key)
    assert refusal(f"{signed}.{signature}") == "base64url is not canonical"


def test_a_segment_that_is_the_encoding_of_nothing_is_refused():
    parts = proof_of().split(".")
    assert refusal(f"A.{parts[1]}.{parts[2]}") == "base64url is not canonical"


NOT_OBJECTS = {
    "no JSON": (b"{", "not JSON in UTF-8"),
    "nothing": (b" ", "not JSON in UTF-8"),
    "Latin-1": (b'{"typ":"\xe9"}', "not JSON in UTF-8"),
    "a byte order mark": (b"\xef\xbb\xbf{}", "not JSON in UTF-8"),
    "half a character": (b'{"typ":"\xed\xa0\x80"}', "not JSON in UTF-8"),
    "two objects": (b"{}{}", "not JSON in UTF-8"),
    "no number": (b'{"iat":NaN}', "NaN is not JSON"),
    "a number that is no end": (b'{"iat":-Infinity}', "-Infinity is not JSON"),
    "an array": (b"[]", "not a JSON object"),
    "a string": (b'"dpop+jwt"', "not a JSON object"),
    "a number": (b"1", "not a JSON object"),
    "null": (b"null", "not a JSON object"),
    "a depth that no parser takes": (b"[" * 1000, "not JSON in UTF-8"),
    "a duplicate member": (b'{"typ":"dpop+jwt","typ":"dpop+jwt"}', "duplicate member"),
    "a duplicate member below": (b'{"jwk":{"kty":"EC","kty":"EC"}}', "duplicate member"),
}


@pytest.mark.parametrize(("octets", "reason"), NOT_OBJECTS.values(), ids=NOT_OBJECTS)
def test_a_header_that_is_no_json_object_is_refused(octets, reason):
    assert refusal(jws(octets, CLAIMS, KEY.private_key)) == reason


@pytest.mark.parametrize(("octets", "reason"), NOT_OBJECTS.values(), ids=NOT_OBJECTS)
def test_a_payload_that_is_no_json_object_is_refused(octets, reason):
    assert refusal(jws({**HEADER, "jwk": KEY.jwk}, octets, KEY.private_key)) == reason


@pytest.mark.parametrize("name", ["jti", "htm", "htu", "iat"])
def test_a_claim_that_is_there_twice_is_refused(name):
    twice = json.dumps(CLAIMS)[:-1] + f", {json.dumps(name)}: {json.dumps(CLAIMS[name])}}}"
    assert refusal(jws(HEADER, twice.encode(), KEY.private_key)) == "duplicate member"


MEMBERS = "header members are not typ, alg and jwk"
TYPE, ALGORITHM = "typ is not dpop+jwt", "alg is not ES256"


@pytest.mark.parametrize("name", ["typ", "alg", "jwk"])
def test_a_header_without_one_of_its_members_is_refused(name):
    assert refusal(proof_of(without=[name])) == MEMBERS


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kid", "mine"),
        ("crit", []),
        ("crit", ["exp"]),
        ("x5c", []),
        ("x5u", "https://attacker.example/certificate"),
        ("jku", "https://attacker.example/jwks.json"),
        ("b64", False),
        ("cty", "JWT"),
        ("zip", "DEF"),
        ("enc", "A128GCM"),
        ("Typ", "dpop+jwt"),
        ("", 0),
    ],
)
def test_a_header_with_another_member_is_refused(name, value):
    assert refusal(proof_of({name: value})) == MEMBERS


@pytest.mark.parametrize(
    "typ",
    ["", "jwt", "JWT", "DPoP+jwt", "dpop+JWT", "application/dpop+jwt", "dpop+jwt ", "at+jwt", None, 1, ["dpop+jwt"]],
)
def test_a_proof_of_another_type_is_refused(typ):
    assert refusal(proof_of({"typ": typ})) == TYPE


@pytest.mark.parametrize(
    "alg",
    ["", "none", "None", "es256", "ES256K", "ES384", "ES512", "RS256", "PS256", "EdDSA", "Ed25519", "HS256", 0, {}],
)
def test_a_proof_of_another_algorithm_is_refused(alg):
    assert refusal(proof_of({"alg": alg})) == ALGORITHM


def signed_by(header, sign):
    """Return a proof with such a header, whose signature ``sign`` makes of the signing input."""
    signing_input = ".".join(segment(json.dumps(part).encode()) for part in (header, CLAIMS))
    return f"{signing_input}.{segment(sign(signing_input.encode()))}"


class TestAnotherAlgorithmThatIsSignedAsItSays:
    def test_with_a_shared_secret_is_refused(self):
        jwk = {"kty": "oct", "k": segment(bytes(32))}
        proof = signed_by(
            {"typ": "dpop+jwt", "alg": "HS256", "jwk": jwk}, lambda text: hmac.digest(bytes(32), text, "sha256")
        )
        assert refusal(proof) == ALGORITHM

    def test_with_the_public_key_as_a_shared_secret_is_refused(self):
        secret = json.dumps(KEY.jwk).encode()
        for alg, reason in (("HS256", ALGORITHM), ("ES256", "bad signature")):
            proof = signed_by({**HEADER, "alg": alg}, lambda text: hmac.digest(secret, text, "sha256"))
            assert refusal(proof) == reason

    def test_with_ed25519_is_refused(self):
        key = ed25519.Ed25519PrivateKey.generate()
        jwk = {"kty": "OKP", "crv": "Ed25519", "x": segment(key.public_key().public_bytes_raw())}
        for alg, reason in (("EdDSA", ALGORITHM), ("ES256", NO_P256)):
            assert refusal(signed_by({**HEADER, "alg": alg, "jwk": jwk}, key.sign)) == reason

    @pytest.mark.parametrize(
        ("curve", "name", "length"),
        [(ec.SECP384R1(), "P-384", 48), (ec.SECP256K1(), "secp256k1", 32), (ec.SECP521R1(), "P-521", 66)],
    )
    def test_with_another_curve_is_refused(self, curve, name, length):
        key = ec.generate_private_key(curve)
        numbers = key.public_key().public_numbers()
        jwk = {"kty": "EC", "crv": name} | {
            member: segment(getattr(numbers, member).to_bytes(length, "big")) for member in ("x", "y")
        }

        def sign(text):
            return b"".join(
                part.to_bytes(length, "big") for part in decode_dss_signature(key.sign(text, ec.ECDSA(SHA256())))
            )

        assert refusal(signed_by({**HEADER, "jwk": jwk}, sign)) == NO_P256
        pretended = refusal(signed_by({**HEADER, "jwk": jwk | {"crv": "P-256"}}, sign))
        assert pretended in {"x of jwk is not 32 octets long", "jwk is no point of P-256"}

    def test_with_rsa_is_refused(self):
        numbers = rsa.generate_private_key(65537, 2048).public_key().public_numbers()
        jwk = {"kty": "RSA", "n": segment(numbers.n.to_bytes(256, "big")), "e": "AQAB"}
        assert refusal(proof_of({"jwk": jwk, "alg": "RS256"})) == ALGORITHM
        assert refusal(proof_of({"jwk": jwk})) == NOT_PUBLIC


NOT_PUBLIC = "jwk is not a public key alone"
NO_P256 = "jwk is no key of P-256"
NOT_FOR_VERIFYING = "jwk is not for verifying"
X, Y = KEY.jwk["x"], KEY.jwk["y"]
ZERO = segment(bytes(32))
PRIVATE = segment(KEY.private_key.private_numbers().private_value.to_bytes(32, "big"))

NO_KEYS = {
    "a string": (json.dumps(KEY.jwk), NOT_PUBLIC),
    "null": (None, NOT_PUBLIC),
    "a list of it": ([KEY.jwk], NOT_PUBLIC),
    "a set of it": ({"keys": [KEY.jwk]}, NOT_PUBLIC),
    "the private key too": (KEY.jwk | {"d": PRIVATE}, NOT_PUBLIC),
    "an empty private key": (KEY.jwk | {"d": ""}, NOT_PUBLIC),
    "a shared secret": ({"kty": "oct", "k": ZERO}, NOT_PUBLIC),
    "a shared secret too": (KEY.jwk | {"k": ZERO}, NOT_PUBLIC),
    "certificates": (KEY.jwk | {"x5c": []}, NOT_PUBLIC),
    "a certificate's digest": (KEY.jwk | {"x5t#S256": ZERO}, NOT_PUBLIC),
    "a certificate's address": (KEY.jwk | {"x5u": "https://attacker.example/"}, NOT_PUBLIC),
    "what nobody knows": (KEY.jwk | {"mine": 1}, NOT_PUBLIC),
    "nothing": ({}, NO_P256),
    "no kind": ({"crv": "P-256", "x": X, "y": Y}, NO_P256),
    "another kind": (KEY.jwk | {"kty": "OKP"}, NO_P256),
    "a kind in lower case": (KEY.jwk | {"kty": "ec"}, NO_P256),
    "a kind that is a list": (KEY.jwk | {"kty": ["EC"]}, NO_P256),
    "no curve": ({"kty": "EC", "x": X, "y": Y}, NO_P256),
    "another name of the curve": (KEY.jwk | {"crv": "secp256r1"}, NO_P256),
    "another algorithm": (KEY.jwk | {"alg": "ES384"}, NO_P256),
    "an algorithm of encryption": (KEY.jwk | {"alg": "ECDH-ES"}, NO_P256),
    "no algorithm's name": (KEY.jwk | {"alg": None}, NO_P256),
    "for encryption": (KEY.jwk | {"use": "enc"}, NOT_FOR_VERIFYING),
    "for nothing": (KEY.jwk | {"use": None}, NOT_FOR_VERIFYING),
    "for signing": (KEY.jwk | {"key_ops": ["sign"]}, NOT_FOR_VERIFYING),
    "for signing too": (KEY.jwk | {"key_ops": ["sign", "verify"]}, NOT_FOR_VERIFYING),
    "for no operation": (KEY.jwk | {"key_ops": []}, NOT_FOR_VERIFYING),
    "an operation that is no list": (KEY.jwk | {"key_ops": "verify"}, NOT_FOR_VERIFYING),
    "no x": ({"kty": "EC", "crv": "P-256", "y": Y}, "x is missing or not a string"),
    "no y": ({"kty": "EC", "crv": "P-256", "x": X}, "y is missing or not a string"),
    "an empty x": (KEY.jwk | {"x": ""}, "x is missing or not a string"),
    "x as a number": (KEY.jwk | {"x": 1}, "x is missing or not a string"),
    "x of 31 octets": (KEY.jwk | {"x": segment(decoded(X)[:31])}, "x of jwk is not 32 octets long"),
    "x of 33 octets": (KEY.jwk | {"x": segment(b"\0" + decoded(X))}, "x of jwk is not 32 octets long"),
    "y of 31 octets": (KEY.jwk | {"y": segment(decoded(Y)[:31])}, "y of jwk is not 32 octets long"),
    "y of 33 octets": (KEY.jwk | {"y": segment(b"\0" + decoded(Y))}, "y of jwk is not 32 octets long"),
    "padding": (KEY.jwk | {"x": f"{X}="}, "base64url is not canonical"),
    "the other alphabet": (KEY.jwk | {"x": "+/" * 21 + "+"}, "base64url is not canonical"),
    "x that is not canonical": (KEY.jwk | {"x": with_other_unused_bits(X)}, "base64url is not canonical"),
    "a letter beyond ASCII": (KEY.jwk | {"x": f"é{X[1:]}"}, "base64url is not canonical"),
    "a point of no curve": (KEY.jwk | {"y": X}, "jwk is no point of P-256"),
    "the coordinates the other way round": (KEY.jwk | {"x": Y, "y": X}, "jwk is no point of P-256"),
    "zero": (KEY.jwk | {"x": ZERO, "y": ZERO}, "jwk is no point of P-256"),
    "beyond the field": (KEY.jwk | {"x": segment(b"\xff" * 32)}, "jwk is no point of P-256"),
}


@pytest.mark.parametrize(("jwk", "reason"), NO_KEYS.values(), ids=NO_KEYS)
def test_what_is_no_public_key_of_the_curve_alone_is_refused(jwk, reason):
    assert refusal(proof_of({"jwk": jwk})) == reason


def test_a_key_has_one_form_also_if_a_coordinate_begins_with_a_zero():
    for number in range(1, 5000):
        key = ClientKey(ISSUER, lambda: NOW)
        key.private_key = ec.derive_private_key(number, ec.SECP256R1())
        if decoded(key.jwk["x"])[0] == 0:
            break
    assert verified(key.proof(PATH)).key == key.thumbprint
    short = key.jwk | {"x": segment(decoded(key.jwk["x"])[1:])}
    assert refusal(proof_of({"jwk": short}, key=key)) == "x of jwk is not 32 octets long"


def as_der(signature):
    def integer(octets):
        octets = octets.lstrip(b"\0")
        octets = b"\0" + octets if octets[:1] >= b"\x80" else octets
        return b"\x02" + bytes([len(octets)]) + octets

    numbers = integer(signature[:32]) + integer(signature[32:])
    return b"\x30" + bytes([len(numbers)]) + numbers


SPOILT_SIGNATURES = {
    "in DER": as_der,
    "of 63 octets": lambda signature: signature[:63],
    "of 65 octets": lambda signature: signature + b"\0",
    "of one octet": lambda signature: signature[:1],
    "the numbers the other way round": lambda signature: signature[32:] + signature[:32],
    "r is zero": lambda signature: bytes(32) + signature[32:],
    "s is zero": lambda signature: signature[:32] + bytes(32),
    "both are zero": lambda _: bytes(64),
    "both are one": lambda _: (bytes(31) + b"\1") * 2,
    "r is the order": lambda signature: P256_ORDER.to_bytes(32, "big") + signature[32:],
    "s is the order": lambda signature: signature[:32] + P256_ORDER.to_bytes(32, "big"),
    "all bits are one": lambda _: b"\xff" * 64,
}


@pytest.mark.parametrize("spoil", SPOILT_SIGNATURES.values(), ids=SPOILT_SIGNATURES)
def test_what_is_no_signature_is_refused(spoil):
    assert refusal(with_segment(2, lambda signature: segment(spoil(decoded(signature))))) == "bad signature"


def test_a_signature_by_another_key_than_the_header_has_is_refused():
    assert refusal(proof_of(key=OTHER_KEY)) == "bad signature"


def test_a_signature_of_other_claims_is_refused():
    mine, other = proof_of(), proof_of(claims={"iat": NOW + 1})
    assert refusal(f"{mine.rpartition('.')[0]}.{other.rpartition('.')[2]}") == "bad signature"


@pytest.mark.parametrize("name", CLAIMS)
def test_a_claim_that_is_missing_is_refused(name):
    assert refusal(proof_of(without=[name])).startswith(f"{name} is missing")


@pytest.mark.parametrize("name", ["jti", "htm", "htu"])
@pytest.mark.parametrize(
    "value", ["", "x" * 513, 1, None, True, ["POST"], {}, "a\nb", "\0", "\x7f", "\u200b", "\u202e", "\ud800"]
)
def test_a_text_that_is_none_is_refused(name, value):
    assert refusal(proof_of(claims={name: value})) == f"{name} is missing or not a string"


@pytest.mark.parametrize("method", ["post", "Post", "GET", "PUT", "POST ", "*", "POSTS"])
def test_a_proof_for_another_method_is_refused(method):
    assert refusal(proof_of(claims={"htm": method})) == "htm is not the request's method"


OTHER_URLS = [
    "/auth/refresh",
    "/api/auth/refresh",
    "//site.example/api/auth/refresh",
    "site.example/api/auth/refresh",
    ISSUER,
    f"{ISSUER}/",
    "http://site.example/api/auth/refresh",
    "HTTPS://site.example/api/auth/refresh",
    "https://Site.example/api/auth/refresh",
    "https://site.example/api/Auth/refresh",
    "https://site.example./api/auth/refresh",
    "https://site.example:443/api/auth/refresh",
    "https://site.example:8443/api/auth/refresh",
    "https://other.example/api/auth/refresh",
    "https://site.example.attacker.example/api/auth/refresh",
    "https://attacker.example/https://site.example/api/auth/refresh",
    "https://alice@site.example/api/auth/refresh",
    "https://site.example@attacker.example/api/auth/refresh",
    "https://site.example/auth/refresh",
    "https://site.example/v2/auth/refresh",
    f"{URL}/",
    f"{URL}?",
    f"{URL}?a=b",
    f"{URL}#",
    f"{URL}#refresh",
    f"{URL} ",
    f" {URL}",
    f"{ISSUER}/auth/login",
    f"{ISSUER}/auth/%72efresh",
    f"{ISSUER}/auth%2Frefresh",
    f"{ISSUER}/auth/./refresh",
    f"{ISSUER}/auth/../auth/refresh",
    f"{ISSUER}//auth/refresh",
    f"{ISSUER}/auth\\refresh",
    f"{ISSUER}/auth/refresh/..;/refresh",
    f"{ISSUER}/auth/ref\u017fresh",
    "https://site。example/api/auth/refresh",
    "https://xn--site-example/api/auth/refresh",
]


@pytest.mark.parametrize("htu", OTHER_URLS)
def test_a_proof_for_another_url_is_refused(htu):
    assert refusal(proof_of(claims={"htu": htu})) == f"htu is not {URL}"


@pytest.mark.parametrize("iat", ["1800000000", 1.8e9, float(NOW), True, None, -1, -NOW, [NOW], {}])
def test_a_time_that_is_no_whole_number_is_refused(iat):
    assert refusal(proof_of(claims={"iat": iat})) == "iat is missing or not a whole number"


@pytest.mark.parametrize("iat", [0, NOW - WINDOW - 1, NOW + WINDOW + 1, NOW * 1000, 10**400])
def test_a_time_that_is_more_than_a_minute_away_is_refused(iat):
    assert refusal(proof_of(claims={"iat": iat})) == "iat is too far from our clock"


class TestOnALaptop:
    @pytest.mark.parametrize(
        "issuer",
        [
            "http://127.0.0.1:8000/api",
            "http://localhost:8000/api",
            "http://[::1]:8000/api",
            "http://localhost:5173/api",
        ],
    )
    @pytest.mark.parametrize(
        "origin",
        [
            "http://127.0.0.1:8000",
            "http://localhost:8000",
            "http://[::1]:8000",
            "http://localhost:5173",
            "http://localhost:65535",
            "http://localhost",
        ],
    )
    def test_each_name_and_port_of_the_machine_is_as_good(self, issuer, origin):
        verifier = ProofVerifier(issuer=issuer, clock=lambda: NOW)
        assert verified(proof_of(claims={"htu": f"{origin}/api{PATH}"}), verifier).key == KEY.thumbprint

    @pytest.mark.parametrize(
        "htu",
        [
            f"http://localhost:8000{PATH}",
            f"http://localhost:8000/api{PATH}/",
            f"http://localhost:8000/api{PATH}?a=b",
            "http://localhost:8000/api/auth/login",
            f"http://localhost:8000/API{PATH}",
            f"http://localhost:8000//api{PATH}",
            f"http://LOCALHOST:8000/api{PATH}",
            f"http://localhost.:8000/api{PATH}",
            f"http://127.0.0.2:8000/api{PATH}",
            f"http://127.1:8000/api{PATH}",
            f"http://127x0.0.1:8000/api{PATH}",
            f"http://127.0x0.1:8000/api{PATH}",
            f"http://127.0.0x1:8000/api{PATH}",
            f"http://2130706433:8000/api{PATH}",
            f"http://[::ffff:127.0.0.1]:8000/api{PATH}",
            f"http://[0:0:0:0:0:0:0:1]:8000/api{PATH}",
            f"https://localhost:8000/api{PATH}",
            f"http://site.example:8000/api{PATH}",
            f"http://localhost.attacker.example:8000/api{PATH}",
            f"http://localhost@attacker.example/api{PATH}",
            f"http://localhost:8000@attacker.example/api{PATH}",
            f"http://alice@localhost:8000/api{PATH}",
            f"http://localhost:/api{PATH}",
            f"http://localhost:800000/api{PATH}",
            f"http://localhost:\u0668\u0660\u0660\u0660/api{PATH}",
            f"http://localhost:8000\\/api{PATH}",
            f"localhost:8000/api{PATH}",
            f"/api{PATH}",
        ],
    )
    def test_another_machine_or_path_is_not(self, htu):
        verifier = ProofVerifier(issuer="http://127.0.0.1:8000/api", clock=lambda: NOW)
        assert refusal(proof_of(claims={"htu": htu}), verifier) == f"htu is not http://127.0.0.1:8000/api{PATH}"

    @pytest.mark.parametrize(
        "issuer",
        [
            "https://site.example/api",
            "https://localhost:8000/api",
            "https://localhost/api",
            "http://localhost.attacker.example:8000/api",
            "http://site.example:8000/api",
        ],
    )
    @pytest.mark.parametrize("origin", ["http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:8000"])
    def test_an_api_elsewhere_takes_no_proof_for_a_laptop(self, issuer, origin):
        verifier = ProofVerifier(issuer=issuer, clock=lambda: NOW)
        assert refusal(proof_of(claims={"htu": f"{origin}/api{PATH}"}), verifier) == f"htu is not {issuer}{PATH}"

    @pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost:8000"])
    def test_a_host_whose_name_begins_as_that_of_a_laptop_is_none(self, host):
        verifier = ProofVerifier(issuer="http://localhost.site.example/api", clock=lambda: NOW)
        htu = f"http://{host}.site.example/api{PATH}"
        assert refusal(proof_of(claims={"htu": htu}), verifier).startswith("htu is not ")


GOOD = proof_of()


@given(st.integers(0, len(GOOD) - 1), st.sampled_from("AQgw-_09.=") | st.characters())
def test_a_proof_with_another_character_anywhere_is_refused(place, character):
    if character != GOOD[place]:
        refusal(GOOD[:place] + character + GOOD[place + 1 :])


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 4))
def test_a_proof_with_characters_missing_or_there_twice_is_refused(place, length):
    refusal(GOOD[:place] + GOOD[place + length :])
    refusal(GOOD[:place] + GOOD[place : place + length] + GOOD[place:])
