"""The application over moto, in this process, with a clock that obeys."""

from tests.support.in_process_api import all_hashes_are_cheap, api, application, mailbox, settings

__all__ = ["all_hashes_are_cheap", "api", "application", "mailbox", "settings"]
