"""The deployment package: how ``chalice package`` and ``chalice deploy`` make it.

Owns the contents of the zip. Chalice names the runtime and the tags of its wheels, and ``wheels`` fetches them. The
rest of ``LambdaDeploymentPackager.create_deployment_package`` is replaced. Chalice's version packages no bytecode, so
every cold start compiles everything again. It also packages the models of all AWS services and any file in chalicelib/.
"""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from chalice.config import Config
from chalice.deploy.packager import LambdaDeploymentPackager

from infra.chalice_cli import wheels
from infra.chalice_cli.wheels import FetchWheels, NotPackaged, Runtime, fetch_wheels, read_lock
from infra.runtime import RUNTIME, interpreter_of, is_application_file, is_of_no_function, is_runtime
from infra.site_aws import FILE, read_site_aws

CreatePackage = Callable[[LambdaDeploymentPackager, str, str], str]
Hashes = Callable[[], Mapping[str, str]]
FindInterpreter = Callable[[str], Path | None]

AWS_SERVICES = ("dynamodb", "sesv2", "ssm")
"""The services that chalicelib/adapters/ makes clients for, by their folders in botocore/data/."""

AWS_OPERATIONS: Mapping[str, frozenset[str]] = {
    "dynamodb": frozenset(
        {
            "BatchExecuteStatement",
            "BatchGetItem",
            "BatchWriteItem",
            "DeleteItem",
            "ExecuteStatement",
            "ExecuteTransaction",
            "GetItem",
            "PutItem",
            "Query",
            "Scan",
            "TransactGetItems",
            "TransactWriteItems",
            "UpdateItem",
        }
    ),
    "sesv2": frozenset({"SendEmail"}),
    "ssm": frozenset({"GetParameter", "GetParameters", "GetParametersByPath"}),
}
"""The operations that a client has on Lambda: those that read and write items, that which sends a mail, and those that
read parameters."""

LAMBDA_TASK_ROOT = "/var/task"
"""Where Lambda unpacks the zip. Bytecode compiled with this path need not be corrected when it is loaded."""

# Nothing reads these at run time. METADATA stays, because Amazon Inspector needs it to find vulnerable versions.
_UNUSED_FOLDERS = frozenset({"__pycache__", "bin", "test", "tests"})
_UNUSED_FILES = re.compile(r"py\.typed|.*\.pyi|examples-1\.json(\.gz)?")


def runtime_of(config: Config) -> str:
    """Return the runtime of a stage's functions, as Lambda names it: the stage's own choice, or the one of all others.

    Raises NotPackaged. Chalice would return that of the Python that runs it.
    """
    chosen = config._chain_lookup("lambda_python_version", varies_per_chalice_stage=True)  # noqa: SLF001 - no public name
    if chosen is None:
        return RUNTIME
    if not isinstance(chosen, str) or not is_runtime(chosen):
        raise NotPackaged(f"lambda_python_version in .chalice/config.json is {chosen!r}, and not such as {RUNTIME!r}")
    return chosen


def hashes_of_chalice() -> dict[str, str]:
    """Return the SHA-256 of each file of Chalice as it was installed, in the form of its RECORD."""
    files = importlib.metadata.files("chalice") or []
    return {file.as_posix(): file.hash.value for file in files if file.hash is not None}


def made_for_lambda(
    stock: CreatePackage,
    *,
    sources: Sequence[Path] = (Path(__file__), Path(wheels.__file__)),
    fetch: FetchWheels = fetch_wheels,
    chalice: Hashes = hashes_of_chalice,
    interpreter: FindInterpreter = interpreter_of,
) -> CreatePackage:
    """Return the replacement of Chalice's ``create_deployment_package``.

    ``sources`` is the code that makes packages: a package is made again if it changes. ``fetch`` takes the lock, and
    unpacks its wheels. ``chalice`` returns the hashes that the two files which ship of Chalice must have.
    ``interpreter`` finds the Python that compiles for a runtime.
    """

    @functools.wraps(stock)
    def create_deployment_package(packager: LambdaDeploymentPackager, project_dir: str, python_version: str) -> str:
        ui = packager._ui  # noqa: SLF001 - there is no public name
        lock = read_lock(Path(project_dir))
        application = dict(_application_files(packager, Path(project_dir)))
        _check_chalice(application, chalice())
        runtime = _runtime(packager, python_version)
        compiler = interpreter(python_version)
        operations = _operations(Path(project_dir))
        named = json.dumps({service: sorted(names) for service, names in operations.items()})
        digest = _digest(sources, application, lock, str(compiler is not None), named)
        suffix = packager._architecture_suffix()  # noqa: SLF001
        package = Path(project_dir, ".chalice", "deployments", f"{digest}-{python_version}{suffix}.zip")
        if package.is_file():
            ui.write("Reusing the deployment package, which has not changed.\n")
            return str(package)
        ui.write("Creating the deployment package: fetching its dependencies ...\n")
        with tempfile.TemporaryDirectory() as temporary:
            root = Path(temporary, "package")
            fetch(lock, runtime, root)
            _trim(root, operations)
            _shorten_models(root / "botocore" / "data", operations)
            for name, path in application.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, root / name)
            if compiler is not None:
                ui.write(f"Compiling it for {python_version} ...\n")
                _compile(root, compiler)
            else:
                ui.write(
                    f"There is no {python_version} on this machine to make bytecode for {python_version}: the package "
                    "has none, and its cold starts take about twice as long. Install that Python, beside this one, "
                    "and deploy again.\n"
                )
            _write_zip(root, package)
        return str(package)

    return create_deployment_package


def _operations(project: Path) -> dict[str, frozenset[str]]:
    """Return the operations that clients have on Lambda, by service: ours and the site's. Raises NotPackaged."""
    try:
        of_site = read_site_aws(project).operations
    except ValueError as unusable:
        raise NotPackaged(str(unusable)) from None
    services = sorted({*AWS_OPERATIONS, *of_site})
    return {name: AWS_OPERATIONS.get(name, frozenset()) | of_site.get(name, frozenset()) for name in services}


def _application_files(packager: LambdaDeploymentPackager, project: Path) -> Iterator[tuple[str, Path]]:
    """Yield the name in the zip and the path of each file of the application, Chalice's runtime and vendor/."""
    for source, name in packager._iter_app_filenames(str(project)):  # noqa: SLF001
        if is_application_file(Path(name)):
            yield Path(name).as_posix(), Path(source)
        elif "__pycache__" not in Path(name).parts and not is_of_no_function(Path(name)):
            packager._ui.write(f"Left out of the package: {name}\n")  # noqa: SLF001
    vendor = project / "vendor"
    for path in vendor.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(vendor).as_posix(), path


def _check_chalice(application: Mapping[str, Path], hashes: Mapping[str, str]) -> None:
    """Raise NotPackaged unless the files of Chalice that ship are as pip installed them, after it checked the wheel."""
    for name in (name for name in application if name.startswith("chalice/")):
        digest = base64.urlsafe_b64encode(hashlib.sha256(application[name].read_bytes()).digest())
        if hashes.get(name) != digest.rstrip(b"=").decode():
            raise NotPackaged(
                f"{application[name]} ships, and is not the file that was installed. Install Chalice again: "
                "python -m pip install --force-reinstall --require-hashes -r requirements-dev.txt"
            )


def _runtime(packager: LambdaDeploymentPackager, python_version: str) -> Runtime:
    """Return the runtime with the tags of the wheels that Chalice would choose for it. Raises NotPackaged."""
    abis = packager._RUNTIME_TO_ABI  # noqa: SLF001 - there is no public name
    if python_version not in abis:
        raise NotPackaged(f"Chalice knows no wheels for {python_version}. It knows those for: {', '.join(abis)}")
    abi = abis[python_version]
    return Runtime(python_version, abi, packager._dependency_builder._get_pip_platforms(abi))  # noqa: SLF001


def _digest(sources: Sequence[Path], application: dict[str, Path], *others: str) -> str:
    """Return a digest of everything that the package is made from, including the code that makes it, in hex."""
    whole = hashlib.sha256()
    for text in (*(source.read_text("utf-8") for source in sources), *others):
        whole.update(hashlib.sha256(text.encode()).digest())
    for name, path in sorted(application.items()):
        whole.update(hashlib.sha256(name.encode()).digest() + hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()[:32]


def _trim(root: Path, services: Collection[str]) -> None:
    """Remove files that Lychgate does not read."""
    for each, subfolders, files in os.walk(root):
        here = Path(each)
        for name in set(subfolders):
            if name in _UNUSED_FOLDERS:
                shutil.rmtree(here / name)
                subfolders.remove(name)
        for name in files:
            if _UNUSED_FILES.fullmatch(name) or (here.suffix == ".dist-info" and name != "METADATA"):
                (here / name).unlink()
    unused = [
        *root.glob("*.dist-info/*/"),
        *root.glob("*.data"),
        root / "boto3" / "data",
        root / "boto3" / "examples",
        *(each for each in root.glob("botocore/data/*/") if each.name not in services),
    ]
    for folder in filter(Path.is_dir, unused):
        shutil.rmtree(folder)


def _shorten_models(data: Path, operations: Mapping[str, frozenset[str]]) -> None:
    """Shorten botocore's data, because parsing it takes half of the time to make a client.

    Removes from the models the documentation and the operations that are not among these, and the endpoints of
    services without a model.
    """
    if not data.is_dir():
        return
    if unknown := [name for name in operations if not (data / name).is_dir()]:
        raise NotPackaged(f"botocore has no service {', '.join(unknown)}, which {FILE} names")
    for packed in data.glob("*/*/service-2.json.gz"):
        model = _without_documentation(json.loads(gzip.decompress(packed.read_bytes())))
        service = packed.parts[-3]
        if unknown := sorted(operations[service] - model["operations"].keys()):
            raise NotPackaged(f"the service {service} has no operation {', '.join(unknown)}, which {FILE} names")
        model = _with_operations(model, operations[service])
        packed.with_suffix("").write_text(json.dumps(model, separators=(",", ":")), "utf-8")
        packed.unlink()
    endpoints = data / "endpoints.json"
    document = json.loads(endpoints.read_text("utf-8"))
    for partition in document["partitions"]:
        services = partition["services"]
        partition["services"] = {name: services[name] for name in operations if name in services}
    endpoints.write_text(json.dumps(document, separators=(",", ":")), "utf-8")


def _with_operations(model: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Return a service's model with these operations only, and with the shapes that they need."""
    operations = {name: operation for name, operation in model["operations"].items() if name in names}
    shapes: dict[str, Any] = {}
    sought = list(_shapes_in(operations))
    while sought:
        name = sought.pop()
        if name not in shapes:
            shapes[name] = model["shapes"][name]
            sought += _shapes_in(shapes[name])
    return {**model, "operations": operations, "shapes": {name: shapes[name] for name in sorted(shapes)}}


def _shapes_in(node: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
    """Yield the names of the shapes that a part of a model refers to."""
    if isinstance(node, dict):
        if isinstance(node.get("shape"), str):
            yield node["shape"]
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from _shapes_in(each)


def _without_documentation(node: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(node, dict):
        # A shape's member can also have the name "documentation". That is an object, not a string.
        return {
            name: _without_documentation(value)
            for name, value in node.items()
            if name != "documentation" or not isinstance(value, str)
        }
    return [_without_documentation(each) for each in node] if isinstance(node, list) else node


def _compile(root: Path, compiler: Path) -> None:
    """Put an interpreter's bytecode beside every source. Raises NotPackaged.

    All dates in the zip are the same, so Python would not use bytecode that is checked by date. Bytecode with a checked
    hash (PEP 552) is valid for exactly the source that it was made from. This runs in a process of its own, because the
    output of marshal depends on which objects are shared, and so on what was imported before.
    """
    command = [str(compiler), "-S", "-s", "-m", "compileall", "-q", "--invalidation-mode", "checked-hash"]
    others = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(  # noqa: S603 - an interpreter of this machine and our own arguments
        [*command, "-s", str(root), "-p", LAMBDA_TASK_ROOT, str(root)],
        cwd=root.parent,  # `-m` looks for modules there first
        env={**others, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotPackaged(f"the package could not be compiled:\n{done.stdout}{done.stderr}")


def _write_zip(root: Path, package: Path) -> None:
    """Write the zip of all files below ``root``. The same files make the same bytes."""
    package.parent.mkdir(parents=True, exist_ok=True)
    unfinished = package.with_suffix(f".{os.getpid()}.part")
    try:
        with zipfile.ZipFile(unfinished, "w") as zipped:
            for path in sorted(filter(Path.is_file, root.rglob("*"))):
                entry = zipfile.ZipInfo(path.relative_to(root).as_posix())  # dated 1980, the earliest possible
                entry.create_system = 3  # Unix, whichever system writes it
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o100644 << 16
                zipped.writestr(entry, path.read_bytes(), compresslevel=9)
        unfinished.replace(package)
    finally:
        unfinished.unlink(missing_ok=True)
