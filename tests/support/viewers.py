"""Clients at different addresses on the network, as the API sees them through a distribution."""

import hashlib

from chalicelib.api.headers import DISTRIBUTION_HEADER
from tests.support.api_client import ApiClient

_SECRET = "a secret that only the distribution knows"
SETTINGS = {"LYCHGATE_DISTRIBUTION_SECRET_SHA256": hashlib.sha256(_SECRET.encode()).hexdigest()}
"""With these, the API believes what the distribution says of an address."""


class Viewer(ApiClient):
    """A client of the API whose requests come from an address."""

    def __init__(self, api, ip):
        self._api = api
        self._headers = {DISTRIBUTION_HEADER: _SECRET, "X-Forwarded-For": f"{ip}, 198.51.100.99"}

    def request(self, method, path, *, body=b"", headers=None):
        return self._api.request(method, path, body=body, headers={**(headers or {}), **self._headers})
