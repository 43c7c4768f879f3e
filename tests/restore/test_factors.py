"""After a restore each passkey leads to its account and to no other, and nothing that was used up is good again."""

from base64 import b32decode
from datetime import UTC, datetime

import pytest
from botocore.client import BaseClient

from chalicelib.accounts.caller import Caller
from chalicelib.accounts.user import NO_PASSWORD
from chalicelib.adapters.dynamodb.factor_uses import passkey_key
from chalicelib.adapters.dynamodb.items import user_key
from chalicelib.credentials.totp import hotp, step_at
from chalicelib.errors import InvalidCode, SecondFactorRequired
from chalicelib.tokens.kinds import ACCESS_TOKEN
from tests.deployment.operator_here import raising
from tests.restore.conftest import USERS
from tests.support.authenticator import Authenticator
from tests.support.whole import verifier

__all__ = ["verifier"]

PASSWORD = "correct horse battery staple"
OTHER = "seven old oak boards and a latch"
ORIGIN = "https://site.example"
CALLER = Caller(ip="203.0.113.7", user_agent="test")


@pytest.fixture
def settings(environment):
    return environment | {"LYCHGATE_MAILS_PER_IP": "1000"}


class Person:
    """Somebody with an account, an authenticator and an authenticator app."""

    def __init__(self, name, use_cases, verifier, clock):
        self.name = name
        self._authenticators = {}
        self.recovery_codes = []
        self._use_cases, self._verifier, self._clock = use_cases, verifier, clock
        self._principal = self._of(use_cases.registration.register(name, PASSWORD, CALLER, email=None, language="en"))
        self._secret = None

    def _of(self, logged_in):
        return self._verifier.verify(ACCESS_TOKEN, logged_in.tokens.access_token)

    def add_app(self):
        new = self._use_cases.factors.begin_totp(self._principal)
        self._secret = new.secret
        self.recovery_codes = self._use_cases.factors.confirm_totp(self._principal, new.pending, self.code(), CALLER)

    def code(self):
        return hotp(b32decode(self._secret), step_at(self._clock.now))

    def add_passkey(self, label="Phone"):
        options = self._use_cases.passkeys.creation_options(self._principal)
        authenticator = Authenticator(counts=True)
        made = authenticator.create(options.public_key, ORIGIN)
        self._use_cases.passkeys.add(self._principal, options.challenge, made, label, CALLER)
        self._authenticators[made["id"]] = authenticator
        return made["id"]

    def remove_passkey(self, passkey_id):
        self._use_cases.passkeys.remove(self._principal, passkey_id, CALLER)

    def log_in(self, password=PASSWORD, **second):
        try:
            logged_in = self._use_cases.log_in.with_password(self.name, password, CALLER)
        except SecondFactorRequired as required:
            self._clock.advance(30)
            answer = second or {"code": self.code()}
            logged_in = self._use_cases.second_factor.log_in(required.challenge, CALLER, **answer)
        self._principal = self._of(logged_in)

    def log_in_with_passkey(self, passkey_id):
        options = self._use_cases.passkeys.request_options()
        answer = self._authenticators[passkey_id].get(options.public_key, ORIGIN)
        self._principal = self._of(self._use_cases.passkeys.log_in(options.challenge, answer, CALLER))

    def change_password(self):
        self._use_cases.account.change_password(self._principal, PASSWORD, OTHER, CALLER)
        self.log_in(OTHER)

    def replace_recovery_codes(self):
        self.recovery_codes = self._use_cases.factors.replace_recovery_codes(self._principal, CALLER)

    def delete(self):
        self._use_cases.account.delete_account(self._principal, PASSWORD, CALLER)


@pytest.fixture
def person(application, verifier, clock):
    return lambda name: Person(name, application.lychgate.use_cases, verifier, clock)


@pytest.fixture
def restore(operator):
    """Restore the users to a moment."""

    def run(moment, *arguments):
        asked = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return operator.run("users", "--to", asked, *arguments)

    return run


@pytest.fixture
def passkeys(items):
    """Return the names of passkeys' owners by their ids, after a look that each account and each passkey fit."""

    def passkeys():
        found = items(USERS, "username_key")
        leading = {item["credential_id"]["S"]: item for item in found.values() if "credential_id" in item}
        assert all(passkey_key(each)["username_key"] == item["username_key"] for each, item in leading.items())
        accounts = {item["user_id"]["S"]: item for item in found.values() if "user_id" in item}
        listed = {
            each: item["username"]["S"] for item in accounts.values() for each in item.get("passkeys", {}).get("SS", [])
        }
        assert {each: item["owner_name"]["S"] for each, item in leading.items()} == listed
        assert all(accounts[item["owner_id"]["S"]]["username"] == item["owner_name"] for item in leading.values())
        return listed

    return passkeys


@pytest.fixture
def account(items):
    return lambda name: items(USERS, "username_key")[user_key(name)["username_key"]["S"]]


def test_the_passkeys_of_whoever_has_not_changed_stay(operator, person, remember, restore, passkeys):
    kim, lee = person("Kim"), person("Lee")
    of_kim = kim.add_passkey()
    moment = remember()
    lee.log_in()
    lee.change_password()

    assert restore(moment) == 0, operator.errors

    assert passkeys() == {of_kim: "Kim"}
    kim.log_in_with_passkey(of_kim)


def test_a_deleted_account_comes_back_with_app_codes_and_passkeys_and_all_of_them_work(
    operator, person, remember, restore, passkeys
):
    kim = person("Kim")
    of_kim = kim.add_passkey()
    kim.add_app()
    moment = remember()
    kim.log_in()
    kim.delete()
    assert passkeys() == {}

    assert restore(moment) == 0, operator.errors

    assert passkeys() == {of_kim: "Kim"}
    kim.log_in_with_passkey(of_kim)
    kim.log_in()
    kim.log_in(recovery_code=kim.recovery_codes[0])


def test_passkeys_are_again_those_of_then(operator, person, remember, restore, passkeys):
    kim = person("Kim")
    first, second = kim.add_passkey("First"), kim.add_passkey("Second")
    moment = remember()
    kim.log_in()
    kim.remove_passkey(first)
    since = kim.add_passkey("Since")
    assert passkeys() == dict.fromkeys((second, since), "Kim")

    assert restore(moment) == 0, operator.errors

    assert passkeys() == dict.fromkeys((first, second), "Kim")
    kim.log_in_with_passkey(first)
    with pytest.raises(InvalidCode):
        kim.log_in_with_passkey(since)


def test_a_passkey_that_is_there_still_keeps_its_counter_and_its_label(
    operator, person, remember, restore, items, passkeys
):
    kim = person("Kim")
    of_kim = kim.add_passkey()
    moment = remember()
    kim.log_in_with_passkey(of_kim)
    kim.change_password()
    before = items(USERS, "username_key")[passkey_key(of_kim)["username_key"]["S"]]
    assert int(before["sign_count"]["N"]) > 1

    assert restore(moment) == 0, operator.errors

    assert passkeys() == {of_kim: "Kim"}
    assert items(USERS, "username_key")[passkey_key(of_kim)["username_key"]["S"]] == before


def test_a_passkey_that_another_account_has_by_now_stays_with_that_one(
    operator, person, remember, restore, passkeys, dynamodb, account
):
    kim = person("Kim")
    of_kim = kim.add_passkey()
    moment = remember()
    kim.log_in()
    kim.delete()
    lee = person("Lee")
    of_lee = lee.add_passkey()
    # What no authenticator does, and no ceremony can refuse once Kim is gone.
    item = dynamodb.get_item(TableName=USERS, Key=passkey_key(of_lee))["Item"]
    dynamodb.put_item(TableName=USERS, Item=item | passkey_key(of_kim) | {"credential_id": {"S": of_kim}})
    dynamodb.update_item(
        TableName=USERS,
        Key=user_key("Lee"),
        UpdateExpression="ADD passkeys :id",
        ExpressionAttributeValues={":id": {"SS": [of_kim]}},
    )

    assert restore(moment) == 0, operator.errors

    assert passkeys() == {of_kim: "Lee", of_lee: "Lee"}
    assert "passkeys" not in account("Kim")


@pytest.mark.parametrize("lost", ["the passkey", "its id"])
def test_half_a_passkey_is_put_right(operator, person, remember, restore, passkeys, dynamodb, lost):
    kim, lee = person("Kim"), person("Lee")
    of_kim, of_lee = kim.add_passkey(), lee.add_passkey()
    moment = remember()
    if lost == "the passkey":
        dynamodb.delete_item(TableName=USERS, Key=passkey_key(of_kim))
    else:
        dynamodb.update_item(TableName=USERS, Key=user_key("Kim"), UpdateExpression="REMOVE passkeys")

    assert restore(moment) == 0, operator.errors

    assert passkeys() == {of_kim: "Kim", of_lee: "Lee"}
    kim.log_in_with_passkey(of_kim)


def test_passkeys_that_lead_to_nobody_and_ids_that_lead_to_no_passkey_go(
    operator, person, remember, restore, passkeys, dynamodb
):
    kim = person("Kim")
    of_kim = kim.add_passkey()
    item = dynamodb.get_item(TableName=USERS, Key=passkey_key(of_kim))["Item"]
    dynamodb.put_item(TableName=USERS, Item=item | passkey_key("bm9ib2R5") | {"credential_id": {"S": "bm9ib2R5"}})
    dynamodb.update_item(
        TableName=USERS,
        Key=user_key("Kim"),
        UpdateExpression="ADD passkeys :id",
        ExpressionAttributeValues={":id": {"SS": ["Z29uZQ"]}},
    )

    assert restore(remember()) == 0, operator.errors

    assert passkeys() == {of_kim: "Kim"}


def test_an_exact_restore_takes_the_passkeys_of_newer_accounts_with_them(operator, person, remember, restore, passkeys):
    kim = person("Kim")
    of_kim = kim.add_passkey()
    moment = remember()
    kim.log_in()
    kim.delete()
    person("Kim").add_passkey()
    person("Newer").add_passkey()

    assert restore(moment, "--exactly") == 0, operator.errors

    assert passkeys() == {of_kim: "Kim"}


def test_a_code_that_was_used_since_stays_used_and_changes_no_account(operator, person, remember, restore, account):
    kim = person("Kim")
    kim.add_app()
    moment = remember()
    kim.log_in(recovery_code=kim.recovery_codes[0])
    kim.log_in()

    assert restore(moment) == 0, operator.errors
    assert "1 accounts are as they were" in operator.said

    kim.change_password()
    step = account("Kim")["totp_step"]
    assert restore(moment) == 0, operator.errors
    assert "1 have changed since: restored" in operator.said
    assert len(account("Kim")["recovery"]["SS"]) == 9
    assert account("Kim")["totp_step"] == step
    with pytest.raises(InvalidCode):
        kim.log_in(recovery_code=kim.recovery_codes[0])
    kim.log_in(recovery_code=kim.recovery_codes[1])


def test_codes_that_were_replaced_come_back_and_their_users_are_named(operator, person, remember, restore):
    kim = person("Kim")
    kim.add_app()
    of_then = kim.recovery_codes
    moment = remember()
    kim.log_in()
    kim.replace_recovery_codes()
    kim.log_in(recovery_code=kim.recovery_codes[0])

    assert restore(moment) == 0, operator.errors

    assert (
        "1 accounts get recovery codes of then, of which some may have been used since. Ask their users to make new"
        " ones: Kim" in operator.said
    )
    kim.log_in(recovery_code=of_then[0])
    with pytest.raises(InvalidCode):
        kim.log_in(recovery_code=kim.recovery_codes[1])


def test_an_app_that_was_added_since_goes_with_all_that_belongs_to_it(operator, person, remember, restore, account):
    kim = person("Kim")
    moment = remember()
    kim.log_in()
    kim.add_app()

    assert restore(moment) == 0, operator.errors

    assert not {"totp", "totp_added_at", "totp_step", "recovery"} & set(account("Kim"))
    kim.log_in()


def test_a_passkey_that_somebody_adds_meanwhile_is_no_half_one(
    operator, person, remember, restore, passkeys, monkeypatch
):
    kim = person("Kim")
    moment = remember()
    kim.log_in()
    kim.add_passkey("Since")
    original = BaseClient._make_api_call
    meanwhile = [lambda: kim.add_passkey("Meanwhile")]

    def call(client, name, arguments):
        if name == "TransactWriteItems" and meanwhile:
            meanwhile.pop()()
        return original(client, name, arguments)

    with monkeypatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", call)
        assert restore(moment) == 0, operator.errors

    assert (passkeys(), meanwhile) == ({}, [])


def test_an_interrupted_restore_goes_on(operator, person, remember, restore, passkeys, monkeypatch):
    people = [person(name) for name in ("Kim", "Lee", "Max")]
    ids = {each.add_passkey(): each.name for each in people}
    moment = remember()
    for each in people:
        each.log_in()
        each.delete()
    with raising(monkeypatch, "TransactWriteItems", KeyboardInterrupt(), after=2):
        assert restore(moment) == 130
    assert restore(moment) == 0, operator.errors
    assert passkeys() == ids


class TestOfPeppers:
    def test_a_user_without_a_password_needs_none(self, operator, person, remember, restore, dynamodb):
        person("Kim").add_passkey()
        dynamodb.update_item(
            TableName=USERS,
            Key=user_key("Kim"),
            UpdateExpression="SET password_hash = :none",
            ExpressionAttributeValues={":none": {"S": NO_PASSWORD}},
        )
        moment = remember()
        assert operator.run("drill") == 0, operator.errors
        assert restore(moment) == 0, operator.errors

    def test_that_of_an_app_is_missed_by_a_drill_and_by_a_restore(self, operator, person, remember, restore, dynamodb):
        kim = person("Kim")
        kim.add_app()
        dynamodb.update_item(
            TableName=USERS,
            Key=user_key("Kim"),
            UpdateExpression="SET totp = :sealed",
            ExpressionAttributeValues={":sealed": {"S": "p00000001.AAAA"}},
        )
        moment = remember()
        for run in (lambda: operator.run("drill"), lambda: restore(moment)):
            assert run() == 1
            assert "lacks peppers that passwords and second factors need: p00000001 (1 accounts)" in operator.errors
