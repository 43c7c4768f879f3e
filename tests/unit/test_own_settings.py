"""A site's own settings: typed fields that are environment variables, and errors that name them."""

from dataclasses import dataclass
from typing import Literal

import pytest

from chalicelib.config.own import PREFIX, read
from chalicelib.errors import ConfigurationError
from infra import laptop


@dataclass(frozen=True)
class Settings:
    """One of each kind."""

    depot: str
    delivery_days: int = 3
    carrier: Literal["post", "bicycle"] = "post"
    free: bool = False
    note: str | None = None


def test_each_field_is_a_variable_and_has_its_type():
    environment = {
        "SITE_DEPOT": " Zürich ",
        "SITE_DELIVERY_DAYS": "-2",
        "SITE_CARRIER": "bicycle",
        "SITE_FREE": "true",
        "SITE_NOTE": "Ring twice",
    }
    assert read(Settings, environment) == Settings("Zürich", -2, "bicycle", free=True, note="Ring twice")


def test_what_is_not_set_or_empty_has_its_default():
    assert read(Settings, {"SITE_DEPOT": "Bern", "SITE_DELIVERY_DAYS": " ", "SITE_NOTE": ""}) == Settings("Bern")


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("SITE_DEPOT", "", "is not set"),
        ("SITE_DELIVERY_DAYS", "soon", "must be a whole number"),
        ("SITE_DELIVERY_DAYS", "1.5", "must be a whole number"),
        ("SITE_DELIVERY_DAYS", "\u0663", "must be a whole number"),
        ("SITE_DELIVERY_DAYS", "-", "must be a whole number"),
        ("SITE_DELIVERY_DAYS", "1" * 16, "must be a whole number"),
        ("SITE_CARRIER", "pigeon", "must be post or bicycle"),
        ("SITE_FREE", "yes", "must be true or false"),
    ],
)
def test_a_value_that_is_not_valid_is_an_error_that_names_its_variable(variable, value, problem):
    with pytest.raises(ConfigurationError) as error:
        read(Settings, {"SITE_DEPOT": "Bern", variable: value})
    assert error.value.reason == f"{variable} {problem}"


@pytest.mark.parametrize("kind", [float, list[str], dict[str, str], int | str])
def test_a_field_of_another_type_is_a_bug_of_the_site(kind):
    Wrong = dataclass(type("Wrong", (), {"__annotations__": {"depot": kind}}))  # noqa: N806 - a class
    with pytest.raises(TypeError, match=r"Wrong\.depot has the type"):
        read(Wrong, {"SITE_DEPOT": "Bern"})


def test_a_laptops_environment_sets_them_too():
    assert laptop.settings_in({f"{PREFIX}DEPOT": "Bern", "DEPOT": "Zug"}) == {"SITE_DEPOT": "Bern"}
