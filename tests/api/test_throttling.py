"""Guessing at passwords, as a client sees it, and whose address a guess counts for."""

import pytest

WRONG = "wrong horse battery staple"
SECRET = "a secret that only the distribution knows"


def login(api, password=WRONG, username="alice", **headers):
    members = {"username": username, "password": password}
    return api.post("/auth/login", members, headers={name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.each_server
def test_the_sixth_guess_has_to_wait_and_is_told_how_long(api, clock):
    api.register()
    for _ in range(5):
        login(api).assert_problem(401, "invalid_credentials")
    answer = login(api)
    answer.assert_problem(429, "too_many_attempts")
    assert answer.headers["retry-after"] == "1"
    clock.advance(1)
    assert api.login().status == 200


def test_the_twenty_first_account_of_an_hour_from_one_address_is_refused_and_told_why_and_how_long(api, clock):
    for number in range(20):
        assert api.register(f"friend{number}").status == 201
    answer = api.register("one-more")
    answer.assert_problem(429, "too_many_attempts")
    assert answer.json["detail"] == "Too many accounts were created from your network. Try again later."
    assert 0 < int(answer.headers["retry-after"]) <= 3600
    # Names that are taken, and what is not valid, are told as ever.
    api.register("friend0", "short").assert_problem(422, "validation_failed")
    assert api.login("friend0").status == 200
    clock.advance(int(answer.headers["retry-after"]))
    assert api.register("one-more").status == 201


def test_known_and_unknown_names_get_one_answer(api):
    api.register()
    answers = {}
    for username in ("alice", "nobody", "no such name!"):
        answers[username] = [login(api, username=username) for _ in range(6)]
    for others in zip(*answers.values(), strict=True):
        assert len({(answer.status, answer.body, str(answer.headers)) for answer in others}) == 1


def test_a_session_goes_on_while_its_account_is_guessed_at(api):
    tokens = api.register().json
    for _ in range(6):
        login(api)
    assert api.refresh(tokens["refresh_token"]).status == 200
    assert api.me(tokens["access_token"]).status == 200


@pytest.fixture
def sign_in_address(api, clock):
    """Register, log in with headers, and return the address that the session has in the list."""

    def sign_in_address(**headers):
        api.register()
        clock.advance(1)
        tokens = login(api, "correct horse battery staple", **headers).json
        (newest, _) = api.bearer("GET", "/auth/sessions", tokens["access_token"]).json["sessions"]
        return newest["ip"]

    return sign_in_address


@pytest.mark.each_server
@pytest.mark.parametrize("headers", [{}, {"X_Lychgate_Distribution": SECRET}])
def test_no_header_that_a_client_sets_changes_its_address(sign_in_address, headers):
    assert sign_in_address(X_Forwarded_For="198.51.100.1, 198.51.100.2", **headers) == "127.0.0.1"
