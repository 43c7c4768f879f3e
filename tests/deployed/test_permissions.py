"""Least privilege, proven: each function's role has what the application needs, and nothing that it does not."""

import copy

import pytest

from infra.deployment.policies import api_handler_policy, authorizer_policy
from tests.deployed.aws_authorization import (
    AuthorizingAws,
    Role,
    credentials,
    encryption_context,
    log_permissions,
)
from tests.support import places
from tests.support.api_client import over_http
from tests.support.packaged.api_gateway import ApiGateway
from tests.support.packaged.function import LambdaFunction

PASSWORD = "correct horse battery staple"
NEW_PASSWORD = "a quite different passphrase"
WRONG = "wrong horse battery staple"
POLICIES = {"api_handler": api_handler_policy(places.FOUNDATION), "authorizer": authorizer_policy(places.FOUNDATION)}
STATEMENTS = [(name, statement["Sid"]) for name, policy in POLICIES.items() for statement in policy["Statement"]]
ACTIONS = [
    (name, statement["Sid"], action)
    for name, policy in POLICIES.items()
    for statement in policy["Statement"]
    for action in statement["Action"]
]


class Account:
    """The deployment in an AWS account: both functions with their roles, and what a user does with them."""

    def __init__(self, package, database, tables, clock):
        self.tables = tables
        self.clock = clock
        self.roles = {
            name: Role(credentials(name), copy.deepcopy(function.policy))
            for name, function in package.functions.items()
        }
        self._aws = AuthorizingAws(database, self.roles.values())
        overrides = {
            "AWS_ENDPOINT_URL": self._aws.endpoint,
            "LYCHGATE_TEST_CLOCK": str(clock.path),
            "LYCHGATE_MAX_SESSIONS": "2",
        }
        self.functions = {
            name: LambdaFunction(
                package,
                name,
                overrides,
                credentials=role.credentials,
                bootstrap=places.CLOCK_FOLDER / "lambda_under_clock.py",
            )
            for name, role in self.roles.items()
        }
        self._gateway = ApiGateway(package, self.functions, clock=clock, api_keys=[places.DISTRIBUTION_SECRET])
        self._server = places.distribution_before(self._gateway).serve()
        self.api = over_http(self._server.port, below="/api")

    def begin(self, changed):
        """Start from nothing, with the roles' policies as given."""
        self.tables.empty()
        self.clock.reset()
        self._gateway.forget_authorizations()
        for name, role in self.roles.items():
            role.policy = changed.get(name, POLICIES[name])
            role.used.clear()
            role.denied.clear()

    def live(self):
        """Do all that a user can do, and what the log must keep of it. Raises where it fails, whatever it is."""
        api, clock = self.api, self.clock
        assert api.register().status == 201
        for _ in range(5):
            assert api.login(password=WRONG).status == 401
        assert api.login().status == 429
        clock.advance(1)
        first = api.login().json
        # The third of two sessions ends the oldest.
        second = api.login().json
        assert len(api.bearer("GET", "/auth/sessions", second["access_token"]).json["sessions"]) == 2
        refreshed = api.refresh(second["refresh_token"])
        assert refreshed.status == 200
        clock.advance(21)
        assert api.refresh(second["refresh_token"]).status == 401
        assert api.refresh(refreshed.json["refresh_token"]).status == 401
        assert api.me(first["access_token"]).status == 200
        third = api.login().json
        (other,) = [
            session["id"]
            for session in api.bearer("GET", "/auth/sessions", third["access_token"]).json["sessions"]
            if not session["current"]
        ]
        clock.advance(901)
        renewed = api.refresh(third["refresh_token"]).json
        assert api.bearer("DELETE", f"/auth/sessions/{other}", renewed["access_token"]).status == 401
        password = {"password": PASSWORD}
        third = api.bearer("POST", "/auth/reauthenticate", renewed["access_token"], password).json
        assert api.bearer("DELETE", f"/auth/sessions/{other}", third["access_token"]).status == 204
        members = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
        changed = api.bearer("PUT", "/auth/password", third["access_token"], members)
        assert changed.status == 200
        assert api.logout(changed.json["refresh_token"]).status == 204
        fourth = api.login(password=NEW_PASSWORD).json
        assert api.bearer("POST", "/auth/logout-all", fourth["access_token"]).status == 204
        fifth = api.login(password=NEW_PASSWORD).json
        shown = api.bearer("GET", "/dashboard", fifth["access_token"])
        assert (shown.status, len(shown.json["recent_events"])) == (200, 14)
        deleted = api.bearer("POST", "/auth/delete-account", fifth["access_token"], {"password": NEW_PASSWORD})
        assert deleted.status == 204
        assert self.tables.count("users") == self.tables.count("sessions") == self.tables.count("events") == 0
        assert [name for name in self.roles if not self._log_arrives(name)] == []

    def _log_arrives(self, name):
        permissions = log_permissions(self.functions[name].definition.name, "2026/01/01/[$LATEST]0")
        allowed = [self.roles[name].allows(*permission) for permission in permissions]
        return all(allowed)

    def stop(self):
        self._server.stop()
        for function in self.functions.values():
            function.end()
        self._aws.stop()


@pytest.fixture(scope="module")
def account(package, local_database, tables, shared_clock):
    account = Account(package, local_database, tables, shared_clock)
    yield account
    account.stop()


def test_the_functions_have_the_policies_that_were_written_for_them(package):
    assert {name: function.policy for name, function in package.functions.items()} == POLICIES


def test_everything_works_and_every_action_on_every_resource_that_is_allowed_is_used(account):
    account.begin({})
    account.live()
    for name, role in account.roles.items():
        assert role.denied == set()
        allowed = {
            (action, statement["Resource"])
            for statement in POLICIES[name]["Statement"]
            for action in statement["Action"]
        }
        used = {(action, _as_in_policy(resource)) for action, resource in role.used}
        assert used == allowed


@pytest.mark.parametrize(("function", "sid"), STATEMENTS)
def test_without_any_one_statement_something_fails(account, function, sid):
    without = copy.deepcopy(POLICIES[function])
    without["Statement"] = [statement for statement in without["Statement"] if statement["Sid"] != sid]
    assert_fails(account, function, without)


@pytest.mark.parametrize(("function", "sid", "action"), ACTIONS)
def test_without_any_one_action_something_fails(account, function, sid, action):
    without = copy.deepcopy(POLICIES[function])
    (statement,) = [statement for statement in without["Statement"] if statement["Sid"] == sid]
    statement["Action"].remove(action)
    denied = assert_fails(account, function, without)
    assert {name for name, _ in denied} == {action}


@pytest.mark.parametrize("table", ["users", "sessions", "events", "throttle"])
def test_nothing_else_is_in_reach(account, table):
    account.begin({})
    api_handler, authorizer = account.roles["api_handler"], account.roles["authorizer"]
    tables = "arn:aws:dynamodb:us-east-1:123456789012:table"
    for action in ("Scan", "DeleteTable", "UpdateTable", "DescribeTable", "ConditionCheckItem"):
        assert not api_handler.allows(f"dynamodb:{action}", f"{tables}/lychgate-test-{table}")
    for other in (f"lychgate-prod-{table}", f"lychgate-test-{table}-copy", f"lychgate-test-{table}/index/any"):
        assert not api_handler.allows("dynamodb:PutItem", f"{tables}/{other}")
    assert not authorizer.allows("dynamodb:GetItem", f"{tables}/lychgate-test-{table}")


def test_the_key_of_ones_own_decrypts_this_parameter_and_nothing_else(account):
    account.begin({})
    role = account.roles["api_handler"]
    for name, allowed in ((places.FOUNDATION.signing_keys_parameter, True), ("/lychgate/prod/signing-keys", False)):
        assert role.allows("kms:Decrypt", places.KMS_KEY, encryption_context({"Name": name})) is allowed
    assert not role.allows("kms:Decrypt", places.KMS_KEY)
    for action in ("Encrypt", "GenerateDataKey", "ReEncryptFrom"):
        context = encryption_context({"Name": places.FOUNDATION.signing_keys_parameter})
        assert not role.allows(f"kms:{action}", places.KMS_KEY, context)


def assert_fails(account, function, policy):
    account.begin({function: policy})
    left = {action for statement in policy["Statement"] for action in statement["Action"]}
    if not {"ssm:GetParameter", "kms:Decrypt"} <= left:
        # The parameter is asked for once in the life of a process.
        account.functions[function].end()
    # An answer that is none has no token in it either.
    with pytest.raises((AssertionError, KeyError)):
        account.live()
    denied = account.roles[function].denied
    assert denied
    return denied


def _as_in_policy(resource):
    prefix, separator, _ = resource.partition(":log-stream:")
    return f"{prefix}:*" if separator else resource
