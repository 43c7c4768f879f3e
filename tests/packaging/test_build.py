"""How the package is made, and when it is made anew."""

import inspect
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import botocore
import pytest
from chalice.cli.factory import CLIFactory
from chalice.config import Config
from chalice.deploy import deployer
from chalice.deploy.models import DeploymentPackage, Placeholder
from chalice.deploy.packager import DependencyBuilder, LambdaDeploymentPackager, LayerDeploymentPackager
from chalice.utils import OSUtils

from infra import chalice_cli
from infra.chalice_cli import packaging, wheels
from infra.chalice_cli.packaging import hashes_of_chalice
from infra.chalice_cli.wheels import NotPackaged, fetch_wheels
from infra.deployment.chalice_command import source_digest
from infra.deployment.stage import stage_configuration
from infra.runtime import RUNTIME
from infra.site_aws import FILE
from tests.support import places
from tests.support.packaging_project import (
    PROJECT,
    RUNTIME_HERE,
    as_another_python,
    chalice,
    copy_of_the_project,
    other_pythons,
)
from tests.support.small_packages import STOCK, THIS, OneWheel, Quiet, build

HASHED = f"--hash=sha256:{64 * '0'}"


@pytest.fixture
def sources(tmp_path):
    """A small project."""
    (tmp_path / "chalicelib").mkdir()
    (tmp_path / "chalicelib" / "__init__.py").touch()
    (tmp_path / "app.py").write_text("import fetched\n")
    (tmp_path / "requirements.txt").write_text(f"# ships\nfetched==1.0 \\\n    {HASHED}\n    # via nobody\n")
    return tmp_path


def names(archive):
    with zipfile.ZipFile(archive) as opened:
        return opened.namelist()


def test_two_builds_of_the_same_sources_are_the_same_bytes(archive, tmp_path, pythons):
    """In another folder, with another order of sets, another umask, and another Python if there is one."""
    again = copy_of_the_project(tmp_path / "another-place")
    known = [(sys.executable, {}), *(as_another_python(name, pythons) for name in other_pythons()[:1])]
    python, variables = known[-1]
    chalice(
        again, "package", "--stage", "test", str(tmp_path / "out"),
        python=python, umask=0o077, **{**variables, "PYTHONHASHSEED": "7"},
    )  # fmt: skip
    assert (tmp_path / "out" / "deployment.zip").read_bytes() == archive.read_bytes()
    template = json.loads((tmp_path / "out" / "sam.json").read_text())
    assert template == json.loads((archive.parent / "sam.json").read_text())


def test_chalice_deploy_takes_the_package_that_chalice_package_made(project, archive, monkeypatch):
    """Both commands share Chalice's build stage, and the method that is replaced."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    chalice_cli.install()
    factory = CLIFactory(str(project))
    config = factory.create_config_obj("test")
    command = deployer.create_default_deployer(factory.create_botocore_session(), config, Quiet())
    (step,) = [step for step in command._build_stage._steps if isinstance(step, deployer.DeploymentPackager)]
    package = DeploymentPackage(Placeholder.BUILD_STAGE)
    step.handle(config, package)
    assert Path(package.filename).read_bytes() == archive.read_bytes()


def test_a_package_that_has_not_changed_is_not_made_again(sources):
    first, said = build(sources)
    assert "Creating the deployment package" in said
    fetch = OneWheel()
    second, said = build(sources, fetch=fetch)
    assert (second, fetch.asked_for) == (first, [])
    assert "has not changed" in said


@pytest.mark.parametrize(
    ("change", "file"),
    [
        ("code", "app.py"),
        ("requirement", "requirements.txt"),
        ("module", "chalicelib/new.py"),
        ("vendor", "vendor/a.py"),
        ("template", "chalicelib/mails/en/reset.txt"),
        ("template of the site's own", "chalicelib/site/mails/de/reset.html"),
    ],
)
def test_a_change_of_what_ships_makes_another_package(sources, change, file):
    first, _ = build(sources)
    (sources / file).parent.mkdir(exist_ok=True, parents=True)
    with (sources / file).open("a") as opened:
        opened.write("\n# changed\n" if change != "requirement" else f"\nhypothesis==1 {HASHED}\n")
    second, _ = build(sources)
    assert second != first


@pytest.mark.parametrize("module", [packaging, wheels])
def test_a_change_of_how_packages_are_made_makes_another_package(sources, tmp_path, module):
    first, _ = build(sources)
    changed = tmp_path / "changed.py"
    changed.write_text(Path(module.__file__).read_text() + "\n# another way\n")
    code = [changed if each is module else Path(each.__file__) for each in (packaging, wheels)]
    assert build(sources, sources=code)[0] != first


def test_each_architecture_and_runtime_has_a_package_of_its_own(sources):
    packages = {build(sources, architecture=each)[0] for each in ("x86_64", "arm64")}
    packages.add(build(sources, python="python3.10")[0])
    assert len(packages) == 3


def test_a_package_that_chalice_made_itself_is_not_taken_for_ours(sources):
    (sources / "requirements.txt").write_text("")
    stock = LambdaDeploymentPackager(OSUtils(), DependencyBuilder(OSUtils()), Quiet(), "x86_64")
    theirs = Path(STOCK(stock, str(sources), THIS))
    ours, said = build(sources)
    assert ours != theirs
    assert "Creating" in said


def test_without_an_interpreter_of_the_runtime_there_is_no_bytecode_and_the_reason_is_given(sources):
    package, said = build(sources, interpreter=lambda runtime: None)
    assert not [name for name in names(package) if name.endswith(".pyc")]
    assert f"There is no {THIS} on this machine" in said
    assert build(sources)[0] != package, "compiled as soon as there is one"


def test_a_runtime_that_chalice_does_not_know_is_refused(sources):
    with pytest.raises(NotPackaged, match=r"no wheels for python3\.99.*python3\.13"):
        build(sources, python="python3.99")


def test_a_stage_may_choose_another_runtime_and_nothing_but_a_runtime():
    def runtime(**stage):
        return packaging.runtime_of(Config("prod", config_from_disk={"stages": {"prod": stage}}))

    assert (runtime(), runtime(lambda_python_version="python3.14")) == (RUNTIME, "python3.14")
    for unusable in ("3.14", "python3", "nodejs24.x", 3.14):
        with pytest.raises(NotPackaged, match=r"lambda_python_version in \.chalice/config\.json is"):
            runtime(lambda_python_version=unusable)


BUILD = """
import sys
sys.path[:0] = [sys.argv[1]]
from pathlib import Path
from infra.deployment.chalice_command import source_digest
from infra.deployment.stage import stage_configuration
from tests.support.small_packages import build
if sys.argv[4:]:
    sys.version, sys.platform = "3.99.98 (another release, built elsewhere)", "darwin"
project = Path(sys.argv[2])
print("DIGEST", source_digest(project, "test"))
print("PACKAGE", build(project, python=sys.argv[3])[0].name)
"""


def made_by(python, project, *another_release, **variables):
    """The digest of the sources, and the name and the bytes of the package, as another process makes them."""
    done = subprocess.run(
        [python, "-c", BUILD, PROJECT, project, RUNTIME_HERE, *another_release],
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "PYTHONDONTWRITEBYTECODE": "1", **variables},
        umask=0o077,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = dict(line.split(" ", 1) for line in done.stdout.splitlines() if line.startswith(("DIGEST", "PACKAGE")))
    package = project / ".chalice" / "deployments" / told["PACKAGE"]
    content = package.read_bytes()
    package.unlink()
    return told["DIGEST"], package.name, content


def test_every_python_and_every_release_of_it_makes_the_same_package_and_the_same_digest(sources, pythons):
    """The digest decides whether `make deploy` deploys again."""
    made = {made_by(sys.executable, sources), made_by(sys.executable, sources, "another release")}
    for name in other_pythons():
        python, variables = as_another_python(name, pythons)
        made.add(made_by(python, sources, **variables))
    assert len(made) == 1


def test_what_lies_around_and_does_not_ship_is_not_in_the_digest(sources):
    before = source_digest(sources, "test")
    for stray in (".DS_Store", "errors.py~", "__pycache__/errors.cpython-313.pyc"):
        (sources / "chalicelib" / stray).parent.mkdir(exist_ok=True)
        (sources / "chalicelib" / stray).write_text("lies around")
    assert source_digest(sources, "test") == before
    for shipped in ("__init__.py", "mails/en/reset.txt"):
        (sources / "chalicelib" / shipped).parent.mkdir(exist_ok=True, parents=True)
        (sources / "chalicelib" / shipped).write_text("# changed\n")
        changed = source_digest(sources, "test")
        assert changed != before
        before = changed


def test_the_templates_of_mails_ship_ours_and_the_sites_own_and_no_other_text(sources):
    of_a_site = ["site/mails/de/reset.html", "site/mails/de/reset.txt"]
    templates = ["mails/frame.html", "mails/styles.css", "mails/en/reset.txt", *of_a_site]
    others = ["notes.txt", "site/page.html", "mails/en/reset.txt~", "mails/en/.#reset.txt", "mails/logo.png"]
    for name in (*templates, *others):
        (sources / "chalicelib" / name).parent.mkdir(exist_ok=True, parents=True)
        (sources / "chalicelib" / name).write_text(name)
    archive, said = build(sources)
    ours = {name for name in names(archive) if name.startswith("chalicelib/") and not name.endswith((".py", ".pyc"))}
    assert ours == {f"chalicelib/{name}" for name in templates}
    for name in others:
        assert f"Left out of the package: chalicelib/{name}\n" in said


def test_what_a_site_has_for_browsers_does_not_ship_and_is_no_news(sources):
    static = sources / "chalicelib" / "site" / "static"
    static.mkdir(parents=True)
    before, _ = build(sources)
    for name in ("index.html", "tool.py", "data.bin"):
        (static / name).write_text("for browsers")
    (sources / FILE).write_text("{}")
    archive, said = build(sources)
    assert archive == before
    assert str(FILE) not in said
    assert not [name for name in names(archive) if "static" in name]
    assert "static" not in said


def services_of_botocore(lock, runtime, folder):
    """Unpack what a package has of botocore's data, with two services more."""
    data = folder / "botocore" / "data"
    for service in (*packaging.AWS_SERVICES, "sns", "sqs"):
        shutil.copytree(Path(botocore.__file__).parent / "data" / service, data / service)
    shutil.copy(Path(botocore.__file__).parent / "data" / "endpoints.json", data)


def test_what_a_site_uses_of_aws_is_in_the_package_and_nothing_else(sources):
    (sources / FILE).parent.mkdir(parents=True)
    uses = {"operations": {"sns": ["Publish"], "dynamodb": ["DescribeTable"]}}
    (sources / FILE).write_text(json.dumps(uses))
    archive, _ = build(sources, fetch=services_of_botocore)
    operations = {}
    with zipfile.ZipFile(archive) as opened:
        for name in opened.namelist():
            if name.endswith("service-2.json"):
                operations[name.split("/")[2]] = set(json.loads(opened.read(name))["operations"])
    assert operations == {
        **packaging.AWS_OPERATIONS,
        "dynamodb": packaging.AWS_OPERATIONS["dynamodb"] | {"DescribeTable"},
        "sns": {"Publish"},
    }
    (sources / FILE).write_text("{}")
    assert build(sources, fetch=services_of_botocore)[0] != archive


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "is no JSON"),
        ('{"operations": {"pigeon": ["Send"]}}', "botocore has no service pigeon"),
        ('{"operations": {"sns": ["Shout"]}}', "the service sns has no operation Shout"),
    ],
)
def test_what_no_service_of_aws_has_is_refused(sources, text, problem):
    (sources / FILE).parent.mkdir(parents=True)
    (sources / FILE).write_text(text)
    with pytest.raises(NotPackaged, match=problem):
        build(sources, fetch=services_of_botocore)


def test_what_is_fetched_is_the_lock_for_the_runtime_and_its_architecture(sources):
    fetch = OneWheel()
    build(sources, fetch=fetch, python="python3.12", architecture="arm64")
    ((lock, runtime),) = fetch.asked_for
    assert lock.split() == ["fetched==1.0", HASHED]
    assert (runtime.python, runtime.abi) == ("python3.12", "cp312")
    assert "manylinux_2_34_aarch64" in runtime.platforms
    assert all(platform.endswith("aarch64") for platform in runtime.platforms)


AARCH64 = (183).to_bytes(2, "little")
"""`e_machine` of an ELF file, "ELF for the Arm 64-bit Architecture", section 5.1."""


def test_everything_that_is_locked_has_a_wheel_for_the_runtime_on_arm64_which_is_the_default_of_a_stage(tmp_path):
    assert stage_configuration(places.FOUNDATION, "{}")["lambda_architecture"] == "arm64"
    project = copy_of_the_project(tmp_path)

    # Bytecode is of no architecture, and takes the most time.
    package, _ = build(
        project, python=RUNTIME, architecture="arm64", fetch=fetch_wheels, interpreter=lambda _runtime: None
    )

    with zipfile.ZipFile(package) as opened:
        compiled = {name: opened.read(name) for name in opened.namelist() if name.endswith(".so")}
    assert {name.partition("/")[0].partition(".")[0] for name in compiled} >= {
        "bcrypt",
        "cryptography",
        "_cffi_backend",
    }
    assert {content[18:20] for content in compiled.values()} == {AARCH64}


def test_the_tests_of_dependencies_do_not_ship(sources):
    assert "fetched/__init__.py" in names(build(sources)[0])
    assert "fetched/tests/test_it.py" not in names(build(sources)[0])


def test_a_source_that_does_not_compile_is_an_error_that_shows_it(sources):
    (sources / "app.py").write_text("def broken(:\n")
    with pytest.raises(NotPackaged, match=r"app\.py"):
        build(sources)
    assert not (sources / ".chalice").exists()


def test_a_build_that_is_interrupted_leaves_no_package_behind(sources, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(zipfile.ZipFile, "writestr", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build(sources)
    assert list((sources / ".chalice" / "deployments").iterdir()) == []


@pytest.mark.parametrize("name", ["chalice/app.py", "chalice/__init__.py"])
def test_a_file_of_chalice_that_was_edited_after_it_was_installed_does_not_ship(sources, name):
    other = {**hashes_of_chalice(), name: "another"}
    with pytest.raises(NotPackaged, match=rf"{name} ships, and is not the file that was installed.*force-reinstall"):
        build(sources, chalice=lambda: other)
    assert not (sources / ".chalice").exists()


def test_a_layer_of_chalices_own_making_is_refused(sources):
    chalice_cli.install()
    layers = LayerDeploymentPackager(OSUtils(), DependencyBuilder(OSUtils()), Quiet(), "x86_64")
    with pytest.raises(NotPackaged, match="automatic_layer is set"):
        layers.create_deployment_package(str(sources), THIS)


def test_chalice_is_as_it_was_when_its_packager_was_taken_apart():
    """Fails with a Chalice that changed what infra/chalice_cli/packaging.py stands on: read its packager again."""
    expected = {
        LambdaDeploymentPackager.__init__: ["self", "osutils", "dependency_builder", "ui", "architecture"],
        STOCK: ["self", "project_dir", "python_version"],
        LambdaDeploymentPackager._iter_app_filenames: ["self", "project_dir"],
        LambdaDeploymentPackager._architecture_suffix: ["self"],
        DependencyBuilder._get_pip_platforms: ["self", "abi"],
    }
    for function, parameters in expected.items():
        assert list(inspect.signature(function).parameters) == parameters, function
    assert STOCK.__module__ == "chalice.deploy.packager"
    assert LambdaDeploymentPackager._RUNTIME_TO_ABI[THIS] == f"cp{sys.version_info.major}{sys.version_info.minor}"
    made = LambdaDeploymentPackager(OSUtils(), "builder", "ui", "arm64")
    assert (made._dependency_builder, made._ui, made._architecture_suffix()) == ("builder", "ui", "-arm64")
    # What ships of Chalice, and that it needs nothing else that is not in the standard library.
    shipped = [name for _, name in made._iter_app_filenames("/nowhere")]
    assert shipped == ["chalice/app.py", "chalice/__init__.py", "app.py"]
    assert "create_deployment_package" in vars(LayerDeploymentPackager)
    # The one place that makes packagers, for `package` and `deploy` alike.
    assert "LambdaDeploymentPackager(" in inspect.getsource(deployer.create_build_stage)
    assert "create_build_stage(" in inspect.getsource(deployer._create_deployer)
