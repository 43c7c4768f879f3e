"""A write about addresses or mailed secrets was applied but its answer lost: the SDK repeats it.

As in ``test_lost_answers``, DynamoDB Local knows a repeated transaction by its token, and moto does not.
"""

from collections import Counter

import pytest

from chalicelib.accounts.mail import MailKind
from chalicelib.errors import (
    InvalidChallenge,
    InvalidCode,
    LinkExpired,
    RefreshTokenReused,
    ServiceUnavailable,
    UsernameTaken,
)
from tests.faults.test_mail_races import KIMS, LEES, People, names, post, settings
from tests.support.verified_addresses import names_by_address
from tests.support.whole import PASSWORD
from tests.support.wire import lost_answer, unreachable

__all__ = ["names", "post", "settings"]

NEW_PASSWORD = "a quite different passphrase"


@pytest.fixture(params=["moto", "dynamodb-local"])
def database_name(request):
    return request.param


@pytest.fixture(autouse=True)
def no_pauses(pauses):
    return pauses


@pytest.fixture
def people(use_cases, verifier, post, caller, clock):
    return People(use_cases, verifier, post, caller, clock)


@pytest.fixture
def addressed(start, verifier, post, caller, clock):
    return People(start(IDENTIFIER="email").lychgate.use_cases, verifier, post, caller, clock)


@pytest.fixture
def lose(wire):
    """Lose the answer to the next writes of a kind. Fails at the end if there was none."""

    def lose(operation="TransactWriteItems", times=1):
        wire.mend()
        wire.break_with(lost_answer, operation=operation, times=times)

    yield lose
    repeated = Counter(wire.operations)
    assert any(times > 1 for times in repeated.values()), "something was sent twice"


@pytest.fixture
def waiting(database):
    """The kinds of mails in the outbox that are not sent yet."""
    return lambda: sorted(item["kind"]["S"] for item in database.scanned(database.tables.mail) if "sent_at" not in item)


def test_a_registration_with_an_address_asks_once_to_confirm_it(use_cases, caller, lose, waiting, database):
    lose()
    use_cases.registration.register("Kim", PASSWORD, caller, email=KIMS)
    assert waiting() == ["email"]
    assert len(database.users()) == len(database.sessions()) == 1


def test_a_kept_registration_becomes_one_account(addressed, caller, lose, waiting, post, database, names):
    lose()
    addressed.use_cases.address_registration.ask(KIMS, PASSWORD, caller, language="en")
    assert waiting() == ["register"]
    token = post.only(MailKind.REGISTER).token
    lose()
    addressed.use_cases.address_registration.confirm(token, caller)
    assert names() == {KIMS: KIMS}
    assert len(database.sessions()) == 1
    assert database.events() == ["registered"]


def test_a_confirmation_succeeds_and_is_recorded_once(people, caller, lose, database, names):
    _, token = people.register("Kim", KIMS)
    lose()
    people.use_cases.addresses.confirm(token, caller)
    assert names() == {KIMS: "Kim"}
    assert database.events() == ["email_verified", "registered"]


def test_a_change_of_the_address_asks_once_and_its_confirmation_tells_the_old_one_once(
    people, caller, clock, lose, waiting, post, database, names
):
    principal = people.with_address("Kim")
    clock.advance(60)
    lose()
    people.use_cases.addresses.change(principal, LEES, caller, language="en")
    assert waiting() == ["email"]
    token = post.only(MailKind.EMAIL).token
    lose()
    people.use_cases.addresses.confirm(token, caller)
    assert waiting() == ["email_changed"]
    assert names() == {LEES: "Kim"}
    assert database.events().count("email_changed") == 1


def test_a_renaming_succeeds_once_and_its_session_goes_on(addressed, caller, lose, database, names):
    principal = addressed.join(KIMS)
    token = addressed.change(principal, LEES)
    lose()
    addressed.use_cases.addresses.confirm(token, caller)
    assert names() == {LEES: LEES}
    (user,), (session,) = database.users(), database.sessions()
    assert user["session_epoch"] == session["epoch"] == {"N": "1"}


def test_a_removal_succeeds_and_tells_the_old_address_once(people, caller, lose, waiting, database, names):
    principal = people.with_address("Kim")
    lose()
    people.use_cases.addresses.remove(principal, caller)
    assert names() == {}
    assert waiting() == ["email_changed"]
    assert database.events().count("email_changed") == 1


@pytest.mark.parametrize("operation", ["PutItem", "UpdateItem"])
def test_a_forgotten_password_is_one_mail(people, caller, lose, waiting, operation):
    people.with_address("Kim")
    lose(operation)
    people.use_cases.password_reset.ask("kim", caller, device=None, language="en")
    assert waiting() == ["reset"]


def test_a_reset_succeeds_once_and_is_told_once(people, caller, lose, waiting, database):
    people.with_address("Kim")
    token = people.forgot("kim")
    lose()
    people.use_cases.password_reset.reset(token, NEW_PASSWORD, caller)
    (user,) = database.users()
    assert (user["session_epoch"], user["password_version"]) == ({"N": "1"}, {"N": "1"})
    assert waiting() == ["password_reset"]
    assert database.events().count("password_reset") == 1
    assert people.use_cases.log_in.with_password("kim", NEW_PASSWORD, caller)
    with pytest.raises(LinkExpired):
        people.use_cases.password_reset.reset(token, PASSWORD, caller)


def test_a_refusal_is_told_even_if_its_mail_cannot_be_uncounted(use_cases, caller, wire, caplog):
    use_cases.registration.register("Kim", PASSWORD, caller)
    wire.mend()
    # The first read is that of the counting.
    wire.break_with(unreachable, operation="GetItem", after=1)
    with pytest.raises(UsernameTaken):
        use_cases.registration.register("Kim", PASSWORD, caller, email=KIMS)
    assert "a mail that is not sent stays counted" in caplog.text


@pytest.mark.parametrize("is_taken", [False, True], ids=["the address is free", "it is another user's"])
def test_an_invitation_is_accepted_once(people, caller, lose, post, database, names, is_taken):
    made = people.use_cases.administration.create("lee", None, caller, email=KIMS)
    invited = post.only(MailKind.INVITATION).token
    if is_taken:
        people.with_address("Kim")
    lose(times=2 if is_taken else 1)
    people.use_cases.password_reset.reset(invited, NEW_PASSWORD, caller)
    (lee,) = [user for user in database.users() if user["user_id"]["S"] == made.user.id]
    assert lee["password_version"] == {"N": "1"}
    assert lee["email_verified"] == {"BOOL": not is_taken}
    assert names() == {KIMS: "Kim" if is_taken else "lee"}
    assert database.events().count("password_reset") == 1
    assert people.use_cases.log_in.with_password("lee", NEW_PASSWORD, caller)


def test_a_reset_that_never_hears_of_its_success_has_used_its_link(people, caller, wire):
    people.with_address("Kim")
    token = people.forgot("kim")
    wire.break_with(lost_answer, operation="TransactWriteItems")
    with pytest.raises(ServiceUnavailable):
        people.use_cases.password_reset.reset(token, NEW_PASSWORD, caller)
    wire.mend()
    with pytest.raises(LinkExpired):
        people.use_cases.password_reset.reset(token, "a third passphrase for this", caller)
    assert people.use_cases.log_in.with_password("kim", NEW_PASSWORD, caller)


def test_a_code_begins_one_session(people, caller, lose, database):
    people.with_address("Kim")
    challenge, code = people.code("kim")
    lose()
    people.use_cases.code_log_in.verify(challenge, code, caller)
    assert len(database.sessions()) == 2
    with pytest.raises(InvalidChallenge):
        people.use_cases.code_log_in.verify(challenge, code, caller)


def test_a_try_of_a_code_is_counted_as_often_as_it_was_sent(people, caller, wire, lose, database):
    """A counter tells no repetition from a second try, and errs on the safe side."""
    people.with_address("Kim")
    challenge, code = people.code("kim")
    lose("UpdateItem")
    with pytest.raises(InvalidCode):
        people.use_cases.code_log_in.verify(challenge, f"{(int(code) + 1) % 10**6:06d}", caller)
    sent = wire.operations.count("UpdateItem")
    assert sent > 1
    tries = [item["tries"] for item in database.scanned(database.tables.mail) if "tries" in item]
    assert tries == [{"N": str(sent)}]
    assert people.use_cases.code_log_in.verify(challenge, code, caller)


# Only by its token is a repetition told from a deletion that came too late.
@pytest.mark.parametrize("database_name", ["dynamodb-local"])
def test_a_deletion_frees_the_address(people, caller, lose, database):
    principal = people.with_address("Kim")
    lose()
    people.use_cases.account.delete_account(principal, PASSWORD, caller)
    assert [item["type"]["S"] for item in database.left()] == ["account_deleted"]
    assert names_by_address(database.scanned(database.tables.users)) == {}


@pytest.mark.parametrize("what", ["change", "reuse"])
def test_a_notice_is_one_mail(people, caller, clock, lose, waiting, what):
    principal = people.with_address("Kim")
    tokens = people.use_cases.log_in.with_password("kim", PASSWORD, caller).tokens
    if what == "change":
        lose()
        people.use_cases.account.change_password(principal, PASSWORD, NEW_PASSWORD, caller)
        assert waiting() == ["password_changed"]
        return
    people.use_cases.refresh_tokens.exchange(tokens.refresh_token, caller)
    clock.advance(21)
    lose()
    with pytest.raises(RefreshTokenReused):
        people.use_cases.refresh_tokens.exchange(tokens.refresh_token, caller)
    assert waiting() == ["refresh_token_reused"]
