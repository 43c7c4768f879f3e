"""What is in the zip that a deployment uploads, and what the functions' configuration shows."""

import json
import zipfile

import pytest

from tests.support import places

ROOT = places.ROOT
# PEP 552: the flags of bytecode that is checked against its source's hash, and not against a time.
CHECKED_HASH = 0b11


@pytest.fixture(scope="module")
def zipped(package):
    with zipfile.ZipFile(package.archive) as archive:
        yield {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}


def test_the_application_is_in_the_zip_as_it_is_in_the_repository(zipped):
    files = [ROOT / "app.py", *(path for path in (ROOT / "chalicelib").rglob("*") if path.suffix in {".py", ".bin"})]
    of_mails = [path for path in (ROOT / "chalicelib").rglob("mails/**/*") if path.is_file()]
    files += [path for path in of_mails if path.suffix not in {".py", ".pyc"} and not path.name.startswith(".")]
    expected = {str(path.relative_to(ROOT)): path.read_bytes() for path in files}
    packaged = {
        name: content
        for name, content in zipped.items()
        if (name.startswith("chalicelib/") and not name.endswith(".pyc")) or name == "app.py"
    }
    assert packaged == expected


def test_nothing_that_surrounds_the_application_is_in_the_zip(zipped):
    # Bytecode lies beside every source, app.py's included; what kind of bytecode is the next test's.
    of_the_repository = {path.name for path in ROOT.iterdir()} - {"app.py", "chalicelib", "__pycache__"}
    assert {name.partition("/")[0] for name in zipped} & of_the_repository == set()


def test_no_bytecode_is_of_the_kind_that_a_zips_dates_make_useless(zipped):
    flags = {name: int.from_bytes(content[4:8], "little") for name, content in zipped.items() if name.endswith(".pyc")}
    assert {name for name, flag in flags.items() if flag != CHECKED_HASH} == set()


def test_no_secret_is_in_the_zip_or_in_the_template(zipped, package, ring):
    secrets = [key["d"].encode() for key in ring["keys"]] + [ring["pepper"].encode()]
    secrets.append(places.DISTRIBUTION_SECRET.encode())
    for content in [*zipped.values(), json.dumps(package.template).encode()]:
        assert not any(secret in content for secret in secrets)


def test_what_get_function_configuration_shows_is_public(package):
    api, authorizer = (package.functions[name].environment for name in ("api_handler", "authorizer"))
    for environment in (api, authorizer):
        assert all(name.startswith("LYCHGATE_") for name in environment)
        for key in json.loads(environment["LYCHGATE_PUBLIC_KEYS"])["keys"]:
            assert key.keys() <= {"kty", "crv", "x", "y", "n", "e", "kid", "use", "alg", "nbf", "exp", "iat", "key_ops"}


def test_the_authorizer_is_told_nothing_of_tables_and_parameters(package):
    environment = package.functions["authorizer"].environment
    assert not any(name.endswith(("_TABLE", "_PARAMETER", "_SHA256")) for name in environment)
    assert "arn:" not in json.dumps(dict(environment))


def test_the_package_is_built_once_for_the_same_sources_and_configuration(package, ring):
    from chalicelib.tokens.keys import public_jwks

    again = places.built_package(public_jwks(ring))
    assert again.archive == package.archive
    other = places.built_package(public_jwks(ring), LYCHGATE_REGISTRATION="closed")
    assert other.archive != package.archive
    assert other.archive.read_bytes() == package.archive.read_bytes()
    assert other.functions["api_handler"].environment["LYCHGATE_REGISTRATION"] == "closed"
