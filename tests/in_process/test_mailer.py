"""The mailer over moto's DynamoDB and SES: from a request to a mail, and what is stored and logged on the way."""

import io
import json
import re
import threading

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from chalicelib.accounts.mail import Mail, MailKind
from chalicelib.adapters.dynamodb.deliveries import OF_A_USER, OF_AN_ADDRESS
from chalicelib.adapters.dynamodb.items import address_key, user_key
from chalicelib.adapters.dynamodb.mails import mail_key, mail_to_item
from chalicelib.mailer import handle
from chalicelib.mailer_wiring import Mailer, MailerClients
from chalicelib.telemetry import log
from tests.support.fake_deliveries import ProcessDied
from tests.support.mailer import RecordingSES, sns_event, stream_event, verify

ADDRESS = "kim@home.example"
PASSWORD, OTHER_PASSWORD = "seven old oak boards and a latch", "eight new pine boards and a bolt"
IN_GERMAN = {"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}


@pytest.fixture
def dynamodb(aws, aws_clients):
    return aws_clients[0]


@pytest.fixture
def ses(aws):
    verify("no-reply@lychgate.example")
    return RecordingSES()


class WaitsAfterReading:
    """A client for DynamoDB that waits for another one, once each has read a mail."""

    def __init__(self, client, barrier):
        self._client = client
        self._barrier = barrier

    def __getattr__(self, name):
        return getattr(self._client, name)

    def get_item(self, **parameters):
        answer = self._client.get_item(**parameters)
        if "Item" in answer and "kind" in answer["Item"]:
            self._barrier.wait(60)
        return answer


@pytest.fixture
def make(dynamodb, ses, settings, clock):
    """Make a mailer, as another process would."""

    def make(wait_after_reading=None, client=dynamodb):
        client = WaitsAfterReading(client, wait_after_reading) if wait_after_reading is not None else client
        clients = MailerClients(dynamodb=lambda: client, ses=lambda region: ses, pause=lambda seconds: None)
        return Mailer(settings, clients=clients, clock=clock)

    return make


@pytest.fixture
def mailer(make):
    return make()


@pytest.fixture
def put(dynamodb, settings):
    """Put a mail into the outbox, and return its item."""

    def put(mail):
        item = mail_to_item(mail)
        dynamodb.put_item(TableName=settings["LYCHGATE_MAIL_TABLE"], Item=item)
        return item

    return put


@pytest.fixture
def stored(dynamodb, settings):
    def stored(mail):
        return dynamodb.get_item(TableName=settings["LYCHGATE_MAIL_TABLE"], Key=mail_key(mail.id))["Item"]

    return stored


class Forgets:
    """A client for DynamoDB that cannot store once that a mail was sent."""

    def __init__(self, client):
        self._client = client
        self._failures = [EndpointConnectionError(endpoint_url="https://dynamodb")]

    def __getattr__(self, name):
        return getattr(self._client, name)

    def update_item(self, **parameters):
        if "sent_at" in parameters["UpdateExpression"] and self._failures:
            raise self._failures.pop()
        return self._client.update_item(**parameters)


def registration(clock, mail_id="R" * 22, **members):
    members = {"asked": ADDRESS, "to": ADDRESS} | members
    return Mail(mail_id, MailKind.REGISTER, clock(), "de", **members)


def send(mailer, *items):
    """Deliver what these items ask for. Return the numbers of the records that are to be repeated."""
    answer = handle(stream_event(*items), None, mailer)
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def test_a_mail_is_not_sent_again_with_its_batch_because_that_could_not_be_stored(
    make, put, ses, dynamodb, stored, clock
):
    broken = put(registration(clock, "B" * 22)) | {"kind": {"S": "a kind of the future"}}
    dynamodb.put_item(TableName=make().settings.mail_table, Item=broken)
    mail = registration(clock)
    mailer, items = make(client=Forgets(dynamodb)), (broken, put(mail))
    for _ in range(3):
        assert send(mailer, *items) == ["100", "101"]
    assert len(ses.sent) == 1
    assert "sent_at" in stored(mail)


def test_a_mail_goes_to_the_address_in_two_parts_and_its_link_leads_to_the_site(mailer, ses, put, stored, clock):
    mail = registration(clock)
    assert send(mailer, put(mail)) == []
    (request,) = ses.sent
    assert request["Destination"] == {"ToAddresses": [ADDRESS]}
    assert request["FromEmailAddress"] == '"site.example" <no-reply@lychgate.example>'
    body = request["Content"]["Simple"]["Body"]
    assert body["Text"]["Charset"] == body["Html"]["Charset"] == "UTF-8"
    (link,) = re.findall(r"https://\S+", body["Text"]["Data"])
    assert link.startswith(f"https://site.example/account.html#register={mail.id}")
    assert link in body["Html"]["Data"]
    item = stored(mail)
    assert item["sent_at"]["N"] == str(clock())
    assert item["email"]["S"] == ADDRESS
    assert len(item["token_digests"]["SS"]) == 1


def test_a_mail_goes_out_as_the_settings_say_and_waits_where_ses_is_too_slow(dynamodb, ses, settings, clock, put):
    settings |= {
        "LYCHGATE_MAIL_REPLY_TO": "help@lychgate.example",
        "LYCHGATE_SES_REGION": "eu-west-1",
        "LYCHGATE_SES_CONFIGURATION_SET": "mine",
    }
    regions, waits = [], []

    def slow_at_first(_request):
        if not waits:
            error = {"Code": "TooManyRequestsException", "Message": "Maximum sending rate exceeded."}
            raise ClientError({"Error": error, "ResponseMetadata": {"HTTPStatusCode": 429}}, "SendEmail")

    ses.before = slow_at_first
    clients = MailerClients(
        dynamodb=lambda: dynamodb,
        ses=lambda region: regions.append(region) or ses,
        wait_a_second=lambda: waits.append("a second"),
    )
    assert send(Mailer(settings, clients=clients, clock=clock), put(registration(clock))) == []
    (request,) = ses.sent
    assert (request["ReplyToAddresses"], request["ConfigurationSetName"]) == (["help@lychgate.example"], "mine")
    assert (regions, waits) == (["eu-west-1"], ["a second"])


def test_a_mail_that_strangers_to_an_account_ask_for_is_one_of_as_many_a_day_as_the_settings_say(
    mailer, settings, put, clock, stored
):
    settings["LYCHGATE_MAILS_PER_DAY"] = "1"
    of_whom = {"A": "kim@home.example", "B": "lee@home.example"}
    mails = [
        registration(clock, letter * 22, asked=address, to=address, known_user_id="somebody else")
        for letter, address in of_whom.items()
    ]
    for mail in mails:
        assert send(mailer, put(mail)) == []
    assert ["sent_at" in stored(mail) for mail in mails] == [True, False]
    assert stored(mails[1])["outcome"]["S"] == "budget"


@pytest.fixture
def outbox(dynamodb, settings):
    """Return the mails that wait to be sent, as their items, oldest first."""

    def outbox():
        items = dynamodb.scan(TableName=settings["LYCHGATE_MAIL_TABLE"])["Items"]
        waiting = [item for item in items if "kind" in item and not {"sent_at", "outcome"} & item.keys()]
        return sorted(waiting, key=lambda item: item["at"]["N"])

    return outbox


@pytest.fixture
def post(mailer, ses, outbox):
    """Send what waits, and return the texts of the mails."""

    def post():
        already = len(ses.sent)
        assert send(mailer, *outbox()) == []
        return ses.texts[already:]

    return post


@pytest.fixture
def confirmed(api, post, clock):
    """A user who has confirmed an address, an hour ago."""
    api.register("kim", PASSWORD, email=ADDRESS)
    (text,) = post()
    assert api.post("/auth/email/confirm", {"token": token_in(text)}).status == 204
    clock.advance(3600)


def token_in(text):
    (token,) = re.findall(r"account\.html#\w+=(\S+)", text)
    return token


def code_in(text):
    (code,) = re.findall(r"\b[0-9]{6}\b", text)
    return code


class TestWhatIsMailed:
    @pytest.mark.usefixtures("confirmed")
    def test_the_link_of_a_forgotten_password_gives_another_one(self, api, post):
        assert api.post("/auth/password/forgot", {"username": ADDRESS}).status == 202
        (text,) = post()
        answer = api.post("/auth/password/reset", {"token": token_in(text), "new_password": OTHER_PASSWORD})
        assert answer.status == 204
        assert api.login("kim", OTHER_PASSWORD).status == 200
        (notice,) = post()
        assert "#" not in notice

    @pytest.mark.usefixtures("confirmed")
    def test_a_code_begins_a_session_with_the_challenge_that_it_belongs_to(self, api, post):
        challenge = api.post("/auth/login/code", {"username": "kim"}).json["challenge"]
        (text,) = post()
        members = {"challenge": challenge, "code": code_in(text)}
        assert api.post("/auth/login/code/verify", members).json["user"]["username"] == "kim"

    def test_nobody_gets_a_mail_for_a_name_that_nobody_has(self, api, post):
        api.post("/auth/password/forgot", {"username": "nobody@home.example"})
        api.post("/auth/login/code", {"username": "nobody"})
        assert post() == []

    @pytest.mark.usefixtures("confirmed")
    def test_nobody_gets_a_mail_for_an_address_that_an_account_before_had(self, api, post, dynamodb, settings):
        dynamodb.update_item(
            TableName=settings["LYCHGATE_USERS_TABLE"],
            Key=address_key(ADDRESS),
            UpdateExpression="SET owner_id = :gone",
            ExpressionAttributeValues={":gone": {"S": "gone"}},
        )
        api.post("/auth/password/forgot", {"username": ADDRESS})
        assert post() == []

    @pytest.mark.usefixtures("confirmed")
    def test_nobody_gets_a_mail_for_an_address_in_whose_place_its_account_has_another(
        self, api, post, dynamodb, settings
    ):
        # The mailer reads whose an address is, and then the account, which may have changed between.
        dynamodb.update_item(
            TableName=settings["LYCHGATE_USERS_TABLE"],
            Key=user_key("kim"),
            UpdateExpression="SET email = :another",
            ExpressionAttributeValues={":another": {"S": "another@home.example"}},
        )
        api.post("/auth/password/forgot", {"username": ADDRESS})
        assert post() == []

    def test_where_the_address_is_the_name_an_account_exists_after_its_link_only(self, settings, api, post, clock):
        settings["LYCHGATE_IDENTIFIER"] = "email"
        members = {"email": ADDRESS, "password": PASSWORD}
        assert api.post("/auth/register", members).status == 202
        (text,) = post()
        assert api.post("/auth/register/confirm", {"token": token_in(text)}).status == 201
        clock.advance(3600)
        api.post("/auth/register", members)
        (known,) = post()
        assert "#" not in known

    def test_a_mail_is_in_the_language_of_the_request(self, api, post):
        api.post("/auth/register", {"username": "kim", "password": PASSWORD, "email": ADDRESS}, headers=IN_GERMAN)
        (text,) = post()
        assert "Minuten" in text

    @pytest.mark.usefixtures("confirmed")
    def test_the_mailer_asks_for_no_attribute_of_a_user_that_it_may_not_see(self, api, post, dynamodb, settings):
        asked = []

        def note(params, **_):
            request = json.loads(params["body"])
            if request["TableName"] == settings["LYCHGATE_USERS_TABLE"]:
                asked.append(set(request["ExpressionAttributeNames"].values()))
                assert set(request["ProjectionExpression"].split(", ")) == set(request["ExpressionAttributeNames"])

        api.post("/auth/password/forgot", {"username": ADDRESS})
        dynamodb.meta.events.register("before-call.dynamodb.GetItem", note)
        try:
            post()
        finally:
            dynamodb.meta.events.unregister("before-call.dynamodb.GetItem", note)
        assert len(asked) == 2
        assert set.union(*asked) <= {*OF_A_USER, *OF_AN_ADDRESS}
        assert not {"password_hash", "roles"} & {*OF_A_USER, *OF_AN_ADDRESS}


class TestSecrets:
    @pytest.fixture
    def tables(self, dynamodb, settings):
        """Return all that is in the tables, as text."""
        names = [value for name, value in settings.items() if name.endswith("_TABLE")]
        return lambda: json.dumps([dynamodb.scan(TableName=name)["Items"] for name in names])

    @pytest.fixture
    def lines(self, api, monkeypatch):
        output = io.StringIO()
        with monkeypatch.context() as patch:
            patch.setattr("sys.stdout", output)
            log.configure({"AWS_LAMBDA_FUNCTION_NAME": "lychgate-test"})
        yield output.getvalue
        log.configure({})

    def test_no_token_and_no_code_is_in_a_table_or_in_the_log(self, api, post, ses, tables, lines, confirmed):
        api.post("/auth/password/forgot", {"username": "kim"})
        api.post("/auth/login/code", {"username": "kim"})
        texts = post()
        assert len(texts) == 2
        secrets = [*re.findall(r"#\w+=(\S+)", "".join(ses.texts)), *re.findall(r"\b[0-9]{6}\b", "".join(texts))]
        assert len(secrets) == 3
        for secret in secrets:
            # Of a token the first 22 characters name the mail.
            assert secret[22:] not in tables() or len(secret) == 6
            assert f'"{secret}"' not in tables()
            assert secret not in lines()
        assert ADDRESS not in lines()
        assert '"mail_sent": 1' in lines()


def bounce(address):
    return sns_event(
        {
            "eventType": "Bounce",
            "bounce": {
                "bounceType": "Permanent",
                "bounceSubType": "NoEmail",
                "bouncedRecipients": [{"emailAddress": address}],
            },
            "mail": {"messageId": "ses-1", "destination": [address]},
        }
    )


@pytest.mark.usefixtures("confirmed")
def test_an_address_that_bounced_gets_no_mail_any_more_and_is_not_stored(api, post, mailer, dynamodb, settings):
    handle(bounce(ADDRESS.upper()), None, mailer)
    api.post("/auth/password/forgot", {"username": "kim"})
    assert post() == []
    table = settings["LYCHGATE_MAIL_TABLE"]
    (item,) = (item for item in dynamodb.scan(TableName=table)["Items"] if "kind" not in item)
    assert item["mail_id"]["S"].startswith("suppressed#")
    assert (item["reason"]["S"], "ttl" in item) == ("bounce", False)
    assert ADDRESS.casefold() not in json.dumps(item).casefold()
    assert send(mailer, item) == []


class TestFailures:
    def test_a_mail_that_ses_does_not_take_now_is_repeated_with_what_comes_after_it(self, mailer, ses, put, clock):
        items = [put(registration(clock, f"{number:022}", to=f"{number}@home.example")) for number in range(3)]

        def busy(request):
            if request["Destination"]["ToAddresses"] == ["1@home.example"]:
                raise ReadTimeoutError(endpoint_url="https://ses")

        ses.before = busy
        assert send(mailer, *items) == ["101", "102"]
        assert len(ses.sent) == 1
        ses.before = lambda request: None
        assert send(mailer, *items) == []
        assert len(ses.sent) == 3

    def test_a_sender_that_ses_does_not_know_gives_up_no_mail(self, mailer, put, stored, clock, settings):
        settings["LYCHGATE_MAIL_FROM"] = "no-reply@elsewhere.example"
        mail = registration(clock)
        assert send(mailer, put(mail)) == ["100"]
        assert "outcome" not in stored(mail)

    def test_a_mail_without_a_sender_waits_for_the_setting(self, mailer, ses, put, clock, settings):
        sender = settings.pop("LYCHGATE_MAIL_FROM")
        item = put(registration(clock))
        assert send(mailer, item) == ["100"]
        settings["LYCHGATE_MAIL_FROM"] = sender
        assert send(mailer, item) == []
        assert len(ses.sent) == 1

    def test_a_kind_of_mail_from_a_later_version_blocks_no_other(self, mailer, ses, put, clock, dynamodb, settings):
        unknown = put(registration(clock, "U" * 22)) | {"kind": {"S": "invoice"}}
        dynamodb.put_item(TableName=settings["LYCHGATE_MAIL_TABLE"], Item=unknown)
        assert send(mailer, unknown, put(registration(clock))) == ["100", "101"]
        assert len(ses.sent) == 1

    def test_a_mail_whose_answer_is_lost_goes_twice_and_both_links_are_good(self, mailer, ses, put, stored, clock):
        def lose(request):
            raise ReadTimeoutError(endpoint_url="https://ses")

        ses.after = lose
        mail = registration(clock)
        item = put(mail)
        assert send(mailer, item) == ["100"]
        ses.after = lambda request: None
        assert send(mailer, item) == []
        assert len({token_in(text) for text in ses.texts}) == 2
        assert len(stored(mail)["token_digests"]["SS"]) == 2

    def test_a_mail_of_a_process_that_died_before_it_was_sent_goes_once(self, mailer, ses, put, stored, clock):
        def die(request):
            raise ProcessDied

        ses.before = die
        mail = Mail("R" * 22, MailKind.REGISTER, clock(), "en", asked=ADDRESS, to=ADDRESS)
        item = put(mail)
        with pytest.raises(ProcessDied):
            send(mailer, item)
        ses.before = lambda request: None
        assert send(mailer, item) == []
        assert len(ses.sent) == 1
        assert "outcome" not in stored(mail)

    def test_a_record_that_comes_twice_at_once_is_sent_once_if_both_have_read_the_same(
        self, ses, put, clock, make, caplog
    ):
        mail = Mail("R" * 22, MailKind.REGISTER, clock(), "en", asked=ADDRESS, to=ADDRESS)
        item = put(mail)
        have_read = threading.Barrier(2)
        answers = []

        def deliver():
            mailer = make(wait_after_reading=have_read)
            answers.append(send(mailer, item))

        threads = [threading.Thread(target=deliver) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        # The other one comes again, unless it has seen that this one was done.
        assert sorted(answers) in ([[], ["100"]], [[], []])
        assert len(ses.sent) == 1
        assert "budget" not in caplog.text
        assert send(make(), item) == []
        assert len(ses.sent) == 1
