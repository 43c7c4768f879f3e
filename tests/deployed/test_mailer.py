"""The mailer of the package, from the outbox to SES: what becomes of a mail when something fails."""

import json
import os
import signal
import threading
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from werkzeug import Response

from infra.operator.__main__ import operator
from infra.operator.calls import Reach
from infra.operator.dead_letters import DeadLetters
from infra.operator.undelivered import REPEATED_SECONDS, Undelivered
from tests.deployed.account import ADDRESS, NEW_PASSWORD, PASSWORD
from tests.support import places
from tests.support.dead_letters import FakeQueue
from tests.support.marks import each_third
from tests.support.packaged.mail_service import failing, losing_answers
from tests.support.packaged.mailer import MAILER

MAIL_TABLE = places.FOUNDATION.mail_table
SENDS = "SendEmail"


@pytest.fixture
def confirmed(account):
    """An account of somebody who reads the mails, which the mailer has been warm for."""
    account.api.register(email=ADDRESS)
    assert account.api.post("/auth/email/confirm", {"token": account.mailbox.token(ADDRESS, "email")}).status == 204
    account.clock.advance(61)
    account.mails.sent.clear()
    return account


def ask(account, name=ADDRESS):
    """Ask for a new password, as somebody who has forgotten the old one."""
    assert account.api.post("/auth/password/forgot", {"username": name}).status == 202


def item(account, kind="reset"):
    """The newest item of a kind in the outbox that a request has put there."""
    of_requests = [each for each in account.tables.items("mail") if each["mail_id"] != {"S": "poisoned"}]
    found = [each for each in of_requests if each.get("kind") == {"S": kind}]
    return found[-1]


def can_reset(account, mail):
    """Whether the link in a mail works."""
    token = mail["text"].partition("#reset=")[2].split()[0]
    members = {"token": token, "new_password": "something new, by a mailed link"}
    return account.api.post("/auth/password/reset", members).status == 204


def operation_of(request):
    return request.headers.get("X-Amz-Target", f".{SENDS}").partition(".")[2]


class Watch:
    """Stands before AWS, notes what the mailer asks for, and kills it once: before or after its n-th request."""

    def __init__(self, account, position=None, when=None):
        self.asked = []
        self._function = account.functions[MAILER]
        self._role = account.roles[MAILER]
        self._at = (position, when)
        self._lock = threading.Lock()

    def __call__(self, role, request, answer):
        if role is not self._role:
            return answer()
        with self._lock:
            position = len(self.asked)
            self.asked.append(operation_of(request))
            if self._dies_at(position, "before"):
                return Response(status=500)  # to nobody
            answered = answer()
            self._dies_at(position, "after")
            return answered

    def _dies_at(self, position, when):
        if self._at != (position, when):
            return False
        self._at = None
        for process in self._function.process_ids():
            os.kill(process, signal.SIGKILL)
        return True


STEPS = (
    "GetItem",  # the mail
    "GetItem",  # whose address it is
    "GetItem",  # that user
    "GetItem",  # whether the address is suppressed
    "GetItem",  # what was sent to it
    "TransactWriteItems",  # what the link's token is, and that one more is sent
    SENDS,
    "UpdateItem",  # that it was sent
)
"""What the mailer asks AWS for to send one mail."""

WINDOW = [(6, "after"), (7, "before")]
"""SES has taken the mail, and nobody has noted it: the window that decision 51 names."""


def test_one_mail_takes_these_steps(confirmed):
    ask(confirmed)
    confirmed.aws.around = watch = Watch(confirmed)
    confirmed.mailbox.all()
    assert watch.asked == list(STEPS)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("position", each_third(range(len(STEPS))))
def test_a_mailer_that_dies_between_its_steps_sends_the_mail_once_or_in_one_window_twice(confirmed, position, when):
    ask(confirmed)
    confirmed.aws.around = watch = Watch(confirmed, position, when)
    mails = confirmed.mailbox.all(to=ADDRESS)
    # After the last step there is nothing left to do, but the batch comes again.
    assert watch.asked[: position + 1] == list(STEPS[: position + 1])
    assert watch.asked[position + 1 :], "nothing was done again"
    assert len(mails) == (2 if (position, when) in WINDOW else 1)
    assert len({mail["text"] for mail in mails}) == len(mails)
    assert "sent_at" in item(confirmed)
    assert confirmed.mailer.mapping.discarded == []
    # Whichever of them is read, its link works; it is used up together with the other.
    assert can_reset(confirmed, mails[-1])
    assert not any(can_reset(confirmed, mail) for mail in mails)


def test_a_mail_whose_answer_of_ses_is_lost_is_sent_a_second_time_and_both_links_work(confirmed):
    ask(confirmed)
    confirmed.mails.around = losing_answers(1)
    mails = confirmed.mailbox.all(to=ADDRESS)
    assert len(mails) == 2
    assert can_reset(confirmed, mails[-1])


def test_a_mail_that_is_passed_on_twice_is_sent_once(confirmed):
    events = []
    function = confirmed.functions[MAILER]
    confirmed.mailer.mapping._function = Recording(function, events)
    try:
        ask(confirmed)
        confirmed.mailbox.all()
    finally:
        confirmed.mailer.mapping._function = function
    (event,) = events
    assert function.invoke(event).answer == {"batchItemFailures": []}
    assert len(confirmed.mails.sent) == 1


class Recording:
    def __init__(self, function, events):
        self._function = function
        self._events = events

    def invoke(self, event):
        self._events.append(event)
        return self._function.invoke(event)


@pytest.mark.parametrize(
    "poison",
    [
        {"kind": {"S": "a kind of the future"}},
        {"kind": {"S": "reset"}, "at": {"S": "yesterday"}},
        {"kind": {"S": "reset"}},
    ],
    ids=["unknown kind", "broken attribute", "missing attributes"],
)
def test_a_poisoned_record_ends_among_the_dead_letters_and_blocks_nobody(confirmed, poison):
    ask(confirmed, "alice")
    confirmed.tables.client.put_item(TableName=MAIL_TABLE, Item={"mail_id": {"S": "poisoned"}, **poison})
    confirmed.clock.advance(61)
    confirmed.api.post("/auth/login/code", {"username": "alice"})
    assert len(confirmed.mailbox.all(to=ADDRESS)) == 2
    (message,) = confirmed.mailer.mapping.discarded
    assert message["requestContext"]["condition"] == "RetryAttemptsExhausted"
    # Those that came with it are done, though the message counts them: it names a range of the stream.
    assert "sent_at" in item(confirmed)
    assert "sent_at" in item(confirmed, "login_code")
    confirmed.clock.advance(61)
    ask(confirmed, "alice")
    assert len(confirmed.mailbox.all(to=ADDRESS)) == 3
    assert len(confirmed.mailer.mapping.discarded) == 1


def test_a_mailer_that_fails_at_one_record_as_a_whole_is_given_the_others_apart(confirmed):
    """Where the process ends at a record, nobody reports which it was: the batch is split until it is alone."""
    ask(confirmed, "alice")
    confirmed.clock.advance(61)
    broken = {"mail_id": {"S": "deadly"}, "kind": {"S": "reset"}, "deadly": {"BOOL": True}}
    confirmed.tables.client.put_item(TableName=MAIL_TABLE, Item=broken)
    confirmed.api.post("/auth/login/code", {"username": "alice"})
    confirmed.aws.around = Deadly(confirmed)
    # Each attempt takes a new process.
    with confirmed.mailer.mapping.retrying_at_most(1):
        assert len(confirmed.mailbox.all(to=ADDRESS)) == 2
    sizes = [message["DDBStreamBatchInfo"]["batchSize"] for message in confirmed.mailer.mapping.discarded]
    assert sizes == [1]


class Deadly:
    """Kills the mailer whenever it reads one of some mails."""

    def __init__(self, account):
        self._function = account.functions[MAILER]

    def __call__(self, role, request, answer):
        if b"deadly" in request.get_data():
            for process in self._function.process_ids():
                os.kill(process, signal.SIGKILL)
        return answer()


THROTTLED = [
    (429, "TooManyRequestsException"),
    (400, "LimitExceededException"),
    (503, "ServiceUnavailable"),
    (500, "InternalServiceError"),
]


@pytest.mark.parametrize(("status", "error"), THROTTLED)
def test_an_ses_that_throttles_or_fails_and_recovers_sends_the_mail_once(confirmed, status, error):
    ask(confirmed)
    confirmed.mails.around = failing(status, error, times=3)
    assert len(confirmed.mailbox.all(to=ADDRESS)) == 1
    assert confirmed.mailer.mapping.discarded == []
    assert can_reset(confirmed, confirmed.mailbox.newest(to=ADDRESS))


def test_an_ses_that_is_down_for_longer_than_the_retries_leaves_a_dead_letter_and_the_next_mail_goes_out(confirmed):
    ask(confirmed)
    confirmed.mails.around = failing(503, "ServiceUnavailable")
    assert confirmed.mailbox.all(to=ADDRESS) == []
    (message,) = confirmed.mailer.mapping.discarded
    assert message["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert message["DDBStreamBatchInfo"]["batchSize"] == 1
    assert "sent_at" not in item(confirmed)
    confirmed.mails.begin()
    confirmed.clock.advance(61)
    ask(confirmed)
    assert can_reset(confirmed, confirmed.mailbox.newest(to=ADDRESS))
    assert len(confirmed.mailer.mapping.discarded) == 1


def letter_of(discarded, clock):
    """What is in the queue, by the clock of the stage: the emulated stream goes by the real one."""
    at = datetime.fromtimestamp(clock.now, UTC).isoformat()
    times = {f"approximateArrivalOf{which}Record": at for which in ("First", "Last")}
    return json.dumps({**discarded, "DDBStreamBatchInfo": {**discarded["DDBStreamBatchInfo"], **times}})


def test_an_operator_has_sent_what_was_given_up_and_what_is_void_by_now_is_not(confirmed):
    confirmed.mails.around = failing(503, "ServiceUnavailable")
    ask(confirmed)
    session = confirmed.api.login().json
    members = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert confirmed.api.bearer("PUT", "/auth/password", session["access_token"], members).status == 200
    assert confirmed.mailbox.all(to=ADDRESS) == []
    letters = FakeQueue(*(letter_of(each, confirmed.clock) for each in confirmed.mailer.mapping.discarded))
    confirmed.mails.begin()
    confirmed.clock.advance(REPEATED_SECONDS + 120)
    undelivered = Undelivered(
        confirmed.tables.client,
        MAIL_TABLE,
        DeadLetters(letters, "letters"),
        lambda event: confirmed.functions[MAILER].invoke(event).answer,
    )
    reach = Reach(clock=confirmed.clock, undelivered=lambda _: undelivered)
    for mails in ({"reset": "late", "password_changed": "sent"}, {}):
        told = CliRunner().invoke(operator, ["mails", "redrive", "--stage", "prod", "--json"], obj=reach)
        assert told.exit_code == 0, told.output
        assert {each["kind"]: each["outcome"] for each in json.loads(told.stdout)["mails"]} == mails
        assert letters.messages == {}
        assert [mail.to for mail in confirmed.mails.sent] == [ADDRESS]


def test_requests_are_answered_while_ses_is_down(confirmed):
    confirmed.mails.around = failing(503, "ServiceUnavailable")
    ask(confirmed)
    confirmed.mailbox.all()
    assert confirmed.api.login().status == 200


def test_an_address_that_bounced_gets_no_more_mail_of_the_real_function(confirmed):
    assert confirmed.bounce(f"Alice <{ADDRESS.upper()}>").error is None
    ask(confirmed)
    assert confirmed.mailbox.all(to=ADDRESS) == []
    assert item(confirmed)["outcome"] == {"S": "suppressed"}


def test_a_mail_has_the_sender_and_the_configuration_set_of_the_stage(confirmed):
    ask(confirmed)
    confirmed.mailbox.all()
    (mail,) = confirmed.mails.sent
    assert places.SENDER in mail.sender
    assert mail.configuration_set == places.CONFIGURATION_SET
    assert mail.to == ADDRESS
    assert "https://site.example/account.html#reset=" in mail.text


def test_no_line_of_the_mailers_log_has_an_address_or_a_token(confirmed):
    ask(confirmed)
    mail = confirmed.mailbox.newest(to=ADDRESS)
    token = mail["text"].partition("#reset=")[2].split()[0]
    lines = list(confirmed.functions[MAILER].recent_log)
    assert any('"outcome": "sent"' in line for line in lines)
    assert not any(secret in line for line in lines for secret in (ADDRESS, token, '"alice"', '"Alice"'))
