"""Words and a language of a site's own, as docs/mails.md has one write them, wherever mails are made of them."""

import json
import shutil
import subprocess
import sys
import urllib.request

import pytest

from tests.browser.development_server import DevelopmentServer, eventually
from tests.guides.markdown import Page
from tests.guides.newcomer import types
from tests.support.site_of_ones_own import copy_with

GUIDE = Page("docs/mails.md")
MAILS = "chalicelib/site/mails"


@pytest.fixture
def site(tmp_path):
    """A clone with the words of the guide, and a language that is French in one line."""
    site = copy_with(tmp_path / "site", {})
    for block in GUIDE.blocks:
        if block.language == "sh" and "\ncp " in block.text:
            types(block.text, site)
    (site / MAILS / "fr" / "footer.txt").write_text("De la part de $sender.\n", "utf-8")
    return site


@pytest.fixture
def start(site, tmp_path):
    servers = []

    def start(**settings):
        servers.append(DevelopmentServer(tmp_path / "accounts", checkout=site, **settings))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def asked(url, members=None, **headers):
    data = None if members is None else json.dumps(members).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **headers})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def newest_mail(server, to):
    return next((mail for mail in asked(f"{server.url}/_mailbox.json") if mail["to"] == to), None)


def look(site):
    return subprocess.run(
        [sys.executable, "-m", "infra.local", "mails"], cwd=site, capture_output=True, text=True, check=False
    )


def test_a_folder_is_a_language_for_readers_and_for_the_setting(start, site):
    assert look(site).stdout == "Every mail can be sent in each language: en, de, fr.\n"
    server = start(LYCHGATE_LANGUAGE="fr")
    assert "\nMails " not in server.output
    for name, accepted, ends in (
        ("kim", "fr-CA, en;q=0.5", "De la part de"),
        ("kit", "de", "Gesendet von"),
        ("lou", "it", "De la part de"),
    ):
        address = f"{name}@example.org"
        members = {"username": name, "password": "correct horse battery staple", "email": address}
        asked(f"{server.url}/api/auth/register", members, **{"Accept-Language": accepted})
        mail = eventually(lambda address=address: newest_mail(server, address))
        assert ends in mail["text"]
        assert f'lang="{"de" if accepted == "de" else "fr"}"' in mail["html"]
    previews = asked(f"{server.url}/_mailbox/previews.json")
    assert {"en/reset", "de/reset", "fr/reset"} <= {preview["id"] for preview in previews}


def test_what_is_missing_misspelt_or_mistaken_is_told_at_the_start_in_the_previews_and_by_the_command(start, site):
    (site / MAILS / "fr" / "reset.html").unlink()
    (site / MAILS / "en" / "reset.txt").rename(site / MAILS / "en" / "resett.txt")
    shutil.copytree(site / "chalicelib" / "mails" / "en", site / MAILS / "pt_BR")
    (site / MAILS / "styles.css").write_text("buttn { color: red }\nbutton { padding: 99px; color: red", "utf-8")

    server = start()

    styles = f"{site / MAILS / 'styles.css'}, line"
    said = [
        f"{site / MAILS / 'en' / 'resett.txt'} is used by no mail. Did you mean en/reset.txt?",
        f"{site / MAILS / 'pt_BR'} is used by no mail: pt_BR is no language tag (BCP 47), pt-BR is.",
        f"{styles} 1: no template uses buttn. Did you mean button? Styles: button, closing, code_box, heading,"
        " link_text, mail, page, paragraph, small.",
        f"{styles} 2: the rule button has no }}.",
        f"{site / MAILS / 'fr'} lacks reset.html: a language of the site's own needs each.",
    ]
    assert [line for line in server.output.splitlines() if line.startswith("Mails ")] == [
        f"Mails     {each}" for each in said
    ]
    broken = {each["id"]: each for each in asked(f"{server.url}/_mailbox/previews.json") if each.get("broken")}
    assert broken.keys() == {"en/resett.txt", "pt_BR/", "styles.css", "fr/reset"}
    assert (broken["en/resett.txt"]["subject"], broken["en/resett.txt"]["text"]) == (
        "This file is used by no mail",
        said[0],
    )
    assert (broken["pt_BR/"]["subject"], broken["pt_BR/"]["text"]) == ("This folder is no language", said[1])
    assert (broken["styles.css"]["subject"], broken["styles.css"]["text"]) == (
        "This file has mistakes",
        f"{said[2]}\n\n{said[3]}",
    )
    assert broken["fr/reset"]["text"].startswith(f"{site / MAILS / 'fr' / 'reset.html'} is missing.")
    looked = look(site)
    assert (looked.returncode, looked.stdout.splitlines()) == (1, said)
