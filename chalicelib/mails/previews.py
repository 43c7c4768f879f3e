"""A sample of each mail in each language, to look at, and what is wrong with the files that they are made of."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.accounts.mail import MailKind
from chalicelib.mails.rendering import FILES, TEMPLATES, BrokenTemplate, Files, Look, Rendered, render

_SUFFIXES = (".txt", ".html", ".css")
_NAMES = {f"{template}{suffix}" for template in TEMPLATES for suffix in (".txt", ".html")} | {"footer.txt"}
ANY_LOOK = Look("Example", "https://site.example", "#24503c")
"""For what does not depend on a site's settings."""

_PURPOSES: Mapping[str, str] = {MailKind.INVITATION: MailKind.RESET}
"""In the fragment of a link, where that is not the template's name."""
_MINUTES: Mapping[str, str] = {MailKind.RESET: "30", MailKind.LOGIN_CODE: "10"}


@dataclass(frozen=True, slots=True, eq=False)
class Preview:
    """A mail as somebody would get it. Its link and its code are good for nothing."""

    template: str
    language: str
    rendered: Rendered


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


def problems(look: Look = ANY_LOOK, files: Files = FILES) -> list[str]:
    """Return a sentence, which names the file, for each thing that is wrong with the files of mails.

    A file may be broken, as ``render`` says, or used by no mail, and a language of the site's own may lack files.
    """
    found = list(strays(files).values())
    for language in files.languages:
        if missing := [name for name in sorted(_NAMES) if not files.find(f"{language}/{name}").is_file()]:
            found.append(
                f"{files.sites / language} lacks {', '.join(missing)}: a language of the site's own needs each."
            )
            continue
        for template in TEMPLATES:
            try:
                preview(template, language, look, files)
            except BrokenTemplate as broken:
                found.append(str(broken))
    return list(dict.fromkeys(found))


def strays(files: Files = FILES) -> dict[str, str]:
    """Return a sentence about each file of the site's that no mail uses, under its name below the site's folder."""
    used = {f"{language}/{name}" for language in files.languages for name in _NAMES} | {"frame.html", "styles.css"}
    paths = {path.relative_to(files.sites).as_posix(): path for path in sorted(files.sites.rglob("*.*"))}
    return {
        name: f"{path} is used by no mail.{_meant(name, used)}"
        for name, path in paths.items()
        if path.suffix in _SUFFIXES and name not in used
    }


def _meant(name: str, used: set[str]) -> str:
    near = difflib.get_close_matches(name.lower(), sorted(used), n=1)
    return f" Did you mean {near[0]}?" if near else f" Files of each language: {', '.join(sorted(_NAMES))}."
