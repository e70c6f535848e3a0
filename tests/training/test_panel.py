"""The images that are scored: few of a large source, all of a small one, every generator."""

from __future__ import annotations

from collections import Counter

from training.listing import File
from training.panel import panel


def images(source: str, generator: str, count: int) -> list[File]:
    """Files of one generator."""
    return [File(f"{source}/{generator}/{n}.png", source, generator, 1, "", 512, 512) for n in range(count)]


def test_a_large_source_is_cut_and_a_small_one_is_whole() -> None:
    chosen = Counter(file.source for file in panel([*images("big", "a", 500), *images("small", "b", 7)], 60))
    assert chosen == {"big": 60, "small": 7}


def test_generators_of_a_source_take_turns() -> None:
    chosen = Counter(file.generator for file in panel([*images("s", "a", 500), *images("s", "b", 5)], 20))
    assert chosen == {"a": 15, "b": 5}


def test_each_of_many_generators_is_there() -> None:
    files = [file for number in range(50) for file in images("zoo", f"g{number}", 9)]
    assert Counter(Counter(file.generator for file in panel(files, 60)).values()) == {3: 50}


def test_a_smaller_panel_lies_in_a_larger_one() -> None:
    files = [*images("s", "a", 90), *images("s", "b", 90), *images("t", "c", 90)]
    assert set(panel(files, 20)) <= set(panel(files, 40))
