"""The page."""

import json
import re
import secrets
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

import pytest

from tests.support.live.report import check

PAGE_HEADERS = json.loads((Path(__file__).parents[2] / "infra" / "page-headers.json").read_text("utf-8"))
TYPES = {
    ".js": ("text/javascript", "application/javascript"),
    ".css": ("text/css",),
    ".svg": ("image/svg+xml",),
    ".png": ("image/png",),
}
IMPORT = re.compile(r"""(?:^|[;\s])(?:import|export)\b[^;'"()]*?(?:from\s*)?["'](\.{0,2}/[^"']+)["']""", re.MULTILINE)
DYNAMIC_IMPORT = re.compile(r"""(?<![.\w])(?<!typeof )import\(\s*["'](\.{0,2}/[^"']+)["']\s*\)""")
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
FINGERPRINT = re.compile(r"[.-][0-9a-f]{8,64}\.")
# A page that imports without end is not one of ours.
MOST_FILES = 60


class Content(HTMLParser):
    """What a page loads, and what in it the policy of the page stops: inline code, and all that is foreign."""

    def __init__(self, page):
        super().__init__()
        self.files = []
        self.stopped = []
        self.feed(page.body.decode("utf-8", "replace"))

    def handle_starttag(self, tag, attrs):
        attributes = {name: value or "" for name, value in attrs}
        if (tag == "script" and "src" not in attributes) or tag == "style":
            self.stopped.append(f"The page has an inline <{tag}>.")
        self.stopped += [f"<{tag}> has the attribute {name}." for name in attributes if name.startswith("on")]
        if "style" in attributes:
            self.stopped.append(f"<{tag}> has the attribute style.")
        loads = attributes.get("src") or (attributes.get("href") if tag == "link" else None)
        if loads and re.match(r"(?:[a-z][a-z0-9+.-]*:|//)", loads, re.IGNORECASE):
            self.stopped.append(f"<{tag}> loads from elsewhere: {loads[:80]}")
        elif loads:
            self.files.append(loads)


@pytest.fixture(scope="session")
def front(live):
    return live.ask("GET", "/")


@pytest.fixture(scope="session")
def page(front):
    if not is_a_page(front):
        pytest.skip("there is no page")
    return front


@pytest.fixture(scope="session")
def files(live, page):
    """The answers for all that the page loads, by path: scripts, what they import, styles, images."""
    found = {}
    wanted = [urljoin("/", path) for path in Content(page).files]
    while wanted and len(found) < MOST_FILES:
        path = wanted.pop(0)
        if path not in found:
            found[path] = answer = live.ask("GET", path)
            if path.endswith(".js") and answer.status == 200:
                code = COMMENT.sub("", answer.body.decode("utf-8", "replace"))
                wanted += [urljoin(path, name) for name in IMPORT.findall(code) + DYNAMIC_IMPORT.findall(code)]
    return found


def is_a_page(answer):
    return answer.status == 200 and media_type(answer) == "text/html"


def media_type(answer):
    return answer.headers.get("content-type", "none").partition(";")[0].strip().lower()


def none_of(wrong, remedy):
    check(not wrong, "\n".join(wrong[:10] + ([f"... and {len(wrong) - 10} more."] if len(wrong) > 10 else [])), remedy)


def test_the_page_is_there(front):
    check(
        is_a_page(front),
        f"GET / answered {front.status}, {media_type(front)}, and should answer 200, text/html.",
        "The page is not there: make deploy STAGE=… 403: the bucket's policy does not let the distribution in, or "
        "index.html is not the default root object. 404: the page was not uploaded.",
    )


def test_scripts_modules_styles_and_images_are_served_as_what_they_are(files):
    none_of(
        [
            f"GET {path} answered {answer.status}, {media_type(answer)}, and should answer 200, {wanted[0]}."
            for path, answer in files.items()
            if answer.status != 200
            or media_type(answer) not in (wanted := TYPES.get(Path(path).suffix, (media_type(answer),)))
        ],
        "Browsers run no module of another type. Upload the page's files again: make deploy STAGE=…",
    )


def test_the_page_and_its_files_have_their_security_headers(page, files):
    none_of(
        [
            f"{answer.question}: {name} is {answer.headers.get(name.lower(), 'missing')!r}, and should be {value!r}."
            for answer in (page, *files.values())
            for name, value in PAGE_HEADERS.items()
            if answer.headers.get(name.lower()) != value
        ],
        "The distribution's response headers policy is missing from a behavior, or is older than this checkout: make "
        "deploy STAGE=…",
    )


def test_the_page_holds_nothing_that_its_content_security_policy_stops(page):
    none_of(
        Content(page).stopped,
        "Something on the way changes the page: a proxy, or an edge function. Or another version was uploaded: make "
        "deploy STAGE=…",
    )


def test_browsers_keep_no_file_longer_than_its_name_is_good(page, files):
    wrong = []
    for path, answer in {"/": page, **files}.items():
        cache_control = answer.headers.get("cache-control", "").lower()
        asked_anew = any(word in cache_control for word in ("no-cache", "no-store", "max-age=0"))
        if ("immutable" in cache_control or not asked_anew) and not FINGERPRINT.search(path):
            wrong.append(f"GET {path}: Cache-Control is {cache_control or 'missing'}, and should be no-cache.")
    none_of(
        wrong,
        "Only a name with a hash of the content in it may be kept for long; all else is mixed with files of another "
        "version after the next deployment. Upload it again with its header: make deploy STAGE=…",
    )


def test_a_page_that_is_not_there_is_a_404(live):
    answer = live.ask("GET", f"/no-such-page-{secrets.token_hex(4)}")
    check(
        answer.status == 404,
        f"{answer.question} answered {answer.status}, and should answer 404.",
        "403: S3 says that to who may not list the bucket, and the distribution has to turn it into 404 "
        "(CustomErrorResponses). 200: the distribution answers every path with the page.",
    )
