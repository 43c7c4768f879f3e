"""What a caller is told when something breaks inside: a problem document that tells nothing of it."""

import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError

from tests.support.wire import raising_before

SECRET = "S3cret-Passphrase-Never-Echoed"


class Broken:
    """Use cases of which each is a bug."""

    def __getattr__(self, name):
        raise RuntimeError(f"database password is {SECRET}")


def test_a_bug_is_an_internal_error_that_tells_nothing(api, application, caplog):
    application.lychgate.use_cases = Broken()
    answer = api.login()
    answer.assert_problem(500, "internal_error")
    assert SECRET not in answer.body.decode()
    assert "RuntimeError" in caplog.text


def test_a_configuration_error_is_logged_with_the_variable_and_not_shown(api, settings, caplog):
    del settings["LYCHGATE_USERS_TABLE"]
    answer = api.login()
    answer.assert_problem(500, "internal_error")
    assert "LYCHGATE" not in answer.body.decode()
    assert "LYCHGATE_USERS_TABLE is not set" in caplog.text


@pytest.mark.parametrize(("variable", "value"), [("LYCHGATE_ISSUER", ""), ("LYCHGATE_ALLOWED_ORIGINS", "*")])
@pytest.mark.parametrize("path", ["/health", "/nowhere"])
def test_a_setting_of_the_http_layer_that_cannot_be_used_is_a_problem_document_too(
    api, settings, variable, value, path
):
    settings[variable] = value
    api.request("GET", path, headers={"Origin": "https://site.example"}).assert_problem(500, "internal_error")


def test_a_database_out_of_reach_is_unavailable_and_says_when_to_try_again(api, aws_clients):
    api.register()

    def unreachable(**_):
        raise EndpointConnectionError(endpoint_url="https://dynamodb.invalid")

    with raising_before(aws_clients[0], "UpdateItem", unreachable):
        answer = api.login()
    answer.assert_problem(503, "service_unavailable")
    assert answer.headers["retry-after"] == "1"
    assert "dynamodb" not in answer.body.decode()


def test_signing_keys_that_could_not_be_read_are_read_again_at_the_next_request(api, aws_clients):
    def unreachable(**_):
        raise ConnectTimeoutError(endpoint_url="https://ssm.invalid")

    with raising_before(aws_clients[1], "GetParameter", unreachable):
        api.register().assert_problem(503, "service_unavailable")
    assert api.register().status == 201


def test_what_failed_while_the_process_started_is_told_to_the_first_request_and_tried_again(
    api, application, aws_clients
):
    def unreachable(**_):
        raise ConnectTimeoutError(endpoint_url="https://ssm.invalid")

    with raising_before(aws_clients[1], "GetParameter", unreachable):
        application.lychgate.prepare()
    api.register().assert_problem(503, "service_unavailable")
    assert api.register().status == 201


def test_an_authorizer_that_fails_is_answered_with_a_hardened_500(api, settings):
    settings["LYCHGATE_PUBLIC_KEYS"] = "{}"
    answer = api.me("a.b.c")
    assert answer.status == 500
    answer.assert_hardened()


def test_a_bug_is_answered_with_a_hardened_500(api, application):
    application.lychgate.use_cases = Broken()
    answer = api.login()
    assert answer.status == 500
    answer.assert_hardened()
