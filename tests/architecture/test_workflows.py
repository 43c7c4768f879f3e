"""What GitHub runs: commands that are there, with no more rights than they need, and nothing that strangers write."""

import os
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from infra.local.environment import STAGE as LAPTOP
from infra.runtime import RUNTIME
from infra.tables import parsed

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".github" / "workflows"
TEXTS = {path.name: path.read_text("utf-8") for path in sorted(FOLDER.glob("*.yml"))}
# In YAML 1.1 the key `on` is true.
WORKFLOWS = {name: yaml.safe_load(text) for name, text in TEXTS.items()}
JOBS = {f"{name}:{job}": content for name, workflow in WORKFLOWS.items() for job, content in workflow["jobs"].items()}
STEPS = [(where, step) for where, job in JOBS.items() for step in job.get("steps", [])]
RUNS = [(where, step["run"]) for where, step in STEPS if "run" in step]
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
CALLS_OF_STAGE = {where: job for where, job in JOBS.items() if job.get("uses", "").endswith("/stage.yml")}


def test_every_command_is_there():
    targets = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE)) | {".venv/.installed-smoke"}
    named = {target for _, run in RUNS for target in re.findall(r"\bmake (\S+)", run)}
    assert named == {"quick", ".venv/.installed-smoke", "deploy", "watch", "rollback", "upgrade", "docs"}
    assert named <= targets
    modules = {module for _, run in RUNS for module in re.findall(r"python -m (\S+)", run)}
    assert modules == {"infra.deployment", "infra.release_notes"}
    for module in modules:
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists()
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert any(run == ".ci/run" for _, run in RUNS)


def test_each_week_the_tests_run_that_others_leave_out():
    assert WORKFLOWS["test.yml"][True]["schedule"]
    (step,) = [step for _, step in STEPS if step.get("run") == ".ci/run"]
    assert step["env"] == {"TESTS": "${{ github.event_name == 'schedule' && 'test-all' || 'test' }}"}
    assert '"${TESTS:-test}"' in (ROOT / ".ci" / "run").read_text("utf-8")
    assert re.search(r"^test-all:", MAKEFILE, re.MULTILINE)


def test_every_supported_python_is_tested():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    supported = [each.rpartition(" ")[2] for each in project["classifiers"]]
    assert JOBS["test.yml:quick"]["strategy"]["matrix"]["python"] == supported
    assert project["requires-python"] == f">={supported[0]}"
    named = [step["with"]["python-version"] for _, step in STEPS if "setup-python" in step.get("uses", "")]
    assert {each for several in named for each in several.splitlines()} <= {*supported, "${{ matrix.python }}"}


def test_the_functions_own_python_is_there_where_everything_is_tested_and_where_it_is_deployed():
    own = RUNTIME.removeprefix("python")
    for job in ("test.yml:whole", "stage.yml:deploy"):
        (set_up,) = [step for name, step in STEPS if name == job and "setup-python" in step.get("uses", "")]
        assert own in set_up["with"]["python-version"].splitlines()


def test_a_workflow_has_no_permission_and_each_job_says_which_it_needs():
    for workflow in WORKFLOWS.values():
        assert workflow["permissions"] == {}
    rights = {where: job["permissions"] for where, job in JOBS.items()}
    named = {where for where, right in rights.items() if "id-token" in right}
    assert named == {*CALLS_OF_STAGE, "stage.yml:deploy", "publish.yml:npm", "docs.yml:publish"}
    writing = {where for where, right in rights.items() if "write" in {v for k, v in right.items() if k != "id-token"}}
    assert writing == {"release.yml:publish", "upgrade.yml:upgrade", "docs.yml:publish"}


def test_every_job_ends_some_day():
    assert [where for where, job in JOBS.items() if "uses" not in job and "timeout-minutes" not in job] == []


def test_no_key_is_stored():
    for name, text in TEXTS.items():
        assert "secrets" not in text, name


def test_nothing_that_a_stranger_writes_becomes_a_command():
    assert [where for where, run in RUNS if "${{" in run] == []
    for workflow in WORKFLOWS.values():
        triggers = workflow[True]
        assert not {"pull_request_target", "workflow_run", "issue_comment"} & set(triggers)


def test_an_action_is_pinned_by_its_commit_with_its_version_beside_it():
    pins = {}
    for text in TEXTS.values():
        for action, pin in re.findall(r"uses: (?!\./)(\S+?)@(.+)$", text, re.MULTILINE):
            assert re.fullmatch(r"[0-9a-f]{40} # v\d+\.\d+\.\d+", pin), f"{action}@{pin}"
            pins.setdefault(action, set()).add(pin)
    assert pins.keys() == {
        "actions/cache",
        "actions/checkout",
        "actions/deploy-pages",
        "actions/setup-node",
        "actions/setup-python",
        "actions/upload-pages-artifact",
        "aws-actions/configure-aws-credentials",
    }
    assert [action for action, found in pins.items() if len(found) > 1] == []


def test_a_workflow_that_is_called_is_there():
    called = {job["uses"].removeprefix("./") for job in JOBS.values() if "uses" in job}
    assert called == {".github/workflows/test.yml", ".github/workflows/stage.yml"}
    assert all("workflow_call" in yaml.safe_load((ROOT / path).read_text("utf-8"))[True] for path in called)


def test_a_checkout_leaves_no_token_behind():
    checkouts = [step["with"] for _, step in STEPS if "checkout@" in step.get("uses", "")]
    assert len(checkouts) > 4
    assert all(with_["persist-credentials"] is False for with_ in checkouts)


def test_what_ships_and_what_may_write_uses_no_cache():
    for where, step in STEPS:
        uses_cache = "cache@" in step.get("uses", "") or "cache" in step.get("with", {})
        assert not uses_cache or where.startswith("test.yml:"), where


def test_a_cache_is_of_files_that_are_there():
    of = [step["with"]["cache-dependency-path"] for _, step in STEPS if "cache-dependency-path" in step.get("with", {})]
    of += re.findall(r"'([\w./-]+)'", "".join(re.findall(r"hashFiles\((.*?)\)", "".join(TEXTS.values()))))
    assert len(of) == 4
    assert [path for path in of if not (ROOT / path).exists()] == []


def test_a_deployment_is_tested_first_and_prod_comes_after_staging():
    assert len(CALLS_OF_STAGE) == 4
    for name in ("deploy.yml", "release.yml"):
        jobs = WORKFLOWS[name]["jobs"]
        assert jobs["staging"]["needs"] == "test"
        assert jobs["prod"]["needs"] == "staging"
        assert {jobs[stage]["with"]["stage"] for stage in ("staging", "prod")} == {"staging", "prod"}
        assert jobs["prod"]["with"]["watch-minutes"] >= 15
    assert LAPTOP not in {job["with"]["stage"] for job in CALLS_OF_STAGE.values()}


def test_the_deployer_of_a_stage_is_only_who_runs_in_its_environment():
    job = JOBS["stage.yml:deploy"]
    assert job["environment"]["name"] == "${{ inputs.stage }}"
    assert job["concurrency"] == {"group": "stage-${{ inputs.stage }}", "cancel-in-progress": False, "queue": "max"}

    template = parsed((ROOT / "infra" / "github-oidc.yaml").read_text("utf-8"))
    (statement,) = template["Resources"]["Deployer"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Condition"] == {
        "StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": {"Fn::Sub": "repo:${Subject}:environment:${Stage}"},
        }
    }


@pytest.mark.parametrize(
    ("subject", "allowed"),
    [
        ("octo-org/octo-repo", True),
        ("octo-org@123456/octo.repo_1@456789", True),
        ("octo-org/*", False),
        ("octo-org", False),
        ("octo-org/octo-repo:ref", False),
        ("octo?/octo-repo", False),
    ],
)
def test_the_repository_is_named_without_wildcards(subject, allowed):
    template = parsed((ROOT / "infra" / "github-oidc.yaml").read_text("utf-8"))
    assert bool(re.fullmatch(template["Parameters"]["Subject"]["AllowedPattern"], subject)) is allowed


def test_a_release_is_made_where_nothing_is_deployed_and_not_where_a_deployment_has_failed():
    publish = JOBS["release.yml:publish"]
    assert publish["needs"] == ["test", "staging", "prod"]
    assert publish["if"] == "!cancelled() && !failure() && needs.test.result == 'success'"


def test_nothing_is_published_that_is_no_release_and_before_an_owner_has_named_the_package():
    assert list(WORKFLOWS["publish.yml"][True]) == ["workflow_dispatch"]
    job = JOBS["publish.yml:npm"]
    assert job["if"] == "vars.NPM_PACKAGE != '' && github.ref_type == 'tag'"
    assert job["environment"] == "npm"
    names = [step.get("name") for step in job["steps"]]
    assert names[-3:] == ["Is it a release?", "Name the package", "Publish"]
    assert "--provenance" in job["steps"][-1]["run"]


def test_a_command_that_fails_before_a_pipe_fails_its_step():
    for name, workflow in WORKFLOWS.items():
        if any(where.startswith(f"{name}:") for where, _ in RUNS):
            assert workflow["defaults"] == {"run": {"shell": "bash"}}


def test_a_failure_of_the_deployment_or_of_the_watch_rolls_back_to_what_was_live_before():
    steps = JOBS["stage.yml:deploy"]["steps"]
    names = [step.get("name") for step in steps]
    assert names.index("What is live") < names.index("Deploy and prove") < names.index("Watch the alarms")
    back = steps[-1]
    assert back["name"] == "Roll back"
    assert back["if"].startswith("failure() && steps.before.outputs.commit != ''")
    assert back["env"] == {"COMMIT": "${{ steps.before.outputs.commit }}"}
    assert steps[names.index("What is live")]["id"] == "before"
    (checkout,) = [step for step in steps if "checkout@" in step.get("uses", "")]
    assert checkout["with"]["fetch-depth"] == 0
