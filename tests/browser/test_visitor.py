"""What the tests of the browser stand on."""

# One mocked answer, and just after it four requests that the server is to answer.
ASK = """fetch("/mocked").then((answer) => answer.text()).then(() => {
    const ask = () => fetch("/api/auth/options", { signal: AbortSignal.timeout(20000), cache: "no-store" });
    window.asked = Promise.allSettled([ask(), ask(), ask(), ask()]);
})"""


def test_what_is_sent_while_a_route_is_taken_away_is_answered(visitor):
    lost = []
    for number in range(40):
        visitor.context.route("**/mocked", lambda route: route.fulfill(body="a test"))
        visitor.page.evaluate(f"() => {ASK}.then(() => null)")
        visitor.reaches_again("**/mocked")
        answers = visitor.page.evaluate("asked.then((all) => all.map(({ status }) => status))")
        lost += [number] if "rejected" in answers else []
    assert lost == []


def test_a_line_that_arrives_late_is_forgiven_and_any_other_is_trouble(visitor):
    visitor.forgive(404, "on purpose")
    visitor.page.evaluate(
        "fetch('/nowhere').then(() => ['done on purpose', 'something else'].forEach((line) => console.error(line)))"
    )
    visitor.wait_for(lambda: visitor.troubles)
    assert visitor.troubles == ["something else"]
    visitor.forgive("something else")
