"""The code in the documentation is code: it compiles and parses, and what it names is there."""

import pytest
import yaml

from tests.support.snippets import (
    CHECKS,
    COMPONENTS,
    KINDS,
    SCRIPTS,
    SHELLS,
    Snippet,
    client_imports,
    commands,
    script_of,
    shell,
    snippets,
)


def called(each):
    return each.where if isinstance(each, Snippet) else None


def test_every_snippet_is_of_a_kind_that_is_checked():
    assert [each.where for each in snippets() if each.language not in KINDS] == []
    assert len(snippets()) > 100


@pytest.mark.parametrize("snippet", snippets(*CHECKS), ids=called)
def test_what_has_a_form_has_it(snippet):
    CHECKS[snippet.language](snippet.text)


@pytest.mark.parametrize("snippet", snippets(*SHELLS), ids=called)
def test_commands_name_targets_modules_options_and_settings_that_are_there(snippet):
    shell(commands(snippet))


@pytest.mark.parametrize("snippet", list(snippets(*SCRIPTS, *COMPONENTS, "html")), ids=called)
def test_what_is_imported_from_the_client_is_exported_by_it(snippet):
    client_imports(script_of(snippet.text) if snippet.language in COMPONENTS else snippet.text)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("python", "def broken(:\n"),
        ("python", "from chalicelib.api.responses import Question\n"),
        ("python", "import chalicelib.nowhere\n"),
        ("json", '{"open": {\n'),
        ("yaml", "a: [1\n"),
        ("http", "POST /webhooks\nno header\n"),
        ("java", "class A { void b() { }\n"),
    ],
)
def test_a_snippet_that_is_wrong_is_found(language, text):
    with pytest.raises((AssertionError, SyntaxError, ValueError, ImportError, yaml.YAMLError)):
        CHECKS[language](text)


@pytest.mark.parametrize(
    "text",
    [
        "make dve\n",
        "make deploy STAGE=prod ARGS=--chekc\n",
        ".venv/bin/python -m infra.oprator users list\n",
        "python -m infra.operator users list --stege prod\n",
        "LYCHGATE_PASSWORD_LENGHT=3 make dev\n",
    ],
)
def test_a_command_that_is_not_there_is_found(text):
    with pytest.raises(AssertionError):
        shell(text)


def test_an_import_of_the_client_that_is_not_exported_is_found():
    with pytest.raises(AssertionError):
        client_imports('import { createClint } from "/js/lychgate.js";')
