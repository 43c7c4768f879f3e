"""What a site's own code uses of AWS: what its file may say, and which policies get its statements."""

import json

import pytest

from infra.deployment.errors import DeploymentError
from infra.deployment.policies import POLICIES
from infra.deployment.stage_files import StageFiles
from infra.site_aws import FILE, SiteAws, read_site_aws
from infra.stages import policy_file
from tests.support.places import FOUNDATION

STATEMENT = {
    "Sid": "Orders",
    "Effect": "Allow",
    "Action": ["dynamodb:PutItem"],
    "Resource": "arn:${Partition}:dynamodb:${Region}:${Account}:table/yard-${Stage}-orders",
}


@pytest.fixture
def project(tmp_path):
    """A checkout with a site's file."""
    (tmp_path / ".chalice").mkdir()
    config = {"version": "2.0", "app_name": "lychgate", "stages": {}}
    (tmp_path / ".chalice" / "config.json").write_text(json.dumps(config))
    (tmp_path / FILE).parent.mkdir(parents=True)
    return tmp_path


def statements_of(project):
    contents = StageFiles(project, "test").contents(FOUNDATION, "{}", {})
    return {
        name: json.loads(contents[project / ".chalice" / policy_file("test", name)])["Statement"] for name in POLICIES
    }


def test_a_checkout_without_the_file_adds_nothing(tmp_path):
    assert read_site_aws(tmp_path) == SiteAws()


# Their entry points import chalicelib/site: the others are small, and nothing of a site's runs there.
RUN_A_SITES_CODE = {"api_handler", "admin"}


def test_the_functions_that_run_a_sites_code_may_do_what_it_says_and_no_others(project):
    ours = statements_of(project)
    (project / FILE).write_text(json.dumps({"statements": [STATEMENT]}))
    at = "arn:aws:dynamodb:us-east-1:123456789012:table/yard-test-orders"
    added = [{**STATEMENT, "Resource": at}]
    assert statements_of(project) == {
        name: statements + (added if name in RUN_A_SITES_CODE else []) for name, statements in ours.items()
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "is no JSON"),
        ("[]", "an object with the members operations and statements"),
        ('{"statement": []}', "an object with the members operations and statements"),
        ('{"operations": {"s3": "GetObject"}}', "a list of names for each service"),
        ('{"statements": {}}', "each statement"),
        ('{"statements": [{"Effect": "Allow", "Action": "s3:GetObject"}]}', "has Effect, Action and Resource"),
        (
            json.dumps({"statements": [{**STATEMENT, "Resource": "${Table}"}]}),
            r"has \$\{Table\}\. There are \$\{Partition\}, \$\{Region\}, \$\{Account\}, \$\{Stage\}",
        ),
    ],
)
def test_a_file_that_says_something_else_stops_the_deployment_and_is_named(project, text, problem):
    (project / FILE).write_text(text)
    with pytest.raises(DeploymentError, match=problem) as error:
        statements_of(project)
    assert str(FILE) in str(error.value)
