"""What `make quick` leaves out is marked, and what it runs needs no process and no AWS."""

import subprocess
import sys

import hypothesis
import pytest

from tests.support import marks

FOLDERS = {path.name for path in marks.TESTS.iterdir() if path.is_dir() and [*path.glob("test_*.py")]}


def test_a_test_that_is_not_marked_as_slow_can_start_no_process():
    with pytest.raises(AssertionError, match="marked as slow"):
        subprocess.run([sys.executable, "--version"], check=False)


def test_a_test_that_is_not_marked_as_slow_can_ask_nothing_of_aws(aws_clients):
    for ask in (aws_clients[0].list_tables, aws_clients[1].describe_parameters):
        with pytest.raises(AssertionError, match="marked as slow"):
            ask()


@pytest.mark.slow
def test_a_test_that_is_marked_as_slow_can():
    assert subprocess.run([sys.executable, "--version"], check=False, capture_output=True).returncode == 0


def test_of_every_folder_with_tests_it_is_known_what_they_need():
    assert marks.OF_FOLDERS.keys() >= FOLDERS


def test_a_test_in_a_folder_of_which_nothing_is_known_is_refused():
    with pytest.raises(pytest.UsageError, match="tests/elsewhere"):
        marks.folder_of(marks.TESTS / "elsewhere" / "test_a.py")


@pytest.mark.parametrize(
    "needed", [*marks.OF_FOLDERS.values(), *marks.OF_FIXTURES.values(), *marks.OF_PARAMETERS.values()]
)
def test_whatever_is_needed_makes_a_test_slow(needed):
    assert not needed or "slow" in needed


@pytest.mark.parametrize("database", ["fake", "moto", "dynamodb-local"])
def test_a_test_is_marked_by_the_database_that_it_runs_with(request, database):
    found = {
        name for name in ("slow", "browser", "dynamodb_local", "packaged") if request.node.get_closest_marker(name)
    }
    assert found == marks.OF_PARAMETERS.get(database, marks.NOTHING)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("nodeid", "group"),
    [
        ("tests/unit/test_keys.py::test_a[packaged-x]", "unit"),
        ("tests/api/test_routes.py::test_a[packaged-GET-/me]", "api, packaged"),
        ("tests/api/test_routes.py::test_a[GET-make-dev]", "api, make-dev"),
        ("tests/api/test_routes.py::TestA::test_a[in-process]", "api, in-process"),
    ],
)
def test_a_process_is_given_a_folder_or_a_place_of_the_apis_suite(nodeid, group):
    from tests.support.workers import group_of

    assert group_of(nodeid) == group


@pytest.mark.slow
def test_the_places_that_are_told_apart_are_those_that_there_are():
    from tests.support import places, workers

    assert (places.IN_PROCESS, *places.PLACES) == workers.PLACES


@pytest.mark.parametrize("profile", ["ci", "all", "quick", "nightly"])
def test_no_property_fails_because_the_machine_is_busy(profile):
    settings = hypothesis.settings.get_profile(profile)
    assert settings.deadline is None
    assert hypothesis.HealthCheck.too_slow in settings.suppress_health_check


@pytest.mark.slow
def test_the_longest_groups_are_begun_first():
    from tests.support.workers import LONGEST, by_length

    ids = ["tests/fuzz/test_a.py::test_a", "tests/browser/test_a.py::test_a", "tests/api/test_a.py::test_a[packaged]"]
    assert sorted(ids, key=by_length) == [ids[1], ids[2], ids[0]]
    assert {group.partition(",")[0] for group in LONGEST} <= marks.OF_FOLDERS.keys()
