"""Which passwords are too common, and that a passphrase of one's own is not."""

import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.credentials import common_passwords
from chalicelib.credentials.common_passwords import DIGEST_BYTES, is_common, is_made_from

PROJECT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize(
    "password",
    [
        "1qaz2wsx3edc4rfv",
        "passwordpassword",
        "PasswordPassword",
        "ｐａｓｓｗｏｒｄｐａｓｓｗｏｒｄ",
        "password password",
        "p@ssw0rdp@ssw0rd",
        "passwordP@ssw0rd!",
        "Password1234567",
        "password!!!!!!!!",
        "!!!password2024",
        "letmeinletmeinletmein",
        "iloveyou1iloveyou1",
        "sunshine2024sunshine2024",
        "123456789012345",
        "qwertyuiopasdfghjkl",
        "abcdefghijklmnopqrstuvwxyz",
        "zyxwvutsrqponmlkj",
        "aaaaaaaaaaaaaaa",
        "abcabcabcabcabcabc",
        "1 2 3 4 5 6 7 8 9 0 1 2 3 4 5",
        "密码密码密码密码密码密码密码密码",
    ],
)
def test_a_common_password_or_an_obvious_extension_of_one_is_common(password):
    assert len(password) >= 15
    assert is_common(password)


@pytest.mark.parametrize(
    "password",
    [
        "lychgate",
        "lychgatelychgate",
        "Lychgate Lychgate",
        "LYCHGATE2027",
        "!!!lychgate!!!",
        "lychg@telychg@te",
        "LychgateLychg@te!",
        "1ychg473",
        "lychgatelychgate2027",
        "ｌｙｃｈｇａｔｅlychgate",
        "my-site.example1234567890",
    ],
)
def test_a_password_is_made_from_a_word_by_the_extensions_of_common_ones(password):
    assert is_made_from(password, ("LychGate", "my-site.example"))


def test_a_word_with_digits_is_found_however_they_are_read():
    assert is_made_from("w3b5hopw3b5hop", ("w3b5hop",))
    assert is_made_from("route66 Route66", ("Route66",))


@pytest.mark.parametrize("password", ["the lychgate at noon", "lychgates and other doors", "", "lych", "gate"])
def test_a_password_that_holds_a_word_among_others_is_not_made_from_it(password):
    assert not is_made_from(password, ("lychgate", ""))


def test_a_long_middle_of_punctuation_is_read_once():
    assert not is_common("x" + "\u2057" * 254 + "y")
    assert not is_common("x" + "\u0301" * 8000)


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "the gate was open at noon",
        "dragon and forty-one knights",
        "dragon48201938475610",
        "xq7!vb2mkk29slqpz",
        "不要用别人也会想到的密码短语啊",
        "",
        "x",
        "\ud800" + "lone surrogate within",
    ],
)
def test_a_password_that_is_merely_simple_or_holds_a_common_word_is_not(password):
    assert is_common(password) is (len(password) < 2)


def test_the_list_has_the_size_and_order_that_the_search_needs():
    packed = common_passwords._listed()
    entries = [packed[start : start + DIGEST_BYTES] for start in range(0, len(packed), DIGEST_BYTES)]
    assert len(entries) > 20_000
    assert entries == sorted(set(entries))


@pytest.mark.slow
def test_the_list_is_read_at_the_first_question_and_not_at_import():
    code = (
        "import chalicelib.credentials.passwords, chalicelib.credentials.common_passwords as c;"
        "assert c._listed.cache_info().currsize == 0; c.is_common('x' * 15 + 'y'); c.is_common('some other one, long');"
        "assert c._listed.cache_info().misses == 1"
    )
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=True)
