"""The browser client's types: that projects build with them, and that they forbid."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.node_projects import (
    ADMIN,
    ADMIN_TYPES,
    CLIENT,
    FACTORS,
    FACTORS_TYPES,
    KEY,
    MAIL,
    MAIL_TYPES,
    QR,
    QR_TYPES,
    ROOT,
    TYPES,
    install,
    react_project,
    tsc,
    vite,
)

HERE = Path(__file__).parent
DOCS = ROOT / "docs" / "browser-client.md"
STRICT = {
    "strict": True,
    "noEmit": True,
    "target": "es2022",
    "lib": ["es2022", "dom"],
    "types": [],
    "exactOptionalPropertyTypes": True,
    "noUncheckedIndexedAccess": True,
    "noUncheckedSideEffectImports": True,
    "verbatimModuleSyntax": True,
    "skipLibCheck": False,
}
RESOLUTIONS = {
    "bundler": {"module": "esnext", "moduleResolution": "bundler"},
    "nodenext": {"module": "nodenext", "moduleResolution": "nodenext"},
    "node16": {"module": "node16", "moduleResolution": "node16"},
    "node's own types": {"module": "nodenext", "moduleResolution": "nodenext", "types": ["node"]},
}


def with_the_client(folder: Path) -> Path:
    """Give a folder the client, all that goes with it, their types and nothing else."""
    (folder / "package.json").write_text('{"type": "module"}', "utf-8")
    install(folder)
    for file in (CLIENT, TYPES, KEY, MAIL, MAIL_TYPES, FACTORS, FACTORS_TYPES, ADMIN, ADMIN_TYPES, QR, QR_TYPES):
        shutil.copy(file, folder)
    return folder


@pytest.fixture
def project(tmp_path):
    return with_the_client(tmp_path)


def compiled(project: Path, *files: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Compile files of a project as strictly as the compiler can."""
    settings = {"compilerOptions": {**STRICT, **RESOLUTIONS["bundler"], **options}, "files": files}
    (project / "tsconfig.json").write_text(json.dumps(settings), "utf-8")
    return tsc("--project", "tsconfig.json", folder=project)


def only_with(text: str, project: Path) -> Path:
    """Return the only script of a built project that has a text in it."""
    (script,) = (file for file in (project / "dist").rglob("*.js") if text in file.read_text("utf-8"))
    return script


def test_each_option_and_member_is_described_and_nothing_is_of_any_type_but_a_body():
    types = TYPES.read_text("utf-8")
    for name in ("ClientOptions", "ClientMembers", "ApiError"):
        block = re.search(rf"{name} (?:= |extends Error )\{{\n(.*?)\n\}};?\n", types, re.DOTALL)[1]
        members = re.findall(r"^    (?!name:)(\w+)\??: ", block, re.MULTILINE)
        assert len(members) >= 5
        assert members == re.findall(r"\*/\n    (?!name:)(\w+)\??: ", block)
    assert re.findall(r".*\bany\b(?! )", re.sub(r"/\*.*?\*/", "", types, flags=re.DOTALL)) == ["    json: <Body = any"]


def test_a_vite_project_with_react_and_typescript_builds_with_the_client_and_not_without_its_types(tmp_path):
    project = react_project(tmp_path / "project")
    checked = tsc("-b", folder=project)
    assert checked.returncode == 0, checked.stdout
    built = vite("build", folder=project)
    assert built.returncode == 0, built.stdout
    script = only_with("auth/register", project)
    page = (project / "dist" / "index.html").read_text("utf-8")
    assert f"/assets/{script.name}" in page
    assert only_with("dpop+jwt", project).name not in page

    (project / "src" / TYPES.name).unlink()
    checked = tsc("-b", folder=project)
    assert checked.returncode != 0
    assert "TS7016" in checked.stdout


@pytest.fixture(scope="module")
def errors(tmp_path_factory):
    """What the compiler says of programs with the client, which it is given all at once: the errors of each file."""
    project = with_the_client(tmp_path_factory.mktemp("consumers"))
    source = (HERE / "types" / "consumer.ts").read_text("utf-8")
    (example,) = re.findall(r"^```ts\n(.*?)^```", DOCS.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    files = {
        "consumer.ts": source,
        "wrong.ts": source.replace("@ts-expect-error", ""),
        "example.ts": example,
        "script.js": (HERE / "types" / "consumer.js").read_text("utf-8"),
    }
    for file, text in files.items():
        (project / file).write_text(text, "utf-8")
    said = compiled(project, *files, allowJs=True, checkJs=True).stdout
    places = re.findall(r"^(\S[^\n(]*)\(", said, re.MULTILINE)
    assert places, said
    assert not re.search(r"^error", said, re.MULTILINE), said
    assert set(places) <= files.keys(), said
    return {file: re.findall(rf"^{re.escape(file)}\(.*", said, re.MULTILINE) for file in files}


def test_right_use_compiles_and_wrong_use_does_not(errors):
    assert errors["consumer.ts"] == []


@pytest.mark.parametrize("resolution", [name for name in RESOLUTIONS if name != "bundler"])
def test_right_use_compiles_and_wrong_use_does_not_as_node_resolves(project, resolution):
    shutil.copy(HERE / "types" / "consumer.ts", project)
    checked = compiled(project, "consumer.ts", **RESOLUTIONS[resolution])
    assert checked.returncode == 0, checked.stdout


def test_the_example_of_the_documentation_compiles(errors):
    assert errors["example.ts"] == []


def test_wrong_use_is_an_error_where_nothing_expects_one(errors):
    expected = (HERE / "types" / "consumer.ts").read_text("utf-8").count("@ts-expect-error")
    assert len(errors["wrong.ts"]) == expected >= 10


def test_a_script_without_types_compiles_where_it_is_checked(errors):
    assert errors["script.js"] == []


def test_the_examples_of_second_factors_passkeys_and_administration_compile_and_are_checked(project):
    scripts = re.findall(r"^```js\n(.*?)^```", DOCS.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    examples = [script for script in scripts if "lychgate-factors.js" in script or "lychgate-admin.js" in script]
    assert len(examples) == 5
    files = [f"example{number}.js" for number in range(len(examples))]
    for file, example in zip(files, examples, strict=True):
        (project / file).write_text(example.replace('"/js/', '"./'), "utf-8")
    checked = compiled(project, *files, allowJs=True, checkJs=True, noImplicitAny=False)
    assert checked.returncode == 0, checked.stdout


def test_a_script_without_types_compiles_where_it_is_not_checked(project):
    shutil.copy(HERE / "types" / "consumer.js", project)
    checked = compiled(project, "consumer.js", allowJs=True, checkJs=False, skipLibCheck=True)
    assert checked.returncode == 0, checked.stdout


def test_a_vite_project_without_typescript_builds_with_the_client(project):
    shutil.copy(HERE / "types" / "consumer.js", project)
    page = '<!doctype html><title>Members</title><script type="module" src="/consumer.js"></script>'
    (project / "index.html").write_text(page, "utf-8")
    built = vite("build", folder=project)
    assert built.returncode == 0, built.stdout
    assert only_with("auth/register", project) != only_with("dpop+jwt", project)
