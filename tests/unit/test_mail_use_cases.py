"""What is done with mailed tokens and codes, over fakes that keep the whole contract of the stores."""

from dataclasses import replace

import pytest

from chalicelib.accounts.caller import Caller
from chalicelib.accounts.events import EventType
from chalicelib.accounts.mail import MailKind
from chalicelib.credentials.mailed import new_token
from chalicelib.credentials.throttling import Known
from chalicelib.errors import (
    Conflict,
    EmailTaken,
    InsufficientAuthentication,
    InvalidChallenge,
    InvalidCode,
    InvalidCredentials,
    InvalidGrant,
    InvalidToken,
    LinkExpired,
    NotFound,
    RegistrationClosed,
    TooManyMails,
    UsernameTaken,
    ValidationFailed,
)
from chalicelib.tokens.kinds import ACCESS_TOKEN
from chalicelib.use_cases.hooks import HookFailed, Hooks
from tests.support.fake_mails import deliver
from tests.support.plain_hasher import PlainHasher

pytestmark = pytest.mark.usefixtures("hashes_are_cheap")

PASSWORD = "correct horse battery staple"
NEW_PASSWORD = "another horse in the same stable"
ADDRESS, OTHER = "alice@example.org", "Other@example.org"
CALLER = Caller(ip="203.0.113.7", user_agent="test")
ENGLISH = {"language": "en"}


@pytest.fixture
def mailed(memory):
    """Send what waits, and return the one mail of a kind with its token or code."""

    def mailed(kind):
        (found,) = [sent for sent in deliver(memory) if sent.mail.kind is kind]
        return found

    return mailed


@pytest.fixture
def alice(use_cases):
    return use_cases.registration.register("alice", PASSWORD, CALLER, email=ADDRESS, language="de")


@pytest.fixture
def confirmed(use_cases, alice, mailed):
    use_cases.addresses.confirm(mailed(MailKind.EMAIL).secret, CALLER)
    return alice


@pytest.fixture
def by_address(make_use_cases):
    return make_use_cases(IDENTIFIER="email")


@pytest.fixture
def principal(verifier):
    return lambda logged_in: verifier.verify(ACCESS_TOKEN, logged_in.tokens.access_token)


def kinds(memory):
    return [sent.mail.kind for sent in deliver(memory)]


def events(memory):
    return [event.type for event in memory.events]


def counted_mails(memory):
    """How many requests for mails are counted, wherever they are."""
    windows = [counted for key, counted in memory.windows.items() if key.startswith("mails")]
    return sum(sum(counted.values()) for counted in windows) + sum(len(sent) for sent in memory.mails.sent.values())


def failing(_):
    raise RuntimeError


class TestRegistrationWithAnAddress:
    def test_makes_the_account_at_once_and_asks_to_confirm_the_address(self, alice, mailed):
        assert alice.user.contact.email == ADDRESS
        assert alice.user.verified_email is None
        sent = mailed(MailKind.EMAIL)
        assert (sent.email, sent.mail.language, sent.mail.user_id) == (ADDRESS, "de", alice.user.id)

    def test_a_confirmed_address_is_verified(self, use_cases, confirmed, memory):
        assert memory.user("alice").verified_email == ADDRESS
        assert EventType.EMAIL_VERIFIED in events(memory)

    def test_names_a_wrong_address_beside_what_else_is_wrong(self, use_cases, memory):
        with pytest.raises(ValidationFailed) as refusal:
            use_cases.registration.register("a", "short", CALLER, email="nobody", language="en")
        assert [error.field for error in refusal.value.errors] == ["username", "password", "email"]
        assert memory.users == {}

    def test_needs_an_address_where_the_site_says_so_and_takes_none_where_it_sends_no_mail(self, make_use_cases):
        with pytest.raises(ValidationFailed):
            make_use_cases(EMAIL="required").registration.register("alice", PASSWORD, CALLER)
        with pytest.raises(ValidationFailed):
            make_use_cases(EMAIL="off").registration.register("alice", PASSWORD, CALLER, email=ADDRESS)

    def test_an_address_that_had_its_mail_this_minute_makes_no_account_and_counts_no_registration(
        self, use_cases, alice, memory, clock
    ):
        before = {key: dict(counted) for key, counted in memory.windows.items() if key.startswith("registrations")}
        with pytest.raises(TooManyMails):
            use_cases.registration.register("bob", PASSWORD, CALLER, email=ADDRESS, language="en")
        after = {key: dict(counted) for key, counted in memory.windows.items() if key.startswith("registrations")}
        assert memory.user("bob") is None
        assert before == after

    def test_a_taken_username_counts_no_mail(self, use_cases, memory):
        use_cases.registration.register("alice", PASSWORD, CALLER)
        with pytest.raises(UsernameTaken):
            use_cases.registration.register("alice", PASSWORD, CALLER, email=ADDRESS, language="en")
        assert counted_mails(memory) == 0

    @pytest.mark.parametrize("hook", ["before_registration", "claims"])
    def test_a_hook_that_fails_counts_no_mail(self, make_use_cases, memory, hook):
        use_cases = make_use_cases(hooks=Hooks(**{hook: failing}))
        with pytest.raises(HookFailed):
            use_cases.registration.register("alice", PASSWORD, CALLER, email=ADDRESS, language="en")
        assert (memory.users, counted_mails(memory)) == ({}, 0)

    def test_two_accounts_may_wait_for_one_address_and_the_first_to_confirm_has_it(
        self, use_cases, alice, mailed, memory, clock
    ):
        first = mailed(MailKind.EMAIL).secret
        clock.advance(60)
        use_cases.registration.register("bob", PASSWORD, CALLER, email=ADDRESS.upper(), language="en")
        use_cases.addresses.confirm(mailed(MailKind.EMAIL).secret, CALLER)
        with pytest.raises(EmailTaken):
            use_cases.addresses.confirm(first, CALLER)
        assert memory.user("bob").verified_email == ADDRESS.upper()
        assert memory.user("alice").verified_email is None


class TestRegistrationByAddress:
    def test_makes_an_account_only_once_the_address_is_confirmed(self, by_address, mailed, memory):
        assert by_address.address_registration.ask(ADDRESS, PASSWORD, CALLER, language="de") == 3600
        assert memory.users == {}
        with pytest.raises(InvalidCredentials):
            by_address.log_in.with_password(ADDRESS, PASSWORD, CALLER)
        logged_in = by_address.address_registration.confirm(mailed(MailKind.REGISTER).secret, CALLER)
        assert logged_in.user.username == logged_in.user.verified_email == ADDRESS
        assert by_address.log_in.with_password(ADDRESS.upper(), PASSWORD, CALLER).user.id == logged_in.user.id

    def test_does_the_same_for_an_address_with_an_account_which_is_told_so(self, by_address, mailed, memory, clock):
        by_address.address_registration.ask(ADDRESS, PASSWORD, CALLER, language="en")
        by_address.address_registration.confirm(mailed(MailKind.REGISTER).secret, CALLER)
        before = memory.user(ADDRESS)
        clock.advance(60)
        assert by_address.address_registration.ask(ADDRESS, NEW_PASSWORD, CALLER, language="en") == 3600
        assert mailed(MailKind.REGISTER).secret is None
        assert memory.user(ADDRESS) == before

    def test_the_first_of_two_links_makes_the_account_with_its_own_password(self, by_address, mailed, clock):
        by_address.address_registration.ask(ADDRESS, PASSWORD, CALLER, language="en")
        first = mailed(MailKind.REGISTER).secret
        clock.advance(60)
        by_address.address_registration.ask(ADDRESS, NEW_PASSWORD, CALLER, language="en")
        second = mailed(MailKind.REGISTER).secret
        by_address.address_registration.confirm(first, CALLER)
        with pytest.raises(EmailTaken):
            by_address.address_registration.confirm(second, CALLER)
        with pytest.raises(LinkExpired):
            by_address.address_registration.confirm(first, CALLER)
        assert by_address.log_in.with_password(ADDRESS, PASSWORD, CALLER)

    @pytest.mark.parametrize("asked", [PASSWORD, None], ids=["with a password", "without"])
    def test_the_password_that_the_reader_of_the_mail_chooses_is_the_accounts(self, by_address, mailed, asked, memory):
        by_address.address_registration.ask(ADDRESS, asked, CALLER, language="en")
        secret = mailed(MailKind.REGISTER).secret
        logged_in = by_address.address_registration.confirm_with(secret, NEW_PASSWORD, CALLER)
        assert logged_in.user.has_password
        assert memory.mails.registrations == {}
        with pytest.raises(InvalidCredentials):
            by_address.log_in.with_password(ADDRESS, PASSWORD, CALLER)
        assert by_address.log_in.with_password(ADDRESS, NEW_PASSWORD, CALLER).user.id == logged_in.user.id

    def test_the_reader_of_the_mail_may_choose_to_have_no_password(self, by_address, mailed):
        by_address.address_registration.ask(ADDRESS, PASSWORD, CALLER, language="en")
        secret = mailed(MailKind.REGISTER).secret
        assert not by_address.address_registration.confirm_with(secret, None, CALLER).user.has_password
        with pytest.raises(InvalidCredentials):
            by_address.log_in.with_password(ADDRESS, PASSWORD, CALLER)

    @pytest.mark.parametrize(
        "password",
        ["short", "alice@example.org alice", "my friend alice and I", "password1password1", ""],
        ids=["short", "address", "name", "common", "none"],
    )
    def test_a_refused_password_leaves_the_link_good_and_hashes_nothing(self, by_address, mailed, hasher, password):
        by_address.address_registration.ask(ADDRESS, None, CALLER, language="en")
        secret = mailed(MailKind.REGISTER).secret
        with pytest.raises(ValidationFailed) as refusal:
            by_address.address_registration.confirm_with(secret, password, CALLER)
        assert [error.field for error in refusal.value.errors] == ["password"]
        assert hasher.hashed == 0
        assert by_address.address_registration.confirm_with(secret, NEW_PASSWORD, CALLER).user.username == ADDRESS
        assert hasher.hashed == 1

    def test_a_link_that_is_no_longer_good_is_told_before_anything_about_the_password(self, by_address, mailed, hasher):
        by_address.address_registration.ask(ADDRESS, None, CALLER, language="en")
        secret = mailed(MailKind.REGISTER).secret
        by_address.address_registration.confirm_with(secret, None, CALLER)
        for password in ("short", NEW_PASSWORD, None):
            with pytest.raises(LinkExpired):
                by_address.address_registration.confirm_with(secret, password, CALLER)
        assert hasher.hashed == 0

    @pytest.mark.parametrize(
        "password", ["short", "alice@example.org alice", "password1password1"], ids=["short", "address", "common"]
    )
    def test_names_what_is_wrong_and_keeps_nothing(self, by_address, memory, password):
        with pytest.raises(ValidationFailed) as refusal:
            by_address.address_registration.ask("nobody", password, CALLER, language="en")
        assert "email" in [error.field for error in refusal.value.errors]
        assert memory.mails.registrations == {}

    @pytest.mark.parametrize("email", ["e@example.org", "or@example.org"])
    def test_a_short_name_before_the_at_sign_may_be_in_the_password(self, by_address, memory, email):
        by_address.address_registration.ask(email, PASSWORD, CALLER, language="en")
        assert [kept.email for kept in memory.mails.registrations.values()] == [email]

    def test_a_password_that_contains_the_name_before_the_at_sign_is_refused(self, by_address):
        with pytest.raises(ValidationFailed):
            by_address.address_registration.ask(
                "stapler@example.org", "my old stapler in the oak", CALLER, language="en"
            )

    def test_may_be_closed_and_does_not_exist_where_names_are_usernames(self, make_use_cases, use_cases):
        closed = make_use_cases(IDENTIFIER="email", REGISTRATION="closed")
        with pytest.raises(RegistrationClosed):
            closed.address_registration.ask(ADDRESS, PASSWORD, CALLER, language="en")
        with pytest.raises(NotFound):
            use_cases.address_registration.confirm("x" * 65, CALLER)

    def test_a_link_ends_after_an_hour(self, by_address, mailed, clock, memory):
        by_address.address_registration.ask(ADDRESS, PASSWORD, CALLER, language="en")
        token = mailed(MailKind.REGISTER).secret
        clock.advance(3600)
        with pytest.raises(LinkExpired):
            by_address.address_registration.confirm(token, CALLER)
        assert memory.users == {}


class TestAddresses:
    def test_another_address_replaces_a_verified_one_once_it_is_confirmed(
        self, use_cases, confirmed, principal, mailed, memory, clock
    ):
        use_cases.addresses.change(principal(confirmed), OTHER, CALLER, **ENGLISH)
        assert memory.user("alice").verified_email == ADDRESS
        asked = mailed(MailKind.EMAIL)
        assert asked.email == OTHER
        use_cases.addresses.confirm(asked.secret, CALLER)
        assert memory.user("alice").verified_email == OTHER
        assert mailed(MailKind.EMAIL_CHANGED).email == ADDRESS
        assert EventType.EMAIL_CHANGED in events(memory)

    def test_mails_are_in_the_language_in_which_the_user_has_last_given_an_address(
        self, use_cases, confirmed, principal, mailed, clock
    ):
        use_cases.addresses.change(principal(confirmed), OTHER, CALLER, language="fr")
        assert mailed(MailKind.EMAIL).mail.language == "fr"
        clock.advance(60)
        use_cases.addresses.resend(principal(confirmed), CALLER)
        sent = mailed(MailKind.EMAIL)
        assert sent.mail.language == "fr"
        use_cases.addresses.confirm(sent.secret, CALLER)
        assert mailed(MailKind.EMAIL_CHANGED).mail.language == "fr"

    def test_a_later_change_makes_the_earlier_link_void(self, use_cases, alice, principal, mailed, memory, clock):
        first = mailed(MailKind.EMAIL).secret
        use_cases.addresses.change(principal(alice), OTHER, CALLER, **ENGLISH)
        with pytest.raises(LinkExpired):
            use_cases.addresses.confirm(first, CALLER)
        assert memory.user("alice").contact.email == OTHER

    def test_a_change_needs_a_fresh_session_and_a_resend_does_not(self, make_use_cases, memory, verifier, clock):
        use_cases = make_use_cases(ACCESS_TOKEN_LIFETIME="3600")
        alice = use_cases.registration.register("alice", PASSWORD, CALLER, email=ADDRESS, language="en")
        principal = verifier.verify(ACCESS_TOKEN, alice.tokens.access_token)
        deliver(memory)
        clock.advance(901)
        for action in (
            lambda: use_cases.addresses.change(principal, OTHER, CALLER, **ENGLISH),
            lambda: use_cases.addresses.remove(principal, CALLER),
        ):
            with pytest.raises(InsufficientAuthentication):
                action()
        use_cases.addresses.resend(principal, CALLER)
        assert kinds(memory) == [MailKind.EMAIL]

    def test_nothing_of_a_session_that_has_ended(self, use_cases, alice, principal):
        use_cases.refresh_tokens.revoke([alice.tokens.refresh_token], CALLER)
        for action in (
            lambda: use_cases.addresses.change(principal(alice), OTHER, CALLER, **ENGLISH),
            lambda: use_cases.addresses.remove(principal(alice), CALLER),
            lambda: use_cases.addresses.resend(principal(alice), CALLER),
        ):
            with pytest.raises(InvalidToken):
                action()

    @pytest.mark.parametrize("email", [ADDRESS, ADDRESS.upper(), "nobody", "a@b\r\n.example"])
    def test_refuses_what_is_no_other_address(self, use_cases, confirmed, principal, memory, email):
        with pytest.raises(ValidationFailed) as refusal:
            use_cases.addresses.change(principal(confirmed), email, CALLER, **ENGLISH)
        assert [error.field for error in refusal.value.errors] == ["email"]
        assert kinds(memory) == []

    def test_a_removed_address_is_told_and_finds_nobody(self, use_cases, confirmed, principal, mailed, memory):
        use_cases.addresses.remove(principal(confirmed), CALLER)
        assert memory.user("alice").contact is None
        assert mailed(MailKind.EMAIL_CHANGED).email == ADDRESS
        use_cases.password_reset.ask(ADDRESS, CALLER, device=None, language="en")
        assert kinds(memory) == []
        use_cases.addresses.remove(principal(confirmed), CALLER)

    def test_where_an_address_is_needed_it_cannot_be_removed(self, make_use_cases, principal):
        use_cases = make_use_cases(EMAIL="required")
        alice = use_cases.registration.register("alice", PASSWORD, CALLER, email=ADDRESS, language="en")
        with pytest.raises(Conflict):
            use_cases.addresses.remove(principal(alice), CALLER)

    def test_there_is_nothing_to_resend_once_it_is_confirmed(self, use_cases, confirmed, principal):
        with pytest.raises(Conflict):
            use_cases.addresses.resend(principal(confirmed), CALLER)

    def test_where_the_address_is_the_name_another_one_renames_the_account(self, by_address, principal, mailed, memory):
        by_address.address_registration.ask(ADDRESS, PASSWORD, CALLER, language="en")
        alice = by_address.address_registration.confirm(mailed(MailKind.REGISTER).secret, CALLER)
        elsewhere = by_address.log_in.with_password(ADDRESS, PASSWORD, CALLER)
        by_address.addresses.change(principal(alice), OTHER, CALLER, **ENGLISH)
        by_address.addresses.confirm(mailed(MailKind.EMAIL).secret, CALLER)
        assert mailed(MailKind.EMAIL_CHANGED).email == ADDRESS
        assert by_address.refresh_tokens.exchange(alice.tokens.refresh_token, CALLER).user.username == OTHER
        with pytest.raises(InvalidGrant):
            by_address.refresh_tokens.exchange(elsewhere.tokens.refresh_token, CALLER)
        with pytest.raises(InvalidCredentials):
            by_address.log_in.with_password(ADDRESS, PASSWORD, CALLER)
        assert by_address.log_in.with_password(OTHER, PASSWORD, CALLER).user.id == alice.user.id

    def test_a_site_without_mail_has_none_of_this(self, make_use_cases, principal):
        use_cases = make_use_cases(EMAIL="off")
        alice = principal(use_cases.registration.register("alice", PASSWORD, CALLER))
        for action in (
            lambda: use_cases.addresses.change(alice, OTHER, CALLER, **ENGLISH),
            lambda: use_cases.addresses.remove(alice, CALLER),
            lambda: use_cases.addresses.resend(alice, CALLER),
            lambda: use_cases.addresses.confirm("x" * 65, CALLER),
            lambda: use_cases.password_reset.ask("alice", CALLER, device=None, language="en"),
            lambda: use_cases.code_log_in.ask("alice", CALLER, device=None, language="en"),
            lambda: use_cases.code_log_in.verify("x", "123456", CALLER),
        ):
            with pytest.raises(NotFound):
                action()
        # A link may have been handed over.
        with pytest.raises(LinkExpired):
            use_cases.password_reset.reset("x" * 65, NEW_PASSWORD, CALLER)

    def test_a_site_without_mail_knows_no_mailed_link_but_may_have_handed_one_over(self, make_use_cases):
        with pytest.raises(LinkExpired):
            make_use_cases(EMAIL="off").password_reset.reset("x" * 65, NEW_PASSWORD, CALLER)


ASKING = {
    "a new password": lambda u: u.password_reset.ask("alice", CALLER, device=None, language="en"),
    "a code": lambda u: u.code_log_in.ask("alice", CALLER, device=None, language="en"),
    "an account with an address": lambda u: u.registration.register("bobby", PASSWORD, CALLER, email=OTHER),
    "an account by address": lambda u: u.address_registration.ask(OTHER, None, CALLER, language="en"),
}
"""What somebody asks for who has no session."""


@pytest.mark.parametrize("asked", ASKING)
def test_a_mail_that_is_over_the_total_of_the_day_is_announced(make_use_cases, memory, announced, asked):
    use_cases = make_use_cases(MAILS_PER_DAY="1", IDENTIFIER="email" if "by address" in asked else "username")
    use_cases.password_reset.ask("nobody", CALLER, device=None, language="en")
    memory.mails.asked.clear()
    assert EventType.MAIL_NOT_SENT not in announced
    ASKING[asked](use_cases)
    assert memory.mails.asked == []
    assert EventType.MAIL_NOT_SENT in announced


class TestPasswordReset:
    @pytest.fixture
    def token(self, use_cases, confirmed, mailed):
        use_cases.password_reset.ask("Alice", CALLER, device=None, language="en")
        return mailed(MailKind.RESET).secret

    @pytest.mark.parametrize("name", ["alice", "ALICE", ADDRESS, ADDRESS.upper()])
    def test_is_mailed_for_a_username_and_for_a_verified_address(self, use_cases, confirmed, mailed, name):
        use_cases.password_reset.ask(name, CALLER, device=None, language="en")
        assert mailed(MailKind.RESET).email == ADDRESS

    def test_replaces_the_password_ends_all_sessions_logs_nobody_in_and_tells(
        self, use_cases, confirmed, token, mailed, memory
    ):
        assert use_cases.password_reset.reset(token, NEW_PASSWORD, CALLER) is None
        assert memory.sessions == {}
        with pytest.raises(InvalidCredentials):
            use_cases.log_in.with_password("alice", PASSWORD, CALLER)
        assert use_cases.log_in.with_password("alice", NEW_PASSWORD, CALLER)
        assert mailed(MailKind.PASSWORD_RESET).email == ADDRESS
        assert EventType.PASSWORD_RESET in events(memory)

    @pytest.mark.parametrize("is_taken", [False, True], ids=["free", "another user's"])
    def test_an_address_is_told_to_be_verified_by_an_invitation_only_if_it_is(
        self, use_cases, mailed, announced, request, is_taken
    ):
        made = use_cases.administration.create("bobby", None, CALLER, email=ADDRESS)
        invited = mailed(MailKind.INVITATION).secret
        if is_taken:
            request.getfixturevalue("confirmed")
        announced.clear()
        use_cases.password_reset.reset(invited, NEW_PASSWORD, CALLER)
        assert announced == [EventType.PASSWORD_RESET, *([] if is_taken else [EventType.EMAIL_VERIFIED])]
        user = use_cases.log_in.with_password("bobby", NEW_PASSWORD, CALLER).user
        assert (user.id, user.verified_email) == (made.user.id, None if is_taken else ADDRESS)

    def test_a_refused_password_leaves_the_token_good(self, use_cases, token):
        for refused in ("short", "alice alice alice", "password1password1"):
            with pytest.raises(ValidationFailed) as refusal:
                use_cases.password_reset.reset(token, refused, CALLER)
            assert [error.field for error in refusal.value.errors] == ["new_password"]
        use_cases.password_reset.reset(token, NEW_PASSWORD, CALLER)

    def test_tells_the_feed_the_time_after_hashing_which_is_when_the_sessions_end(
        self, make_use_cases, token, memory, clock
    ):
        class SlowHasher(PlainHasher):
            def hash(self, password):
                clock.advance(3)
                return super().hash(password)

        make_use_cases(hasher=SlowHasher()).password_reset.reset(token, NEW_PASSWORD, CALLER)
        assert [(entry.is_user, entry.at) for entry in memory.ended] == [(True, clock())]

    def test_works_once(self, use_cases, token):
        use_cases.password_reset.reset(token, NEW_PASSWORD, CALLER)
        with pytest.raises(LinkExpired):
            use_cases.password_reset.reset(token, PASSWORD, CALLER)
        assert use_cases.log_in.with_password("alice", NEW_PASSWORD, CALLER)

    def test_ends_after_half_an_hour(self, use_cases, token, clock):
        clock.advance(1800)
        with pytest.raises(LinkExpired):
            use_cases.password_reset.reset(token, NEW_PASSWORD, CALLER)

    @pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: t + t, lambda t: t[::-1], lambda t: t[:64] + "~"])
    def test_another_token_is_refused(self, use_cases, token, change):
        with pytest.raises(LinkExpired):
            use_cases.password_reset.reset(change(token), NEW_PASSWORD, CALLER)

    def test_whoever_knows_the_id_of_a_mail_and_not_its_secret_is_refused(self, use_cases, token):
        last = "A" if token[-1] != "A" else "B"
        for guess in (new_token(token[:22]), token[:-1] + last, token[:22] + "A" * 43):
            with pytest.raises(LinkExpired):
                use_cases.password_reset.reset(guess, NEW_PASSWORD, CALLER)
        use_cases.password_reset.reset(token, NEW_PASSWORD, CALLER)

    def test_a_token_for_something_else_is_refused_and_stays_good(self, use_cases, confirmed, principal, mailed, token):
        use_cases.addresses.change(principal(confirmed), OTHER, CALLER, **ENGLISH)
        for_address = mailed(MailKind.EMAIL).secret
        with pytest.raises(LinkExpired):
            use_cases.password_reset.reset(for_address, NEW_PASSWORD, CALLER)
        with pytest.raises(LinkExpired):
            use_cases.addresses.confirm(token, CALLER)
        use_cases.addresses.confirm(for_address, CALLER)

    def test_a_change_of_the_password_makes_it_void(self, use_cases, confirmed, principal, token):
        use_cases.account.change_password(principal(confirmed), PASSWORD, NEW_PASSWORD, CALLER)
        with pytest.raises(LinkExpired):
            use_cases.password_reset.reset(token, PASSWORD, CALLER)

    @pytest.mark.parametrize("how", ["another address", "none"])
    def test_a_change_of_the_address_makes_it_void(self, use_cases, confirmed, principal, mailed, token, how):
        """Whoever still reads the mail of the old address may be whom the owner wanted to get rid of."""
        if how == "none":
            use_cases.addresses.remove(principal(confirmed), CALLER)
        else:
            use_cases.addresses.change(principal(confirmed), OTHER, CALLER, **ENGLISH)
            use_cases.addresses.confirm(mailed(MailKind.EMAIL).secret, CALLER)
        with pytest.raises(LinkExpired):
            use_cases.password_reset.reset(token, NEW_PASSWORD, CALLER)
        assert use_cases.log_in.with_password("alice", PASSWORD, CALLER)

    def test_of_a_disabled_or_deleted_account_is_refused(self, use_cases, confirmed, token, memory):
        user = memory.user("alice")
        memory.users["alice"] = replace(user, disabled=True)
        with pytest.raises(LinkExpired):
            use_cases.password_reset.reset(token, NEW_PASSWORD, CALLER)
        del memory.users["alice"]
        with pytest.raises(LinkExpired):
            use_cases.password_reset.reset(token, NEW_PASSWORD, CALLER)

    def test_nobody_else_who_takes_the_name_gets_the_link(self, use_cases, confirmed, principal, token, memory):
        use_cases.account.delete_account(principal(confirmed), PASSWORD, CALLER)
        use_cases.registration.register("alice", PASSWORD, CALLER)
        with pytest.raises(LinkExpired):
            use_cases.password_reset.reset(token, NEW_PASSWORD, CALLER)

    def test_an_unconfirmed_address_and_an_unknown_name_get_nothing(self, use_cases, alice, memory):
        deliver(memory)
        for name in ("alice", ADDRESS, "nobody", "", "x" * 20_000, "a\r\nb"):
            use_cases.password_reset.ask(name, CALLER, device=None, language="en")
        assert kinds(memory) == []

    def test_a_name_that_looks_like_somebodys_address_gets_none_of_its_mail(self, use_cases, confirmed, mailed, clock):
        clock.advance(60)
        use_cases.registration.register(ADDRESS, PASSWORD, CALLER, email=OTHER, language="en")
        use_cases.addresses.confirm(mailed(MailKind.EMAIL).secret, CALLER)
        use_cases.password_reset.ask(ADDRESS, CALLER, device=None, language="en")
        sent = mailed(MailKind.RESET)
        assert (sent.email, sent.secret is not None) == (ADDRESS, True)

    def test_a_network_that_asks_too_often_has_to_wait_and_a_full_day_is_silent(self, make_use_cases, memory):
        use_cases = make_use_cases(MAILS_PER_IP="2", MAILS_PER_DAY="1")
        use_cases.password_reset.ask("alice", CALLER, device=None, language="en")
        use_cases.password_reset.ask("alice", CALLER, device=None, language="en")
        assert len(memory.mails.asked) == 1
        with pytest.raises(TooManyMails):
            use_cases.password_reset.ask("alice", CALLER, device=None, language="en")

    def test_a_device_that_has_logged_in_before_is_not_among_the_strangers(self, make_use_cases, memory):
        use_cases = make_use_cases(MAILS_PER_DAY="1")
        for _ in range(3):
            use_cases.password_reset.ask("alice", CALLER, device=None, language="en")
        use_cases.password_reset.ask("alice", CALLER, device=Known("device", "d1", "u1"), language="en")
        assert [mail.known_user_id for mail in memory.mails.asked] == [None, "u1"]


class TestCodeLogIn:
    @pytest.fixture
    def asked(self, use_cases, confirmed, mailed):
        challenge = use_cases.code_log_in.ask("alice", CALLER, device=None, language="en")
        return challenge, mailed(MailKind.LOGIN_CODE).secret

    def test_begins_a_session_once(self, use_cases, confirmed, asked, memory):
        logged_in = use_cases.code_log_in.verify(*asked, CALLER)
        assert logged_in.user.id == confirmed.user.id
        assert (logged_in.user.id, logged_in.session_id) in memory.sessions
        assert events(memory)[-1] is EventType.LOGIN_SUCCEEDED
        with pytest.raises(InvalidChallenge):
            use_cases.code_log_in.verify(*asked, CALLER)

    def test_five_wrong_codes_use_the_challenge_up(self, use_cases, asked):
        challenge, code = asked
        wrong = f"{(int(code) + 1) % 1_000_000:06d}"
        for _ in range(5):
            with pytest.raises(InvalidCode):
                use_cases.code_log_in.verify(challenge, wrong, CALLER)
        with pytest.raises(InvalidChallenge):
            use_cases.code_log_in.verify(challenge, code, CALLER)

    def test_an_unknown_name_is_answered_as_a_known_one(self, use_cases, asked, memory):
        challenge = use_cases.code_log_in.ask("nobody", CALLER, device=None, language="en")
        assert kinds(memory) == []
        for _ in range(5):
            with pytest.raises(InvalidCode):
                use_cases.code_log_in.verify(challenge, "000000", CALLER)
        with pytest.raises(InvalidChallenge):
            use_cases.code_log_in.verify(challenge, "000000", CALLER)

    @pytest.mark.parametrize("challenge", ["", "x", "x" * 43, "x" * 100_000, "\ud800"])
    def test_another_challenge_is_refused(self, use_cases, asked, challenge):
        with pytest.raises(InvalidChallenge):
            use_cases.code_log_in.verify(challenge, asked[1], CALLER)

    def test_the_code_of_another_challenge_is_wrong(self, use_cases, asked, mailed, clock):
        clock.advance(60)
        other = use_cases.code_log_in.ask("alice", CALLER, device=None, language="en")
        code = mailed(MailKind.LOGIN_CODE).secret
        assert code != asked[1] or pytest.skip("one in a million")
        with pytest.raises(InvalidCode):
            use_cases.code_log_in.verify(other, asked[1], CALLER)
        assert use_cases.code_log_in.verify(other, code, CALLER)

    def test_ends_after_ten_minutes(self, use_cases, asked, clock):
        clock.advance(600)
        with pytest.raises(InvalidChallenge):
            use_cases.code_log_in.verify(*asked, CALLER)

    def test_a_change_of_the_password_makes_it_void(self, use_cases, confirmed, principal, asked, memory):
        use_cases.account.change_password(principal(confirmed), PASSWORD, NEW_PASSWORD, CALLER)
        with pytest.raises(InvalidChallenge):
            use_cases.code_log_in.verify(*asked, CALLER)

    def test_a_change_of_the_address_makes_it_void(self, use_cases, confirmed, principal, asked):
        use_cases.addresses.remove(principal(confirmed), CALLER)
        with pytest.raises(InvalidChallenge):
            use_cases.code_log_in.verify(*asked, CALLER)

    def test_a_disabled_account_begins_no_session(self, use_cases, asked, memory):
        memory.users["alice"] = replace(memory.user("alice"), disabled=True)
        with pytest.raises(InvalidChallenge):
            use_cases.code_log_in.verify(*asked, CALLER)


class TestNotices:
    def test_a_change_of_the_password_is_told(self, use_cases, confirmed, principal, memory):
        use_cases.account.change_password(principal(confirmed), PASSWORD, NEW_PASSWORD, CALLER)
        assert kinds(memory) == [MailKind.PASSWORD_CHANGED]

    def test_a_reused_refresh_token_is_told(self, use_cases, confirmed, memory, clock):
        use_cases.refresh_tokens.exchange(confirmed.tokens.refresh_token, CALLER)
        clock.advance(60)
        with pytest.raises(InvalidGrant):
            use_cases.refresh_tokens.exchange(confirmed.tokens.refresh_token, CALLER)
        assert kinds(memory) == [MailKind.REFRESH_TOKEN_REUSED]

    def test_one_that_is_reused_to_log_out_is_told(self, use_cases, confirmed, memory, clock):
        use_cases.refresh_tokens.exchange(confirmed.tokens.refresh_token, CALLER)
        clock.advance(60)
        use_cases.refresh_tokens.revoke([confirmed.tokens.refresh_token], CALLER)
        assert kinds(memory) == [MailKind.REFRESH_TOKEN_REUSED]

    def test_an_account_without_a_verified_address_gets_none(self, use_cases, alice, principal, memory):
        deliver(memory)
        use_cases.account.change_password(principal(alice), PASSWORD, NEW_PASSWORD, CALLER)
        assert kinds(memory) == []

    def test_a_log_out_is_not_told(self, use_cases, confirmed, memory):
        use_cases.refresh_tokens.revoke([confirmed.tokens.refresh_token], CALLER)
        assert kinds(memory) == []
