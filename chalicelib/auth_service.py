"""The use cases: register, log in, refresh, log out.

Owns what happens in which order and what is refused. Knows no HTTP, no AWS and no token format; time, randomness, keys
and stores are given to it.
"""

from __future__ import annotations

import secrets
import unicodedata
from dataclasses import dataclass

from chalicelib.errors import (
    FieldError,
    InvalidCredentials,
    InvalidGrant,
    InvalidToken,
    RefreshTokenReused,
    RegistrationClosed,
    ValidationFailed,
)
from chalicelib.models import Client, LoggedIn, Principal, RefreshGrant, Session, TokenPair, User, canonical_username
from chalicelib.passwords import PasswordHasher, PasswordPolicy
from chalicelib.ports import SessionStore, UserStore
from chalicelib.tokens import Clock, TokenIssuer, TokenVerifier

MIN_USERNAME_LENGTH = 3
MAX_USERNAME_LENGTH = 254
"""Characters. As long as an e-mail address can be (RFC 5321 section 4.5.3.1.3, less the angle brackets)."""

_USERNAME_PUNCTUATION = frozenset("._@+-")

_ID_BYTES = 16
"""128 bits: an identifier cannot be guessed and is never given out twice."""


@dataclass(frozen=True, slots=True)
class SessionTimes:
    """How long sessions last, in seconds."""

    idle_lifetime: int
    absolute_lifetime: int
    retry_window: int


class AuthService:
    """The use cases over the stores and tools that it is given."""

    def __init__(
        self,
        *,
        users: UserStore,
        sessions: SessionStore,
        hasher: PasswordHasher,
        policy: PasswordPolicy,
        issuer: TokenIssuer,
        verifier: TokenVerifier,
        times: SessionTimes,
        registration_open: bool,
        clock: Clock,
    ) -> None:
        self._users = users
        self._sessions = sessions
        self._hasher = hasher
        self._policy = policy
        self._issuer = issuer
        self._verifier = verifier
        self._times = times
        self._registration_open = registration_open
        self._clock = clock

    def register(self, username: str, password: str, client: Client) -> LoggedIn:
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
        user = User(
            id=secrets.token_urlsafe(_ID_BYTES),
            username=username,
            password_hash=self._hasher.hash(password),
            roles=("user",),
            created_at=self._clock(),
        )
        self._users.add(user)
        return self._begin_session(user, client)

    def log_in(self, username: str, password: str, client: Client) -> LoggedIn:
        """Begin a session for the user who has this username and password.

        Raises:
            InvalidCredentials: no such user, a wrong password or a disabled account: after the same work, so that
                neither the answer nor its time tells which.

        """
        username = unicodedata.normalize("NFKC", username)
        user = self._users.find(username) if _username_error(username) is None else None
        password_fits = self._hasher.verify(password, user.password_hash if user else None)
        if user is None:
            raise InvalidCredentials("unknown user")
        if not password_fits:
            raise InvalidCredentials("wrong password")
        if user.disabled:
            raise InvalidCredentials("disabled account")
        if self._hasher.needs_rehash(user.password_hash):
            self._users.replace_password_hash(user, self._hasher.hash(password))
        return self._begin_session(user, client)

    def refresh(self, refresh_token: str) -> LoggedIn:
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
            grant.user_id, grant.session_id, grant.counter, now=now, idle_expires_at=now + self._times.idle_lifetime
        )
        session = rotation.session
        if session is None:
            raise InvalidGrant("no such session")
        if not rotation.applied and not session.is_retry(grant.counter, now, self._times.retry_window):
            raise self._refusal(session, grant, now)

        user = self._users.find(session.username)
        # The name may have been given up and taken by somebody else since.
        if user is None or user.id != session.user_id:
            raise InvalidGrant("the user is gone")
        if user.disabled:
            raise InvalidGrant("disabled account")
        return self._logged_in(user, session, now)

    def log_out(self, refresh_token: str) -> None:
        """End the session of a refresh token. A token that is no longer good changes nothing; that is no error."""
        try:
            grant = self._verifier.verify_refresh_token(refresh_token)
        except InvalidGrant:
            return
        self._sessions.end(grant.user_id, grant.session_id, now=self._clock(), reason="logged_out")

    def profile(self, principal: Principal) -> User:
        """Return the user behind a principal, as last written.

        Raises:
            InvalidToken: the user has been deleted; the access token outlives it by minutes at most.

        """
        user = self._users.find(principal.username)
        if user is None or user.id != principal.user_id:
            raise InvalidToken("the user is gone")
        return user

    def _refusal(self, session: Session, grant: RefreshGrant, now: int) -> InvalidGrant:
        """Return why a refresh is refused, after ending the session if its token was reused."""
        if not session.is_live(now):
            return InvalidGrant("the session has ended")
        if grant.counter > session.refresh_counter:
            # Signed by us, yet ahead of what is stored: the table was put back to an earlier state.
            return InvalidGrant("the token is newer than the session")
        self._sessions.end(session.user_id, session.id, now=now, reason="refresh_token_reused")
        return RefreshTokenReused("the token was used before")

    def _begin_session(self, user: User, client: Client) -> LoggedIn:
        now = self._clock()
        session = Session(
            id=secrets.token_urlsafe(_ID_BYTES),
            user_id=user.id,
            username=user.username,
            created_at=now,
            last_used_at=now,
            idle_expires_at=now + self._times.idle_lifetime,
            expires_at=now + self._times.absolute_lifetime,
            refresh_counter=0,
            client=client,
        )
        self._sessions.add(session)
        return self._logged_in(user, session, now)

    def _logged_in(self, user: User, session: Session, now: int) -> LoggedIn:
        tokens = TokenPair(
            access_token=self._issuer.issue_access_token(user, session, now),
            expires_in=min(self._issuer.access_lifetime, session.expires_at - now),
            refresh_token=self._issuer.issue_refresh_token(session),
            refresh_expires_in=session.refresh_expires_at - now,
        )
        return LoggedIn(user, tokens)


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
