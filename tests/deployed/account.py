"""The deployment in an AWS account: all functions with their roles, over the database, SES, and what users do there."""

import copy
import json

import boto3
from botocore.config import Config

from chalicelib.adapters.dynamodb.administrators import KEY
from chalicelib.adapters.dynamodb.factor_uses import passkey_key
from chalicelib.adapters.dynamodb.items import user_key
from chalicelib.credentials.webhook_secrets import new_secret
from tests.deployed.aws_authorization import AuthorizingAws, Role, credentials, log_permissions, mapping_permissions
from tests.support import places
from tests.support.administrators import Administrators
from tests.support.api_client import as_header, over_http
from tests.support.factors_over_http import first_step, second_step, with_totp
from tests.support.mailbox import Mailbox
from tests.support.packaged.api_gateway import ApiGateway
from tests.support.packaged.function import LambdaFunction
from tests.support.packaged.mail_service import MailService
from tests.support.packaged.mailer import MAILER, PackagedMailer
from tests.support.packaged.webhooks import WEBHOOKS, Receiver, mapping_of

PASSWORD = "correct horse battery staple"
NEW_PASSWORD = "a quite different passphrase"
RESET_PASSWORD = "yet another one, by a mailed link"
WRONG = "wrong horse battery staple"
WEBHOOK_SECRET = new_secret()
ADDRESS = "alice@mail.example"
NEW_ADDRESS = "alice@other.example"


class Account:
    """All functions of the package, each with its role, whose policy tests may change."""

    def __init__(self, package, database, dynamodb_local, clock, folder):
        self.clock = clock
        self.policies = {name: copy.deepcopy(function.policy) for name, function in package.functions.items()}
        self.roles = {name: Role(credentials(name), copy.deepcopy(policy)) for name, policy in self.policies.items()}
        local = places.Database(dynamodb_local.endpoint, "any")
        self.tables = places.Tables(local, places.FOUNDATION.stage)
        self.mails = MailService(places.FOUNDATION.mail_identity, (places.CONFIGURATION_SET,))
        self.aws = AuthorizingAws(database, self.roles.values(), tables=local, mails=self.mails)
        overrides = {
            "AWS_ENDPOINT_URL": self.aws.endpoint,
            "LYCHGATE_TEST_CLOCK": str(clock.path),
            "LYCHGATE_MAX_SESSIONS": "2",
        }
        self.receiver = Receiver(folder)
        self.functions = {
            name: LambdaFunction(
                package,
                name,
                {**overrides, **(self.receiver.environment if name == WEBHOOKS else {})},
                credentials=role.credentials,
                bootstrap=places.CLOCK_FOLDER / "lambda_under_clock.py",
            )
            for name, role in self.roles.items()
        }
        self.mailer = PackagedMailer(self.functions[MAILER], self.mails, places.FOUNDATION.mail_table, local)
        self.events = mapping_of(self.functions[WEBHOOKS], places.FOUNDATION.events_table, local)
        self._gateway = ApiGateway(package, self.functions, clock=clock, api_keys=[places.DISTRIBUTION_SECRET])
        self._server = places.distribution_before(self._gateway).serve()
        self.api = over_http(self._server.port, below="/api")

    def begin(self, changed=()):
        """Start from nothing, with the roles' policies as given."""
        self.aws.around = None
        self.tables.empty()
        self.mailer.begin()
        self.events.skip()
        self.events.discarded.clear()
        self.receiver.begin()
        self.mailbox = Mailbox(self.mailer.received, self.mailer.deliver)
        self.clock.reset()
        self._gateway.forget_authorizations()
        for function in self.functions.values():
            function.recent_log.clear()
        for name, role in self.roles.items():
            role.policy = dict(changed).get(name, self.policies[name])
            role.used.clear()
            role.denied.clear()

    def client(self, role, service):
        """A client of AWS's with the credentials of a function's role."""
        credentials = self.roles[role].credentials
        return boto3.client(
            service,
            region_name=places.REGION,
            endpoint_url=self.aws.endpoint,
            aws_access_key_id=credentials.access_key_id,
            aws_secret_access_key=credentials.secret_access_key,
            aws_session_token=credentials.session_token,
            config=Config(retries={"total_max_attempts": 1}),
        )

    def live(self):
        """Do all that users can do, and what the log must keep of it. Raises where it fails, whatever it is."""
        self.live_by_password()
        self.tables.empty()
        self.live_by_second_factor()
        self.tables.empty()
        self.live_with_mails()
        self.tables.empty()
        self.live_as_administrators()
        self.live_with_webhooks()

    def live_with_mails(self):
        """Do the part of it that a mailer has to do with."""
        self.live_by_mail()
        assert [name for name in self.roles if not self._log_arrives(name)] == []
        assert self._mapping_works()

    def live_with_webhooks(self):
        """Do something that the site's endpoint is told of."""
        self.tables.empty()
        self.events.skip()
        self.receiver.begin()
        user = self.api.register().json["user"]
        with self.events.retrying_at_most(1):
            self.events.deliver()
        assert self.events.discarded == []
        (message,) = self.receiver.messages()
        assert (message["type"], message["data"]["user_id"]) == ("account.registered", user["id"])
        assert self._log_arrives(WEBHOOKS)
        needed = mapping_permissions(places.FOUNDATION.events_stream, places.FOUNDATION.webhook_dead_letters)
        allowed = [self.roles[WEBHOOKS].allows(*permission) for permission in needed]
        assert all(allowed)

    def live_by_password(self):
        """Do what needs no mail."""
        api, clock = self.api, self.clock
        assert api.register().status == 201
        for _ in range(5):
            assert api.login(password=WRONG).status == 401
        assert api.login().status == 429
        clock.advance(1)
        first = api.login().json
        # The third of two sessions ends the oldest.
        second = api.login().json
        assert len(api.bearer("GET", "/auth/sessions", second["access_token"]).json["sessions"]) == 2
        refreshed = api.refresh(second["refresh_token"])
        assert refreshed.status == 200
        clock.advance(21)
        assert api.refresh(second["refresh_token"]).status == 401
        assert api.refresh(refreshed.json["refresh_token"]).status == 401
        assert api.me(first["access_token"]).status == 200
        third = api.login().json
        (other,) = [
            session["id"]
            for session in api.bearer("GET", "/auth/sessions", third["access_token"]).json["sessions"]
            if not session["current"]
        ]
        clock.advance(901)
        renewed = api.refresh(third["refresh_token"]).json
        assert api.bearer("DELETE", f"/auth/sessions/{other}", renewed["access_token"]).status == 401
        password = {"password": PASSWORD}
        third = api.bearer("POST", "/auth/reauthenticate", renewed["access_token"], password).json
        assert api.bearer("DELETE", f"/auth/sessions/{other}", third["access_token"]).status == 204
        members = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
        changed = api.bearer("PUT", "/auth/password", third["access_token"], members)
        assert changed.status == 200
        assert api.logout(changed.json["refresh_token"]).status == 204
        fourth = api.login(password=NEW_PASSWORD).json
        assert api.bearer("POST", "/auth/logout-all", fourth["access_token"]).status == 204
        fifth = api.login(password=NEW_PASSWORD).json
        shown = api.bearer("GET", "/dashboard", fifth["access_token"])
        assert (shown.status, len(shown.json["recent_events"])) == (200, 14)
        self._give_a_passkey("alice")
        self._delete(fifth["access_token"], NEW_PASSWORD)

    def live_by_second_factor(self):
        """Do what needs an authenticator app."""
        api = self.api
        app, _ = with_totp(api, self.clock, api.register().json["access_token"])
        logged_in = second_step(api, first_step(api)["challenge"], code=app.next_code())
        assert logged_in.status == 200, logged_in
        self._delete(logged_in.json["access_token"], PASSWORD)

    def live_by_mail(self):
        """Do what needs mails."""
        api, mailbox, clock = self.api, self.mailbox, self.clock
        token = api.register(email=ADDRESS).json["access_token"]
        assert api.post("/auth/email/confirm", {"token": mailbox.token(ADDRESS, "email")}).status == 204
        clock.advance(61)
        assert api.post("/auth/password/forgot", {"username": ADDRESS}).status == 202
        members = {"token": mailbox.token(ADDRESS, "reset"), "new_password": RESET_PASSWORD}
        assert api.post("/auth/password/reset", members).status == 204
        assert "password" in mailbox.newest(to=ADDRESS)["subject"]
        clock.advance(61)
        challenge = api.post("/auth/login/code", {"username": "alice"}).json["challenge"]
        members = {"challenge": challenge, "code": mailbox.code(ADDRESS)}
        token = api.post("/auth/login/code/verify", members).json["access_token"]
        clock.advance(61)
        assert api.bearer("PUT", "/auth/email", token, {"email": NEW_ADDRESS}).status == 202
        assert api.post("/auth/email/confirm", {"token": mailbox.token(NEW_ADDRESS, "email")}).status == 204
        assert len(mailbox.all(to=ADDRESS)) == 5
        assert self.bounce(NEW_ADDRESS).error is None
        clock.advance(61)
        before = len(mailbox.all(to=NEW_ADDRESS))
        assert api.post("/auth/password/forgot", {"username": "alice"}).status == 202
        assert len(mailbox.all(to=NEW_ADDRESS)) == before
        assert api.bearer("DELETE", "/auth/email", token).status == 204
        self._delete(token, RESET_PASSWORD)
        # The mailer counts what a device asks for another account.
        bob = api.register("bob", token_delivery="cookie")
        headers = {"Cookie": as_header(*(cookie for cookie in bob.cookies if cookie.key.endswith("device")))}
        assert api.post("/auth/password/forgot", {"username": "alice"}, headers=headers).status == 202
        mailbox.all()
        assert self.mailer.mapping.discarded == []

    def live_as_administrators(self):
        """Do what administrators do, and what is done with it."""
        api = self.api
        administrators = Administrators(api, self.tables.client, places.FOUNDATION.users_table)
        root, bob = (administrators.register(name) for name in ("root", "bob"))
        made = root.create("alice", email=ADDRESS)
        assert made.status == 201, made
        alice = made.json["user"]["id"]
        members = {"token": made.json["link"].partition("#reset=")[2], "new_password": PASSWORD}
        assert api.post("/auth/password/reset", members).status == 204
        assert api.login().status == 200
        assert [user["id"] for user in root.users("?username=al").json["users"]] == [alice]
        assert [session["ip"] for session in root.show(alice).json["sessions"]] == ["127.0.0.1"]
        assert root.ask("POST", f"/users/{alice}/reset-password").status == 200
        self._give("alice", totp={"S": "sealed"}, totp_added_at={"N": "1"}, totp_step={"N": "1"})
        assert root.ask("DELETE", f"/users/{alice}/second-factor").status == 204
        assert root.ask("POST", f"/users/{alice}/logout-all").status == 204
        assert root.change(alice, roles=["admin"]).status == 200
        self._do_not_count(bob.id)
        assert root.change(bob.id, roles=["user"], disabled=True).status == 200
        assert bob.users().status in {401, 403}
        self._give_a_passkey("bob")
        assert root.delete(bob.id).status == 204
        self._give_a_passkey("root")
        self._do_not_count(root.id)
        assert api.bearer("POST", "/auth/delete-account", root.token, {"password": PASSWORD}).status == 204
        (left,) = [item for item in self.tables.items("users") if "user_id" in item]
        assert left["user_id"]["S"] == alice
        assert self.tables.sessions() == []
        assert [item for item in self.tables.items("users") if item["username_key"]["S"].startswith("passkey#")] == []
        assert self._log_arrives("admin")

    def bounce(self, address):
        """Let SES tell that an address does not exist, and return what the mailer said."""
        message = {
            "eventType": "Bounce",
            "mail": {"messageId": "the-message", "destination": [address]},
            "bounce": {
                "bounceType": "Permanent",
                "bounceSubType": "General",
                "bouncedRecipients": [{"emailAddress": address}],
            },
        }
        return self.functions[MAILER].invoke(sns_event(message))

    def _delete(self, token, password):
        assert self.api.bearer("POST", "/auth/delete-account", token, {"password": password}).status == 204
        assert self.tables.items("users") == self.tables.sessions() == []
        # What is left is that somebody has gone, and when.
        (entry,) = self.tables.items("events")
        assert entry["type"]["S"] == "account_deleted"

    def _do_not_count(self, user_id):
        """Let the item that counts administrators not know one, as one from before there was that item."""
        self.tables.client.update_item(
            TableName=places.FOUNDATION.users_table,
            Key=KEY,
            UpdateExpression="DELETE members :member",
            ExpressionAttributeValues={":member": {"SS": [user_id]}},
        )

    def _give_a_passkey(self, username):
        self._give(username, passkeys={"SS": ["a-passkey"]})
        self.tables.client.put_item(TableName=places.FOUNDATION.users_table, Item=passkey_key("a-passkey"))

    def _give(self, username, **attributes):
        """Give a user attributes, behind the API's back."""
        self.tables.client.update_item(
            TableName=places.FOUNDATION.users_table,
            Key=user_key(username),
            UpdateExpression=f"SET {', '.join(f'{name} = :{name}' for name in attributes)}",
            ExpressionAttributeValues={f":{name}": value for name, value in attributes.items()},
        )

    def _log_arrives(self, name):
        permissions = log_permissions(self.functions[name].definition.name, "2026/01/01/[$LATEST]0")
        allowed = [self.roles[name].allows(*permission) for permission in permissions]
        return all(allowed)

    def _mapping_works(self):
        needed = mapping_permissions(places.FOUNDATION.mail_stream, places.FOUNDATION.mail_dead_letters)
        allowed = [self.roles[MAILER].allows(*permission) for permission in needed]
        return all(allowed)

    def stop(self):
        self._server.stop()
        for function in self.functions.values():
            function.end()
        self.aws.stop()
        self.mails.stop()
        self.receiver.stop()


def sns_event(message):
    """The event in which SNS hands a message to a function ("Using AWS Lambda with Amazon SNS")."""
    notification = {"Type": "Notification", "Message": json.dumps(message)}
    return {"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": notification}]}
