"""Converts dataclass values to plain values and back, by cattrs, for JSON and for digests."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from auditor.types import Need

if TYPE_CHECKING:
    from cattrs import Converter


@cache
def converter() -> Converter:
    """The shared converter for all values; add hooks to a `.copy()` only."""
    from cattrs.preconf.json import make_converter

    json_converter = make_converter()
    json_converter.register_unstructure_hook(Need, lambda need: need.name.lower())
    json_converter.register_structure_hook(Need, lambda name, _: Need[str(name).upper()])
    return json_converter


def plain(value: Any) -> Any:
    """The value as JSON types (dict, list, str, number, bool, None)."""
    return converter().unstructure(value)
