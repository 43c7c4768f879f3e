"""The notes of a release are its part of the changelog, if the tag is the version's and the part has a day."""

import pytest

from chalicelib.version import VERSION
from infra.release_notes import CHANGELOG, NotReleasableError, main, release_notes

TEXT = """# Changelog

All notable changes.

## 0.2.0 – 2027-02-01

Read [the guide](docs/guide.md#now) first. It is
two lines long.

### Added

- A thing that needs
  two lines, and [RFC 9470](https://www.rfc-editor.org/rfc/rfc9470).
- Another.

```sh
make
dev
```

## 0.1.0 – unreleased

The first.
"""


def test_the_notes_are_the_part_of_the_version_with_each_paragraph_in_one_line():
    assert release_notes("v0.2.0", TEXT, "0.2.0") == (
        "Read [the guide](docs/guide.md#now) first. It is two lines long.\n\n### Added\n\n"
        "- A thing that needs two lines, and [RFC 9470](https://www.rfc-editor.org/rfc/rfc9470).\n- Another.\n\n"
        "```sh\nmake\ndev\n```\n"
    )


def test_relative_links_lead_to_the_files_of_the_tag():
    notes = release_notes("v0.2.0", TEXT, "0.2.0", links="https://github.com/octo/repo/blob/v0.2.0")
    assert "(https://github.com/octo/repo/blob/v0.2.0/docs/guide.md#now)" in notes
    assert "(https://www.rfc-editor.org/rfc/rfc9470)" in notes


@pytest.mark.parametrize(
    ("tag", "version", "advice"),
    [
        ("v0.3.0", "0.2.0", "the tag v0.3.0 is not v0.2.0"),
        ("0.2.0", "0.2.0", "the tag 0.2.0 is not v0.2.0"),
        ("v0.1.0", "0.1.0", "Put the day of the release there"),
        ("v0.3.0", "0.3.0", "has no heading for 0.3.0"),
    ],
)
def test_what_cannot_be_released_says_what_to_do(tag, version, advice):
    with pytest.raises(NotReleasableError, match=advice):
        release_notes(tag, TEXT, version)


def test_the_command_refuses_a_tag_of_another_version(capsys):
    assert main(["v999.0.0"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"the tag v999.0.0 is not v{VERSION}")


def test_the_changelog_of_this_version_can_be_released_as_soon_as_it_has_a_day():
    dated = CHANGELOG.read_text("utf-8").replace("– unreleased", "– 2027-01-31")
    notes = release_notes(f"v{VERSION}", dated)
    assert notes.strip()
    assert "\n  " not in notes.replace("\n  -", "")
    assert "## 0" not in notes
