"""The checks of the page: its headers, what it loads, how that may be cached, and that nothing else is there."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

from infra.smoke.report import Check, FailedError, LeftOutError
from infra.smoke.site import Answer, Site

PAGE_HEADERS = Path(__file__).parents[1] / "page-headers.json"

PAGE = "The page is there, and browsers ask for it anew."
HEADERS = "The page and its files have the security headers of infra/page-headers.json."
POLICY = "The page holds nothing that its Content-Security-Policy stops."
FILES = "The scripts, modules, styles and images of the page are served as what they are."
CACHING = "No file of the page is kept by browsers longer than its name is good."
NO_PAGE = "A page that is not there is a 404."

_TYPES = {
    ".js": ("text/javascript", "application/javascript"),
    ".css": ("text/css",),
    ".svg": ("image/svg+xml",),
    ".png": ("image/png",),
}
_IMPORT = re.compile(r"""(?:^|[;\s])(?:import|export)\b[^;'"()]*?(?:from\s*)?["'](\.{0,2}/[^"']+)["']""", re.MULTILINE)
_DYNAMIC_IMPORT = re.compile(r"""(?<![.\w])(?<!typeof )import\(\s*["'](\.{0,2}/[^"']+)["']\s*\)""")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_FINGERPRINT = re.compile(r"[.-][0-9a-f]{8,64}\.")

# A page that imports without end is not one of ours.
_MOST_FILES = 60


class PageChecks:
    """What there is to say about the page of a site."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._page: Answer | None = None
        self._content = _Content()
        self._files: dict[str, Answer] = {}

    def checks(self) -> Sequence[Check]:
        """Return the checks in their order."""
        return (
            Check(PAGE, self._is_there),
            Check(FILES, self._is_served_as_what_it_is),
            Check(HEADERS, self._has_its_headers),
            Check(POLICY, self._obeys_its_policy),
            Check(CACHING, self._is_cached_rightly),
            Check(NO_PAGE, self._nothing_else_is_there),
        )

    def _is_there(self) -> None:
        answer = self._site.ask("GET", "/")
        if answer.status != 200 or _media_type(answer) != "text/html":  # noqa: PLR2004 - OK
            raise FailedError(
                f"GET / answered {answer.status}, {_media_type(answer) or 'of no type'}, and should answer 200, "
                "text/html.",
                "403: the bucket's policy does not let the distribution in, or index.html is not the default root "
                "object. 404: the page was not uploaded. Deploy again.",
            )
        self._page = answer
        self._content.feed(answer.body.decode("utf-8", "replace"))
        cache_control = (answer.header("Cache-Control") or "").lower()
        if "no-cache" not in cache_control and "no-store" not in cache_control and "max-age=0" not in cache_control:
            raise FailedError(
                f"GET /: Cache-Control is {cache_control or 'missing'}, and should be no-cache.",
                "A page that browsers keep goes on loading the modules of an old version. Upload it again with its "
                "header: deploy again.",
            )

    def _is_served_as_what_it_is(self) -> str:
        page = self._needs_page()
        wanted = [urljoin("/", path) for path in self._content.files]
        wrong = []
        while wanted and len(self._files) < _MOST_FILES:
            path = wanted.pop(0)
            if path in self._files:
                continue
            answer = self._files[path] = self._site.ask("GET", path)
            suffix = Path(path).suffix
            if answer.status != 200 or _media_type(answer) not in _TYPES.get(suffix, (_media_type(answer),)):  # noqa: PLR2004
                wrong.append(
                    f"GET {path} answered {answer.status}, {_media_type(answer) or 'of no type'}, and should answer "
                    f"200, {_TYPES.get(suffix, ('any type',))[0]}."
                )
            elif suffix == ".js":
                wanted += [urljoin(path, name) for name in _imports(answer.body.decode("utf-8", "replace"))]
        if wrong:
            raise FailedError(
                "\n".join(wrong), "Browsers run no module of another type. Upload the page's files again: deploy again."
            )
        return f"{len(self._files)} files of {page.question}"

    def _has_its_headers(self) -> None:
        page = self._needs_page()
        expected: dict[str, str] = json.loads(PAGE_HEADERS.read_text("utf-8"))
        wrong = [line for answer in (page, *self._files.values()) for line in differences(answer, expected)]
        if wrong:
            more = [f"… and {len(wrong) - 10} more."] if len(wrong) > 10 else []  # noqa: PLR2004 - enough to see it
            raise FailedError(
                "\n".join(wrong[:10] + more),
                "The distribution's response headers policy is missing from a behavior, or is older than this "
                "checkout: deploy again.",
            )

    def _obeys_its_policy(self) -> None:
        self._needs_page()
        if self._content.stopped:
            raise FailedError(
                "\n".join(self._content.stopped),
                "Move inline scripts and styles into files of the site. Otherwise something between the bucket and "
                "here adds to the page: a proxy, or an edge function.",
            )

    def _is_cached_rightly(self) -> None:
        self._needs_page()
        wrong = []
        for path, answer in self._files.items():
            cache_control = (answer.header("Cache-Control") or "").lower()
            kept = "immutable" in cache_control or not any(
                word in cache_control for word in ("no-cache", "no-store", "max-age=0")
            )
            if kept and not _FINGERPRINT.search(path):
                wrong.append(f"GET {path}: Cache-Control is {cache_control or 'missing'}, and should be no-cache.")
        if wrong:
            raise FailedError(
                "\n".join(wrong),
                "Only a name with a hash of the content in it may be kept for long; all else is mixed with files of "
                "another version after the next deployment. Deploy again.",
            )

    def _nothing_else_is_there(self) -> str:
        path = f"/no-such-page-{secrets.token_hex(4)}"
        answer = self._site.ask("GET", path)
        if answer.status != 404:  # noqa: PLR2004 - Not Found
            raise FailedError(
                f"GET {path} answered {answer.status}, and should answer 404.",
                "403: S3 says that to who may not list the bucket, and the distribution has to turn it into 404 "
                "(CustomErrorResponses). 200: the distribution answers every path with the page.",
            )
        return ""

    def _needs_page(self) -> Answer:
        if self._page is None:
            raise LeftOutError("there is no page")
        return self._page


class _Content(HTMLParser):
    """What a page loads, and what in it the policy of the page stops: inline code, and all that is foreign."""

    def __init__(self) -> None:
        super().__init__()
        self.files: list[str] = []
        self.stopped: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what one element loads or does."""
        attributes = {name: value or "" for name, value in attrs}
        if (tag == "script" and "src" not in attributes) or tag == "style":
            self.stopped.append(f"The page has an inline <{tag}>.")
        self.stopped += [f"<{tag}> has the attribute {name}." for name in attributes if name.startswith("on")]
        if "style" in attributes:
            self.stopped.append(f"<{tag}> has the attribute style.")
        loads = attributes.get("src") or (attributes.get("href") if tag == "link" else None)
        if loads is None:
            return
        if re.match(r"(?:[a-z][a-z0-9+.-]*:|//)", loads, re.IGNORECASE):
            self.stopped.append(f"<{tag}> loads from elsewhere: {loads[:80]}")
        else:
            self.files.append(loads)


def differences(answer: Answer, expected: Mapping[str, str]) -> list[str]:
    """Return a line for each header of an answer that is not as expected."""
    return [
        f"{answer.question}: {name} is {f'{got!r}' if got is not None else 'missing'}, and should be {value!r}."
        for name, value in expected.items()
        if (got := answer.header(name)) != value
    ]


def _imports(source: str) -> list[str]:
    code = _COMMENT.sub("", source)
    return [*_IMPORT.findall(code), *_DYNAMIC_IMPORT.findall(code)]


def _media_type(answer: Answer) -> str:
    return (answer.header("Content-Type") or "").partition(";")[0].strip().lower()
