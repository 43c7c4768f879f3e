"""One suite in four places: what speaks HTTP only runs in each of them."""

import pytest

from tests.support import in_process_api, places
from tests.support.differences import differing

application, settings = in_process_api.application, in_process_api.settings
in_process_api_fixture = in_process_api.api


@pytest.fixture(scope="session", params=[places.IN_PROCESS, *places.PLACES])
def place(request, tmp_path_factory, shared_clock):
    """Where the API runs; its servers start once. None is this process."""
    if request.param == places.IN_PROCESS:
        yield None
        return
    database = request.getfixturevalue("local_database")
    dynamodb_local = request.getfixturevalue("dynamodb_local") if request.param == "packaged" else None
    folder = tmp_path_factory.mktemp(request.param)
    with places.PLACES[request.param](folder, shared_clock, database, dynamodb_local) as place:
        yield place


@pytest.fixture
def clock(place, shared_clock):
    shared_clock.reset()
    return shared_clock


@pytest.fixture
def api(place, clock, request):
    """A client of the API, with no accounts in it."""
    if place is None:
        return request.getfixturevalue("in_process_api_fixture")
    place.empty()
    return place.api


def pytest_collection_modifyitems(items):
    for item in items:
        if hasattr(item, "callspec") and "place" in item.callspec.params:
            for difference in differing(item.callspec.params["place"], item.nodeid):
                # Strict: a difference that is listed and no longer there fails.
                item.add_marker(pytest.mark.xfail(reason=difference.reason, strict=True))
