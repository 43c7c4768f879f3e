"""After a restore each verified address leads to its account, and to no other."""

from datetime import UTC, datetime

import pytest

from chalicelib.accounts.caller import Caller
from chalicelib.accounts.mail import MailKind
from chalicelib.adapters.dynamodb.items import address_key, user_key
from chalicelib.errors import LinkExpired
from chalicelib.tokens.kinds import ACCESS_TOKEN
from tests.deployment.operator_here import raising
from tests.restore.conftest import USERS
from tests.support.post_office import PostOffice
from tests.support.verified_addresses import names_by_address
from tests.support.whole import verifier

__all__ = ["verifier"]

PASSWORD = "correct horse battery staple"
OTHER = "seven old oak boards and a latch"
CALLER = Caller(ip="203.0.113.7", user_agent="test")
KIMS, LEES = "kim@example.org", "lee@example.org"


@pytest.fixture
def settings(environment):
    return environment | {"LYCHGATE_MAILS_PER_IP": "1000"}


@pytest.fixture
def use_cases(application):
    return application.lychgate.use_cases


@pytest.fixture
def post(application, dynamodb):
    return PostOffice(dynamodb, application.lychgate.settings.tables)


@pytest.fixture
def principal(use_cases, verifier):
    def principal(name, password=PASSWORD):
        logged_in = use_cases.log_in.with_password(name, password, CALLER)
        return verifier.verify(ACCESS_TOKEN, logged_in.tokens.access_token)

    return principal


@pytest.fixture
def register(use_cases, post, clock):
    """Create an account with a verified address, or without one."""

    def register(name, email=None):
        clock.advance(60)
        use_cases.registration.register(name, PASSWORD, CALLER, email=email, language="en")
        if email is not None:
            use_cases.addresses.confirm(post.only(MailKind.EMAIL).token, CALLER)

    return register


@pytest.fixture
def change(use_cases, post, principal, clock):
    def change(name, email):
        clock.advance(60)
        use_cases.addresses.change(principal(name), email, CALLER, language="en")
        use_cases.addresses.confirm(post.only(MailKind.EMAIL).token, CALLER)

    return change


@pytest.fixture
def delete(use_cases, principal):
    return lambda name: use_cases.account.delete_account(principal(name), PASSWORD, CALLER)


@pytest.fixture
def reset(use_cases, post):
    """Choose another password by a mail to a name or an address."""

    def reset(name):
        use_cases.password_reset.ask(name, CALLER, device=None, language="en")
        use_cases.password_reset.reset(post.only(MailKind.RESET).token, OTHER, CALLER)

    return reset


@pytest.fixture
def restore(operator):
    """Restore the users to a moment."""

    def run(moment, *arguments):
        asked = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return operator.run("users", "--to", asked, *arguments)

    return run


@pytest.fixture
def addresses(items):
    """Return who is found by each verified address, after a look that each account and each address fit."""
    return lambda: names_by_address(items(USERS, "username_key").values())


def test_a_deleted_account_comes_back_with_its_address(operator, register, delete, remember, restore, addresses):
    register("Kim", KIMS)
    register("Lee")
    moment = remember()
    delete("Kim")
    assert addresses() == {}

    assert restore(moment) == 0, operator.errors

    assert addresses() == {KIMS: "Kim"}


def test_an_account_gets_its_address_of_then_and_the_newer_one_is_free(
    operator, register, change, remember, restore, addresses
):
    register("Kim", KIMS)
    moment = remember()
    change("Kim", "new@example.org")
    assert addresses() == {"new@example.org": "Kim"}

    assert restore(moment) == 0, operator.errors

    assert addresses() == {KIMS: "Kim"}
    register("Sam", "new@example.org")


def test_an_address_that_was_verified_since_is_free_again(operator, register, change, remember, restore, addresses):
    register("Kim")
    moment = remember()
    change("Kim", KIMS)

    assert restore(moment) == 0, operator.errors

    assert addresses() == {}


def test_an_address_that_another_account_has_verified_since_stays_with_that_one(
    operator, register, delete, remember, restore, addresses, items, principal, reset
):
    register("Kim", KIMS)
    moment = remember()
    delete("Kim")
    register("Lee", KIMS.upper())

    assert restore(moment) == 0, operator.errors

    assert "1 accounts came back with an unconfirmed address" in operator.said
    assert "since: Kim" in operator.said
    assert addresses() == {KIMS.upper(): "Lee"}
    kim = items(USERS, "username_key")[user_key("Kim")["username_key"]["S"]]
    assert (kim["email"], kim["email_verified"]) == ({"S": KIMS}, {"BOOL": False})
    # The mails of the address are those of its owner.
    reset(KIMS)
    assert principal("Lee", OTHER)
    assert principal("Kim", PASSWORD)


def test_the_next_run_brings_an_address_back_that_is_free_by_then(
    operator, register, delete, remember, restore, addresses
):
    register("Kim", KIMS)
    moment = remember()
    delete("Kim")
    register("Lee", KIMS)
    assert restore(moment) == 0, operator.errors
    delete("Lee")

    assert restore(moment) == 0, operator.errors

    assert "1 lead to their accounts again" in operator.said
    assert addresses() == {KIMS: "Kim"}


def test_accounts_that_have_exchanged_their_addresses_get_them_back(
    operator, register, change, remember, restore, addresses
):
    register("Kim", KIMS)
    register("Lee", LEES)
    moment = remember()
    change("Kim", "between@example.org")
    change("Lee", KIMS)
    change("Kim", LEES)
    assert addresses() == {KIMS: "Lee", LEES: "Kim"}

    assert restore(moment) == 0, operator.errors

    assert addresses() == {KIMS: "Kim", LEES: "Lee"}


def test_an_exact_restore_takes_addresses_from_newer_accounts(operator, register, delete, remember, restore, addresses):
    register("Kim", KIMS)
    register("Lee", LEES)
    moment = remember()
    delete("Kim")
    delete("Lee")
    register("Kim", LEES)
    register("Sam", KIMS)

    assert restore(moment, "--exactly") == 0, operator.errors

    assert addresses() == {KIMS: "Kim", LEES: "Lee"}


def test_an_exact_restore_leaves_no_address_of_a_newer_account(operator, register, remember, restore, addresses):
    register("Kim")
    moment = remember()
    register("Lee", LEES)

    assert restore(moment, "--exactly") == 0, operator.errors

    assert addresses() == {}
    register("Sam", LEES)


def test_lost_and_wrong_ways_from_addresses_to_accounts_are_put_right_and_no_session_ends(
    operator, register, api, remember, restore, addresses, dynamodb, items
):
    for name in ("Kim", "Lee"):
        register(name, f"{name.lower()}@example.org")
    moment = remember()
    tokens = api.login("Kim").json
    dynamodb.delete_item(TableName=USERS, Key=address_key(KIMS))
    wrong = {"owner_id": {"S": "nobody"}, "owner_name": {"S": "Kim"}}
    dynamodb.put_item(TableName=USERS, Item=address_key(LEES) | wrong)
    dynamodb.put_item(TableName=USERS, Item=address_key("gone@example.org") | wrong)

    assert restore(moment) == 0, operator.errors

    assert "2 lead to their accounts again, 2 that led to none are free" in operator.said
    assert addresses() == {KIMS: "Kim", LEES: "Lee"}
    assert api.refresh(tokens["refresh_token"]).status == 200


def test_what_was_mailed_before_a_restore_does_nothing_after_it(
    operator, register, remember, restore, use_cases, post, principal, clock
):
    register("Kim", KIMS)
    moment = remember()
    use_cases.password_reset.ask("Kim", CALLER, device=None, language="en")
    token = post.only(MailKind.RESET).token
    use_cases.account.change_password(principal("Kim"), PASSWORD, OTHER, CALLER)

    assert restore(moment) == 0, operator.errors

    with pytest.raises(LinkExpired):
        use_cases.password_reset.reset(token, "an entirely new phrase here", CALLER)
    assert principal("Kim", PASSWORD)


@pytest.mark.parametrize("where", [(each, n) for each in ("TransactWriteItems", "UpdateItem") for n in (0, 1)])
def test_a_restore_that_ends_anywhere_leaves_no_wrong_address_and_goes_on(
    operator, register, change, delete, remember, restore, addresses, monkeypatch, where
):
    register("Kim", KIMS)
    register("Lee", LEES)
    register("Ann")
    moment = remember()
    change("Kim", "new@example.org")
    delete("Lee")
    change("Ann", LEES)
    register("Sam", KIMS)

    with raising(monkeypatch, where[0], KeyboardInterrupt(), after=where[1]):
        code = restore(moment, "--exactly")
    assert code in {0, 130}
    addresses()

    assert restore(moment, "--exactly") == 0, operator.errors
    assert addresses() == {KIMS: "Kim", LEES: "Lee"}


class TestNamesThatAreAddresses:
    @pytest.fixture
    def settings(self, environment):
        return environment | {"LYCHGATE_MAILS_PER_IP": "1000", "LYCHGATE_IDENTIFIER": "email"}

    @pytest.fixture
    def register(self, use_cases, post, clock):
        def register(email):
            clock.advance(60)
            use_cases.address_registration.ask(email, PASSWORD, CALLER, language="en")
            use_cases.address_registration.confirm(post.only(MailKind.REGISTER).token, CALLER)

        return register

    @pytest.fixture
    def ids(self, items):
        """The ids of all accounts by their names."""

        def ids():
            found = items(USERS, "username_key").values()
            return {item["username"]["S"]: item["user_id"]["S"] for item in found if "user_id" in item}

        return ids

    def test_an_account_that_has_another_name_now_comes_back_under_its_old_one(
        self, operator, register, change, remember, restore, addresses, ids, principal
    ):
        register(KIMS)
        moment, before = remember(), ids()
        change(KIMS, "new@example.org")
        assert addresses() == {"new@example.org": "new@example.org"}

        assert restore(moment) == 0, operator.errors

        assert "1 have changed since: restored" in operator.said
        assert "0 accounts are newer" in operator.said
        assert ids() == before
        assert addresses() == {KIMS: KIMS}
        assert principal(KIMS)

    def test_an_old_name_that_somebody_else_has_now_stays_his(
        self, operator, register, change, remember, restore, addresses, ids
    ):
        register(KIMS)
        moment = remember()
        change(KIMS, "new@example.org")
        register(KIMS)
        before = ids()

        assert restore(moment) == 0, operator.errors

        assert ids() == before
        assert addresses() == {KIMS: KIMS, "new@example.org": "new@example.org"}

    def test_exactly_restored_the_old_name_is_its_users_again(
        self, operator, register, change, remember, restore, addresses, ids
    ):
        register(KIMS)
        moment, before = remember(), ids()
        change(KIMS, "new@example.org")
        register(KIMS)

        assert restore(moment, "--exactly") == 0, operator.errors

        assert ids() == before
        assert addresses() == {KIMS: KIMS}

    def test_accounts_that_have_exchanged_their_names_get_them_back(
        self, operator, register, change, remember, restore, addresses, ids
    ):
        register(KIMS)
        register(LEES)
        moment, before = remember(), ids()
        change(KIMS, "between@example.org")
        change(LEES, KIMS)

        assert restore(moment) == 0, operator.errors

        assert ids() == before
        assert addresses() == {KIMS: KIMS, LEES: LEES}

    def test_a_registration_that_waits_for_its_confirmation_is_left_alone(
        self, operator, register, remember, restore, use_cases, post, clock, principal, dynamodb
    ):
        register(KIMS)
        moment = remember()
        use_cases.address_registration.ask(LEES, PASSWORD, CALLER, language="en")
        token = post.only(MailKind.REGISTER).token

        assert restore(moment, "--exactly") == 0, operator.errors

        use_cases.address_registration.confirm(token, CALLER)
        assert principal(LEES)
