"""A mailer for tests that are not about mails: it writes into the outbox what the mailer does, and keeps what it sent.

It charges no budget, renders nothing and sends nothing.
"""

from dataclasses import dataclass

from chalicelib.accounts.mail import MailKind
from chalicelib.adapters.dynamodb.attributes import to_item
from chalicelib.adapters.dynamodb.items import user_from_item
from chalicelib.adapters.dynamodb.mails import mail_key
from chalicelib.credentials.mailed import code_digest, new_code, new_token, token_digest

WITH_TOKEN = (MailKind.REGISTER, MailKind.EMAIL, MailKind.RESET, MailKind.INVITATION)


@dataclass(frozen=True)
class Letter:
    kind: MailKind
    to: str
    mail_id: str
    user_id: str | None = None
    expires_at: int | None = None
    token: str | None = None
    code: str | None = None


class PostOffice:
    """Sends what is in the outbox of these tables, when it is told to."""

    def __init__(self, client, tables):
        self._client = client
        self._tables = tables
        self.letters = []

    def deliver(self):
        """Send what was not sent yet, and return it in the order in which it was asked for."""
        items = self._client.scan(TableName=self._tables.mail, ConsistentRead=True)["Items"]
        waiting = [item for item in items if "kind" in item and not item.keys() & {"sent_at", "outcome"}]
        waiting.sort(key=lambda item: int(item["at"]["N"]))
        sent = [letter for item in waiting if (letter := self._send(item)) is not None]
        self.letters += sent
        return sent

    def only(self, kind):
        """Deliver, and return the one letter of this kind."""
        (letter,) = (letter for letter in self.deliver() if letter.kind is kind)
        return letter

    def _send(self, item):
        kind, mail_id = MailKind(item["kind"]["S"]), item["mail_id"]["S"]
        user, version = self._addressee(item)
        to = self._address(kind, item, user)
        if to is None:
            self._note(mail_id, outcome="nobody")
            return None
        added = {"email": to, "sent_at": int(item["at"]["N"])}
        if user is not None:
            added |= {"user_id": user.id, "username": user.username, "password_version": version}
        token = code = None
        if kind in WITH_TOKEN and not (kind is MailKind.REGISTER and user is not None):
            token = new_token(mail_id)
            added["token_digests"] = (token_digest(token),)
        if kind is MailKind.LOGIN_CODE:
            code = new_code()
            added["code_digest"] = code_digest(code, mail_id)
        self._note(mail_id, **added)
        expires_at = int(item["expires_at"]["N"]) if "expires_at" in item else None
        return Letter(kind, to, mail_id, user and user.id, expires_at, token, code)

    def _addressee(self, item):
        """Return the user that a mail is for and how often the password has changed, None if there is nobody."""
        name = item.get("name_key")
        if "user_id" not in item and "address_key" in item:
            pointer = self._read(item["address_key"])
            if pointer is not None:
                found = self._user_of_pointer(pointer)
                return found if found[0] is not None else self._user(name)
        user, version = self._user(name)
        if user is not None and "user_id" in item and user.id != item["user_id"]["S"]:
            return None, 0
        return user, version

    def _user_of_pointer(self, pointer):
        from chalicelib.adapters.dynamodb.items import user_key

        user, version = self._user(user_key(pointer["owner_name"]["S"])["username_key"])
        return (user, version) if user is not None and user.id == pointer["owner_id"]["S"] else (None, 0)

    def _user(self, key):
        item = self._read(key) if key is not None else None
        user = user_from_item(item)
        return user, int((item or {}).get("password_version", {"N": "0"})["N"])

    def _address(self, kind, item, user):
        to = item.get("to", {}).get("S")
        if user is not None and user.disabled:
            return None
        if kind is MailKind.REGISTER:
            return to
        if kind is MailKind.EMAIL:
            waits = user is not None and user.contact is not None and user.contact.unconfirmed == to
            return to if waits else None
        if user is None:
            return None
        return to or user.verified_email

    def _read(self, key):
        found = self._client.get_item(TableName=self._tables.users, Key={"username_key": key}, ConsistentRead=True)
        return found.get("Item")

    def _note(self, mail_id, **added):
        self._client.update_item(
            TableName=self._tables.mail,
            Key=mail_key(mail_id),
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in added),
            ExpressionAttributeNames={f"#{name}": name for name in added},
            ExpressionAttributeValues=to_item({f":{name}": value for name, value in added.items()}),
        )
