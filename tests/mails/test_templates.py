"""Every mail in every language: what it says, what it leads to, how it looks."""

import re
from string import Template

import pytest

from chalicelib.accounts.languages import OURS as LANGUAGES
from chalicelib.accounts.mail import ASKED_FOR, REGISTER_KNOWN, REGISTER_UNCONFIRMED, MailKind
from chalicelib.credentials.mailed import CODE_DIGITS, LIFETIMES, read_token
from chalicelib.mails.colours import DARK, LIGHT, contrast
from chalicelib.mails.previews import sample_values
from chalicelib.mails.rendering import MAX_NAME, TEMPLATES, Files, Look, render
from tests.mails.reading import MailReader, previews

OURS = Files().ours
# Ours alone, whatever the site has.
FILES = Files(sites=OURS / "none")
LOOK = Look("Sea & Sky", "https://log.example.com", "#1f5fa8")
HOSTILE_COLOURS = ["#ffffff", "#000000", "#ffff00", "#00ffff", "#0000ff", "#ff0000", "#777777", "#1d2127", "#f3f4f6"]
# Gmail shows no more of a mail. Ours are a tenth of it.
CLIPPED_AT = 102 * 1024
# RFC 5322 section 2.1.1, without the line's end.
LONGEST_LINE, RECOMMENDED_LINE = 998, 78
# What a phone shows of a mail while it is locked: the subject and some lines, of which four are about 160 characters.
SHOWN_ON_A_LOCKED_SCREEN = 160

NOTICES = [template for template in TEMPLATES if not TEMPLATES[template]]
WITH_LINKS = [template for template in TEMPLATES if "link" in TEMPLATES[template]]
# In one of the languages only.
ENGLISH = (
    "a about account again and and any are asked been by choose confirm do does for from get good has have here if"
    " into is it just known minutes must no nobody nothing of on only open or password press project sent"
    " session sessions somebody something that the their them then there this time to use used we what when who whoever"
    " with yes you your yours"
)
GERMAN = (
    "aber alle auf aus bei bekommen das dass dem den denen der des die diese dieser dort ein eine einen es für haben"
    " hat ihr ihre ihren im ist jemand kein keine mit nicht nichts niemand nur oder sich sie und von wenn wer wird"
    " wurde zu zum zur"
)

every_mail = pytest.mark.parametrize(
    ("template", "language"), [(template, language) for template in TEMPLATES for language in LANGUAGES]
)


def sample(template, language, look=LOOK):
    return render(template, language, sample_values(template, look), look, FILES)


def words(text):
    return set(re.findall(r"[^\W\d_]+", text.casefold()))


def own_words(text):
    """The words of a text, without links and what the site is called."""
    return words(re.sub(r"https?://\S+|log\.example\.com|Sea & Sky", "", text))


def sentences(text):
    paragraphs = re.split(r"\n\s*\n", re.sub(r"https?://\S+", "", text))
    return [part for paragraph in paragraphs for part in re.split(r"(?<=[.:?!])\s", " ".join(paragraph.split()))]


def placeholders(file):
    return set(Template(file.read_text("utf-8")).get_identifiers())


def test_there_is_a_template_for_each_kind_of_mail_and_two_for_who_has_an_account():
    assert set(TEMPLATES) == {*MailKind, REGISTER_KNOWN, REGISTER_UNCONFIRMED}
    assert {template for template in TEMPLATES if TEMPLATES[template]} == {*ASKED_FOR, MailKind.INVITATION}


def test_there_are_files_for_each_template_and_language_and_no_others():
    files = {path.relative_to(OURS).as_posix() for path in OURS.rglob("*") if path.suffix in {".txt", ".html", ".css"}}
    each = {f"{language}/{name}.{part}" for language in LANGUAGES for name in TEMPLATES for part in ("txt", "html")}
    assert files == each | {f"{language}/footer.txt" for language in LANGUAGES} | {"frame.html", "styles.css"}


def test_the_previews_are_a_sample_of_each():
    shown = previews(LOOK, FILES)
    assert [(one.template, one.language) for one in shown] == [(name, tag) for name in TEMPLATES for tag in LANGUAGES]
    assert len({one.rendered.subject for one in shown}) == len({one.rendered.html for one in shown}) == len(shown)


def test_samples_are_like_what_the_mailer_sends():
    for kind, seconds in LIFETIMES.items():
        name, unit = ("hours", 3600) if kind is MailKind.INVITATION else ("minutes", 60)
        assert sample_values(kind, LOOK)[name] == str(seconds // unit)
    for template in WITH_LINKS:
        purpose = MailKind.RESET if template == MailKind.INVITATION else template
        site, _, token = sample_values(template, LOOK)["link"].partition(f"/account.html#{purpose}=")
        assert site == LOOK.site_url
        assert read_token(token) is not None
    assert re.fullmatch(rf"\d{{{CODE_DIGITS}}}", sample_values(MailKind.LOGIN_CODE, LOOK)["code"])


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("part", ["txt", "html"])
def test_all_languages_use_the_same_placeholders_and_every_value(template, part):
    used = {language: placeholders(OURS / language / f"{template}.{part}") for language in LANGUAGES}
    assert all(names == used[LANGUAGES[0]] for names in used.values()), used
    assert set(TEMPLATES[template]) <= used[LANGUAGES[0]]


def test_the_docs_list_every_mail_every_placeholder_and_no_others():
    page = (OURS.parents[1] / "docs" / "mails.md").read_text("utf-8")
    first_cells = [row.split("|")[1] for row in page.splitlines() if row.startswith("| `")]
    assert re.findall(r"`(\w+)`", " ".join(first_cells)) == [*TEMPLATES]
    styles = set(re.findall(r"^(\w+) \{", (OURS / "styles.css").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"`\$(\w+)`", " ".join(first_cells)))
    used = {
        name for file in OURS.rglob("*.*") if file.suffix in {".txt", ".html", ".css"} for name in placeholders(file)
    }
    assert named & styles
    assert named - styles == used - styles


def test_every_style_is_used():
    styles = set(re.findall(r"^(\w+) \{", (OURS / "styles.css").read_text("utf-8"), re.MULTILINE))
    assert styles <= {name for file in OURS.rglob("*.html") for name in placeholders(file)}


@every_mail
def test_no_placeholder_is_left(template, language):
    mail = sample(template, language)
    assert "$" not in mail.subject + mail.text + mail.html


@every_mail
def test_text_and_html_say_how_long_it_is_good_and_what_it_is_for(template, language):
    mail = sample(template, language)
    for name, value in sample_values(template, LOOK).items():
        german = {"minutes": "Minuten", "hours": "Stunden"}
        shown = value if name not in german else f"{value} {german[name] if language == 'de' else name}"
        assert shown in " ".join(mail.text.split()), name
        assert shown in MailReader(mail.html).text, name
    assert LOOK.site_name in mail.text
    assert LOOK.site_name in MailReader(mail.html).text


@every_mail
def test_a_mail_says_what_to_do_if_it_was_somebody_else(template, language):
    mail = sample(template, language)
    said = {"en": r"If (it was not you|you did not ask)", "de": r"Wenn Sie (es nicht waren|das nicht verlangt)"}
    if template == MailKind.REFRESH_TOKEN_REUSED:
        said = {
            "en": "cannot explain this, change your password",
            "de": "nicht erklären können, ändern Sie Ihr Passwort",
        }
    if template == MailKind.INVITATION:
        said = {"en": "If you do not know of this", "de": "Wenn Sie davon nichts wissen"}
    assert re.search(said[language], " ".join(mail.text.split()))
    assert re.search(said[language], MailReader(mail.html).text)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("template", "left"),
    [
        (MailKind.SECOND_FACTOR_ADDED, {"en": "the app stays. Write to those", "de": "die App bleibt. Schreiben Sie"}),
        (MailKind.SECOND_FACTOR_REMOVED, {"en": "add your app again", "de": "fügen Sie Ihre App wieder hinzu"}),
        (MailKind.RECOVERY_CODES_REPLACED, {"en": "make new recovery codes", "de": "neue Wiederherstellungscodes und"}),
        (MailKind.RECOVERY_CODE_USED, {"en": "make new recovery codes", "de": "neue Wiederherstellungscodes, womit"}),
        (MailKind.PASSKEY_ADDED, {"en": "the passkey stays. Then log in", "de": "der Passkey bleibt. Melden Sie"}),
        (MailKind.PASSKEY_REMOVED, {"en": "remove each passkey", "de": "entfernen Sie jeden Passkey"}),
    ],
)
def test_a_mail_says_what_to_do_about_what_a_new_password_leaves_as_it_is(template, language, left):
    mail = sample(template, language)
    new_password = {"en": "Choosing it ends all sessions", "de": "enden alle Sitzungen"}[language]
    for text in (" ".join(mail.text.split()), MailReader(mail.html).text):
        assert 0 < text.index(new_password) < text.index(left[language])


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", [MailKind.PASSWORD_RESET, MailKind.RECOVERY_CODE_USED])
def test_who_may_have_lost_the_mailbox_is_told_to_secure_it_before_a_new_password_is_mailed(template, language):
    mail = sample(template, language)
    mailbox = {"en": "password of your mailbox first", "de": "zuerst das Passwort Ihres Postfachs"}[language]
    new_password = {"en": "ask for a new password", "de": "verlangen Sie dort ein neues Passwort"}[language]
    for text in (" ".join(mail.text.split()), MailReader(mail.html).text):
        assert 0 < text.index(mailbox) < text.index(new_password)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", [MailKind.REGISTER, MailKind.EMAIL])
def test_a_mail_to_an_unknown_address_warns_before_the_button_and_says_whose_the_password_is(template, language):
    mail = sample(template, language)
    warning = {"en": "only if", "de": "nur dann"}[language]
    link = sample_values(template, LOOK)["link"]
    assert 0 < mail.text.index(warning) < mail.text.index(link)
    assert 0 < mail.html.index(warning) < mail.html.index(link)
    if template == MailKind.REGISTER:
        whose = {"en": "You choose its password on the page", "de": "Sein Passwort wählen Sie auf der Seite"}[language]
    else:
        whose = {"en": "may have chosen the password", "de": "hat vielleicht das Passwort"}[language]
    assert whose in " ".join(mail.text.split())
    assert whose in MailReader(mail.html).text


@every_mail
def test_nothing_but_the_link_can_be_followed_and_nothing_is_fetched(template, language):
    mail = sample(template, language)
    link = sample_values(template, LOOK).get("link")
    assert re.findall(r"https?:\S*", mail.text) == ([link] if link else [])
    read = MailReader(mail.html)
    assert [anchor.attributes["href"] for anchor in read.all("a")] == ([link, link] if link else [])
    assert read.text.count("http") == (1 if link else 0), "the link stands in the text too"
    assert {element.tag for element in read.elements} <= {
        *("html", "head", "meta", "title", "style", "body", "div", "table", "tr", "td", "h1", "p", "a", "strong", "br")
    }
    attributes = {name for element in read.elements for name in element.attributes}
    assert not attributes & {"src", "srcset", "background", "action", "id"}
    assert not [name for name in attributes if name.startswith("on")]
    assert not re.search(
        r"url\(|@import|expression\(|javascript:|//", mail.html.replace(link, "") if link else mail.html
    )


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", NOTICES)
def test_a_notice_names_the_site_in_plain_words(template, language):
    mail = sample(template, language)
    assert "log.example.com" in mail.text.partition("\n-- \n")[0]
    assert "log.example.com" in MailReader(mail.html).text


@every_mail
def test_a_subject_fits_into_a_line_names_the_site_and_tells_no_secret(template, language):
    for name in (LOOK.site_name, "W" * MAX_NAME, "Ä" * 40):
        look = Look(name, LOOK.site_url, LOOK.colour)
        subject = sample(template, language, look).subject
        assert len(subject) <= RECOMMENDED_LINE
        assert subject.isprintable()
        assert name[:39] in subject
    values = sample_values(template, LOOK)
    others = {"code": "999888", "link": LOOK.site_url + "/other", "minutes": "7", "hours": "7"}
    other = render(template, language, {name: others[name] for name in values}, LOOK, FILES)
    assert other.subject == sample(template, language).subject


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_locked_screen_shows_nothing_of_a_code(language):
    mail = sample(MailKind.LOGIN_CODE, language)
    code = sample_values(MailKind.LOGIN_CODE, LOOK)["code"]
    assert " ".join(mail.text.split()).index(code) > SHOWN_ON_A_LOCKED_SCREEN
    assert MailReader(mail.html).text.index(code) > SHOWN_ON_A_LOCKED_SCREEN


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_code_stands_alone_and_in_one_piece(language):
    mail = sample(MailKind.LOGIN_CODE, language)
    code = sample_values(MailKind.LOGIN_CODE, LOOK)["code"]
    assert f"\n\n{code}\n\n" in mail.text
    [piece] = [piece for piece in MailReader(mail.html).pieces if code in piece.text]
    assert piece.text == code


@every_mail
def test_lines_of_text_are_short_but_for_the_link(template, language):
    mail = sample(template, language, Look("A name with many words " * 2 + "in it", LOOK.site_url, LOOK.colour))
    long = [line for line in mail.text.splitlines() if len(line) > RECOMMENDED_LINE]
    assert [line for line in long if line != sample_values(template, LOOK).get("link")] == []
    assert max(len(line.encode()) for line in mail.html.splitlines()) <= LONGEST_LINE


@every_mail
def test_a_mail_is_not_clipped(template, language):
    look = Look("&" * MAX_NAME, "https://" + "long." * 40 + "example.com", LOOK.colour)
    mail = sample(template, language, look)
    assert len(mail.html.encode()) + len(mail.text.encode()) < CLIPPED_AT / 10


@every_mail
def test_html_says_its_language_and_that_its_tables_are_no_tables(template, language):
    read = MailReader(sample(template, language).html)
    assert read.languages == {language}
    assert read.all("html")[0].attributes["lang"] == language
    assert {table.attributes["role"] for table in read.all("table")} == {"presentation"}
    assert len(read.all("h1")) == 1
    assert [
        meta.attributes["content"] for meta in read.all("meta") if meta.attributes.get("name") == "color-scheme"
    ] == ["light dark"]


@pytest.mark.parametrize("colour", HOSTILE_COLOURS)
@every_mail
def test_every_text_can_be_read_by_day_and_by_night_whatever_the_colour(template, language, colour):
    read = MailReader(sample(template, language, Look("Sea & Sky", LOOK.site_url, colour)).html)
    assert read.pieces
    for piece in read.pieces:
        assert contrast(*piece.light) >= 4.5, (piece.text, piece.light)
        assert contrast(*piece.dark) >= 4.5, (piece.text, piece.dark)
    grounds = {background for piece in read.pieces for background in (piece.light[1],)} - {colour}
    assert grounds <= set(LIGHT)
    assert {piece.dark[1] for piece in read.pieces} - {colour} <= set(DARK)


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_german_mails_are_german_and_the_english_ones_english(template):
    english, german = (sample(template, language) for language in ("en", "de"))
    for foreign, mail in ((GERMAN, english), (ENGLISH, german)):
        read = MailReader(mail.html)
        for text in (mail.subject, mail.text, read.text, read.all("div")[0].attributes["aria-label"]):
            assert own_words(text) & set(foreign.split()) == set()
    for native, mail in ((ENGLISH, english), (GERMAN, german)):
        for sentence in sentences(mail.text.partition("\n-- \n")[0]):
            assert not own_words(sentence) or own_words(sentence) & set(native.split()), sentence


@every_mail
def test_text_and_html_say_the_same(template, language):
    """Where the text has a link, it tells how to follow it in other words than beside a button."""
    mail = sample(template, language)
    body = " ".join(mail.text.partition("\n-- \n")[0].split())
    read = MailReader(mail.html).text
    missing = [sentence for sentence in sentences(mail.text.partition("\n-- \n")[0]) if sentence not in read]
    assert len(missing) <= (1 if template in WITH_LINKS else 0), missing
    assert body
