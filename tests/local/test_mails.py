"""Mails on a laptop, from the outbox to the mailbox: `make dev`, and `make dynamodb` for other servers."""

import http.client
import json
import re
import signal
import threading
import time

import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.accounts.mail import Mail, MailKind
from chalicelib.adapters.dynamodb.mails import mail_to_item
from chalicelib.credentials.mailed import new_mail_id

MAIL = "lychgate-dev-mail"
ONE_ATTEMPT = Config(retries={"total_max_attempts": 1})


def registration(to):
    """A mail to somebody who has no account yet, as the API puts it into the outbox."""
    now = int(time.time())
    return mail_to_item(Mail(new_mail_id(), MailKind.REGISTER, now, "en", asked=to, to=to))


@pytest.fixture
def outbox(connect):
    """Put a mail into the outbox of a database that runs."""

    clients = {}

    def outbox(running, to):
        if running not in clients:
            port = running.port_of("Database")
            clients[running] = connect("dynamodb", port, running.secret_key, config=ONE_ATTEMPT)
        clients[running].put_item(TableName=MAIL, Item=registration(to))

    return outbox


@pytest.fixture
def mails(ask):
    def mails(running, what="Mailbox"):
        answer = ask(running.port_of(what), "GET", "/_mailbox.json")
        assert answer.status == 200
        return json.loads(answer.body)

    return mails


def recipients(mails):
    return [mail["to"] for mail in mails]


@pytest.mark.parametrize("server", ["development_server", "database"])
def test_a_mail_is_in_the_mailbox_that_the_start_names(request, outbox, mails, eventually, server):
    running = request.getfixturevalue(server)
    assert mails(running) == []
    outbox(running, "kim@example.org")
    eventually(lambda: mails(running))
    (mail,) = mails(running)
    assert mail["to"] == "kim@example.org"
    assert re.search(r"/account\.html#register=[\w-]{65}\b", mail["text"])
    assert "/account.html#register=" in mail["html"]
    # The database's own address has the same.
    assert mails(running, "Database") == [mail]


def test_links_lead_to_the_page_of_make_dev(development_server, outbox, mails, eventually):
    outbox(development_server, "kim@example.org")
    eventually(lambda: mails(development_server))
    page = f"http://127.0.0.1:{development_server.port_of('Page')}"
    assert f"{page}/account.html#register=" in mails(development_server)[0]["text"]


def test_settings_of_the_environment_are_the_mailers_and_the_previews_too(
    run_until_ready, tmp_path, outbox, mails, eventually, ask
):
    settings = {
        "LYCHGATE_SITE_URL": "http://localhost:5173",
        "LYCHGATE_SITE_NAME": "Oak & Latch",
        "LYCHGATE_MAIL_FROM": "Latch <latch@oak.example>",
        "LYCHGATE_MAIL_COLOUR": "#7a0019",
    }
    running = run_until_ready("dynamodb", "--data-dir", tmp_path, **settings)
    assert re.search(r"^Mailbox .*/_mailbox, whose links lead to http://localhost:5173/$", running.output, re.MULTILINE)
    outbox(running, "kim@example.org")
    eventually(lambda: mails(running))
    (mail,) = mails(running)
    assert "http://localhost:5173/account.html#register=" in mail["text"]
    assert "Oak & Latch" in mail["subject"]
    assert mail["from"] == "Latch <latch@oak.example>"
    assert "#7a0019" in mail["html"]

    previews = json.loads(ask(running.port_of("Mailbox"), "GET", "/_mailbox/previews.json").body)
    assert all("Oak & Latch" in preview["subject"] for preview in previews)


def test_the_previews_are_there(development_server, ask):
    previews = json.loads(ask(development_server.port_of("Page"), "GET", "/_mailbox/previews.json").body)
    assert {"en/reset", "de/reset", "en/register_known", "de/login_code"} <= {preview["id"] for preview in previews}
    assert not any(preview.get("broken") for preview in previews)


def test_a_setting_that_no_mail_can_be_made_with_is_said_at_the_start(run, tmp_path):
    running = run("--data-dir", tmp_path, LYCHGATE_MAIL_COLOUR="green")
    assert running.ended() == 1
    assert "LYCHGATE_MAIL_COLOUR must be a colour" in running.output
    assert "Traceback" not in running.output


def test_make_dev_shows_the_mailbox_of_a_database_that_runs_already(
    run_until_ready, database, outbox, mails, eventually
):
    page = run_until_ready("--data-dir", database.data_directory, DYNAMODB_PORT=str(database.port_of("Database")))
    outbox(database, "kim@example.org")
    eventually(lambda: mails(page))
    assert mails(page) == mails(database)
    assert recipients(mails(page)) == ["kim@example.org"]


def test_mails_are_kept_and_not_sent_again_when_the_server_starts_again(
    run_until_ready, tmp_path, outbox, mails, eventually, connect
):
    running = run_until_ready("--data-dir", tmp_path)
    outbox(running, "kim@example.org")
    client = connect("dynamodb", running.port_of("Database"), running.secret_key)
    eventually(lambda: all("sent_at" in item for item in client.scan(TableName=MAIL)["Items"]))
    before = mails(running)
    assert running.send(signal.SIGINT) == 0
    again = run_until_ready("--data-dir", tmp_path)
    outbox(again, "lee@example.org")
    eventually(lambda: "lee@example.org" in recipients(mails(again)))
    assert recipients(mails(again)) == ["lee@example.org", "kim@example.org"]
    assert mails(again)[1:] == before


def test_a_mail_that_could_not_be_kept_is_sent_at_the_next_start_at_the_latest(
    run_until_ready, tmp_path, outbox, mails, eventually
):
    (tmp_path / "mailbox").write_text("a file where the folder should be")
    running = run_until_ready("--data-dir", tmp_path)
    outbox(running, "kim@example.org")
    eventually(lambda: "A mail could not be sent" in running.output)
    assert running.send(signal.SIGINT) == 0
    (tmp_path / "mailbox").unlink()
    again = run_until_ready("--data-dir", tmp_path)
    eventually(lambda: mails(again))
    assert recipients(mails(again)) == ["kim@example.org"]


@pytest.mark.parametrize("kills", [2, pytest.param(6, marks=pytest.mark.exhaustive)])
def test_no_mail_in_the_outbox_is_lost_by_a_kill(run_until_ready, tmp_path, outbox, mails, eventually, kills):
    acknowledged = []

    def write(running, number):
        to = f"user-{number}@example.org"
        try:
            outbox(running, to)
        except (BotoCoreError, ClientError, OSError):
            return False
        acknowledged.append(to)
        return True

    for start in range(kills):
        running = run_until_ready("dynamodb", "--data-dir", tmp_path)

        def go_on(running=running, start=start):
            for number in range(start * 50, start * 50 + 50):
                if not write(running, number):
                    return

        enough = len(acknowledged) + 5
        writer = threading.Thread(target=go_on)
        writer.start()
        eventually(lambda enough=enough: len(acknowledged) >= enough)
        running.send(signal.SIGKILL)
        writer.join()
    last = run_until_ready("dynamodb", "--data-dir", tmp_path)
    eventually(lambda: set(acknowledged) <= set(recipients(mails(last))))
    # Only the one that was being sent when its server was killed can have been sent twice.
    assert len(mails(last)) <= len(set(recipients(mails(last)))) + kills


def test_a_server_that_ends_while_mails_wait_ends_in_order(run_until_ready, tmp_path, outbox):
    running = run_until_ready("--data-dir", tmp_path)
    for number in range(20):
        outbox(running, f"user-{number}@example.org")
    assert running.send(signal.SIGINT) == 0
    assert "Traceback" not in running.output


def test_asking_for_news_leaves_no_line_in_the_terminal(development_server, ask, eventually):
    port = development_server.port_of("Page")
    version = ask(port, "GET", "/_mailbox.json").headers["ETag"]
    assert ask(port, "GET", "/_mailbox.json", {"If-None-Match": version}).status == 304
    ask(port, "GET", "/_mailbox")
    eventually(lambda: re.search(r"GET +/_mailbox 200", development_server.said))
    assert len(re.findall(r"/_mailbox\.json", development_server.said)) == 1


def test_the_database_still_refuses_pages_beside_its_mailbox(database, ask):
    port = database.port_of("Database")
    own = {"Origin": f"http://127.0.0.1:{port}", "Sec-Fetch-Site": "same-origin"}
    assert ask(port, "GET", "/_mailbox.json", own).status == 200
    for path in ("/", "/lychgate", "/v2/email/outbound-emails"):
        assert ask(port, "POST", path, own, b"{}").status == 403
        assert ask(port, "GET", path).status == 403


def test_it_does_not_answer_on_other_addresses_of_this_machine(development_server):
    port = development_server.port_of("Page")
    with pytest.raises(OSError):
        http.client.HTTPConnection("127.0.0.2", port, timeout=5).request("GET", "/_mailbox.json")
