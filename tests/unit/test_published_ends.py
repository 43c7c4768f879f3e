"""The feed of ended sessions for everybody: what it says, and how it is signed."""

import base64
import json

import jwt
import pytest

from chalicelib.accounts.ended import Ended, digest_of
from chalicelib.errors import InvalidGrant, InvalidToken, ServiceUnavailable
from chalicelib.tokens.issuer import TokenIssuer
from chalicelib.tokens.keys import generate_signing_jwk, parse_signing_keys, public_jwks
from chalicelib.tokens.kinds import KINDS
from chalicelib.use_cases.ended_sessions import EndedSessions
from chalicelib.use_cases.published_ends import PublishedEnds
from tests.support.samples import ISSUER, NOW

# In the order of time, which is not that of their digests.
SESSIONS = sorted(("one", "two", "three"), key=digest_of, reverse=True)
USERS = sorted(("alice", "bob", "carol"), key=digest_of, reverse=True)


class CountingKeys:
    """Keys that count their signatures."""

    def __init__(self, keys):
        self._keys, self.keys, self.signatures = keys, keys.keys, 0

    def current(self, now):
        self.signatures += 1
        return self._keys.current(now)


class Feed:
    fails = False

    def __init__(self):
        self.entries = [
            *(Ended(digest_of(session), NOW - 9 + number, is_user=False) for number, session in enumerate(SESSIONS)),
            *(Ended(digest_of(user), NOW - 3 + number, is_user=True) for number, user in enumerate(USERS)),
        ]

    def since(self, at):
        if self.fails:
            raise ServiceUnavailable("lost")
        return [entry for entry in self.entries if entry.at >= at]


@pytest.fixture
def feed():
    return Feed()


@pytest.fixture
def keys(signing_jwk):
    return CountingKeys(parse_signing_keys({"keys": [signing_jwk]}))


@pytest.fixture
def published(feed, keys, clock):
    ended = EndedSessions(feed, access_lifetime=600, clock=clock, report=lambda _: None)
    issuer = TokenIssuer(issuer=ISSUER, audience=ISSUER, signing_keys=keys, access_lifetime=600)
    return PublishedEnds(ended, issuer)


def claims_of(signed):
    return json.loads(base64.urlsafe_b64decode(signed.split(".")[1] + "=="))


def test_it_names_what_has_ended_in_no_order_of_time(published):
    assert published.plain() == {
        "issued_at": NOW,
        "expires_at": NOW + 60,
        "sessions": [digest_of(session) for session in reversed(SESSIONS)],
        # The second after each.
        "users": [[digest_of(user), NOW - number] for number, user in enumerate(reversed(USERS))],
    }


def test_the_signed_form_says_the_same_of_its_own_address(published, signing_jwk):
    signed = published.signed()
    assert jwt.get_unverified_header(signed) == {"alg": "ES256", "kid": signing_jwk["kid"], "typ": "revoked+jwt"}
    key = jwt.PyJWKSet.from_dict(public_jwks({"keys": [signing_jwk]}))[signing_jwk["kid"]]
    options = {"verify_exp": False, "verify_iat": False}
    assert jwt.decode(signed, key, ["ES256"], issuer=ISSUER, options=options) == {
        "iss": ISSUER,
        "sub": f"{ISSUER}/.well-known/revoked.jwt",
        "iat": NOW,
        "exp": NOW + 60,
        "ttl": 10,
        "sessions": published.plain()["sessions"],
        "users": published.plain()["users"],
    }


def test_its_time_is_that_of_the_look_and_not_of_the_request(published, clock):
    first = published.signed()
    clock.advance(9)
    assert (published.plain()["issued_at"], published.signed()) == (NOW, first)
    clock.advance(1)
    assert published.plain()["issued_at"] == claims_of(published.signed())["iat"] == NOW + 10


def test_it_is_signed_once_for_each_look(published, keys, clock):
    for _ in range(5):
        published.signed()
    assert keys.signatures == 1
    clock.advance(10)
    published.plain()
    assert keys.signatures == 1
    published.signed()
    assert keys.signatures == 2


def test_it_is_signed_by_the_key_that_signs_at_the_time_of_the_look(feed, clock, signing_jwk):
    newer, next_one = ({**generate_signing_jwk(), "nbf": NOW + seconds} for seconds in (0, 10))
    keys = parse_signing_keys({"keys": [signing_jwk, newer, next_one]})
    ended = EndedSessions(feed, access_lifetime=600, clock=clock, report=lambda _: None)
    issuer = TokenIssuer(issuer=ISSUER, audience=ISSUER, signing_keys=keys, access_lifetime=600)
    published = PublishedEnds(ended, issuer)
    for key in (newer, next_one):
        assert jwt.get_unverified_header(published.signed())["kid"] == key["kid"]
        clock.advance(10)


def test_it_is_never_an_old_one(published, feed, clock):
    published.plain(), published.signed()
    feed.fails = True
    clock.advance(10)
    for form in (published.plain, published.signed):
        with pytest.raises(ServiceUnavailable):
            form()


def test_no_verifier_of_tokens_takes_it_for_one(published, verifier):
    signed = published.signed()
    for kind in KINDS:
        with pytest.raises((InvalidToken, InvalidGrant)):
            verifier.verify(kind, signed)
