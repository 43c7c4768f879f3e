"""The newest versions come into pyproject.toml, and nothing else of it changes."""

from infra.newest_versions import PYPROJECT, opened, renewed

PROJECT = """[project]
version = "0.1.0"
requires-python = ">=3.11"
dependencies = [
    "PyJWT[crypto]==2.15.1",
    "bcrypt==5.0.0",
]

[dependency-groups]
test = [
    { include-group = "dev" },
    "types-PyYAML==6.0.12.20261113",
    "matplotlib==3.11.2",
]

[tool.mypy]
python_version = "3.11"
"""

RESOLVED = """pyjwt[crypto]==2.16.0
types-pyyaml==6.0.13
matplotlib==3.11.9 ; python_full_version < '3.12'
matplotlib==3.12.0 ; python_full_version >= '3.12'
cryptography==50.0.0
"""


def test_a_version_that_was_exact_becomes_the_least_one():
    text = opened(PROJECT)
    assert '"PyJWT[crypto]>=2.15.1"' in text
    assert "==" not in text
    assert text.replace(">=", "==") == PROJECT.replace(">=", "==")


def test_the_versions_that_go_together_are_written_and_the_rest_stays():
    text = renewed(PROJECT, RESOLVED)
    assert '"PyJWT[crypto]==2.16.0"' in text
    assert '"bcrypt==5.0.0"' in text
    assert '"types-PyYAML==6.0.13"' in text
    assert '"matplotlib==3.11.9"' in text, "the one that every Python can have"
    assert 'requires-python = ">=3.11"' in text
    assert renewed(PROJECT, "") == PROJECT


def test_every_exact_version_of_the_project_can_be_renewed():
    text = PYPROJECT.read_text("utf-8")
    assert "==" not in opened(text)
