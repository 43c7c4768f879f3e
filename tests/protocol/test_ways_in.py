"""Every way into an account against a model: what the owner and a thief hold decides who gets in, and nothing else.

The owner and the thief log in by password, by mailed code or by passkey, answer challenges with whatever they hold,
reset the password, and change what the account asks for, in any order and at any time. The model says beforehand what
must come of it. ``HYPOTHESIS_PROFILE=nightly`` runs it at length.
"""

import base64
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from chalicelib.accounts.caller import Caller
from chalicelib.credentials.totp import STEP, hotp, step_at
from chalicelib.errors import (
    InsufficientAuthentication,
    InvalidChallenge,
    InvalidCode,
    InvalidCredentials,
    InvalidToken,
    LychgateError,
    SecondFactorRequired,
    TooManyAttempts,
)
from chalicelib.tokens.keys import generate_signing_jwk, parse_verification_keys, public_jwks
from chalicelib.tokens.kinds import ACCESS_TOKEN
from chalicelib.tokens.verifier import TokenVerifier
from tests.support.authenticator import Authenticator
from tests.support.fake_mails import deliver
from tests.support.fakes import Memory, fake_use_cases
from tests.support.plain_hasher import PlainHasher
from tests.support.samples import ISSUER, NOW

CHALLENGE, FRESH, HOUR, DAY = 300, 900, 3600, 24 * 3600
IN_A_CHALLENGE, IN_AN_HOUR, IN_A_DAY = 5, 20, 50
EMAIL = "alice@example.org"
ORIGIN = ISSUER.removesuffix("/api")
OWNER, THIEF = "owner", "thief"
CALLERS = {OWNER: Caller("203.0.113.7", "owner"), THIEF: Caller("198.51.100.9", "thief")}
JWK = generate_signing_jwk()
KEYS = parse_verification_keys(public_jwks({"keys": [JWK]}))
AAL1, AAL2 = "aal1", "aal2"

# Steps across every boundary, by a second on either side.
TIMES = st.sampled_from(
    [0, 1, STEP - 1, STEP, STEP + 1, *(end + offset for end in (CHALLENGE, FRESH, HOUR, DAY) for offset in (-1, 0, 1))]
)
PEOPLE = st.sampled_from([OWNER, THIEF])
ANSWERS = st.sampled_from(["code", "code", "late code", "early code", "stale code", "used code", "junk", "recovery",
                           "used recovery", "passkey", "locked passkey"])  # fmt: skip


@dataclass(eq=False)
class ModelSession:
    principal: object
    began_at: int
    authenticated_at: int
    acr: str
    ended: bool = False


@dataclass(eq=False)
class ModelChallenge:
    text: str
    public_key: object
    issued_at: int
    version: int
    """The account's when it was asked for: a new password or the end of all sessions ends the challenge too."""
    mailed_code: object = None
    used: bool = False
    tries: int = 0


@dataclass(eq=False)
class MailedCode:
    challenge: str
    code: str
    at: int
    version: int
    used: bool = False
    tries: int = 0


@dataclass
class Account:
    """What the account asks for, kept without any look at the implementation."""

    password: str
    version: int = 0
    """Rises with everything that ends the log-ins that have begun."""
    password_version: int = 0
    secret: bytes | None = None
    last_step: int = -1
    recovery: set = field(default_factory=set)
    spent_recovery: set = field(default_factory=set)
    accepted: list = field(default_factory=list)
    has_passkey: bool = False


class WaysIn(RuleBasedStateMachine):
    """One account, its owner, and a thief who gets hold of one thing after another."""

    sessions = Bundle("sessions")
    challenges = Bundle("challenges")
    codes = Bundle("codes")

    def __init__(self):
        super().__init__()
        self.now = NOW
        self.memory = Memory()
        self.number = 0
        self.account = Account("the passphrase of today is no. 0")
        self.authenticator = Authenticator()
        self.known_passwords = {OWNER: {self.account.password}, THIEF: set()}
        self.holds = {OWNER: {"mailbox", "app", "recovery", "device"}, THIEF: set()}
        self.stolen_secret = None
        self.stolen_recovery = set()
        self.tries = {}
        self.model_sessions = []
        self.verifier = TokenVerifier(issuer=ISSUER, audience=ISSUER, keys=KEYS, clock=lambda: self.now)
        self.use_cases = fake_use_cases(
            self.memory,
            {"keys": [JWK], "pepper": "A" * 43},
            hasher=PlainHasher(),
            clock=lambda: self.now,
            settings={
                "LYCHGATE_FRESH_SECONDS": str(FRESH),
                "LYCHGATE_ACCESS_TOKEN_LIFETIME": "3600",
                # Who may guess how often is another model's business.
                "LYCHGATE_THROTTLE_PAIR_FAILURES": "100",
                "LYCHGATE_THROTTLE_ADDRESS_FAILURES": "100000",
                "LYCHGATE_MAILS_PER_IP": "100000",
            },
        )

    # What people know

    def code_of(self, who, offset=0):
        """A code that somebody's app shows, None without the app."""
        secret = self.account.secret if who == OWNER else self.stolen_secret
        return None if secret is None else hotp(secret, step_at(self.now) + offset)

    def step_of(self, who, code):
        """The newest step around now that a code is for."""
        if self.account.secret is None or code is None:
            return None
        steps = range(step_at(self.now) - 1, step_at(self.now) + 2)
        return max((step for step in steps if hotp(self.account.secret, step) == code), default=None)

    def recovery_code_of(self, who):
        left = self.account.recovery if who == OWNER else self.account.recovery & self.stolen_recovery
        return min(left, default=None)

    @rule(what=st.sampled_from(["password", "mailbox", "app", "recovery", "device"]))
    def is_stolen(self, what):
        if what == "password":
            self.known_passwords[THIEF].add(self.account.password)
        elif what == "app":
            self.stolen_secret = self.account.secret
        elif what == "recovery":
            self.stolen_recovery |= self.account.recovery
        else:
            self.holds[THIEF].add(what)

    @rule(seconds=TIMES)
    def time_passes(self, seconds):
        self.now += seconds

    # Ways in

    @initialize(target=sessions)
    def register(self):
        logged_in = self.use_cases.registration.register(
            "alice", self.account.password, CALLERS[OWNER], email=EMAIL, language="en"
        )
        session = self.begun(logged_in, AAL1)
        (sent,) = deliver(self.memory)
        self.use_cases.addresses.confirm(sent.secret, CALLERS[OWNER])
        return session

    @rule(target=challenges, who=PEOPLE)
    def enters_a_password(self, who):
        for password in sorted(self.known_passwords[who]) or ["guessed by somebody at random"]:
            enter = lambda password=password: self.use_cases.log_in.with_password("alice", password, CALLERS[who])  # noqa: E731
            if password != self.account.password:
                with pytest.raises(InvalidCredentials):
                    enter()
                continue
            return self.first_step(enter, who)
        return multiple()

    @rule(target=codes, who=PEOPLE)
    def asks_for_a_code(self, who):
        self.now += 61  # one mail a minute
        challenge = self.use_cases.code_log_in.ask("alice", CALLERS[who], device=None, language="en")
        sent = deliver(self.memory)
        if not sent or "mailbox" not in self.holds[who]:
            return multiple()
        return MailedCode(challenge, sent[-1].secret, self.now, self.account.password_version)

    @rule(target=challenges, mailed=codes, who=PEOPLE, is_right=st.booleans())
    def enters_a_mailed_code(self, mailed, who, is_right):
        code = mailed.code if is_right else f"{(int(mailed.code) + 1) % 10**6:06d}"
        verify = lambda: self.use_cases.code_log_in.verify(mailed.challenge, code, CALLERS[who])  # noqa: E731
        if mailed.used or mailed.tries >= IN_A_CHALLENGE or self.now >= mailed.at + 600:
            with pytest.raises(InvalidChallenge):
                verify()
            return multiple()
        mailed.tries += 1
        if not is_right:
            with pytest.raises(InvalidCode):
                verify()
            return multiple()
        if mailed.version != self.account.password_version and self.account.secret is None:
            with pytest.raises(InvalidChallenge):
                verify()
            return multiple()
        return self.first_step(verify, who, mailed)

    def first_step(self, log_in, who, mailed=None):
        """Do the first step, which is right. Return the challenge, nothing if it was all."""
        if self.account.secret is None:
            if mailed is not None:
                mailed.used = True
            self.begun(log_in(), AAL1)
            return multiple()
        before = dict(self.memory.sessions)
        with pytest.raises(SecondFactorRequired) as required:
            log_in()
        assert self.memory.sessions == before
        error = required.value
        assert ("recovery_code" in error.methods) == bool(self.account.recovery)
        assert ("passkey" in error.methods) == self.account.has_passkey == (error.public_key is not None)
        return ModelChallenge(error.challenge, error.public_key, self.now, self.account.version, mailed)

    @rule(challenge=challenges, who=PEOPLE, how=ANSWERS)
    def answers_a_challenge(self, challenge, who, how):
        answer, is_right = self.answer(challenge, who, how)
        if answer is None:
            return
        attempt = lambda: self.use_cases.second_factor.log_in(challenge.text, CALLERS[who], **answer)  # noqa: E731
        if self.now >= challenge.issued_at + CHALLENGE or challenge.version != self.account.version:
            self.refused(attempt, InvalidChallenge)
            return
        if not self.may_try(challenge):
            self.refused(attempt, InvalidChallenge if challenge.tries >= IN_A_CHALLENGE else TooManyAttempts)
            return
        mailed = challenge.mailed_code
        is_void = mailed is not None and mailed.version != self.account.password_version
        if not is_right or challenge.used or is_void or (mailed is not None and mailed.used):
            self.count(challenge)
            self.refused(attempt, (InvalidCode, InvalidChallenge))
            return
        self.begun(attempt(), AAL2)
        self.uses_up(challenge, answer)

    @rule(challenge=consumes(challenges), how=st.sampled_from(["code", "recovery", "passkey"]))
    def answers_from_many_tabs_at_once(self, challenge, how):
        answer, is_right = self.answer(challenge, OWNER, how)
        mailed = challenge.mailed_code
        if answer is None or not is_right or challenge.used or challenge.version != self.account.version:
            return
        if self.now >= challenge.issued_at + CHALLENGE or challenge.tries or not self.may_try(challenge, 4):
            return
        if mailed is not None and (mailed.used or mailed.version != self.account.password_version):
            return

        def attempt(_):
            try:
                return self.use_cases.second_factor.log_in(challenge.text, CALLERS[OWNER], **answer)
            except (InvalidCode, InvalidChallenge) as refused:
                return refused

        with ThreadPoolExecutor(4) as pool:
            outcomes = list(pool.map(attempt, range(4)))
        (logged_in,) = [outcome for outcome in outcomes if not isinstance(outcome, LychgateError)]
        self.begun(logged_in, AAL2)
        self.uses_up(challenge, answer)
        for _ in range(3):
            self.count(challenge)

    @rule(who=PEOPLE, is_unlocked=st.booleans())
    def logs_in_with_a_passkey(self, who, is_unlocked):
        if not self.account.has_passkey or "device" not in self.holds[who]:
            return
        options = self.use_cases.passkeys.request_options()
        credential = self.asserted(options.public_key, is_unlocked=is_unlocked)
        attempt = lambda: self.use_cases.passkeys.log_in(options.challenge, credential, CALLERS[who])  # noqa: E731
        if not is_unlocked:
            self.refused(attempt, InvalidCode)
            return
        self.begun(attempt(), AAL2)
        self.refused(attempt, (InvalidChallenge, InvalidCode))

    @rule(who=PEOPLE)
    def forgets_the_password(self, who):
        self.now += 61
        self.use_cases.password_reset.ask("alice", CALLERS[who], device=None, language="en")
        sent = deliver(self.memory)
        if not sent or "mailbox" not in self.holds[who]:
            return
        before = self.memory.users["alice"].factors
        self.use_cases.password_reset.reset(sent[-1].secret, self.new_password(who), CALLERS[who])
        deliver(self.memory)
        self.ends_all_but(None)
        assert self.memory.users["alice"].factors == before

    # What the account asks for

    @rule(session=sessions, is_right=st.booleans())
    def adds_an_app(self, session, is_right):
        begin = lambda: self.use_cases.factors.begin_totp(session.principal)  # noqa: E731
        if not self.needs_fresh(session, begin):
            return
        began = begin()
        octets = base64.b32decode(began.secret + "=" * (-len(began.secret) % 8))
        code = hotp(octets, step_at(self.now) if is_right else step_at(self.now) + 9)
        if code in {hotp(octets, step_at(self.now) + offset) for offset in (-1, 0, 1)} and not is_right:
            return
        confirm = lambda: self.use_cases.factors.confirm_totp(session.principal, began.pending, code, CALLERS[OWNER])  # noqa: E731
        if not is_right:
            self.refused(confirm, InvalidCode)
            return
        codes = confirm()
        deliver(self.memory)
        self.account.secret, self.account.last_step = octets, self.newest(octets, code)
        self.account.recovery, self.account.spent_recovery = set(codes), set()
        self.account.accepted = [self.account.last_step]
        self.stolen_secret = None
        self.ends_all_but(session)
        session.acr, session.authenticated_at = AAL2, self.now
        self.refused(confirm, InvalidChallenge)

    @rule(session=sessions)
    def removes_the_app(self, session):
        remove = lambda: self.use_cases.factors.remove_totp(session.principal, CALLERS[OWNER])  # noqa: E731
        if self.account.secret is None or not self.needs_fresh(session, remove):
            return
        remove()
        deliver(self.memory)
        self.account.secret, self.account.recovery = None, set()

    @rule(session=sessions)
    def makes_new_recovery_codes(self, session):
        make = lambda: self.use_cases.factors.replace_recovery_codes(session.principal, CALLERS[OWNER])  # noqa: E731
        if self.account.secret is None or not self.needs_fresh(session, make):
            return
        self.account.spent_recovery |= self.account.recovery
        self.account.recovery = set(make())
        deliver(self.memory)

    @precondition(lambda self: not self.account.has_passkey)
    @rule(session=sessions)
    def adds_a_passkey(self, session):
        options = lambda: self.use_cases.passkeys.creation_options(session.principal)  # noqa: E731
        if not self.needs_fresh(session, options):
            return
        made = options()
        self.authenticator = Authenticator(counts=True)
        credential = self.authenticator.create(made.public_key, ORIGIN)
        self.use_cases.passkeys.add(session.principal, made.challenge, credential, None, CALLERS[OWNER])
        deliver(self.memory)
        self.account.has_passkey = True
        self.holds[THIEF].discard("device")

    @precondition(lambda self: self.account.has_passkey)
    @rule(session=sessions)
    def removes_the_passkey(self, session):
        (passkey_id,) = self.memory.users["alice"].passkeys
        remove = lambda: self.use_cases.passkeys.remove(session.principal, passkey_id, CALLERS[OWNER])  # noqa: E731
        if not self.needs_fresh(session, remove):
            return
        remove()
        deliver(self.memory)
        self.account.has_passkey = False

    @rule(session=sessions, who=PEOPLE, how=st.sampled_from(["nothing", "code", "used code", "junk"]))
    def authenticates_again(self, session, who, how):
        answer, is_right = (None, False) if how == "nothing" else self.answer(None, who, how)
        if self.account.password not in self.known_passwords[who] or (how != "nothing" and answer is None):
            return
        code = answer["code"] if answer is not None else None
        attempt = lambda: self.use_cases.reauthentication.with_password(  # noqa: E731
            session.principal, self.account.password, CALLERS[who], code=code
        )
        refusal = self.refusal_of_another_time(session, code, is_right)
        if refusal is not None:
            self.refused(attempt, refusal)
            return
        attempt()
        session.authenticated_at, session.acr = self.now, AAL1
        if self.account.secret is not None:
            self.accepts(self.step_of(OWNER, code))
            session.acr = AAL2

    def refusal_of_another_time(self, session, code, is_right):
        """Return the error that authenticating again in a session must end in, None if it must succeed."""
        if not self.is_live(session):
            return InvalidToken
        if self.account.secret is None:
            return None
        if code is None:
            return SecondFactorRequired
        if not self.may_try(None):
            return TooManyAttempts
        if not is_right:
            self.count(None)
            return InvalidCode
        return None

    @rule(session=sessions, who=PEOPLE)
    def changes_the_password(self, session, who):
        if self.account.password not in self.known_passwords[who]:
            return
        old = self.account.password
        change = lambda new: self.use_cases.account.change_password(session.principal, old, new, CALLERS[who])  # noqa: E731
        if not self.is_live(session) or (self.account.secret is not None and not self.is_fresh(session)):
            self.refused(lambda: change("a passphrase that is not taken"), (InvalidToken, InsufficientAuthentication))
            return
        logged_in = change(self.new_password(who))
        deliver(self.memory)
        self.ends_all_but(None)
        successor = self.begun(logged_in, session.acr)
        assert successor.acr == AAL2 or self.account.secret is None

    @rule(session=sessions)
    def ends_all_sessions(self, session):
        end = lambda: self.use_cases.account.log_out_everywhere(session.principal, CALLERS[OWNER])  # noqa: E731
        if self.needs_fresh(session, end):
            end()
            self.account.version += 1
            for other in self.model_sessions:
                other.ended = True

    # What must always be so

    @invariant()
    def where_a_second_factor_is_due_every_session_has_proved_it(self):
        user = self.memory.users.get("alice")
        if user is not None and user.second_factor:
            live = [session for session in self.memory.sessions.values() if session.epoch == user.session_epoch]
            assert {session.acr for session in live} <= {AAL2}

    @invariant()
    def no_step_was_accepted_twice(self):
        assert self.account.accepted == sorted(set(self.account.accepted))

    @invariant()
    def the_tries_stay_below_their_ceilings(self):
        for key, windows in self.memory.windows.items():
            if key.startswith("second factors"):
                for name, count in windows.items():
                    most = {"day": IN_A_DAY, "hour": IN_AN_HOUR, "challenge": IN_A_CHALLENGE}[name.partition("_")[0]]
                    assert 0 <= count <= most

    @invariant()
    def nothing_that_is_secret_is_stored_as_it_is(self):
        user = self.memory.users.get("alice")
        if user is not None and user.factors is not None:
            stored = f"{user.factors.totp} {user.factors.recovery_codes}"
            assert not any(code in stored for code in self.account.recovery)

    # Helpers

    def answer(self, challenge, who, how):
        """Return what somebody answers, None if nothing, and whether it is right."""
        if how.endswith("passkey"):
            return self.passkey_answer(challenge, who, is_unlocked=how == "passkey")
        code, name, is_right = "12345x", "code", False
        if how.endswith("recovery"):
            spent = min(self.account.spent_recovery, default=None)
            code, name = (spent if how.startswith("used") else self.recovery_code_of(who)), "recovery_code"
            is_right = code in self.account.recovery
        elif how != "junk":
            code = self.coded(who, how)
            step = self.step_of(who, code)
            is_right = step is not None and step > self.account.last_step
        return (None, False) if code is None else ({name: code}, is_right)

    def passkey_answer(self, challenge, who, *, is_unlocked):
        has_it = self.account.has_passkey and "device" in self.holds[who]
        if not has_it or challenge.public_key is None:
            return None, False
        known = {allowed["id"] for allowed in challenge.public_key["allowCredentials"]}
        if not known & set(self.memory.users["alice"].passkeys):
            return None, False
        return {"credential": self.asserted(challenge.public_key, is_unlocked=is_unlocked)}, is_unlocked

    def coded(self, who, how):
        if how == "used code":
            secret = self.account.secret
            return None if secret is None else hotp(secret, self.account.last_step)
        return self.code_of(who, {"late code": -1, "early code": 1, "stale code": -2}.get(how, 0))

    def asserted(self, public_key, *, is_unlocked):
        self.authenticator.user_verified = is_unlocked
        try:
            return self.authenticator.get(public_key, ORIGIN)
        finally:
            self.authenticator.user_verified = True

    def newest(self, secret, code):
        return max(step for step in range(step_at(self.now) - 1, step_at(self.now) + 2) if hotp(secret, step) == code)

    def uses_up(self, challenge, answer):
        challenge.used = True
        if challenge.mailed_code is not None:
            challenge.mailed_code.used = True
        if "code" in answer:
            self.accepts(self.step_of(OWNER, answer["code"]))
        if "recovery_code" in answer:
            self.account.recovery.discard(answer["recovery_code"])
            self.account.spent_recovery.add(answer["recovery_code"])
            deliver(self.memory)

    def accepts(self, step):
        self.account.last_step = step
        self.account.accepted.append(step)

    def windows_of(self, challenge):
        at = self.now if challenge is None else challenge.issued_at
        return ("day", at // DAY, IN_A_DAY), ("hour", at // HOUR, IN_AN_HOUR)

    def may_try(self, challenge, times=1):
        if challenge is not None and challenge.tries + times > IN_A_CHALLENGE:
            return False
        return all(
            self.tries.get((name, number), 0) + times <= most for name, number, most in self.windows_of(challenge)
        )

    def count(self, challenge):
        if challenge is not None:
            challenge.tries += 1
        for name, number, _ in self.windows_of(challenge):
            self.tries[name, number] = self.tries.get((name, number), 0) + 1

    def new_password(self, who):
        self.number += 1
        self.account.password = f"the passphrase of today is no. {self.number}"
        self.account.password_version += 1
        # Whoever has not chosen it does not know it; the owner finds out by mail, and asks for another one.
        self.known_passwords = {OWNER: set(), THIEF: set()}
        self.known_passwords[who].add(self.account.password)
        return self.account.password

    def begun(self, logged_in, acr):
        principal = self.verifier.verify(ACCESS_TOKEN, logged_in.tokens.access_token)
        stored = self.memory.sessions[principal.user_id, principal.session_id]
        assert stored.acr == acr
        session = ModelSession(principal, self.now, self.now, acr)
        self.model_sessions.append(session)
        return session

    def is_live(self, session):
        return not session.ended and self.now < session.began_at + 14 * DAY

    def is_fresh(self, session):
        enough = self.account.secret is None or session.acr == AAL2
        return enough and self.now - session.authenticated_at <= FRESH

    def needs_fresh(self, session, use):
        """Return whether a session may do what needs a fresh one. If not, it is refused."""
        if not self.is_live(session):
            self.refused(use, InvalidToken)
            return False
        if not self.is_fresh(session):
            self.refused(use, InsufficientAuthentication)
            return False
        return True

    def ends_all_but(self, session):
        self.account.version += 1
        for other in self.model_sessions:
            other.ended = other.ended or other is not session

    def refused(self, use, errors):
        before = dict(self.memory.sessions)
        with pytest.raises(errors):
            use()
        assert self.memory.sessions == before


TestWaysIn = pytest.mark.slow(WaysIn.TestCase)  # of `make quick` it would be the longest
