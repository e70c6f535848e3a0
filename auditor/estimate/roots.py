"""Where a function changes its sign, by bisection. Pure.

scipy.optimize does it in fewer steps, but importing it takes a fifth of a second: longer than a decision.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable

_STEPS = 1 << 50


def root(function: Callable[[float], float], start: float, stop: float) -> float:
    """The root of a function that changes its sign once between `start` and `stop`, to 2^-50 of their distance."""
    for end in (start, stop):
        if function(end) == 0:
            return end
    step, is_negative = (stop - start) / _STEPS, function(start) < 0
    changed = bisect_left(
        range(_STEPS), True, key=lambda number: (function(start + step * number) < 0) is not is_negative
    )
    return start + step * changed
