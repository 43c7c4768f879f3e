"""What a site may add to registration and log-in, in Python: ``chalicelib/site/hooks.py`` has the site's own.

Every process of the API loads this module as it starts, so it imports nothing that is not loaded anyway. What hooks are
told is in ``hook_facts``, and ``hooked`` calls them: both are loaded where there are hooks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.errors import FieldError, ServiceUnavailable, ValidationFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date
    from typing import Never

    from chalicelib.accounts.events import SecurityEvent
    from chalicelib.use_cases.hook_facts import JSON, LogInFacts, RegistrationAttempt, UserFacts


class RegistrationRefused(ValidationFailed):
    """Raised by a site's hook to refuse a registration. The answer is 422 and names the field."""

    def __init__(self, field: str, message: str) -> None:
        """Refuse because of a ``field``: ``username`` or ``email``. ``message`` is a sentence that its user is shown.

        Where the address is the username there is no ``username`` in the request, and ``email`` is named.

        Raises ValueError for another field.
        """
        if field not in {"username", "email"}:
            raise ValueError(f"a registration is refused for its username or its email, not for {field!r}")
        super().__init__(FieldError(field, message))


class HookFailed(ServiceUnavailable):
    """Raised if a request cannot go on because a hook of the site has failed. The caller learns nothing of it."""

    def __init__(self, hook: str, problem: str) -> None:
        super().__init__(f"the hook {hook} failed: {problem}")


class MigratedUser:
    """What another system has said of a user whose password is right there."""

    def __init__(
        self,
        *,
        email: str | None = None,
        email_verified: bool = False,
        roles: tuple[str, ...] = ("user",),
        language: str = "",
    ) -> None:
        """Keep what the account will have.

        ``email_verified`` says that its owner has shown there to get its mail. It must be true where the address is the
        username, which the address then is. ``language`` is one of those of mails, "" for the site's.
        """
        self.email = email
        self.email_verified = email_verified
        self.roles = roles
        self.language = language


class Hooks:
    """The hooks of a site: functions that are called in the process of the API, each of them at its moment.

    docs/hooks.md says what each may see and do, and what happens if it is slow or fails.
    """

    def __init__(
        self,
        *,
        before_registration: Callable[[RegistrationAttempt], None] | None = None,
        claims: Callable[[UserFacts], Mapping[str, JSON]] | None = None,
        after_log_in: Callable[[UserFacts, LogInFacts], None] | None = None,
        after_event: Callable[[SecurityEvent], None] | None = None,
        migrate: Callable[[str, str], MigratedUser | None] | None = None,
        migrate_until: date | None = None,
        **unknown: Never,
    ) -> None:
        """Take the hooks that the site has.

        Args:
            before_registration: may refuse an account, with RegistrationRefused.
            claims: returns what a user's access tokens say beside what ours say.
            after_log_in: is told of a session that has begun.
            after_event: is told of a security event that has happened.
            migrate: is asked at a log-in, with the name and the password, for a user whom another system has.
            migrate_until: the day from whose beginning, in UTC, ``migrate`` is not asked any more.
            unknown: nothing.

        Raises TypeError for another hook, and for one that is no plain function: nothing awaits what a hook returns.
        """
        hooks = {
            "before_registration": before_registration,
            "claims": claims,
            "after_log_in": after_log_in,
            "after_event": after_event,
            "migrate": migrate,
        }
        if unknown:
            raise TypeError(_no_such_hook(next(iter(unknown)), [*hooks, "migrate_until"]))
        for name, hook in hooks.items():
            if hook is not None:
                _refuse_unusable(name, hook)
        if migrate_until is not None:
            # A day of another type would fail at the first log-in.
            from datetime import date  # noqa: PLC0415

            if type(migrate_until) is not date:
                raise TypeError(f"migrate_until is a day, such as date(2027, 6, 30), and not {migrate_until!r}")
        self.before_registration = before_registration
        self.claims = claims
        self.after_log_in = after_log_in
        self.after_event = after_event
        self.migrate = migrate
        self.migrate_until = migrate_until

    def __bool__(self) -> bool:
        """Return whether there is any hook."""
        return any((self.before_registration, self.claims, self.after_log_in, self.after_event, self.migrate))


def _no_such_hook(name: str, hooks: list[str]) -> str:
    """Return which hooks there are, the one that is meant first."""
    # Only a mistake needs it.
    from difflib import SequenceMatcher  # noqa: PLC0415

    nearest = sorted(hooks, key=lambda hook: -SequenceMatcher(None, name, hook).ratio())
    return f"there is no hook {name}. There are: {', '.join(nearest)}"


def _refuse_unusable(name: str, hook: object) -> None:
    """Raise TypeError unless a hook is a function that has done its work when it returns."""
    if not callable(hook):
        raise TypeError(f"the hook {name} is a {type(hook).__name__}, and hooks are functions: {name}=my_function")
    # A site without hooks does not need it.
    import inspect  # noqa: PLC0415

    for each in (hook, type(hook).__call__):
        is_generator = inspect.isgeneratorfunction(each)
        if is_generator or inspect.iscoroutinefunction(each) or inspect.isasyncgenfunction(each):
            raise TypeError(
                f"the hook {name}{_place_of(each)} is {'a generator' if is_generator else 'an async function'}, and"
                " hooks are plain functions: nothing would run it to its end. Write `def`, without `async` and `yield`"
            )


def _place_of(function: Any) -> str:  # noqa: ANN401 - whatever can be called
    """Return where a function is, in parentheses, "" if nobody knows."""
    while not hasattr(function, "__code__"):
        if not hasattr(function, "func"):
            return ""
        function = function.func  # of a functools.partial
    code = function.__code__
    _, room, file = code.co_filename.rpartition("chalicelib/site/")
    return f" ({room}{file}:{code.co_firstlineno})"
