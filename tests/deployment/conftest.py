import shutil

import pytest

from deployment.aws_here import REGION, AwsHere
from infra.deployment.__main__ import main
from infra.local.environment import PROJECT

SHIPPED = ("app.py", "chalicelib", "infra", ".chalice/config.json", "static-site")


class Operator:
    """Somebody at a shell: runs the commands in a project of their own, and reads what they print."""

    def __init__(self, project, capsys):
        self.project = project
        self.smoked = []
        self.smoke_answer = True
        self.lines = []
        self._capsys = capsys

    def run(self, *arguments):
        self.lines = []
        code = main([*arguments, "--project", str(self.project)], say=self.lines.append, smoke=self._smoke)
        self.errors = self._capsys.readouterr().err
        return code

    def deploy(self, *arguments, stage="prod"):
        return self.run("deploy", stage, *arguments)

    def destroy(self, *arguments, stage="prod"):
        return self.run("destroy", stage, "--yes-delete", stage, *arguments)

    @property
    def said(self):
        return "\n".join(self.lines)

    def below(self, step):
        """What was said below a step."""
        begin = next(number for number, line in enumerate(self.lines) if line.startswith("[") and step in line)
        below = []
        for line in self.lines[begin + 1 :]:
            if line.startswith("["):
                break
            below.append(line.strip())
        return below

    def _smoke(self, url):
        self.smoked.append(url)
        return self.smoke_answer


@pytest.fixture(scope="session")
def moto_server():
    server = AwsHere()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def aws(moto_server, monkeypatch):
    """An account with nothing in it."""
    moto_server.reset()
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_server.url)
    monkeypatch.setenv("AWS_REGION", REGION)
    return moto_server


def copied(project):
    """Copy what a deployment reads. Without requirements: what ships is packaged and run elsewhere."""
    for name in SHIPPED:
        if (PROJECT / name).is_dir():
            shutil.copytree(PROJECT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, project / name)
    (project / "requirements.txt").write_text("")
    return project


@pytest.fixture
def operator(aws, tmp_path, capsys):
    return Operator(copied(tmp_path / "project"), capsys)
