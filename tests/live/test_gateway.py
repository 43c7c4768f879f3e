"""What the gateway and the distribution answer by themselves, and pass on."""

import secrets

import pytest

from tests.support.live.report import check

HEADERS_REMEDY = (
    "A response headers policy of the distribution for `/api/*` overrides them, or the gateway responses are of an "
    "older version: compare both, and make deploy STAGE=…"
)
GATEWAYS_REMEDY = (
    "The gateway response is missing or old: make deploy STAGE=… A distribution's policy may remove it, too."
)


def assert_problem(answer, status, error):
    is_problem = answer.headers.get("content-type", "").partition(";")[0] == "application/problem+json"
    members = answer.members
    check(
        answer.status == status and is_problem and (members.get("status"), members.get("error")) == (status, error),
        f"{answer}. A problem document is wanted: {status} {error}.",
        GATEWAYS_REMEDY if answer.headers.get("x-amzn-errortype") and members else answer.remedy(),
    )


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer nonsense"}], ids=["no-token", "bad-token"])
def test_a_401_of_the_authorizer_is_a_problem_document_with_a_challenge(api, headers):
    answer = api.ask("GET", "/api/me", headers)
    assert_problem(answer, 401, "invalid_token")
    check(
        answer.headers.get("www-authenticate", "").startswith("Bearer"),
        f"{answer.question}: WWW-Authenticate is {answer.headers.get('www-authenticate', 'missing')}"
        + (
            ", and came as x-amzn-Remapped-WWW-Authenticate."
            if "x-amzn-remapped-www-authenticate" in answer.headers
            else "."
        ),
        GATEWAYS_REMEDY,
    )


@pytest.mark.parametrize("below", ["", "auth/"], ids=["at-the-top", "below-a-route"])
@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Bearer nonsense", "Content-Type": "text/plain"}],
    ids=["no-token", "token", "token-and-another-media-type"],
)
def test_an_unknown_route_is_a_404_also_where_a_token_may_be_taken_for_a_signature(api, headers, below):
    assert_problem(api.ask("POST", f"/api/{below}no-such-route-{secrets.token_hex(4)}", headers), 404, "not_found")


@pytest.mark.parametrize("below", ["", "auth/"], ids=["at-the-top", "below-a-route"])
def test_no_answer_to_an_unknown_route_quotes_the_token(api, below):
    token = f"nonsense-{secrets.token_hex(8)}"
    answer = api.ask("GET", f"/api/{below}no-such-route-{secrets.token_hex(4)}", {"Authorization": f"Bearer {token}"})
    check(
        token not in f"{answer.headers} {answer.body!r}",
        f"{answer}. It quotes the token that was sent, and answers end up in logs.",
        "The API has no method for `/{proxy+}`, so API Gateway takes the token for a signature: make deploy STAGE=…",
    )


def test_another_method_is_a_405_that_names_those_that_there_are(api):
    answer = api.ask("DELETE", "/api/health")
    assert_problem(answer, 405, "method_not_allowed")
    check(
        "GET" in answer.headers.get("allow", ""),
        f"{answer.question}: Allow is {answer.headers.get('allow', 'missing')}, and should name GET.",
        "Look for a policy of the distribution that removes headers.",
    )


def test_a_large_body_arrives_and_is_a_413(api):
    body = b" " * 16 * 1024 + b"{}"
    answer = api.ask("POST", "/api/auth/login", {"Content-Type": "application/json"}, body)
    assert_problem(answer, 413, "payload_too_large")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/health"), ("GET", "/me"), ("GET", "/no-such-route"), ("DELETE", "/health")]
)
def test_no_layer_takes_away_the_headers_that_every_answer_has(api, method, path):
    answer = api.ask(method, f"/api{path}", {"Authorization": "Bearer nonsense"})
    wrong = [
        f"{answer.question}: {name} is {answer.headers.get(name, 'missing')!r}, and should be {value!r}."
        for name, value in {**api.hardening, "cache-control": "no-store"}.items()
        if answer.headers.get(name) != value
    ]
    check(not wrong, "\n".join(wrong), HEADERS_REMEDY)
