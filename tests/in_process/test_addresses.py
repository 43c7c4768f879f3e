"""Where a request comes from, as the process sees it behind API Gateway: address and User-Agent."""

import hashlib

import pytest

SECRET = "a secret that only the distribution knows"


@pytest.fixture
def sign_in_address(api, clock):
    """Register, log in with headers, and return the address that the session has in the list."""

    def sign_in_address(**headers):
        members = {"username": "alice", "password": "correct horse battery staple"}
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        api.post("/auth/register", members, headers=sent)
        clock.advance(1)
        token = api.post("/auth/login", members, headers=sent).json["access_token"]
        (newest, _) = api.bearer("GET", "/auth/sessions", token, headers=sent).json["sessions"]
        return newest["ip"]

    return sign_in_address


@pytest.fixture
def behind_a_distribution(settings):
    settings["LYCHGATE_DISTRIBUTION_SECRET_SHA256"] = hashlib.sha256(SECRET.encode()).hexdigest()


@pytest.mark.usefixtures("behind_a_distribution")
class TestBehindADistribution:
    @pytest.mark.parametrize(
        ("forwarded", "address"),
        [
            ("198.51.100.1, 130.176.0.1", "198.51.100.1"),
            ("6.6.6.6, 198.51.100.1, 130.176.0.1", "198.51.100.1"),
            ("2001:db8::1,130.176.0.1", "2001:db8::1"),
            ("130.176.0.1", "127.0.0.1"),
            ("", "127.0.0.1"),
        ],
    )
    def test_the_viewers_address_is_the_one_that_the_distribution_saw(self, sign_in_address, forwarded, address):
        assert sign_in_address(X_Lychgate_Distribution=SECRET, X_Forwarded_For=forwarded) == address


@pytest.mark.parametrize("secret", ["", SECRET])
def test_without_a_distribution_nobody_is_believed(sign_in_address, secret):
    address = sign_in_address(X_Lychgate_Distribution=secret, X_Forwarded_For="198.51.100.1, 130.176.0.1")
    assert address == "127.0.0.1"


def test_a_user_agent_is_kept_without_characters_that_a_terminal_or_a_page_would_act_on(api, clock):
    api.register()
    clock.advance(1)
    members = {"username": "alice", "password": "correct horse battery staple"}
    sent = {"User-Agent": "Phone \x1b[2J1\u202e\r\n(é)"}
    token = api.post("/auth/login", members, headers=sent).json["access_token"]
    (newest, _) = api.bearer("GET", "/auth/sessions", token).json["sessions"]
    assert newest["user_agent"] == "Phone [2J1(é)"
