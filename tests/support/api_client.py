"""The tests' client of the API: the only module that knows URLs and headers."""

import http.client
import json
from contextlib import closing
from http.cookies import SimpleCookie
from typing import NamedTuple

from chalice.test import Client

from infra import chalice_cli

SITE_ORIGIN = "https://site.example"
"""The origin of the site itself, as the settings of the tests have it."""

# OWASP REST Security Cheat Sheet, section Security Headers.
HARDENING = {
    "content-security-policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "vary": "Origin",
}
# These belong to the transport, and differ for each response.
_OF_THE_TRANSPORT = {
    "connection",
    "content-length",
    "date",
    "server",
    "via",
    "x-amz-apigw-id",
    "x-amz-cf-id",
    "x-amz-cf-pop",
    "x-amzn-errortype",
    "x-amzn-requestid",
    "x-amzn-trace-id",
    "x-cache",
}
# API Gateway renames the challenge of a Lambda's 401.
_CHALLENGE = ("www-authenticate", "x-amzn-remapped-www-authenticate")
# A bound for what normally takes a fraction of it, not an expectation.
PATIENCE_SECONDS = 60

SOMEBODY = "Alice"
"""The user of tests that need only one."""


class Answer:
    """A response, with assertions that hold for every response of the API."""

    def __init__(self, response, hardening=HARDENING):
        self._hardening = hardening
        self.status = response.status_code
        self.all_headers = {name.lower(): value for name, value in response.headers.items()}
        self.headers = {name: value for name, value in self.all_headers.items() if name not in _OF_THE_TRANSPORT}
        held = self.headers.get("set-cookie", [])
        self.set_cookies = [held] if isinstance(held, str) else held
        self.body = response.body
        is_json = "json" in str(self.headers.get("content-type", "json"))
        self.json = json.loads(response.body) if response.body and is_json else None

    @property
    def challenge(self):
        """The challenge of a 401, under either of its names."""
        (challenge,) = [self.headers[name] for name in _CHALLENGE if name in self.headers]
        return challenge

    @property
    def error(self):
        return self.json["error"]

    @property
    def cookie(self):
        (morsel,) = [morsel for morsel in self.cookies if morsel.key.endswith("refresh_token")]
        return morsel

    @property
    def cookies(self):
        """What each `Set-Cookie` header sets."""
        return [morsel for value in self.set_cookies for morsel in SimpleCookie(value).values()]

    def assert_problem(self, status, error):
        """Assert that this is the RFC 9457 document of an error, with the required headers."""
        assert (self.status, self.error) == (status, error), self.body
        assert self.headers["content-type"] == "application/problem+json"
        assert self.json["type"] == "about:blank"
        assert self.json["status"] == status
        assert self.json["title"]
        assert self.json["detail"]
        assert self.headers["cache-control"] == "no-store"
        assert self.headers["x-content-type-options"] == "nosniff"
        if status == 401:
            assert self.challenge.startswith('Bearer realm="lychgate"')

    def assert_hardened(self):
        """Assert that this has the headers that no answer of the API may lack."""
        assert {name: self.headers.get(name) for name in self._hardening} == self._hardening


def in_process(app):
    """Return a client for the application in this process, with the gateway responses of ``chalice local``."""
    chalice_cli.install()
    # The settings are the test's own: this stage has none in .chalice/config.json.
    return ApiClient(InProcess(Client(app, stage_name="test").http))


def over_http(port, *, below=""):
    """Return a client of a server on this machine, whose API is below this path."""
    return ApiClient(Http(lambda: AnyPath("127.0.0.1", port, timeout=PATIENCE_SECONDS), below))


class InProcess:
    """Makes requests of Chalice's test client, which has each header once."""

    def __init__(self, http):
        self._http = http

    def request(self, method, path, headers, body):
        # As RFC 9110 section 5.3 says, and of a Cookie RFC 9113 section 8.2.3.
        joined = {
            name: value if isinstance(value, str) else ("; " if name == "Cookie" else ", ").join(value)
            for name, value in headers.items()
        }
        return self._http.request(method, path, headers=joined, body=body)


class Response(NamedTuple):
    status_code: int
    headers: dict
    """By name. Those that came several times have a list."""
    body: bytes


class AnyPath(http.client.HTTPConnection):
    """Sends every path and every header as it is told to."""

    def _validate_path(self, url):
        pass

    def _encode_request(self, request):
        return request.encode()


class Http:
    """Makes each request on a connection of its own."""

    def __init__(self, connect, below=""):
        self._connect = connect
        self._below = below

    def request(self, method, path, headers, body):
        with closing(self._connect()) as connection:
            connection.putrequest(method, self._below + path, skip_host="Host" in headers, skip_accept_encoding=True)
            for name, values in headers.items():
                for value in [values] if isinstance(values, str) else values:
                    connection.putheader(name, value.encode())
            if body or method in {"POST", "PUT"}:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body or None)
            response = connection.getresponse()
            return Response(response.status, _by_name(response), response.read())


def _by_name(response):
    """The headers of a response by name, with a list of the values of each that came several times."""
    return {
        name: values[0] if len(values := response.headers.get_all(name)) == 1 else values for name in response.headers
    }


def as_header(*cookies):
    """The `Cookie` header of a browser that has these cookies."""
    return "; ".join(f"{cookie.key}={cookie.value}" for cookie in cookies)


def log_out_with_two_cookies(api):
    """Log out over plain HTTP from a browser that keeps a second cookie for a path, and return the answer.

    Such an answer takes two cookies away, and so has two `Set-Cookie` headers.
    """
    ours = api.register(token_delivery="cookie").cookie
    return api.logout(headers={"Cookie": f"{ours.key}=of-an-earlier-version; {as_header(ours)}"})


TWO_TAKEN_AWAY = [
    "refresh_token=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0",
    "refresh_token=; HttpOnly; SameSite=Strict; Max-Age=0",
]


class ApiClient:
    """A client of the API, wherever it runs."""

    def __init__(self, http):
        self._http = http

    def request(self, method, path, *, body=b"", headers=None):
        return Answer(self._http.request(method, path, headers=headers or {}, body=body))

    def post(self, path, members=None, *, headers=None):
        return self.request(
            "POST",
            path,
            body=json.dumps(self.as_sent(members or {})).encode(),
            headers={"Content-Type": "application/json", **(headers or {})},
        )

    def put(self, path, members, *, headers=None):
        body = json.dumps(self.as_sent(members)).encode()
        return self.request("PUT", path, body=body, headers={"Content-Type": "application/json", **(headers or {})})

    def register(self, username=SOMEBODY, password="correct horse battery staple", **members):
        return self.post("/auth/register", {"username": username, "password": password, **members})

    def login(self, username=SOMEBODY, password="correct horse battery staple", **members):
        return self.post("/auth/login", {"username": username, "password": password, **members})

    def signed_in(self, **members):
        """Return the answer with the tokens of somebody, 201 or 200, for tests that are not about a registration.

        Such tests leave the account and its password as they are: at a live site all of them share it.
        """
        return self.register(**members)

    def refresh(self, refresh_token=None, *, cookie=None, headers=None):
        return self._with_refresh_token("/auth/refresh", refresh_token, cookie, headers)

    def logout(self, refresh_token=None, *, cookie=None, headers=None):
        return self._with_refresh_token("/auth/logout", refresh_token, cookie, headers)

    def me(self, access_token, *, headers=None):
        return self.bearer("GET", "/me", access_token, headers=headers)

    def bearer(self, method, path, access_token, members=None, *, headers=None):
        """Make a request with an access token, and with a JSON body if one is given."""
        headers = {"Authorization": f"Bearer {access_token}", **(headers or {})}
        if members is None:
            return self.request(method, path, headers=headers)
        headers["Content-Type"] = "application/json"
        return self.request(method, path, body=json.dumps(self.as_sent(members)).encode(), headers=headers)

    def as_sent(self, members):
        """The members of a body as they are sent: here as they are."""
        return members

    def _with_refresh_token(self, path, refresh_token, cookie, headers):
        headers = dict(headers or {})
        if cookie is not None:
            headers["Cookie"] = as_header(cookie)
        return self.post(path, {"refresh_token": refresh_token} if refresh_token is not None else {}, headers=headers)
