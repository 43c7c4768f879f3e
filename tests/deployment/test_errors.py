"""What goes wrong before anything is changed, or outside of it: a sentence that says what to do, and no traceback."""

import json

import boto3
import pytest
from botocore.exceptions import (
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
    TokenRetrievalError,
)

from infra.deployment.template import rendered_template
from tests.deployment.operator_here import account, raising, refusal


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (NoCredentialsError(), "aws sso login"),
        (NoRegionError(), "AWS_REGION="),
        (ProfileNotFound(profile="mine"), "aws configure list-profiles"),
        (TokenRetrievalError(provider="sso", error_msg="gone"), "Log in again"),
        (EndpointConnectionError(endpoint_url="https://sts.nowhere.amazonaws.com"), "Check the region"),
        (refusal("GetCallerIdentity", "ExpiredToken"), "have expired"),
        (refusal("GetCallerIdentity", "InvalidClientTokenId"), "does not know the credentials"),
        (refusal("GetCallerIdentity"), "permission is missing: service:GetCallerIdentity"),
        (refusal("GetCallerIdentity", "AccessDenied", "no"), "what GetCallerIdentity needs"),
        (refusal("GetCallerIdentity", "Throttling", "slow down"), "slow down"),
    ],
)
def test_a_failure_to_begin_says_what_to_do(operator, monkeypatch, error, advice):
    with raising(monkeypatch, "GetCallerIdentity", error):
        assert operator.deploy() == 1

    assert operator.errors.startswith("deploy: Preflight: ")
    assert advice in operator.errors
    assert "Traceback" not in operator.errors
    assert not any(account().values())


@pytest.mark.parametrize(
    ("arguments", "stage", "advice"),
    [
        ([], "dev", "is reserved for"),
        ([], "Prod", "not a valid stage name"),
        ([], "p" * 21, "not a valid stage name"),
        ([], "prod-", "not a valid stage name"),
        (["--parameter", "Colour=red"], "prod", "there is no parameter Colour. The parameters are: Protect"),
        (["--parameter", "RestApiId=abc"], "prod", "there is no parameter RestApiId"),
        (["--parameter", "DomainName=example.org"], "prod", "needs CertificateArn"),
        (["--parameter", "DomainName=Example.org"], "prod", "in lower case, and in ASCII as browsers write it"),
        (["--parameter", "DomainName=bücher.example"], "prod", "in lower case, and in ASCII as browsers write it"),
        (["--parameter", "DomainName=example.org:443"], "prod", "the parameter DomainName cannot be 'example.org:443'"),
    ],
)
def test_a_request_that_cannot_be_meant_is_refused(operator, arguments, stage, advice):
    assert operator.deploy(*arguments, stage=stage) == 1

    assert advice in operator.errors
    assert not any(account().values())


def test_a_taken_bucket_name_is_found_before_anything_is_made(operator, monkeypatch):
    boto3.client("s3").create_bucket(Bucket="lychgate-prod-123456789012-us-east-1")
    assert operator.deploy() == 1
    assert "SiteBucketName=" in operator.errors
    assert operator.deploy("--dry-run") == 1

    with raising(monkeypatch, "HeadBucket", refusal("HeadBucket", "403", "Forbidden")):
        assert operator.deploy("--parameter", "SiteBucketName=somebody-elses") == 1
    assert "somebody-elses, is taken" in operator.errors
    assert account()["stacks"] == []


def test_a_stage_of_another_account_or_region_is_left_alone(operator):
    policy = operator.project / ".chalice" / "policy-prod-api_handler.json"
    arn = "arn:aws:dynamodb:eu-central-1:999999999999:table/lychgate-prod-users"
    policy.write_text(json.dumps({"Statement": [{"Resource": arn}]}))

    assert operator.deploy() == 1

    assert "account 999999999999, region eu-central-1" in operator.errors
    assert "account 123456789012, region us-east-1" in operator.errors
    assert not any(account().values())


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        ("UPDATE_ROLLBACK_FAILED", "aws cloudformation continue-update-rollback --stack-name lychgate-prod"),
        ("ROLLBACK_FAILED", "aws cloudformation delete-stack --stack-name lychgate-prod"),
        ("DELETE_FAILED", "aws cloudformation delete-stack --stack-name lychgate-prod"),
        ("CREATE_FAILED", "incomplete"),
    ],
)
def test_a_half_made_stack_says_what_to_do(operator, aws, status, advice):
    boto3.client("cloudformation").create_stack(StackName="lychgate-prod", TemplateBody=json.dumps({"Resources": {}}))
    aws.stack("lychgate-prod").status = status

    assert operator.deploy() == 1

    assert advice in operator.errors
    assert status in operator.errors or "neither changed nor rolled back" in operator.errors


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"])
def test_a_stack_with_nothing_in_it_is_made_anew(operator, aws, monkeypatch, status):
    boto3.client("cloudformation").create_stack(StackName="lychgate-prod", TemplateBody=json.dumps({"Resources": {}}))
    aws.stack("lychgate-prod").status = status

    with raising(monkeypatch, "PutParameter", KeyboardInterrupt()):
        assert operator.deploy() == 130

    assert any(f"({status}): deleting it" in line for line in operator.lines)
    assert len(account()["tables"]) == 5


def test_a_stack_that_is_being_changed_is_waited_for(operator, aws, monkeypatch):
    boto3.client("cloudformation").create_stack(StackName="lychgate-prod", TemplateBody=json.dumps({"Resources": {}}))
    stack = aws.stack("lychgate-prod")
    stack.status = "UPDATE_IN_PROGRESS"

    def settle(_seconds):
        stack.status = "UPDATE_COMPLETE"

    operator.replace(sleep=settle)
    with raising(monkeypatch, "PutParameter", KeyboardInterrupt()):
        assert operator.deploy() == 130

    assert any("CloudFormation is working (UPDATE_IN_PROGRESS)" in line for line in operator.lines)
    assert len(account()["tables"]) == 5


def test_a_change_that_would_lose_data_is_not_made(operator, aws, monkeypatch):
    with raising(monkeypatch, "PutParameter", KeyboardInterrupt()):
        assert operator.deploy() == 130
    resource = {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": "more"}}

    def without_events(stage):
        template = rendered_template(stage)
        template["Resources"]["MoreTable"] = {**template["Resources"].pop("EventsTable"), **resource}
        template["Outputs"]["EventsTable"]["Value"] = "more"
        return template

    operator.replace(template=without_events)

    assert operator.deploy() == 1

    assert "would replace or remove EventsTable" in operator.errors
    assert len(account()["tables"]) == 5


def test_nothing_is_destroyed_without_the_name(operator, monkeypatch):
    with raising(monkeypatch, "PutParameter", KeyboardInterrupt()):
        assert operator.deploy() == 130
    made = account()
    for answer in ("", "dev", "PROD"):
        operator.replace(ask=lambda _question, answer=answer: answer)
        assert operator.run("destroy", "prod", "--with-data") == 1
        assert "was not confirmed" in operator.errors
    operator.replace(ask=_nobody)
    assert operator.run("destroy", "prod") == 1
    assert "--yes-delete" in operator.errors
    assert operator.run("destroy", "prod", "--yes-delete", "dev") == 1

    assert account() == made
    assert any("DELETES PERMANENTLY: the table lychgate-prod-users" in line for line in operator.log.splitlines())


def _nobody(_question):
    raise EOFError
