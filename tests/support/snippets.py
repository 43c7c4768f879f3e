"""The fenced code of README.md, CONTRIBUTING.md, docs/ and examples/, and what can be checked of each kind of it."""

import argparse
import functools
import importlib
import json
import re
import shlex
import sys
import textwrap
import tomllib
from pathlib import Path
from typing import NamedTuple

import click
import yaml

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "examples").glob("*/README.md")),
]
OUTPUT = frozenset({"", "text", "diff"})
"""What a program prints, and what is changed in a file: nothing to check by itself."""
ELSEWHERE = {
    "mermaid": "tests/architecture/test_diagrams.py",
    "console": "the guides' own tests run it; here it is read as sh",
}
_FENCED = re.compile(
    r"^(?P<indent> *)```(?P<language>[\w+-]*)[^\n]*\n(?P<text>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE
)
_MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
_OWN = ("chalicelib", "infra", "bench")
_CLIENT_IMPORT = re.compile(r'import (?:type )?(?:\{(?P<names>[^}]*)\} from )?"(?P<module>[^"]+)"', re.DOTALL)
_OF_CLIENT = re.compile(r"(?:.*/js/|\./)(?P<file>(?:elements/[\w/-]+|lychgate[\w-]*|qr|react)\.js)")
_PACKAGE = json.loads((ROOT / "package.json").read_text("utf-8"))
_JS = ROOT / "static-site" / "js"
_ELEMENTS = {
    each["tagName"]
    for module in json.loads((ROOT / "custom-elements.json").read_text("utf-8"))["modules"]
    for each in module["declarations"]
}


class Snippet(NamedTuple):
    """Fenced code, with the page and the line where it begins."""

    where: str
    language: str
    text: str


def snippets(*languages):
    """Return the snippets of all pages, or those in some languages."""
    return [each for each in _all() if not languages or each.language in languages]


@functools.cache
def _all():
    found = []
    for page in PAGES:
        text = page.read_text("utf-8")
        for block in _FENCED.finditer(text):
            line = text.count("\n", 0, block.start()) + 1
            where = f"{page.relative_to(ROOT).as_posix()}:{line}"
            found.append(Snippet(where, block["language"], textwrap.dedent(block["text"])))
    return tuple(found)


def spans(page):
    """Return what stands as code within the sentences and the tables of a page."""
    return re.findall(r"`([^`\n]+)`", _FENCED.sub("", page.read_text("utf-8")))


def python(text):
    """Raise unless the text compiles, and unless what it imports of this project and of Python is there."""
    code = compile(text, "snippet", "exec", dont_inherit=True)
    assert code
    for module, names in re.findall(r"^ *from ([\w.]+) import ([^\n(]+|\([^)]*\))", text, re.MULTILINE):
        if _is_known(module):
            there = importlib.import_module(module)
            wanted = [name.split(" as ")[0].strip() for name in names.strip("()\n").split(",") if name.strip()]
            absent = [name for name in wanted if not hasattr(there, name) and f"{module}.{name}" not in _written()]
            assert absent == [], module
    for names in re.findall(r"^ *import ([\w., ]+)", text, re.MULTILINE):
        for name in names.split(","):
            module = name.split(" as ")[0].strip()
            if _is_known(module):
                importlib.import_module(module)


def _is_known(module):
    return module.partition(".")[0] in {*_OWN, *sys.stdlib_module_names} and module not in _written()


@functools.cache
def _written():
    """Return the modules of a site's own room that pages have their reader write."""
    named = re.findall(r"`(chalicelib/site/[\w/]+)\.py`:\n", "".join(page.read_text("utf-8") for page in PAGES))
    return {name.replace("/", ".") for name in named} - {"chalicelib.site.routes", "chalicelib.site.hooks"}


def json_(text):
    """Raise unless the text is JSON, or members of an object, or one value on each line."""
    try:
        json.loads(text)
    except ValueError:
        if text.lstrip().startswith('"'):
            json.loads(f"{{{text}}}")
        else:
            assert [json.loads(line) for line in text.splitlines() if line]


def yaml_(text):
    """Raise unless the text is YAML."""
    assert yaml.safe_load(text) is not None


def toml(text):
    """Raise unless the text is TOML."""
    assert tomllib.loads(text)


def http(text):
    """Raise unless the text is a request or an answer: a line, headers, and a body that is what they say."""
    head, _, body = text.partition("\n\n")
    first, *headers = head.splitlines()
    assert re.fullmatch(r"(?:[A-Z]+ \S+ HTTP/1\.1|HTTP/1\.1 \d{3} .*)", first)
    assert [line for line in headers if not re.fullmatch(r"[\w-]+: .+", line)] == []
    if re.search(r"^content-type: application/(?:[\w.+-]+\+)?json", head, re.MULTILINE | re.IGNORECASE):
        json.loads(body)


def braces(text):
    """Raise unless what is opened is closed: for languages of which no compiler is here."""
    expected = []
    for sign in re.sub(r'"(?:\\.|[^"\\\n])*"|//[^\n]*', "", text):
        if sign in "([{":
            expected.append(")]}"["([{".index(sign)])
        elif sign in ")]}":
            assert expected.pop() == sign
    assert expected == []


def commands(snippet):
    """Return the commands of a snippet of a shell, without what a console prints."""
    if snippet.language == "console":
        lines = [line.removeprefix("$ ") for line in snippet.text.splitlines() if line.startswith("$ ")]
        return "\n".join(lines) + "\n"
    return snippet.text


def shell(text):
    """Raise unless each target of make, each module and option of ours, and each setting is there."""
    for line in text.replace("\\\n", " ").splitlines():
        for target, rest in re.findall(r"\bmake ([a-z][a-z-]*)([^#;&|\n]*)", re.sub(r"\s#.*", "", line)):
            recipe = re.search(rf"^{target}:.*\n(?:\t.*\n)*", _MAKEFILE, re.MULTILINE)
            assert recipe, f"make {target}"
            module = re.search(r"python -m ([\w.]+)", recipe[0])
            given = [quoted or bare for quoted, bare in re.findall(r"""ARGS=(?:["'](.*?)["'](?= |$)|(\S+))""", rest)]
            if module and given:
                _has_options(module[1], " ".join(given))
        for module, rest in re.findall(r"python3? -m ((?:infra|tests|bench|chalicelib)[\w.]*)([^#;&|>]*)", line):
            _has_options(module, rest)
    assert set(re.findall(r"LYCHGATE_[A-Z0-9_]+", text)) <= _settings()


@functools.cache
def _settings():
    sources = [*(ROOT / "chalicelib" / "config").glob("*.py"), *(ROOT / "infra").rglob("*.py")]
    return {name for path in sources for name in re.findall(r"LYCHGATE_[A-Z0-9_]+", path.read_text("utf-8"))}


def _has_options(module, arguments):
    """Raise unless a program of ours is there, and has each option and each command that is given to it."""
    path = ROOT / module.replace(".", "/")
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
    assert (path / "__main__.py").exists() or files[0].exists(), module
    source = "".join(file.read_text("utf-8") for file in files)
    words = shlex.split(arguments.strip().rstrip("`"), comments=True)
    options = {word.partition("=")[0] for word in words if re.match(r"--[a-z]", word)} - {"--help"}
    assert {option for option in options if f'"{option}"' not in source} == set(), f"python -m {module}"
    known = _commands_of(module)
    for word in words:
        if not known or word.startswith("-"):
            break
        assert word in known, f"python -m {module} has no {word}: {', '.join(known)}"
        known = known[word]


@functools.cache
def _commands_of(module):
    """Return the commands of a program by their names, each with its own; empty if it has none."""
    if module == "infra.operator":
        return _of_click(importlib.import_module("infra.operator.__main__").operator)
    if module == "infra.keys":
        return _of_argparse(importlib.import_module("infra.keys.arguments").parser(None))
    if module in {"infra.deployment", "infra.restore"}:
        return _of_argparse(importlib.import_module(f"{module}.__main__")._parser())
    for file in (ROOT / module.replace(".", "/")).rglob("*.py"):
        assert "add_subparsers" not in file.read_text("utf-8"), f"the commands of {module} are not known here"
    return {}


def _of_click(command):
    names = command.list_commands(None) if isinstance(command, click.Group) else ()
    return {name: _of_click(command.get_command(None, name)) for name in names}


def _of_argparse(parser):
    nested = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return {name: _of_argparse(each) for action in nested for name, each in action.choices.items()}


def client_imports(text):
    """Raise unless what is imported of the client, of the elements and of the package is there and exported."""
    for found in _CLIENT_IMPORT.finditer(text):
        file = _file_of(found["module"])
        if file is None:
            continue
        assert file.is_file(), found["module"]
        types = file.with_suffix(".d.ts") if file.suffix == ".js" else file
        exported = _exports(file) | (_exports(types) if types.is_file() else set())
        names = [name.split(" as ")[0].strip() for name in (found["names"] or "").split(",")]
        assert {name.removeprefix("type ") for name in names if name} <= exported, found["module"]


def _file_of(module):
    """Return the file that a script imports, None if it is none of ours."""
    if module.partition("/")[0] == _PACKAGE["name"]:
        target = _PACKAGE["exports"][f".{module.removeprefix(_PACKAGE['name'])}"]
        return ROOT / (target if isinstance(target, str) else target.get("default", target["types"]))
    known = _OF_CLIENT.fullmatch(module)
    return _JS / known["file"] if known else None


def _exports(file):
    source = file.read_text("utf-8")
    named = r"^export (?:declare )?(?:async )?(?:function|const|class|let|type|interface) (\w+)"
    groups = re.findall(r"^export (?:type )?\{([^}]*)\}", source, re.MULTILINE)
    return {*re.findall(named, source, re.MULTILINE), *(name.strip() for each in groups for name in each.split(","))}


def elements(text):
    """Raise unless each tag that begins as ours do is one of our elements."""
    assert set(re.findall(r"</?(lychgate-[\w-]+)", text)) <= _ELEMENTS


SCRIPTS = {"js": "js", "javascript": "js", "jsx": "jsx", "ts": "ts", "typescript": "ts", "tsx": "tsx", "css": "css"}
"""What esbuild reads, and how it calls it."""
COMPONENTS = frozenset({"vue", "svelte"})
"""Files with a script inside."""
SHELLS = frozenset({"sh", "bash", "shell", "console"})
CHECKS = {
    "python": python,
    "json": json_,
    "jsonl": json_,
    "yaml": yaml_,
    "yml": yaml_,
    "toml": toml,
    "http": http,
    "java": braces,
    "kotlin": braces,
}
"""What is checked without a program of another kind."""
KINDS = {*CHECKS, *SCRIPTS, *COMPONENTS, *SHELLS, *ELSEWHERE, *OUTPUT, "html"}


def script_of(component):
    """Return the scripts of a component."""
    return "\n".join(re.findall(r"<script[^>]*>\n(.*?)</script>", component, re.DOTALL))
