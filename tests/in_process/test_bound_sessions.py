"""Bound sessions as their owner and a thief of the refresh token live through them."""

import pytest

from tests.support.proofs import ClientKey


@pytest.fixture
def key(settings, clock):
    return ClientKey(settings["LYCHGATE_ISSUER"], clock)


@pytest.fixture
def tokens(api, key):
    answer = api.post(
        "/auth/register",
        {"username": "alice", "password": "correct horse battery staple"},
        headers=key.headers("/auth/register"),
    )
    assert answer.status == 201
    return answer.json


def refreshed(api, key, refresh_token, **changes):
    return api.refresh(refresh_token, headers=key.headers("/auth/refresh", **changes))


def test_a_session_that_begins_with_a_proof_is_bound(api, tokens):
    (session,) = api.bearer("GET", "/auth/sessions", tokens["access_token"]).json["sessions"]
    assert session["bound"] is True


def test_a_session_that_begins_without_one_is_not(api):
    tokens = api.register("bob").json
    (session,) = api.bearer("GET", "/auth/sessions", tokens["access_token"]).json["sessions"]
    assert session["bound"] is False


def test_its_owner_refreshes_with_a_proof_each_time(api, key, tokens, clock):
    for _ in range(3):
        clock.advance(60)
        answer = refreshed(api, key, tokens["refresh_token"])
        assert answer.status == 200
        tokens = answer.json


def test_a_token_without_the_key_changes_nothing_for_the_owner_and_leaves_one_event(api, key, tokens, clock):
    stolen = tokens["refresh_token"]
    clock.advance(60)
    for _ in range(3):
        api.refresh(stolen).assert_problem(400, "invalid_dpop_proof")
    tokens = refreshed(api, key, stolen).json
    # However old it is: with a plain session this is reuse.
    clock.advance(3600)
    for stranger in (None, ClientKey(key.issuer, clock)):
        headers = stranger.headers("/auth/refresh") if stranger else None
        api.refresh(stolen, headers=headers).assert_problem(400, "invalid_dpop_proof")
    answer = refreshed(api, key, tokens["refresh_token"])
    assert answer.status == 200
    events = api.bearer("GET", "/dashboard", answer.json["access_token"]).json["recent_events"]
    assert [event["type"] for event in events] == ["refresh_without_key", "registered"]
