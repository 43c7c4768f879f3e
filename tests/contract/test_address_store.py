"""What every ``AddressStore`` keeps, in memory and in DynamoDB, and what a mailed token does to users."""

from dataclasses import replace

import pytest

from chalicelib.accounts.events import EventType
from chalicelib.accounts.mail import Mail, MailKind
from chalicelib.accounts.user import Contact
from chalicelib.credentials.challenges import Challenge, Purpose
from chalicelib.credentials.mailed import KeptRegistration
from chalicelib.credentials.throttling import Attempt, Known
from chalicelib.errors import Conflict, EmailTaken, LinkExpired, UsernameTaken
from tests.contract.test_factor_store import ADDED, FACTORS
from tests.support.samples import ALICE, CHANGED, DELETED, NOW, REGISTERED, REVOKED, SESSION, admitted

OLD, NEW = "old@example.org", "New@example.org"
VERIFIED = replace(REGISTERED, type=EventType.EMAIL_VERIFIED)
UNCONFIRMED = replace(ALICE, contact=Contact(NEW, language="de"))
CONFIRMED = replace(ALICE, contact=Contact(OLD, verified=True, language="de"))
CHANGING = replace(ALICE, contact=Contact(OLD, verified=True, new_email=NEW, language="de", asked_by="s1"))
BOB = replace(ALICE, id="u2", username="bob")
GIVEN = Contact(NEW, language="de", asked_by="s1")
"""The first address of a user, which a session has given."""


def asking(kind=MailKind.EMAIL, mail_id="m1", **members):
    return Mail(mail_id, kind, NOW, "de", asked="alice", **members)


@pytest.fixture
def add(users):
    def add(user=ALICE, session=SESSION):
        users.add(user, replace(session, user_id=user.id, username=user.username), replace(REGISTERED, user_id=user.id))
        return users.find(user.username)

    return add


@pytest.fixture
def ask(outbox, post):
    """Ask for a mail to a user, have it sent, and return what it stands for."""

    def ask(user=ALICE, kind=MailKind.EMAIL, mail_id="m1", email=NEW, **members):
        mail = asking(kind, mail_id, user_id=user.id, **members)
        outbox.ask(mail)
        return post(mail, username=user.username, user_id=user.id, email=email)

    return ask


class TestContacts:
    def test_a_user_is_found_with_the_address_as_it_was_stored(self, add):
        assert add(CHANGING).contact == CHANGING.contact

    def test_sets_an_address_and_asks_to_confirm_it(self, add, users, addresses, outbox):
        addresses.set_email(add(), GIVEN, asking(to=NEW))
        assert users.find("alice").contact == GIVEN
        assert outbox.find("m1").kind is MailKind.EMAIL

    def test_setting_an_address_twice_keeps_the_second(self, add, users, addresses):
        addresses.set_email(add(CONFIRMED), CHANGING.contact, asking())
        addresses.set_email(users.find("alice"), replace(CHANGING.contact, new_email="c@example.org"), asking())
        assert users.find("alice").contact.new_email == "c@example.org"

    def test_sets_no_address_of_a_user_whose_address_has_changed(self, add, users, addresses, outbox):
        before = add()
        addresses.set_email(before, GIVEN, asking())
        with pytest.raises(Conflict):
            addresses.set_email(before, replace(GIVEN, email="other@example.org"), asking(mail_id="m2"))
        assert users.find("alice").contact == GIVEN
        assert outbox.find("m2") is None

    def test_sets_no_address_of_a_user_who_is_gone(self, add, users, addresses):
        user = add()
        users.delete(user, DELETED)
        with pytest.raises(Conflict):
            addresses.set_email(user, GIVEN, asking())
        assert users.find("alice") is None

    def test_removes_an_address_and_frees_it(self, add, users, addresses, events, outbox):
        addresses.remove_email(add(CONFIRMED), VERIFIED, asking(MailKind.EMAIL_CHANGED))
        assert users.find("alice").contact is None
        assert VERIFIED in events.recent("u1", 9)
        assert outbox.find("m1").kind is MailKind.EMAIL_CHANGED
        users.add(
            replace(CONFIRMED, id="u2", username="bob"),
            replace(SESSION, user_id="u2"),
            replace(REGISTERED, user_id="u2"),
        )

    def test_removes_an_unconfirmed_address_without_a_word(self, add, users, addresses, events):
        addresses.remove_email(add(UNCONFIRMED), None, None)
        assert users.find("alice").contact is None
        assert events.recent("u1", 9) == [REGISTERED]


FIRST = replace(ALICE, contact=GIVEN)
OTHER = replace(SESSION, id="s2")
BEGUN = replace(REGISTERED, type=EventType.LOGIN_SUCCEEDED)
LOGGED_OUT = replace(REVOKED, type=EventType.LOGGED_OUT)
RESET = replace(CHANGED, type=EventType.PASSWORD_RESET)
REUSED = replace(REVOKED, type=EventType.REFRESH_TOKEN_REUSED)


ENDS = {
    "end of all": lambda stores, user, proof: stores.users.end_all_sessions(user, LOGGED_OUT),
    "end of all by an administrator": lambda stores, user, proof: stores.administration.end_sessions(
        user, [LOGGED_OUT]
    ),
    "disabled": lambda stores, user, proof: stores.administration.change(
        user, roles=user.roles, disabled=True, events=[replace(REVOKED, type=EventType.ACCOUNT_DISABLED)]
    ),
    "another password": lambda stores, user, proof: stores.users.change_password(
        admitted(user), OTHER, replace(SESSION, id="s3", epoch=user.session_epoch + 1), "new hash", CHANGED
    ),
    "reset": lambda stores, user, proof: stores.users.reset_password(user, proof, "new hash", RESET, None),
    "end of that session as reused": lambda stores, user, proof: stores.sessions.end_reused(
        replace(SESSION, username=user.username), REUSED
    ),
    "end of that session by another": lambda stores, user, proof: stores.sessions.end_another(user, "s1", REVOKED),
    "a second factor of another": lambda stores, user, proof: stores.factors.add_totp(
        user, OTHER, FACTORS, Challenge("c1", Purpose.NEW_TOTP, NOW, NOW + 300, {}), ADDED, None
    ),
}
"""What ends the session ``s1`` for its user."""


class TestWithdrawal:
    """What a session has given, and nobody has confirmed, goes with whatever ends that session for its user."""

    @pytest.fixture
    def two_sessions(self, add, users, sessions, addresses):
        def two_sessions(user):
            sessions.begin(add(replace(user, contact=user.settled_contact)), OTHER, BEGUN, if_ended=REVOKED)
            if user.contact != user.settled_contact:
                addresses.set_email(users.find("alice"), user.contact, asking(mail_id="m0", to=NEW))
            return users.find("alice")

        return two_sessions

    @pytest.mark.parametrize("end", ENDS)
    def test_the_verified_address_is_left(self, two_sessions, ask, stores, end):
        user = two_sessions(CHANGING)
        ENDS[end](stores, user, ask(kind=MailKind.RESET, email=OLD))
        assert stores.users.find("alice").contact == CONFIRMED.contact

    @pytest.mark.parametrize("end", ENDS)
    def test_of_a_first_address_nothing_is_left(self, two_sessions, ask, stores, end):
        user = two_sessions(FIRST)
        ENDS[end](stores, user, ask(kind=MailKind.RESET))
        assert stores.users.find("alice").contact is None

    @pytest.mark.parametrize("end", ENDS)
    def test_what_the_registration_gave_stays(self, two_sessions, ask, stores, end):
        user = two_sessions(UNCONFIRMED)
        ENDS[end](stores, user, ask(kind=MailKind.RESET))
        assert stores.users.find("alice").contact == UNCONFIRMED.contact

    @pytest.mark.parametrize("end", ENDS)
    def test_it_goes_also_if_it_was_given_after_the_user_was_read(self, two_sessions, ask, stores, end):
        before = two_sessions(CONFIRMED)
        stores.addresses.set_email(before, CHANGING.contact, asking(mail_id="m2", to=NEW))
        ENDS[end](stores, before, ask(kind=MailKind.RESET, email=OLD))
        assert stores.users.find("alice").contact == CONFIRMED.contact

    @pytest.mark.parametrize("end", ENDS)
    def test_nothing_is_given_once_the_session_has_ended(self, two_sessions, ask, stores, end):
        before = two_sessions(CONFIRMED)
        ENDS[end](stores, before, ask(kind=MailKind.RESET, email=OLD))
        for user in (before, stores.users.find("alice")):
            with pytest.raises(Conflict):
                stores.addresses.set_email(user, CHANGING.contact, asking(mail_id="m2", to=NEW))
        assert stores.users.find("alice").contact == CONFIRMED.contact
        assert stores.outbox.find("m2") is None

    def test_to_log_out_withdraws_nothing(self, two_sessions, users, sessions):
        two_sessions(CHANGING)
        sessions.end("u1", "s1", LOGGED_OUT)
        assert users.find("alice").contact == CHANGING.contact

    def test_neither_does_the_end_of_a_session_that_has_given_nothing(self, two_sessions, users, sessions):
        sessions.end_another(two_sessions(CHANGING), "s2", REVOKED)
        assert users.find("alice").contact == CHANGING.contact

    def test_nor_of_one_in_whose_place_another_has_given_one(self, two_sessions, users, sessions, addresses):
        before = two_sessions(CONFIRMED)
        addresses.set_email(before, CHANGING.contact, asking(to=NEW))
        given = replace(CHANGING.contact, new_email="c@example.org", asked_by="s2")
        addresses.set_email(users.find("alice"), given, asking(mail_id="m2", to="c@example.org"))
        assert sessions.end_another(before, "s1", REVOKED)
        assert users.find("alice").contact == given
        assert [session.id for session in sessions.of_user("u1")] == ["s2"]

    def test_the_session_that_adds_a_second_factor_keeps_what_it_has_given(self, two_sessions, users, factors):
        user = two_sessions(replace(CHANGING, contact=replace(CHANGING.contact, asked_by="s2")))
        use = Challenge("c1", Purpose.NEW_TOTP, NOW, NOW + 300, {})
        factors.add_totp(user, OTHER, FACTORS, use, ADDED, None)
        assert users.find("alice").contact == user.contact

    def test_of_a_session_that_is_gone_or_anothers_nothing_happens(self, two_sessions, users, sessions, events):
        user = two_sessions(CHANGING)
        assert not sessions.end_another(user, "s9", REVOKED)
        assert not sessions.end_another(replace(user, id="u2"), "s1", REVOKED)
        assert users.find("alice").contact == CHANGING.contact
        assert REVOKED not in events.recent("u1", 9)

    def test_can_be_asked_for(self, add, ask, users, addresses):
        user, proof = add(CHANGING), ask()
        addresses.withdraw_email(user)
        assert users.find("alice").contact == CONFIRMED.contact
        with pytest.raises(LinkExpired):
            addresses.confirm_email(user, proof, VERIFIED, None)

    def test_of_an_address_that_is_the_users_by_now_is_refused(self, add, ask, users, addresses):
        user = add(CHANGING)
        addresses.confirm_email(user, ask(), VERIFIED, None)
        with pytest.raises(Conflict):
            addresses.withdraw_email(user)
        assert users.find("alice").verified_email == NEW


class TestConfirmation:
    def test_makes_the_address_the_users(self, add, ask, users, addresses, events):
        user = add(UNCONFIRMED)
        addresses.confirm_email(user, ask(), VERIFIED, None)
        assert users.find("alice").contact == Contact(NEW, verified=True, language="de")
        assert VERIFIED in events.recent("u1", 9)

    def test_replaces_a_verified_address_and_frees_it(self, add, ask, users, addresses, outbox):
        addresses.confirm_email(add(CHANGING), ask(), VERIFIED, asking(MailKind.EMAIL_CHANGED, "m2", to=OLD))
        assert users.find("alice").contact == Contact(NEW, verified=True, language="de")
        assert outbox.find("m2").kind is MailKind.EMAIL_CHANGED
        add(replace(ALICE, id="u2", username="bob", contact=Contact(OLD, verified=True)), replace(SESSION, id="s2"))

    def test_happens_once(self, add, ask, users, addresses):
        user, proof = add(UNCONFIRMED), ask()
        addresses.confirm_email(user, proof, VERIFIED, None)
        addresses.set_email(
            users.find("alice"), replace(CHANGING.contact, email=NEW, new_email=OLD), asking(mail_id="m2")
        )
        with pytest.raises(LinkExpired):
            addresses.confirm_email(user, proof, VERIFIED, None)
        assert users.find("alice").contact.new_email == OLD

    def test_of_an_address_that_another_has_verified_changes_nothing(self, add, ask, users, addresses, outbox):
        add(
            replace(ALICE, id="u2", username="bob", contact=Contact(NEW.upper(), verified=True)),
            replace(SESSION, id="s2"),
        )
        user = add(UNCONFIRMED)
        with pytest.raises(EmailTaken):
            addresses.confirm_email(user, ask(), VERIFIED, None)
        assert users.find("alice").contact == UNCONFIRMED.contact
        assert not outbox.find("m1").used

    def test_of_an_address_that_no_longer_waits_changes_nothing(self, add, ask, users, addresses):
        user = add(UNCONFIRMED)
        proof = ask()
        addresses.set_email(user, replace(GIVEN, email="other@example.org"), asking(mail_id="m2"))
        with pytest.raises(LinkExpired):
            addresses.confirm_email(user, proof, VERIFIED, None)
        assert not users.find("alice").contact.verified

    def test_after_a_change_of_the_password_changes_nothing(self, add, ask, users, addresses):
        user, proof = add(UNCONFIRMED), ask()
        successor = replace(SESSION, id="s2", epoch=user.session_epoch + 1)
        users.change_password(admitted(user), SESSION, successor, "new hash", CHANGED)
        with pytest.raises(LinkExpired):
            addresses.confirm_email(users.find("alice"), proof, VERIFIED, None)
        assert not users.find("alice").contact.verified


class TestNamesThatAreAddresses:
    ASKED = replace(CHANGING, username=OLD)

    def test_a_confirmed_address_is_the_new_name_and_the_asking_session_goes_on(
        self, add, ask, users, addresses, sessions
    ):
        user = add(self.ASKED)
        sessions.begin(user, replace(SESSION, id="s2", username=OLD), REGISTERED, if_ended=REVOKED)
        addresses.rename(users.find(OLD), ask(self.ASKED, session_id="s1"), VERIFIED, None)
        assert users.find(OLD) is None
        renamed = users.find(NEW)
        assert (renamed.id, renamed.username) == (user.id, NEW)
        assert renamed.contact == Contact(NEW, verified=True, language="de")
        going_on = {s.id: s.username for s in sessions.of_user(user.id) if s.belongs_to(renamed)}
        assert going_on == {"s1": NEW}

    def test_a_session_that_was_read_before_under_the_name_before_ends_as_reused(
        self, add, ask, users, addresses, sessions
    ):
        add(replace(self.ASKED, contact=self.ASKED.settled_contact))
        addresses.set_email(users.find(OLD), self.ASKED.contact, asking(mail_id="m0", to=NEW))
        addresses.rename(users.find(OLD), ask(self.ASKED, session_id="s1"), VERIFIED, None)
        assert sessions.end_reused(replace(SESSION, username=OLD), REUSED)
        assert sessions.of_user("u1") == []
        assert users.find(NEW).verified_email == NEW

    def test_what_was_withdrawn_renames_nobody(self, add, ask, users, addresses):
        user, proof = add(self.ASKED), ask(self.ASKED, session_id="s1")
        users.end_all_sessions(user, LOGGED_OUT)
        with pytest.raises(LinkExpired):
            addresses.rename(user, proof, VERIFIED, None)
        assert users.find(NEW) is None

    def test_a_link_from_before_another_password_renames_nobody(self, add, ask, users, addresses):
        user, proof = add(self.ASKED), ask(self.ASKED, session_id="s1")
        with pytest.raises(LinkExpired):
            addresses.rename(user, replace(proof, password_version=proof.password_version + 1), VERIFIED, None)
        assert users.find(NEW) is None
        assert users.find(OLD).contact == self.ASKED.contact

    def test_the_session_that_goes_on_counts_among_those_that_a_user_may_have(
        self, add, ask, users, addresses, make_stores
    ):
        add(self.ASKED)
        addresses.rename(users.find(OLD), ask(self.ASKED, session_id="s1"), VERIFIED, None)
        renamed, sessions = users.find(NEW), make_stores(2).sessions
        for number in (2, 3):
            begun = replace(
                SESSION, id=f"s{number}", created_at=NOW + number, username=NEW, epoch=renamed.session_epoch
            )
            sessions.begin(renamed, begun, BEGUN, if_ended=REVOKED)
        assert sorted(s.id for s in sessions.of_user(renamed.id)) == ["s2", "s3"]

    def test_without_the_asking_session_all_end(self, add, ask, users, addresses, sessions):
        user = add(self.ASKED)
        sessions.end(user.id, "s1", REVOKED)
        addresses.rename(user, ask(self.ASKED, session_id="s1"), VERIFIED, None)
        assert not [s for s in sessions.of_user(user.id) if s.belongs_to(users.find(NEW))]

    def test_the_old_name_and_address_are_free_and_the_new_ones_taken(self, add, ask, users, addresses):
        addresses.rename(add(self.ASKED), ask(self.ASKED), VERIFIED, None)
        add(replace(ALICE, id="u2", username=OLD, contact=Contact(OLD, verified=True)), replace(SESSION, id="s2"))
        with pytest.raises(UsernameTaken):
            add(replace(ALICE, id="u3", username=NEW, contact=Contact(NEW, verified=True)), replace(SESSION, id="s3"))

    def test_a_name_that_somebody_has_is_refused(self, add, ask, users, addresses):
        add(replace(ALICE, id="u2", username=NEW), replace(SESSION, id="s2"))
        with pytest.raises(EmailTaken):
            addresses.rename(add(self.ASKED), ask(self.ASKED), VERIFIED, None)
        assert users.find(OLD).contact == self.ASKED.contact
        assert users.find(NEW).id == "u2"

    def test_the_same_address_in_another_case_only_changes_how_it_is_written(
        self, add, ask, users, addresses, sessions
    ):
        asked = replace(ALICE, username=OLD, contact=Contact(OLD))
        user = add(asked)
        addresses.set_email(user, replace(GIVEN, email="Old@Example.org"), asking(mail_id="m0"))
        addresses.rename(user, ask(asked, email="Old@Example.org"), VERIFIED, None)
        assert users.find(OLD).username == "Old@Example.org"
        assert [s.id for s in sessions.of_user(user.id) if s.belongs_to(users.find(OLD))] == ["s1"]

    def test_happens_once(self, add, ask, users, addresses):
        user, proof = add(self.ASKED), ask(self.ASKED)
        addresses.rename(user, proof, VERIFIED, None)
        with pytest.raises(LinkExpired):
            addresses.rename(user, proof, VERIFIED, None)
        assert users.find(NEW).id == user.id


class TestKeptRegistrations:
    KEPT = KeptRegistration("m1", NEW, "a hash", "de", NOW + 3600)
    USER = replace(ALICE, username=NEW, contact=Contact(NEW, verified=True, language="de"))

    def test_is_kept_until_its_address_is_confirmed(self, addresses, users):
        addresses.keep(self.KEPT, asking(MailKind.REGISTER, to=NEW))
        kept = addresses.kept("m1")
        assert (kept.email, kept.password_hash, kept.language) == (NEW, "a hash", "de")
        assert users.find(NEW) is None

    def test_nothing_is_kept_for_another_mail(self, addresses):
        addresses.keep(self.KEPT, asking(MailKind.REGISTER, to=NEW))
        assert addresses.kept("m2") is None

    def test_its_confirmation_makes_one_account(self, addresses, users, outbox, add):
        addresses.keep(self.KEPT, asking(MailKind.REGISTER, to=NEW))
        proof = outbox.find("m1")
        session = replace(SESSION, username=NEW)
        users.add(self.USER, session, REGISTERED, proof=proof)
        assert users.find(NEW).contact == self.USER.contact
        assert addresses.kept("m1") is None
        with pytest.raises(LinkExpired):
            users.add(replace(self.USER, id="u2"), replace(session, user_id="u2"), REGISTERED, proof=proof)
        users.delete(users.find(NEW), DELETED)
        with pytest.raises(LinkExpired):
            users.add(self.USER, session, REGISTERED, proof=proof)
        assert users.find(NEW) is None

    def test_an_address_that_another_account_has_verified_makes_no_account(self, addresses, users, outbox, add):
        add(replace(ALICE, id="u2", contact=Contact(NEW, verified=True)))
        addresses.keep(self.KEPT, asking(MailKind.REGISTER, to=NEW))
        with pytest.raises(UsernameTaken):
            users.add(self.USER, replace(SESSION, id="s2"), REGISTERED, proof=outbox.find("m1"))
        assert users.find(NEW) is None


class TestAddressesOfDeletedAccounts:
    def test_a_deleted_account_frees_its_address(self, add, users):
        users.delete(add(CONFIRMED), DELETED)
        assert add(replace(CONFIRMED, id="u2", username="bob")).verified_email == OLD

    def test_an_account_whose_address_was_confirmed_meanwhile_is_not_deleted(self, add, ask, users, addresses):
        before = add(CHANGING)
        addresses.confirm_email(before, ask(), VERIFIED, None)
        with pytest.raises(Conflict):
            users.delete(before, DELETED)
        assert users.find("alice").verified_email == NEW

    def test_neither_is_one_whose_first_address_was_confirmed_meanwhile(self, add, ask, users, addresses):
        before = add(UNCONFIRMED)
        addresses.confirm_email(before, ask(), VERIFIED, None)
        with pytest.raises(Conflict):
            users.delete(before, DELETED)
        assert users.find("alice").verified_email == NEW


class TestReset:
    RESET = replace(CHANGED, type=EventType.PASSWORD_RESET)

    def test_replaces_the_password_and_ends_all_sessions(self, add, ask, users, sessions, events, outbox):
        user = add(CONFIRMED)
        users.reset_password(user, ask(kind=MailKind.RESET), "new hash", self.RESET, asking("password_reset", "m2"))
        after = users.find("alice")
        assert (after.password_hash, after.session_epoch) == ("new hash", user.session_epoch + 1)
        assert sessions.of_user("u1") == []
        assert self.RESET in events.recent("u1", 9)
        assert outbox.find("m2") is not None

    @pytest.mark.parametrize("known", [None, Known("device", "d1", "u1")])
    def test_forgets_the_failures_of_who_resets(self, add, ask, users, throttle, known):
        user = add(CONFIRMED)
        attempts = [Attempt("alice", CHANGED.caller), Attempt("alice", CHANGED.caller, known)]
        for attempt in attempts:
            throttle.admit(attempt, CHANGED.at)
        users.reset_password(user, ask(kind=MailKind.RESET), "new hash", self.RESET, None, device=known)
        for attempt in attempts if known else attempts[:1]:
            assert throttle.admit(attempt, CHANGED.at).before.source is None

    def test_verifies_no_address_that_was_verified_meanwhile(self, add, ask, users, addresses, events):
        before, proof = add(UNCONFIRMED), ask(kind=MailKind.INVITATION)
        addresses.confirm_email(before, ask(mail_id="m2"), VERIFIED, None)
        with pytest.raises(LinkExpired):
            users.reset_password(before, proof, "new hash", self.RESET, None, verified=VERIFIED)
        assert users.find("alice").password_hash == before.password_hash
        assert events.recent("u1", 9).count(VERIFIED) == 1

    def test_happens_once(self, add, ask, users):
        user, proof = add(CONFIRMED), ask(kind=MailKind.RESET)
        users.reset_password(user, proof, "new hash", self.RESET, None)
        with pytest.raises(LinkExpired):
            users.reset_password(users.find("alice"), proof, "newer hash", self.RESET, None)
        assert users.find("alice").password_hash == "new hash"

    def test_a_link_whose_mail_is_gone_is_void(self, add, ask, users):
        user, proof = add(CONFIRMED), ask(kind=MailKind.RESET)
        with pytest.raises(LinkExpired):
            users.reset_password(user, replace(proof, mail_id="gone"), "new hash", self.RESET, None)
        assert users.find("alice").password_hash == user.password_hash

    def test_a_second_link_is_void_once_the_first_was_used(self, add, ask, users):
        user = add(CONFIRMED)
        first, second = ask(kind=MailKind.RESET), ask(kind=MailKind.RESET, mail_id="m2")
        users.reset_password(user, first, "new hash", self.RESET, None)
        with pytest.raises(LinkExpired):
            users.reset_password(users.find("alice"), second, "newer hash", self.RESET, None)

    def test_a_link_is_void_once_the_address_has_changed_since_the_user_was_read(self, add, ask, users, addresses):
        before, proof = add(CHANGING), ask(kind=MailKind.RESET, email=OLD)
        addresses.confirm_email(before, ask(mail_id="m2"), VERIFIED, None)
        with pytest.raises(LinkExpired):
            users.reset_password(before, proof, "newer hash", self.RESET, None)

    def test_a_link_is_void_after_a_change_of_the_password(self, add, ask, users):
        user, proof = add(CONFIRMED), ask(kind=MailKind.RESET)
        successor = replace(SESSION, id="s2", epoch=user.session_epoch + 1)
        users.change_password(admitted(user), SESSION, successor, "new hash", CHANGED)
        with pytest.raises(LinkExpired):
            users.reset_password(users.find("alice"), proof, "newer hash", self.RESET, None)


class TestResetByAnInvitation:
    RESET = replace(CHANGED, type=EventType.PASSWORD_RESET)

    def accept(self, users, user, proof, password_hash="new hash", mail=None):
        return users.reset_password(user, proof, password_hash, self.RESET, mail, verified=VERIFIED)

    def test_verifies_the_address_in_the_same_step(self, add, ask, users, events, addresses):
        user = add(UNCONFIRMED)
        assert self.accept(users, user, ask(kind=MailKind.INVITATION)) is True
        after = users.find("alice")
        assert (after.password_hash, after.contact) == ("new hash", Contact(NEW, verified=True, language="de"))
        assert {self.RESET, VERIFIED} <= set(events.recent("u1", 9))
        # The address is taken.
        bob = add(replace(BOB, contact=Contact(NEW)), SESSION)
        with pytest.raises(EmailTaken):
            addresses.confirm_email(bob, ask(bob, mail_id="m9"), VERIFIED, None)

    def test_happens_once(self, add, ask, users):
        user, proof = add(UNCONFIRMED), ask(kind=MailKind.INVITATION)
        assert self.accept(users, user, proof)
        for stale in (user, users.find("alice")):
            with pytest.raises(LinkExpired):
                self.accept(users, stale, proof, "newer hash")
        assert users.find("alice").password_hash == "new hash"

    def test_sets_the_password_alone_if_another_user_has_the_address(self, add, ask, users, addresses, events, outbox):
        bob = add(replace(BOB, contact=Contact(NEW)), SESSION)
        addresses.confirm_email(bob, ask(bob, mail_id="m9"), replace(VERIFIED, user_id="u2"), None)
        user, proof = add(UNCONFIRMED), ask(kind=MailKind.INVITATION)
        assert self.accept(users, user, proof, mail=asking("password_reset", "m2")) is False
        after = users.find("alice")
        assert (after.password_hash, after.contact) == ("new hash", UNCONFIRMED.contact)
        assert (outbox.find("m1").used, outbox.find("m2") is not None) == (True, True)
        assert self.RESET in events.recent("u1", 9)
        assert VERIFIED not in events.recent("u1", 9)
        assert users.find("bob").verified_email == NEW
        with pytest.raises(LinkExpired):
            self.accept(users, after, proof, "newer hash")

    @pytest.mark.parametrize("contact", [None, Contact(OLD), CONFIRMED.contact, GIVEN])
    def test_is_void_if_the_address_does_not_wait_any_more(self, add, ask, users, contact):
        user = add(replace(ALICE, contact=contact))
        with pytest.raises(LinkExpired):
            self.accept(users, user, ask(kind=MailKind.INVITATION))
        assert users.find("alice").contact == contact
