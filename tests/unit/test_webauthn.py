"""Passkeys: each check of the two ceremonies, by an answer that is right but for one thing."""

import base64
import hashlib
import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from chalicelib.credentials import webauthn
from chalicelib.credentials.webauthn import CeremonyRefused, Malformed
from tests.support.authenticator import (
    ATTESTED,
    BACKED_UP,
    BACKUP_ELIGIBLE,
    EDDSA,
    ES256,
    EXTENDED,
    RS256,
    USER_PRESENT,
    USER_VERIFIED,
    AlreadyRegistered,
    Authenticator,
    NotAllowed,
    cbor,
    cose_key,
    decoded,
    encoded,
    new_key,
    sign,
    spki,
)
from tests.support.ceremonies import (
    ASKED,
    CREATED,
    ORIGIN,
    RELYING_PARTY,
    USER_ID,
    assertion,
    changed,
    enrolled,
    passkey_of,
    registration,
    used,
    verified,
    with_octets,
)

ALGORITHMS = {"ES256": ES256, "EdDSA": EDDSA, "RS256": RS256}
CLIENT_DATA = "response.clientDataJSON"
ATTESTATION = "response.attestationObject"
SIGNED = "response.authenticatorData"


@pytest.fixture(scope="module")
def created():
    return registration()


@pytest.fixture(scope="module")
def enrolment():
    """An authenticator without a counter, its passkey, and an assertion of it."""
    authenticator, passkey = enrolled()
    return authenticator, passkey, assertion(authenticator)


def with_client_data(credential, octets=None, **members):
    """A credential with other members in its client data; `...` takes one away."""
    if octets is None:
        known = json.loads(decoded(credential["response"]["clientDataJSON"])) | members
        octets = json.dumps({name: value for name, value in known.items() if value is not ...}).encode()
    return changed(credential, CLIENT_DATA, encoded(octets))


def resigned(authenticator, credential, key=None):
    """An assertion that its authenticator, or another key, has signed as it stands."""
    response = credential["response"]
    message = decoded(response["authenticatorData"]) + hashlib.sha256(decoded(response["clientDataJSON"])).digest()
    key = key or authenticator.credentials[-1].private_key
    return changed(credential, "response.signature", encoded(sign(key, message)))


def attested(key=None, *, id_=b"i" * 16, length=None, flags=None, behind=b"", members=None):
    """A registration whose attestation object is made here, and nothing is said beside it."""
    key = cose_key(new_key(ES256)) if key is None else key
    flags = USER_PRESENT | USER_VERIFIED | ATTESTED if flags is None else flags
    octets = hashlib.sha256(RELYING_PARTY.id.encode()).digest() + bytes([flags]) + bytes(4)
    if flags & ATTESTED:
        octets += bytes(16) + (len(id_) if length is None else length).to_bytes(2, "big") + id_
        octets += key if isinstance(key, bytes) else cbor(key)
    octets += behind
    members = {"fmt": "none", "attStmt": {}, "authData": octets} if members is None else members(octets)
    client_data = registration()["response"]["clientDataJSON"]
    return {
        "id": encoded(id_),
        "rawId": encoded(id_),
        "type": "public-key",
        "response": {
            "clientDataJSON": client_data,
            "attestationObject": encoded(members if isinstance(members, bytes) else cbor(members)),
        },
    }


def is_malformed(field, check, *arguments):
    with pytest.raises(Malformed) as malformed:
        check(*arguments)
    assert malformed.value.field == field
    return str(malformed.value) or malformed.value


def is_refused(reason, check, *arguments, **others):
    with pytest.raises(CeremonyRefused) as refused:
        check(*arguments, **others)
    assert refused.value.reason == reason
    return refused.value


class TestOptions:
    def test_a_new_passkey_is_discoverable_and_verifies_its_user(self):
        options = webauthn.creation_options(
            RELYING_PARTY, challenge=CREATED, user_id=USER_ID, username="Alice", exclude=("aWQ",)
        )
        assert options == {
            "rp": {"id": "site.example", "name": "Site"},
            "user": {"id": "dTE", "name": "Alice", "displayName": "Alice"},
            "challenge": base64.urlsafe_b64encode(CREATED).rstrip(b"=").decode(),
            "pubKeyCredParams": [
                {"type": "public-key", "alg": -7},
                {"type": "public-key", "alg": -8},
                {"type": "public-key", "alg": -257},
            ],
            "timeout": 300_000,
            "excludeCredentials": [{"type": "public-key", "id": "aWQ"}],
            "authenticatorSelection": {
                "residentKey": "required",
                "requireResidentKey": True,
                "userVerification": "required",
            },
            "attestation": "none",
        }

    def test_any_passkey_will_do_unless_some_are_named(self):
        options = webauthn.request_options(RELYING_PARTY, challenge=ASKED)
        assert options == {
            "challenge": base64.urlsafe_b64encode(ASKED).rstrip(b"=").decode(),
            "timeout": 300_000,
            "rpId": "site.example",
            "allowCredentials": [],
            "userVerification": "required",
        }
        named = webauthn.request_options(RELYING_PARTY, challenge=ASKED, allow=("aWQ",))
        assert named["allowCredentials"] == [{"type": "public-key", "id": "aWQ"}]

    def test_an_authenticator_makes_no_second_passkey_of_a_user_and_answers_for_no_other_site(self):
        authenticator, passkey = enrolled()
        options = webauthn.creation_options(
            RELYING_PARTY, challenge=CREATED, user_id=USER_ID, username="Alice", exclude=(passkey.id,)
        )
        with pytest.raises(AlreadyRegistered):
            authenticator.create(options, ORIGIN)
        other = replace(RELYING_PARTY, id="other.example")
        with pytest.raises(NotAllowed):
            authenticator.get(webauthn.request_options(other, challenge=ASKED), "https://other.example")


@pytest.mark.parametrize("algorithm", ALGORITHMS.values(), ids=ALGORITHMS)
class TestEachAlgorithm:
    def test_a_passkey_is_made_and_used(self, algorithm):
        authenticator = Authenticator(algorithm=algorithm, counts=True, transports=("internal", "hybrid"))
        credential = registration(authenticator)
        new = verified(credential)
        assert new.id == credential["id"]
        assert decoded(new.public_key) == spki(authenticator.credentials[0].private_key)
        assert (new.algorithm, new.sign_count) == (algorithm, 1)
        assert (new.backup_eligible, new.backed_up, new.transports) == (True, True, ("internal", "hybrid"))
        authenticator.backed_up = False
        said = used(assertion(authenticator), passkey_of(new))
        assert (said.sign_count, said.backed_up) == (2, False)

    def test_another_key_of_the_algorithm_has_signed_nothing(self, algorithm):
        authenticator, passkey = enrolled(algorithm=algorithm)
        credential = resigned(authenticator, assertion(authenticator), new_key(algorithm))
        is_refused("the signature is wrong", used, credential, passkey)

    @pytest.mark.parametrize("signature", [b"", b"\0", bytes(64), bytes(256), b"\x30\x06\x02\x01\x00\x02\x01\x00"])
    def test_a_signature_of_nothing_is_none(self, algorithm, signature):
        authenticator, passkey = enrolled(algorithm=algorithm)
        credential = changed(assertion(authenticator), "response.signature", encoded(signature))
        is_refused("the signature is wrong", used, credential, passkey)

    def test_an_algorithm_that_was_not_offered_is_refused(self, algorithm):
        credential = registration(algorithm=algorithm)
        others = tuple(other for other in webauthn.OFFERED if other != algorithm)
        is_refused("the algorithm was not offered", verified, credential, algorithms=others)

    def test_the_browser_need_not_say_what_the_authenticator_says(self, algorithm):
        credential = registration(algorithm=algorithm)
        for name in ("authenticatorData", "publicKey", "publicKeyAlgorithm", "transports"):
            del credential["response"][name]
        assert verified(credential).transports == ()

    def test_the_key_that_a_browser_names_is_that_of_the_authenticator(self, algorithm):
        credential = registration(algorithm=algorithm)
        other = encoded(spki(new_key(algorithm)))
        is_malformed("response.publicKey", verified, changed(credential, "response.publicKey", other))
        for wrong in (-7 if algorithm != ES256 else -8, str(algorithm), float(algorithm), None, True):
            credential = changed(credential, "response.publicKeyAlgorithm", wrong)
            is_malformed("response.publicKeyAlgorithm", verified, credential)


class TestWhatBothCeremoniesRefuse:
    """By what an authenticator or a browser does."""

    @pytest.mark.parametrize(
        ("behaviour", "reason"),
        [
            ({"user_present": False}, "the user was not present"),
            ({"user_verified": False}, "the user was not verified"),
            ({"backup_eligible": False}, "the credential is backed up, but not eligible for it"),
            ({"rp_id": "www.site.example"}, "the Relying Party is another one"),
            ({"rp_id": "Site.example"}, "the Relying Party is another one"),
            ({"cross_origin": True}, "the page is framed by another origin's"),
            ({"top_origin": ORIGIN}, "the page names a top origin"),
        ],
        ids=str,
    )
    def test_what_an_authenticator_or_a_browser_must_not_do(self, behaviour, reason):
        is_refused(reason, verified, registration(**behaviour))
        authenticator, passkey = enrolled()
        for name, value in behaviour.items():
            setattr(authenticator, name, value)
        is_refused(reason, used, assertion(authenticator), passkey)

    @pytest.mark.parametrize(
        "origin",
        [
            "https://site.example/",
            "https://SITE.example",
            "https://site.example:443",
            "http://site.example",
            "https://evil.site.example",
            "https://site.example.evil.example",
            "https://site.example\0",
            "https://site.example\ud800",
            "null",
            "",
        ],
    )
    def test_another_origin(self, origin):
        is_refused("the origin is another one", verified, registration(origin=origin))
        authenticator, passkey = enrolled()
        is_refused("the origin is another one", used, assertion(authenticator, origin=origin), passkey)

    def test_each_origin_of_the_site_will_do_and_a_browser_may_say_nothing_of_framing(self):
        authenticator = Authenticator(cross_origin=None)
        for origin in RELYING_PARTY.origins:
            new = verified(registration(authenticator, origin=origin))
            assert used(assertion(authenticator, origin=origin), passkey_of(new))

    @pytest.mark.parametrize("type_", ["webauthn.get", "webauthn.Create", "payment.get", ""])
    def test_another_ceremony(self, created, type_):
        is_refused("the ceremony is another one", verified, with_client_data(created, type=type_))

    @pytest.mark.parametrize("type_", ["webauthn.create", "webauthn.get ", "payment.get"])
    def test_another_ceremony_of_a_use(self, enrolment, type_):
        authenticator, passkey, credential = enrolment
        credential = resigned(authenticator, with_client_data(credential, type=type_))
        is_refused("the ceremony is another one", used, credential, passkey)

    @pytest.mark.parametrize(
        "challenge",
        [
            "",
            encoded(ASKED),
            encoded(CREATED) + "=",
            encoded(CREATED)[:-1],
            encoded(CREATED)[:-1] + "9",  # the same octets in another spelling
            base64.b64encode(bytes(range(255, 223, -1))).decode(),
            "\ud800",
            "é" * 43,
        ],
    )
    def test_another_challenge(self, created, challenge):
        refused = is_refused("the challenge is another one", verified, with_client_data(created, challenge=challenge))
        assert refused.of_challenge

    def test_only_another_challenge_is_one_of_the_challenge(self):
        assert not is_refused("the user was not verified", verified, registration(user_verified=False)).of_challenge


class TestUse:
    def test_another_passkey_of_the_same_user(self, enrolment):
        _, passkey, credential = enrolment
        is_refused("the credential is another one", used, credential, replace(passkey, id=encoded(b"j" * 16)))

    def test_a_passkey_of_another_relying_party(self, enrolment):
        _, passkey, credential = enrolment
        is_refused("the credential is another one", used, credential, replace(passkey, rp_id="www.site.example"))

    def test_a_passkey_of_another_user(self, enrolment):
        _, passkey, credential = enrolment
        for known in (False, True):
            is_refused("the user is another one", used, credential, replace(passkey, user_id="u2"), user_is_known=known)

    @pytest.mark.parametrize("handle", ["", "dTI", encoded(b"u1\0")])
    def test_another_user_handle(self, enrolment, handle):
        _, passkey, credential = enrolment
        is_refused("the user is another one", used, changed(credential, "response.userHandle", handle), passkey)

    def test_no_user_handle_will_do_only_for_a_user_who_is_known(self, enrolment):
        _, passkey, credential = enrolment
        credential = changed(credential, "response.userHandle", ...)
        is_refused("the user is not named", used, credential, passkey)
        assert used(credential, passkey, user_is_known=True)

    @pytest.mark.parametrize("was_eligible", [False, True])
    def test_whether_a_passkey_may_be_backed_up_never_changes(self, was_eligible):
        authenticator, passkey = enrolled(backup_eligible=was_eligible, backed_up=False)
        authenticator.backup_eligible = not was_eligible
        is_refused("the credential's eligibility for backups has changed", used, assertion(authenticator), passkey)

    @pytest.mark.parametrize(("stored", "said"), [(0, 0), (0, 1), (1, 2), (7, 2**32 - 1)])
    def test_a_counter_that_has_risen_or_that_is_none(self, stored, said):
        authenticator, passkey = enrolled(counts=said > 0)
        authenticator.credentials[0].sign_count = said - 1
        assert used(assertion(authenticator), replace(passkey, sign_count=stored)).sign_count == said

    @pytest.mark.parametrize(("stored", "said"), [(1, 1), (2, 1), (2**32 - 1, 1), (1, 0), (2**32 - 1, 0)])
    def test_a_counter_that_has_not_risen_also_one_that_fell_to_zero(self, stored, said):
        authenticator, passkey = enrolled(counts=said > 0)
        authenticator.credentials[0].sign_count = said - 1
        passkey = replace(passkey, sign_count=stored)
        is_refused("the signature counter has not risen", used, assertion(authenticator), passkey)

    @pytest.mark.parametrize("algorithm", [ES256, EDDSA, RS256, -35, -36, -53, -65535, 0])
    def test_a_stored_algorithm_that_is_not_the_keys_has_signed_nothing(self, enrolment, algorithm):
        _, passkey, credential = enrolment
        if algorithm != ES256:
            is_refused("the signature is wrong", used, credential, replace(passkey, algorithm=algorithm))

    def test_a_key_of_another_curve_has_signed_nothing(self, enrolment):
        authenticator, passkey, credential = enrolment
        key = ec.generate_private_key(ec.SECP256K1())
        passkey = replace(passkey, public_key=encoded(spki(key)))
        is_refused("the signature is wrong", used, resigned(authenticator, credential, key), passkey)

    @pytest.mark.parametrize(
        "stored", [b"", b"\x30\x00", bytes(91), "cut"], ids=["nothing", "an empty sequence", "zeros", "cut"]
    )
    def test_what_is_stored_and_no_key_has_signed_nothing(self, enrolment, stored):
        _, passkey, credential = enrolment
        stored = decoded(passkey.public_key)[:-1] if stored == "cut" else stored
        is_refused("the signature is wrong", used, credential, replace(passkey, public_key=encoded(stored)))

    def test_a_new_credential_comes_in_a_registration_only(self, enrolment):
        """Section 6.3.3, step 8."""
        authenticator, passkey, credential = enrolment
        attested_data = bytes(16) + b"\0\x10" + b"i" * 16 + cbor(cose_key(new_key(ES256)))
        credential = with_octets(
            credential,
            SIGNED,
            lambda octets: octets[:32] + bytes([octets[32] | ATTESTED]) + octets[33:] + attested_data,
        )
        is_malformed(SIGNED, used, resigned(authenticator, credential), passkey)

    def test_a_use_does_not_announce_a_new_credential(self, enrolment):
        authenticator, passkey, credential = enrolment
        credential = with_octets(
            credential, SIGNED, lambda octets: octets[:32] + bytes([octets[32] | ATTESTED]) + octets[33:]
        )
        is_malformed(SIGNED, used, resigned(authenticator, credential), passkey)

    @pytest.mark.parametrize("behind", [b"\0", b"\xa0", bytes(1000)])
    def test_nothing_is_behind_the_authenticator_data(self, enrolment, behind):
        authenticator, passkey, credential = enrolment
        credential = with_octets(credential, SIGNED, lambda octets: octets + behind)
        is_malformed(SIGNED, used, resigned(authenticator, credential), passkey)

    @pytest.mark.parametrize("length", [0, 1, 32, 36])
    def test_authenticator_data_ends_no_earlier(self, enrolment, length):
        authenticator, passkey, credential = enrolment
        credential = with_octets(credential, SIGNED, lambda octets: octets[:length])
        is_malformed(SIGNED, used, resigned(authenticator, credential), passkey)

    def test_extensions_are_read_and_mean_nothing(self):
        authenticator, passkey = enrolled(extensions={"credProtect": 2, "x": [{"y": None}]})
        assert used(assertion(authenticator), passkey)

    @pytest.mark.parametrize(
        "extensions", [b"", b"\xa1", b"\x80", b"\x00", b"\xbf\xff", b"\xa0\x00", b"\xa2\x61a\x00\x61a\x00"]
    )
    def test_extensions_are_one_map(self, enrolment, extensions):
        authenticator, passkey, credential = enrolment
        credential = with_octets(
            credential, SIGNED, lambda octets: octets[:32] + bytes([octets[32] | EXTENDED]) + octets[33:] + extensions
        )
        is_malformed(SIGNED, used, resigned(authenticator, credential), passkey)


class TestForm:
    @pytest.mark.parametrize("value", [None, 1, True, [], {}, ...], ids=str)
    @pytest.mark.parametrize("path", ["id", "rawId", "type", CLIENT_DATA, ATTESTATION])
    def test_a_member_of_a_registration_that_is_no_string(self, created, path, value):
        is_malformed(path, verified, changed(created, path, value))

    @pytest.mark.parametrize("value", [None, 1, True, [], {}], ids=str)
    @pytest.mark.parametrize("path", [SIGNED, "response.publicKey"])
    def test_a_member_that_need_not_be_there_is_a_string_if_it_is(self, created, path, value):
        is_malformed(path, verified, changed(created, path, value))

    @pytest.mark.parametrize("value", [None, 1, True, [], {}, ...], ids=str)
    @pytest.mark.parametrize("path", ["id", "rawId", "type", CLIENT_DATA, SIGNED, "response.signature"])
    def test_a_member_of_an_assertion_that_is_no_string(self, enrolment, path, value):
        _, passkey, credential = enrolment
        is_malformed(path, used, changed(credential, path, value), passkey)

    @pytest.mark.parametrize("value", [None, 1, True, [], {}], ids=str)
    def test_a_user_handle_that_is_no_string(self, enrolment, value):
        _, passkey, credential = enrolment
        is_malformed("response.userHandle", used, changed(credential, "response.userHandle", value), passkey)

    @pytest.mark.parametrize("value", [None, 1, True, [], "text"], ids=str)
    @pytest.mark.parametrize("path", ["response", "clientExtensionResults"])
    def test_a_member_that_is_no_object(self, created, enrolment, path, value):
        is_malformed(path, verified, changed(created, path, value))
        is_malformed(path, used, changed(enrolment[2], path, value), enrolment[1])

    def test_a_response_that_is_not_there(self, created):
        is_malformed("response", verified, changed(created, "response", ...))
        assert verified(changed(created, "clientExtensionResults", ...))

    def test_members_that_browsers_add_mean_nothing(self, created, enrolment):
        for path, value in {
            "authenticatorAttachment": None,
            "unknown": [{}],
            "response.unknown": 1,
            "clientExtensionResults": {"credProps": {"rk": False}, "prf": {}},
        }.items():
            assert verified(changed(created, path, value))
            assert used(changed(enrolment[2], path, value), enrolment[1])

    @pytest.mark.parametrize("type_", ["public_key", "Public-Key", "", "password"])
    def test_another_type(self, created, enrolment, type_):
        is_malformed("type", verified, changed(created, "type", type_))
        is_malformed("type", used, changed(enrolment[2], "type", type_), enrolment[1])

    @pytest.mark.parametrize(
        "wrong", ["=", "AA==", "AB", "A", "A A", "AA\n", "AA+A", "AA/A", "é", "\ud800", "AA=A", "AAA\0"]
    )
    def test_text_that_is_not_base64url_in_its_one_spelling(self, created, enrolment, wrong):
        for path in ("id", CLIENT_DATA, ATTESTATION, SIGNED, "response.publicKey"):
            is_malformed(path, verified, changed(created, path, wrong))
        for path in ("id", CLIENT_DATA, SIGNED, "response.signature", "response.userHandle"):
            is_malformed(path, used, changed(enrolment[2], path, wrong), enrolment[1])

    @pytest.mark.parametrize(
        "client_data",
        {
            "nothing": b"",
            "half of it": b"{",
            "an array": b"[]",
            "null": b"null",
            "a string": b'"webauthn.create"',
            "no UTF-8": b'{"type":"\xff"}',
            "something behind it": b"{}\0",
            "two objects": b"{} {}",
            "NaN": b'{"type":NaN}',
            "arrays in arrays": b"[" * 5000,
            "objects in objects": b'{"a":' * 3000,
            "a number of 5,000 digits": b'{"a":' + b"1" * 5000 + b"}",
        }.values(),
    )
    def test_client_data_that_is_no_json_object(self, created, enrolment, client_data):
        is_malformed(CLIENT_DATA, verified, with_client_data(created, client_data))
        is_malformed(CLIENT_DATA, used, with_client_data(enrolment[2], client_data), enrolment[1])

    def test_client_data_with_a_byte_order_mark(self, created):
        octets = decoded(created["response"]["clientDataJSON"])
        is_malformed(CLIENT_DATA, verified, with_client_data(created, b"\xef\xbb\xbf" + octets))

    @pytest.mark.parametrize("name", ["type", "challenge", "origin", "crossOrigin", "extra"])
    def test_client_data_with_a_member_twice(self, created, name):
        """Which of them counts would be each parser's choice."""
        octets = decoded(created["response"]["clientDataJSON"])
        if name == "extra":
            octets = octets[:-1] + b',"extra":1}'
        value = json.dumps(json.loads(octets)[name]).encode()
        is_malformed(
            CLIENT_DATA, verified, with_client_data(created, octets[:-1] + b',"%s":%s}' % (name.encode(), value))
        )

    @pytest.mark.parametrize("constant", [b"NaN", b"Infinity", b"-Infinity"])
    def test_client_data_with_a_number_that_json_does_not_have(self, created, constant):
        octets = decoded(created["response"]["clientDataJSON"])
        is_malformed(CLIENT_DATA, verified, with_client_data(created, octets[:-1] + b',"extra":%s}' % constant))

    @pytest.mark.parametrize("value", [None, 1, [], {}, ...], ids=str)
    @pytest.mark.parametrize("name", ["type", "challenge", "origin"])
    def test_client_data_whose_members_are_no_strings(self, created, name, value):
        is_malformed(CLIENT_DATA, verified, with_client_data(created, **{name: value}))

    @pytest.mark.parametrize("value", [None, 0, 1, "false", "true", [], {}], ids=str)
    def test_client_data_whose_framing_is_no_truth_value(self, created, value):
        is_malformed(CLIENT_DATA, verified, with_client_data(created, crossOrigin=value))

    @pytest.mark.parametrize("value", [None, 0, False, [], {}], ids=str)
    def test_client_data_whose_top_origin_is_no_string(self, created, value):
        is_malformed(CLIENT_DATA, verified, with_client_data(created, topOrigin=value))

    def test_an_empty_top_origin_is_one(self, created):
        is_refused("the page names a top origin", verified, with_client_data(created, topOrigin=""))

    def test_client_data_may_have_members_that_are_not_known(self, created):
        assert verified(with_client_data(created, extra={"deep": [1.5, None]}, tokenBinding={"status": "supported"}))

    @pytest.mark.parametrize(
        "transports",
        [None, "usb", {}, [1], [None], [[]], [""], ["usb "], ["u\0"], ["ü"], ["a" * 33], ["-"], ["usb"] * 9],
        ids=str,
    )
    def test_transports_that_are_no_short_words(self, created, transports):
        is_malformed("response.transports", verified, changed(created, "response.transports", transports))

    def test_transports_are_kept_as_they_are_said_also_those_that_are_not_known(self, created):
        said = ["smart-card", "usb", "usb", "x-2030"]
        assert verified(changed(created, "response.transports", said)).transports == ("smart-card", "usb", "x-2030")

    @pytest.mark.parametrize("said", [["usb"] * 8, ["a" * 32], []], ids=len)
    def test_transports_may_be_as_many_and_as_long_as_that(self, created, said):
        assert verified(changed(created, "response.transports", said)).transports == tuple(dict.fromkeys(said))


class TestNewCredential:
    def test_it_is_taken_as_it_is_made_here(self):
        assert verified(attested())

    @pytest.mark.parametrize("length", [1, 16, 1023])
    def test_an_id_may_have_up_to_1023_bytes(self, length):
        assert decoded(verified(attested(id_=b"i" * length)).id) == b"i" * length

    @pytest.mark.parametrize("length", [0, 1024, 4000])
    def test_an_id_of_another_length_is_none(self, length):
        is_malformed("id", verified, attested(id_=b"i" * length))

    @pytest.mark.parametrize("length", [0, 15, 17, 65535])
    def test_the_length_of_an_id_is_that_of_the_id(self, length):
        with pytest.raises(Malformed):
            verified(attested(length=length))

    def test_the_id_is_the_same_wherever_it_is(self, created):
        other = encoded(b"j" * 16)
        is_malformed("rawId", verified, changed(created, "rawId", other))
        is_malformed("rawId", verified, changed(created, "id", other))
        is_malformed("id", verified, changed(changed(created, "id", other), "rawId", other))

    def test_the_authenticator_data_is_the_same_wherever_it_is(self, created):
        other = registration()["response"]["authenticatorData"]
        is_malformed(SIGNED, verified, changed(created, SIGNED, other))

    def test_a_registration_has_one(self):
        is_malformed(ATTESTATION, verified, attested(flags=USER_PRESENT | USER_VERIFIED))

    def test_a_credential_that_is_not_announced_is_none(self):
        def members(octets):
            octets = octets[:32] + bytes([octets[32] & ~ATTESTED]) + octets[33:]
            return {"fmt": "none", "attStmt": {}, "authData": octets}

        is_malformed(ATTESTATION, verified, attested(members=members))

    @pytest.mark.parametrize("behind", [b"\0", b"\xa0", bytes(1000)])
    def test_nothing_is_behind_it(self, behind):
        is_malformed(ATTESTATION, verified, attested(behind=behind))

    def test_extensions_are_behind_it(self):
        flags = USER_PRESENT | USER_VERIFIED | ATTESTED | EXTENDED
        assert verified(attested(flags=flags, behind=cbor({"credProtect": 3})))
        for wrong in (b"", b"\x80", b"\xa0\0", b"\xa1"):
            is_malformed(ATTESTATION, verified, attested(flags=flags, behind=wrong))

    @pytest.mark.parametrize("flags", [BACKUP_ELIGIBLE, BACKUP_ELIGIBLE | BACKED_UP, 0])
    def test_whether_it_may_be_and_is_backed_up_is_kept(self, flags):
        new = verified(attested(flags=USER_PRESENT | USER_VERIFIED | ATTESTED | flags))
        assert (new.backup_eligible, new.backed_up) == (bool(flags & BACKUP_ELIGIBLE), bool(flags & BACKED_UP))

    @pytest.mark.parametrize(
        "members",
        [
            lambda octets: b"",
            lambda octets: b"\x00",
            lambda octets: b"\xff" * 100,
            lambda octets: b"\x81" * 10_000 + b"\0",
            lambda octets: [octets],
            lambda octets: octets,
            lambda octets: {"fmt": "none", "attStmt": {}},
            lambda octets: {"fmt": "none", "authData": octets},
            lambda octets: {"attStmt": {}, "authData": octets},
            lambda octets: {"fmt": 1, "attStmt": {}, "authData": octets},
            lambda octets: {"fmt": "none", "attStmt": None, "authData": octets},
            lambda octets: {"fmt": "none", "attStmt": b"", "authData": octets},
            lambda octets: {"fmt": "none", "attStmt": {}, "authData": list(octets)},
            lambda octets: {"fmt": "none", "attStmt": {}, "authData": ""},
            lambda octets: {"fmt": "none", "attStmt": {}, "authData": b""},
            lambda octets: {"fmt": "none", "attStmt": {}, "authData": octets[:36]},
            lambda octets: {"fmt": "none", "attStmt": {}, "authData": octets[:37]},
            lambda octets: {"fmt": "none", "attStmt": {}, "authData": octets[:55]},
            lambda octets: {"fmt": "none", "attStmt": {}, "authData": octets[:-1]},
            lambda octets: {1: "none", 2: octets, 3: {}},  # as in CTAP2
            lambda octets: cbor({"fmt": "none", "attStmt": {}, "authData": octets}) + b"\0",
            lambda octets: b"\xd9\xd9\xf7" + cbor({"fmt": "none", "attStmt": {}, "authData": octets}),
        ],
    )
    def test_an_attestation_object_that_is_none(self, members):
        is_malformed(ATTESTATION, verified, attested(members=members))

    @pytest.mark.parametrize(
        ("form", "statement"),
        [
            ("packed", {"alg": -7, "sig": b"not looked at"}),
            ("fido-u2f", {}),
            ("unknown", {"x": [1]}),
            ("compound", [{"fmt": "none", "attStmt": {"x5c": [b"", [b""]]}}]),
        ],
    )
    def test_an_attestation_statement_is_not_looked_at(self, form, statement):
        assert verified(attested(members=lambda octets: {"fmt": form, "attStmt": statement, "authData": octets}))

    @pytest.mark.parametrize("statement", [b"\xa1\x61x\xf9\x00\x00", b"\xbf\xff", b"\xa1\x61x", b"\xa1" * 20])
    def test_an_attestation_statement_is_well_formed_all_the_same(self, statement):
        def members(octets):
            return b"\xa3" + cbor("fmt") + cbor("none") + cbor("authData") + cbor(octets) + cbor("attStmt") + statement

        is_malformed(ATTESTATION, verified, attested(members=members))

    @pytest.mark.parametrize("key", [b"", b"\x00", b"\x80", b"\xa0", b"\xa1\x03\x66-7-7-7", b"\xa1\x03\xf5", b"\xf6"])
    def test_a_key_without_an_algorithm(self, key):
        is_malformed(ATTESTATION, verified, attested(key))

    def test_a_weak_key_is_malformed(self):
        """The next file has all of them."""
        is_malformed(ATTESTATION, verified, attested({**cose_key(new_key(ES256)), -3: bytes(32)}))

    @pytest.mark.parametrize("algorithm", [-65535, -37, -47, -35, 0, 2**63])
    def test_a_key_of_an_algorithm_that_was_not_offered_is_refused(self, algorithm):
        key = {**cose_key(new_key(ES256)), 3: algorithm}
        is_refused("the algorithm was not offered", verified, attested(key))
        is_malformed(ATTESTATION, lambda: verified(attested(key), algorithms=(algorithm,)))
