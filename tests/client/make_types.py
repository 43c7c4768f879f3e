"""Writes the types of what the npm package exports, and the manifest of the elements: `make types`.

Types of a script come from its JSDoc comments and stand beside it, types of requests and answers from the OpenAPI
document. The compiler takes a script's types from the `.d.ts` beside it where there is one, and would not write it
again. So it gets a copy of the scripts without those.
"""

import json
import re
import shutil
import sys
import tempfile
from pathlib import Path

from tests.client import make_manifest
from tests.support.node_projects import JS, ROOT, TOOLS, run, tsc
from tests.support.openapi_document import whole_document

ELEMENTS = "elements"
API = "api.d.ts"
BY_HAND = ("elements/types.d.ts", "react-jsx.d.ts")
"""Those that are not made from a script, by their paths below the scripts."""
PUBLIC_METHODS = ("askPassword",)
"""What elements have beside the members of their base. All else of their classes is their own."""
_EVENTS = 'export type { LychgateElement, LychgateEventMap } from "./types.d.ts";\n'
_METHOD = r"(?: {4}/\*\*(?:(?!\*/).)*\*/\n)? {4}NAME\([^\n]*;\n"
_OF_OPERATIONS = """
type Json<T> = T extends { content: { "application/json": infer Body } } ? Body : never;
/** What an operation takes in its body: `RequestOf<"log_in">`. */
export type RequestOf<Name extends keyof operations> = Json<NonNullable<operations[Name]["requestBody"]>>;
/** What an operation answers in its body if all goes well: `AnswerOf<"log_in">`. */
export type AnswerOf<Name extends keyof operations> = Json<
    operations[Name]["responses"][keyof operations[Name]["responses"]]
>;
"""
_OPTIONS = {"declaration": True, "emitDeclarationOnly": True, "noEmit": False, "rootDir": "scripts", "outDir": "types"}


def entries() -> list[str]:
    """Return the scripts that the package exports, by their paths below static-site/js."""
    package = json.loads((ROOT / "package.json").read_text("utf-8"))
    targets = [target["default"] for target in package["exports"].values() if "default" in target]
    return [(ROOT / target).relative_to(JS).as_posix() for target in targets]


def made(folder: Path, *, checked: bool = True) -> dict[str, str]:
    """Make the types of what is exported, and of what those name, in an empty folder.

    Returns each text under its path below static-site/js. Raises RuntimeError, with what the compiler says, if a type
    is wrong, unless the scripts are not to be ``checked``.
    """
    shutil.copytree(JS, folder / "scripts", ignore=lambda _, names: [n for n in names if n.endswith((".d.ts", ".css"))])
    for name in BY_HAND:
        if (JS / name).exists():
            shutil.copy(JS / name, folder / "scripts" / name)
    (folder / "node_modules").symlink_to(TOOLS)
    settings = {
        "extends": str(ROOT / "tests" / "tools" / "tsconfig.json"),
        "compilerOptions": {**_OPTIONS, "noCheck": not checked},
        "include": [],
        "files": [f"scripts/{entry}" for entry in entries()],
    }
    (folder / "tsconfig.json").write_text(json.dumps(settings), "utf-8")
    ran = tsc("--project", "tsconfig.json", folder=folder)
    if ran.returncode:
        raise RuntimeError(ran.stdout)
    texts: dict[str, str] = {}
    wanted = [entry.removesuffix(".js") + ".d.ts" for entry in entries()]
    while wanted:
        name = wanted.pop()
        if name in texts or name in BY_HAND:
            continue
        text = (folder / "types" / name).read_text("utf-8")
        if Path(name).parent.name == ELEMENTS:
            text = (text if Path(name).stem == "index.d" else _public(text)) + _EVENTS
        texts[name] = text
        wanted += [_below(folder / "types", name, path) for path in re.findall(r'["\'](\.{1,2}/[^"\']+)["\']', text)]
    return texts


def _public(types: str) -> str:
    """Return what a page may use of an element's class."""
    (name,) = re.findall(r"^export class (\w+) extends LychgateElement", types, re.MULTILINE)
    found = [re.search(_METHOD.replace("NAME", method), types, re.DOTALL) for method in PUBLIC_METHODS]
    body = "".join(match[0] for match in found if match)
    return f"""import type {{ LychgateElement }} from "./types.d.ts";
export declare class {name} extends LychgateElement {{
{body}}}
"""


def made_of_api(folder: Path) -> str:
    """Make the types of requests and answers from the OpenAPI document, in a folder, and return their text.

    Raises RuntimeError, with what the tool says, if it fails.
    """
    (folder / "openapi.json").write_text(json.dumps(whole_document()), "utf-8")
    named = ("--root-types", "--root-types-no-schema-prefix")
    ran = run("openapi-typescript/bin/cli.js", "openapi.json", "-o", API, *named, folder=folder)
    if ran.returncode:
        raise RuntimeError(ran.stdout)
    return (folder / API).read_text("utf-8") + _OF_OPERATIONS


def _below(types: Path, name: str, path: str) -> str:
    """Return the path below all types of what one of them calls `path`."""
    found = (types / name).parent.joinpath(path).resolve().relative_to(types.resolve())
    return re.sub(r"(\.d)?\.[jt]s$", ".d.ts", found.as_posix())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        try:
            types = made(Path(temporary)) | {API: made_of_api(Path(temporary))}
        except RuntimeError as wrong:
            sys.exit(str(wrong))
    for stale in {path.relative_to(JS).as_posix() for path in JS.rglob("*.d.ts")} - {*types, *BY_HAND}:
        (JS / stale).unlink()
    for path, text in types.items():
        (JS / path).write_text(text, "utf-8")
    make_manifest.MANIFEST.write_text(make_manifest.text(), "utf-8")
