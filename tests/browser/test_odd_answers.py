"""Errors in a shape that is not the API's, such as those of a proxy: a form says what it can."""

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import PASSWORD

LOGIN = "**/api/auth/login"
RESET = "**/api/auth/password/reset"
REFUSED = "The service refused this (status 422)."
ODD = [
    ({"errors": None}, REFUSED),
    ({"errors": {"username": ["too short"]}}, REFUSED),
    ({"errors": "none", "detail": "Not like this."}, "Not like this."),
    ({"errors": [None, "short", {"field": "username"}, {"message": "short"}, {"field": 5, "message": {}}]}, REFUSED),
    ({"detail": [{"loc": ["body", "username"], "msg": "Field required"}]}, REFUSED),
    ({"detail": {"msg": "Field required"}}, REFUSED),
    ({"error": "welcome"}, REFUSED),
    ({"error": "too_many"}, REFUSED),
    ({"error": "page_broken", "detail": "Not like this."}, "Not like this."),
    ({"error": {"code": 5}}, REFUSED),
    ([{"error": "invalid_credentials"}], REFUSED),
    ("invalid_credentials", REFUSED),
]


@pytest.mark.parametrize(("body", "text"), ODD, ids=str)
def test_a_log_in_that_is_refused_in_an_odd_shape_says_something_that_is_true(visitor, body, text):
    visitor.context.route(LOGIN, lambda route: route.fulfill(status=422, json=body))
    visitor.page.fill("[data-part~=login-username]", "kim")
    visitor.page.fill("[data-part~=login-password]", PASSWORD)
    visitor.page.click("[data-part~=login-form] [type=submit]")
    error = visitor.page.locator("[data-part~=login-form] [data-form-error]")
    expect(error).to_contain_text(text)
    expect(error).not_to_contain_text("[object")
    visitor.forgive(422)


def test_what_an_odd_shape_says_of_a_field_is_said_there(visitor):
    body = {"errors": [None, {"field": "username", "message": "No such name.", "code": ["?"], "limit": {}}]}
    visitor.context.route(LOGIN, lambda route: route.fulfill(status=422, json=body))
    visitor.log_in()
    expect(visitor.page.locator("[data-error-for=username]").first).to_have_text("No such name.")
    visitor.forgive(422)


def test_a_mailed_link_that_is_refused_in_an_odd_shape_says_something_that_is_true(visitor):
    visitor.context.route(RESET, lambda route: route.fulfill(status=422, json={"errors": None}))
    visitor.page.goto(f"{visitor.url}/account.html#reset=x")
    visitor.page.fill("[data-part~=reset-password]", PASSWORD)
    visitor.page.click("[data-part~=reset-form] [type=submit]")
    expect(visitor.page.locator("[data-part~=reset-form] [data-form-error]")).to_contain_text(REFUSED)
    visitor.forgive(422)
