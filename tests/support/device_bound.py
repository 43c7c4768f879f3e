"""A browser that binds sessions to its device, as Chromium does, made by hand: its key, its cookies and its answers."""

import re
from http.cookies import SimpleCookie

from tests.support.proofs import ClientKey, jws

START = "/auth/device-bound/start"
REFRESH = "/auth/device-bound/refresh"
REFRESH_COOKIE = "__Host-refresh_token"
SHORT_COOKIE = "__Host-bound"

_REGISTRATION = re.compile(r'\(ES256\);path="([^"]+)";challenge="([^"]+)"')
_CHALLENGE = re.compile(r'"([^"]+)";id="([^"]+)"')


def device_proof(key, challenge, /, *, names_key, header=None, **claims):
    """Return the proof that Chromium makes of a challenge, with other members if a test wants them."""
    members = {"alg": "ES256", "typ": "dbsc+jwt"} | ({"jwk": key.jwk} if names_key else {})
    return jws(members | (header or {}), {"jti": challenge} | claims, key.private_key)


def registration_in(answer):
    """Return the path and the challenge with which an answer asks to bind its session, None if it does not."""
    header = answer.headers.get("secure-session-registration")
    return _REGISTRATION.fullmatch(header).groups() if header is not None else None


def challenge_in(answer):
    """Return the challenge with which a renewal was refused."""
    return _CHALLENGE.fullmatch(answer.headers["secure-session-challenge"])[1]


class DeviceBrowser:
    """One browser profile on one device."""

    def __init__(self, api):
        self.api = api
        self.key = ClientKey()
        self.cookies = {}
        self.registration = None
        self.session = None

    def send(self, path, members=None, *, cookies=None, headers=None, method="POST"):
        """Make a request with the browser's cookies, or with these only. Keep what the answer sets."""
        sent = self.cookies if cookies is None else cookies
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in sent.items()), **(headers or {})}
        if members is None:
            answer = self.api.request(method, path, headers=headers)
        else:
            answer = getattr(self.api, method.lower())(path, members, headers=headers)
        if cookies is None:
            self._keep(answer)
        return answer

    def _keep(self, answer):
        for value in answer.set_cookies:
            for morsel in SimpleCookie(value).values():
                if morsel["max-age"] == "0":
                    self.cookies.pop(morsel.key, None)
                else:
                    self.cookies[morsel.key] = morsel.value
        self.registration = registration_in(answer) or self.registration

    def sign_up(self, username="Alice"):
        """Register with cookie delivery, without binding the session yet."""
        body = {"username": username, "password": "correct horse battery staple", "token_delivery": "cookie"}
        answer = self.send("/auth/register", body)
        assert answer.status == 201, answer.body
        return answer

    def log_in(self, username="Alice"):
        body = {"username": username, "password": "correct horse battery staple", "token_delivery": "cookie"}
        answer = self.send("/auth/login", body)
        assert answer.status == 200
        return answer

    def bind(self, **changes):
        """Answer the last invitation to bind a session."""
        proof = device_proof(self.key, self.registration[1], names_key=True, **changes)
        answer = self.send(START, headers={"Secure-Session-Response": proof})
        if answer.status == 200:
            self.session = answer.json
        return answer

    def challenged(self):
        """Ask for a challenge, and return it."""
        answer = self.send(REFRESH, headers=self.named())
        answer.assert_problem(403, "device_proof_required")
        challenge, identifier = _CHALLENGE.fullmatch(answer.headers["secure-session-challenge"]).groups()
        assert identifier == self.session["session_identifier"]
        return challenge

    def renew(self, challenge=None, **changes):
        """Renew the short cookie, by a challenge that was asked for before or a new one."""
        return self.send(REFRESH, headers=self.proven(challenge or self.challenged(), **changes))

    def proven(self, challenge, **changes):
        """Return the headers of a renewal by a challenge."""
        proof = device_proof(self.key, challenge, names_key=False, **changes)
        return {**self.named(), "Secure-Session-Response": proof}

    def refresh(self, **changes):
        return self.send("/auth/refresh", {}, **changes)

    def named(self):
        return {"Sec-Secure-Session-Id": self.session["session_identifier"]}

    def without_short_cookie(self):
        return {name: value for name, value in self.cookies.items() if name != SHORT_COOKIE}
