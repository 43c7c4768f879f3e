"""A device that has logged in before: what its cookie is good for, and what it is not."""

import pytest

from tests.support.api_client import as_header

PASSWORD = "correct horse battery staple"
WRONG = "wrong horse battery staple"


def login(api, password=PASSWORD, username="Alice", **headers):
    members = {"username": username, "password": password, "token_delivery": "cookie"}
    return api.post("/auth/login", members, headers=headers)


def device_of(answer):
    """The device cookie that an answer sets."""
    (cookie,) = [cookie for cookie in answer.cookies if cookie.key.endswith("device")]
    return cookie


@pytest.fixture
def device(api):
    """The cookie of the device from which Alice has registered."""
    return device_of(api.register("Alice", token_delivery="cookie"))


def guess(api, times, **headers):
    return [login(api, WRONG, **headers).status for _ in range(times)]


@pytest.mark.each_server
def test_a_log_in_into_the_cookie_leaves_one_for_a_year_that_no_script_can_read(api, device):
    answer = login(api)
    (cookie,) = [value for value in answer.set_cookies if value.startswith(device_of(answer).key)]
    name = "__Host-device" if "Secure" in cookie else "device"
    assert cookie.startswith(f"{name}=ey")
    attributes = set(cookie.split("; ")[1:])
    assert attributes - {"Secure"} == {"Path=/", "HttpOnly", "SameSite=Strict", "Max-Age=31536000"}


def test_a_log_in_into_the_body_leaves_none(api, device):
    assert api.login("Alice").cookies == []


@pytest.mark.each_server
def test_strangers_do_not_delay_it(api, device):
    assert guess(api, 6) == [401] * 5 + [429]
    login(api).assert_problem(429, "too_many_attempts")
    assert login(api, Cookie=as_header(device)).status == 200


def test_it_may_fail_ten_times_and_delays_nobody_else(api, device, clock):
    assert guess(api, 11, Cookie=as_header(device)) == [401] * 10 + [429]
    refused = login(api, Cookie=as_header(device))
    refused.assert_problem(429, "too_many_attempts")
    assert refused.headers["retry-after"] == "1"
    assert login(api).status == 200
    clock.advance(1)
    assert login(api, Cookie=as_header(device)).status == 200


def test_it_stays_the_same_device_when_it_logs_in_again(api, device):
    renewed = device_of(login(api, Cookie=as_header(device)))
    assert guess(api, 5, Cookie=as_header(device)) == [401] * 5
    assert guess(api, 6, Cookie=as_header(renewed)) == [401] * 5 + [429]


def test_it_authenticates_nobody(api, device):
    token = device.value
    api.me(token).assert_problem(401, "invalid_token")
    api.refresh(token).assert_problem(401, "invalid_grant")
    login(api, "", Cookie=as_header(device)).assert_problem(401, "invalid_credentials")


def forged(device):
    header, payload, signature = device.value.split(".")
    return f"{device.key}={header}.{payload}.{signature[:-4]}AAAA"


BAD = {
    "none": lambda device: "unrelated=1",
    "forged": forged,
    "empty": lambda device: f"{device.key}=",
    "junk": lambda device: f'{device.key}="a.b; {device.key}',
    "twice": lambda device: as_header(device, device),
    "long": lambda device: f"{device.key}={'a' * 5000}",
}


@pytest.mark.parametrize("kind", BAD)
def test_one_that_proves_nothing_is_as_good_as_none(api, device, kind):
    cookie = BAD[kind](device)
    assert guess(api, 6, Cookie=cookie) == [401] * 5 + [429]
    login(api, Cookie=cookie).assert_problem(429, "too_many_attempts")
    assert login(api, Cookie=as_header(device)).status == 200


def test_one_of_another_account_is_as_good_as_none(api, device):
    other = device_of(api.register("Mallory", token_delivery="cookie"))
    assert guess(api, 6, Cookie=as_header(other)) == [401] * 5 + [429]
    answer = login(api, Cookie=as_header(device))
    assert answer.status == 200
    assert login(api, username="Mallory", Cookie=as_header(device_of(answer))).status == 200


def test_one_that_has_expired_is_as_good_as_none(api, device, clock):
    clock.advance(365 * 24 * 3600)
    assert guess(api, 6, Cookie=as_header(device)) == [401] * 5 + [429]


def test_one_of_an_account_that_is_gone_is_as_good_as_none_for_who_takes_the_name(api, device):
    tokens = login(api).json
    assert api.bearer("POST", "/auth/delete-account", tokens["access_token"], {"password": PASSWORD}).status == 204
    api.register("Alice")
    assert guess(api, 6, Cookie=as_header(device)) == [401] * 5 + [429]


def test_a_page_of_another_origin_cannot_use_it(api, device):
    answer = login(api, Cookie=as_header(device), Origin="https://attacker.example")
    answer.assert_problem(403, "origin_rejected")
