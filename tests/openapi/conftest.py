"""What the tests of the document share: the document as a file, and the tools that read it."""

import functools
import json

import pytest

from tests.support.node_projects import run
from tests.support.openapi_document import whole_document

# No tool asks a server for news, or tells one that it ran.
QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "NO_COLOR": "1"}


@pytest.fixture
def document():
    return whole_document()


@pytest.fixture
def run_tool(tmp_path):
    """Run a program of a package in .tools. Return how it ended."""
    return functools.partial(run, folder=tmp_path, env=QUIET)


@pytest.fixture
def written(tmp_path):
    """Write a document into a file, and return the file."""

    def write(document):
        file = tmp_path / "openapi.json"
        file.write_text(json.dumps(document, indent=1), "utf-8")
        return file

    return write
