"""Clients that others generate from the document: their types fit, and one of them logs in."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.browser.development_server import DevelopmentServer
from tests.support.commands import run_to_end

CLIENTS = Path(__file__).parent / "clients"
COMPILER_OPTIONS = {
    "strict": True,
    "exactOptionalPropertyTypes": True,
    "noUncheckedIndexedAccess": True,
    "noEmit": True,
    "target": "es2022",
    "module": "esnext",
    "moduleResolution": "bundler",
    "types": [],
}


@pytest.fixture
def server(tmp_path):
    server = DevelopmentServer(tmp_path / "data")
    yield server
    server.stop()


def test_the_types_of_openapi_typescript_fit_a_program_that_uses_them(run_tool, written, document, tmp_path):
    made = run_tool("openapi-typescript/bin/cli.js", written(document), "-o", tmp_path / "schema.d.ts")
    assert made.returncode == 0, made.stdout
    shutil.copy(CLIENTS / "consumer.ts", tmp_path)
    configuration = {"compilerOptions": COMPILER_OPTIONS, "files": ["consumer.ts", "schema.d.ts"]}
    (tmp_path / "tsconfig.json").write_text(json.dumps(configuration), "utf-8")
    compiled = run_tool("typescript/bin/tsc", "--project", tmp_path)
    assert compiled.returncode == 0, compiled.stdout


def test_the_client_of_openapi_python_client_registers_logs_in_and_reads_the_profile(server, tmp_path):
    # Nothing formats what is read by nobody. The generator has to be told that a signed list of ended sessions is text.
    settings = {"post_hooks": [], "content_type_overrides": {"application/revoked+jwt": "text/plain"}}
    (tmp_path / "settings.json").write_text(json.dumps(settings), "utf-8")
    run_python(
        tmp_path,
        "-m",
        "openapi_python_client",
        "generate",
        f"--url={server.url}/api/openapi.json",
        f"--config={tmp_path / 'settings.json'}",
        f"--output-path={tmp_path / 'lychgate_client'}",
        "--meta=none",
        "--fail-on-warning",
    )
    run_python(tmp_path, CLIENTS / "consumer.py", f"{server.url}/api")


def run_python(folder, *arguments):
    """Run Python with the modules in a folder, and expect that all went well."""
    env = {**os.environ, "PYTHONPATH": str(folder), "PYTHONUTF8": "1"}
    ran = run_to_end([sys.executable, *arguments], folder, env)
    assert ran.returncode == 0, ran.stdout
