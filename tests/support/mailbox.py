"""The mails that the API has caused, wherever it runs, as a test reads them.

A test that looks for mails gets what was caused before: until that is sent it waits, and nothing comes later.
"""

import http.client
import json
import re
import time
from contextlib import closing
from urllib.parse import urlsplit

from chalicelib.mailer import handle
from chalicelib.mailer_wiring import Mailer, MailerClients
from infra.local.new_items import NewItems

# Seconds. A bound for what normally takes a fraction of it, not an expectation.
PATIENCE = 120
_CODE = re.compile(r"(?<![0-9])[0-9]{6}(?![0-9])")


class Mailbox:
    """The mails of one test, each with ``to``, ``subject``, ``text`` and ``html``."""

    def __init__(self, sent, settle=lambda: None):
        """Take what returns all mails, the newest first, and what returns when no other will come by itself.

        Where mails of earlier tests are still among them, they have an ``id``.
        """
        self._sent = sent
        self._settle = settle
        self._earlier = {mail["id"] for mail in sent() if "id" in mail}

    def all(self, to=None):
        """Return the mails, the newest first. With ``to``, those to an address."""
        self._settle()
        mails = [mail for mail in self._sent() if mail.get("id") not in self._earlier]
        return [mail for mail in mails if to is None or mail["to"].casefold() == to.casefold()]

    def newest(self, to=None):
        """Return the newest mail, or that to an address. None if there is none."""
        return next(iter(self.all(to)), None)

    def token(self, to, purpose):
        """Return the token in the newest mail to an address that has a link, which is for this purpose.

        The purposes are ``register``, ``email`` and ``reset``. A notice that is asked for within the same second may be
        newer.
        """
        text = self._text(to, having="/account.html#")
        tokens = set(re.findall(rf"/account\.html#{purpose}=([A-Za-z0-9_-]+)", text))
        assert len(tokens) == 1, text
        return tokens.pop()

    def code(self, to):
        """Return the code in the newest mail to an address."""
        text = self._text(to)
        codes = set(_CODE.findall(text))
        assert len(codes) == 1, text
        return codes.pop()

    def _text(self, to, *, having=""):
        mail = next((mail for mail in self.all(to) if having in mail["text"]), None)
        assert mail is not None, (
            f"no mail has come for {to}, but {[(mail['to'], mail['subject']) for mail in self.all()]}"
        )
        return mail["text"]


class InProcess:
    """The mailer in this process, over moto: it is called when a test looks for mails, for each that waits."""

    def __init__(self, settings, dynamodb, clock):
        self._table = settings["LYCHGATE_MAIL_TABLE"]
        self._dynamodb = dynamodb
        self._sent = []
        clients = MailerClients(dynamodb=lambda: dynamodb, ses=lambda _region: self, wait_a_second=lambda: None)
        self._mailer = Mailer(settings, clients=clients, clock=clock)
        self._clock = clock

    def mailbox(self):
        """Return the mails that are sent from now on."""
        return Mailbox(lambda: self._sent[::-1], self.deliver)

    def deliver(self):
        """Pass on what waits, as the stream of the table would, and assert that nothing is left."""
        waiting = sorted(self._waiting(), key=lambda item: int(item["at"]["N"]))
        if not waiting:
            return
        stream = NewItems(self._table, "mail_id")
        for item in waiting:
            stream.add(item)
        assert handle({"Records": stream.take()}, None, self._mailer) == {"batchItemFailures": []}
        assert not self._waiting()

    def send_email(self, FromEmailAddress, Destination, Content, **_):  # noqa: N803 - as SES has them
        """Be SES, as far as the mailer calls it."""
        (to,) = Destination["ToAddresses"]
        message = Content["Simple"]
        parts = {name: message["Body"][part]["Data"] for name, part in (("text", "Text"), ("html", "Html"))}
        mail = {"from": FromEmailAddress, "to": to, "subject": message["Subject"]["Data"], "at": self._clock(), **parts}
        self._sent.append(mail)
        return {"MessageId": f"in-process-{len(self._sent)}"}

    def _waiting(self):
        # What has been sent is left out before it is read: that is slow in moto, and it becomes more and more.
        names = {"#kind": "kind", "#sent_at": "sent_at", "#outcome": "outcome"}
        condition = "attribute_exists(#kind) AND attribute_not_exists(#sent_at) AND attribute_not_exists(#outcome)"
        found = self._dynamodb.scan(
            TableName=self._table, ConsistentRead=True, FilterExpression=condition, ExpressionAttributeNames=names
        )
        return found["Items"]


def is_waiting(item):
    """Whether the mailer has yet to do something for an item of the mail table."""
    return "kind" in item and not {"sent_at", "outcome"} & item.keys()


def until_nothing_waits(items):
    """Wait until the mailer, which runs elsewhere, has done its work for the items that ``items`` returns."""
    deadline = time.monotonic() + PATIENCE
    while waiting := [item for item in items() if is_waiting(item)]:
        assert time.monotonic() < deadline, f"the mailer has left {waiting}"
        time.sleep(0.02)


def kept_at(url):
    """Return what reads a mailbox of this machine, such as ``http://127.0.0.1:8000/_mailbox.json``."""
    place = urlsplit(url)

    def sent():
        with closing(http.client.HTTPConnection(place.hostname, place.port, timeout=PATIENCE)) as connection:
            connection.request("GET", place.path)
            response = connection.getresponse()
            body = response.read()
            assert response.status == 200, body
            return json.loads(body)

    return sent
