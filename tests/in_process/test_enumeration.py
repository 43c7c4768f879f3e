"""Nobody learns from a log-in who has an account: one answer, and the same work, counted in calls and hashes."""

import unicodedata

import bcrypt
import pytest

from chalicelib.adapters.dynamodb.items import user_key
from chalicelib.credentials.passwords import IMPORTED, PasswordHasher
from chalicelib.credentials.peppers import Peppers
from tests.support.authenticator import Authenticator
from tests.support.factors_over_http import (
    factors_of,
    log_in_with_passkey,
    request_options,
    second_step,
    with_passkey,
    with_totp,
)

PASSWORD = "correct horse battery staple"
WRONG = "wrong horse battery staple"


@pytest.fixture
def work(aws_clients, monkeypatch):
    """Record each call to DynamoDB and each hash, in their order."""
    dynamodb, _ = aws_clients
    done = []

    def note(model, params, **_):
        done.append(model.name)

    check_password = bcrypt.checkpw
    monkeypatch.setattr(bcrypt, "checkpw", lambda *args: done.append("bcrypt") or check_password(*args))
    dynamodb.meta.events.register("before-call.dynamodb", note)
    yield done
    dynamodb.meta.events.unregister("before-call.dynamodb", note)


@pytest.fixture
def log_in(api, work):
    """Log in and return the answer with the work that it took."""

    def log_in(username, password):
        work.clear()
        answer = api.login(username, password)
        return answer, list(work)

    return log_in


@pytest.fixture
def accounts(api, aws_clients, environment):
    """Alice, and Dora, whose account is disabled."""
    dynamodb, _ = aws_clients
    api.register("alice")
    api.register("dora")
    dynamodb.update_item(
        TableName=environment["LYCHGATE_USERS_TABLE"],
        Key=user_key("dora"),
        UpdateExpression="SET disabled = :true",
        ExpressionAttributeValues={":true": {"BOOL": True}},
    )


@pytest.mark.usefixtures("accounts")
def test_a_wrong_password_an_unknown_name_an_impossible_name_and_a_disabled_account_cannot_be_told_apart(log_in):
    failures = [
        log_in("alice", WRONG),
        log_in("nobody", WRONG),
        log_in("no such name!", WRONG),
        log_in("x" * 10_000, WRONG),
        log_in("dora", WRONG),
        log_in("dora", PASSWORD),
    ]
    assert {answer.status for answer, _ in failures} == {401}
    assert len({(answer.body, str(answer.headers)) for answer, _ in failures}) == 1
    assert {tuple(done) for _, done in failures} == {("UpdateItem", "UpdateItem", "bcrypt")}


@pytest.fixture
def rounds(monkeypatch):
    """The rounds of each password check: two to the power of its cost."""
    done = []
    check_password = bcrypt.checkpw

    def noted(password, password_hash):
        done.append(2 ** int(password_hash.split(b"$")[2]))
        return check_password(password, password_hash)

    monkeypatch.setattr(bcrypt, "checkpw", noted)
    return done


@pytest.mark.usefixtures("accounts")
@pytest.mark.parametrize("pepper_id", ["", "gone0001"])
def test_accounts_with_a_cheaper_hash_and_with_a_pepper_that_is_gone_take_the_rounds_of_an_unknown_name(
    api, aws_clients, environment, rounds, pepper_id
):
    dynamodb, _ = aws_clients
    cheaper = PasswordHasher(peppers=Peppers.of(bytes(range(32))), cost=4).hash(PASSWORD)
    dynamodb.update_item(
        TableName=environment["LYCHGATE_USERS_TABLE"],
        Key=user_key("alice"),
        UpdateExpression="SET password_hash = :cheaper",
        ExpressionAttributeValues={":cheaper": {"S": pepper_id + cheaper}},
    )
    answers = []
    taken = []
    for username in ("alice", "nobody"):
        rounds.clear()
        answers.append(api.login(username, WRONG))
        taken.append(sum(rounds))
    assert taken == [2**10, 2**10]
    assert len({(answer.status, answer.body) for answer in answers}) == 1
    assert api.login("alice", PASSWORD).status == (401 if pepper_id else 200)


@pytest.mark.usefixtures("accounts")
@pytest.mark.parametrize("stored", ["$2b$05$", "$2b$31$", "$argon2id$v=19$m=99999999,t=3,p=4$c29tZXNhbHQ$AAAA"])
def test_an_account_of_another_system_takes_the_rounds_of_an_unknown_name_also_with_absurd_parameters(
    api, aws_clients, environment, rounds, stored
):
    dynamodb, _ = aws_clients
    if stored == "$2b$05$":
        stored = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(5)).decode()
    elif stored == "$2b$31$":
        stored += "x" * 53
    dynamodb.update_item(
        TableName=environment["LYCHGATE_USERS_TABLE"],
        Key=user_key("alice"),
        UpdateExpression="SET password_hash = :imported",
        ExpressionAttributeValues={":imported": {"S": IMPORTED + stored}},
    )
    answers = []
    taken = []
    for username in ("alice", "nobody"):
        rounds.clear()
        answers.append(api.login(username, WRONG))
        taken.append(sum(rounds))
    assert taken == [2**10, 2**10]
    assert len({(answer.status, answer.body) for answer in answers}) == 1


@pytest.mark.usefixtures("accounts")
def test_a_guess_that_comes_too_early_costs_no_hash_whoever_it_is_aimed_at(log_in):
    refusals = []
    for username in ("alice", "nobody", "dora"):
        for _ in range(5):
            log_in(username, WRONG)
        refusals.append(log_in(username, WRONG))
    assert {answer.status for answer, _ in refusals} == {429}
    assert len({(answer.body, str(answer.headers)) for answer, _ in refusals}) == 1
    # Counted by address, refused at the account, and uncounted again.
    assert {tuple(done) for _, done in refusals} == {("UpdateItem",) * 3}


@pytest.mark.usefixtures("accounts")
def test_a_log_in_is_counted_before_the_hash_and_uncounted_with_its_session(log_in):
    answer, done = log_in("alice", PASSWORD)
    assert answer.status == 200
    assert done == ["UpdateItem", "UpdateItem", "bcrypt", "TransactWriteItems"]


@pytest.fixture
def app(api, clock, accounts):
    """The authenticator app of Alice."""
    return with_totp(api, clock, api.login("alice").json["access_token"])[0]


def test_a_wrong_password_of_somebody_with_a_second_factor_is_as_any_other(app, log_in):
    failures = [log_in(username, WRONG) for username in ("alice", "nobody", "dora")]
    assert {answer.status for answer, _ in failures} == {401}
    assert len({(answer.body, str(answer.headers)) for answer, _ in failures}) == 1
    assert {tuple(done) for _, done in failures} == {("UpdateItem", "UpdateItem", "bcrypt")}


def test_the_first_step_stores_nothing_and_the_second_one_costs_a_read_and_a_write_more(api, app, log_in, work):
    asked, done = log_in("alice", PASSWORD)
    asked.assert_problem(403, "second_factor_required")
    assert done == ["UpdateItem", "UpdateItem", "bcrypt"]
    code = app.next_code()
    work.clear()
    assert second_step(api, asked.json["challenge"], code=code).status == 200
    # The read of the user, the try that is counted, the log-in.
    assert sorted(work) == ["GetItem", "TransactWriteItems", "UpdateItem"]


def test_a_challenge_that_is_none_costs_no_call(api, work):
    second_step(api, "A" * 500, code="123456").assert_problem(401, "invalid_challenge")
    members = {"challenge": "A" * 500, "credential": {}}
    api.post("/auth/login/passkey", members).assert_problem(401, "invalid_challenge")
    assert work == []


def test_the_options_of_a_passkey_cost_no_call_and_are_the_same_for_everybody(api, accounts, work):
    work.clear()
    first, second = request_options(api), request_options(api)
    assert work == []
    assert {name: value for name, value in first["publicKey"].items() if name != "challenge"} == {
        name: value for name, value in second["publicKey"].items() if name != "challenge"
    }
    assert len(first["challenge"]) == len(second["challenge"])


@pytest.fixture
def normalised(monkeypatch):
    """The lengths of what is normalised."""
    lengths = []
    normalize = unicodedata.normalize
    monkeypatch.setattr(unicodedata, "normalize", lambda form, text: lengths.append(len(text)) or normalize(form, text))
    return lengths


@pytest.mark.parametrize("absurd", ["\u0301" * 2500, "\u0f81" * 2500, "x" + "\ufdfa" * 2500])
def test_nothing_absurdly_long_is_normalised_at_any_entry(api, normalised, absurd):
    token = api.register().json["access_token"]
    normalised.clear()
    api.login(absurd, WRONG).assert_problem(401, "invalid_credentials")
    api.login("alice", absurd).assert_problem(401, "invalid_credentials")
    api.register(absurd).assert_problem(422, "validation_failed")
    api.register("bob", absurd).assert_problem(422, "validation_failed")
    passwords = {"current_password": PASSWORD, "new_password": absurd}
    api.bearer("PUT", "/auth/password", token, passwords).assert_problem(422, "validation_failed")
    passwords = {"current_password": absurd, "new_password": "another horse battery staple"}
    api.bearer("PUT", "/auth/password", token, passwords).assert_problem(401, "invalid_credentials")
    api.bearer("POST", "/auth/delete-account", token, {"password": absurd}).assert_problem(401, "invalid_credentials")
    assert normalised
    assert max(normalised) < 100


class TestAPasskeyThatIsRefused:
    @pytest.fixture
    def authenticator(self, api, accounts):
        """The passkey of Alice."""
        authenticator = Authenticator()
        with_passkey(api, api.login("alice").json["access_token"], authenticator)
        return authenticator

    def test_is_said_to_be_unknown_where_no_account_has_it_so_that_browsers_forget_it(self, api, authenticator):
        access_token = api.login("alice").json["access_token"]
        (passkey,) = factors_of(api, access_token)["passkeys"]
        assert api.bearer("DELETE", f"/auth/passkeys/{passkey['id']}", access_token).status == 204
        refused = log_in_with_passkey(api, authenticator)
        refused.assert_problem(401, "invalid_code")
        assert refused.json["unknown_credential"] is True

    def test_is_not_said_to_be_unknown_where_one_has_it(self, api, authenticator, aws_clients, environment):
        authenticator.user_verified = False
        answers = [log_in_with_passkey(api, authenticator)]
        authenticator.user_verified = True
        aws_clients[0].update_item(
            TableName=environment["LYCHGATE_USERS_TABLE"],
            Key=user_key("alice"),
            UpdateExpression="SET disabled = :true",
            ExpressionAttributeValues={":true": {"BOOL": True}},
        )
        answers.append(log_in_with_passkey(api, authenticator))
        for answer in answers:
            answer.assert_problem(401, "invalid_code")
            assert "unknown_credential" not in answer.json
        assert len({answer.body for answer in answers}) == 1
