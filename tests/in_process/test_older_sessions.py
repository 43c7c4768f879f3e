"""Sessions that an earlier version has stored: they go on."""

import pytest

from tests.support.proofs import ClientKey
from tests.support.whole import PASSWORD


@pytest.fixture
def older(api, aws_clients, environment):
    """Alice with a session that does not know when it authenticated."""
    alice = api.register("Alice").json
    dynamodb, _ = aws_clients
    table = environment["LYCHGATE_SESSIONS_TABLE"]
    (item,) = dynamodb.scan(TableName=table)["Items"]
    del item["authenticated_at"]
    dynamodb.put_item(TableName=table, Item=item)
    return alice


def test_a_session_without_the_time_of_its_authentication_has_authenticated_at_its_log_in(api, older, clock):
    clock.advance(900)
    refreshed = api.refresh(older["refresh_token"]).json
    unknown = api.bearer("DELETE", "/auth/sessions/unknown", refreshed["access_token"])
    unknown.assert_problem(404, "not_found")
    clock.advance(1)
    answer = api.bearer("POST", "/auth/logout-all", refreshed["access_token"])
    answer.assert_problem(401, "insufficient_user_authentication")
    assert answer.json["max_age"] == 900


def test_such_a_session_can_be_made_fresh(api, older, clock):
    clock.advance(901)
    refreshed = api.refresh(older["refresh_token"]).json
    again = api.bearer("POST", "/auth/reauthenticate", refreshed["access_token"], {"password": PASSWORD})
    assert again.status == 200
    assert api.bearer("POST", "/auth/logout-all", again.json["access_token"]).status == 204


def test_a_plain_session_is_stored_as_before_there_were_keys(api, aws_clients, environment):
    api.register("Alice")
    dynamodb, _ = aws_clients
    (item,) = dynamodb.scan(TableName=environment["LYCHGATE_SESSIONS_TABLE"])["Items"]
    assert {"bound_key", "key_proof_at", "key_proofs", "without_key_at"}.isdisjoint(item)


@pytest.mark.parametrize("with_proof", [True, False])
def test_such_a_session_is_plain_and_stays_so(api, older, settings, clock, with_proof):
    key = ClientKey(settings["LYCHGATE_ISSUER"], clock)
    token = older["refresh_token"]
    for _ in range(2):
        clock.advance(60)
        refreshed = api.refresh(token, headers=key.headers("/auth/refresh") if with_proof else None)
        token = refreshed.json["refresh_token"]
    (session,) = api.bearer("GET", "/auth/sessions", refreshed.json["access_token"]).json["sessions"]
    assert session["bound"] is False
    clock.advance(60)
    assert api.refresh(token).status == 200
    assert api.logout(token).status == 204
