"""What browsers ask by themselves, at a site that binds no sessions to devices: as it is until somebody turns it on."""

import pytest

from tests.support.device_bound import REFRESH, START, registration_in


def test_a_browser_with_nothing_to_renew_is_told_to_forget_it(api):
    answer = api.request("POST", REFRESH, headers={"Sec-Secure-Session-Id": "of-an-earlier-session"})
    assert (answer.status, answer.json) == (200, {"continue": False})
    answer.assert_hardened()


def test_no_log_in_asks_to_bind_and_nothing_is_bound(api):
    answer = api.signed_in(token_delivery="cookie")
    assert registration_in(answer) is None
    cookie = f"{answer.cookie.key}={answer.cookie.value}"
    api.request("POST", START, headers={"Cookie": cookie}).assert_problem(404, "not_found")


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_whatever_origin_a_browser_names_it_is_told_as_much(api, origin):
    """No page can make a proof. A browser that gets 403 without a challenge forgets its key for good."""
    cookie = api.signed_in(token_delivery="cookie").cookie
    headers = {"Cookie": f"{cookie.key}={cookie.value}", "Origin": origin}
    answer = api.request("POST", REFRESH, headers=headers)
    assert (answer.status, answer.json) == (200, {"continue": False})
    assert "access-control-allow-origin" not in answer.headers
