"""The deployer's policies allow what is done in a stage's life, nothing that nobody needs, nothing of other stages."""

import copy
import json
import re

import cfnlint.data.AdditionalSpecs
import pytest
from cfnlint.helpers import load_resource

from infra.deployment.deployer import LARGEST_POLICY, POLICIES, deployer_policies
from tests.deployment import deployer_policy, resource_handlers
from tests.deployment.iam_here import decision
from tests.deployment.needed_permissions import STAGE, general, needed
from tests.deployment.recorded_resources import ACCOUNT, REGION

PARAMETERS = {
    "AccessLogBucket": "logs.s3.amazonaws.com",
    "CertificateArn": f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/1",
    "DomainName": "example.org",
    "HostedZoneId": "Z1",
    "KmsKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1",
    "WebAclArn": f"arn:aws:wafv2:us-east-1:{ACCOUNT}:global/webacl/w/1",
}
FILE = json.loads(POLICIES.read_text("utf-8"))
SERVICES = load_resource(cfnlint.data.AdditionalSpecs, "Policies.json")


def written(stage=STAGE, **parameters):
    documents = deployer_policies(stage, partition="aws", region=REGION, account=ACCOUNT, parameters=parameters)
    return list(documents.values())


@pytest.fixture(scope="module")
def calls(moto_server, tmp_path_factory):
    """What is asked of AWS in the life of a stage."""
    from tests.deployment.operator_here import Operator, copied_project

    with pytest.MonkeyPatch.context() as patch:
        moto_server.reset()
        for name, value in {
            "AWS_ENDPOINT_URL": moto_server.url,
            "AWS_ACCESS_KEY_ID": "here",
            "AWS_SECRET_ACCESS_KEY": "here",
            "AWS_DEFAULT_REGION": REGION,
        }.items():
            patch.setenv(name, value)
        project = copied_project(tmp_path_factory.mktemp("life") / "project")
        return deployer_policy.life(Operator(project), moto_server)


@pytest.fixture(scope="module")
def evidence(calls):
    return deployer_policy.evidence(calls)


def test_the_file_is_what_make_policy_writes_today(evidence):
    assert deployer_policy.text_of(deployer_policy.policies(evidence)) == POLICIES.read_text("utf-8"), (
        "run `make policy`"
    )


def test_each_call_that_was_recorded_is_allowed_and_many_are_not_for_another_stage(calls):
    parameters = {**PARAMETERS, **_own_arns(calls)}
    ours, other = written(**parameters), written("other", **{**parameters, "SiteBucketName": "other"})
    services, refused = set(), set()
    for call in calls:
        services.add(call["service"])
        for action, resource in needed(call):
            assert _allows(ours, action, resource), (call["operation"], action, resource)
            if not _allows(other, action, resource):
                refused.add(action.partition(":")[0])
    assert services >= {"acm", "apigateway", "cloudformation", "cloudfront", "dynamodb", "iam", "kms", "lambda", "logs"}
    assert services >= {"route53", "s3", "sesv2", "ssm", "sts"}
    assert refused >= {"cloudformation", "dynamodb", "lambda", "logs", "s3", "ssm"}


def test_without_any_one_action_a_run_breaks_or_cloudformation_does(evidence):
    checked = 0
    for name, document in FILE.items():
        for number, statement in enumerate(document["Statement"]):
            for action in statement["Action"]:
                without = copy.deepcopy(FILE)
                without[name]["Statement"][number]["Action"].remove(action)
                broken = [
                    why
                    for (needed_action, resource), why in evidence.items()
                    if needed_action == action and not _covers(without.values(), action, resource)
                ]
                assert broken, f"nobody needs {action} on {statement['Resource']}"
                checked += 1
    assert checked > 120


def test_no_resource_is_there_for_nothing(evidence):
    for document in FILE.values():
        for statement in document["Statement"]:
            for resource in statement["Resource"]:
                used = [
                    action
                    for action, where in evidence
                    if action in statement["Action"] and _covers_one(resource, where)
                ]
                assert used, (statement["Action"], resource)


def test_every_action_exists_and_everything_is_allowed_only_where_the_service_knows_no_resource():
    for document in FILE.values():
        for statement in document["Statement"]:
            for action in statement["Action"]:
                service, _, name = action.partition(":")
                known = SERVICES[service]["Actions"]
                assert name.lower() in known, action
                assert (statement["Resource"] == ["*"]) == (not known[name.lower()].get("Resources")), action


def test_every_resource_is_of_a_kind_that_its_action_knows():
    for document in FILE.values():
        for statement in document["Statement"]:
            for action in statement["Action"]:
                forms = _forms(action)
                for resource in statement["Resource"]:
                    # What an operator names is whole in the parameter.
                    whole = resource.startswith("${") or resource == "*"
                    assert whole or any(form.fullmatch(resource) for form in forms), (action, resource)


def _forms(action):
    """The ARNs of the resources that an action may have, with AWS's placeholders, as regular expressions."""
    service, _, name = action.partition(":")
    kinds = {kind.lower(): known["ARNFormats"] for kind, known in SERVICES[service]["Resources"].items()}
    return [
        re.compile(".*".join(re.escape(part) for part in form.split(".*")))
        for kind in SERVICES[service]["Actions"][name.lower()].get("Resources", [])
        for form in kinds.get(kind.lower(), [])
    ]


@pytest.mark.parametrize(
    ("stage", "partition", "region"), [("s" * 20, "aws-us-gov", "us-gov-east-1"), ("p", "aws", "ap-southeast-4")]
)
def test_each_policy_fits_into_a_managed_policy_whatever_the_stage_is_called(stage, partition, region):
    documents = deployer_policies(stage, partition=partition, region=region, account=ACCOUNT, parameters=PARAMETERS)
    assert len(documents) <= 10  # that may be attached to a role
    for name, document in documents.items():
        assert len(json.dumps(document, separators=(",", ":"))) <= LARGEST_POLICY, name
        assert "${" not in json.dumps(document)


def test_what_only_a_parameter_needs_is_left_out_without_it():
    text = json.dumps(written())
    for part in ("acm:", "kms:", "wafv2:", "hostedzone", "s3:PutBucketAcl"):
        assert part not in text
        assert part in json.dumps(written(**PARAMETERS))


def test_a_role_goes_to_lambda_only_and_the_key_is_used_for_the_parameter_only():
    documents = written(**PARAMETERS)
    role = f"arn:aws:iam::{ACCOUNT}:role/lychgate-prod-api_handler"
    parameter = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/lychgate/prod/signing-keys"
    for context, allowed in (({"iam:PassedToService": "lambda.amazonaws.com"}, True), ({}, False)):
        assert (decision(documents, "iam:PassRole", role, context) == "allowed") is allowed
    for action in ("kms:Encrypt", "kms:Decrypt"):
        for context, allowed in (({"kms:EncryptionContext:PARAMETER_ARN": parameter}, True), ({}, False)):
            assert (decision(documents, action, PARAMETERS["KmsKeyArn"], context) == "allowed") is allowed
    for action, resource in (
        ("iam:CreateUser", f"arn:aws:iam::{ACCOUNT}:user/me"),
        ("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/admin"),
        ("iam:AttachRolePolicy", role),
        ("dynamodb:GetItem", f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/lychgate-prod-users"),
        ("dynamodb:DeleteTable", f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/orders"),
        ("s3:DeleteBucket", "arn:aws:s3:::invoices"),
        ("lambda:InvokeFunction", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:lychgate-prod"),
    ):
        assert decision(documents, action, resource) != "allowed", action


def test_a_new_type_of_resource_or_a_new_call_is_an_error_that_says_where_to_add_it():
    with pytest.raises(LookupError, match="Add the handlers of AWS::Kinesis::Stream"):
        list(resource_handlers.needed({"Stream": {"Type": "AWS::Kinesis::Stream"}}))
    call = {"service": "sqs", "operation": "CreateQueue", "parameters": {}, "method": "POST", "path": "/"}
    with pytest.raises(LookupError, match="which permission does sqs CreateQueue need"):
        needed(call)


def test_the_command_prints_the_policies_or_writes_them_into_files(operator, tmp_path, capsys):
    assert operator.run("policy", "prod") == 0, operator.errors
    assert json.loads(capsys.readouterr().out) == deployer_policies(
        "prod", partition="aws", region=REGION, account=ACCOUNT
    )

    folder = tmp_path / "policies"
    where = ["--account", "999999999999", "--region", "eu-central-1", "--to", str(folder)]
    assert operator.run("policy", "prod", *where, "--parameter", "HostedZoneId=Z1") == 0, operator.errors
    documents = {path.stem: json.loads(path.read_text()) for path in folder.iterdir()}
    assert documents == deployer_policies(
        "prod", partition="aws", region="eu-central-1", account="999999999999", parameters={"HostedZoneId": "Z1"}
    )
    out = capsys.readouterr().out
    for name in documents:
        assert f"aws iam create-policy --policy-name {name} --policy-document file://{folder}/{name}.json" in out

    for arguments, advice in (
        (["dev", *where], "is reserved"),
        (["prod", *where, "--parameter", "Colour=red"], "Colour"),
    ):
        assert operator.run("policy", *arguments) == 1
        assert advice in operator.errors


def _own_arns(calls):
    """The certificate, zone and key of the recorded life."""
    parameters = [call["parameters"] for call in calls]
    return {
        "CertificateArn": next(each["CertificateArn"] for each in parameters if "CertificateArn" in each),
        "HostedZoneId": next(call["parameters"]["Id"] for call in calls if call["operation"] == "GetHostedZone"),
        "KmsKeyArn": next(call["parameters"]["KeyId"] for call in calls if call["operation"] == "DescribeKey"),
    }


def _allows(documents, action, resource):
    key, (value, *_) = deployer_policy.condition(action, resource) or ("", [""])
    for placeholder, concrete in (
        ("${Partition}", "aws"), ("${Region}", REGION), ("${Account}", ACCOUNT), ("${Stage}", STAGE),
    ):  # fmt: skip
        value = value.replace(placeholder, concrete)
    return decision(documents, action, resource, {key: value}) == "allowed"


def _covers(documents, action, resource):
    return any(
        action in statement["Action"] and any(_covers_one(pattern, resource) for pattern in statement["Resource"])
        for document in documents
        for statement in document["Statement"]
    )


def _covers_one(pattern, resource):
    return pattern == resource or (pattern.endswith("*") and resource.startswith(pattern[:-1]))


def test_a_resource_stands_for_those_of_any_stage():
    assert (
        general(f"arn:aws:s3:::lychgate-prod-{ACCOUNT}-{REGION}/js/page.js")
        == "arn:${Partition}:s3:::${SiteBucketName}/*"
    )
    assert general(f"arn:aws:iam::{ACCOUNT}:role/somebody/x") == "arn:${Partition}:iam::${Account}:role/*"
    assert general(f"arn:aws:iam::{ACCOUNT}:role/lychgate-prod-authorizer").endswith(
        "role/lychgate-${Stage}-authorizer"
    )


def test_what_other_commands_of_an_operator_would_ask_is_known_beforehand():
    """A version, an alias, the role of API Gateway's logs, a restored table."""
    functions = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:lychgate-prod"
    role = f"arn:aws:iam::{ACCOUNT}:role/lychgate-api-gateway-logs"
    tables = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table"

    def asked(service, operation, **parameters):
        call = {"service": service, "operation": operation, "parameters": parameters, "method": "PATCH"}
        return needed({**call, "path": "/account"})

    assert asked("lambda", "GetFunction", FunctionName="lychgate-prod", Qualifier="live") == {
        ("lambda:GetFunction", f"{functions}:live")
    }
    assert general(f"{functions}:7").endswith("function:lychgate-${Stage}:*")
    patch = {"op": "replace", "path": "/cloudwatchRoleArn", "value": role}
    assert ("iam:PassRole", role) in asked("apigateway", "UpdateAccount", patchOperations=[patch])
    assert deployer_policy.condition("iam:PassRole", role) == ("iam:PassedToService", ("apigateway.amazonaws.com",))
    names = {"SourceTableName": "lychgate-prod-users", "TargetTableName": "lychgate-prod-users-2"}
    restore = asked("dynamodb", "RestoreTableToPointInTime", **names)
    assert {
        ("dynamodb:RestoreTableToPointInTime", f"{tables}/lychgate-prod-users-2"),
        ("dynamodb:PutItem", f"{tables}/lychgate-prod-users-2"),
    } <= restore
