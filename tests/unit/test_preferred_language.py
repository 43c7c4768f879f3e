"""Which language a request prefers (RFC 9110 section 12.5.4)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.accounts.languages import OURS as LANGUAGES
from chalicelib.api.languages import preferred_language


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("de", "de"),
        ("DE", "de"),
        ("de-CH-1996", "de"),
        ("en-GB, de", "en"),
        ("de;q=0.5, en;q=0.6", "en"),
        ("de;q=0.5,en;q=0.5", "de"),
        ("de ; q=0.5 ,\ten", "en"),
        ("fr, it;q=0.9, de;q=0.1", "de"),
        ("de;q=0, en;q=0.001", "en"),
        ("de-AT;q=0, de;q=0.3", "de"),
        ("de;Q=1.000", "de"),
        ("en;q=0.", ""),
        (",, de ,", "de"),
    ],
)
def test_is_the_one_of_ours_with_the_greatest_weight(header, language):
    assert preferred_language(header) == language


@pytest.mark.parametrize(
    "header",
    ["", "*", "*;q=0.1", "fr", "de;q=0", "german", "de_DE", "de;q=2", "de;q=x", "de;level=1", "d\u00e9", "de\n"],
)
def test_is_none_where_the_header_names_none_of_ours_or_is_malformed(header):
    assert preferred_language(header) == ""


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("fr", "fr"),
        ("fr-CA", "fr"),
        ("pt-br", "pt-BR"),
        ("PT-BR-x-own", "pt-BR"),
        ("pt", ""),
        ("pt-PT, de;q=0.1", "de"),
        ("zh-Hant-HK", "zh-Hant"),
        ("en-GB", "en"),
    ],
)
def test_is_the_longest_of_the_sites_own_that_the_header_begins_with(header, language):
    assert preferred_language(header, lambda: (*LANGUAGES, "fr", "pt-BR", "zh-Hant")) == language


@given(st.text())
def test_whatever_the_header_says_it_is_one_of_ours_or_none(header):
    assert preferred_language(header) in {"", *LANGUAGES}


@given(st.lists(st.sampled_from([*LANGUAGES, "fr", "*"]), max_size=5), st.sampled_from(LANGUAGES))
def test_the_first_of_ours_wins_where_nothing_is_weighed(others, language):
    header = ", ".join([*others, language])
    assert preferred_language(header) == next(name for name in [*others, language] if name in LANGUAGES)
