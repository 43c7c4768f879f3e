"""One suite in five places: what speaks HTTP only runs in each of them, the fifth if `make smoke` names a live site."""

import pytest

from tests.support import in_process_api, places
from tests.support.differences import differing
from tests.support.live.client import LIVE

application, settings = in_process_api.application, in_process_api.settings
all_hashes_are_cheap = in_process_api.all_hashes_are_cheap
in_process_api_fixture, in_process_mailbox = in_process_api.api, in_process_api.mailbox

LAPTOP = {"chalice-local", "make-dev"}


def pytest_generate_tests(metafunc):
    if "place" in metafunc.fixturenames:
        live = metafunc.config.stash.get(LIVE, None)
        names = [live.place] if live else [places.IN_PROCESS, *places.PLACES]
        if "mailbox" in metafunc.fixturenames:
            # On a laptop mails are sent by the process of the database, whose tests are in tests/local.
            names = [name for name in names if name not in LAPTOP]
        rare = LAPTOP if metafunc.definition.get_closest_marker("each_server") is None else set()
        # That the laptop's servers carry requests and answers as the others do is shown by the tests of each server.
        marks = {name: [pytest.mark.exhaustive] if name in rare else [] for name in names}
        params = [pytest.param(name, marks=marks[name]) for name in names]
        metafunc.parametrize("place", params, indirect=True, scope="session")


@pytest.fixture(scope="session")
def place(request, tmp_path_factory, shared_clock):
    """Where the API runs; its servers start once. None is this process, or a live site."""
    if live := request.config.stash.get(LIVE, None):
        if live.why_no_api:
            pytest.skip(live.why_no_api)
        yield None
        return
    if request.param == places.IN_PROCESS:
        yield None
        return
    database = request.getfixturevalue("local_database")
    dynamodb_local = request.getfixturevalue("dynamodb_local") if request.param == "packaged" else None
    folder = tmp_path_factory.mktemp(request.param)
    with places.PLACES[request.param](folder, shared_clock, database, dynamodb_local) as place:
        yield place


@pytest.fixture
def clock(request, place, shared_clock):
    if LIVE in request.config.stash:
        return None  # Nobody moves the clock of a live site.
    shared_clock.reset()
    return shared_clock


@pytest.fixture
def api(place, clock, request):
    """A client of the API, with no accounts in it; at a live site, one that knows none but its own."""
    if live := request.config.stash.get(LIVE, None):
        with live.client() as client:
            yield client
    elif place is None:
        yield request.getfixturevalue("in_process_api_fixture")
    else:
        place.empty()
        yield place.api


@pytest.fixture
def mailbox(place, api, request):
    """The mails that the test causes. A live site's go to whoever reads them."""
    if request.config.stash.get(LIVE, None):
        pytest.skip("nobody reads the mails of a live site")
    return request.getfixturevalue("in_process_mailbox") if place is None else place.mailbox()


def pytest_collection_modifyitems(items):
    for item in items:
        if hasattr(item, "callspec") and "place" in item.callspec.params:
            for difference in differing(item.callspec.params["place"], item.nodeid):
                # Strict: a difference that is listed and no longer there fails.
                item.add_marker(pytest.mark.xfail(reason=difference.reason, strict=True))
                if difference.place == "packaged" and item.get_closest_marker("live_safe"):
                    raise pytest.UsageError(
                        f"{item.nodeid} fails behind API Gateway, so it is not safe on a live site."
                    )
