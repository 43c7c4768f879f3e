"""Which texts are e-mail addresses, and which two are the same one."""

import pytest

from chalicelib.accounts.addresses import address_error, canonical_address


@pytest.mark.parametrize(
    "address",
    [
        "a@example.org",
        "first.last+tag@sub.example.org",
        "o'brien@example.org",
        "UPPER@EXAMPLE.ORG",
        "a@xn--bcher-kva.example",
        "a" * 64 + "@example.org",
        "a@" + "b" * 63 + ".example",
        "a@" + ".".join(["b" * 62] * 3) + "." + "c" * 57 + ".org",
        "1@2.example",
    ],
)
def test_an_address_that_mail_systems_take_is_one(address):
    assert address_error(address) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "alice",
        "@example.org",
        "alice@",
        "alice@localhost",
        "alice@example",
        "alice@127.0.0.1",
        "alice@[127.0.0.1]",
        "a@b@example.org",
        "alice@example..org",
        ".alice@example.org",
        "alice.@example.org",
        "al..ice@example.org",
        "alice@-example.org",
        "alice@example-.org",
        "alice@example.org.",
        " alice@example.org",
        "alice@example.org ",
        "alice@example.org\n",
        "alice@example.org\r\nBcc: b@example.org",
        "alice\r@example.org",
        "alice@exa\tmple.org",
        '"alice smith"@example.org',
        "alice(comment)@example.org",
        "Alice <alice@example.org>",
        "alice,bob@example.org",
        "alice@example.org,bob@example.org",
        "alice@ex\u0430mple.org",
        "\u0430lice@example.org",
        "alice@b\u00fccher.example",
        "alice@example.org\u200b",
        "alice\x00@example.org",
        "a" * 65 + "@example.org",
        "a@" + "b" * 64 + ".example",
        "a" * 64 + "@" + ".".join(["b" * 62] * 3) + ".org",
        "a@" + "b" * 300,
    ],
)
def test_another_text_is_none(text):
    assert address_error(text) is not None


def test_an_address_has_at_most_254_characters():
    domain = ".".join(["b" * 61] * 3)
    longest = "a" * (254 - len(domain) - 5) + f"@{domain}.org"
    assert (len(longest), address_error(longest)) == (254, None)
    assert address_error("a" + longest) == "Use at most 254 characters."


def test_case_is_no_difference_and_dots_and_tags_are():
    assert canonical_address("Alice@Example.ORG") == canonical_address("alice@example.org")
    spellings = ["alice@example.org", "a.lice@example.org", "alice+a@example.org", "alice@example.com"]
    assert len({canonical_address(spelling) for spelling in spellings}) == len(spellings)
