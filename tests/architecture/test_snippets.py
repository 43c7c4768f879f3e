"""The code in the documentation is code: it compiles and parses, and what it names is there."""

import re

import pytest
import yaml

from tests.support.snippets import (
    CHECKS,
    COMPONENTS,
    ELSEWHERE,
    KINDS,
    PAGES,
    ROOT,
    SCRIPTS,
    SHELLS,
    Snippet,
    client_imports,
    commands,
    elements,
    script_of,
    shell,
    snippets,
    spans,
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


def test_commands_in_a_sentence_are_there_too():
    found = [text for page in PAGES for text in spans(page) if re.search(r"\b(python3? -m|make) [a-z]", text)]
    assert len(found) > 100
    for text in found:
        shell(text)


def test_every_tag_of_ours_is_an_element():
    for snippet in snippets(*SCRIPTS, *COMPONENTS, "html"):
        elements(snippet.text)
    for page in PAGES:
        for text in spans(page):
            elements(text)


def test_who_checks_what_is_checked_elsewhere_is_there():
    named = [path for text in ELSEWHERE.values() for path in re.findall(r"tests/\S+\.py", text)]
    assert named
    assert [path for path in named if not (ROOT / path).is_file()] == []


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
        "python -m infra.operator usres list\n",
        "python -m infra.operator users creaet kim --stage prod\n",
        "python -m infra.keys peper add --stage prod\n",
        "python -m infra.keys pepper ad --stage prod\n",
        "python -m infra.restore tabels --stage prod\n",
        "python -m infra.deployment deply prod\n",
        "LYCHGATE_PASSWORD_LENGHT=3 make dev\n",
    ],
)
def test_a_command_that_is_not_there_is_found(text):
    with pytest.raises(AssertionError):
        shell(text)


@pytest.mark.parametrize(
    "text",
    [
        'import { createClint } from "/js/lychgate.js";',
        'import { addWord } from "/js/elements/index.js";',
        'import "/js/elements/sign-on.js";',
        'import { addWord } from "./js/elements/index.js";',
        'import { useSesion } from "lychgate/react";',
        'import type { AnswersOf } from "lychgate/api";',
        'import { type LychgateEvents } from "lychgate/elements";',
        'import "lychgate/elements/sign-on";',
    ],
)
def test_an_import_of_the_client_that_is_not_exported_is_found(text):
    with pytest.raises((AssertionError, KeyError)):
        client_imports(text)


def test_a_tag_that_is_no_element_is_found():
    with pytest.raises(AssertionError):
        elements("<lychgate-usr></lychgate-usr>")
