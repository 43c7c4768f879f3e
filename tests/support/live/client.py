"""The API's client for a site that others use: accounts of random names, few requests, and nothing left behind."""

import json
import secrets
import ssl
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.client import HTTPException

import pytest

from tests.support import api_client
from tests.support.api_client import HARDENING, ApiClient, Http
from tests.support.live import diagnosis
from tests.support.live.interruption import Interruption

LIVE = pytest.StashKey()
"""Where a run of pytest keeps its LiveSite, if it has one."""

USER_AGENT = "lychgate-smoke"
_REFUSED = {400, 401, 403, 409, 413, 415, 422}
"""Statuses by which the API says that it has done nothing."""

_SECRET_MEMBERS = ("password", "current_password", "new_password")


@dataclass(frozen=True)
class Limits:
    """What one run may ask of a site that others use."""

    requests: int = 400
    failed_log_ins: int = 20
    """An address may fail 100 times an hour, and whoever runs this may share it with users."""


USUAL_LIMITS = Limits()


@dataclass(frozen=True)
class Exchange:
    """A question, and its answer if one came."""

    question: str
    status: int = 0
    headers: dict = field(default_factory=dict)
    """By their names in lower case."""
    body: bytes = b""

    @property
    def members(self):
        """The members of the JSON object that was answered; none if it was none."""
        return _members(self.body)

    @property
    def is_broken(self):
        """Whether no answer came, or one that says that it is the server's fault."""
        return not self.status or self.status >= 500

    def __str__(self):
        """What was answered, without anything of what it held."""
        code = str(self.members.get("error", ""))
        return f"{self.question}: {self.status or 'no answer'}{f' {code}' if code.isidentifier() else ''}"

    def remedy(self):
        """What to do if another answer was wanted."""
        if not self.status:
            return diagnosis.NO_ANSWER
        return diagnosis.remedy(self.status, self.headers, self.body)


class LiveSite:
    """One run at one site: what it has asked, and what it may not leave behind."""

    def __init__(self, site, other_origin=None, say=print, limits=USUAL_LIMITS, api_site=None):
        self.site = site
        self.api_site = api_site
        """The API's own address, None if it is not known."""
        self.other_origin = other_origin
        self.say = say
        self.limits = limits
        self.http_port = 80
        self.interruption = Interruption(say)
        self.exchanges = []
        """Those of the test under way."""
        self.requests = 0
        self.failed_log_ins = 0
        self.no_accounts = None
        """Why there is no account to be had, if there is none."""
        self.left = []
        """Usernames of accounts that are not known to be deleted."""

    @property
    def place(self):
        """The name that tests/support/differences.py has for such a site."""
        return "live" if self.site.over_tls else "live-without-tls"

    def ask(self, method, path, headers=None, body=b"", *, cleaning=False, around=False):
        """Make a request and return its answer. Raises OSError or HTTPException where nobody answers.

        ``around`` asks the API's own address instead of the site.
        """
        if not cleaning:
            self.interruption.check()
            if self.requests >= self.limits.requests or self.failed_log_ins >= self.limits.failed_log_ins:
                pytest.exit(f"{self.requests} requests, {self.failed_log_ins} failed log-ins: too many", returncode=1)
        self.requests += 1
        site = self.api_site if around else self.site
        question = f"{method} {path}{' at the address of the API itself' if around else ''}"
        self.exchanges.append(Exchange(question))
        response = Http(site.connect).request(method, path, {"User-Agent": USER_AGENT, **(headers or {})}, body)
        lowered = {name.lower(): value for name, value in response.headers.items()}
        exchange = self.exchanges[-1] = Exchange(question, response.status_code, lowered, response.body)
        if exchange.status == 401 and exchange.members.get("error") == "invalid_credentials":
            self.failed_log_ins += 1
        if not cleaning:
            self.interruption.check()
        return exchange

    def redirect(self):
        """Ask for the page by http://. Returns status and headers."""
        with closing(self.site.connect(over_tls=False, port=self.http_port)) as connection:
            connection.request("GET", "/", headers={"User-Agent": USER_AGENT})
            response = connection.getresponse()
            return response.status, {name.lower(): value for name, value in response.getheaders()}

    @property
    def hardening(self):
        """The headers that every answer has here: that of strict transport over TLS only."""
        return {
            name: value
            for name, value in HARDENING.items()
            if self.site.over_tls or name != "strict-transport-security"
        }

    @cached_property
    def why_unasked(self):
        """Why nothing may be sent to this site; None if it may."""
        try:
            self.site.connect().close()
        except ssl.SSLError:
            return "nothing is sent over such a connection"
        return None

    @cached_property
    def why_no_api(self):
        """Why there is no sense in asking the API; None if there is."""
        if self.why_unasked:
            return self.why_unasked
        try:
            health = self.ask("GET", "/api/health")
        except (OSError, HTTPException):
            return "the API does not answer"
        return None if health.members.get("status") == "ok" else "the API does not answer as one"

    @contextmanager
    def client(self):
        """A client with accounts of its own, which are deleted when the block ends, however it ends."""
        client = LiveApiClient(self)
        try:
            yield client
        finally:
            self.left += client.delete_accounts()


class LiveApiClient(ApiClient):
    """Gives every username and password of a test a random ending, and remembers which accounts there may be.

    So the tests need no names of their own for a live site, what they name is nobody's, and nobody can log in to it.
    """

    def __init__(self, live):
        super().__init__(None)
        self._live = live
        self._ending = secrets.token_hex(8)
        self._passwords = {}
        """By username: the passwords that its account may have, the likeliest last."""
        self._existing = set()
        """Usernames of accounts that were there when they were last heard of."""
        self._users = {}
        """By access token and by refresh token, the username."""

    def request(self, method, path, *, body=b"", headers=None):
        headers = dict(headers or {})
        if headers.get("Origin") == api_client.SITE_ORIGIN:
            headers["Origin"] = self._live.site.origin
        members = _members(body)
        username = self._username(members, headers)
        if path == "/auth/register" and username:
            if self._live.no_accounts:
                pytest.skip(self._live.no_accounts)
            # From here on it may exist, also if no answer comes.
            self._passwords.setdefault(username, []).append(members.get("password"))
        elif path == "/auth/password" and username and "new_password" in members:
            self._passwords[username].append(members["new_password"])
        exchange = self._live.ask(method, f"/api{path}", headers, body)
        self._learn(path, username, members, exchange)
        response = api_client.Response(exchange.status, exchange.headers, exchange.body)
        return api_client.Answer(response, self._live.hardening)

    def _learn(self, path, username, members, exchange):
        """Remember what an answer says of accounts."""
        status, answer = exchange.status, exchange.members
        if path == "/auth/register" and username:
            if status in _REFUSED:
                self._passwords[username].pop()
            if answer.get("error") == "registration_closed":
                self._live.no_accounts = "registration is closed here"
                pytest.skip(self._live.no_accounts)
            if status not in {201, *_REFUSED}:
                self._live.no_accounts = "no account can be registered: see the failure above"
        elif path == "/auth/password" and username and "new_password" in members and status in _REFUSED:
            self._passwords[username].pop()
        elif path == "/auth/delete-account" and status == 204:
            self._passwords.pop(username, None)
            self._existing.discard(username)
        if isinstance(answer.get("access_token"), str):
            self._learn_tokens(username, members, answer)

    def _learn_tokens(self, username, members, answer):
        """Remember whose tokens these are, and so that the account exists."""
        if username is None and isinstance(answer.get("user"), dict):
            username = str(answer["user"].get("username")).casefold()
        for token in (answer["access_token"], answer.get("refresh_token")):
            if isinstance(token, str):
                self._users[token] = username
        self._existing.add(username)
        if "password" in members:
            # Whatever an answer has said of it before.
            self._passwords.setdefault(username, [members["password"]])

    def _username(self, members, headers):
        """Of the account that a request is about, as names are compared; None if it is about none of ours."""
        if isinstance(members.get("username"), str):
            return members["username"].casefold()
        if isinstance(members.get("refresh_token"), str):
            return self._users.get(members["refresh_token"])
        return self._users.get(headers.get("Authorization", "").removeprefix("Bearer "))

    def as_sent(self, members):
        """A test's members with the random ending at names and passwords."""
        sent = dict(members)
        for name in ("username", *_SECRET_MEMBERS):
            if isinstance(sent.get(name), str):
                sent[name] += f"-{self._ending}"
        return sent

    def delete_accounts(self):
        """Delete what may exist, and return the names of what is not known to be gone."""
        return [name for name, passwords in list(self._passwords.items()) if passwords and not self._delete(name)]

    def _delete(self, username):
        for password in reversed(self._passwords[username]):
            try:
                logged_in = self._clean("/auth/login", {"username": username, "password": password})
                if logged_in.members.get("error") == "invalid_credentials":
                    continue
                access_token = logged_in.members["access_token"]
                return self._clean("/auth/delete-account", {"password": password}, access_token).status == 204
            except (OSError, KeyError, HTTPException):
                return False
        # These names are nobody else's: if all their passwords are refused, there is no account, unless one was seen.
        return username not in self._existing

    def _clean(self, path, members, access_token=None):
        headers = {"Content-Type": "application/json"}
        if access_token is not None:
            headers["Authorization"] = f"Bearer {access_token}"
        return self._live.ask("POST", f"/api{path}", headers, json.dumps(members).encode(), cleaning=True)


def _members(body):
    """The members of a JSON object; none if it is not one."""
    try:
        members = json.loads(body)
    except ValueError:
        return {}
    return members if isinstance(members, dict) else {}
