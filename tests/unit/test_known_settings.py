"""Which variables of a shell are settings, and what is said of those that are none."""

import re
from pathlib import Path

import pytest

from chalicelib.config import own
from infra.known_settings import advice_on_unknown, known_settings, of_the_api
from infra.site_settings import PREFIX

PROJECT = Path(__file__).parents[2]
READ = re.compile(r"""environ(?:\.get\(|\[)["'](LYCHGATE_\w+)["']|\bconst \{ (LYCHGATE_\w+) =""")


def said_of(*names):
    return advice_on_unknown(dict.fromkeys(names, "8"))


def test_settings_of_the_api_are_those_that_its_configuration_reads():
    assert {"LYCHGATE_ISSUER", "LYCHGATE_PASSWORD_MIN_LENGTH", "LYCHGATE_WEBHOOK_URL"} <= of_the_api()
    assert "LYCHGATE_DATA_DIR" not in of_the_api()


def test_only_known_settings_and_those_of_the_site_count():
    environ = {"LYCHGATE_EMAIL": "off", "LYCHGATE_EMIAL": "off", "SITE_DEPOT": "Bern", "LYCHGATE_DATA_DIR": "x"}
    environ |= {"LYCHGATE_API": "x", "LYCHGATE_TEST_CLOCK": "x", "LYCHGATE_DBSC": ""}
    assert known_settings(environ) == ["LYCHGATE_EMAIL", "SITE_DEPOT"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("LYCHGATE_PASSWORD_MINLENGTH", "LYCHGATE_PASSWORD_MIN_LENGTH"),
        ("LYCHGATE_PASSWORD_LENGTH", "LYCHGATE_PASSWORD_MIN_LENGTH"),
        ("LYCHGATE_ALLOWED_ORIGIN", "LYCHGATE_ALLOWED_ORIGINS"),
        ("LYCHGATE_DATA_DIRECTORY", "LYCHGATE_DATA_DIR"),
        ("LYCHGATE_PORT", "PORT"),
    ],
)
def test_the_nearest_name_is_asked_for(name, meant):
    assert said_of(name) == [f"{name} is no setting. Did you mean {meant}?"]


def test_a_name_that_is_near_none_is_said_to_be_none():
    assert said_of("LYCHGATE_XYZZY") == ["LYCHGATE_XYZZY is no setting."]


SETTINGS = """
@dataclass(frozen=True)
class Place:
    depot: str | None = None

@dataclass(frozen=True)
class Settings(Place):
    KINDS: ClassVar = ("post", "bicycle")
    delivery_days: int = 3

class Other:
    colour: str

def settings():
    return read(Settings, os.environ)
"""


@pytest.fixture
def site(tmp_path):
    (tmp_path / "settings.py").write_text(SETTINGS, "utf-8")
    return tmp_path


def test_a_setting_of_the_sites_own_that_no_field_has_is_none_and_the_nearest_is_asked_for(site):
    names = ("SITE_DELIVERY_DAY", "SITE_KINDS", "SITE_COLOUR", "SITE_DELIVERY_DAYS", "SITE_DEPOT")
    environ = dict.fromkeys(names, "8")
    where = "is no field of the settings in chalicelib/site/settings.py."
    assert advice_on_unknown(environ, site) == [
        f"SITE_COLOUR {where}",
        f"SITE_DELIVERY_DAY {where} Did you mean SITE_DELIVERY_DAYS?",
        f"SITE_KINDS {where}",
    ]
    assert known_settings(environ, site) == ["SITE_DELIVERY_DAYS", "SITE_DEPOT"]


def test_what_another_module_of_the_site_reads_by_itself_is_a_setting(site):
    (site / "stock.py").write_text('import os\n\nCOLOUR = os.environ.get("SITE_COLOUR")\n', "utf-8")
    assert known_settings({"SITE_COLOUR": "red"}, site) == ["SITE_COLOUR"]
    assert advice_on_unknown({"SITE_COLOUR": "red"}, site) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "this is no Python",
        SETTINGS.replace("read(Settings", "read(elsewhere.Settings"),
        SETTINGS.replace("(Place)", "(elsewhere.Place)"),
    ],
)
def test_nothing_is_said_where_the_fields_cannot_be_told(site, text):
    (site / "settings.py").write_text(text, "utf-8")
    assert advice_on_unknown({"SITE_DELIVERY_DAY": "7"}, site) == []
    assert known_settings({"SITE_DELIVERY_DAY": "7"}, site) == ["SITE_DELIVERY_DAY"]


def test_they_begin_as_what_reads_them_says():
    assert PREFIX == own.PREFIX


def test_each_unknown_name_is_said_in_order_and_an_empty_one_is_not():
    environ = {"LYCHGATE_ZZZ": "1", "LYCHGATE_QQQ": "1", "LYCHGATE_XXX": "", "SITE_ANYTHING": "1", "PATH": "/bin"}
    assert advice_on_unknown(environ) == ["LYCHGATE_QQQ is no setting.", "LYCHGATE_ZZZ is no setting."]


def test_nothing_is_said_of_a_variable_that_a_program_of_this_project_reads():
    folders = [PROJECT / name for name in ("chalicelib", "infra", "examples", "bench", "tests")]
    files = [path for folder in folders for path in folder.rglob("*") if path.suffix in {".py", ".ts"}]
    files = [path for path in files if "node_modules" not in path.parts]
    found = {name for path in files for match in READ.findall(path.read_text("utf-8")) for name in match if name}
    assert {"LYCHGATE_API", "LYCHGATE_SERVER", "LYCHGATE_TEST_CLOCK", "LYCHGATE_DATA_DIR"} <= found
    assert said_of(*found, *of_the_api(), "LYCHGATE_LOCAL_CREDENTIALS") == []
