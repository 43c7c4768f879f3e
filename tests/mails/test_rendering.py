"""What may stand in a mail, and what happens to a site's own files."""

import re

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chalicelib.accounts.mail import MailKind
from chalicelib.mails.previews import problems, sample_values, strays
from chalicelib.mails.rendering import FILES, MAX_NAME, BrokenTemplate, Look, render
from tests.mails.reading import MailReader

LOOK = Look("Example", "https://example.com", "#1f5fa8")
LINK = "https://example.com/account.html#reset=abc"
names = st.text(st.characters(exclude_categories=["C", "Z"]) | st.just(" "), min_size=1, max_size=MAX_NAME).filter(
    lambda name: name == name.strip() and name.isprintable()
)


def write(folder, name, text):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def refusal(files, template="reset", language="en"):
    with pytest.raises(BrokenTemplate) as refused:
        render(template, language, sample_values(template, LOOK), LOOK, files)
    return str(refused.value)


# -- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "link",
    [
        "",
        "/account.html#reset=abc",
        "javascript:alert(1)",
        "https://example.com.evil.example/account.html#reset=abc",
        "https://example.com@evil.example/",
        "https://example.org/account.html#reset=abc",
        "http://example.com/account.html#reset=abc",
        f"{LINK} and more",
        f"{LINK}\r\nBcc: all@example.org",
        f"{LINK}\n",
        f'{LINK}"><script>alert(1)</script>',
        f"{LINK}<b>",
        f"{LINK}$site",
        f"{LINK}\u202egpj",
    ],
)
def test_a_link_leads_to_the_site_and_is_nothing_else(link):
    with pytest.raises(ValueError, match="The link for reset") as refused:
        render("reset", "en", {"link": link, "minutes": "30"}, LOOK)
    assert "abc" not in str(refused.value), "a log is no place for a token"


@pytest.mark.parametrize("code", ["", "12 34", "<b>1</b>", "1\r\n2", "$code", "１２３", "1" * 33])
def test_a_code_has_letters_and_digits_only(code):
    with pytest.raises(ValueError, match="The code for login_code"):
        render("login_code", "de", {"code": code, "minutes": "10"}, LOOK)


@pytest.mark.parametrize("minutes", ["", "ten", "10 minutes", "-1", "1\n", "99999"])
def test_minutes_are_a_number(minutes):
    with pytest.raises(ValueError, match="The minutes for login_code"):
        render("login_code", "de", {"code": "123456", "minutes": minutes}, LOOK)


@pytest.mark.parametrize(
    ("template", "values"),
    [
        ("reset", {}),
        ("reset", {"link": LINK}),
        ("reset", {"link": LINK, "minutes": "30", "username": "<b>alice</b>"}),
        ("password_changed", {"name": "alice"}),
        ("register_known", {"link": LINK, "minutes": "60"}),
    ],
)
def test_a_mail_takes_its_own_values_and_no_others(template, values):
    with pytest.raises(ValueError, match=f"The values of {template} are "):
        render(template, "en", values, LOOK)


@pytest.mark.parametrize("template", ["", "footer", "frame", "../en/reset", "Reset"])
def test_an_unknown_template_is_refused(template):
    with pytest.raises(ValueError, match="There is no template"):
        render(template, "en", {}, LOOK)
    with pytest.raises(ValueError, match="There is no template"):
        sample_values(template, LOOK)


@pytest.mark.parametrize("language", ["", "fr", "DE", "..", "en/../de", "de\n"])
def test_who_reads_no_language_of_ours_gets_the_first(language):
    values = sample_values("reset", LOOK)
    assert render("reset", language, values, LOOK).text == render("reset", "en", values, LOOK).text


# -- the site ---------------------------------------------------------------------------------------------------------


@given(names)
@example("<script>alert(1)</script>")
@example('"><img src=x onerror=alert(1)>')
@example("$link ${code} $$ $")
@example("&amp; &lt;b&gt;")
@example("{% raw %} {{ 7*7 }} %(x)s")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_the_sites_name_is_text_whatever_it_is(name):
    look = Look(name, "https://example.com", "#1f5fa8")
    plain = MailReader(render("reset", "en", sample_values("reset", LOOK), LOOK).html)
    mail = render("reset", "en", sample_values("reset", look), look)
    read = MailReader(mail.html)
    assert [(one.tag, [*one.attributes]) for one in read.elements] == [
        (one.tag, [*one.attributes]) for one in plain.elements
    ]
    assert " ".join(name.split()) in " ".join(mail.text.split())
    assert " ".join(name.split()) in read.text
    assert read.all("div")[0].attributes["aria-label"] == mail.subject


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        " Example",
        "Example ",
        "Exam\r\nBcc: a@example.org",
        "Exam\nple",
        "a\u202eb",
        "a\x00b",
        "a\u2028b",
        "x" * 65,
    ],
)
def test_a_name_that_cannot_stand_in_a_subject_is_refused(name):
    with pytest.raises(ValueError, match="A site's name has"):
        Look(name, "https://example.com", "#1f5fa8")


@pytest.mark.parametrize(
    "url",
    [
        *("", "example.com", "https://", "https://example.com/", "https://example.com/a", "ftp://example.com"),
        *("https://example.com\n", "https://a b", "https://a<b>", "https://a@b", "https://exämple.com", "https://e?q"),
    ],
)
def test_an_address_that_is_no_origin_is_refused(url):
    with pytest.raises(ValueError, match="A site's address is like"):
        Look("Example", url, "#1f5fa8")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:8000", "https://a.example"]
)
def test_an_address_may_have_a_port(url):
    mail = render("password_changed", "en", {}, Look("Example", url, "#1f5fa8"))
    assert url.partition("://")[2] in mail.text
    assert url not in mail.text


@pytest.mark.parametrize("colour", ["", "red", "#fff", "#1f5fa8;background:url(https://example.org)"])
def test_a_colour_that_is_none_is_refused(colour):
    with pytest.raises(ValueError, match="A colour is like"):
        Look("Example", "https://example.com", colour)


def test_a_site_without_a_name_of_its_own_is_named_once():
    look = Look("example.com", "https://example.com", "#1f5fa8")
    assert render("password_changed", "en", {}, look).text.endswith("\n-- \nSent by example.com.\n")
    assert render("password_changed", "en", {}, LOOK).text.endswith("\n-- \nSent by Example (example.com).\n")


# -- the site's own files ---------------------------------------------------------------------------------------------


def test_a_sites_own_file_is_used_instead_of_ours_and_no_other(site_files, files):
    values = sample_values("reset", LOOK)
    ours = render("reset", "de", values, LOOK, files)
    write(site_files, "de/reset.txt", "Neu bei $site_name\n\nHier entlang, $minutes Minuten lang:\n\n$link\n")
    own = render("reset", "de", values, LOOK, files)
    assert own.subject == "Neu bei Example"
    assert own.text.startswith(f"Hier entlang, 30 Minuten lang:\n\n{values['link']}\n\n-- \n")
    assert MailReader(own.html).text == MailReader(ours.html).text
    assert render("reset", "en", values, LOOK, files).subject != own.subject


def test_a_change_is_seen_at_once(site_files, files):
    for subject in ("One", "Two"):
        write(site_files, "en/password_changed.txt", f"{subject}\n\nText.\n")
        assert render("password_changed", "en", {}, LOOK, files).subject == subject


def test_frame_styles_and_footer_can_be_the_sites_own(site_files, files):
    write(
        site_files, "frame.html", '<html lang="$language"><body><p style="$paragraph">$content$footer</p></body></html>'
    )
    write(
        site_files, "styles.css", "/* $ours */ paragraph { color: $colour;\n background-color: #ffffff }\nheading { }\n"
    )
    write(site_files, "en/footer.txt", "From $sender, with <3.\n")
    write(site_files, "en/password_changed.html", '<b style="$heading">Hello</b> ')
    own = render("password_changed", "en", {}, LOOK, files)
    assert own.html == (
        '<html lang="en"><body><p style="color: #1f5fa8; background-color: #ffffff"><b style="">Hello</b> '
        "From Example (example.com), with &lt;3.</p></body></html>"
    )
    assert own.text.endswith("\n-- \nFrom Example (example.com), with <3.\n")


def test_files_may_come_from_other_systems(site_files, files):
    path = write(site_files, "en/password_changed.txt", "")
    path.write_bytes("\ufeffSubject\r\n\r\nOne line\r\nand another.\r\n\r\nThe $$ end.\r\n".encode())
    own = render("password_changed", "en", {}, LOOK, files)
    assert (own.subject, own.text.partition("\n-- \n")[0]) == ("Subject", "One line and another.\n\nThe $ end.\n")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "en/reset.txt",
            "Subject\n\nHello $username,\n$link\n",
            ", line 3: $username is unknown here. There are $link,",
        ),
        ("en/reset.txt", "Your link: $link\n\n$link\n", ", line 1: $link is unknown here."),
        ("en/reset.txt", "Subject\n\nGood for $minutes minutes.\n", " lacks $link."),
        ("en/reset.txt", "Subject\n\n$link\n\nIt costs 5 $.\n", ", line 5: a $ begins a placeholder"),
        ("en/reset.txt", "\n\n$link\n", "first line is the mail's subject, and is empty"),
        ("en/reset.txt", "", "first line is the mail's subject, and is empty"),
        ("en/reset.html", "<p>\n$colours</p>\n$link", ", line 2: $colours is unknown here."),
        ("en/reset.html", "<p>No link.</p>", " lacks $link."),
        ("en/reset.html", "<p>${link</p>", ", line 1: a $ begins a placeholder"),
        ("en/footer.txt", "$link", ", line 1: $link is unknown here."),
        ("frame.html", '<html lang="$language"></html>', " lacks $content."),
        ("frame.html", "<html>$content</html>", " lacks $language."),
        ("styles.css", "page { color: $color }", ", line 1: $color is unknown here."),
    ],
)
def test_a_broken_file_is_an_error_that_names_the_file_and_what_is_wrong(site_files, files, name, text, said):
    path = write(site_files, name, text)
    message = refusal(files)
    assert message.startswith(str(path))
    assert said in message


STYLES = "button, closing, code_box, heading, link_text, mail, page, paragraph, small"


@pytest.mark.parametrize(
    ("css", "line", "said"),
    [
        ("button { color: red }\nbuttn {}", 2, f"no template uses buttn. Did you mean button? Styles: {STYLES}."),
        ("qqq { color: red }", 1, f"no template uses qqq. Styles: {STYLES}."),
        ("sender { color: red }", 1, "no template uses sender."),
        ("button { padding: 99px; background: red", 1, "the rule button has no }."),
        ("/* one\ntwo */\n\nsmall { color: red }\nbutton {", 5, "the rule button has no }."),
        ("button {\n  color: red\nsmall { color: red }\n", 3, "a { is in the rule button of line 1: its }"),
        ("button { color: red;\n &:hover { color: red } }\n", 2, "a { is in the rule button of line 1: its }"),
        ("button { color: red } }\nsmall { color: red }", 1, "a } ends no rule."),
        ("button color: red;\n}\nsmall { color: red }", 2, "a } ends no rule."),
        ("\n@media (max-width: 400px) { button { padding: 4px } small { padding: 4px } }", 2, "@media cannot be here"),
        ("@media (max-width: 400px) { button { padding: 4px }", 1, "@media cannot be here"),
        ("@font-face { font-family: x }", 1, "@font-face cannot be here"),
        ('@import "others.css";', 1, "@import cannot be here"),
        ('@charset "utf-8";\nsmall { color: red }', 1, "@charset cannot be here"),
        (".button { color: red }", 1, '".button" is no name of a style. Did you mean button? A rule is a name'),
        ("button, small { color: red }", 1, '"button, small" is no name of a style.'),
        ("button:hover { color: red }", 1, '"button:hover" is no name of a style.'),
        ("link-text { color: red }", 1, '"link-text" is no name of a style. Did you mean link_text?'),
        ("Button { color: red }", 1, '"Button" is no name of a style. Did you mean button?'),
        ("small { color: red };\n\nbutton { color: red }", 1, '"; button" is no name of a style.'),
        ("{ color: red }", 1, "a rule has no name."),
        ("small { color: red }\nred", 2, '"red" is in no rule.'),
        ("small { color: red }\n\nsmall { color: blue }", 3, "small is in line 1 too: only the last rule"),
        ("small {\n  color red;\n}", 2, '"color red" is no declaration, such as padding: 4px.'),
        ("small {\n  color:;\n}", 2, '"color:" is no declaration, such as padding: 4px.'),
        ("small {\n  top: 0;\n  color: red\n  padding: 4px\n}", 3, '"color: red padding: 4px" lacks a ; in between.'),
        ("small { color: red }\n/* button { color: red }\n", 2, "a comment begins here, and has no */."),
    ],
)
def test_what_mails_would_be_sent_without_is_told_of_styles_with_the_line(site_files, files, css, line, said):
    path = write(site_files, "styles.css", css)
    [told] = problems(files=files)
    assert told.startswith(f"{path}, line {line}: {said}")


def test_every_mistake_in_styles_is_told(site_files, files):
    write(
        site_files,
        "styles.css",
        "buttn { color: red }\n@media print { small { color: red } }\nsmal { color red }\npage {}",
    )
    assert [told.partition(" line ")[2][:12] for told in problems(files=files)] == [
        *("1: no templa", "2: @media ca", "3: no templa"),
        '3: "color re',
    ]


@pytest.mark.parametrize(
    "css",
    [
        "",
        "\ufeff/* a { comment; */ button{color:$colour}/* } */small {\r\n  color: ${on_colour};;\r\n}\r\n",
        "small { font: 14px/1.5 'Times; New: Roman', \"a:b;\" , serif !important; }",
        "mail { background: url(data:image/png;base64,AAAA) no-repeat; mso-line-height-rule: exactly; --own: 1 }",
        "small { filter: progid:DXImageTransform.Microsoft.gradient(startColorstr='#1', endColorstr='#2'); *zoom: 1 }",
        "heading { }",
    ],
)
def test_what_style_attributes_may_have_is_no_mistake(site_files, files, css):
    write(site_files, "styles.css", css)
    assert problems(files=files) == []


def test_a_copy_of_our_styles_and_the_example_of_the_docs_are_no_mistake(site_files, files):
    page = (files.ours.parents[1] / "docs" / "mails.md").read_text("utf-8")
    for css in ((files.ours / "styles.css").read_text("utf-8"), *re.findall(r"```css\n(.*?)```", page, re.DOTALL)):
        write(site_files, "styles.css", css)
        assert problems(files=files) == []


def test_a_template_of_the_sites_may_have_styles_of_its_own_and_no_value_is_one(site_files, files):
    write(site_files, "en/password_changed.html", '<p style="$notice">Changed, $sit_name.</p>')
    css = write(site_files, "styles.css", "notice { color: red }\nsite_name { color: red }\ncolour { color: red }")
    styles = STYLES.replace("page", "notice, page")
    assert [told for told in problems(files=files) if told.startswith(str(css))] == [
        f"{css}, line 2: $site_name is a value, no style. Styles: {styles}.",
        f"{css}, line 3: $colour is a value, no style. Styles: {styles}.",
    ]


def test_no_value_that_the_docs_name_can_be_a_style(site_files, files):
    page = (files.ours.parents[1] / "docs" / "mails.md").read_text("utf-8")
    first_cells = " ".join(row.split("|")[1] for row in page.splitlines() if row.startswith("| `$"))
    # A footer alone has the sender, and no styles.
    values = {*re.findall(r"\$(\w+)", first_cells)} - {*STYLES.split(", "), "sender"}
    css = write(site_files, "styles.css", "\n".join(f"{name} {{ color: red }}" for name in sorted(values)))
    assert [told.partition(" Styles: ")[0] for told in problems(files=files)] == [
        f"{css}, line {line}: ${name} is a value, no style." for line, name in enumerate(sorted(values), 1)
    ]


def test_a_file_that_is_not_utf_8_is_named(site_files, files):
    path = write(site_files, "de/reset.txt", "")
    path.write_bytes("Schön\n\n$link\n".encode("latin-1"))
    assert refusal(files, language="de").startswith(f"{path} is not in UTF-8: ")


def test_a_folder_of_the_sites_makes_a_language_and_lacks_nothing_once_it_has_each_file(site_files, files):
    assert files.languages == ("en", "de")
    write(site_files, "fr/password_changed.txt", "Changé\n\nVotre mot de passe a changé.\n")
    assert files.languages == ("en", "de", "fr")
    assert refusal(files, "password_changed", "fr").startswith(f"{site_files / 'fr' / 'footer.txt'} is missing.")
    [said] = problems(files=files)
    assert said.startswith(f"{site_files / 'fr'} lacks email.html, email.txt, ")
    assert " footer.txt, " in said
    assert " password_changed.txt" not in said
    for file in sorted((files.ours / "en").iterdir()):
        write(site_files, f"fr/{file.name}", file.read_text("utf-8"))
    assert problems(files=files) == []
    write(site_files, "fr/password_changed.txt", "Changé\n\nVotre mot de passe a changé.\n")
    write(site_files, "fr/footer.txt", "De la part de $sender.")
    own = render("password_changed", "fr", {}, LOOK, files)
    assert own.text == "Votre mot de passe a changé.\n\n-- \nDe la part de Example (example.com).\n"
    assert MailReader(own.html).languages == {"fr"}


@pytest.mark.parametrize("name", ["pt-BR", "zh-Hant-TW", "gsw"])
def test_a_language_may_have_any_tag(site_files, files, name):
    write(site_files, f"{name}/footer.txt", "")
    assert files.languages == ("en", "de", name)


@pytest.mark.parametrize("name", ["DE", "french", "f", ".fr", "fr_CH", "en", "de"])
def test_another_folder_makes_no_language(site_files, files, name):
    write(site_files, f"{name}/footer.txt", "")
    write(site_files, "it", "A file is no folder.")
    assert files.languages == ("en", "de")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("en/resett.txt", "en/reset.txt"),
        ("de/reset.htm.html", "de/reset.html"),
        ("reset.txt", "en/reset.txt"),
        ("de/frame.html", "frame.html"),
        ("style.css", "styles.css"),
    ],
)
def test_a_file_that_no_mail_would_use_is_told_with_the_name_that_is_near(site_files, files, name, meant):
    path = write(site_files, name, "Hello")
    said = f"{path} is used by no mail. Did you mean {meant}?"
    assert strays(files) == {name: said}
    assert problems(files=files) == [said]


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("pt_BR", "pt_BR is no language tag (BCP 47), pt-BR is."),
        ("PT-br", "the tag of a language begins in small letters, so its folder is pt-BR."),
        ("zh_hant_tw", "zh_hant_tw is no language tag (BCP 47), zh-Hant-TW is."),
        ("DE", "the tag of a language begins in small letters, so its folder is de."),
        ("french", "french is no language tag (BCP 47), such as fr or pt-BR."),
        ("my mails", "my mails is no language tag (BCP 47), such as fr or pt-BR."),
    ],
)
def test_a_folder_whose_name_is_no_language_is_told_once_whatever_is_in_it(site_files, files, name, wrong):
    for file in ("en/reset.txt", *(f"{name}/{each.name}" for each in (files.ours / "en").iterdir())):
        write(site_files, file, (files.ours / "en" / file.rpartition("/")[2]).read_text("utf-8"))
    said = f"{site_files / name} is used by no mail: {wrong}"
    assert strays(files) == {f"{name}/": said}
    assert problems(files=files) == [said]


def test_a_folder_without_files_such_as_mails_have_does_not_matter(site_files, files):
    write(site_files, "drafts_of_kim/notes.md", "$")
    assert strays(files) == {}


def test_a_file_whose_name_is_near_none_is_told_with_all_names(site_files, files):
    path = write(site_files, "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq.css", "Hello")
    assert problems(files=files)[0].startswith(f"{path} is used by no mail. Files of each language: email.html, ")


def test_everything_that_is_wrong_is_told_and_each_thing_once(site_files, files):
    write(site_files, "en/footer.txt", "$lnik")
    write(site_files, "de/reset.txt", "Neu\n\n")
    footer, reset = problems(files=files)
    assert "en/footer.txt, line 1: $lnik is unknown here." in footer
    assert "de/reset.txt lacks $link." in reset


def test_notes_beside_a_sites_own_files_do_not_matter(site_files, files):
    write(site_files, "README.md", "$")
    write(site_files, "en/.reset.txt.swp", "$")
    assert problems(files=files) == []


def test_the_files_of_this_site_can_be_sent():
    """With its own files, if it has any."""
    assert FILES.sites == FILES.ours.parent / "site" / "mails"
    assert problems() == []


def test_a_kind_of_mail_is_the_name_of_a_template():
    values = {"link": LINK, "minutes": "30"}
    assert render(MailKind.RESET, "en", values, LOOK).text == render("reset", "en", values, LOOK).text
