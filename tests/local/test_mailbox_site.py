"""The mailbox over HTTP: what it shows, and to whom."""

import json
import re

import pytest

from infra.local.mailbox import KeptMail, Mailbox
from infra.local.mailbox_site import MailboxSite, is_poll, with_mailbox

HTML = '<!doctype html><html lang="en"><head><title>x</title></head><body><a href="http://x/">go</a></body></html>'
PAGES = ["/_mailbox", "/_mailbox/previews"]
DATA = [
    "/_mailbox.json",
    "/_mailbox/mails/one.html",
    "/_mailbox/previews.json",
    "/_mailbox/previews/de/reset.html",
    "/_mailbox/site",
]
FILES = ["/_mailbox/mailbox.css", "/_mailbox/mailbox.js", "/_mailbox/icon.svg"]
PREVIEW = {"id": "de/reset", "to": "reset", "language": "de", "subject": "Neu", "text": "neu", "html": "<p>neu"}


def mail(name, **others):
    members = {
        "at": 7,
        "sender": "me@x.example",
        "to": "whoever@reader.example",
        "subject": name,
        "text": "t",
        "html": HTML,
    }
    return KeptMail(id=name, **{**members, **others})


@pytest.fixture
def mailbox(tmp_path):
    mailbox = Mailbox(tmp_path / "mailbox")
    mailbox.put(mail("one"))
    return mailbox


@pytest.fixture
def served():
    return []


@pytest.fixture
def previews():
    return [PREVIEW]


@pytest.fixture
def port(mailbox, serve, served, previews):
    def other(_request):
        raise AssertionError("this is the mailbox's")

    site = MailboxSite(mailbox, lambda: previews, lambda: "http://127.0.0.1:9/")
    return serve(with_mailbox(site, other), log=served.append)


@pytest.fixture
def get(ask, port):
    return lambda path, **headers: ask(port, "GET", path, {name.replace("_", "-"): v for name, v in headers.items()})


def test_the_json_has_the_mails_with_the_newest_first(get, mailbox):
    mailbox.put(mail("zwei", subject="Grüße"))
    answer = get("/_mailbox.json")
    assert answer.headers["Content-Type"] == "application/json"
    listed = json.loads(answer.body)
    assert [each["subject"] for each in listed] == ["Grüße", "one"]
    assert {"to", "subject", "text", "html", "at"} <= listed[0].keys()
    assert (listed[1]["from"], listed[1]["to"]) == ("me@x.example", "whoever@reader.example")
    assert listed[1]["at"] == 7
    assert listed[1]["html"] == HTML


def test_who_has_the_list_already_is_told_so_and_that_is_not_logged(get, mailbox, served):
    first = get("/_mailbox.json")
    again = get("/_mailbox.json", If_None_Match=first.headers["ETag"])
    assert (again.status, again.body) == (304, b"")
    assert [is_poll(each) for each in served] == [False, True]
    mailbox.put(mail("two"))
    assert get("/_mailbox.json", If_None_Match=first.headers["ETag"]).status == 200


def test_who_has_the_previews_already_gets_those_that_somebody_has_edited(get, previews, served):
    first = get("/_mailbox/previews.json")
    again = get("/_mailbox/previews.json", If_None_Match=first.headers["ETag"])
    assert (again.status, [is_poll(each) for each in served]) == (304, [False, True])
    previews[0] = {**PREVIEW, "subject": "Anders"}
    edited = get("/_mailbox/previews.json", If_None_Match=first.headers["ETag"])
    assert [each["subject"] for each in json.loads(edited.body)] == ["Anders"]


def test_what_follows_a_question_mark_is_no_part_of_the_path(get):
    assert [get(f"{path}?again=1").status for path in PAGES + DATA[:2]] == [200] * 4


def test_the_page_says_whether_the_site_sends_mails(serve, ask, get, mailbox):
    assert b'data-mails="on"' in get("/_mailbox").body
    port = serve(MailboxSite(mailbox, list, lambda: "/", lambda: False))
    assert b'data-mails="off"' in ask(port, "GET", "/_mailbox").body


@pytest.mark.parametrize("path", PAGES + DATA + FILES)
def test_nothing_of_it_is_stored_or_shown_elsewhere(get, path):
    headers = get(path).headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "Access-Control-Allow-Origin" not in headers
    assert re.search(r"frame-ancestors '(none|self)'", headers["Content-Security-Policy"])
    assert "default-src 'none'" in headers["Content-Security-Policy"]


def test_the_pages_policy_allows_its_own_files_only(get):
    policy = get("/_mailbox").headers["Content-Security-Policy"]
    assert set(re.findall(r"'\w+'|https?:\S*|\*", policy)) == {"'none'", "'self'"}


def test_a_mails_html_is_in_a_sandbox_where_its_links_open_another_tab(get):
    answer = get("/_mailbox/mails/one.html")
    assert answer.status == 200
    assert b'<head><base target="_blank"><title>' in answer.body
    policy = answer.headers["Content-Security-Policy"]
    assert "sandbox allow-popups allow-popups-to-escape-sandbox" in policy
    assert "allow-scripts" not in policy
    # It has styles of its own, and loads nothing from anywhere.
    sources = dict(each.split(" ", 1) for each in policy.split("; ") if "-src " in each)
    assert sources == {"default-src": "'none'", "style-src": "'unsafe-inline'", "img-src": "data:"}
    assert "script-src" not in policy


def test_a_preview_is_shown_as_a_mail_is(get):
    answer = get("/_mailbox/previews/de/reset.html")
    assert answer.body == b'<base target="_blank"><p>neu'
    assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_it_leads_to_the_page(get):
    answer = get("/_mailbox/site")
    assert (answer.status, answer.headers["Location"]) == (302, "http://127.0.0.1:9/")


@pytest.mark.parametrize(
    "path",
    [
        "/_mailbox/",
        "/_mailbox/mails/two.html",
        "/_mailbox/mails/../../../etc/passwd",
        "/_mailbox/mailbox.html",
        "/_mailbox/mails/",
        "/_mailbox/%2e%2e/index.html",
        "/_mailbox/previews/",
    ],
)
def test_what_is_not_there_is_not_found(get, path):
    assert get(path).status == 404


FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "http://localhost"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"},
    {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    {"Sec-Fetch-Site": "anything new"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=json.dumps)
@pytest.mark.parametrize("path", PAGES + DATA + FILES)
def test_a_page_of_another_origin_gets_nothing(ask, port, path, headers):
    answer = ask(port, "GET", path, headers)
    assert answer.status == 403
    assert b"whoever@reader.example" not in answer.body
    assert "Access-Control-Allow-Origin" not in answer.headers


NAVIGATION = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


@pytest.mark.parametrize("path", PAGES)
def test_a_link_elsewhere_may_open_a_page_in_which_there_is_no_mail(ask, port, path):
    answer = ask(port, "GET", path, NAVIGATION)
    assert answer.status == 200
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert b"whoever@reader.example" not in answer.body


@pytest.mark.parametrize("path", DATA)
def test_a_link_elsewhere_opens_no_mail(ask, port, path):
    assert ask(port, "GET", path, NAVIGATION).status == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("path", [PAGES[0], *DATA])
def test_it_can_only_be_read(ask, port, mailbox, method, path):
    answer = ask(port, method, path)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert "Access-Control-Allow-Methods" not in answer.headers
    assert len(mailbox.mails()) == 1


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8000", ""])
@pytest.mark.parametrize("path", [PAGES[0], *DATA])
def test_a_name_that_was_made_to_lead_here_gets_nothing(get, path, host):
    answer = get(path, Host=host)
    assert answer.status == 421
    assert b"whoever@reader.example" not in answer.body


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_the_page_itself_may_read_under_either_name_of_this_machine(get, port, name):
    own = {"Host": f"{name}:{port}", "Origin": f"http://{name}:{port}", "Sec_Fetch_Site": "same-origin"}
    assert get("/_mailbox.json", **own).status == 200
    assert get("/_mailbox.json", **{**own, "Host": f"127.0.0.1:{port}", "Origin": "http://localhost:1"}).status == 403


def test_other_paths_are_not_the_mailboxs(serve, ask, mailbox):
    from infra.local.http_server import Response

    site = MailboxSite(mailbox, list, lambda: "/")
    port = serve(with_mailbox(site, lambda _request: Response("other")))
    for path in ("/", "/_mailboxes", "/_mailbox.jsonl", "/x/_mailbox", "/%5Fmailbox"):
        assert ask(port, "GET", path).body == b"other"
