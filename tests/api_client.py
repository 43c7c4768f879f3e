"""The one place of the tests that knows URLs and headers."""

import json
from http.cookies import SimpleCookie

from chalice.test import Client

from infra import chalice_cli


class Answer:
    """A response, and what every response of the API must keep."""

    def __init__(self, response):
        self.status = response.status_code
        self.headers = {name.lower(): value for name, value in response.headers.items()}
        self.body = response.body
        self.json = json.loads(response.body) if response.body else None

    @property
    def error(self):
        return self.json["error"]

    @property
    def cookie(self):
        (morsel,) = SimpleCookie(self.headers["set-cookie"]).values()
        return morsel

    def assert_problem(self, status, error):
        """Assert that this is the RFC 9457 document of an error, with all that has to come with it."""
        assert (self.status, self.error) == (status, error), self.body
        assert self.headers["content-type"] == "application/problem+json"
        assert self.json["type"] == "about:blank"
        assert self.json["status"] == status
        assert self.json["title"]
        assert self.json["detail"]
        assert self.headers["cache-control"] == "no-store"
        assert self.headers["x-content-type-options"] == "nosniff"
        if status == 401:
            assert self.headers["www-authenticate"].startswith('Bearer realm="lychgate"')


class ApiClient:
    """Speaks to the application through ``chalice.test.Client``, with the gateway responses of ``chalice local``."""

    def __init__(self, app):
        chalice_cli.install()
        # The settings are the test's own: this stage has none in .chalice/config.json.
        self._http = Client(app, stage_name="test").http

    def request(self, method, path, *, body=b"", headers=None):
        return Answer(self._http.request(method, path, headers=headers or {}, body=body))

    def post(self, path, members=None, *, headers=None):
        return self.request(
            "POST",
            path,
            body=json.dumps(members or {}).encode(),
            headers={"Content-Type": "application/json", **(headers or {})},
        )

    def register(self, username="Alice", password="correct horse battery staple", **members):
        return self.post("/auth/register", {"username": username, "password": password, **members})

    def login(self, username="Alice", password="correct horse battery staple", **members):
        return self.post("/auth/login", {"username": username, "password": password, **members})

    def refresh(self, refresh_token=None, *, cookie=None, headers=None):
        return self._with_refresh_token("/auth/refresh", refresh_token, cookie, headers)

    def logout(self, refresh_token=None, *, cookie=None, headers=None):
        return self._with_refresh_token("/auth/logout", refresh_token, cookie, headers)

    def me(self, access_token, *, headers=None):
        return self.bearer("GET", "/me", access_token, headers=headers)

    def bearer(self, method, path, access_token, members=None, *, headers=None):
        """Make a request with an access token, and with a JSON body if it is given one."""
        headers = {"Authorization": f"Bearer {access_token}", **(headers or {})}
        if members is None:
            return self.request(method, path, headers=headers)
        headers["Content-Type"] = "application/json"
        return self.request(method, path, body=json.dumps(members).encode(), headers=headers)

    def _with_refresh_token(self, path, refresh_token, cookie, headers):
        headers = dict(headers or {})
        if cookie is not None:
            headers["Cookie"] = f"{cookie.key}={cookie.value}"
        return self.post(path, {"refresh_token": refresh_token} if refresh_token is not None else {}, headers=headers)
