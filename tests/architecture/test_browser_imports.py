"""Scripts of the browser import what is below them, room by room, as docs/architecture.md draws it."""

import re
from pathlib import Path

SCRIPTS = Path(__file__).parents[2] / "static-site" / "js"
IMPORT = re.compile(r'(?:from |import\(|import )"(\.[^"]+)"')
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
BELOW = {
    "client": set(),
    "words": set(),
    "core": {"client", "words"},
    "sign-in": {"client", "core"},
    "account": {"client", "core"},
    "elements": {"client", "core", "sign-in", "account"},
    "react": {"core", "elements"},
    "pages": {"core", "elements"},
    "inspector": {"client", "core", "pages"},
    "admin": {"client", "core", "account", "pages"},
}
"""What each room may import from, beside itself."""


def room_of(script):
    folder, *rest = script.relative_to(SCRIPTS).parts
    if folder == "elements":
        return rest[0] if len(rest) > 1 else folder
    if rest:
        return folder
    if folder == "react.js":
        return "react"
    return "client" if folder.startswith(("lychgate", "qr")) else "pages"


def upward(script, text):
    """Return what a script with this text imports from where it may not."""
    room = room_of(script)
    targets = [(script.parent / found).resolve() for found in IMPORT.findall(COMMENT.sub("", text))]
    return [target.name for target in targets if room_of(target) not in {room, *BELOW[room]}]


def test_no_script_imports_what_is_above_it_or_beside_it():
    scripts = sorted(SCRIPTS.rglob("*.js"))
    assert {room_of(script) for script in scripts} == BELOW.keys()
    found = {script.name: up for script in scripts if (up := upward(script, script.read_text("utf-8")))}
    assert found == {}


def test_an_import_that_points_up_or_aside_is_found():
    view = SCRIPTS / "elements" / "core" / "view.js"
    sessions = SCRIPTS / "elements" / "account" / "sessions.js"
    assert upward(view, 'import { SignIn } from "../sign-in.js";') == ["sign-in.js"]
    assert upward(sessions, 'const entry = await import("../sign-in/entry.js");') == ["entry.js"]
    assert upward(sessions, '/** import("../sign-in/entry.js") */ import { make } from "../core/dom.js";') == []
