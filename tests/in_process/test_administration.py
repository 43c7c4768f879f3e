"""What administrators see and do, over HTTP."""

import pytest

from tests.support.administrators import Administrators

PASSWORD = "correct horse battery staple"
NEW_PASSWORD = "a quite different passphrase"


@pytest.fixture
def admins(api, aws_clients, environment):
    return Administrators(api, aws_clients[0], environment["LYCHGATE_USERS_TABLE"])


@pytest.fixture
def root(admins):
    """The only administrator."""
    return admins.register("Root")


def token_of(answer):
    site, token = answer.json["link"].split("/account.html#reset=")
    assert site == "https://site.example"
    return token


def set_password(api, token, password=NEW_PASSWORD):
    return api.post("/auth/password/reset", {"token": token, "new_password": password})


def test_an_account_is_made_by_an_administrator_and_entered_by_whom_it_is_for(api, root):
    made = root.create("Bob", roles=["editor", "user"])
    assert made.status == 201
    assert made.headers["cache-control"] == "no-store"
    assert made.json["expires_in"] == 24 * 3600
    bob = made.json["user"]
    assert (bob["username"], bob["roles"], bob["disabled"], bob["email"]) == ("Bob", ["editor", "user"], False, None)
    assert [user["username"] for user in root.users("?username=bo").json["users"]] == ["Bob"]

    assert set_password(api, token_of(made)).status == 204
    tokens = api.login("bob", NEW_PASSWORD).json
    shown = root.show(bob["id"]).json
    assert shown["user"] == bob
    assert len(shown["sessions"]) == 1
    assert [event["type"] for event in shown["recent_events"]] == ["login_succeeded", "password_reset", "registered"]
    assert shown["factors"] == {"password": True, "totp": None, "recovery_codes_left": 0, "passkeys": []}
    assert shown["suppressed"] is None

    changed = root.change(bob["id"], roles=["user"], disabled=True)
    assert (changed.status, changed.json["user"]) == (200, {**bob, "roles": ["user"], "disabled": True})
    api.me(tokens["access_token"]).assert_problem(401, "invalid_token")
    assert root.change(bob["id"], disabled=False).json["user"]["disabled"] is False

    assert api.login("bob", NEW_PASSWORD).status == 200
    assert root.ask("POST", f"/users/{bob['id']}/logout-all").status == 204
    assert root.show(bob["id"]).json["sessions"] == []
    link = root.ask("POST", f"/users/{bob['id']}/reset-password")
    assert (link.status, link.json["expires_in"], link.headers["cache-control"]) == (200, 30 * 60, "no-store")
    assert set_password(api, token_of(link), PASSWORD).status == 204

    assert root.delete(bob["id"]).status == 204
    root.show(bob["id"]).assert_problem(404, "not_found")
    api.login("bob", PASSWORD).assert_problem(401, "invalid_credentials")
