"""What is passed to the mailer, and what becomes of what it could not do."""

import json
import logging
import threading
import time

import pytest

from chalicelib.telemetry.mails import log_mail
from infra.local.mail_delivery import delivering
from infra.local.new_items import NewItems

FAR_FUTURE = str(int(time.time()) + 86_400)


def mail(name, **others):
    members = {"mail_id": {"S": name}, "kind": {"S": "reset"}, "ttl": {"N": FAR_FUTURE}}
    return {key: value for key, value in {**members, **others}.items() if value is not None}


class Mailer:
    """Notes what it is passed, and fails as often as it is told to for a mail."""

    def __init__(self, failures=None, report=False):
        self.attempts = []
        self._failures = dict(failures or {})
        self._report = report

    def __call__(self, event):
        (record,) = event["Records"]
        name = record["dynamodb"]["NewImage"]["mail_id"]["S"]
        self.attempts.append(name)
        if self._failures.get(name, 0) > 0:
            self._failures[name] -= 1
            if self._report:
                return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]}
            raise RuntimeError("the mailer has failed")
        return {"batchItemFailures": []}


@pytest.fixture
def new_mails():
    return NewItems("lychgate-dev-mail", "mail_id")


def test_mails_are_passed_on_one_by_one_in_their_order(new_mails, eventually):
    mailer = Mailer()
    new_mails.add(mail("before"))
    with delivering(new_mails, mailer):
        for name in "abc":
            new_mails.add(mail(name))
        eventually(lambda: len(mailer.attempts) == 4)
    assert mailer.attempts == ["before", "a", "b", "c"]


@pytest.mark.parametrize(
    "others",
    [
        {"kind": None},
        {"sent_at": {"N": "1"}},
        {"outcome": {"S": "nobody"}},
        {"used_at": {"N": "1"}},
        {"ttl": {"N": "1"}},
    ],
    ids=json.dumps,
)
def test_what_is_no_mail_or_was_sent_or_is_too_old_is_not_passed_on(new_mails, eventually, others):
    mailer = Mailer()
    with delivering(new_mails, mailer):
        new_mails.add(mail("over", **others))
        new_mails.add(mail("waiting"))
        eventually(lambda: mailer.attempts)
    assert mailer.attempts == ["waiting"]


@pytest.mark.parametrize("report", [False, True], ids=["raises", "reports"])
def test_what_fails_is_tried_again_and_holds_up_no_other(new_mails, eventually, capfd, report):
    mailer = Mailer({"poisoned": 2}, report=report)
    with delivering(new_mails, mailer, pauses=(0.01, 0.01, 0.01)):
        new_mails.add(mail("poisoned"))
        new_mails.add(mail("good"))
        eventually(lambda: mailer.attempts.count("poisoned") == 3 and "good" in mailer.attempts)
    assert mailer.attempts.count("poisoned") == 3
    assert mailer.attempts.count("good") == 1
    said = capfd.readouterr()
    assert said.out.count("A mail could not be sent. It is tried again in 0.01 s.") == 2
    assert ("the mailer has failed" in said.err) is not report


def test_what_fails_waits_for_its_pause_and_others_do_not(new_mails, eventually, capfd):
    mailer = Mailer({"poisoned": 99})
    said = []
    with delivering(new_mails, mailer, pauses=(3600.0,)):
        new_mails.add(mail("poisoned"))
        eventually(lambda: said.append(capfd.readouterr().out) or "It is tried again in 3600 s." in "".join(said))
        for name in "ab":
            new_mails.add(mail(name))
        eventually(lambda: "b" in mailer.attempts or len(mailer.attempts) > 3)
    assert mailer.attempts == ["poisoned", "a", "b"]


def test_a_mail_is_done_that_never_ends_and_of_which_the_mailer_says_nothing(new_mails, eventually, capfd):
    attempts = []
    with delivering(new_mails, attempts.append):
        new_mails.add(mail("without an end", ttl=None))
        eventually(lambda: attempts)
    assert len(attempts) == 1
    assert "could not be sent" not in capfd.readouterr().out


def test_what_goes_on_failing_is_given_up_and_said_to_stay_in_the_outbox(new_mails, eventually, capfd):
    mailer = Mailer({"poisoned": 99})
    said = []
    with delivering(new_mails, mailer, pauses=(0.01,)):
        new_mails.add(mail("poisoned"))

        def is_given_up():
            said.append(capfd.readouterr().out)
            return "It stays in the outbox, and is tried again at the next start." in "".join(said)

        eventually(is_given_up)
        new_mails.add(mail("good"))
        eventually(lambda: "good" in mailer.attempts)
    assert mailer.attempts == ["poisoned", "poisoned", "good"]


def test_a_mail_that_is_being_sent_is_waited_for_at_the_end_and_no_other_is_begun(new_mails):
    begun, may_end, done = threading.Event(), threading.Event(), []

    def mailer(event):
        begun.set()
        may_end.wait()
        done.append(event)

    with delivering(new_mails, mailer):
        new_mails.add(mail("a"))
        begun.wait()
        # The end is asked for while the first one is being sent.
        threading.Timer(0.05, may_end.set).start()
    assert len(done) == 1
    new_mails.add(mail("b"))
    assert len(new_mails.take()) == 1


def test_its_thread_ends_with_it(new_mails):
    with delivering(new_mails, Mailer()):
        (thread,) = [thread for thread in threading.enumerate() if thread.name == "mail-delivery"]
    assert not thread.is_alive()


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ("sent", "MAIL    reset sent"),
        ("nobody", "MAIL    reset was not sent: nobody who gets mail has this name or address"),
        ("budget", "MAIL    reset was not sent: its address has had one of this kind in the last minute"),
        ("suppressed", "MAIL    reset was not sent: its address takes no mail"),
        ("late", "MAIL    reset was not sent: what it carries is no longer good"),
        ("refused", "MAIL    reset was not sent: its address was refused"),
    ],
)
def test_a_developer_is_told_what_became_of_each_mail(new_mails, eventually, capsys, outcome, said):
    with delivering(new_mails, lambda _: log_mail(outcome=outcome, kind="reset", user_id="u1")):
        new_mails.add(mail("a"))
        lines = []
        eventually(lambda: lines.append(capsys.readouterr().out) or said in "".join(lines))
    log_mail(outcome=outcome, kind="reset")
    assert capsys.readouterr().out == ""


def test_of_what_is_logged_a_developer_is_told_the_mailers_own_however_quiet_the_log_is(
    new_mails, eventually, capsys, caplog
):
    caplog.set_level(logging.WARNING, "lychgate")
    said = []
    with delivering(new_mails, lambda _: log_mail(outcome="sent", kind="reset")):
        log_mail(outcome="sent", kind="email")
        new_mails.add(mail("a"))
        eventually(lambda: said.append(capsys.readouterr().out) or "MAIL    reset sent" in "".join(said))
    assert "MAIL    email" not in "".join(said)
    assert logging.getLogger("lychgate").level == logging.WARNING
