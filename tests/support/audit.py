"""`make audit`: checkov over the templates, and over a stage as `chalice package` writes it.

Owns how its findings are compared with the explanations in tests/tools/checkov.toml.
"""

import json
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.packaging_project import PROJECT, packaged_stage

EXPLANATIONS = PROJECT / "tests" / "tools" / "checkov.toml"
TEMPLATES = (PROJECT / "infra" / "template.yaml", PROJECT / "infra" / "github-oidc.yaml")


class Finding(NamedTuple):
    """A check that a resource does not pass."""

    check: str
    name: str
    resource: str


def explanations() -> dict[str, str]:
    """Return why each check does not hold."""
    return tomllib.loads(EXPLANATIONS.read_text("utf-8"))


def findings(reports: object) -> list[Finding]:
    """Return what a report of checkov in JSON found. It is a list if there are several kinds of files."""
    listed = reports if isinstance(reports, list) else [reports]
    failed: Sequence[Mapping[str, Any]] = [
        check for report in listed for check in report.get("results", {}).get("failed_checks", [])
    ]
    return [Finding(check["check_id"], check["check_name"], check["resource"]) for check in failed]


def complaints(found: Sequence[Finding], explained: Mapping[str, str]) -> list[str]:
    """Return a sentence for each finding without an explanation, and for each explanation without a finding."""
    unexplained = [each for each in found if each.check not in explained]
    idle = sorted(explained.keys() - {each.check for each in found})
    return [
        *(f"{each.check}, {each.resource}: {each.name}" for each in unexplained),
        *(f"{check} is explained in {EXPLANATIONS.relative_to(PROJECT)}, and no longer found" for check in idle),
    ]


def run_checkov(checkov: Path, files: Sequence[Path]) -> list[Finding]:
    """Return what checkov finds in files. Raises RuntimeError. It asks nobody on the network."""
    arguments = [argument for file in files for argument in ("--file", str(file))]
    done = subprocess.run(
        [checkov, *arguments, "--framework", "cloudformation", "--output", "json", "--soft-fail", "--skip-download"],
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "LOG_LEVEL": "ERROR"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"checkov failed: {done.stderr}")
    report = json.loads(done.stdout)
    if report["summary"]["parsing_errors"]:
        raise RuntimeError(f"checkov could not read {', '.join(map(str, files))}")
    return findings(report)


def main(checkov: Path) -> int:
    """Run checkov, print what is to be done, and return the exit code."""
    with tempfile.TemporaryDirectory() as temporary:
        found = run_checkov(checkov, [*TEMPLATES, packaged_stage(Path(temporary))])
    explained = explanations()
    told = complaints(found, explained)
    for sentence in told:
        print(sentence)
    if told:
        print(f"Change the template, or say in {EXPLANATIONS.relative_to(PROJECT)} why it is right as it is.")
    else:
        print(f"checkov: {len(found)} findings of {len(explained)} checks, all explained")
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
