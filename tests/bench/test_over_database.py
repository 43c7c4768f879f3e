"""The application of the benchmarks takes what they ask, all of it from one address and within an hour."""

from bench.over_database import over_database
from chalicelib.accounts.caller import Caller
from chalicelib.config.api import REGISTRATIONS_PER_HOUR

NOW = 1_800_000_000
PASSWORD = "correct horse battery staple"


def test_more_accounts_can_be_registered_from_one_address_than_anybody_else_may(dynamodb_local):
    subject = over_database(dynamodb_local.client, clock=lambda: NOW)
    caller = Caller(ip="198.51.100.1", user_agent="bench")
    registered = [
        subject.use_cases.registration.register(f"user-{number}", PASSWORD, caller).user.username
        for number in range(REGISTRATIONS_PER_HOUR + 1)
    ]
    assert len(set(registered)) == REGISTRATIONS_PER_HOUR + 1
