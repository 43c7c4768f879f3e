"""The stage's dashboard in CloudWatch: what an operator looks at, from the users' side down to the bill.

Owns which graphs there are, and their order. A dashboard with more than 50 metrics is never free, so what no metric
counts is a query of the logs, which costs only when somebody looks at it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from infra.deployment.foundation import API_GATEWAY_STAGE
from infra.deployment.stage import API_MEMORY, AUTHORIZER_MEMORY

Widget = dict[str, Any]

MOST_METRICS = 50
"""Of a free dashboard (Amazon CloudWatch pricing, "Free tier")."""

WIDTH = 24
"""Columns of a dashboard (Amazon CloudWatch API Reference, "Dashboard body structure and syntax")."""

_AXIS = {"left": {"min": 0, "showUnits": False}}
_HERE = "${AWS::Region}"
_HEIGHT = 6
_MINUTES_5 = 300
_HOUR = 3600


def dashboard_body(stage: str, tables: Sequence[str], alarms: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return the dashboard's body, in JSON, for a template.

    ``tables`` are the names of the tables that are drawn. ``alarms`` has the logical ids of the alarms by the condition
    under which they exist. Those of the dashboard's own are first.
    """
    api, authorizer = f"lychgate-{stage}", f"lychgate-{stage}-authorizer"
    logs = {name: f"/aws/lambda/{name}" for name in (api, authorizer)}
    of_administrators = f"/aws/lambda/{api}-admin"
    rows: list[tuple[str, list[Widget]]] = [
        ("Users", _users(api, authorizer, [logs[api], of_administrators])),
        ("Answers", _answers(api, f"/aws/apigateway/{api}")),
        ("Functions", _functions(api, authorizer, [*logs.values(), of_administrators])),
        ("Tables", _tables(tables)),
        ("Costs", _costs(api, authorizer, [*logs.values(), f"/aws/apigateway/{api}"])),
    ]
    placed = list(_placed(rows, top=3))
    lowest = max(widget["y"] + widget["height"] for widget in placed)
    of_mails = list(_placed([("Mails", _mails(f"/aws/lambda/lychgate-{stage}-mailer"))], top=lowest))
    # Where there are no mails CloudWatch leaves their room free.
    lowest = max(widget["y"] + widget["height"] for widget in of_mails)
    of_webhooks = list(_placed([("Webhooks", _webhooks(f"/aws/lambda/lychgate-{stage}-webhooks"))], top=lowest))
    (_, always), *others = alarms.items()
    widgets = [_alarms([*map(_arn, always), *(condition for condition, _ in others)]), *placed, "Mails", "Webhooks"]
    body = _text({"periodOverride": "inherit", "widgets": widgets})
    filled_in = {"Mails": _if("SendsMail", of_mails), "Webhooks": _if("SendsWebhooks", of_webhooks)}
    filled_in |= {condition: _if(condition, map(_arn, logical_ids)) for condition, logical_ids in others}
    for name in filled_in:
        # What has a condition brings its comma with it.
        body = body.replace(f',"{name}"', f"${{{name}}}")
    # A template may not be long.
    repeated = {
        "Name": api,
        "Usual": _text({"stat": "Sum", "period": _MINUTES_5})[1:-1],
        "Axis": _text({"yAxis": _AXIS})[1:-1],
        "Graph": '{"type":"metric","properties":{"title":',
    }
    for name, text in repeated.items():
        body = body.replace(text, f"${{{name}}}")
    return {"Fn::Sub": [body, {**filled_in, **repeated}]}


def _arn(logical_id: str) -> str:
    return f"${{{logical_id}.Arn}}"


def _text(value: Any) -> str:  # noqa: ANN401 - any JSON
    return json.dumps(value, separators=(",", ":"))


def _if(condition: str, values: Iterable[Any]) -> dict[str, Any]:
    return {"Fn::If": [condition, {"Fn::Sub": "".join(f",{_text(value)}" for value in values)}, ""]}


def _users(api: str, authorizer: str, logs: list[str]) -> list[Widget]:
    def counted(metric: str, *outcomes: str) -> list[Any]:
        return [["Lychgate", metric, "function", api, "outcome", outcome] for outcome in outcomes]

    return [
        _graph("Log-ins", counted("log_ins", "ok", "failed", "delayed", "not_counted")),
        _graph("Refreshes", counted("refreshes", "ok", "retry", "reused", "without_key")),
        _graph(
            "Refused tokens, hashes without a pepper",
            [
                ["Lychgate", "refused_access_tokens", "function", authorizer, {"label": "refused tokens"}],
                ["Lychgate", "unusable_hashes", "function", api, {"label": "hashes without a pepper"}],
            ],
        ),
        _query(
            "Sign-ups, deletions, new passwords",
            logs,
            'stats sum(strcontains(event, "registered")) as sign_ups, sum(strcontains(event, "account_deleted")) as'
            ' deletions, sum(strcontains(event, "password_changed")) as new_passwords by bin(1h)',
        ),
    ]


def _answers(api: str, log: str) -> list[Widget]:
    def measured(metric: str, stat: str, label: str) -> list[Any]:
        options = {"stat": stat, "label": label} if stat != "Sum" else {"label": label}
        return ["AWS/ApiGateway", metric, "ApiName", api, "Stage", API_GATEWAY_STAGE, options]

    return [
        _graph(
            "Requests and errors",
            [
                measured("Count", "Sum", "requests"),
                measured("4XXError", "Sum", "4xx"),
                measured("5XXError", "Sum", "5xx"),
                ["Lychgate", "requests", "function", api, "status_class", "5xx", {"label": "5xx of the API itself"}],
            ],
        ),
        _graph(
            "Time to answer, ms",
            [
                measured("Latency", "p50", "p50"),
                measured("Latency", "p99", "p99"),
                measured("IntegrationLatency", "p99", "p99 of the function with its cold starts"),
            ],
        ),
        _query(
            "What failed, by route",
            [log],
            "filter status >= 400 | stats count(*) as times by route, status, error | sort times desc | limit 20",
            view="table",
            width=WIDTH // 2,
        ),
    ]


def _functions(api: str, authorizer: str, logs: list[str]) -> list[Widget]:
    def of(function: str, metric: str, stat: str, label: str) -> list[Any]:
        return ["AWS/Lambda", metric, "FunctionName", function, {"stat": stat, "label": label}]

    return [
        _graph(
            "Duration, ms",
            [
                of(api, "Duration", "p50", "API, p50"),
                of(api, "Duration", "p99", "API, p99"),
                of(authorizer, "Duration", "p99", "authorizer, p99"),
            ],
        ),
        _query(
            "Cold starts",
            logs,
            'filter @type = "REPORT" | stats count(@initDuration) as cold by bin(1h)',
        ),
        # Of the authorizer, which has far fewer, its throttles say enough.
        _graph("Executions at once", [of(api, "ConcurrentExecutions", "Maximum", "API")]),
        _graph(
            "Errors and throttles",
            [
                of(function, metric, "Sum", f"{name}, {metric.lower()}")
                for name, function in (("API", api), ("authorizer", authorizer))
                for metric in ("Errors", "Throttles")
            ],
        ),
    ]


def _tables(tables: Iterable[str]) -> list[Widget]:
    def of_each(metric: str) -> list[Any]:
        return [["AWS/DynamoDB", metric, "TableName", table] for table in tables]

    return [
        _graph("Read units", of_each("ConsumedReadCapacityUnits")),
        _graph("Write units", of_each("ConsumedWriteCapacityUnits")),
        _graph("Throttles", [*of_each("ReadThrottleEvents"), *of_each("WriteThrottleEvents")]),
    ]


def _costs(api: str, authorizer: str, logs: Iterable[str]) -> list[Widget]:
    def gigabyte_seconds(name: str, function: str, label: str, memory: int) -> list[Any]:
        product = {"id": f"{name}_gbs", "expression": f"{name} / 1000 * {memory} / 1024"}
        return [
            [{**product, "label": f"{label}, GB-s at {memory} MB"}],
            ["AWS/Lambda", "Duration", "FunctionName", function, {"id": name, "stat": "Sum", "visible": False}],
        ]

    return [
        _graph(
            "CloudFront",
            # CloudFront has its metrics in one region (Amazon CloudFront Developer Guide, "View CloudFront metrics").
            [
                ["AWS/CloudFront", metric, "DistributionId", "${Distribution}", "Region", "Global", options]
                for metric, options in (
                    ("Requests", {"label": "requests"}),
                    ("BytesDownloaded", {"label": "bytes to viewers", "yAxis": "right"}),
                )
            ],
            period=_HOUR,
            region="us-east-1",
        ),
        _graph(
            "Time of the functions",
            [
                *gigabyte_seconds("api", api, "API", API_MEMORY),
                *gigabyte_seconds("authorizer", authorizer, "authorizer", AUTHORIZER_MEMORY),
            ],
            period=_HOUR,
        ),
        _graph(
            "Bytes of logs",
            [["AWS/Logs", "IncomingBytes", "LogGroupName", log] for log in logs],
            period=_HOUR,
        ),
    ]


def _mails(log: str) -> list[Widget]:
    return [
        _query(
            "What became of mails",
            [log],
            "fields coalesce(outcome, event) as became | filter ispresent(became) | stats count(*) as mails by became",
            view="bar",
        ),
        _query(
            "Why mails failed",
            [log],
            'filter level = "ERROR" | stats count(*) as times by outcome, reason | sort times desc | limit 20',
            view="table",
        ),
    ]


def _webhooks(log: str) -> list[Widget]:
    return [
        _query(
            "What became of webhooks",
            [log],
            "filter ispresent(outcome) | stats count(*) as times by outcome, answer, reason | sort times desc",
            view="table",
        ),
    ]


def _graph(title: str, metrics: list[Any], *, period: int = _MINUTES_5, region: str = _HERE) -> Widget:
    properties = {
        "title": title,
        "metrics": list(_shortened(metrics)),
        "stat": "Sum",
        "period": period,
        "region": region,
        "yAxis": _AXIS,
    }
    return {"type": "metric", "properties": properties}


def _shortened(metrics: Iterable[list[Any]]) -> Iterator[list[Any]]:
    """Yield the metrics with a dot for what each repeats of the one before, because a template may not be long."""
    before: list[Any] = []
    for metric in metrics:
        same = [index < len(before) and part == before[index] for index, part in enumerate(metric)]
        yield ["." if is_same and isinstance(part, str) else part for is_same, part in zip(same, metric, strict=True)]
        before = metric


def _query(
    title: str, logs: Iterable[str], query: str, *, view: str = "timeSeries", width: int | None = None
) -> Widget:
    sources = " | ".join(f"SOURCE '{log}'" for log in logs)
    properties = {"title": title, "query": f"{sources} | {query}", "region": _HERE, "view": view}
    return {"type": "log", "properties": properties, **({"width": width} if width else {})}


def _alarms(arns: Sequence[str]) -> Widget:
    properties = {"title": "Alarms", "alarms": list(arns)}
    return {"type": "alarm", "x": 0, "y": 0, "width": WIDTH, "height": 3, "properties": properties}


def _placed(rows: Iterable[tuple[str, list[Widget]]], top: int) -> Iterator[Widget]:
    """Yield a heading for each row, and its widgets side by side; those without a width share what is left."""
    for heading, widgets in rows:
        text = {"markdown": f"## {heading}", "background": "transparent"}
        yield {"type": "text", "x": 0, "y": top, "width": WIDTH, "height": 1, "properties": text}
        free = WIDTH - sum(widget.get("width", 0) for widget in widgets)
        share = free // sum("width" not in widget for widget in widgets)
        left = 0
        for widget in widgets:
            width = widget.get("width", share)
            yield {**widget, "x": left, "y": top + 1, "width": width, "height": _HEIGHT}
            left += width
        top += 1 + _HEIGHT
