"""What docs/hooks.md tells to write does what it says, in this process and wherever the API runs."""

import json
import re
from http.server import BaseHTTPRequestHandler

import boto3
import jwt
import pytest

from chalicelib.tokens.kinds import RESERVED_CLAIMS
from chalicelib.tokens.own_claims import MAX_CLAIMS_LENGTH, MAX_NAME_LENGTH
from chalicelib.use_cases.hooks import Hooks
from tests.guides.conftest import HOOKS, ROUTES
from tests.guides.conftest import PAGE_OF_HOOKS as PAGE
from tests.support import places
from tests.support.api_client import in_process
from tests.support.application import application, clients_of
from tests.support.http_servers import serving

TEXT = (places.ROOT / "docs" / "hooks.md").read_text("utf-8")
MEMBERS, CLAIMS, WELCOME, WARN, COGNITO = PAGE.texts(HOOKS)
PASSWORD = "correct horse battery staple"
WITH_ADDRESS = {"username": "alice", "password": PASSWORD, "email": "alice@Club.example"}


def written(text):
    """Return what a file that the page shows has in it."""
    names = {}
    exec(compile(text, "docs/hooks.md", "exec"), names)
    return names


@pytest.fixture
def start(aws, aws_clients, environment, clock):
    """Start the API in this process, with files that the page shows."""
    dynamodb, ssm = aws_clients

    def start(hooks, routes=None, **settings):
        app = application(
            environment | settings,
            clients=clients_of(dynamodb=dynamodb, ssm=ssm),
            clock=clock,
            routes=[] if routes is None else [written(routes)["routes"]],
            hooks=hooks if isinstance(hooks, Hooks) else written(hooks)["hooks"],
        )
        return in_process(app)

    return start


def test_the_file_as_it_comes_has_no_hooks_and_is_as_the_page_shows_it():
    shown = next(block.text for block in PAGE.blocks if block.language == "python")
    shipped = (places.ROOT / HOOKS).read_text("utf-8")
    lines = [line for line in shown.splitlines() if line]
    assert set(lines) <= set(shipped.splitlines())
    assert not written(shipped)["hooks"]


def test_a_registration_is_refused_as_the_page_shows(start):
    api = start(MEMBERS)
    answer = api.post("/auth/register", {**WITH_ADDRESS, "email": "alice@example.org"})
    answer.assert_problem(422, "validation_failed")
    [shown] = [block.text for block in PAGE.blocks if block.language == "json"]
    assert answer.json == json.loads(shown)
    assert api.post("/auth/register", WITH_ADDRESS).status == 201


def test_claims_reach_a_view_and_everybody_who_verifies_the_token(start):
    api = start(CLAIMS, PAGE.file(ROUTES))
    token = api.register("alice").json["access_token"]
    assert api.bearer("GET", "/plan", token).json == {"plan": "free"}
    said = jwt.decode(token, options={"verify_signature": False})
    assert (said["plan"], said["https://club.example/seats"]) == ("free", [1, 2])


def test_a_site_hears_of_a_new_member_and_of_a_stolen_token(start, clock, capsys):
    registered = start(WELCOME).register("alice").json
    assert f"a new member: {registered['user']['id']}\n" == capsys.readouterr().out
    api = start(WARN)
    api.refresh(registered["refresh_token"])
    clock.advance(60)
    assert capsys.readouterr().out == ""
    api.refresh(registered["refresh_token"]).assert_problem(401, "invalid_grant")
    assert capsys.readouterr().out == f"a refresh token of {registered['user']['id']} was used twice\n"


@pytest.fixture
def cognito(aws):
    """Amazon Cognito over HTTP, as moto plays it, with a user; an app client's id, and its address."""
    client = boto3.client("cognito-idp", region_name="us-east-1")
    pool = client.create_user_pool(PoolName="old")["UserPool"]["Id"]
    app = client.create_user_pool_client(
        UserPoolId=pool,
        ClientName="api",
        ReadAttributes=["email", "email_verified"],
        ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"],
    )["UserPoolClient"]["ClientId"]
    attributes = {"email": "carol@club.example", "email_verified": "true"}
    client.admin_create_user(
        UserPoolId=pool,
        Username="carol",
        UserAttributes=[{"Name": name, "Value": value} for name, value in attributes.items()],
    )
    client.admin_set_user_password(UserPoolId=pool, Username="carol", Password="Old-Passw0rd!", Permanent=True)
    asked = []

    class Service(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            target = self.headers["X-Amz-Target"].split(".")
            assert target == ["AWSCognitoIdentityProviderService", "InitiateAuth"]
            asked.append(body["AuthParameters"]["USERNAME"])
            status, answer = 200, {}
            try:
                answer = client.initiate_auth(**body)
            except client.exceptions.ClientError as refused:
                status, answer = 400, {"__type": refused.response["Error"]["Code"]}
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.end_headers()
            self.wfile.write(json.dumps(answer, default=str).encode())

        def log_message(self, *_):
            pass

    with serving(Service) as server:
        yield (
            app,
            f"http://127.0.0.1:{server.server_port}/",
            asked,
            lambda: client.admin_disable_user(UserPoolId=pool, Username="carol"),
        )


def test_a_user_comes_over_from_cognito_by_a_log_in(start, cognito):
    app, url, asked, disable = cognito
    text = COGNITO.replace("https://cognito-idp.eu-west-1.amazonaws.com/", url).replace("1example23456789", app)
    api = start(text)
    for name in ("carol", "nobody"):
        api.login(name, "a wrong password").assert_problem(401, "invalid_credentials")
    first = api.login("Carol".lower(), "Old-Passw0rd!")
    assert first.status == 200
    user = api.me(first.json["access_token"]).json["user"]
    assert (user["username"], user["email"], user["email_verified"]) == ("carol", "carol@club.example", True)
    disable()
    again = api.login("carol", "Old-Passw0rd!")
    assert again.json["user"]["id"] == user["id"]
    assert asked == ["carol", "nobody", "carol"]


def test_who_is_disabled_at_cognito_does_not_come_over(start, cognito):
    app, url, asked, disable = cognito
    disable()
    text = COGNITO.replace("https://cognito-idp.eu-west-1.amazonaws.com/", url).replace("1example23456789", app)
    start(text).login("carol", "Old-Passw0rd!").assert_problem(401, "invalid_credentials")
    assert asked == ["carol"]


def test_a_hook_that_fails_is_answered_with_nothing_of_it(start):
    def fails(_):
        raise LookupError("marked")

    for hooks in (Hooks(claims=fails), Hooks(before_registration=fails)):
        answer = start(hooks).register("alice")
        answer.assert_problem(503, "service_unavailable")
        assert b"marked" not in answer.body
        assert b"hook" not in answer.body


def test_the_page_names_every_claim_that_no_site_can_set_and_the_limits():
    section = TEXT.split("## Claims\n")[1].split("\n## ")[0]
    assert set(re.findall(r"`([a-z_]+)`", section)) >= RESERVED_CLAIMS
    assert f"{MAX_CLAIMS_LENGTH:,} characters" in section
    assert f"has {MAX_NAME_LENGTH} characters at most" in section


def test_the_page_shows_every_hook_that_there_is():
    table = set(re.findall(r"^\| \[`(\w+)`\]", TEXT, re.MULTILINE))
    assert table == set(vars(Hooks())) - {"migrate_until"}


def test_hooks_run_wherever_the_api_does(place):
    api = place.api
    refused = api.post("/auth/register", {"username": "Bob", "password": PASSWORD})
    refused.assert_problem(422, "validation_failed")
    assert refused.json["errors"] == [{"field": "username", "code": "refused", "message": "Be Alice."}]
    tokens = api.register("Alice").json
    refreshed = api.refresh(tokens["refresh_token"]).json
    for token in (tokens["access_token"], refreshed["access_token"]):
        assert api.bearer("GET", "/plan", token).json == {"plan": "free"}
