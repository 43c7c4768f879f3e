"""What a site may add to registration and log-in, in Python: ``chalicelib/site/hooks.py`` has the site's own.

Every process of the API loads this module as it starts, so it imports nothing that is not loaded anyway. What hooks are
told is in ``hook_facts``, and ``hooked`` calls them: both are loaded where there are hooks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.errors import FieldError, ServiceUnavailable, ValidationFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

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
    ) -> None:
        """Take the hooks that the site has.

        Args:
            before_registration: may refuse an account, with RegistrationRefused.
            claims: returns what a user's access tokens say beside what ours say.
            after_log_in: is told of a session that has begun.
            after_event: is told of a security event that has happened.
            migrate: is asked at a log-in, with the name and the password, for a user whom another system has.
            migrate_until: the day from whose beginning, in UTC, ``migrate`` is not asked any more.

        """
        self.before_registration = before_registration
        self.claims = claims
        self.after_log_in = after_log_in
        self.after_event = after_event
        self.migrate = migrate
        self.migrate_until = migrate_until

    def __bool__(self) -> bool:
        """Return whether there is any hook."""
        return any((self.before_registration, self.claims, self.after_log_in, self.after_event, self.migrate))
