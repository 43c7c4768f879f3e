"""The locks: each belongs to its group in pyproject.toml, is complete, and is what is installed here."""

import importlib.metadata
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from infra.chalice_cli.wheels import read_lock

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
SHIPS = PYPROJECT["project"]["dependencies"]
GROUPS = PYPROJECT["dependency-groups"]
PYTHONS = [each.rpartition(" ")[2] for each in PYPROJECT["project"]["classifiers"]]
BESIDE = {
    "fuzz": "tests/fuzz/requirements.txt",
    "audit": "tests/tools/requirements.txt",
    "docs": "docs/site/requirements.txt",
    "oracles": "tests/tools/oracles.txt",
}
"""The groups that are installed by themselves, with the lock of each."""


def of_group(name):
    """The distributions of a group and of those that it includes."""
    nested = [of_group(each["include-group"]) if isinstance(each, dict) else [each] for each in GROUPS[name]]
    return [each for group in nested for each in group]


LOCKS = {
    "requirements.txt": SHIPS,
    "requirements-dev.txt": SHIPS + of_group("dev"),
    "requirements-smoke.txt": SHIPS + of_group("smoke"),
    "requirements-test.txt": SHIPS + of_group("test"),
}
"""Each lock, and what was asked for."""


def locked(name):
    """The entries of a lock, and the hashes of each."""
    for line in read_lock(ROOT, name).splitlines():
        requirement, *hashes = line.split(" --hash=sha256:")
        yield Requirement(requirement), frozenset(each.strip() for each in hashes)


def versions(name, **environment):
    """The version of each distribution that a lock has for this machine, or for another one."""
    entries = [entry for entry, _ in locked(name) if entry.marker is None or entry.marker.evaluate(environment)]
    found = [(canonicalize_name(entry.name), str(entry.specifier).removeprefix("==")) for entry in entries]
    assert max(Counter(each for each, _ in found).values()) == 1, "one version of each"
    return dict(found)


def everything_below(asked_for):
    """What these requirements need here, all the way down: the requirements on each distribution, by its name."""
    needed, seen, waiting = {}, set(), [Requirement(each) for each in asked_for]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        needed.setdefault(name, []).append(requirement)
        for extra in {"", *requirement.extras} - {extra for of, extra in seen if of == name}:
            seen.add((name, extra))
            below = [Requirement(each) for each in importlib.metadata.requires(name) or []]
            waiting += [each for each in below if each.marker is None or each.marker.evaluate({"extra": extra})]
    return needed


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_what_its_group_needs_all_the_way_down_and_nothing_else(name):
    needed, found = everything_below(LOCKS[name]), versions(name)

    assert found.keys() == needed.keys(), "run `make lock`"
    for distribution, requirements in needed.items():
        for requirement in requirements:
            assert requirement.specifier.contains(found[distribution], prereleases=True), f"{requirement}: `make lock`"


@pytest.mark.parametrize("name", [*LOCKS, *BESIDE.values()])
def test_a_lock_names_no_index_and_has_hashes_of_everything(name):
    assert all(hashes for _, hashes in locked(name))
    assert "://" not in (ROOT / name).read_text("utf-8")


def test_a_version_and_its_hashes_are_the_same_in_every_lock():
    everything = {str(entry): hashes for entry, hashes in locked("requirements-test.txt")}
    for name in LOCKS:
        for entry, hashes in locked(name):
            assert everything[str(entry)] == hashes


def test_what_is_installed_here_is_what_is_locked():
    locked_here = versions("requirements-test.txt")
    assert {name: importlib.metadata.version(name) for name in locked_here} == locked_here, "run `make lint`"


def test_what_is_compiled_is_locked_with_the_wheels_of_other_platforms_too():
    hashes = {entry.name: hashes for entry, hashes in locked("requirements.txt")}
    for name in ("bcrypt", "cffi", "cryptography"):
        assert len(hashes[name]) > 10


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_every_python_that_is_supported_finds_one_version_of_each(python, platform):
    elsewhere = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": platform}
    for name, asked_for in LOCKS.items():
        assert versions(name, **elsewhere).keys() >= {canonicalize_name(Requirement(each).name) for each in asked_for}


def test_everything_that_is_asked_for_has_one_exact_version():
    for asked_for in (*LOCKS.values(), *map(of_group, BESIDE)):
        for each in asked_for:
            assert [operator.operator for operator in Requirement(each).specifier] == ["=="], each


@pytest.mark.parametrize("group", BESIDE)
def test_what_is_installed_by_itself_has_a_lock_of_its_group(group):
    assert set(of_group(group)) <= {str(entry) for entry, _ in locked(BESIDE[group])}


def test_what_ships_is_without_what_only_commands_need():
    assert not {"chalice", "pip", "setuptools", "click", "moto"} & versions("requirements.txt").keys()
