"""The docs say what the code does: every setting, route, error code and path is in them, and none that is not."""

import dataclasses
import re
import subprocess
from pathlib import Path
from typing import ClassVar, get_args

import pytest

from chalicelib import errors
from chalicelib.accounts.events import HISTORY
from chalicelib.api.openapi import ALL_ROUTES
from chalicelib.api.problems import STATUSES
from chalicelib.telemetry import log, mails, requests, webhooks
from chalicelib.version import VERSION
from infra.known_settings import of_the_api

PROJECT = Path(__file__).parent.parent.parent
README = (PROJECT / "README.md").read_text("utf-8")
HTTP_API = (PROJECT / "docs" / "http-api.md").read_text("utf-8")
ARCHITECTURE = (PROJECT / "docs" / "architecture.md").read_text("utf-8")
PAGES = [
    *sorted(PROJECT.glob("*.md")),
    *sorted((PROJECT / "docs").rglob("*.md")),
    *sorted((PROJECT / "examples").glob("*.md")),
    *sorted((PROJECT / "examples").glob("*/*.md")),
]


def section(page, title):
    """Return the text below a heading, up to the next one."""
    return page.split(f"## {title}\n")[1].split("\n## ")[0]


def subclasses(kind):
    return {kind}.union(*(subclasses(child) for child in kind.__subclasses__()))


def test_the_readme_lists_every_setting_and_no_other():
    listed = re.findall(r"^\| `(LYCHGATE_[A-Z0-9_]+)`", section(README, "Settings"), re.MULTILINE)
    assert sorted(listed) == sorted(of_the_api())


def test_every_variable_that_a_page_names_is_read_by_code():
    # Records of decisions may name what once was.
    pages = [page for page in PAGES if page.parent.name != "decisions"]
    sources = [path for room in ("chalicelib", "infra", "examples") for path in (PROJECT / room).rglob("*.py")]
    read = {name for path in sources for name in re.findall(r"\"(LYCHGATE_[A-Z0-9_]+)\"", path.read_text("utf-8"))}
    named = {
        (name, str(page.relative_to(PROJECT)))
        for page in pages
        for name in re.findall(r"\bLYCHGATE_[A-Z0-9_]*[A-Z0-9]\b", page.read_text("utf-8"))
    }
    assert len(named) > 50
    assert [(name, page) for name, page in sorted(named) if name not in read] == []


def test_the_readme_gives_the_defaults_that_hold(environment):
    from chalicelib.config.api import ApiSettings

    table = dict(re.findall(r"^\| `LYCHGATE_([A-Z_]+)` \| `(\w+)`", section(README, "Settings"), re.MULTILINE))
    registration = table.pop("REGISTRATION")
    pwned_passwords, dbsc = table.pop("PWNED_PASSWORDS"), table.pop("DBSC")
    named = {name.lower(): table.pop(name) for name in ("EMAIL", "IDENTIFIER")}
    settings = ApiSettings.from_environment({**environment, "LYCHGATE_BCRYPT_COST": ""})
    defaults = {
        **dataclasses.asdict(settings),
        **{f"throttle_{name}": value for name, value in dataclasses.asdict(settings.throttle).items()},
        **{f"mails_{name}": value for name, value in dataclasses.asdict(settings.mails).items()},
        "registrations_per_hour": settings.throttle.registrations,
        "refresh_idle_lifetime": settings.sessions.idle_lifetime,
        "session_lifetime": settings.sessions.absolute_lifetime,
        "refresh_retry_window": settings.sessions.retry_window,
    }
    assert {name.lower(): int(default) for name, default in table.items()} == {
        name.lower(): defaults[name.lower()] for name in table
    }
    assert named == {name: getattr(settings, name) for name in named}
    assert (registration == "open") is settings.registration_open
    assert (pwned_passwords == "on") is settings.check_pwned_passwords
    assert (dbsc == "on") is settings.device_bound


def test_the_http_api_lists_every_route_and_no_other():
    routes = {f"{operation.method} {operation.path}" for routes in ALL_ROUTES for operation in routes.operations}
    assert set(re.findall(r"^\| `((?:GET|POST|PUT|PATCH|DELETE) [^` ]+)`", HTTP_API, re.MULTILINE)) == routes


def test_the_http_api_lists_every_error_code_with_its_status_and_no_other():
    documented = set(re.findall(r"^\| (\d{3}) \| `(\w+)` \|", HTTP_API, re.MULTILINE))
    raised = {
        (str(int(next(STATUSES[base] for base in kind.__mro__ if base in STATUSES))), kind.error)
        for kind in subclasses(errors.LychgateError)
    }
    assert documented == raised


def test_the_http_api_lists_every_code_of_a_field_error_and_no_other():
    documented = re.findall(r"^\| `(\w+)` \|", section(HTTP_API, "Errors of fields"), re.MULTILINE)
    assert documented == ["code", *get_args(errors.FieldCode)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_a_document_of_the_api_is_named_as_a_browser_finds_it_at_the_site(page):
    # That page says that its paths begin at the root of the API, and records are not rewritten.
    if page.name == "http-api.md" or page.parent.name == "decisions":
        return
    assert re.findall(r"`/(?:openapi\.json|\.well-known/)[^`]*`", page.read_text("utf-8")) == []


def test_the_architecture_names_every_module_in_its_room_and_no_other():
    package = PROJECT / "chalicelib"
    rooms = {"site": {"hooks.py", "routes.py", "settings.py"}}  # what else is there is the site's own
    for path in package.rglob("*.py"):
        room = path.parent.relative_to(package).as_posix()
        if path.name != "__init__.py" and room.partition("/")[0] != "site":
            rooms.setdefault(room, set()).add(path.name)
    named = {}
    for room, modules in re.findall(r"^\| (`.*?`) \| (.+) \|$", section(ARCHITECTURE, "The rooms"), re.MULTILINE):
        # A row of modules that are in no room has their names in front.
        folder = re.fullmatch(r"`([\w/]+)/`", room)
        where = folder[1] if folder else "."
        named.setdefault(where, set()).update(re.findall(r"`(\w+\.py)`", modules if folder else room))
    assert named == rooms


def test_the_map_of_the_rooms_has_every_room_and_no_other():
    rooms = {
        f"{path.name}/" if path.is_dir() else path.name
        for path in (PROJECT / "chalicelib").iterdir()
        if path.name not in {"__init__.py", "__pycache__"}
    }
    drawn = re.findall(r"<b>(.*?)</b>", section(ARCHITECTURE, "The rooms"))
    assert {room for box in drawn for room in box.split(" · ")} == rooms


def test_the_architecture_lists_every_metric_and_no_other():
    counted_in_logs = {log.REFUSED_TOKENS, log.TOKENS_REFUSED_FOR_NOW, log.UNUSABLE_HASHES, log.UNREADABLE_FEED}
    of_mails = {*mails.COUNTED_OUTCOMES.values(), mails.BOUNCED, mails.COMPLAINED}
    of_webhooks = set(webhooks.COUNTED_OUTCOMES.values())
    metrics = {requests.REQUESTS, requests.LOG_INS, requests.REFRESHES, *counted_in_logs, *of_mails, *of_webhooks}
    table = section(ARCHITECTURE, "A line a request")
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == metrics
    assert {outcome for _, outcome in requests.COUNTED_EVENTS.values()} <= set(re.findall(r"`(\w+)`", table))


@pytest.mark.slow
def test_the_map_in_the_readme_names_all_that_stands_at_the_root():
    listed = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True)
    at_the_root = {path.split("/")[0] for path in listed.stdout.split()} - {".gitignore", "README.md"}
    named = {path.rstrip("/") for path in re.findall(r"`([\w./-]+)`", section(README, "Where things are"))}
    assert at_the_root <= named


def without_code(text):
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(page):
    """Return what GitHub lets one link to in a page: its headings, lower-case, in hyphens, without punctuation."""
    text = without_code(page.read_text("utf-8"))
    headings = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", line) for line in re.findall(r"^#+ (.+)$", text, re.MULTILINE)]
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_link_leads_somewhere(page):
    text = without_code(page.read_text("utf-8"))
    links = re.findall(r"\]\((?!https?://)([^)]*)\)", text) + re.findall(
        r'(?:src|srcset|href)="(?!https?://)([^"]+)"', text
    )
    dead = []
    for link in links:
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not link or not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert dead == []


def test_the_guide_for_contributors_names_files_that_are_there():
    guide = (PROJECT / "CONTRIBUTING.md").read_text("utf-8")
    named = re.findall(r"\b(?:chalicelib|infra|tests|static-site|bench|docs)/[\w./-]*\w", guide)
    assert len(named) > 20
    assert [path for path in named if not (PROJECT / path).exists()] == []


def missing(text):
    """Return the files and tests that a page names in backticks and that are not there, and how many it names."""
    named = re.findall(r"`((?:chalicelib|infra|static-site|tests)/[\w/.-]+\.\w+)(?:::(\w+))?`", text)
    absent = []
    for path, name in named:
        file = PROJECT / path
        source = file.read_text("utf-8") if file.is_file() else None
        if source is None or (name and not re.search(rf"^ *(def|class) {name}\b", source, re.MULTILINE)):
            absent.append(f"{path}::{name}")
    return absent, len(named)


def test_the_security_model_names_code_and_tests_that_are_there():
    absent, named = missing((PROJECT / "docs" / "security-model.md").read_text("utf-8"))
    assert absent == []
    assert named > 30


class TestWhatAThiefGets:
    """The table in docs/security-model.md: each of its cells is a test or says that it has none."""

    PAGE = (PROJECT / "docs" / "security-model.md").read_text("utf-8")
    ROWS: ClassVar = [
        [cell.strip() for cell in row.strip("|").split("|")]
        for row in PAGE.partition("| a thief of |")[2].partition("\n\n")[0].splitlines()[2:]
    ]
    TESTS: ClassVar = dict(re.findall(r"^\| (\d+) \| (`tests/.+`) \|$", PAGE, re.MULTILINE))

    def numbers(self, cell):
        """Return the numbers of the tests of a cell."""
        return [number for group in re.findall(r"\((\d+(?:, \d+)*)\)", cell) for number in group.split(", ")]

    def test_every_thief_meets_each_binding(self):
        assert len(self.ROWS) > 10
        assert {len(row) for row in self.ROWS} == {4}

    def test_every_cell_names_a_test_or_says_that_it_is_reasoned(self):
        cells = [cell for _, *cells in self.ROWS for cell in cells]
        assert [cell for cell in cells if not self.numbers(cell) and "reasoned" not in cell] == []

    def test_the_numbers_are_those_of_the_tests(self):
        used = {number for row in self.ROWS for cell in row for number in self.numbers(cell)}
        assert used == set(self.TESTS)


class TestAsvs:
    """docs/asvs.md answers each requirement of levels 1 and 2 once, and no answer claims what is not there."""

    PAGE = (PROJECT / "docs" / "asvs.md").read_text("utf-8")
    LAST: ClassVar = {
        "2.1": 3,
        "2.2": 3,
        "2.3": 4,
        "2.4": 1,
        "3.2": 2,
        "3.3": 4,
        "3.4": 6,
        "3.5": 5,
        "3.7": 2,
        "4.1": 3,
        "4.2": 1,
        "4.3": 2,
        "4.4": 4,
        "6.1": 3,
        "6.2": 12,
        "6.3": 4,
        "6.4": 4,
        "6.5": 5,
        "6.6": 3,
        "6.8": 4,
        "7.1": 3,
        "7.2": 4,
        "7.3": 2,
        "7.4": 5,
        "7.5": 2,
        "7.6": 2,
        "9.1": 3,
        "9.2": 4,
        "13.1": 1,
        "13.2": 5,
        "13.3": 2,
        "13.4": 5,
    }
    """OWASP ASVS 5.0.0: the last requirement of levels 1 and 2 in each section. Those of level 3 come after them."""
    ROWS: ClassVar = re.findall(r"^\| ([\d.]+) \| (.+?) \| (.+?) \| (.+) \|$", PAGE, re.MULTILINE)
    NOT_APPLICABLE: ClassVar = re.findall(r"^Does not apply: .+?(?=\n\n|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    FEATURES = (
        "second factors and passkeys",
        "account mails",
        "bound sessions and revocation",
        "administration",
        "components",
    )

    def exempt(self):
        """Return the numbers of the requirements that do not apply. Each is before the reason, in brackets."""
        return re.findall(r"\b\d+\.\d+\.\d+\b", re.sub(r"\([^()]*\)", "", " ".join(self.NOT_APPLICABLE)))

    def test_every_requirement_is_answered_exactly_once_and_in_its_order(self):
        wanted = [f"{section}.{number + 1}" for section, last in self.LAST.items() for number in range(last)]
        assert len(wanted) == 113
        answered = [number for number, *_ in self.ROWS]
        exempt = self.exempt()
        assert sorted(answered + exempt) == sorted(wanted)
        assert answered == [number for number in wanted if number not in exempt]

    def test_every_row_has_one_of_the_verdicts(self):
        assert {verdict for _, _, verdict, _ in self.ROWS} <= {"met", "not met", "later"}
        assert len(self.exempt()) > 0

    def test_the_sums_at_the_top_are_those_of_the_rows(self):
        said = re.search(
            r"Of (\d+) requirements (\d+) are\s+met, (\d+) are not, (\d+) come later and (\d+) do not", self.PAGE
        )
        verdicts = [verdict for _, _, verdict, _ in self.ROWS]
        counts = [verdicts.count(verdict) for verdict in ("met", "not met", "later")]
        assert [int(number) for number in said.groups()] == [113, *counts, len(self.exempt())]

    def test_what_is_met_names_its_code_and_its_test_or_the_page_that_says_it(self):
        unfounded = []
        for number, _, verdict, how in self.ROWS:
            has_page = re.match(r"(?:documentation|deployment): .*\[[^]]+\]\([^)]+\)", how)
            has_code = re.search(r"`(?:chalicelib|infra|static-site)/[\w/.-]+`", how)
            has_test = re.search(r"`tests/[\w/.-]+\.(?:py|mjs)(?:::\w+)?`", how)
            if verdict == "met" and not has_page and not (has_code and has_test):
                unfounded.append(number)
        assert unfounded == []

    def test_the_code_and_the_tests_are_there(self):
        absent, named = missing(self.PAGE)
        assert absent == []
        assert named > 150

    def test_what_comes_later_names_the_feature_that_brings_it(self):
        assert [
            how for _, _, verdict, how in self.ROWS if verdict == "later" and not how.startswith(self.FEATURES)
        ] == []


def test_the_changelog_and_the_project_speak_of_this_version():
    assert f"## {VERSION} " in (PROJECT / "CHANGELOG.md").read_text("utf-8")
    assert f'version = "{VERSION}"' in (PROJECT / "pyproject.toml").read_text("utf-8")


def test_the_template_defines_the_tables_that_the_stage_dev_names():
    from infra.laptop import DEFAULTS
    from infra.tables import table_definitions

    named = {value for name, value in DEFAULTS.items() if name.endswith("_TABLE")}
    assert named == {definition.name for definition in table_definitions("dev")}


def test_the_page_knows_every_event_of_a_history_and_no_other():
    elements = PROJECT / "static-site" / "js" / "elements"
    for words in elements.glob("words/??-account.js"):
        named = re.findall(r'^ +"event:(\w+)":', words.read_text("utf-8"), re.MULTILINE)
        assert set(named) == {str(event) for event in HISTORY}, words.name
    page = (elements / "account" / "history.js").read_text("utf-8")
    alarming = re.search(r"const ALARMING = \[(.*?)\]", page)[1]
    assert set(re.findall(r"\w+", alarming)) <= {str(event) for event in HISTORY}


def test_the_http_api_lists_every_event_of_a_history_and_no_other():
    listed = re.search(r"(`registered`.*?)[.;]", HTTP_API, re.DOTALL)[1]
    assert set(re.findall(r"`(\w+)`", listed)) == {str(event) for event in HISTORY}
