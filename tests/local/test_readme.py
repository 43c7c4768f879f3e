"""The transcript in the README is what one gets."""

import re
import subprocess

import pytest

from tests.local.conftest import ROOT

BLOCKS = re.findall(r"```console\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)


def commands_and_outputs():
    """Return each command of the transcript with the output that should follow it, all blocks as one."""
    pairs = []
    for line in "".join(BLOCKS).splitlines():
        if line.startswith("$ "):
            pairs.append((line.removeprefix("$ "), []))
        else:
            pairs[-1][1].append(line)
    return pairs


def as_pattern(line):
    """Return a pattern for an expected line, in which … stands for anything but a quote."""
    return '[^"]+'.join(re.escape(part) for part in line.split("…"))


@pytest.fixture
def answers(run_until_ready, tmp_path):
    """Run the whole transcript in one shell and return the output of each command."""
    server = run_until_ready("--data-dir", tmp_path)
    script = "".join(f"{command}\nprintf '\\036'\n" for command, _ in commands_and_outputs())
    script = script.replace("http://127.0.0.1:8000", f"http://127.0.0.1:{server.port_of('Page')}")
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout.split("\x1e")[:-1]


def test_the_transcript_shows_a_registration_a_protected_call_and_a_refused_reuse():
    assert len(BLOCKS) == 2
    text = "".join(BLOCKS)
    assert all(part in text for part in ("post register", "/me", "post refresh", "invalid_grant"))


def test_every_command_of_the_transcript_prints_what_the_readme_says(answers):
    pairs = commands_and_outputs()
    assert len(answers) == len(pairs)
    for (command, expected), printed in zip(pairs, answers, strict=True):
        assert re.fullmatch("\n".join(map(as_pattern, expected)), printed.strip()), command
