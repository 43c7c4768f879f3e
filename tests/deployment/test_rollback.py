"""`rollback`, in a real repository whose `make deploy` leaves its mark."""

import subprocess

import pytest

from infra.deployment.repository import checked_out_commit
from tests.deployment.operator_here import Operator

MAKEFILE = "deploy:\n\t@echo deployed $(STAGE) $(ARGS) {version} > $(MARK)\n\t@{result}\n"


def git(project, *arguments):
    identity = ["-c", "user.name=Kim", "-c", "user.email=kim@example.org", "-c", "commit.gpgsign=false"]
    answer = subprocess.run(["git", *identity, *arguments], cwd=project, capture_output=True, text=True, check=True)
    return answer.stdout.strip()


def commit(project, version, result="true"):
    (project / "Makefile").write_text(MAKEFILE.format(version=version, result=result))
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", version)
    git(project, "tag", version)
    return git(project, "rev-parse", "HEAD")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A repository with two versions, the second checked out."""
    monkeypatch.setenv("MARK", str(tmp_path / "mark"))
    project = tmp_path / "project"
    project.mkdir()
    git(project, "init", "--quiet")
    commit(project, "v1")
    commit(project, "v2")
    return project


def mark(project):
    path = project.parent / "mark"
    return path.read_text().strip() if path.exists() else None


def test_a_rollback_deploys_the_earlier_commit_and_leaves_the_working_tree_alone(project, monkeypatch):
    operator = Operator(project)
    monkeypatch.setenv("MAKEFLAGS", " -- ARGS=--no-smoke STAGE=other TO=v1")
    monkeypatch.setenv("ARGS", "--no-smoke")
    first = git(project, "rev-parse", "v1")

    for name in ("v1", first):
        assert operator.run("rollback", "prod", name) == 0, operator.errors
        assert mark(project) == "deployed prod v1"
        (project.parent / "mark").unlink()

    assert operator.lines[-1].endswith(f"Rolled back to {first}")
    assert git(project, "status", "--porcelain") == ""
    assert git(project, "describe", "--tags") == "v2"
    assert len(git(project, "worktree", "list").splitlines()) == 1


def test_a_rollback_that_fails_says_so_and_cleans_up(project):
    operator = Operator(project)
    commit(project, "v3", result="false")

    assert operator.run("rollback", "prod", "v3") == 1

    assert mark(project) == "deployed prod v3"
    assert "was not deployed: see above" in operator.errors
    assert "make rollback STAGE=prod TO=v3" in operator.errors
    assert len(git(project, "worktree", "list").splitlines()) == 1


@pytest.mark.parametrize("name", ["v9", "0" * 40, "Makefile", ""])
def test_what_is_no_commit_is_not_deployed(project, name):
    operator = Operator(project)

    assert operator.run("rollback", "prod", name) == 1

    assert "is no commit of this repository" in operator.errors
    assert mark(project) is None


def test_a_commit_and_a_version_are_not_both_gone_back_to(project):
    operator = Operator(project)

    assert operator.run("rollback", "prod", "v1", "--to", "3") == 1

    assert "not both" in operator.errors
    assert mark(project) is None


def test_the_commit_of_a_working_tree_is_known_unless_something_of_it_is_in_no_commit(project, tmp_path, monkeypatch):
    head = git(project, "rev-parse", "HEAD")
    assert checked_out_commit(project) == head
    (project / ".chalice").mkdir()
    (project / ".chalice" / "config.json").write_text("{}")
    assert checked_out_commit(project) == head
    (project / "more.py").write_text("")
    assert checked_out_commit(project) is None
    (project / "more.py").unlink()
    (project / "Makefile").write_text("")
    assert checked_out_commit(project) is None
    git(project, "checkout", "Makefile")
    assert checked_out_commit(project) == head

    assert checked_out_commit(tmp_path) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert checked_out_commit(project) is None
