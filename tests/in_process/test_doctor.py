"""What `infra.doctor` says of the ways to take over an account is what the API does."""

import functools
import itertools

import pytest

from chalicelib.config.api import ApiSettings
from infra.doctor.model import OWNER, SESSION, THIEF
from infra.doctor.routes import STEPS
from infra.doctor.search import Graph, Outcome
from infra.doctor.settings import words_of
from infra.doctor.thefts import THEFTS, kinds
from tests.support.takeover import LATER, Walker

SITES = {
    "by username": {},
    "by username, addresses required": {"LYCHGATE_EMAIL": "required"},
    "without mail": {"LYCHGATE_EMAIL": "off"},
    "by address": {"LYCHGATE_IDENTIFIER": "email"},
}
WITH_AND_WITHOUT = ("password + address + TOTP", "password + address")
MOST = ("the mailbox", "the password")
"""Whom most accounts have to fear."""

_NAMES = {"LYCHGATE_SIGNING_KEYS_PARAMETER": "keys", "LYCHGATE_MAIL_FROM": "mail@site.example"} | {
    f"LYCHGATE_{table}_TABLE": table for table in ("USERS", "SESSIONS", "EVENTS", "THROTTLE", "MAIL")
}


@functools.cache
def graph_of(site):
    return Graph(STEPS, words_of(ApiSettings.from_environment({**_NAMES, **SITES[site]})))


def cases(first):
    """Return each thief of each kind of account at each site.

    Those are for `make test-all` that are not ``first``: a function of the site, the thief and the kind.
    """
    found = []
    for site in SITES:
        words = graph_of(site).words
        for theft, account in itertools.product(THEFTS, kinds(words)):
            if theft.against(account) is not None and theft.where <= words:
                marks = () if first(site, theft, account.kind) else pytest.mark.exhaustive
                name = f"{site}-{theft.name}-{account.kind}"
                found.append(pytest.param(site, theft, account, id=name, marks=marks))
    return found


def is_walked_first(site, theft, kind):
    whole, plain = WITH_AND_WITHOUT
    at_first_site = site == "by username" and (kind == whole or (kind == plain and theft.name in MOST))
    return at_first_site or theft.registers_first


def is_refused_first(site, theft, kind):
    return site == "by username" and kind in WITH_AND_WITHOUT and theft.name in MOST


@pytest.fixture
def walker(api, mailbox, clock, settings, private_jwks, aws_clients, request):
    site = request.node.callspec.params["site"]
    settings.update(SITES[site])
    return Walker(
        api,
        mailbox,
        clock,
        by_address=site == "by address",
        ring=private_jwks,
        dynamodb=aws_clients[0],
        environment=settings,
    )


def begin(walker, theft, account, start):
    """Make the account, and let the thief have what is stolen."""
    if theft.registers_first:
        walker.register_as_a_thief()
        return
    walker.make(account)
    if "fresh" not in theft.pieces and SESSION in start.hand(THIEF):
        walker.wait(LATER)
    walker.steal(start)


def walk(walker, moves):
    for move in moves:
        assert walker.take(move.step, move.before, move.actor), f"{move.actor}: {move.step.route}"


@pytest.mark.parametrize(("site", "theft", "account"), cases(is_walked_first))
def test_a_way_that_is_computed_can_be_walked_and_ends_as_it_says(walker, site, theft, account):
    graph = graph_of(site)
    finding = graph.finding(theft, account)
    if any(move.step.route == "with DynamoDB: write" for move in finding.path):
        return  # It needs no request.
    begin(walker, theft, account, finding.start)
    walk(walker, finding.path)
    state = finding.path[-1].after if finding.path else finding.start
    assert walker.is_in(THIEF) is state.is_in(THIEF)
    if finding.ended_by:
        walk(walker, finding.ended_by)
        state = finding.ended_by[-1].after
        assert walker.is_in(OWNER)
        assert not walker.is_in(THIEF)
        assert not walker.can_enter(state, THIEF)
        return
    assert walker.is_in(THIEF) or walker.can_enter(state, THIEF) is graph.can_enter(state, THIEF)
    assert walker.can_enter(state, OWNER) is (finding.outcome is not Outcome.KEEPS_OUT)


@pytest.mark.parametrize(("site", "theft", "account"), cases(is_refused_first))
def test_a_step_that_is_said_to_be_closed_is_refused(walker, site, theft, account):
    graph = graph_of(site)
    start = graph.finding(theft, account).start
    begin(walker, theft, account, start)
    if theft.registers_first:
        return
    is_open = {step.route for step in graph.steps if step.is_open(start, THIEF)}
    closed = [step for step in graph.steps if step.route not in is_open and step.route != "with DynamoDB: write"]
    assert len(closed) > 5
    assert [step.route for step in closed if walker.take(step, start, THIEF)] == []
    assert walker.can_enter(start, OWNER)
