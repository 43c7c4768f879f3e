"""What each thief gets of a plain session and of a bound one: the table in docs/security-model.md, cell by cell.

Everything that a thief has here is a copy: its owner has lost nothing, and notices nothing by that.
"""

import json

import jwt
import pytest

from tests.support.api_client import as_header
from tests.support.proofs import ClientKey, segment

PASSWORD = "correct horse battery staple"
REFRESH = "/auth/refresh"
ELSEWHERE = {"User-Agent": "a thief's"}


class Owner:
    """Somebody with a session, plain or bound to a key."""

    def __init__(self, api, clock, key=None):
        self._api = api
        self._clock = clock
        self.key = key
        headers = key.headers("/auth/register") if key else None
        self.tokens = api.post("/auth/register", {"username": "alice", "password": PASSWORD}, headers=headers).json

    @property
    def refresh_token(self):
        return self.tokens["refresh_token"]

    def returns(self, seconds=60):
        """Refresh after some time, and return the answer."""
        self._clock.advance(seconds)
        answer = self._api.refresh(self.refresh_token, headers=self.key.headers(REFRESH) if self.key else None)
        if answer.status == 200:
            self.tokens = answer.json
        return answer

    def is_undisturbed(self):
        return self.returns().status == 200

    def history(self):
        events = self._api.bearer("GET", "/dashboard", self.tokens["access_token"]).json["recent_events"]
        return [event["type"] for event in events]


@pytest.fixture
def key(settings, clock):
    return ClientKey(settings["LYCHGATE_ISSUER"], clock)


@pytest.fixture
def plain(api, clock):
    return Owner(api, clock)


@pytest.fixture
def bound(api, clock, key):
    return Owner(api, clock, key)


class TestACopiedRefreshToken:
    def test_is_a_plain_session_until_its_owner_returns(self, api, plain, clock):
        token = plain.refresh_token
        for _ in range(5):
            clock.advance(600)
            token = api.refresh(token, headers=ELSEWHERE).json["refresh_token"]
        plain.returns().assert_problem(401, "invalid_grant")
        api.refresh(token, headers=ELSEWHERE).assert_problem(401, "invalid_grant")

    def test_is_nothing_of_a_bound_one(self, api, bound, clock):
        for _ in range(5):
            clock.advance(600)
            api.refresh(bound.refresh_token, headers=ELSEWHERE).assert_problem(400, "invalid_dpop_proof")
        assert bound.is_undisturbed()
        assert bound.history() == ["refresh_without_key", "registered"]

    def test_rides_along_with_a_plain_session_until_the_owners_second_refresh(self, api, plain):
        refreshes = 0
        while plain.returns().status == 200:
            refreshes += 1
            api.refresh(plain.refresh_token, headers=ELSEWHERE)
        assert refreshes <= 2

    def test_does_not_ride_along_with_a_bound_one(self, api, bound):
        for _ in range(5):
            used = bound.refresh_token
            assert bound.is_undisturbed()
            for token in (used, bound.refresh_token):
                api.refresh(token, headers=ELSEWHERE).assert_problem(400, "invalid_dpop_proof")

    def test_logs_the_owner_of_a_plain_session_out(self, api, plain):
        assert api.logout(plain.refresh_token).status == 204
        plain.returns().assert_problem(401, "invalid_grant")

    def test_does_not_log_out_the_owner_of_a_bound_one(self, api, bound, clock):
        thiefs = ClientKey(bound.key.issuer, clock)
        for headers in (None, thiefs.headers("/auth/logout")):
            assert api.logout(bound.refresh_token, headers=headers).status == 204
            assert bound.is_undisturbed()

    def test_binds_no_plain_session_to_the_thiefs_key(self, api, plain, clock, settings):
        thiefs = ClientKey(settings["LYCHGATE_ISSUER"], clock)
        stolen = api.refresh(plain.refresh_token, headers=thiefs.headers(REFRESH)).json
        clock.advance(5)
        # The owner's retry: it needs no key, so the session has none.
        assert api.refresh(plain.refresh_token).json["refresh_token"] == stolen["refresh_token"]


class TestACopiedAccessToken:
    @pytest.mark.parametrize("binding", ["plain", "bound"])
    def test_is_good_for_its_ten_minutes_and_continues_no_session(self, api, request, clock, binding):
        owner = request.getfixturevalue(binding)
        stolen = owner.tokens["access_token"]
        assert api.me(stolen).status == 200
        api.refresh(stolen).assert_problem(401, "invalid_grant")
        clock.advance(600)
        api.me(stolen).assert_problem(401, "invalid_token")

    def test_is_dead_at_once_here_when_its_bound_session_has_ended(self, api, bound):
        assert api.logout(bound.refresh_token, headers=bound.key.headers("/auth/logout")).status == 204
        api.me(bound.tokens["access_token"]).assert_problem(401, "invalid_token")


@pytest.fixture
def browser(api):
    """What the owner's browser sends to log in."""
    members = {"username": "alice", "password": PASSWORD, "token_delivery": "cookie"}
    assert api.post("/auth/register", members).status == 201
    return members


def thief_logs_in(api, cookie, headers):
    """Log in to an account of the thief's own, over a cookie of the owner's."""
    members = {"username": "mallory", "password": PASSWORD, "token_delivery": "cookie"}
    api.post("/auth/register", members)
    headers = {"Cookie": as_header(cookie), **ELSEWHERE, **headers}
    return api.post("/auth/login", members, headers=headers)


class TestARecordedProof:
    def test_that_has_arrived_is_good_for_nothing(self, api, bound, clock):
        clock.advance(60)
        recorded, token = bound.key.headers(REFRESH), bound.refresh_token
        bound.tokens = api.refresh(token, headers=recorded).json
        for seconds in (0, 5, 60):
            clock.advance(seconds)
            for replayed in (token, bound.refresh_token):
                api.refresh(replayed, headers=recorded).assert_problem(400, "invalid_dpop_proof")
        assert bound.is_undisturbed()

    @pytest.mark.parametrize("after", [0, 5, 59])
    def test_that_was_for_a_log_in_ends_no_session_over_its_cookie(self, api, browser, key, clock, after):
        recorded = key.headers("/auth/login")
        cookie = api.post("/auth/login", browser, headers=recorded).cookie
        clock.advance(after)
        assert thief_logs_in(api, cookie, recorded).status == 200
        assert api.refresh(cookie=cookie, headers=key.headers(REFRESH)).status == 200

    @pytest.mark.parametrize("after", [0, 5, 59])
    def test_that_was_for_a_log_out_ends_no_session_that_has_had_a_later_one(self, api, bound, key, clock, after):
        """One key, and a session after another, as of a program that keeps its key."""
        recorded = key.headers("/auth/logout")
        assert api.logout(bound.refresh_token, headers=recorded).status == 204
        clock.advance(1)
        members = {"username": "alice", "password": PASSWORD}
        bound.tokens = api.post("/auth/login", members, headers=key.headers("/auth/login")).json
        clock.advance(after)
        api.logout(bound.refresh_token, headers=recorded).assert_problem(400, "invalid_dpop_proof")
        assert bound.is_undisturbed()

    @pytest.mark.parametrize(("after", "status"), [(60, 401), (61, 200)])
    def test_that_no_session_has_seen_ends_one_of_its_key_within_a_minute(
        self, api, browser, key, clock, after, status
    ):
        """The owner has mistyped the password over the cookie."""
        cookie = api.post("/auth/login", browser, headers=key.headers("/auth/login", iat=clock() - 1)).cookie
        recorded = key.headers("/auth/login")
        mistyped = browser | {"password": "wrong horse battery staple"}
        api.post("/auth/login", mistyped, headers=recorded).assert_problem(401, "invalid_credentials")
        clock.advance(after)
        thief_logs_in(api, cookie, recorded)
        assert api.refresh(cookie=cookie, headers=key.headers(REFRESH)).status == status

    def test_counts_once_for_each_session_of_its_key(self, api, bound, key, clock):
        """What ends one of several sessions is new for the others within its minute."""
        members = {"username": "alice", "password": PASSWORD}
        others = [api.post("/auth/login", members, headers=key.headers("/auth/login")).json for _ in range(2)]
        clock.advance(10)
        recorded = key.headers("/auth/logout")
        assert api.logout(bound.refresh_token, headers=recorded).status == 204
        clock.advance(60)
        assert api.logout(others[0]["refresh_token"], headers=recorded).status == 204
        clock.advance(1)
        api.logout(others[1]["refresh_token"], headers=recorded).assert_problem(400, "invalid_dpop_proof")

    def test_is_good_for_no_other_request(self, api, bound, clock):
        clock.advance(60)
        recorded = bound.key.headers(REFRESH)
        api.logout(bound.refresh_token, headers=recorded).assert_problem(400, "invalid_dpop_proof")
        assert bound.is_undisturbed()

    def test_that_was_held_back_is_good_once_within_a_minute_and_the_owner_finds_out(self, api, bound, clock):
        clock.advance(60)
        late, in_time = (bound.key.proof(REFRESH, iat=clock() - age) for age in (61, 60))
        api.refresh(bound.refresh_token, headers={"DPoP": late}).assert_problem(400, "invalid_dpop_proof")
        stolen = api.refresh(bound.refresh_token, headers={"DPoP": in_time}).json
        # The thief has the next token, and no proof for it.
        api.refresh(stolen["refresh_token"]).assert_problem(400, "invalid_dpop_proof")
        bound.returns().assert_problem(401, "invalid_grant")


class TestScriptInThePage:
    def test_that_has_used_the_key_in_place_can_have_made_proofs_for_later_but_has_no_token_for_them(
        self, api, clock, key
    ):
        members = {"username": "alice", "password": PASSWORD, "token_delivery": "cookie"}
        answer = api.post("/auth/register", members, headers=key.headers("/auth/register"))
        ahead = key.headers(REFRESH, iat=clock() + 3600)
        api.refresh(cookie=answer.cookie, headers=ahead).assert_problem(400, "invalid_dpop_proof")
        clock.advance(3600)
        # No script reads the cookie, and no answer to a page has what is in it.
        assert "refresh_token" not in answer.json
        api.refresh(headers=ahead).assert_problem(401, "invalid_grant")
        # With the cookie, copied by other means, it would be good.
        refreshed = api.refresh(cookie=answer.cookie, headers=ahead)
        assert refreshed.status == 200
        assert "refresh_token" not in refreshed.json


class TestACopyOfTheClient:
    """Its refresh token and its key: what a copied profile of a browser has if the key is in software."""

    def test_is_the_session_until_the_owner_returns(self, api, bound, clock):
        token = bound.refresh_token
        for _ in range(5):
            clock.advance(600)
            token = api.refresh(token, headers=ELSEWHERE | bound.key.headers(REFRESH)).json["refresh_token"]
        bound.returns().assert_problem(401, "invalid_grant")
        clock.advance(1)
        api.refresh(token, headers=bound.key.headers(REFRESH)).assert_problem(401, "invalid_grant")

    def test_rides_along_as_long_as_it_keeps_up(self, api, bound, clock):
        for _ in range(5):
            used = bound.refresh_token
            assert bound.is_undisturbed()
            clock.advance(5)
            ridden = api.refresh(used, headers=ELSEWHERE | bound.key.headers(REFRESH))
            assert ridden.json["refresh_token"] == bound.refresh_token


class TestADumpOfTheDatabase:
    @pytest.mark.parametrize("binding", ["plain", "bound"])
    def test_has_no_token_and_no_private_key(self, request, aws_clients, binding):
        owner = request.getfixturevalue(binding)
        dynamodb, _ = aws_clients
        dump = repr([dynamodb.scan(TableName=table)["Items"] for table in dynamodb.list_tables()["TableNames"]])
        secrets = {owner.tokens[name].split(".")[2] for name in ("refresh_token", "access_token")}
        if owner.key:
            assert owner.key.thumbprint in dump
            private = owner.key.private_key.private_numbers().private_value
            secrets |= {segment(private.to_bytes(32, "big")), f"{private:064x}", str(private)}
        assert {secret for secret in secrets if secret in dump} == set()


class TestTheSigningKey:
    """With what the tables have: a session's id, its user's and its counter."""

    @pytest.fixture
    def forged(self, private_jwks):
        """Sign anew what an owner's token says."""
        (key,) = private_jwks["keys"]

        def forged(owner, name, typ):
            claims = jwt.decode(owner.tokens[name], options={"verify_signature": False})
            return jwt.encode(claims, jwt.PyJWK(key).key, key["alg"], {"typ": typ, "kid": key["kid"]})

        return forged

    def test_continues_a_plain_session(self, api, plain, forged):
        assert api.refresh(forged(plain, "refresh_token", "refresh+jwt")).status == 200

    def test_does_not_continue_a_bound_one(self, api, bound, forged):
        api.refresh(forged(bound, "refresh_token", "refresh+jwt")).assert_problem(400, "invalid_dpop_proof")
        assert bound.is_undisturbed()

    def test_makes_access_tokens_for_a_bound_session_too(self, api, bound, forged):
        assert api.me(forged(bound, "access_token", "at+jwt")).status == 200


def test_two_proofs_in_two_headers_are_refused_as_api_gateway_hands_them_over(application, bound):
    """Servers on a laptop join them, and Chalice sees the last one alone."""
    proofs = [bound.key.proof(REFRESH) for _ in range(2)]
    headers = {"Content-Type": ["application/json"], "DPoP": proofs}

    def refreshed(headers):
        event = {
            "httpMethod": "POST",
            "path": REFRESH,
            "resource": REFRESH,
            "headers": {name: values[-1] for name, values in headers.items()},
            "multiValueHeaders": headers,
            "multiValueQueryStringParameters": None,
            "pathParameters": None,
            "stageVariables": None,
            "requestContext": {
                "httpMethod": "POST",
                "resourcePath": REFRESH,
                "identity": {"sourceIp": "203.0.113.7"},
            },
            "body": json.dumps({"refresh_token": bound.refresh_token}),
            "isBase64Encoded": False,
        }
        return application(event, None)

    answer = refreshed(headers)
    assert (answer["statusCode"], json.loads(answer["body"])["error"]) == (400, "invalid_dpop_proof")
    assert "there is more than one" in json.loads(answer["body"])["detail"]
    assert refreshed(headers | {"DPoP": proofs[:1]})["statusCode"] == 200
