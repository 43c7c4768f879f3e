"""W3C's own ceremonies: each verifies, but for what Lychgate demands beyond them.

Many of them lack user verification, and two are framed. Everything that speaks against a ceremony is compared, not only
the first of it.
"""

import json
from pathlib import Path

import pytest

from chalicelib.accounts.factors import Passkey
from chalicelib.credentials import base64url, webauthn
from chalicelib.credentials.cose import ED448, ES384, ES512
from tests.support.authenticator import BACKED_UP, BACKUP_ELIGIBLE, USER_VERIFIED

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "webauthn_level_3.json").read_text())["vectors"]
RELYING_PARTY = webauthn.RelyingParty("example.org", "Example", ("https://example.org",))
NOT_OFFERED = {"ES384": ES384, "ES512": ES512, "Ed448": ED448}
ALL = (*webauthn.OFFERED, *NOT_OFFERED.values())

NOT_VERIFIED = "the user was not verified"
FRAMED = "the page is framed by another origin's"
TOP_ORIGIN = "the page names a top origin"


def octets(text):
    return bytes.fromhex(text)


def encoded(text):
    return base64url.encode(octets(text))


def as_json(vector, ceremony):
    members = vector[ceremony]
    response = {name: encoded(value) for name, value in members.items() if name not in ("challenge", "credential_id")}
    id_ = encoded(vector["registration"]["credential_id"])
    return {"id": id_, "rawId": id_, "type": "public-key", "clientExtensionResults": {}, "response": response}


def reasons(refusals):
    return {refusal.reason for refusal in refusals}


def expected(vector, ceremony, flags):
    """What Lychgate demands beyond what the vectors show, read from the vector without the verifier."""
    client_data = json.loads(octets(vector[ceremony]["clientDataJSON"]))
    found = set() if flags & USER_VERIFIED else {NOT_VERIFIED}
    found |= {FRAMED} if client_data["crossOrigin"] else set()
    return found | ({TOP_ORIGIN} if "topOrigin" in client_data else set())


def registered(vector):
    """A vector's registration as the verifier reads it, with all that it has against it."""
    answer = webauthn._registration(as_json(vector, "registration"))
    challenge = octets(vector["registration"]["challenge"])
    return answer, reasons(webauthn._refusals_of_registration(answer, RELYING_PARTY, challenge, ALL))


def stored(vector):
    answer, _ = registered(vector)
    return Passkey(
        id=answer.id,
        user_id="u1",
        username="alice",
        public_key=base64url.encode(webauthn._public_key(answer)),
        algorithm=answer.algorithm,
        sign_count=answer.signed.sign_count,
        backup_eligible=answer.signed.has(BACKUP_ELIGIBLE),
        backed_up=answer.signed.has(BACKED_UP),
        transports=(),
        rp_id=RELYING_PARTY.id,
        label="",
        created_at=0,
    )


def used(vector, **changes):
    """All that the verifier has against a vector's assertion."""
    answer = webauthn._assertion(
        as_json({**vector, "authentication": vector["authentication"] | changes}, "authentication")
    )
    challenge = octets(vector["authentication"]["challenge"])
    return reasons(
        webauthn._refusals_of_assertion(answer, RELYING_PARTY, stored(vector), challenge, user_is_known=True)
    )


def by_name(vector):
    return vector["name"]


def test_there_are_fifteen_and_each_algorithm_is_in_one():
    answers = [registered(vector)[0] for vector in VECTORS]
    assert len(VECTORS) == 15
    assert {answer.algorithm for answer in answers} == set(ALL)


@pytest.mark.parametrize("vector", VECTORS, ids=by_name)
def test_a_registration_of_the_standard_verifies_but_for_what_is_demanded_beyond_it(vector):
    answer, found = registered(vector)
    assert found == expected(vector, "registration", answer.signed.flags)
    assert answer.id == encoded(vector["registration"]["credential_id"])
    assert webauthn._public_key(answer)


@pytest.mark.parametrize("vector", VECTORS, ids=by_name)
def test_an_assertion_of_the_standard_verifies_but_for_what_is_demanded_beyond_it(vector):
    flags = octets(vector["authentication"]["authenticatorData"])[32]
    assert used(vector) == expected(vector, "authentication", flags)


@pytest.mark.parametrize("vector", VECTORS, ids=by_name)
def test_the_signature_of_each_assertion_counts(vector):
    """One bit more, and there is one thing more against it."""
    flipped = bytearray(octets(vector["authentication"]["signature"]))
    flipped[-1] ^= 1
    assert used(vector, signature=flipped.hex()) == used(vector) | {"the signature is wrong"}


@pytest.mark.parametrize("vector", VECTORS, ids=by_name)
def test_the_whole_of_both_ceremonies_is_taken_if_nothing_is_against_it(vector):
    answer, found = registered(vector)
    challenge = octets(vector["registration"]["challenge"])
    credential = as_json(vector, "registration")
    if found:
        with pytest.raises(webauthn.CeremonyRefused) as refused:
            webauthn.verify_registration(credential, RELYING_PARTY, challenge=challenge, algorithms=ALL)
        assert refused.value.reason in found
    else:
        new = webauthn.verify_registration(credential, RELYING_PARTY, challenge=challenge, algorithms=ALL)
        assert (new.id, new.algorithm) == (answer.id, answer.algorithm)


@pytest.mark.parametrize("name", NOT_OFFERED)
def test_an_algorithm_that_was_not_offered_is_one_thing_more_against_a_registration(name):
    (vector,) = (vector for vector in VECTORS if name in vector["name"])
    answer, found = registered(vector)
    challenge = octets(vector["registration"]["challenge"])
    refusals = webauthn._refusals_of_registration(answer, RELYING_PARTY, challenge, webauthn.OFFERED)
    assert reasons(refusals) == found | {"the algorithm was not offered"}
    with pytest.raises(webauthn.CeremonyRefused):
        webauthn.verify_registration(as_json(vector, "registration"), RELYING_PARTY, challenge=challenge)
