"""A copy of the project, and Chalice's commands in it."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from infra.deployment.limits import USUAL_CONCURRENCY
from infra.deployment.policies import POLICIES
from infra.deployment.stage import stage_configuration
from infra.runtime import RUNTIME, interpreter_of, this_python
from infra.stages import policy_file
from tests.support import places
from tests.support.packaged.package import for_this_machine
from tests.support.packaged.runtime_folder import fetch_locked

PROJECT = Path(__file__).parents[2]
CHALICE = "import sys; from chalice.cli import main; sys.exit(main())"
RUNTIME_HERE = for_this_machine().get("lambda_python_version", RUNTIME)
"""The runtime of packages that are run on this machine."""
PYTHON = str(interpreter_of(RUNTIME_HERE))
"""An interpreter of it."""
PUBLIC_KEYS = {
    "keys": [
        {
            "kty": "EC",
            "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
            "alg": "ES256",
            "use": "sig",
            "kid": "of the example in RFC 7515, A.3",
        }
    ]
}
"""Of a stage that is only looked at. Not new ones: checkov takes one of some twenty for the key of an AWS account."""
STAGE = {"api_gateway_stage": "api", "environment_variables": {"LYCHGATE_ISSUER": "https://site.test/api"}}


def copy_of_the_project(folder, **stage):
    """Copy what is packaged, with a stage `test` for this machine, or for what ``stage`` says."""
    unwanted = shutil.ignore_patterns("__pycache__", ".*")
    for name in ("chalicelib", "infra"):
        shutil.copytree(PROJECT / name, folder / name, ignore=unwanted)
    for name in ("app.py", "requirements.txt"):
        shutil.copy(PROJECT / name, folder / name)
    (folder / ".chalice").mkdir()
    stages = {"test": {**STAGE, **(stage or for_this_machine())}}
    configuration = {"version": "2.0", "app_name": "lychgate", "stages": stages}
    (folder / ".chalice" / "config.json").write_text(json.dumps(configuration))
    return folder


def packaged_stage(folder):
    """Package a stage as `make deploy` configures it, and return its template. Its dependencies are left out."""
    project = copy_of_the_project(folder / "project")
    entry = stage_configuration(places.FOUNDATION, json.dumps(PUBLIC_KEYS), reserved=USUAL_CONCURRENCY)
    configuration = {"version": "2.0", "app_name": "lychgate", "stages": {places.FOUNDATION.stage: entry}}
    (project / ".chalice" / "config.json").write_text(json.dumps(configuration))
    for name, policy in POLICIES.items():
        path = project / ".chalice" / policy_file(places.FOUNDATION.stage, name)
        path.write_text(json.dumps(policy(places.FOUNDATION)))
    (project / "requirements.txt").write_text("")
    chalice(project, "package", "--stage", places.FOUNDATION.stage, str(folder / "out"))
    return folder / "out" / "sam.json"


def bytecode_of(source):
    """The path of a source's bytecode in a package."""
    tag = RUNTIME_HERE.replace("python", "cpython-").replace(".", "")
    return source.parent / "__pycache__" / f"{source.stem}.{tag}.pyc"


def other_pythons():
    """The Pythons on this machine, beside this one, that the project supports."""
    supported = ("python3.11", "python3.12", "python3.13")
    return [name for name in supported if name != this_python() and interpreter_of(name)]


def as_another_python(name, folder):
    """What makes another Python run what is installed here: its interpreter, and variables of its environment.

    Of what is imported only cffi is compiled for one version of Python.
    """
    if not (folder / name).exists():
        fetch_locked(["cffi", "pycparser"], name, folder / name)
    packages = [folder / name, *dict.fromkeys([sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])]
    return interpreter_of(name), {"PYTHONPATH": os.pathsep.join(map(str, packages)), "PYTHONWARNINGS": "ignore"}


def chalice(project, *arguments, python=sys.executable, umask=-1, **variables):
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
        [python, "-c", CHALICE, *arguments],
        cwd=project,
        env=environment,
        umask=umask,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
