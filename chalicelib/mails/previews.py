"""A sample of each mail in each language, to look at, and what is wrong with the files that they are made of."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.accounts.languages import TAG
from chalicelib.accounts.mail import MailKind
from chalicelib.mails import own_styles
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

    A file may be broken, as ``render`` or ``own_styles`` says, or used by no mail, and a language of the site's own may
    lack files.
    """
    found = [*strays(files).values(), *own_styles.mistakes(files)]
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
    """Return a sentence about each file of the site's that no mail uses, under its name below the site's folder.

    A folder that is no language is told once, whatever is in it. A slash ends its name.
    """
    languages = files.languages
    used = {f"{language}/{name}" for language in languages for name in _NAMES} | {"frame.html", "styles.css"}
    found = {}
    for path in sorted(files.sites.rglob("*.*")):
        name = path.relative_to(files.sites).as_posix()
        if path.suffix not in _SUFFIXES or name in used:
            continue
        folder, below, _ = name.partition("/")
        if below and folder not in languages:
            found[f"{folder}/"] = f"{files.sites / folder} is used by no mail: {_no_language(folder)}"
        else:
            found[name] = f"{path} is used by no mail.{_meant(name, used)}"
    return found


def _no_language(folder: str) -> str:
    language, *others = re.split("[-_]", folder)
    # RFC 5646 section 2.1.1: a region has two capitals, and a script one.
    shaped = (each.upper() if len(each) == 2 else each.title() if len(each) == 4 else each for each in others)  # noqa: PLR2004
    tag = "-".join((language.lower(), *shaped))
    if not TAG.fullmatch(tag):
        return f"{folder} is no language tag (BCP 47), such as fr or pt-BR."
    if "_" in folder:
        return f"{folder} is no language tag (BCP 47), {tag} is."
    return f"the tag of a language begins in small letters, so its folder is {tag}."


def _meant(name: str, used: set[str]) -> str:
    near = difflib.get_close_matches(name.lower(), sorted(used), n=1)
    return f" Did you mean {near[0]}?" if near else f" Files of each language: {', '.join(sorted(_NAMES))}."
