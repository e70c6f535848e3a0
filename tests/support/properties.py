"""How many examples property tests take: few in the usual run, as many more with --full-simulations as its profile
says (tests/conftest.py)."""

from __future__ import annotations

from typing import Any

from hypothesis import settings

USUAL = 40  # examples, where a test does not say otherwise
FULL = 500


def examples(usual: int, **options: Any) -> settings:
    """The settings of a test that takes so many examples in the usual run."""
    return settings(max_examples=usual * settings.default.max_examples // USUAL, **options)
