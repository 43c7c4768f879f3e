"""The picture in the README can be made again, and the one that is committed has its form."""

import uuid

from PIL import Image

from tests.browser import picture

MOST_BYTES = 250_000


def form_of(path):
    with Image.open(path) as image:
        return image.format, image.size


def test_the_picture_is_made_of_the_page_and_has_the_form_of_the_one_that_is_committed(browser, server, tmp_path):
    made = tmp_path / "page.png"
    picture.make_picture(browser, server.url, made, f"alice.{uuid.uuid4().hex[:8]}")
    assert form_of(made) == form_of(picture.PICTURE) == ("PNG", picture.SIZE)
    assert max(made.stat().st_size, picture.PICTURE.stat().st_size) <= MOST_BYTES


def test_the_readme_begins_with_it():
    beginning = (picture.ROOT / "README.md").read_text("utf-8").partition("\n## ")[0]
    assert str(picture.PICTURE.relative_to(picture.ROOT)) in beginning
