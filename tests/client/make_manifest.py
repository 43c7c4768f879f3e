"""Makes the manifest of the elements, custom-elements.json, which editors read: `make types`.

What there is comes from the scripts and the style sheets. What it is good for is said in docs/theming.md and, of
attributes and events, here. Whatever has no sentence is an error.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.support.node_projects import JS, ROOT

MANIFEST = ROOT / "custom-elements.json"
ELEMENTS = JS / "elements"
BASE = ELEMENTS / "core" / "element.js"
SHEETS = (ELEMENTS / "lychgate.css", ELEMENTS / "account.css")
FILES = {
    "lychgate-sign-in": "sign-in.js",
    "lychgate-account": "account.js",
    "lychgate-user": "user.js",
    "lychgate-guard": "guard.js",
    "lychgate-mail-link": "mail-link.js",
}
ATTRIBUTES = {
    "api": ("string", "The API's root, `/api` by default. Elements with the same one share a client and a session."),
    "lang": (
        "string",
        "A BCP 47 tag; else the language of what is around the element, else the browser's, else English.",
    ),
    "storage": (
        '"cookie" | "session" | "local" | "memory"',
        "Where the refresh token is kept. Everything but `cookie` is for a page on another site than the API.",
    ),
    "after": ("string", "A path of the page's own origin to go to after a log-in."),
    "return": ("boolean", "Whether `?return=` of the page's address says where to go after a log-in."),
    "sign-in": ("string", "The page to log in at."),
    "account": ("string", "The page of the account."),
    "for-role": ("string", "The role that somebody needs to see the children."),
}
EVENTS = {
    "logged-in": ("CustomEvent<{ user: User }>", "Somebody has logged in, or was logged in when the element came."),
    "logged-out": ("CustomEvent<{ why: string }>", "The session is over."),
    "error": ("CustomEvent<{ error: unknown }>", "The API cannot be reached, or answers what it should not."),
    "step-up": ("CustomEvent<{}>", "The API wants the password, or another proof, once more."),
    "shown": ("CustomEvent<{ title: string }>", "Another form is shown, with a title for the page."),
    "passkey-added": (
        "CustomEvent<{}>",
        "The browser has made a passkey by itself, after a log-in with a password.",
    ),
}
THEMING = ROOT / "docs" / "theming.md"
"""Its tables say what each custom property and each part is."""


def manifest() -> dict[str, Any]:
    """Return the manifest. Raises KeyError with the name of what has no sentence."""
    return {
        "schemaVersion": "2.1.0",
        "readme": "docs/npm.md",
        "modules": [_module(name, ELEMENTS / file) for name, file in FILES.items()],
    }


def text() -> str:
    return json.dumps(manifest(), indent=2, ensure_ascii=False) + "\n"


def sources_of(file: Path) -> str:
    """Return the code of a script and of all below the elements that it may load, without words and comments."""
    found: dict[Path, str] = {}
    wanted = [file.resolve()]
    while wanted:
        path = wanted.pop()
        if path in found or "words" in path.parts or ELEMENTS.resolve() not in path.parents:
            continue
        found[path] = re.sub(r"/\*.*?\*/", "", path.read_text("utf-8"), flags=re.DOTALL)
        imported = re.findall(r'(?:from|import\(|import) ?"(\.[^"]+\.js)"', found[path])
        wanted += [(path.parent / each).resolve() for each in imported]
    return "\n".join(found.values())


def attributes_of(file: Path) -> list[str]:
    """Return the names of the attributes that an element hears of."""
    (base,) = re.findall(r"static observedAttributes = \[(.*?)\]", BASE.read_text("utf-8"))
    own = re.findall(r"static observedAttributes = \[(.*?)\]", file.read_text("utf-8"))
    return re.findall(r'"([\w-]+)"', ", ".join([base, *own]))


def events_of(file: Path, known: Iterable[str] = tuple(EVENTS)) -> list[str]:
    """Return the types of the events that an element tells of, without their prefix.

    Raises KeyError for one that is not known.
    """
    places = {event: place for place, event in enumerate(known)}
    told = set(re.findall(r'\btell\(\s*(?:this, )?"([\w-]+)"', sources_of(file)))
    return sorted(told, key=places.__getitem__)


def parts() -> dict[str, str]:
    """Return what each part is, by its name, of those that a site may rely on."""
    return dict(re.findall(r'^\| `\[data-part~="([\w-]+)"\]` \| (.*?) \|', THEMING.read_text("utf-8"), re.MULTILINE))


def parts_of(file: Path) -> list[str]:
    """Return the names of those parts that an element may have."""
    source = sources_of(file)
    named = [
        *re.findall(r'\bmake\(\s*[\w"]+,\s*["`]([^"`\n]*)["`]', source),
        *re.findall(r'"([^"\n]*\bbutton\b[^"\n]*)"', source),
        *re.findall(r'\bmakeButton\([^"]*"[^"]*", "([^"\n]*)"', source),
        *re.findall(r'"data-part": ["`]([^"`\n]*)["`]', source),
    ]
    words = set(re.findall(r"[a-z][\w-]*", " ".join(named)))
    return [part for part in parts() if part in words]


def properties() -> dict[str, str]:
    """Return what each custom property is, by its name without the prefix."""
    return dict(re.findall(r"^\| `--lychgate-([\w-]+)` \| (.*?) \|", THEMING.read_text("utf-8"), re.MULTILINE))


def custom_properties() -> dict[str, str]:
    """Return the defaults of the custom properties that a site may set, by their names without the prefix."""
    sheets = "".join(sheet.read_text("utf-8") for sheet in SHEETS)
    found: dict[str, str] = {}
    for match in re.finditer(r"var\(--lychgate-(?!sheet)([\w-]+),\s*", sheets):
        found.setdefault(match[1], _up_to_closing_bracket(sheets[match.end() :]))
    return found


def _module(name: str, file: Path) -> dict[str, Any]:
    source = file.read_text("utf-8")
    path = file.relative_to(ROOT).as_posix()
    (cls,) = re.findall(r"^export class (\w+) extends LychgateElement", source, re.MULTILINE)
    (sentence,) = re.findall(rf"^/\*\*\s+(?:\* )?`<{name}>`: (.*?)\s*docs/elements\.md", source, re.DOTALL)
    return {
        "kind": "javascript-module",
        "path": path,
        "declarations": [
            {
                "kind": "class",
                "customElement": True,
                "name": cls,
                "tagName": name,
                "description": _sentence(sentence),
                "superclass": {"name": "HTMLElement"},
                "attributes": [_attribute(each) for each in attributes_of(file)],
                "members": _MEMBERS,
                "events": [_event(each) for each in events_of(file)],
                "cssProperties": [
                    {"name": f"--lychgate-{each}", "default": default, "description": _sentence(properties()[each])}
                    for each, default in custom_properties().items()
                ],
                "dataParts": [{"name": part, "description": _sentence(parts()[part])} for part in parts_of(file)],
            }
        ],
        "exports": [
            {"kind": "js", "name": cls, "declaration": {"name": cls}},
            {"kind": "custom-element-definition", "name": name, "declaration": {"name": cls}},
        ],
    }


_MEMBERS = [
    {
        "kind": "field",
        "name": "client",
        "type": {"text": "Client"},
        "readonly": True,
        "description": "The client, which all elements of the same API share.",
    }
]


def _attribute(name: str) -> dict[str, Any]:
    kind, description = ATTRIBUTES[name]
    return {"name": name, "type": {"text": kind}, "description": description}


def _event(name: str) -> dict[str, Any]:
    kind, description = EVENTS[name]
    return {"name": f"lychgate:{name}", "type": {"text": kind}, "description": description}


def _sentence(comment: str) -> str:
    words = " ".join(re.sub(r"^\s*\* ?", "", comment, flags=re.MULTILINE).split())
    return words[0].upper() + words[1:].rstrip(".") + "."


def _up_to_closing_bracket(text: str) -> str:
    depth = 0
    for index, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth < 0:
            return " ".join(text[:index].split())
    raise ValueError(text[:80])
