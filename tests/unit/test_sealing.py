"""Keys for one purpose each, and what is sealed with them."""

import base64

import pytest
from cryptography.hazmat.primitives import hashes, hmac
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.credentials.derived_keys import derived_key
from chalicelib.credentials.peppers import FIRST, Pepper, Peppers
from chalicelib.credentials.sealing import Sealer
from tests.support.samples import NOW

ONE, OTHER = Pepper("p2", bytes(range(32))), Pepper("p3", bytes(range(32, 64)), starts_at=NOW + 100)
CONTENT = b"a secret of twenty b"


def sealer(*peppers, now=NOW):
    return Sealer(Peppers(peppers or (ONE,)), lambda: now)


def hmac_sha256(key, message):
    by_hand = hmac.HMAC(key, hashes.SHA256())
    by_hand.update(message)
    return by_hand.finalize()


class TestDerivedKeys:
    def test_a_key_is_that_of_rfc_5869_without_a_salt(self):
        extracted = hmac_sha256(bytes(32), ONE.secret)
        assert derived_key(ONE, "totp") == hmac_sha256(extracted, b"lychgate totp v1\x01")

    def test_no_two_purposes_and_no_two_peppers_have_the_same_key(self):
        keys = {
            derived_key(pepper, purpose) for pepper in (ONE, OTHER) for purpose in ("totp", "challenge: passkey", "")
        }
        assert len(keys) == 6
        assert all(len(key) == 32 for key in keys)
        assert not keys & {ONE.secret, OTHER.secret}

    def test_a_pepper_that_takes_the_id_of_another_gets_a_key_of_its_own(self):
        derived_key(ONE, "totp")
        assert derived_key(Pepper("p2", bytes(32)), "totp") != derived_key(ONE, "totp")


class TestSealing:
    @given(st.binary(max_size=200), st.text(max_size=20), st.text(max_size=20))
    def test_what_is_sealed_can_be_opened_for_the_same_purpose_and_about_the_same_subject(
        self, content, purpose, about
    ):
        sealed = sealer().seal(content, purpose="x" + purpose.encode("ascii", "ignore").decode(), about=about)
        assert sealer().open(sealed, purpose="x" + purpose.encode("ascii", "ignore").decode(), about=about) == content

    def test_the_content_cannot_be_read_and_no_text_is_made_twice(self):
        sealed = {sealer().seal(CONTENT, purpose="totp", about="u1") for _ in range(100)}
        assert len(sealed) == 100
        assert not any(CONTENT in base64.urlsafe_b64decode(text.partition(".")[2] + "==") for text in sealed)

    @pytest.mark.parametrize("purpose", ["Totp", "totp ", "challenge: passkey", ""])
    def test_it_opens_for_no_other_purpose(self, purpose):
        assert sealer().open(sealer().seal(CONTENT, purpose="totp", about="u1"), purpose=purpose, about="u1") is None

    @pytest.mark.parametrize("about", ["u2", "U1", "", "u1 ", "u1\n"])
    def test_it_opens_about_nobody_else(self, about):
        assert sealer().open(sealer().seal(CONTENT, purpose="totp", about="u1"), purpose="totp", about=about) is None

    def test_no_octet_of_it_can_be_changed(self):
        name, _, encoded = sealer().seal(CONTENT, purpose="totp").partition(".")
        octets = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        for at in range(len(octets)):
            for mask in (1, 0x80, 0xFF):
                changed = octets[:at] + bytes([octets[at] ^ mask]) + octets[at + 1 :]
                text = f"{name}.{base64.urlsafe_b64encode(changed).rstrip(b'=').decode()}"
                assert sealer().open(text, purpose="totp") is None

    def test_no_character_of_it_can_be_changed_or_added(self):
        """Otherwise one sealed text would have several spellings."""
        for length in range(20, 23):  # whichever number of bits of the last character is unused
            sealed = sealer().seal(bytes(length), purpose="totp")
            others = {sealed + end for end in ("=", "==", "A", " ", "\n", ".", "\0")} | {" " + sealed, "." + sealed}
            for at in range(len(sealed)):
                others |= {sealed[:at] + other + sealed[at + 1 :] for other in "ABYZabyz019-_+/=. é"}
            for other in others - {sealed}:
                assert sealer().open(other, purpose="totp") is None, (sealed, other)

    def test_the_alphabet_of_base64_is_another(self):
        for _ in range(20):
            sealed = sealer().seal(bytes(200), purpose="totp")
            other = sealed.replace("-", "+").replace("_", "/")
            assert other == sealed or sealer().open(other, purpose="totp") is None

    @pytest.mark.parametrize(
        "junk",
        ["", ".", "p2", "p2.", "p2.AAAA", ".AAAA", "p2." + "A" * 38, "p2.\ud800", "\ud800.AAAA", "p2." + "é" * 60],
    )
    def test_what_was_never_sealed_is_not_opened(self, junk):
        assert sealer().open(junk, purpose="totp") is None

    def test_it_opens_with_no_other_pepper(self):
        sealed = sealer().seal(CONTENT, purpose="totp")
        assert sealer(Pepper("p2", bytes(32))).open(sealed, purpose="totp") is None
        assert sealer(OTHER).open(sealed, purpose="totp") is None
        assert sealer(ONE, OTHER).open("p3" + sealed[2:], purpose="totp") is None

    def test_the_name_of_its_pepper_is_sealed_too(self):
        """The same secret under another id opens nothing that was sealed under the first."""
        sealed = sealer().seal(CONTENT, purpose="totp")
        assert sealer(ONE, Pepper("p9", ONE.secret)).open("p9" + sealed[2:], purpose="totp") is None

    def test_it_stays_good_while_a_newer_pepper_takes_over(self):
        sealed = sealer().seal(CONTENT, purpose="totp")
        before, after = sealer(ONE, OTHER, now=NOW + 99), sealer(ONE, OTHER, now=NOW + 100)
        assert before.open(sealed, purpose="totp") == after.open(sealed, purpose="totp") == CONTENT
        assert not before.needs_resealing(sealed)
        assert after.needs_resealing(sealed)
        assert not after.needs_resealing(after.seal(CONTENT, purpose="totp"))

    def test_the_first_pepper_has_no_name(self):
        first = Pepper(FIRST, bytes(32))
        sealed = sealer(first).seal(CONTENT, purpose="totp")
        assert sealed.startswith(".")
        assert sealer(first, ONE).open(sealed, purpose="totp") == CONTENT
