"""What careless and hostile clients send, and that the answer is always a problem document that quotes nothing."""

import json

import pytest

from tests.support.marks import each_third

SECRET = "S3cret-Passphrase-Never-Echoed"
JSON = {"Content-Type": "application/json"}
POST_ROUTES = ["/auth/register", "/auth/login", "/auth/refresh", "/auth/logout"]


def post_raw(api, path, body, headers=JSON):
    return api.request("POST", path, body=body, headers=headers)


@pytest.mark.each_server
@pytest.mark.parametrize("path", POST_ROUTES)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        pytest.param(b"{", marks=pytest.mark.live_safe),
        b'{"username": "a",}',
        b"[]",
        b"null",
        b'"text"',
        b"7",
        b"[" * 16000,
        b'{"a":' * 3000,
        b'{"username": NaN}',
        b'{"username": Infinity}',
        b'{"n": ' + b"9" * 10000 + b"}",
        b"\xff\xfe\x00",
        b'{"username": "\xe9"}',
        '{"username": "x"}'.encode("utf-16"),
        b"\xef\xbb\xbf{}",
        b'{"username": "a", "username": "b"}',
        b'{"password": "' + SECRET.encode() + b'", "password": "' + SECRET.encode() + b'"}',
        b"\x00",
    ],
    ids=lambda body: repr(body[:24]),
)
def test_what_is_not_one_json_object_is_a_bad_request(api, path, body):
    answer = post_raw(api, path, body)
    answer.assert_problem(400, "invalid_request")
    assert SECRET not in answer.body.decode()


@pytest.mark.each_server
@pytest.mark.parametrize("path", POST_ROUTES)
def test_a_body_of_16_kib_is_read_and_one_byte_more_is_too_large(api, path):
    filler = 16 * 1024 - len('{"x": ""}')
    post_raw(api, path, b'{"x": "' + b"a" * filler + b'"}').assert_problem(422, "validation_failed")
    post_raw(api, path, b'{"x": "' + b"a" * (filler + 1) + b'"}').assert_problem(413, "payload_too_large")


@pytest.mark.each_server
def test_a_body_that_no_gateway_would_pass_on_is_too_large_too(api):
    answer = post_raw(api, "/auth/login", b"a" * (10 * 1024 * 1024 + 1))
    answer.assert_problem(413, "payload_too_large")
    answer.assert_hardened()


@pytest.mark.each_server
@pytest.mark.parametrize("path", POST_ROUTES)
@pytest.mark.parametrize(
    "media_type",
    [
        None,
        "",
        pytest.param("text/plain", marks=pytest.mark.live_safe),
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/jsonx",
        "*/*",
        "json",
        ";",
        "é",
    ],
)
def test_another_media_type_is_unsupported(api, path, media_type):
    headers = {} if media_type is None else {"Content-Type": media_type}
    post_raw(api, path, b"{}", headers).assert_problem(415, "unsupported_media_type")


@pytest.mark.each_server
@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "Application/JSON", "application/json ;x=y"])
def test_a_parameter_or_another_case_of_the_media_type_is_fine(api, media_type):
    assert post_raw(api, "/auth/logout", b"{}", {"Content-Type": media_type}).status == 204


@pytest.mark.parametrize("path", ["/auth/register", "/auth/login"])
@pytest.mark.parametrize("value", [None, 7, True, 1.5, [], {}, ["a"], {"a": "b"}])
def test_a_member_of_the_wrong_type_is_named(api, path, value):
    answer = api.post(path, {"username": value, "password": SECRET})
    answer.assert_problem(422, "validation_failed")
    assert answer.json["errors"] == [{"field": "username", "code": "wrong_type", "message": "This must be a string."}]
    assert SECRET not in answer.body.decode()


@pytest.mark.parametrize("value", [None, 7, {}, []])
def test_a_refresh_token_of_the_wrong_type_is_named(api, value):
    for path in ("/auth/refresh", "/auth/logout"):
        answer = api.post(path, {"refresh_token": value})
        answer.assert_problem(422, "validation_failed")
        assert [error["field"] for error in answer.json["errors"]] == ["refresh_token"]


@pytest.mark.live_safe
def test_every_missing_member_is_named(api):
    answer = api.post("/auth/login", {})
    answer.assert_problem(422, "validation_failed")
    assert {error["field"] for error in answer.json["errors"]} == {"username", "password"}


def test_an_unknown_member_is_refused_and_named_unless_it_looks_like_a_secret(api):
    members = {"username": "alice", "password": SECRET, "remember_me": "yes", SECRET: "x"}
    answer = api.post("/auth/login", members)
    answer.assert_problem(422, "validation_failed")
    assert {error["field"] for error in answer.json["errors"]} == {"remember_me", "(another)"}
    assert SECRET not in answer.body.decode()


@pytest.mark.parametrize("value", ["header", "", "COOKIE", None, 1, ["body"], {}])
def test_an_unknown_token_delivery_is_refused(api, value):
    answer = api.post("/auth/login", {"username": "alice", "password": SECRET, "token_delivery": value})
    answer.assert_problem(422, "validation_failed")
    assert [error["field"] for error in answer.json["errors"]] == ["token_delivery"]


@pytest.mark.each_server
@pytest.mark.parametrize("field", ["username", "password"])
def test_half_a_surrogate_pair_is_refused(api, field):
    body = json.dumps({"username": "alice", "password": "correct horse battery", field: "\ud800" * 16})
    answer = post_raw(api, "/auth/register", body.encode())
    answer.assert_problem(422, "validation_failed")
    assert [error["field"] for error in answer.json["errors"]] == [field]


@pytest.mark.parametrize(
    "refresh_token", ["", " ", "a.b.c", "\0", "x" * 15000, "é", "../../etc/passwd", "'; DROP TABLE"]
)
def test_a_junk_refresh_token_is_an_invalid_grant(api, refresh_token):
    api.refresh(refresh_token).assert_problem(401, "invalid_grant")


@pytest.mark.each_server
@pytest.mark.parametrize(
    "cookie",
    [
        "",
        ";;;",
        "=",
        "__Host-refresh_token",
        "__Host-refresh_token=",
        '__Host-refresh_token="a.b.c"',
        "__Host-refresh_token=a.b.c",
        "__Host-refresh_token =a.b.c",
        "__Host-refresh_token=é",
        "é=é",
        "a" * 9000,
    ],
)
def test_a_junk_cookie_is_an_invalid_grant(api, cookie):
    api.refresh(headers={"Cookie": cookie}).assert_problem(401, "invalid_grant")


@pytest.mark.each_server
@pytest.mark.parametrize("number", [2, 3, 500])
@pytest.mark.parametrize("value", ["", "=", "=a.b.c", '="a.b.c"', "=é"])
def test_a_junk_cookie_several_times_is_a_bad_request_and_never_more(api, value, number):
    cookie = "; ".join([f"__Host-refresh_token{value}"] * number)[:9000]
    api.refresh(headers={"Cookie": cookie}).assert_problem(400, "invalid_request")
    answer = api.logout(headers={"Cookie": cookie})
    assert (answer.status, answer.cookie.value) == (204, "")


@pytest.mark.each_server
def test_a_good_cookie_among_junk_is_found(api):
    cookie = api.register(token_delivery="cookie").cookie
    header = f'theme="dark; x"; bad[name]=1; {cookie.key}={cookie.value}; {cookie.key}2=second'
    assert api.refresh(headers={"Cookie": header}).status == 200


@pytest.mark.each_server
@pytest.mark.parametrize(
    "name",
    [
        "Origin",
        "User-Agent",
        "Accept",
        "Accept-Encoding",
        "X-Forwarded-For",
        "Host",
        "Sec-Fetch-Site",
        "Range",
        "If-None-Match",
    ],
)
@pytest.mark.parametrize(
    "value",
    ["\x00", "é" * 300, "a" * 8000, *each_third(["%0d%0aX: y", "<script>alert(1)</script>", "${jndi:ldap://x}"]), ""],
)
def test_junk_in_any_header_is_harmless(api, name, value):
    members = {"username": "alice", "password": "correct horse battery staple"}
    answer = api.post("/auth/register", members, headers={name: value})
    assert answer.status == 201
    assert value == "" or value not in json.dumps(answer.headers)


@pytest.mark.each_server
@pytest.mark.parametrize(
    "path", ["/", "/unknown", "/auth", "/auth/login/x", "/ME", "//me", "/me%2f", "/%00", "/é", "/[", "/a" * 2000]
)
def test_an_unknown_route_is_not_found_and_echoes_nothing(api, path):
    for authorization in ("", SECRET, "é"):
        answer = api.request("GET", path, headers={"Authorization": authorization})
        answer.assert_problem(404, "not_found")
        assert SECRET not in answer.body.decode() + json.dumps(answer.headers)


@pytest.mark.each_server
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/unknown", "/auth/unknown/x"])
def test_an_unknown_route_is_not_found_by_any_method_with_a_token(api, method, path):
    authorization = f"Bearer {SECRET}"
    answer = api.request(method, path, headers={"Authorization": authorization, "Origin": "https://foreign.example"})
    assert answer.status == 404
    answer.assert_hardened()
    assert SECRET not in answer.body.decode() + json.dumps(answer.headers)
    assert answer.headers.get("access-control-allow-origin") != "https://foreign.example"


@pytest.mark.each_server
@pytest.mark.parametrize("media_type", ["application/json", "text/plain", "multipart/form-data; boundary=x", "junk"])
@pytest.mark.parametrize("body", [b'{"statusCode": 200}', b"junk"])
def test_nothing_that_is_sent_to_an_unknown_route_changes_the_answer(api, media_type, body):
    headers = {"Content-Type": media_type, "Accept": "text/html", "Authorization": SECRET}
    answer = api.request("POST", "/unknown", headers=headers, body=body)
    answer.assert_problem(404, "not_found")
    answer.assert_hardened()


@pytest.mark.each_server
@pytest.mark.parametrize(("method", "path"), [("GET", "/auth/login"), ("DELETE", "/me"), ("PUT", "/health")])
@pytest.mark.live_safe
def test_another_method_is_not_allowed_and_the_answer_says_which_are(api, method, path):
    answer = api.request(method, path)
    answer.assert_problem(405, "method_not_allowed")
    assert answer.headers["allow"]


@pytest.mark.each_server
def test_nor_is_head_whose_answer_has_no_body_to_say_so(api):
    answer = api.request("HEAD", "/me")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, OPTIONS")
