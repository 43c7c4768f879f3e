"""The template that `chalice package` writes for a stage that `make deploy` has configured."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from infra.runtime import RUNTIME
from infra.stages import FUNCTIONS
from tests.support.audit import Finding, complaints, explanations, findings
from tests.support.packaging_project import packaged_stage


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    return packaged_stage(tmp_path_factory.mktemp("stage"))


def lint(path):
    command = [Path(sys.executable).with_name("cfn-lint"), "--include-checks", "I", "--", path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout, done.returncode


def test_cfn_lint_has_nothing_to_say(template):
    assert lint(template) == ("", 0)


def test_cfn_lint_would_say_that_the_runtime_is_too_old(template, tmp_path):
    older = tmp_path / "sam.json"
    older.write_text(template.read_text().replace(f'"{RUNTIME}"', '"python3.9"'))
    assert "Runtime 'python3.9' was deprecated" in lint(older)[0]


def test_all_functions_have_the_pinned_runtime_and_the_default_architecture(template):
    resources = json.loads(template.read_text())["Resources"].values()
    functions = [each["Properties"] for each in resources if each["Type"] == "AWS::Serverless::Function"]
    assert [(each["Runtime"], each["Architectures"]) for each in functions] == len(FUNCTIONS) * [(RUNTIME, ["arm64"])]


def test_api_gateway_may_call_what_answers_requests_and_the_authorizer(template):
    resources = json.loads(template.read_text())["Resources"]
    permissions = [each["Properties"] for each in resources.values() if each["Type"] == "AWS::Lambda::Permission"]
    named = [next(iter(each["FunctionName"].values())) for each in permissions]
    assert {each if isinstance(each, str) else each[0] for each in named} == {"APIHandler", "Admin", "Authorizer"}
    assert {each["Principal"] for each in permissions} == {"apigateway.amazonaws.com"}


def test_what_is_checked_is_the_same_at_each_time(template, tmp_path):
    def variables(path):
        resources = json.loads(path.read_text())["Resources"]
        return {name: each["Properties"].get("Environment") for name, each in resources.items()}

    assert variables(packaged_stage(tmp_path)) == variables(template)


FOUND = Finding("CKV_1", "Ensure something", "AWS::S3::Bucket.SiteBucket")


def test_a_finding_without_an_explanation_and_an_explanation_without_a_finding_are_told():
    assert complaints([FOUND], {"CKV_1": "because"}) == []
    assert complaints([FOUND], {}) == ["CKV_1, AWS::S3::Bucket.SiteBucket: Ensure something"]
    (idle,) = complaints([], {"CKV_1": "because"})
    assert "CKV_1 is explained" in idle
    assert "no longer found" in idle


def test_what_checkov_reports_is_read_whether_there_are_findings_or_none():
    failed = {"check_id": FOUND.check, "check_name": FOUND.name, "resource": FOUND.resource, "file_path": "/a"}
    report = {"check_type": "cloudformation", "results": {"failed_checks": [failed]}, "summary": {}}
    assert findings(report) == findings([report, {"passed": 0}]) == [FOUND]
    assert findings({"passed": 0, "failed": 0}) == []


def test_each_explanation_is_a_sentence():
    for check, reason in explanations().items():
        assert check.startswith("CKV")
        assert reason.endswith(".")
        assert "\n" not in reason
