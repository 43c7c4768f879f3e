"""Libraries without parts of them, and the parts when they are asked for."""

import sys
from types import ModuleType

import pytest

from chalicelib.deferred import LoadedWhenAsked, function_of, left_out, module_of, take_when_asked

PART = "a_part_of_a_library"


@pytest.fixture
def part(tmp_path, monkeypatch):
    """A module that can be imported and has not been."""
    (tmp_path / f"{PART}.py").write_text("LIMIT = 3\n\ndef double(number, *, plus=0):\n    return 2 * number + plus\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield PART
    sys.modules.pop(PART, None)


def test_a_part_is_loaded_when_something_of_it_is_asked_for(part):
    with left_out({part: LoadedWhenAsked(part)}):
        stand_in = __import__(part)
    assert part not in sys.modules
    assert stand_in.LIMIT == 3
    assert sys.modules[part].LIMIT == 3
    assert not isinstance(sys.modules[part], LoadedWhenAsked)


def test_a_part_that_the_library_needs_at_once_is_loaded_at_once(part):
    with left_out({part: LoadedWhenAsked(part)}) as absent:
        assert absent == {part}
        assert __import__(part).LIMIT == 3
    assert sys.modules[part].LIMIT == 3


def test_a_function_loads_its_module_when_it_is_called(part):
    double = function_of(part, "double")
    assert part not in sys.modules
    assert double(4, plus=1) == 9


def test_a_stand_in_has_the_members_that_it_was_given_and_no_others():
    stand_in = module_of("some.module", parse=len)
    assert stand_in.parse("four") == 4
    with pytest.raises(AttributeError):
        stand_in.other  # noqa: B018 - reading it raises


def test_a_part_can_be_missing_and_is_there_again_afterwards(part):
    with left_out({part: None}), pytest.raises(ImportError):
        __import__(part)
    assert __import__(part).LIMIT == 3


def test_what_is_loaded_already_stays(part):
    loaded = __import__(part)
    with left_out({part: None}) as absent:
        assert absent == frozenset()
        assert __import__(part) is loaded
    assert sys.modules[part] is loaded


def test_a_library_that_fails_leaves_no_stand_in_behind(part):
    with pytest.raises(ZeroDivisionError), left_out({part: LoadedWhenAsked(part)}):
        raise ZeroDivisionError
    assert part not in sys.modules


def test_names_that_are_no_functions_come_when_they_are_asked_for(part):
    package = module_of("a_library", LIMIT="a stand-in")
    take_when_asked(package, part, ("LIMIT",))
    assert isinstance(package, ModuleType)
    assert part not in sys.modules
    assert package.LIMIT == 3
    with pytest.raises(AttributeError, match="'a_library' has no attribute 'OTHER'"):
        package.OTHER  # noqa: B018 - reading it raises
