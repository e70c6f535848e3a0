"""Converts dataclass values to plain values and back, by cattrs, for JSON and for digests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from auditor.errors import AuditorError
from auditor.types import Need

if TYPE_CHECKING:
    from cattrs import Converter


class InvalidValue(ValueError):
    """A plain value that does not fit its field; the text says what it must be."""


def faults(error: BaseException) -> list[str]:
    """What is wrong with plain values that could not be structured, one sentence per field, with the field's path."""
    from cattrs.v import format_exception, transform_error

    def text(exception: BaseException, expected: type | None) -> str:
        is_ours = isinstance(exception, InvalidValue | AuditorError)
        return str(exception) if is_ours else format_exception(exception, expected)

    return transform_error(error, format_exception=text)


@cache
def converter() -> Converter:
    """The shared converter for all values; add hooks to a `.copy()` only."""
    from cattrs.gen import make_dict_structure_fn
    from cattrs.preconf.json import make_converter

    json_converter = make_converter()

    def strict(cls: type[Any], own_converter: Converter) -> Callable[[Any, Any], Any]:
        structure = make_dict_structure_fn(cls, own_converter)

        def structure_object(value: Any, _: Any) -> Any:
            if not isinstance(value, Mapping):  # without this check, text gives an object of default values
                raise InvalidValue(f"must be an object, got {type(value).__name__}")
            return structure(value, cls)

        return structure_object

    json_converter.register_structure_hook_factory(is_dataclass, strict)
    json_converter.register_unstructure_hook(Need, lambda need: need.name.lower())
    json_converter.register_structure_hook(Need, _need)
    return json_converter


def _need(name: Any, _: Any) -> Need:
    names = [need.name.lower() for need in Need]
    if name not in names:
        raise InvalidValue(f"must be one of {', '.join(names)}, got {name!r:.40}")
    return Need[name.upper()]


def plain(value: Any) -> Any:
    """The value as JSON types (dict, list, str, number, bool, None)."""
    return converter().unstructure(value)
