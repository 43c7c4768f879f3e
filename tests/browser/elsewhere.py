"""Whoever calls the API without a page: a program, and a session that somebody has elsewhere."""

import json
import urllib.error
import urllib.request

from tests.browser.visitor import PASSWORD

CHROME_ON_LINUX = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36"
)


class Elsewhere:
    """One more session of a visitor."""

    def __init__(self, visitor, user_agent=CHROME_ON_LINUX):
        self._url = visitor.url
        self._headers = {"User-Agent": user_agent}
        account = {"username": visitor.username, "password": PASSWORD}
        status, tokens = send(self._url, "/auth/login", account, **self._headers)
        assert status == 200, tokens
        self._refresh_token = tokens["refresh_token"]

    def goes_on(self):
        """Tell whether the API still knows the session."""
        status, answer = send(self._url, "/auth/refresh", {"refresh_token": self._refresh_token}, **self._headers)
        if status == 200:
            self._refresh_token = answer["refresh_token"]
        else:
            assert (status, answer["error"]) == (401, "invalid_grant")
        return status == 200


def send(url, path, body, **headers):
    """Send what a client without a browser would send, and return the status and the body of the answer."""
    request = urllib.request.Request(
        f"{url}/api{path}", json.dumps(body).encode(), {"Content-Type": "application/json", **headers}
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())
