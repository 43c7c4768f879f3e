"""What the mailbox keeps, and SES on a laptop, which puts it there."""

import json
import stat
import time
from dataclasses import asdict

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from werkzeug.test import EnvironBuilder

from infra.local.email_service import PATH, EmailService
from infra.local.embedded_aws import EmbeddedAws
from infra.local.mailbox import KeptMail, Mailbox
from tests.local.conftest import SECRET_KEY

SENDER = "no-reply@lychgate.example"


def mail(name, **others):
    members = {"at": 1, "sender": SENDER, "to": "kim@example.org", "subject": name, "text": "text", "html": "<p>html"}
    return KeptMail(id=name, **{**members, **others})


def message(to=("kim@example.org",), subject="Grüße 🔑", sender=SENDER, **body):
    parts = {"Text": {"Data": "a text"}, "Html": {"Data": "<p>a text"}, **body}
    return {
        "FromEmailAddress": sender,
        "Destination": {"ToAddresses": list(to)},
        "Content": {"Simple": {"Subject": {"Data": subject}, "Body": parts}},
    }


@pytest.fixture
def mailbox(tmp_path):
    return Mailbox(tmp_path / "mailbox", limit=3)


@pytest.fixture
def ses(serve, connect, mailbox):
    """A client of SES on a laptop, whichever its secret key and its region."""
    port = serve(EmbeddedAws({}, SECRET_KEY, EmailService(mailbox)))
    return lambda **how: connect("sesv2", port, config=Config(retries={"total_max_attempts": 1}), **how)


def subjects(mailbox):
    return [mail.subject for mail in mailbox.mails()]


def test_mails_are_listed_with_the_newest_first_and_there_after_a_restart(tmp_path, mailbox):
    first, second = mail("first", html="<p>ü"), mail("second")
    mailbox.put(first)
    mailbox.put(second)
    assert mailbox.mails() == [second, first]
    assert Mailbox(tmp_path / "mailbox").mails() == [second, first]


def test_of_too_many_mails_the_newest_are_kept(mailbox, tmp_path):
    for number in range(5):
        mailbox.put(mail(str(number)))
    assert subjects(mailbox) == ["4", "3", "2"]
    assert len(list((tmp_path / "mailbox").iterdir())) == 3


def test_a_new_mail_goes_on_top_after_a_restart(tmp_path):
    for number in range(12):
        Mailbox(tmp_path / "mailbox").put(mail(str(number)))
    assert subjects(Mailbox(tmp_path / "mailbox")) == [str(number) for number in reversed(range(12))]


def test_its_version_changes_with_each_mail_and_with_nothing_else(mailbox):
    versions = [mailbox.version()]
    for number in range(5):
        mailbox.put(mail(str(number)))
        versions.append(mailbox.version())
        assert mailbox.version() == versions[-1]
    assert len(set(versions)) == 6


def test_another_process_sees_what_is_put_here(tmp_path, mailbox):
    other = Mailbox(tmp_path / "mailbox")
    assert other.mails() == []
    mailbox.put(mail("one"))
    assert subjects(other) == ["one"]
    assert other.version() == mailbox.version()


def test_an_emptied_folder_is_an_empty_mailbox_that_goes_on(tmp_path, mailbox):
    mailbox.put(mail("before"))
    assert subjects(mailbox) == ["before"]
    for file in (tmp_path / "mailbox").iterdir():
        file.unlink()
    assert mailbox.mails() == []
    mailbox.put(mail("after"))
    assert subjects(mailbox) == ["after"]


def test_what_was_read_before_somebody_emptied_the_folder_takes_no_place_of_what_comes_after(tmp_path, mailbox):
    mailbox.put(mail("before"))
    assert subjects(mailbox) == ["before"]
    for file in (tmp_path / "mailbox").iterdir():
        file.unlink()
    mailbox.put(mail("after"))
    assert subjects(mailbox) == ["after"]


def test_its_version_changes_with_a_mail_that_somebody_removes(tmp_path, mailbox):
    for name in ("one", "two"):
        mailbox.put(mail(name))
    before = mailbox.version()
    min((tmp_path / "mailbox").iterdir()).unlink()
    assert mailbox.version() != before


OF_ANOTHER_TYPE = asdict(mail("damaged", at="1"))


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b"\xff", *(json.dumps(each).encode() for each in ({"id": 1}, OF_ANOTHER_TYPE))]
)
def test_a_damaged_file_costs_one_mail_only(tmp_path, mailbox, content):
    mailbox.put(mail("damaged"))
    (damaged,) = (tmp_path / "mailbox").iterdir()
    damaged.write_bytes(content)
    mailbox.put(mail("good"))
    assert subjects(mailbox) == ["good"]


def test_files_that_are_no_mails_are_left_alone(tmp_path, mailbox):
    mailbox.put(mail("one"))
    (tmp_path / "mailbox" / "notes.json").write_text("{}")
    assert subjects(mailbox) == ["one"]
    mailbox.tidy()
    assert (tmp_path / "mailbox" / "notes.json").exists()


def test_what_a_killed_process_left_half_written_goes_away(tmp_path, mailbox):
    mailbox.put(mail("one"))
    (tmp_path / "mailbox" / ".000000002.json.new-abc").write_text("half")
    mailbox.tidy()
    assert [file.name for file in (tmp_path / "mailbox").iterdir()] == ["000000001.json"]


def test_only_its_owner_reads_it(tmp_path, mailbox):
    mailbox.put(mail("one"))
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "mailbox", *(tmp_path / "mailbox").iterdir())]
    assert modes == [0o700, 0o600]


def test_what_is_sent_to_anybody_is_in_the_mailbox_under_the_id_that_ses_gave_it(ses, mailbox):
    answer = ses().send_email(**message())
    (kept,) = mailbox.mails()
    assert kept.id == answer["MessageId"]
    assert (kept.sender, kept.to, kept.subject) == (SENDER, "kim@example.org", "Grüße 🔑")
    assert (kept.text, kept.html) == ("a text", "<p>a text")


def test_a_mail_to_several_is_kept_once_with_all_of_them_and_when_it_was_sent(ses, mailbox):
    before = int(time.time())
    ses().send_email(**message(to=["kim@example.org", "lee@example.org"]))
    (kept,) = mailbox.mails()
    assert kept.to == "kim@example.org, lee@example.org"
    assert before <= kept.at <= time.time()


@pytest.mark.parametrize(("method", "body", "status"), [("POST", b"[" * 100_000, 400), ("PUT", b"{}", 404)])
def test_what_is_no_request_of_ses_is_refused(mailbox, method, body, status):
    request = EnvironBuilder(PATH, method=method, data=body).get_request()
    assert EmailService(mailbox)(request).status_code == status
    assert mailbox.mails() == []


def test_ses_is_there_in_whichever_region(ses, mailbox):
    ses(region="eu-central-1").send_email(**message())
    assert len(mailbox.mails()) == 1


def test_whoever_has_not_the_key_of_this_run_sends_nothing(ses, mailbox):
    with pytest.raises(ClientError) as refused:
        ses(secret_key="another").send_email(**message())
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert mailbox.mails() == []


@pytest.mark.parametrize(
    "bad",
    [
        message(to=[]),
        message(to=["kim@example.org\r\nBcc: everybody@example.org"]),
        message(subject="Hello\nX-Other: yes"),
        message(sender="me@example.org\n"),
        {"FromEmailAddress": SENDER, "Content": {"Raw": {"Data": b"Subject: x"}}},
        {"FromEmailAddress": SENDER, "Content": {"Template": {"TemplateName": "x"}}},
    ],
    ids=["nobody", "recipient", "subject", "sender", "raw", "template"],
)
def test_what_ses_would_not_take_is_refused(ses, mailbox, bad):
    with pytest.raises(ClientError) as refused:
        ses().send_email(**bad)
    assert refused.value.response["Error"]["Code"] == "BadRequestException"
    assert mailbox.mails() == []


def test_other_operations_of_ses_are_refused(ses):
    with pytest.raises(ClientError) as refused:
        ses().list_email_identities()
    assert refused.value.response["Error"]["Code"] == "NotFoundException"


def test_a_mail_that_cannot_be_kept_was_not_sent(ses, tmp_path):
    (tmp_path / "mailbox").write_text("a file where the folder should be")
    with pytest.raises(ClientError) as refused:
        ses().send_email(**message())
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("=?utf-8?b?TcO8aGxlICYgVG9y?= <no-reply@lychgate.example>", "Mühle & Tor <no-reply@lychgate.example>"),
        ("Oak & Latch <no-reply@lychgate.example>", "Oak & Latch <no-reply@lychgate.example>"),
        (SENDER, SENDER),
        ("=?utf-8?b?x?= <no-reply@lychgate.example>", "=?utf-8?b?x?= <no-reply@lychgate.example>"),
        ("=?no-such?q?x?= <no-reply@lychgate.example>", "=?no-such?q?x?= <no-reply@lychgate.example>"),
    ],
)
def test_the_sender_is_kept_as_people_read_it(ses, mailbox, sent, shown):
    ses().send_email(**message(sender=sent))
    assert [kept.sender for kept in mailbox.mails()] == [shown]
