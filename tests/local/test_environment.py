import json
import os
from pathlib import Path

import pytest

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


def test_this_runs_ports_and_keys_win_over_the_configured_ones(environ):
    configured = stage_environment()

    enter_stage(configured, port=9100, aws_port=9001, public_keys='{"keys": []}', credentials=Path("/data/credentials"))

    assert environ["AWS_ENDPOINT_URL"] == "http://127.0.0.1:9001"
    assert environ["LYCHGATE_LOCAL_CREDENTIALS"] == "/data/credentials"
    assert environ["LYCHGATE_PUBLIC_KEYS"] == '{"keys": []}'
    origins = environ["LYCHGATE_ALLOWED_ORIGINS"].split(",")
    assert origins[:2] == ["http://127.0.0.1:9100", "http://localhost:9100"]
    assert set(configured["LYCHGATE_ALLOWED_ORIGINS"].split(",")) <= set(origins)


def test_the_shell_does_not_change_what_is_configured(environ):
    environ["LYCHGATE_USERS_TABLE"] = "another"
    configured = stage_environment()

    enter_stage(configured, port=8000, aws_port=8001, public_keys="{}", credentials=Path("/data/credentials"))

    config = json.loads((PROJECT / ".chalice" / "config.json").read_text())
    assert environ["LYCHGATE_USERS_TABLE"] == config["stages"]["dev"]["environment_variables"]["LYCHGATE_USERS_TABLE"]
