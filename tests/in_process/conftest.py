"""The application over moto, in this process, with a clock that obeys."""

from tests.support.in_process_api import api, application, mailbox, settings

__all__ = ["api", "application", "mailbox", "settings"]
