"""The scripts of the workflows' steps, run as GitHub runs them, with a gh that writes down what it is asked."""

import os
import shutil
import subprocess
import sys

import pytest
import yaml

from infra.local.environment import PROJECT
from tests.client.find_node import node_folder
from tests.deployment.test_rollback import git

GH = """#!/bin/sh
printf '%s\\n' "$*" >> "$CALLS"
[ "$1 $2" != "pr view" ] || printf '%s\\n' "$STATE"
"""


def script(workflow, name):
    jobs = yaml.safe_load((PROJECT / ".github" / "workflows" / workflow).read_text("utf-8"))["jobs"].values()
    (found,) = [step["run"] for job in jobs for step in job.get("steps", []) if step.get("name") == name]
    return found


@pytest.fixture
def runner(tmp_path, monkeypatch):
    """A machine with a clone in `clone` of the repository `origin`."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "gh").write_text(GH)
    (tmp_path / "bin" / "gh").chmod(0o755)
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("STATE", "")
    monkeypatch.setenv("RUNNER_TEMP", str(tmp_path))
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", "origin")
    git(tmp_path, "clone", "--quiet", "origin", "clone")
    clone = tmp_path / "clone"
    (clone / "pyproject.toml").write_text("old")
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--message", "First")
    git(clone, "push", "--quiet", "origin", "HEAD:main")
    return tmp_path


def run(runner, text, folder="clone"):
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text],
        cwd=runner / folder,
        capture_output=True,
        text=True,
        check=False,
    )


def calls(runner):
    path = runner / "calls"
    return path.read_text().splitlines() if path.exists() else []


def test_an_upgrade_is_pushed_and_asked_for_once(runner, monkeypatch):
    text = script("upgrade.yml", "Open the pull request")
    monkeypatch.setenv("BODY", "Why")
    assert run(runner, text).returncode == 0
    assert calls(runner) == []

    for content, state in (("new", ""), ("newer", "OPEN"), ("newest", "MERGED")):
        git(runner / "clone", "switch", "--quiet", "--force-create", "main", "origin/main")
        git(runner / "clone", "update-ref", "-d", "refs/heads/upgrade")
        (runner / "clone" / "pyproject.toml").write_text(content)
        monkeypatch.setenv("STATE", state)
        done = run(runner, text)
        assert done.returncode == 0, done.stderr
        assert git(runner / "origin", "show", "upgrade:pyproject.toml") == content

    asked = [call for call in calls(runner) if call.startswith("pr create")]
    assert (
        asked
        == [
            "pr create --head upgrade --title Take the newest versions of Python's dependencies --body Why",
        ]
        * 2
    ), "not while one is open"


def released_project(runner, day):
    """A copy of what the notes of a release are made from."""
    project = runner / "project"
    for name in ("infra/__init__.py", "infra/release_notes.py", "chalicelib/__init__.py", "chalicelib/version.py"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, project / name)
    changelog = "# Changelog\n\n## 0.1.0 – {}\n\n- A [thing](docs/thing.md).\n"
    (project / "CHANGELOG.md").write_text(changelog.format(day), "utf-8")
    (project / "chalicelib" / "version.py").write_text('VERSION = "0.1.0"\n')


def test_a_release_says_what_the_changelog_says(runner, monkeypatch):
    released_project(runner, "2027-01-31")
    monkeypatch.setenv("GITHUB_REF_NAME", "v0.1.0")
    monkeypatch.setenv("LINKS", "https://github.com/octo/repo/blob/v0.1.0")

    done = run(runner, script("release.yml", "Make the release"), "project")

    assert done.returncode == 0, done.stderr
    assert calls(runner) == [
        f"release create v0.1.0 --verify-tag --title v0.1.0 --notes-file {runner}/notes.md",
    ]
    assert (runner / "notes.md").read_text() == (
        "- A [thing](https://github.com/octo/repo/blob/v0.1.0/docs/thing.md).\n"
    )


def test_what_has_no_day_is_not_released(runner, monkeypatch):
    released_project(runner, "unreleased")
    monkeypatch.setenv("GITHUB_REF_NAME", "v0.1.0")
    monkeypatch.setenv("LINKS", "https://github.com/octo/repo/blob/v0.1.0")

    done = run(runner, script("release.yml", "Make the release"), "project")

    assert done.returncode == 1
    assert "Put the day of the release there" in done.stderr
    assert calls(runner) == []


@pytest.mark.parametrize(("tag", "ends_with"), [("v0.1.0", 0), ("v0.2.0", 1)])
def test_what_is_published_is_a_release_of_the_packages_version(runner, monkeypatch, tag, ends_with):
    (runner / "clone" / "package.json").write_text('{"version": "0.1.0"}')
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}{os.pathsep}{node_folder()}")
    monkeypatch.setenv("GITHUB_REF_NAME", tag)
    done = run(runner, script("publish.yml", "Is it a release?"))
    assert done.returncode == ends_with, done.stderr
    assert calls(runner) == [f"release view {tag} --json tagName"]
    assert ("package.json has the version 0.1.0" in done.stderr) is (ends_with == 1)


def test_what_is_live_is_the_output_of_its_step_and_its_failure_that_of_the_job(runner, monkeypatch):
    commands = runner / "clone" / ".venv" / "bin"
    commands.mkdir(parents=True)
    monkeypatch.setenv("STAGE", "prod")
    monkeypatch.setenv("GITHUB_OUTPUT", str(runner / "output"))
    text = script("stage.yml", "What is live")

    for code in (0, 1):
        (commands / "python").write_text(
            f'#!/bin/sh\necho "url=https://$4.example.org"\necho commit=abc\nexit {code}\n'
        )
        (commands / "python").chmod(0o755)
        (runner / "output").write_text("")
        assert run(runner, text).returncode == code
        time, *live = (runner / "output").read_text().splitlines()
        assert time.startswith("time=20")
        assert live == ["url=https://prod.example.org", "commit=abc"]
