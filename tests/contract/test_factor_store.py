"""What every ``FactorStore`` keeps, in memory and in DynamoDB, and what an authentication uses up."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from chalicelib.accounts.events import EventType
from chalicelib.accounts.factors import MOST_PASSKEYS, Factors, Passkey
from chalicelib.accounts.mail import Mail, MailKind
from chalicelib.credentials.challenges import Challenge, Purpose
from chalicelib.credentials.second_factors import (
    MOST_TRIES,
    MOST_TRIES_A_DAY,
    MOST_TRIES_AN_HOUR,
    FactorUse,
    PasskeyUse,
    tries_window,
)
from chalicelib.errors import Conflict, InvalidChallenge, InvalidCode
from tests.support.samples import ALICE, CHANGED, DELETED, LOGGED_IN, NOW, REGISTERED, REVOKED, SESSION, admitted

ADDED = replace(REGISTERED, type=EventType.SECOND_FACTOR_ADDED, at=NOW + 5)
REMOVED = replace(ADDED, type=EventType.SECOND_FACTOR_REMOVED, at=NOW + 6)
USED = replace(ADDED, type=EventType.RECOVERY_CODE_USED, at=NOW + 7)
FACTORS = Factors(totp=".sealed", totp_added_at=NOW + 5, totp_step=100, recovery_codes=(".r1", ".r2", ".r3"))
PASSKEY = Passkey(
    id="pk1",
    user_id="u1",
    username="Alice",
    public_key="c3BraQ",
    algorithm=-7,
    sign_count=0,
    backup_eligible=True,
    backed_up=False,
    transports=("hybrid", "internal"),
    rp_id="localhost",
    label="Phone",
    created_at=NOW,
)
PROVED = replace(SESSION, amr=("mfa", "otp", "pwd"), authenticated_at=NOW + 5)
NOTICE = Mail("m1", MailKind.PASSKEY_ADDED, NOW, "", asked="Alice", user_id="u1")


def challenge(name="c1", at=NOW):
    return Challenge(name, Purpose.SECOND_FACTOR, at, at + 300, {})


@pytest.fixture
def alice(users):
    users.add(ALICE, SESSION, REGISTERED)
    return users.find("alice")


@pytest.fixture
def with_totp(alice, users, factors):
    factors.add_totp(alice, PROVED, FACTORS, challenge("enrolment"), ADDED, None)
    return users.find("alice")


@pytest.fixture
def with_passkey(alice, users, factors):
    factors.add_passkey(alice, PASSKEY, challenge("registration"), ADDED, None)
    return users.find("alice")


@pytest.fixture
def begin(users, sessions):
    """Begin a session with what is used up, for a user as it is read now. Return the session."""

    def begin(use, session_id="s2", **changes):
        user = users.find("alice")
        session = replace(SESSION, id=session_id, epoch=user.session_epoch, created_at=NOW + 10, **changes)
        sessions.begin(user, session, LOGGED_IN, if_ended=REVOKED, factor=use)
        return session

    return begin


def ids(sessions):
    return sorted(session.id for session in sessions.of_user("u1"))


def types(events):
    return [event.type for event in events.recent("u1", 20)]


class TestTotp:
    def test_is_added_with_its_step_and_its_recovery_codes_and_recorded(self, with_totp, events):
        assert with_totp.second_factor
        found = with_totp.factors
        assert (found.totp, found.totp_added_at, found.totp_step) == (".sealed", NOW + 5, 100)
        assert found.recovery_codes == FACTORS.recovery_codes
        assert events.recent("u1", 1) == [ADDED]

    def test_ends_all_sessions_but_the_one_that_has_proved_it(self, alice, users, sessions, factors):
        sessions.begin(alice, replace(SESSION, id="s2"), LOGGED_IN, if_ended=REVOKED)
        factors.add_totp(alice, PROVED, FACTORS, challenge(), ADDED, None)
        (kept,) = sessions.of_user("u1")
        assert (kept.id, kept.amr, kept.acr, kept.authenticated_at) == ("s1", PROVED.amr, "aal2", NOW + 5)
        assert kept.belongs_to(users.find("alice"))

    def test_is_not_added_twice_with_one_challenge(self, with_totp, users, factors):
        user = users.find("alice")
        with pytest.raises(InvalidChallenge):
            factors.add_totp(
                user, replace(PROVED, epoch=1), replace(FACTORS, totp=".other"), challenge("enrolment"), ADDED, None
            )
        assert users.find("alice").factors.totp == ".sealed"

    def test_takes_the_place_of_another_and_leaves_passkeys(self, with_passkey, users, factors):
        factors.add_totp(with_passkey, PROVED, FACTORS, challenge(), ADDED, None)
        user = users.find("alice")
        factors.add_totp(
            user, replace(PROVED, epoch=1), Factors(".new", NOW + 9, 7, (".n1",)), challenge("c2"), ADDED, None
        )
        found = users.find("alice").factors
        assert (found.totp, found.totp_step, found.recovery_codes) == (".new", 7, (".n1",))
        assert found.passkeys == ("pk1",)

    def test_is_not_added_to_a_user_who_has_changed(self, alice, users, factors):
        with pytest.raises(Conflict):
            factors.add_totp(replace(alice, password_hash="other"), PROVED, FACTORS, challenge(), ADDED, None)
        assert users.find("alice").factors is None

    def test_is_not_added_in_a_session_that_has_ended(self, alice, users, sessions, factors):
        sessions.end("u1", "s1", REVOKED)
        with pytest.raises(Conflict):
            factors.add_totp(alice, PROVED, FACTORS, challenge(), ADDED, None)
        assert users.find("alice").factors is None

    def test_is_removed_with_its_recovery_codes(self, with_totp, users, factors, events):
        factors.remove_totp(with_totp, REMOVED, None)
        assert users.find("alice").factors is None
        assert events.recent("u1", 1) == [REMOVED]

    def test_is_not_removed_by_who_has_read_another(self, with_totp, users, factors):
        other = replace(with_totp, factors=replace(with_totp.factors, totp=".older"))
        with pytest.raises(Conflict):
            factors.remove_totp(other, REMOVED, None)
        assert users.find("alice").second_factor

    def test_gets_new_recovery_codes_in_place_of_all_old_ones(self, with_totp, users, factors):
        factors.replace_recovery_codes(with_totp, (".n1", ".n2"), ADDED, None)
        assert users.find("alice").factors.recovery_codes == (".n1", ".n2")

    def test_is_needed_for_recovery_codes(self, alice, users, factors):
        with pytest.raises(Conflict):
            factors.replace_recovery_codes(alice, (".n1",), ADDED, None)
        assert users.find("alice").factors is None


@pytest.mark.usefixtures("with_totp")
class TestCodes:
    def test_a_step_begins_one_session_and_none_after_it(self, begin, sessions, users):
        begin(FactorUse(totp_step=101))
        for step in (100, 101):
            with pytest.raises(InvalidCode):
                begin(FactorUse(totp_step=step), "s3")
        begin(FactorUse(totp_step=102), "s4")
        assert ids(sessions) == ["s1", "s2", "s4"]
        assert users.find("alice").factors.totp_step == 102

    def test_of_many_uses_of_one_step_at_once_exactly_one_begins_a_session(self, begin, sessions):
        def attempt(number):
            try:
                return begin(FactorUse(challenge(f"c{number}"), totp_step=101), f"n{number}")
            except InvalidCode:
                return None

        with ThreadPoolExecutor(5) as pool:
            begun = [session for session in pool.map(attempt, range(5)) if session is not None]
        assert len(begun) == 1
        assert len(ids(sessions)) == 2

    def test_a_challenge_begins_one_session(self, begin, sessions, users):
        begin(FactorUse(challenge(), totp_step=101))
        with pytest.raises(InvalidChallenge):
            begin(FactorUse(challenge(), totp_step=102), "s3")
        assert ids(sessions) == ["s1", "s2"]
        assert users.find("alice").factors.totp_step == 101

    def test_a_secret_is_stored_under_a_newer_key_with_the_session(self, begin, users):
        begin(FactorUse(totp_step=101, resealed_totp="p2.sealed"))
        assert users.find("alice").factors.totp == "p2.sealed"

    def test_a_recovery_code_begins_one_session_and_is_gone(self, begin, users, events, outbox):
        begin(FactorUse(challenge(), recovery_code=".r2", event=USED, mail=replace(NOTICE, id="m2")))
        assert users.find("alice").factors.recovery_codes == (".r1", ".r3")
        assert outbox.find("m2") is not None
        assert EventType.RECOVERY_CODE_USED in types(events)
        with pytest.raises(InvalidCode):
            begin(FactorUse(challenge("c2"), recovery_code=".r2", event=USED), "s3")
        assert types(events).count(EventType.RECOVERY_CODE_USED) == 1

    def test_the_last_recovery_code_leaves_the_app(self, begin, users):
        for number, code in enumerate(FACTORS.recovery_codes):
            begin(FactorUse(recovery_code=code), f"n{number}")
        user = users.find("alice")
        assert user.second_factor
        assert user.factors.recovery_codes == ()

    def test_nothing_is_used_up_if_the_user_has_changed(self, users, sessions):
        user = users.find("alice")
        session = replace(SESSION, id="s2", epoch=1)
        users.change_password(
            admitted(user), replace(SESSION, epoch=1), replace(SESSION, id="s9", epoch=2), "other", CHANGED
        )
        with pytest.raises(Conflict):
            sessions.begin(user, session, LOGGED_IN, if_ended=REVOKED, factor=FactorUse(challenge(), totp_step=101))
        assert users.find("alice").factors.totp_step == 100

    def test_a_session_at_the_limit_uses_it_up_too(self, make_stores):
        stores = make_stores(1)
        user = stores.users.find("alice")
        session = replace(SESSION, id="s2", epoch=1, created_at=NOW + 10)
        begun = stores.sessions.begin(
            user, session, LOGGED_IN, if_ended=REVOKED, factor=FactorUse(challenge(), totp_step=101)
        )
        assert begun is True
        assert ids(stores.sessions) == ["s2"]
        assert stores.users.find("alice").factors.totp_step == 101


@pytest.mark.usefixtures("with_totp")
class TestReauthentication:
    def again(self, users, sessions, use, session_id="s1"):
        session = replace(SESSION, id=session_id, amr=("mfa", "otp", "pwd"), authenticated_at=NOW + 20)
        return sessions.reauthenticate(users.find("alice"), session, replace(ADDED, at=NOW + 20), factor=use)

    def test_uses_a_step_up(self, users, sessions):
        assert self.again(users, sessions, FactorUse(totp_step=101)) is True
        assert sessions.of_user("u1")[0].authenticated_at == NOW + 20
        with pytest.raises(InvalidCode):
            self.again(users, sessions, FactorUse(totp_step=101))

    def test_of_a_session_that_has_ended_uses_nothing_up(self, users, sessions):
        assert self.again(users, sessions, FactorUse(totp_step=101), "s7") is False
        assert users.find("alice").factors.totp_step == 100

    def test_of_a_user_who_has_changed_is_none(self, users, sessions):
        user = replace(users.find("alice"), session_epoch=0)
        with pytest.raises(Conflict):
            sessions.reauthenticate(user, replace(SESSION, amr=("pwd",)), ADDED, factor=FactorUse(totp_step=101))

    def test_uses_a_challenge_up(self, users, sessions):
        assert self.again(users, sessions, FactorUse(challenge(), totp_step=101))
        with pytest.raises(InvalidChallenge):
            self.again(users, sessions, FactorUse(challenge(), totp_step=102))


class TestTries:
    def test_of_a_challenge_end(self, factors):
        window = tries_window("u1", challenge(), NOW)
        assert [factors.count_try(window) for _ in range(MOST_TRIES)] == [None] * MOST_TRIES
        assert factors.count_try(window) == "challenge_c1"
        assert factors.count_try(tries_window("u1", challenge("c2"), NOW)) is None

    def test_of_an_hour_end_whatever_the_challenge(self, factors):
        for number in range(MOST_TRIES_AN_HOUR):
            assert factors.count_try(tries_window("u1", challenge(f"c{number}"), NOW)) is None
        assert factors.count_try(tries_window("u1", challenge("c99"), NOW)).startswith("hour")
        assert factors.count_try(tries_window("u1", None, NOW)).startswith("hour")
        assert factors.count_try(tries_window("u2", challenge("c99"), NOW)) is None

    def test_of_a_day_end_whatever_the_hour(self, factors):
        day = NOW - NOW % 86_400
        for number in range(MOST_TRIES_A_DAY):
            at = day + 3600 * (number // 10)
            assert factors.count_try(tries_window("u1", challenge(f"c{number}", at), at)) is None
        last = day + 3600 * 23
        assert factors.count_try(tries_window("u1", None, last)) == "day"
        assert factors.count_try(tries_window("u1", None, day + 86_400)) is None

    def test_of_many_at_once_no_more_are_let_through(self, factors):
        window = tries_window("u1", challenge(), NOW)
        with ThreadPoolExecutor(8) as pool:
            counted = list(pool.map(lambda _: factors.count_try(window), range(8)))
        assert counted.count(None) == MOST_TRIES

    @pytest.mark.usefixtures("with_totp")
    def test_a_success_takes_its_own_back_and_no_other(self, factors, begin):
        window = tries_window("u1", challenge(), NOW)
        for _ in range(MOST_TRIES):
            factors.count_try(window)
        begin(FactorUse(challenge(), window, totp_step=101))
        assert factors.count_try(window) is None
        assert factors.count_try(window) == "challenge_c1"

    def test_a_wrong_one_is_recorded(self, factors, events):
        failed = replace(ADDED, type=EventType.SECOND_FACTOR_FAILED)
        factors.failed(failed)
        assert events.recent("u1", 1) == [failed]


class TestPasskeys:
    def test_is_found_by_its_id_and_with_its_user(self, with_passkey, factors, events):
        assert with_passkey.passkeys == ("pk1",)
        assert not with_passkey.second_factor
        assert factors.find_passkey("pk1") == PASSKEY
        assert factors.passkeys_of(with_passkey) == [PASSKEY]
        assert events.recent("u1", 1) == [ADDED]

    def test_who_has_none_has_an_empty_list(self, alice, factors):
        assert factors.passkeys_of(alice) == []
        assert factors.find_passkey("pk1") is None

    def test_are_listed_from_the_oldest(self, with_passkey, users, factors):
        earlier = replace(PASSKEY, id="pk0", created_at=NOW - 10)
        factors.add_passkey(with_passkey, earlier, challenge("c2"), ADDED, None)
        assert factors.passkeys_of(users.find("alice")) == [earlier, PASSKEY]

    def test_a_mail_tells_of_it(self, alice, factors, outbox):
        factors.add_passkey(alice, PASSKEY, challenge(), ADDED, NOTICE)
        assert outbox.find("m1").kind is MailKind.PASSKEY_ADDED

    def test_an_id_that_somebody_has_is_nobody_elses(self, with_passkey, users, factors):
        bob = replace(ALICE, id="u2", username="bob")
        users.add(bob, replace(SESSION, user_id="u2", username="bob"), REGISTERED)
        with pytest.raises(Conflict):
            factors.add_passkey(
                users.find("bob"), replace(PASSKEY, user_id="u2", username="bob"), challenge("c2"), ADDED, None
            )
        assert factors.find_passkey("pk1") == PASSKEY
        assert users.find("bob").passkeys == ()

    def test_a_challenge_adds_one(self, with_passkey, users, factors):
        with pytest.raises(InvalidChallenge):
            factors.add_passkey(with_passkey, replace(PASSKEY, id="pk2"), challenge("registration"), ADDED, None)
        assert users.find("alice").passkeys == ("pk1",)

    def test_there_are_only_so_many(self, alice, users, factors):
        for number in range(MOST_PASSKEYS):
            added = replace(PASSKEY, id=f"n{number}")
            factors.add_passkey(users.find("alice"), added, challenge(f"c{number}"), ADDED, None)
        with pytest.raises(Conflict):
            factors.add_passkey(users.find("alice"), PASSKEY, challenge("one more"), ADDED, None)
        assert len(factors.passkeys_of(users.find("alice"))) == MOST_PASSKEYS
        assert alice.id == "u1"

    def test_is_not_added_to_a_user_who_has_changed(self, alice, factors):
        with pytest.raises(Conflict):
            factors.add_passkey(replace(alice, session_epoch=3), PASSKEY, challenge(), ADDED, None)
        assert factors.find_passkey("pk1") is None

    def test_is_called_something_else_by_its_user_alone(self, with_passkey, factors):
        assert factors.label_passkey(with_passkey, "pk1", "Key ring") == replace(PASSKEY, label="Key ring")
        assert factors.label_passkey(replace(with_passkey, id="u2"), "pk1", "Mine") is None
        assert factors.label_passkey(with_passkey, "pk2", "None") is None
        assert factors.find_passkey("pk1").label == "Key ring"

    def test_is_removed(self, with_passkey, users, factors, events):
        assert factors.remove_passkey(with_passkey, "pk1", REMOVED, None) is True
        assert factors.find_passkey("pk1") is None
        assert users.find("alice").factors is None
        assert events.recent("u1", 1) == [REMOVED]
        assert factors.remove_passkey(users.find("alice"), "pk1", REMOVED, None) is False

    def test_two_removals_at_once_do_not_take_the_last_two(self, with_passkey, users, factors):
        factors.add_passkey(with_passkey, replace(PASSKEY, id="pk2"), challenge("c2"), ADDED, None)
        user = users.find("alice")
        factors.remove_passkey(user, "pk1", REMOVED, None)
        with pytest.raises(Conflict):
            factors.remove_passkey(user, "pk2", REMOVED, None)
        assert users.find("alice").passkeys == ("pk2",)

    def test_goes_with_its_user(self, with_passkey, users, factors):
        users.delete(with_passkey, DELETED)
        assert factors.find_passkey("pk1") is None

    def test_a_log_in_keeps_what_it_says_of_itself(self, with_passkey, begin, factors, sessions):
        begin(FactorUse(challenge(), passkey=PasskeyUse(PASSKEY, 7, backed_up=True)), amr=("mfa", "swk", "user"))
        after = factors.find_passkey("pk1")
        assert (after.sign_count, after.backed_up, after.last_used_at) == (7, True, NOW + 10)
        assert {session.amr for session in sessions.of_user("u1")} == {("pwd",), ("mfa", "swk", "user")}
        assert with_passkey.id == "u1"

    @pytest.mark.parametrize(
        ("stored", "shown", "is_accepted"),
        [(0, 0, True), (0, 1, True), (5, 6, True), (5, 5, False), (5, 4, False), (5, 0, False)],
    )
    def test_its_counter_rises_or_is_always_zero(self, alice, users, factors, begin, stored, shown, is_accepted):
        passkey = replace(PASSKEY, sign_count=stored)
        factors.add_passkey(alice, passkey, challenge("registration"), ADDED, None)
        use = FactorUse(challenge(), passkey=PasskeyUse(passkey, shown, backed_up=False))
        if is_accepted:
            begin(use)
        else:
            with pytest.raises(InvalidCode):
                begin(use)
        assert factors.find_passkey("pk1").sign_count == (shown if is_accepted else stored)

    def test_one_that_was_removed_meanwhile_begins_no_session(self, with_passkey, begin, factors, sessions):
        factors.remove_passkey(with_passkey, "pk1", REMOVED, None)
        with pytest.raises(InvalidCode):
            begin(FactorUse(challenge(), passkey=PasskeyUse(PASSKEY, 0, backed_up=False)))
        assert ids(sessions) == ["s1"]

    def test_a_reauthentication_uses_it(self, with_passkey, sessions, factors):
        use = FactorUse(challenge(), passkey=PasskeyUse(PASSKEY, 3, backed_up=False))
        fresh = replace(SESSION, amr=PASSKEY.amr, authenticated_at=NOW + 20)
        assert sessions.reauthenticate(with_passkey, fresh, replace(ADDED, at=NOW + 20), factor=use)
        assert sessions.of_user("u1")[0].acr == "aal2"
        assert factors.find_passkey("pk1").sign_count == 3
        with pytest.raises(InvalidChallenge):
            sessions.reauthenticate(with_passkey, fresh, ADDED, factor=use)


class TestHashes:
    def test_another_hash_of_the_password_is_stored(self, alice, users):
        users.replace_hash(alice, "new")
        assert users.find("alice") == replace(alice, password_hash="new")

    def test_but_not_in_place_of_one_that_was_changed_meanwhile(self, alice, users):
        users.replace_hash(replace(alice, password_hash="older"), "new")
        assert users.find("alice") == alice
