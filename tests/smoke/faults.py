"""How a distribution can be made faulty: functions of a request and of what forwards it, which return an answer."""

from dataclasses import replace

BUCKET_SAYS_NO = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
CLOUDFRONT_SAYS_NO = b"<!DOCTYPE HTML><HTML><TITLE>ERROR: The request could not be satisfied</TITLE></HTML>"
GATEWAYS_OWN = {"x-amzn-ErrorType": "MissingAuthenticationTokenException"}


def on(matches, change):
    """A fault that changes the answers to some requests."""

    def fault(request, forward):
        answer = forward(request)
        return change(answer) if matches(request, answer) else answer

    return fault


def on_request(matches, change):
    """A fault that changes some requests on their way to the site."""
    return lambda request, forward: forward(change(request) if matches(request) else request)


def path(wanted, method="GET"):
    return lambda request, _answer=None: (request.first, request.path) == (method, wanted)


def below_api(request, _answer=None):
    return request.path.startswith("/api/")


def without(name):
    return lambda message: message.without(name)


def having(name, value):
    return lambda message: message.having(name, value)


def with_json(change):
    return lambda message: message.with_json(change)


def with_body(change):
    return lambda message: replace(message, body=change(message.body))


def answering(status, body=b"{}", content_type="application/json", **headers):
    def change(message):
        for name, value in headers.items():
            message = message.having(name.replace("_", "-"), value)
        return message.answering(status, body, content_type)

    return change


def assert_fails_alone(outcome, name, words):
    """Assert that one check failed and no other, and that the report says what is wrong and what to do."""
    assert set(outcome.failed) == {name}, outcome.text
    assert words in outcome.text, outcome.text
    assert "What to do: " in outcome.text
    assert outcome.code == 1
