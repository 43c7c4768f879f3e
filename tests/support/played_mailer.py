"""A mailer for the tests of the API: it delivers what waits in the outbox when a test looks into its mailbox."""

import hashlib

from chalicelib.adapters.dynamodb.attributes import from_item, to_item
from chalicelib.adapters.dynamodb.items import user_from_item
from chalicelib.adapters.dynamodb.outbox import DynamoDBOutbox
from chalicelib.adapters.dynamodb.transactions import Database
from chalicelib.credentials.mailed import LIFETIMES, code_digest, new_code, new_token, token_digest
from chalicelib.credentials.throttling import MailRules
from chalicelib.errors import TooManyMails

SITE = "https://site.example"


class PlayedMailbox:
    """What was sent, newest first. Each look delivers what waits."""

    def __init__(self, client, tables, clock):
        self._client = client
        self._tables = tables
        self._clock = clock
        self._outbox = DynamoDBOutbox(Database(client, tables), MailRules(per_ip=1, per_day=1))
        self._sent = []

    def all(self, to=None):
        """Return all mails, newest first, to an address if one is given."""
        self._deliver()
        return [mail for mail in reversed(self._sent) if to in (None, mail["to"])]

    def newest(self, to):
        """Return the newest mail to an address, None if there is none."""
        return next(iter(self.all(to)), None)

    def token(self, to, purpose):
        """Return the token of the newest mail to an address, whose link has to be for this purpose."""
        link = f"{SITE}/account.html#{purpose}="
        text = self.newest(to)["text"]
        assert link in text, text
        return text.partition(link)[2].split()[0]

    def code(self, to):
        """Return the code of the newest mail to an address."""
        kind, _, code = self.newest(to)["text"].partition(" code=")
        assert kind == "login_code"
        return code

    def _deliver(self):
        scanned = self._client.scan(TableName=self._tables.mail, ConsistentRead=True)["Items"]
        waiting = [from_item(item) for item in scanned]
        for item in sorted(waiting, key=lambda item: item.get("at", 0)):
            if "kind" in item and "sent_at" not in item and "outcome" not in item:
                self._write(item, self._deliver_one(item))

    def _deliver_one(self, item):
        """Send a mail. Return what its item gets."""
        kind, carried, known = item["kind"], {}, False
        if kind == "register":
            to, known = item["to"], self._user(item["name_key"]) is not None
        else:
            user = self._recipient(item)
            to = self._address(item, user)
            if to is None:
                return {"outcome": "nobody"}
            carried = {"user_id": user.id, "username": user.username}
            carried["password_version"] = self._raw(user).get("password_version", 0)
        if kind in LIFETIMES and not item["counted"]:
            by_owner = item.get("known_user_id") if item.get("known_user_id") == carried.get("user_id") else None
            try:
                self._outbox.count_address(to, kind, by_owner, item["at"])
            except TooManyMails:
                return {"outcome": "budget"}
        carried["email"] = to
        text = "register_known" if known else kind
        if kind == "login_code":
            code = new_code()
            carried["code_digest"] = code_digest(code, item["mail_id"])
            text += f" code={code}"
        elif kind in LIFETIMES and not known:
            token = new_token(item["mail_id"])
            carried["token_digests"] = (token_digest(token),)
            text += f" {SITE}/account.html#{kind}={token}"
        self._sent.append({"to": to, "subject": kind, "text": text, "html": "", "at": item["at"]})
        return {**carried, "sent_at": self._clock()}

    def _recipient(self, item):
        if "user_id" in item:
            user = self._user(item["name_key"])
            return user if user is not None and user.id == item["user_id"] else None
        owned = from_item(self._item(item["address_key"]) or {})
        if "owner_id" in owned:
            user = self._user(hashlib.sha256(owned["owner_name"].casefold().encode()).hexdigest())
            if user is not None and user.id == owned["owner_id"]:
                return user
        return self._user(item["name_key"])

    def _address(self, item, user):
        if user is None or user.disabled:
            return None
        if item["kind"] == "email":
            waits = user.contact is not None and user.contact.unconfirmed == item["to"]
            return item["to"] if waits else None
        return item.get("to", user.verified_email)

    def _user(self, key):
        return user_from_item(self._item(key))

    def _raw(self, user):
        return from_item(self._item(hashlib.sha256(user.username_key.encode()).hexdigest()))

    def _item(self, key):
        found = self._client.get_item(
            TableName=self._tables.users, Key={"username_key": {"S": key}}, ConsistentRead=True
        )
        return found.get("Item")

    def _write(self, item, members):
        sets = ", ".join(f"#{name} = :{name}" for name in members)
        self._client.update_item(
            TableName=self._tables.mail,
            Key=to_item({"mail_id": item["mail_id"]}),
            UpdateExpression=f"SET {sets}",
            ExpressionAttributeNames={f"#{name}": name for name in members},
            ExpressionAttributeValues=to_item({f":{name}": value for name, value in members.items()}),
        )
