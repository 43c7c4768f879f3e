"""The arithmetic of the limits on guessing."""

import pytest

from chalicelib.accounts.caller import Caller
from chalicelib.credentials.throttling import Attempt, Counter, Known, Limit, networks
from chalicelib.errors import TooManyAttempts
from tests.support.fakes import RULES
from tests.support.samples import NOW

PAIR = Limit("pair", free=5, memory=86_400, longest_delay=900)


def delays(limit, attempts):
    """Return the delay after each of a number of failures, every attempt made as early as it may be."""
    now, counter, seconds = NOW, None, []
    for _ in range(attempts):
        counter = limit.charged(counter, now)
        delay = delay_after(limit, counter)
        seconds.append(delay)
        now += delay
    return seconds


def delay_after(limit, counter):
    try:
        limit.charged(counter, counter.last_at)
    except TooManyAttempts as refusal:
        return refusal.retry_after
    return 0


def test_five_failures_are_free_and_then_the_delay_doubles_up_to_fifteen_minutes():
    assert delays(PAIR, 17) == [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]


def test_an_attempt_in_the_delay_is_refused_and_told_how_long_to_wait():
    with pytest.raises(TooManyAttempts) as refusal:
        PAIR.charged(Counter(failures=8, last_at=NOW), NOW + 3)
    assert refusal.value.retry_after == 5


def test_the_delay_heals_by_itself():
    assert PAIR.charged(Counter(failures=8, last_at=NOW), NOW + 8) == Counter(9, NOW + 8)


def test_failures_are_forgotten_after_their_memory():
    assert PAIR.charged(Counter(failures=50, last_at=NOW), NOW + 86_400) == Counter(1, NOW + 86_400)


@pytest.mark.parametrize("failures", [10**3, 10**6])
def test_the_delay_stays_the_longest_however_many_failures_there_were(failures):
    assert delay_after(PAIR, Counter(failures, NOW)) == 900


@pytest.mark.parametrize(
    ("ip", "network", "counters"),
    [
        ("203.0.113.7", "203.0.113.7", ("all",)),
        ("::ffff:203.0.113.7", "203.0.113.7", ("all",)),
        ("2001:db8:1:203:4:5:6:7", "2001:db8:1::/48", ("all", "net_02", "net_0203")),
        ("2001:db8:1:203:ffff::1", "2001:db8:1::/48", ("all", "net_02", "net_0203")),
        ("not an address", "unknown", ("all",)),
        ("", "unknown", ("all",)),
    ],
)
def test_an_address_is_counted_in_its_networks(ip, network, counters):
    assert networks(ip) == (network, counters)


def test_a_window_is_of_one_network_and_of_one_time_and_ends():
    window = RULES.address_window_of("2001:db8::1", NOW + 10)
    assert window.limits == {"all": 100, "net_00": 50, "net_0000": 25}
    assert window.ends_at == NOW + 3600
    assert RULES.address_window_of("2001:db8:0:1::", NOW + 3599).key == window.key
    assert RULES.address_window_of("2001:db8:1::", NOW + 10).key != window.key
    assert RULES.address_window_of("2001:db8::1", NOW + 3600).key != window.key
    assert RULES.registration_window_of("2001:db8::1", NOW + 10).key != window.key


def test_a_source_is_a_device_a_session_or_an_address_as_narrow_as_one_subscriber():
    def source(ip="203.0.113.7", known=None):
        return Attempt("alice", Caller(ip, "test"), known).source

    assert source("2001:db8::1") == source("2001:db8::ffff")
    assert source("2001:db8::1") != source("2001:db8:0:1::1")
    sources = [
        source(),
        source("203.0.113.8"),
        source(known=Known("device", "d1", "u1")),
        source(known=Known("device", "d2", "u1")),
        source(known=Known("session", "d1", "u1")),
    ]
    assert len(set(sources)) == len(sources)
    assert [name.split("_")[1] for name in sources] == ["network", "network", "device", "device", "session"]


def test_nobody_can_make_more_than_a_few_thousand_counters_at_one_account():
    sources = {
        Attempt("alice", Caller(f"2001:db8:{n // 65_536:x}:{n % 65_536:x}::", ""), None).source for n in range(9000)
    }
    assert len(sources) <= 4096
