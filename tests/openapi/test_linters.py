"""The linters that others run over an OpenAPI document find nothing in ours."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent
LINTERS = {
    "redocly": ("@redocly/cli/bin/cli.js", "lint", "--config", HERE / "redocly.yaml"),
    "spectral": (
        "@stoplight/spectral-cli/dist/index.js",
        "lint",
        "--fail-severity=hint",
        "--ruleset",
        HERE / "spectral.yaml",
    ),
}


@pytest.mark.parametrize("linter", LINTERS)
def test_a_linter_finds_nothing_not_even_a_hint(run_tool, written, document, linter):
    ran = run_tool(*LINTERS[linter], written(document))
    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize("linter", LINTERS)
def test_a_linter_would_say_what_is_wrong(run_tool, written, document, linter):
    del document["paths"]["/me"]["get"]["operationId"]
    ran = run_tool(*LINTERS[linter], written(document))
    assert ran.returncode == 1, ran.stdout
    assert "operation-operationId" in ran.stdout
