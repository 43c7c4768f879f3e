"""The arithmetic of the limits on guessing."""

import pytest

from chalicelib.credentials.throttling import Attempt, Counter, Limit
from chalicelib.errors import TooManyAttempts
from tests.support.fakes import RULES
from tests.support.samples import NOW

PAIR = Limit("pair", free=5, memory=86_400, longest_delay=900)
ADDRESS = Limit("address", free=100, memory=3600, longest_delay=3600, window=True)


def delays(limit, attempts):
    """Return the delay after each of a number of failures, every attempt made as early as it may be."""
    now, counter, seconds = NOW, None, []
    for _ in range(attempts):
        counter = limit.charged(counter, now)
        seconds.append(max(0, counter.blocked_until - now))
        now = max(now, counter.blocked_until)
    return seconds


def test_five_failures_are_free_and_then_the_delay_doubles_up_to_fifteen_minutes():
    assert delays(PAIR, 17) == [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]


def test_an_attempt_in_the_delay_is_refused_and_told_how_long_to_wait():
    counter = Counter(failures=8, blocked_until=NOW + 8, expires_at=NOW + 86_400)
    with pytest.raises(TooManyAttempts) as refusal:
        PAIR.charged(counter, NOW + 3)
    assert refusal.value.retry_after == 5


def test_the_delay_heals_by_itself():
    counter = Counter(failures=8, blocked_until=NOW + 8, expires_at=NOW + 86_400)
    assert PAIR.charged(counter, NOW + 8).failures == 9


def test_failures_are_forgotten_after_their_memory():
    counter = Counter(failures=50, blocked_until=NOW + 900, expires_at=NOW + 86_400)
    assert PAIR.charged(counter, NOW + 86_400) == Counter(1, 0, NOW + 2 * 86_400)


def test_a_window_begins_with_its_first_failure_and_blocks_until_its_end():
    first = ADDRESS.charged(None, NOW)
    assert ADDRESS.charged(first, NOW + 3599).expires_at == NOW + 3600
    full = Counter(failures=99, blocked_until=0, expires_at=NOW + 3600)
    assert ADDRESS.charged(full, NOW + 10).blocked_until == NOW + 3600
    assert ADDRESS.charged(Counter(100, NOW + 3600, NOW + 3600), NOW + 3600) == Counter(1, 0, NOW + 7200)


@pytest.mark.parametrize("failures", [10**3, 10**6])
def test_the_delay_stays_the_longest_however_many_failures_there_were(failures):
    assert PAIR.charged(Counter(failures, 0, NOW + 100), NOW).blocked_until == NOW + 900


@pytest.mark.parametrize(
    ("ip", "address"),
    [
        ("203.0.113.7", "203.0.113.7/32"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("not an address", "unknown"),
        ("", "unknown"),
    ],
)
def test_an_address_counts_as_one_ipv4_address_or_one_ipv6_subscriber(ip, address):
    assert Attempt("alice", ip).address == address


def test_every_spelling_of_a_name_is_one_account_and_every_name_fits_a_key():
    assert Attempt("ALICE", "::1").account == Attempt("ａｌｉｃｅ", "::1").account
    assert Attempt("alice", "::1").account != Attempt("bob", "::1").account
    assert all(len(key) < 200 for key in RULES.limits(Attempt("x" * 16_000 + "\0é", "::1")))
