"""Routes that a site adds to the application: they keep what they answer, and get what every answer has."""

import logging
from dataclasses import dataclass

import pytest
from chalice import Blueprint, ConflictError, NotFoundError, Response

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
def api(environment, clock, private_jwks):
    app = application(environment, clients=clients_of(ring=private_jwks), clock=clock, blueprints=[routes])
    return in_process(app)


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
