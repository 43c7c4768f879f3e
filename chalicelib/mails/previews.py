"""A sample of each mail in each language, to look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.accounts.mail import MailKind
from chalicelib.mails.rendering import FILES, TEMPLATES, BrokenTemplate, Files, Look, Rendered, render

_SUFFIXES = (".txt", ".html", ".css")
_NAMES = {f"{template}{suffix}" for template in TEMPLATES for suffix in (".txt", ".html")} | {"footer.txt"}
_PURPOSES: Mapping[str, str] = {MailKind.INVITATION: MailKind.RESET}
"""In the fragment of a link, where that is not the template's name."""
_MINUTES: Mapping[str, str] = {MailKind.RESET: "30", MailKind.LOGIN_CODE: "10"}


@dataclass(frozen=True, slots=True, eq=False)
class Preview:
    """A mail as somebody would get it. Its link and its code are good for nothing."""

    template: str
    language: str
    rendered: Rendered


def previews(look: Look, files: Files = FILES) -> list[Preview]:
    """Return a sample of each template in each language.

    Raises BrokenTemplate as ``render`` does, and for a file of the site's that no mail would use.
    """
    _refuse_strays(files)
    return [preview(template, language, look, files) for template in TEMPLATES for language in files.languages]


def preview(template: str, language: str, look: Look, files: Files = FILES) -> Preview:
    """Return a sample of one template. Raises what ``render`` does."""
    return Preview(template, language, render(template, language, sample_values(template, look), look, files))


def sample_values(template: str, look: Look) -> dict[str, str]:
    """Return values such as the mailer gives to a template. Raises ValueError if there is no such template."""
    if template not in TEMPLATES:
        raise ValueError(f"There is no template {template!r}.")
    samples = {
        "link": f"{look.site_url}/account.html#{_PURPOSES.get(template, template)}={'sample' * 10}token",
        "code": "042137",
        "minutes": _MINUTES.get(template, "60"),
        "hours": "24",
    }
    return {name: samples[name] for name in TEMPLATES[template]}


def _refuse_strays(files: Files) -> None:
    used = {f"{language}/{name}" for language in files.languages for name in _NAMES} | {"frame.html", "styles.css"}
    for path in sorted(files.sites.rglob("*.*")):
        if path.suffix in _SUFFIXES and path.relative_to(files.sites).as_posix() not in used:
            raise BrokenTemplate(f"{path} is used by no mail. Files of each language: {', '.join(sorted(_NAMES))}.")
