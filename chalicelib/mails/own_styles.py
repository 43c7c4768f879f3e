"""What is wrong with a site's own ``styles.css``: what mails would be sent without, or with in the wrong place.

Owns how the file may be written. ``rendering`` takes the rules that it finds, because a mailer is too late to complain:
whoever writes the file is told, and a deployment refuses it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from string import Template

from chalicelib.mails.rendering import TEMPLATES, BrokenTemplate, Files, read, without_comments

_VALUES = {"site_name", "site", "colour", "on_colour", "colour_as_text", "colour_as_text_on_dark"}
_VALUES |= {"language", "subject", "content", "footer"}.union(*TEMPLATES.values())

_NAME = re.compile(r"[a-z_]+")
_AT_RULE = re.compile(r"\s*(@[\w-]*)[^{};]*(?:;|\{(?:[^{}]*\{[^{}]*\})*[^{}]*\})")
_RULE = re.compile(r"([^{}]*)\{([^{}]*)([{}]|\Z)")
_STRAY_END = re.compile(r"[^{}]*\}")
_WITH_COLONS = re.compile(r"\"[^\"]*\"|'[^']*'|\([^()]*\)")
_DECLARATION = re.compile(r"[*-]*\w[\w-]*\s*:\s*\S.*", re.DOTALL)
_TWO_DECLARATIONS = re.compile(r"[^:]*:\s*\S.*\s[\w-]+\s*:.*", re.DOTALL)
_LONGEST = 40


def mistakes(files: Files) -> list[str]:
    """Return a sentence, which names file and line, for each mistake in the site's ``styles.css``.

    What makes ``render`` raise BrokenTemplate, such as an unknown placeholder, is not among them.
    """
    file = files.sites / "styles.css"
    if not file.is_file():
        return []
    try:
        # The braces of ${colour} are none of a rule's.
        css = re.sub(r"\$\{(\w+)\}", r"$\1", without_comments(read(file)))
        ours = _rules(without_comments(read(files.ours / "styles.css")))
        own = (_rules(css) & _own_placeholders(files)) - _VALUES
    except BrokenTemplate:
        return []
    return [f"{file}, line {line}: {said}" for line, said in _Reader(css, ours | own).mistakes()]


def _rules(css: str) -> set[str]:
    return {rule[1].strip() for rule in _RULE.finditer(css)}


def _own_placeholders(files: Files) -> set[str]:
    names = {f"{language}/{template}.html" for language in files.languages for template in TEMPLATES} | {"frame.html"}
    own = (files.sites / name for name in names)
    return {name for file in own if file.is_file() for name in Template(read(file)).get_identifiers()}


class _Reader:
    def __init__(self, css: str, styles: set[str]) -> None:
        self._css, comment, _ = css.partition("/*")
        self._has_open_comment = bool(comment)
        self._styles = sorted(styles)
        self._lines: dict[str, int] = {}

    def mistakes(self) -> Iterator[tuple[int, str]]:
        """Yield each mistake with its line, until one of them leaves open how the rest is meant."""
        at = 0
        while self._css[at:].strip():
            if found := _AT_RULE.match(self._css, at):
                yield self._line(found.start(1)), self._at_rule(found[1])
            elif found := _RULE.match(self._css, at):
                yield from self._of_rule(found)
                if found[3] != "}":
                    return
            elif found := _STRAY_END.match(self._css, at):
                yield self._line(found.end() - 1), "a } ends no rule."
            else:
                break
            at = found.end()
        if self._has_open_comment:
            yield self._line(len(self._css)), "a comment begins here, and has no */."
        elif rest := self._css[at:].strip():
            yield self._line(self._css.index(rest, at)), f"{_quoted(rest)} is in no rule."

    def _of_rule(self, rule: re.Match[str]) -> Iterator[tuple[int, str]]:
        name = rule[1].strip()
        line = self._line(rule.start(1) + len(rule[1]) - len(rule[1].lstrip()))
        if (wrong := self._of_name(name)) is not None:
            yield line, wrong
            if name.startswith("@"):
                return
        elif name in self._lines:
            yield line, f"{name} is in line {self._lines[name]} too: only the last rule of a name counts."
        self._lines.setdefault(name, line)
        shown = _in_short(name) or "without a name"
        if rule[3] == "{":
            yield (
                self._line(rule.start(3)),
                f"a {{ is in the rule {shown} of line {line}: its }} is missing, or a rule is in a rule, which style"
                " attributes do not know.",
            )
        elif not rule[3]:
            yield line, f"the rule {shown} has no }}."
        else:
            yield from self._of_declarations(rule[2], rule.start(2))

    def _of_name(self, name: str) -> str | None:
        if name in self._styles:
            return None
        near = difflib.get_close_matches(name.lower(), self._styles, n=1)
        meant = f" Did you mean {near[0]}?" if near else ""
        if name.startswith("@"):
            return self._at_rule(name.split(maxsplit=1)[0])
        if name in _VALUES:
            return f"${name} is a value, no style. {self._listed()}"
        if _NAME.fullmatch(name):
            return f"no template uses {name}.{meant} {self._listed()}"
        what = f"{_quoted(name)} is no name of a style.{meant}" if name else "a rule has no name."
        return f"{what} A rule is a name and its declarations, such as small {{ color: #59616c }}. {self._listed()}"

    def _of_declarations(self, body: str, start: int) -> Iterator[tuple[int, str]]:
        plain = _WITH_COLONS.sub(lambda found: re.sub(r"\S", "x", found[0]), body)
        for piece in re.finditer(r"[^;\s][^;]*", plain):
            line, shown = self._line(start + piece.start()), _quoted(body[slice(*piece.span())])
            if not _DECLARATION.fullmatch(piece[0].rstrip()):
                yield line, f"{shown} is no declaration, such as padding: 4px."
            elif _TWO_DECLARATIONS.fullmatch(piece[0]):
                yield line, f"{shown} lacks a ; in between."

    def _at_rule(self, name: str) -> str:
        return (
            f"{name} cannot be here, because style attributes know no at-rules. The <style> of frame.html may have it."
        )

    def _listed(self) -> str:
        return f"Styles: {', '.join(self._styles)}."

    def _line(self, at: int) -> int:
        return 1 + self._css.count("\n", 0, at)


def _quoted(css: str) -> str:
    return f'"{_in_short(css)}"'


def _in_short(css: str) -> str:
    shown = " ".join(css.split())
    return shown if len(shown) <= _LONGEST else shown[:_LONGEST] + "…"
