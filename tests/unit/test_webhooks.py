"""Webhooks: what is sent of an event and how it is signed, what each answer makes of it, and what operators ask for."""

import base64
import io
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.accounts.caller import NO_ADDRESS, Caller
from chalicelib.accounts.events import ADMIN, HISTORY, EventType, SecurityEvent
from chalicelib.adapters.dynamodb.items import event_to_item
from chalicelib.config.webhooks import WebhookSettings, event_types
from chalicelib.credentials.webhook_secrets import key_of, new_secret, parse_secrets, signatures, written
from chalicelib.errors import ConfigurationError, ServiceUnavailable
from chalicelib.telemetry import log
from chalicelib.telemetry import webhooks as telemetry
from chalicelib.use_cases.send_webhooks import KEEPS_TRYING, PUT_BACK_AFTER
from chalicelib.webhooks import LEAST_MILLISECONDS, handle
from chalicelib.webhooks_wiring import SECRETS_LIFETIME
from tests.support.webhooks import FakeEndpoint, FakeParameters, batch_of, record_of, webhooks_with

CALLER = Caller("203.0.113.7", "Mozilla/5.0 (secret browser)")
AT = 1_800_000_000
LOGGED_IN = SecurityEvent(EventType.LOGIN_SUCCEEDED, "u1", AT, CALLER, session_id="s1")


class Context:
    """Lambda's, with so many milliseconds left at each question."""

    def __init__(self, *left):
        self._left = list(left)

    def get_remaining_time_in_millis(self):
        return self._left.pop(0)


@pytest.fixture
def lines(monkeypatch):
    """Return the lines of the log, as Lambda would hand them to CloudWatch."""
    output = io.StringIO()
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", output)
        log.configure({"AWS_LAMBDA_FUNCTION_NAME": "lychgate-test-webhooks"})
    yield lambda: [json.loads(line) for line in output.getvalue().split("\n") if line]
    log.configure({})


def event(kind=EventType.LOGIN_SUCCEEDED, **others):
    return SecurityEvent(kind, "u1", AT, CALLER, **others)


def repeated(answer):
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def sent_by(endpoint):
    return [json.loads(body) for body, _ in endpoint.requests]


class TestWhatIsSent:
    def test_an_event_says_what_happened_to_whom_and_when_and_nothing_of_the_caller(self):
        endpoint = FakeEndpoint()
        assert handle(batch_of(LOGGED_IN), None, webhooks_with(endpoint)) == {"batchItemFailures": []}
        ((body, headers),) = endpoint.requests
        assert json.loads(body) == {
            "type": "account.login_succeeded",
            "timestamp": "2027-01-15T08:00:00Z",
            "data": {"user_id": "u1", "type": "login_succeeded", "at": "2027-01-15T08:00:00Z", "count": 1},
        }
        assert headers["Content-Type"] == "application/json"
        for secret in ("203.0.113.7", "secret browser", "s1"):
            assert secret not in body.decode()

    def test_what_an_administrator_did_is_one_message_about_the_user_that_names_both(self):
        endpoint = FakeEndpoint()
        done = event(EventType.ACCOUNT_DISABLED, actor=ADMIN, actor_id="a1")
        own = SecurityEvent(EventType.ACCOUNT_DISABLED, "a1", AT, CALLER, subject="u1")
        assert repeated(handle(batch_of(own, done), None, webhooks_with(endpoint))) == []
        (message,) = sent_by(endpoint)
        assert {name: message["data"][name] for name in ("user_id", "actor", "actor_id")} == {
            "user_id": "u1",
            "actor": "admin",
            "actor_id": "a1",
        }

    @pytest.mark.parametrize(
        ("entry", "by"),
        [
            (SecurityEvent(EventType.ACCOUNT_DELETED, None, AT, NO_ADDRESS, subject="u1"), {}),
            (
                SecurityEvent(EventType.ACCOUNT_DELETED, "a1", AT, CALLER, subject="u1"),
                {"actor": "admin", "actor_id": "a1"},
            ),
            (
                SecurityEvent(EventType.ACCOUNT_DELETED, None, AT, NO_ADDRESS, subject="u1", actor=ADMIN),
                {"actor": "admin"},
            ),
        ],
        ids=["by its user", "by an administrator", "by an operator"],
    )
    def test_a_deletion_is_about_the_account_that_is_gone_whoever_did_it(self, entry, by):
        endpoint = FakeEndpoint()
        handle(batch_of(entry), None, webhooks_with(endpoint))
        (message,) = sent_by(endpoint)
        at = message["timestamp"]
        assert message["data"] == {"user_id": "u1", "type": "account_deleted", "at": at, "count": 1, **by}

    def test_failures_say_how_many_they_were(self):
        endpoint = FakeEndpoint()
        handle(batch_of(event(EventType.LOGIN_FAILED, count=17)), None, webhooks_with(endpoint))
        assert sent_by(endpoint)[0]["data"]["count"] == 17

    @pytest.mark.parametrize("kind", HISTORY)
    def test_every_type_of_the_history_is_sent_in_less_than_a_kilobyte(self, kind):
        endpoint = FakeEndpoint()
        ids = {"actor": ADMIN, "actor_id": "a" * 64}
        handle(batch_of(SecurityEvent(kind, "u" * 64, AT, CALLER, **ids)), None, webhooks_with(endpoint))
        ((body, _),) = endpoint.requests
        assert json.loads(body)["type"] == f"account.{kind}"
        assert len(body) < 1024

    def test_a_type_that_this_version_does_not_know_is_sent_too(self):
        endpoint = FakeEndpoint()
        handle(batch_of(event_to_item(LOGGED_IN) | {"type": {"S": "of_tomorrow"}}), None, webhooks_with(endpoint))
        assert sent_by(endpoint)[0]["type"] == "account.of_tomorrow"

    def test_only_the_types_that_the_site_has_asked_for_are_sent(self):
        endpoint = FakeEndpoint()
        wanted = webhooks_with(endpoint, LYCHGATE_WEBHOOK_EVENTS="password_changed, account_deleted")
        answer = handle(batch_of(LOGGED_IN, event(EventType.PASSWORD_CHANGED)), None, wanted)
        assert repeated(answer) == []
        assert [message["type"] for message in sent_by(endpoint)] == ["account.password_changed"]

    def test_what_is_deleted_or_changed_is_no_event(self):
        endpoint = FakeEndpoint()
        records = [record_of(LOGGED_IN, event_name=name) for name in ("REMOVE", "MODIFY")]
        assert repeated(handle({"Records": records}, None, webhooks_with(endpoint))) == []
        assert endpoint.requests == []

    def test_what_a_restore_puts_back_is_not_sent_again(self, lines):
        endpoint = FakeEndpoint()
        put_back = record_of(LOGGED_IN, created=time.time() + PUT_BACK_AFTER + 60)
        assert repeated(handle({"Records": [put_back]}, None, webhooks_with(endpoint))) == []
        assert endpoint.requests == []
        assert lines()[0]["outcome"] == "put_back"

    @pytest.mark.parametrize(
        "image",
        [
            {},
            {"user_id": {"S": "u1"}},
            event_to_item(LOGGED_IN) | {"event_id": {"S": "no-time"}},
            event_to_item(LOGGED_IN) | {"at": {"N": "1e99"}},
            event_to_item(LOGGED_IN) | {"at": {"N": "9" * 30}},
            event_to_item(LOGGED_IN) | {"type": {}},
        ],
        ids=["nothing", "no event", "an id without a time", "no whole number", "no year", "no type"],
    )
    def test_a_record_that_is_no_event_is_logged_and_holds_nothing_up(self, image, lines):
        endpoint = FakeEndpoint()
        assert repeated(handle(batch_of(image, LOGGED_IN), None, webhooks_with(endpoint))) == []
        assert len(endpoint.requests) == 1
        assert [line["level"] for line in lines()] == ["ERROR", "INFO"]


class TestSignatures:
    def test_a_repetition_has_the_same_id_and_body_and_the_time_of_its_own(self):
        endpoint = FakeEndpoint(500)
        now = [AT]
        events, webhooks = batch_of(LOGGED_IN), webhooks_with(endpoint, clock=lambda: now[0])
        assert repeated(handle(events, None, webhooks)) == ["100"]
        now[0] += 120
        assert repeated(handle(events, None, webhooks)) == []
        (first, before), (second, after) = endpoint.requests
        assert (first, before["webhook-id"]) == (second, after["webhook-id"])
        assert (before["webhook-timestamp"], after["webhook-timestamp"]) == (str(AT), str(AT + 120))
        assert before["webhook-signature"] != after["webhook-signature"]

    def test_the_id_leads_to_the_event_and_has_no_dot(self):
        endpoint, item = FakeEndpoint(), event_to_item(LOGGED_IN)
        handle(batch_of(item), None, webhooks_with(endpoint))
        ((_, headers),) = endpoint.requests
        assert headers["webhook-id"] == f"evt_{item['event_id']['S']}"
        assert "." not in headers["webhook-id"]

    def test_while_a_secret_is_replaced_both_sign(self):
        new, old = new_secret(), new_secret()
        endpoint = FakeEndpoint()
        handle(batch_of(LOGGED_IN), None, webhooks_with(endpoint, FakeParameters(new, old)))
        ((body, headers),) = endpoint.requests
        found = headers["webhook-signature"].split(" ")
        for secret, signature in zip((new, old), found, strict=True):
            identity, stamp = headers["webhook-id"], int(headers["webhook-timestamp"])
            assert signature == signatures([secret], identity, stamp, body)

    def test_the_secrets_are_read_once_and_again_after_five_minutes(self):
        endpoint, parameters, now = FakeEndpoint(), FakeParameters(), [AT]
        webhooks = webhooks_with(endpoint, parameters, clock=lambda: now[0])
        handle(batch_of(LOGGED_IN, LOGGED_IN), None, webhooks)
        assert parameters.reads == 1
        added = new_secret()
        parameters.value = written([added])
        now[0] += SECRETS_LIFETIME
        handle(batch_of(LOGGED_IN), None, webhooks)
        body, headers = endpoint.requests[-1]
        stamp = int(headers["webhook-timestamp"])
        assert headers["webhook-signature"] == signatures([added], headers["webhook-id"], stamp, body)

    @pytest.mark.parametrize(
        "value",
        ["", "{", "[]", '"whsec_"', "[1]", '["abc"]', '["whsec_!"]', json.dumps(["whsec_" + "A" * 20]), "[" * 100_000],
    )
    def test_secrets_of_another_form_send_nothing_and_are_not_quoted(self, value, lines):
        endpoint, parameters = FakeEndpoint(), FakeParameters()
        parameters.value = value
        assert repeated(handle(batch_of(LOGGED_IN), None, webhooks_with(endpoint, parameters))) == ["100"]
        assert endpoint.requests == []
        assert "AAAA" not in json.dumps(lines())

    @pytest.mark.parametrize("size", [23, 65])
    def test_a_secret_has_24_to_64_bytes(self, size):
        with pytest.raises(ValueError, match="24 to 64"):
            key_of("whsec_" + base64.b64encode(b"k" * size).decode())

    @given(st.binary(min_size=24, max_size=64))
    def test_secrets_are_read_as_they_are_written(self, key):
        secret = "whsec_" + base64.b64encode(key).decode()
        assert key_of(secret) == key
        assert parse_secrets(written([secret])) == (secret,)

    def test_three_secrets_are_too_many(self):
        with pytest.raises(ValueError, match="one secret"):
            parse_secrets(written([new_secret() for _ in range(3)]))


class TestAnswers:
    @pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
    def test_any_success_ends_an_event(self, status):
        assert repeated(handle(batch_of(LOGGED_IN), None, webhooks_with(FakeEndpoint(status)))) == []

    @pytest.mark.parametrize(
        "answer", [301, 302, 307, 308, 400, 401, 404, 408, 425, 429, 500, 502, 503, ServiceUnavailable("no connection")]
    )
    def test_any_other_answer_has_the_stream_repeat_it(self, answer):
        assert repeated(handle(batch_of(LOGGED_IN), None, webhooks_with(FakeEndpoint(answer)))) == ["100"]

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
    def test_what_is_refused_for_an_hour_is_given_up_and_counted(self, status, lines):
        now = time.time() + KEEPS_TRYING + 60
        webhooks = webhooks_with(FakeEndpoint(status), clock=lambda: now)
        assert repeated(handle(batch_of(LOGGED_IN), None, webhooks)) == []
        (line,) = lines()
        assert (line["level"], line["outcome"], line["answer"]) == ("ERROR", "refused", status)
        assert line[telemetry.REFUSED] == 1

    @pytest.mark.parametrize("answer", [302, 408, 425, 429, 500, 503, ServiceUnavailable("no answer in time")])
    def test_an_endpoint_that_is_down_is_waited_for_as_long_as_the_stream_keeps_the_event(self, answer):
        now = time.time() + 80_000
        webhooks = webhooks_with(FakeEndpoint(answer), clock=lambda: now)
        assert repeated(handle(batch_of(LOGGED_IN), None, webhooks)) == ["100"]

    def test_an_endpoint_that_is_gone_is_not_asked_again(self, lines):
        assert repeated(handle(batch_of(LOGGED_IN), None, webhooks_with(FakeEndpoint(410)))) == []
        assert lines()[0][telemetry.REFUSED] == 1

    def test_what_comes_after_a_failure_waits_so_that_nothing_overtakes_it(self):
        endpoint = FakeEndpoint(204, 503)
        assert repeated(handle(batch_of(*[LOGGED_IN] * 4), None, webhooks_with(endpoint))) == ["101"]
        assert len(endpoint.requests) == 2

    def test_no_event_is_begun_that_the_time_limit_would_cut_off(self):
        endpoint = FakeEndpoint()
        context = Context(LEAST_MILLISECONDS, LEAST_MILLISECONDS - 1)
        assert repeated(handle(batch_of(*[LOGGED_IN] * 4), context, webhooks_with(endpoint))) == ["102"]
        assert len(endpoint.requests) == 2

    def test_an_exception_that_nobody_has_thought_of_has_the_stream_repeat_it(self, lines):
        endpoint = FakeEndpoint(RuntimeError("of a secret"))
        assert repeated(handle(batch_of(LOGGED_IN), None, webhooks_with(endpoint))) == ["100"]
        assert lines()[0]["reason"] == "RuntimeError"
        assert "of a secret" not in json.dumps(lines())

    def test_without_secrets_nothing_is_lost(self, lines):
        parameters = FakeParameters()
        parameters.failure = parameters.exceptions.ParameterNotFound()
        assert repeated(handle(batch_of(LOGGED_IN), None, webhooks_with(FakeEndpoint(), parameters))) == ["100"]
        assert "webhook-secrets" in lines()[0]["reason"]


class TestOperators:
    def test_a_test_message_is_signed_and_about_nobody(self):
        endpoint = FakeEndpoint(200)
        answer = handle({"webhooks": "test"}, None, webhooks_with(endpoint))
        (outcome,) = answer["outcomes"]
        assert (outcome["outcome"], outcome["status"], outcome["type"]) == ("delivered", 200, "webhook.test")
        ((body, headers),) = endpoint.requests
        assert json.loads(body)["data"] == {}
        assert headers["webhook-id"] == outcome["webhook_id"]

    def test_events_are_sent_again_with_the_ids_of_before_whatever_their_age_and_until_one_fails(self):
        endpoint = FakeEndpoint(204, 422, 503)
        items = [event_to_item(SecurityEvent(EventType.LOGGED_OUT, "u1", AT - 86_400 * 30, CALLER)) for _ in range(4)]
        answer = handle({"webhooks": "resend", "items": items}, None, webhooks_with(endpoint))
        outcomes = [(each["outcome"], each["webhook_id"]) for each in answer["outcomes"]]
        ids = [f"evt_{item['event_id']['S']}" for item in items]
        assert outcomes == list(zip(["delivered", "refused", "failed"], ids, strict=False))

    def test_what_there_is_no_time_for_is_left_to_the_next_call(self):
        items = [event_to_item(LOGGED_IN) for _ in range(3)]
        answer = handle({"webhooks": "resend", "items": items}, Context(0), webhooks_with(FakeEndpoint()))
        assert len(answer["outcomes"]) == 1


class TestSettings:
    def settings(self, url, **others):
        named = {"LYCHGATE_WEBHOOK_URL": url, "LYCHGATE_WEBHOOK_SECRETS_PARAMETER": "/p"}
        return WebhookSettings.from_environment(named | others)

    @pytest.mark.parametrize(
        ("url", "on_this_machine"),
        [
            ("https://example.org/hooks/", False),
            ("https://example.org:8443/hooks?key=1", False),
            ("http://127.0.0.1:9000", True),
            ("http://localhost:9000/hooks", True),
            ("http://[::1]:9000/", True),
        ],
    )
    def test_an_endpoint_is_https_or_on_the_laptop_itself(self, url, on_this_machine):
        assert self.settings(url).on_this_machine is on_this_machine

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "example.org",
            "http://example.org/hooks",
            "ftp://example.org/",
            "https://",
            "https://user@example.org/",
            "https://example.org/#part",
            "https://example.org/a b",
            "https://example.org/\r\nHost: other",
            "https://exämple.org/",
            "https://[::1",
            "https://example.org:99999/",
        ],
    )
    def test_any_other_url_is_refused_by_name(self, url):
        with pytest.raises(ConfigurationError, match="LYCHGATE_WEBHOOK_URL"):
            self.settings(url)

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_in_a_function_the_machines_own_address_is_refused(self, scheme, host):
        with pytest.raises(ConfigurationError, match="Lambda's"):
            self.settings(f"{scheme}://{host}:9001/", AWS_LAMBDA_FUNCTION_NAME="lychgate-prod-webhooks")

    def test_an_unknown_type_of_event_is_refused_by_name(self):
        with pytest.raises(ConfigurationError, match="loggin"):
            event_types("registered, loggin")
