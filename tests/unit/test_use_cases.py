"""The use cases, over fakes that keep the whole contract of the stores."""

from dataclasses import replace

import pytest

from chalicelib.accounts.caller import Caller
from chalicelib.accounts.events import EventType
from chalicelib.errors import (
    AttemptNotCounted,
    InvalidCredentials,
    InvalidGrant,
    RefreshTokenReused,
    RegistrationClosed,
    TooManyAttempts,
    UsernameTaken,
    ValidationFailed,
)
from chalicelib.tokens.kinds import ACCESS_TOKEN, REFRESH_TOKEN
from tests.support.counting import CountingHasher

PASSWORD = "correct horse battery staple"
CALLER = Caller(ip="203.0.113.7", user_agent="test")
THIEF = Caller(ip="198.51.100.9", user_agent="stolen")
DAY = 24 * 3600
NO_STORES = dict.fromkeys(("users", "sessions", "events", "throttle"))


@pytest.fixture
def alice(use_cases):
    return use_cases.registration.register("Alice", PASSWORD, CALLER)


def counter_of(verifier, logged_in):
    return verifier.verify(REFRESH_TOKEN, logged_in.tokens.refresh_token).counter


def refresh(use_cases, refresh_token, caller=CALLER):
    return use_cases.refresh_tokens.exchange(refresh_token, caller)


def log_out(use_cases, refresh_token):
    use_cases.refresh_tokens.revoke([refresh_token], CALLER)


def history(memory):
    return [event.type for event in memory.events]


class TestRegistration:
    def test_makes_an_account_that_can_log_in(self, use_cases, alice):
        again = use_cases.log_in.with_password("alice", PASSWORD, CALLER)
        assert again.user == alice.user
        assert again.user.username == "Alice"

    def test_logs_in_at_once(self, alice, verifier):
        principal = verifier.verify(ACCESS_TOKEN, alice.tokens.access_token)
        assert (principal.user_id, principal.roles) == (alice.user.id, ("user",))
        assert alice.tokens.expires_in == 600
        assert alice.tokens.refresh_expires_in == 14 * DAY

    def test_gives_a_name_to_one_user_only(self, use_cases, alice):
        with pytest.raises(UsernameTaken):
            use_cases.registration.register("ＡＬＩＣＥ", PASSWORD, CALLER)
        assert use_cases.log_in.with_password("alice", PASSWORD, CALLER).user.id == alice.user.id

    @pytest.mark.parametrize(
        "username", ["al", "a" * 255, "", "al ice", "alice\n", "a/b", "<b>alice</b>", "ﷺ" * 30, "a\0b"]
    )
    def test_refuses_a_username_against_the_rules(self, use_cases, memory, username):
        with pytest.raises(ValidationFailed) as refusal:
            use_cases.registration.register(username, PASSWORD, CALLER)
        assert [error.field for error in refusal.value.errors] == ["username"]
        assert memory.users == {}

    @pytest.mark.parametrize(
        "username", ["bob", "a" * 254, "bob@site.example", "b.o_b+1-x", "Ålesund", "李小龙", "1234"]
    )
    def test_takes_a_username_within_the_rules(self, use_cases, username):
        assert use_cases.registration.register(username, PASSWORD, CALLER).user.username == username

    def test_refuses_a_password_against_the_policy(self, use_cases, memory):
        with pytest.raises(ValidationFailed) as refusal:
            use_cases.registration.register("alice", "too short", CALLER)
        assert [error.field for error in refusal.value.errors] == ["password"]
        assert memory.users == {}

    def test_names_both_fields_where_both_are_wrong(self, use_cases, memory):
        for username in ("a!", "", "аlice"):
            with pytest.raises(ValidationFailed) as refusal:
                use_cases.registration.register(username, "too short", CALLER)
            assert [error.field for error in refusal.value.errors] == ["username", "password"]
            assert refusal.value.errors[1].message == "Use at least 15 characters."
        assert memory.users == {}

    def test_asks_only_new_names_for_one_script(self, use_cases, memory, alice):
        user = replace(alice.user, username="аlice")
        memory.users[user.username_key] = user
        assert use_cases.log_in.with_password("аlice", PASSWORD, CALLER).user == user

    def test_may_be_closed(self, make_use_cases, memory):
        with pytest.raises(RegistrationClosed):
            make_use_cases(REGISTRATION="closed").registration.register("alice", PASSWORD, CALLER)
        assert memory.users == {}


class TestLogIn:
    @pytest.mark.usefixtures("alice")
    @pytest.mark.parametrize(
        ("username", "password"),
        [
            ("alice", "wrong horse battery staple"),
            ("nobody", PASSWORD),
            ("no such name!", PASSWORD),
            ("x" * 5000, PASSWORD),
        ],
    )
    def test_fails_alike_for_every_reason_after_one_hash(self, use_cases, hasher, memory, username, password):
        before = len(memory.sessions)
        with pytest.raises(InvalidCredentials) as refusal:
            use_cases.log_in.with_password(username, password, CALLER)
        assert refusal.value.message == InvalidCredentials.detail
        assert hasher.verifications == 1
        assert len(memory.sessions) == before

    def test_fails_for_a_disabled_account_like_for_a_wrong_password(self, use_cases, memory, alice, hasher):
        memory.users["alice"] = replace(alice.user, disabled=True)
        with pytest.raises(InvalidCredentials) as refusal:
            use_cases.log_in.with_password("alice", PASSWORD, CALLER)
        assert refusal.value.message == InvalidCredentials.detail
        assert hasher.verifications == 1

    def test_makes_a_new_hash_when_the_cost_has_changed(self, make_use_cases, memory, alice):
        old_hash = memory.users["alice"].password_hash
        make_use_cases(hasher=CountingHasher(cost=5)).log_in.with_password("alice", PASSWORD, CALLER)
        new_hash = memory.users["alice"].password_hash
        assert new_hash != old_hash
        assert new_hash.startswith("$2b$05$")
        assert CountingHasher(cost=5).verify(PASSWORD, new_hash)

    def test_keeps_the_hash_while_the_cost_is_the_same(self, use_cases, memory, alice):
        use_cases.log_in.with_password("alice", PASSWORD, CALLER)
        assert memory.users["alice"].password_hash == alice.user.password_hash

    def test_a_password_does_not_age(self, use_cases, alice, clock):
        clock.advance(20 * 365 * DAY)
        assert use_cases.log_in.with_password("alice", PASSWORD, CALLER).user == alice.user

    def test_begins_a_session_of_its_own_each_time(self, use_cases, memory, alice):
        use_cases.log_in.with_password("alice", PASSWORD, CALLER)
        assert len(memory.sessions) == 2
        assert {session.caller for session in memory.sessions.values()} == {CALLER}

    def test_is_recorded_with_where_it_came_from(self, use_cases, memory, alice):
        use_cases.log_in.with_password("alice", PASSWORD, THIEF)
        with pytest.raises(InvalidCredentials):
            use_cases.log_in.with_password("alice", "wrong horse battery staple", THIEF)
        assert [(event.type, event.caller) for event in memory.events] == [
            (EventType.REGISTERED, CALLER),
            (EventType.LOGIN_SUCCEEDED, THIEF),
        ]
        assert {event.user_id for event in memory.events} == {alice.user.id}
        failures = memory.user("alice").failures
        assert (failures.caller, failures.count, failures.user_id) == (THIEF, 1, alice.user.id)

    @pytest.mark.usefixtures("alice")
    @pytest.mark.parametrize("username", ["nobody", "no such name!"])
    def test_of_nobody_is_nobodys_history(self, use_cases, memory, announced, username):
        with pytest.raises(InvalidCredentials):
            use_cases.log_in.with_password(username, PASSWORD, THIEF)
        assert memory.events[1:] == []
        assert memory.user("alice").failures is None
        assert announced[-1] is EventType.LOGIN_FAILED


class TestThrottling:
    def guess(self, use_cases, username="alice", caller=THIEF):
        with pytest.raises(InvalidCredentials):
            use_cases.log_in.with_password(username, "wrong horse battery staple", caller)

    @pytest.mark.parametrize("username", ["alice", "nobody", "no such name!"])
    def test_guesses_at_known_unknown_and_impossible_names_are_delayed_alike(self, use_cases, hasher, alice, username):
        for _ in range(5):
            self.guess(use_cases, username)
        with pytest.raises(TooManyAttempts) as refusal:
            use_cases.log_in.with_password(username, "wrong horse battery staple", THIEF)
        assert refusal.value.retry_after == 1
        assert hasher.verifications == 5

    @pytest.mark.usefixtures("alice")
    def test_the_right_password_has_to_wait_as_well_and_works_after_the_delay(self, use_cases, clock):
        for _ in range(5):
            self.guess(use_cases)
        with pytest.raises(TooManyAttempts):
            use_cases.log_in.with_password("alice", PASSWORD, THIEF)
        clock.advance(1)
        assert use_cases.log_in.with_password("alice", PASSWORD, THIEF).user.username == "Alice"
        for _ in range(5):
            self.guess(use_cases)

    def test_the_owner_elsewhere_is_not_delayed_and_an_open_session_goes_on(self, use_cases, alice):
        for _ in range(5):
            self.guess(use_cases)
        assert use_cases.log_in.with_password("alice", PASSWORD, CALLER).user.username == "Alice"
        assert refresh(use_cases, alice.tokens.refresh_token).user.username == "Alice"

    @pytest.mark.usefixtures("alice")
    def test_a_log_in_that_cannot_be_counted_is_refused(self, make_use_cases, hasher, announced):
        class Unreachable:
            def admit(self, *_):
                raise AttemptNotCounted("no counters")

        with pytest.raises(AttemptNotCounted):
            make_use_cases(throttle=Unreachable()).log_in.with_password("alice", PASSWORD, CALLER)
        assert hasher.verifications == 0
        assert announced[-1] is EventType.ATTEMPT_NOT_COUNTED


class TestSessionLimit:
    @pytest.fixture
    def use_cases(self, make_use_cases):
        return make_use_cases(MAX_SESSIONS="3")

    def test_a_log_in_beyond_it_ends_the_oldest_and_no_other(self, use_cases, memory, announced, alice, clock):
        logged_in = [alice]
        for _ in range(4):
            clock.advance(1)
            logged_in.append(use_cases.log_in.with_password("alice", PASSWORD, CALLER))
        assert len(memory.sessions) == 3
        for ended in logged_in[:2]:
            with pytest.raises(InvalidGrant):
                refresh(use_cases, ended.tokens.refresh_token)
        for live in logged_in[2:]:
            assert refresh(use_cases, live.tokens.refresh_token).user.id == alice.user.id
        assert history(memory).count(EventType.SESSION_REVOKED) == 2
        assert announced.count(EventType.SESSION_REVOKED) == 2

    def test_sessions_that_ended_by_themselves_make_room(self, use_cases, memory, alice):
        for _ in range(6):
            log_out(use_cases, use_cases.log_in.with_password("alice", PASSWORD, CALLER).tokens.refresh_token)
        assert refresh(use_cases, alice.tokens.refresh_token).user.id == alice.user.id
        assert EventType.SESSION_REVOKED not in history(memory)

    def test_expired_sessions_make_room_and_are_swept(self, use_cases, memory, alice, clock):
        use_cases.log_in.with_password("alice", PASSWORD, CALLER)
        clock.advance(14 * DAY)
        for _ in range(3):
            use_cases.log_in.with_password("alice", PASSWORD, CALLER)
        assert len(memory.sessions) == 3
        assert EventType.SESSION_REVOKED not in history(memory)

    def test_a_lowered_limit_ends_what_is_too_many_at_the_next_log_in(self, make_use_cases, memory, alice):
        for _ in range(9):
            make_use_cases().log_in.with_password("alice", PASSWORD, CALLER)
        make_use_cases(MAX_SESSIONS="2").log_in.with_password("alice", PASSWORD, CALLER)
        assert len(memory.sessions) == 2


class TestLogInAgainstOtherRequests:
    """What happens between the check of the password and the write of the session."""

    @pytest.fixture
    def meanwhile(self, hasher, monkeypatch):
        """Do something right after the password was found to be right."""

        def arrange(happening):
            verify = hasher.verify

            def verified(password, password_hash):
                fits = verify(password, password_hash)
                monkeypatch.setattr(hasher, "verify", verify)
                happening()
                return fits

            monkeypatch.setattr(hasher, "verify", verified)

        return arrange

    @pytest.mark.parametrize(
        "change", [{"password_hash": "new"}, {"session_epoch": 1}, {"disabled": True}, {"id": "u2"}]
    )
    def test_a_password_that_counts_no_more_begins_no_session(self, use_cases, memory, alice, meanwhile, change):
        changed = replace(memory.users["alice"], **change)
        meanwhile(lambda: memory.users.update(alice=changed))
        with pytest.raises(InvalidCredentials):
            use_cases.log_in.with_password("alice", PASSWORD, CALLER)
        assert len(memory.sessions) == 1

    @pytest.mark.usefixtures("alice")
    def test_an_account_that_is_gone_gets_no_session(self, use_cases, memory, meanwhile):
        meanwhile(memory.users.clear)
        with pytest.raises(InvalidCredentials):
            use_cases.log_in.with_password("alice", PASSWORD, CALLER)
        assert len(memory.sessions) == 1

    @pytest.mark.usefixtures("alice")
    def test_another_log_in_is_no_obstacle_even_at_the_limit(self, make_use_cases, memory, meanwhile):
        use_cases = make_use_cases(MAX_SESSIONS="2")
        meanwhile(lambda: use_cases.log_in.with_password("alice", PASSWORD, CALLER))
        use_cases.log_in.with_password("alice", PASSWORD, CALLER)
        assert len(memory.sessions) == 2


class TestRefresh:
    def test_returns_the_next_token_and_a_new_access_token(self, use_cases, alice, verifier, clock):
        clock.advance(300)
        refreshed = refresh(use_cases, alice.tokens.refresh_token)
        assert counter_of(verifier, refreshed) == 1
        assert refreshed.tokens.refresh_expires_in == 14 * DAY
        assert verifier.verify(ACCESS_TOKEN, refreshed.tokens.access_token).expires_at == clock.now + 600

    def test_goes_on_for_as_long_as_the_session_is_used(self, use_cases, alice, clock):
        tokens = alice.tokens
        for _ in range(6):
            clock.advance(14 * DAY - 1)
            tokens = refresh(use_cases, tokens.refresh_token).tokens
        # 84 of 90 days are over: the absolute end comes before the idle end now.
        assert tokens.refresh_expires_in == 90 * DAY - 6 * (14 * DAY - 1)

    def test_ends_with_the_absolute_end_of_the_session(self, use_cases, alice, clock):
        tokens = alice.tokens
        for _ in range(8):
            clock.advance(11 * DAY)
            tokens = refresh(use_cases, tokens.refresh_token).tokens
        clock.advance(2 * DAY)
        with pytest.raises(InvalidGrant):
            refresh(use_cases, tokens.refresh_token)

    def test_ends_when_the_session_was_idle_too_long(self, use_cases, alice, clock):
        clock.advance(14 * DAY)
        with pytest.raises(InvalidGrant):
            refresh(use_cases, alice.tokens.refresh_token)

    def test_gives_a_retry_within_the_window_the_same_successor_octet_for_octet(
        self, use_cases, alice, verifier, clock
    ):
        first = refresh(use_cases, alice.tokens.refresh_token)
        clock.advance(20)
        second = refresh(use_cases, alice.tokens.refresh_token)
        assert second.tokens.refresh_token == first.tokens.refresh_token
        assert counter_of(verifier, refresh(use_cases, second.tokens.refresh_token)) == 2

    def test_notes_the_retries_of_one_refresh_once(self, use_cases, alice, memory):
        refresh(use_cases, alice.tokens.refresh_token)
        refresh(use_cases, alice.tokens.refresh_token)
        noted = dict(memory.sessions)
        refresh(use_cases, alice.tokens.refresh_token)
        assert memory.sessions == noted

    def test_of_the_previous_token_after_the_window_ends_the_session(self, use_cases, alice, memory, clock):
        refreshed = refresh(use_cases, alice.tokens.refresh_token)
        clock.advance(21)
        with pytest.raises(RefreshTokenReused):
            refresh(use_cases, alice.tokens.refresh_token)
        with pytest.raises(InvalidGrant):
            refresh(use_cases, refreshed.tokens.refresh_token)
        assert memory.sessions == {}
        assert history(memory) == [EventType.REGISTERED, EventType.REFRESH_TOKEN_REUSED]

    def test_of_an_older_token_ends_the_session_within_the_window_too(self, use_cases, alice):
        first = refresh(use_cases, alice.tokens.refresh_token)
        second = refresh(use_cases, first.tokens.refresh_token)
        with pytest.raises(RefreshTokenReused):
            refresh(use_cases, alice.tokens.refresh_token)
        with pytest.raises(InvalidGrant):
            refresh(use_cases, second.tokens.refresh_token)

    def test_reuse_is_recorded_with_where_it_came_from(self, use_cases, memory, alice, clock):
        refresh(use_cases, alice.tokens.refresh_token)
        clock.advance(21)
        with pytest.raises(RefreshTokenReused):
            refresh(use_cases, alice.tokens.refresh_token, THIEF)
        assert (memory.events[-1].type, memory.events[-1].caller) == (EventType.REFRESH_TOKEN_REUSED, THIEF)

    def test_fails_after_all_sessions_were_ended(self, use_cases, memory, alice):
        memory.users["alice"] = replace(alice.user, session_epoch=1)
        with pytest.raises(InvalidGrant):
            refresh(use_cases, alice.tokens.refresh_token)

    def test_reuse_ends_the_one_session_and_no_other(self, use_cases, alice, clock):
        other = use_cases.log_in.with_password("alice", PASSWORD, CALLER)
        refresh(use_cases, alice.tokens.refresh_token)
        clock.advance(21)
        with pytest.raises(RefreshTokenReused):
            refresh(use_cases, alice.tokens.refresh_token)
        assert refresh(use_cases, other.tokens.refresh_token).user.id == alice.user.id

    def test_of_a_forged_token_touches_no_store(self, make_use_cases, alice):
        use_cases = make_use_cases(**NO_STORES)
        with pytest.raises(InvalidGrant):
            refresh(use_cases, alice.tokens.refresh_token[:-8] + "AAAAAAAA")

    def test_reads_the_roles_anew(self, use_cases, memory, alice, verifier):
        memory.users["alice"] = replace(alice.user, roles=("admin", "user"))
        refreshed = refresh(use_cases, alice.tokens.refresh_token)
        assert verifier.verify(ACCESS_TOKEN, refreshed.tokens.access_token).roles == ("admin", "user")

    def test_fails_for_a_disabled_user(self, use_cases, memory, alice):
        memory.users["alice"] = replace(alice.user, disabled=True)
        with pytest.raises(InvalidGrant):
            refresh(use_cases, alice.tokens.refresh_token)

    def test_fails_for_a_user_who_is_gone(self, use_cases, memory, alice):
        memory.users.clear()
        with pytest.raises(InvalidGrant):
            refresh(use_cases, alice.tokens.refresh_token)

    def test_does_not_hand_a_session_to_the_next_owner_of_the_name(self, use_cases, memory, alice):
        memory.users.clear()
        use_cases.registration.register("alice", PASSWORD, CALLER)
        with pytest.raises(InvalidGrant):
            refresh(use_cases, alice.tokens.refresh_token)

    def test_of_a_session_that_is_not_stored_is_refused(self, use_cases, memory, alice):
        memory.sessions.clear()
        with pytest.raises(InvalidGrant):
            refresh(use_cases, alice.tokens.refresh_token)
        assert memory.sessions == {}

    def test_of_a_token_newer_than_the_stored_session_refuses_without_ending_it(self, use_cases, memory, alice):
        before = dict(memory.sessions)
        first = refresh(use_cases, alice.tokens.refresh_token)
        second = refresh(use_cases, first.tokens.refresh_token)
        memory.sessions = before
        with pytest.raises(InvalidGrant):
            refresh(use_cases, second.tokens.refresh_token)
        assert memory.sessions == before


class TestLogOut:
    def test_ends_the_session(self, use_cases, alice, memory):
        log_out(use_cases, alice.tokens.refresh_token)
        with pytest.raises(InvalidGrant):
            refresh(use_cases, alice.tokens.refresh_token)
        assert memory.sessions == {}
        assert history(memory) == [EventType.REGISTERED, EventType.LOGGED_OUT]

    def test_works_with_a_token_that_was_refreshed_already(self, use_cases, alice):
        refreshed = refresh(use_cases, alice.tokens.refresh_token)
        log_out(use_cases, alice.tokens.refresh_token)
        with pytest.raises(InvalidGrant):
            refresh(use_cases, refreshed.tokens.refresh_token)

    def test_leaves_the_users_other_sessions(self, use_cases, alice):
        other = use_cases.log_in.with_password("alice", PASSWORD, CALLER)
        log_out(use_cases, alice.tokens.refresh_token)
        assert refresh(use_cases, other.tokens.refresh_token).user.id == alice.user.id

    def test_twice_is_no_error_and_is_recorded_once(self, use_cases, alice, memory, clock):
        log_out(use_cases, alice.tokens.refresh_token)
        clock.advance(5)
        log_out(use_cases, alice.tokens.refresh_token)
        assert history(memory) == [EventType.REGISTERED, EventType.LOGGED_OUT]

    def test_of_a_forged_token_touches_no_store(self, make_use_cases):
        log_out(make_use_cases(**NO_STORES), "not.a.token")

    def test_with_a_token_used_before_is_reuse(self, use_cases, alice, memory, clock):
        refresh(use_cases, alice.tokens.refresh_token)
        clock.advance(21)
        log_out(use_cases, alice.tokens.refresh_token)
        assert memory.sessions == {}
        assert history(memory) == [EventType.REGISTERED, EventType.REFRESH_TOKEN_REUSED]

    def test_with_a_token_that_was_retried_too_often_is_reuse(self, use_cases, alice, memory):
        token = alice.tokens.refresh_token
        for _ in range(2):
            successor = refresh(use_cases, token).tokens.refresh_token
            refresh(use_cases, token)
            token = successor
        refresh(use_cases, token)
        log_out(use_cases, token)
        assert memory.sessions == {}
        assert history(memory)[-1] is EventType.REFRESH_TOKEN_REUSED

    def test_with_a_used_token_of_a_session_that_has_expired_is_no_reuse(self, use_cases, alice, memory, clock):
        refresh(use_cases, alice.tokens.refresh_token)
        clock.advance(14 * 24 * 3600)
        log_out(use_cases, alice.tokens.refresh_token)
        assert history(memory) == [EventType.REGISTERED, EventType.LOGGED_OUT]

    def test_with_a_token_newer_than_the_stored_session_is_no_reuse(self, use_cases, alice, memory):
        before = dict(memory.sessions)
        newest = refresh(use_cases, alice.tokens.refresh_token)
        memory.sessions = before
        log_out(use_cases, newest.tokens.refresh_token)
        assert memory.sessions == {}
        assert history(memory) == [EventType.REGISTERED, EventType.LOGGED_OUT]

    @pytest.mark.parametrize("is_newest_first", [True, False])
    def test_of_several_tokens_of_one_session_goes_by_the_newest(
        self, use_cases, alice, memory, clock, is_newest_first
    ):
        tokens = [alice.tokens.refresh_token]
        for _ in range(2):
            clock.advance(60)
            tokens.append(refresh(use_cases, tokens[-1]).tokens.refresh_token)
        use_cases.refresh_tokens.revoke(tokens[::-1] if is_newest_first else tokens, CALLER)
        assert memory.sessions == {}
        assert history(memory) == [EventType.REGISTERED, EventType.LOGGED_OUT]

    def test_of_several_sessions_ends_each_and_names_a_reuse_last(self, use_cases, announced, memory, clock):
        stolen = use_cases.registration.register("alice", PASSWORD, CALLER).tokens.refresh_token
        refresh(use_cases, stolen)
        clock.advance(21)
        other = use_cases.log_in.with_password("alice", PASSWORD, CALLER).tokens.refresh_token
        announced.clear()
        use_cases.refresh_tokens.revoke([stolen, "not.a.token", other, other], CALLER)
        assert memory.sessions == {}
        assert announced == [EventType.LOGGED_OUT, EventType.REFRESH_TOKEN_REUSED]


class TestReplacement:
    def test_ends_the_sessions_and_leaves_the_log_line_to_the_log_in(self, use_cases, announced, memory):
        token = use_cases.registration.register("alice", PASSWORD, CALLER).tokens.refresh_token
        use_cases.log_in.with_password("alice", PASSWORD, CALLER)
        use_cases.refresh_tokens.replace([token], CALLER)
        assert len(memory.sessions) == 1
        assert history(memory)[-1] is EventType.LOGGED_OUT
        assert announced[-1] is EventType.LOGIN_SUCCEEDED

    def test_of_a_token_used_before_is_announced(self, use_cases, announced, memory, clock):
        token = use_cases.registration.register("alice", PASSWORD, CALLER).tokens.refresh_token
        refresh(use_cases, token)
        clock.advance(21)
        use_cases.refresh_tokens.replace([token], CALLER)
        assert history(memory)[-1] is announced[-1] is EventType.REFRESH_TOKEN_REUSED
