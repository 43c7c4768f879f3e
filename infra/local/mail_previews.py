"""Previews of the templates, read anew each time, so that what somebody edits is seen at once."""

import os
from collections.abc import Iterator
from typing import Any

from chalicelib.accounts.languages import SITES_MAILS


def page_url() -> str:
    """Return the URL of the page that the links in mails lead to. Raises ConfigurationError."""
    from chalicelib.config.mailer import MailerSettings  # noqa: PLC0415 - a start of the server does not need it

    return f"{MailerSettings.from_environment(os.environ).look.site_url}/"


def sends_mails() -> bool:
    """Return whether the site sends mails, as far as this process is told."""
    return os.environ.get("LYCHGATE_EMAIL") != "off"


def said_of_files() -> list[str]:
    """Return a sentence for each thing that is wrong with the site's own files of mails."""
    if not SITES_MAILS.is_dir():
        return []
    from chalicelib.mails.previews import problems  # noqa: PLC0415 - few sites have any

    return problems()


def listed_previews() -> Iterator[dict[str, Any]]:
    """Yield a sample of each mail as the mailbox lists them. One whose file is broken says what is wrong with it.

    So do files and folders that no mail uses, and the site's styles, before them. Raises ConfigurationError.
    """
    from chalicelib.config.mailer import MailerSettings  # noqa: PLC0415 - see above
    from chalicelib.mails.own_styles import mistakes  # noqa: PLC0415
    from chalicelib.mails.previews import preview, strays  # noqa: PLC0415
    from chalicelib.mails.rendering import FILES, TEMPLATES, BrokenTemplate  # noqa: PLC0415

    look = MailerSettings.from_environment(os.environ).look
    for name, text in strays().items():
        yield _told(name, "This folder is no language" if name.endswith("/") else "This file is used by no mail", text)
    if of_styles := mistakes(FILES):
        yield _told("styles.css", "This file has mistakes", "\n\n".join(of_styles))
    languages = FILES.languages
    for template in TEMPLATES:
        for language in languages:
            listed = {"id": f"{language}/{template}", "to": str(template), "language": language}
            try:
                rendered = preview(template, language, look).rendered
            except BrokenTemplate as broken:
                yield {**listed, "subject": "This template is broken", "text": str(broken), "html": "", "broken": True}
            else:
                yield {**listed, "subject": rendered.subject, "text": rendered.text, "html": rendered.html}


def _told(name: str, subject: str, text: str) -> dict[str, Any]:
    return {"id": name, "to": name, "subject": subject, "text": text, "html": "", "broken": True}
