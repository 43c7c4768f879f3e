"""What follows the `?` of an address, as it is read."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Annotated

import pytest
from chalice.app import MultiDict

from chalicelib.api.queries import describe_query, read_query
from chalicelib.api.schemas import Keywords
from chalicelib.errors import ValidationFailed


@dataclass(frozen=True)
class Search:
    """What is looked for."""

    words: str
    page: Annotated[int, Keywords(minimum=1)] = 1
    after: str | None = None


def read(**sent):
    return read_query(SimpleNamespace(query_params=MultiDict(sent) if sent else None), Search)


def refused(**sent):
    with pytest.raises(ValidationFailed) as refusal:
        read(**sent)
    return {error.field: error.message for error in refusal.value.errors}


def test_a_parameter_has_its_type_and_one_that_is_left_out_its_default():
    assert read(words=["a b"], page=["7"]) == Search("a b", 7)
    assert read(words=[""], after=[""]) == Search("", 1, "")
    assert read(words=["x"], page=["0"]).page == 0
    assert read(words=["x"], page=["-3"]).page == -3
    assert read(words=["x"], others=["y", "z"]) == Search("x")


def test_all_that_is_wrong_is_named():
    assert refused() == {"words": "This parameter is needed."}
    assert refused(words=["a", "a"], page=["x"]) == {
        "words": "This parameter may be there once.",
        "page": "This must be an integer.",
    }
    assert refused(words=["\ud800"]) == {"words": "This has invalid Unicode in it."}


@pytest.mark.parametrize("number", ["", "-0", "+1", "01", "1.0", "1e2", " 1", "1\n", "\u0661", "9" * 17, str(2**53)])
def test_an_integer_is_one_as_json_writes_it(number):
    assert refused(words=["x"], page=[number]) == {"page": "This must be an integer."}


def test_a_type_that_no_query_has_is_a_bug():
    @dataclass(frozen=True)
    class Wrong:
        """Of a type that no query has."""

        ratio: float = 1.0

    with pytest.raises(TypeError, match="ratio has the type"):
        read_query(SimpleNamespace(query_params=MultiDict({"ratio": ["1"]})), Wrong)


def test_the_document_says_of_each_whether_it_is_needed():
    words, page, after = describe_query(Search, {})
    assert words == {"name": "words", "in": "query", "required": True, "schema": {"type": "string"}}
    assert page["schema"] == {"type": "integer", "minimum": 1, "default": 1}
    assert after == {"name": "after", "in": "query", "required": False, "schema": {"type": "string"}}
