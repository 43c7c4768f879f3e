"""The application in this process, over moto."""

import logging

import pytest

from app import app
from chalicelib import authorizer, wiring
from chalicelib.api import openapi
from tests.support.api_client import in_process


@pytest.fixture
def api(aws, aws_clients, environment, clock, monkeypatch):
    dynamodb, ssm = aws_clients
    monkeypatch.setattr(wiring, "dynamodb_client", lambda: dynamodb)
    monkeypatch.setattr(wiring, "ssm_client", lambda: ssm)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    caches = (
        wiring.services,
        wiring.http_settings,
        wiring.verifier_settings,
        authorizer.verifier,
        openapi._document,
    )
    for cached in caches:
        cached.cache_clear()
    monkeypatch.setattr(wiring, "clock", clock)
    monkeypatch.setattr(authorizer, "system_clock", clock)
    logging.getLogger("lychgate").setLevel(logging.INFO)
    yield in_process(app)
    for cached in caches:
        cached.cache_clear()
