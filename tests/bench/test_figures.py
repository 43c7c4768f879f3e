"""The arithmetic of figures, and the order in which samples are taken."""

import pytest

from bench.figures import differences, figure, ratios
from bench.interleaving import interleaved


def test_a_figure_is_the_median_with_the_least_and_the_greatest():
    made = figure("name", "ms", [5, 1, 3, 100])
    assert (made.median, made.least, made.greatest) == (4, 1, 100)


def test_a_figure_of_no_sample_is_an_error():
    with pytest.raises(ValueError):
        figure("name", "ms", [])


@pytest.mark.parametrize(("at_most", "meets"), [(2.0, True), (1.99, False), (None, None)])
def test_an_aim_is_met_by_the_median_up_to_it(at_most, meets):
    assert figure("name", "x", [1, 2, 90], at_most=at_most).meets_aim is meets


def test_ratios_are_of_samples_that_belong_together():
    assert ratios([2, 9], [1, 3]) == [2, 3]
    with pytest.raises(ValueError):
        ratios([1, 2], [1])


def test_differences_are_of_samples_that_belong_together():
    assert differences([2, 9], [1, 12]) == [1, -3]
    with pytest.raises(ValueError):
        differences([1, 2], [1])


def test_samples_are_taken_in_turns_and_the_turn_is_reversed_from_round_to_round():
    called = []
    actions = {"a": lambda: called.append("a"), "b": lambda: called.append("b")}
    interleaved(actions, rounds=3, calls=1, warm_up=1)
    assert "".join(called) == "baabbaab"


def test_a_sample_is_the_mean_of_its_calls_and_the_first_rounds_are_not_counted():
    now = 0.0

    def act():
        nonlocal now
        # The first round is slow, as first rounds are.
        now += 100 if now < 200 else 3

    samples = interleaved({"a": act}, rounds=2, calls=2, clock=lambda: now, warm_up=1)
    assert samples == {"a": [3, 3]}


def test_a_measurement_that_fails_leaves_the_garbage_collector_as_it_was():
    import gc

    def fail():
        raise RuntimeError

    before = gc.get_freeze_count()
    with pytest.raises(RuntimeError):
        interleaved({"a": fail}, rounds=1, calls=1)
    assert gc.get_freeze_count() == before
