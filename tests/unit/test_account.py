"""The use cases of a user who is logged in, over fakes that keep the whole contract of the stores."""

from dataclasses import replace

import bcrypt
import pytest

from chalicelib.accounts.caller import NO_ADDRESS, Caller
from chalicelib.accounts.events import EventType
from chalicelib.credentials.passwords import IMPORTED, PasswordHasher
from chalicelib.credentials.peppers import Peppers
from chalicelib.errors import (
    Conflict,
    Forbidden,
    InsufficientAuthentication,
    InvalidCredentials,
    InvalidGrant,
    InvalidToken,
    NotFound,
    TooManyAttempts,
    ValidationFailed,
)
from chalicelib.tokens.kinds import ACCESS_TOKEN

PASSWORD = "correct horse battery staple"
NEW_PASSWORD = "a quite different passphrase"
CALLER = Caller(ip="203.0.113.7", user_agent="test")
DAY = 24 * 3600
FRESH_SECONDS = 900


@pytest.fixture
def account(use_cases):
    return use_cases.account


@pytest.fixture
def log_in(use_cases, verifier):
    """Log Alice in and return the tokens and the principal behind them."""

    def log_in(username="alice"):
        tokens = use_cases.log_in.with_password(username, PASSWORD, CALLER).tokens
        return tokens.refresh_token, verifier.verify(ACCESS_TOKEN, tokens.access_token)

    return log_in


@pytest.fixture
def alice(use_cases, verifier):
    """Alice, just registered: refresh token and principal."""
    tokens = use_cases.registration.register("Alice", PASSWORD, CALLER).tokens
    return tokens.refresh_token, verifier.verify(ACCESS_TOKEN, tokens.access_token)


LIVE_ONLY = {
    "authorized": lambda use_cases, principal: use_cases.account.authorized(principal, role="user", fresh=True),
    "profile": lambda use_cases, principal: use_cases.account.profile(principal),
    "dashboard": lambda use_cases, principal: use_cases.account.dashboard(principal),
    "sessions": lambda use_cases, principal: use_cases.account.sessions(principal),
    "end_session": lambda use_cases, principal: use_cases.account.end_session(principal, "any", CALLER),
    "log_out_everywhere": lambda use_cases, principal: use_cases.account.log_out_everywhere(principal, CALLER),
    "reauthenticate": lambda use_cases, principal: use_cases.reauthentication.with_password(
        principal, PASSWORD, CALLER
    ),
    "change_password": lambda use_cases, principal: use_cases.account.change_password(
        principal, PASSWORD, NEW_PASSWORD, CALLER
    ),
    "delete_account": lambda use_cases, principal: use_cases.account.delete_account(principal, PASSWORD, CALLER),
}


@pytest.mark.parametrize("use", LIVE_ONLY.values(), ids=LIVE_ONLY)
class TestLiveness:
    def assert_refused(self, use, use_cases, memory, principal):
        before = dict(memory.users), dict(memory.sessions), list(memory.events)
        with pytest.raises(InvalidToken) as refusal:
            use(use_cases, principal)
        assert refusal.value.message == "The session has ended."
        assert (memory.users, memory.sessions, memory.events) == before

    def test_a_session_that_ended_can_do_nothing_more(self, use, use_cases, memory, alice):
        refresh_token, principal = alice
        use_cases.refresh_tokens.revoke([refresh_token], CALLER)
        self.assert_refused(use, use_cases, memory, principal)

    def test_neither_can_one_of_an_earlier_epoch(self, use, use_cases, memory, alice, log_in):
        use_cases.account.log_out_everywhere(log_in()[1], CALLER)
        self.assert_refused(use, use_cases, memory, alice[1])

    def test_nor_one_that_was_idle_too_long(self, use, use_cases, memory, alice, clock):
        clock.advance(14 * DAY)
        self.assert_refused(use, use_cases, memory, alice[1])

    def test_nor_a_disabled_user(self, use, use_cases, memory, alice):
        memory.users["alice"] = replace(memory.users["alice"], disabled=True)
        self.assert_refused(use, use_cases, memory, alice[1])

    def test_nor_a_user_who_is_gone(self, use, use_cases, memory, alice):
        memory.users.clear()
        self.assert_refused(use, use_cases, memory, alice[1])

    def test_nor_the_last_owner_of_a_name_that_somebody_else_has_now(self, use, use_cases, memory, alice):
        memory.users.clear()
        use_cases.registration.register("alice", PASSWORD, CALLER)
        self.assert_refused(use, use_cases, memory, alice[1])


class TestProfile:
    def test_is_the_user_as_last_written(self, account, memory, alice):
        memory.users["alice"] = replace(memory.users["alice"], roles=("admin",))
        assert account.profile(alice[1]).roles == ("admin",)


class TestAuthorization:
    def test_is_of_the_user_as_last_written(self, account, memory, alice):
        memory.users["alice"] = replace(memory.users["alice"], roles=("editor", "user"))
        assert account.authorized(alice[1], role="editor").roles == ("editor", "user")

    def test_refuses_whoever_has_the_role_in_the_token_alone(self, account, memory, alice):
        assert alice[1].roles == ("user",)
        memory.users["alice"] = replace(memory.users["alice"], roles=("editor",))
        with pytest.raises(Forbidden):
            account.authorized(alice[1], role="user", fresh=True)

    def test_asks_for_a_fresh_session_only_if_told_to(self, account, alice, clock):
        clock.advance(FRESH_SECONDS + 1)
        assert account.authorized(alice[1], role="user").username == "Alice"
        with pytest.raises(InsufficientAuthentication):
            account.authorized(alice[1], role="user", fresh=True)


class TestSessions:
    def test_lists_the_live_ones_the_newest_first(self, use_cases, account, alice, log_in, clock):
        clock.advance(1)
        ended, _ = log_in()
        clock.advance(1)
        _, newest = log_in()
        use_cases.refresh_tokens.revoke([ended], CALLER)
        listed = [session.id for session in account.sessions(alice[1])]
        assert listed == [newest.session_id, alice[1].session_id]

    def test_lists_none_that_expired_or_is_of_an_earlier_epoch(self, account, alice, log_in, clock):
        clock.advance(14 * DAY)
        _, principal = log_in()
        assert [session.id for session in account.sessions(principal)] == [principal.session_id]
        account.log_out_everywhere(principal, CALLER)
        _, again = log_in()
        assert [session.id for session in account.sessions(again)] == [again.session_id]

    def test_ends_another_of_the_users_own(self, use_cases, account, memory, alice, log_in):
        other_refresh_token, other = log_in()
        account.end_session(alice[1], other.session_id, CALLER)
        with pytest.raises(InvalidGrant):
            use_cases.refresh_tokens.exchange(other_refresh_token, CALLER)
        assert use_cases.refresh_tokens.exchange(alice[0], CALLER).user.username == "Alice"
        assert memory.events[-1].type is EventType.SESSION_REVOKED

    @pytest.mark.parametrize("session_id", ["unknown", "", "x" * 500, "é", "../x", "a b", "\0"])
    def test_what_is_not_there_is_not_found(self, account, alice, session_id):
        with pytest.raises(NotFound):
            account.end_session(alice[1], session_id, CALLER)

    def test_somebody_elses_is_not_found_and_goes_on(self, use_cases, account, alice, verifier):
        bob = use_cases.registration.register("bob", PASSWORD, CALLER).tokens
        bobs_session = verifier.verify(ACCESS_TOKEN, bob.access_token).session_id
        with pytest.raises(NotFound):
            account.end_session(alice[1], bobs_session, CALLER)
        assert use_cases.refresh_tokens.exchange(bob.refresh_token, CALLER).user.username == "bob"


class TestLoggingOutEverywhere:
    def test_ends_every_session_and_no_new_one(self, use_cases, account, memory, alice, log_in):
        other, _ = log_in()
        account.log_out_everywhere(alice[1], CALLER)
        for refresh_token in (alice[0], other):
            with pytest.raises(InvalidGrant):
                use_cases.refresh_tokens.exchange(refresh_token, CALLER)
        assert memory.events[-1].type is EventType.LOGGED_OUT
        assert use_cases.refresh_tokens.exchange(log_in()[0], CALLER).user.username == "Alice"

    def test_leaves_other_users(self, use_cases, account, alice):
        bob = use_cases.registration.register("bob", PASSWORD, CALLER).tokens
        account.log_out_everywhere(alice[1], CALLER)
        assert use_cases.refresh_tokens.exchange(bob.refresh_token, CALLER).user.username == "bob"


class TestChangingThePassword:
    def test_makes_the_new_one_good_and_the_old_one_bad(self, use_cases, account, memory, alice):
        account.change_password(alice[1], PASSWORD, NEW_PASSWORD, CALLER)
        assert use_cases.log_in.with_password("alice", NEW_PASSWORD, CALLER).user.username == "Alice"
        with pytest.raises(InvalidCredentials):
            use_cases.log_in.with_password("alice", PASSWORD, CALLER)
        assert EventType.PASSWORD_CHANGED in [event.type for event in memory.events]

    def test_ends_every_session_and_begins_one(self, use_cases, account, memory, alice, log_in, verifier):
        other, _ = log_in()
        changed = account.change_password(alice[1], PASSWORD, NEW_PASSWORD, CALLER)
        for ended in (alice[0], other):
            with pytest.raises(InvalidGrant):
                use_cases.refresh_tokens.exchange(ended, CALLER)
        with pytest.raises(InvalidToken):
            account.log_out_everywhere(alice[1], CALLER)
        principal = verifier.verify(ACCESS_TOKEN, changed.tokens.access_token)
        assert [session.id for session in account.sessions(principal)] == [changed.session_id]
        assert changed.session_id != alice[1].session_id
        assert use_cases.refresh_tokens.exchange(changed.tokens.refresh_token, CALLER).user.username == "Alice"

    def test_needs_the_current_one(self, use_cases, account, alice, hasher):
        before = hasher.verifications
        with pytest.raises(InvalidCredentials):
            account.change_password(alice[1], NEW_PASSWORD, NEW_PASSWORD, CALLER)
        assert hasher.verifications == before + 1
        assert use_cases.log_in.with_password("alice", PASSWORD, CALLER).user.username == "Alice"

    def test_refuses_a_new_one_against_the_policy_at_its_field(self, use_cases, account, alice):
        with pytest.raises(ValidationFailed) as refusal:
            account.change_password(alice[1], PASSWORD, "too short", CALLER)
        assert [error.field for error in refusal.value.errors] == ["new_password"]
        assert use_cases.log_in.with_password("alice", PASSWORD, CALLER).user.username == "Alice"

    def test_refuses_the_password_itself_and_does_not_count_that_as_a_guess(self, account, alice):
        for _ in range(20):
            with pytest.raises(ValidationFailed) as refusal:
                account.change_password(alice[1], PASSWORD, PASSWORD, CALLER)
            assert [error.field for error in refusal.value.errors] == ["new_password"]
        assert account.change_password(alice[1], PASSWORD, NEW_PASSWORD, CALLER)

    def test_of_two_at_once_the_second_is_told(self, use_cases, account, alice, hasher, monkeypatch):
        hash_password = hasher.hash

        def after_the_other(password):
            monkeypatch.setattr(hasher, "hash", hash_password)
            account.change_password(alice[1], PASSWORD, "the other one was faster", CALLER)
            return hash_password(password)

        monkeypatch.setattr(hasher, "hash", after_the_other)
        with pytest.raises(Conflict):
            account.change_password(alice[1], PASSWORD, NEW_PASSWORD, CALLER)
        assert use_cases.log_in.with_password("alice", "the other one was faster", CALLER).user.username == "Alice"


class TestDeletion:
    def test_leaves_nothing_and_frees_the_name(self, use_cases, account, memory, alice):
        account.delete_account(alice[1], PASSWORD, CALLER)
        assert (memory.users, memory.sessions) == ({}, {})
        assert use_cases.registration.register("ALICE", NEW_PASSWORD, CALLER).user.id != alice[1].user_id

    def test_leaves_one_entry_in_nobodys_history_with_an_id_and_a_time(self, account, memory, alice):
        account.delete_account(alice[1], PASSWORD, CALLER)
        (left,) = memory.events
        assert (left.type, left.user_id, left.subject) == (EventType.ACCOUNT_DELETED, None, alice[1].user_id)
        assert left.caller == NO_ADDRESS

    def test_needs_the_password(self, account, memory, alice):
        with pytest.raises(InvalidCredentials):
            account.delete_account(alice[1], NEW_PASSWORD, CALLER)
        assert "alice" in memory.users

    def test_ends_refreshes(self, use_cases, account, alice):
        account.delete_account(alice[1], PASSWORD, CALLER)
        with pytest.raises(InvalidGrant):
            use_cases.refresh_tokens.exchange(alice[0], CALLER)


class TestFreshness:
    @pytest.fixture(params=["another session", "no session", "everywhere"])
    def use(self, request, account, alice, log_in):
        """Do what only a fresh session may."""
        if request.param == "everywhere":
            return lambda principal: account.log_out_everywhere(principal, CALLER)
        session_id = log_in()[1].session_id if request.param == "another session" else "unknown"
        return lambda principal: account.end_session(principal, session_id, CALLER)

    def test_ends_a_second_after_its_window(self, use, memory, alice, clock):
        clock.advance(FRESH_SECONDS + 1)
        before = dict(memory.users), dict(memory.sessions), list(memory.events)
        with pytest.raises(InsufficientAuthentication) as refusal:
            use(alice[1])
        assert refusal.value.max_age == FRESH_SECONDS
        assert (memory.users, memory.sessions, memory.events) == before

    def test_is_no_matter_to_a_session_that_ends_itself(self, account, memory, alice, clock):
        clock.advance(FRESH_SECONDS + 1)
        account.end_session(alice[1], alice[1].session_id, CALLER)
        assert memory.sessions == {}

    def test_comes_back_with_the_password_for_another_window(self, use_cases, account, alice, log_in, clock):
        other = log_in()[1].session_id
        clock.advance(FRESH_SECONDS + 1)
        use_cases.reauthentication.with_password(alice[1], PASSWORD, CALLER)
        clock.advance(FRESH_SECONDS)
        account.end_session(alice[1], other, CALLER)
        clock.advance(1)
        with pytest.raises(InsufficientAuthentication):
            account.log_out_everywhere(alice[1], CALLER)

    def test_is_the_one_sessions_that_authenticated(self, use_cases, account, alice, log_in, clock):
        _, other = log_in()
        clock.advance(FRESH_SECONDS + 1)
        use_cases.reauthentication.with_password(alice[1], PASSWORD, CALLER)
        with pytest.raises(InsufficientAuthentication):
            account.log_out_everywhere(other, CALLER)

    def test_lasts_as_long_as_it_is_set(self, make_use_cases, alice, clock):
        account, principal = make_use_cases(FRESH_SECONDS="60").account, alice[1]
        clock.advance(61)
        with pytest.raises(InsufficientAuthentication) as refusal:
            account.log_out_everywhere(principal, CALLER)
        assert refusal.value.max_age == 60


class TestReauthentication:
    def test_is_in_the_history_and_announced(self, use_cases, memory, alice, announced):
        use_cases.reauthentication.with_password(alice[1], PASSWORD, CALLER)
        event = memory.events[-1]
        assert (event.type, event.user_id, event.session_id) == (
            EventType.REAUTHENTICATED,
            alice[1].user_id,
            alice[1].session_id,
        )
        assert announced[-1] is EventType.REAUTHENTICATED

    def test_gives_a_token_of_the_same_session_and_changes_nothing_else_of_it(
        self, use_cases, memory, alice, clock, verifier
    ):
        (before,) = memory.sessions.values()
        clock.advance(60)
        again = use_cases.reauthentication.with_password(alice[1], PASSWORD, CALLER)
        assert verifier.verify(ACCESS_TOKEN, again.access_token).session_id == alice[1].session_id
        assert again.expires_in == 600
        assert list(memory.sessions.values()) == [replace(before, authenticated_at=clock.now)]
        assert use_cases.refresh_tokens.exchange(alice[0], CALLER).user == again.user

    @pytest.mark.parametrize("check", ["reauthentication", "change to the same password"])
    def test_replaces_the_hash_of_another_system_as_a_log_in_does(self, make_use_cases, memory, verifier, check):
        hasher = PasswordHasher(peppers=Peppers.of(bytes(32)), cost=4)
        use_cases = make_use_cases(hasher=hasher)
        tokens = use_cases.registration.register("Alice", PASSWORD, CALLER).tokens
        principal = verifier.verify(ACCESS_TOKEN, tokens.access_token)
        imported = IMPORTED + bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
        memory.users["alice"] = replace(memory.users["alice"], password_hash=imported)
        with pytest.raises(InvalidCredentials):
            use_cases.reauthentication.with_password(principal, NEW_PASSWORD, CALLER)
        assert memory.users["alice"].password_hash == imported
        if check == "reauthentication":
            use_cases.reauthentication.with_password(principal, PASSWORD, CALLER)
        else:
            with pytest.raises(ValidationFailed):
                use_cases.account.change_password(principal, PASSWORD, PASSWORD, CALLER)
        assert not hasher.needs_rehash(memory.users["alice"].password_hash)
        assert hasher.verify(PASSWORD, memory.users["alice"].password_hash)

    def test_of_a_session_that_ends_meanwhile_brings_it_not_back(self, use_cases, memory, alice, hasher, monkeypatch):
        verify = hasher.verify

        def after_the_log_out(*arguments):
            use_cases.refresh_tokens.revoke([alice[0]], CALLER)
            return verify(*arguments)

        monkeypatch.setattr(hasher, "verify", after_the_log_out)
        with pytest.raises(InvalidToken):
            use_cases.reauthentication.with_password(alice[1], PASSWORD, CALLER)
        assert memory.sessions == {}
        assert EventType.REAUTHENTICATED not in [event.type for event in memory.events]


USES_OF_THE_PASSWORD = {
    "reauthenticate": lambda use_cases, principal, password: use_cases.reauthentication.with_password(
        principal, password, CALLER
    ),
    "change_password": lambda use_cases, principal, password: use_cases.account.change_password(
        principal, password, NEW_PASSWORD, CALLER
    ),
    "delete_account": lambda use_cases, principal, password: use_cases.account.delete_account(
        principal, password, CALLER
    ),
}


@pytest.mark.parametrize("use", USES_OF_THE_PASSWORD.values(), ids=USES_OF_THE_PASSWORD)
def test_a_wrong_password_in_a_session_is_in_the_history_and_announced(use, use_cases, memory, alice, announced):
    with pytest.raises(InvalidCredentials):
        use(use_cases, alice[1], "wrong horse battery staple")
    failures = memory.user("alice").failures
    assert (failures.type, failures.user_id, failures.count) == (EventType.LOGIN_FAILED, alice[1].user_id, 1)
    assert announced[-1] is EventType.LOGIN_FAILED


@pytest.mark.parametrize("use", USES_OF_THE_PASSWORD.values(), ids=USES_OF_THE_PASSWORD)
def test_guesses_with_a_stolen_access_token_are_delayed_and_delay_no_log_in(use, use_cases, alice):
    for _ in range(10):
        with pytest.raises(InvalidCredentials):
            use(use_cases, alice[1], "wrong horse battery staple")
    with pytest.raises(TooManyAttempts):
        use(use_cases, alice[1], PASSWORD)
    assert use_cases.log_in.with_password("alice", PASSWORD, CALLER)


@pytest.mark.parametrize("use", USES_OF_THE_PASSWORD.values(), ids=USES_OF_THE_PASSWORD)
def test_a_strangers_guesses_do_not_keep_the_owner_of_an_open_session_from_it(use, use_cases, alice):
    for _ in range(5):
        with pytest.raises(InvalidCredentials):
            use_cases.log_in.with_password("alice", "wrong horse battery staple", CALLER)
    with pytest.raises(TooManyAttempts):
        use_cases.log_in.with_password("alice", PASSWORD, CALLER)
    use(use_cases, alice[1], PASSWORD)


class TestDashboard:
    def test_shows_the_user_the_live_sessions_and_the_history(self, use_cases, account, alice, log_in, clock):
        clock.advance(5)
        log_in()
        clock.advance(5)
        with pytest.raises(InvalidCredentials):
            use_cases.log_in.with_password("alice", "wrong horse battery staple", CALLER)
        shown = account.dashboard(alice[1])
        assert shown.user.username == "Alice"
        assert shown.active_sessions == 2
        assert [event.type for event in shown.recent_events] == [
            EventType.LOGIN_FAILED,
            EventType.LOGIN_SUCCEEDED,
            EventType.REGISTERED,
        ]

    def test_shows_nobody_elses_history(self, use_cases, account, alice):
        use_cases.registration.register("bob", PASSWORD, CALLER)
        assert {event.user_id for event in account.dashboard(alice[1]).recent_events} == {alice[1].user_id}

    def test_shows_the_newest_twenty(self, use_cases, account, alice, clock):
        for _ in range(25):
            clock.advance(1)
            use_cases.log_in.with_password("alice", PASSWORD, CALLER)
        events = account.dashboard(alice[1]).recent_events
        assert len(events) == 20
        assert [event.at for event in events] == list(range(clock.now, clock.now - 20, -1))
