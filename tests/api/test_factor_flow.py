"""One user's way through all routes of second factors and passkeys, in every place."""

import pytest

from tests.support.authenticator import Authenticator
from tests.support.factors_over_http import (
    PASSWORD,
    claims_of,
    factors_of,
    first_step,
    history,
    log_in_with_passkey,
    reauthenticate,
    second_step,
    with_passkey,
    with_totp,
)


@pytest.mark.each_server
def test_factors_are_added_used_and_removed(api, clock):
    access_token = api.register("Alice").json["access_token"]
    authenticator = Authenticator()
    passkey = with_passkey(api, access_token, authenticator, label="Phone")
    assert claims_of(log_in_with_passkey(api, authenticator).json["access_token"])["acr"] == "aal2"
    app, codes = with_totp(api, clock, access_token)

    tokens = second_step(api, first_step(api)["challenge"], code=app.next_code(), token_delivery="cookie")
    assert (tokens.status, tokens.json["user"]["second_factor"]) == (200, True)
    access_token = tokens.json["access_token"]
    assert second_step(api, first_step(api)["challenge"], recovery_code=codes[0]).status == 200
    assert factors_of(api, access_token)["recovery_codes_left"] == 9
    assert len(api.bearer("POST", "/auth/recovery-codes", access_token).json["recovery_codes"]) == 10

    clock.advance(901)
    access_token = api.refresh(cookie=tokens.cookie).json["access_token"]
    path = f"/auth/passkeys/{passkey['id']}"
    assert api.bearer("PATCH", path, access_token, {"label": "Key"}).json["passkey"]["label"] == "Key"
    stale = api.bearer("DELETE", path, access_token)
    stale.assert_problem(401, "insufficient_user_authentication")
    assert stale.json["acr_values"] == "aal2"
    access_token = reauthenticate(api, access_token, password=PASSWORD, code=app.next_code()).json["access_token"]
    assert api.bearer("DELETE", path, access_token).status == 204
    assert api.bearer("DELETE", "/auth/totp", access_token).status == 204
    assert api.login().json["user"]["second_factor"] is False
    assert {
        "passkey_added",
        "passkey_removed",
        "second_factor_added",
        "second_factor_removed",
        "recovery_code_used",
        "reauthenticated",
    } <= set(history(api, access_token))
