"""Recovery codes: how they are spelled, whose they are, and what is stored of them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.credentials.peppers import Pepper, Peppers
from chalicelib.credentials.recovery_codes import CODES, RecoveryCodes
from tests.support.samples import NOW

OLD, NEW = Pepper("", bytes(range(32))), Pepper("p2", bytes(range(32, 64)), starts_at=NOW)


def recovery_codes(*peppers, now=NOW - 1):
    return RecoveryCodes(Peppers(peppers or (OLD,)), lambda: now)


@pytest.fixture(scope="module")
def made():
    return recovery_codes().new("u1")


def test_ten_codes_of_128_bits_in_groups_of_four():
    codes, stored = recovery_codes().new("u1")
    assert len(set(codes)) == len(set(stored)) == CODES == 10
    assert all(re.fullmatch(r"([a-z2-7]{4}-){6}[a-z2-7]{2}", code) for code in codes)


def test_no_code_is_made_twice():
    assert len({code for _ in range(50) for code in recovery_codes().new("u1")[0]}) == 500


def test_each_code_has_one_digest_which_does_not_show_it(made):
    codes, stored = made
    found = [recovery_codes().find("u1", code, stored) for code in codes]
    assert sorted(found) == list(stored)
    assert not any(code.replace("-", "")[:6] in digest.lower() for code in codes for digest in stored)


def test_the_order_of_what_is_stored_is_not_that_of_the_codes(made):
    _, stored = made
    assert stored == tuple(sorted(stored))


@pytest.mark.parametrize(
    "spelled",
    [
        str.upper,
        lambda code: code.replace("-", ""),
        lambda code: code.replace("-", " ").upper(),
        lambda code: f" {code}\n",
        lambda code: code.replace("-", "--"),
        "\u00a0".join,
        str.title,
    ],
)
def test_case_spaces_and_hyphens_do_not_count(made, spelled):
    codes, stored = made
    assert recovery_codes().find("u1", spelled(codes[0]), stored)


@pytest.mark.parametrize(
    "change",
    [
        lambda code: "",
        lambda code: code[:-1],
        lambda code: code + "a",
        lambda code: code[:-1] + ("a" if code[-1] != "a" else "b"),
        lambda code: code.replace(code[0], "1", 1),
        lambda code: code.replace("-", "_"),
        lambda code: code.replace("-", "\u2010"),
        lambda code: code + "\0",
        lambda code: code + "=",
        lambda code: "\ud800" * 26,
        lambda code: code.replace("s", "ſ"),  # its capital is S
        lambda code: "ı" * 26,  # its capital is I
        lambda code: code.translate({ord("a") + n: 0xFF41 + n for n in range(26)}),
    ],
)
def test_nothing_else_is_a_code(change):
    codes, stored = recovery_codes().new("u1")
    codes = [code for code in codes if change(code) != code]
    assert not any(recovery_codes().find("u1", change(code), stored) for code in codes)


def test_a_code_is_of_one_user(made):
    codes, stored = made
    assert not any(recovery_codes().find(user, codes[0], stored) for user in ("u2", "U1", "", "u1\n"))


def test_a_code_that_is_used_up_is_no_code_any_more(made):
    codes, stored = made
    used = recovery_codes().find("u1", codes[3], stored)
    left = tuple(digest for digest in stored if digest != used)
    assert recovery_codes().find("u1", codes[3], left) is None
    assert recovery_codes().find("u1", codes[3], ()) is None
    assert recovery_codes().find("u1", codes[4], left)


def test_a_copy_of_the_table_does_not_tell_whether_a_code_is_good(made):
    codes, stored = made
    assert recovery_codes(Pepper("", bytes(32))).find("u1", codes[0], stored) is None


def test_codes_stay_good_while_a_newer_pepper_takes_over(made):
    codes, stored = made
    before, after = recovery_codes(OLD, NEW, now=NOW - 1), recovery_codes(OLD, NEW, now=NOW)
    assert before.find("u1", codes[0], stored) == after.find("u1", codes[0], stored)
    newer, stored_newer = after.new("u1")
    assert all(digest.startswith("p2.") for digest in stored_newer)
    assert all(digest.startswith(".") for digest in before.new("u1")[1])
    assert after.find("u1", newer[0], stored_newer)
    assert recovery_codes(NEW, now=NOW).find("u1", codes[0], stored) is None


@given(st.text(max_size=60))
def test_text_is_no_code(text):
    assert recovery_codes().find("u1", text, recovery_codes().new("u1")[1]) is None
