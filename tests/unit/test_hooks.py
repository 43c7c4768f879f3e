"""The hooks of a site: what each of them sees and does, and what becomes of one that fails or is slow."""

import functools
import json
import logging
from dataclasses import replace
from datetime import date

import pytest

from chalicelib.accounts.caller import Caller
from chalicelib.accounts.events import EventType
from chalicelib.accounts.key_proof import KeyProof
from chalicelib.accounts.mail import MailKind
from chalicelib.assembly import Unhooked
from chalicelib.errors import (
    InvalidChallenge,
    InvalidCredentials,
    InvalidDPoPProof,
    InvalidGrant,
    RefreshTokenReused,
    TooManyAttempts,
    UsernameTaken,
)
from chalicelib.tokens.compact import MAX_TOKEN_LENGTH
from chalicelib.tokens.gateway_context import principal_from_context, to_context
from chalicelib.tokens.kinds import ACCESS_TOKEN, REFRESH_TOKEN, RESERVED_CLAIMS
from chalicelib.tokens.own_claims import MAX_CLAIMS_LENGTH, IssuerWithClaims, UnusableClaims, checked
from chalicelib.use_cases.hooked import Hooked
from chalicelib.use_cases.hooks import HookFailed, Hooks, MigratedUser, RegistrationRefused
from tests.support.factor_flows import Holder
from tests.support.fake_mails import deliver
from tests.support.fakes import fake_stores
from tests.support.samples import ALICE, SESSION

PASSWORD = "correct horse battery staple"
NEW_PASSWORD = "another horse in the same stable"
ADDRESS = "alice@example.org"
CALLER = Caller(ip="203.0.113.7", user_agent="test")
ELSEWHERE = Caller(ip="198.51.100.9", user_agent="other")
HOUR = 3600


def let_in(attempt):
    """A hook that asks nothing."""


async def refuse_all(attempt):
    raise RegistrationRefused("username", "No.")


async def refuse_each(attempt):
    yield refuse_all(attempt)


def refuse_late(attempt):
    yield refuse_all(attempt)


class RefusesAll:
    async def __call__(self, attempt):
        await refuse_all(attempt)


class Recorder:
    """A hook that notes what it is called with, and then does what it is told."""

    def __init__(self, answer=None):
        self.answer = answer
        self.calls = []

    def __call__(self, *arguments):
        self.calls.append(arguments)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def log(caplog):
    """The lines about hooks, by name and reason."""
    caplog.set_level(logging.INFO, "lychgate")

    def lines():
        return [
            (record.levelname, record.members["hook"], record.members["reason"])
            for record in caplog.records
            if "hook" in getattr(record, "members", {})
        ]

    return lines


def registrations(memory):
    """How many registrations are counted."""
    return sum(counts["all"] for key, counts in memory.windows.items() if key.startswith("registrations"))


def text_of(facts):
    return repr(facts)


class TestWhatAHookIs:
    @pytest.mark.parametrize(
        "hook",
        [refuse_all, refuse_each, refuse_late, functools.partial(refuse_all), RefusesAll(), RefusesAll().__call__],
        ids=["async", "async generator", "generator", "partial", "object", "method"],
    )
    @pytest.mark.parametrize("name", ["before_registration", "claims", "after_log_in", "after_event", "migrate"])
    def test_one_that_nothing_would_run_to_its_end_is_refused_by_name_and_file(self, name, hook):
        with pytest.raises(TypeError, match=rf"the hook {name} \(.*test_hooks\.py:\d+\) is .* plain functions"):
            Hooks(**{name: hook})

    @pytest.mark.parametrize("hook", [{"plan": "gold"}, "plan", True])
    def test_what_cannot_be_called_is_refused(self, hook):
        with pytest.raises(TypeError, match=rf"the hook claims is a {type(hook).__name__}, and hooks are functions"):
            Hooks(claims=hook)

    @pytest.mark.parametrize(
        ("name", "meant"),
        [("after_login", "after_log_in"), ("before_register", "before_registration"), ("migrates", "migrate")],
    )
    def test_an_unknown_one_is_answered_with_those_that_there_are_the_one_that_is_meant_first(self, name, meant):
        with pytest.raises(TypeError, match=rf"there is no hook {name}\. There are: {meant}, ") as refusal:
            Hooks(**{name: let_in})
        assert all(hook in str(refusal.value) for hook in vars(Hooks()))

    def test_the_end_of_a_migration_is_a_day(self):
        with pytest.raises(TypeError, match="migrate_until is a day"):
            Hooks(migrate=let_in, migrate_until="2027-06-30")

    def test_functions_methods_and_objects_that_can_be_called_are_taken(self):
        for hook in (let_in, functools.partial(let_in), Recorder(), Recorder().__call__, lambda _: None):
            assert Hooks(before_registration=hook)


class TestBeforeRegistration:
    def test_a_refusal_names_the_field_and_leaves_nothing_behind_but_the_count(self, make_use_cases, memory):
        hook = Recorder(RegistrationRefused("email", "Use your address at work."))
        registration = make_use_cases(hooks=Hooks(before_registration=hook)).registration
        with pytest.raises(RegistrationRefused) as refusal:
            registration.register("alice", PASSWORD, CALLER, email=ADDRESS, language="de")
        assert [(error.field, error.message) for error in refusal.value.errors] == [
            ("email", "Use your address at work.")
        ]
        assert (memory.users, memory.sessions, memory.events, deliver(memory)) == ({}, {}, [], [])
        assert registrations(memory) == 1, "whoever tries what is let in is limited too"

    def test_it_is_told_who_asks_and_no_secret(self, make_use_cases, memory):
        hook = Recorder()
        use_cases = make_use_cases(hooks=Hooks(before_registration=hook))
        use_cases.registration.register("Alice", PASSWORD, CALLER, email=ADDRESS, language="de")
        [[attempt]] = hook.calls
        assert (attempt.username, attempt.email, attempt.has_password) == ("Alice", ADDRESS, True)
        assert (attempt.ip, attempt.user_agent, attempt.language) == ("203.0.113.7", "test", "de")
        assert PASSWORD not in text_of(attempt)
        assert memory.users["alice"].password_hash not in text_of(attempt)

    def test_it_is_not_asked_about_what_our_rules_refuse(self, make_use_cases):
        hook = Recorder()
        use_cases = make_use_cases(hooks=Hooks(before_registration=hook), REGISTRATION="closed")
        with pytest.raises(Exception, match="closed"):
            use_cases.registration.register("alice", PASSWORD, CALLER)
        assert hook.calls == []

    @pytest.mark.parametrize("password", [PASSWORD, None])
    def test_an_address_is_refused_before_anything_is_mailed(self, make_use_cases, memory, password):
        hook = Recorder(RegistrationRefused("username", "Members only."))
        registration = make_use_cases(hooks=Hooks(before_registration=hook), IDENTIFIER="email").address_registration
        with pytest.raises(RegistrationRefused) as refusal:
            registration.ask(ADDRESS, password, CALLER, language="")
        # The request has no username: its only name is the address.
        assert [error.field for error in refusal.value.errors] == ["email"]
        assert deliver(memory) == []
        assert memory.mails.registrations == {}
        [[attempt]] = hook.calls
        assert (attempt.username, attempt.email, attempt.has_password) == (ADDRESS, ADDRESS, password is not None)

    def test_an_address_that_has_an_account_is_asked_about_as_any_other(self, make_use_cases, memory, clock):
        hook = Recorder()
        registration = make_use_cases(hooks=Hooks(before_registration=hook), IDENTIFIER="email").address_registration
        registration.ask(ADDRESS, None, CALLER, language="")
        (mail,) = deliver(memory)
        registration.confirm(mail.secret, CALLER)
        clock.advance(HOUR)
        registration.ask(ADDRESS, None, CALLER, language="")
        # The first time there was no account, the second there is one. The confirmation asks nobody again.
        assert hook.calls == [hook.calls[0]] * 2

    @pytest.mark.parametrize("password", [PASSWORD, None])
    def test_what_the_claims_are_told_of_is_the_password_that_was_chosen_at_the_confirmation(
        self, make_use_cases, memory, password
    ):
        hook = Recorder({})
        registration = make_use_cases(hooks=Hooks(claims=hook), IDENTIFIER="email").address_registration
        registration.ask(ADDRESS, None if password else PASSWORD, CALLER, language="")
        (mail,) = deliver(memory)
        registration.confirm_with(mail.secret, password, CALLER)
        assert {user.has_password for [user] in hook.calls} == {password is not None}

    @pytest.mark.parametrize("failure", [KeyError("a secret of the site"), RuntimeError()])
    def test_a_failure_creates_nothing_and_counts_nothing(self, make_use_cases, memory, log, failure):
        hooks = Hooks(before_registration=Recorder(failure))
        with pytest.raises(HookFailed) as refusal:
            make_use_cases(hooks=hooks).registration.register("alice", PASSWORD, CALLER, email=ADDRESS)
        by_address = make_use_cases(hooks=hooks, IDENTIFIER="email").address_registration
        with pytest.raises(HookFailed):
            by_address.ask(ADDRESS, None, CALLER, language="")
        assert "secret" not in refusal.value.message + refusal.value.reason
        assert (memory.users, deliver(memory), registrations(memory)) == ({}, [], 0)
        assert log() == [("ERROR", "before_registration", type(failure).__name__)] * 2

    @pytest.mark.parametrize(
        "answer",
        [False, True, "No.", RegistrationRefused, refuse_all],
        ids=["false", "true", "a text", "a class", "a coroutine"],
    )
    def test_what_it_returns_lets_nobody_in_and_the_log_says_how_to_refuse(self, make_use_cases, memory, log, answer):
        def hook(attempt):
            return answer(attempt) if answer is refuse_all else answer

        hooks = Hooks(before_registration=hook)
        with pytest.raises(HookFailed):
            make_use_cases(hooks=hooks).registration.register("alice", PASSWORD, CALLER, email=ADDRESS)
        with pytest.raises(HookFailed):
            make_use_cases(hooks=hooks, IDENTIFIER="email").address_registration.ask(ADDRESS, None, CALLER, language="")
        assert (memory.users, deliver(memory), registrations(memory)) == ({}, [], 0)
        kind = "a coroutine, which nothing awaits" if answer is refuse_all else type(answer).__name__
        for level, name, reason in log():
            assert (level, name) == ("ERROR", "before_registration")
            assert reason.startswith(f"it returned {kind}")
            assert "No." not in reason
        assert len(log()) == 2
        assert answer is refuse_all or all("only `raise RegistrationRefused" in reason for _, _, reason in log())

    def test_a_refusal_for_what_no_request_has_is_a_failure(self, make_use_cases, memory):
        def hook(attempt):
            raise RegistrationRefused("e-mail", "No.")

        with pytest.raises(HookFailed):
            make_use_cases(hooks=Hooks(before_registration=hook)).registration.register("alice", PASSWORD, CALLER)
        assert memory.users == {}


CLAIMS = {"plan": "gold", "https://example.org/seats": [1, {"a": None}], "rate": 0.5, "trial": False}


class Site:
    """Use cases whose site adds claims, and a switch that makes it fail."""

    def __init__(self, make_use_cases, verifier):
        self.hook = Recorder(CLAIMS)
        self.use_cases = make_use_cases(hooks=Hooks(claims=self.hook))
        self._verifier = verifier

    def fails(self):
        self.hook.answer = LookupError()

    def works(self):
        self.hook.answer = CLAIMS

    def principal(self, answered):
        tokens = getattr(answered, "tokens", answered)
        return self._verifier.verify(ACCESS_TOKEN, tokens.access_token)

    def refresh(self, logged_in):
        return self.use_cases.refresh_tokens.exchange(logged_in.tokens.refresh_token, CALLER)


@pytest.fixture
def site(make_use_cases, verifier):
    return Site(make_use_cases, verifier)


@pytest.fixture
def alice(site):
    return site.use_cases.registration.register("Alice", PASSWORD, CALLER)


class TestClaims:
    def test_every_access_token_has_them(self, site, alice, clock):
        use_cases = site.use_cases
        logged_in = use_cases.log_in.with_password("alice", PASSWORD, CALLER)
        refreshed = site.refresh(logged_in)
        principal = site.principal(refreshed)
        again = use_cases.reauthentication.with_password(principal, PASSWORD, CALLER)
        changed = use_cases.account.change_password(principal, PASSWORD, NEW_PASSWORD, CALLER)
        holder = Holder(use_cases, site._verifier, changed, CALLER, clock, origin="https://site.example")
        holder.add_totp()
        second = use_cases.second_factor.log_in(holder_first_step(use_cases, NEW_PASSWORD), CALLER, code=holder.code())
        for answered in (alice, logged_in, refreshed, again, changed, second):
            principal = site.principal(answered)
            assert principal.claims == CLAIMS
            assert (principal.user_id, principal.username, principal.roles) == (alice.user.id, "Alice", ("user",))

    def test_they_reach_the_views_through_the_context_of_strings(self, site, alice):
        principal = replace(site.principal(alice), claims={"names": ["Ålice", '"\\'], "n": {"deep": [1.5, None]}})
        context = to_context(principal)
        assert all(isinstance(value, str) and value.isascii() for value in context.values())
        assert principal_from_context(context) == principal

    def test_a_context_without_them_is_as_it_was(self, make_use_cases, verifier):
        plain = make_use_cases().registration.register("bob", PASSWORD, CALLER)
        principal = verifier.verify(ACCESS_TOKEN, plain.tokens.access_token)
        assert set(to_context(principal)) == {"sub", "preferred_username", "sid", "jti", "roles", "exp", "iat"}
        assert principal_from_context(to_context(principal)).claims == {}

    def test_the_hook_sees_no_hash(self, site, alice, memory):
        [[facts]] = site.hook.calls
        assert (facts.id, facts.username, facts.roles, facts.email) == (alice.user.id, "Alice", ("user",), None)
        assert (facts.has_password, facts.has_second_factor) == (True, False)
        assert memory.users["alice"].password_hash not in text_of(facts)

    def test_refresh_tokens_and_device_tokens_do_not_have_them(self, site, alice):
        assert b"gold" not in payload(alice.tokens.refresh_token)
        assert b"gold" not in payload(site.use_cases.devices.remember(alice.user, None))
        assert b"gold" in payload(alice.tokens.access_token)

    @pytest.mark.parametrize("hours", [0, 1, 24])
    def test_a_refresh_that_cannot_tell_them_uses_nothing_up_however_long_it_lasts(
        self, site, alice, memory, clock, hours
    ):
        before = dict(memory.sessions)
        site.fails()
        for _ in range(5):
            with pytest.raises(HookFailed):
                site.refresh(alice)
        assert memory.sessions == before
        clock.advance(hours * HOUR)
        site.works()
        refreshed = site.refresh(alice)
        assert site._verifier.verify(REFRESH_TOKEN, refreshed.tokens.refresh_token).counter == 1
        assert EventType.REFRESH_TOKEN_REUSED not in [event.type for event in memory.events]

    def test_a_refresh_asks_once_and_says_what_was_said(self, site, alice):
        site.hook.calls.clear()
        site.refresh(alice)
        assert len(site.hook.calls) == 1

    def test_a_second_tab_gets_the_same_successor(self, site, alice, clock):
        first = site.refresh(alice)
        clock.advance(5)
        assert site.refresh(alice).tokens.refresh_token == first.tokens.refresh_token

    def test_a_retry_that_cannot_tell_them_does_not_count_as_one(self, site, alice, memory):
        site.refresh(alice)
        before = dict(memory.sessions)
        site.fails()
        with pytest.raises(HookFailed):
            site.refresh(alice)
        assert memory.sessions == before

    def test_reuse_ends_the_session_also_while_the_hook_fails(self, site, alice, memory, clock):
        site.refresh(alice)
        clock.advance(21)
        site.fails()
        with pytest.raises(RefreshTokenReused):
            site.refresh(alice)
        assert memory.sessions == {}

    def test_a_session_that_has_ended_is_refused_without_asking(self, site, alice, memory):
        site.use_cases.refresh_tokens.revoke([alice.tokens.refresh_token], CALLER)
        site.hook.calls.clear()
        with pytest.raises(InvalidGrant):
            site.refresh(alice)
        memory.users["alice"] = replace(memory.users["alice"], disabled=True)
        assert site.hook.calls == []

    def test_a_disabled_user_is_refused_without_asking(self, site, alice, memory):
        memory.users["alice"] = replace(memory.users["alice"], disabled=True)
        site.hook.calls.clear()
        with pytest.raises(InvalidGrant):
            site.refresh(alice)
        assert site.hook.calls == []

    def test_a_refresh_without_the_sessions_key_is_refused_without_asking_and_one_with_it_asks(self, site, clock):
        def proving(key, number):
            return replace(CALLER, key_proof=KeyProof(key, f"id {number}", clock()))

        refresh_tokens = site.use_cases.refresh_tokens
        bound = site.use_cases.registration.register("bob", PASSWORD, proving("bob's key", 0))
        site.hook.calls.clear()
        site.fails()
        for caller in (CALLER, proving("another key", 1), proving("bob's key", 0)):
            with pytest.raises(InvalidDPoPProof):
                refresh_tokens.exchange(bound.tokens.refresh_token, caller)
        assert site.hook.calls == []
        with pytest.raises(HookFailed):
            refresh_tokens.exchange(bound.tokens.refresh_token, proving("bob's key", 2))
        site.works()
        # What has failed has used nothing up, the proof neither.
        refreshed = refresh_tokens.exchange(bound.tokens.refresh_token, proving("bob's key", 2))
        assert site.principal(refreshed).claims == CLAIMS

    def test_roles_that_change_while_the_hook_thinks_are_in_the_token(self, site, alice, memory):
        def changes(facts):
            memory.users["alice"] = replace(memory.users["alice"], roles=("editor", "user"))
            return {"roles then": list(facts.roles)}

        site.use_cases.refresh_tokens._hooked.hooks.claims = changes
        principal = site.principal(site.refresh(alice))
        assert principal.roles == ("editor", "user")

    def test_a_log_in_that_cannot_tell_them_is_none_and_no_failure(self, site, alice, memory, announced):
        before = dict(memory.sessions)
        site.fails()
        announced.clear()
        for _ in range(10):  # more than the failures that an account may have
            with pytest.raises(HookFailed):
                site.use_cases.log_in.with_password("alice", PASSWORD, CALLER)
        assert (memory.sessions, announced) == (before, [])
        site.works()
        assert site.use_cases.log_in.with_password("alice", PASSWORD, CALLER).user.id == alice.user.id

    def test_a_wrong_password_is_wrong_before_anybody_is_asked(self, site, alice):
        site.fails()
        with pytest.raises(InvalidCredentials):
            site.use_cases.log_in.with_password("alice", NEW_PASSWORD, CALLER)

    def test_a_registration_that_cannot_tell_them_creates_nothing(self, site, memory):
        site.fails()
        with pytest.raises(HookFailed):
            site.use_cases.registration.register("alice", PASSWORD, CALLER)
        assert (memory.users, memory.sessions, registrations(memory)) == ({}, {}, 0)

    def test_a_password_is_not_changed_where_the_new_session_could_not_begin(self, site, alice, memory):
        principal = site.principal(alice)
        users, sessions = dict(memory.users), dict(memory.sessions)
        site.fails()
        for _ in range(12):
            with pytest.raises(HookFailed):
                site.use_cases.account.change_password(principal, PASSWORD, NEW_PASSWORD, CALLER)
        assert (memory.users, memory.sessions) == (users, sessions)
        site.works()
        site.use_cases.account.change_password(principal, PASSWORD, NEW_PASSWORD, CALLER)

    def test_a_session_is_not_made_fresh_where_its_token_could_not_say_so(self, site, alice, memory, clock):
        principal, sessions = site.principal(alice), dict(memory.sessions)
        clock.advance(60)
        site.fails()
        for _ in range(12):  # more than the failures that a session may have
            with pytest.raises(HookFailed):
                site.use_cases.reauthentication.with_password(principal, PASSWORD, CALLER)
        assert memory.sessions == sessions
        site.works()
        site.use_cases.reauthentication.with_password(principal, PASSWORD, CALLER)
        assert memory.sessions != sessions

    def test_a_code_is_not_used_up_where_they_cannot_be_told(self, site, alice, clock):
        holder = Holder(site.use_cases, site._verifier, alice, CALLER, clock, origin="https://site.example")
        holder.add_totp()
        challenge, code = holder_first_step(site.use_cases, PASSWORD), holder.code()
        site.fails()
        with pytest.raises(HookFailed):
            site.use_cases.second_factor.log_in(challenge, CALLER, code=code)
        site.works()
        assert site.use_cases.second_factor.log_in(challenge, CALLER, code=code).user.id == alice.user.id

    def test_nor_is_a_mailed_code(self, site, memory):
        site.use_cases.registration.register("alice", PASSWORD, CALLER, email=ADDRESS)
        (mail,) = deliver(memory)
        site.use_cases.addresses.confirm(mail.secret, CALLER)
        challenge = site.use_cases.code_log_in.ask(ADDRESS, CALLER, device=None, language="")
        (sent,) = [sent for sent in deliver(memory) if sent.mail.kind is MailKind.LOGIN_CODE]
        site.fails()
        with pytest.raises(HookFailed):
            site.use_cases.code_log_in.verify(challenge, sent.secret, CALLER)
        site.works()
        assert site.use_cases.code_log_in.verify(challenge, sent.secret, CALLER).user.username == "alice"
        with pytest.raises(InvalidChallenge):
            site.use_cases.code_log_in.verify(challenge, sent.secret, CALLER)

    @pytest.mark.parametrize("name", sorted(RESERVED_CLAIMS))
    def test_a_name_that_means_something_is_refused(self, name):
        with pytest.raises(UnusableClaims, match=name):
            checked({name: "x"})

    @pytest.mark.parametrize(
        "claims",
        [
            None,
            [("plan", "gold")],
            {"": 1},
            {"a\n": 1},
            {"x" * 129: 1},
            {1: "a"},
            {"a": float("nan")},
            {"a": b"octets"},
            {"a": {1, 2}},
            {"a": "\ud800"},
            {"a": "x" * MAX_CLAIMS_LENGTH},
            {"a": "ü" * (MAX_CLAIMS_LENGTH // 6)},
        ],
    )
    def test_what_no_token_can_have_is_refused_before_anything_is_stored(self, site, memory, log, claims):
        site.hook.answer = claims
        with pytest.raises(HookFailed):
            site.use_cases.registration.register("alice", PASSWORD, CALLER)
        assert memory.users == {}
        ((level, hook, reason),) = log()
        assert (level, hook) == ("ERROR", "claims")
        assert "claim" in reason

    def test_keys_that_are_the_same_in_json_are_one(self, site, alice):
        site.hook.answer = {"a": {1: "x", "1": "y"}, "b": (1, 2)}
        assert site.principal(site.refresh(alice)).claims == {"a": {"1": "y"}, "b": [1, 2]}

    @pytest.mark.parametrize("username", ["alice", "\N{CJK UNIFIED IDEOGRAPH-674E}" * 170, "\U00020000" * 128])
    def test_the_longest_token_is_one_that_verifiers_take(self, issuer, username):
        user = replace(ALICE, username=username, roles=tuple(f"{'x' * 30}{n:02}" for n in range(16)))
        said = []

        def most(_, room):
            said.append(room)
            claims = {"a": "x" * (room - len('{"a":""}'))} if room > 10 else {}
            return checked(claims, room)

        token = IssuerWithClaims(issuer, most).access_token(user, SESSION, SESSION.created_at)
        rsa, ours = 683, 86  # signatures in base64url, with 4,096 bits and with ES256
        assert len(token) + rsa - ours <= MAX_TOKEN_LENGTH
        assert said[0] <= MAX_CLAIMS_LENGTH
        assert said[0] == MAX_CLAIMS_LENGTH or len(token) + rsa - ours > MAX_TOKEN_LENGTH - 400
        with pytest.raises(UnusableClaims, match="room"):
            checked({"a": "x" * max(said[0], 1)}, said[0])


class TestAfterwards:
    def test_a_site_is_told_of_every_session_that_begins(self, make_use_cases, memory):
        hook = Recorder()
        use_cases = make_use_cases(hooks=Hooks(after_log_in=hook))
        first = use_cases.registration.register("alice", PASSWORD, CALLER)
        second = use_cases.log_in.with_password("alice", PASSWORD, ELSEWHERE)
        use_cases.refresh_tokens.exchange(second.tokens.refresh_token, CALLER)
        assert [(user.id, log_in.session_id, log_in.ip, log_in.is_first) for user, log_in in hook.calls] == [
            (first.user.id, first.session_id, CALLER.ip, True),
            (first.user.id, second.session_id, ELSEWHERE.ip, False),
        ]
        assert hook.calls[0][1].amr == ("pwd",)
        assert memory.users["alice"].password_hash not in text_of(hook.calls)
        assert first.tokens.refresh_token not in text_of(hook.calls)

    def test_a_site_is_told_of_what_a_history_has_and_not_of_refreshes(self, make_use_cases, announced):
        hook = Recorder()
        use_cases = make_use_cases(hooks=Hooks(after_event=hook))
        alice = use_cases.registration.register("alice", PASSWORD, CALLER)
        use_cases.refresh_tokens.exchange(alice.tokens.refresh_token, CALLER)
        for name in ("alice", "nobody"):
            with pytest.raises(InvalidCredentials):
                use_cases.log_in.with_password(name, NEW_PASSWORD, CALLER)
        assert [(event.type, event.user_id) for (event,) in hook.calls] == [
            (EventType.REGISTERED, alice.user.id),
            (EventType.LOGIN_FAILED, alice.user.id),
            (EventType.LOGIN_FAILED, None),
        ]
        assert announced.count(EventType.REFRESHED) == 1

    def test_a_site_is_told_each_time_that_the_key_of_a_session_was_missing(self, make_use_cases, memory, clock):
        hook = Recorder()
        use_cases = make_use_cases(hooks=Hooks(after_event=hook))
        hers = replace(CALLER, key_proof=KeyProof("her key", "id", clock()))
        alice = use_cases.registration.register("alice", PASSWORD, hers)
        for _ in range(2):
            with pytest.raises(InvalidDPoPProof):
                use_cases.refresh_tokens.exchange(alice.tokens.refresh_token, ELSEWHERE)
        told = [(event.type, event.caller) for (event,) in hook.calls]
        assert told[1:] == [(EventType.REFRESH_WITHOUT_KEY, ELSEWHERE)] * 2
        kept = [event.type for event in memory.events]
        assert kept == [EventType.REGISTERED, EventType.REFRESH_WITHOUT_KEY]

    def test_a_site_is_told_of_what_an_administrator_does_once(self, make_use_cases):
        hook = Recorder()
        use_cases = make_use_cases(hooks=Hooks(after_event=hook))
        kim = use_cases.registration.register("kim", PASSWORD, CALLER).user
        alice = use_cases.registration.register("alice", PASSWORD, CALLER).user
        hook.calls.clear()
        use_cases.administration.change(alice.id, kim, CALLER, disabled=True)
        [[event]] = hook.calls
        assert (event.type, event.user_id, event.actor_id) == (EventType.ACCOUNT_DISABLED, alice.id, kim.id)

    def test_their_failures_change_nothing_and_are_logged(self, make_use_cases, log):
        hooks = Hooks(after_log_in=Recorder(OSError()), after_event=Recorder(RegistrationRefused("email", "No.")))
        use_cases = make_use_cases(hooks=hooks)
        alice = use_cases.registration.register("alice", PASSWORD, CALLER)
        assert use_cases.refresh_tokens.exchange(alice.tokens.refresh_token, CALLER).user.id == alice.user.id
        assert ("ERROR", "after_log_in", "OSError") in log()

    @pytest.mark.parametrize("answer", [False, refuse_all], ids=["false", "a coroutine"])
    def test_what_they_return_changes_nothing_and_is_logged(self, make_use_cases, log, answer):
        def hook(*facts):
            return answer(facts) if answer is refuse_all else answer

        use_cases = make_use_cases(hooks=Hooks(after_log_in=hook, after_event=hook))
        assert use_cases.registration.register("alice", PASSWORD, CALLER).user.username == "alice"
        assert {(level, name) for level, name, _ in log()} == {("ERROR", "after_log_in"), ("ERROR", "after_event")}
        said = "a coroutine, which nothing awaits" if answer is refuse_all else "bool: it is told what has happened"
        assert all(said in reason for _, _, reason in log())


class TestMigration:
    @pytest.fixture
    def old(self):
        """The other system: it has one user."""

        class Old(Recorder):
            def __call__(self, username, password):
                super().__call__(username, password)
                known = (username.casefold(), password) == ("carol", "old")
                return (
                    MigratedUser(email="carol@example.org", email_verified=True, roles=("editor", "user"))
                    if known
                    else None
                )

        return Old()

    @pytest.fixture
    def migrating(self, make_use_cases, old):
        return make_use_cases(hooks=Hooks(migrate=old))

    def test_the_first_log_in_creates_the_account_and_goes_on(self, migrating, memory, old, verifier, hasher):
        logged_in = migrating.log_in.with_password("Carol", "old", CALLER)
        principal = verifier.verify(ACCESS_TOKEN, logged_in.tokens.access_token)
        assert (principal.username, principal.roles) == ("Carol", ("editor", "user"))
        assert logged_in.user.verified_email == "carol@example.org"
        stored = memory.users["carol"]
        assert hasher.verify("old", stored.password_hash)
        assert [event.type for event in memory.events] == [EventType.REGISTERED]
        assert migrating.refresh_tokens.exchange(logged_in.tokens.refresh_token, CALLER).user.id == stored.id

    def test_it_is_asked_once(self, migrating, old):
        first = migrating.log_in.with_password("carol", "old", CALLER)
        assert migrating.log_in.with_password("carol", "old", CALLER).user.id == first.user.id
        with pytest.raises(InvalidCredentials):
            migrating.log_in.with_password("carol", "new", CALLER)
        assert old.calls == [("carol", "old")]

    def test_it_is_not_asked_about_a_name_that_somebody_has(self, migrating, old):
        migrating.registration.register("carol", PASSWORD, CALLER)
        with pytest.raises(InvalidCredentials):
            migrating.log_in.with_password("carol", "old", CALLER)
        assert old.calls == []

    @pytest.mark.parametrize("name", ["no such name!", "x" * 5000, "ab", "\u0430lice"])
    def test_it_is_not_asked_about_a_name_that_nobody_can_have(self, migrating, old, name):
        with pytest.raises(InvalidCredentials):
            migrating.log_in.with_password(name, "old", CALLER)
        assert old.calls == []

    def test_a_migration_is_no_failed_attempt_and_a_refusal_is_one(self, migrating, memory, old, announced):
        migrating.log_in.with_password("carol", "old", CALLER)
        assert announced == [EventType.REGISTERED]
        assert all(count == 0 for counts in memory.windows.values() for count in counts.values())
        assert memory.user("carol").failures is None
        for refusal in [InvalidCredentials] * 5 + [TooManyAttempts]:
            with pytest.raises(refusal):
                migrating.log_in.with_password("dave", "guess", CALLER)
        # The sixth was refused before the other system was asked.
        assert len(old.calls) == 1 + 5

    @pytest.mark.parametrize(
        "answer",
        [
            TimeoutError("the other system"),
            RegistrationRefused("username", "No."),
            "yes",
            True,
            MigratedUser(roles=("admin", "user")),
            MigratedUser(roles=()),
            MigratedUser(email="no address"),
        ],
        ids=["a failure", "a refusal", "a text", "true", "a role nobody may give", "no role", "no address"],
    )
    def test_a_failure_is_a_wrong_password(self, make_use_cases, memory, log, announced, answer):
        use_cases = make_use_cases(hooks=Hooks(migrate=Recorder(answer)))
        with pytest.raises(InvalidCredentials) as refusal:
            use_cases.log_in.with_password("carol", "old", CALLER)
        assert refusal.value.message == InvalidCredentials.detail
        assert memory.users == {}
        assert announced == [EventType.LOGIN_FAILED]
        if not isinstance(answer, RegistrationRefused):
            ((level, hook, _),) = log()
            assert (level, hook) == ("ERROR", "migrate")

    def test_it_ends_on_its_day(self, make_use_cases, old, clock):
        # The clock stands in January 2027.
        for until, asked in ((date(2027, 1, 15), 0), (date(2027, 1, 16), 1)):
            use_cases = make_use_cases(hooks=Hooks(migrate=old, migrate_until=until))
            with pytest.raises(InvalidCredentials):
                use_cases.log_in.with_password("dave", "guess", CALLER)
            assert len(old.calls) == asked

    def test_an_address_that_another_account_has_stays_with_that(self, make_use_cases, migrating, memory):
        other = migrating.registration.register("bob", PASSWORD, CALLER, email="carol@example.org")
        (mail,) = deliver(memory)
        migrating.addresses.confirm(mail.secret, CALLER)
        carol = migrating.log_in.with_password("carol", "old", CALLER)
        assert (carol.user.username, carol.user.verified_email) == ("carol", None)
        assert memory.user("bob").id == other.user.id
        assert memory.user("bob").verified_email == "carol@example.org"

    def test_two_first_log_ins_at_once_make_one_account(self, make_use_cases, memory, old):
        within = []

        def migrate(username, password):
            if not within:
                within.append(1)
                within.append(use_cases.log_in.with_password(username, password, ELSEWHERE))
            return old(username, password)

        use_cases = make_use_cases(hooks=Hooks(migrate=migrate))
        logged_in = use_cases.log_in.with_password("carol", "old", CALLER)
        assert logged_in.user.id == within[1].user.id
        assert list(memory.users) == ["carol"]
        assert len(memory.sessions) == 2

    def test_where_the_name_is_the_address_it_has_to_be_verified_there(self, make_use_cases, memory):
        for verified in (False, True):
            hooks = Hooks(migrate=lambda *_: MigratedUser(email_verified=verified))  # noqa: B023 - used in this round only
            use_cases = make_use_cases(hooks=hooks, IDENTIFIER="email")
            if not verified:
                with pytest.raises(InvalidCredentials):
                    use_cases.log_in.with_password(ADDRESS, "old", CALLER)
                assert memory.users == {}
                continue
            user = use_cases.log_in.with_password(ADDRESS, "old", CALLER).user
            assert (user.username, user.verified_email) == (ADDRESS, ADDRESS)

    def test_an_address_of_another_account_is_nobodys_name(self, make_use_cases, memory):
        plain = make_use_cases()
        plain.registration.register("bob", PASSWORD, CALLER, email=ADDRESS)
        (mail,) = deliver(memory)
        plain.addresses.confirm(mail.secret, CALLER)
        hooks = Hooks(migrate=lambda *_: MigratedUser(email_verified=True))
        with pytest.raises(InvalidCredentials):
            make_use_cases(hooks=hooks, IDENTIFIER="email").log_in.with_password(ADDRESS, "old", CALLER)
        assert list(memory.users) == ["bob"]

    def test_claims_that_cannot_be_told_leave_the_migration_to_the_next_log_in(self, make_use_cases, memory, old):
        claims = Recorder(ValueError())
        use_cases = make_use_cases(hooks=Hooks(migrate=old, claims=claims))
        with pytest.raises(HookFailed):
            use_cases.log_in.with_password("carol", "old", CALLER)
        assert memory.users == {}
        claims.answer = {}
        assert use_cases.log_in.with_password("carol", "old", CALLER).user.username == "carol"

    def test_a_registration_is_not_asked_for_again(self, make_use_cases, old):
        hook = Recorder(RegistrationRefused("username", "No."))
        use_cases = make_use_cases(hooks=Hooks(migrate=old, before_registration=hook))
        use_cases.log_in.with_password("carol", "old", CALLER)
        assert hook.calls == []
        with pytest.raises(RegistrationRefused):
            use_cases.registration.register("carol", PASSWORD, CALLER)

    def test_a_coroutine_that_one_returns_is_closed_and_named_in_the_log(self, make_use_cases, memory, log):
        claiming = make_use_cases(hooks=Hooks(claims=Recorder(refuse_all(None))))
        with pytest.raises(HookFailed):
            claiming.registration.register("alice", PASSWORD, CALLER)
        migrating = make_use_cases(hooks=Hooks(migrate=Recorder(refuse_all(None))))
        with pytest.raises(InvalidCredentials):
            migrating.log_in.with_password("carol", "old", CALLER)
        assert memory.users == {}
        assert [(name, reason[:23]) for _, name, reason in log()] == [
            ("claims", "it returned a coroutine"),
            ("migrate", "it returned a coroutine"),
        ]


class TestCalls:
    @pytest.mark.parametrize(("seconds", "lines"), [(0.9, []), (1.1, [("WARNING", "claims", None)])])
    def test_a_hook_of_more_than_a_second_leaves_a_line(self, memory, clock, log, seconds, lines):
        now = iter([0.0, seconds])
        hooked = Hooked(
            Hooks(claims=lambda _: {}),
            stores=fake_stores(memory),
            hasher=None,
            settings=None,
            clock=clock,
            timer=lambda: next(now),
        )
        assert hooked.claims_of(ALICE, MAX_CLAIMS_LENGTH) == {}
        assert log() == lines

    def test_what_a_hook_has_raised_is_in_no_line_and_no_answer(self, make_use_cases, caplog):
        caplog.set_level(logging.INFO, "lychgate")
        with pytest.raises(HookFailed) as refusal:
            make_use_cases(hooks=Hooks(claims=Recorder(ValueError("marked")))).registration.register(
                "alice", PASSWORD, CALLER
            )
        members = [json.dumps(record.members) + record.getMessage() for record in caplog.records]
        assert "marked" not in refusal.value.message + refusal.value.reason + "".join(members)

    def test_without_hooks_every_part_is_the_plain_one(self, make_use_cases):
        for hooks in (None, Hooks()):
            use_cases = make_use_cases(hooks=hooks)
            assert isinstance(use_cases._parts.hooked, Unhooked)
            assert type(use_cases.refresh_tokens).__module__ == "chalicelib.use_cases.refresh"
            assert type(use_cases.refresh_tokens._issuer).__module__ == "chalicelib.tokens.issuer"

    def test_a_hook_changes_the_parts_that_it_concerns_and_no_other(self, make_use_cases):
        use_cases = make_use_cases(hooks=Hooks(after_event=Recorder()))
        assert type(use_cases.refresh_tokens).__module__ == "chalicelib.use_cases.refresh"
        assert type(use_cases.log_in).__module__ == "chalicelib.use_cases.log_in"
        assert type(use_cases.registration).__module__ == "chalicelib.use_cases.registration"

    def test_a_name_that_is_taken_is_taken_with_hooks_too(self, make_use_cases, memory):
        use_cases = make_use_cases(hooks=Hooks(before_registration=Recorder()))
        use_cases.registration.register("alice", PASSWORD, CALLER)
        with pytest.raises(UsernameTaken):
            use_cases.registration.register("alice", PASSWORD, CALLER)
        assert registrations(memory) == 1


def payload(token):
    from chalicelib.tokens.compact import decode_octets

    return decode_octets(token.split(".")[1])


def holder_first_step(use_cases, password):
    """The challenge that a right password is answered with."""
    from chalicelib.errors import SecondFactorRequired

    with pytest.raises(SecondFactorRequired) as required:
        use_cases.log_in.with_password("alice", password, CALLER)
    return required.value.challenge
