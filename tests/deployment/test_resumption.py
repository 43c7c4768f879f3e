"""A deployment that ends anywhere, by a refusal or by Ctrl-C, is gone on with by the next run."""

import json

import boto3
import pytest
from moto.apigateway.models import APIGatewayBackend
from moto.core.exceptions import JsonRESTError

from infra.deployment.observation import ACCOUNT_ROLE
from tests.deployment.operator_here import account, raising, refusal

DENIED = "User: arn:aws:iam::1:user/me is not authorized to perform: {} on resource: *"


def refuse_deployments(*_arguments, **_more):
    raise JsonRESTError("AccessDeniedException", DENIED.format("apigateway:POST"))


def test_each_step_can_fail_and_the_next_run_goes_on_from_there(operator, aws, monkeypatch):
    aws.failing["Distribution"] = DENIED.format("cloudfront:CreateDistribution")
    assert operator.deploy() == 1
    assert "permission is missing: cloudfront:CreateDistribution" in operator.errors
    assert account()["tables"] == []  # nothing that a rollback cannot remove
    aws.failing.clear()

    with raising(monkeypatch, "PutParameter", refusal("PutParameter", message=DENIED.format("ssm:PutParameter"))):
        assert operator.deploy() == 1
    assert "ROLLBACK_COMPLETE" in "\n".join(operator.lines)
    assert "Signing keys: permission is missing: ssm:PutParameter" in operator.errors
    # What is protected could not be rolled back: that comes last.
    table = boto3.client("dynamodb").describe_table(TableName="lychgate-prod-users")["Table"]
    assert table["DeletionProtectionEnabled"] is False

    with monkeypatch.context() as patch:
        patch.setattr(APIGatewayBackend, "create_deployment", refuse_deployments)
        assert operator.deploy() == 1
    assert "chalice deploy: permission is missing: apigateway:POST" in operator.errors
    keys = boto3.client("ssm").get_parameter(Name="/lychgate/prod/signing-keys")["Parameter"]["Version"]
    # Chalice has made an API, and has not recorded it.
    (api,) = account()["apis"]
    assert "deployed/prod.json" not in operator.files()

    with raising(monkeypatch, "PutObject", refusal("PutObject"), after=3):
        assert operator.deploy() == 1
    assert "Site: permission is missing" in operator.errors

    with raising(monkeypatch, "ExecuteChangeSet", refusal("ExecuteChangeSet")):
        assert operator.deploy() == 1
    assert operator.below("chalice deploy") == ["unchanged"]

    with raising(monkeypatch, "CreateInvalidation", refusal("CreateInvalidation")):
        assert operator.deploy() == 1

    operator.smoke_answer = False
    assert operator.deploy() == 1
    assert operator.below("Site") == ["unchanged"]
    assert operator.below("Invalidation") != ["not needed"]  # the files were changed by the run before
    assert "everything is deployed, but https://" in operator.errors

    operator.smoke_answer = True
    assert operator.deploy() == 0
    assert account()["apis"] == [api]
    assert boto3.client("ssm").get_parameter(Name="/lychgate/prod/signing-keys")["Parameter"]["Version"] == keys
    assert "Traceback" not in operator.log

    _assert_destroying_resumes(operator, monkeypatch)


def _assert_destroying_resumes(operator, monkeypatch):
    with raising(monkeypatch, "DeleteObjects", refusal("DeleteObjects")):
        assert operator.destroy("--with-data") == 1
    assert account()["apis"] == account()["functions"] == []
    with raising(monkeypatch, "DeleteStack", KeyboardInterrupt()):
        assert operator.destroy("--with-data") == 130
    with raising(monkeypatch, "DeleteTable", refusal("DeleteTable"), after=1):
        assert operator.destroy("--with-data") == 1
    assert len(account()["tables"]) == 4
    assert operator.destroy("--with-data") == 0
    assert {name: found for name, found in account().items() if found} == {"roles": [ACCOUNT_ROLE]}
    # And again, with nothing left.
    assert operator.destroy("--with-data") == 0


@pytest.mark.parametrize("operation", ["CreateChangeSet", "PutParameter", "PutObject", "CreateInvalidation"])
def test_an_interruption_says_how_to_go_on(operator, monkeypatch, operation):
    with raising(monkeypatch, operation, KeyboardInterrupt()):
        assert operator.deploy() == 130
    assert "Run `make deploy STAGE=prod` again" in operator.errors


def test_a_second_api_is_never_made_and_one_of_two_is_never_guessed(operator, aws):
    operator.has_deployed()
    (api,) = account()["apis"]
    backend_client = boto3.client("apigateway")
    other = backend_client.create_rest_api(name="lychgate")["id"]
    root = backend_client.get_resources(restApiId=other)["items"][0]["id"]
    backend_client.put_method(restApiId=other, resourceId=root, httpMethod="GET", authorizationType="NONE")
    backend_client.put_integration(
        restApiId=other,
        resourceId=root,
        httpMethod="GET",
        type="AWS_PROXY",
        integrationHttpMethod="POST",
        uri="arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/"
        "arn:aws:lambda:us-east-1:123456789012:function:lychgate-prod/invocations",
    )
    record = operator.project / ".chalice" / "deployed" / "prod.json"
    record.unlink()

    # The distribution says which one it is.
    assert operator.deploy() == 0, operator.errors
    assert json.loads(record.read_text())["resources"][-1]["rest_api_id"] == api

    # Where nothing says so, the operator has to.
    record.unlink()
    aws.stack("lychgate-prod").resource_map.resolved_parameters["RestApiId"] = ""
    assert operator.deploy() == 1
    assert api in operator.errors
    assert other in operator.errors
    assert set(account()["apis"]) == {api, other}


def test_accounts_without_their_keys_are_not_given_new_ones(operator):
    operator.has_deployed()
    boto3.client("dynamodb").put_item(
        TableName="lychgate-prod-users", Item={"username_key": {"S": "a"}, "user_id": {"S": "u"}}
    )
    boto3.client("ssm").delete_parameter(Name="/lychgate/prod/signing-keys")

    assert operator.deploy() == 1

    assert "Restore the parameter from your backup" in operator.errors
    assert account()["parameters"] == []
