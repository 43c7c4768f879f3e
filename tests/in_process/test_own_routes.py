"""Routes that a site adds to the application: they keep what they answer, and get what every answer has."""

import datetime
import decimal
import logging
import math
from dataclasses import dataclass

import pytest
from chalice import Blueprint, ConflictError, NotFoundError, Response

from chalicelib.api.own_routes import RoutesRefused
from chalicelib.api.responses import Answer
from chalicelib.api.routing import Call, Credential, Routes
from chalicelib.config.own import read
from chalicelib.errors import NotFound
from tests.support.api_client import in_process
from tests.support.application import application, clients_of

routes = Blueprint("a site of its own")


@routes.route("/dict")
def a_dict():
    return {"Code": "SPRING", "Message": "ten per cent off"}


@routes.route("/response")
def a_response():
    return Response({"Code": "SPRING"}, headers={"X-Own": "yes"}, status_code=418)


@routes.route("/not-found")
def not_found():
    raise NotFoundError("no such coupon")


@routes.route("/conflict")
def conflict():
    raise ConflictError("spent already")


@routes.route("/ours")
def ours():
    raise NotFound


@routes.route("/bug")
def bug():
    raise ValueError("correct horse battery staple")


@dataclass(frozen=True)
class Settings:
    """A site's own, of which one is missing."""

    depot: str


@routes.route("/depot")
def depot():
    return {"depot": read(Settings, {"SITE_DEPOT": ""}).depot}


@pytest.fixture
def serving(environment, clock, private_jwks):
    """Serve a site's routes."""

    def serving(**how):
        return in_process(application(environment, clients=clients_of(ring=private_jwks), clock=clock, **how))

    return serving


@pytest.fixture
def api(serving):
    return serving(blueprints=[routes])


def declared(answer, **how):
    """A site with one route, and what its view returns."""
    own = Routes()

    @own.operation("GET", "/greeting", **how)
    def greeting(call: Call) -> Answer[dict[str, str]]:
        """Greet."""
        return answer() if callable(answer) else answer

    return own


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/dict", 200, {"Code": "SPRING", "Message": "ten per cent off"}),
        ("/response", 418, {"Code": "SPRING"}),
    ],
)
def test_a_body_that_looks_like_an_error_of_chalice_is_left_alone(api, path, status, body):
    answer = api.request("GET", path)
    assert (answer.status, answer.json) == (status, body)
    answer.assert_hardened()


def test_headers_of_an_own_response_stay(api):
    assert api.request("GET", "/response").headers["x-own"] == "yes"


@pytest.mark.parametrize(
    ("path", "status", "error", "detail"),
    [
        ("/not-found", 404, "not_found", "no such coupon"),
        ("/conflict", 409, "conflict", "spent already"),
        ("/ours", 404, "not_found", NotFound.detail),
    ],
)
def test_an_error_of_chalice_or_ours_is_a_problem_document_of_its_status(api, path, status, error, detail):
    answer = api.request("GET", path)
    answer.assert_problem(status, error)
    assert answer.json["detail"] == detail
    answer.assert_hardened()


def test_a_bug_is_a_problem_document_that_says_nothing_of_it(api):
    answer = api.request("GET", "/bug")
    answer.assert_problem(500, "internal_error")
    assert b"horse" not in answer.body


def test_a_setting_of_the_sites_that_is_missing_is_named_in_the_log_and_not_in_the_answer(api, caplog):
    caplog.set_level(logging.INFO, "lychgate")
    answer = api.request("GET", "/depot")
    answer.assert_problem(500, "internal_error")
    assert b"SITE_DEPOT" not in answer.body
    assert "SITE_DEPOT is not set" in caplog.text


def test_another_method_is_refused_in_our_words(api):
    answer = api.request("DELETE", "/dict")
    answer.assert_problem(405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, OPTIONS"


async def greet_later():
    return Answer({"hello": "you"})


HOLDS_ITSELF = {}
HOLDS_ITSELF["me"] = HOLDS_ITSELF


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"hello": "you"}, "GET /greeting returned dict; return Answer(…)"),
        (None, "GET /greeting returned None; return Answer(…)"),
        (Response({"hello": "you"}), "GET /greeting returned Response; return Answer(…)"),
        (greet_later, "GET /greeting returned coroutine; return Answer(…)"),
        (Answer({"price": math.nan}), "JSON has no NaN and no infinity"),
        (Answer({"price": [math.inf]}), "JSON has no NaN and no infinity"),
        (Answer({"price": decimal.Decimal("NaN")}), "JSON has no NaN and no infinity"),
        (Answer(HOLDS_ITSELF), "nothing in it holds itself"),
        (Answer({"at": datetime.date(2027, 1, 15)}), "Object of type date is not JSON serializable"),
        (Answer(b"hello"), "Object of type bytes is not JSON serializable"),
    ],
    ids=["dict", "none", "response", "coroutine", "nan", "infinity", "decimal", "itself", "date", "bytes"],
)
def test_what_no_answer_can_be_made_of_is_an_error_whose_log_line_names_the_route(serving, caplog, answer, reason):
    caplog.set_level(logging.INFO, "lychgate")
    refused = serving(routes=[declared(answer)]).request("GET", "/greeting")
    refused.assert_problem(500, "internal_error")
    assert refused.json["detail"] == "Something went wrong on our side. The request can be tried again."
    refused.assert_hardened()
    [line] = [record for record in caplog.records if record.members.get("status") == 500]
    assert line.members["route"] == "GET /greeting"
    assert reason in line.members["reason"]
    assert line.members["reason"].startswith("GET /greeting returned ")


def test_what_json_has_is_answered_as_it_is(serving):
    body = {"price": decimal.Decimal("4.5"), "names": ["é", None, True], "none": {}}
    answer = serving(routes=[declared(Answer(body))]).request("GET", "/greeting")
    assert (answer.status, answer.json) == (200, {"price": 4.5, "names": ["é", None, True], "none": {}})


def test_the_refresh_token_opens_no_route_of_a_site(serving):
    with pytest.raises(
        RoutesRefused, match=r"GET /greeting \(greeting, .*: Credential.REFRESH_TOKEN is for Lychgate's"
    ):
        serving(routes=[declared(Answer({}), credential=Credential.REFRESH_TOKEN)])


def test_an_async_view_answers_nothing(serving):
    own = Routes()

    @own.operation("GET", "/greeting")
    async def greeting(call: Call) -> Answer[dict[str, str]]:
        """Greet."""

    with pytest.raises(RoutesRefused, match=r"GET /greeting \(greeting, .*: a view is a plain function"):
        serving(routes=[own])


@pytest.mark.parametrize(
    ("method", "path", "problem"),
    [("GET", "/me", "GET /me is Lychgate's"), ("OPTIONS", "/mine", "the API answers OPTIONS itself")],
)
def test_a_route_that_is_there_already_is_named_with_its_file(serving, method, path, problem):
    own = Routes()

    @own.operation(method, path)
    def mine(call: Call) -> Answer[dict[str, str]]:
        """Say something."""

    with pytest.raises(RoutesRefused, match=rf"{method} {path} \(mine, .*test_own_routes\.py:\d+\): {problem}"):
        serving(routes=[own])


def test_a_view_without_a_type_of_answer_is_named_where_the_document_fails_of_it(serving, caplog):
    caplog.set_level(logging.INFO, "lychgate")
    own = Routes()

    @own.operation("GET", "/greeting")
    def greeting(call):
        """Greet."""

    serving(routes=[own]).request("GET", "/openapi.json").assert_problem(500, "internal_error")
    [line] = [record for record in caplog.records if record.members.get("status") == 500]
    assert line.members["reason"].startswith("GET /greeting cannot be described: ")
