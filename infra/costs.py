"""The monthly cost of Lychgate at list prices: `python -m infra.costs` prints the table of docs/operations/costs.md.

Owns the prices (November 2026, us-east-1, before tax), each with its source, and the assumed usage. To recompute,
change a number and run it. A test compares the documentation with the output.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

MILLION = 1_000_000
GIGABYTE = 1024**3

# USD. aws.amazon.com/lambda/pricing: per request; per GB-second on arm64 (x86: 0.0000166667). The time of a cold start
# is charged like any other.
LAMBDA_REQUEST = 0.20 / MILLION
LAMBDA_GB_SECOND = 0.0000133334
# The same page, SnapStart for Python: per GB of the function's memory and second while a published version exists, at
# least 3 hours; per GB of it at each restore.
SNAP_START_CACHED = 0.0000015046
SNAP_START_RESTORED = 0.0001397998
# aws.amazon.com/api-gateway/pricing: REST API, first 333 million requests.
GATEWAY_REQUEST = 3.50 / MILLION
# aws.amazon.com/cloudfront/pricing, pay as you go, North America: per HTTPS request; per GB to viewers, the first
# 10 TB; per GB to the origin.
CLOUDFRONT_REQUEST = 0.0100 / 10_000
CLOUDFRONT_GB_OUT = 0.085
CLOUDFRONT_GB_TO_ORIGIN = 0.020
# aws.amazon.com/dynamodb/pricing/on-demand: per write and per read request unit; per GB and month, and of backup.
DYNAMODB_WRITE = 0.625 / MILLION
DYNAMODB_READ = 0.125 / MILLION
DYNAMODB_GB = 0.25
DYNAMODB_BACKUP_GB = 0.20
# aws.amazon.com/cloudwatch/pricing: per GB of logs ingested; per GB and month stored; per metric and month; per metric
# of an alarm and month, so that an alarm over an expression costs as much as the metrics in it; per dashboard and
# month, beyond the account's first three of up to 50 metrics.
LOGS_GB = 0.50
LOGS_KEPT_GB = 0.03
METRIC = 0.30
ALARM_METRIC = 0.10
DASHBOARD = 3.00
# aws.amazon.com/kms/pricing: a standard SSM parameter is free. Decrypting it is a request to KMS.
KMS_REQUEST = 0.03 / 10_000
# The same page: a customer managed key, a month. Each of its first two rotations adds as much.
KMS_KEY = 1.00
# aws.amazon.com/ses/pricing: per mail. Up to 3,000 a month are free in the first year. Lambda reads streams for nothing
# (aws.amazon.com/dynamodb/pricing/on-demand, "DynamoDB Streams").
SES_MAIL = 0.10 / 1_000
# aws.amazon.com/cognito/pricing: per monthly active user who logs in directly, above those that are free.
COGNITO_FREE_USERS = 10_000
COGNITO_LITE = ((90_000, 0.0055), (900_000, 0.0046))
COGNITO_ESSENTIALS = 0.015

# Usage of one active user in a month.
VISITS = 20
MINUTES_A_VISIT = 30
REGISTRATIONS = 0.05
LOG_INS = 2
FAILED_LOG_INS = 0.5
LOG_OUTS = 1
REFRESHES = VISITS * MINUTES_A_VISIT // 10
"""One when the page opens, and one every 10 minutes, the lifetime of an access token."""
PROFILES = VISITS
DASHBOARDS = VISITS
AUTHORIZATIONS = VISITS * MINUTES_A_VISIT // 5
"""An upper bound: the gateway calls the authorizer at most every 300 seconds, however many requests there are."""
OPTIONS = REGISTRATIONS + LOG_INS
"""The page asks for the site's options when it shows its forms."""
PAGE_FILES = VISITS * 69
"""The page and its files: browsers revalidate each at every visit. Few open the token inspector
or the page of administrators."""

API_REQUESTS = REGISTRATIONS + LOG_INS + FAILED_LOG_INS + LOG_OUTS + REFRESHES + PROFILES + DASHBOARDS + OPTIONS

# docs/architecture.md, section "What a request costs". Log-ins are those of strangers.
WRITE_UNITS = REGISTRATIONS * 7 + LOG_INS * 10 + FAILED_LOG_INS * 2 + LOG_OUTS * 6 + REFRESHES * 1
READ_UNITS = REFRESHES * 1 + PROFILES * 2 + DASHBOARDS * 3
INDEX_WRITE_UNITS = REGISTRATIONS * 2
"""A new user is written into two indexes too. What changes of a user later is in neither."""

MAILS = 0.5
"""Where mail is sent: confirmations, forgotten passwords, log-ins by code, notices."""
MAIL_WRITE_UNITS = 3 + 5
MAIL_READ_UNITS = 0 + 5
"""Of a mail to a new password, from the question to SES: docs/performance.md, section "Mails"."""

EVENTS = REGISTRATIONS + LOG_INS + FAILED_LOG_INS + LOG_OUTS
"""Where webhooks are sent: what histories get. The failures of a day are one event."""

# Assumptions. Replace them with the values of the REPORT lines in the log.
HASH_SECONDS = 0.35
"""Duration of a request with a password: bcrypt at cost 12 on one whole CPU, and three calls of DynamoDB."""
REQUEST_SECONDS = 0.03
AUTHORIZER_SECONDS = 0.005
COLD_SHARE = 0.01
"""Share of all invocations that are cold starts."""
COLD_SECONDS = 1.0
AUTHORIZER_COLD_SECONDS = 0.5
MAIL_SECONDS = 1.5
"""Of the mailer, for a mail: an upper bound, in which each is a cold start."""
WEBHOOK_SECONDS = 0.5
"""Of the webhooks' function, for an event that an endpoint takes at once; a cold start for each tenth."""
API_GB = 1769 / 1024
AUTHORIZER_GB = 512 / 1024
MAILER_GB = 256 / 1024
WEBHOOKS_GB = 256 / 1024
"""All as in infra/deployment/stage.py."""

SNAP_START_VERSIONS = 2
"""The live version and the one for a rollback: see infra/versions.py."""
MONTH_SECONDS = 30 * 24 * 3600

PAGE_BYTES = 100_000 + PAGE_FILES * 500
ANSWER_BYTES = 2_500
REQUEST_BYTES = 2_000
STORED_BYTES = 12_000
"""Per user: account, some sessions, events of 90 days."""
LOG_BYTES = 1_000
"""Per invocation of the API: our line and Lambda's own three."""
AUTHORIZER_LOG_BYTES = 400
GATEWAY_LOG_BYTES = 500
"""A line of API Gateway's access log."""
LOG_MONTHS = 3
LOG_COMPRESSED = 0.15
METRICS = 15
"""Requests by status class, and outcomes: see docs/architecture.md. Charged for each hour in which they have data."""
ALARMS = 15
ALARM_METRICS = 27
"""Of all alarms together."""
MAIL_METRICS = 6
"""What becomes of mails."""
MAIL_ALARMS = 6
WEBHOOK_METRICS = 3
"""What becomes of webhooks."""
WEBHOOK_ALARMS = 3


@dataclass(frozen=True)
class Line:
    """One line of the bill."""

    item: str
    arithmetic: str
    per_user: float = 0.0
    """USD."""
    fixed: float = 0.0
    """USD, independent of the number of users."""

    def dollars(self, users: int) -> float:
        """Return the monthly cost in USD with this number of active users."""
        return self.fixed + self.per_user * users


def lines() -> Iterator[Line]:
    """Yield the lines of the bill."""
    requests = API_REQUESTS + PAGE_FILES
    yield Line(
        "CloudFront, requests",
        f"{API_REQUESTS:.2f} of the API + {PAGE_FILES} of the page, $0.0100 per 10,000",
        requests * CLOUDFRONT_REQUEST,
    )
    down, up = PAGE_BYTES + API_REQUESTS * ANSWER_BYTES, API_REQUESTS * REQUEST_BYTES
    yield Line(
        "CloudFront, transfer",
        f"{down / MILLION:.2f} MB to viewers at $0.085, {up / MILLION:.2f} MB to the API at $0.020 a GB",
        down / GIGABYTE * CLOUDFRONT_GB_OUT + up / GIGABYTE * CLOUDFRONT_GB_TO_ORIGIN,
    )
    yield Line("API Gateway", f"{API_REQUESTS:.2f} requests, $3.50 per million", API_REQUESTS * GATEWAY_REQUEST)
    hashes = REGISTRATIONS + LOG_INS + FAILED_LOG_INS
    seconds = hashes * HASH_SECONDS + (API_REQUESTS - hashes) * REQUEST_SECONDS
    gb_seconds = (seconds + API_REQUESTS * COLD_SHARE * COLD_SECONDS) * API_GB
    yield Line(
        "Lambda, API",
        f"{API_REQUESTS:.2f} requests, $0.20 per million; {gb_seconds:.2f} GB-s at $0.0000133334",
        API_REQUESTS * LAMBDA_REQUEST + gb_seconds * LAMBDA_GB_SECOND,
    )
    gb_seconds = AUTHORIZATIONS * (AUTHORIZER_SECONDS + COLD_SHARE * AUTHORIZER_COLD_SECONDS) * AUTHORIZER_GB
    yield Line(
        "Lambda, authorizer",
        f"{AUTHORIZATIONS} requests, $0.20 per million; {gb_seconds:.2f} GB-s at $0.0000133334",
        AUTHORIZATIONS * LAMBDA_REQUEST + gb_seconds * LAMBDA_GB_SECOND,
    )
    writes = WRITE_UNITS + INDEX_WRITE_UNITS
    yield Line(
        "DynamoDB, requests",
        f"{writes:.1f} write units, $0.625 per million; {READ_UNITS:.1f} read units, $0.125",
        writes * DYNAMODB_WRITE + READ_UNITS * DYNAMODB_READ,
    )
    yield Line(
        "DynamoDB, storage",
        f"{STORED_BYTES / 1000:.0f} kB at $0.25 a GB, backed up continuously at $0.20",
        STORED_BYTES / GIGABYTE * (DYNAMODB_GB + DYNAMODB_BACKUP_GB),
    )
    logged = API_REQUESTS * (LOG_BYTES + GATEWAY_LOG_BYTES) + AUTHORIZATIONS * AUTHORIZER_LOG_BYTES
    yield Line(
        "CloudWatch, logs",
        f"{logged / 1000:.0f} kB taken in at $0.50 a GB, kept {LOG_MONTHS} months at $0.03",
        logged / GIGABYTE * (LOGS_GB + LOG_MONTHS * LOG_COMPRESSED * LOGS_KEPT_GB),
    )
    yield Line(
        "CloudWatch, metrics and alarms",
        f"{METRICS} metrics at $0.30, {ALARMS} alarms over {ALARM_METRICS} at $0.10",
        fixed=METRICS * METRIC + ALARM_METRICS * ALARM_METRIC,
    )
    cold = API_REQUESTS * COLD_SHARE
    yield Line("KMS, for the SSM parameter", f"{cold:.2f} cold starts, $0.03 per 10,000", per_user=cold * KMS_REQUEST)


def snap_start(users: int) -> float:
    """Return what SnapStart adds in USD with this number of active users.

    The processor time that its restores save is not taken off.
    """
    cached = SNAP_START_VERSIONS * API_GB * MONTH_SECONDS * SNAP_START_CACHED
    return cached + users * API_REQUESTS * COLD_SHARE * API_GB * SNAP_START_RESTORED


def mails(users: int) -> float:
    """Return what mails add in USD with this number of active users."""
    units = MAIL_WRITE_UNITS * DYNAMODB_WRITE + MAIL_READ_UNITS * DYNAMODB_READ
    mailer = LAMBDA_REQUEST + MAIL_SECONDS * MAILER_GB * LAMBDA_GB_SECOND
    fixed = MAIL_METRICS * METRIC + MAIL_ALARMS * ALARM_METRIC
    return fixed + users * MAILS * (SES_MAIL + units + mailer)


def webhooks(users: int) -> float:
    """Return what webhooks add in USD with this number of active users, if the endpoint takes them at once."""
    fixed = WEBHOOK_METRICS * METRIC + WEBHOOK_ALARMS * ALARM_METRIC
    return fixed + users * EVENTS * (LAMBDA_REQUEST + WEBHOOK_SECONDS * WEBHOOKS_GB * LAMBDA_GB_SECOND)


def cognito_lite(users: int) -> float:
    """Return the list price of Cognito Lite in USD for this number of active users."""
    left = max(0, users - COGNITO_FREE_USERS)
    dollars = 0.0
    for size, price in COGNITO_LITE:
        charged = min(left, size)
        dollars += charged * price
        left -= charged
    return dollars


def cognito_essentials(users: int) -> float:
    """Return the list price of Cognito Essentials, the default plan, in USD for this number of active users."""
    return max(0, users - COGNITO_FREE_USERS) * COGNITO_ESSENTIALS


def table() -> str:
    """Return the table of costs in Markdown."""
    bill = list(lines())
    rows = [
        "| item | for one active user in a month | 1,000 users | 1,000,000 users |",
        "|---|---|---:|---:|",
        *(
            f"| {line.item} | {line.arithmetic} | {_dollars(line.dollars(1_000))} | {_dollars(line.dollars(MILLION))} |"
            for line in bill
        ),
    ]
    totals = [sum(line.dollars(users) for line in bill) for users in (1_000, MILLION)]
    rows.append(f"| **Lychgate** | | **{_dollars(totals[0])}** | **{_dollars(totals[1])}** |")
    for what, extra in (("a KMS key of your own", KMS_KEY), ("a dashboard beyond the account's third", DASHBOARD)):
        more = [_dollars(total + extra) for total in totals]
        rows.append(f"| with {what} | {_dollars(extra)} a month | {more[0]} | {more[1]} |")
    mailing = [_dollars(total + mails(users)) for total, users in zip(totals, (1_000, MILLION), strict=True)]
    rows.append(
        f"| with mails | {MAILS} mails, $0.10 per 1,000; for each {MAIL_WRITE_UNITS} write and {MAIL_READ_UNITS} read "
        f"units, {MAIL_SECONDS * MAILER_GB:.2f} GB-s; {MAIL_METRICS} metrics, {MAIL_ALARMS} alarms | {mailing[0]} "
        f"| {mailing[1]} |"
    )
    telling = [_dollars(total + webhooks(users)) for total, users in zip(totals, (1_000, MILLION), strict=True)]
    rows.append(
        f"| with webhooks | {EVENTS:.2f} events, {WEBHOOK_SECONDS * WEBHOOKS_GB:.2f} GB-s for each; {WEBHOOK_METRICS} "
        f"metrics, {WEBHOOK_ALARMS} alarms | {telling[0]} | {telling[1]} |"
    )
    fast = [_dollars(total + snap_start(users)) for total, users in zip(totals, (1_000, MILLION), strict=True)]
    rows.append(
        f"| with SnapStart | {SNAP_START_VERSIONS} versions of {API_GB:.2f} GB for 30 days, $0.0000015046 a GB-s; "
        f"{API_REQUESTS * COLD_SHARE:.2f} restores, $0.0001397998 a GB | {fast[0]} | {fast[1]} |"
    )
    for name, price in (("Cognito Lite", cognito_lite), ("Cognito Essentials", cognito_essentials)):
        rows.append(
            f"| {name} | above {COGNITO_FREE_USERS:,} users | {_dollars(price(1_000))} | {_dollars(price(MILLION))} |"
        )
    return "\n".join(rows)


def _dollars(amount: float) -> str:
    return f"${amount:,.2f}"


if __name__ == "__main__":
    sys.stdout.write(f"{table()}\n")
