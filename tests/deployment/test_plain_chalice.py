"""`chalice deploy` without `make deploy`: what it does to a stage that was deployed before, and what it refuses."""

import base64
import hashlib
import inspect
import json
import zipfile
from pathlib import Path

import boto3
import pytest
from chalice.config import Config
from chalice.deploy import planner, validate
from chalice.deploy.deployer import Deployer

from infra.stages import DEPLOYING
from tests.deployment.operator_here import account
from tests.deployment.recording import recorder

FUNCTIONS = ("lychgate-prod", "lychgate-prod-authorizer")
READING = ("Get", "List", "Describe")


def chalice(operator, *arguments, **variables):
    """Run a command of Chalice's. Returns its exit code, what it said, and its calls to AWS."""
    calls = operator.project / "calls"
    calls.write_text("")
    recording = {recorder.VARIABLE: str(calls), "PYTHONPATH": str(Path(recorder.__file__).parent)}
    code, said = operator.chalice(*arguments, **{"AWS_DEFAULT_REGION": "us-east-1", **recording, **variables})
    made = [json.loads(line) for line in calls.read_text().splitlines()]
    return code, said, [f"{call['service']}:{call['operation']}" for call in made]


def code_of(name):
    return boto3.client("lambda").get_function_configuration(FunctionName=name)["CodeSha256"]


def test_plain_chalice_deploy_of_a_deployed_stage_updates_its_functions_and_its_api(operator, aws):
    operator.has_deployed()
    aws.chalice.is_warm = False
    made, record = account(), operator.files()["deployed/prod.json"]
    before = {name: code_of(name) for name in FUNCTIONS}
    (operator.project / "chalicelib" / "version.py").write_text('VERSION = "another"\n')

    code, said, calls = chalice(operator, "deploy", "--stage", "prod")

    assert code == 0, said
    assert {name: code_of(name) for name in FUNCTIONS}.items().isdisjoint(before.items())
    packages = [path.read_bytes() for path in (operator.project / ".chalice" / "deployments").glob("*.zip")]
    digests = {base64.b64encode(hashlib.sha256(package).digest()).decode(): package for package in packages}
    (operator.project / "new.zip").write_bytes(digests[code_of("lychgate-prod")])
    with zipfile.ZipFile(operator.project / "new.zip") as package:
        assert package.read("chalicelib/version.py") == b'VERSION = "another"\n'
    assert {call for call in calls if not call.partition(":")[2].startswith(READING)} == {
        "apigateway:CreateDeployment",
        "apigateway:PutRestApi",
        "apigateway:UpdateRestApi",
        "iam:PutRolePolicy",
        # Of the mailer, for which nothing is reserved.
        "lambda:DeleteFunctionConcurrency",
        "lambda:PublishVersion",
        "lambda:PutFunctionConcurrency",
        "lambda:UntagResource",
        "lambda:UpdateAlias",
        "lambda:UpdateFunctionCode",
        "lambda:UpdateFunctionConfiguration",
    }
    assert account() == made
    assert operator.files()["deployed/prod.json"] == record
    # Chalice has taken off what said that the sources are deployed, so `make deploy` makes sure.
    assert operator.deploy() == 0, operator.errors
    assert operator.below("chalice deploy") != ["unchanged"]
    assert account() == made


def test_plain_chalice_deploy_never_makes_a_second_api(operator, aws):
    operator.has_deployed()
    made = account()
    record = operator.project / ".chalice" / "deployed" / "prod.json"
    kept = record.read_text()

    for incomplete in (None, json.dumps({"resources": [], "schema_version": "2.0", "backend": "api"})):
        record.unlink() if incomplete is None else record.write_text(incomplete)
        code, said, calls = chalice(operator, "deploy", "--stage", "prod")
        assert (code, calls) == (1, [])
        assert "does not say which API is the stage's" in said
        assert "Run `make deploy STAGE=prod`, which finds it" in said

    # In another region nothing of the record is there.
    record.write_text(kept)
    code, said, calls = chalice(operator, "deploy", "--stage", "prod", AWS_DEFAULT_REGION="eu-west-1")
    assert code == 1
    assert "is not in this account and region" in said
    assert all(call.partition(":")[2].startswith(READING) for call in calls), calls
    assert account() == made

    record.unlink()
    assert operator.deploy() == 0, operator.errors
    assert chalice(operator, "deploy", "--stage", "prod")[0] == 0
    assert account() == made


@pytest.mark.parametrize(
    ("stage", "entry", "advice"),
    [
        ("dev", None, "the stage dev is this machine's: its settings lead to 127.0.0.1"),
        ("prod", None, "there is no stage prod in .chalice/config.json. `make deploy STAGE=prod` makes it"),
        ("prod", {}, "was not written by `make deploy`, so it lacks tables, keys and policies. Run `make deploy"),
        ("prod", {"environment_variables": {"LYCHGATE_ISSUER": "https://a.example"}}, "was not written by"),
        (
            "prod",
            {"lambda_functions": {name: {"iam_policy_file": f"policy-other-{name}.json"} for name in ("api_handler",)}},
            "was not written by",
        ),
    ],
)
def test_plain_chalice_deploy_of_a_stage_that_make_deploy_did_not_make_is_refused(operator, stage, entry, advice):
    if entry is not None:
        config = operator.config()
        config["stages"][stage] = entry
        (operator.project / ".chalice" / "config.json").write_text(json.dumps(config))

    code, said, calls = chalice(operator, "deploy", "--stage", stage)

    assert (code, calls) == (1, [])
    assert advice in said
    assert "Traceback" not in said
    assert not any(account().values())


def test_a_shell_that_still_has_the_variable_of_another_stage_changes_nothing(operator):
    assert "the stage dev is this machine's" in chalice(operator, "deploy", **{DEPLOYING: "prod"})[1]


def test_what_changes_nothing_on_aws_is_not_refused(operator, aws):
    """A policy to look at; and a stage that was deployed once, by an earlier version, can be deleted."""
    code, said, calls = chalice(operator, "gen-policy")
    assert (code, calls) == (0, []), said
    code, said, calls = chalice(operator, "delete", "--stage", "dev")
    assert (code, calls) == (0, []), said


def test_the_laptops_stage_is_not_packaged_either(operator):
    code, said, _ = chalice(operator, "package", "--stage", "dev", "out")

    assert code == 1
    assert "LYCHGATE_ISSUER is not set in this stage of .chalice/config.json; `make deploy` writes it" in said
    assert not (operator.project / "out").exists()


def test_chalice_is_as_it_was_when_its_deployment_was_taken_apart():
    """Fails with a Chalice that changed what infra/chalice_cli/deployable.py stands on: read its deployer again."""
    assert "validate_python_version(config)" in inspect.getsource(validate.validate_configuration)
    assert "self._validate_config(config)" in inspect.getsource(Deployer._deploy)
    assert "self._plan_stage.execute(resources)" in inspect.getsource(Deployer._deploy)
    assert list(inspect.signature(inspect.unwrap(planner.PlanStage.execute)).parameters) == ["self", "resources"]
    assert "'import_rest_api'" in inspect.getsource(planner.PlanStage._plan_restapi)
    assert isinstance(vars(Config)["lambda_python_version"], property)
