"""What a fresh process loads: facts about cold start and about reach that no linter sees."""

import functools
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent.parent

FORBIDDEN_IN_THE_AUTHORIZER = {"app", "boto3", "botocore", "bcrypt", "chalicelib.api", "chalicelib.wiring", "infra"}
FORBIDDEN_IN_THE_MAILER = {"app", "bcrypt", "jwt", "cryptography", "chalicelib.tokens", "chalicelib.wiring"}
OPENSSH = "cryptography.hazmat.primitives.serialization.ssh"
OF_HOOKS = {
    "chalicelib.telemetry.hooks",
    "chalicelib.tokens.own_claims",
    "chalicelib.use_cases.hook_facts",
    "chalicelib.use_cases.hooked",
}
HTTP_CLIENTS = {"http.client", "ssl", "urllib.request"}

pytestmark = pytest.mark.slow


@functools.cache
def modules_after(statement):
    code = f"{statement}\nimport sys\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    return frozenset(done.stdout.split())


def test_the_authorizer_loads_neither_the_application_nor_boto3_nor_bcrypt():
    assert not FORBIDDEN_IN_THE_AUTHORIZER & modules_after("import chalicelib.authorizer")


def test_the_application_does_load_them_so_the_check_above_can_fail():
    assert {"botocore", "bcrypt", "chalicelib.wiring"} <= modules_after("import app")


def test_the_mailer_loads_no_password_no_key_and_not_the_application():
    modules = modules_after("import chalicelib.mailer as m; m.make_mailer({})")
    assert "chalicelib.adapters.ses" in modules
    assert not FORBIDDEN_IN_THE_MAILER & modules


def test_the_application_loads_nothing_that_only_the_mailer_needs():
    modules = modules_after("import app")
    assert "chalicelib.mailer" in modules
    only_the_mailers = {
        "chalicelib.mailer_wiring",
        "chalicelib.mails",
        "chalicelib.config.mailer",
        "chalicelib.adapters.ses",
    }
    assert not only_the_mailers & modules
    assert only_the_mailers <= modules_after("import chalicelib.mailer_wiring")


def test_neither_the_authorizer_nor_the_mailer_nor_webhooks_load_a_hook():
    code = "import chalicelib.authorizer, chalicelib.webhooks, chalicelib.mailer as m; m.make_mailer({})"
    assert not {"chalicelib.site.hooks", "chalicelib.use_cases.hooks", *OF_HOOKS} & modules_after(code)


def test_hooks_cost_a_site_without_any_one_module_that_imports_no_other():
    added = modules_after("import chalicelib.site.hooks") - modules_after("import chalicelib.errors")
    site, use_cases = "chalicelib.site", "chalicelib.use_cases"
    assert added == {site, f"{site}.hooks", use_cases, f"{use_cases}.hooks"}
    built = "import app; app.app.lychgate._hooking(None, None)"
    assert "chalicelib.use_cases.hooks" in modules_after(built)
    assert not OF_HOOKS & modules_after(built)


def test_what_is_wrong_with_a_sites_code_is_looked_at_by_no_cold_start():
    assert not {"chalicelib.api.own_routes", "chalicelib.api.queries", "difflib", "infra"} & modules_after("import app")


def test_the_authorizer_loads_no_http_client_though_pyjwt_would():
    assert not HTTP_CLIENTS & modules_after("import chalicelib.authorizer")
    assert modules_after("import jwt") >= HTTP_CLIENTS


def test_the_authorizer_loads_no_certificates_though_pyjwt_would():
    assert "cryptography.x509.name" not in modules_after("import chalicelib.authorizer")
    assert "cryptography.x509.name" in modules_after("import jwt")


def test_pyjwt_still_takes_every_kind_of_key_where_somebody_else_uses_it():
    code = "import chalicelib.tokens.pyjwt, jwt; jwt.decode(jwt.encode({}, 'k' * 32), 'k' * 32, algorithms=['HS256'])"
    assert "cryptography.x509.name" in modules_after(code)


def test_what_proves_a_second_factor_loads_cryptography_where_it_is_used():
    names = ("challenges", "recovery_codes", "sealing", "totp", "webauthn")
    modules = modules_after("; ".join(f"import chalicelib.credentials.{name}" for name in names))
    assert {"chalicelib.credentials.cose", "chalicelib.credentials.derived_keys"} <= modules
    assert "cryptography" not in modules


def test_nothing_of_boto3_is_loaded_where_botocore_is_enough():
    assert "boto3" not in modules_after("import app")


def test_what_pyjwt_was_loaded_without_can_be_loaded_afterwards():
    modules = modules_after(
        "import chalicelib.tokens.pyjwt, bcrypt, jwt; assert jwt.PyJWKClient('https://a.test').uri == 'https://a.test'"
    )
    assert {"bcrypt", "urllib.request"} <= modules


def test_an_openssh_key_is_still_read_where_somebody_else_has_one():
    modules = modules_after(
        "import chalicelib.tokens.pyjwt as ours, enum\n"
        "from cryptography.hazmat.primitives import serialization\n"
        f"assert not hasattr(serialization, 'nothing') and {OPENSSH!r} not in __import__('sys').modules\n"
        "assert issubclass(serialization.SSHCertificateType, enum.Enum)\n"
        "from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey\n"
        "public = Ed25519PrivateKey.generate().public_key()\n"
        "text = public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)\n"
        "assert ours.OKPAlgorithm().prepare_key(text) == public\n"
    )
    assert OPENSSH in modules


def test_botocore_comes_without_what_no_function_uses():
    unused = {
        "botocore.docs.docstring",
        "configparser",
        "dateutil.parser",
        "html.parser",
        "importlib.metadata",
        "mimetypes",
    }
    assert not unused & modules_after("import app")
    assert unused <= modules_after("import botocore.session")


def test_what_botocore_was_loaded_without_is_loaded_when_it_is_needed(tmp_path):
    (tmp_path / "config").write_text("[default]\nregion = eu-west-1\n")
    modules = modules_after(
        "import os, chalicelib.adapters.aws as aws\n"
        f"os.environ['AWS_CONFIG_FILE'] = {str(tmp_path / 'config')!r}\n"
        "assert aws.session().full_config['profiles']['default']['region'] == 'eu-west-1'\n"
        "import botocore.credentials\n"
        "assert botocore.credentials.parse('2026-11-28T10:00:00Z').year == 2026\n"
        "from urllib3.fields import guess_content_type\n"
        "assert guess_content_type('page.html') == 'text/html'\n"
        "import botocore.docs.docstring\n"
        "assert botocore.docs.docstring.ClientMethodDocstring.__mro__[-2] is str\n"
    )
    assert {"botocore.docs.docstring", "configparser", "dateutil.parser", "mimetypes"} <= modules


@pytest.mark.parametrize("module", ["infra", "chalice.local", "chalice.cli", "moto", "yaml"])
def test_the_application_loads_nothing_that_does_not_ship(module):
    assert module not in modules_after("import app")


def test_the_packages_that_every_lambda_imports_are_empty():
    assert (PROJECT / "chalicelib" / "__init__.py").read_text() == ""


def test_importing_the_application_needs_no_setting_and_no_network():
    code = "import socket, os; os.environ.clear(); socket.socket.connect = None; import app"
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=True)
