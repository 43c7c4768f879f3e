"""Where the interpreter is found that makes a runtime's bytecode."""

import sys

import pytest

from infra.runtime import interpreter_of, is_runtime, this_python

ELSEWHERE = "python3.13" if this_python() != "python3.13" else "python3.12"


def interpreter(path, *, implementation="cpython", version=ELSEWHERE, release="final"):
    """Put a program there that says it is this Python."""
    said = " ".join([implementation, *version.removeprefix("python").split("."), release])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {said}\n")
    path.chmod(0o755)
    return path


def test_it_is_this_process_own_without_the_virtual_environment():
    found = interpreter_of(this_python(), {})
    assert found.samefile(getattr(sys, "_base_executable", sys.executable))


@pytest.mark.parametrize(
    "place",
    [
        "bin/{}",
        ".pyenv/versions/{version}.7/bin/{}",
        ".local/share/uv/python/cpython-{version}.7-linux-x86_64-gnu/bin/{}",
    ],
)
def test_it_is_found_on_the_path_and_where_pyenv_and_uv_keep_theirs(tmp_path, place):
    environ = {"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path)}
    assert interpreter_of(ELSEWHERE, environ) is None

    made = interpreter(tmp_path / place.format(ELSEWHERE, version=ELSEWHERE.removeprefix("python")))

    assert interpreter_of(ELSEWHERE, environ) == made


@pytest.mark.parametrize("lie", [{"version": "python3.9"}, {"implementation": "pypy"}, {"release": "candidate"}])
def test_what_has_only_its_name_is_passed_over(tmp_path, lie):
    interpreter(tmp_path / "first" / ELSEWHERE, **lie)
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / ELSEWHERE).write_text("#!/nowhere\n")
    (tmp_path / "second" / ELSEWHERE).chmod(0o755)
    made = interpreter(tmp_path / "third" / ELSEWHERE)
    path = ":".join(str(tmp_path / folder) for folder in ("first", "second", "third"))

    assert interpreter_of(ELSEWHERE, {"PATH": path}) == made


def test_the_names_of_runtimes_are_those_of_lambda():
    assert [is_runtime(name) for name in ("python3.9", "python3.14", "python3", "nodejs24.x", "python3.13-slim")] == [
        True, True, False, False, False,
    ]  # fmt: skip
