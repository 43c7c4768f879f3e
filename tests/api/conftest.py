"""The application over moto, with a clock that obeys."""

import logging

import pytest

from api_client import ApiClient
from app import app
from chalicelib import authorizer, wiring


@pytest.fixture
def api(aws, aws_clients, environment, clock, monkeypatch):
    dynamodb, ssm = aws_clients
    monkeypatch.setattr(wiring, "dynamodb_client", lambda: dynamodb)
    monkeypatch.setattr(wiring, "ssm_client", lambda: ssm)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    caches = (wiring.services, wiring.http_settings, wiring.verifier_settings, authorizer.verifier)
    for cached in caches:
        cached.cache_clear()
    monkeypatch.setattr(wiring, "clock", clock)
    monkeypatch.setattr(authorizer, "system_clock", clock)
    logging.getLogger("lychgate").setLevel(logging.INFO)
    yield ApiClient(app)
    for cached in caches:
        cached.cache_clear()
