"""What docs/protect-your-api.md tells to write and to type does what it says, wherever the API runs."""

import json
import urllib.request

import jwt

from chalicelib.accounts.caller import Caller
from chalicelib.accounts.ended import digest_of
from chalicelib.accounts.events import ADMIN, EventType, SecurityEvent
from chalicelib.adapters.dynamodb.administration import DynamoDBAdministrationStore
from chalicelib.adapters.dynamodb.ended import put_ended_session
from chalicelib.adapters.dynamodb.transactions import Database
from chalicelib.adapters.dynamodb.users import DynamoDBUserStore
from chalicelib.config.api import FRESH_SECONDS
from tests.guides.conftest import PAGE_OF_ROUTES as PAGE
from tests.guides.conftest import ROUTES
from tests.guides.markdown import prints_what_it_says
from tests.support import places
from tests.support.databases import tables_of
from tests.support.mail_flows import PASSWORD
from tests.support.site_of_ones_own import copy_with

TEN_LINES, WHOLE = PAGE.texts(ROUTES)
FILES = {ROUTES: WHOLE, "verify.py": PAGE.file("verify.py"), **PAGE.files_below("chalicelib/site/static")}
WORKS = {"items": [{"name": "plank", "quantity": 2, "price": 4.5}]}


def test_the_first_route_takes_ten_lines_and_is_in_the_whole_file_as_it_was():
    lines = [line for line in TEN_LINES.splitlines() if line]
    assert len(lines) <= 10
    assert set(lines) <= set(WHOLE.splitlines())


def test_every_command_prints_what_the_page_says(start, tmp_path, monkeypatch):
    project = copy_with(tmp_path / "project", FILES)
    server = start(checkout=project)
    monkeypatch.setenv("LYCHGATE_DATA_DIR", str(tmp_path / "accounts"))
    with urllib.request.urlopen(f"{server.url}/api/.well-known/openid-configuration") as answer:
        issuer = json.load(answer)["issuer"]
    verify = FILES["verify.py"].replace('"http://127.0.0.1:8000/api"', f'"{issuer}"')
    (project / "verify.py").write_text(verify.replace("http://127.0.0.1:8000/api/.well", f"{server.url}/api/.well"))

    outputs = prints_what_it_says(PAGE.transcript(), project, {"http://127.0.0.1:8000": server.url})

    said = "".join(outputs)
    assert all(error in said for error in ("invalid_token", "insufficient_scope", "validation_failed"))


def test_the_page_names_the_messages_of_every_type_that_a_body_may_have():
    text = (places.ROOT / "docs" / "protect-your-api.md").read_text("utf-8")
    bodies = (places.ROOT / "chalicelib" / "api" / "bodies.py").read_text("utf-8")
    for kind in ("a string", "an integer", "a number", "a boolean", "an array", "an object"):
        assert f"`This must be {kind}.`" in text
        assert f'"This must be {kind}."' in bodies


def test_the_route_refuses_and_takes_the_same_everywhere(place):
    api = place.api
    api.post("/orders", WORKS).assert_problem(401, "invalid_token")
    api.bearer("POST", "/orders", "nonsense", WORKS).assert_problem(401, "invalid_token")
    tokens = api.register("Alice").json

    def order(members=WORKS):
        return api.bearer("POST", "/orders", tokens["access_token"], members)

    refused = order({"items": "none"})
    refused.assert_problem(403, "insufficient_scope")
    assert 'error="insufficient_scope"' in refused.challenge
    give_role(place, "buyer")
    wrong = order({"items": [{**WORKS["items"][0], "price": True}]})
    wrong.assert_problem(422, "validation_failed")
    assert wrong.json["errors"] == [
        {"field": "items[0].price", "code": "wrong_type", "message": "This must be a number."}
    ]
    taken = order()
    assert (taken.status, taken.json) == (201, {"buyer": "Alice", "pieces": 2, "total": 9.0})
    taken.assert_hardened()
    give_role(place, "user")
    order().assert_problem(403, "insufficient_scope")
    assert api.logout(tokens["refresh_token"]).status == 204
    order().assert_problem(401, "invalid_token")
    paths = api.request("GET", "/openapi.json").json["paths"]
    assert paths["/menu"]["get"]["security"] == []
    assert paths["/greeting"]["get"]["security"] == [{"access_token": []}]
    assert paths["/orders"]["post"]["security"] == [{"access_token": ["buyer"]}]
    assert paths["/orders"]["delete"]["responses"]["401"]["$ref"].endswith("insufficient_user_authentication")


def test_a_public_route_asks_nobody_and_a_fresh_one_for_a_log_in_of_late(place, shared_clock):
    api = place.api
    assert api.request("GET", "/menu").json == {"plank": 4.5, "nail": 0.1}
    api.request("DELETE", "/orders").assert_problem(401, "invalid_token")
    tokens = api.register("Alice").json
    api.bearer("DELETE", "/orders", tokens["access_token"]).assert_problem(403, "insufficient_scope")
    give_role(place, "buyer")
    assert api.bearer("DELETE", "/orders", tokens["access_token"]).json == {"cancelled_by": "Alice"}

    shared_clock.advance(FRESH_SECONDS + 1)
    old = api.refresh(tokens["refresh_token"]).json["access_token"]
    refused = api.bearer("DELETE", "/orders", old)
    refused.assert_problem(401, "insufficient_user_authentication")
    assert api.bearer("GET", "/greeting", old).json == {"hello": "Alice"}
    again = api.bearer("POST", "/auth/reauthenticate", old, {"password": PASSWORD}).json["access_token"]
    assert api.bearer("DELETE", "/orders", again).json == {"cancelled_by": "Alice"}


def test_a_route_that_costs_no_read_refuses_an_ended_session_too(place, shared_clock):
    api = place.api
    api.request("GET", "/prices").assert_problem(401, "invalid_token")
    tokens = api.register("Alice").json
    prices = {"for": "Alice", "plank": 4.0}
    assert api.bearer("GET", "/prices", tokens["access_token"]).json == prices
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    assert api.logout(tokens["refresh_token"]).status == 204
    entry = put_ended_session(tables_of(place.tables.stage), claims["sid"], shared_clock())
    place.tables.client.transact_write_items(TransactItems=[entry])
    shared_clock.advance(11)
    api.bearer("GET", "/prices", tokens["access_token"]).assert_problem(401, "invalid_token")
    newer = api.login().json["access_token"]
    assert api.bearer("GET", "/prices", newer).json == prices
    published = api.request("GET", "/.well-known/revoked.json").json
    assert digest_of(claims["sid"]) in published["sessions"]


def give_role(place, role):
    database = Database(place.tables.client, tables_of(place.tables.stage))
    user = DynamoDBUserStore(database).find("alice")
    event = SecurityEvent(EventType.ROLES_CHANGED, user.id, places.EPOCH, Caller("", ""), actor=ADMIN)
    DynamoDBAdministrationStore(database).change(user, roles=(role,), disabled=False, events=[event])
