"""What administrators see and do, over HTTP, and what nobody else does."""

from dataclasses import replace
from urllib.parse import quote, urlencode

import pytest

from chalicelib.adapters.dynamodb.attributes import from_item, to_item
from chalicelib.adapters.dynamodb.items import new_user_to_item, user_key
from chalicelib.adapters.dynamodb.mails import suppressed_key
from chalicelib.api import administration
from chalicelib.api.routing import Credential
from tests.support.administrators import Administrator, Administrators
from tests.support.authenticator import Authenticator
from tests.support.factors_over_http import reauthenticate, with_passkey, with_totp
from tests.support.mail_flows import ADDRESS, NEW_PASSWORD, OTHER_ADDRESS, PASSWORD, confirm, reset, with_address
from tests.support.proofs import ClientKey
from tests.support.samples import ALICE

OPERATIONS = administration.routes.operations
BODIES = {"POST /admin/users": {"username": "Carol"}, "PATCH /admin/users/{user_id}": {"disabled": True}}
FRESH_SECONDS = 900
DAY = 24 * 3600


@pytest.fixture
def admins(api, aws_clients, environment):
    return Administrators(api, aws_clients[0], environment["LYCHGATE_USERS_TABLE"])


@pytest.fixture
def root(admins):
    """The only administrator, at first."""
    return admins.register("Root")


@pytest.fixture
def bob(api):
    """Somebody who is none."""
    return Administrator(api, api.register("Bob").json)


def name_of(operation):
    return f"{operation.method} {operation.path}"


def call(who, operation, user_id):
    """Make the request of an operation about a user, with a body that is right."""
    path = operation.path.removeprefix("/admin").format(user_id=user_id)
    return who.ask(operation.method, path, BODIES.get(name_of(operation)))


def token_of(answer):
    site, token = answer.json["link"].split("/account.html#reset=")
    assert site == "https://site.example"
    return token


def link_for(root, user_id):
    answer = root.ask("POST", f"/users/{user_id}/reset-password")
    assert answer.status == 200, answer.body
    return token_of(answer)


def types_of(answer):
    return [event["type"] for event in answer.json["recent_events"]]


def fields_of(answer):
    answer.assert_problem(422, "validation_failed")
    return [error["field"] for error in answer.json["errors"]]


def test_an_account_is_made_by_an_administrator_and_entered_by_whom_it_is_for(api, root):
    made = root.create("Bob", roles=["editor", "user"])
    assert made.status == 201
    assert made.headers["cache-control"] == "no-store"
    assert made.json["expires_in"] == DAY
    bob = made.json["user"]
    assert (bob["username"], bob["roles"], bob["disabled"], bob["email"]) == ("Bob", ["editor", "user"], False, None)
    assert [user["username"] for user in root.users("?username=bo").json["users"]] == ["Bob"]
    assert root.show(bob["id"]).json["factors"]["password"] is False

    assert reset(api, token_of(made)).status == 204
    tokens = api.login("bob", NEW_PASSWORD).json
    shown = root.show(bob["id"])
    assert shown.json["user"] == bob
    (session,) = shown.json["sessions"]
    assert set(session) == {"id", "created_at", "last_used_at", "expires_at", "ip", "user_agent", "bound"}
    assert session["bound"] is False
    assert types_of(shown) == ["login_succeeded", "password_reset", "registered"]
    assert shown.json["factors"] == {"password": True, "totp": None, "recovery_codes_left": 0, "passkeys": []}
    assert shown.json["suppressed"] is None

    changed = root.change(bob["id"], roles=["user"], disabled=True)
    assert (changed.status, changed.json["user"]) == (200, {**bob, "roles": ["user"], "disabled": True})
    api.me(tokens["access_token"]).assert_problem(401, "invalid_token")
    assert root.change(bob["id"], disabled=False).json["user"]["disabled"] is False
    assert root.change(bob["id"]).json["user"] == {**bob, "roles": ["user"]}

    assert api.login("bob", NEW_PASSWORD).status == 200
    assert root.ask("POST", f"/users/{bob['id']}/logout-all").status == 204
    assert root.show(bob["id"]).json["sessions"] == []

    assert root.delete(bob["id"]).status == 204
    root.show(bob["id"]).assert_problem(404, "not_found")
    api.login("bob", NEW_PASSWORD).assert_problem(401, "invalid_credentials")
    assert root.create("Bob").status == 201


def test_an_administrator_is_told_which_sessions_are_bound_to_a_key(api, root, bob, settings, clock):
    key = ClientKey(settings["LYCHGATE_ISSUER"], clock)
    body = {"username": "bob", "password": PASSWORD}
    assert api.post("/auth/login", body, headers=key.headers("/auth/login")).status == 200
    assert sorted(session["bound"] for session in root.show(bob.id).json["sessions"]) == [False, True]


class TestWhoMay:
    def test_nobody_without_a_token_or_the_role(self, api, root, bob):
        before = root.show(root.id).json["user"]
        for operation in OPERATIONS:
            path = operation.path.format(user_id=root.id)
            api.request(operation.method, path).assert_problem(401, "invalid_token")
            refused = call(bob, operation, root.id)
            refused.assert_problem(403, "insufficient_scope")
            assert refused.json["detail"] == "This needs the role admin, which your account does not have."
        assert root.show(root.id).json["user"] == before
        assert [user["username"] for user in root.users().json["users"]] == ["Bob", "Root"]

    def test_a_role_is_asked_for_before_anything_is_said_of_the_request(self, bob):
        for path in ("/users?limit=x", "/users?cursor=x", "/users/nobody"):
            bob.ask("GET", path).assert_problem(403, "insufficient_scope")
        for members in ({}, {"username": "Root"}, {"username": "!"}):
            bob.ask("POST", "/users", members).assert_problem(403, "insufficient_scope")

    def test_who_is_demoted_may_no_more_at_once_and_who_is_disabled_is_out(self, admins, root):
        demoted, disabled = admins.register("Carol"), admins.register("Dave")
        assert demoted.users().status == disabled.users().status == 200
        assert root.change(demoted.id, roles=["user"]).status == 200
        assert root.change(disabled.id, disabled=True).status == 200
        for operation in OPERATIONS:
            call(demoted, operation, root.id).assert_problem(403, "insufficient_scope")
            call(disabled, operation, root.id).assert_problem(401, "invalid_token")

    def test_a_session_that_is_not_fresh_may_look_and_end_sessions_and_no_more(self, api, root, bob, clock):
        renewed = api.login("Root").json["refresh_token"]
        clock.advance(FRESH_SECONDS + 1)
        root.token = api.refresh(renewed).json["access_token"]
        for operation in OPERATIONS:
            answer = call(root, operation, bob.id)
            if operation.credential is Credential.FRESH:
                answer.assert_problem(401, "insufficient_user_authentication")
                assert answer.json["max_age"] == FRESH_SECONDS
                assert f'max_age="{FRESH_SECONDS}"' in answer.challenge
            else:
                assert answer.status in {200, 204}
        assert {name_of(operation) for operation in OPERATIONS if operation.credential is not Credential.FRESH} == {
            "GET /admin/users",
            "GET /admin/users/{user_id}",
            "POST /admin/users/{user_id}/logout-all",
        }

    def test_an_administrator_does_not_make_the_own_session_fresh(self, api, root, clock):
        refresh_token = api.login("Root").json["refresh_token"]
        link = link_for(root, root.id)
        clock.advance(FRESH_SECONDS + 1)
        root.token = api.refresh(refresh_token).json["access_token"]
        for operation in OPERATIONS:
            if operation.credential is Credential.FRESH:
                call(root, operation, root.id).assert_problem(401, "insufficient_user_authentication")
        # The link was made while it was: it is good for a password, and ends the session.
        assert reset(api, link).status == 204
        root.users().assert_problem(401, "invalid_token")

    def test_who_has_an_app_is_fresh_by_both_factors_only(self, api, root, bob, clock):
        app, _ = with_totp(api, clock, root.token)
        assert root.change(bob.id, roles=["user", "editor"]).status == 200
        clock.advance(FRESH_SECONDS + 1)
        challenge = api.login("Root").json["challenge"]
        again = api.post("/auth/login/second-factor", {"challenge": challenge, "code": app.next_code()})
        root.token = again.json["access_token"]
        assert root.change(bob.id, roles=["user"]).status == 200
        clock.advance(FRESH_SECONDS + 1)
        root.token = api.refresh(again.json["refresh_token"]).json["access_token"]
        answer = root.change(bob.id, disabled=True)
        answer.assert_problem(401, "insufficient_user_authentication")
        assert answer.json["acr_values"] == "aal2"
        proved = reauthenticate(api, root.token, password=PASSWORD, code=app.next_code())
        root.token = proved.json["access_token"]
        assert root.change(bob.id, disabled=True).status == 200


class TestTheList:
    NAMES = ("Alice", "alina", "Bob", "Straße", "Zoë")

    @pytest.fixture(autouse=True)
    def _users(self, root):
        for name in self.NAMES:
            assert root.create(name).status == 201

    def names(self, root, **query):
        answer = root.users(f"?{urlencode(query)}")
        assert answer.status == 200, answer.body
        return [user["username"] for user in answer.json["users"]]

    def test_goes_on_where_the_page_before_has_ended(self, root):
        seen, cursor, pages = [], None, 0
        while pages == 0 or cursor is not None:
            page = root.users("?" + urlencode({"limit": 2, **({"cursor": cursor} if cursor else {})})).json
            assert len(page["users"]) <= 2
            seen += [user["username"] for user in page["users"]]
            cursor, pages = page["next_cursor"], pages + 1
        assert seen == ["Alice", "alina", "Bob", "Root", "Straße", "Zoë"]

    def test_finds_names_as_they_are_compared(self, root):
        for prefix in ("ALI", "ali", "\uff21\uff2c\uff29"):
            assert self.names(root, username=prefix) == ["Alice", "alina"]
        for prefix in ("strass", "STRAẞ", "straß"):
            assert self.names(root, username=prefix) == ["Straße"]
        assert self.names(root, username="ZOE\u0308") == self.names(root, username="zo\u00eb") == ["Zoë"]

    def test_has_nobody_whose_name_does_not_begin_so(self, root):
        for prefix in (
            "x",
            "\0",
            "ali\0",
            "a" * 254,
            "a" * 255,
            "a" * 500,
            "\u1e9e" * 500,
            "\U00010330" * 1016,
            "a" * 5000,
            "%",
            "' OR 1",
        ):
            answer = root.users(f"?{urlencode({'username': prefix})}")
            assert answer.json == {"users": [], "next_cursor": None}, ascii(prefix)
        for octets in ("%ED%A0%80", "%FF", "ali%00", "%C3"):
            assert root.users(f"?username={octets}").json["users"] == []

    def test_refuses_a_limit_that_is_none(self, root):
        for limit in ("0", "-1", "101", "01", "+5", "1.0", "1e1", " 5", "5 ", "", "x", "\u0665", "9" * 16, "9" * 400):
            assert fields_of(root.users(f"?limit={quote(limit)}")) == ["limit"], limit

    def test_takes_each_limit_from_1_to_100(self, root):
        assert len(root.users("?limit=1").json["users"]) == 1
        assert len(root.users("?limit=100").json["users"]) == 6

    def test_refuses_a_parameter_that_is_there_twice_and_names_it(self, root):
        assert fields_of(root.users("?limit=5&limit=5")) == ["limit"]
        assert fields_of(root.users("?username=a&limit=0x1&username=b")) == ["limit", "username"]
        assert fields_of(root.users("?cursor=&cursor=")) == ["cursor"]

    def test_ignores_what_it_does_not_know(self, root):
        assert self.names(root, limit=1, page=7, Limit="x") == ["Alice"]
        assert len(root.users("?").json["users"]) == 6

    def test_refuses_a_cursor_that_is_none_or_belongs_to_another_list(self, api, root, clock):
        cursor = root.users("?limit=1&username=al").json["next_cursor"]
        assert self.names(root, cursor=cursor, username="AL") == ["alina"]
        assert "alice" not in cursor
        another_seal = api.bearer("POST", "/auth/totp", root.token).json["pending"]
        middle = len(cursor) // 2
        broken = {
            "cut": cursor[:-1],
            "cut in front": cursor[1:],
            "another character": cursor[:middle] + ("A" if cursor[middle] != "A" else "B") + cursor[middle + 1 :],
            "a character more": cursor + "A",
            "doubled": cursor * 2,
            "another pepper": "x" + cursor,
            "another purpose": another_seal,
            "empty": "",
            "a name": "alice",
            "no ASCII": "\u00e9.\u0661",
            "null": "\0",
            "long": "A" * 5000,
        }
        for name, text in broken.items():
            query = urlencode({"cursor": text, "username": "al"})
            assert fields_of(root.users(f"?{query}")) == ["cursor"], name
        for prefix in ("", "a", "ali", "b"):
            assert fields_of(root.users(f"?{urlencode({'cursor': cursor, 'username': prefix})}")) == ["cursor"]


class TestNewAccounts:
    def test_are_refused_with_what_is_wrong_with_each_field(self, root, bob):
        for members, fields in (
            ({"username": "a!"}, ["username"]),
            ({"username": "\u0430lice"}, ["username"]),
            ({"username": "Carol", "email": "nowhere"}, ["email"]),
            ({"username": "Carol", "roles": []}, ["roles"]),
            ({"username": "Carol", "roles": ["Admin"]}, ["roles"]),
            ({"username": "Carol", "roles": [f"role-{n}" for n in range(17)]}, ["roles"]),
            ({"username": "x", "email": "x", "roles": ["!"]}, ["username", "email", "roles"]),
            ({"username": "Carol", "password": PASSWORD}, ["password"]),
            ({}, ["username"]),
        ):
            assert fields_of(root.ask("POST", "/users", members)) == fields
        root.create("bOB").assert_problem(409, "username_taken")
        assert [user["username"] for user in root.users().json["users"]] == ["Bob", "Root"]

    def test_may_be_administrators(self, api, root):
        made = root.create("Carol", roles=["admin", "user", "admin"])
        assert made.json["user"]["roles"] == ["admin", "user"]
        assert reset(api, token_of(made)).status == 204
        assert Administrator(api, api.login("Carol", NEW_PASSWORD).json).users().status == 200

    def test_get_an_invitation_whose_link_works_and_confirms_the_address(self, api, root, mailbox):
        made = root.create("Carol", email=ADDRESS)
        (mail,) = mailbox.all()
        assert (mail["to"], mail["subject"]) == (ADDRESS, "Your account at site.example")
        assert "24 hours" in mail["text"]
        assert "Carol" not in mail["text"] + mail["html"] + mail["subject"]
        assert reset(api, mailbox.token(ADDRESS, "reset")).status == 204
        user = api.login("Carol", NEW_PASSWORD).json["user"]
        assert (user["email"], user["email_verified"]) == (ADDRESS, True)
        # The other link of the same account is no longer good.
        reset(api, token_of(made), PASSWORD).assert_problem(410, "link_expired")
        assert api.login("Carol", NEW_PASSWORD).status == 200

    def test_the_link_that_an_administrator_was_shown_confirms_no_address(self, api, root, mailbox):
        made = root.create("Carol", email=ADDRESS)
        mailed = mailbox.token(ADDRESS, "reset")
        assert reset(api, token_of(made)).status == 204
        assert api.login("Carol", NEW_PASSWORD).json["user"]["email_verified"] is False
        # Nor does the other one afterwards.
        reset(api, mailed, PASSWORD).assert_problem(410, "link_expired")
        assert api.login("Carol", NEW_PASSWORD).json["user"]["email_verified"] is False

    def test_whose_address_is_somebody_elses_by_now_get_their_password_and_not_the_address(
        self, api, root, mailbox, clock
    ):
        root.create("Carol", email=ADDRESS)
        invited = mailbox.token(ADDRESS, "reset")
        assert api.register("Dave", email=ADDRESS).status == 201
        assert api.post("/auth/email/confirm", {"token": mailbox.token(ADDRESS, "email")}).status == 204
        assert reset(api, invited).status == 204
        user = api.login("Carol", NEW_PASSWORD).json["user"]
        assert (user["email"], user["email_verified"]) == (ADDRESS, False)
        assert api.login("Dave").json["user"]["email_verified"] is True
        clock.advance(61)
        assert api.post("/auth/password/forgot", {"username": "Carol"}).status == 202
        assert len([mail for mail in mailbox.all() if "#reset=" in mail["text"]]) == 1

    @pytest.mark.parametrize("by_address", [False, True], ids=["by name", "by address"])
    def test_who_were_invited_by_mail_get_a_new_password_and_notices(self, api, request, mailbox, clock, by_address):
        name = ADDRESS if by_address else "Carol"
        administrator = request.getfixturevalue("root_by_address" if by_address else "root")
        assert administrator.create(name, **({} if by_address else {"email": ADDRESS})).status == 201
        assert reset(api, mailbox.token(ADDRESS, "reset")).status == 204
        token = api.login(name, NEW_PASSWORD).json["access_token"]
        events = [event["type"] for event in api.bearer("GET", "/dashboard", token).json["recent_events"]]
        assert {"password_reset", "email_verified"} <= set(events)
        clock.advance(61)
        assert api.post("/auth/password/forgot", {"username": ADDRESS}).status == 202
        assert reset(api, mailbox.token(ADDRESS, "reset"), PASSWORD).status == 204
        assert mailbox.newest(to=ADDRESS)["subject"].startswith("Your password")
        assert api.login(name, PASSWORD).status == 200

    def test_who_have_not_shown_to_get_mail_are_told_so_by_a_registration(self, api, root_by_address, mailbox, clock):
        made = root_by_address.create(OTHER_ADDRESS)
        assert reset(api, token_of(made)).status == 204
        assert api.post("/auth/register", {"email": OTHER_ADDRESS}).status == 202
        told = mailbox.newest(to=OTHER_ADDRESS)
        assert "Nobody has confirmed" in told["text"]
        assert "ask for a new one" not in told["text"]
        # The way that it names.
        token = api.login(OTHER_ADDRESS, NEW_PASSWORD).json["access_token"]
        clock.advance(61)
        assert api.bearer("POST", "/auth/email/resend", token).status == 202
        assert api.post("/auth/email/confirm", {"token": mailbox.token(OTHER_ADDRESS, "email")}).status == 204
        clock.advance(3600)
        assert api.post("/auth/register", {"email": OTHER_ADDRESS}).status == 202
        assert "ask for a new one" in " ".join(mailbox.newest(to=OTHER_ADDRESS)["text"].split())

    def test_are_named_by_their_address_where_that_is_the_name(self, api, settings, root_by_address, mailbox):
        made = root_by_address.create(OTHER_ADDRESS)
        assert made.status == 201, made.body
        assert (made.json["user"]["username"], made.json["user"]["email"]) == (OTHER_ADDRESS, OTHER_ADDRESS)
        assert fields_of(root_by_address.create("Carol")) == ["username", "email"]
        assert reset(api, mailbox.token(OTHER_ADDRESS, "reset")).status == 204
        assert api.login(OTHER_ADDRESS, NEW_PASSWORD).status == 200

    @pytest.fixture
    def root_by_address(self, api, settings, admins, mailbox):
        settings["LYCHGATE_IDENTIFIER"] = "email"
        assert api.post("/auth/register", {"email": "root@example.org", "password": PASSWORD}).status == 202
        tokens = api.post("/auth/register/confirm", {"token": mailbox.token("root@example.org", "register")}).json
        admins.promote("root@example.org")
        return Administrator(api, tokens)

    def test_have_an_address_where_one_is_needed_and_none_where_no_mail_is_sent(self, api, settings, admins):
        settings["LYCHGATE_EMAIL"] = "required"
        root = Administrator(api, api.register("Root", email="root@example.org").json)
        admins.promote("Root")
        assert fields_of(root.create("Carol")) == ["email"]
        assert root.create("Carol", email=ADDRESS).status == 201

    def test_are_entered_by_the_link_where_no_mail_is_sent(self, api, settings, admins):
        settings["LYCHGATE_EMAIL"] = "off"
        root = admins.register("Root")
        assert fields_of(root.create("Carol", email=ADDRESS)) == ["email"]
        made = root.create("Carol")
        assert reset(api, token_of(made)).status == 204
        assert api.login("Carol", NEW_PASSWORD).status == 200
        again = link_for(root, made.json["user"]["id"])
        assert reset(api, again, PASSWORD).status == 204
        reset(api, again).assert_problem(410, "link_expired")
        assert api.login("Carol", PASSWORD).status == 200


class TestLinks:
    def test_are_good_once_until_they_are_too_old(self, api, root, bob, clock):
        made = token_of(root.create("Carol"))
        link = link_for(root, bob.id)
        clock.advance(30 * 60)
        reset(api, link).assert_problem(410, "link_expired")
        clock.advance(DAY - 30 * 60 - 1)
        assert reset(api, made).status == 204
        reset(api, made, PASSWORD).assert_problem(410, "link_expired")
        api.login("Bob", NEW_PASSWORD).assert_problem(401, "invalid_credentials")

    def test_leave_password_and_sessions_as_they_are_until_they_are_used(self, api, root, bob):
        link = link_for(root, bob.id)
        assert api.me(bob.token).status == 200
        assert api.login("Bob").status == 200
        reset(api, link, "too short").assert_problem(422, "validation_failed")
        assert reset(api, link).status == 204
        api.me(bob.token).assert_problem(401, "invalid_token")

    def test_are_void_once_the_password_has_changed_by_another_way(self, api, root, bob):
        first, second = link_for(root, bob.id), link_for(root, bob.id)
        assert reset(api, second).status == 204
        reset(api, first, PASSWORD).assert_problem(410, "link_expired")
        third = link_for(root, bob.id)
        tokens = api.login("Bob", NEW_PASSWORD).json
        passwords = {"current_password": NEW_PASSWORD, "new_password": PASSWORD}
        assert api.bearer("PUT", "/auth/password", tokens["access_token"], passwords).status == 200
        reset(api, third).assert_problem(410, "link_expired")

    def test_are_void_once_the_address_has_changed(self, api, root, mailbox, clock):
        alice = with_address(api, mailbox, clock)
        link = link_for(root, alice["user"]["id"])
        mailed = mailbox.token(ADDRESS, "reset")
        clock.advance(60)
        assert api.bearer("PUT", "/auth/email", alice["access_token"], {"email": OTHER_ADDRESS}).status == 202
        assert confirm(api, mailbox.token(OTHER_ADDRESS, "email")).status == 204
        for token in (link, mailed):
            reset(api, token).assert_problem(410, "link_expired")

    def test_are_void_while_the_user_is_disabled_and_not_made_then(self, api, root, bob):
        link = link_for(root, bob.id)
        assert root.change(bob.id, disabled=True).status == 200
        reset(api, link).assert_problem(410, "link_expired")
        root.ask("POST", f"/users/{bob.id}/reset-password").assert_problem(409, "conflict")

    def test_are_mailed_to_a_confirmed_address_only(self, api, root, mailbox, clock):
        alice = with_address(api, mailbox, clock)
        carol = api.register("Carol", email=OTHER_ADDRESS).json
        mailbox.all()
        before = len(mailbox.all())
        link_for(root, carol["user"]["id"])
        assert len(mailbox.all()) == before
        link = link_for(root, alice["user"]["id"])
        mailed = mailbox.token(ADDRESS, "reset")
        assert mailed != link
        assert reset(api, mailed).status == 204
        assert api.login("Alice", NEW_PASSWORD).status == 200

    def test_leave_a_second_factor_in_place(self, api, root, bob, clock):
        app, _ = with_totp(api, clock, bob.token)
        assert reset(api, link_for(root, bob.id)).status == 204
        challenge = api.login("Bob", NEW_PASSWORD).json["challenge"]
        members = {"challenge": challenge, "code": app.next_code()}
        assert api.post("/auth/login/second-factor", members).status == 200

    def test_are_no_links_for_anything_else(self, api, root, bob):
        link = link_for(root, bob.id)
        confirm(api, link).assert_problem(410, "link_expired")
        assert reset(api, link).status == 204


class TestTheLastAdministrator:
    @pytest.fixture
    def ways_out(self, api, root):
        return {
            "demoted": lambda: root.change(root.id, roles=["user"]),
            "disabled": lambda: root.change(root.id, disabled=True),
            "deleted": lambda: root.delete(root.id),
            "gone": lambda: api.bearer("POST", "/auth/delete-account", root.token, {"password": PASSWORD}),
        }

    def test_is_not_demoted_disabled_or_deleted_and_does_not_go(self, root, ways_out):
        before = root.show(root.id).json
        for name, leave in ways_out.items():
            answer = leave()
            answer.assert_problem(409, "conflict")
            assert "last administrator" in answer.json["detail"], name
        assert root.show(root.id).json == before

    @pytest.mark.parametrize("way", ["demoted", "disabled", "deleted", "gone"])
    def test_may_go_in_each_way_once_there_is_another(self, admins, ways_out, way):
        carol = admins.register("Carol")
        assert carol.change(carol.id, roles=["admin"]).status == 200
        assert ways_out[way]().status in {200, 204}
        assert carol.users().status == 200
        carol.change(carol.id, disabled=True).assert_problem(409, "conflict")


def test_a_user_who_was_imported_with_an_id_is_administered_like_any_other(api, root, aws_clients, environment):
    user_id = "auth0|5dea9f9c82dd7c0e76e4ec93.1:a"
    item = new_user_to_item(replace(ALICE, id=user_id), sessions=0)
    aws_clients[0].put_item(TableName=environment["LYCHGATE_USERS_TABLE"], Item=item)
    assert root.users().json["users"][0]["id"] == user_id
    for path in (quote(user_id, safe=""), user_id):
        assert root.show(path).json["user"]["id"] == user_id
    path = quote(user_id, safe="")
    assert root.change(path, disabled=True).json["user"]["disabled"]
    assert root.ask("POST", f"/users/{path}/logout-all").status == 204
    assert root.change(path, disabled=False).status == 200
    assert reset(api, link_for(root, path)).status == 204
    assert root.delete(path).status == 204
    assert len(root.users().json["users"]) == 1


class TestWhatIsRecorded:
    def test_each_action_is_in_both_histories_and_the_users_names_nobody(self, api, root, bob, clock):
        with_totp(api, clock, bob.token)
        clock.advance(60)
        actions = [
            ("roles_changed", lambda: root.change(bob.id, roles=["editor"])),
            ("password_link_made", lambda: root.ask("POST", f"/users/{bob.id}/reset-password")),
            ("second_factor_removed", lambda: root.ask("DELETE", f"/users/{bob.id}/second-factor")),
            ("logged_out", lambda: root.ask("POST", f"/users/{bob.id}/logout-all")),
            ("account_disabled", lambda: root.change(bob.id, disabled=True)),
            ("account_enabled", lambda: root.change(bob.id, disabled=False)),
        ]
        for kind, act in actions:
            assert act().status in {200, 204}
            told = root.show(bob.id).json["recent_events"][0]
            assert (told["type"], told["actor"], told["ip"], told["user_agent"]) == (kind, "admin", "", "")
            assert "subject" not in told
            assert root.id not in str(told)
            own = root.show(root.id).json["recent_events"][0]
            assert (own["type"], own["subject"], own["ip"]) == (kind, bob.id, "127.0.0.1")
            assert "actor" not in own
            clock.advance(1)
        assert root.delete(bob.id).status == 204
        own = root.show(root.id).json["recent_events"][0]
        assert (own["type"], own["subject"]) == ("account_deleted", bob.id)

    def test_what_is_left_of_a_deletion_outlives_the_administrator_who_did_it(
        self, api, admins, root, bob, aws_clients, environment
    ):
        second = admins.register("Second")
        assert second.delete(bob.id).status == 204
        assert second.delete(second.id).status == 204
        stored = aws_clients[0].scan(TableName=environment["LYCHGATE_EVENTS_TABLE"])["Items"]
        left = [event for event in map(from_item, stored) if event["type"] == "account_deleted"]
        assert {(each["subject"], each["actor"], each["actor_id"], each["ip"]) for each in left} == {
            (bob.id, "admin", second.id, ""),
            (second.id, "admin", second.id, ""),
        }
        assert {each["user_id"] for each in left}.isdisjoint({root.id, second.id, bob.id})

    def test_a_user_sees_what_was_done_and_not_by_whom(self, api, root, bob):
        assert root.change(bob.id, roles=["editor", "user"]).status == 200
        event = api.bearer("GET", "/dashboard", bob.token).json["recent_events"][0]
        assert (event["type"], event["actor"]) == ("roles_changed", "admin")
        assert {"subject", "actor_id"}.isdisjoint(event)

    def test_what_changes_nothing_leaves_nothing(self, root, bob):
        assert root.change(bob.id, roles=["user"], disabled=False).status == 200
        assert types_of(root.show(bob.id)) == ["registered"]

    def test_the_user_is_told_by_mail_that_the_second_factor_is_gone(self, api, root, mailbox, clock):
        alice = with_address(api, mailbox, clock)
        with_totp(api, clock, alice["access_token"])
        clock.advance(60)
        assert root.ask("DELETE", f"/users/{alice['user']['id']}/second-factor").status == 204
        assert "authenticator app" in mailbox.newest(ADDRESS)["text"]
        assert api.login("Alice").status == 200
        root.ask("DELETE", f"/users/{alice['user']['id']}/second-factor").assert_problem(404, "not_found")


def test_no_answer_has_a_hash_a_secret_or_a_key_in_it(api, root, bob, clock, aws_clients, environment):
    with_passkey(api, bob.token, Authenticator())
    _, codes = with_totp(api, clock, bob.token)
    table = environment["LYCHGATE_USERS_TABLE"]
    item = aws_clients[0].get_item(TableName=table, Key=user_key("Bob"))["Item"]
    secrets = {item["password_hash"]["S"], item["totp"]["S"], *item["recovery"]["SS"], *codes}
    assert len(secrets) > 12
    answers = [
        root.users(),
        root.show(bob.id),
        root.change(bob.id, roles=["editor"]),
        root.ask("POST", f"/users/{bob.id}/reset-password"),
        root.create("Carol"),
    ]
    for answer in answers:
        text = answer.body.decode()
        assert not [secret for secret in secrets if secret in text]
        assert "public_key" not in text
        assert "hash" not in text
    shown = root.show(bob.id).json
    assert set(shown) == {"user", "sessions", "recent_events", "factors", "suppressed"}
    assert shown["factors"] == api.bearer("GET", "/auth/factors", bob.token).json


def test_it_shows_that_and_why_mail_does_not_reach_a_user(api, root, mailbox, clock, aws_clients, environment):
    alice = with_address(api, mailbox, clock)
    item = suppressed_key(ADDRESS.lower()) | to_item({"reason": "complaint", "at": clock()})
    aws_clients[0].put_item(TableName=environment["LYCHGATE_MAIL_TABLE"], Item=item)
    suppressed = root.show(alice["user"]["id"]).json["suppressed"]
    assert suppressed == {"reason": "complaint", "at": "2027-01-15T08:01:00Z"}


def test_a_user_id_that_is_none_is_not_found(root):
    for user_id in ("nobody", "x" * 65, "x" * 3000, "%00", "%C3%A9", "a%2Fb", "administrators", "%25"):
        for operation in OPERATIONS:
            if "{user_id}" in operation.path:
                call(root, operation, user_id).assert_problem(404, "not_found")


def test_a_body_that_is_none_is_refused(root, bob):
    for members, fields in (
        ({"roles": "admin"}, ["roles"]),
        ({"roles": [1]}, ["roles[0]"]),
        ({"roles": None}, ["roles"]),
        ({"roles": []}, ["roles"]),
        ({"disabled": "true"}, ["disabled"]),
        ({"disabled": None}, ["disabled"]),
        ({"password": PASSWORD}, ["password"]),
        ({"username": "Carol"}, ["username"]),
    ):
        assert fields_of(root.change(bob.id, **members)) == fields
    assert root.show(bob.id).json["user"]["roles"] == ["user"]
