"""New usernames: what is refused, in words that help, and that every other one fits a token."""

import functools
import subprocess
import sys
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.accounts import script_ranges
from chalicelib.accounts.new_usernames import MAX_USERNAME_BYTES, new_username_error
from chalicelib.accounts.usernames import (
    MAX_RAW_LENGTH,
    MAX_USERNAME_LENGTH,
    canonical_username,
    normalised_username,
    username_error,
)
from chalicelib.tokens.compact import MAX_TOKEN_LENGTH
from chalicelib.tokens.gateway_context import principal_from_context, to_context
from chalicelib.tokens.issuer import TokenIssuer
from chalicelib.tokens.kinds import ACCESS_TOKEN, REFRESH_TOKEN
from chalicelib.tokens.verifier import TokenVerifier
from tests.support.samples import ALICE, NOW, SESSION

PROJECT = Path(__file__).parent.parent.parent
LONG_ISSUER = "https://" + ".".join(["a-label-of-a-long-name"] * 8) + ".example/api"
RSA_4096_SIGNATURE = 683
"""Characters of the longest signature that anybody would choose."""


@pytest.mark.parametrize(
    "username",
    [
        "alice",
        "bob@site.example",
        "b.o_b+1-x",
        "Ålesund",
        "Nguyễn_Văn",
        "иван",
        "Ελένη7",
        "עברית",
        "علی٣٤",
        "علی34",
        "नमन१२",
        "李小龙",
        "李tanaka",
        "たなかタロウ太郎taro",
        "ㄅㄆㄇ李abc",
        "김철수金kim",
        "иван@example.com",
        "alice@пример.рф",
        "ʻokina",
        "1234",
        "𐌰𐌱𐌲",
        "аррӏе",  # of Cyrillic letters alone
    ],
)
def test_names_of_one_script_may_be_registered_and_east_asian_ones_with_latin(username):
    assert new_username_error(username) is None


@pytest.mark.parametrize(
    ("username", "strangers"),
    [
        ("аlice", "а (U+0430) and l (U+006C)"),
        ("alicе", "a (U+0061) and е (U+0435)"),
        ("Ωmega", "Ω (U+03A9) and m (U+006D)"),
        ("שלוםabc", "ש (U+05E9) and a (U+0061)"),
        ("김たな", "김 (U+AE40) and た (U+305F)"),
        ("ㄅㄆたな", "ㄅ (U+3105) and た (U+305F)"),
        ("abc李ж", "a (U+0061) and ж (U+0436)"),
        ("аlice@example.com", "а (U+0430) and l (U+006C)"),
        ("alice@еxample.com", "е (U+0435) and x (U+0078)"),
        ("user٣", "u (U+0075) and ٣ (U+0663)"),
    ],
)
def test_a_name_of_two_scripts_is_refused_with_a_letter_of_each(username, strangers):
    assert new_username_error(username) == f"Use letters and digits of one alphabet: {strangers} belong to two."


def test_digits_of_two_kinds_are_refused():
    assert new_username_error("علی3٤") == "Use one kind of digits, such as 0 to 9."


@pytest.mark.parametrize(
    "code_point",
    [0xAD, 0x34F, 0x115F, 0x1160, 0x3164, 0x180E, 0x200B, 0x200D, 0x202E, 0x2060, 0xFE0F, 0xFEFF, 0xFFA0, 0xE0061],
)
def test_an_invisible_character_is_refused_by_its_number(code_point):
    username = normalised_username(f"ali{chr(code_point)}ce")
    number = 0x1160 if code_point in {0x3164, 0xFFA0} else code_point
    assert new_username_error(username) == f"Remove the invisible character U+{number:04X}."


def test_an_existing_name_that_would_be_refused_now_is_still_found():
    for username in ("аlice", "ali\u1160ce", "𐌰" * 254):
        assert new_username_error(username) is not None
        assert username_error(username) is None


@pytest.mark.parametrize("username", ["𐌰" * 128, "李" * 170, "ж" * 254, "a" * 254])
def test_a_name_within_the_bytes_may_be_registered(username):
    assert len(username.encode()) <= MAX_USERNAME_BYTES
    assert new_username_error(username) is None


@pytest.mark.parametrize("username", ["𐌰" * 129, "李" * 171])
def test_a_name_of_too_many_bytes_is_refused(username):
    assert new_username_error(username).startswith(f"Use a shorter name: this one has {len(username.encode())} bytes")


WORST = st.integers(0, 300).flatmap(
    lambda size: st.text(st.sampled_from("aé\u07b1ж李\uff76𐌰𞤀𝒂\U00020000٣1.@+-"), min_size=size, max_size=300)
)


@given(WORST | st.text())
@example("𐌰" * 128)
@example("李" * 170)
@example("ж" * 254)
def test_every_name_that_may_be_registered_fits_each_of_its_tokens_and_the_gateways_context(
    signing_keys, verification_keys, username
):
    username = normalised_username(username)
    if new_username_error(username) is not None:
        return
    parties = {"issuer": LONG_ISSUER, "audience": LONG_ISSUER}
    issuer = TokenIssuer(**parties, signing_keys=signing_keys, access_lifetime=600)
    verifier = TokenVerifier(**parties, keys=verification_keys, clock=lambda: NOW)
    user = replace(ALICE, id="u" * 22, username=username)
    session = replace(SESSION, id="s" * 22, user_id=user.id, username=username)
    access_token, refresh_token = issuer.access_token(user, session, NOW), issuer.refresh_token(session, NOW)
    for token in (access_token, refresh_token):
        assert len(token) - len(token.rpartition(".")[2]) + RSA_4096_SIGNATURE <= MAX_TOKEN_LENGTH
    principal = verifier.verify(ACCESS_TOKEN, access_token)
    assert principal.username == username
    assert verifier.verify(REFRESH_TOKEN, refresh_token).user_id == user.id
    context = to_context(principal)
    assert principal_from_context(context) == principal
    assert len(context["preferred_username"]) <= 3 * MAX_USERNAME_BYTES


@pytest.mark.parametrize("username", ["\ufb03", "\u337fa", "al"])
def test_a_new_name_has_three_characters_as_it_is_typed_too(username):
    assert new_username_error(username) == "Use 3 to 254 characters."


@pytest.mark.parametrize("character", ["\u0301", "\u0f81", "\ufdfa", "x"])
def test_a_name_that_is_too_long_is_refused_without_normalising_it(monkeypatch, character):
    lengths = []
    real = unicodedata.normalize
    monkeypatch.setattr(unicodedata, "normalize", lambda form, text: lengths.append(len(text)) or real(form, text))
    username = character * (MAX_RAW_LENGTH + 1)
    assert normalised_username(username) == canonical_username(username) == username
    assert username_error(username) == "Use 3 to 254 characters."
    assert lengths == []


def test_the_longest_name_is_found_in_its_longest_form():
    longest = "\u1f80" * MAX_USERNAME_LENGTH
    decomposed = unicodedata.normalize("NFD", longest)
    assert len(decomposed) <= MAX_RAW_LENGTH
    assert canonical_username(decomposed) == canonical_username(longest)


def test_no_character_is_composed_of_more_than_four():
    decomposed = map(functools.partial(unicodedata.normalize, "NFD"), map(chr, range(sys.maxunicode + 1)))
    assert max(map(len, decomposed)) == 4


@pytest.mark.slow
def test_the_table_is_what_the_unicode_character_database_says():
    tables = pytest.importorskip("infra.script_ranges")
    if tables._version() == script_ranges.UNICODE_VERSION:
        made = [each.strip() for each in script_ranges.RANGES.split(",")]
        assert made == list(tables._ranges())


@pytest.mark.slow
def test_the_table_is_imported_at_the_first_registration_only():
    code = (
        "import sys, chalicelib.wiring, chalicelib.use_cases.registration;"
        "assert 'chalicelib.accounts.usernames' in sys.modules;"
        "assert 'chalicelib.accounts.script_ranges' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=True)
