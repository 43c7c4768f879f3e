"""A copy of the project, and Chalice's commands in it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.packaged.package import machine_architecture

PROJECT = Path(__file__).parents[2]
CHALICE = "import sys; from chalice.cli import main; sys.exit(main())"
CONFIGURATION = """{
  "version": "2.0",
  "app_name": "lychgate",
  "stages": {
    "test": {
      "api_gateway_stage": "api",
      "lambda_architecture": "%s",
      "environment_variables": {"LYCHGATE_ISSUER": "https://site.test/api"}
    }
  }
}"""


def copy_of_the_project(folder):
    unwanted = shutil.ignore_patterns("__pycache__", ".*")
    for name in ("chalicelib", "infra"):
        shutil.copytree(PROJECT / name, folder / name, ignore=unwanted)
    for name in ("app.py", "requirements.txt"):
        shutil.copy(PROJECT / name, folder / name)
    (folder / ".chalice").mkdir()
    (folder / ".chalice" / "config.json").write_text(CONFIGURATION % machine_architecture())
    return folder


def chalice(project, *arguments, **variables):
    """Run a command of Chalice's in a project and return what it said. Nothing of this shell's AWS gets in."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LYCHGATE_"))}
    environment |= {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONDONTWRITEBYTECODE": "1",
        **variables,
    }
    done = subprocess.run(
        [sys.executable, "-c", CHALICE, *arguments],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
