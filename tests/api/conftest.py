"""The application over moto, with a clock that obeys."""

import logging

import pytest

from api_client import ApiClient


@pytest.fixture
def api(aws, environment, clock, monkeypatch):
    from app import app
    from chalicelib import authorizer, tokens, wiring

    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    caches = (wiring.auth_service, wiring.http_settings, wiring.verifier_settings, authorizer.verifier)
    for cached in caches:
        cached.cache_clear()
    monkeypatch.setattr(wiring, "clock", clock)
    monkeypatch.setattr(tokens, "system_clock", clock)
    monkeypatch.setattr(authorizer, "system_clock", clock)
    logging.getLogger("lychgate").setLevel(logging.INFO)
    yield ApiClient(app)
    for cached in caches:
        cached.cache_clear()
