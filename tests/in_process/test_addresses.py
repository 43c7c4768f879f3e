"""Whose address a request counts for, as the process sees it behind API Gateway."""

import hashlib

import pytest

SECRET = "a secret that only the distribution knows"


@pytest.fixture
def behind_a_distribution(api, monkeypatch):
    monkeypatch.setenv("LYCHGATE_DISTRIBUTION_SECRET_SHA256", hashlib.sha256(SECRET.encode()).hexdigest())


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

    @pytest.mark.parametrize("secret", ["", "guess", SECRET.upper(), "é"])
    def test_who_does_not_know_the_secret_is_not_believed(self, sign_in_address, secret):
        address = sign_in_address(X_Lychgate_Distribution=secret, X_Forwarded_For="198.51.100.1, 130.176.0.1")
        assert address == "127.0.0.1"
