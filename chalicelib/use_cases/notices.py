"""Mails that tell a user what has happened to the account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.errors import NotFound

if TYPE_CHECKING:
    from chalicelib.accounts.mail import Mail


class Notices:
    """Writes notices, if the site sends mail at all."""

    def __init__(self, *, sends: bool) -> None:
        self._sends = sends

    def require_mail(self) -> None:
        """Raise NotFound if the site sends no mail: then nothing that needs it exists."""
        if not self._sends:
            raise NotFound

    def of(
        self, kind: str, *, username: str, user_id: str, at: int, to: str | None = None, language: str = ""
    ) -> Mail | None:
        """Return the mail that tells a user what happened at ``at``, None if the site sends none.

        ``kind`` is the value of a ``MailKind``. ``to`` is the address, if it is no longer the account's, and
        ``language`` what the account said of it. Otherwise both are the account's: what happened may be a stranger's
        doing.
        """
        if not self._sends:
            return None
        # Most processes never send one.
        from chalicelib.accounts.mail import Mail, MailKind  # noqa: PLC0415
        from chalicelib.credentials.mailed import new_mail_id  # noqa: PLC0415

        return Mail(new_mail_id(), MailKind(kind), at, language, asked=username, user_id=user_id, to=to)
