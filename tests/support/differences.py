"""The differences between the places in which the API runs, with their reasons. There is no other list.

Each difference names the tests of `tests/api/` that fail in a place because of it. These tests are expected to fail. If
one passes, the difference no longer exists, and that is reported as a failure.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    place: str
    what: str
    reason: str
    tests: str
    """A regular expression for the ids of the tests, without the folder."""


DIFFERENCES = [
    Difference(
        "live-without-tls",
        "The cookie is called refresh_token and lacks Secure.",
        "It is make dev with an issuer of its own, over http://, where browsers keep no cookie with Secure.",
        r"test_sets_the_cookie_of_the_contract_and_keeps_the_token_out_of_the_body",
    ),
    Difference(
        "packaged",
        "The challenge of a Lambda's own 401 is called x-amzn-Remapped-WWW-Authenticate.",
        "API Gateway renames it; only the gateway's own 401, which is the authorizer's, keeps the name.",
        r"test_a_challenge_has_the_name_that_clients_look_for",
    ),
    Difference(
        "packaged",
        "A 401 of the authorizer always has the challenge of a bad token, also if there was no token at all.",
        "A gateway response has one text for both.",
        r"test_no_token_is_a_challenge_without_an_error_code",
    ),
    Difference(
        "packaged",
        "An answer of the gateway itself allows the same foreign origin whoever asks, and never the site's own.",
        "A gateway response's headers are fixed. The site's own origin needs no permission.",
        r"test_an_answer_names_the_origin_that_asked_whichever_layer_it_comes_from",
    ),
    Difference(
        "packaged",
        "A method other than the usual seven is a 404 on every path.",
        "API Gateway's ANY stands for seven. CloudFront passes no other on, and answers 403 itself.",
        r"test_a_method_that_nobody_uses_is_answered_as_any_other",
    ),
    Difference(
        "packaged",
        "A body that is not UTF-8 arrives with replacement characters, and is judged by what it then says.",
        "API Gateway passes text on as a JSON string, which cannot hold other bytes.",
        r"test_what_is_not_one_json_object_is_a_bad_request\[.*xe9",
    ),
    Difference(
        "chalice-local",
        "//me is /me.",
        "Python's http.server joins slashes at the beginning of a path.",
        r"test_an_unknown_route_is_not_found_and_echoes_nothing\[//me",
    ),
    Difference(
        "chalice-local",
        "A method other than the usual ones is answered 501, with a page.",
        "Chalice's server has a handler for each method that it knows.",
        r"test_a_method_that_nobody_uses_is_answered_as_any_other",
    ),
    Difference(
        "make-dev",
        "A Host that is not this machine is answered 421.",
        "A page of a foreign name that resolves to 127.0.0.1 must not get at the developer's server.",
        r"test_junk_in_any_header_is_harmless\[.*-Host\]",
    ),
    Difference(
        "make-dev",
        "A body of more than 10 MiB is answered 413 without the API's headers.",
        "The development server refuses it before it knows whether it is for the API or for the page.",
        r"test_a_body_that_no_gateway_would_pass_on_is_too_large_too",
    ),
    *(
        Difference(
            place,
            "A path with bytes beyond ASCII, or a null in a header, is answered 400 without the API's headers.",
            "Neither is HTTP (RFC 9112 section 3.2, RFC 9110 section 5.5), and waitress, which listens, stops both.",
            r"(test_a_session_id_that_is_none_is_not_found|test_an_unknown_route_is_not_found_and_echoes_nothing)\[.*xe9"
            r"|test_junk_in_any_header_is_harmless\[.*x00",
        )
        for place in ("make-dev", "packaged")
    ),
]


def differing(place, nodeid):
    """Return the differences that apply to a test in a place."""
    name = nodeid.partition("api/")[2].replace(f"{place}-", "").replace(f"[{place}]", "")
    return [found for found in DIFFERENCES if found.place == place and re.search(found.tests, name)]
