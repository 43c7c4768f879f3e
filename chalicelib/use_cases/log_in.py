"""The use cases of logging in and out: register, log in, refresh, log out.

Owns what happens in which order and what is refused. Knows no HTTP, no AWS and no token format; time, randomness, keys
and stores are given to it. What users do with their accounts once logged in is in ``chalicelib.use_cases.account``.
"""

from __future__ import annotations

import secrets
import unicodedata
from dataclasses import dataclass

from chalicelib.accounts.caller import Caller
from chalicelib.accounts.events import EventType, SecurityEvent
from chalicelib.accounts.results import LoggedIn, TokenPair
from chalicelib.accounts.session import Session
from chalicelib.accounts.user import User
from chalicelib.accounts.usernames import canonical_username
from chalicelib.clock import Clock
from chalicelib.credentials.passwords import PasswordHasher, PasswordPolicy
from chalicelib.credentials.throttling import Attempt
from chalicelib.errors import (
    Conflict,
    FieldError,
    InvalidCredentials,
    InvalidGrant,
    RefreshTokenReused,
    RegistrationClosed,
    ServiceUnavailable,
    ValidationFailed,
)
from chalicelib.tokens.compact import TokenIssuer, TokenVerifier
from chalicelib.tokens.principals import RefreshGrant
from chalicelib.use_cases.ports import Stores

MIN_USERNAME_LENGTH = 3
MAX_USERNAME_LENGTH = 254
"""Characters. As long as an e-mail address can be (RFC 5321 section 4.5.3.1.3, less the angle brackets)."""

_USERNAME_PUNCTUATION = frozenset("._@+-")

_ID_BYTES = 16
"""128 bits: an identifier cannot be guessed and is never given out twice."""

_LOG_IN_ATTEMPTS = 5
"""Other log-ins of the same user can come between; so many in a row are no accident."""


_SWEPT_AT_ONCE = 40
"""Sessions long over that a log-in which counts takes away, so that it stays within a transaction's 100 items."""


@dataclass(frozen=True, slots=True)
class SessionRules:
    """How long sessions last, in seconds, and how many a user may have."""

    idle_lifetime: int
    absolute_lifetime: int
    retry_window: int
    max_sessions: int


class AuthService:
    """The use cases over the stores and tools that it is given."""

    def __init__(
        self,
        *,
        stores: Stores,
        hasher: PasswordHasher,
        policy: PasswordPolicy,
        issuer: TokenIssuer,
        verifier: TokenVerifier,
        rules: SessionRules,
        registration_open: bool,
        clock: Clock,
    ) -> None:
        self._users = stores.users
        self._sessions = stores.sessions
        self._events = stores.events
        self._throttle = stores.throttle
        self._hasher = hasher
        self._policy = policy
        self._issuer = issuer
        self._verifier = verifier
        self._rules = rules
        self._registration_open = registration_open
        self._clock = clock

    def register(self, username: str, password: str, caller: Caller) -> LoggedIn:
        """Make an account and log it in.

        Raises:
            RegistrationClosed: no one may register here.
            ValidationFailed: the username or the password is against the rules.
            UsernameTaken: somebody has the username, or one that differs only in case or compatibility forms.

        """
        if not self._registration_open:
            raise RegistrationClosed
        username = unicodedata.normalize("NFKC", username)
        if (error := _username_error(username)) is not None:
            raise ValidationFailed(FieldError("username", error))
        self._policy.check(password, username)
        password_hash = self._hasher.hash(password)
        now = self._clock()
        user = User(
            id=secrets.token_urlsafe(_ID_BYTES),
            username=username,
            password_hash=password_hash,
            roles=("user",),
            created_at=now,
            session_bound=1,
        )
        session = self._new_session(user, caller, now)
        self._users.add(user, session, SecurityEvent(EventType.REGISTERED, user.id, now, caller))
        return self._logged_in(user, session, now)

    def log_in(self, username: str, password: str, caller: Caller) -> LoggedIn:
        """Begin a session for the user who has this username and password.

        Raises:
            InvalidCredentials: no such user, a wrong password or a disabled account: after the same work, so that
                neither the answer nor its time tells which.
            TooManyAttempts: the account or the address has had too many failures.
            ServiceUnavailable: also when failures cannot be counted. Who can keep the counters from being reached would
                otherwise guess without limit, and users are in the same database.

        """
        username = unicodedata.normalize("NFKC", username)
        attempt = Attempt(username, caller.ip)
        self._throttle.admit(attempt, self._clock())
        # A name that no account can have is looked up too, as one that nobody can register.
        user = self._users.find(username if _username_error(username) is None else "-")
        password_fits = self._hasher.verify(password, user.password_hash if user else None)
        if user is None or not password_fits or user.disabled:
            # Somebody without an account has a history too, one that nobody will read: the same write for all.
            user_id = user.id if user else secrets.token_urlsafe(_ID_BYTES)
            self._events.record(SecurityEvent(EventType.LOGIN_FAILED, user_id, self._clock(), caller))
            reason = "unknown user" if user is None else "wrong password" if not password_fits else "disabled account"
            raise InvalidCredentials(reason, user_id=user.id if user else None, event=EventType.LOGIN_FAILED)
        new_hash = self._hasher.hash(password) if self._hasher.needs_rehash(user.password_hash) else None
        logged_in = self._begin_session(user, caller, new_hash)
        self._throttle.succeeded(attempt)
        return logged_in

    def refresh(self, refresh_token: str, caller: Caller) -> LoggedIn:
        """Take a refresh token and return its successor with a new access token.

        A token is good once. Shown again within the retry window it gets the same successor, so that neither a second
        tab nor a lost answer logs anyone out. Shown later it has been stolen, from the user or by the user's own
        use of it from a thief: the session ends (RFC 9700 section 4.14.2).

        Raises:
            InvalidGrant: the token is forged or expired, its session has ended, or its user is disabled or gone.
            RefreshTokenReused: the token had been used before the retry window.

        """
        # Signature and claims come first: a forged token never reaches the database.
        grant = self._verifier.verify_refresh_token(refresh_token)
        now = self._clock()
        rotation = self._sessions.rotate(
            grant.user_id, grant.session_id, grant.counter, now=now, idle_expires_at=now + self._rules.idle_lifetime
        )
        session = rotation.session
        if session is None:
            raise InvalidGrant("no such session", grant.user_id, grant.session_id)
        if not rotation.applied and not session.is_retry(grant.counter, now, self._rules.retry_window):
            raise self._refusal(session, grant, now, caller)

        kept: Session | None = session
        user = self._users.find(session.username)
        if user is not None and session.epoch < user.session_epoch:
            # A change of the password may have come between the two steps: it raises the epoch of its own session too.
            user, kept = self._sessions.with_user(session.username, session.user_id, session.id)
        # The name may have been given up and taken by somebody else since; all sessions may have been ended.
        if user is None or kept is None or not kept.belongs_to(user):
            raise InvalidGrant("the user is gone or has ended all sessions", grant.user_id, grant.session_id)
        if user.disabled:
            raise InvalidGrant("disabled account", grant.user_id, grant.session_id)
        return self._logged_in(user, session, now, retried=not rotation.applied)

    def log_out(self, refresh_token: str, caller: Caller) -> RefreshGrant | None:
        """End the session of a refresh token, and return which it was.

        A token that is no longer good changes nothing and returns None; that is no error.
        """
        try:
            grant = self._verifier.verify_refresh_token(refresh_token)
        except InvalidGrant:
            return None
        event = SecurityEvent(EventType.LOGGED_OUT, grant.user_id, self._clock(), caller)
        return grant if self._sessions.end(grant.user_id, grant.session_id, event) else None

    def _refusal(self, session: Session, grant: RefreshGrant, now: int, caller: Caller) -> InvalidGrant:
        """Return why a refresh is refused, after ending the session if its token was reused."""
        if not session.is_live(now):
            return InvalidGrant("the session has expired", session.user_id, session.id)
        if grant.counter > session.refresh_counter:
            # Signed by us, yet ahead of what is stored: the table was put back to an earlier state.
            return InvalidGrant("the token is newer than the session", session.user_id, session.id)
        event = SecurityEvent(EventType.REFRESH_TOKEN_REUSED, session.user_id, now, caller)
        self._sessions.end(session.user_id, session.id, event)
        return RefreshTokenReused("the token was used before", session.user_id, session.id)

    def _begin_session(self, user: User, caller: Caller, new_hash: str | None) -> LoggedIn:
        """Keep a new session, decided against whatever changes the account meanwhile."""
        checked = user
        for _ in range(_LOG_IN_ATTEMPTS):
            now = self._clock()
            session = self._new_session(user, caller, now)
            try:
                self._keep(user, session, SecurityEvent(EventType.LOGIN_SUCCEEDED, user.id, now, caller), new_hash)
            except Conflict:
                found = self._users.find(user.username)
                if found is None or _credentials(found) != _credentials(checked):
                    # The password that was right a moment ago is so no more.
                    raise InvalidCredentials(
                        "the account was changed meanwhile", user_id=user.id, event=EventType.LOGIN_FAILED
                    ) from None
                user = found
                continue
            return self._logged_in(user, session, now)
        raise ServiceUnavailable("too many log-ins of one user at once")

    def _keep(self, user: User, session: Session, event: SecurityEvent, new_hash: str | None) -> None:
        limit = self._rules.max_sessions
        if user.session_bound < limit:
            self._sessions.begin(user, session, event, limit=limit, password_hash=new_hash)
            return
        stored = self._sessions.of_user(user.id)
        live = [other for other in stored if other.belongs_to(user) and other.is_live(event.at)]
        live.sort(key=lambda other: other.created_at)
        surplus = live[: max(0, len(live) + 1 - limit)]
        leftovers = [other for other in stored if other not in live][:_SWEPT_AT_ONCE]
        events = [event]
        if surplus:
            events.append(SecurityEvent(EventType.SESSION_REVOKED, user.id, event.at, event.caller))
        self._sessions.begin_counted(
            user,
            session,
            events,
            stored=len(live) - len(surplus) + 1,
            ended=[*surplus, *leftovers],
            password_hash=new_hash,
        )

    def _new_session(self, user: User, caller: Caller, now: int) -> Session:
        return Session(
            id=secrets.token_urlsafe(_ID_BYTES),
            user_id=user.id,
            username=user.username,
            created_at=now,
            last_used_at=now,
            idle_expires_at=now + self._rules.idle_lifetime,
            expires_at=now + self._rules.absolute_lifetime,
            refresh_counter=0,
            epoch=user.session_epoch,
            caller=caller,
        )

    def _logged_in(self, user: User, session: Session, now: int, *, retried: bool = False) -> LoggedIn:
        tokens = TokenPair(
            access_token=self._issuer.issue_access_token(user, session, now),
            expires_in=min(self._issuer.access_lifetime, session.expires_at - now),
            refresh_token=self._issuer.issue_refresh_token(session),
            refresh_expires_in=session.refresh_expires_at - now,
        )
        return LoggedIn(user, tokens, session.id, retried)


def _credentials(user: User) -> tuple[str, str, int, bool]:
    """Return what has to be as it was for a password that was checked to count still."""
    return user.id, user.password_hash, user.session_epoch, user.disabled


def _username_error(username: str) -> str | None:
    """Return what is wrong with a username, None if nothing is: then it can be an account's, and a database key."""
    if not MIN_USERNAME_LENGTH <= len(canonical_username(username)) <= MAX_USERNAME_LENGTH:
        return f"Use {MIN_USERNAME_LENGTH} to {MAX_USERNAME_LENGTH} characters."
    if not all(_is_letter_or_digit(character) or character in _USERNAME_PUNCTUATION for character in username):
        return "Use letters, digits and the characters . _ @ + - only."
    return None


def _is_letter_or_digit(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] == "L" or category == "Nd"
