"""Changed ceremonies, beside two other verifiers: what one of them refuses, Lychgate refuses.

It refuses more: neither of them looks at crossOrigin, at topOrigin, at the backup flags, or at what the browser says of
the key. What it takes although one refuses is in `EXPLAINED`.
"""

import copy
import hashlib
import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chalicelib.credentials.webauthn import CeremonyRefused, Malformed
from tests.support.authenticator import EDDSA, ES256, RS256, Authenticator, cbor, cose_key, decoded, encoded, sign
from tests.support.ceremonies import assertion, changed, enrolled, registration, used, verified, with_octets
from tests.support.oracles import fido2_assertion, fido2_registration, py_webauthn_assertion, py_webauthn_registration

ALGORITHMS = {"ES256": ES256, "EdDSA": EDDSA, "RS256": RS256}

EXPLAINED = (
    # py_webauthn verifies attestation statements, and knows not every format. None was asked for, so none is looked at:
    # a browser may hand on the authenticator's all the same (section 5.4.7).
    "Unsupported attestation type",
    "None attestation had unexpected attestation statement",
    # An attachment that is not known means nothing (section 5.1), and nothing depends on it.
    "Credential had unexpected authenticatorAttachment",
    # Reserved, for browsers of Level 1 (section 5.8.1): nothing depends on it.
    "token_binding missing required property",
)
"""Why another verifier refuses what is taken, in its words."""

ALL_BITS = [1 << bit for bit in range(8)] + [255]


class Enrolment:
    """An authenticator with one passkey, and the two ceremonies of it."""

    def __init__(self, algorithm):
        self.authenticator, self.passkey = enrolled(algorithm=algorithm, counts=True)
        self.key = self.authenticator.credentials[0]
        self.registration = registration(Authenticator(algorithm=algorithm))
        self.assertion = assertion(self.authenticator)

    def lean_registration(self):
        """Without what the browser says twice: then there is the attestation object alone."""
        lean = copy.deepcopy(self.registration)
        for name in ("authenticatorData", "publicKey", "publicKeyAlgorithm"):
            del lean["response"][name]
        return lean

    def resigned(self, credential):
        """An assertion that the authenticator has signed as it stands."""
        response = credential["response"]
        message = decoded(response["authenticatorData"]) + hashlib.sha256(decoded(response["clientDataJSON"])).digest()
        return changed(credential, "response.signature", encoded(sign(self.key.private_key, message)))


@pytest.fixture(scope="module", params=ALGORITHMS)
def enrolment(request):
    return Enrolment(ALGORITHMS[request.param])


ES256_ENROLMENT = Enrolment(ES256)


def is_taken(check, *arguments):
    try:
        check(*arguments)
    except (Malformed, CeremonyRefused):
        return False
    return True


def refusals(*checks):
    """What the other verifiers say against a ceremony, without what is explained."""
    for check in checks:
        try:
            check()
        except Exception as error:
            said = f"{error} {error.__cause__}"
            if not any(explanation in said for explanation in EXPLAINED):
                yield said


def agree_on_registration(credential):
    """Return whether the registration is taken. Then both others have to take it."""
    if not is_taken(verified, credential):
        return False
    assert not list(refusals(lambda: fido2_registration(credential), lambda: py_webauthn_registration(credential))), (
        credential
    )
    return True


def agree_on_assertion(enrolment, credential):
    if not is_taken(used, credential, enrolment.passkey):
        return False
    others = refusals(
        lambda: fido2_assertion(credential, enrolment.key),
        lambda: py_webauthn_assertion(credential, enrolment.key, sign_count=enrolment.passkey.sign_count),
    )
    assert not list(others), credential
    return True


def flipped(credential, path, masks):
    """The credential with each byte at a path changed, by each mask."""
    length = len(decoded(credential["response"][path.removeprefix("response.")]))
    for at in range(length):
        for mask in masks(at):
            yield with_octets(
                credential,
                path,
                lambda octets, at=at, mask=mask: octets[:at] + bytes([octets[at] ^ mask]) + octets[at + 1 :],
            )


def one_bit(at):
    return [1 << at % 8]


def every_bit(at):
    return ALL_BITS


MASKS = [
    pytest.param(one_bit, id="one"),
    pytest.param(every_bit, id="all", marks=[pytest.mark.exhaustive, pytest.mark.slow]),
]


def test_all_three_take_what_nobody_has_changed(enrolment):
    assert agree_on_registration(enrolment.registration)
    assert agree_on_registration(enrolment.lean_registration())
    assert agree_on_assertion(enrolment, enrolment.assertion)


@pytest.mark.parametrize("masks", MASKS)
@pytest.mark.parametrize("member", ["clientDataJSON", "attestationObject"])
def test_whatever_byte_of_a_registration_is_changed_the_others_take_what_is_taken(enrolment, member, masks):
    for credential in flipped(enrolment.registration, f"response.{member}", masks):
        agree_on_registration(credential)
    for credential in flipped(enrolment.lean_registration(), f"response.{member}", masks):
        agree_on_registration(credential)


@pytest.mark.parametrize("masks", MASKS)
@pytest.mark.parametrize("member", ["authenticatorData", "publicKey"])
def test_no_byte_that_the_browser_says_of_the_authenticator_can_be_changed(enrolment, member, masks):
    for credential in flipped(enrolment.registration, f"response.{member}", masks):
        with pytest.raises(Malformed) as malformed:
            verified(credential)
        assert malformed.value.field == f"response.{member}"


@pytest.mark.parametrize("masks", MASKS)
@pytest.mark.parametrize("member", ["clientDataJSON", "authenticatorData", "signature"])
def test_no_byte_of_an_assertion_can_be_changed(enrolment, member, masks):
    for credential in flipped(enrolment.assertion, f"response.{member}", masks):
        assert not is_taken(used, credential, enrolment.passkey)


@pytest.mark.parametrize("masks", MASKS)
@pytest.mark.parametrize("member", ["clientDataJSON", "authenticatorData"])
def test_whatever_byte_an_authenticator_signs_for_the_others_take_what_is_taken(enrolment, member, masks):
    taken = sum(
        agree_on_assertion(enrolment, enrolment.resigned(credential))
        for credential in flipped(enrolment.assertion, f"response.{member}", masks)
    )
    assert taken, "the counter and unknown members may change"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=8), values, max_size=3),
    max_leaves=6,
)
CBOR = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.binary(max_size=40) | st.text(max_size=8),
    lambda values: (
        st.lists(values, max_size=3) | st.dictionaries(st.integers(-10, 10) | st.text(max_size=8), values, max_size=3)
    ),
    max_leaves=6,
)
MEMBERS = ("id", "rawId", "type", "clientExtensionResults", "authenticatorAttachment", "response", "unknown")
OF_REGISTRATIONS = (
    "clientDataJSON",
    "attestationObject",
    "authenticatorData",
    "publicKey",
    "publicKeyAlgorithm",
    "transports",
)
OF_ASSERTIONS = ("clientDataJSON", "authenticatorData", "signature", "userHandle")
OF_CLIENT_DATA = ("type", "challenge", "origin", "crossOrigin", "topOrigin", "tokenBinding", "unknown")


def paths(of_response):
    return st.sampled_from([*MEMBERS, *(f"response.{name}" for name in of_response)])


def near(text):
    """Another text that begins like this one."""
    return st.sampled_from([text + "=", text + "A", text[:-1], text.upper(), text + " ", "", text + "\n"])


def written(pairs):
    """A JSON object with these members, each as often as it is there."""
    return ("{" + ",".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in pairs) + "}").encode()


@st.composite
def client_data(draw, original):
    """Client data with members changed, added, twice or away, and with something before or behind it."""
    pairs = list(json.loads(original).items())
    for _ in range(draw(st.integers(0, 2))):
        name = draw(st.sampled_from(OF_CLIENT_DATA))
        was = dict(pairs).get(name)
        value = draw(near(was) if isinstance(was, str) and draw(st.booleans()) else JSON)
        if draw(st.booleans()):
            pairs = [pair for pair in pairs if pair[0] != name]
        if draw(st.booleans()):
            pairs.insert(draw(st.integers(0, len(pairs))), (name, value))
    before, behind = draw(
        st.sampled_from([(b"", b"")] * 4 + [(b"\xef\xbb\xbf", b""), (b" ", b"\n"), (b"", b"\0"), (b"", b"{}")])
    )
    return before + written(pairs) + behind


@st.composite
def authenticator_data(draw, original):
    """Authenticator data with other flags, another counter, extensions, and octets more or fewer."""
    octets = bytearray(original)
    if draw(st.booleans()):
        octets[32] ^= draw(st.integers(0, 255))
    if draw(st.booleans()):
        octets[33:37] = draw(st.integers(0, 2**32 - 1)).to_bytes(4, "big")
    if octets[32] & 0x80 and draw(st.booleans()):
        octets += cbor(draw(CBOR))
    return bytes(octets) + draw(st.sampled_from([b""] * 4 + [b"\0", b"\xa0"])) if draw(st.booleans()) else bytes(octets)


@st.composite
def attestation_objects(draw, authenticator):
    """Attestation objects with another key, another id, or members more, fewer or twice."""
    key = authenticator.credentials[-1]
    parameters = cose_key(key.private_key)
    if draw(st.booleans()):
        label = draw(st.sampled_from([1, 3, -1, -2, -3, 2, 4, -4]))
        parameters[label] = draw(
            CBOR | st.sampled_from([1, 2, 3, -7, -8, -257, parameters[-2] + b"\0", parameters[-2][1:]])
        )
    length = draw(st.sampled_from([len(key.id)] * 4 + [0, 1, 1023, 1024, 65535]))
    head = hashlib.sha256(key.rp_id.encode()).digest() + bytes([0x45]) + bytes(4) + bytes(16)
    signed = head + length.to_bytes(2, "big") + key.id + cbor(parameters)
    members = [("fmt", "none"), ("attStmt", {}), ("authData", draw(authenticator_data(signed)))]
    if draw(st.booleans()):
        members.insert(
            draw(st.integers(0, 3)), draw(st.tuples(st.sampled_from(["fmt", "attStmt", "authData", "x", 1]), CBOR))
        )
    if draw(st.booleans()):
        members.pop(draw(st.integers(0, len(members) - 1)))
    octets = bytes([0xA0 | len(members)]) + b"".join(cbor(name) + cbor(value) for name, value in members)
    return draw(
        st.sampled_from(
            [octets] * 6 + [octets + b"\0", b"\xd9\xd9\xf7" + octets, b"\xbf" + octets[1:] + b"\xff", octets[:-1]]
        )
    )


@given(data=st.data())
def test_whatever_member_of_a_registration_is_another_the_others_take_what_is_taken(data):
    value = data.draw(JSON | st.just(...))
    path = data.draw(paths(OF_REGISTRATIONS))
    credential = ES256_ENROLMENT.registration
    assume(value is not ... or path != "unknown")
    agree_on_registration(changed(credential, path, value))


@given(data=st.data())
def test_whatever_member_of_an_assertion_is_another_the_others_take_what_is_taken(data):
    value = data.draw(JSON | st.just(...))
    path = data.draw(paths(OF_ASSERTIONS))
    assume(value is not ... or path != "unknown")
    agree_on_assertion(ES256_ENROLMENT, changed(ES256_ENROLMENT.assertion, path, value))


@given(data=st.data())
def test_whatever_a_browser_says_of_a_registration_the_others_take_what_is_taken(data):
    credential = ES256_ENROLMENT.registration
    said = data.draw(client_data(decoded(credential["response"]["clientDataJSON"])))
    agree_on_registration(changed(credential, "response.clientDataJSON", encoded(said)))


@given(data=st.data())
def test_whatever_an_authenticator_says_of_a_new_credential_the_others_take_what_is_taken(data):
    authenticator = Authenticator()
    authenticator.credentials.append(ES256_ENROLMENT.key)
    credential = ES256_ENROLMENT.lean_registration()
    id_ = encoded(ES256_ENROLMENT.key.id)
    said = encoded(data.draw(attestation_objects(authenticator)))
    credential = {**credential, "id": id_, "rawId": id_}
    agree_on_registration(changed(credential, "response.attestationObject", said))


@given(data=st.data())
def test_whatever_browser_and_authenticator_sign_for_the_others_take_what_is_taken(data):
    credential = ES256_ENROLMENT.assertion
    said = data.draw(client_data(decoded(credential["response"]["clientDataJSON"])))
    signed = data.draw(authenticator_data(decoded(credential["response"]["authenticatorData"])))
    credential = changed(credential, "response.clientDataJSON", encoded(said))
    credential = changed(credential, "response.authenticatorData", encoded(signed))
    agree_on_assertion(ES256_ENROLMENT, ES256_ENROLMENT.resigned(credential))
