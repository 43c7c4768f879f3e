"""What Chalice's reloader starts the server again for."""

import os

import pytest
from chalice.cli.filewatch.stat import StatFileWatcher

from infra import chalice_cli

SEEN_BEFORE = 1_000_000_000


@pytest.fixture
def project(tmp_path):
    for name in ("app.py", "chalicelib/clock.py", ".chalice/config.json", ".lychgate/snapshot.json", ".git/index"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
        os.utime(tmp_path / name, (SEEN_BEFORE, SEEN_BEFORE))
    return tmp_path


@pytest.fixture
def starts_again(project):
    """Tell whether the server is started again for what a function does to a file of the project."""
    chalice_cli.install()
    watcher, calls = StatFileWatcher(), []
    watcher._seed_mtime_cache(str(project))

    def starts_again(change, name):
        change(project / name)
        watcher._single_pass_poll(str(project), lambda: calls.append(name))
        return bool(calls)

    return starts_again


def rewrite(path):
    path.parent.mkdir(exist_ok=True)
    path.write_text("changed")


def remove(path):
    path.unlink()


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (rewrite, "app.py"),
        (rewrite, "chalicelib/clock.py"),
        (rewrite, "chalicelib/new.py"),
        (rewrite, ".chalice/config.json"),
        (remove, "chalicelib/clock.py"),
    ],
)
def test_a_change_of_the_projects_own_files_starts_the_server_again(starts_again, change, name):
    assert starts_again(change, name)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (rewrite, ".lychgate/snapshot.json"),
        (rewrite, ".lychgate/.snapshot.json.new-abc"),
        (remove, ".lychgate/snapshot.json"),
        (rewrite, ".git/index"),
        (rewrite, "chalicelib/__pycache__/clock.cpython-311.pyc"),
        (rewrite, ".app.py.swp"),
    ],
)
def test_the_database_and_other_hidden_files_change_without_a_start(starts_again, change, name):
    assert not starts_again(change, name)
