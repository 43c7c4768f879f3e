"""Webhooks of the package, from the history to an endpoint with TLS: what becomes of a message when something fails."""

import json
import os
import signal

import pytest

from infra.operator.dead_letters import window_of
from infra.operator.webhooks import Webhooks
from tests.deployed.account import PASSWORD
from tests.support import places
from tests.support.packaged.webhooks import URL, WEBHOOKS

EVENTS = places.FOUNDATION.events_table


def answering(*statuses, headers=()):
    """Answer these statuses, one after the other, and 204 afterwards."""
    left = list(statuses)

    def answer(handler):
        handler.send_response(left.pop(0) if left else 204)
        for name, value in headers:
            handler.send_header(name, value)
        handler.end_headers()

    return answer


@pytest.fixture
def happened(account):
    """An account with some history, of which the endpoint has not been told."""
    token = account.api.register().json["access_token"]
    account.api.login()
    account.api.bearer("POST", "/auth/logout-all", token)
    return account


def operators(account):
    """What the operator's commands have of webhooks, over this stage."""
    return Webhooks(
        "test",
        URL,
        None,
        lambda event: account.functions[WEBHOOKS].invoke(event).answer["outcomes"],
        lambda: iter(account.tables.items("events")),
        None,
    )


def types(account):
    return [message["data"]["type"] for message in account.receiver.messages()]


def ids(account):
    return [headers["webhook-id"] for _, headers in account.receiver.requests]


def test_a_users_events_come_in_their_order(happened):
    happened.events.deliver()
    assert types(happened) == ["registered", "login_succeeded", "logged_out"]
    assert len(set(ids(happened))) == 3


def test_while_an_endpoint_fails_its_message_comes_again_and_nothing_overtakes_it(happened):
    happened.receiver.answer = answering(204, 500, 503)
    happened.events.deliver()
    assert types(happened) == ["registered", *["login_succeeded"] * 3, "logged_out"]
    bodies = [body for body, _ in happened.receiver.requests]
    assert len(set(ids(happened))) == len(set(bodies)) == 3
    assert happened.events.discarded == []


def test_a_function_that_dies_before_it_hears_the_answer_sends_the_same_message_again(happened):
    def die(handler):
        happened.receiver.answer = None
        for process in happened.functions[WEBHOOKS].process_ids():
            os.kill(process, signal.SIGKILL)
        answering(204)(handler)

    happened.receiver.answer = die
    happened.events.deliver()
    assert types(happened) == ["registered", "registered", "login_succeeded", "logged_out"]
    assert len(set(ids(happened))) == 3


def test_what_is_given_up_is_found_again_by_its_dead_letter_and_sent(happened):
    elsewhere = answering(*[307] * 4, headers=[("Location", "http://169.254.169.254/latest/meta-data/")])
    happened.receiver.answer = elsewhere
    with happened.events.retrying_at_most(1):
        happened.events.deliver()
    assert set(types(happened)) == {"registered"}
    (letter,) = happened.events.discarded
    happened.receiver.begin()
    webhooks, outcomes = operators(happened), []
    found = webhooks.written_in([window_of(json.dumps(letter))])
    assert webhooks.send_again(found, outcomes.append)
    assert types(happened) == ["registered", "login_succeeded", "logged_out"]
    assert [outcome["outcome"] for outcome in outcomes] == ["delivered"] * 3
    assert [outcome["webhook_id"] for outcome in outcomes] == ids(happened)


def test_a_deletion_is_told_although_the_history_is_gone(account):
    registered = account.api.register().json
    assert (
        account.api.bearer("POST", "/auth/delete-account", registered["access_token"], {"password": PASSWORD}).status
        == 204
    )
    account.events.deliver()
    told = {message["data"]["type"]: message["data"]["user_id"] for message in account.receiver.messages()}
    assert told == {"registered": registered["user"]["id"], "account_deleted": registered["user"]["id"]}


def test_the_log_says_what_became_of_each_and_nothing_of_the_endpoint(happened):
    happened.receiver.answer = answering(500)
    happened.events.deliver()
    text = "\n".join(happened.functions[WEBHOOKS].recent_log)
    lines = [json.loads(line) for line in happened.functions[WEBHOOKS].recent_log if line.startswith('{"time"')]
    assert [line["outcome"] for line in lines] == ["failed", *["delivered"] * 3]
    assert URL not in text
    assert "127.0.0.1" not in text
