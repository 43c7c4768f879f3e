"""Each fault of the page fails the one check that is about it."""

import pytest

from tests.smoke.faults import (
    BUCKET_SAYS_NO,
    answering,
    assert_fails_alone,
    having,
    on,
    path,
    with_body,
    without,
)
from tests.support.marks import each_third

FAULTS = {
    "a page that browsers keep": (
        "test_browsers_keep_no_file_longer_than_its_name_is_good",
        on(path("/"), having("Cache-Control", "public, max-age=86400")),
        "GET /: Cache-Control is public, max-age=86400, and should be no-cache",
    ),
    "a module that is kept under a name without a hash": (
        "test_browsers_keep_no_file_longer_than_its_name_is_good",
        on(path("/js/page.js"), having("Cache-Control", "public, max-age=31536000, immutable")),
        "GET /js/page.js: Cache-Control is public, max-age=31536000, immutable, and should be no-cache",
    ),
    "a page that the bucket refuses": (
        "test_the_page_is_there",
        on(path("/"), answering(403, BUCKET_SAYS_NO, "application/xml", Server="AmazonS3")),
        "the bucket's policy does not let the distribution in",
    ),
    "a module of a wrong type": (
        "test_scripts_modules_styles_and_images_are_served_as_what_they_are",
        on(path("/js/elements/core/dom.js"), having("Content-Type", "binary/octet-stream")),
        "GET /js/elements/core/dom.js answered 200, binary/octet-stream, and should answer 200, text/javascript",
    ),
    "a module that only another one imports is not there": (
        "test_scripts_modules_styles_and_images_are_served_as_what_they_are",
        on(path("/js/elements/core/fields.js"), answering(404, b"", "text/html")),
        "GET /js/elements/core/fields.js answered 404",
    ),
    "a page without its policy": (
        "test_the_page_and_its_files_have_their_security_headers",
        on(path("/"), without("Content-Security-Policy")),
        "GET /: Content-Security-Policy is 'missing', and should be \"default-src 'none'",
    ),
    "a file with another header": (
        "test_the_page_and_its_files_have_their_security_headers",
        on(path("/styles.css"), having("X-Frame-Options", "SAMEORIGIN")),
        "GET /styles.css: X-Frame-Options is 'SAMEORIGIN', and should be 'DENY'",
    ),
    "a page with inline script": (
        "test_the_page_holds_nothing_that_its_content_security_policy_stops",
        on(path("/"), with_body(lambda body: body.replace(b"</body>", b"<script>x()</script></body>"))),
        "The page has an inline <script>",
    ),
    "a page with a foreign script": (
        "test_the_page_holds_nothing_that_its_content_security_policy_stops",
        on(path("/"), with_body(lambda body: body + b"<script src='//cdn.example/x.js'></script>")),
        "<script> loads from elsewhere: //cdn.example/x.js",
    ),
    "an unknown page that is refused": (
        "test_a_page_that_is_not_there_is_a_404",
        on(lambda request, _: request.path.startswith("/no-such-page"), answering(403, BUCKET_SAYS_NO)),
        "answered 403, and should answer 404",
    ),
}


@pytest.mark.parametrize("fault", each_third(FAULTS))
def test_a_fault_of_the_page_fails_its_check_and_no_other(smoke, distribution, fault):
    name, distribution.fault, words = FAULTS[fault]
    assert_fails_alone(
        smoke(["live/test_page.py", "live/test_documents.py::test_the_api_answers_below_api"]), name, words
    )


def test_every_check_of_the_page_has_a_fault(smoke):
    assert set(smoke(["live/test_page.py"]).passed) == {name for name, _, _ in FAULTS.values()}


def test_files_whose_names_have_a_hash_may_be_kept(smoke, distribution):
    def hashed(request, forward):
        if request.path == "/styles-0123456789abcdef.css":
            answer = forward(type(request)("GET", "/styles.css", request.headers, b""))
            return answer.having("Cache-Control", "public, max-age=31536000, immutable")
        answer = forward(request)
        named_by_hash = with_body(lambda body: body.replace(b"/styles.css", b"/styles-0123456789abcdef.css"))
        return named_by_hash(answer) if request.path == "/" else answer

    distribution.fault = hashed
    assert smoke(["live/test_page.py"]).failed == []
