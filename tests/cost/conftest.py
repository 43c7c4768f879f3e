"""The whole application, over a database whose wire counts what passes."""

from tests.support.whole import *  # noqa: F403 - fixtures: what pytest finds by name
