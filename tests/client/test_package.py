"""The npm package as it is installed: what is in it, what tools say of it, and who can build with it."""

import gzip
import json
import os
import re
import shutil
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator

from chalicelib.version import VERSION
from tests.client import make_manifest
from tests.client.find_node import node_folder
from tests.client.make_types import API, made, made_of_api
from tests.support import npm_package
from tests.support.commands import run_to_end
from tests.support.node_projects import JS, ROOT, TOOLS, run, tsc

HERE = Path(__file__).parent / "npm"
STRICT = {
    "strict": True,
    "noEmit": True,
    "target": "es2022",
    "module": "esnext",
    "moduleResolution": "bundler",
    "lib": ["es2022", "dom"],
    "types": ["vite/client"],
    "exactOptionalPropertyTypes": True,
    "noUncheckedIndexedAccess": True,
    "noUncheckedSideEffectImports": True,
    "verbatimModuleSyntax": True,
    "jsx": "react-jsx",
}
NOT_SCRIPTS = ("lychgate.css", "account.css", "custom-elements.json")
RENDERED = """
import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { Guard, SignIn, useSession } from "lychgate/react";

function Page() {
  const { user, isLoading, client } = useSession();
  const told = `${user} ${isLoading} ${client}`;
  const flags = { "aria-busy": true, "aria-hidden": false };
  const guarded = createElement(Guard, { signIn: "/", forRole: "buyer", ...flags }, told);
  const entry = createElement(SignIn, { return: true, hidden: false, className: "card", onLoggedIn() {} });
  return createElement("main", null, entry, guarded);
}
console.log(renderToString(createElement(Page)));
"""


@pytest.fixture(scope="module")
def tarball(tmp_path_factory):
    return npm_package.pack(tmp_path_factory.mktemp("pack"))


@pytest.fixture(scope="module")
def with_react(tmp_path_factory):
    """A project with React 18 or 19 and the package."""
    kept = {}

    def make(version):
        if version not in kept:
            kept[version] = npm_package.project(tmp_path_factory.mktemp(f"react{version}"), react=version)
        return kept[version]

    return make


@pytest.fixture
def project(with_react):
    return with_react(19)


def compiled(project, *files, **options):
    """Compile files of a project as strictly as the compiler can."""
    settings = {"compilerOptions": {**STRICT, **options}, "files": files}
    (project / "tsconfig.json").write_text(json.dumps(settings), "utf-8")
    return tsc("--project", "tsconfig.json", folder=project)


def test_the_types_are_those_of_the_code_and_no_file_is_left_of_others(tmp_path):
    texts = made(tmp_path, checked=False)  # tests/client/test_client_files.py checks the same scripts
    assert {name: (JS / name).read_text("utf-8") for name in texts} == texts, "`make types` writes them anew"
    assert {path.relative_to(JS).as_posix() for path in JS.rglob("*.d.ts")} == {
        *texts,
        API,
        "elements/types.d.ts",
        "react-jsx.d.ts",
    }


def test_the_types_of_requests_and_answers_are_those_of_the_api(tmp_path):
    assert (JS / API).read_text("utf-8") == made_of_api(tmp_path), "`make types` writes them anew"


def test_the_manifest_of_the_elements_fits_its_schema():
    schema = json.loads((TOOLS / "custom-elements-manifest" / "schema.json").read_text("utf-8"))
    found = make_manifest.manifest()
    Draft7Validator(schema).validate(found)
    elements = [declaration for module in found["modules"] for declaration in module["declarations"]]
    for element in elements:
        assert {event["name"] for event in element["events"]} >= {"lychgate:logged-in", "lychgate:error"}
    of_elements = {part["name"] for element in elements for part in element["dataParts"]}
    assert of_elements == make_manifest.parts().keys()


def test_each_event_that_is_told_is_documented_and_has_a_type_and_a_place_in_the_manifest():
    source = "".join(path.read_text("utf-8") for path in (JS / "elements").rglob("*.js"))
    told = {f"lychgate:{each}" for each in re.findall(r'\btell\(\s*(?:this, )?"([\w-]+)"', source)}
    assert len(told) >= 6
    page = (ROOT / "docs" / "elements.md").read_text("utf-8")
    assert set(re.findall(r"^\| `(lychgate:[\w-]+)` \|", page, re.MULTILINE)) == told
    types = (JS / "elements" / "types.d.ts").read_text("utf-8")
    assert set(re.findall(r'^    "(lychgate:[\w-]+)": CustomEvent<', types, re.MULTILINE)) == told
    modules = json.loads(make_manifest.MANIFEST.read_text("utf-8"))["modules"]
    named = {event["name"] for module in modules for each in module["declarations"] for event in each["events"]}
    assert named == told


def test_an_event_without_a_sentence_is_an_error():
    others = make_manifest.EVENTS.keys() - {"shown"}
    with pytest.raises(KeyError, match="shown"):
        make_manifest.events_of(make_manifest.ELEMENTS / "sign-in.js", known=others)


def test_what_is_exported_is_there_and_imports_nothing_that_is_not(tarball, project):
    installed = project / "node_modules" / npm_package.NAME
    package = json.loads((installed / "package.json").read_text("utf-8"))
    for target in package["exports"].values():
        for path in [target] if isinstance(target, str) else target.values():
            assert (installed / path).is_file(), path
    missing = [
        f"{file.relative_to(installed)}: {path}"
        for file in installed.rglob("*.js")
        for path in re.findall(r'(?:from|import\(|import|URL\() ?"(\.[^"]+)"', file.read_text("utf-8"))
        if not (file.parent / path).is_file()
    ]
    missing += [
        f"{file.relative_to(installed)}: {path}"
        for file in installed.rglob("*.css")
        for path in re.findall(r'url\("?(?!data:|#)([^")#]+)', file.read_text("utf-8"))
        if not (file.parent / path).is_file()
    ]
    assert missing == []


def test_npm_shows_the_packages_own_page_which_says_first_where_elements_work(project):
    text = (project / "node_modules" / npm_package.NAME / "README.md").read_text("utf-8")
    assert text == npm_package.PAGE.read_text("utf-8")
    title, first, *_ = text.split("\n\n")
    assert title == f"# {npm_package.NAME}"
    assert first.startswith("**The elements work only on the API's own *site*")
    assert "`storage`" in first


def test_what_is_published_names_the_repository_that_its_provenance_names(project):
    package = json.loads((project / "node_modules" / npm_package.NAME / "package.json").read_text("utf-8"))
    assert package["repository"] == {"type": "git", "url": "git+https://github.com/octo-org/octo-repo.git"}


@pytest.mark.parametrize(
    ("tag", "released", "passes"),
    [(f"v{VERSION}", True, True), ("v999.0.0", True, False), (VERSION, True, False), (f"v{VERSION}", False, False)],
)
def test_only_a_release_whose_tag_is_the_version_is_published(tmp_path, tag, released, passes):
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "publish.yml").read_text("utf-8"))
    steps = workflow["jobs"]["npm"]["steps"]
    (step,) = [step for step in steps if step.get("name") == "Is it a release?"]
    assert {"if", "continue-on-error"}.isdisjoint(step.keys() | steps[-1].keys())
    shutil.copy(ROOT / "package.json", tmp_path)
    gh = tmp_path / "gh"
    gh.write_text(f'#!/bin/sh\ntest "$3" = "{tag}" && {"true" if released else "false"}\n', "utf-8")
    gh.chmod(0o755)
    path = os.pathsep.join([str(tmp_path), str(node_folder()), os.environ["PATH"]])
    # As GitHub runs it where bash is named.
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    ran = run_to_end(command, tmp_path, {**os.environ, "PATH": path, "GITHUB_REF_NAME": tag})
    assert (ran.returncode == 0) is passes, ran.stdout


def test_the_part_for_react_is_at_most_one_kilobyte_minified_and_compressed(project):
    ran = run("esbuild/bin/esbuild", JS / "react.js", "--minify", "--format=esm", folder=project)
    assert ran.returncode == 0, ran.stdout
    assert "useSyncExternalStore" in ran.stdout
    assert len(gzip.compress(ran.stdout.encode(), 9)) <= 1000


def test_publint_finds_nothing(tarball):
    ran = run("publint/src/cli.js", "run", "--strict", "--pack", "false", tarball.name, folder=tarball.parent)
    assert ran.returncode == 0, ran.stdout
    assert "All good!" in ran.stdout


def test_are_the_types_wrong_finds_nothing(tarball):
    options = ("--profile", "esm-only", "--no-definitely-typed", "-f", "json", "--exclude-entrypoints", *NOT_SCRIPTS)
    ran = run("@arethetypeswrong/cli/dist/index.js", *options, "--", tarball.name, folder=tarball.parent)
    assert ran.returncode == 0, ran.stdout
    assert json.loads(ran.stdout)["analysis"]["types"] == {"kind": "included"}


def test_nothing_of_the_elements_and_of_react_is_of_any_type():
    for name in ("elements/types.d.ts", "react-jsx.d.ts"):
        code = re.sub(r"/\*.*?\*/", "", (JS / name).read_text("utf-8"), flags=re.DOTALL)
        assert "unknown" in code or "string" in code
        assert re.findall(r".*\bany\b.*", code) == [], name


def test_typescript_compiles_with_it_and_with_react_19_and_what_is_wrong_is_an_error_where_nothing_expects_one(project):
    right = {"example.tsx": npm_package.examples("tsx")[0], "api.ts": npm_package.examples("ts")[0]}
    wrong = {}
    for name in ("plain.ts", "react.tsx"):
        right[name] = (HERE / name).read_text("utf-8")
        wrong[f"wrong-{name}"] = right[name].replace("@ts-expect-error", "")
    for name, text in {**right, **wrong}.items():
        (project / name).write_text(text, "utf-8")
    checked = compiled(project, *right, *wrong)
    places = re.findall(r"^(\S[^\n(]*)\(", checked.stdout, re.MULTILINE)
    assert not re.search(r"^error", checked.stdout, re.MULTILINE), checked.stdout
    assert set(places) == wrong.keys(), checked.stdout
    for name in wrong:
        expected = right[name.removeprefix("wrong-")].count("@ts-expect-error")
        assert places.count(name) == expected >= 5, checked.stdout


def test_typescript_compiles_with_it_as_node_resolves_it_and_with_react_18_and_what_is_wrong_does_not(with_react):
    project = with_react(18)
    for file in ("plain.ts", "react.tsx"):
        shutil.copy(HERE / file, project)
    (project / "example.tsx").write_text(*npm_package.examples("tsx"), "utf-8")
    checked = compiled(project, "plain.ts", "react.tsx", "example.tsx", module="nodenext", moduleResolution="nodenext")
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(
    ("language", "tool"),
    [("vue", "vue-tsc/bin/vue-tsc.js"), ("svelte", "svelte-check/bin/svelte-check")],
)
def test_a_component_in_vue_or_svelte_is_well_typed_and_a_wrong_one_is_not(project, language, tool):
    (example,) = npm_package.examples(language)
    for name, text in (("Right", example), ("Wrong", example.replace("user.username", "user.password"))):
        (project / f"{name}.{language}").write_text(text, "utf-8")
    settings = {"compilerOptions": {**STRICT, "skipLibCheck": True}, "include": [f"*.{language}"]}
    (project / "tsconfig.json").write_text(json.dumps(settings), "utf-8")
    options = {"vue": ("--project",), "svelte": ("--output", "machine", "--tsconfig")}[language]
    checked = run(tool, *options, "tsconfig.json", folder=project)
    for file in project.glob(f"*.{language}"):
        file.unlink()
    assert checked.returncode != 0
    assert "Right" not in checked.stdout, checked.stdout
    assert re.search(r"Wrong.*'password' does not exist", checked.stdout), checked.stdout


@pytest.mark.parametrize("version", [18, 19])
def test_react_renders_it_on_a_server_where_nobody_is_known(with_react, version):
    project = with_react(version)
    (project / "page.js").write_text(RENDERED, "utf-8")
    ran = run(project / "page.js", folder=project)
    assert ran.returncode == 0, ran.stdout
    assert ran.stdout.strip() == (
        '<main><lychgate-sign-in return="" class="card"></lychgate-sign-in>'
        '<lychgate-guard sign-in="/" for-role="buyer" aria-busy="true" aria-hidden="false">null true null'
        "</lychgate-guard></main>"
    )
