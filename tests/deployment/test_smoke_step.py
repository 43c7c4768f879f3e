"""The last step of a deployment asks `make smoke` about the site."""

import pytest

from infra.deployment.smoke import run_smoke

MAKEFILE = """
smoke:
\t@test "$(URL) $(ARGS)" = "https://good.example --api https://api.example"
"""


@pytest.mark.parametrize(("url", "good"), [("https://good.example", True), ("https://bad.example", False)])
def test_the_site_is_asked_about_and_its_api_without_the_arguments_of_the_deployment(monkeypatch, tmp_path, url, good):
    (tmp_path / "Makefile").write_text(MAKEFILE, "utf-8")
    monkeypatch.setenv("MAKEFLAGS", " -- ARGS=--new-secret STAGE=prod")
    assert run_smoke(url, "https://api.example", tmp_path) is good
