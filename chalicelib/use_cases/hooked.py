"""The use cases with the hooks of a site: when each hook is called, and what becomes of its failure.

Loaded where a site has hooks. A process without any has the plain use cases, and does nothing for hooks at all.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast

from chalicelib.accounts.addresses import address_error
from chalicelib.accounts.authentication import PASSWORD
from chalicelib.accounts.events import HISTORY, SecurityEvent
from chalicelib.accounts.new_usernames import new_username_error
from chalicelib.accounts.roles import ADMIN, roles_error
from chalicelib.accounts.user import Contact, User
from chalicelib.accounts.usernames import normalised_username
from chalicelib.errors import UsernameTaken
from chalicelib.telemetry.hooks import SLOW_MILLISECONDS, log_hook
from chalicelib.tokens.issuer import TokenIssuer
from chalicelib.tokens.kinds import REFRESH_TOKEN
from chalicelib.tokens.own_claims import IssuerWithClaims, UnusableClaims, checked
from chalicelib.use_cases.address_registration import AddressRegistration
from chalicelib.use_cases.begin_session import BeginSession, new_id
from chalicelib.use_cases.hook_facts import LogInFacts, RegistrationAttempt, facts_of
from chalicelib.use_cases.hooks import HookFailed, Hooks, MigratedUser, RegistrationRefused
from chalicelib.use_cases.log_in import LogIn
from chalicelib.use_cases.password_guard import PasswordGuard
from chalicelib.use_cases.refresh import RefreshTokens
from chalicelib.use_cases.registration import Registration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from chalicelib.accounts.caller import Caller
    from chalicelib.accounts.results import LoggedIn
    from chalicelib.accounts.session import Session
    from chalicelib.clock import Clock
    from chalicelib.config.api import ApiSettings
    from chalicelib.credentials.passwords import PasswordHasher
    from chalicelib.credentials.throttling import Admission, Known
    from chalicelib.tokens.principals import RefreshGrant
    from chalicelib.use_cases.ports import Announce, Stores

Part = TypeVar("Part")
Returned = TypeVar("Returned")

_HOW_TO_REFUSE = "only `raise RegistrationRefused(...)` refuses, and None lets in"


class _Senseless(ValueError):
    """Raised if a hook has returned what means nothing. The message says what, with nothing of its value."""


class Hooked:
    """Gives use cases the hooks of a site."""

    def __init__(
        self,
        hooks: Hooks,
        *,
        stores: Stores,
        hasher: PasswordHasher,
        settings: ApiSettings,
        clock: Clock,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self.hooks = hooks
        self.stores = stores
        self.hasher = hasher
        self.settings = settings
        self.clock = clock
        self._timer = timer

    def __call__(self, part: Part) -> Part:
        """Return a part of ours as it is with the hooks that concern it."""
        hooks = self.hooks
        kinds: dict[type, tuple[object, Callable[[Any, Hooked], object]]] = {
            TokenIssuer: (hooks.claims, lambda issuer, hooked: IssuerWithClaims(issuer, hooked.claims_of)),
            RefreshTokens: (hooks.claims, _RefreshTokens),
            BeginSession: (hooks.after_log_in or hooks.claims, _BeginSession),
            LogIn: (hooks.migrate, _LogIn),
            Registration: (hooks.before_registration, _Registration),
            AddressRegistration: (hooks.before_registration, _AddressRegistration),
        }
        hook, make = kinds[type(part)]
        return part if hook is None else cast("Part", make(part, self))

    def announcing(self, announce: Announce) -> Announce:
        """Return what announces events with the hook that is told of them."""
        hook = self.hooks.after_event
        if hook is None:
            return announce

        def announce_and_tell(event: SecurityEvent) -> None:
            announce(event)
            if event.type in HISTORY:
                self.tell("after_event", hook, event)

        return announce_and_tell

    def ask(self, name: str, hook: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401 - what a hook returns
        """Return what a hook returns. A failure and a slow answer leave a line in the log.

        Raises RegistrationRefused as the hook does, and HookFailed for every other exception.
        """
        started = self._timer()
        problem: str | None = None
        failure: Exception | None = None
        try:
            return hook(*arguments)
        except RegistrationRefused:
            raise
        except (UnusableClaims, _Senseless) as unusable:
            problem, failure = str(unusable), unusable
            raise HookFailed(name, problem) from unusable
        except Exception as unexpected:
            problem, failure = type(unexpected).__qualname__, unexpected
            raise HookFailed(name, problem) from unexpected
        finally:
            milliseconds = (self._timer() - started) * 1000
            if failure is not None or milliseconds > SLOW_MILLISECONDS:
                log_hook(name, milliseconds, problem=problem, failure=failure)

    def tell(self, name: str, hook: Callable[..., object], *arguments: object) -> None:
        """Call a hook after the fact: its failure changes nothing."""
        with contextlib.suppress(HookFailed, RegistrationRefused):
            self.ask(name, lambda: _nothing(hook(*arguments), "it is told what has happened, and can change nothing"))

    def claims_of(self, user: User, room: int) -> Mapping[str, Any]:
        """Return the claims of the site for a user. Raises HookFailed, also if they cannot be used."""
        hook = cast("Callable[..., Any]", self.hooks.claims)
        return cast("Mapping[str, Any]", self.ask("claims", lambda: checked(_sense(hook(facts_of(user))), room)))

    def ask_for_registration(self, attempt: RegistrationAttempt) -> None:
        """Raise RegistrationRefused if the site refuses a registration, and HookFailed if it does not say."""
        hook = cast("Callable[..., Any]", self.hooks.before_registration)
        try:
            self.ask("before_registration", lambda: _nothing(hook(attempt), _HOW_TO_REFUSE))
        except RegistrationRefused as refusal:
            if self.settings.identifier == "email":
                # The request has no other name.
                raise RegistrationRefused("email", refusal.errors[0].message) from None
            raise


class _Registration(Registration):
    """A registration that the site may refuse."""

    def __init__(self, plain: Registration, hooked: Hooked) -> None:
        vars(self).update(vars(plain))
        self._hooked = hooked

    def _ask_site(self, username: str, email: str | None, caller: Caller, language: str) -> None:
        self._hooked.ask_for_registration(_attempt(username, email, caller, language, has_password=True))


class _AddressRegistration(AddressRegistration):
    """The same by address.

    The site is asked when a browser asks, before anything is mailed. It is told nothing of whether the address has an
    account, so its answer tells nothing of it either.
    """

    def __init__(self, plain: AddressRegistration, hooked: Hooked) -> None:
        vars(self).update(vars(plain))
        self._hooked = hooked

    def _ask_site(self, email: str, caller: Caller, language: str, *, has_password: bool) -> None:
        self._hooked.ask_for_registration(_attempt(email, email, caller, language, has_password=has_password))


class _BeginSession(BeginSession):
    """The last step of a log-in, of which the site is told.

    Where the site cannot say what the token is to say, the password was right all the same: the attempt is uncounted.
    """

    def __init__(self, plain: BeginSession, hooked: Hooked) -> None:
        vars(self).update(vars(plain))
        self._hooked = hooked

    def of_new_user(self, user: User, caller: Caller, *, amr: tuple[str, ...] = PASSWORD, **how: Any) -> LoggedIn:  # noqa: ANN401 - as there
        """See ``BeginSession.of_new_user``."""
        return self._told(super().of_new_user(user, caller, amr=amr, **how), caller, amr, is_first=True)

    def of_known_user(
        self,
        user: User,
        caller: Caller,
        *,
        amr: tuple[str, ...],
        admission: Admission | None = None,
        **how: Any,  # noqa: ANN401 - as there
    ) -> LoggedIn:
        """See ``BeginSession.of_known_user``."""
        with self._uncounting(admission):
            logged_in = super().of_known_user(user, caller, amr=amr, admission=admission, **how)
        return self._told(logged_in, caller, amr, is_first=False)

    def in_place_of(
        self,
        session: Session,
        user: User,
        caller: Caller,
        *,
        admission: Admission,
        **how: Any,  # noqa: ANN401 - as there
    ) -> LoggedIn:
        """See ``BeginSession.in_place_of``."""
        with self._uncounting(admission):
            return super().in_place_of(session, user, caller, admission=admission, **how)

    @contextlib.contextmanager
    def _uncounting(self, admission: Admission | None) -> Iterator[None]:
        try:
            yield
        except HookFailed:
            if admission is not None:
                self._hooked.stores.throttle.succeeded(admission)
            raise

    def _told(self, logged_in: LoggedIn, caller: Caller, amr: tuple[str, ...], *, is_first: bool) -> LoggedIn:
        hook = self._hooked.hooks.after_log_in
        if hook is not None:
            facts = LogInFacts(
                session_id=logged_in.session_id,
                at=self._clock(),
                amr=amr,
                ip=caller.ip,
                user_agent=caller.user_agent,
                is_first=is_first,
            )
            self._hooked.tell("after_log_in", hook, facts_of(logged_in.user), facts)
        return logged_in


class _RefreshTokens(RefreshTokens):
    """Refreshes whose access tokens say more than ours do.

    The site is asked before the refresh token is used up. If that fails, the same token can be sent again at any time,
    and nobody is logged out. It costs a query of the user's sessions and a read of the user more.
    """

    def __init__(self, plain: RefreshTokens, hooked: Hooked) -> None:
        vars(self).update(vars(plain))
        self._plain = plain
        self._hooked = hooked

    def exchange(self, refresh_token: str, caller: Caller) -> LoggedIn:
        """See ``RefreshTokens.exchange``. Raises HookFailed before anything has changed."""
        grant = self._verifier.verify(REFRESH_TOKEN, refresh_token)
        user = self._user_of(grant, caller)
        if user is None:
            # There is nothing to issue: the refusal is that of a site without hooks.
            return self._plain.exchange(refresh_token, caller)
        ready = object.__new__(RefreshTokens)
        vars(ready).update(vars(self._plain), _issuer=self._issuer.prepared(user))
        return ready.exchange(refresh_token, caller)

    def _user_of(self, grant: RefreshGrant, caller: Caller) -> User | None:
        """Return the user who would get a successor of a token now, None if nobody would."""
        now = self._clock()
        stored = self._sessions.of_user(grant.user_id)
        session = next((session for session in stored if session.id == grant.session_id), None)
        if session is None or not session.allows(caller.key_proof):
            return None
        if not (session.accepts(grant.counter, now) or session.is_retry(grant.counter, now, self._rules.retry_window)):
            return None
        user = self._users.find(session.username)
        return user if user is not None and session.belongs_to(user) and not user.disabled else None


class _NobodyHasTheName(Exception):
    """Raised within a log-in with a name that nobody has, whose attempt has been counted."""

    def __init__(self, admission: Admission) -> None:
        super().__init__()
        self.admission = admission


class _Guard(PasswordGuard):
    """Checks passwords, and leaves it to the caller what is done about a name that nobody has."""

    def __init__(self, plain: PasswordGuard) -> None:
        vars(self).update(vars(plain))

    def _nobody(self, admission: Admission) -> Exception:
        return _NobodyHasTheName(admission)


class _LogIn(LogIn):
    """Log-ins of users whom another system has, and who get their account here by the first one.

    The attempt has been counted before the other system is asked, so the limits are ours whatever it has.
    """

    def __init__(self, plain: LogIn, hooked: Hooked) -> None:
        vars(self).update(vars(plain))
        self._guard = _Guard(self._guard)
        self._hooked = hooked

    def with_password(self, username: str, password: str, caller: Caller, *, device: Known | None = None) -> LoggedIn:
        """See ``LogIn.with_password``. A hook that fails answers as a wrong password does."""
        try:
            return super().with_password(username, password, caller, device=device)
        except _NobodyHasTheName as nobody:
            admission = nobody.admission
        migrated = self._asked(username, password)
        if migrated is not None:
            with contextlib.suppress(UsernameTaken):
                logged_in = self._created(username, password, caller, migrated)
                if admission.window is not None:
                    self._hooked.stores.throttle.not_registered(admission.window)
                return logged_in
            # Another request was a moment ahead: it has made the account, of this user or of another.
            with contextlib.suppress(_NobodyHasTheName):
                return super().with_password(username, password, caller, device=device)
        raise self._guard.refusal(None, "unknown user", caller)

    def _asked(self, username: str, password: str) -> MigratedUser | None:
        """Return what the other system says of a user with this password, None if there is none or it does not say."""
        hooks, settings = self._hooked.hooks, self._hooked.settings
        end = hooks.migrate_until
        if end is not None and datetime.fromtimestamp(self._hooked.clock(), UTC).date() >= end:
            return None
        by_address = settings.identifier == "email"
        if (address_error(username) if by_address else new_username_error(username)) is not None:
            return None  # no account can have this name
        migrate = cast("Callable[..., Any]", hooks.migrate)
        with contextlib.suppress(HookFailed, RegistrationRefused):
            return cast(
                "MigratedUser | None",
                self._hooked.ask(
                    "migrate", lambda: _checked(_sense(migrate(username, password)), by_address=by_address)
                ),
            )
        return None

    def _created(self, username: str, password: str, caller: Caller, migrated: MigratedUser) -> LoggedIn:
        """Create the account and begin its first session. Raises UsernameTaken."""
        settings, hooked = self._hooked.settings, self._hooked
        by_address = settings.identifier == "email"
        email = username if by_address else migrated.email
        contact = None
        if email is not None and settings.email != "off":
            contact = Contact(email, verified=migrated.email_verified, language=migrated.language)
        user = User(
            id=new_id(),
            username=normalised_username(username),
            # The policy is for new passwords: this one is let in as it is there.
            password_hash=hooked.hasher.hash(password),
            roles=tuple(sorted(set(migrated.roles))),
            created_at=hooked.clock(),
            contact=contact,
        )
        try:
            return self._begin_session.of_new_user(user, caller)
        except UsernameTaken:
            has_address = contact is not None and contact.verified and not by_address
            if not has_address or hooked.stores.users.find(username) is not None:
                raise
        # Another account has verified the address. The name is this user's all the same.
        return self._begin_session.of_new_user(
            User(user.id, user.username, user.password_hash, user.roles, user.created_at), caller
        )


def _sense(returned: Returned) -> Returned:
    """Return what a hook has returned. Raises ValueError for a coroutine: nothing awaits it."""
    if isinstance(returned, Coroutine):
        returned.close()
        raise _Senseless("it returned a coroutine, which nothing awaits: hooks are plain functions")
    return returned


def _nothing(returned: object, meaning: str) -> None:
    """Raise ValueError unless a hook has returned None. ``meaning`` is what None would have meant."""
    if _sense(returned) is not None:
        raise _Senseless(f"it returned {type(returned).__name__}: {meaning}")


def _checked(migrated: object, *, by_address: bool) -> MigratedUser | None:
    """Return what a hook has returned. Raises ValueError if no account can be made of it."""
    if migrated is None:
        return None
    if not isinstance(migrated, MigratedUser):
        raise _Senseless(f"it returned {type(migrated).__name__}, and a migration returns a MigratedUser or None")
    if (problem := roles_error(migrated.roles)) is not None:
        raise ValueError(problem)
    if ADMIN in migrated.roles:
        raise ValueError("no migration makes an administrator: use the command line")
    if migrated.email is not None and (problem := address_error(migrated.email)) is not None:
        raise ValueError(problem)
    if by_address and not migrated.email_verified:
        raise ValueError("where the address is the username, it has to be verified")
    return migrated


def _attempt(
    username: str, email: str | None, caller: Caller, language: str, *, has_password: bool
) -> RegistrationAttempt:
    return RegistrationAttempt(
        username=username,
        email=email,
        has_password=has_password,
        ip=caller.ip,
        user_agent=caller.user_agent,
        language=language,
    )
