"""What is said of the routes of a site that cannot be what is meant: each mistake, its place, and what to write."""

import functools
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypedDict

import pytest

from chalicelib.api.openapi import ALL_ROUTES
from chalicelib.api.own_routes import RoutesRefused, mistakes, refuse_wrong, who_may_call
from chalicelib.api.responses import Accepted, Answer
from chalicelib.api.routing import Call, Credential, Routes


@dataclass(frozen=True)
class Item:
    name: str
    tags: list[str]
    kinds: set[str]


@dataclass(frozen=True)
class Order:
    items: list[Item]
    more: dict[str, int]
    known: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Tree:
    name: str
    below: "list[Tree]"


@dataclass(frozen=True)
class Page:
    after: str | None = None
    most: int = 10


@dataclass(frozen=True)
class Flags:
    new: bool = False


class Receipt(TypedDict):
    pieces: int


def said_of(declare):
    """What is said of the routes that a function declares, without the names of routes and their places."""
    routes = Routes()
    declare(routes)
    found = list(mistakes([routes]))
    assert all(re.search(r" \(\w+, (.*test_wrong_routes\.py:\d+|nobody knows where)\): ", each) for each in found)
    return [each.partition("): ")[2] for each in found]


def declared(method="GET", path="/greeting", view=None, **how):
    def greet(call: Call) -> Answer[dict[str, str]]:
        """Greet."""

    return said_of(lambda routes: routes.operation(method, path, **how)(view or greet))


def test_a_route_as_the_guide_has_it_has_no_mistake():
    def take(call: Call, page: str, body: Tree, query: Page, *, clock=None) -> Answer[Receipt] | Accepted[None]:
        """Take it."""

    assert declared("POST", "/pages/{page}/trees.json", take, role="buyer", credential=Credential.LIVE) == []
    assert declared("PUT", "/") == []


@contextmanager
def noted():
    yield


@pytest.mark.parametrize("decorator", [noted(), functools.cache], ids=["of another module", "no function"])
def test_a_decorated_function_is_what_it_would_be_without_the_decorator(decorator):
    @decorator
    def view(call: "Call", page: "str", body: "Tree") -> "Answer[Receipt]":
        """Take it."""

    assert declared("POST", "/pages/{page}", view) == []
    [said] = declared("POST", "/pages/{other}", view)[:1]
    assert "the function has no parameter for {other}" in said


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("greeting", 'a path begins with "/": write "/greeting"'),
        ("/greeting/", 'no path ends with "/": write "/greeting"'),
        ("/api/greeting", 'the API is at /api already, so this is served at /api/api/greeting: write "/greeting"'),
        ("/api", 'the API is at /api already, so this is served at /api/api: write "/"'),
        ("/a b", '"a b" has characters that API Gateway takes in no path'),
        ("/café", '"café" has characters that API Gateway takes in no path'),
        ("/a//b", 'there is nothing between two "/" of the path'),
        (
            "/pages/{x-y}",
            '"{x-y}" is no parameter, which is one name in braces, of letters, digits and "_": write "{x_y}"',
        ),
        ("/pages/{}", 'write "{name}"'),
        ("/pages/{page", 'write "{page}"'),
        ("/pages/{page}.json", "is no parameter"),
        ("/pages/{proxy+}", 'write "{proxy}"'),
        ("/pages/{body}", "{body} has the name of what a view has already"),
    ],
)
def test_a_path_that_nothing_would_answer_is_said_with_the_one_that_is_meant(path, problem):
    def view(call: Call, **path) -> Answer[dict[str, str]]:
        """Show."""

    [said] = declared("GET", path, view)[:1]
    assert problem in said


@pytest.mark.parametrize(
    ("method", "problem"),
    [
        ("get", 'the method is in capitals: write "GET"'),
        ("OPTIONS", "the API answers OPTIONS itself, for CORS"),
        ("HEAD", "the method is one of GET, POST, PUT, PATCH, DELETE, and not HEAD"),
        ("FETCH", "and not FETCH"),
    ],
)
def test_a_method_is_one_that_the_api_passes_on(method, problem):
    [said] = declared(method)
    assert problem in said


def test_a_place_in_paths_has_one_name():
    def show(call: Call, page: str) -> Answer[dict[str, str]]:
        """Show."""

    def edit(call: Call, name: str) -> Answer[dict[str, str]]:
        """Edit."""

    def declare(routes):
        routes.operation("GET", "/pages/{page}")(show)
        routes.operation("PUT", "/pages/{page}/edit")(show)
        routes.operation("POST", "/pages/{name}/edit")(edit)
        routes.operation("GET", "/books/{name}")(edit)
        routes.operation("GET", "/admin/users/{name}/more")(edit)

    of_the_site, of_ours = said_of(declare)
    assert "{name} is {page} in /pages/{page} (" in of_the_site
    assert of_the_site.endswith("): write {page}")
    assert "{name} is {user_id} in /admin/users/{user_id} (Lychgate): write {user_id}" in of_ours


def test_a_route_is_there_once():
    def mine(call: Call) -> Answer[dict[str, str]]:
        """Say who."""

    def declare(routes):
        routes.operation("GET", "/me")(mine)
        routes.operation("PUT", "/me")(mine)
        routes.operation("GET", "/mine")(mine)
        routes.operation("GET", "/mine")(mine)

    ours, twice = said_of(declare)
    assert ours == "GET /me is Lychgate's: choose another path"
    assert re.match(r"this route is there already: mine, .*test_wrong_routes\.py:\d+\. Choose another", twice)


@pytest.mark.parametrize(
    ("how", "problem"),
    [
        ({"credential": Credential.REFRESH_TOKEN}, "is for Lychgate's own routes, and would let everybody in"),
        ({"credential": "live"}, "the credential is one of Credential, such as Credential.LIVE, and not 'live'"),
        ({"status": 201}, "the status is one of HTTPStatus, such as HTTPStatus.CREATED, and not 201"),
    ],
)
def test_a_declaration_says_what_it_seems_to_say(how, problem):
    [said] = declared(**how)
    assert problem in said


async def async_view(call: Call) -> Answer[dict[str, str]]:
    """Greet."""


def generator_view(call: Call) -> Answer[dict[str, str]]:
    """Greet."""
    yield


def without_call() -> Answer[None]:
    """Greet."""


def without_the_page(call: Call) -> Answer[None]:
    """Greet."""


def with_data(call: Call, page: str, data: Page, more: str = "") -> Answer[None]:
    """Greet."""


def untyped(call, page, body) -> Answer[None]:
    """Greet."""


def number(call: Call, page: int) -> Answer[None]:
    """Greet."""


def no_answer(call: Call, page: str):
    """Greet."""


def a_dict(call: Call, page: str) -> dict[str, str]:
    """Greet."""


def nothing(call: Call, page: str) -> None:
    """Greet."""


def bare(call: Call, page: str) -> Answer:
    """Greet."""


def a_dataclass(call: Call, page: str) -> Answer[list[Page]]:
    """Greet."""


def a_set(call: Call, page: str) -> Answer[set[str]]:
    """Greet."""


def dict_body(call: Call, page: str, body: dict) -> Answer[None]:
    """Greet."""


def optional_body(call: Call, page: str, body: Page | None) -> Answer[None]:
    """Greet."""


def wrong_fields(call: Call, page: str, body: Order) -> Answer[None]:
    """Greet."""


def wrong_query(call: Call, page: str, query: Flags) -> Answer[None]:
    """Greet."""


def dict_query(call: Call, page: str, query: dict) -> Answer[None]:
    """Greet."""


def unreadable(call: Call, page: str) -> "Answer[Nowhere]":  # noqa: F821 - as somebody forgets an import
    """Greet."""


TABLE = "docs/protect-your-api.md says what a body may have"


@pytest.mark.parametrize(
    ("view", "problems"),
    [
        (async_view, ["nothing would run this one: write `def`, without `async` and `yield`"]),
        (generator_view, ["nothing would run this one: write `def`, without `async` and `yield`"]),
        (functools.partial(without_the_page), ["a view is a function"]),
        (without_call, ["write `def without_call(call: Call, …)`", "no parameter for {page}: write `page: str`"]),
        (without_the_page, ["the function has no parameter for {page}: write `page: str`"]),
        (with_data, ["nothing is passed as `data`: a function has `call`, `body`", "nothing is passed as `more`"]),
        (untyped, ["`page` has no type: write `page: str`", "`body` has no type: write `body: MyDataclass`"]),
        (number, ["what a path has is text, and `page` is int: write `page: str`"]),
        (no_answer, ["it does not say what it returns: write `-> Answer[dict[str, str]]`"]),
        (a_dict, ["it returns dict[str, str]: write `-> Answer[dict[str, str]]`, and `return Answer(…)`"]),
        (nothing, ["it returns NoneType: write `-> Answer[dict[str, str]]`"]),
        (bare, ["it returns Answer: write `-> Answer[dict[str, str]]`"]),
        (a_dataclass, ["its answer has Page, and a dataclass is no JSON: make it a TypedDict, and return a dict"]),
        (a_set, ["its answer is set[str], which is no JSON"]),
        (dict_body, ["the body is dict, and no dataclass"]),
        (optional_body, ["and it is one dataclass"]),
        (
            wrong_fields,
            [
                f"Item.kinds has the type set[str], which is read from no body: {TABLE}",
                f"Order.more has the type dict[str, int], which is read from no body: {TABLE}",
            ],
        ),
        (wrong_query, ["Flags.new has the type <class 'bool'>, which is read from no query: write `str` or `int`"]),
        (dict_query, ["the query is dict, and no dataclass"]),
        (unreadable, ["its annotations cannot be read: NameError: name 'Nowhere' is not defined"]),
    ],
)
def test_a_function_is_one_that_a_route_can_call(view, problems):
    said = declared("POST", "/pages/{page}", view) if view is not async_view else declared("POST", "/a", view)
    assert len(said) == len(problems)
    for each, problem in zip(said, problems, strict=True):
        assert problem in each


def test_a_get_takes_no_body():
    def view(call: Call, body: Tree) -> Answer[None]:
        """Greet."""

    assert declared("GET", "/trees", view) == [
        "a GET has no body, and CloudFront refuses one: take `query`, or make the route a POST"
    ]


def test_what_no_document_can_describe_is_said_too():
    def view(call: Call, body: Tree) -> Answer[None]:
        """Greet."""

    [said] = declared("POST", "/trees", view, tag="Trees")
    assert "POST /trees cannot be described: " in said


def test_all_mistakes_are_told_at_once_each_in_a_line():
    routes = Routes()
    routes.operation("get", "greeting", credential=Credential.REFRESH_TOKEN)(no_answer)
    with pytest.raises(RoutesRefused) as refusal:
        refuse_wrong([routes])
    lines = str(refusal.value).splitlines()
    assert len(lines) == 5
    assert all(line.startswith("get greeting (no_answer, ") for line in lines)
    refuse_wrong([Routes()])


@pytest.mark.parametrize(
    ("how", "who"),
    [
        ({}, "everybody"),
        ({"credential": Credential.BEARER}, "whoever has an access token"),
        ({"credential": Credential.LIVE}, "whoever is logged in"),
        ({"credential": Credential.LIVE, "role": "buyer"}, "whoever is logged in, with the role buyer"),
        ({"credential": Credential.FRESH}, "whoever has logged in within LYCHGATE_FRESH_SECONDS"),
    ],
)
def test_who_may_call_a_route_can_be_said(how, who):
    routes = Routes()
    routes.operation("GET", "/greeting", status=HTTPStatus.OK, **how)(bare)
    assert who_may_call(routes.operations[0]) == who


def test_our_own_routes_have_no_mistake_but_that_they_are_ours():
    said = [each.partition("): ")[2] for each in mistakes(ALL_ROUTES)]
    of_the_refresh_token = [each for each in said if "Credential.REFRESH_TOKEN" in each]
    rest = [each for each in said if not each.endswith("is Lychgate's: choose another path")]
    assert [each for each in rest if each not in of_the_refresh_token] == []
    assert of_the_refresh_token
