"""What a deployment reserves of an account's concurrency, and what it says of it."""

import pytest

from infra.deployment.limits import USUAL_CONCURRENCY, reservations


class Account:
    """An account that may run so many executions at once, some of which other functions have reserved."""

    def __init__(self, limit, reserved=0):
        self._limits = {"ConcurrentExecutions": limit, "UnreservedConcurrentExecutions": limit - reserved}
        self.asked = 0

    def get_account_settings(self):
        self.asked += 1
        return {"AccountLimit": self._limits}


@pytest.mark.parametrize(
    ("limit", "reserved", "expected"),
    [
        (1000, 0, USUAL_CONCURRENCY),
        (260, 0, USUAL_CONCURRENCY),
        (259, 0, {}),
        (1000, 740, USUAL_CONCURRENCY),
        (1000, 741, {}),
        (10, 0, {}),
    ],
)
def test_a_hundred_stay_for_functions_without_a_reservation(limit, reserved, expected):
    found = reservations(Account(limit, reserved), {})
    assert found.concurrency == expected
    assert f"of the account's {limit} " in found.reason


def test_what_is_configured_is_left_alone_and_the_account_is_not_asked():
    account = Account(10)
    found = reservations(account, {"api_handler": 800, "authorizer": None, "admin": 5})
    assert (found.concurrency, account.asked) == ({}, 0)
    assert found.reason == "concurrency: as configured, 5 for admin, 800 for api_handler, none for authorizer"


def test_only_what_is_not_configured_is_reserved():
    assert reservations(Account(1000), {"api_handler": 800}).concurrency == {"authorizer": 50, "admin": 10}
