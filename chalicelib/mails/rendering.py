"""Mails from templates: plain files, one with text and one with HTML for each mail and language.

Owns where the files are, what may stand in them, and what values may be: nothing that a stranger has chosen. A site's
own file goes before ours of the same name. Files are read at each mail, so that a change is seen at once.
docs/mails.md says how to edit them.
"""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

from chalicelib.accounts.languages import OURS, SITES_MAILS, languages
from chalicelib.accounts.mail import REGISTER_KNOWN, REGISTER_UNCONFIRMED, MailKind
from chalicelib.mails.colours import DARK, LIGHT, as_text, is_colour, text_on

TEMPLATES: Mapping[str, tuple[str, ...]] = {
    MailKind.REGISTER: ("link", "minutes"),
    REGISTER_KNOWN: (),
    REGISTER_UNCONFIRMED: (),
    MailKind.EMAIL: ("link", "minutes"),
    MailKind.RESET: ("link", "minutes"),
    MailKind.INVITATION: ("link", "hours"),
    MailKind.LOGIN_CODE: ("code", "minutes"),
    MailKind.PASSWORD_CHANGED: (),
    MailKind.PASSWORD_RESET: (),
    MailKind.EMAIL_CHANGED: (),
    MailKind.REFRESH_TOKEN_REUSED: (),
    MailKind.SECOND_FACTOR_ADDED: (),
    MailKind.SECOND_FACTOR_REMOVED: (),
    MailKind.RECOVERY_CODES_REPLACED: (),
    MailKind.RECOVERY_CODE_USED: (),
    MailKind.PASSKEY_ADDED: (),
    MailKind.PASSKEY_REMOVED: (),
}
"""The values of each template."""

MAX_LINE = 76
"""Characters of a line of text, without links. RFC 5322 section 2.1.1 recommends no more than 78."""

MAX_NAME = 64
MAX_NAME_IN_SUBJECT = 40
"""Characters of the site's name. A longer one is cut in a subject, which then fits into a line."""

_SITE = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?")
_LINK = re.compile(r"[A-Za-z0-9._~:/?#@!&'()*+,;=%-]+")
_VALUES = {
    "code": re.compile(r"[0-9A-Za-z]{1,32}"),
    "minutes": re.compile(r"[0-9]{1,4}"),
    "hours": re.compile(r"[0-9]{1,4}"),
}
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_RULE = re.compile(r"([a-z_]+)\s*\{([^{}]*)\}")
_INDISPENSABLE = ("link", "code")


@dataclass(frozen=True, slots=True, eq=False)
class Files:
    """Where templates are. What the site has goes before what we have."""

    ours: Path = Path(__file__).parent
    sites: Path = SITES_MAILS

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that they are in, ours first."""
        return languages(self.sites)

    def find(self, name: str) -> Path:
        """Return the path of a file, the site's if there is one, or if it is of a language of the site's own."""
        own = self.sites / name
        folder, below, _ = name.partition("/")
        is_ours = not below or folder in OURS
        return self.ours / name if is_ours and not own.is_file() else own


FILES = Files()


class BrokenTemplate(Exception):
    """Raised if a template's file cannot be used. The message names the file and says what is wrong with it."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """How a site's mails look: its name, its address such as ``https://example.com``, its colour as ``#rrggbb``.

    Raises ValueError for a name, an address or a colour that cannot stand in a mail.
    """

    site_name: str
    site_url: str
    colour: str

    def __post_init__(self) -> None:
        name = self.site_name
        if not name.strip() or name != name.strip() or not name.isprintable() or len(name) > MAX_NAME:
            raise ValueError(f"A site's name has 1 to {MAX_NAME} printable characters, without spaces around: {name!r}")
        if not _SITE.fullmatch(self.site_url):
            raise ValueError(f"A site's address is like https://example.com, with no path: {self.site_url!r}")
        if not is_colour(self.colour):
            raise ValueError(f"A colour is like #1f5fa8: {self.colour!r}")

    @property
    def site(self) -> str:
        """The site's address as people write it: no link."""
        return self.site_url.partition("://")[2]


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """A mail, but for its addresses."""

    subject: str
    text: str
    html: str


def render(template: str, language: str, values: Mapping[str, str], look: Look, files: Files = FILES) -> Rendered:
    """Return the mail of a template, in one of the languages or else in the first of them.

    Raises BrokenTemplate if a file of it is missing or broken, and ValueError if the template is unknown, if the values
    are not those of ``TEMPLATES``, or if one of them could be a stranger's text: a link that does not lead to the site,
    anything but letters and digits in a code.
    """
    _check_values(template, values, look)
    language = language if language in (there_are := files.languages) else there_are[0]
    needed = tuple(name for name in _INDISPENSABLE if name in values)
    of_site = {"site_name": look.site_name, "site": look.site}

    file = files.find(f"{language}/{template}.txt")
    first_line, _, body = read(file).partition("\n")
    subject = _filled(file, first_line, of_site | {"site_name": _shortened(look.site_name)}).strip()
    if not subject:
        raise BrokenTemplate(f"{file}: its first line is the mail's subject, and is empty.")
    text = _wrapped(_filled(file, body, {**of_site, **values}, needed, line=2))
    footer = _wrapped(_filled_file(files.find(f"{language}/footer.txt"), of_site | {"sender": _sender(look)}))

    in_html = _escaped({**_styles(look, files), **of_site, **values})
    content = _filled_file(files.find(f"{language}/{template}.html"), in_html, needed)
    around = _escaped({"language": language, "subject": subject, "footer": footer}) | {"content": content}
    frame = _filled_file(files.find("frame.html"), in_html | around, ("language", "content"))
    return Rendered(subject, f"{text}\n\n-- \n{footer}\n", frame)


def read(file: Path) -> str:
    """Return what is in a file. Raises BrokenTemplate if it is missing or not in UTF-8."""
    try:
        return file.read_text("utf-8-sig")
    except FileNotFoundError:
        raise BrokenTemplate(
            f"{file} is missing. A language of the site's own needs each file that ours have."
        ) from None
    except UnicodeDecodeError as not_utf8:
        raise BrokenTemplate(f"{file} is not in UTF-8: {not_utf8.reason} at byte {not_utf8.start}.") from None


def without_comments(css: str) -> str:
    """Return a style sheet without its comments, with as many lines."""
    return _COMMENT.sub(lambda comment: "\n" * comment[0].count("\n"), css)


def _check_values(template: str, values: Mapping[str, str], look: Look) -> None:
    if template not in TEMPLATES:
        raise ValueError(f"There is no template {template!r}. There are {', '.join(TEMPLATES)}.")
    if set(values) != set(TEMPLATES[template]):
        wanted = ", ".join(TEMPLATES[template]) or "none"
        raise ValueError(f"The values of {template} are {wanted}, not {', '.join(sorted(values)) or 'none'}.")
    for name, value in values.items():
        if name == "link":
            good = value.startswith(look.site_url + "/") and _LINK.fullmatch(value) is not None
        else:
            good = _VALUES[name].fullmatch(value) is not None
        if not good:
            # Not the value: it may be a secret.
            raise ValueError(f"The {name} for {template} is nothing that may stand in a mail.")


def _escaped(values: Mapping[str, str]) -> dict[str, str]:
    return {name: html.escape(value) for name, value in values.items()}


def _styles(look: Look, files: Files) -> dict[str, str]:
    """Return what HTML is written with: the colours, and each rule of ``styles.css`` under its name, in one line.

    A rule of the site's goes before ours of the same name, so its file has those only that are different.
    """
    styles = colours = {
        "colour": look.colour,
        "on_colour": text_on(look.colour),
        "colour_as_text": as_text(look.colour, LIGHT),
        "colour_as_text_on_dark": as_text(look.colour, DARK),
    }
    for file in dict.fromkeys((files.ours / "styles.css", files.find("styles.css"))):
        rules = _RULE.findall(_filled(file, without_comments(read(file)), colours))
        styles = styles | {name: " ".join(declarations.split()) for name, declarations in rules}
    return styles


def _sender(look: Look) -> str:
    is_named = look.site_name.casefold() != look.site.casefold()
    return f"{look.site_name} ({look.site})" if is_named else look.site


def _shortened(name: str) -> str:
    return name if len(name) <= MAX_NAME_IN_SUBJECT else name[: MAX_NAME_IN_SUBJECT - 1].rstrip() + "…"


def _filled_file(file: Path, values: Mapping[str, str], needed: tuple[str, ...] = ()) -> str:
    return _filled(file, read(file), values, needed)


def _filled(file: Path, text: str, values: Mapping[str, str], needed: tuple[str, ...] = (), line: int = 1) -> str:
    """Return a text with its placeholders replaced. ``needed`` are those that it must have, ``line`` is its first."""
    names = set()
    for found in Template.pattern.finditer(text):
        name = found["named"] or found["braced"]
        where = f"{file}, line {line + text.count(chr(10), 0, found.start())}"
        if found["invalid"] is not None:
            raise BrokenTemplate(f"{where}: a $ begins a placeholder such as $site_name. A $ by itself is $$.")
        if name and name not in values:
            raise BrokenTemplate(f"{where}: ${name} is unknown here. There are ${', $'.join(sorted(values))}.")
        names.add(name)
    if missing := [name for name in needed if name not in names]:
        raise BrokenTemplate(f"{file} lacks ${missing[0]}. Without it the mail is of no use.")
    return Template(text).substitute(values)


def _wrapped(text: str) -> str:
    """Return a text with its paragraphs, which blank lines divide, in lines of their own. Links stay whole."""
    paragraphs = (" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", text))
    fill = textwrap.TextWrapper(MAX_LINE, break_long_words=False, break_on_hyphens=False).fill
    return "\n\n".join(fill(paragraph) for paragraph in paragraphs if paragraph)
