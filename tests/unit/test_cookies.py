"""A cookie of this site: its name, its attributes, and how it is found in what API Gateway hands over."""

import pytest
from chalice.app import Request

from chalicelib.api.cookies import SiteCookie
from chalicelib.api.headers import MOST_COOKIES
from chalicelib.api.responses import Answer
from chalicelib.config.http import HttpSettings

OVER_HTTP = "http://127.0.0.1:8000/api"


def cookie(issuer="https://site.example/api"):
    return SiteCookie("device", HttpSettings.from_environment({"LYCHGATE_ISSUER": issuer}))


def request(*headers, name="Cookie"):
    """A request with these Cookie headers, as API Gateway's event has them."""
    event = {
        "headers": {name: headers[-1]} if headers else {},
        "multiValueHeaders": {name: list(headers)} if headers else {},
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "requestContext": {"resourcePath": "/", "httpMethod": "POST"},
        "body": None,
        "stageVariables": None,
        "isBase64Encoded": False,
    }
    return Request(event)


def test_over_https_only_the_host_itself_can_set_it():
    assert cookie().holding("x", 60) == "__Host-device=x; Path=/; HttpOnly; Secure; SameSite=Strict; Max-Age=60"


def test_over_http_it_lacks_prefix_and_secure():
    assert cookie(OVER_HTTP).holding("x", 60) == "device=x; Path=/; HttpOnly; SameSite=Strict; Max-Age=60"


@pytest.mark.parametrize(
    ("headers", "values"),
    [
        ([], []),
        ([""], []),
        (["other=1"], []),
        (["device=1"], []),
        (["__Host-device"], [""]),
        (["__Host-device="], [""]),
        (["__Host-device=a=b"], ["a=b"]),
        (['__Host-device="a"'], ['"a"']),
        ([" __Host-device\t=\ta ;;other=1"], ["a"]),
        (["__Host-device=a; other=1; __Host-device=a"], ["a", "a"]),
        (["__Host-device=a", "other=1; __Host-device=b"], ["a", "b"]),
        (["other=1, __Host-device=b"], []),
        (["\u00a0__Host-device=a", "\u0085__Host-device=a", "\x1c__Host-device=a", "__HOST-device=a"], []),
    ],
)
@pytest.mark.parametrize("name", ["Cookie", "cookie"])
def test_its_values_are_those_of_the_very_name(headers, values, name):
    assert cookie().values(request(*headers, name=name)) == values


def test_of_many_values_the_last_are_looked_at():
    header = "; ".join(f"__Host-device={number}" for number in range(100))
    assert cookie().values(request(header)) == [str(number) for number in range(100 - MOST_COOKIES, 100)]


def test_is_taken_away_by_one_header_over_https():
    taken = cookie().taken_away(request("__Host-device=a; __Host-device=b"))
    assert taken == ["__Host-device=; Path=/; HttpOnly; Secure; SameSite=Strict; Max-Age=0"]


def test_over_http_a_second_one_for_the_folder_of_the_route_is_taken_away_too():
    ours = "device=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0"
    assert cookie(OVER_HTTP).taken_away(request("device=a")) == [ours]
    assert cookie(OVER_HTTP).taken_away(request("device=a; device=b")) == [
        ours,
        "device=; HttpOnly; SameSite=Strict; Max-Age=0",
    ]


@pytest.mark.parametrize("headers", [None, {"Set-Cookie": "a=1"}, {"Set-Cookie": ["a=1"]}])
def test_an_answer_carries_several(headers):
    answer = Answer(None, headers)
    answer.set_cookies("b=2", "c=3")
    answer.set_cookies()
    before = [] if headers is None else ["a=1"]
    assert answer.to_dict()["multiValueHeaders"] == {"Set-Cookie": [*before, "b=2", "c=3"]}
