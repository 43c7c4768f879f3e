"""What docs/quick-start.md shows is what one gets."""

from tests.guides.markdown import ROOT, Page, prints_what_it_says

PAGE = Page("docs/quick-start.md")


def test_the_transcript_shows_a_registration_a_protected_call_and_a_refused_reuse():
    commands = "\n".join(command for command, _ in PAGE.transcript())
    assert all(part in commands for part in ("post register", "/me", "post refresh"))
    assert any("invalid_grant" in line for _, lines in PAGE.transcript() for line in lines)


def test_every_command_prints_what_the_page_says(start):
    prints_what_it_says(PAGE.transcript(), ROOT, {"http://127.0.0.1:8000": start().url})


def test_the_server_says_that_it_is_ready_as_the_page_shows(start):
    [shown] = [block.text for block in PAGE.blocks if block.language == "text"]
    printed = start().output
    for line in shown.splitlines():
        label = line.partition(" ")[0]
        assert any(said.startswith(f"{label} ") for said in printed.splitlines()), printed
