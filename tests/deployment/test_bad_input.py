"""What goes wrong in the middle: each is one message that says what to do, and the same command goes on afterwards."""

import fcntl
import json
import os

import boto3
import botocore.session
import pytest
from moto.apigateway.models import APIGatewayBackend
from moto.core.exceptions import JsonRESTError

from infra.keys.__main__ import main as keys
from tests.deployment.operator_here import account, raising, refusal
from tests.support.marks import each_third

UNVERIFIED = (
    "Your account must be verified before you can add new CloudFront resources. To verify your account, please contact"
    " AWS Support (https://console.aws.amazon.com/support/home#/) and include this error message. (Service: CloudFront,"
    " Status Code: 403, Request ID: 0)"
)
LATE = "Signature expired: 20260101T000000Z is now earlier than 20260101T001000Z (20260101T001500Z - 5 min.)"
EARLY = "Signature not yet current: 20260101T001500Z is still later than 20260101T000500Z (20260101T000000Z + 5 min.)"


def said_once(operator, *parts):
    assert operator.errors.count("\n") >= 1
    assert "Traceback" not in operator.log
    for part in parts:
        assert part in operator.errors


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("SignatureDoesNotMatch", LATE),
        ("InvalidSignatureException", EARLY),
        ("RequestTimeTooSkewed", "The difference between the request time and the current time is too large."),
        ("RequestExpired", "Request has expired."),
    ],
)
def test_a_wrong_clock_is_not_taken_for_wrong_credentials(operator, monkeypatch, code, message):
    with raising(monkeypatch, "GetCallerIdentity", refusal("GetCallerIdentity", code, message)):
        assert operator.deploy() == 1

    said_once(operator, "the clock of this machine is wrong", message)
    assert "credentials" not in operator.errors


def test_an_account_that_cloudfront_has_not_verified_is_told_whom_to_ask_and_goes_on_afterwards(operator, aws):
    aws.failing["Distribution"] = UNVERIFIED

    assert operator.deploy() == 1

    said_once(operator, "open a case with AWS Support", "Request ID: 0")
    assert "permission is missing" not in operator.errors
    assert account()["tables"] == []
    aws.failing.clear()
    assert operator.deploy() == 0, operator.errors


@pytest.mark.parametrize(
    ("operation", "code", "message"),
    [
        ("CreateChangeSet", "ValidationError", "Stack:arn is in UPDATE_IN_PROGRESS state and can not be updated."),
        ("ExecuteChangeSet", "ChangeSetNotFound", "ChangeSet [deploy-1] does not exist"),
        ("ExecuteChangeSet", "InvalidChangeSetStatus", "cannot be executed in its current status of [OBSOLETE]"),
    ],
)
def test_whoever_deploys_at_the_same_time_as_somebody_else_is_told_to_wait(
    operator, monkeypatch, operation, code, message
):
    with raising(monkeypatch, operation, refusal(operation, code, message)):
        assert operator.deploy() == 1
    said_once(operator, "somebody else changes this stage at the same time", message)

    with raising(monkeypatch, "PutParameter", KeyboardInterrupt()):
        assert operator.deploy() == 130
    assert len(account()["tables"]) == 5


@pytest.mark.parametrize(
    ("code", "message", "advice"),
    each_third(
        [
            (
                "ConflictException",
                "Unable to complete operation due to concurrent modification.",
                "somebody else changes",
            ),
            ("ExpiredTokenException", "The security token included in the request is expired", "have expired"),
            ("UnrecognizedClientException", "The security token included in the request is invalid.", "does not know"),
            ("InvalidSignatureException", LATE, "the clock of this machine is wrong"),
        ]
    ),
)
def test_what_stops_chalice_is_said_in_the_same_words_and_the_next_run_goes_on(
    operator, monkeypatch, code, message, advice
):
    def refuse(*_arguments, **_more):
        raise JsonRESTError(code, message)

    with monkeypatch.context() as patch:
        patch.setattr(APIGatewayBackend, "create_deployment", refuse)
        assert operator.deploy() == 1

    said_once(operator, "chalice deploy: ", advice)
    assert operator.deploy() == 0, operator.errors
    assert len(account()["apis"]) == 1


def test_a_head_request_that_only_says_400_is_explained_by_expired_credentials(operator, monkeypatch):
    with raising(monkeypatch, "HeadBucket", refusal("HeadBucket", "400", "Bad Request")):
        assert operator.deploy() == 1

    said_once(operator, "have expired, probably", "aws sso login")


def test_two_deployments_in_one_folder_do_not_write_over_each_other(operator, monkeypatch):
    folder = os.open(operator.project / ".chalice", os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    try:
        for run in (operator.deploy, operator.destroy):
            assert run() == 1
            said_once(operator, "runs in this folder already")
        assert operator.deploy("--dry-run") == 0, operator.errors
    finally:
        os.close(folder)
    assert not any(account().values())
    with raising(monkeypatch, "PutParameter", KeyboardInterrupt()):
        assert operator.deploy() == 130


@pytest.mark.parametrize(
    "status",
    [
        "CREATE_FAILED",
        "DELETE_FAILED",
        "IMPORT_ROLLBACK_FAILED",
        "REVIEW_IN_PROGRESS",
        "ROLLBACK_COMPLETE",
        "ROLLBACK_FAILED",
        "UPDATE_ROLLBACK_FAILED",
    ],
)
def test_a_half_made_stack_can_be_destroyed(operator, aws, status):
    boto3.client("cloudformation").create_stack(StackName="lychgate-prod", TemplateBody=json.dumps({"Resources": {}}))
    aws.stack("lychgate-prod").status = status

    assert operator.destroy("--with-data") == 0, operator.errors

    assert account()["stacks"] == []


@pytest.mark.parametrize("stage", ["", "dev", "Prod", "prod-", "prod/../x", "p" * 21, "prod prod", "-prod"])
def test_a_wrong_name_of_a_stage_destroys_nothing(operator, stage):
    try:
        assert operator.run("destroy", stage, "--with-data", "--yes-delete", stage) == 1
    except SystemExit as refused:  # an option, for argparse
        assert refused.code == 2
    assert not any(account().values())


def test_the_region_that_the_documentation_tells_to_set_is_the_one_that_is_used(operator, monkeypatch):
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert operator.deploy("--dry-run") == 0, operator.errors
    assert "account 123456789012, region eu-west-1" in operator.lines[1]

    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")  # AWS's own command line prefers AWS_REGION too
    assert operator.deploy("--dry-run") == 0, operator.errors
    assert "region eu-west-1" in operator.lines[1]

    monkeypatch.delenv("AWS_REGION")
    assert operator.deploy("--dry-run") == 0, operator.errors
    assert "region us-east-1" in operator.lines[1]

    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert operator.deploy("--dry-run") == 1
    said_once(operator, "no region is set. Name one: AWS_REGION=")


def test_the_commands_for_keys_ask_in_that_region_too(operator, monkeypatch):
    operator.has_deployed()
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    lines = []

    def ask(arguments):
        project = ["--stage", "prod", "--project", str(operator.project)]
        return keys([*arguments, *project], say=lines.append, make_ssm=botocore_client)

    def botocore_client():
        return botocore.session.Session().create_client("ssm")

    monkeypatch.setenv("AWS_REGION", "us-east-1")
    assert ask(["list"]) == 0
    assert "signing-keys in us-east-1" in lines[0]
