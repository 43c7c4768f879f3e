"""The range check against a range API of our own on the loopback: what it tells, and what it makes of bad answers."""

import hashlib
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from chalicelib.adapters.pwned_passwords import MAX_ANSWER, PwnedPasswords

PASSWORD = "correct horse battery staple"
HASH = hashlib.sha1(PASSWORD.encode()).hexdigest().upper()


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

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/range/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def api():
    api = RangeApi()
    yield api
    api.close()


@pytest.fixture
def pwned(api):
    pwned = PwnedPasswords(url=api.url)
    yield pwned
    pwned._http.clear()


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

    def test_when_nobody_listens(self, api, pwned, records):
        api.close()
        self.assert_let_through_and_said(pwned, records)

    def test_when_the_answer_drips_beyond_the_time_limit(self, api, records):
        ticks = iter(range(0, 100, 2))
        pwned = PwnedPasswords(url=api.url, time_limit=1, clock=lambda: next(ticks))
        released = threading.Event()

        def drip():
            yield lines((HASH[5:], 1))
            released.wait(30)

        api.answer = drip()
        self.assert_let_through_and_said(pwned, records)
        assert next(ticks) == 4, "one look at the clock for the deadline, one after the first drop"
        released.set()
        pwned._http.clear()

    def test_when_the_answer_does_not_come(self, api, records):
        released = threading.Event()

        def silence():
            released.wait(30)
            yield b""

        api.answer = silence()
        pwned = PwnedPasswords(url=api.url, time_limit=0.05)
        self.assert_let_through_and_said(pwned, records)
        released.set()
        pwned._http.clear()
