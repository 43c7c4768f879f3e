"""`python -m bench` as its user meets it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench import __main__ as command
from bench.figures import figure

PROJECT = Path(__file__).parent.parent.parent
PATIENCE = 120


def bench(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "bench", *map(str, arguments)],
        cwd=PROJECT,
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        **options,
    )


@pytest.fixture
def committed():
    """The files that only a whole run may change."""
    files = [
        PROJECT / "bench" / "results.json",
        PROJECT / "README.md",
        PROJECT / "docs" / "performance.md",
        *(PROJECT / "docs" / "images").glob("*.svg"),
    ]
    return lambda: [file.read_bytes() for file in files]


def test_a_quick_run_of_a_section_prints_its_table_and_writes_where_it_is_told(tmp_path, committed):
    before = committed()
    ran = bench("--only", "warm", "--quick", "--output", tmp_path / "results.json")
    assert ran.returncode == 0, ran.stderr
    (section,) = json.loads((tmp_path / "results.json").read_text("utf-8"))["sections"].values()
    names = [figure["name"] for figure in section["figures"]]
    assert "authorizer, ES256 / `jwt.decode`" in names
    assert all(figure["least"] <= figure["median"] <= figure["greatest"] for figure in section["figures"])
    assert section["command"] == "python -m bench --only warm --quick"
    assert section["circumstances"]["quick"]
    for name in names:
        assert name.replace("`", "") in ran.stdout
    assert "aims met" in ran.stdout
    assert committed() == before


def test_another_sections_figures_stay_in_the_file(tmp_path):
    output = tmp_path / "results.json"
    measured = {"title": "t", "command": "c", "left_out": "for no reason", "figures": []}
    measured["circumstances"] = dict.fromkeys(["date", "commit", "machine", "python"], "x") | {
        "versions": {},
        "quick": False,
    }
    output.write_text(json.dumps({"sections": {"growth": measured}}), "utf-8")
    assert bench("--only", "database", "--output", output, env={**os.environ, "PATH": ""}).returncode == 0
    sections = json.loads(output.read_text("utf-8"))["sections"]
    assert list(sections) == ["database", "growth"]
    assert sections["growth"] == measured


@pytest.mark.parametrize("section", ["database", "load", "growth", "peers"])
def test_without_java_it_says_what_it_leaves_out_and_goes_on(section, tmp_path):
    output = tmp_path / "results.json"
    ran = bench("--only", section, "--quick", "--output", output, env={**os.environ, "PATH": ""})
    assert ran.returncode == 0, ran.stderr
    assert f"left out: {section}: DynamoDB Local needs Java 17 or newer, and there is no java on the PATH" in ran.stdout
    assert "java" in json.loads(output.read_text("utf-8"))["sections"][section]["left_out"]


def test_a_section_that_fails_takes_nothing_from_the_others_and_fails_the_run(tmp_path, capsys):
    def fail(_progress):
        raise AssertionError("out of order")

    sections = {
        "database": SimpleNamespace(TITLE="Database", measure=fail),
        "growth": SimpleNamespace(TITLE="Growth", measure=lambda _: [figure("one", "x", [1], at_most=2)]),
    }
    output = tmp_path / "results.json"
    assert command.main(["--only", "database", "growth", "--output", str(output)], load=sections.get) == 1
    assert list(json.loads(output.read_text("utf-8"))["sections"]) == ["growth"]
    assert "out of order" in capsys.readouterr().err


def test_an_unknown_section_is_refused():
    ran = bench("--only", "everything")
    assert ran.returncode == 2
    assert "invalid choice: 'everything'" in ran.stderr


@pytest.mark.parametrize(
    ("section", "reached", "number"),
    [
        ("database", "a request of every kind", signal.SIGINT),
        pytest.param("growth", "time", signal.SIGTERM, marks=pytest.mark.exhaustive),
        pytest.param("load", "refresh, 4 clients", signal.SIGINT, marks=pytest.mark.exhaustive),
        ("peers", "protected", signal.SIGTERM),
    ],
)
def test_interrupted_it_leaves_no_process_and_no_result(dynamodb_local, tmp_path, section, reached, number):
    if section == "peers" and not (PROJECT / ".venv-peers" / ".installed").exists():
        pytest.skip("the peers are installed by `make bench`")
    output = tmp_path / "results.json"
    output.write_text('{"sections": {}}', "utf-8")
    running = subprocess.Popen(
        [sys.executable, "-m", "bench", "--only", section, "--quick", "--output", str(output)],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A process group of its own: what is in it afterwards was left behind.
        start_new_session=True,
    )
    try:
        for line in running.stderr:
            if reached in line:
                break
        else:
            raise AssertionError(f"it ended before it was interrupted: {running.communicate()}")
        running.send_signal(number)
        written, errors = running.communicate(timeout=PATIENCE)
        assert running.returncode == 130, written + errors
        assert "Interrupted: nothing was written." in errors
        assert "Traceback" not in errors
        assert output.read_text("utf-8") == '{"sections": {}}'
        assert list(tmp_path.iterdir()) == [output]
        assert_nobody_is_left(running.pid)
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
            running.communicate()


def assert_nobody_is_left(process_group):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            os.killpg(process_group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    raise AssertionError("a process was left behind")
