"""A session of somebody who is logged in elsewhere too: with a program, which needs no page."""

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
        self._headers = {"Content-Type": "application/json", "User-Agent": user_agent}
        status, tokens = self._post("login", {"username": visitor.username, "password": PASSWORD})
        assert status == 200, tokens
        self._refresh_token = tokens["refresh_token"]

    def goes_on(self):
        """Tell whether the API still knows the session."""
        status, answer = self._post("refresh", {"refresh_token": self._refresh_token})
        if status == 200:
            self._refresh_token = answer["refresh_token"]
        else:
            assert (status, answer["error"]) == (401, "invalid_grant")
        return status == 200

    def _post(self, path, body):
        request = urllib.request.Request(f"{self._url}/api/auth/{path}", json.dumps(body).encode(), self._headers)
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())
