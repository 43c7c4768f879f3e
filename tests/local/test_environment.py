import json
import os
from pathlib import Path

import pytest

from infra import laptop
from infra.local.environment import PROJECT, enter_stage, forget_aws, stage_environment


@pytest.fixture
def environ(monkeypatch):
    """An environment of the test's own, in place of the process's."""
    own = {"PATH": "/bin", "HOME": "/home/someone"}
    monkeypatch.setattr(os, "environ", own)
    return own


def test_nothing_of_the_developers_account_is_left(environ):
    account = {"AWS_PROFILE": "work", "AWS_ACCESS_KEY_ID": "real", "AWS_SESSION_TOKEN": "real", "AWS_ENDPOINT_URL": "x"}
    environ.update(account)

    forget_aws()

    assert not account.keys() & environ.keys()
    assert environ["AWS_SHARED_CREDENTIALS_FILE"] == environ["AWS_CONFIG_FILE"] == os.devnull
    assert environ["PATH"] == "/bin"


def test_a_proxy_is_not_asked_for_this_machine(environ):
    environ["NO_PROXY"] = "intranet.example"

    forget_aws()

    assert environ["NO_PROXY"] == "intranet.example,127.0.0.1,localhost"


def enter(port=8000, project=PROJECT):
    enter_stage(
        stage_environment(project),
        port=port,
        aws_port=9001,
        public_keys='{"keys": []}',
        credentials=Path("/data/credentials"),
    )


@pytest.fixture
def configured(tmp_path):
    """Write a project whose stage `dev` has some settings beside those of this repository, and return it."""

    def configured(**settings):
        config = json.loads((PROJECT / ".chalice" / "config.json").read_text("utf-8"))
        config["stages"]["dev"]["environment_variables"].update(settings)
        (tmp_path / ".chalice").mkdir()
        (tmp_path / ".chalice" / "config.json").write_text(json.dumps(config), "utf-8")
        return tmp_path

    return configured


def test_this_runs_ports_keys_and_credentials_are_the_stages(environ):
    enter(port=9100)

    assert environ["AWS_ENDPOINT_URL"] == "http://127.0.0.1:9001"
    assert environ["LYCHGATE_LOCAL_CREDENTIALS"] == "/data/credentials"
    assert environ["LYCHGATE_PUBLIC_KEYS"] == '{"keys": []}'
    assert environ["LYCHGATE_ISSUER"] == "http://127.0.0.1:9100/api"
    assert environ["LYCHGATE_ALLOWED_ORIGINS"] == "http://127.0.0.1:9100,http://localhost:9100"


def test_the_default_port_is_left_out_as_browsers_do(environ):
    enter(port=80)

    assert environ["LYCHGATE_ISSUER"] == "http://127.0.0.1/api"
    assert environ["LYCHGATE_ALLOWED_ORIGINS"] == "http://127.0.0.1,http://localhost"


EVERY_SETTING = sorted({*laptop.DEFAULTS, "LYCHGATE_ISSUER", "LYCHGATE_BCRYPT_COST"})


@pytest.mark.parametrize("name", EVERY_SETTING)
def test_the_environment_wins_over_the_stage_and_the_stage_over_the_laptop(environ, configured, name):
    project = configured(**{name: "of the stage"})
    assert stage_environment(project)[name] == "of the stage"

    environ[name] = "of the shell"
    assert stage_environment(project)[name] == "of the shell"
    enter(project=project)

    assert environ[name] == "of the shell"


@pytest.mark.parametrize("name", sorted({"LYCHGATE_ISSUER", "LYCHGATE_BCRYPT_COST", "LYCHGATE_USERS_TABLE"}))
def test_an_empty_variable_says_nothing(environ, configured, name):
    environ[name] = ""

    enter(project=configured(**{name: "of the stage"}))

    assert environ[name] == "of the stage"


def test_listed_origins_are_allowed_beside_the_pages_own(environ, configured):
    project = configured(LYCHGATE_ALLOWED_ORIGINS="http://localhost:3000")
    environ["LYCHGATE_ALLOWED_ORIGINS"] = "http://localhost:5173,http://localhost:5174"

    enter(port=9100, project=project)

    own = "http://127.0.0.1:9100,http://localhost:9100"
    assert environ["LYCHGATE_ALLOWED_ORIGINS"] == f"{own},http://localhost:5173,http://localhost:5174"


def test_the_issuers_own_origin_is_allowed(environ):
    environ["LYCHGATE_ISSUER"] = "http://localhost:5173/api"

    enter(port=9100)

    assert "http://localhost:5173" in environ["LYCHGATE_ALLOWED_ORIGINS"].split(",")


@pytest.mark.parametrize("issuer", ["nonsense", "http://["])
def test_an_issuer_that_is_no_url_adds_no_origin(environ, issuer):
    environ["LYCHGATE_ISSUER"] = issuer

    enter(port=9100)

    assert environ["LYCHGATE_ALLOWED_ORIGINS"] == "http://127.0.0.1:9100,http://localhost:9100"


def test_a_deployed_stage_is_what_its_configuration_says_whatever_the_shell_has(environ, configured):
    environ["LYCHGATE_BCRYPT_COST"] = "10"
    project = configured()
    path = project / ".chalice" / "config.json"
    path.write_text(json.dumps({"stages": {"prod": {"environment_variables": {"LYCHGATE_BCRYPT_COST": "13"}}}}))

    assert stage_environment(project, "prod") == {"LYCHGATE_BCRYPT_COST": "13"}
