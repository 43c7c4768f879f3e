"""What second factors and passkeys cost: the calls of each request about them, and the units that these consume."""

import contextlib
from urllib.parse import urlsplit

import pytest

from chalicelib.errors import InvalidCode, SecondFactorRequired
from tests.cost.test_cost import COSTS as WITHOUT_FACTORS
from tests.cost.test_cost import COUNTED
from tests.cost.test_mail_cost import PAGE, phrase
from tests.support.consumption import NOTHING, Cost, Meter
from tests.support.factor_flows import Holder
from tests.support.whole import PASSWORD

LIVE = "BatchGetItem sessions+users"
ALL = "TransactWriteItems events+sessions+throttle+users"

COSTS = {
    "overview": Cost((LIVE, "BatchGetItem users"), 3, 0),
    "begin to add an app": Cost((LIVE,), 2, 0),
    "add an app": Cost((LIVE, ALL, "Query sessions"), 3, 8),
    "remove the app": Cost((LIVE, "TransactWriteItems events+users"), 2, 4),
    "new recovery codes": Cost((LIVE, "TransactWriteItems events+users"), 2, 4),
    "log in, first step": Cost(("UpdateItem throttle", "UpdateItem users"), 0, 2),
    "log in, second step by code": Cost(("GetItem users", "UpdateItem throttle", ALL), 1, 13),
    "log in, second step by wrong code": Cost(("GetItem users", "UpdateItem throttle", "PutItem events"), 1, 2),
    "log in, second step by recovery code": Cost(("GetItem users", "UpdateItem throttle", ALL), 1, 15),
    "log in, second step by passkey": Cost(("GetItem users", "UpdateItem throttle", "GetItem users", ALL), 2, 15),
    "options for a passkey": NOTHING,
    "log in by passkey": Cost(("GetItem users", "GetItem users", ALL), 2, 10),
    "options for a new passkey": Cost((LIVE,), 2, 0),
    "add a passkey": Cost((LIVE, "TransactWriteItems events+throttle+users"), 2, 8),
    "name a passkey": Cost((LIVE, "UpdateItem users"), 2, 1),
    "remove a passkey": Cost((LIVE, "TransactWriteItems events+users"), 2, 6),
    "authenticate again, password alone": Cost((LIVE, "UpdateItem users", "UpdateItem users"), 2, 2),
    "authenticate again by code": Cost(
        (LIVE, "UpdateItem users", "UpdateItem throttle", ALL, "UpdateItem users"), 2, 11
    ),
    "authenticate again by passkey": Cost((LIVE, "GetItem users", ALL), 3, 10),
}


@pytest.fixture
def database_name():
    return "dynamodb-local"


@pytest.fixture
def meter(database):
    with Meter(database.client, database.tables) as meter:
        yield meter


@pytest.fixture
def holder(use_cases, verifier, alice, caller, clock, settings):
    issuer = urlsplit(settings["LYCHGATE_ISSUER"])
    return Holder(use_cases, verifier, alice, caller, clock, origin=f"{issuer.scheme}://{issuer.netloc}")


def refused(error, request):
    def run(holder, prepared):
        with contextlib.suppress(error):
            request(holder, prepared)

    return run


def with_totp(holder):
    holder.add_totp()
    return holder.first_step()


def with_both(holder):
    holder.add_passkey()
    return with_totp(holder)


def with_passkey(holder):
    holder.add_passkey()
    options = holder.use_cases.passkeys.request_options()
    return options, holder.answer(options.public_key)


def asked_again(holder):
    holder.add_passkey()
    holder.add_totp()
    with pytest.raises(SecondFactorRequired) as required:
        holder.use_cases.reauthentication.with_password(holder.principal, PASSWORD, holder.caller)
    return required.value


REQUESTS = {
    "overview": (Holder.add_passkey, lambda holder, _: holder.use_cases.factors.overview(holder.principal)),
    "begin to add an app": (None, lambda holder, _: holder.begin_totp()),
    "add an app": (Holder.begin_totp, lambda holder, _: holder.confirm_totp()),
    "remove the app": (
        Holder.add_totp,
        lambda holder, _: holder.use_cases.factors.remove_totp(holder.principal, holder.caller),
    ),
    "new recovery codes": (
        Holder.add_totp,
        lambda holder, _: holder.use_cases.factors.replace_recovery_codes(holder.principal, holder.caller),
    ),
    "log in, first step": (Holder.add_totp, lambda holder, _: holder.first_step()),
    "log in, second step by code": (
        with_totp,
        lambda holder, asked: holder.second_step(asked, code=holder.code()),
    ),
    "log in, second step by wrong code": (
        with_totp,
        refused(InvalidCode, lambda holder, asked: holder.second_step(asked, code="12345x")),
    ),
    "log in, second step by recovery code": (
        with_totp,
        lambda holder, asked: holder.second_step(asked, recovery_code=holder.recovery_codes[0]),
    ),
    "log in, second step by passkey": (
        with_both,
        lambda holder, asked: holder.second_step(asked, credential=holder.answer(asked.public_key)),
    ),
    "options for a passkey": (None, lambda holder, _: holder.use_cases.passkeys.request_options()),
    "log in by passkey": (
        with_passkey,
        lambda holder, made: holder.use_cases.passkeys.log_in(made[0].challenge, made[1], holder.caller),
    ),
    "options for a new passkey": (
        None,
        lambda holder, _: holder.use_cases.passkeys.creation_options(holder.principal),
    ),
    "add a passkey": (
        lambda holder: holder.use_cases.passkeys.creation_options(holder.principal),
        lambda holder, options: holder.use_cases.passkeys.add(
            holder.principal,
            options.challenge,
            holder.authenticator.create(options.public_key, holder.origin),
            None,
            holder.caller,
        ),
    ),
    "name a passkey": (
        Holder.add_passkey,
        lambda holder, passkey: holder.use_cases.passkeys.label(holder.principal, passkey.id, "Key ring"),
    ),
    "remove a passkey": (
        Holder.add_passkey,
        lambda holder, passkey: holder.use_cases.passkeys.remove(holder.principal, passkey.id, holder.caller),
    ),
    "authenticate again, password alone": (
        Holder.add_totp,
        refused(
            SecondFactorRequired,
            lambda holder, _: holder.use_cases.reauthentication.with_password(
                holder.principal, PASSWORD, holder.caller
            ),
        ),
    ),
    "authenticate again by code": (
        Holder.add_totp,
        lambda holder, _: holder.use_cases.reauthentication.with_password(
            holder.principal, PASSWORD, holder.caller, code=holder.code()
        ),
    ),
    "authenticate again by passkey": (
        asked_again,
        lambda holder, asked: holder.use_cases.reauthentication.with_passkey(
            holder.principal, asked.challenge, holder.answer(asked.public_key), holder.caller
        ),
    ),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_costs_exactly(holder, meter, name):
    prepare, request = REQUESTS[name]
    prepared = prepare(holder) if prepare is not None else None
    meter.reset()
    request(holder, prepared)
    assert meter.reading() == COSTS[name]


def test_every_request_has_its_row():
    assert list(REQUESTS) == list(COSTS)


@pytest.mark.parametrize("name", COSTS)
def test_the_page_has_the_row_of_a_request(name):
    cost = COSTS[name]
    assert f"| {name} | {phrase(cost.calls) or 'none'} | {cost.reads} | {cost.writes} |" in PAGE


def test_a_first_step_that_is_right_costs_what_a_wrong_password_does():
    """Nothing is taken back before the second step succeeds, so the two cannot be told apart by what they write."""
    assert COSTS["log in, first step"] == WITHOUT_FACTORS["log in with a wrong password"]
    assert COSTS["log in, first step"].calls == COUNTED
