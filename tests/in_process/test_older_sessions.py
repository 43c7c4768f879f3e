"""Sessions that an earlier version has stored: they go on."""

import pytest

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
