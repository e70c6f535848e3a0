"""Readers: one dataset format a module. `choose` picks the first in the registry's order that accepts an input."""

from __future__ import annotations

from auditor import files, registry
from auditor.errors import DatasetError
from auditor.plugin import Input, Reader


def choose(input: Input) -> Reader:
    """The reader for an input: the one that is asked for, or the first that accepts it. Raises DatasetError."""
    if input.options.input_format:
        reader: Reader = registry.load("readers", input.options.input_format)()
        return reader
    for id in registry.table("readers"):
        reader = registry.load("readers", id)()
        if reader.accepts(input):
            return reader
    what = "folder" if files.is_folder(input.url) else "file"
    known = ", ".join(registry.table("readers"))
    raise DatasetError(f"{input.name}: no reader takes this {what}; --input-format forces one of {known}")
