"""The catalogues of the elements: every text in every language, with its values and its plural forms."""

import json
import re
import subprocess
from pathlib import Path
from typing import get_args

import pytest

from chalicelib import errors
from chalicelib.accounts.events import EventType
from chalicelib.errors import LychgateError

ELEMENTS = Path(__file__).parents[2] / "static-site" / "js" / "elements"
AREAS = {
    "-changes": "what is said when something is done with the account",
    "": "what every element says",
    "-steps": "what a log-in needs beside its forms",
    "-account": "what the account says",
    "-mailed": "what a mailed link leads to",
}
LANGUAGES = sorted(file.stem for file in (ELEMENTS / "words").glob("??.js"))
READ = """
const [, ...files] = process.argv;
const read = async (file) => (await import(require("node:url").pathToFileURL(file))).default;
Promise.all(files.map(read)).then((texts) => console.log(JSON.stringify(texts)));
"""
# French and Spanish have a form for millions, which nothing here is.
PLURALS = """
const forms = (rules) => [...new Set(Array.from({ length: 1000 }, (_, number) => rules.select(number)))];
console.log(JSON.stringify(process.argv.slice(1).map((language) => forms(new Intl.PluralRules(language)))));
"""
USE = re.compile(r'(?:\.text|\.pieces|\.has)\(\s*"([^"]+)"')
CHOICE = re.compile(r'(?:\.text|\.pieces)\(\s*[^"()]*\? "([^"]+)" : "([^"]+)"')
VALUE = re.compile(r"\{(\w+)\}")


@pytest.fixture(scope="module")
def catalogues(node):
    """The texts by language and area."""
    names = [(language, area) for language in LANGUAGES for area in AREAS]
    files = [ELEMENTS / "words" / f"{language}{area}.js" for language, area in names]
    ran = subprocess.run([node, "-e", READ, *files], capture_output=True, text=True, check=True)
    return dict(zip(names, json.loads(ran.stdout), strict=True))


@pytest.fixture(scope="module")
def plural_forms(node):
    ran = subprocess.run([node, "-e", PLURALS, *LANGUAGES], capture_output=True, text=True, check=True)
    return {language: set(forms) for language, forms in zip(LANGUAGES, json.loads(ran.stdout), strict=True)}


def forms(text):
    return list(text.values()) if isinstance(text, dict) else [text]


def test_there_are_five_languages_one_of_them_from_right_to_left():
    assert LANGUAGES == ["ar", "de", "en", "es", "fr"]


@pytest.mark.parametrize("area", AREAS, ids=lambda area: AREAS[area])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_there_with_the_same_values_and_all_forms_of_the_language(
    catalogues, plural_forms, language, area
):
    english, ours = catalogues["en", area], catalogues[language, area]
    assert sorted(ours) == sorted(english)
    for key, text in ours.items():
        assert isinstance(text, dict) == isinstance(english[key], dict), key
        if isinstance(text, dict):
            assert set(text) == plural_forms[language] | {"other"}, key
        wanted = {value for form in forms(english[key]) for value in VALUE.findall(form)}
        for form in forms(text):
            assert form.strip(), key
            # "One day" needs no number.
            assert set(VALUE.findall(form)) - {"count"} == wanted - {"count"}, key


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
def test_nothing_was_left_in_english(catalogues, language):
    same = {
        text
        for area in AREAS
        for key, text in catalogues[language, area].items()
        if text == catalogues["en", area][key] and re.search(r"[a-z]{3}.* ", VALUE.sub("", str(text)))
    }
    assert same == set()


def test_what_the_elements_say_is_in_the_catalogues_and_nothing_else_is(catalogues):
    texts = {key for area in AREAS for key in catalogues["en", area]}
    assert len(texts) == sum(len(catalogues["en", area]) for area in AREAS)
    modules = [file for file in ELEMENTS.rglob("*.js") if file.parent.name != "words"]
    sources = {file.name: file.read_text("utf-8") for file in modules}
    said = {key for source in sources.values() for key in USE.findall(source)}
    said |= {key for source in sources.values() for pair in CHOICE.findall(source) for key in pair}
    assert said - set(texts) == set()
    whole = "\n".join(sources.values())
    unsaid = {key for key in texts if f'"{key}"' not in whole and not re.match(r"[a-z]+[:_]", key)}
    assert unsaid == set()


# What no page of ours causes, whatever its visitor does. A page that does all the same says the status.
OF_PROGRAMS = {
    "device_proof_required",
    "forbidden",
    "internal_error",
    "invalid_device_proof",
    "invalid_grant",
    "invalid_request",
    "invalid_token",
    "method_not_allowed",
    "not_found",
    "payload_too_large",
    "unsupported_media_type",
    "validation_failed",
}
# What the elements answer by asking for more.
ASKED_FOR = {"insufficient_user_authentication", "second_factor_required"}
# What is told with the time to wait.
TOLD_BY_STATUS = {"service_unavailable", "too_many_attempts"}


def test_every_error_that_somebody_can_meet_has_words(catalogues):
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, LychgateError)]
    codes = {kind.error for kind in kinds}
    texts = {key for area in AREAS for key in catalogues["en", area]}
    worded = {code for code in codes if code in texts or f"error:{code}" in texts}
    assert codes - worded == OF_PROGRAMS | ASKED_FOR | TOLD_BY_STATUS


def test_no_text_that_is_no_errors_can_be_taken_for_one(catalogues):
    """A proxy may call an error anything, "welcome" too."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, LychgateError)]
    (pattern,) = re.findall(
        r"^const CODE = /(.*)/;$", (ELEMENTS / "core" / "messages.js").read_text("utf-8"), re.MULTILINE
    )
    codes = {kind.error for kind in kinds}
    texts = {key for area in AREAS for key in catalogues["en", area]}
    assert {text for text in texts if re.search(pattern, text)} == texts & codes


# A site's own sentence.
OF_HOOKS = {"refused"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_whatever_the_api_can_find_wrong_with_a_field_has_words(catalogues, language):
    worded = {key.removeprefix("field:") for key in catalogues[language, "-steps"] if key.startswith("field:")}
    assert worded - {"characters"} == set(get_args(errors.FieldCode)) - OF_HOOKS


PUT_TOGETHER = re.compile(r"(\w+):(\S+)|(\w+_\w+)")


def named_in(source, pattern):
    """Return the texts in quotes within what a pattern finds, once, in a source."""
    (found,) = re.findall(pattern, source)
    return set(re.findall(r'"([\w-]+)"', found))


def members_of(source, name):
    """Return the names in an object of a source."""
    (found,) = re.findall(rf"^const {name} = \{{\n(.*?)^\}};", source, re.DOTALL | re.MULTILINE)
    return set(re.findall(r'^  "?([\w-]+)"?:', found, re.MULTILINE))


def test_a_key_that_is_put_together_is_of_something_that_there_is(catalogues):
    source = {name: (ELEMENTS / name).read_text("utf-8") for name in ("mail-link.js", "sign-in/mail-entry.js")}
    whole = "\n".join(file.read_text("utf-8") for file in ELEMENTS.rglob("*.js") if file.parent.name != "words")
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, LychgateError)]
    codes = {kind.error for kind in kinds}
    factors = ELEMENTS.parent.joinpath("lychgate-factors.d.ts").read_text("utf-8")
    of_link = set(re.findall(r"\$\{(?:this\.#)?purpose\}:([\w-]+)`", source["mail-link.js"]))
    members = {
        "event": {event.value for event in EventType},
        "means": {event.value for event in EventType},
        "error": codes,
        "field": set(get_args(errors.FieldCode)),
        "passkey": named_in(factors, r"    reason: (.*);"),
        "proof": named_in(whole, r"const kind = hasCode \? (.*);"),
        "text": members_of(source["sign-in/mail-entry.js"], "TITLES"),
        **dict.fromkeys(members_of(source["mail-link.js"], "PURPOSES"), of_link),
    }
    dead = set()
    for key in {key for area in AREAS for key in catalogues["en", area] if f'"{key}"' not in whole}:
        prefix, member, code = PUT_TOGETHER.fullmatch(key).groups()
        if member not in members[prefix] if prefix else code not in codes:
            dead.add(key)
    assert dead == set()
