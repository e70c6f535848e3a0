"""Values to plain values and back, by cattrs: what is written as JSON, and what digests are taken of."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from auditor.types import Need

if TYPE_CHECKING:
    from cattrs import Converter


@cache
def converter() -> Converter:
    """The one for every value of ours; `.copy()` it to add to it."""
    from cattrs.preconf.json import make_converter

    made = make_converter()
    made.register_unstructure_hook(Need, lambda need: need.name.lower())
    made.register_structure_hook(Need, lambda name, _: Need[str(name).upper()])
    return made


def plain(value: Any) -> Any:
    """A value as JSON can hold it."""
    return converter().unstructure(value)
