import pytest

from chalicelib.mails import rendering


@pytest.fixture(autouse=True)
def site_files(tmp_path, monkeypatch):
    """The folder of the site's own files, empty at first: these tests are about ours."""
    folder = tmp_path / "site" / "mails"
    monkeypatch.setattr(rendering, "SITES", folder)
    return folder
