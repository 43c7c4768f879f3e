"""Packages of a small project, made by the replacement of Chalice's way. It imports little, for processes of tests."""

import inspect
from pathlib import Path

from chalice.deploy.packager import DependencyBuilder, LambdaDeploymentPackager
from chalice.utils import UI, OSUtils

from infra.chalice_cli.packaging import made_for_lambda
from infra.runtime import this_python

THIS = this_python()
STOCK = inspect.unwrap(LambdaDeploymentPackager.create_deployment_package)


class Quiet(UI):
    def __init__(self):
        self.said = ""

    def write(self, msg):
        self.said += msg


class OneWheel:
    """Stands in for pip: unpacks one small distribution."""

    def __init__(self):
        self.asked_for = []

    def __call__(self, lock, runtime, folder):
        self.asked_for.append((lock, runtime))
        (folder / "fetched" / "tests").mkdir(parents=True)
        (folder / "fetched" / "__init__.py").write_text("FETCHED = {'a', 'b', 'c'}\n")
        (folder / "fetched" / "tests" / "test_it.py").write_text("assert False\n")


def build(project, *, python=THIS, architecture="x86_64", fetch=None, **how):
    ui = Quiet()
    osutils = OSUtils()
    builder = DependencyBuilder(osutils, architecture=architecture)
    made = LambdaDeploymentPackager(osutils, builder, ui, architecture)
    return Path(made_for_lambda(STOCK, fetch=fetch or OneWheel(), **how)(made, str(project), python)), ui.said
