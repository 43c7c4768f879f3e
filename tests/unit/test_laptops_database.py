"""Where `chalice local` looks for the database of `make dynamodb`."""

import pytest

from chalicelib.errors import ConfigurationError
from infra.laptop import command_of_database, find_database


def found(**environ):
    find_database(environ)
    return environ


@pytest.mark.parametrize(
    ("environ", "endpoint"),
    [
        ({}, "http://127.0.0.1:8001"),
        ({"DYNAMODB_PORT": "", "AWS_ENDPOINT_URL": ""}, "http://127.0.0.1:8001"),
        ({"AWS_ENDPOINT_URL": "http://database:9601"}, "http://database:9601"),
        ({"DYNAMODB_PORT": "9601"}, "http://127.0.0.1:9601"),
        ({"DYNAMODB_PORT": "9601", "AWS_ENDPOINT_URL": "nonsense"}, "http://127.0.0.1:9601"),
    ],
)
def test_the_port_wins_over_an_address_and_that_over_the_usual_port(environ, endpoint):
    assert found(**environ)["AWS_ENDPOINT_URL"] == endpoint


def test_credentials_and_keys_are_in_the_data_directory():
    environ = found(LYCHGATE_DATA_DIR="x", LYCHGATE_LOCAL_CREDENTIALS=".lychgate/credentials")
    assert environ["LYCHGATE_LOCAL_CREDENTIALS"] == "x/credentials"
    assert environ["LYCHGATE_PUBLIC_KEYS"] == "file://x/public-keys.json"


def test_keys_that_are_named_are_taken():
    assert found(LYCHGATE_DATA_DIR="x", LYCHGATE_PUBLIC_KEYS="{}")["LYCHGATE_PUBLIC_KEYS"] == "{}"


def test_without_a_data_directory_both_stay_what_they_are():
    named = {"LYCHGATE_LOCAL_CREDENTIALS": ".lychgate/credentials"}
    assert found(**named) == {**named, "AWS_ENDPOINT_URL": "http://127.0.0.1:8001"}


@pytest.mark.parametrize("port", ["0", "x", "-1", "65536", "٨٠٠١"])
def test_a_port_that_is_none_is_an_error_that_names_its_variable(port):
    with pytest.raises(ConfigurationError, match="DYNAMODB_PORT must be a port number from 1 to 65535"):
        found(DYNAMODB_PORT=port)


@pytest.mark.parametrize("url", ["nonsense", "http://", "http://127.0.0.1:x", "http://[", "ftp://127.0.0.1"])
def test_an_address_that_is_none_is_an_error_that_names_its_variable(url):
    with pytest.raises(ConfigurationError, match=r"AWS_ENDPOINT_URL must be a URL such as http://127\.0\.0\.1:8001"):
        found(AWS_ENDPOINT_URL=url)


@pytest.mark.parametrize(
    ("environ", "command"),
    [
        ({}, "make dynamodb"),
        ({"DYNAMODB_PORT": "8001"}, "make dynamodb"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9601"}, "DYNAMODB_PORT=9601 make dynamodb"),
        (
            {"LYCHGATE_DATA_DIR": "my data", "DYNAMODB_PORT": "9601"},
            "LYCHGATE_DATA_DIR='my data' DYNAMODB_PORT=9601 make dynamodb",
        ),
    ],
)
def test_the_command_that_runs_the_database_names_what_differs(environ, command):
    assert command_of_database(found(**environ)) == command
