"""Reads a mail's HTML as a mail program does that heeds inline styles, and one that heeds the dark scheme's too."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from chalicelib.mails.previews import preview
from chalicelib.mails.rendering import TEMPLATES

VOID = {"meta", "br"}
OF_NO_TEXT = {"style", "title"}


def previews(look, files):
    """A sample of each mail in each language."""
    return [preview(template, language, look, files) for template in TEMPLATES for language in files.languages]


@dataclass
class Piece:
    """A text with the colours that it is shown in."""

    text: str
    light: tuple[str, str]
    dark: tuple[str, str]


@dataclass
class Element:
    tag: str
    attributes: dict
    light: dict = field(default_factory=dict)
    dark: dict = field(default_factory=dict)


class MailReader(HTMLParser):
    """What is in a mail: its elements, its texts and the language of each."""

    def __init__(self, html):
        super().__init__()
        self.elements = []
        self.pieces = []
        self.languages = set()
        self.borders = []
        self._open = [Element("", {}, {"color": "#000000"}, {"color": "#ffffff"})]
        self._rules = re.findall(r"^  ([.\w, ]+) \{ (.+?) \}$", html, re.MULTILINE)
        self.feed(html)
        self.close()
        assert [element.tag for element in self._open] == [""], "an element is not closed"

    @property
    def text(self):
        return " ".join(" ".join(piece.text for piece in self.pieces).split())

    def all(self, tag):
        return [element for element in self.elements if element.tag == tag]

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        assert len(attributes) == len(attrs), "an attribute stands twice"
        light = declarations(attributes.get("style") or "")
        dark = light | self._in_the_dark(tag, (attributes.get("class") or "").split())
        parent = self._open[-1]
        element = Element(tag, attributes, parent.light | light, parent.dark | dark)
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag):
        assert self._open.pop().tag == tag

    def handle_data(self, data):
        here = self._open[-1]
        if not data.strip() or here.tag in OF_NO_TEXT:
            return
        light, dark = ((style["color"], style["background-color"]) for style in (here.light, here.dark))
        self.pieces.append(Piece(data, light, dark))
        self.languages |= {
            element.attributes["lang"] for element in self._open[-1:0:-1] if "lang" in element.attributes
        }

    def _in_the_dark(self, tag, classes):
        found = {}
        for selectors, body in self._rules:
            for selector in selectors.split(", "):
                last = selector.split()[-1]
                if last == tag or (last[0] == "." and last[1:] in classes):
                    found |= declarations(body)
        return found


def declarations(style):
    """The colours of a style; what else it says does not matter here."""
    pairs = (declaration.partition(":")[::2] for declaration in style.replace("!important", "").split(";"))
    return {name.strip(): value.strip() for name, value in pairs if name.strip().endswith("color")}
