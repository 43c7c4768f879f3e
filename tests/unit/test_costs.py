"""The table of costs in the documentation is the one that is computed, from units and sizes that hold."""

import json
import re
from pathlib import Path

import pytest

from chalicelib.api import problems
from chalicelib.telemetry import log, mails, requests
from infra import costs
from infra.deployment import stage
from infra.deployment.observation import ACCESS_LOG_LINE
from infra.tables import TEMPLATE, parsed

PROJECT = Path(__file__).parents[2]
RARELY_ASKED_FOR = {
    *(
        "account.html",
        "account-page.js",
        "mail-link.js",
        "en-mailed.js",
        "mail-entry.js",
        "named-by-email.js",
        "address-words.js",
        "passkey-offer.js",
        "wrong.js",
    ),
    *("second-step.js", "sheet.js", "totp-setup.js", "qr.js", "recovery-codes.js"),
}
"""What only a mailed link, a forgotten password or a code needs, or a site where the address is the name, or a page
whose elements have attributes; and what only a second factor needs, when it is added or asked for."""
OF_OTHER_PAGES = {"index.js", "when-fresh.js", "guard.js", "react.js", "react-jsx.js"}
OTHER_LANGUAGES = ("de", "fr", "es", "ar")

OF_THE_INSPECTOR = {"inspector.html", "inspector.css", "js/inspector"}
OF_THE_ADMINISTRATORS = {"admin.html", "admin.css", "js/admin", "js/lychgate-admin.js"}
OF_BOTH = {"js/by-id.js"}
DOCUMENTED = (PROJECT / "docs" / "operations" / "costs.md").read_text("utf-8")
MEASURED = (PROJECT / "docs" / "performance.md").read_text("utf-8")
ARCHITECTURE = (PROJECT / "docs" / "architecture.md").read_text("utf-8")


def units(request):
    """Return the read and write units of a request, as docs/architecture.md has them and tests/cost asserts them."""
    read, write = re.search(
        rf"^\| [^|]*{request}[^|]* \| [^|]+ \| (\d+) \| (\d+) \|", ARCHITECTURE, re.MULTILINE
    ).groups()
    return int(read), int(write)


def test_the_documentation_has_the_table_that_is_computed():
    assert costs.table() in DOCUMENTED


def test_the_units_are_those_that_are_measured():
    log_in, failed = units("log-in, with 1 or 49"), units("failed log-in")
    registration, log_out = units("registration"), units("log-out")
    refresh, profile, dashboard = units("refresh, and its retry"), units("`/me`"), units("dashboard")
    assert pytest.approx(costs.WRITE_UNITS) == (
        costs.REGISTRATIONS * registration[1]
        + costs.LOG_INS * log_in[1]
        + costs.FAILED_LOG_INS * failed[1]
        + costs.LOG_OUTS * log_out[1]
        + costs.REFRESHES * refresh[1]
        + costs.PROFILES * profile[1]
        + costs.DASHBOARDS * dashboard[1]
    )
    assert pytest.approx(costs.READ_UNITS) == (
        costs.REGISTRATIONS * registration[0]
        + costs.LOG_INS * log_in[0]
        + costs.FAILED_LOG_INS * failed[0]
        + costs.LOG_OUTS * log_out[0]
        + costs.REFRESHES * refresh[0]
        + costs.PROFILES * profile[0]
        + costs.DASHBOARDS * dashboard[0]
    )


def test_the_functions_have_the_sizes_that_are_deployed():
    sizes = [size * 1024 for size in (costs.API_GB, costs.AUTHORIZER_GB, costs.MAILER_GB)]
    assert sizes == [stage.API_MEMORY, stage.AUTHORIZER_MEMORY, stage.MAILER_MEMORY]


def test_the_units_of_a_mail_are_those_that_are_measured():
    asked, delivered = (
        [
            int(number)
            for number in re.search(rf"^\| {what} \| [^|]+ \| (\d+) \| (\d+) \|$", MEASURED, re.MULTILINE).groups()
        ]
        for what in ("forgot the password", "deliver a link for a name")
    )
    assert (asked[0] + delivered[0], asked[1] + delivered[1]) == (costs.MAIL_READ_UNITS, costs.MAIL_WRITE_UNITS)
    assert len({*mails.COUNTED_OUTCOMES.values(), mails.BOUNCED, mails.COMPLAINED}) == costs.MAIL_METRICS


def test_there_are_no_more_metrics_than_are_charged():
    status_classes = {status // 100 for status in (*problems.STATUSES.values(), 200)}
    outcomes = len(set(requests.COUNTED_EVENTS.values()))
    others = {log.REFUSED_TOKENS, log.TOKENS_REFUSED_FOR_NOW, log.UNUSABLE_HASHES, log.UNREADABLE_FEED}
    assert len(status_classes) + outcomes + len(others) == costs.METRICS


def test_each_metric_of_an_alarm_is_charged():
    alarms = [
        resource
        for resource in parsed(TEMPLATE.read_text("utf-8"))["Resources"].values()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    ]
    of_mails = [alarm for alarm in alarms if alarm["Condition"] in {"HasMailAlarms", "HasReputationAlarms"}]
    of_webhooks = [alarm for alarm in alarms if alarm["Condition"] == "HasWebhookAlarms"]
    watched = [
        sum("MetricStat" in query for query in alarm["Properties"].get("Metrics", [])) or 1
        for alarm in alarms
        if alarm not in (*of_mails, *of_webhooks)
    ]
    assert (len(watched), sum(watched)) == (costs.ALARMS, costs.ALARM_METRICS)
    assert not any("Metrics" in alarm["Properties"] for alarm in (*of_mails, *of_webhooks))
    assert (len(of_mails), len(of_webhooks)) == (costs.MAIL_ALARMS, costs.WEBHOOK_ALARMS)


def test_a_line_of_the_access_log_is_not_longer_than_is_charged():
    values = {
        "request_id": "x" * 36,
        "extended_request_id": "x" * 16,
        "route": "DELETE /auth/sessions/{session_id}",
        "method": "DELETE",
        "error": "MISSING_AUTHENTICATION_TOKEN",
        "trace_id": "x" * 35,
    }
    line = json.dumps({name: values.get(name, "12345") for name in ACCESS_LOG_LINE}, separators=(",", ":"))
    # Each line is charged 26 bytes more (Amazon CloudWatch pricing).
    assert len(line) + 26 <= costs.GATEWAY_LOG_BYTES


def test_the_files_that_are_asked_for_are_those_of_the_page():
    site = PROJECT / "static-site"
    files = [path for path in site.rglob("*") if path.suffix in {".html", ".js", ".css", ".svg"}]
    others = {site / name for name in OF_THE_INSPECTOR | OF_THE_ADMINISTRATORS | OF_BOTH}
    files = [path for path in files if path.parent.name != "words" or not path.name.startswith(OTHER_LANGUAGES)]
    rare = RARELY_ASKED_FOR | OF_OTHER_PAGES
    files = [path for path in files if path.name not in rare and others.isdisjoint({path, *path.parents})]
    assert costs.VISITS * len(files) == costs.PAGE_FILES


@pytest.mark.parametrize(
    ("users", "lite", "essentials"), [(10_000, 0, 0), (10_001, 0.0055, 0.015), (100_001, 495.0046, 1350.015)]
)
def test_cognito_is_charged_above_the_users_that_are_free(users, lite, essentials):
    assert costs.cognito_lite(users) == pytest.approx(lite)
    assert costs.cognito_essentials(users) == pytest.approx(essentials)


def test_what_is_fixed_does_not_grow_with_the_users():
    fixed = sum(line.fixed for line in costs.lines())
    growing = [sum(line.dollars(users) for line in costs.lines()) - fixed for users in (1_000, 2_000)]
    assert growing[1] == pytest.approx(2 * growing[0])
