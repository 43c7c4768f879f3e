"""What other programs say of the documentation's code: bash of commands, esbuild of scripts, html-validate of pages."""

import subprocess

from tests.guides.markdown import PATIENCE_SECONDS
from tests.support.node_projects import ROOT, run
from tests.support.snippets import COMPONENTS, SCRIPTS, SHELLS, commands, script_of, snippets


def test_bash_reads_every_command():
    wrong = []
    for snippet in snippets(*SHELLS):
        done = subprocess.run(
            ["bash", "-n"],
            input=commands(snippet),
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
        if done.returncode or done.stderr:
            wrong.append(f"{snippet.where}: {done.stderr}")
    assert wrong == []


def test_every_script_and_style_parses(tmp_path):
    found = snippets(*SCRIPTS, *COMPONENTS)
    for number, snippet in enumerate(found):
        component = snippet.language in COMPONENTS
        text = script_of(snippet.text) if component else snippet.text
        name = f"{number:03}-{snippet.where.replace('/', '_').replace(':', '-')}.{SCRIPTS.get(snippet.language, 'ts')}"
        (tmp_path / name).write_text(text, "utf-8")
    outcome = run(
        "esbuild/bin/esbuild", *sorted(tmp_path.iterdir()), "--outdir=out", "--jsx=automatic", folder=tmp_path
    )
    assert outcome.returncode == 0, outcome.stderr
    assert len(list((tmp_path / "out").iterdir())) == len(found) > 20


def test_every_page_and_part_of_one_is_valid(tmp_path):
    found = snippets("html")
    for number, snippet in enumerate(found):
        name = f"{number:03}-{snippet.where.replace('/', '_').replace(':', '-')}.html"
        (tmp_path / name).write_text(snippet.text, "utf-8")
    config = ROOT / "tests" / "tools" / "html-validate-snippets.json"
    files = sorted(tmp_path.iterdir())
    outcome = run("html-validate/bin/html-validate.mjs", "--config", config, *files, folder=tmp_path)
    assert outcome.returncode == 0, outcome.stdout
    assert len(files) > 3
