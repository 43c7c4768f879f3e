"""What a developer is told of a limit: the setting that raises it, or that none does."""

import json
from types import SimpleNamespace

import pytest

from chalicelib.errors import (
    InvalidCredentials,
    TooManyAttempts,
    TooManyMails,
    TooManyMailsToAddress,
    TooManyMailsToday,
    TooManyRegistrations,
)
from infra import database_credentials
from infra.chalice_cli.advice import advise


@pytest.fixture
def advised(monkeypatch, capsys):
    """Return what is said of a refusal."""
    monkeypatch.setenv(database_credentials.VARIABLE, "credentials")

    def advised(error):
        answer = {"statusCode": 429, "body": json.dumps({"error": error.error, "detail": error.detail})}
        advise("POST", {}, answer, None)
        return capsys.readouterr().err

    return advised


@pytest.mark.parametrize(
    ("error", "sentence", "setting", "more"),
    [
        (TooManyRegistrations, "may create 7 accounts an hour", "LYCHGATE_REGISTRATIONS_PER_HOUR", 1000),
        (TooManyMails, "may ask for 7 mails an hour", "LYCHGATE_MAILS_PER_IP", 1000),
        (TooManyMailsToday, "7 mails may be asked for in a day", "LYCHGATE_MAILS_PER_DAY", 1000),
    ],
)
def test_a_limit_is_named_with_its_setting(advised, monkeypatch, error, sentence, setting, more):
    monkeypatch.setenv(setting, "7")
    said = advised(error)
    assert sentence in said
    assert f"{setting}={more} " in said
    assert said.count("LYCHGATE_") == 1
    monkeypatch.delenv(setting)
    assert f"{setting}=" in advised(error)


def test_of_the_limit_of_a_mail_address_it_is_said_that_no_setting_raises_it(advised):
    said = advised(TooManyMailsToAddress)
    assert "1 time a minute, 5 an hour and 10 a day" in said
    assert "LYCHGATE_" not in said


@pytest.mark.parametrize("error", [TooManyAttempts, InvalidCredentials])
def test_of_guesses_nothing_is_said(advised, error):
    assert advised(error) == ""


@pytest.mark.parametrize("detail", [["Slow down."], {"en": "Slow down."}, None, 429])
def test_of_a_sites_own_refusal_nothing_is_said_whatever_it_says(advised, detail):
    assert advised(SimpleNamespace(error="too_many_attempts", detail=detail)) == ""
