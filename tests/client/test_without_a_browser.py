"""What the browser client does under Node.js. The last tests of the folder: the suite has run beside the others."""

SUITE_SECONDS = 300


def test_the_client_passes_its_suite_against_a_server_that_misbehaves(running_suite):
    running, said = running_suite
    code = running.wait(SUITE_SECONDS)
    text = said.read_text("utf-8")
    assert code == 0, text
    assert "\nℹ skipped 0\n" in text
    assert "\nℹ todo 0\n" in text
