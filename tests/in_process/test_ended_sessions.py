"""A site's route that costs no read refuses an ended session, and the feed says to everybody which have ended."""

import base64
import json
import logging
from contextlib import contextmanager

import jwt
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from chalicelib.accounts.ended import digest_of
from chalicelib.adapters.dynamodb.attributes import to_item
from chalicelib.adapters.dynamodb.ended import PARTITION
from chalicelib.api.responses import Answer
from chalicelib.api.routing import Call, Credential, Routes
from tests.support.api_client import in_process
from tests.support.application import application, clients_of
from tests.support.wire import raising_before

own = Routes()


@own.operation("GET", "/own/prices", credential=Credential.BEARER)
def own_prices(call: Call) -> Answer[dict[str, str]]:
    """Say what members pay."""
    return Answer({"for": call.principal.username})


@own.operation("GET", "/own/name", credential=Credential.BEARER)
def own_name(call: Call) -> Answer[dict[str, str]]:
    """Look at a user that nobody has read."""
    return Answer({"name": call.user.username})


@pytest.fixture
def api(aws, aws_clients, environment, clock):
    logging.getLogger("lychgate").setLevel(logging.INFO)
    dynamodb, ssm = aws_clients
    return in_process(
        application(environment, clients=clients_of(dynamodb=dynamodb, ssm=ssm), clock=clock, routes=[own])
    )


@pytest.fixture
def deployed(aws, aws_clients, environment, clock):
    """Return what deploys the application with access tokens that live for so many seconds."""

    def deployed(lifetime):
        settings = {**environment, "LYCHGATE_ACCESS_TOKEN_LIFETIME": str(lifetime)}
        clients = clients_of(dynamodb=aws_clients[0], ssm=aws_clients[1])
        return in_process(application(settings, clients=clients, clock=clock, routes=[own]))

    return deployed


@pytest.fixture
def calls(aws_clients):
    """The calls of DynamoDB since the last look at them."""
    noted = []

    def note(model, **_):
        noted.append(model.name)

    def calls():
        made = noted[:]
        noted.clear()
        return made

    aws_clients[0].meta.events.register("before-call.dynamodb", note)
    yield calls
    aws_clients[0].meta.events.unregister("before-call.dynamodb", note)


@contextmanager
def unreachable(aws_clients, *operations):
    def fail(**_):
        raise EndpointConnectionError(endpoint_url="https://dynamodb.invalid")

    if not operations:
        yield
        return
    with raising_before(aws_clients[0], operations[0], fail), unreachable(aws_clients, *operations[1:]):
        yield


@pytest.fixture
def tokens(api):
    return api.register("Alice").json


def ids_of(tokens):
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    return claims["sub"], claims["sid"]


def test_it_costs_one_look_in_ten_seconds_and_no_read_a_request(api, tokens, calls, clock):
    calls()
    for _ in range(5):
        assert api.bearer("GET", "/own/prices", tokens["access_token"]).json == {"for": "Alice"}
    assert calls() == ["Query"]
    clock.advance(9)
    assert api.bearer("GET", "/own/prices", tokens["access_token"]).status == 200
    assert calls() == []
    clock.advance(1)
    assert api.bearer("GET", "/own/prices", tokens["access_token"]).status == 200
    assert calls() == ["Query"]


def test_no_token_no_answer_and_no_call(api, calls):
    api.request("GET", "/own/prices").assert_problem(401, "invalid_token")
    api.bearer("GET", "/own/prices", "nonsense").assert_problem(401, "invalid_token")
    assert calls() == []


def test_an_ended_session_is_refused_within_eleven_seconds(api, tokens, clock):
    assert api.bearer("GET", "/own/prices", tokens["access_token"]).status == 200
    assert api.logout(tokens["refresh_token"]).status == 204
    clock.advance(11)
    refused = api.bearer("GET", "/own/prices", tokens["access_token"])
    refused.assert_problem(401, "invalid_token")
    assert refused.json["detail"] == "The session has ended."


def test_who_logs_in_after_all_sessions_have_ended_goes_on(api, tokens, clock, calls):
    assert api.bearer("POST", "/auth/logout-all", tokens["access_token"]).status == 204
    clock.advance(11)
    newer = api.login().json
    calls()
    assert api.bearer("GET", "/own/prices", newer["access_token"]).status == 200
    # It is looked up, because the feed names the user.
    assert calls() == ["Query", "BatchGetItem"]
    api.bearer("GET", "/own/prices", tokens["access_token"]).assert_problem(401, "invalid_token")


def test_a_token_from_before_lives_were_shortened_is_refused_for_all_of_its_own(deployed, clock):
    before = deployed(3600)
    ended, other = before.register("Alice").json, before.login().json
    assert before.logout(ended["refresh_token"]).status == 204
    after = deployed(300)
    # The feed remembers the end for 370 seconds now.
    clock.advance(371)
    after.bearer("GET", "/own/prices", ended["access_token"]).assert_problem(401, "invalid_token")
    assert after.bearer("GET", "/own/prices", other["access_token"]).status == 200


@pytest.mark.parametrize("lifetime", [10, 600, 3600])
def test_an_end_is_told_for_as_long_as_access_tokens_live_and_seventy_seconds_more(deployed, clock, calls, lifetime):
    api = deployed(lifetime)
    ended, other = api.register("Alice").json, api.login().json
    assert api.logout(ended["refresh_token"]).status == 204
    # The last moment of its life.
    clock.advance(lifetime - 1)
    api.bearer("GET", "/own/prices", ended["access_token"]).assert_problem(401, "invalid_token")
    calls()
    # That one is as old, and nobody has to look it up.
    assert api.bearer("GET", "/own/prices", other["access_token"]).status == 200
    assert calls() == []
    clock.advance(71)
    _, session_id = ids_of(ended)
    assert api.request("GET", "/.well-known/revoked.json").json["sessions"] == [digest_of(session_id)]
    clock.advance(10)
    assert api.request("GET", "/.well-known/revoked.json").json["sessions"] == []


def test_while_the_feed_cannot_be_read_every_request_is_looked_up(api, tokens, aws_clients, clock, calls, caplog):
    api.bearer("GET", "/own/prices", tokens["access_token"])
    other = api.login().json
    assert api.logout(other["refresh_token"]).status == 204
    clock.advance(10)
    calls()
    with unreachable(aws_clients, "Query"):
        assert api.bearer("GET", "/own/prices", tokens["access_token"]).status == 200
        api.bearer("GET", "/own/prices", other["access_token"]).assert_problem(401, "invalid_token")
        # No second look within the second.
        assert calls().count("BatchGetItem") == 2
    failures = [record for record in caplog.records if record.members.get("error") == "feed_unreadable"]
    assert [record.members["reason"] for record in failures] == ["EndpointConnectionError"]
    assert failures[0].counts == {"feed_unreadable": ()}
    # It is an error although every request was answered: it calls for somebody.
    assert failures[0].levelno == logging.ERROR


@pytest.mark.parametrize("entry", ["x", "999999999999#user", "999999999999#device#abcdefghijk", "999999999999#user##"])
def test_a_feed_with_an_entry_that_is_none_cannot_be_read(api, tokens, aws_clients, environment, clock, caplog, entry):
    other = api.login().json
    assert api.logout(other["refresh_token"]).status == 204
    item = to_item({"user_id": PARTITION, "session_id": entry})
    aws_clients[0].put_item(TableName=environment["LYCHGATE_SESSIONS_TABLE"], Item=item)
    for form in ("json", "jwt"):
        api.request("GET", f"/.well-known/revoked.{form}").assert_problem(503, "service_unavailable")
        clock.advance(1)
    assert api.bearer("GET", "/own/prices", tokens["access_token"]).status == 200
    api.bearer("GET", "/own/prices", other["access_token"]).assert_problem(401, "invalid_token")
    failures = [record for record in caplog.records if record.members.get("error") == "feed_unreadable"]
    assert {record.members["reason"] for record in failures} == {f"the feed has an entry {entry!r}"}
    assert failures[0].counts == {"feed_unreadable": ()}


def test_a_feed_that_must_not_be_read_is_one_that_cannot_be_read(api, tokens, aws_clients, clock, calls, caplog):
    other = api.login().json
    assert api.logout(other["refresh_token"]).status == 204
    calls()

    def refuse(**_):
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "Query")

    with raising_before(aws_clients[0], "Query", refuse):
        assert api.bearer("GET", "/own/prices", tokens["access_token"]).status == 200
        api.bearer("GET", "/own/prices", other["access_token"]).assert_problem(401, "invalid_token")
        api.request("GET", "/.well-known/revoked.json").assert_problem(503, "service_unavailable")
    assert calls() == ["BatchGetItem", "BatchGetItem"]
    failures = [record for record in caplog.records if record.members.get("error") == "feed_unreadable"]
    assert [record.members["reason"] for record in failures] == ["Query: AccessDeniedException"]
    assert failures[0].counts == {"feed_unreadable": ()}


def test_nothing_is_accepted_in_the_dark(api, tokens, aws_clients, clock):
    api.bearer("GET", "/own/prices", tokens["access_token"])
    clock.advance(10)
    with unreachable(aws_clients, "Query", "BatchGetItem"):
        api.bearer("GET", "/own/prices", tokens["access_token"]).assert_problem(503, "service_unavailable")


def test_the_user_is_not_there_and_the_log_says_what_to_do(api, tokens, caplog):
    api.bearer("GET", "/own/name", tokens["access_token"]).assert_problem(500, "internal_error")
    assert "Credential.LIVE" in caplog.text


def test_a_role_is_read_live_or_not_at_all():
    for role in ("editor", "admin"):
        with pytest.raises(ValueError, match=r"asks for a role, and so needs Credential\.LIVE or Credential\.FRESH"):
            Routes().operation("GET", "/own", credential=Credential.BEARER, role=role)


def test_the_document_describes_it(api):
    document = api.request("GET", "/openapi.json").json
    OpenAPIV31SpecValidator(document).validate()
    operation = document["paths"]["/own/prices"]["get"]
    assert operation["security"] == [{"access_token": []}]
    assert {status for status in operation["responses"] if status != "200"} == {"401", "500", "503"}
    assert "within eleven seconds" in operation["description"]
    signed = document["paths"]["/.well-known/revoked.jwt"]["get"]["responses"]["200"]
    assert list(signed["content"]) == ["application/revoked+jwt"]
    assert document["paths"]["/.well-known/revoked.json"]["get"]["security"] == []


def test_everybody_may_read_what_has_ended(api, tokens, clock):
    user_id, session_id = ids_of(tokens)
    other = api.login().json
    assert api.logout(tokens["refresh_token"]).status == 204
    assert api.bearer("POST", "/auth/logout-all", other["access_token"]).status == 204
    plain = api.request("GET", "/.well-known/revoked.json")
    assert (plain.status, plain.headers["content-type"]) == (200, "application/json")
    assert digest_of(session_id) in plain.json["sessions"]
    assert plain.json == {
        "issued_at": clock(),
        "expires_at": clock() + 60,
        "sessions": plain.json["sessions"],
        "users": [[digest_of(user_id), clock() + 1]],
    }
    described(api.request("GET", "/openapi.json").json).validate(plain.json)
    # Nobody's id is in it.
    assert session_id not in plain.body.decode()
    assert user_id not in plain.body.decode()
    plain.assert_hardened()


def described(document):
    """Return what tells whether an answer is as the OpenAPI document describes the plain form."""
    answered = document["paths"]["/.well-known/revoked.json"]["get"]["responses"]["200"]
    schema = answered["content"]["application/json"]["schema"]
    return Draft202012Validator({**schema, "components": document["components"]})


def test_the_description_fits_every_digest_and_every_user_and_little_else(api):
    schema = described(api.request("GET", "/openapi.json").json)
    digests = [digest_of(f"id {number}") for number in range(100)]
    assert any("-" in digest for digest in digests)
    assert any("_" in digest for digest in digests)
    ends = {"issued_at": 0, "expires_at": 60, "sessions": digests, "users": [[digest, 1] for digest in digests]}
    schema.validate(ends)
    spoilt = [
        {"sessions": [f"{digests[0]}A"]},
        {"sessions": [digests[0][:-1]]},
        {"sessions": [f"{digests[0][:-1]}+"]},
        {"users": [[digests[0]]]},
        {"users": [[digests[0], 1, 1]]},
        {"users": digests},
        {"issued_at": -1},
        {"expires_at": "60"},
    ]
    for each in spoilt:
        assert not schema.is_valid({**ends, **each}), each
    for member in ends:
        assert not schema.is_valid({name: value for name, value in ends.items() if name != member}), member


def test_the_signed_form_is_text_of_its_own_type_and_verifies(api, tokens):
    assert api.logout(tokens["refresh_token"]).status == 204
    plain, signed = (api.request("GET", f"/.well-known/revoked.{form}") for form in ("json", "jwt"))
    assert (signed.status, signed.headers["content-type"]) == (200, "application/revoked+jwt")
    text = signed.body.decode("ascii")
    keys = jwt.PyJWKSet.from_dict(api.request("GET", "/.well-known/jwks.json").json)
    header = jwt.get_unverified_header(text)
    options = {"verify_exp": False, "verify_iat": False}
    claims = jwt.decode(text, keys[header["kid"]], [header["alg"]], options=options)
    assert header["typ"] == "revoked+jwt"
    assert claims["sessions"] == [digest_of(ids_of(tokens)[1])]
    assert claims["sub"] == f"{claims['iss']}/.well-known/revoked.jwt"
    assert (claims["iat"], claims["exp"]) == (plain.json["issued_at"], plain.json["expires_at"])
    assert (claims["sessions"], claims["users"]) == (plain.json["sessions"], plain.json["users"])


def test_both_documents_and_the_routes_share_one_look(api, tokens, calls, clock):
    clock.advance(10)
    calls()
    for _ in range(3):
        api.request("GET", "/.well-known/revoked.json")
        api.request("GET", "/.well-known/revoked.jwt")
        api.bearer("GET", "/own/prices", tokens["access_token"])
    assert calls() == ["Query"]


def test_a_feed_that_cannot_be_read_is_503_and_never_an_old_document(api, aws_clients, clock):
    for form in ("json", "jwt"):
        assert api.request("GET", f"/.well-known/revoked.{form}").status == 200
    clock.advance(10)
    with unreachable(aws_clients, "Query"):
        for form in ("json", "jwt"):
            refused = api.request("GET", f"/.well-known/revoked.{form}")
            refused.assert_problem(503, "service_unavailable")
            assert refused.headers["retry-after"] == "1"
    paths = api.request("GET", "/openapi.json").json["paths"]
    for form in ("json", "jwt"):
        assert "503" in paths[f"/.well-known/revoked.{form}"]["get"]["responses"]


def test_the_signature_is_made_once_for_each_look(api, clock):
    first, second = (api.request("GET", "/.well-known/revoked.jwt").body for _ in range(2))
    assert first == second
    clock.advance(10)
    assert api.request("GET", "/.well-known/revoked.jwt").body != first


def test_the_public_document_is_refused_as_an_access_token(api, tokens):
    signed = api.request("GET", "/.well-known/revoked.jwt").body.decode("ascii")
    api.bearer("GET", "/own/prices", signed).assert_problem(401, "invalid_token")
    assert json.loads(base64.urlsafe_b64decode(signed.split(".")[1] + "=="))["ttl"] == 10
