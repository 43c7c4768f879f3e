"""A page at `http://localhost`, and people with passkeys there."""

import base64
import json

JSON = {"Content-Type": "application/json"}
ALICE = {"username": "alice", "password": "correct horse battery staple"}


def claims(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


class Browser:
    """A browser with a page that it opened under a name of this machine."""

    def __init__(self, ask, root, name="localhost"):
        self._ask = ask
        self.port, _, below = root.removeprefix("http://127.0.0.1:").partition("/")
        self._below = f"/{below}" if below else ""
        self.origin = f"http://{name}:{self.port}"
        self._headers = JSON | {"Host": f"{name}:{self.port}", "Origin": self.origin, "Sec-Fetch-Site": "same-origin"}
        self.cookie = ""

    def page(self):
        return self._ask(int(self.port), "GET", "/", {"Host": self._headers["Host"]})

    def post(self, path, members, access_token=None):
        headers = self._headers | ({"Authorization": f"Bearer {access_token}"} if access_token else {})
        headers |= {"Cookie": self.cookie} if self.cookie else {}
        answer = self._ask(int(self.port), "POST", f"{self._below}{path}", headers, json.dumps(members).encode())
        if answer.headers["Set-Cookie"]:
            self.cookie = answer.headers["Set-Cookie"].partition(";")[0]
        assert answer.headers["Access-Control-Allow-Origin"] == self.origin
        return answer.status, json.loads(answer.body)

    def preflight(self, path):
        asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
        return self._ask(int(self.port), "OPTIONS", f"{self._below}{path}", self._headers | asked)


def with_a_passkey(browser, authenticator, person=ALICE, *, origin=None):
    """Sign up and add a passkey. Return the status of the answer to the new passkey."""
    _, tokens = browser.post("/auth/register", person | {"token_delivery": "cookie"})
    status, options = browser.post("/auth/passkeys/options", {}, tokens["access_token"])
    assert (status, options["publicKey"]["rp"]["id"]) == (200, "localhost")
    made = authenticator.create(options["publicKey"], origin or browser.origin)
    members = {"challenge": options["challenge"], "credential": made}
    return browser.post("/auth/passkeys", members, tokens["access_token"])[0]


def log_in(browser, authenticator):
    _, options = browser.post("/auth/login/passkey/options", {})
    answer = authenticator.get(options["publicKey"], browser.origin)
    members = {"challenge": options["challenge"], "credential": answer, "token_delivery": "cookie"}
    return browser.post("/auth/login/passkey", members)
