"""The fenced code of README.md, CONTRIBUTING.md, docs/ and examples/, and what can be checked of each kind of it."""

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
ELSEWHERE = {"mermaid": "tests/docs/test_diagrams.py", "console": "the guides' own tests run it; here it is read as sh"}
_FENCED = re.compile(
    r"^(?P<indent> *)```(?P<language>[\w+-]*)[^\n]*\n(?P<text>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE
)
_MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
_OWN = ("chalicelib", "infra", "bench")
_CLIENT_IMPORT = re.compile(
    r'import \{(?P<names>[^}]*)\} from "(?:[^"]*/js/|\./)(?P<file>(?:lychgate[\w-]*|qr)\.js)"', re.DOTALL
)


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
            given = re.findall(r'ARGS="?([^"\n]*)', rest)
            if module and given:
                _has_options(module[1], " ".join(given))
        for module, rest in re.findall(r"python3? -m ((?:infra|tests|bench|chalicelib)[\w.]*)([^#;&|>]*)", line):
            _has_options(module, rest)
    settings = {name for path in _sources() for name in re.findall(r"LYCHGATE_[A-Z0-9_]+", path.read_text("utf-8"))}
    assert set(re.findall(r"LYCHGATE_[A-Z0-9_]+", text)) <= settings


def _sources():
    return [*(ROOT / "chalicelib" / "config").glob("*.py"), *(ROOT / "infra").rglob("*.py")]


def _has_options(module, arguments):
    """Raise unless a program of ours is there, and its source has each option and each command that is given to it."""
    path = ROOT / module.replace(".", "/")
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
    assert (path / "__main__.py").exists() or files[0].exists(), module
    source = "".join(file.read_text("utf-8") for file in files)
    words = shlex.split(arguments.strip().rstrip("`"), comments=True)
    options = {word.partition("=")[0] for word in words if re.match(r"--[a-z]", word)} - {"--help"}
    assert {option for option in options if f'"{option}"' not in source} == set(), f"python -m {module}"


def client_imports(text):
    """Raise unless what is imported from the client's files is exported by them."""
    for found in _CLIENT_IMPORT.finditer(text):
        source = (ROOT / "static-site" / "js" / found["file"]).read_text("utf-8")
        exported = set(re.findall(r"^export (?:async )?(?:function|const|class|let) (\w+)", source, re.MULTILINE))
        groups = re.findall(r"^export \{([^}]*)\}", source, re.MULTILINE)
        exported |= {name.strip() for group in groups for name in group.split(",")}
        wanted = {
            name.split(" as ")[0].strip()
            for name in found["names"].split(",")
            if name.strip() and not name.strip().startswith("type ")
        }
        assert wanted <= exported, found["file"]


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
