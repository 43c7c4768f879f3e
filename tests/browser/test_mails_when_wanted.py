"""What is done by mail is loaded when it is wanted, and is not there where no mails are sent."""

from playwright.sync_api import expect


def test_where_no_mails_are_sent_the_page_is_as_it_was(new_visitor, mailless_server):
    visitor = new_visitor(mailless_server)
    loaded = []
    visitor.page.on("request", lambda request: loaded.append(request.url.rpartition("/")[2]))
    visitor.page.goto(f"{mailless_server.url}/#forgot")
    visitor.sees("[data-part~=login-form]")
    visitor.page.wait_for_load_state("networkidle")
    assert visitor.page.locator("[data-part~=mail-ways]").is_hidden()
    visitor.page.click("[data-part~=show-signup]")
    visitor.sees("[data-part~=signup-form]")
    assert visitor.page.locator("[data-part~=signup-email]").is_hidden()
    visitor.sign_up()
    visitor.is_signed_in()
    visitor.has_loaded(visitor.page)
    visitor.page.wait_for_load_state("networkidle")
    assert visitor.page.locator("[data-part~=email-fold]").count() == 0
    assert {"mail-entry.js", "address.js", "lychgate-mail.js"} & set(loaded) == set()


def test_what_is_done_by_mail_is_loaded_when_it_is_asked_for(new_visitor, server):
    visitor = new_visitor(server)
    loaded = []
    visitor.page.on("request", lambda request: loaded.append(request.url.rpartition("/")[2]))
    visitor.open().sees("[data-part~=mail-ways]")
    visitor.page.wait_for_load_state("networkidle")
    assert "mail-entry.js" not in loaded
    visitor.page.click("[data-part~=mail-ways] a[href='#forgot']")
    visitor.sees("[data-part~=forgot-form]")
    assert {"mail-entry.js", "lychgate-mail.js"} <= set(loaded)
    expect(visitor.page).to_have_title("Forgot your password? · Lychgate")


def test_what_cannot_be_loaded_is_told_and_the_log_in_stays(new_visitor, server):
    visitor = new_visitor(server).open()
    visitor.sees("[data-part~=mail-ways]")
    visitor.context.route("**/mail-entry.js*", lambda route: route.abort())
    visitor.page.click("[data-part~=mail-ways] a[href='#forgot']")
    visitor.sees("[data-part~=notice]", "cannot be reached")
    visitor.sees("[data-part~=login-form]")
    visitor.forgive("ERR_FAILED", "Failed to load resource")


def test_the_fields_of_mails_are_what_keyboards_and_password_managers_look_for(kim_outside):
    kim = kim_outside
    kim.asks("code")
    kim.visitor.sees("[data-part~=code-digits]")
    found = kim.page.eval_on_selector_all(
        "[data-part~=step] input",
        "(all) => all.map((field) => [field.dataset.part, field.inputMode, field.getAttribute('autocomplete')])",
    )
    assert found == [
        ["forgot-username", "", "username"],
        ["code-username", "", "username"],
        ["code-digits", "numeric", "one-time-code"],
    ]
    linked = kim.opens(f"{kim.server.url}/account.html#reset=abc")
    linked.locator("[data-part~=reset-form]").wait_for()
    inputs = "[data-part~=reset-form] input"
    fields = linked.eval_on_selector_all(inputs, "(all) => all.map((field) => field.autocomplete)")
    assert fields == ["username", "new-password"]


def test_an_account_remembers_what_the_site_allows_and_asks_no_more_at_each_visit(kim):
    kim.page.reload()
    kim.visitor.is_signed_in()
    kim.visitor.sees("[data-part~=email-state]", "Confirmed")
    kim.page.wait_for_load_state("networkidle")
    assert [path for _, path, _ in kim.visitor.made()].count("auth/options") == 1
