"""What every ``EndedFeed`` tells, in memory and in DynamoDB, of what each method of the stores ends."""

from dataclasses import replace

import pytest

from chalicelib.accounts.ended import Ended, digest_of
from chalicelib.accounts.events import EventType
from chalicelib.accounts.factors import Factors
from chalicelib.accounts.mail import Mail, MailKind
from chalicelib.accounts.user import Contact
from chalicelib.credentials.challenges import Challenge, Purpose
from chalicelib.credentials.second_factors import FactorUse, tries_window
from chalicelib.credentials.throttling import Attempt
from chalicelib.errors import Conflict, InvalidChallenge, LastAdministrator, LinkExpired
from tests.support.samples import (
    ALICE,
    CALLER,
    CHANGED,
    DELETED,
    LOGGED_IN,
    NOW,
    REGISTERED,
    REVOKED,
    SESSION,
    admitted,
)

NEW = "new@example.org"
WAITING = replace(ALICE, contact=Contact("old@example.org", verified=True, new_email=NEW, language="de"))
SUCCESSOR = replace(SESSION, id="s9", epoch=1)
AT = NOW + 7
BY_ADMIN = replace(REVOKED, at=AT)
FACTORS = Factors(totp=".sealed", totp_added_at=NOW, totp_step=100, recovery_codes=(".r1",))


@pytest.fixture
def feed(stores):
    return lambda since=0: stores.ended.since(since)


@pytest.fixture
def alice(users):
    """Alice with one session, s1, and another address that waits for its confirmation."""
    users.add(WAITING, SESSION, REGISTERED)
    return users.find("alice")


@pytest.fixture
def mailed(outbox, post):
    """Return what a mail of this kind to Alice stands for."""

    def mailed(kind, email="old@example.org"):
        mail = Mail("m1", kind, NOW, "de", asked="alice", user_id="u1", session_id="s1")
        outbox.ask(mail)
        return post(mail, username="Alice", user_id="u1", email=email)

    return mailed


def session(session_id, at=AT):
    return Ended(digest_of(session_id), at, is_user=False)


def user(user_id="u1", at=AT):
    return Ended(digest_of(user_id), at, is_user=True)


def begin(sessions, alice, session_id, **changes):
    begun = replace(SESSION, id=session_id, **changes)
    ended = replace(REVOKED, at=begun.created_at)
    return sessions.begin(alice, begun, replace(LOGGED_IN, at=begun.created_at), if_ended=ended)


@pytest.mark.usefixtures("alice")
class TestOneSession:
    def test_that_is_ended_is_told_with_the_time_of_its_event(self, sessions, feed):
        assert sessions.end("u1", "s1", BY_ADMIN)
        assert feed() == [session("s1")]

    def test_that_is_ended_at_a_counter_is_told(self, sessions, feed):
        assert sessions.end_at("u1", "s1", 0, BY_ADMIN).applied
        assert feed() == [session("s1")]

    def test_that_goes_on_or_was_not_there_is_not_told(self, sessions, feed):
        sessions.end_at("u1", "s1", 1, BY_ADMIN)
        sessions.end_at("u1", "s2", 0, BY_ADMIN)
        sessions.end("u1", "s2", BY_ADMIN)
        sessions.end("u2", "s1", BY_ADMIN)
        assert feed() == []

    def test_is_told_once_although_it_is_ended_twice(self, sessions, feed):
        for at in (AT, AT + 1):
            sessions.end("u1", "s1", replace(REVOKED, at=at))
        assert feed() == [session("s1")]


class TestSurplusSessions:
    def test_are_told_one_by_one(self, make_stores, alice, feed):
        sessions = make_stores(3).sessions
        for number in range(2, 6):
            begin(sessions, alice, f"s{number}", created_at=NOW + number)
        assert feed() == [session("s1", NOW + 4), session("s2", NOW + 5)]

    def test_that_are_over_are_swept_and_not_told(self, make_stores, alice, feed):
        sessions = make_stores(2).sessions
        begin(sessions, alice, "s2", created_at=NOW + 1)
        begin(sessions, alice, "s3", created_at=NOW + 500, idle_expires_at=NOW + 600)
        assert [each.id for each in sessions.of_user("u1")] == ["s3"]
        assert feed() == []

    def test_of_a_lowered_limit_are_told_each_or_with_the_user(self, make_stores, sessions, alice, feed):
        for number in range(49):
            begin(sessions, alice, f"n{number:02}")
        begin(make_stores(1).sessions, alice, "last", created_at=AT)
        each = {session("s1"), *(session(f"n{number:02}") for number in range(49))}
        assert set(feed()) in ({user()}, each)

    def test_are_told_with_those_that_are_swept(self, make_stores, sessions, alice, feed):
        """The entries and what is deleted fit one transaction."""
        for number in range(25):
            begin(sessions, alice, f"live{number:02}", idle_expires_at=NOW + 900)
        for number in range(24):
            begin(sessions, alice, f"over{number:02}")
        begin(make_stores(1).sessions, alice, "last", created_at=NOW + 200, idle_expires_at=NOW + 900)
        assert set(feed()) == {session(f"live{number:02}", NOW + 200) for number in range(25)}

    @pytest.mark.parametrize(("live", "over"), [(40, 60), (50, 50)])
    def test_fit_the_transaction_of_the_largest_log_in(
        self, make_stores, users, sessions, factors, throttle, alice, feed, live, over
    ):
        """After a password, with a recovery code, of a user who is told of that, as the limit has been lowered to 1."""
        enrolment = Challenge("c1", Purpose.NEW_TOTP, NOW, NOW + 300, {})
        factors.add_totp(
            alice, SESSION, FACTORS, enrolment, replace(REGISTERED, type=EventType.SECOND_FACTOR_ADDED), None
        )
        before = make_stores(live + over + 1).sessions
        alice = users.find("alice")
        for number in range(live):
            begin(before, alice, f"live{number:02}", epoch=1, idle_expires_at=NOW + 900)
        for number in range(over):
            begin(before, alice, f"over{number:02}", epoch=1)

        challenge = Challenge("c2", Purpose.SECOND_FACTOR, AT, AT + 300, {})
        window = tries_window("u1", challenge, AT)
        assert factors.count_try(window) is None
        admission = throttle.admit(Attempt("alice", CALLER), AT)
        assert admission.window is not None
        mail = Mail("m1", MailKind.RECOVERY_CODE_USED, AT, "de", asked="alice", user_id="u1", session_id="last")
        used = replace(BY_ADMIN, type=EventType.RECOVERY_CODE_USED)
        at = NOW + 200
        assert make_stores(1).sessions.begin(
            users.find("alice"),
            replace(SESSION, id="last", created_at=at, idle_expires_at=NOW + 900, epoch=1),
            replace(LOGGED_IN, at=at),
            if_ended=replace(REVOKED, at=at),
            admission=admission,
            factor=FactorUse(challenge, window, recovery_code=".r1", event=used, mail=mail),
        )

        assert {each.id for each in sessions.of_user("u1") if each.is_live(at)} == {"last"}
        each = {session(f"live{number:02}", at) for number in range(live)}
        assert set(feed(at)) in ({user(at=at)}, each)


@pytest.mark.usefixtures("alice")
class TestAUser:
    """One entry, whatever the number of sessions, and also if one of them goes on."""

    def test_whose_password_changes_is_told(self, users, alice, feed):
        users.change_password(admitted(alice), SESSION, SUCCESSOR, "$2b$10$new", replace(CHANGED, at=AT))
        assert feed() == [user()]

    def test_whose_password_was_changed_by_another_request_is_told_once(self, users, alice, feed):
        users.change_password(admitted(alice), SESSION, SUCCESSOR, "$2b$10$new", replace(CHANGED, at=AT))
        with pytest.raises(Conflict):
            users.change_password(admitted(alice), SESSION, SUCCESSOR, "$2b$10$other", replace(CHANGED, at=AT + 1))
        assert feed() == [user()]

    def test_whose_password_is_reset_is_told(self, users, alice, mailed, feed):
        proof = mailed(MailKind.RESET)
        users.reset_password(alice, proof, "new hash", BY_ADMIN, None)
        with pytest.raises(LinkExpired):
            users.reset_password(alice, proof, "newer hash", replace(BY_ADMIN, at=AT + 1), None)
        assert feed() == [user()]

    def test_who_logs_out_everywhere_is_told(self, users, sessions, alice, feed):
        begin(sessions, alice, "s2")
        users.end_all_sessions(alice, BY_ADMIN)
        assert feed() == [user()]
        with pytest.raises(Conflict):
            users.end_all_sessions(replace(alice, id="u2"), BY_ADMIN)
        assert feed() == [user()]

    def test_who_is_deleted_is_told(self, users, alice, feed):
        with pytest.raises(Conflict):
            users.delete(replace(alice, password_hash="other"), DELETED)
        assert feed() == []
        users.delete(alice, replace(DELETED, at=AT))
        assert feed() == [user()]

    def test_who_adds_an_app_is_told(self, factors, alice, feed):
        challenge = Challenge("c1", Purpose.NEW_TOTP, NOW, NOW + 300, {})
        added = replace(REGISTERED, type=EventType.SECOND_FACTOR_ADDED, at=AT)
        factors.add_totp(alice, SESSION, FACTORS, challenge, added, None)
        with pytest.raises(InvalidChallenge):
            factors.add_totp(alice, SESSION, FACTORS, challenge, replace(added, at=AT + 1), None)
        assert feed() == [user()]

    def test_who_gets_another_name_is_told(self, addresses, alice, mailed, feed):
        addresses.rename(alice, mailed(MailKind.EMAIL, NEW), BY_ADMIN, None)
        assert feed() == [user()]

    def test_who_confirms_an_address_that_is_no_name_is_not_told(self, addresses, alice, mailed, feed):
        addresses.confirm_email(alice, mailed(MailKind.EMAIL, NEW), BY_ADMIN, None)
        assert feed() == []

    def test_whose_name_is_written_in_another_case_is_not_told(self, users, addresses, mailed, feed):
        named = replace(ALICE, id="u2", username=NEW, contact=Contact(NEW.upper(), language="de"))
        users.add(named, replace(SESSION, user_id="u2", username=NEW), REGISTERED)
        proof = replace(mailed(MailKind.EMAIL), username=NEW, user_id="u2", email=NEW.upper())
        addresses.rename(users.find(NEW), proof, BY_ADMIN, None)
        assert users.find(NEW).username == NEW.upper()
        assert feed() == []

    def test_whose_password_is_hashed_anew_is_not_told(self, users, alice, feed):
        users.replace_hash(alice, "$2b$12$again")
        assert feed() == []


@pytest.mark.usefixtures("alice")
class TestWhatAnAdministratorDoes:
    def test_to_disable_a_user_is_told_and_to_enable_is_not(self, stores, alice, feed):
        stores.administration.change(alice, roles=alice.roles, disabled=True, events=[BY_ADMIN])
        disabled = stores.administration.with_id("u1")
        later = [replace(BY_ADMIN, at=AT + 1)]
        stores.administration.change(disabled, roles=("user",), disabled=True, events=later)
        stores.administration.change(replace(disabled, roles=("user",)), roles=("user",), disabled=False, events=later)
        assert feed() == [user()]

    def test_to_other_roles_is_not_told(self, stores, alice, feed):
        stores.administration.change(alice, roles=("user",), disabled=False, events=[BY_ADMIN])
        assert feed() == []

    def test_to_all_sessions_is_told(self, stores, alice, feed):
        stores.administration.end_sessions(alice, [BY_ADMIN])
        assert feed() == [user()]

    def test_to_delete_a_user_is_told(self, stores, alice, feed):
        stores.administration.delete(alice, [BY_ADMIN])
        assert feed() == [user()]

    def test_to_the_last_administrator_is_refused_and_not_told(self, stores, feed):
        stores.administration.create(replace(ALICE, id="root", username="Root", roles=("admin",)), [REGISTERED], None)
        root = stores.administration.with_id("root")
        with pytest.raises(LastAdministrator):
            stores.administration.change(root, roles=root.roles, disabled=True, events=[BY_ADMIN])
        with pytest.raises(LastAdministrator):
            stores.administration.delete(root, [BY_ADMIN])
        assert feed() == []


class TestReading:
    def test_is_in_the_order_of_time_and_begins_with_the_second_that_is_asked_for(self, users, sessions, alice, feed):
        for number, at in enumerate([NOW + 30, NOW + 10, NOW + 20]):
            begin(sessions, alice, f"n{number}")
            sessions.end("u1", f"n{number}", replace(REVOKED, at=at))
        users.end_all_sessions(alice, replace(REVOKED, at=NOW + 20))
        later = [session("n2", NOW + 20), user("u1", NOW + 20), session("n0", NOW + 30)]
        assert feed() == [session("n1", NOW + 10), *later]
        assert feed(NOW + 20) == feed(NOW + 11) == later
        assert feed(NOW + 31) == []

    def test_leads_no_sessions_of_a_user_astray(self, users, sessions, alice, feed):
        begin(sessions, alice, "s2")
        sessions.end("u1", "s2", BY_ADMIN)
        assert sessions.of_user("u1") == [SESSION]
        users.end_all_sessions(alice, BY_ADMIN)
        assert sessions.of_user("u1") == []
        assert feed() == [session("s2"), user()]

    @pytest.mark.parametrize("user_id", ["ended", "session", "user", "_ended", "-"])
    def test_is_not_led_astray_by_a_user_whatever_the_id(self, users, sessions, alice, feed, user_id):
        """An import takes ids as they are."""
        kim = replace(ALICE, id=user_id, username="kim")
        users.add(kim, replace(SESSION, id="k1", user_id=user_id, username="kim"), REGISTERED)
        sessions.end("u1", "s1", BY_ADMIN)
        assert feed() == [session("s1")]
        assert [each.id for each in sessions.of_user(user_id)] == ["k1"]
        users.delete(kim, replace(DELETED, at=AT))
        assert sorted(feed(), key=lambda entry: entry.is_user) == [session("s1"), user(user_id)]
