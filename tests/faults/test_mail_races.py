"""Requests about addresses and mailed secrets at the same time, each from a thread with a client of its own.

Whatever the order, only outcomes that some order of one after the other explains are right.
"""

import base64
from dataclasses import replace

import pytest

from chalicelib.accounts.mail import MailKind
from chalicelib.accounts.results import LoggedIn
from chalicelib.adapters.dynamodb.items import user_from_item
from chalicelib.credentials.totp import hotp, step_at
from chalicelib.errors import (
    Conflict,
    EmailTaken,
    InvalidChallenge,
    InvalidCode,
    InvalidCredentials,
    InvalidToken,
    LinkExpired,
    RefreshTokenReused,
    SecondFactorRequired,
    ServiceUnavailable,
    TooManyMailsToAddress,
    UsernameTaken,
)
from chalicelib.tokens.kinds import ACCESS_TOKEN
from tests.faults.test_races import THREADS, at_once, database_name, dynamodb, is_dead, pool, principal_of
from tests.support.post_office import PostOffice
from tests.support.verified_addresses import names_by_address
from tests.support.whole import PASSWORD
from tests.support.wire import cancelled, refused

__all__ = ["at_once", "database_name", "dynamodb", "pool"]

KIMS, LEES = "kim@example.org", "lee@example.org"
NEW_PASSWORD = "a quite different passphrase"
OTHER_PASSWORD = "another passphrase altogether"
ROUNDS = 3
BUSY = ServiceUnavailable


@pytest.fixture
def settings(settings):
    return settings | {"LYCHGATE_MAILS_PER_IP": "1000", "LYCHGATE_REGISTRATIONS_PER_HOUR": "1000"}


@pytest.fixture
def post(database):
    return PostOffice(database.client, database.tables)


class People:
    """Creates accounts, and asks for mails in their names."""

    def __init__(self, use_cases, verifier, post, caller, clock):
        self.use_cases = use_cases
        self._verifier = verifier
        self._post = post
        self._caller = caller
        self._clock = clock

    def register(self, name, email=None):
        """Return a principal of a new account, and the token that confirms its address, if it has one."""
        self._clock.advance(60)
        logged_in = self.use_cases.registration.register(name, PASSWORD, self._caller, email=email)
        token = self._post.only(MailKind.EMAIL).token if email is not None else None
        return principal_of(self._verifier, logged_in), token

    def join(self, email):
        """Return a principal of a new account whose name is its address."""
        self._clock.advance(60)
        self.use_cases.address_registration.ask(email, PASSWORD, self._caller, language="en")
        token = self._post.only(MailKind.REGISTER).token
        return principal_of(self._verifier, self.use_cases.address_registration.confirm(token, self._caller))

    def with_address(self, name, email=KIMS):
        principal, token = self.register(name, email)
        self.use_cases.addresses.confirm(token, self._caller)
        return principal

    def change(self, principal, email):
        """Ask for another address, and return the token that confirms it."""
        self._clock.advance(60)
        self.use_cases.addresses.change(principal, email, self._caller, language="en")
        return self._post.only(MailKind.EMAIL).token

    def forgot(self, name):
        self.use_cases.password_reset.ask(name, self._caller, device=None, language="en")
        return self._post.only(MailKind.RESET).token

    def code(self, name):
        challenge = self.use_cases.code_log_in.ask(name, self._caller, device=None, language="en")
        return challenge, self._post.only(MailKind.LOGIN_CODE).code


@pytest.fixture
def people(use_cases, verifier, post, caller, clock):
    return People(use_cases, verifier, post, caller, clock)


@pytest.fixture
def addressed(start, verifier, post, caller, clock):
    """The same where the address is the username."""
    use_cases = start(IDENTIFIER="email").lychgate.use_cases
    return People(use_cases, verifier, post, caller, clock)


@pytest.fixture
def names(database):
    return lambda: names_by_address(database.scanned(database.tables.users))


@pytest.fixture
def confirm(use_cases, caller):
    return lambda token: lambda: use_cases.addresses.confirm(token, caller)


@pytest.fixture
def reset(use_cases, caller):
    return lambda token, password: lambda: use_cases.password_reset.reset(token, password, caller)


def kinds(results):
    """How often each outcome was, None for success. A request that met others is told to try again, and did nothing."""
    return [type(result) if isinstance(result, Exception) else None for result in results if not _is_busy(result)]


def _is_busy(result):
    return isinstance(result, BUSY)


def test_of_many_confirmations_of_one_link_one_is_done(people, at_once, confirm, names, database):
    for number in range(ROUNDS):
        _, token = people.register(f"Kim{number}", f"kim{number}@example.org")
        outcomes = kinds(at_once(*[confirm(token)] * THREADS))
        assert outcomes.count(None) == 1
        assert set(outcomes) <= {None, LinkExpired}
        assert names()[f"kim{number}@example.org"] == f"Kim{number}"
    assert database.events().count("email_verified") == ROUNDS


def test_of_many_accounts_that_confirm_one_address_at_once_one_gets_it(people, at_once, confirm, names):
    tokens = [people.register(f"Kim{number}", KIMS.upper() if number % 2 else KIMS)[1] for number in range(5)]
    outcomes = kinds(at_once(*map(confirm, tokens)))
    assert outcomes.count(None) == 1
    assert set(outcomes) <= {None, EmailTaken}
    assert len(names()) == 1


def test_of_many_invitations_to_one_address_all_set_a_password_and_one_has_the_address(
    use_cases, at_once, reset, post, names, caller, database
):
    tokens = []
    for number in range(5):
        use_cases.administration.create(f"Kim{number}", None, caller, email=KIMS.upper() if number % 2 else KIMS)
        tokens.append(post.only(MailKind.INVITATION).token)
    calls = [reset(token, NEW_PASSWORD) for token in tokens]
    outcomes = at_once(*calls)
    # Who met others is told to try again, with the same link.
    for call, outcome in zip(calls, outcomes, strict=True):
        assert outcome is None or _is_busy(outcome)
        if _is_busy(outcome):
            call()
    assert len(names()) == 1
    verified = [item["email_verified"]["BOOL"] for item in database.users()]
    assert sorted(verified) == [False] * 4 + [True]
    assert database.events().count("email_verified") == 1
    for number in range(5):
        assert use_cases.log_in.with_password(f"Kim{number}", NEW_PASSWORD, caller)


def test_of_a_reset_and_a_change_of_the_password_one_is_done(people, at_once, reset, caller, use_cases):
    for number in range(ROUNDS):
        name = f"Kim{number}"
        principal = people.with_address(name, f"kim{number}@example.org")
        token = people.forgot(name)
        results = at_once(
            reset(token, NEW_PASSWORD),
            lambda of=principal: use_cases.account.change_password(of, PASSWORD, OTHER_PASSWORD, caller),
        )
        done = [not isinstance(result, Exception) for result in results]
        assert sum(done) <= 1
        assert isinstance(results[0], LinkExpired | BUSY) or results[0] is None
        expected = LoggedIn | Conflict | InvalidCredentials | InvalidToken | BUSY
        assert isinstance(results[1], expected)
        valid = PASSWORD
        if any(done):
            valid = NEW_PASSWORD if done[0] else OTHER_PASSWORD
        assert use_cases.log_in.with_password(name, valid, caller)
        if any(done):
            with pytest.raises(LinkExpired):
                reset(token, "a third passphrase for this")()


@pytest.mark.parametrize("links", [1, 2])
def test_of_resets_at_once_one_is_done_whether_by_one_link_or_by_two(
    people, at_once, reset, caller, use_cases, database, links
):
    people.with_address("Kim")
    tokens = [people.forgot(name) for name in ("kim", KIMS)[:links]]
    passwords = [f"{OTHER_PASSWORD} {number}" for number in range(THREADS)]
    results = at_once(*[reset(tokens[number % links], password) for number, password in enumerate(passwords)])
    outcomes = kinds(results)
    assert outcomes.count(None) == 1
    assert set(outcomes) <= {None, LinkExpired}
    winner = next(password for password, result in zip(passwords, results, strict=True) if result is None)
    assert use_cases.log_in.with_password("kim", winner, caller)
    assert database.events().count("password_reset") == 1
    assert len(database.sessions()) == 1


def test_a_code_begins_one_session_however_often_it_is_typed_at_once(people, at_once, use_cases, caller, database):
    people.with_address("Kim")
    for _ in range(ROUNDS):
        before = len(database.sessions())
        challenge, code = people.code("kim")
        results = at_once(*[lambda: use_cases.code_log_in.verify(challenge, code, caller)] * 5)  # noqa: B023
        begun = [result for result in results if isinstance(result, LoggedIn)]
        assert len(begun) == 1
        assert {type(result) for result in results} <= {LoggedIn, InvalidChallenge, BUSY}
        assert len(database.sessions()) == before + 1


def test_six_parallel_guesses_are_no_more_than_five(people, at_once, use_cases, caller, database):
    people.with_address("Kim")
    challenge, code = people.code("kim")
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    results = at_once(*[lambda: use_cases.code_log_in.verify(challenge, wrong, caller)] * 6)
    outcomes = sorted(type(result).__name__ for result in results)
    assert outcomes == [InvalidChallenge.__name__] + [InvalidCode.__name__] * 5
    with pytest.raises(InvalidChallenge):
        use_cases.code_log_in.verify(challenge, code, caller)
    tries = [item["tries"] for item in database.scanned(database.tables.mail) if "tries" in item]
    assert tries == [{"N": "5"}]


def test_another_address_and_the_confirmation_of_the_first_leave_one_that_fits(
    people, at_once, confirm, names, use_cases, caller, post
):
    for number in range(ROUNDS):
        name, first, second = f"Kim{number}", f"kim{number}@example.org", f"second{number}@example.org"
        principal, token = people.register(name, first)
        confirmed, changed = at_once(
            confirm(token),
            lambda of=principal, to=second: use_cases.addresses.change(of, to, caller, language="en"),
        )
        user = use_cases.account.profile(principal)
        if confirmed is None:
            assert (user.contact.email, user.contact.verified) == (first, True)
            assert user.contact.new_email == (second if changed is None else None)
            assert names()[first] == name
        else:
            assert isinstance(confirmed, LinkExpired | BUSY)
            assert not user.contact.verified
            assert first not in names()
        assert isinstance(changed, Conflict | BUSY | None)
        if changed is None:
            assert user.contact.unconfirmed == second
            confirm(post.only(MailKind.EMAIL).token)()
            assert names()[second] == name
            assert first not in names()


def test_log_ins_at_the_time_of_a_renaming_lose_nothing_and_outlive_nothing(
    addressed, at_once, names, caller, database
):
    use_cases, old = addressed.use_cases, KIMS
    principal = addressed.join(old)
    for number in range(ROUNDS):
        new = f"kim{number}@example.org"
        token = addressed.change(principal, new)
        *begun, renamed = at_once(
            *[lambda name=old: use_cases.log_in.with_password(name, PASSWORD, caller)] * (THREADS - 1),
            lambda token=token: use_cases.addresses.confirm(token, caller),
        )
        if isinstance(renamed, Conflict | BUSY):
            use_cases.addresses.confirm(token, caller)
        else:
            assert renamed is None
        for result in begun:
            assert isinstance(result, InvalidCredentials | BUSY) or is_dead(use_cases, result, caller)
        assert names() == {new: new}
        with pytest.raises(InvalidCredentials):
            use_cases.log_in.with_password(old, PASSWORD, caller)
        (user,) = database.users()
        going_on = [each for each in database.sessions() if each["epoch"] == user["session_epoch"]]
        assert [each["session_id"]["S"] for each in going_on] == [principal.session_id]
        logged_in = use_cases.log_in.with_password(new, PASSWORD, caller)
        use_cases.refresh_tokens.revoke([logged_in.tokens.refresh_token], caller)
        principal = replace(principal, username=new)
        old = new


@pytest.mark.parametrize("is_first", [True, False], ids=["first address", "another address"])
def test_a_deletion_at_the_time_of_a_confirmation_leaves_the_address_free_or_the_account_whole(
    people, at_once, confirm, names, use_cases, caller, database, is_first
):
    for number in range(ROUNDS):
        name = f"Kim{number}"
        if is_first:
            principal, token = people.register(name, LEES)
        else:
            principal = people.with_address(name, KIMS)
            token = people.change(principal, LEES)
        confirmed, deleted = at_once(
            confirm(token), lambda of=principal: use_cases.account.delete_account(of, PASSWORD, caller)
        )
        assert isinstance(confirmed, LinkExpired | BUSY | None)
        assert isinstance(deleted, Conflict | BUSY | None)
        if deleted is None:
            assert names() == {}
            assert database.users() == []
        else:
            names()
            use_cases.account.delete_account(principal, PASSWORD, caller)
        assert names() == {}


def test_a_deletion_that_has_read_the_user_before_a_confirmation_leaves_no_address_behind(
    people, names, use_cases, caller, wire, confirm
):
    principal, token = people.register("Kim", KIMS)
    confirmed = []

    def confirm_first(deliver):
        if not confirmed:
            confirmed.append(None)
            confirmed[0] = confirm(token)()
        return deliver()

    wire.mend()
    wire.break_with(confirm_first, operation="TransactWriteItems", times=1)
    with pytest.raises(Conflict):
        use_cases.account.delete_account(principal, PASSWORD, caller)
    assert confirmed == [None]
    assert names() == {KIMS: "Kim"}


def test_a_deletion_that_has_read_the_user_before_a_renaming_says_that_it_did_nothing(
    addressed, names, caller, wire, database
):
    use_cases = addressed.use_cases
    principal = addressed.join(KIMS)
    token = addressed.change(principal, LEES)
    renamed = []

    def rename_first(deliver):
        if not renamed:
            renamed.append(None)
            use_cases.addresses.confirm(token, caller)
        return deliver()

    wire.mend()
    wire.break_with(rename_first, operation="TransactWriteItems", times=1)
    with pytest.raises(Conflict):
        use_cases.account.delete_account(principal, PASSWORD, caller)
    assert names() == {LEES: LEES}
    assert len(database.sessions()) == 1


@pytest.fixture
def between(wire):
    """Return what does something once a request has read all that it needs, and before it writes."""

    def between(act):
        done = []

        def act_first(deliver):
            if not done:
                done.append(act)
                act()
            return deliver()

        wire.mend()
        wire.break_with(act_first, operation="TransactWriteItems", times=1)

    return between


def test_a_link_that_renames_and_was_used_since_it_was_read_is_void_and_nobody_elses(addressed, between, caller, names):
    principal = addressed.join(KIMS)
    token = addressed.change(principal, LEES)
    confirm = addressed.use_cases.addresses.confirm
    between(lambda: confirm(token, caller))
    with pytest.raises(LinkExpired):
        confirm(token, caller)
    assert names() == {LEES: LEES}


def test_of_two_links_to_one_address_the_later_is_void_and_the_address_nobody_elses(addressed, between, caller, names):
    principal = addressed.join(KIMS)
    first = addressed.change(principal, LEES)
    second = addressed.change(principal, LEES)
    confirm = addressed.use_cases.addresses.confirm
    between(lambda: confirm(first, caller))
    with pytest.raises(LinkExpired):
        confirm(second, caller)
    assert names() == {LEES: LEES}


def test_recovery_codes_that_are_replaced_while_an_account_is_renamed_do_not_return(addressed, between, caller, clock):
    use_cases = addressed.use_cases
    principal = addressed.join(KIMS)
    began = use_cases.factors.begin_totp(principal)
    code = hotp(base64.b32decode(began.secret), step_at(clock()))
    (old, *_) = use_cases.factors.confirm_totp(principal, began.pending, code, caller)
    token = addressed.change(principal, LEES)
    replaced = []
    between(lambda: replaced.extend(use_cases.factors.replace_recovery_codes(principal, caller)))
    use_cases.addresses.confirm(token, caller)
    with pytest.raises(SecondFactorRequired) as asked:
        use_cases.log_in.with_password(LEES, PASSWORD, caller)
    with pytest.raises(InvalidCode):
        use_cases.second_factor.log_in(asked.value.challenge, caller, recovery_code=old)
    assert use_cases.second_factor.log_in(asked.value.challenge, caller, recovery_code=replaced[0])


def test_of_many_uses_at_once_of_a_link_that_renames_one_is_done(addressed, at_once, caller, names):
    principal = addressed.join(KIMS)
    token = addressed.change(principal, LEES)
    outcomes = kinds(at_once(*[lambda: addressed.use_cases.addresses.confirm(token, caller)] * THREADS))
    assert outcomes.count(None) == 1
    assert set(outcomes) <= {None, LinkExpired}
    assert names() == {LEES: LEES}


def test_a_link_that_makes_an_account_and_was_used_since_it_was_read_is_void_and_nobody_elses(
    addressed, between, caller, names, post
):
    addressed.use_cases.address_registration.ask(KIMS, PASSWORD, caller, language="en")
    token = post.only(MailKind.REGISTER).token
    confirm = addressed.use_cases.address_registration.confirm
    between(lambda: confirm(token, caller))
    with pytest.raises(LinkExpired):
        confirm(token, caller)
    assert names() == {KIMS: KIMS}


def test_such_a_link_is_void_also_if_at_first_only_the_name_is_seen_to_be_taken(addressed, wire, caller, post, pauses):
    addressed.use_cases.address_registration.ask(KIMS, PASSWORD, caller, language="en")
    token = post.only(MailKind.REGISTER).token
    confirm = addressed.use_cases.address_registration.confirm
    used = []

    def use_and_conflict(deliver):
        if used:
            return deliver()
        used.append(token)
        confirm(token, caller)
        # The user's item is written by then, and the mail's about to be.
        return cancelled("ConditionalCheckFailed", *["None"] * 4, "TransactionConflict")(deliver)

    wire.mend()
    wire.break_with(use_and_conflict, operation="TransactWriteItems", times=1)
    with pytest.raises(LinkExpired):
        confirm(token, caller)
    assert len(pauses) == 1


def test_of_many_uses_at_once_of_a_link_that_makes_an_account_one_is_done(addressed, at_once, caller, names, post):
    addressed.use_cases.address_registration.ask(KIMS, PASSWORD, caller, language="en")
    token = post.only(MailKind.REGISTER).token
    confirm = addressed.use_cases.address_registration.confirm
    results = at_once(*[lambda: confirm(token, caller)] * THREADS)
    assert sum(isinstance(result, LoggedIn) for result in results) == 1
    assert {type(result) for result in results} <= {LoggedIn, LinkExpired, BUSY}
    assert names() == {KIMS: KIMS}


ACTS = {
    "ends all": lambda use_cases, owner, thief, caller: use_cases.account.log_out_everywhere(owner, caller),
    "ends that session": lambda use_cases, owner, thief, caller: use_cases.account.end_session(
        owner, thief.session_id, caller
    ),
    "changes the password": lambda use_cases, owner, thief, caller: use_cases.account.change_password(
        owner, PASSWORD, NEW_PASSWORD, caller
    ),
}
"""What an owner does about a thief."""


def waiting(database):
    """The address that waits to be confirmed, None if there is none."""
    (item,) = database.users()
    contact = user_from_item(item).contact
    return contact and contact.unconfirmed


@pytest.mark.parametrize("act", ACTS)
def test_an_address_that_a_thief_gives_while_the_owner_acts_does_not_come_after_it(
    people, between, verifier, caller, database, use_cases, clock, act
):
    owner = people.with_address("Kim")
    thief = principal_of(verifier, use_cases.log_in.with_password("Kim", PASSWORD, caller))
    clock.advance(60)
    between(lambda: ACTS[act](use_cases, owner, thief, caller))
    with pytest.raises(Conflict):
        use_cases.addresses.change(thief, LEES, caller, language="en")
    assert waiting(database) is None


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("is_first", [True, False], ids=["first address", "another address"])
def test_nor_does_it_outlast_an_act_that_has_read_the_user_before(
    people, between, verifier, caller, database, use_cases, clock, act, is_first
):
    owner = people.register("Kim")[0] if is_first else people.with_address("Kim")
    thief = principal_of(verifier, use_cases.log_in.with_password("Kim", PASSWORD, caller))
    clock.advance(60)
    between(lambda: use_cases.addresses.change(thief, LEES, caller, language="en"))
    ACTS[act](use_cases, owner, thief, caller)
    assert waiting(database) is None
    with pytest.raises(InvalidToken):
        use_cases.account.profile(thief)


@pytest.mark.parametrize("is_first", [True, False], ids=["first address", "another address"])
def test_nor_does_it_outlast_a_refresh_token_that_was_copied(
    people, between, verifier, caller, database, use_cases, clock, is_first
):
    people.register("Kim") if is_first else people.with_address("Kim")
    thief = latest = use_cases.log_in.with_password("Kim", PASSWORD, caller)
    for _ in range(2):
        latest = use_cases.refresh_tokens.exchange(latest.tokens.refresh_token, caller)
    clock.advance(60)
    between(lambda: use_cases.addresses.change(principal_of(verifier, thief), LEES, caller, language="en"))
    with pytest.raises(RefreshTokenReused):
        use_cases.refresh_tokens.exchange(thief.tokens.refresh_token, caller)
    assert waiting(database) is None
    with pytest.raises(InvalidToken):
        use_cases.account.profile(principal_of(verifier, latest))


@pytest.mark.parametrize("act", ACTS)
def test_at_once_only_one_of_the_two_is_left(people, at_once, verifier, caller, database, use_cases, clock, act):
    owner = people.with_address("Kim")
    thief = principal_of(verifier, use_cases.log_in.with_password("Kim", PASSWORD, caller))
    clock.advance(60)
    acted, given = at_once(
        lambda: ACTS[act](use_cases, owner, thief, caller),
        lambda: use_cases.addresses.change(thief, LEES, caller, language="en"),
    )
    assert isinstance(given, Conflict | InvalidToken | BUSY | None)
    if not isinstance(acted, BUSY):
        assert waiting(database) is None


def test_a_change_of_the_address_that_came_too_late_has_asked_for_no_mail(
    people, between, verifier, caller, use_cases, post, clock
):
    people.with_address("Kim")
    tokens = use_cases.log_in.with_password("Kim", PASSWORD, caller).tokens
    clock.advance(60)
    thief = verifier.verify(ACCESS_TOKEN, tokens.access_token)
    between(lambda: use_cases.refresh_tokens.revoke([tokens.refresh_token], caller))
    with pytest.raises(Conflict):
        use_cases.addresses.change(thief, LEES, caller, language="en")
    use_cases.registration.register("Lee", PASSWORD, caller, email=LEES)
    assert post.only(MailKind.EMAIL).to == LEES


def test_of_registrations_at_once_for_one_address_one_asks_for_a_mail_whatever_becomes_of_the_others(
    people, at_once, post, caller, use_cases, clock
):
    for round_ in range(ROUNDS):
        people.register(f"taken{round_}")
        clock.advance(60)
        names = [f"taken{round_}", f"free{round_}"] * (THREADS // 2)

        def register(name):
            return lambda: use_cases.registration.register(name, PASSWORD, caller, email=KIMS)

        results = at_once(*(register(name) for name in names))
        assert set(kinds(results)) <= {None, UsernameTaken, TooManyMailsToAddress}
        registered = [result for result in results if isinstance(result, LoggedIn)]
        assert len(registered) <= 1
        assert len(post.deliver()) == len(registered)


def test_a_taken_name_is_told_though_the_mail_cannot_be_uncounted(people, wire, caller, use_cases):
    people.register("Kim")
    wire.mend()
    wire.break_with(refused("ThrottlingException"), operation="GetItem", after=1)
    with pytest.raises(UsernameTaken):
        use_cases.registration.register("Kim", PASSWORD, caller, email=KIMS)
