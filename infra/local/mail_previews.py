"""Previews of the templates, read anew each time, so that what somebody edits is seen at once."""

import os
from collections.abc import Iterator
from typing import Any

from chalicelib.accounts.languages import LANGUAGES


def page_url() -> str:
    """Return the URL of the page that the links in mails lead to. Raises ConfigurationError."""
    from chalicelib.config.mailer import MailerSettings  # noqa: PLC0415 - a start of the server does not need it

    return f"{MailerSettings.from_environment(os.environ).look.site_url}/"


def sends_mails() -> bool:
    """Return whether the site sends mails, as far as this process is told."""
    return os.environ.get("LYCHGATE_EMAIL") != "off"


def listed_previews() -> Iterator[dict[str, Any]]:
    """Yield a sample of each mail as the mailbox lists them. One whose file is broken says what is wrong with it.

    Raises ConfigurationError.
    """
    from chalicelib.config.mailer import MailerSettings  # noqa: PLC0415 - see above
    from chalicelib.mails.previews import preview  # noqa: PLC0415
    from chalicelib.mails.rendering import TEMPLATES, BrokenTemplate  # noqa: PLC0415

    look = MailerSettings.from_environment(os.environ).look
    for template in TEMPLATES:
        for language in LANGUAGES:
            listed = {"id": f"{language}/{template}", "to": str(template), "language": language}
            try:
                rendered = preview(template, language, look).rendered
            except BrokenTemplate as broken:
                yield {**listed, "subject": "This template is broken", "text": str(broken), "html": "", "broken": True}
            else:
                yield {**listed, "subject": rendered.subject, "text": rendered.text, "html": rendered.html}
