"""`--check` says of each thing that a deployment needs whether it is there, and changes nothing."""

import datetime
import json
import re
import time

import boto3
import pytest
from botocore.exceptions import NoCredentialsError

from infra.deployment.checks import account as account_checks
from infra.deployment.checks.domain import covers
from infra.deployment.own_code import problems_of_own_code
from tests.deployment import domain_here
from tests.deployment.deployer_policy import recorded
from tests.deployment.needed_permissions import needed
from tests.deployment.operator_here import account, answering, raising, refusal
from tests.deployment.recorded_resources import ACCOUNT, Recorded

DOMAIN = "login.example.org"
TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}}]}


def said(operator):
    """What was said of each check: state and sentence, by its name."""
    found = {}
    for line in operator.below("Preflight"):
        state, _, rest = line.partition(" ")
        name, _, sentence = rest.strip().partition(": ")
        found[name] = (state, sentence)
    return found


def check(operator, *arguments, stage="prod", code=0):
    before, files = account(), operator.files()
    assert operator.deploy("--check", *arguments, stage=stage) == code, (operator.lines, operator.errors)
    assert (account(), operator.files(), operator.smoked) == (before, files, [])
    assert "Traceback" not in operator.log
    return said(operator)


def parameters(**values):
    return [argument for name, value in values.items() for argument in ("--parameter", f"{name}={value}")]


def test_a_new_stage_in_a_good_account_is_ready_and_what_cannot_be_known_is_named(operator):
    found = check(operator)

    assert [name for name, (state, _) in found.items() if state == "ok"] == [
        "stage and parameters", "own code", "region", "credentials", "clock", "stack", "names", "Lambda", "API Gateway",
        "webhooks", "passkeys", "mails", "permissions",
    ]  # fmt: skip
    assert found["CloudFront"][0] == "unknown"
    assert "nothing but creating one shows whether it has" in found["CloudFront"][1]
    assert operator.lines[-1].endswith("Ready: `make deploy STAGE=prod` may begin. Not known: CloudFront.")


def test_a_stage_that_is_deployed_is_ready(operator):
    operator.has_deployed()
    operator.smoked.clear()

    found = check(operator)

    assert {state for state, _ in found.values()} == {"ok"}
    assert found["CloudFront"] == ("ok", "the account has 1 distributions, so AWS has verified it")


WRONG_ROUTES = """
from chalicelib.api.responses import Answer
from chalicelib.api.routing import Call, Routes
from chalicelib.site.settings import nothing

routes = Routes()
"""
ROUTES_WITH_MISTAKES = """
import os
from chalicelib.api.routing import Call, Routes

routes = Routes()
assert os.environ["SITE_DEPOT"] == "here"


@routes.operation("GET", "/api/stock/")
def stock(call: Call, data: dict):
    pass
"""


@pytest.mark.parametrize("command", ["--check", "--dry-run", "--no-smoke"])
def test_mistakes_in_the_sites_own_code_are_told_before_anything_is_made(operator, command):
    operator.replace(own_code=problems_of_own_code)
    (operator.project / "chalicelib" / "site" / "routes.py").write_text(ROUTES_WITH_MISTAKES)
    path = operator.project / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "stages": {"prod": {"environment_variables": {"SITE_DEPOT": "here"}}}}))
    before = account()

    assert operator.deploy(command) == 1

    said = "\n".join([*operator.lines, operator.errors])
    named = "GET /api/stock/ (stock, chalicelib/site/routes.py:9): "
    assert f'{named}the API is at /api already, so this is served at /api/api/stock/: write "/stock/"' in said
    assert said.count(named) == 4
    assert account() == before


def test_a_site_that_cannot_be_loaded_is_told_with_its_file_and_line(operator):
    operator.replace(own_code=problems_of_own_code)
    (operator.project / "chalicelib" / "site" / "routes.py").write_text(WRONG_ROUTES)

    state, sentence = check(operator, code=1)["own code"]

    assert state == "WRONG"
    assert sentence.startswith("chalicelib/site/routes.py:4: ImportError: cannot import name 'nothing' from")
    assert operator.lines[-1].endswith("Not ready: own code. Not known: CloudFront.")


def test_a_check_only_reads(operator):
    given = parameters(**a_domain(), KmsKeyArn=domain_here.key(), MailDomain="example.org")
    with recorded() as calls:
        assert operator.deploy("--check", "--mail-from", "no-reply@example.org", *given) == 0, operator.lines
        asked = {action for call in calls() for action, _ in needed(call)}
    assert len(asked) > 12
    reading = ("Get", "List", "Describe", "Simulate")
    assert [action for action in asked if not action.partition(":")[2].startswith((*reading, "GET"))] == []


def a_domain(name=DOMAIN, **more):
    return {
        "DomainName": name,
        "CertificateArn": domain_here.certificate(name),
        "HostedZoneId": domain_here.zone("example.org"),
        **more,
    }


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (NoCredentialsError(), "aws sso login"),
        (refusal("GetCallerIdentity", "ExpiredToken"), "have expired"),
        (refusal("GetCallerIdentity", "SignatureDoesNotMatch", "Signature expired: a"), "the clock of this machine"),
    ],
)
def test_credentials_that_are_none_end_the_check_with_one_line(operator, monkeypatch, error, advice):
    with raising(monkeypatch, "GetCallerIdentity", error):
        found = check(operator, code=1)

    assert found["credentials"][0] == "WRONG"
    assert advice in found["credentials"][1]
    assert set(found) <= {"stage and parameters", "own code", "region", "credentials", "clock"}
    assert "Not ready: credentials." in operator.lines[-1]


def test_credentials_for_another_account_than_the_stages_are_wrong(operator):
    policy = operator.project / ".chalice" / "policy-prod-api_handler.json"
    arn = "arn:aws:dynamodb:us-east-1:999999999999:table/lychgate-prod-users"
    policy.write_text(json.dumps({"Statement": [{"Resource": arn}]}))

    state, sentence = check(operator, code=1)["credentials"]

    assert (state, "account 999999999999" in sentence) == ("WRONG", True)


def test_a_region_that_is_none_is_named_before_anybody_is_asked(operator, monkeypatch):
    monkeypatch.setenv("AWS_REGION", "eu-centrall-1")
    found = check(operator, code=1)
    assert list(found) == ["stage and parameters", "own code", "region"]
    assert "there is no region eu-centrall-1" in found["region"][1]

    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert operator.deploy("--check") == 1
    assert "AWS_REGION=eu-central-1" in said(operator)["region"][1]


def test_a_region_that_lacks_a_service_is_not_taken():
    session = boto3.session.Session(region_name="eu-west-1")

    state, sentence = account_checks.region(session, (*account_checks.SERVICES, "mturk"))

    assert (state.value, sentence.startswith("eu-west-1 does not have mturk")) == ("WRONG", True)


def test_a_region_that_the_account_has_not_enabled_is_not_taken_for_wrong_credentials(operator, monkeypatch):
    asked = []

    def in_one_region(client, *_arguments):
        asked.append(client.meta.region_name)
        if client.meta.region_name == "eu-south-1":
            raise refusal("GetCallerIdentity", "InvalidClientTokenId", "The security token is invalid")
        return {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/me", "ResponseMetadata": {}}

    monkeypatch.setenv("AWS_REGION", "eu-south-1")
    with answering(monkeypatch, "GetCallerIdentity", in_one_region):
        found = check(operator, code=1)

    assert found["credentials"] == (
        "WRONG",
        "they are good, but the region is not enabled for the account. Enable it (AWS Account Management,"
        " EnableRegion), or choose another: AWS_REGION=…",
    )
    assert asked == ["eu-south-1", "us-east-1"]


@pytest.mark.parametrize(
    ("skew", "state", "sentence"),
    [
        (0, "ok", "agrees"),
        (-120, "ok", "120 seconds behind AWS's"),
        (-400, "WRONG", "behind"),
        (900, "WRONG", "ahead of"),
    ],
)
def test_the_clock_is_compared_with_that_of_aws(operator, skew, state, sentence):
    at = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    answer = {"ResponseMetadata": {"HTTPHeaders": {"date": at.strftime("%a, %d %b %Y %H:%M:%S GMT")}}}

    found = account_checks.clock(answer, at.timestamp() + skew)

    assert (found[0].value, sentence in found[1]) == (state, True)


def test_a_clock_that_is_an_hour_late_is_seen_in_the_answer_itself(operator):
    operator.replace(now=lambda: time.time() - 3600)

    state, sentence = check(operator, code=1)["clock"]

    assert state == "WRONG"
    assert re.match(
        r"it is 3[0-9]{3} seconds behind AWS's, which refuses what is off by more than 300\. Set it:", sentence
    )


def test_a_new_accounts_ten_executions_are_said_and_do_not_stop(operator, aws):
    aws.limits["executions"] = 10

    state, sentence = check(operator)["Lambda"]

    assert state == "ok"
    assert sentence.startswith("10 executions at once, as in a new account")
    assert "ask Service Quotas for 260 or more" in sentence


def test_a_throttle_above_the_accounts_own_is_wrong(operator):
    found = check(operator, *parameters(ThrottleRate="20000"), code=1)
    assert "Give ThrottleRate=10000 or less" in found["API Gateway"][1]


@pytest.mark.parametrize("status", ["UPDATE_ROLLBACK_FAILED", "DELETE_FAILED"])
def test_a_half_made_stack_is_said_with_what_to_do(operator, aws, status):
    boto3.client("cloudformation").create_stack(StackName="lychgate-prod", TemplateBody=json.dumps({"Resources": {}}))
    aws.stack("lychgate-prod").status = status

    state, sentence = check(operator, code=1)["stack"]

    assert (state, "aws cloudformation " in sentence) == ("WRONG", True)


def take_bucket():
    boto3.client("s3").create_bucket(Bucket=f"lychgate-prod-{ACCOUNT}-us-east-1")


def take_role(name="lychgate-prod-authorizer"):
    boto3.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))


def take_function():
    take_role("lychgate-prod-api_handler")
    boto3.client("lambda").create_function(
        FunctionName="lychgate-prod",
        Role=f"arn:aws:iam::{ACCOUNT}:role/lychgate-prod-api_handler",
        Runtime="python3.13",
        Handler="a.b",
        Code={"ZipFile": b""},
    )


def take_table():
    boto3.client("dynamodb").create_table(
        TableName="lychgate-prod-users",
        KeySchema=[{"AttributeName": "username_key", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "username_key", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=[{"Key": "aws:cloudformation:stack-name", "Value": "shop"}],
    )


def take_control():
    boto3.client("cloudfront").create_origin_access_control(
        OriginAccessControlConfig={
            "Name": "lychgate-prod-us-east-1",
            "OriginAccessControlOriginType": "s3",
            "SigningBehavior": "always",
            "SigningProtocol": "sigv4",
        }
    )


def take_cache():
    resource = Recorded("0", {"CachePolicyConfig": {"Name": "lychgate-prod-us-east-1"}})
    resource.kind = "AWS::CloudFront::CachePolicy"
    Recorded.made["Other"] = resource


def take_headers():
    resource = Recorded("0", {"ResponseHeadersPolicyConfig": {"Name": "lychgate-prod-us-east-1"}})
    resource.kind = "AWS::CloudFront::ResponseHeadersPolicy"
    Recorded.made["Other"] = resource


@pytest.mark.parametrize(
    ("take", "advice"),
    [
        (take_bucket, "--parameter SiteBucketName="),
        (take_role, "the role lychgate-prod-authorizer exists, and Lychgate has not made it"),
        (take_function, "the function lychgate-prod exists, and Lychgate has not made it"),
        (take_table, "the table lychgate-prod-users belongs to the stack shop"),
        (take_control, "an origin access control lychgate-prod-us-east-1"),
        (take_cache, "a cache policy lychgate-prod-us-east-1"),
        (take_headers, "a response headers policy lychgate-prod-us-east-1"),
    ],
)
def test_a_name_that_belongs_to_something_else_is_found_by_the_check_and_by_a_deployment(operator, take, advice):
    take()
    made = account()

    state, sentence = check(operator, code=1)["names"]
    assert (state, advice in sentence) == ("WRONG", True)

    assert operator.deploy() == 1
    assert advice in operator.errors
    assert account() == made


def test_what_an_interrupted_deployment_has_left_is_the_stages_own(operator, monkeypatch):
    with raising(monkeypatch, "TagRole", KeyboardInterrupt()):
        assert operator.deploy() == 130
    boto3.client("cloudformation").delete_stack(StackName="lychgate-prod")
    assert account()["stacks"] == []
    assert len(account()["functions"]) == len(account()["roles"]) == 5

    assert check(operator)["names"] == ("ok", "they are free, or of an earlier stage of this name")
    assert operator.deploy() == 0, operator.errors


def certified_for_others():
    return {"CertificateArn": domain_here.certificate("www.example.org", "*.shop.example.org")}


@pytest.mark.parametrize(
    ("name", "other", "advice"),
    [
        (
            "certificate",
            lambda: {"CertificateArn": domain_here.certificate(DOMAIN, status="PENDING_VALIDATION")},
            "ISSUED",
        ),
        ("certificate", lambda: {"CertificateArn": domain_here.certificate(DOMAIN, status="EXPIRED")}, "is EXPIRED"),
        ("certificate", certified_for_others, "is for www.example.org, *.shop.example.org, not for login.example.org"),
        (
            "certificate",
            lambda: {"CertificateArn": f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/0"},
            "there is no cert",
        ),
        ("hosted zone", lambda: {"HostedZoneId": "Z00000"}, "list-hosted-zones"),
        ("hosted zone", lambda: {"HostedZoneId": domain_here.zone("example.com")}, "login.example.org is not in it"),
        ("hosted zone", lambda: {"HostedZoneId": domain_here.zone("ample.org")}, "login.example.org is not in it"),
        ("KMS key", lambda: {"KmsKeyArn": f"arn:aws:kms:us-east-1:{ACCOUNT}:key/0"}, "there is no key"),
        ("KMS key", lambda: {"KmsKeyArn": f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/0"}, "the stage in us-east-1"),
        ("KMS key", lambda: {"KmsKeyArn": domain_here.key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")}, "symmetric"),
    ],
)
def test_what_a_parameter_names_is_looked_at_by_the_check_and_by_a_deployment(operator, name, other, advice):
    given = parameters(**{**a_domain(), **other()})

    state, sentence = check(operator, *given, code=1)[name]
    assert (state, advice in sentence) == ("WRONG", True), sentence

    assert operator.deploy(*given) == 1
    assert operator.errors.startswith(f"deploy: Preflight: {name}: ")
    assert account()["stacks"] == []


def test_a_good_domain_is_good(operator):
    found = check(operator, *parameters(**a_domain(), KmsKeyArn=domain_here.key()))
    assert {found[name][0] for name in ("certificate", "domain", "hosted zone", "KMS key")} == {"ok"}


def configure(operator, **variables):
    """Give the stage variables in its configuration."""
    path, config = operator.project / ".chalice" / "config.json", operator.config()
    stage = config["stages"].setdefault("prod", {})
    stage["environment_variables"] = {**stage.get("environment_variables", {}), **variables}
    path.write_text(json.dumps(config))


class TestOfPasskeys:
    """They are made for a domain, and work at no other."""

    @staticmethod
    def said_by_a_deployment(operator, *arguments):
        assert operator.deploy(*arguments) == 0, operator.errors
        return [line for line in operator.below("Preflight") if line.startswith("passkeys: ")]

    def test_without_a_domain_of_its_own_a_stage_is_told_to_set_that_first(self, operator):
        advice = "Set that first (DomainName), passkeys second (docs/deployment.md, section Passkeys and the domain)"
        state, sentence = check(operator)["passkeys"]
        assert (state, sentence.partition(", and")[0]) == ("ok", "they belong to a domain of CloudFront")
        assert advice in sentence

        [line] = self.said_by_a_deployment(operator)
        assert advice in line
        operator.smoked.clear()
        own = boto3.client("cloudformation").describe_stacks(StackName="lychgate-prod")["Stacks"][0]["Outputs"]
        [distribution] = [each["OutputValue"] for each in own if each["OutputKey"] == "DistributionDomainName"]
        assert check(operator)["passkeys"][1].startswith(f"they belong to {distribution}, and would not work at")
        assert self.said_by_a_deployment(operator) == [], "it was said, and nothing of it changes"

    def test_with_a_domain_of_its_own_nothing_is_to_be_said(self, operator):
        given = parameters(**a_domain())
        assert check(operator, *given)["passkeys"] == ("ok", f"they belong to {DOMAIN}")
        assert self.said_by_a_deployment(operator, *given) == [f"passkeys: they belong to {DOMAIN}"]
        assert self.said_by_a_deployment(operator) == []

    def test_a_domain_that_comes_later_strands_them_and_check_plan_and_deployment_say_so(self, operator):
        assert operator.deploy() == 0, operator.errors
        operator.smoked.clear()
        given = parameters(**a_domain())
        moves = re.compile(
            rf"they move from \w+\.cloudfront\.net to {DOMAIN}\. Those that users have made by now do not"
        )

        assert moves.match(check(operator, *given)["passkeys"][1])
        assert operator.deploy("--dry-run", *given) == 0, operator.errors
        assert any(moves.search(line) for line in operator.below("Preflight"))
        [line] = self.said_by_a_deployment(operator, *given)
        assert moves.search(line)
        assert self.said_by_a_deployment(operator) == []

    def test_another_rp_id_moves_them_too(self, operator):
        given = parameters(**a_domain())
        assert operator.deploy(*given) == 0, operator.errors
        operator.smoked.clear()
        configure(operator, LYCHGATE_RP_ID="example.org")
        assert check(operator)["passkeys"][1].startswith(f"they move from {DOMAIN} to example.org. ")
        assert len(self.said_by_a_deployment(operator)) == 1
        assert self.said_by_a_deployment(operator) == []

    @pytest.mark.parametrize(
        ("variables", "with_domain", "advice"),
        [
            ({"LYCHGATE_RP_ID": "example.com"}, True, f"LYCHGATE_RP_ID must be {DOMAIN}, the host of LYCHGATE_ISSUER"),
            ({"LYCHGATE_RP_ID": "example.org"}, False, "LYCHGATE_RP_ID is example.org, but without DomainName"),
            ({"LYCHGATE_RP_ID": "cloudfront.net"}, False, "browsers refuse what is above that"),
            ({"LYCHGATE_SITE_NAME": "x" * 65}, False, "LYCHGATE_SITE_NAME must have at most 64 printable characters"),
        ],
    )
    def test_a_setting_that_cannot_be_is_refused_before_anything_is_made(
        self, operator, variables, with_domain, advice
    ):
        configure(operator, **variables)
        given = parameters(**a_domain()) if with_domain else []
        state, sentence = check(operator, *given, code=1)["passkeys"]
        assert (state, advice in sentence) == ("WRONG", True), sentence
        assert operator.deploy(*given) == 1
        assert operator.errors.startswith("deploy: Preflight: passkeys: ")
        assert account()["stacks"] == []

    def test_the_rp_id_and_the_sites_name_reach_the_api_and_the_mailer(self, operator):
        configure(operator, LYCHGATE_RP_ID="example.org", LYCHGATE_SITE_NAME="Oak & Latch")
        assert operator.deploy(*parameters(**a_domain())) == 0, operator.errors
        client = boto3.client("lambda")
        for function in ("lychgate-prod", "lychgate-prod-mailer"):
            found = client.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
            assert (found["LYCHGATE_RP_ID"], found["LYCHGATE_SITE_NAME"]) == ("example.org", "Oak & Latch")

    def test_what_may_not_be_looked_at_is_unknown_and_stops_nothing(self, operator, monkeypatch):
        with raising(monkeypatch, "GetFunctionConfiguration", refusal("GetFunctionConfiguration")):
            assert check(operator)["passkeys"][0] == "unknown"


@pytest.mark.parametrize(
    ("name", "domain", "covered"),
    [
        ("example.org", "EXAMPLE.org", True),
        ("*.example.org", "login.example.org", True),
        ("*.example.org", "a.login.example.org", False),
        ("*.example.org", "example.org", False),
        ("example.org", "login.example.org", False),
        ("*.example.org", "login.example.org.evil.net", False),
    ],
)
def test_a_wildcard_stands_for_one_label(name, domain, covered):
    assert covers(name, domain) is covered


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        ({"ThrottleRate": "many"}, "it takes a number"),
        ({"ThrottleRate": "0"}, "it takes 1 or more"),
        ({"Protect": "yes"}, "it takes one of true, false"),
        ({"LogRetentionDays": "42"}, "it takes one of 1, 3, 5"),
        ({"CertificateArn": "arn:aws:acm:eu-central-1:123456789012:certificate/1"}, "acm:us-east-1"),
        ({"SiteBucketName": "Under_score"}, "it takes what matches"),
    ],
)
def test_a_value_that_cloudformation_would_not_take_is_refused_before_anybody_is_asked(operator, given, advice):
    found = check(operator, *parameters(**given), code=1)
    assert (list(found), advice in found["stage and parameters"][1]) == (["stage and parameters", "region"], True)
    assert operator.deploy(*parameters(**given)) == 1
    assert advice in operator.errors


def test_the_permissions_that_are_missing_are_named(operator, aws):
    aws.allowed[:] = [everything_but("lambda:CreateFunction", "s3:PutObject")]

    state, sentence = check(operator, code=1)["permissions"]

    assert state == "WRONG"
    assert " lacks lambda:CreateFunction, s3:PutObject. `python -m infra.deployment policy prod`" in sentence


def everything_but(*actions):
    return {"Statement": [{"Effect": "Allow", "NotAction": list(actions), "Resource": ["*"]}]}


def test_permissions_that_cannot_be_looked_at_are_unknown_and_say_why(operator, monkeypatch):
    with raising(monkeypatch, "SimulatePrincipalPolicy", refusal("SimulatePrincipalPolicy")):
        state, sentence = check(operator)["permissions"]
    assert (state, "permission is missing: service:SimulatePrincipalPolicy" in sentence) == ("unknown", True)

    for arn, advice in (("root", "root user may do everything"), ("federated-user/x", "neither a user nor a role")):
        caller = {"Account": ACCOUNT, "Arn": f"arn:aws:sts::{ACCOUNT}:{arn}", "ResponseMetadata": {}}
        with answering(monkeypatch, "GetCallerIdentity", lambda *_arguments, caller=caller: caller):
            assert advice in check(operator)["permissions"][1]


def test_what_may_not_be_read_is_unknown_and_does_not_stop_a_deployment(operator, monkeypatch):
    given = parameters(**a_domain())
    with raising(monkeypatch, "DescribeCertificate", refusal("DescribeCertificate")):
        state, sentence = check(operator, *given)["certificate"]
        assert (state, "could not be looked at: permission is missing" in sentence) == ("unknown", True)
        assert operator.deploy(*given) == 0, operator.errors


def test_names_of_a_stack_that_is_being_made_are_not_taken_for_somebody_elses(operator, aws, monkeypatch):
    boto3.client("cloudformation").create_stack(StackName="lychgate-prod", TemplateBody=json.dumps({"Resources": {}}))
    stack = aws.stack("lychgate-prod")
    stack.status = "CREATE_IN_PROGRESS"
    take_bucket()
    take_headers()

    assert check(operator)["names"][0] == "ok"

    def settle(_seconds):
        stack.status = "ROLLBACK_COMPLETE"
        boto3.client("s3").delete_bucket(Bucket=f"lychgate-prod-{ACCOUNT}-us-east-1")
        Recorded.made.clear()

    operator.replace(sleep=settle)
    with raising(monkeypatch, "PutParameter", KeyboardInterrupt()):
        assert operator.deploy() == 130, operator.errors
