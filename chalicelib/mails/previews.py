"""A sample of each mail in each language, to look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.accounts.languages import LANGUAGES
from chalicelib.accounts.mail import MailKind
from chalicelib.mails.rendering import TEMPLATES, Look, Rendered, render

_MINUTES: Mapping[str, str] = {MailKind.RESET: "30", MailKind.LOGIN_CODE: "10"}


@dataclass(frozen=True, slots=True, eq=False)
class Preview:
    """A mail as somebody would get it. Its link and its code are good for nothing."""

    template: str
    language: str
    rendered: Rendered


def previews(look: Look) -> list[Preview]:
    """Return a sample of each template in each language. Raises BrokenTemplate as ``render`` does."""
    return [preview(template, language, look) for template in TEMPLATES for language in LANGUAGES]


def preview(template: str, language: str, look: Look) -> Preview:
    """Return a sample of one template. Raises what ``render`` does."""
    return Preview(template, language, render(template, language, sample_values(template, look), look))


def sample_values(template: str, look: Look) -> dict[str, str]:
    """Return values such as the mailer gives to a template. Raises ValueError if there is no such template."""
    if template not in TEMPLATES:
        raise ValueError(f"There is no template {template!r}.")
    samples = {
        "link": f"{look.site_url}/account.html#{template}={'sample' * 10}token",
        "code": "042137",
        "minutes": _MINUTES.get(template, "60"),
    }
    return {name: samples[name] for name in TEMPLATES[template]}
