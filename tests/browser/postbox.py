"""The mailbox of a development server, as its users wait for mails there."""

import re

from tests.browser.development_server import eventually
from tests.support.mailbox import kept_at

_LINK = re.compile(r"http://\S+/account\.html#\w+=[\w-]+")
_CODE = re.compile(r"(?<![\w-])\d{3} ?\d{3}(?![\w-])")


class Postbox:
    """The mails that a server has sent to one address."""

    def __init__(self, server, address):
        self.address = address
        self._kept = kept_at(f"{server.url}/_mailbox.json")

    def mails(self):
        """Return what has come so far, the newest first."""
        return [mail for mail in self._kept() if mail["to"] == self.address]

    def link(self, purpose, count=1):
        """Wait until ``count`` links of this purpose have come, and return the newest."""
        found = eventually(lambda: self._found(_LINK, f"#{purpose}=", count))
        return found[0]

    def code(self, count=1):
        """Wait until ``count`` codes have come, and return the newest."""
        return eventually(lambda: self._found(_CODE, "", count))[0]

    def subject(self, text):
        """Wait for a mail that has this in its subject."""
        return eventually(lambda: [mail for mail in self.mails() if text.lower() in mail["subject"].lower()])[0]

    def _found(self, pattern, part, count):
        found = [each for mail in self.mails() for each in pattern.findall(mail["text"])[:1] if part in each]
        return found if len(found) >= count else None
