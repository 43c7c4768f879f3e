"""What the API has answered is on disk: `make dev` is killed while people use it, and started again."""

import http.client
import itertools
import json
import random
import resource
import signal
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest

from tests.local.conftest import PATIENCE_SECONDS
from tests.support.ports import free_port

PASSWORD = "correct horse battery staple"
# Nobody waits for hashes, and all users are on this machine.
SETTINGS = {
    "LYCHGATE_BCRYPT_COST": "10",
    "LYCHGATE_REGISTRATIONS_PER_HOUR": "100000",
    "LYCHGATE_THROTTLE_ADDRESS_FAILURES": "100000",
}
USERS_AT_ONCE = 6


@dataclass
class Person:
    """Somebody who uses the API, and what it has answered. What is being asked is unknown until it has."""

    name: str
    ended: list[str] = field(default_factory=list)
    """Refresh tokens that must not be taken any more."""
    tokens: list[str] = field(default_factory=list)
    """Those of the session, from the first to the current one."""
    access_token: str = ""
    state: str = "unknown"


class Killed(Exception):
    """The server does not answer any more."""


class Unavailable(Exception):
    """The database does not answer the API, or not in time. Nobody knows what has happened."""


class Api:
    def __init__(self, ask, running):
        self._ask = ask
        self._port = running.port_of("Page")

    def __call__(self, path, body, access_token=None):
        headers = {"Content-Type": "application/json"}
        if access_token:
            headers["Authorization"] = f"Bearer {access_token}"
        try:
            answer = self._ask(self._port, "POST", f"/api/auth/{path}", headers, json.dumps(body).encode())
            return answer.status, json.loads(answer.body or b"null")
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Killed from error


def settled(api, *request):
    """The answer of an API that is there, however busy the machine is."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (answer := api(*request))[0] == 503 and time.monotonic() < deadline:
        time.sleep(0.1)
    return answer


class Crowd:
    """People who sign up, refresh, log out, log in and delete their accounts until they are told to end."""

    def __init__(self, api, seed):
        self._api = api
        self.people = []
        self.acknowledged = 0
        self.faults = []
        self._ending = threading.Event()
        self._threads = [
            threading.Thread(target=self._live, args=(f"{seed}-{number}", random.Random(f"{seed}-{number}")))
            for number in range(USERS_AT_ONCE)
        ]
        for thread in self._threads:
            thread.start()

    def end(self):
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def _live(self, name, chance):
        numbers = itertools.count()
        while not self._ending.is_set():
            person = Person(f"user-{name}-{next(numbers)}")
            self.people.append(person)
            try:
                self._live_once(person, chance)
            except Unavailable:
                continue
            except Killed:
                return
            except AssertionError as fault:
                self.faults.append(fault)
                return

    def _live_once(self, person, chance):
        self._begin(person, "register", 201)
        for _ in range(chance.randrange(5)):
            self._refresh(person)
        if chance.random() < 0.3:
            self._log_out(person)
            self._begin(person, "login", 200)
        elif chance.random() < 0.3:
            self._delete(person)

    def _ask(self, expected, *request):
        status, answer = self._api(*request)
        if status == 503:
            raise Unavailable
        assert status == expected, (request, status, answer)
        self.acknowledged += 1
        return answer

    def _begin(self, person, route, status):
        answer = self._ask(status, route, {"username": person.name, "password": PASSWORD})
        person.state = "alive"
        person.tokens = [answer["refresh_token"]]
        person.access_token = answer["access_token"]

    def _refresh(self, person):
        *_, current = person.tokens
        answer = self._ask(200, "refresh", {"refresh_token": current})
        person.tokens.append(answer["refresh_token"])

    def _log_out(self, person):
        tokens, person.tokens = person.tokens, []
        self._ask(204, "logout", {"refresh_token": tokens[-1]})
        person.ended += tokens[-1:]

    def _delete(self, person):
        person.state = "unknown"
        tokens, person.tokens = person.tokens, []
        self._ask(204, "delete-account", {"password": PASSWORD}, person.access_token)
        person.state = "deleted"
        person.ended += tokens[-1:]


def broken_promises(api, people):
    """What was acknowledged and is not so."""
    for person in people:
        if person.state != "unknown":
            status, _ = settled(api, "login", {"username": person.name, "password": PASSWORD})
            if status != {"alive": 200, "deleted": 401}[person.state]:
                yield f"{person.name} is {person.state}, but a log-in is answered with {status}"
        for token in person.ended:
            if settled(api, "refresh", {"refresh_token": token})[0] != 401:
                yield f"an ended session of {person.name} goes on"
        # The last used token may be retried. One before it is used twice, and must end the session.
        if len(person.tokens) > 2 and settled(api, "refresh", {"refresh_token": person.tokens[-3]})[0] != 401:
            yield f"a refresh token of {person.name} can be used again"


@pytest.mark.parametrize(
    ("database_alone", "rounds"),
    # Both have the same database: that of `make dev` is killed by others too.
    [
        pytest.param(True, 2, id="make dynamodb"),
        pytest.param(True, 6, id="make dynamodb, often", marks=pytest.mark.exhaustive),
        pytest.param(False, 4, id="make dev", marks=pytest.mark.exhaustive),
    ],
)
def test_whatever_was_answered_before_a_kill_is_so_after_the_next_start(
    run_until_ready, tmp_path, ask, eventually, database_alone, rounds
):
    people, chance = [], random.Random(38)
    port = str(free_port())
    with ExitStack() as ends:
        database = running = None
        for number in range(rounds):
            if database_alone:
                database = run_until_ready("dynamodb", "--data-dir", tmp_path, DYNAMODB_PORT=port, **SETTINGS)
                if running is None:  # it goes on with the next database
                    running = run_until_ready("--data-dir", tmp_path, DYNAMODB_PORT=port, **SETTINGS)
                    ends.callback(running.send, signal.SIGINT)
            else:
                database = running = run_until_ready("--data-dir", tmp_path, **SETTINGS)
            api = Api(ask, running)
            assert list(broken_promises(api, people)) == []

            crowd = Crowd(api, number)
            enough = chance.randrange(20, 60)
            eventually(lambda crowd=crowd, enough=enough: crowd.acknowledged >= enough or crowd.faults)
            time.sleep(chance.random() / 20)
            database.send(signal.SIGKILL)
            crowd.end()
            assert crowd.faults == []
            people = crowd.people
    last = run_until_ready("--data-dir", tmp_path, **SETTINGS)
    assert list(broken_promises(Api(ask, last), people)) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="prlimit limits a process that runs on Linux only")
def test_a_full_disk_is_503_and_said_and_what_was_refused_has_not_happened(run_until_ready, tmp_path, ask):
    running = run_until_ready("--data-dir", tmp_path, **SETTINGS)
    api = Api(ask, running)
    alice, bob = ({"username": name, "password": PASSWORD} for name in ("alice", "bob"))
    assert settled(api, "register", alice)[0] in {201, 409}
    size = (tmp_path / "database.sqlite3-wal").stat().st_size
    _, unlimited = resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE)

    resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (size, unlimited))
    status, answer = api("register", bob)

    assert (status, answer["error"]) == (503, "service_unavailable")
    assert f"A write is refused, as {tmp_path / 'database.sqlite3'} could not be written" in running.output

    resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (unlimited, unlimited))
    assert settled(api, "login", bob)[0] == 401
    assert settled(api, "login", alice)[0] == 200
    assert settled(api, "register", bob)[0] in {201, 409}
    running.send(signal.SIGKILL)
    again = Api(ask, run_until_ready("--data-dir", tmp_path, **SETTINGS))
    assert [settled(again, "login", person)[0] for person in (alice, bob)] == [200, 200]
