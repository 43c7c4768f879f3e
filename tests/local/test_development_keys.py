import base64
import json
import stat

import pytest

from infra.local.data_directory import DataDirectory
from infra.local.development_keys import development_keys
from infra.local.errors import LocalError


@pytest.fixture
def directory(tmp_path):
    return DataDirectory(tmp_path / "data")


def test_keys_are_made_once_and_used_again(directory):
    first = development_keys(directory)

    assert development_keys(directory) == first
    assert first.signing_keys == (directory.path / "signing-keys.json").read_text()
    assert first.public_keys == (directory.path / "public-keys.json").read_text()


def test_only_the_owner_can_read_the_private_keys(directory):
    development_keys(directory)

    assert stat.S_IMODE(directory.path.stat().st_mode) == 0o700
    assert stat.S_IMODE((directory.path / "signing-keys.json").stat().st_mode) == 0o600


def test_keys_have_the_form_that_the_application_reads(directory):
    keys = development_keys(directory)

    private = json.loads(keys.signing_keys)
    [signing_key] = private["keys"]
    [public_key] = json.loads(keys.public_keys)["keys"]
    assert {name: value for name, value in signing_key.items() if name != "d"} == public_key
    assert (signing_key["kty"], signing_key["crv"], signing_key["alg"]) == ("EC", "P-256", "ES256")
    assert len(base64.urlsafe_b64decode(private["pepper"] + "=")) == 32


def test_the_public_set_follows_the_private_one(directory):
    first = development_keys(directory)
    (directory.path / "public-keys.json").write_text('{"keys": []}')

    assert development_keys(directory).public_keys == first.public_keys
    assert (directory.path / "public-keys.json").read_text() == first.public_keys


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:50],
        lambda text: "",
        lambda text: "[]",
        lambda text: json.dumps({**json.loads(text), "keys": []}),
        lambda text: json.dumps({**json.loads(text), "keys": [{"kid": "x"}]}),
        lambda text: json.dumps({**json.loads(text), "pepper": "short"}),
        lambda text: json.dumps({"keys": json.loads(text)["keys"]}),
    ],
)
def test_a_damaged_key_file_is_an_error_that_names_it_and_not_replaced(directory, damage):
    development_keys(directory)
    path = directory.path / "signing-keys.json"
    damaged = damage(path.read_text())
    path.write_text(damaged)

    with pytest.raises(LocalError, match=str(path)):
        development_keys(directory)

    assert path.read_text() == damaged
