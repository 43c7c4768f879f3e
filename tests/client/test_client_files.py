"""The browser client by itself: its types, its size, and its documentation."""

import gzip
import json
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "static-site" / "js" / "lychgate.js"
MAIL = CLIENT.with_name("lychgate-mail.js")
FACTORS = CLIENT.with_name("lychgate-factors.js")
ADMIN = CLIENT.with_name("lychgate-admin.js")
KEY = CLIENT.with_name("lychgate-dpop.js")
QR = CLIENT.with_name("qr.js")
DOCS = ROOT / "docs" / "browser-client.md"
TOOLS = ROOT / ".tools" / "node_modules"
COMPILER_SECONDS = 300
# The client needs 240 of its own to be bound by the module of its key: docs/decisions/0084-a-key-for-the-browser.md
MAX_MINIFIED_GZIPPED_BYTES = {CLIENT: 4440, KEY: 1225, MAIL: 512, FACTORS: 3200, ADMIN: 600, QR: 2200}
ELEMENTS = CLIENT.with_name("elements")
SIZE_OF_ELEMENTS = Path(__file__).with_name("size_of_elements.mjs")
# By what is loaded to show them in English, with the client. Style sheets are apart.
MAX_ELEMENTS_BYTES = {
    ("sign-in.js", "words/en.js"): 12_288,
    ("account.js", "account/start.js", "sign-in.js", "words/en.js", "words/en-account.js"): 24_000,
}
MINIFY = """
const [esbuild, file] = process.argv.slice(1);
const source = require("node:fs").readFileSync(file, "utf8");
process.stdout.write(require(esbuild).transformSync(source, { minify: true, format: "esm" }).code);
"""


def test_client_page_and_example_are_well_typed(node):
    compiler = TOOLS / "typescript" / "bin" / "tsc"
    assert compiler.exists(), "TypeScript is missing: `make test` and `make lint` fetch it into .tools"
    ran = subprocess.run(
        [node, compiler, "--project", ROOT / "tests" / "tools" / "tsconfig.json"],
        capture_output=True,
        text=True,
        timeout=COMPILER_SECONDS,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize("file", MAX_MINIFIED_GZIPPED_BYTES, ids=lambda file: file.name)
def test_the_client_and_what_goes_with_it_are_one_file_each(file):
    source = re.sub(r"/\*.*?\*/", "", file.read_text("utf-8"), flags=re.DOTALL)
    assert "import " not in source
    # What has to do with keys is loaded by those who have one, by another URL if it did not come.
    loaded = [f'import("./{KEY.name}")', "import( `${path}?${misses}`)"]
    assert re.findall(r"import\(.*?\)", source) == (loaded if file == CLIENT else [])


@pytest.mark.parametrize("file", MAX_MINIFIED_GZIPPED_BYTES, ids=lambda file: file.name)
def test_each_file_is_as_small_as_the_documentation_says_once_minified_and_compressed(node, file):
    esbuild = TOOLS / "esbuild"
    assert esbuild.exists(), "esbuild is missing: `make test` fetches it into .tools"
    minified = subprocess.run([node, "-e", MINIFY, esbuild, file], capture_output=True, check=True).stdout
    assert b"export{" in minified
    assert len(gzip.compress(minified, 9)) <= MAX_MINIFIED_GZIPPED_BYTES[file]


@pytest.mark.parametrize("modules", MAX_ELEMENTS_BYTES, ids=lambda modules: modules[0])
def test_what_an_element_loads_to_show_itself_is_small(node, modules):
    assert (TOOLS / "esbuild").exists(), "esbuild is missing: `make test` fetches it into .tools"
    ran = subprocess.run(
        [node, SIZE_OF_ELEMENTS, TOOLS, ELEMENTS, *modules], capture_output=True, text=True, check=True
    )
    assert int(ran.stdout) <= MAX_ELEMENTS_BYTES[modules]


def test_the_documentation_names_every_option_method_change_and_error(node):
    documented = DOCS.read_text("utf-8")
    script = (
        "const source = require('node:fs').readFileSync(process.argv[1], 'utf8');"
        "import('data:text/javascript,' + encodeURIComponent(source)).then(({ createClient, ...errors }) => {"
        "  const client = createClient({ baseUrl: 'http://127.0.0.1/api', storage: 'memory' });"
        "  console.log(JSON.stringify({ members: Object.keys(client), errors: Object.keys(errors) }));"
        "});"
    )
    ran = subprocess.run([node, "-e", script, str(CLIENT)], capture_output=True, text=True, check=True)
    found = json.loads(ran.stdout)
    rows = re.findall(r"^\| `\"?([\w-]+)", documented, re.MULTILINE)
    types = CLIENT.with_suffix(".d.ts").read_text("utf-8")
    signature = types.partition("type ClientOptions = {")[2].partition("\n};")[0]
    options = re.findall(r"^    (\w+)\?: ", signature, re.MULTILINE)
    modes = re.findall(r'"(\w+)"', re.search(r"type StorageMode = (.*);", types)[1])
    changes = re.findall(r'"([\w-]+)"', types.partition("type Change = {")[2].partition("\n};")[0])
    mails = re.findall(r"^export async function (\w+)", MAIL.read_text("utf-8"), re.MULTILINE)
    others = [
        name
        for file in (FACTORS, ADMIN, QR)
        for name in re.findall(r"^export (?:async )?(?:function|class) (\w+)", file.read_text("utf-8"), re.MULTILINE)
    ]
    assert (len(mails), len(others)) == (11, 29)
    assert sorted(rows) == sorted([*options, *modes, *changes, *found["members"], *found["errors"], *mails, *others])
