"""Routes of a site's own, declared as ours are: live, and for a role if they ask for one."""

from dataclasses import dataclass
from typing import TypedDict

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from chalicelib.accounts import roles
from chalicelib.accounts.caller import Caller
from chalicelib.accounts.events import ADMIN, EventType, SecurityEvent
from chalicelib.adapters.dynamodb.items import user_key
from chalicelib.api import routing
from chalicelib.api.responses import Answer
from chalicelib.api.routing import Call, Credential, Routes
from chalicelib.config.api import ApiSettings
from chalicelib.wiring import dynamodb_stores
from tests.support.api_client import in_process
from tests.support.application import application, clients_of

FRESH_SECONDS = 900
FORBIDDEN = "This needs the role editor, which your account does not have."

own = Routes()


class Greeting(TypedDict):
    """Who was greeted."""

    name: str
    roles: list[str]


@dataclass(frozen=True)
class Order:
    """What is ordered."""

    quantity: int


def greeting(call):
    return Answer({"name": call.user.username, "roles": list(call.user.roles)})


@own.operation("GET", "/own", credential=Credential.LIVE)
def own_live(call: Call) -> Answer[Greeting]:
    """Greet whoever is logged in."""
    return greeting(call)


@own.operation("POST", "/own/reports", credential=Credential.LIVE, role="editor")
def own_report(call: Call, body: Order) -> Answer[Greeting]:
    """Take a report of an editor."""
    return greeting(call)


@own.operation("DELETE", "/own/reports", credential=Credential.FRESH, role="editor")
def own_deletion(call: Call) -> Answer[Greeting]:
    """Delete what editors have written."""
    return greeting(call)


@own.operation("GET", "/own/open")
def own_open(call: Call) -> Answer[Greeting]:
    """Greet a user that nobody has read."""
    return greeting(call)


@pytest.fixture
def api(aws, aws_clients, environment, clock):
    dynamodb, ssm = aws_clients
    return in_process(
        application(environment, clients=clients_of(dynamodb=dynamodb, ssm=ssm), clock=clock, routes=[own])
    )


def test_the_role_that_our_own_routes_ask_for_is_that_of_administrators():
    assert routing.ADMIN == roles.ADMIN
    assert roles.role_error(routing.ADMIN) is None
    with pytest.raises(ValueError, match=r"needs Credential\.LIVE"):
        Routes().operation("GET", "/own", role=routing.ADMIN)


@pytest.fixture
def give(aws_clients, environment):
    """Give Alice exactly these roles, behind the API's back."""

    def give(*roles):
        aws_clients[0].update_item(
            TableName=environment["LYCHGATE_USERS_TABLE"],
            Key=user_key("alice"),
            UpdateExpression="SET #roles = :roles",
            ExpressionAttributeNames={"#roles": "roles"},
            ExpressionAttributeValues={":roles": {"SS": list(roles)}},
        )

    return give


@pytest.fixture
def tokens(api):
    return api.register("Alice").json


@pytest.fixture
def ask(api, tokens):
    """Make one of the requests as Alice."""

    def ask(method, path, members=None, access_token=None):
        return api.bearer(method, path, access_token or tokens["access_token"], members)

    return ask


def test_an_own_route_knows_who_asks(ask):
    answer = ask("GET", "/own")
    assert (answer.status, answer.json) == (200, {"name": "Alice", "roles": ["user"]})
    answer.assert_hardened()


@pytest.mark.parametrize(("method", "path"), [("GET", "/own"), ("POST", "/own/reports"), ("DELETE", "/own/reports")])
def test_an_own_route_is_closed_without_a_token_and_with_a_bad_one(api, method, path):
    api.request(method, path).assert_problem(401, "invalid_token")
    api.bearer(method, path, "nonsense").assert_problem(401, "invalid_token")


@pytest.mark.parametrize(("method", "path"), [("GET", "/own"), ("POST", "/own/reports"), ("DELETE", "/own/reports")])
def test_an_own_route_is_closed_at_once_when_the_session_has_ended(api, ask, give, tokens, method, path):
    give("editor")
    api.logout(tokens["refresh_token"])
    ask(method, path).assert_problem(401, "invalid_token")


def test_who_lacks_the_role_is_told_which_one_and_the_challenge_says_so_too(ask):
    answer = ask("POST", "/own/reports", {"quantity": 1})
    answer.assert_problem(403, "insufficient_scope")
    assert answer.json["detail"] == FORBIDDEN
    # RFC 6750 section 3.1.
    expected = f'Bearer realm="lychgate", error="insufficient_scope", error_description="{FORBIDDEN}"'
    assert answer.challenge == expected
    answer.assert_hardened()


def test_the_role_is_looked_at_before_the_body(ask, give):
    assert ask("POST", "/own/reports", {"quantity": "many"}).status == 403
    give("editor")
    answer = ask("POST", "/own/reports", {"quantity": "many"})
    answer.assert_problem(422, "validation_failed")
    assert answer.json["errors"] == [{"field": "quantity", "code": "wrong_type", "message": "This must be an integer."}]


def test_a_promotion_counts_at_once_with_the_token_from_before(ask, give):
    give("editor", "user")
    answer = ask("POST", "/own/reports", {"quantity": 1})
    assert (answer.status, answer.json["roles"]) == (200, ["editor", "user"])


def test_a_demotion_counts_at_once_though_the_token_has_the_role(api, ask, give, tokens):
    give("editor", "user")
    promoted = api.refresh(tokens["refresh_token"]).json["access_token"]
    give("user")
    ask("POST", "/own/reports", {"quantity": 1}, promoted).assert_problem(403, "insufficient_scope")


@pytest.mark.parametrize("roles", [("user",), ("admin", "user"), ("editors",), ("edit",), ("Editor",)])
def test_no_other_role_will_do(ask, give, roles):
    give(*roles)
    assert ask("POST", "/own/reports", {"quantity": 1}).status == 403


def test_a_session_that_is_not_fresh_is_told_of_the_role_before_it_is_asked_for_the_password(
    api, ask, give, clock, tokens
):
    clock.advance(FRESH_SECONDS + 1)
    renewed = api.refresh(tokens["refresh_token"]).json["access_token"]
    ask("DELETE", "/own/reports", access_token=renewed).assert_problem(403, "insufficient_scope")
    give("editor")
    answer = ask("DELETE", "/own/reports", access_token=renewed)
    answer.assert_problem(401, "insufficient_user_authentication")
    password = {"password": "correct horse battery staple"}
    again = ask("POST", "/auth/reauthenticate", password, renewed).json["access_token"]
    assert ask("DELETE", "/own/reports", access_token=again).status == 200


def test_the_history_says_that_an_administrator_changed_the_roles(api, aws_clients, settings, tokens, ask, clock):
    stores = dynamodb_stores(clients_of(dynamodb=aws_clients[0]), ApiSettings.from_environment(settings))
    user = stores.users.find("alice")
    event = SecurityEvent(EventType.ROLES_CHANGED, user.id, clock.now + 1, Caller("", ""), actor=ADMIN)
    stores.administration.change(user, roles=("editor", "user"), disabled=False, events=[event])
    newest, first = ask("GET", "/dashboard").json["recent_events"]
    expected = {"type": "roles_changed", "at": "2027-01-15T08:00:01Z", "ip": "", "user_agent": "", "actor": "admin"}
    assert newest == expected
    assert "actor" not in first


def test_a_route_without_a_credential_has_no_user_to_give_away(api):
    api.request("GET", "/own/open").assert_problem(500, "internal_error")


def test_the_log_says_which_role_was_missing(ask, caplog):
    ask("POST", "/own/reports", {"quantity": 1})
    assert "insufficient_scope: without the role editor" in caplog.text


def test_the_document_describes_own_routes_with_their_role_and_what_it_refuses(api):
    document = api.request("GET", "/openapi.json").json
    OpenAPIV31SpecValidator(document).validate()
    report = document["paths"]["/own/reports"]["post"]
    assert report["security"] == [{"access_token": ["editor"]}]
    assert "Needs the role `editor`" in report["description"]
    assert list(report["responses"]) == ["200", "400", "401", "403", "413", "415", "422", "500", "503"]
    refusal = document["components"]["responses"]["insufficient_scope"]
    assert "WWW-Authenticate" in refusal["headers"]
    live = document["paths"]["/own"]["get"]
    assert live["security"] == [{"access_token": []}]
    assert "403" not in live["responses"]
    assert "/me" in document["paths"]


def test_two_applications_do_not_describe_each_others_routes(api, environment, clock, private_jwks):
    assert "/own" in api.request("GET", "/openapi.json").json["paths"]
    other = in_process(application(environment, clients=clients_of(ring=private_jwks), clock=clock))
    assert "/own" not in other.request("GET", "/openapi.json").json["paths"]


@pytest.mark.parametrize("credential", [Credential.NONE, Credential.REFRESH_TOKEN])
def test_a_route_that_asks_nobody_who_they_are_can_ask_for_no_role(credential):
    with pytest.raises(ValueError, match=r"GET /x asks for a role, and so needs Credential\.LIVE"):
        Routes().operation("GET", "/x", credential=credential, role="editor")


@pytest.mark.parametrize("role", ["", "Editor", "two words", "é", 'a"b', "a" * 33, "1st"])
def test_a_route_can_ask_for_no_role_that_nobody_can_have(role):
    with pytest.raises(ValueError, match=r"GET /x: the role .*Use 1 to 32 of a-z"):
        Routes().operation("GET", "/x", credential=Credential.LIVE, role=role)
