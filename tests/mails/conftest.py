import pytest

from chalicelib.mails.rendering import Files


@pytest.fixture
def site_files(tmp_path):
    """The folder of a site's own files, empty at first."""
    return tmp_path / "site" / "mails"


@pytest.fixture
def files(site_files):
    return Files(sites=site_files)
