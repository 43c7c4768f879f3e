"""What every ``AdministrationStore`` keeps, in memory and in DynamoDB."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from chalicelib.accounts.caller import NO_ADDRESS, Caller
from chalicelib.accounts.events import ADMIN, EventType, SecurityEvent
from chalicelib.accounts.mail import HandedOver, Mail, MailKind
from chalicelib.accounts.user import Contact
from chalicelib.adapters.dynamodb.deliveries import DynamoDBDeliveries
from chalicelib.credentials.mailed import new_mail_id, new_token, token_digest
from chalicelib.credentials.throttling import Attempt
from chalicelib.errors import Conflict, LastAdministrator, LinkExpired, UsernameTaken
from tests.support.fake_deliveries import FakeDeliveries
from tests.support.fakes import MAIL_RULES, Memory
from tests.support.samples import ALICE, DELETED, NOW, SESSION

ROOT = replace(ALICE, id="root", username="Root", roles=("admin", "user"))
OTHER = replace(ALICE, id="other", username="Other", roles=("admin",))
HERE = Caller("203.0.113.9", "Firefox")


def told(kind, user_id="u1", at=NOW + 4):
    return SecurityEvent(kind, user_id, at, NO_ADDRESS, actor=ADMIN, actor_id="root")


def entry(kind, subject="u1", at=NOW + 4):
    return SecurityEvent(kind, "root", at, HERE, subject=subject)


CREATED = told(EventType.REGISTERED)
GONE = told(EventType.ACCOUNT_DISABLED)
ROLES = [told(EventType.ROLES_CHANGED), entry(EventType.ROLES_CHANGED)]


@pytest.fixture
def administration(stores):
    return stores.administration


def create(administration, *users):
    for user in users:
        administration.create(user, [replace(CREATED, user_id=user.id)], None)


def found(administration, user_id):
    user = administration.with_id(user_id)
    return user and (user.roles, user.disabled)


class TestCreation:
    def test_stores_a_user_without_a_session_under_the_name_and_the_id(self, administration, users, sessions, events):
        create(administration, ALICE)
        assert users.find("alice") == administration.with_id("u1") == ALICE
        assert sessions.of_user("u1") == []
        assert events.recent("u1", 9) == [CREATED]

    def test_refuses_a_name_and_an_address_that_others_have(self, administration, users, events):
        create(administration, replace(ALICE, contact=Contact("alice@example.org", verified=True)))
        for taken in (
            replace(ALICE, id="u2", username="ALICE"),
            replace(ALICE, id="u2", username="Bob", contact=Contact("Alice@example.org", verified=True)),
        ):
            with pytest.raises(UsernameTaken):
                create(administration, taken)
        assert users.find("bob") is None
        assert events.recent("u2", 9) == []

    def test_takes_the_place_of_failures_at_a_name_that_nobody_had(self, administration, stores, users):
        for _ in range(3):
            stores.throttle.admit(Attempt("alice", HERE), NOW)
        create(administration, ALICE)
        assert users.find("alice").failures is None

    def test_lets_the_user_log_in_as_often_as_others(self, administration, sessions):
        create(administration, ALICE)
        assert not sessions.begin(
            administration.with_id("u1"), SESSION, entry(EventType.LOGIN_SUCCEEDED), if_ended=CREATED
        )
        assert sessions.of_user("u1") == [SESSION]


class TestPages:
    NAMES = ("Alice", "alina", "Bob", "álvaro", "ALI")

    @pytest.fixture(autouse=True)
    def _users(self, administration):
        create(administration, *(replace(ALICE, id=f"u{n}", username=name) for n, name in enumerate(self.NAMES)))

    def names(self, page):
        return [user.username for user in page.users]

    def test_are_in_the_order_of_canonical_names(self, administration):
        assert self.names(administration.page("", None, 100)) == ["ALI", "Alice", "alina", "Bob", "álvaro"]

    def test_begin_where_the_one_before_ended(self, administration):
        seen, after, pages = [], None, 0
        while pages == 0 or after is not None:
            page = administration.page("", after, 2)
            seen += self.names(page)
            after, pages = page.next, pages + 1
        assert (seen, pages) == (["ALI", "Alice", "alina", "Bob", "álvaro"], 3)

    def test_hold_those_only_whose_name_begins_so(self, administration):
        assert self.names(administration.page("ali", None, 100)) == ["ALI", "Alice", "alina"]
        assert self.names(administration.page("ali", "alice", 100)) == ["alina"]
        assert self.names(administration.page("x", None, 100)) == []

    def test_show_users_as_last_written(self, administration):
        user = administration.with_id("u0")
        administration.change(user, roles=("user",), disabled=True, events=[GONE])
        (shown,) = administration.page("alice", None, 1).users
        assert (shown.roles, shown.disabled) == (("user",), True)

    def test_forget_the_deleted(self, administration):
        administration.delete(administration.with_id("u2"), [GONE])
        assert "Bob" not in self.names(administration.page("", None, 100))

    def test_hold_no_counters_addresses_or_administrators(self, administration, stores):
        stores.throttle.admit(Attempt("nobody", HERE), NOW)
        create(administration, replace(ROOT, contact=Contact("root@example.org", verified=True)))
        assert self.names(administration.page("", None, 100)) == ["ALI", "Alice", "alina", "Bob", "Root", "álvaro"]


class TestAddressesThatGetNoMail:
    def test_are_found_whatever_their_case(self, administration, place):
        kind = FakeDeliveries if isinstance(place, Memory) else DynamoDBDeliveries
        deliveries = kind(place, MAIL_RULES.per_day)
        assert administration.suppressed("alice@example.org") is None
        deliveries.suppress("alice@example.org", "bounce", NOW)
        assert administration.suppressed("Alice@EXAMPLE.org") == ("bounce", NOW)
        assert administration.suppressed("bob@example.org") is None


class TestChanges:
    def test_replace_roles_and_state_and_say_who_did_it(self, administration, events):
        create(administration, ROOT, ALICE)
        administration.change(ALICE, roles=("user", "editor", "ops"), disabled=False, events=ROLES)
        assert found(administration, "u1") == (("editor", "ops", "user"), False)
        assert events.recent("u1", 1) == [ROLES[0]]
        assert events.recent("root", 1) == [ROLES[1]]

    def test_of_roles_end_no_session(self, administration, sessions):
        create(administration, ALICE)
        sessions.begin(administration.with_id("u1"), SESSION, CREATED, if_ended=CREATED)
        administration.change(ALICE, roles=("user",), disabled=False, events=ROLES)
        assert sessions.of_user("u1") == [SESSION]
        assert SESSION.belongs_to(administration.with_id("u1"))

    def test_that_disable_end_all_sessions_for_good(self, administration, sessions):
        create(administration, ALICE)
        sessions.begin(administration.with_id("u1"), SESSION, CREATED, if_ended=CREATED)
        administration.change(ALICE, roles=ALICE.roles, disabled=True, events=[told(EventType.ACCOUNT_DISABLED)])
        disabled = administration.with_id("u1")
        assert sessions.of_user("u1") == []
        administration.change(disabled, roles=ALICE.roles, disabled=False, events=[told(EventType.ACCOUNT_ENABLED)])
        assert not SESSION.belongs_to(administration.with_id("u1"))

    @pytest.mark.parametrize(
        "stale",
        [
            {"roles": ("user",)},
            {"roles": ("ops", "editor", "user")},
            {"id": "u2"},
            {"username": "alic"},
            {"disabled": True},
        ],
        ids=["without a role", "with another role", "another user", "nobody", "disabled"],
    )
    def test_are_refused_to_whoever_saw_another_account(self, administration, events, stale):
        create(administration, ALICE)
        with pytest.raises(Conflict):
            administration.change(replace(ALICE, **stale), roles=("ops",), disabled=False, events=ROLES)
        assert found(administration, "u1") == (("editor", "user"), False)
        assert events.recent("u1", 9) == [CREATED]

    def test_bring_no_deleted_user_back(self, administration, users, events):
        create(administration, ALICE)
        users.delete(ALICE, DELETED)
        with pytest.raises(Conflict):
            administration.change(ALICE, roles=("ops",), disabled=False, events=ROLES)
        assert users.find("alice") is None
        assert events.recent("u1", 9) == []

    def test_of_two_at_once_one_is_done(self, administration):
        create(administration, ALICE)

        def grant(number):
            try:
                administration.change(ALICE, roles=(f"role-{number}",), disabled=False, events=ROLES)
            except Conflict:
                return None
            return (f"role-{number}",)

        with ThreadPoolExecutor(4) as pool:
            done = [roles for roles in pool.map(grant, range(4)) if roles]
        assert done == [administration.with_id("u1").roles]


def demote(administration, user):
    administration.change(user, roles=("user",), disabled=False, events=[])


def disable(administration, user):
    administration.change(user, roles=user.roles, disabled=True, events=[GONE])


def delete(administration, user):
    administration.delete(user, [GONE])


WAYS_OUT = [demote, disable, delete]


class TestTheLastAdministrator:
    @pytest.mark.parametrize("leave", WAYS_OUT)
    def test_stays(self, administration, leave):
        create(administration, ROOT, ALICE)
        with pytest.raises(LastAdministrator):
            leave(administration, ROOT)
        assert found(administration, "root") == (("admin", "user"), False)

    def test_may_not_delete_the_own_account(self, administration, users):
        create(administration, ROOT)
        with pytest.raises(LastAdministrator):
            users.delete(ROOT, DELETED)
        assert users.find("root") == ROOT

    @pytest.mark.parametrize("leave", WAYS_OUT)
    def test_may_go_once_there_is_another(self, administration, leave):
        create(administration, ROOT, ALICE)
        administration.change(ALICE, roles=("admin",), disabled=False, events=[])
        leave(administration, ROOT)
        with pytest.raises(LastAdministrator):
            demote(administration, administration.with_id("u1"))

    @pytest.mark.parametrize("leave", WAYS_OUT)
    def test_is_the_last_although_there_are_disabled_ones(self, administration, leave):
        create(administration, ROOT, OTHER)
        disable(administration, OTHER)
        with pytest.raises(LastAdministrator):
            leave(administration, ROOT)
        administration.change(administration.with_id("other"), roles=OTHER.roles, disabled=False, events=[])
        leave(administration, ROOT)

    def test_is_not_kept_by_what_leaves_it_one(self, administration):
        create(administration, ROOT)
        administration.change(ROOT, roles=("admin", "ops"), disabled=False, events=[])
        assert found(administration, "root") == (("admin", "ops"), False)

    @pytest.mark.parametrize("leave", WAYS_OUT)
    def test_remains_when_all_go_at_once(self, administration, leave):
        create(administration, ROOT, OTHER, replace(OTHER, id="third", username="Third"))

        def go(user_id):
            try:
                leave(administration, administration.with_id(user_id))
            except LastAdministrator:
                return False
            return True

        with ThreadPoolExecutor(3) as pool:
            gone = list(pool.map(go, ["root", "other", "third"]))
        assert sorted(gone) == [False, True, True]


class TestEndOfSessions:
    def test_ends_all_and_says_who_did_it(self, administration, sessions, events):
        create(administration, ALICE)
        sessions.begin(administration.with_id("u1"), SESSION, CREATED, if_ended=CREATED)
        both = [told(EventType.LOGGED_OUT, at=NOW + 9), entry(EventType.LOGGED_OUT, at=NOW + 9)]
        administration.end_sessions(ALICE, both)
        assert sessions.of_user("u1") == []
        assert not SESSION.belongs_to(administration.with_id("u1"))
        assert (events.recent("u1", 1), events.recent("root", 1)) == ([both[0]], [both[1]])

    def test_is_refused_where_the_user_is_gone(self, administration):
        create(administration, ALICE)
        administration.delete(ALICE, [GONE])
        with pytest.raises(Conflict):
            administration.end_sessions(ALICE, [GONE])


class TestDeletion:
    def test_forgets_all_but_the_entry_of_who_did_it(self, administration, events, users):
        create(administration, ALICE)
        entries = [entry(EventType.ACCOUNT_DELETED)]
        administration.delete(ALICE, entries)
        assert administration.with_id("u1") is None
        assert users.find("alice") is None
        assert events.recent("u1", 9) == []
        assert events.recent("root", 9) == entries

    def test_goes_on_whatever_the_password_is_by_now(self, administration, users):
        create(administration, ALICE)
        users.replace_hash(ALICE, "$2b$10$new")
        administration.delete(ALICE, [GONE])
        assert users.find("alice") is None

    def test_frees_name_and_address(self, administration):
        contact = Contact("alice@example.org", verified=True)
        create(administration, replace(ALICE, contact=contact))
        administration.delete(administration.with_id("u1"), [GONE])
        create(administration, replace(ALICE, id="u2", contact=contact))


def link_for(user, *, version=0, kind=MailKind.RESET):
    mail_id = new_mail_id()
    token = new_token(mail_id)
    email = user.contact.email if user.contact else None
    over = HandedOver(token_digest(token), user.username, email, version, is_mailed=False)
    return token, Mail(mail_id, kind, NOW, "", asked=user.username, user_id=user.id, handed_over=over)


class TestLinks:
    def test_stand_for_the_user_as_soon_as_they_are_handed_over(self, administration, stores):
        create(administration, ALICE)
        token, mail = link_for(ALICE)
        administration.hand_over(ALICE, mail, [])
        proof = stores.outbox.find(mail.id)
        assert (proof.user_id, proof.username, proof.email, proof.handed_over) == ("u1", "Alice", None, True)
        assert (proof.shown_digest, proof.token_digests) == (token_digest(token), ())

    def test_come_with_a_new_account(self, administration, stores):
        _, mail = link_for(ALICE, kind=MailKind.INVITATION)
        administration.create(ALICE, [CREATED], mail)
        assert stores.outbox.find(mail.id).problem((MailKind.INVITATION,), NOW) is None

    def test_set_a_password_once(self, administration, stores, users):
        create(administration, ALICE)
        _, mail = link_for(ALICE)
        administration.hand_over(ALICE, mail, [])
        proof = stores.outbox.find(mail.id)
        users.reset_password(ALICE, proof, "$2b$10$new", told(EventType.PASSWORD_RESET), None)
        assert users.find("alice").password_hash == "$2b$10$new"
        assert administration.password_version(ALICE) == 1
        assert stores.outbox.find(mail.id).used

    @pytest.mark.parametrize("stale", [{"id": "u2"}, {"username": "alic"}])
    def test_are_for_nobody_else(self, administration, stores, stale):
        create(administration, ALICE)
        _, mail = link_for(ALICE)
        with pytest.raises(Conflict):
            administration.hand_over(replace(ALICE, **stale), mail, [])
        assert stores.outbox.find(mail.id) is None

    def test_are_void_once_the_account_was_disabled_also_when_it_is_enabled_again(self, administration, stores, users):
        create(administration, ALICE)
        _, mail = link_for(ALICE)
        administration.hand_over(ALICE, mail, [])
        disable(administration, ALICE)
        disabled = administration.with_id("u1")
        administration.change(disabled, roles=ALICE.roles, disabled=False, events=[])
        proof = stores.outbox.find(mail.id)
        with pytest.raises(LinkExpired):
            users.reset_password(ALICE, proof, "$2b$10$new", told(EventType.PASSWORD_RESET), None)
        _, fresh = link_for(ALICE, version=administration.password_version(ALICE))
        administration.hand_over(ALICE, fresh, [])
        proof = stores.outbox.find(fresh.id)
        users.reset_password(ALICE, proof, "$2b$10$new", told(EventType.PASSWORD_RESET), None)
        assert users.find("alice").password_hash == "$2b$10$new"

    def test_are_not_made_for_the_disabled_or_of_an_older_password(self, administration):
        create(administration, ALICE)
        _, mail = link_for(ALICE, version=1)
        with pytest.raises(Conflict):
            administration.hand_over(ALICE, mail, [])
        disable(administration, ALICE)
        with pytest.raises(Conflict):
            administration.hand_over(ALICE, link_for(ALICE)[1], [])
