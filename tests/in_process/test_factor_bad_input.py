"""What careless and hostile clients send to the routes of second factors: the contract's refusals, and never a 500."""

import json

import pytest

from chalicelib.api import factors
from tests.support.api_client import SITE_ORIGIN
from tests.support.authenticator import Authenticator, encoded
from tests.support.factors_over_http import (
    PASSWORD,
    begin_totp,
    creation,
    factors_of,
    first_step,
    proof_of,
    reauthenticate,
    request_options,
    second_step,
    with_passkey,
    with_totp,
)

REFUSALS = {(422, "validation_failed"), (401, "invalid_code"), (401, "invalid_challenge")}
"""What is answered to whatever a passkey has not answered."""
NO_STRINGS = [None, 7, 1.5, True, [], {}, ["123456"]]
NO_OBJECTS = [None, 7, True, "", "{}", [], [{}]]
NO_CODES = ["", "12345", "1234567", "abcdef", "\u0661\u0662\u0663\u0664\u0665\u0666", "1" * 10_000, "\0" * 6, "-12345"]
NO_RECOVERY_CODES = ["", "aaaa", "a" * 26, "1" * 26, "\u0131" * 26, "a" * 10_000, "aaaa-" * 7]
JUNK = ["", " ", "x", "\0", "\u00fc", "A" * 100, "A" * 3073, "A" * 10_000, "../../etc/passwd", "{}", "a.b.c"]
"""What never was a challenge."""
NO_LABELS = ["", " ", "\u3000", "x" * 65, "a\nb", "a\0b", "\u202egnp.exe", "\ud83d" * 3, "\u200b"]


@pytest.fixture
def alice(api):
    return api.register("Alice").json


@pytest.fixture
def authenticator():
    return Authenticator()


@pytest.fixture
def passkey(api, alice, authenticator):
    return with_passkey(api, alice["access_token"], authenticator)


@pytest.fixture
def app(api, clock, alice, passkey):
    """The app of Alice, who has a passkey too."""
    return with_totp(api, clock, alice["access_token"])[0]


def fields(answer):
    """The fields that a 422 names."""
    answer.assert_problem(422, "validation_failed")
    return {error["field"] for error in answer.json["errors"]}


class TestTheSecondStep:
    @pytest.mark.parametrize("name", ["challenge", "code", "recovery_code"])
    def test_takes_strings(self, api, name):
        for value in NO_STRINGS:
            members = {"challenge": "x", **({"code": "123456"} if name == "challenge" else {}), name: value}
            assert fields(api.post("/auth/login/second-factor", members)) == {name}

    def test_takes_an_object_of_a_passkey(self, api):
        for value in NO_OBJECTS:
            members = {"challenge": "x", "credential": value}
            assert fields(api.post("/auth/login/second-factor", members)) == {"credential"}
            assert fields(api.post("/auth/login/passkey", members)) == {"credential"}

    @pytest.mark.parametrize(
        ("proofs", "named"),
        [
            ({}, {"code", "recovery_code", "credential"}),
            ({"code": "1", "recovery_code": "2"}, {"code", "recovery_code"}),
            ({"code": "1", "credential": {}}, {"code", "credential"}),
            ({"recovery_code": "2", "credential": {}}, {"recovery_code", "credential"}),
            ({"code": "1", "recovery_code": "2", "credential": {}}, {"code", "recovery_code", "credential"}),
        ],
    )
    def test_takes_exactly_one_proof_and_uses_nothing_up(self, api, app, proofs, named):
        challenge = first_step(api)["challenge"]
        for _ in range(6):
            assert fields(second_step(api, challenge, **proofs)) == named
        assert second_step(api, challenge, code=app.next_code()).status == 200

    @pytest.mark.parametrize(("name", "values"), [("code", NO_CODES), ("recovery_code", NO_RECOVERY_CODES)])
    def test_takes_what_is_no_code_for_a_wrong_one(self, api, app, name, values):
        for number, value in enumerate(values):
            if number % 5 == 0:
                challenge = first_step(api)["challenge"]
            second_step(api, challenge, **{name: value}).assert_problem(401, "invalid_code")

    def test_names_unknown_members_and_quotes_no_secret(self, api):
        answer = api.post("/auth/login/second-factor", {"challenge": "x", "code": "1", "remember_me": "y", PASSWORD: 1})
        assert fields(answer) == {"remember_me", "(another)"}

    def test_is_refused_in_one_way_whatever_is_wrong_with_the_challenge(self, api, alice, app, authenticator):
        code = app.next_code()
        of_other_things = {
            "a passkey's log-in": request_options(api)["challenge"],
            "a new passkey": creation(api, alice["access_token"]).json["challenge"],
            "a new app": begin_totp(api, alice["access_token"]).json["pending"],
            "a reauthentication": reauthenticate(api, alice["access_token"], password=PASSWORD).json["challenge"],
            "an access token": alice["access_token"],
        }
        good = first_step(api)["challenge"]
        answers = [
            second_step(api, challenge, code=code) for challenge in (*of_other_things.values(), *JUNK, *spoilt(good))
        ]
        for answer in answers:
            answer.assert_problem(401, "invalid_challenge")
        assert len({answer.body for answer in answers}) == 1
        assert second_step(api, good, code=code).status == 200

    def test_knows_two_places_for_the_refresh_token(self, api):
        for value in ("header", "", None, 1):
            members = {"challenge": "x", "code": "123456", "token_delivery": value}
            assert fields(api.post("/auth/login/second-factor", members)) == {"token_delivery"}


class TestAReauthentication:
    @pytest.mark.parametrize(
        ("members", "named"),
        [
            ({}, {"password"}),
            ({"code": "123456"}, {"password"}),
            ({"challenge": "x"}, {"credential"}),
            ({"credential": {}}, {"challenge"}),
            ({"credential": {}, "challenge": "x", "password": PASSWORD}, {"password"}),
            ({"credential": {}, "challenge": "x", "code": "1"}, {"code"}),
            ({"challenge": "x", "password": PASSWORD, "code": "1"}, {"credential", "password", "code"}),
            ({"password": None}, {"password"}),
            ({"password": PASSWORD, "code": 123456}, {"code"}),
            ({"challenge": 1, "credential": []}, {"challenge", "credential"}),
            ({"password": PASSWORD, "recovery_code": "x"}, {"recovery_code"}),
        ],
    )
    def test_takes_the_password_with_a_code_at_most_or_a_passkeys_answer(self, api, alice, members, named):
        assert fields(reauthenticate(api, alice["access_token"], **members)) == named

    def test_takes_no_challenge_of_something_else(self, api, alice, app, authenticator):
        credential = proof_of(api, authenticator)["credential"]
        for challenge in (
            first_step(api)["challenge"],
            creation(api, alice["access_token"]).json["challenge"],
            begin_totp(api, alice["access_token"]).json["pending"],
            *JUNK,
        ):
            refused = reauthenticate(api, alice["access_token"], challenge=challenge, credential=credential)
            refused.assert_problem(401, "invalid_challenge")


class TestACredential:
    """What is sent in place of a passkey's answer, by everybody who may."""

    @pytest.mark.parametrize("member", ["id", "rawId", "type", "response"])
    def test_lacks_none_of_its_members(self, api, authenticator, passkey, member):
        proof = proof_of(api, authenticator)
        del proof["credential"][member]
        answer = api.post("/auth/login/passkey", proof)
        assert all(field.startswith("credential") for field in fields(answer))

    @pytest.mark.parametrize("member", ["clientDataJSON", "authenticatorData", "signature"])
    def test_has_in_its_response_what_is_base64url_and_says_something(self, api, authenticator, passkey, member):
        proof = proof_of(api, authenticator)
        for value in ("", "!", "A", "a b", "=", "\u00fc", "A" * 9000, None, 7, [], {}):
            proof["credential"]["response"][member] = value
            refused = api.post("/auth/login/passkey", proof)
            assert refused.status in {401, 422}, refused.body
            if not isinstance(value, str):
                assert fields(refused) == {f"credential.response.{member}"}

    @pytest.mark.parametrize("member", ["clientDataJSON", "attestationObject"])
    def test_of_a_new_passkey_holds_no_junk(self, api, alice, authenticator, member):
        asked = creation(api, alice["access_token"]).json
        credential = authenticator.create(asked["publicKey"], SITE_ORIGIN)
        for octets in (b"", b"{", b"\xff" * 40, b"\xbf" * 400, b"\x9b" + b"\xff" * 8, b"[" * 5000, b"\x81" * 5000):
            credential["response"][member] = encoded(octets)
            members = {"challenge": asked["challenge"], "credential": credential}
            refused = api.bearer("POST", "/auth/passkeys", alice["access_token"], members)
            assert refused.status in {401, 422}, refused.body
            refused.assert_problem(refused.status, refused.error)
        assert factors_of(api, alice["access_token"])["passkeys"] == []

    def test_names_the_key_that_its_authenticator_has_signed_for(self, api, alice, authenticator):
        asked = creation(api, alice["access_token"]).json
        credential = authenticator.create(asked["publicKey"], SITE_ORIGIN)
        other = Authenticator().create(asked["publicKey"], SITE_ORIGIN)
        credential["response"]["publicKey"] = other["response"]["publicKey"]
        members = {"challenge": asked["challenge"], "credential": credential}
        refused = api.bearer("POST", "/auth/passkeys", alice["access_token"], members)
        assert fields(refused) == {"credential.response.publicKey"}

    def test_has_valid_unicode_and_numbers_and_is_not_nested_for_ever(self, api, authenticator, passkey):
        proof = proof_of(api, authenticator)
        proof["credential"]["clientExtensionResults"] = {"a": ["\ud800"]}
        assert fields(api.post("/auth/login/passkey", proof)) == {"credential.clientExtensionResults.a[0]"}
        body = json.dumps({"challenge": "x", "credential": {}}).replace("{}", '{"a":' * 2500 + "1" + "}" * 2500)
        headers = {"Content-Type": "application/json"}
        refused = api.request("POST", "/auth/login/passkey", body=body.encode(), headers=headers)
        refused.assert_problem(400, "invalid_request")

    def test_may_have_members_that_nobody_knows_yet(self, api, authenticator, passkey):
        proof = proof_of(api, authenticator)
        proof["credential"] |= {"authenticatorAttachment": None, "tomorrow": {"n": 1.5, "list": [None, True]}}
        assert api.post("/auth/login/passkey", proof).status == 200

    def test_of_an_id_that_is_none_is_refused(self, api, authenticator, passkey):
        proof = proof_of(api, authenticator)
        for credential_id in ("", "A", "\u00fc", "A" * 1365, "A" * 1364, "../x", None, 7):
            proof["credential"] |= {"id": credential_id, "rawId": credential_id}
            refused = api.post("/auth/login/passkey", proof)
            assert (refused.status, refused.error) in {(401, "invalid_code"), (422, "validation_failed")}

    def test_of_a_log_in_is_none_of_a_new_passkey_and_the_other_way_round(self, api, alice, authenticator, passkey):
        proof = proof_of(api, authenticator)
        refused = api.bearer("POST", "/auth/passkeys", alice["access_token"], proof)
        refused.assert_problem(401, "invalid_challenge")
        asked = creation(api, alice["access_token"]).json
        members = {"challenge": asked["challenge"], "credential": proof["credential"]}
        assert api.bearer("POST", "/auth/passkeys", alice["access_token"], members).status == 422
        imitation = Authenticator(new_id=authenticator.credentials[0].id)
        made = imitation.create(asked["publicKey"] | {"excludeCredentials": []}, SITE_ORIGIN)
        assert api.post("/auth/login/passkey", {**proof, "credential": made}).status == 422
        refused = api.post("/auth/login/passkey", {"challenge": asked["challenge"], "credential": proof["credential"]})
        refused.assert_problem(401, "invalid_challenge")
        assert api.post("/auth/login/passkey", proof).status == 200


class TestEachMemberOfACredential:
    """Each member in turn is left out, or is something else."""

    OTHERS = (None, True, 7, 1.5, "", "AAAA", "\u00e9", [], {}, ["usb"] * 100)
    IRRELEVANT = ("authenticatorAttachment", "clientExtensionResults")

    @staticmethod
    def spoilt(credential):
        """Every credential that differs from this one in one member, and the path of that."""
        response = credential["response"]
        for name in response:
            yield name, {**credential, "response": {key: value for key, value in response.items() if key != name}}
            for other in TestEachMemberOfACredential.OTHERS:
                yield name, {**credential, "response": {**response, name: other}}
        for name in credential:
            yield name, {key: value for key, value in credential.items() if key != name}
            for other in TestEachMemberOfACredential.OTHERS:
                yield name, {**credential, name: other}

    def test_matters_at_a_log_in(self, api, authenticator, passkey):
        proof = proof_of(api, authenticator)
        for name, credential in self.spoilt(proof["credential"]):
            if name not in self.IRRELEVANT:
                answer = api.post("/auth/login/passkey", {**proof, "credential": credential})
                assert (answer.status, answer.error) in REFUSALS, (name, credential, answer.body)
        assert api.post("/auth/login/passkey", proof).status == 200

    def test_matters_to_a_new_passkey(self, api, alice, authenticator):
        asked = creation(api, alice["access_token"]).json
        members = {
            "challenge": asked["challenge"],
            "credential": authenticator.create(asked["publicKey"], SITE_ORIGIN),
        }
        # What the browser reads out of the attestation for scripts may be missing, and transports are its word only.
        optional = {"transports", "authenticatorData", "publicKey", "publicKeyAlgorithm", *self.IRRELEVANT}
        for name, credential in self.spoilt(members["credential"]):
            if name not in optional:
                spoilt_members = {**members, "credential": credential}
                answer = api.bearer("POST", "/auth/passkeys", alice["access_token"], spoilt_members)
                assert (answer.status, answer.error) in REFUSALS, (name, credential, answer.body)
        assert factors_of(api, alice["access_token"])["passkeys"] == []
        assert api.bearer("POST", "/auth/passkeys", alice["access_token"], members).status == 201

    def test_of_the_others_breaks_nothing(self, api, alice, clock):
        for name in ("transports", "publicKey", "publicKeyAlgorithm", *self.IRRELEVANT):
            for other in self.OTHERS:
                asked = creation(api, alice["access_token"]).json
                credential = Authenticator().create(asked["publicKey"], SITE_ORIGIN)
                where = credential if name in self.IRRELEVANT else credential["response"]
                where[name] = other
                members = {"challenge": asked["challenge"], "credential": credential}
                answer = api.bearer("POST", "/auth/passkeys", alice["access_token"], members)
                assert answer.status in {201, 401, 422}, (name, other, answer.body)
                if answer.status == 201:
                    path = f"/auth/passkeys/{answer.json['passkey']['id']}"
                    assert api.bearer("DELETE", path, alice["access_token"]).status == 204


class TestALabel:
    def test_is_a_string_that_is_printable_and_neither_empty_nor_long(self, api, alice, passkey):
        path = f"/auth/passkeys/{passkey['id']}"
        for label in (*NO_LABELS, *NO_STRINGS):
            assert fields(api.bearer("PATCH", path, alice["access_token"], {"label": label})) == {"label"}
            members = {"challenge": "x", "credential": {}, "label": label}
            assert fields(api.bearer("POST", "/auth/passkeys", alice["access_token"], members)) == {"label"}
        assert factors_of(api, alice["access_token"])["passkeys"] == [passkey]

    def test_is_anything_else(self, api, alice, passkey):
        path = f"/auth/passkeys/{passkey['id']}"
        for label in ("x", "x" * 64, f"  {'x' * 64}\n", "\U0001f511", "ключ", "<script>alert(1)</script>"):
            answer = api.bearer("PATCH", path, alice["access_token"], {"label": label})
            assert (answer.status, answer.json["passkey"]["label"]) == (200, label.strip())


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_passkey_that_the_user_has_not_is_not_found(api, alice, passkey, method):
    members = {"label": "Phone"} if method == "PATCH" else None
    for passkey_id in ("x", "A" * 1364, "A" * 1365, "%20", "a.b", "%C3%BC", "passkey%23", "..%2F"):
        answer = api.bearer(method, f"/auth/passkeys/{passkey_id}", alice["access_token"], members)
        answer.assert_problem(404, "not_found")


class TestAnEnrolment:
    @pytest.mark.parametrize("name", ["pending", "code"])
    def test_takes_strings(self, api, alice, name):
        for value in NO_STRINGS:
            members = {"pending": "x", "code": "123456", name: value}
            assert fields(api.bearer("POST", "/auth/totp/confirm", alice["access_token"], members)) == {name}

    def test_takes_no_challenge_of_something_else(self, api, alice, app):
        for pending in (
            first_step(api)["challenge"],
            request_options(api)["challenge"],
            creation(api, alice["access_token"]).json["challenge"],
            *JUNK,
        ):
            members = {"pending": pending, "code": app.next_code()}
            refused = api.bearer("POST", "/auth/totp/confirm", alice["access_token"], members)
            refused.assert_problem(401, "invalid_challenge")

    def test_takes_what_is_no_code_for_a_wrong_one(self, api, alice):
        pending = begin_totp(api, alice["access_token"]).json["pending"]
        for code in NO_CODES:
            members = {"pending": pending, "code": code}
            refused = api.bearer("POST", "/auth/totp/confirm", alice["access_token"], members)
            refused.assert_problem(401, "invalid_code")


def test_the_longest_body_is_read_and_one_that_is_longer_is_too_large(api):
    for path in ("/auth/login/passkey", "/auth/login/second-factor"):
        headers = {"Content-Type": "application/json"}
        body = b'{"challenge": "x", "credential": {"id": "%s"}}'
        filler = 16 * 1024 - len(body % b"")
        longest = api.request("POST", path, body=body % (b"A" * filler), headers=headers)
        assert longest.status in {401, 422}
        longer = api.request("POST", path, body=body % (b"A" * (filler + 1)), headers=headers)
        longer.assert_problem(413, "payload_too_large")


def spoilt(challenge):
    """What is no longer one."""
    other = "B" if challenge[20] == "A" else "A"
    return [
        challenge[:-1],
        challenge[1:],
        challenge + "A",
        challenge * 2,
        challenge[:20] + other + challenge[21:],
        challenge.upper(),
        f" {challenge}",
        f"{challenge}\n",
        f"{challenge}=",
    ]


def test_every_body_is_one_json_object_of_known_members(api, alice):
    bodies = {
        ("POST", "/auth/login/second-factor"): {"challenge": "x", "code": "123456"},
        ("POST", "/auth/login/passkey"): {"challenge": "x", "credential": {}},
        ("POST", "/auth/totp/confirm"): {"pending": "x", "code": "123456"},
        ("POST", "/auth/passkeys"): {"challenge": "x", "credential": {}},
        ("PATCH", "/auth/passkeys/x"): {"label": "Phone"},
        ("POST", "/auth/reauthenticate"): {"password": PASSWORD},
    }
    taking_a_body = {
        (operation.method, operation.path.replace("{passkey_id}", "x"))
        for operation in factors.routes.operations
        if operation.body is not None
    }
    assert taking_a_body <= set(bodies)
    bearer = {"Authorization": f"Bearer {alice['access_token']}"}
    as_json = {**bearer, "Content-Type": "application/json"}
    for (method, path), members in bodies.items():
        for body in (b"", b"{", b"[]", b"null", b'"x"', b"[" * 9000, b'{"a": NaN}', b"\xff", b'{"code": 1, "code": 2}'):
            api.request(method, path, body=body, headers=as_json).assert_problem(400, "invalid_request")
        whole = json.dumps(members).encode()
        other = api.request(method, path, body=whole, headers={**bearer, "Content-Type": "text/plain"})
        other.assert_problem(415, "unsupported_media_type")
        more = json.dumps({**members, "more": 1}).encode()
        assert fields(api.request(method, path, body=more, headers=as_json)) == {"more"}
        for name in members:
            rest = json.dumps({other: value for other, value in members.items() if other != name}).encode()
            assert name in fields(api.request(method, path, body=rest, headers=as_json))


def test_what_takes_no_body_ignores_one(api, alice):
    bearer = {"Authorization": f"Bearer {alice['access_token']}", "Content-Type": "application/json"}
    for path in ("/auth/login/passkey/options", "/auth/passkeys/options", "/auth/totp"):
        for body in (b"", b"{}", b"{", b'{"username": "Alice"}'):
            answer = api.request("POST", path, body=body, headers=bearer)
            assert answer.status == 200
            assert answer.headers["cache-control"] == "no-store"
