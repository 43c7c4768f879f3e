"""The alias `live`: which version answers after a deployment, after a failed one, and after a rollback."""

import json

import boto3
import pytest
from moto.awslambda.models import LambdaBackend, LambdaStorage, lambda_backends
from moto.core.exceptions import JsonRESTError

from tests.deployment.operator_here import account
from tests.deployment.recorded_resources import ACCOUNT, REGION

FUNCTION = "lychgate-prod"
ADMIN = "lychgate-prod-admin"
BOTH = {f"{FUNCTION}:live", f"{ADMIN}:live"}
SITE_CUSTOMIZE = """
from chalice.config import Config

Config.lambda_python_version = property(lambda config: "python3.13")
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    (folder / "sitecustomize.py").write_text(SITE_CUSTOMIZE)
    return folder


@pytest.fixture(autouse=True)
def newer_runtime(site, monkeypatch):
    """A runtime that has SnapStart, whatever Python these tests run under."""
    monkeypatch.setenv("PYTHONPATH", str(site))


def client():
    return boto3.client("lambda")


def live(function=FUNCTION):
    return client().get_alias(FunctionName=function, Name="live")["FunctionVersion"]


def versions():
    """The published versions, and whether each has a snapshot."""
    found = client().list_versions_by_function(FunctionName=FUNCTION)["Versions"][1:]
    return {each["Version"]: each["SnapStart"]["ApplyOn"] == "PublishedVersions" for each in found}


def called_by_the_api(*, administrators=None):
    """What the methods of the API call, the authorizer aside; those of administrators alone or not, if asked so."""
    (api,) = account()["apis"]
    resources = boto3.client("apigateway").get_resources(restApiId=api, embed=["methods"])["items"]
    integrations = [
        method["methodIntegration"]
        for each in resources
        if administrators in {None, each["path"].startswith("/admin/")}
        for method in each.get("resourceMethods", {}).values()
    ]
    return {each["uri"].split(":function:")[1].split("/")[0] for each in integrations if each.get("uri")}


def may_be_called_by(qualifier=None, function=FUNCTION):
    """The source ARNs that the policy of a function or of its alias lets call it."""
    name = function if qualifier is None else f"{function}:{qualifier}"
    try:
        policy = json.loads(client().get_policy(FunctionName=name)["Policy"])
    except client().exceptions.ResourceNotFoundException:
        return set()
    return {statement["Condition"]["ArnLike"]["AWS:SourceArn"] for statement in policy["Statement"]}


def change(operator):
    with (operator.project / "chalicelib" / "errors.py").open("a") as module:
        module.write("# changed\n")


def set_snap_start(operator, *, on):
    path = operator.project / ".chalice" / "config.json"
    config = operator.config()
    config["stages"]["prod"]["lambda_functions"]["api_handler"]["snap_start"] = on
    path.write_text(json.dumps(config))


def chalice_deploy(operator):
    code, said = operator.chalice("deploy", "--stage", "prod")
    assert code == 0, said
    return said


def refused(*_arguments, **_more):
    raise JsonRESTError("AccessDeniedException", "User: me is not authorized to perform: lambda:Something")


def test_the_api_calls_a_published_version_and_nothing_else_may_call_it(operator, aws):
    operator.has_deployed()

    (api,) = account()["apis"]
    assert (live(), versions()) == ("1", {"1": False})
    assert called_by_the_api(administrators=False) == {f"{FUNCTION}:live"}
    assert called_by_the_api(administrators=True) == {f"{ADMIN}:live"}
    for function in (FUNCTION, ADMIN):
        assert may_be_called_by("live", function) == {f"arn:aws:execute-api:us-east-1:123456789012:{api}/*"}
        assert may_be_called_by(function=function) == set()
    reserved = client().get_function_concurrency(FunctionName=FUNCTION)
    assert reserved["ReservedConcurrentExecutions"] == 100

    chalice_deploy(operator)
    assert operator.deploy() == 0, operator.errors
    assert "chalice: Version 1 of lychgate-prod stays live: nothing has changed" in operator.below("chalice deploy")
    assert versions() == {"1": False}

    change(operator)
    assert "Version 2 of lychgate-prod is live" in chalice_deploy(operator)
    assert (live(), live(ADMIN), list(versions())) == ("2", "2", ["1", "2"])
    assert called_by_the_api() == BOTH

    assert operator.destroy() == 0, operator.errors
    assert account()["functions"] == []


def test_snap_start_is_switched_on_and_off_by_a_setting(operator, aws):
    operator.has_deployed()
    set_snap_start(operator, on=True)
    aws.limits["pending"] = 2

    assert operator.deploy() == 0, operator.errors

    assert (live(), versions()) == ("2", {"1": False, "2": True})
    said = operator.below("chalice deploy")
    assert [line.removeprefix("chalice: ") for line in said if "SnapStart" in line or "ersion 2" in line] == [
        "SnapStart of lychgate-prod is on for new versions",
        "Version 2 of lychgate-prod is published. Waiting for its snapshot, which takes a few minutes (Ctrl-C is safe)",
        "Version 2 of lychgate-prod is live",
    ]

    aws.limits["pending"] = 0
    for _ in range(2):
        change(operator)
        chalice_deploy(operator)
    assert (live(), versions()) == ("4", {"1": False, "3": True, "4": True})  # one snapshot is kept, not two

    set_snap_start(operator, on=False)
    assert operator.deploy() == 0, operator.errors
    assert (live(), versions()) == ("5", {"1": False, "5": False})
    assert client().get_function_configuration(FunctionName=FUNCTION)["SnapStart"]["ApplyOn"] == "None"


def test_a_version_that_cannot_be_used_does_not_become_live(operator, aws):
    operator.has_deployed()
    change(operator)
    aws.limits["failing"] = "the initialisation timed out"

    assert operator.deploy() == 1

    assert f"version 2 of {ADMIN} cannot be used (the initialisation timed out)" in operator.errors
    assert "Traceback" not in operator.log
    assert (live(), live(ADMIN), list(versions())) == ("1", "1", ["1"])

    aws.limits["failing"] = ""
    assert operator.deploy() == 0, operator.errors
    # The version of administrators that could not be used is gone, and that of the API was not tried any more.
    assert (live(), live(ADMIN)) == ("2", "3")


def test_a_run_that_ends_at_any_step_is_gone_on_with(operator, aws, monkeypatch):
    steps = [
        (LambdaStorage, "publish_version"),
        (LambdaBackend, "create_alias"),
        (LambdaBackend, "add_permission"),
        (LambdaStorage, "list_versions_by_function"),
    ]
    for owner, name in steps:
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, refused)
            assert operator.deploy() == 1, name
            assert "permission is missing: lambda:Something" in operator.errors
    assert operator.deploy() == 0, operator.errors
    assert (live(), versions(), called_by_the_api()) == ("1", {"1": False}, BOTH)
    assert len(may_be_called_by("live")) == 1

    change(operator)
    with monkeypatch.context() as patch:
        patch.setattr(LambdaBackend, "update_alias", refused)
        assert operator.deploy() == 1
    assert live() == "1"
    assert operator.deploy() == 0, operator.errors
    assert (live(), list(versions())) == ("2", ["1", "2"])


def test_a_stage_from_before_the_alias_gets_one_without_an_outage(operator, aws):
    operator.has_deployed()
    client().delete_alias(FunctionName=FUNCTION, Name="live")
    change(operator)

    assert operator.deploy() == 0, operator.errors

    assert (live(), called_by_the_api()) == ("2", BOTH)


def test_a_secret_that_the_live_version_does_not_know_yet_is_not_sent(operator, aws, monkeypatch):
    operator.has_deployed()
    with monkeypatch.context() as patch:
        patch.setattr(LambdaStorage, "publish_version", refused)
        assert operator.deploy("--new-secret") == 1

    assert operator.deploy("--new-secret") == 1

    assert "the API does not know yet which secret the distribution would send next" in operator.errors
    assert operator.deploy() == 0, operator.errors


def test_a_rollback_lets_the_version_before_answer_until_the_next_deployment(operator, aws):
    operator.has_deployed()
    assert operator.run("rollback", "prod") == 1
    assert "there is no version before 1" in operator.errors
    for _ in range(2):
        change(operator)
        chalice_deploy(operator)
    assert operator.deploy() == 0, operator.errors
    assert live() == "3"
    client().update_alias(FunctionName=FUNCTION, Name="live", RoutingConfig={"AdditionalVersionWeights": {"1": 0.1}})

    assert operator.run("rollback", "prod") == 0, operator.errors

    alias = client().get_alias(FunctionName=FUNCTION, Name="live")
    assert (alias["FunctionVersion"], alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})) == ("2", {})
    assert "ARGS='--to 3'" in operator.lines[-1]
    assert live(ADMIN) == "2"
    assert any("version 2 of lychgate-prod-admin has the same code" in line for line in operator.lines)
    assert operator.run("rollback", "prod", "--to", "7") == 1
    assert "Those that can: 3, 1" in operator.errors
    assert operator.run("rollback", "prod", "--to", "1") == 0, operator.errors
    assert (live(), live(ADMIN)) == ("1", "1")

    # The same sources: who deploys them wants them.
    assert operator.deploy() == 0, operator.errors
    assert (live(), live(ADMIN), list(versions())) == ("3", "3", ["1", "2", "3"])


def test_a_rollback_past_the_function_of_administrators_leaves_it_as_it_is(operator, aws):
    operator.has_deployed()
    change(operator)
    chalice_deploy(operator)
    client().delete_function(FunctionName=ADMIN, Qualifier="1")

    assert operator.run("rollback", "prod") == 0, operator.errors

    assert (live(), live(ADMIN)) == ("1", "2")
    assert any("lychgate-prod-admin has no version of the same code that fits" in line for line in operator.lines)


def test_a_rollback_brings_back_no_key_and_no_secret(operator, aws):
    operator.has_deployed()
    assert operator.deploy("--new-secret") == 0, operator.errors
    assert live() == "2"

    assert operator.run("rollback", "prod") == 1

    assert "version 1 has another LYCHGATE_DISTRIBUTION_SECRET_SHA256" in operator.errors
    assert live() == "2"


@pytest.mark.parametrize(
    ("before", "refused_for"),
    [
        ({"LYCHGATE_MAIL_TABLE": None}, None),  # from before there were mails
        ({"LYCHGATE_MAIL_TABLE": None, "LYCHGATE_IDENTIFIER": "username"}, None),
        ({"LYCHGATE_MAIL_FROM": "other@example.org"}, None),
        ({"LYCHGATE_MAIL_TABLE": "lychgate-other-mail"}, "LYCHGATE_MAIL_TABLE"),
        ({"LYCHGATE_IDENTIFIER": "email"}, "LYCHGATE_IDENTIFIER"),
    ],
)
def test_a_version_from_before_mails_may_answer_again_but_none_that_names_accounts_otherwise(
    operator, aws, before, refused_for
):
    operator.has_deployed()
    now = client().get_function_configuration(FunctionName=FUNCTION)["Environment"]["Variables"]
    then = {name: value for name, value in {**now, **before}.items() if value is not None}
    client().update_function_configuration(FunctionName=FUNCTION, Environment={"Variables": then})
    assert client().publish_version(FunctionName=FUNCTION)["Version"] == "2"
    change(operator)
    assert operator.deploy() == 0, operator.errors
    assert live() == "3"

    assert operator.run("rollback", "prod") == (0 if refused_for is None else 1)

    assert live() == ("2" if refused_for is None else "3")
    if refused_for is not None:
        assert f"version 2 has another {refused_for} than the stage has now" in operator.errors


def test_a_stage_without_versions_has_no_rollback(operator, aws):
    assert operator.run("rollback", "prod") == 1
    assert "`make deploy` publishes one" in operator.errors


def test_a_version_that_is_not_ready_is_not_gone_back_to(operator, aws):
    operator.has_deployed()
    change(operator)
    chalice_deploy(operator)
    lambda_backends[ACCOUNT][REGION].get_function(FUNCTION, "1").state = "Inactive"

    assert operator.run("rollback", "prod") == 1

    assert "version 1 is not ready to answer (Inactive)" in operator.errors
    assert live() == "2"
