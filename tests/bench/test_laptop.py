"""The cost of a write that is on disk is measured over the real database, which leaves nothing behind."""

from bench import laptop
from infra.local.environment import PROJECT


def test_each_kind_of_write_has_a_ratio_and_its_two_times():
    before = set(PROJECT.glob(".lychgate-bench-*"))

    figures = laptop.measure(lambda _: None, quick=True)

    assert [(figure.unit, figure.headline) for figure in figures] == [("x", True), ("ms", False), ("ms", False)] * 2
    assert all(figure.least > 0 for figure in figures)
    assert set(PROJECT.glob(".lychgate-bench-*")) == before
