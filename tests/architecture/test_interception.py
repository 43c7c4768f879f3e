"""No test of the browser ends the interception of requests: what is sent in that moment would never be answered."""

import ast
from pathlib import Path

import pytest

# It reads every file of the tests.
pytestmark = pytest.mark.slow

TESTS = Path(__file__).parents[1]
THE_ONE_PLACE = TESTS / "browser" / "visitor.py"
FILES = [path for path in sorted(TESTS.rglob("*.py")) if path != THE_ONE_PLACE]


def endings(source):
    """Return the lines of calls that may take the last route away."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    named = [(call, call.func.attr) for call in calls if isinstance(call.func, ast.Attribute)]
    return [
        call.lineno
        for call, name in named
        if name in {"unroute", "unroute_all"}
        or (name == "route" and any(each.arg == "times" or each.arg is None for each in call.keywords))
    ]


def test_only_the_visitor_takes_a_route_away():
    found = {str(path.relative_to(TESTS)): endings(path.read_text("utf-8")) for path in FILES}
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "line",
    [
        'page.unroute("**/api/**")',
        "kim.context.unroute_all()",
        'context.route("**/api/**", answer, times=1)',
        'context.route("**/api/**", answer, **settings)',
    ],
)
def test_each_way_to_do_so_is_found(line):
    assert endings(f"context.route('**', answer)\n{line}") == [2]
