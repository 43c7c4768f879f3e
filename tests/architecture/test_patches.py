"""No test replaces what a module of ours holds: what differs in a test is an argument with a real default."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

# It reads every file of the tests, which takes seconds.
pytestmark = pytest.mark.slow

TESTS = Path(__file__).parents[1]
FILES = sorted(TESTS.rglob("*.py"))

OURS = {"app", "bench", "chalicelib", "infra", "tests"}
REPLACING = {"setattr", "delattr", "setitem", "delitem"}
PATCHING = {"dict", "multiple", "object"}
"""The functions that belong to `mock.patch`."""


def forbidden(source):
    """Return every replacement in a module of ours and every emptied cache, as `line: target` in the order of lines."""
    tree = ast.parse(source)
    imported = _imported(tree)
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            targets = [] if (target := _replaced(node)) is None else _names(target, imported)
            if isinstance(node.func, ast.Attribute) and node.func.attr == "cache_clear":
                found.append((node.lineno, "cache_clear"))
        elif isinstance(node, ast.Assign | ast.AugAssign):
            targets = [
                name
                for each in (node.targets if isinstance(node, ast.Assign) else [node.target])
                if isinstance(each, ast.Attribute)
                for name in _names(each.value, imported)
            ]
        else:
            continue
        found += [(node.lineno, name) for name in targets if name.split(".")[0] in OURS]
    return [f"{line}: {name}" for line, name in sorted(found)]


def _imported(tree):
    """Return the full names that each name of a file was imported as, in any of its scopes."""
    imported = defaultdict(set)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for each in node.names:
                whole = each.name if each.asname else each.name.split(".")[0]
                imported[each.asname or whole].add(whole)
        elif isinstance(node, ast.ImportFrom):
            package = "tests" if node.level else node.module
            for each in node.names:
                imported[each.asname or each.name].add(f"{package}.{each.name}")
    return imported


def _replaced(call):
    """Return the expression for what a call replaces something in, None if the call replaces nothing."""
    parts = _dotted(call.func).split(".")
    if not (parts[-1] in {"patch", *REPLACING} or (parts[-1] in PATCHING and parts[-2:-1] == ["patch"])):
        return None
    named = [each.value for each in call.keywords if each.arg in {"target", "in_dict", "dic"}]
    return next(iter([*call.args, *named]), None)


def _names(target, imported):
    """Return the full names that an expression may have; none if it is neither imported nor a string."""
    if isinstance(target, ast.JoinedStr) and target.values:
        target = target.values[0]
    if isinstance(target, ast.Constant):
        return [target.value] if isinstance(target.value, str) else []
    first, dot, rest = _dotted(target).partition(".")
    return [f"{whole}{dot}{rest}" for whole in sorted(imported.get(first, ()))]


def _dotted(node):
    """Return `a.b.c` for such an expression. A part that is no name is left empty."""
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(TESTS).as_posix())
def test_a_test_replaces_nothing_in_a_module_of_ours_and_empties_no_cache(file):
    assert forbidden(file.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("line", "target"),
    [
        ('monkeypatch.setattr("infra.deployment.deploy._tag", None)', "infra.deployment.deploy._tag"),
        ('monkeypatch.setattr(f"tests.support.live.client.{limit}", 1)', "tests.support.live.client."),
        ('monkeypatch.setattr(target="chalicelib.clock.now", name=None)', "chalicelib.clock.now"),
        ('monkeypatch.setattr(command, "ssm_client", None)', "infra.keys.__main__"),
        ('monkeypatch.delattr(ParameterRing, "read")', "infra.keys.places.ParameterRing"),
        ('monkeypatch.setattr(infra.tables.json, "loads", None)', "infra.tables.json"),
        ('monkeypatch.setitem(peers.HOMES, "node", None)', "bench.peers.HOMES"),
        ('setattr(peers, "HOME", None)', "bench.peers"),
        ('peers.HOME = "elsewhere"', "bench.peers"),
        ("peers.CALLS += 1", "bench.peers"),
        ('mock.patch("bench.peers.HOME")', "bench.peers.HOME"),
        ('patch("app.app")', "app.app"),
        ('mock.patch.object(command, "main")', "infra.keys.__main__"),
        ('patch.object(target=peers, attribute="HOME")', "bench.peers"),
        ("mock.patch.multiple(peers, HOME=None)", "bench.peers"),
        ("mock.patch.dict(peers.HOMES, node=None)", "bench.peers.HOMES"),
        ("peers.home.cache_clear()", "cache_clear"),
        ("anything().cache_clear()", "cache_clear"),
    ],
)
def test_each_way_to_do_so_is_found(line, target):
    source = f"""
import infra.tables
from bench import peers
from unittest import mock
from unittest.mock import patch

def test_something(monkeypatch):
    from infra.keys import __main__ as command
    from infra.keys.places import ParameterRing
    {line}
"""
    assert forbidden(source) == [f"10: {target}"]


def test_what_belongs_to_others_and_the_doubles_of_a_test_are_left_alone():
    source = """
import bcrypt, os
from unittest import mock
from bench import peers

def test_something(monkeypatch, hasher):
    monkeypatch.setattr(bcrypt, "checkpw", peers.check)
    monkeypatch.setattr("os.fsync", None)
    monkeypatch.setattr(hasher, "hash", None)
    monkeypatch.setenv("LYCHGATE_ISSUER", "x")
    hasher.clock = peers.clock
    with mock.patch.dict(os.environ, {}), mock.patch.object(os, "fsync"):
        peers.measure(peers.dict)
"""
    assert forbidden(source) == []
