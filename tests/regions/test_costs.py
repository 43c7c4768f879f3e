"""The arithmetic of the costs in docs/two-regions.md, with the prices and the usage of infra/costs.py."""

from pathlib import Path

from infra import costs

PAGE = (Path(__file__).parents[2] / "docs" / "two-regions.md").read_text("utf-8")
MILLION = 1_000_000

CHECK = 2
"""Write units of the check that makes a write a transaction."""
LOOKS = 3
"""How often a server looks at its standby until that has what the server has written."""


def write(*, replicated, others=0):
    """The write units of one transaction: its items at home, those that are replicated once more, and the check."""
    return 2 * (replicated + others) + 2 * replicated + CHECK


# docs/architecture.md, section "What a request costs", has the items of each.
BY_ADDRESS, AT_THE_ACCOUNT = write(replicated=0, others=1), write(replicated=1)
UNITS = {
    "registration": BY_ADDRESS + write(replicated=3),
    "log-in": BY_ADDRESS + AT_THE_ACCOUNT + write(replicated=3, others=1),
    "failed log-in": BY_ADDRESS + AT_THE_ACCOUNT,
    "log-out": write(replicated=3),
    "refresh": write(replicated=1),
}
TIMES = {
    "registration": costs.REGISTRATIONS,
    "log-in": costs.LOG_INS,
    "failed log-in": costs.FAILED_LOG_INS,
    "log-out": costs.LOG_OUTS,
    "refresh": costs.REFRESHES,
}


def row(name, for_one, *monthly):
    return f"| {name} | {for_one} | {' | '.join(f'${cost:,.2f}' if cost else '–' for cost in monthly)} |"


def test_the_page_has_the_costs_of_two_regions():
    writes = sum(UNITS[what] * times for what, times in TIMES.items())
    reads = costs.READ_UNITS + costs.API_REQUESTS * LOOKS * 2
    waiting = sum(TIMES.values())
    for expected in (
        row(
            "DynamoDB, write units",
            f"{writes:.1f} instead of {costs.WRITE_UNITS:.1f}",
            costs.WRITE_UNITS * costs.DYNAMODB_WRITE * MILLION,
            writes * costs.DYNAMODB_WRITE * MILLION,
        ),
        row(
            "DynamoDB, read units, three looks at the standby for each answer",
            f"{reads:.1f} instead of {costs.READ_UNITS:.1f}",
            costs.READ_UNITS * costs.DYNAMODB_READ * MILLION,
            reads * costs.DYNAMODB_READ * MILLION,
        ),
        row(
            "Lambda, a second of waiting for each write",
            f"{waiting:.2f} s",
            0,
            waiting * costs.API_GB * costs.LAMBDA_GB_SECOND * MILLION,
        ),
    ):
        assert expected in PAGE, expected
