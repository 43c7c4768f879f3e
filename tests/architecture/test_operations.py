"""docs/operations/ names alarms, log groups and members of log lines that are there."""

import re
from pathlib import Path

from chalicelib.accounts.caller import Caller
from chalicelib.accounts.events import EventType, SecurityEvent
from chalicelib.config.api import REGISTRATIONS_PER_HOUR
from chalicelib.errors import InvalidDPoPProof, InvalidToken, NotOnDevice
from chalicelib.telemetry import log, requests
from infra.deployment.observation import ACCESS_LOG_LINE
from infra.restore.sessions import MOST_TOLD
from infra.tables import parsed
from tests.live import __main__ as smoke_command
from tests.support.live.client import USUAL_LIMITS

PROJECT = Path(__file__).parents[2]
OPERATIONS = PROJECT / "docs" / "operations"
MONITORING = (OPERATIONS / "monitoring.md").read_text("utf-8")
SMOKE_TEST = (OPERATIONS / "smoke-test.md").read_text("utf-8")
TEMPLATE = (PROJECT / "infra" / "template.yaml").read_text("utf-8")

# Of Logs Insights and of its language, not of our lines.
_LANGUAGE = {
    "bin",
    "by",
    "as",
    "and",
    "asc",
    "count",
    "desc",
    "fields",
    "filter",
    "in",
    "limit",
    "or",
    "sort",
    "stats",
    "failures",
}


def section(title):
    return MONITORING.split(f"## {title}\n")[1].split("\n## ")[0]


def test_every_alarm_of_the_template_is_explained_and_no_other():
    alarms = set(re.findall(r'AlarmName: \{"Fn::Sub": "lychgate-\$\{Stage\}-([\w-]+)"\}', TEMPLATE))
    assert set(re.findall(r"^\| `([\w-]+)` \|", section("Alarms"), re.MULTILINE)) == alarms


def test_the_queries_ask_for_members_that_lines_have(capsys):
    log.configure({"AWS_LAMBDA_FUNCTION_NAME": "lychgate-prod"})
    try:
        requests.announce(SecurityEvent(EventType.LOGIN_FAILED, "user", 0, Caller("203.0.113.7", "test"), "session"))
        requests.log_request(
            request_id="1",
            method="POST",
            route="/auth/login",
            status=500,
            milliseconds=1.0,
            evidence=requests.Evidence("internal_error", "why", "user", "session", ValueError()),
        )
    finally:
        log.configure({})
    [line] = capsys.readouterr().out.splitlines()
    queries = re.search(r"```\n(# errors.*?)```", section("Logs"), re.DOTALL)[1]
    code = re.sub(r'"[^"]*"|^#.*$|@\w+|\b\d+\w*\b', " ", queries, flags=re.MULTILINE)
    asked = {name.split(".")[0] for name in re.findall(r"[a-z_]+", code)} - _LANGUAGE
    assert asked <= set(re.findall(r'"(\w+)":', line))
    assert {"event", "reason", "duration_ms", "session_id"} <= asked


def test_the_events_that_the_queries_look_for_are_logged():
    queries = re.search(r"```\n(# errors.*?)```", section("Logs"), re.DOTALL)[1]
    named = set(re.findall(r'"([a-z]+_[a-z_]+)"', queries))
    of_tokens = {kind.error for kind in (InvalidToken, InvalidDPoPProof, NotOnDevice)}
    assert named <= {*map(str, EventType), log.UNUSABLE_HASH, log.UNREADABLE_FEED, *of_tokens}
    assert "refresh_token_reused" in named


def test_the_queries_of_the_access_log_ask_for_members_that_its_lines_have():
    queries = re.search(r"```\n(# the gateway's own errors.*?)```", section("Logs"), re.DOTALL)[1]
    code = re.sub(r'"[^"]*"|^#.*$|@\w+|\b\d+\w*\b', " ", queries, flags=re.MULTILINE)
    asked = set(re.findall(r"[a-z_]+", code)) - _LANGUAGE - {"pct"}
    assert asked <= set(ACCESS_LOG_LINE)
    assert {"error", "function_ms", "lambda_status"} <= asked


def test_the_log_groups_and_the_parameters_that_the_pages_name_are_those_of_the_template():
    template = parsed(TEMPLATE)
    groups = {
        each["Properties"]["LogGroupName"]["Fn::Sub"].replace("${Stage}", "prod")
        for each in template["Resources"].values()
        if each["Type"] == "AWS::Logs::LogGroup"
    }
    assert set(re.findall(r"`(/aws/[\w/-]+)`", section("Logs"))) == groups
    given = re.findall(r"--parameter (\w+)=|`(\w+)=\w+`", MONITORING)
    assert {name for pair in given for name in pair if name} <= set(template["Parameters"])


def test_the_options_of_the_smoke_test_are_there():
    options = smoke_command.parser().format_help()
    named = set(re.findall(r"(--[a-z][\w-]*)", SMOKE_TEST))
    assert named == {"--origin", "--api"}
    assert all(name in options for name in named)


def test_two_smoke_tests_fit_into_an_hour_of_registrations():
    assert 2 * USUAL_LIMITS.registrations <= REGISTRATIONS_PER_HOUR
    assert f"An address may register {REGISTRATIONS_PER_HOUR} accounts" in SMOKE_TEST
    assert f"run stops at {USUAL_LIMITS.registrations}, so two fit" in SMOKE_TEST


def test_the_page_of_restores_says_of_how_many_users_the_feed_tells():
    text = (OPERATIONS / "backup-and-restore.md").read_text("utf-8")
    assert f"up to {MOST_TOLD:,} in a run" in text


def test_the_index_leads_to_every_page():
    pages = {path.name for path in OPERATIONS.glob("*.md")} - {"README.md"}
    assert len(pages) > 5
    assert pages <= set(re.findall(r"\]\(([\w.-]+)\)", (OPERATIONS / "README.md").read_text("utf-8")))
