"""Somebody at a shell, who runs the commands in a project of their own and reads what they print."""

import contextlib
import copy
import dataclasses
import functools
import io
import json
import os
import shutil
import subprocess

import boto3
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from infra.deployment.__main__ import main
from infra.deployment.dependencies import Dependencies
from infra.local.environment import PROJECT
from tests.deployment.standing import Account, Files, looked_at
from tests.deployment.warm_chalice import COMMAND

A_SITE = tuple(
    f"static-site/{name}"
    for name in ("index.html", "inspector.html", "styles.css", "js/elements/gate.svg", "js/page.js", "js/lychgate.d.ts")
)
"""A file of each kind that the page has: with all of them, most of a deployment would be uploads."""
READ_BY_A_DEPLOYMENT = ("app.py", "chalicelib", "infra", ".chalice/config.json", *A_SITE)

_SAID = ("smoked", "smoked_apis", "lines", "errors", "log")
_OF_ONE_TEST = {"AWS_ENDPOINT_URL", "PYTEST_CURRENT_TEST"}
_PACKAGES = {}
"""Where the packages are that deployments have made, by their names, which say what they are made of."""
_STANDING = {}
"""What deployments have left, by their arguments and the environment."""


class Operator:
    """`smoke_answer` is what the smoke test finds; `smoked` and `smoked_apis` list what it was told of.

    No site has code of its own: to look for it would take a process for each deployment.
    `replace` gives the commands other dependencies than the real ones. `server` is the account, for `has_deployed`.
    """

    def __init__(self, project, server=None):
        self.project = project
        self._server = server
        self._files = looked_at(project)
        self.smoked = []
        self.smoked_apis = []
        self.smoke_answer = True
        self.dependencies = self._own_dependencies = Dependencies(
            smoke=self._smoke, own_code=lambda _project, _stage: ()
        )
        self.lines = []
        self.errors = ""
        self.log = ""
        """All that was ever printed."""

    def run(self, *arguments):
        self.lines = []
        errors = io.StringIO()
        with contextlib.redirect_stderr(errors):
            code = main(
                [*arguments, "--project", str(self.project)], say=self.lines.append, dependencies=self.dependencies
            )
        self.errors = errors.getvalue()
        self.log += "\n".join([*self.lines, self.errors])
        for path in packages(self.project).glob("*.zip"):
            _PACKAGES.setdefault(path.name, path)
        return code

    def chalice(self, *arguments, **variables):
        """Run a command of Chalice's as somebody types it. Returns its exit code and what it said."""
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=self.project,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        with process.stdout as output:
            said = output.read()
        return process.wait(), said

    def begins_from_nothing(self):
        """Let the next commands find the whole page, and nothing that others have made before."""
        shutil.copytree(PROJECT / "static-site", self.project / "static-site", dirs_exist_ok=True)
        shutil.rmtree(packages(self.project), ignore_errors=True)
        self._server.chalice.is_warm = False

    def replace(self, **dependencies):
        self.dependencies = dataclasses.replace(self.dependencies, **dependencies)

    def deploy(self, *arguments, stage="prod"):
        return self.run("deploy", stage, *arguments)

    def has_deployed(self, *arguments):
        """Begin where a first deployment leads. What the first test with these arguments deploys others get back."""
        assert self._server.is_untouched(), "what is there before a deployment belongs to what it begins with"
        assert looked_at(self.project) == self._files, "so do the files of the project"
        assert (self.log, self.smoke_answer, self.dependencies) == ("", True, self._own_dependencies)
        key = (arguments, frozenset(each for each in os.environ.items() if each[0] not in _OF_ONE_TEST))
        if key in _STANDING:
            account, files, said = _STANDING[key]
            account.put_back()
            files.put_back(self.project)
            vars(self).update(copy.deepcopy(said))
            return
        assert self.deploy(*arguments) == 0, self.errors
        said = {name: copy.deepcopy(getattr(self, name)) for name in _SAID}
        _STANDING[key] = Account(self._server), Files(self.project, self._files), said

    def destroy(self, *arguments, stage="prod"):
        return self.run("destroy", stage, "--yes-delete", stage, *arguments)

    def below(self, step):
        """What was said below a step."""
        begin = next(number for number, line in enumerate(self.lines) if line.startswith("[") and step in line)
        below = []
        for line in self.lines[begin + 1 :]:
            if line.startswith("["):
                break
            below.append(line.strip())
        return below

    def config(self):
        return json.loads((self.project / ".chalice" / "config.json").read_text())

    def files(self):
        """What stands in each file of .chalice, packages aside."""
        folder = self.project / ".chalice"
        paths = [path for path in folder.rglob("*") if path.is_file() and "deployments" not in path.parts]
        return {path.relative_to(folder).as_posix(): path.read_text() for path in paths}

    def _smoke(self, url, api_url):
        self.smoked.append(url)
        self.smoked_apis.append(api_url)
        return self.smoke_answer


def copied_project(project):
    """Copy what a deployment reads. Without requirements: what ships is packaged and run elsewhere."""
    for name in READ_BY_A_DEPLOYMENT:
        if (PROJECT / name).is_dir():
            shutil.copytree(PROJECT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, project / name)
    # The repository's own config.json may have a deployed stage already.
    path = project / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "stages": {"dev": config["stages"]["dev"]}}, indent=2) + "\n")
    (project / "requirements.txt").write_text("")
    packages(project).mkdir(exist_ok=True)
    for path in _PACKAGES.values():
        with contextlib.suppress(FileNotFoundError):
            (packages(project) / path.name).hardlink_to(path)
    return project


def packages(project):
    """The folder into which Chalice puts its packages."""
    return project / ".chalice" / "deployments"


@contextlib.contextmanager
def raising(monkeypatch, operation, error, *, after=0, service=None):
    """Make calls of an operation of AWS, or of one service, by this process raise, `after` so many that do not."""
    original = BaseClient._make_api_call
    left = after

    def call(client, name, arguments):
        nonlocal left
        if name == operation and service in {None, client.meta.service_model.service_name}:
            if left == 0:
                raise error
            left -= 1
        return original(client, name, arguments)

    with monkeypatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", call)
        yield


@contextlib.contextmanager
def answering(monkeypatch, operation, answer):
    """Answer calls of an operation of AWS by this process with what a function of client and arguments returns."""
    original = BaseClient._make_api_call

    def call(client, name, arguments):
        return answer(client, arguments) if name == operation else original(client, name, arguments)

    with monkeypatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", call)
        yield


def refusal(operation, code="AccessDenied", message=None):
    message = message or f"User: arn:aws:iam::1:user/me is not authorized to perform: service:{operation}"
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


@functools.cache
def _client(service, url):
    return boto3.client(service, endpoint_url=url)


def account():
    """Name all that is in the account."""

    def client(service):
        return _client(service, os.environ["AWS_ENDPOINT_URL"])

    distributions = client("cloudfront").list_distributions()["DistributionList"].get("Items", [])
    return {
        "stacks": [stack["StackName"] for stack in client("cloudformation").describe_stacks()["Stacks"]],
        "tables": sorted(client("dynamodb").list_tables()["TableNames"]),
        "buckets": [bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]],
        "functions": sorted(each["FunctionName"] for each in client("lambda").list_functions()["Functions"]),
        "roles": sorted(role["RoleName"] for role in client("iam").list_roles()["Roles"]),
        "apis": [api["id"] for api in client("apigateway").get_rest_apis()["items"]],
        "distributions": [each["Id"] for each in distributions],
        "parameters": [each["Name"] for each in client("ssm").describe_parameters()["Parameters"]],
        "logs": [each["logGroupName"] for each in client("logs").describe_log_groups()["logGroups"]],
    }
