"""A server of the browser's own, and a page that is watched for errors."""

import json
import urllib.request
import uuid

import pytest

from tests.browser.development_server import DevelopmentServer
from tests.browser.person import Person
from tests.browser.visitor import KEEP_NOTICES, NO_KEYS, PASSWORD, Visitor
from tests.support.browsers import PATIENCE_MS
from tests.support.places import CLOCK_FOLDER, SharedClock

VISITORS = pytest.StashKey()
TELL_VIOLATIONS = (
    "addEventListener('securitypolicyviolation', (event) =>"
    " console.error('CSP: ' + event.violatedDirective + ' ' + event.blockedURI));"
)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    server = DevelopmentServer(tmp_path_factory.mktemp("accounts"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def patient_clock(tmp_path_factory):
    return SharedClock(tmp_path_factory.mktemp("clock") / "now")


@pytest.fixture(scope="session")
def patient_server(tmp_path_factory, patient_clock):
    """Like ``server``, but its time stands still until ``patient_clock`` is moved."""
    under_clock = {"LYCHGATE_TEST_CLOCK": str(patient_clock.path), "PYTHONPATH": str(CLOCK_FOLDER)}
    server = DevelopmentServer(tmp_path_factory.mktemp("accounts"), **under_clock)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def address_server(tmp_path_factory):
    """Like ``server``, but accounts are named by their addresses."""
    server = DevelopmentServer(tmp_path_factory.mktemp("accounts"), LYCHGATE_IDENTIFIER="email")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def mailless_server(tmp_path_factory):
    """Like ``server``, but it sends no mails."""
    server = DevelopmentServer(tmp_path_factory.mktemp("accounts"), LYCHGATE_EMAIL="off")
    yield server
    server.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Say with a failure what the pages showed and had asked the API for: some come once in many runs."""
    report = yield
    if call.when == "call" and report.failed:
        report.sections += [
            (f"{visitor.username}, tab {number}", visitor.tells(page))
            for visitor in item.stash.get(VISITORS, [])
            for number, page in enumerate(visitor.context.pages, 1)
        ]
    return report


@pytest.fixture
def new_visitor(request, browser):
    """Make visitors, each with a browser profile of their own, and hold their pages to having no errors.

    They want no motion, whose pictures are much of the work of a page, unless ``reduced_motion`` says otherwise. Of a
    server with a time of its own they make no keys, whose proofs would tell the browser's. Notices stay, unless a test
    moves the page's clock.
    """
    visitors = request.node.stash[VISITORS] = []

    def new_visitor(server, username=None, **settings):
        context = browser.new_context(**{"reduced_motion": "reduce", **settings})
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(TELL_VIOLATIONS)
        context.add_init_script(KEEP_NOTICES)
        if server.url.rpartition(":")[2] in DevelopmentServer.with_times_of_their_own:
            context.add_init_script(NO_KEYS)
        visitors.append(Visitor(context, server.url, username))
        return visitors[-1]

    yield new_visitor
    for visitor in visitors:
        visitor.context.close()
    assert [trouble for visitor in visitors for trouble in visitor.troubles] == []


@pytest.fixture
def visitor(new_visitor, server):
    """Somebody who opens the page for the first time."""
    return new_visitor(server).open()


@pytest.fixture
def account(server):
    """The name of somebody who has an account, and no browser here."""
    username = f"kim.{uuid.uuid4().hex[:12]}"
    body = json.dumps({"username": username, "password": PASSWORD}).encode()
    request = urllib.request.Request(f"{server.url}/api/auth/register", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 201
    return username


@pytest.fixture
def member(new_visitor, server):
    """Somebody who has signed up, and has opened the page logged in."""
    return new_visitor(server).join()


@pytest.fixture
def newcomer(visitor):
    """Somebody who has just signed up, with the form."""
    visitor.sign_up()
    visitor.is_signed_in()
    return visitor


@pytest.fixture
def new_person(new_visitor, server):
    """Make people with mail addresses, at ``server`` unless told where."""

    def new_person(at=server, **settings):
        by_address = settings.pop("by_address", False)
        return Person(new_visitor(at, **settings), at, by_address=by_address)

    return new_person


@pytest.fixture
def kim(new_person):
    """Somebody with an account and a confirmed address, who has opened the page logged in."""
    return new_person().is_a_member()


@pytest.fixture
def kim_outside(new_person):
    """Somebody with an account and a confirmed address, at the log-in."""
    return new_person().is_outside()
