"""The npm package's package.json and manifest: one version with the API, nothing that runs or comes along."""

import json
import re

from chalicelib.version import VERSION
from infra.local.environment import PROJECT
from tests.client import make_manifest

PACKAGE = json.loads((PROJECT / "package.json").read_text("utf-8"))
SCRIPTS = {name: target for name, target in PACKAGE["exports"].items() if isinstance(target, dict)}
ONLY_DATA = {"./lychgate.css", "./account.css", "./custom-elements.json", "./package.json"}


def test_the_version_is_that_of_the_api():
    assert (PACKAGE["name"], PACKAGE["version"]) == ("lychgate", VERSION)


def test_nothing_comes_along_and_nothing_runs_when_it_is_installed():
    assert {"dependencies", "optionalDependencies", "bundleDependencies", "scripts", "bin", "engines"}.isdisjoint(
        PACKAGE
    )
    assert PACKAGE["peerDependencies"].keys() == {"react"}
    assert PACKAGE["peerDependenciesMeta"] == {"react": {"optional": True}}


def test_each_script_is_exported_with_its_types_first():
    assert PACKAGE["type"] == "module"
    assert PACKAGE["exports"].keys() - SCRIPTS.keys() == ONLY_DATA
    assert SCRIPTS.pop("./api") == {"types": "./static-site/js/api.d.ts"}
    for target in SCRIPTS.values():
        assert list(target) == ["types", "default"]
        assert target["types"] == target["default"].removesuffix(".js") + ".d.ts"


def test_only_elements_and_styles_are_loaded_for_what_they_do():
    assert PACKAGE["sideEffects"] == ["./static-site/js/elements/*.js", "*.css"]


def test_the_manifest_of_the_elements_is_that_of_their_code():
    assert make_manifest.MANIFEST.read_text("utf-8") == make_manifest.text(), "`make types` writes it anew"


def test_it_has_the_projects_licence():
    assert PACKAGE["license"] == "Apache-2.0"
    assert "Apache License" in (PROJECT / "LICENSE").read_text("utf-8")


def test_each_import_that_the_documentation_names_is_exported_and_nothing_else_is():
    page = (PROJECT / "docs" / "npm.md").read_text("utf-8")
    rows = re.findall(r"^\| (`lychgate.*?) \|", page, re.MULTILINE)
    named = {f".{path}" for row in rows for path in re.findall(r"`lychgate([^`]*)`", row)}
    named |= {f"./elements{path}" for row in rows for path in re.findall(r"`…([^`]*)`", row)}
    assert named == PACKAGE["exports"].keys() - {"./custom-elements.json", "./package.json"}


def test_each_element_is_exported_by_itself():
    modules = json.loads((PROJECT / "custom-elements.json").read_text("utf-8"))["modules"]
    paths = {f"./{module['path']}" for module in modules}
    assert len(paths) == 5
    assert paths <= {target.get("default") for target in SCRIPTS.values()}
