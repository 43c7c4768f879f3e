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
from tests.support.api_client import HARDENING, SOMEBODY, ApiClient, Http
from tests.support.live import diagnosis
from tests.support.live.interruption import Interruption

LIVE = pytest.StashKey()
"""Where a run of pytest keeps its LiveSite, if it has one."""

USER_AGENT = "lychgate-smoke"
_REFUSED = {400, 401, 403, 409, 413, 415, 422, 429}
"""Statuses by which the API says that it has done nothing."""

_SECRET_MEMBERS = ("password", "current_password", "new_password")


@dataclass(frozen=True)
class Limits:
    """What one run may ask of a site that others use."""

    requests: int = 600
    failed_log_ins: int = 20
    """An address may fail 100 times an hour, and whoever runs this may share it with users."""
    registrations: int = 10
    """An address may register 20 accounts an hour: two runs' worth."""


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
        self.registrations = 0
        """Those that were not refused."""
        self.shared = Accounts(self)
        """The account of all tests that need somebody who is logged in, once one of them has registered it."""
        self.no_accounts = None
        """Why there is no further account to be had, if there is none."""
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
                self._stop()
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

    def begin_registration(self):
        """Count a registration that is about to be asked for, or leave the test out if there is none to be had."""
        if self.no_accounts:
            pytest.skip(self.no_accounts)
        if self.registrations >= self.limits.registrations:
            self._stop()
        self.registrations += 1

    def end_registration(self, exchange):
        """Learn from the answer to a registration whether there are more to be had. If not, leave the test out."""
        if exchange.status in _REFUSED:
            self.registrations -= 1
            self.no_accounts = diagnosis.why_no_account(exchange.status, exchange.headers, exchange.members)
            if self.no_accounts:
                pytest.skip(self.no_accounts)
        elif exchange.status != 201:
            self.no_accounts = "no account can be registered: see the failure above"

    def _stop(self):
        """End the run, which has asked for more than it may."""
        why = (
            f"{self.requests} requests, {self.failed_log_ins} failed log-ins and {self.registrations} registrations: "
            "a run may not ask for more."
        )
        self.say(f"Ending early: {why}")
        pytest.exit(why, returncode=1)

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
        accounts = Accounts(self)
        try:
            yield LiveApiClient(self, accounts)
        finally:
            self.left += accounts.delete()

    @contextmanager
    def shared_account(self):
        """Delete the shared account when the block ends, however it ends."""
        try:
            yield
        finally:
            self.left += self.shared.delete()


class Accounts:
    """Accounts that there may be, and all that is needed to delete them."""

    def __init__(self, live):
        self._live = live
        self.ending = secrets.token_hex(8)
        """Of their names and passwords."""
        self._passwords = {}
        """By username: the passwords that its account may have, the likeliest last."""
        self._existing = set()
        """Usernames of accounts that were there when they were last heard of."""
        self._written = {}
        """By username: as it was written at the registration."""

    def __contains__(self, username):
        """Whether the account was there when it was last heard of."""
        return username in self._existing

    def with_ending(self, text):
        return f"{text}-{self.ending}"

    def may_begin(self, username, written, password):
        """Remember an account that is about to be registered, and how its name is written."""
        self._written.setdefault(username, written)
        self.may_have(username, password)

    def may_have(self, username, password):
        """Remember a password that an account is about to get."""
        self._passwords.setdefault(username, []).append(password)

    def did_not_get(self, username):
        """Forget the last password that an account was about to get."""
        self._passwords[username].pop()

    def exists(self, username, password=None):
        """Remember that there is an account, and what its password is if that was shown."""
        self._existing.add(username)
        if password is not None:
            # Whatever an answer has said of it before.
            self._passwords[username] = self._passwords.get(username) or [password]

    def is_gone(self, username):
        self._passwords.pop(username, None)
        self._written.pop(username, None)
        self._existing.discard(username)

    def delete(self):
        """Delete what may exist, and return the names of what is not known to be gone, as they were written."""
        left = [name for name, passwords in list(self._passwords.items()) if passwords and not self._delete(name)]
        return [self._written.get(name, name) for name in left]

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


class LiveApiClient(ApiClient):
    """Gives every username and password of a test a random ending, and remembers which accounts there may be.

    So the tests need no names of their own for a live site, what they name is nobody's, and nobody can log in to it.
    """

    def __init__(self, live, accounts):
        super().__init__(None)
        self._live = live
        self._own = accounts
        """What this test registers."""
        self._with_ending = accounts.with_ending
        self._users = {}
        """By access token and by refresh token, the username."""

    def signed_in(self, **members):
        """See ``ApiClient.signed_in``. Registers the shared account if nobody has yet, and logs in to it otherwise.

        From then on the test's names and passwords end as that account's do.
        """
        self._with_ending = self._live.shared.with_ending
        there = self._shared_name in self._live.shared
        return self.login(**members) if there else self.register(**members)

    @property
    def _shared_name(self):
        return self._live.shared.with_ending(SOMEBODY).casefold()

    def request(self, method, path, *, body=b"", headers=None):
        headers = dict(headers or {})
        if headers.get("Origin") == api_client.SITE_ORIGIN:
            headers["Origin"] = self._live.site.origin
        members = _members(body)
        username = self._username(members, headers)
        if path == "/auth/register" and username:
            self._live.begin_registration()
            # From here on it may exist, also if no answer comes.
            self._accounts_of(username).may_begin(username, members.get("username", username), members.get("password"))
        elif path == "/auth/password" and username and "new_password" in members:
            self._accounts_of(username).may_have(username, members["new_password"])
        exchange = self._live.ask(method, f"/api{path}", headers, body)
        self._learn(path, username, members, exchange)
        response = api_client.Response(exchange.status, exchange.headers, exchange.body)
        return api_client.Answer(response, self._live.hardening)

    def _accounts_of(self, username):
        return self._live.shared if username == self._shared_name else self._own

    def _learn(self, path, username, members, exchange):
        """Remember what an answer says of accounts."""
        status, answer = exchange.status, exchange.members
        gives_password = path == "/auth/register" or (path == "/auth/password" and "new_password" in members)
        if username and gives_password and status in _REFUSED:
            self._accounts_of(username).did_not_get(username)
        elif path == "/auth/delete-account" and status == 204:
            self._accounts_of(username).is_gone(username)
        if path == "/auth/register" and username:
            self._live.end_registration(exchange)
        if isinstance(answer.get("access_token"), str):
            self._learn_tokens(username, members, answer)

    def _learn_tokens(self, username, members, answer):
        """Remember whose tokens these are, and so that the account exists."""
        if username is None and isinstance(answer.get("user"), dict):
            username = str(answer["user"].get("username")).casefold()
        for token in (answer["access_token"], answer.get("refresh_token")):
            if isinstance(token, str):
                self._users[token] = username
        self._accounts_of(username).exists(username, members.get("password"))

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
                sent[name] = self._with_ending(sent[name])
        return sent


def _members(body):
    """The members of a JSON object; none if it is not one."""
    try:
        members = json.loads(body)
    except ValueError:
        return {}
    return members if isinstance(members, dict) else {}
