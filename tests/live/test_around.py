"""The API's own address, which only the distribution may use."""

import pytest

from tests.live.test_gateway import assert_problem
from tests.support.live.report import check

REMEDY = (
    "Whoever knows this address goes round the distribution, its firewall and its logs: make deploy STAGE=… sets up "
    "API Gateway's keys and the distribution's secret (docs/security-model.md)."
)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/health"),
        ("GET", "/openapi.json"),
        ("GET", "/.well-known/jwks.json"),
        ("OPTIONS", "/auth/login"),
        ("POST", "/auth/login"),
        ("DELETE", "/health"),
        ("GET", "/no-such-route"),
    ],
)
def test_a_request_that_does_not_come_through_the_distribution_is_forbidden(api, method, path):
    answer = api.ask(method, f"/api{path}", {"Content-Type": "application/json"}, b"{}", around=True)
    check(answer.status == 403, f"{answer}. 403 is wanted.", REMEDY)
    assert_problem(answer, 403, "forbidden")


@pytest.mark.parametrize("sent", ["X-Api-Key", "X-Lychgate-Distribution"])
def test_a_guess_at_the_secret_is_forbidden(api, sent):
    answer = api.ask("GET", "/api/health", {sent: "a-guess-of-more-than-20-characters"}, around=True)
    check(answer.status == 403, f"{answer}. 403 is wanted.", REMEDY)


def test_a_guarded_route_answers_nobody_with_data(api):
    """Its authorizer comes before the key, so without a good token this may be a 401."""
    answer = api.ask("GET", "/api/me", around=True)
    check(answer.status in {401, 403}, f"{answer}. 401 or 403 is wanted.", REMEDY)
