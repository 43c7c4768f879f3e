"""`make policy`: writes infra/deployer-policy.json, the policies of whoever deploys.

They allow what a stage's life from its first check to its end asks of AWS, as it is recorded, and what CloudFormation
asks meanwhile in the same name, as the handlers of its resource types say. What a new command or a new resource needs
is in them as soon as `life` does it, or the template has it.
"""

import contextlib
import json
import os
import tempfile
from pathlib import Path
from unittest import mock

import boto3

from infra.deployment.deployer import LARGEST_POLICY, POLICIES
from infra.keys.__main__ import main as keys
from infra.local.environment import forget_aws
from infra.stages import FUNCTIONS
from infra.tables import TEMPLATE, parsed
from tests.deployment import domain_here, resource_handlers
from tests.deployment.aws_here import AwsHere
from tests.deployment.needed_permissions import PASSED, general, needed
from tests.deployment.operator_here import Operator, copied_project
from tests.deployment.recorded_resources import REGION
from tests.deployment.recording import recorder

_FOR_THE_PARAMETERS = (
    "kms:EncryptionContext:PARAMETER_ARN",
    tuple(
        f"arn:${{Partition}}:ssm:${{Region}}:${{Account}}:parameter/lychgate/${{Stage}}/{name}"
        for name in ("signing-keys", "webhook-secrets")
    ),
)
_FOR_READERS_OF_STREAMS = "lambda:FunctionArn", (resource_handlers.MAILER, resource_handlers.WEBHOOKS)
_OF_FUNCTIONS = tuple(f"-{name}" for name in FUNCTIONS)

_WIDEST = {
    "Stage": "s" * 20,
    "Partition": "aws-us-gov",
    "Region": "ap-southeast-99",
    "Account": "0" * 12,
    "SiteBucketName": "b" * 63,
    "AccessLogBucket": "b" * 63,
    "CertificateArn": "c" * 100,
    "HostedZoneId": "z" * 32,
    "KmsKeyArn": "k" * 100,
    "WebAclArn": "w" * 160,
}
"""Values of the placeholders that take as much room as any."""


@contextlib.contextmanager
def recorded():
    """Record the calls of AWS by this process, and by those that it starts. Yields a function that returns them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "calls"
        path.touch()
        end = recorder.install(path)
        environment = {recorder.VARIABLE: str(path), "PYTHONPATH": str(Path(recorder.__file__).parent)}
        try:
            with mock.patch.dict(os.environ, environment):
                yield lambda: [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        finally:
            end()


def life(operator, aws):
    """Do all that somebody does who answers for a stage. Raises AssertionError where it fails.

    A command that this does not run may lack a permission.
    """
    parameters = {
        "AlarmEmail": "me@example.org",
        "CertificateArn": domain_here.certificate("example.org"),
        "DomainName": "example.org",
        "HostedZoneId": domain_here.zone("example.org"),
        "KmsKeyArn": domain_here.key(),
        "MailDomain": "example.org",
    }
    session_of_a_role = _session_of_a_role()
    given = [argument for name, value in parameters.items() for argument in ("--parameter", f"{name}={value}")]
    project = ["--project", str(operator.project)]
    with recorded() as calls:
        _succeeds(operator, "deploy", "prod", "--check", *given)
        with mock.patch.dict(os.environ, session_of_a_role):
            _succeeds(operator, "deploy", "prod", "--check")
        _succeeds(operator, "deploy", "prod", "--dry-run")
        aws.failing["Distribution"] = "not today"
        assert operator.deploy() == 1
        aws.failing.clear()
        aws.limits["executions"] = 10
        _succeeds(operator, "deploy", "prod")
        aws.limits["executions"] = 1000
        _succeeds(operator, "deploy", "prod", "--check")
        _set_endpoint(operator, "https://example.org/hooks")
        _succeeds(operator, "deploy", "prod", *given, "--mail-from", "no-reply@example.org")
        _succeeds(operator, "deploy", "prod", "--check")
        _succeeds(operator, "deploy", "prod", "--dry-run", "--new-secret")
        _succeeds(operator, "deploy", "prod", "--new-secret")
        for command in (
            ["list"],
            ["add"],
            ["revoke", _first_key()],
            ["retire"],
            ["pepper", "add"],
            ["pepper", "retire"],
        ):
            assert keys([*command, "--stage", "prod", *project], say=lambda _line: None) in {0, 1}
        for page in ("styles.css", "index.html"):
            (operator.project / "static-site" / page).write_text("new", "utf-8")
        (operator.project / "static-site" / "js/elements/gate.svg").unlink()
        _succeeds(operator, "deploy", "prod")
        with (operator.project / "app.py").open("a", encoding="utf-8") as source:
            source.write("# changed\n")
        _succeeds(operator, "deploy", "prod")
        _succeeds(operator, "live", "prod")
        _succeeds(operator, "watch", "prod", "--minutes", "0")
        _succeeds(operator, "rollback", "prod")
        _lose_the_record(operator)
        _succeeds(operator, "deploy", "prod")
        _succeeds(operator, "destroy", "prod", "--yes-delete", "prod")
        _succeeds(operator, "deploy", "prod")
        _succeeds(operator, "destroy", "prod", "--with-data", "--yes-delete", "prod")
        return calls()


def _succeeds(operator, *arguments):
    assert operator.run(*arguments) == 0, (arguments, operator.errors, operator.lines)


def _first_key():
    parameter = boto3.client("ssm").get_parameter(Name="/lychgate/prod/signing-keys", WithDecryption=True)["Parameter"]
    return json.loads(parameter["Value"])["keys"][0]["kid"]


def _session_of_a_role():
    trust = {"Version": "2012-10-17", "Statement": []}
    role = boto3.client("iam").create_role(RoleName="deployer", AssumeRolePolicyDocument=json.dumps(trust))["Role"]
    made = boto3.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="me")["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": made["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": made["SecretAccessKey"],
        "AWS_SESSION_TOKEN": made["SessionToken"],
    }


def _set_endpoint(operator, url):
    path = operator.project / ".chalice" / "config.json"
    config = json.loads(path.read_text("utf-8"))
    config["stages"]["prod"]["environment_variables"]["LYCHGATE_WEBHOOK_URL"] = url
    path.write_text(json.dumps(config), "utf-8")


def _lose_the_record(operator):
    (operator.project / ".chalice" / "deployed" / "prod.json").unlink()


def evidence(calls):
    """Why each pair of action and resource is needed: the calls that need it, or CloudFormation."""
    found = {}
    for call in calls:
        for action, resource in needed(call):
            found.setdefault((action, general(resource)), set()).add(f"{call['service']} {call['operation']}")
    for action, resource in resource_handlers.needed(parsed(TEMPLATE.read_text("utf-8"))["Resources"]):
        found.setdefault((action, resource), set()).add("CloudFormation")
    return found


def condition(action, resource):
    """The condition of an action on a resource, a key and its values; empty if there is none."""
    if action in {"kms:Decrypt", "kms:Encrypt"}:
        return _FOR_THE_PARAMETERS
    if action == "lambda:CreateEventSourceMapping":
        return _FOR_READERS_OF_STREAMS
    if action == PASSED:
        service = "lambda" if resource.endswith(_OF_FUNCTIONS) else "apigateway"
        return "iam:PassedToService", (f"{service}.amazonaws.com",)
    return ()


def policies(pairs):
    """The policy documents that allow these pairs, each small enough for a managed policy, by their names."""
    by_action = {}
    for action, resource in pairs:
        by_action.setdefault((action, condition(action, resource)), set()).add(resource)
    by_resources = {}
    for (action, when), resources in by_action.items():
        scope = (action.partition(":")[0], when, tuple(sorted(_without_covered(resources))))
        by_resources.setdefault(scope, []).append(action)
    statements = [_statement(scope, sorted(actions)) for scope, actions in sorted(by_resources.items())]
    documents = [[]]
    for statement in statements:
        if _size([*documents[-1], statement]) > LARGEST_POLICY:
            documents.append([])
        documents[-1].append(statement)
    return {
        f"lychgate-${{Stage}}-deployer-{number}": _document(statements)
        for number, statements in enumerate(documents, start=1)
    }


def _without_covered(resources):
    """Leave out what a pattern among the resources matches anyway."""
    if "*" in resources:
        return {"*"}
    return {
        each
        for each in resources
        if not any(other != each and other.endswith("*") and each.startswith(other[:-1]) for other in resources)
    }


def _statement(scope, actions):
    _, when, resources = scope
    statement = {"Effect": "Allow", "Action": actions, "Resource": list(resources)}
    if when:
        key, values = when
        statement["Condition"] = {"StringEquals": {key: values[0] if len(values) == 1 else list(values)}}
    return statement


def _document(statements):
    return {"Version": "2012-10-17", "Statement": statements}


def _size(statements):
    text = json.dumps(_document(statements), separators=(",", ":"))
    for name, value in _WIDEST.items():
        text = text.replace(f"${{{name}}}", value)
    return len(text)


def text_of(documents):
    """The contents of the file."""
    return json.dumps(documents, indent=2) + "\n"


def main():
    forget_aws()
    os.environ.update(AWS_ACCESS_KEY_ID="here", AWS_SECRET_ACCESS_KEY="here", AWS_DEFAULT_REGION=REGION)
    aws = AwsHere()
    aws.enter()
    try:
        aws.reset()
        os.environ["AWS_ENDPOINT_URL"] = aws.url
        with tempfile.TemporaryDirectory() as folder:
            calls = life(Operator(copied_project(Path(folder) / "project")), aws)
    finally:
        aws.leave()
        aws.stop()
    POLICIES.write_text(text_of(policies(evidence(calls))), "utf-8")
    print(f"written: {POLICIES.name}")


if __name__ == "__main__":
    main()
