"""What a test needs beside Python, as marks: by its folder, its fixtures and its parameters, so that none is forgotten.

Whatever needs something is slow. `make quick` runs the rest, which is held to needing nothing.
"""

import subprocess
from pathlib import Path

import pytest
from botocore.endpoint import Endpoint

TESTS = Path(__file__).parents[1]

SLOW = frozenset({"slow"})
BROWSER = SLOW | {"browser"}
DYNAMODB_LOCAL = SLOW | {"dynamodb_local"}
PACKAGED = SLOW | {"packaged"}
NOTHING = frozenset()

OF_FOLDERS = {
    "api": SLOW,
    "architecture": NOTHING,
    "bench": SLOW,
    "browser": BROWSER,
    "client": SLOW,
    "contract": NOTHING,
    "cost": SLOW,
    "deployed": PACKAGED,
    "deployment": SLOW,
    "docs": BROWSER,
    "examples": SLOW,
    "faults": SLOW,
    "fuzz": NOTHING,
    "guides": SLOW,
    "importing": SLOW,
    "in_process": SLOW,
    "live": SLOW,
    "local": SLOW,
    "mails": SLOW,
    "openapi": SLOW,
    "oracles": SLOW,
    "packaging": PACKAGED,
    "protocol": NOTHING,
    "regions": SLOW,
    "restore": SLOW,
    "smoke": SLOW,
    "unit": NOTHING,
}
"""What all tests of a folder need."""

OF_FIXTURES = {
    "atomic_moto": SLOW,
    "dynamodb_local": DYNAMODB_LOCAL,
    "local_database": SLOW,
}
"""What a test needs that uses a fixture."""

OF_PARAMETERS = {
    "moto": SLOW,
    "dynamodb-local": DYNAMODB_LOCAL,
    "packaged": PACKAGED | DYNAMODB_LOCAL,
}
"""What a test needs that is run with one of these, the names of databases and of places."""


NARROW = 320
"""Pixels, the narrowest window that everything fits (WCAG 2.2, 1.4.10)."""


def folder_of(path):
    """The folder below ``tests`` that a path is in; its needs have to be listed."""
    folder = path.relative_to(TESTS).parts[0]
    if folder not in OF_FOLDERS:
        raise pytest.UsageError(f"What do the tests in tests/{folder} need? OF_FOLDERS in {__file__} says it.")
    return folder


def needs(item):
    """The marks of a test."""
    needed = set(OF_FOLDERS[folder_of(item.path)])
    for fixture in item.fixturenames:
        needed |= OF_FIXTURES.get(fixture, NOTHING)
    if hasattr(item, "callspec"):
        for value in item.callspec.params.values():
            needed |= OF_PARAMETERS.get(value, NOTHING) if isinstance(value, str) else NOTHING
        if is_left_over(item.callspec.params):
            needed.add("exhaustive")
    return needed


def is_left_over(parameters):
    """Whether a test is of a width and a colour scheme that others have shown, each with another.

    `make test` looks at narrow windows in the dark and at wide ones in the light.
    """
    width, scheme = parameters.get("width", parameters.get("reader")), parameters.get("scheme")
    return isinstance(width, int) and scheme is not None and (width == NARROW) != (scheme == "dark")


def each_third(cases):
    """Return cases to parametrize with, of which `make test` runs each third one, and `make test-all` all."""
    return [
        case
        if number % 3 == 0
        else pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.exhaustive)
        for number, case in enumerate(cases)
    ]


def _refuse(*_, **__):
    raise AssertionError("a test that starts a process or makes a request to AWS has to be marked as slow")


def hold_to_fakes(patch):
    """Let no process be started and no request to AWS be made, not even one that moto would answer."""
    patch.setattr(subprocess.Popen, "__init__", _refuse)
    patch.setattr(Endpoint, "make_request", _refuse)
