"""Pages of other origins: what a browser lets them read (Fetch standard, section 3.2)."""

import pytest

from tests.support.live.report import check

FOREIGN = "https://foreign.example"
REMEDY = (
    "LYCHGATE_ALLOWED_ORIGINS of the stage has to list the origin. The distribution has to pass `Origin` on (origin "
    "request policy AllViewerExceptHostHeader) and the method OPTIONS."
)
METHODS = ("GET", "POST", "PUT", "DELETE")
HEADERS = ("authorization", "content-type")


@pytest.fixture
def other_origin(api):
    if api.other_origin is None:
        pytest.skip("name another allowed origin: ARGS=--origin=https://app.example")
    return api.other_origin


@pytest.fixture(params=["its-own", "another"])
def origin(request, api):
    return api.site.origin if request.param == "its-own" else request.getfixturevalue("other_origin")


def preflight(api, origin):
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": ",".join(HEADERS),
    }
    return api.ask("OPTIONS", "/api/me", headers)


def allowed(answer):
    return answer.headers.get("access-control-allow-origin", "missing")


def test_a_page_of_an_allowed_origin_may_ask(api, origin):
    answer = preflight(api, origin)
    check(200 <= answer.status < 300, f"{answer}. A browser takes 2xx only.", REMEDY)
    check(allowed(answer) == origin, f"{answer.question}: Access-Control-Allow-Origin is {allowed(answer)}.", REMEDY)
    for name, needed in (("Methods", METHODS), ("Headers", HEADERS)):
        listed = answer.headers.get(f"access-control-allow-{name.lower()}", "missing")
        check(
            all(item.lower() in listed.lower() for item in needed),
            f"{answer.question}: Access-Control-Allow-{name} is {listed}, and should list {', '.join(needed)}.",
            REMEDY,
        )


def test_a_page_of_an_allowed_origin_may_read_the_answer(api, origin):
    answer = api.ask("GET", "/api/health", {"Origin": origin})
    check(allowed(answer) == origin, f"{answer.question}: Access-Control-Allow-Origin is {allowed(answer)}.", REMEDY)


def test_a_page_of_an_allowed_origin_may_read_a_refusal_of_the_authorizer(api, other_origin):
    answer = api.ask("GET", "/api/me", {"Origin": other_origin})
    # A gateway response cannot choose between several origins; its 401 may say that everybody may read it.
    check(
        allowed(answer) in {other_origin, "*"},
        f"{answer.question}: Access-Control-Allow-Origin is {allowed(answer)}.",
        REMEDY,
    )


def test_a_page_of_a_foreign_origin_may_read_nothing(api):
    for answer in (preflight(api, FOREIGN), api.ask("GET", "/api/health", {"Origin": FOREIGN})):
        check(
            allowed(answer) not in {FOREIGN, "*", "null"},
            f"{answer.question}: Access-Control-Allow-Origin is {allowed(answer)}: any page could read the answer.",
            "Look for CORS headers of a response headers policy of the distribution: the API sets its own.",
        )
