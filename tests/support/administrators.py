"""Administrators in tests of what speaks HTTP: how one comes to be, and what one asks."""

from chalicelib.adapters.dynamodb import administrators
from chalicelib.adapters.dynamodb.attributes import to_item
from chalicelib.adapters.dynamodb.items import user_key


class Administrators:
    """Makes administrators of users, and asks in their name."""

    def __init__(self, api, dynamodb, table):
        self._api = api
        self._dynamodb = dynamodb
        self._table = table

    def register(self, username):
        """Return an administrator who has just registered."""
        tokens = self._api.register(username).json
        self.promote(username)
        return Administrator(self._api, tokens)

    def promote(self, username):
        """Give a user the role, behind the API's back and as the store does."""
        user = self._dynamodb.update_item(
            TableName=self._table,
            Key=user_key(username),
            UpdateExpression="SET #roles = :roles",
            ExpressionAttributeNames={"#roles": "roles"},
            ExpressionAttributeValues=to_item({":roles": ("admin", "user")}),
            ReturnValues="ALL_NEW",
        )["Attributes"]
        self._dynamodb.update_item(
            TableName=self._table,
            Key=administrators.KEY,
            UpdateExpression="ADD members :member",
            ExpressionAttributeValues={":member": {"SS": [user["user_id"]["S"]]}},
        )


class Administrator:
    """Somebody with the role, and an access token."""

    def __init__(self, api, tokens):
        self._api = api
        self.token = tokens["access_token"]
        self.id = tokens["user"]["id"]

    def ask(self, method, path, members=None):
        return self._api.bearer(method, f"/admin{path}", self.token, members)

    def users(self, query=""):
        return self.ask("GET", f"/users{query}")

    def create(self, username, **members):
        return self.ask("POST", "/users", {"username": username, **members})

    def show(self, user_id):
        return self.ask("GET", f"/users/{user_id}")

    def change(self, user_id, **members):
        return self.ask("PATCH", f"/users/{user_id}", members)

    def delete(self, user_id):
        return self.ask("DELETE", f"/users/{user_id}")
