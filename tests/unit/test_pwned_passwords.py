"""The range check against a range API of our own on the loopback: what it tells, and what it makes of bad answers."""

import hashlib
import logging
import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import pytest

from chalicelib.adapters.pwned_passwords import MAX_ANSWER, PwnedPasswords
from tests.support.http_servers import serving

PASSWORD = "correct horse battery staple"
HASH = hashlib.sha1(PASSWORD.encode()).hexdigest().upper()
# Seconds. A bound for what normally takes a fraction of it, not an expectation.
PATIENCE = 30


class RangeApi:
    """Answers every range with what the test says, and remembers what it was asked."""

    def __init__(self):
        self.asked = []
        self.status = 200
        self.answer = b""
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                api.asked.append((self.path, dict(self.headers)))
                self.send_response(api.status)
                self.send_header("Location", "/elsewhere")
                self.end_headers()
                chunks = api.answer if not isinstance(api.answer, bytes) else [api.answer]
                try:
                    for chunk in chunks:
                        self.wfile.write(chunk)
                except OSError:  # the client has gone, as it should
                    pass

            def log_message(self, *args):
                pass

        self.handler = Handler


@contextmanager
def asking(url, time_limit=PATIENCE, **options):
    """Ask the API at an URL, until the block ends."""
    pwned = PwnedPasswords(url=url, time_limit=time_limit, **options)
    yield pwned
    pwned._http.clear()


@pytest.fixture
def api():
    api = RangeApi()
    with serving(api.handler) as server:
        api.url = f"http://127.0.0.1:{server.server_port}/range/"
        yield api


@pytest.fixture
def pwned(api):
    with asking(api.url) as pwned:
        yield pwned


def lines(*counted):
    return "\r\n".join(f"{suffix}:{count}" for suffix, count in counted).encode()


def test_a_leaked_password_is_found(api, pwned):
    api.answer = lines(("0" * 35, 5), (HASH[5:], 384), ("F" * 35, 1))
    assert pwned.contains(PASSWORD)


def test_composed_and_decomposed_letters_are_one_password(api, pwned):
    api.answer = lines((hashlib.sha1("pässwörter überall".encode()).hexdigest().upper()[5:], 1))
    assert pwned.contains("pa\u0308sswo\u0308rter u\u0308berall")


@pytest.mark.parametrize("answer", [b"", lines(("0" * 35, 5)), lines((HASH[5:], 0)), b"junk", lines((HASH[5:], "x"))])
def test_padding_and_others_are_not_taken_for_it(api, pwned, answer):
    api.answer = answer
    assert not pwned.contains(PASSWORD)


def test_five_digits_of_the_hash_are_all_that_is_told(api, pwned):
    pwned.contains(PASSWORD)
    ((path, headers),) = api.asked
    assert path == f"/range/{HASH[:5]}"
    assert headers["Add-Padding"] == "true"
    assert not any(secret in str(api.asked) for secret in (HASH[5:15], PASSWORD, "horse"))


class TestFailsOpen:
    @pytest.fixture(autouse=True)
    def records(self, caplog):
        caplog.set_level(logging.WARNING, "lychgate")
        return caplog

    def assert_let_through_and_said(self, pwned, records):
        assert pwned.contains(PASSWORD) is False
        (record,) = records.records
        assert "was not checked" in record.getMessage()
        assert PASSWORD not in record.getMessage()

    @pytest.mark.parametrize("status", [301, 400, 404, 429, 500, 503])
    def test_on_any_other_status(self, api, pwned, records, status):
        api.status, api.answer = status, lines((HASH[5:], 1))
        self.assert_let_through_and_said(pwned, records)
        assert len(api.asked) == 1

    def test_on_an_answer_that_is_not_ascii(self, api, pwned, records):
        api.answer = b"\xff\xfe"
        self.assert_let_through_and_said(pwned, records)

    def test_on_an_answer_without_end(self, api, pwned, records):
        api.answer = (b"0" * 65536 for _ in range(MAX_ANSWER // 65536 + 2))
        self.assert_let_through_and_said(pwned, records)

    def test_when_nobody_listens(self, records):
        with socket.socket() as deaf:
            deaf.bind(("127.0.0.1", 0))
            with asking(f"http://127.0.0.1:{deaf.getsockname()[1]}/range/") as pwned:
                self.assert_let_through_and_said(pwned, records)

    def test_when_the_answer_drips_beyond_the_time_limit(self, api, records):
        ticks = iter(range(0, 1000, PATIENCE + 1))
        released = threading.Event()

        def drip():
            yield lines((HASH[5:], 1))
            released.wait(PATIENCE)

        api.answer = drip()
        with asking(api.url, clock=lambda: next(ticks)) as pwned:
            self.assert_let_through_and_said(pwned, records)
            assert next(ticks) == 2 * (PATIENCE + 1), "one look for the deadline, one after the first drop"
            released.set()

    def test_when_the_answer_does_not_come(self, api, records):
        released = threading.Event()

        def silence():
            released.wait(PATIENCE)
            yield b""

        api.answer = silence()
        with asking(api.url, time_limit=0.05) as pwned:
            self.assert_let_through_and_said(pwned, records)
            released.set()
