"""What is read of the headers of a request."""

import pytest
from chalice.app import Request

from chalicelib.api.headers import read_key_proofs


class TestProofsOfAKey:
    """The ``DPoP`` headers of a request, of which Chalice keeps one."""

    def read(self, headers, several=None):
        event = {
            "requestContext": {"httpMethod": "POST", "resourcePath": "/x"},
            "headers": headers,
            "multiValueHeaders": several,
            "multiValueQueryStringParameters": None,
            "pathParameters": {},
            "stageVariables": {},
            "body": None,
            "isBase64Encoded": False,
        }
        return read_key_proofs(Request(event, None))

    @pytest.mark.parametrize("name", ["DPoP", "dpop", "DPOP", "dPoP"])
    def test_are_found_whatever_the_case_of_their_name(self, name):
        assert self.read({name: "a.b.c"}) == ["a.b.c"]
        assert self.read({name: "d.e.f"}, {name: ["a.b.c", "d.e.f"]}) == ["a.b.c", "d.e.f"]

    def test_are_found_under_names_of_several_cases(self):
        # API Gateway tells names of another case apart.
        assert self.read({"dpop": "a.b.c", "DPoP": "d.e.f"}, {"dpop": ["a.b.c"], "DPoP": ["d.e.f"]}) == [
            "a.b.c",
            "d.e.f",
        ]

    def test_are_there_if_they_are_empty(self):
        assert self.read({"DPoP": ""}) == [""]
        assert self.read({"DPoP": ""}, {"DPoP": ["", ""]}) == ["", ""]

    @pytest.mark.parametrize("headers", [{}, {"Authorization": "DPoP a.b.c"}, {"DPoP-Nonce": "n"}, {"X-DPoP": "a.b.c"}])
    def test_are_not_there_otherwise(self, headers):
        assert self.read(headers) == []
        assert self.read(headers, {name: [value] for name, value in headers.items()}) == []
