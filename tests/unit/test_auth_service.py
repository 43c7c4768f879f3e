"""The use cases, over fakes that keep the whole contract of the stores."""

from dataclasses import replace

import pytest

from chalicelib.auth_service import AuthService, SessionTimes
from chalicelib.errors import (
    InvalidCredentials,
    InvalidGrant,
    InvalidToken,
    RefreshTokenReused,
    RegistrationClosed,
    UsernameTaken,
    ValidationFailed,
)
from chalicelib.models import Client
from chalicelib.passwords import PasswordHasher, PasswordPolicy
from fakes import FakeSessionStore, FakeUserStore

PASSWORD = "correct horse battery staple"
CLIENT = Client(ip="203.0.113.7", user_agent="test")
DAY = 24 * 3600


class CountingHasher(PasswordHasher):
    """Knows how much work was done."""

    def __init__(self, cost=4):
        super().__init__(pepper=bytes(32), cost=cost)
        self.verifications = 0

    def verify(self, password, password_hash):
        self.verifications += 1
        return super().verify(password, password_hash)


@pytest.fixture
def users():
    return FakeUserStore()


@pytest.fixture
def sessions():
    return FakeSessionStore()


@pytest.fixture
def hasher():
    return CountingHasher()


@pytest.fixture
def make_service(users, sessions, hasher, issuer, verifier, clock):
    def make(**changes):
        return AuthService(
            **{
                "users": users,
                "sessions": sessions,
                "hasher": hasher,
                "policy": PasswordPolicy(min_length=15),
                "issuer": issuer,
                "verifier": verifier,
                "times": SessionTimes(idle_lifetime=14 * DAY, absolute_lifetime=90 * DAY, retry_window=20),
                "registration_open": True,
                "clock": clock,
            }
            | changes
        )

    return make


@pytest.fixture
def service(make_service):
    return make_service()


@pytest.fixture
def alice(service):
    return service.register("Alice", PASSWORD, CLIENT)


def counter_of(verifier, logged_in):
    return verifier.verify_refresh_token(logged_in.tokens.refresh_token).counter


class TestRegistration:
    def test_makes_an_account_that_can_log_in(self, service, alice):
        again = service.log_in("alice", PASSWORD, CLIENT)
        assert again.user == alice.user
        assert again.user.username == "Alice"

    def test_logs_in_at_once(self, alice, verifier):
        principal = verifier.verify_access_token(alice.tokens.access_token)
        assert (principal.user_id, principal.roles) == (alice.user.id, ("user",))
        assert alice.tokens.expires_in == 600
        assert alice.tokens.refresh_expires_in == 14 * DAY

    def test_gives_a_name_to_one_user_only(self, service, alice):
        with pytest.raises(UsernameTaken):
            service.register("ＡＬＩＣＥ", PASSWORD, CLIENT)
        assert service.log_in("alice", PASSWORD, CLIENT).user.id == alice.user.id

    @pytest.mark.parametrize(
        "username", ["al", "a" * 255, "", "al ice", "alice\n", "a/b", "<b>alice</b>", "ﷺ" * 30, "a\0b"]
    )
    def test_refuses_a_username_against_the_rules(self, service, users, username):
        with pytest.raises(ValidationFailed) as refusal:
            service.register(username, PASSWORD, CLIENT)
        assert [error.field for error in refusal.value.errors] == ["username"]
        assert users.users == {}

    @pytest.mark.parametrize(
        "username", ["bob", "a" * 254, "bob@site.example", "b.o_b+1-x", "Ålesund", "李小龙", "1234"]
    )
    def test_takes_a_username_within_the_rules(self, service, username):
        assert service.register(username, PASSWORD, CLIENT).user.username == username

    def test_refuses_a_password_against_the_policy(self, service, users):
        with pytest.raises(ValidationFailed) as refusal:
            service.register("alice", "too short", CLIENT)
        assert [error.field for error in refusal.value.errors] == ["password"]
        assert users.users == {}

    def test_may_be_closed(self, make_service, users):
        with pytest.raises(RegistrationClosed):
            make_service(registration_open=False).register("alice", PASSWORD, CLIENT)
        assert users.users == {}


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
    def test_fails_alike_for_every_reason_after_one_hash(self, service, hasher, sessions, username, password):
        before = len(sessions.sessions)
        with pytest.raises(InvalidCredentials) as refusal:
            service.log_in(username, password, CLIENT)
        assert refusal.value.message == InvalidCredentials.detail
        assert hasher.verifications == 1
        assert len(sessions.sessions) == before

    def test_fails_for_a_disabled_account_like_for_a_wrong_password(self, service, users, alice, hasher):
        users.users["alice"] = replace(alice.user, disabled=True)
        with pytest.raises(InvalidCredentials) as refusal:
            service.log_in("alice", PASSWORD, CLIENT)
        assert refusal.value.message == InvalidCredentials.detail
        assert hasher.verifications == 1

    def test_makes_a_new_hash_when_the_cost_has_changed(self, make_service, users, alice):
        old_hash = users.find("alice").password_hash
        make_service(hasher=CountingHasher(cost=5)).log_in("alice", PASSWORD, CLIENT)
        new_hash = users.find("alice").password_hash
        assert new_hash != old_hash
        assert new_hash.startswith("$2b$05$")
        assert CountingHasher(cost=5).verify(PASSWORD, new_hash)

    def test_keeps_the_hash_while_the_cost_is_the_same(self, service, users, alice):
        service.log_in("alice", PASSWORD, CLIENT)
        assert users.find("alice").password_hash == alice.user.password_hash

    def test_begins_a_session_of_its_own_each_time(self, service, sessions, alice):
        service.log_in("alice", PASSWORD, CLIENT)
        assert len(sessions.sessions) == 2
        assert {session.client for session in sessions.sessions.values()} == {CLIENT}


class TestRefresh:
    def test_returns_the_next_token_and_a_new_access_token(self, service, alice, verifier, clock):
        clock.advance(300)
        refreshed = service.refresh(alice.tokens.refresh_token)
        assert counter_of(verifier, refreshed) == 1
        assert refreshed.tokens.refresh_expires_in == 14 * DAY
        assert verifier.verify_access_token(refreshed.tokens.access_token).expires_at == clock.now + 600

    def test_goes_on_for_as_long_as_the_session_is_used(self, service, alice, clock):
        tokens = alice.tokens
        for _ in range(6):
            clock.advance(14 * DAY - 1)
            tokens = service.refresh(tokens.refresh_token).tokens
        # 84 of 90 days are over: the absolute end comes before the idle end now.
        assert tokens.refresh_expires_in == 90 * DAY - 6 * (14 * DAY - 1)

    def test_ends_with_the_absolute_end_of_the_session(self, service, alice, clock):
        tokens = alice.tokens
        for _ in range(8):
            clock.advance(11 * DAY)
            tokens = service.refresh(tokens.refresh_token).tokens
        clock.advance(2 * DAY)
        with pytest.raises(InvalidGrant):
            service.refresh(tokens.refresh_token)

    def test_ends_when_the_session_was_idle_too_long(self, service, alice, clock):
        clock.advance(14 * DAY)
        with pytest.raises(InvalidGrant):
            service.refresh(alice.tokens.refresh_token)

    def test_gives_a_retry_within_the_window_the_same_successor_and_writes_nothing(
        self, service, alice, verifier, sessions, clock
    ):
        first = service.refresh(alice.tokens.refresh_token)
        written = dict(sessions.sessions)
        clock.advance(20)
        second = service.refresh(alice.tokens.refresh_token)
        assert sessions.sessions == written
        assert verifier.verify_refresh_token(second.tokens.refresh_token) == verifier.verify_refresh_token(
            first.tokens.refresh_token
        )
        assert counter_of(verifier, service.refresh(second.tokens.refresh_token)) == 2

    def test_of_the_previous_token_after_the_window_ends_the_session(self, service, alice, sessions, clock):
        refreshed = service.refresh(alice.tokens.refresh_token)
        clock.advance(21)
        with pytest.raises(RefreshTokenReused):
            service.refresh(alice.tokens.refresh_token)
        with pytest.raises(InvalidGrant):
            service.refresh(refreshed.tokens.refresh_token)
        assert [session.end_reason for session in sessions.sessions.values()] == ["refresh_token_reused"]

    def test_of_an_older_token_ends_the_session_within_the_window_too(self, service, alice):
        first = service.refresh(alice.tokens.refresh_token)
        second = service.refresh(first.tokens.refresh_token)
        with pytest.raises(RefreshTokenReused):
            service.refresh(alice.tokens.refresh_token)
        with pytest.raises(InvalidGrant):
            service.refresh(second.tokens.refresh_token)

    def test_reuse_ends_the_one_session_and_no_other(self, service, alice, clock):
        other = service.log_in("alice", PASSWORD, CLIENT)
        service.refresh(alice.tokens.refresh_token)
        clock.advance(21)
        with pytest.raises(RefreshTokenReused):
            service.refresh(alice.tokens.refresh_token)
        assert service.refresh(other.tokens.refresh_token).user == alice.user

    def test_of_a_forged_token_touches_no_store(self, make_service, alice):
        service = make_service(users=None, sessions=None)
        with pytest.raises(InvalidGrant):
            service.refresh(alice.tokens.refresh_token[:-8] + "AAAAAAAA")

    def test_reads_the_roles_anew(self, service, users, alice, verifier):
        users.users["alice"] = replace(alice.user, roles=("admin", "user"))
        refreshed = service.refresh(alice.tokens.refresh_token)
        assert verifier.verify_access_token(refreshed.tokens.access_token).roles == ("admin", "user")

    def test_fails_for_a_disabled_user(self, service, users, alice):
        users.users["alice"] = replace(alice.user, disabled=True)
        with pytest.raises(InvalidGrant):
            service.refresh(alice.tokens.refresh_token)

    def test_fails_for_a_user_who_is_gone(self, service, users, alice):
        users.users.clear()
        with pytest.raises(InvalidGrant):
            service.refresh(alice.tokens.refresh_token)

    def test_does_not_hand_a_session_to_the_next_owner_of_the_name(self, service, users, alice):
        users.users.clear()
        service.register("alice", PASSWORD, CLIENT)
        with pytest.raises(InvalidGrant):
            service.refresh(alice.tokens.refresh_token)

    def test_of_a_session_that_is_not_stored_is_refused(self, service, sessions, alice):
        sessions.sessions.clear()
        with pytest.raises(InvalidGrant):
            service.refresh(alice.tokens.refresh_token)
        assert sessions.sessions == {}

    def test_of_a_token_newer_than_the_stored_session_refuses_without_ending_it(self, service, sessions, alice):
        before = dict(sessions.sessions)
        first = service.refresh(alice.tokens.refresh_token)
        second = service.refresh(first.tokens.refresh_token)
        sessions.sessions = before
        with pytest.raises(InvalidGrant):
            service.refresh(second.tokens.refresh_token)
        assert sessions.sessions == before


class TestLogOut:
    def test_ends_the_session(self, service, alice, sessions):
        service.log_out(alice.tokens.refresh_token)
        with pytest.raises(InvalidGrant):
            service.refresh(alice.tokens.refresh_token)
        assert [session.end_reason for session in sessions.sessions.values()] == ["logged_out"]

    def test_works_with_a_token_that_was_refreshed_already(self, service, alice):
        refreshed = service.refresh(alice.tokens.refresh_token)
        service.log_out(alice.tokens.refresh_token)
        with pytest.raises(InvalidGrant):
            service.refresh(refreshed.tokens.refresh_token)

    def test_leaves_the_users_other_sessions(self, service, alice):
        other = service.log_in("alice", PASSWORD, CLIENT)
        service.log_out(alice.tokens.refresh_token)
        assert service.refresh(other.tokens.refresh_token).user == alice.user

    def test_twice_is_no_error_and_keeps_the_first_end(self, service, alice, sessions, clock):
        service.log_out(alice.tokens.refresh_token)
        ended = dict(sessions.sessions)
        clock.advance(5)
        service.log_out(alice.tokens.refresh_token)
        assert sessions.sessions == ended

    def test_of_a_forged_token_touches_no_store(self, make_service):
        make_service(users=None, sessions=None).log_out("not.a.token")


class TestProfile:
    def test_is_the_user_as_last_written(self, service, users, alice, verifier):
        users.users["alice"] = replace(alice.user, roles=("admin",))
        principal = verifier.verify_access_token(alice.tokens.access_token)
        assert service.profile(principal).roles == ("admin",)

    def test_of_a_user_who_is_gone_is_refused_also_if_the_name_is_taken_again(self, service, users, alice, verifier):
        principal = verifier.verify_access_token(alice.tokens.access_token)
        users.users.clear()
        service.register("alice", PASSWORD, CLIENT)
        with pytest.raises(InvalidToken):
            service.profile(principal)
